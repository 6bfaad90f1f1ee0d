#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod clock;
mod config;
mod echo;
pub mod encode;
mod endpoint;
mod error;
mod gate;
mod operation;
mod pace;
mod pacer;
mod paging;
mod reply;
mod retry;
#[cfg(feature = "rsa")]
mod rsa;
mod secret;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
#[cfg(feature = "tracing")]
mod trace;
pub mod transport;
pub mod validate;
pub mod wire;

pub use bytes::Bytes;
pub use caller::{Call, Caller};
pub use clock::{BoxFuture, Clock, SharedClock, SystemClock, timeout, unix_seconds};
#[doc(hidden)]
pub use config::setters::LONGEST_QUEUE;
pub use config::{ClientConfig, env};
pub use echo::Sent;
pub use endpoint::{
    EndpointError, EndpointPolicy, IpNet, Trust, is_host_within, is_loopback_url, is_private_or_loopback,
    origin,
};
pub use error::{AuthError, DecodeError, EncodeError, Error, ErrorKind, Reason, RetryHint, ServiceError};
pub use gate::{Gate, Permit};
pub use http;
pub use operation::{Answer, Auth, Keys, Meta, Operation, Replay, Service, Target};
pub use pace::{Pace, Quota, Quotas, account_key};
pub use pacer::Pacer;
pub use paging::{Items, Paged, Pages, next_index, next_offset, next_page, next_token};
pub use reply::Reply;
pub use retry::{RetryPolicy, retry_after};
#[cfg(feature = "rsa")]
pub use rsa::RsaKey;
pub use secret::{REDACTED, Revealed, Secret, constant_time_eq};
pub use store::{
    Busy, Claim, ClaimToken, FileStore, MemoryStore, Rate, SharedStore, Store, StoreError, Taken, stable_hash,
};
pub use transport::{Body, Limits, SharedTransport, Transport, TransportError, TransportErrorKind};
pub use url::Url;
pub use validate::{Rule, Violation, Violations};
