//! Made by `cargo xtask codegen`: a module per provider.

pub(crate) mod enablex;
pub(crate) mod kvs_signaling;
pub(crate) mod mediasfu;
pub(crate) mod opentok;
pub(crate) mod sora_rpc;
pub(crate) mod sora_rpc_http;
