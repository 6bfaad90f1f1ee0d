//! The handles of a connected channel.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rtc_core::{BoxFuture, Reason, Violations, timeout};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::driver::Driver;
use super::event::Event;
use super::message::{Message, Outgoing};
use super::opener::Opener;
use super::options::SignalingOptions;
use super::queued::{Queued, closed};
use super::shared::Shared;
use crate::error::{Error, Result};
use crate::handle::Peer;
use crate::operation::{SendAnswer, SendIceCandidate, SendOffer};

/// How many messages wait to be sent before sending waits.
const QUEUE: usize = 64;

/// Connects to a channel when awaited.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Connecting {
    opener: std::result::Result<Opener, Violations>,
    options: SignalingOptions,
}

impl Connecting {
    pub(crate) fn new(opener: std::result::Result<Opener, Violations>) -> Self {
        Self { opener, options: SignalingOptions::default() }
    }

    /// With these options.
    pub fn options(mut self, options: SignalingOptions) -> Self {
        self.options = options;
        self
    }
}

impl IntoFuture for Connecting {
    type Output = Result<(Signaling, SignalingEvents)>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let opener = self.opener?;
            let channel = opener.open().await?;
            let shared = Arc::new(Shared::new(&self.options));
            let (queue, messages) = mpsc::channel(QUEUE);
            let (ending, ended) = watch::channel(());
            let (peer, max_payload) = (opener.peer.clone(), self.options.max_payload);
            let client = opener.client.clone();
            let driver = Driver::new(opener, self.options, Arc::clone(&shared), messages, channel);
            let task = tokio::spawn(driver.run(ending)).abort_handle();
            let inner = Inner {
                client,
                peer,
                max_payload,
                shared: Arc::clone(&shared),
                queue,
                ended,
                task,
                names: Names::default(),
            };
            Ok((Signaling(Arc::new(inner)), SignalingEvents(shared)))
        })
    }
}

/// A connected channel, as its master or as a viewer. Cheap to clone; dropping the last clone ends the connection at
/// once, [`close`](Self::close) in an orderly way.
///
/// It stays connected: it connects anew when the service says `GO_AWAY` or `RECONNECT_ICE_SERVER`, when the connection
/// comes near the age of an hour, and when it is lost. Where it can, it makes the new connection before it leaves the
/// old one. The [events](SignalingEvents) tell of it.
///
/// Messages are sent no faster than the service takes them: 5 offers and answers and 20 candidates per second. While
/// there is no connection, sending waits for one, at most for the client's total time limit.
#[derive(Clone)]
pub struct Signaling(Arc<Inner>);

struct Inner {
    client: crate::Client,
    peer: Peer,
    max_payload: usize,
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    /// Ends when the task has ended.
    ended: watch::Receiver<()>,
    task: AbortHandle,
    names: Names,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Signaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signaling")
            .field("peer", &self.0.peer)
            .field("connected", &self.is_connected())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

impl Signaling {
    /// As whom the channel is connected.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Sends an SDP offer.
    ///
    /// # Errors
    /// See [`Sending`].
    pub fn send_offer(&self, request: SendOffer) -> Sending {
        self.send(request)
    }

    /// Sends an SDP answer.
    ///
    /// # Errors
    /// See [`Sending`].
    pub fn send_answer(&self, request: SendAnswer) -> Sending {
        self.send(request)
    }

    /// Sends an ICE candidate.
    ///
    /// # Errors
    /// See [`Sending`].
    pub fn send_ice_candidate(&self, request: SendIceCandidate) -> Sending {
        self.send(request)
    }

    /// Sends any of them, or once more a message that was not delivered.
    ///
    /// # Errors
    /// See [`Sending`].
    pub fn send(&self, request: impl Message) -> Sending {
        let message = Outgoing::checked(request, &self.0.peer, self.0.max_payload);
        Sending { signaling: self.clone(), message }
    }

    /// Tells the candidates of a peer (none: the master) that are held back as events, and how many they are. From
    /// now on its candidates are told as they come. For [`SignalingOptions::explicit_drain`].
    pub fn drain(&self, sender: Option<&str>) -> usize {
        self.0.shared.drain(sender)
    }

    /// Whether there is a connection now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.shared.is_connected()
    }

