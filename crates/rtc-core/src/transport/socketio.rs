//! A Socket.IO client over one [`Channel`](super::channel::Channel): both protocol generations, one
//! namespace, acknowledgements both ways. No polling transport, no reconnection, no attachments.

mod driver;
mod machine;
mod options;
mod packet;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use url::Url;

pub use self::options::{Protocol, SocketOptions};
use self::shared::{Pending, Shared};
use super::channel::{Connect, ConnectError};
use super::{Limits, TransportError, TransportErrorKind};
use crate::clock::{SharedClock, timeout};

/// How many frames wait to be sent before sending waits.
const COMMANDS: usize = 64;

/// How long one frame may take to be sent, and a caller waits for a place in the queue.
const SEND_LIMIT: Duration = Duration::from_secs(30);

/// How long [`Socket::close`] waits for an orderly end.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The reason of a connection that this side ended.
const OURS: &str = "the client closed the connection";

/// What failed in a Socket.IO conversation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The channel was not opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not let the client into the namespace, for the reason it gives.
    #[error("the server refused the namespace")]
    Refused(Value),
    /// The time limit passed: of connecting, or of an acknowledgement.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection has ended.
    #[error("the connection is closed: {reason}")]
    Closed {
        /// Why, for people.
        reason: String,
    },
    /// The peer does not speak the protocol, or uses a part of it that is not supported.
    #[error("{0}")]
    Protocol(&'static str),
    /// As many acknowledgements as allowed are already waited for.
    #[error("too many acknowledgements are pending")]
    TooManyPending,
    /// Too many frames wait to be sent, and no place became free in time: nothing was sent.
    #[error("the server reads too slowly: too many frames wait to be sent")]
    QueueFull,
}

fn closed(reason: impl Into<String>) -> SocketError {
    SocketError::Closed { reason: reason.into() }
}

/// An event from the server.
#[derive(PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
    /// Where the server waits for an acknowledgement: what [`Socket::ack`] takes.
    pub ack: Option<AckId>,
    /// Its number among the events of the connection, from 0.
    pub position: u64,
}

/// An acknowledgement from the server.
#[derive(PartialEq)]
#[non_exhaustive]
pub struct Ack {
    /// Its arguments.
    pub args: Vec<Value>,
    /// How many events came before it: those whose [`position`](Event::position) is not lower came after it.
    pub position: u64,
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack").field("args", &self.args.len()).field("position", &self.position).finish()
    }
}

impl fmt::Debug for Event {
    // Arguments carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("args", &self.args.len())
            .field("ack", &self.ack)
            .finish()
    }
}

/// Names an event that waits for its acknowledgement. It can be used once.
#[derive(Debug, PartialEq, Eq)]
pub struct AckId(u64);

enum Command {
    Send(String),
    Close,
}

/// A handle to a connection. The connection ends when all handles and its [`Events`] are dropped.
#[derive(Clone)]
pub struct Socket {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    namespace: Arc<str>,
    clock: SharedClock,
    driver: AbortHandle,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("namespace", &self.namespace)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Socket {
    /// Hands an event to the connection. It waits up to 30 s while too many (64) are queued.
    ///
    /// # Errors
    /// [`SocketError::Closed`], and [`SocketError::QueueFull`] after these 30 s.
    pub async fn emit(&self, event: &str, args: &[Value]) -> Result<(), SocketError> {
        self.command(Command::Send(packet::event(&self.namespace, None, event, args))).await
    }

    /// Sends an event and waits for its acknowledgement. Dropping the future gives up the wait.
    ///
    /// # Errors
    /// [`SocketError::Timeout`] once `limit` has passed, [`SocketError::Closed`] as soon as the connection
    /// ends, [`SocketError::TooManyPending`], [`SocketError::QueueFull`] as [`emit`](Self::emit), and
    /// [`SocketError::Protocol`] where the answer has attachments.
    pub async fn emit_with_ack(
        &self,
        event: &str,
        args: &[Value],
        limit: Duration,
    ) -> Result<Vec<Value>, SocketError> {
        self.ask(event, args, limit).await.map(|ack| ack.args)
    }

    /// As [`emit_with_ack`](Self::emit_with_ack); tells where among the events the acknowledgement came.
    ///
    /// # Errors
    /// As [`emit_with_ack`](Self::emit_with_ack).
    pub async fn ask(&self, event: &str, args: &[Value], limit: Duration) -> Result<Ack, SocketError> {
        let (pending, answer) = Pending::new(&self.shared)?;
        let frame = packet::event(&self.namespace, Some(pending.id()), event, args);
        let exchange = async {
            self.command(Command::Send(frame)).await?;
            answer.await.unwrap_or_else(|_| Err(self.shared.closed_error()))
        };
        timeout(&self.clock, limit, exchange).await.unwrap_or(Err(SocketError::Timeout))
    }

    /// Acknowledges an event. It waits as [`emit`](Self::emit) does.
    ///
    /// # Errors
    /// [`SocketError::Closed`] and [`SocketError::QueueFull`].
    pub async fn ack(&self, id: AckId, args: &[Value]) -> Result<(), SocketError> {
        self.command(Command::Send(packet::ack(&self.namespace, id.0, args))).await
    }

    /// Closes the connection and waits until it has ended. Frames queued before are still sent, but after
    /// 5 s the connection is dropped without them and without a goodbye.
    pub async fn close(&self) {
        let orderly = async {
            // A failure means that it has ended already.
            let _ = self.commands.send(Command::Close).await;
            self.commands.closed().await;
        };
        if timeout(&self.clock, CLOSE_LIMIT, orderly).await.is_none() {
            self.shared.close(OURS);
            self.driver.abort();
        }
    }

    /// Whether the connection has not ended yet.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.reason().is_none()
    }

