//! What can be set about a peer, a client and a call.

use std::time::Duration;

use rtc_core::{ClientConfig, Clock};

use crate::compress::MAX_INFLATED;

/// How long a call waits for its answer unless told: 5 s, as most official SDKs do.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How long connecting, and then the wait for the offer, may take unless told.
const CONNECT: Duration = Duration::from_secs(5);

/// The bounds of a [`Peer`](crate::Peer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct PeerOptions {
    pub(crate) max_pending: usize,
    pub(crate) max_message: usize,
    pub(crate) first_id: u64,
}

impl Default for PeerOptions {
    /// 1,024 calls at a time, messages of up to 262,144 bytes (what WebRTC stacks announce), ids from 1.
    fn default() -> Self {
        Self { max_pending: 1024, max_message: 262_144, first_id: 1 }
    }
}

impl PeerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many calls may wait for their answers at a time.
    pub fn max_pending(mut self, calls: usize) -> Self {
        self.max_pending = calls;
        self
    }

    /// Sets the largest message that is sent, in bytes: `a=max-message-size` of the SDP. It is the frame that counts,
    /// after compression where the label has it: the other end knows no other size until it inflates.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets the first id, to go on counting after an earlier connection: ids are not to be used twice.
    pub fn first_id(mut self, id: u64) -> Self {
        self.first_id = id;
        self
    }
}

/// The knobs of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) unchecked: bool,
}

impl Default for CallOptions {
    /// 5 s, and only methods that the server permits.
    fn default() -> Self {
        Self { timeout: Some(TIMEOUT), unchecked: false }
    }
}

impl CallOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to wait for the answer. Zero is refused with the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits as long as the connection lasts.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// Sends the method even if `rpc_methods` of the offer does not name it, for servers that do not tell.
    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }
}

/// The settings of a [`Client`](crate::Client).
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientOptions {
    pub(crate) peer: PeerOptions,
    pub(crate) call: CallOptions,
    pub(crate) rpc_methods: Vec<String>,
    pub(crate) compress: bool,
    pub(crate) max_inflated: usize,
    /// The clock, and how WebSockets are opened.
    pub(crate) config: ClientConfig,
}

impl Default for ClientOptions {
    /// The system's clock, 5 s per call, no permitted methods, no compression.
    fn default() -> Self {
        Self {
            peer: PeerOptions::new(),
            call: CallOptions::new(),
            rpc_methods: Vec::new(),
            compress: false,
            max_inflated: MAX_INFLATED,
            config: ClientConfig::new(CONNECT),
        }
    }
}

impl ClientOptions {
    /// The defaults: the system's clock, 5 s per call, no permitted methods, no compression.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the methods that the server permits: `rpc_methods` of the offer. With none of them every call is
    /// [`NotAvailable`](crate::SoraError::NotAvailable) unless it is unchecked.
    pub fn rpc_methods(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rpc_methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long calls wait for their answers unless they say otherwise; 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call = self.call.timeout(timeout);
        self
    }

    /// Lets calls wait as long as the connection lasts, unless they say otherwise.
    pub fn no_timeout(mut self) -> Self {
        self.call = self.call.no_timeout();
        self
    }

    /// Sets the bounds of messages and pending calls.
    pub fn bounds(mut self, bounds: PeerOptions) -> Self {
        self.peer = bounds;
        self
    }

    /// Says that binary frames are zlib streams, both ways: `compress` of the label `rpc` in the offer.
    pub fn compress(mut self, on: bool) -> Self {
        self.compress = on;
        self
    }

    /// Sets the largest message that a compressed frame may inflate to, in bytes; 16 MiB. A larger one is dropped.
    pub fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// Sets the clock that deadlines go by.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.set_clock(clock);
        self
    }
}

/// How [`Client::connect_websocket`](crate::Client::connect_websocket) opens its connection.
#[cfg(feature = "websocket")]
impl ClientOptions {
    /// Limits the time to connect, and then the time until the offer is there (default 5 s each).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.with_connect(limit);
        self
    }

    /// Limits the size of a message that is read, in bytes as it comes (default 1 MiB).
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.config.limits = self.config.limits.with_body(bytes);
        self
    }

    /// Sets which addresses may be talked to.
    pub fn endpoint_policy(mut self, policy: rtc_core::EndpointPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    rtc_core::identity_setters!();
    rtc_core::socket_setters!();
}
