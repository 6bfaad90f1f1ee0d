#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod client;
pub mod compress;
mod connect;
#[cfg(feature = "webrtc")]
mod connection;
#[cfg(feature = "http")]
mod credentials;
mod driver;
mod error;
#[rustfmt::skip]
mod generated;
#[cfg(feature = "http")]
#[rustfmt::skip]
mod generated_http;
#[cfg(feature = "http")]
pub mod http;
mod methods;
mod model;
mod operation;
mod options;
mod peer;
mod response;
pub mod signaling;
pub mod webhook;
#[cfg(feature = "websocket")]
mod websocket;

pub use call::{Call, Notification};
pub use client::Client;
pub use connect::{AudioSettings, VideoSettings};
#[cfg(feature = "webrtc")]
pub use connection::{Connection, ConnectionBuilder, ConnectionEvent, ConnectionEvents};
#[cfg(feature = "http")]
pub use credentials::SoraApi;
pub use error::{Error, Result, SoraError, Stage};
#[cfg(feature = "http")]
pub use http::{HttpClient, HttpClientBuilder};
pub use methods::{Message, Method};
pub use model::{IceServer, IceTransportPolicy, Offer, OfferedChannel};
pub use operation::*;
pub use options::{CallOptions, ClientOptions, PeerOptions};
pub use peer::{Answer, Peer, Stats};
pub use rtc_core::{self, ErrorKind};
