//! What `cargo xtask codegen` makes of the specifications.

pub(crate) mod enablex;
pub(crate) mod kvs_signaling;
pub(crate) mod mediasfu;
pub(crate) mod opentok;
pub(crate) mod sora_rpc_http;
