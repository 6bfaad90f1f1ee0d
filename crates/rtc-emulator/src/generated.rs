//! Made by `cargo xtask codegen`: the tables of each provider.

#[cfg(feature = "enablex")]
pub(crate) mod enablex;
#[cfg(feature = "opentok")]
pub(crate) mod opentok;
#[cfg(feature = "mediasfu")]
pub(crate) mod mediasfu;
#[cfg(feature = "sora-rpc")]
pub(crate) mod sora_rpc;
#[cfg(feature = "sora-rpc")]
pub(crate) mod sora_rpc_http;
#[cfg(feature = "kvs-signaling")]
pub(crate) mod kvs_signaling;
