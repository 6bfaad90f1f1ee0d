//! What can be set about a peer, a client and a call.

use std::time::Duration;

use rtc_core::{Clock, SharedClock};

/// How long a call waits for its answer unless told: 5 s, as most official SDKs do.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

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

    /// Sets the largest message that is sent, in bytes before compression: `a=max-message-size` of the SDP.
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
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientOptions {
    pub(crate) peer: PeerOptions,
    pub(crate) call: CallOptions,
    pub(crate) rpc_methods: Vec<String>,
    pub(crate) clock: SharedClock,
    #[cfg(feature = "websocket")]
    pub(crate) connector: Option<rtc_core::transport::channel::SharedConnect>,
}

impl ClientOptions {
    /// The defaults: the system's clock, 5 s per call, no permitted methods.
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

    /// Sets the clock that deadlines go by.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Sets what opens WebSockets, where the built-in connector does not do.
    #[cfg(feature = "websocket")]
    pub fn connector(mut self, connector: impl rtc_core::transport::channel::Connect) -> Self {
        self.connector = Some(rtc_core::transport::channel::SharedConnect::new(connector));
        self
    }
}
