#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod canonical;
mod channel;
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
mod handle;
mod ice;
mod instant;
mod model;
mod operation;
mod pace;
mod presign;
pub mod signaling;
mod sigv4;

pub use channel::{
    AlexaAnswer, ChannelInfo, ChannelList, CreatedChannel, DescribedChannel, DescribedMediaStorage,
    MappedResource, MappedResources, MediaStorage, MessageSettings, TagList,
};
pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, CredentialsProvider, Environment, SharedCredentialsProvider};
pub use endpoint::ResolvedUrl;
pub use error::{Error, KvsError, Result};
pub use exception::Exception;
pub use handle::{Channel, Peer};
pub use ice::{Fetched, IceCache, IceKey, IceServer};
#[cfg(feature = "shared-ice")]
pub use ice::{IceSealKey, SharedIceStats};
pub use model::{ChannelArn, ChannelEndpoint, ChannelEndpoints, IceServerConfig, TurnServer};
pub use operation::*;
pub use presign::{Signed, SignedRequest};
pub use rtc_core::{self, ErrorKind};
#[cfg(feature = "websocket")]
pub use signaling::{Signaling, SignalingEvents, SignalingOptions};
pub use sigv4::Signer;
