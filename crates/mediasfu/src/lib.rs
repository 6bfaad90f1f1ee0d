#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod credentials;
mod endpoint;
mod error;
#[rustfmt::skip]
mod generated;
mod model;
mod operation;
pub mod pending;

pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, KeyKind};
pub use endpoint::ServerKind;
pub use error::{Error, MediaSfuError, Result};
pub use model::Room;
pub use operation::*;
pub use pending::StoreFailure;
pub use rtc_core::{self, ErrorKind};
