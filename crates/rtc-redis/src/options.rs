//! How a store behaves.

use std::fmt;
use std::time::Duration;

use rtc_core::{Clock, SharedClock};

/// How a [`RedisStore`](crate::RedisStore) behaves. The defaults suit a server in the same data centre.
#[derive(Clone)]
#[must_use]
pub struct RedisOptions {
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) clock: SharedClock,
    #[cfg(feature = "_tls")]
    pub(crate) root: Option<Vec<u8>>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "rtc:".to_owned(),
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            clock: SharedClock::default(),
            #[cfg(feature = "_tls")]
            root: None,
        }
    }
}

impl RedisOptions {
    /// The defaults: prefix `rtc:`, 1 s for a call, 5 s for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// What all keys begin with, `rtc:` by default. After it comes `claim:`, `value:` or `rate:`. Programs that
    /// shall share claims and rates need the same prefix; those that shall not (test and production) different
    /// ones.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a call of the store may take in all, waiting for a connection included; 1 s by default. After
    /// that the store is unavailable to this call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a new connection may take, from the look-up of the name to the answer to the password; 5 s by
    /// default; each node of a cluster has a quarter of it. A call does not wait for it longer than its own
    /// [`timeout`](Self::timeout).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The clock by which the two time limits are kept; the system's by default. When claims, values and rates
    /// end is judged by the server's clock alone.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Trusts the certificate authorities of this PEM text instead of the system's, for `rediss://`.
    #[cfg(feature = "_tls")]
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root = Some(pem.into());
        self
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
