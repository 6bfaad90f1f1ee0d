//! How to connect to a meeting.

use std::time::Duration;

use rtc_core::http::header::ORIGIN;
use rtc_core::http::{HeaderMap, HeaderValue};
use rtc_core::transport::channel::Connect;
use rtc_core::{
    ClientConfig, Clock, EndpointPolicy, Rule, Secret, Trust, Url, Violation, Violations, is_host_within,
};

use crate::error::Result;
use crate::limiter::AttemptLimiter;

/// How long connecting and each answer may take unless told otherwise.
const ANSWER_TIME: Duration = Duration::from_secs(15);
/// The longest queue of events: its memory is taken at once.
const LONGEST_QUEUE: usize = 65_536;

/// How to connect to a meeting.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a meeting is connected with them"]
pub struct MeetingOptions {
    pub(super) config: ClientConfig,
    pub(super) limiter: Option<AttemptLimiter>,
    /// Whose failures are counted.
    pub(super) account: String,
    pub(super) event_queue: usize,
    origin: Option<String>,
    trusted_hosts: Vec<String>,
}

impl Default for MeetingOptions {
    fn default() -> Self {
        Self::from_config(ClientConfig::new(ANSWER_TIME))
    }
}

impl MeetingOptions {
    /// 5 s to connect, 15 s for entering and for each answer, 256 events kept; failures are not counted.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn from_config(config: ClientConfig) -> Self {
        Self {
            config,
            limiter: None,
            account: String::new(),
            event_queue: 256,
            origin: None,
            trusted_hosts: Vec::new(),
        }
    }

    /// The address of the client's calls. Where it is private or loopback, the media server may be so, too.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.endpoint = Some(url.into());
        self
    }

    /// The `Origin` of the handshake, such as `https://app.example.com`. A Community Edition gives temporary
    /// credentials to origins that it trusts. Unset, there is none, except on the host of the endpoint where the
    /// client has one among its headers.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Refuses to connect after too many failures; see [`AttemptLimiter`]. A client counts with one of its own.
    pub fn limiter(mut self, limiter: AttemptLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    pub(crate) fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// Whether the media server may be on a private or loopback address whatever the endpoint is. The address
    /// comes from an answer: allow it only for answers of a server that you trust.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.config.policy = self.config.policy.with_private_discovery(allow);
        self
    }

    /// Shows the client's extra headers and its certificate to media servers within this domain, too. An answer says
    /// where a media server is, so without this they are shown on the host of the endpoint only (over TLS, if the
    /// endpoint is).
    pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
        self.trusted_hosts.push(domain.into());
        self
    }

    /// Sets which addresses may be talked to.
    pub fn endpoint_policy(mut self, policy: EndpointPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Limits the time of entering, and that of each command until it is acknowledged (default 15 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.config.timeout = limit;
        self
    }

    /// Limits the time until the connection stands (default 5 s).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.with_connect(limit);
        self
    }

    /// Keeps this many events that were not read yet; then the oldest ones are dropped (default 256, at least 1, at
    /// most 65,536; a number outside counts as the nearest one inside).
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

    /// Opens connections with this connector, which then answers for their addresses.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.config.set_connector(connector);
        self
    }

    /// Where a link leads, and how far that is trusted: the host of the endpoint is the user's own choice, every
    /// other one was found in an answer and sees nothing that identifies the client.
    pub(super) fn judge(&mut self, link: &str) -> Result<(Url, Trust)> {
        let own = match &self.config.endpoint {
            Some(_) => Some(self.config.base("")?),
            None => None,
        };
        if let Some(own) = &own {
            self.config.policy = self.config.policy.for_base(own);
        }
        let host_of = |url: &Url| url.host_str().map(str::to_owned);
        let parsed = Url::parse(link.trim()).ok();
        let host = parsed.as_ref().and_then(host_of);
        let is_own = own.as_ref().and_then(host_of).is_some_and(|own| Some(own) == host);
        let trust = if is_own { Trust::Configured } else { Trust::Discovered };
        let base = self.config.policy.parse(link, trust)?;
        has_labels(&base)?;
        has_no_path(&base)?;
        let is_safe = own.is_some_and(|own| own.scheme() != "https" || base.scheme() == "https");
        let may_see = is_own && is_safe || self.is_trusted(&base);
        if !may_see {
            self.config.headers.clear();
            self.config.client_identity = None;
        }
        Ok((base, trust))
    }

    fn is_trusted(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.trusted_hosts.iter().any(|domain| is_host_within(host, domain))
    }

    /// The headers of the handshake beside those of the client.
    pub(super) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(origin) = &self.origin {
            let value = HeaderValue::from_str(origin).map_err(|_| {
                let message = "must be an origin such as https://app.example.com";
                Violations::from(Violation::new("origin", "Origin", Rule::Pattern, message))
            })?;
            headers.insert(ORIGIN, value);
        }
        Ok(headers)
    }
}

fn refused(message: &'static str) -> Violations {
    Violations::from(Violation::new("link", "link", Rule::Pattern, message))
}

/// The service was seen to answer with a host that no resolver takes (`https://.mediasfu.com`).
fn has_labels(link: &Url) -> std::result::Result<(), Violations> {
    let host = link.host_str().unwrap_or_default();
    // One dot at the end is a full name.
    let host = host.strip_suffix('.').unwrap_or(host);
    if link.domain().is_some() && host.split('.').any(str::is_empty) {
        return Err(refused(
            "names a host with an empty label, as the service answers at times: join the room again",
        ));
    }
    Ok(())
}

/// The official SDKs append `/media` to the link and get a namespace with its path in front (`/x/media`), which no
/// server has: connecting would end with a riddle.
fn has_no_path(link: &Url) -> std::result::Result<(), Violations> {
    if link.path().trim_matches('/').is_empty() {
        return Ok(());
    }
    Err(refused(
        "must be the origin of a media server (https://HOST), without a path: give the link of the room",
    ))
}
