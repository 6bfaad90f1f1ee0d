//! What all providers of one emulator share.

use std::{
    fmt,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use crate::{clock::EmulatorClock, faults::Faults, ids::Ids, log::Log, provider::BoxFuture};

/// Time, identifiers, log, faults and switches of one emulator.
pub struct Shared {
    /// The time.
    pub clock: EmulatorClock,
    /// Identifiers for what providers make.
    pub ids: Ids,
    /// The request log.
    pub log: Log,
    /// The fault rules.
    pub faults: Faults,
    /// The dice of the faults: apart from `ids`, so that a fault never changes an identifier.
    pub(crate) dice: Ids,
    pub(crate) seed: u64,
    pub(crate) quotas: AtomicBool,
    /// Whether only this machine can reach it.
    pub(crate) loopback: bool,
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Shared {
    /// Whether the documented quotas are enforced.
    pub fn quotas(&self) -> bool {
        self.quotas.load(Ordering::Relaxed)
    }

    /// Base URL of the plain listener, `http://127.0.0.1:1234`.
    pub fn url(&self) -> &str {
        &self.http
    }

    /// Base URL of the TLS listener, if there is one.
    pub fn tls_url(&self) -> Option<&str> {
        self.https.as_deref()
    }

    /// Ready once the emulator has stopped.
    pub fn stopped(&self) -> BoxFuture<'static, ()> {
        let mut stop = self.stop.clone();
        Box::pin(async move {
            // An error means that the emulator is gone: stopped as well.
            let _ = stop.wait_for(|stopped| *stopped).await;
        })
    }

    /// Runs a task (a WebSocket, a timer) that ends with the emulator.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = task => {}
            }
        });
    }

    pub(crate) fn reseed(&self) {
        self.ids.reseed(self.seed);
        self.dice.reseed(!self.seed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("url", &self.http).field("clock", &self.clock).finish_non_exhaustive()
    }
}
