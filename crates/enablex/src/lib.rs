#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod codes;
mod credentials;
mod error;
#[rustfmt::skip]
mod generated;
#[rustfmt::skip]
mod generated_codes;
mod lifecycle;
mod model;
mod operation;
mod pace;
mod recording;
pub mod room;
mod token;
mod webhook;

pub use client::{Client, ClientBuilder};
pub use codes::{CodeClass, CodeMeaning, lookup_error};
pub use credentials::{Credentials, RecordingAccess};
pub use error::{ApiCode, EnableXError, Error, Result};
pub use lifecycle::{ExtensionState, ExtensionWindow, SessionLife, extension_windows};
pub use model::{LiveRecordingInfo, RoleBasedRecordingInfo, RoomInfo, RoomSettingsInfo, RoomToken, SipInfo};
pub use operation::*;
pub use recording::{RecordingDownload, RecordingHead};
pub use room::{
    Ack, ClientsAck, ExtendAck, LiveAck, LiveOutcome, Participant, RawAck, RoomEvent, RoomState, TalkerAck,
};
#[cfg(feature = "socketio")]
pub use room::{Protocol, Room, RoomEvents, RoomOptions};
pub use rtc_core::{self, ErrorKind};
pub use token::{TokenContent, TokenMeta, TokenSettings, decode_token};
pub use webhook::{Webhook, WebhookDestination, WebhookKind, WebhookReader, parse_webhook};
