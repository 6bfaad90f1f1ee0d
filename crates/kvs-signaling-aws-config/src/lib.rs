#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "rustls", feature = "rustls-ring")))]
compile_error!("choose a TLS back end: the feature `rustls` or `rustls-ring`");

mod cache;
mod chain;
mod failure;

pub use chain::{Chain, ChainLoader};
pub use {aws_config, aws_credential_types, kvs_signaling};
