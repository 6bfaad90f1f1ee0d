//! How a connection is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rtc_core::validate::{Rule, Violation, Violations};
use rtc_core::{ClientConfig, EndpointError, EndpointPolicy, LONGEST_QUEUE, Reason, Trust, Url, env};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::event::ConnectionEvents;
use super::session::BUFFERED;
use super::task::{Ends, Phase, Settings, Task};
use super::{Connection, Inner};
use crate::error::{Error, Result};
use crate::operation::{Connect, DataChannel, Role};
use crate::options::ClientOptions;
use crate::signaling::{Signaling, SignalingOptions};

/// How long connecting may take, all steps together, unless told: what servers wait for WebRTC to stand.
const LIMIT: Duration = Duration::from_secs(30);
/// Longer than any server waits: what deadlines can be reckoned with.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long each URL has for its WebSocket unless told, as the official SDKs have it.
const WEBSOCKET: Duration = Duration::from_secs(5);
/// How many messages of the user's wait for the connection to take them.
const MESSAGES: usize = 16;

/// The settings of a [`Connection`] to be made.
#[derive(Clone)]
#[must_use = "a connection is made with `connect`"]
pub struct ConnectionBuilder {
    urls: Vec<String>,
    connect: Connect,
    signaling: SignalingOptions,
    client: ClientOptions,
    config: ClientConfig,
    limit: Duration,
    event_queue: usize,
    trusted_hosts: Vec<String>,
}

impl fmt::Debug for ConnectionBuilder {
    // URLs may hold tokens: of them only the hosts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |url: &String| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        f.debug_struct("ConnectionBuilder")
            .field("hosts", &self.urls.iter().map(host).collect::<Vec<_>>())
            .field("connect", &self.connect)
            .field("signaling", &self.signaling)
            .field("client", &self.client)
            .field("config", &self.config)
            .field("limit", &self.limit)
            .field("event_queue", &self.event_queue)
            .field("trusted_hosts", &self.trusted_hosts)
            .finish()
    }
}

impl ConnectionBuilder {
    pub(super) fn new(urls: Vec<String>, channel_id: String) -> Self {
        let mut config = ClientConfig::new(LIMIT);
        config.limits = config.limits.with_connect(WEBSOCKET);
        Self {
            urls,
            connect: Connect::new(Role::RecvOnly, channel_id).audio(false).video(false),
            signaling: SignalingOptions::new(),
            client: ClientOptions::new(),
            config,
            limit: LIMIT,
            event_queue: 256,
            trusted_hosts: Vec::new(),
        }
    }

