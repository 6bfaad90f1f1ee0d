//! What can be set about the signaling of a connection.

use rtc_core::{EndpointError, EndpointPolicy, Trust, Url, is_host_within};

use crate::compress::MAX_INFLATED;

/// How often a server may send a client elsewhere unless told.
const MAX_REDIRECTS: u32 = 3;

/// The settings of a [`Signaling`](super::Signaling).
#[derive(Debug, Clone)]
#[must_use]
pub struct SignalingOptions {
    pub(super) max_redirects: u32,
    pub(super) allow_downgrade: bool,
    pub(super) redirect_hosts: Option<Vec<String>>,
    pub(super) policy: EndpointPolicy,
    pub(super) max_inflated: usize,
    pub(super) max_message: usize,
    pub(super) stats: bool,
}

impl Default for SignalingOptions {
    /// Three redirects to any public host, never from `wss` to `ws`; messages of up to 16 MiB in and 262,144 bytes out;
    /// no statistics.
    fn default() -> Self {
        Self {
            max_redirects: MAX_REDIRECTS,
            allow_downgrade: false,
            redirect_hosts: None,
            policy: EndpointPolicy::default(),
            max_inflated: MAX_INFLATED,
            max_message: 262_144,
            stats: false,
        }
    }
}

impl SignalingOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often the server may send the client elsewhere, the whole connection long; 3. Zero refuses all.
    pub fn max_redirects(mut self, times: u32) -> Self {
        self.max_redirects = times;
        self
    }

    /// Lets a redirect lead from `wss` to `ws`, where the `connect` message and its metadata are readable on the way.
    pub fn allow_downgrade(mut self, allow: bool) -> Self {
        self.allow_downgrade = allow;
        self
    }

    /// Lets redirects lead only to these hosts and names below them. Unset, any host will do that the policy permits:
    /// a server that the client trusts with its metadata may name its neighbours.
    pub fn redirect_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redirect_hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Sets which addresses a redirect may lead to: they are found in an answer ([`Trust::Discovered`]).
    pub fn policy(mut self, policy: EndpointPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the largest message that is read, in bytes after inflating; 16 MiB. A larger one is dropped.
    pub fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// Sets the largest message that is sent over a data channel, in bytes as it goes out; 262,144. What the server's
    /// session description takes holds too.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Lowers what [`max_message`](Self::max_message) sets to what the caller can send.
    #[cfg(feature = "webrtc")]
    pub(crate) fn no_larger(mut self, bytes: usize) -> Self {
        self.max_message = self.max_message.min(bytes);
        self
    }

    /// Asks for statistics with [`Event::StatsWanted`](super::Event::StatsWanted) when the server wants some. Unset,
    /// it is told at once that there are none.
    pub fn stats(mut self, on: bool) -> Self {
        self.stats = on;
        self
    }
}

/// Why a redirect is not followed. The texts name the host at most: the rest of a URL may be secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the server has redirected the connection {0} times already; see max_redirects")]
    TooOften(u32),
    #[error("the location of the redirect is not a ws:// or wss:// URL")]
    NotWebSocket,
    #[error("the redirect leads from wss to ws, which would show metadata on the way; see allow_downgrade")]
    Downgrade,
    #[error("the redirect leads to {0}, which is not among redirect_hosts")]
    Host(String),
    #[error(transparent)]
    Policy(#[from] EndpointError),
}

impl SignalingOptions {
    /// The URL of a redirect that may be followed. `secure`: the present one is `wss`.
    pub(super) fn redirect(&self, location: &str, already: u32, secure: bool) -> Result<Url, Refusal> {
        if already >= self.max_redirects {
            return Err(Refusal::TooOften(already));
        }
        let url = Url::parse(location).map_err(|_| Refusal::NotWebSocket)?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(Refusal::NotWebSocket);
        }
        if secure && url.scheme() == "ws" && !self.allow_downgrade {
            return Err(Refusal::Downgrade);
        }
        let host = url.host_str().unwrap_or_default();
        let is_listed = |hosts: &Vec<String>| hosts.iter().any(|suffix| is_host_within(host, suffix));
        if !self.redirect_hosts.as_ref().is_none_or(is_listed) {
            return Err(Refusal::Host(host.to_owned()));
        }
        self.policy.check(&url, Trust::Discovered)?;
        Ok(url)
    }
}
