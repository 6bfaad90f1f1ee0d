//! The seam between operations and the network: HTTP in, HTTP out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::{Request, Response};

use crate::clock::BoxFuture;
use crate::endpoint::{EndpointError, Trust};

pub mod channel;
#[cfg(feature = "websocket")]
mod events;
#[cfg(feature = "_reqwest")]
pub mod reqwest;
#[cfg(feature = "socketio")]
pub mod socketio;
#[cfg(feature = "websocket")]
#[doc(hidden)]
pub mod stream;
#[cfg(feature = "_reqwest")]
pub(crate) mod tls;
#[cfg(feature = "websocket")]
pub mod websocket;

#[cfg(feature = "websocket")]
pub use events::LiveEvents;

/// The bounds of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long establishing a connection may take.
    pub connect: Duration,
    /// The largest answer (or message) that is read, in bytes.
    pub body: u64,
    /// How far the address is trusted: configured by the user, or found in an answer.
    pub trust: Trust,
}

impl Default for Limits {
    /// Connect within 5 s, read at most 1 MiB, from a configured endpoint.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), body: 1024 * 1024, trust: Trust::Configured }
    }
}

impl Limits {
    /// Sets the time limit of connecting.
    #[must_use]
    pub fn with_connect(mut self, connect: Duration) -> Self {
        self.connect = connect;
        self
    }

    /// Sets the largest answer, in bytes.
    #[must_use]
    pub fn with_body(mut self, body: u64) -> Self {
        self.body = body;
        self
    }

    /// Sets how far the address is trusted.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }
}

/// Sends one HTTP request and gives the head of its answer with a streamed body.
///
/// An implementation neither retries nor follows redirects nor limits the total time: the caller of
/// operations does that. Dropping the future cancels the exchange.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> impl Future<Output = Result<Response<Body>, TransportError>> + Send;
}

trait DynTransport: fmt::Debug + Send + Sync {
    fn send_boxed<'a>(
        &'a self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Body>, TransportError>>;
}

impl<T: Transport> DynTransport for T {
    fn send_boxed<'a>(
        &'a self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Body>, TransportError>> {
        Box::pin(self.send(request, limits))
    }
}

/// A cheap handle to a transport.
#[derive(Clone)]
pub struct SharedTransport(Arc<dyn DynTransport>);

impl SharedTransport {
    /// Shares a transport.
    pub fn new(transport: impl Transport) -> Self {
        Self(Arc::new(transport))
    }
}

impl fmt::Debug for SharedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Transport for SharedTransport {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Body>, TransportError> {
        self.0.send_boxed(request, limits).await
    }
}

/// The body of an answer: a stream of bytes.
pub struct Body(Inner);

enum Inner {
    Full(Option<Bytes>),
    Stream { stream: Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>, length: Option<u64> },
}

impl Body {
    /// A body whose bytes are all there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Full(Some(bytes.into())))
    }

    /// A body that arrives piece by piece; `length` is the announced length.
    pub fn stream(
        stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self(Inner::Stream { stream: Box::pin(stream), length })
    }

    /// The announced length, where there is one.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Inner::Full(bytes) => Some(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Inner::Stream { length, .. } => *length,
        }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// [`TransportErrorKind::TooLarge`] as soon as more than `limit` bytes are announced or arrive;
    /// whatever reading fails with.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, TransportError> {
        if self.length().is_some_and(|length| length > limit) {
            return Err(TransportError::new(TransportErrorKind::TooLarge { limit }));
        }
        if let Inner::Full(bytes) = &mut self.0 {
            return Ok(bytes.take().unwrap_or_default());
        }
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            let read = (all.len() + first.as_ref().map_or(0, Bytes::len) + piece.len()) as u64;
            if read > limit {
                return Err(TransportError::new(TransportErrorKind::TooLarge { limit }));
            }
            match first.take() {
                // Most answers come in one piece: keep it, copy nothing.
                None if all.is_empty() => first = Some(piece),
                Some(one) => {
                    all.extend_from_slice(&one);
                    all.extend_from_slice(&piece);
                }
                None => all.extend_from_slice(&piece),
            }
        }
        Ok(first.unwrap_or_else(|| all.freeze()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish_non_exhaustive()
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Inner::Full(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Inner::Stream { stream, .. } => stream.as_mut().poll_next(cx),
        }
    }
}

/// What failed on the way to the server and back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The endpoint policy refuses the address.
    #[error("{0}")]
    Blocked(EndpointError),
    /// No connection: the name does not resolve, the peer refuses, TLS fails.
    #[error("could not connect")]
    Connect,
    /// Connecting took longer than its time limit.
    #[error("could not connect in time")]
    ConnectTimeout,
    /// The connection ended before the answer was complete.
    #[error("the connection ended early")]
    Interrupted,
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The peer does not speak the protocol.
    #[error("the peer broke the protocol")]
    Protocol,
    /// The channel is closed.
    #[error("the channel is closed")]
    Closed,
    /// The transport is set up wrongly (a certificate or proxy that cannot be used, no transport at all).
    #[error("the transport is not usable: {0}")]
    Setup(String),
}

/// A failure of the transport. It knows whether the request may have reached the server.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    unsent: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// A failure of this kind. Blocked, connect and set-up failures are unsent; the rest may have been sent.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        let unsent = matches!(
            kind,
            TransportErrorKind::Blocked(_)
                | TransportErrorKind::Connect
                | TransportErrorKind::ConnectTimeout
                | TransportErrorKind::Setup(_)
        );
        Self { kind, unsent, source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says for certain that no byte of the request was sent.
    #[must_use]
    pub fn with_unsent(mut self, unsent: bool) -> Self {
        self.unsent = unsent;
        self
    }

    /// What failed.
    #[must_use]
    pub fn kind(&self) -> &TransportErrorKind {
        &self.kind
    }

    /// Whether it is certain that nothing of the request was sent.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
