#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod client;
pub mod compress;
mod driver;
mod error;
#[rustfmt::skip]
mod generated;
mod methods;
mod model;
mod operation;
mod options;
mod peer;
mod response;
#[cfg(feature = "websocket")]
mod websocket;

pub use call::{Call, Notification};
pub use client::Client;
pub use error::{Error, Result, SoraError};
pub use methods::{Message, Method};
pub use model::Offer;
pub use operation::*;
pub use options::{CallOptions, ClientOptions, PeerOptions};
pub use peer::{Answer, Peer, Stats};
pub use rtc_core::{self, ErrorKind};
