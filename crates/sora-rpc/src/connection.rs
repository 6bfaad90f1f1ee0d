//! A whole connection: signaling over a WebSocket, and real data channels (ICE, DTLS, SCTP, TURN).
//!
//! One task drives a connection: the WebSocket, the UDP sockets or the relay, the state machines of WebRTC and of
//! [`signaling`](crate::signaling), and the client that speaks RPC. Media is not carried: what the server offers of it is
//! refused. For a stack of one's own, with media, see the example `own_channel`.

mod builder;
mod event;
mod lane;
mod link;
mod net;
mod relay;
mod sdp;
mod session;
mod steps;
mod task;
mod web;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rtc_core::{Bytes, Reason};
use tokio::sync::{mpsc, oneshot, watch};

use self::task::{Goodbye, Known, Message, Phase};
use crate::client::Client;
use crate::error::{Error, Result, SoraError};
use crate::model::Offer;
use crate::signaling::Counters;

pub use self::builder::ConnectionBuilder;
pub use self::event::{ConnectionEvent, ConnectionEvents};

/// A connection to a Sora server that stands. Cheap to clone; dropping the last clone ends it without a word, and with it
/// all its calls; [`Connection::disconnect`] takes leave.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

/// Dropping the senders ends the task.
struct Inner {
    known: Arc<Mutex<Known>>,
    phase: watch::Receiver<Phase>,
    messages: mpsc::Sender<Message>,
    goodbyes: mpsc::Sender<Goodbye>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("phase", &*self.inner.phase.borrow())
            .field("connection_id", &self.offer().connection_id)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Starts to set up a connection to a channel, over the first of these URLs (`wss://…/signaling`) that can be
    /// reached.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use serde_json::json;
    /// use sora_rpc::{Connection, PutSignalingNotifyMetadataItem};
    ///
    /// let (connection, _events) =
    ///     Connection::builder([url], channel_id).metadata(json!({ "token": "…" })).connect().await?;
    /// let rpc = connection.rpc();
    /// let request = PutSignalingNotifyMetadataItem::new("name", "Ada");
    /// assert_eq!(rpc.put_signaling_notify_metadata_item(request).await?["name"], "Ada");
    /// connection.disconnect().await?;
    /// # Ok(()) }
    /// ```
    pub fn builder(
        urls: impl IntoIterator<Item = impl Into<String>>,
        channel_id: impl Into<String>,
    ) -> ConnectionBuilder {
        ConnectionBuilder::new(urls.into_iter().map(Into::into).collect(), channel_id.into())
    }

    /// Starts to set up a connection from the environment: `SORA_SIGNALING_URLS` (several with commas between them),
    /// `SORA_CHANNEL_ID` and, if set, `SORA_METADATA` (JSON).
    ///
    /// # Errors
    /// Validation: one of the first two is not set, or the metadata is not JSON.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// use sora_rpc::Connection;
    ///
    /// let (connection, _events) = Connection::from_env()?.connect().await?;
    /// println!("{:?}", connection.rpc().rpc_methods());
    /// # Ok(()) }
    /// ```
    pub fn from_env() -> Result<ConnectionBuilder> {
        ConnectionBuilder::from_env()
    }

    /// The client that speaks RPC on this connection. After a redirect it is another one, which goes on counting.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::{Connection, RequestSimulcastRid, Rid};
    ///
    /// let (connection, _events) = Connection::builder([url], channel_id).connect().await?;
    /// let asked = connection.rpc().request_simulcast_rid(RequestSimulcastRid::new(Rid::R1)).await?;
    /// assert_eq!(asked.rid, Rid::R1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rpc(&self) -> Client {
        self.known().client
    }

    /// The offer in force: ids, permitted methods, data channels.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::Connection;
    ///
    /// let (connection, _events) = Connection::builder([url], channel_id).connect().await?;
    /// let offer = connection.offer();
    /// assert!(offer.rpc && offer.rpc_methods.contains(&"2025.2.0/RequestSimulcastRid".to_owned()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn offer(&self) -> Arc<Offer> {
        self.known().offer
    }

    /// What signaling has received, and dropped: messages of all data channels but `rpc`, and of the WebSocket. For the
    /// answers to calls see [`Client::stats`](crate::Client::stats).
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::Connection;
    ///
    /// let (connection, _events) = Connection::builder([url], channel_id).connect().await?;
    /// let counters = connection.counters();
    /// assert!(counters.received >= 2 && counters.dropped_malformed == 0); // The offer, and `switched`.
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.known().counters
    }

    /// Whether the connection stands. It does when it is made; during a redirect it does not.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(*self.inner.phase.borrow(), Phase::Ready)
    }

    /// Waits until the connection stands, again after a redirect. Cancel-safe.
    ///
    /// # Errors
    /// [`SoraError::Disconnected`]: it has ended.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::Connection;
    ///
    /// let (connection, _events) = Connection::builder([url], channel_id).connect().await?;
    /// connection.ready().await?;
    /// connection.disconnect().await?;
    /// assert!(connection.ready().await.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self) -> Result<()> {
        let mut phase = self.inner.phase.clone();
        // An end of the task is an end of the connection.
        let reached = phase.wait_for(|phase| !matches!(phase, Phase::Connecting)).await;
        match reached.as_deref() {
            Ok(Phase::Ready) => Ok(()),
            _ => Err(ended()),
        }
    }

    /// Sends a message over a data channel of one's own (`#label`), compressed where the offer says so. Waits while too
    /// much is under way. Done means handed to SCTP, not that anybody has it.
    ///
    /// # Errors
    /// Nothing is sent: the data channel is not open or not for sending, the message is larger than the server takes
    /// ([`SoraError::TooLarge`]), or the connection has ended.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::{Connection, DataChannel, Direction};
    ///
    /// let chat = DataChannel::new("#chat", Direction::SendRecv);
    /// let (connection, _events) = Connection::builder([url], channel_id).data_channel(chat).connect().await?;
    /// connection.send("#chat", "hello").await?;
    /// assert!(connection.send("#other", "hello").await.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, label: impl Into<String>, data: impl Into<Bytes>) -> Result<()> {
        let (done, sent) = oneshot::channel();
        let message = Message { label: label.into(), data: data.into(), done };
        self.inner.messages.send(message).await.map_err(|_| ended())?;
        sent.await.map_err(|_| ended())?
    }

    /// Takes leave: tells the server, waits until it has closed its data channels (10 s at most), and closes everything.
    /// Calls that were waiting end with [`SoraError::Disconnected`]. Nothing to do where the connection has ended.
    ///
    /// # Errors
    /// A timeout: the server did not close in time. The connection has ended all the same.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    /// use sora_rpc::signaling::EndClass;
    /// use sora_rpc::{Connection, ConnectionEvent};
    ///
    /// let (connection, mut events) = Connection::builder([url], channel_id).connect().await?;
    /// connection.disconnect().await?;
    /// while let Some(event) = events.next().await {
    ///     if let ConnectionEvent::Ended(end) = event {
    ///         assert_eq!(end.class, EndClass::ClientDisconnectDone);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn disconnect(&self) -> Result<()> {
        let (goodbye, closed) = oneshot::channel();
        if self.inner.goodbyes.send(goodbye).await.is_err() {
            return Ok(());
        }
        match closed.await {
            Ok(false) => Err(Error::new(Reason::Timeout(steps::LEAVE)).with_exchange(1, true)),
            // It has ended otherwise in the meantime.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    fn known(&self) -> Known {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn ended() -> Error {
    Error::refused(SoraError::Disconnected)
}
