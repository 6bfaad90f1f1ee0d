#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod credentials;
mod endpoint;
mod error;
#[rustfmt::skip]
mod generated;
mod limiter;
mod media;
pub mod meeting;
mod model;
mod operation;
mod pace;
pub mod pending;
mod webhook;

pub use client::{Client, ClientBuilder};
pub use credentials::{Credentials, KeyKind};
pub use endpoint::ServerKind;
pub use error::{Error, MediaSfuError, Result};
pub use limiter::AttemptLimiter;
pub use media::{MediaResource, WhepProfile};
pub use meeting::{ConnectionSuccess, EventRoom, Joined, MeetingEvent, RecordAck};
#[cfg(feature = "socketio")]
pub use meeting::{Meeting, MeetingEvents, MeetingOptions};
pub use model::{ExternalSessionState, IpRange, Raw, Room};
pub use operation::*;
pub use pending::StoreFailure;
pub use rtc_core::{self, ErrorKind};
pub use webhook::Webhook;
