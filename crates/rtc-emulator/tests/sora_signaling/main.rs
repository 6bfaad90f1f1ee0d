//! The emulated Sora over real sockets: signaling, data channels, how connections begin and end.
#![cfg(feature = "sora-webrtc")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "tests")]

mod begin;
mod end;
mod lanes;
mod peer;
