//! The emulated MediaSFU over real sockets: who is let in, how things live.
#![cfg(feature = "mediasfu")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod calls;
mod events;
mod external;
mod keys;
mod meetings;
mod peer;
mod rooms;
mod socket;
