//! The emulated OpenTok over real sockets: who is let in, how things live, what is posted.
#![cfg(feature = "opentok")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod auth;
mod callbacks;
mod lives;
mod moderation;
mod peer;
mod seeds;
