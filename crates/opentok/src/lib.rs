#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod client;
mod credentials;
mod error;
#[rustfmt::skip]
mod generated;
#[cfg(any(doc, doctest))]
#[doc = include_str!("migrating.md")]
pub mod migrating {}
mod model;
mod nonce;
mod operation;
mod session_id;
mod signer;
mod token;
mod webhook;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{Error, OpenTokError, Result, TokenFault, WebhookFault};
pub use model::Session;
pub use operation::*;
pub use rtc_core::{self, ErrorKind};
pub use session_id::{SessionId, SessionIdParts};
pub use token::{Token, VerifiedToken};
pub use webhook::{
    ConnectionEvent, DestroyReason, EventConnection, EventStream, PayloadHash, SessionEvent, SipCallChange,
    SipCallEvent, SipCallInfo, SipCallState, StreamEvent, UnknownEvent, WebhookEvent, WebhookVerifier,
};
