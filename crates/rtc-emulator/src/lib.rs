#![doc = include_str!("../README.md")]

#[doc(hidden)]
pub mod body;
mod bounds;
#[doc(hidden)]
pub mod check;
pub mod clock;
pub mod credentials;
mod emulator;
#[cfg(feature = "enablex")]
mod enablex;
pub mod faults;
#[rustfmt::skip]
mod generated;
pub mod ids;
mod inspector;
#[cfg(feature = "kvs-signaling")]
#[doc(hidden)]
pub mod kvs_signaling;
pub mod log;
mod manage;
#[cfg(feature = "mediasfu")]
mod mediasfu;
#[cfg(feature = "opentok")]
#[doc(hidden)]
pub mod opentok;
#[doc(hidden)]
pub mod pattern;
#[cfg(any(feature = "opentok", feature = "enablex", feature = "sora-rpc"))]
mod posting;
#[doc(hidden)]
pub mod provider;
mod redact;
#[doc(hidden)]
pub mod routing;
mod server;
#[doc(hidden)]
pub mod shared;
mod socket;
#[cfg(any(feature = "enablex", feature = "mediasfu"))]
mod socketio;
#[cfg(feature = "sora-rpc")]
mod sora_rpc;
#[doc(hidden)]
pub mod spec;
pub mod time;
#[cfg(feature = "tls")]
mod tls;
mod visitor;

use std::sync::Arc;

pub use clock::EmulatorClock;
pub use emulator::{Emulator, EmulatorBuilder};
pub use faults::{Action, DropWhen, Fault, RetryAfter};
pub use log::LogEntry;

/// The built-in providers. Each module adds its line here, behind its feature.
fn providers(shared: &Arc<shared::Shared>) -> Vec<Arc<dyn provider::Provider>> {
    // Used by whatever features are on; with none there is nobody to use it.
    let _ = shared;
    #[cfg(any(feature = "enablex", feature = "mediasfu"))]
    let sockets = socketio::Mount::shared();
    vec![
        // Before EnableX, which takes what is left of the server that both share.
        #[cfg(feature = "mediasfu")]
        Arc::new(mediasfu::Mediasfu::new(shared, &sockets)),
        #[cfg(feature = "enablex")]
        Arc::new(enablex::EnableX::new(shared, &sockets)),
        #[cfg(feature = "opentok")]
        Arc::new(opentok::Opentok::new(shared)),
        #[cfg(feature = "sora-rpc")]
        Arc::new(sora_rpc::Sora::new(shared)),
        #[cfg(feature = "kvs-signaling")]
        Arc::new(kvs_signaling::KvsSignaling::new(shared)),
    ]
}
