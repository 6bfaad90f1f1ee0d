#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod failure;
mod link;
mod options;
mod script;
mod store;

pub use options::RedisOptions;
pub use store::RedisStore;
