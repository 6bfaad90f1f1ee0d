//! How to connect to a room.

use std::time::Duration;

use rtc_core::{ClientConfig, RetryPolicy, Url};

use super::live::Protocol;

/// How long entering a room and each answer of it may take unless told otherwise.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long connecting to a room may take unless told otherwise.
pub(crate) const CONNECT_TIME: Duration = Duration::from_secs(8);
/// How often a room of the newer protocol generation tries to come back unless told otherwise, as the vendor's does, and
/// how long it pauses.
const RECONNECTS: u32 = 3;
const RECONNECT_BASE: Duration = Duration::from_secs(1);
const RECONNECT_CAP: Duration = Duration::from_secs(15);

/// How to connect to a room.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a room is connected with them"]
pub struct RoomOptions {
    pub(super) config: ClientConfig,
    pub(super) protocol: Protocol,
    pub(super) event_queue: usize,
    trusted_hosts: Vec<String>,
    reconnect: Option<RetryPolicy>,
}

impl Default for RoomOptions {
    fn default() -> Self {
        let mut config = ClientConfig::new(ANSWER_TIME);
        config.limits = config.limits.with_connect(CONNECT_TIME);
        Self::from_config(config)
    }
}

impl RoomOptions {
    /// The newer protocol generation, 8 s to connect, 10 s for each answer, 256 events kept.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn from_config(config: ClientConfig) -> Self {
        Self {
            config,
            protocol: Protocol::Eio4,
            event_queue: 256,
            trusted_hosts: Vec::new(),
            reconnect: None,
        }
    }

    rtc_core::live_setters!("room's server", "the token", "10 s", "8 s");

    /// Speaks this protocol generation: `Eio3` as the vendor's libraries 2.x do, `Eio4` as 3.x.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Comes back when the connection breaks: as often as the policy has attempts besides the first one, after pauses
    /// that it draws. Each attempt may take as long as connecting and entering. Unless set, rooms of the newer protocol
    /// generation try three times and those of the older one do not, as the vendor's libraries do;
    /// [`RetryPolicy::none`] switches it off. Commands that were waiting fail at once, with
    /// [`ErrorKind::Closed`](rtc_core::ErrorKind::Closed).
    pub fn reconnect(mut self, policy: RetryPolicy) -> Self {
        self.reconnect = Some(policy);
        self
    }

    /// How to come back.
    pub(super) fn reconnect_policy(&self) -> RetryPolicy {
        self.reconnect.clone().unwrap_or_else(|| match self.protocol {
            Protocol::Eio4 => RetryPolicy::default()
                .with_max_attempts(1 + RECONNECTS)
                .with_base(RECONNECT_BASE)
                .with_cap(RECONNECT_CAP),
            _ => RetryPolicy::none(),
        })
    }

    /// Takes what identifies the client out of the settings unless the server at `url` may see it.
    pub(super) fn keep_to_trusted(&mut self, url: &Url) {
        self.config.keep_identity_to(url, &self.trusted_hosts);
    }
}