    pub(super) fn from_env() -> Result<Self> {
        let required = |name: &'static str| {
            env(name).ok_or_else(|| {
                let message = "is required in the environment";
                Error::from(Violations::from(Violation::new(name, name, Rule::Required, message)))
            })
        };
        let urls = required("SORA_SIGNALING_URLS")?;
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect();
        let builder = Self::new(urls, required("SORA_CHANNEL_ID")?);
        match env("SORA_METADATA") {
            None => Ok(builder),
            Some(text) => Ok(builder.metadata(metadata(&text)?)),
        }
    }

    /// What the connection does with media, for the server: this one carries messages only and refuses whatever media it
    /// is offered. `recvonly` unless told.
    pub fn role(mut self, role: impl Into<Role>) -> Self {
        self.connect.role = role.into();
        self
    }

    /// What the auth webhook judges the connection by: tokens and the like. Any JSON.
    pub fn metadata(mut self, metadata: impl Into<Value>) -> Self {
        self.connect = self.connect.metadata(metadata.into());
        self
    }

    /// Asks for a data channel of one's own; its label starts with `#`.
    pub fn data_channel(mut self, channel: DataChannel) -> Self {
        self.connect.data_channels.push(channel);
        self
    }

    /// The whole message that asks for the connection, in place of what was set by the methods above and of the channel.
    /// Where it says nothing about `data_channel_signaling`, that is asked for: RPC needs it.
    pub fn request(mut self, connect: Connect) -> Self {
        self.connect = connect;
        self
    }

    /// The settings of the signaling: where redirects may lead, how large messages may be (1 MiB at most when they are
    /// sent). The endpoint policy is that of this builder.
    pub fn signaling(mut self, options: SignalingOptions) -> Self {
        self.signaling = options;
        self
    }

    /// The settings of [`Connection::rpc`]: time limits and bounds. Methods, compression and clock come from the
    /// connection.
    pub fn client(mut self, options: ClientOptions) -> Self {
        self.client = options;
        self
    }

    /// Limits the time of connecting, all URLs and steps together (30 s unless told, at most a day). After a redirect of
    /// a connection that stood it counts anew.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit.min(LONGEST);
        self
    }

    /// Limits the time that each URL has for its WebSocket (5 s unless told).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.with_connect(limit);
        self
    }

    /// Limits the size of a message of the WebSocket, in bytes (1 MiB unless told). A larger one ends the connection.
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.config.limits = self.config.limits.with_body(bytes);
        self
    }

    /// Keeps this many events that were not read yet; then the oldest ones are dropped (256 unless told, at least 1, at
    /// most 65,536; a number outside counts as the nearest one inside). One takes as much room as its message does after
    /// inflating: for who reads them late, [`SignalingOptions::max_inflated`] (16 MiB unless told) bounds that.
    pub fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events.clamp(1, LONGEST_QUEUE);
        self
    }

    /// Sets which addresses may be talked to: URLs, redirects, TURN servers and the candidates of the offer. What the
    /// server names may be private or loopback if one of the URLs is.
    pub fn endpoint_policy(mut self, policy: EndpointPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Whether redirects, TURN servers and candidates may be on private or loopback addresses whatever the URLs are.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.config.policy = self.config.policy.with_private_discovery(allow);
        self
    }

    /// Shows the extra headers and the client's certificate to hosts within this domain, too, when the server redirects
    /// to them. Unset, they are shown on the host of the first URL only.
    pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
        self.trusted_hosts.push(domain.into());
        self
    }

    /// Sets the clock that all limits, and the timers of ICE, DTLS and SCTP, go by.
    pub fn clock(mut self, clock: impl rtc_core::Clock) -> Self {
        self.config.set_clock(clock);
        self
    }

    rtc_core::identity_setters!();
    rtc_core::socket_setters!();

    /// Connects: signaling, ICE, DTLS, SCTP, until all data channels of the offer are open and signaling goes over them.
    /// Must run inside a tokio runtime. Several URLs are tried in order. Dropping the future gives everything up.
    ///
    /// The answer tells the server the address that this machine would use to reach it; where the offer demands `relay`,
    /// only one at a TURN server. Where the offer has TURN servers without demanding it, an address of theirs is told
    /// later, as soon as it is there.
    ///
    /// # Errors
    /// Nothing is sent: validation (no URL, or one that is refused; `connect` breaks rules), or there is no tokio
    /// runtime. [`SoraError::NotConnected`](crate::SoraError::NotConnected): which step failed, and why.
    /// [`SoraError::Rejected`](crate::SoraError::Rejected): the server ended it, as the auth webhook had it, say.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::Connection;
    ///
    /// // The second URL is for when the first one is out of order.
    /// let urls = ["ws://127.0.0.1:9/signaling", &url];
    /// let (connection, _events) = Connection::builder(urls, channel_id).connect().await?;
    /// assert!(connection.offer().connection_id.is_some());
    /// # Ok(()) }
    /// ```
    pub async fn connect(mut self) -> Result<(Connection, ConnectionEvents)> {
        let runtime = crate::client::runtime()?;
        let urls = self.urls()?;
        self.connect.data_channel_signaling.get_or_insert(true);
        let mut config = self.config;
        // Redirects are not to see what identifies the client, unless they stay here.
        config.endpoint = urls.first().map(https);
        let mut client = self.client;
        client.config.clock = config.clock.clone();
        let options = self.signaling.policy(config.policy.clone()).no_larger(BUFFERED);
        let signaling = Signaling::new(&self.connect, options)?;

        let (known, connected) = oneshot::channel();
        let (phase, watched) = watch::channel(Phase::Connecting);
        let (events, receiver) = broadcast::channel(self.event_queue);
        let (to_messages, messages) = mpsc::channel(MESSAGES);
        let (to_goodbyes, goodbyes) = mpsc::channel(1);
        let (limit, trusted_hosts) = (self.limit, self.trusted_hosts);
        let settings = Settings { urls, config, client, limit, trusted_hosts };
        runtime
            .spawn(Task::new(settings, signaling, Ends { known, phase, events, messages, goodbyes }).run());
        // Until here the task lives: the ends of the channels are held by this future.
        let known = connected.await.map_err(|_| Error::new(Reason::Closed))??;
        let inner = Inner { known, phase: watched, messages: to_messages, goodbyes: to_goodbyes };
        Ok((Connection { inner: Arc::new(inner) }, ConnectionEvents::of(receiver)))
    }

    /// The URLs, checked; the policy knows them from now on.
    fn urls(&mut self) -> Result<Vec<Url>> {
        let mut urls = Vec::with_capacity(self.urls.len());
        for text in &self.urls {
            let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "ws" | "wss"));
            let url =
                url.ok_or_else(|| refused("each must be a URL such as wss://sora.example.com/signaling"))?;
            self.config.policy.check(&url, Trust::Configured).map_err(|e: EndpointError| Error::from(e))?;
            self.config.policy = self.config.policy.for_base(&url);
            urls.push(url);
        }
        if urls.is_empty() {
            return Err(refused("is required: the server's URL such as wss://sora.example.com/signaling"));
        }
        Ok(urls)
    }
}

fn refused(message: &'static str) -> Error {
    Violations::from(Violation::new("urls", "urls", Rule::Pattern, message)).into()
}

fn metadata(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|_| {
        let message = "must be JSON";
        Violations::from(Violation::new("SORA_METADATA", "SORA_METADATA", Rule::Pattern, message)).into()
    })
}

/// The address as the scheme of calls has it, by which the settings tell TLS from none.
fn https(url: &Url) -> String {
    let text = url.as_str();
    text.strip_prefix("ws").map_or_else(String::new, |rest| format!("http{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_before_anything_is_sent() {
        let check = |urls: &[&str]| {
            let urls = urls.iter().map(|url| (*url).to_owned()).collect();
            ConnectionBuilder::new(urls, "sora".into()).urls().map(|urls| urls.len())
        };
        assert_eq!(
            check(&["wss://a.example.com/signaling?token=canary", "ws://127.0.0.1/signaling"]).unwrap(),
            2
        );
        for bad in [
            &[][..],
            &["https://a.example.com"],
            &["not a URL"],
            &["ws://a.example.com"],
            &["wss://u:canary@a"],
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{bad:?}");
            assert!(!error.was_sent() && !format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn identity_goes_by_the_first_url() {
        let secure = Url::parse("wss://a.example.com/signaling").unwrap();
        assert_eq!(https(&secure), "https://a.example.com/signaling");
    }
}
