#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod codes;
mod credentials;
mod error;
#[rustfmt::skip]
mod generated;
mod model;
mod operation;
pub mod room;
mod token;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{ApiCode, EnableXError, Error, Result};
pub use model::{LiveRecordingInfo, RoleBasedRecordingInfo, RoomInfo, RoomSettingsInfo, RoomToken, SipInfo};
pub use operation::*;
pub use room::{Ack, Participant, RoomEvent, RoomState};
#[cfg(feature = "socketio")]
pub use room::{Protocol, Room, RoomEvents, RoomOptions};
pub use rtc_core::{self, ErrorKind};
pub use token::{TokenContent, TokenMeta, TokenSettings, decode_token};
