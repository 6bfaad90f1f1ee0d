//! The emulated Kinesis Video signaling over real sockets: channels, who is let in, what passes between peers.
#![cfg(feature = "kvs-signaling")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod auth;
mod channels;
mod lives;
mod messages;
mod peer;
mod storage;
