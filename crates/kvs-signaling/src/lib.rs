#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod canonical;
mod client;
mod credentials;
mod discovery;
mod endpoint;
mod environment;
mod error;
mod exception;
#[rustfmt::skip]
#[allow(clippy::nonminimal_bool)]
mod generated;
mod ice;
mod model;
mod operation;
mod presign;
mod sigv4;

pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, CredentialsProvider, Environment, SharedCredentialsProvider};
pub use endpoint::ResolvedUrl;
pub use error::{Error, KvsError, Result};
pub use exception::Exception;
pub use ice::{Fetched, IceCache, IceKey, IceServer};
pub use model::{ChannelArn, ChannelEndpoint, ChannelEndpoints, IceServerConfig, TurnServer};
pub use operation::*;
pub use presign::{Signed, SignedRequest};
pub use rtc_core::{self, ErrorKind};
pub use sigv4::Signer;