    /// How many messages have no end yet: not sent, not shown to have arrived, or their refusal waited for.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.shared.pending()
    }

    /// How many candidates are held back.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.0.shared.buffered()
    }

    /// How many events wait to be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.0.shared.unread()
    }

    /// How many messages the service delivered a second time on another connection; they were not told again.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.0.shared.repeated()
    }

    /// Waits until there will be no connection any more, whoever ended it.
    pub async fn closed(&self) {
        let mut ended = self.0.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Closes the connection and waits until it is closed, a few seconds at most. What waits to be sent fails, what
    /// arrives before the service's goodbye is still told.
    pub async fn close(&self) {
        self.0.shared.close();
        self.closed().await;
    }

    async fn submit(&self, message: Outgoing, watch: Option<oneshot::Sender<Result<()>>>) -> Result<()> {
        let unsent = || Error::new(Reason::Closed);
        if self.0.shared.is_closing() {
            return Err(unsent());
        }
        let (written, outcome) = oneshot::channel();
        let started = Arc::new(AtomicBool::new(false));
        let queued = Queued {
            message,
            written: Some(written),
            watch,
            started: Arc::clone(&started),
            _ticket: self.0.shared.ticket(),
        };
        let sending = async {
            self.0.queue.send(queued).await.map_err(|_| unsent())?;
            outcome.await.unwrap_or_else(|_| Err(unsent()))
        };
        let limit = self.0.client.shared().limit;
        let sent = timeout(self.0.client.caller().clock(), limit, sending).await;
        sent.unwrap_or_else(|| {
            let started = started.load(Ordering::Relaxed);
            Err(Error::new(Reason::Timeout(limit)).with_exchange(u32::from(started), started))
        })
    }
}

/// Sends a message when awaited, and ends when the connection has taken it.
///
/// The service confirms nothing. A message that it cannot be shown to have when the connection is lost is told as
/// [`Event::Undelivered`], however this future ended.
///
/// # Errors
/// Validation, a recipient that a viewer names or a master does not, a payload that is too long: nothing is sent then.
/// `Closed` after the end; a timeout, unsent, while there is no connection; what the connection breaks with.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Sending {
    signaling: Signaling,
    message: std::result::Result<Outgoing, Violations>,
}

impl Sending {
    /// Sends the message and waits until it is known what became of it.
    ///
    /// The service says nothing about a message that it takes, and tells a refusal only by correlation id; the message
    /// gets one if it has none. So this ends with the refusal if one comes; or well, when first the service has
    /// answered a ping that followed the message, which shows that it has it, and then no refusal has come for the
    /// [quiet time](SignalingOptions::quiet_time). That the peer has the message it does not show: the service keeps it
    /// for a peer that is not there yet.
    ///
    /// # Errors
    /// Those of sending; the refusal as [`KvsError::Api`](crate::KvsError::Api); of kind connection when the connection
    /// was lost before all this was known: the message may have arrived.
    pub async fn acknowledged(self) -> Result<()> {
        let mut message = self.message?;
        let name = || self.signaling.0.names.next();
        message.correlation_id.get_or_insert_with(name);
        let (watch, outcome) = oneshot::channel();
        self.signaling.submit(message, Some(watch)).await?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl IntoFuture for Sending {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.signaling.submit(self.message?, None).await })
    }
}

/// Correlation ids that no other client of the channel has.
struct Names {
    prefix: u64,
    next: AtomicU64,
}

impl Default for Names {
    fn default() -> Self {
        Self { prefix: fastrand::u64(..), next: AtomicU64::new(1) }
    }
}

impl Names {
    fn next(&self) -> String {
        format!("{:016x}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// The events of a connected channel, in order, [`Event::Connected`] first. Dropping it loses the events, not the
/// connection.
pub struct SignalingEvents(Arc<Shared>);

impl SignalingEvents {
    /// The next event; none after [`Event::Closed`], or once the last handle was dropped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.next().await
    }
}

impl Drop for SignalingEvents {
    fn drop(&mut self) {
        self.0.discard();
    }
}

impl fmt::Debug for SignalingEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalingEvents").field("unread", &self.0.unread()).finish_non_exhaustive()
    }
}
