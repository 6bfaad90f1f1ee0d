//! How to connect to a meeting.

use std::time::Duration;

use rtc_core::http::header::ORIGIN;
use rtc_core::http::{HeaderMap, HeaderValue};
use rtc_core::{ClientConfig, Rule, Trust, Url, Violation, Violations};

use crate::error::Result;
use crate::limiter::AttemptLimiter;

/// How long connecting and each answer may take unless told otherwise.
const ANSWER_TIME: Duration = Duration::from_secs(15);

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

    rtc_core::live_setters!("media server", "an answer", "15 s", "5 s");

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
        self.config.keep_identity_to(&base, &self.trusted_hosts);
        Ok((base, trust))
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
