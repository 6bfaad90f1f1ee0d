//! Order, deadlines, retries and limits of calls, on scripted transports and a manual clock: no network.
#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "tests and their helpers"
)]

mod deadlines;
mod endpoints;
mod fake;
mod keys;
mod order;
mod retries;
mod skew;
