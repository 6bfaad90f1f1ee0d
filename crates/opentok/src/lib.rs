#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod credentials;
mod error;
#[rustfmt::skip]
mod generated;
mod model;
mod operation;
mod session_id;
mod token;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{Error, OpenTokError, Result, TokenFault};
pub use model::Session;
pub use operation::*;
pub use rtc_core::{self, ErrorKind};
pub use session_id::{SessionId, SessionIdParts};
pub use token::{Token, VerifiedToken};