    /// How many events were dropped because [`Events`] was not read in time.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.shared.dropped_events()
    }

    /// How many incoming frames were dropped: malformed, binary, or with attachments.
    #[must_use]
    pub fn dropped_packets(&self) -> u64 {
        self.shared.dropped_packets()
    }

    async fn command(&self, command: Command) -> Result<(), SocketError> {
        if !self.is_connected() {
            return Err(self.shared.closed_error());
        }
        match timeout(&self.clock, SEND_LIMIT, self.commands.send(command)).await {
            Some(sent) => sent.map_err(|_| self.shared.closed_error()),
            None => Err(SocketError::QueueFull),
        }
    }
}

/// The events of a connection, in order. When the queue is full the oldest event is dropped.
pub struct Events {
    shared: Arc<Shared>,
    // Keeps the connection open while events are read.
    _commands: mpsc::Sender<Command>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// The next event; `None` after the last one of a connection that has ended. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Event> {
        self.shared.next_event().await
    }

    /// Why the connection has ended; `None` while it lives.
    #[must_use]
    pub fn close_reason(&self) -> Option<String> {
        self.shared.reason()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.discard_events();
    }
}

/// Connects to the server at `base` (its scheme, host and port count) and joins the namespace.
///
/// Must run inside a tokio runtime, which also runs the connection afterwards.
///
/// # Errors
/// [`SocketError::Connect`] where there is no channel, [`SocketError::Refused`] where the server says no,
/// [`SocketError::Timeout`] after the connect timeout of `options`, and the errors of the handshake.
pub async fn connect<C: Connect>(
    connector: &C,
    base: &Url,
    options: SocketOptions,
    clock: SharedClock,
    limits: Limits,
) -> Result<(Socket, Events), SocketError> {
    let query = options.encoded_query();
    let mut handshake = Request::new(());
    *handshake.uri_mut() = options::handshake_url(base, &options, &query)
        .ok_or_else(|| TransportError::new(TransportErrorKind::Setup("the base URL is not usable".into())))
        .map_err(ConnectError::from)?;
    *handshake.headers_mut() = options.headers.clone();

    let limit = options.connect_timeout;
    let opening = async {
        let channel = connector.connect(handshake, limits).await?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared::new(options.event_queue, options.max_pending_acks));
        let events = Events { shared: Arc::clone(&shared), _commands: commands.clone() };
        let (ready, joined) = oneshot::channel();
        let machine =
            machine::Machine::new(options.protocol, options.namespace.clone(), &query, options.auth.as_ref());
        // If this future is dropped, so are the handles, which ends the task.
        let run = driver::run(channel, machine, queue, Arc::clone(&shared), clock.clone(), ready);
        let driver = tokio::spawn(run).abort_handle();
        joined.await.unwrap_or_else(|_| Err(shared.closed_error()))?;
        let namespace = options.namespace.as_str().into();
        Ok((Socket { commands, shared, namespace, clock: clock.clone(), driver }, events))
    };
    timeout(&clock, limit, opening).await.unwrap_or(Err(SocketError::Timeout))
}

#[cfg(test)]
mod tests;
