//! How to connect to a room.

use std::time::Duration;

use rtc_core::transport::channel::Connect;
use rtc_core::{ClientConfig, Clock, EndpointPolicy, RetryPolicy, Secret, Url, is_host_within};

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
/// The longest queue of events: its memory is taken at once.
const LONGEST_QUEUE: usize = 65_536;

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

    /// Speaks this protocol generation: `Eio3` as the vendor's libraries 2.x do, `Eio4` as 3.x.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The address of the Server API. Where it is private or loopback, the room's server may be so, too.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.endpoint = Some(url.into());
        self
    }

    /// Whether the room's server may be on a private or loopback address whatever the endpoint is. The address
    /// comes from the token: allow it only for tokens of a server that you trust.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.config.policy = self.config.policy.with_private_discovery(allow);
        self
    }

    /// Shows the client's extra headers and its certificate to room servers within this domain, too. A token says
    /// where a room is, so without this they are shown on the host of the endpoint only (over TLS, if the endpoint
    /// is).
    pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
        self.trusted_hosts.push(domain.into());
        self
    }

    /// Sets which addresses may be talked to.
    pub fn endpoint_policy(mut self, policy: EndpointPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Limits the time of entering, and that of each command until it is acknowledged (default 10 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.config.timeout = limit;
        self
    }

    /// Limits the time to connect (default 8 s).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.with_connect(limit);
        self
    }

    /// Keeps this many events that were not read yet; then the oldest ones are dropped (default 256, at least 1, at most
    /// 65,536; a number outside counts as the nearest one inside).
    pub fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events.clamp(1, LONGEST_QUEUE);
        self
    }

    /// Trusts a certificate besides those of the platform, as PEM.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.root_certificates.push(pem.into());
        self
    }

    /// Uses this proxy. Empty: none, whatever the environment says.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.config.proxy = Some(url.into());
        self
    }

    /// Uses this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.set_clock(clock);
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
        let endpoint = self.config.endpoint.as_deref().and_then(|text| Url::parse(text.trim()).ok());
        let is_endpoint = endpoint.is_some_and(|own| {
            own.host_str() == url.host_str() && (own.scheme() != "https" || url.scheme() == "wss")
        });
        let host = url.host_str().unwrap_or_default();
        if !is_endpoint && !self.trusted_hosts.iter().any(|domain| is_host_within(host, domain)) {
            self.config.headers.clear();
            self.config.client_identity = None;
        }
    }

    /// Opens connections with this connector, which then answers for their addresses.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.config.set_connector(connector);
        self
    }
}
