//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rtc_core::transport::channel::Channel;
use rtc_core::{Reason, TransportError, TransportErrorKind};
use serde_json::Value;

use crate::call::{Call, Notification, Request};
use crate::driver::{Driver, Shared};
use crate::error::{Error, Result};
use crate::methods::{Message, Method};
use crate::model::Offer;
use crate::operation::{
    PutSignalingNotifyMetadata, PutSignalingNotifyMetadataItem, RequestSimulcastRid, RequestSpotlightRid,
    ResetSpotlightRid,
};
use crate::options::{CallOptions, ClientOptions};
use crate::peer::{Peer, Stats};

/// A client of one `rpc` data channel. Cheap to clone; the clones are one connection, which ends with the
/// last of them and its calls, or with [`Client::disconnect`].
#[derive(Debug, Clone)]
pub struct Client {
    handle: Arc<Handle>,
    options: CallOptions,
}

/// Keeps the connection: it ends when the last handle goes.
pub(crate) struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("pending", &self.0.state().peer.pending()).finish_non_exhaustive()
    }
}

/// The runtime that this is called in.
pub(crate) fn runtime() -> Result<tokio::runtime::Handle> {
    tokio::runtime::Handle::try_current().map_err(|error| {
        let kind = TransportErrorKind::Setup("it needs a tokio runtime around it".into());
        Error::new(Reason::Transport(TransportError::new(kind).with_source(error)))
    })
}

impl Client {
    /// A client of an open channel, driven by a task of the tokio runtime that this is called in (with its
    /// timer on, unless the options have a clock of their own).
    ///
    /// # Errors
    /// There is no tokio runtime here: use [`Client::with_driver`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sora_rpc::rtc_core::transport::channel::{Channel, Frame, pair};
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let (channel, mut server) = pair();
    /// let client = Client::connect(channel, ClientOptions::new().rpc_methods(["2025.2.0/ResetSpotlightRid"]))?;
    /// let call = tokio::spawn(client.call("2025.2.0/ResetSpotlightRid", None).into_future());
    /// assert!(matches!(server.recv().await, Some(Ok(Frame::Binary(_)))));
    /// server.send(Frame::Text(r#"{"jsonrpc":"2.0","id":1,"result":true}"#.into())).await?;
    /// assert_eq!(call.await??, true);
    /// # Ok(()) }
    /// ```
    pub fn connect(channel: impl Channel, options: ClientOptions) -> Result<Self> {
        let runtime = runtime()?;
        let (client, driver) = Self::with_driver(channel, options);
        runtime.spawn(driver);
        Ok(client)
    }

    /// A client of an open channel, and the future that drives it: to be run until it ends. Dropping the
    /// future ends the connection.
    pub fn with_driver(
        channel: impl Channel,
        options: ClientOptions,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let call = options.call;
        let (shared, outgoing) = Shared::new(options);
        let driver = Driver::new(channel, Arc::clone(&shared), outgoing);
        (Self { handle: Arc::new(Handle(shared)), options: call }, driver.run())
    }

    /// Calls any method. `params` is an object, a list, or none to leave them out; it is sent as it is.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use std::time::Duration;
    /// use sora_rpc::{Client, ClientOptions, SoraError};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// let call = client.call("2025.2.0/ResetSpotlightRid", None);
    /// let result = call.timeout(Duration::from_secs(2)).await?;
    /// assert_eq!(result["channel_id"], "emulator");
    ///
    /// // The version is part of the name.
    /// let error = client.call("ResetSpotlightRid", None).await.unwrap_err();
    /// assert!(matches!(error.service(), Some(SoraError::MethodNotPermitted { hint: Some(_), .. })));
    /// # Ok(()) }
    /// ```
    pub fn call(&self, method: impl Into<String>, params: impl Into<Option<Value>>) -> Call {
        Call::new(self.request(Message::raw(method, params.into())))
    }

    /// Calls a typed method: one of this crate's, or any that implements [`Method`].
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::rtc_core::Violations;
    /// use sora_rpc::rtc_core::encode::JsonObject;
    /// use sora_rpc::{Client, ClientOptions, Method};
    ///
    /// /// A method that this crate does not have, or not in this version.
    /// #[derive(Debug)]
    /// struct Reset<'a> { sender: &'a str }
    ///
    /// impl Method for Reset<'_> {
    ///     type Output = serde_json::Value;
    ///     const NAME: &'static str = "2025.2.0/ResetSpotlightRid";
    ///
    ///     fn validate(&self) -> Result<(), Violations> {
    ///         Ok(())
    ///     }
    ///
    ///     fn params(&self, object: JsonObject) -> JsonObject {
    ///         object.member("send_connection_id", self.sender)
    ///     }
    /// }
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// assert_eq!(client.typed(&Reset { sender: "SENDER" }).await?["channel_id"], "emulator");
    /// # Ok(()) }
    /// ```
    pub fn typed<M: Method>(&self, method: &M) -> Call<M::Output> {
        Call::new(self.request(Message::typed(method)))
    }

    /// Sends any method as a notification. Nothing answers it: a mistake stays unknown.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use serde_json::json;
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// client.notify("2025.2.0/RequestSimulcastRid", json!({ "rid": "r0" })).await?;
    /// assert_eq!(client.pending(), 0);
    /// # Ok(()) }
    /// ```
    pub fn notify(&self, method: impl Into<String>, params: impl Into<Option<Value>>) -> Notification {
        Notification::new(self.request(Message::raw(method, params.into())))
    }

    /// Sends a message that was made before, of a typed method for example, as a notification.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions, Message, RequestSimulcastRid, Rid};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// client.notify_message(Message::typed(&RequestSimulcastRid::new(Rid::R0))?).await?;
    /// assert_eq!(client.stats().notifications, 1);
    /// # Ok(()) }
    /// ```
    pub fn notify_message(&self, message: Message) -> Notification {
        Notification::new(self.request(Ok(message)))
    }

    /// Asks for an encoding of the simulcast video of one sender or of all.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions, RequestSimulcastRid, Rid};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// let asked = client.request_simulcast_rid(RequestSimulcastRid::new(Rid::R1)).await?;
    /// assert_eq!(asked.rid, Rid::R1);
    /// # Ok(()) }
    /// ```
    pub fn request_simulcast_rid(
        &self,
        request: RequestSimulcastRid,
    ) -> Call<<RequestSimulcastRid as Method>::Output> {
        self.typed(&request)
    }

    /// Asks for the encodings of the spotlight: one for those in focus, one for the others.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions, RequestSpotlightRid, Rid};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// let asked = client.request_spotlight_rid(RequestSpotlightRid::new(Rid::R2, Rid::None)).await?;
    /// assert_eq!(asked.spotlight_unfocus_rid, Rid::None);
    /// # Ok(()) }
    /// ```
    pub fn request_spotlight_rid(
        &self,
        request: RequestSpotlightRid,
    ) -> Call<<RequestSpotlightRid as Method>::Output> {
        self.typed(&request)
    }

    /// Leaves the encodings of the spotlight to the server again.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions, ResetSpotlightRid};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// assert_eq!(client.reset_spotlight_rid(ResetSpotlightRid::new()).await?.channel_id, "emulator");
    /// # Ok(()) }
    /// ```
    pub fn reset_spotlight_rid(
        &self,
        request: ResetSpotlightRid,
    ) -> Call<<ResetSpotlightRid as Method>::Output> {
        self.typed(&request)
    }

    /// Replaces the metadata that others see of this connection. The result is the server's, as JSON.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use serde_json::json;
    /// use sora_rpc::{Client, ClientOptions, PutSignalingNotifyMetadata};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// let request = PutSignalingNotifyMetadata::new(json!({ "name": "Ada" })).push(true);
    /// assert_eq!(client.put_signaling_notify_metadata(request).await?, json!({ "name": "Ada" }));
    /// # Ok(()) }
    /// ```
    pub fn put_signaling_notify_metadata(
        &self,
        request: PutSignalingNotifyMetadata,
    ) -> Call<<PutSignalingNotifyMetadata as Method>::Output> {
        self.typed(&request)
    }

    /// Sets one item of the metadata that others see of this connection. The result is the server's, as JSON.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions, PutSignalingNotifyMetadataItem};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// let request = PutSignalingNotifyMetadataItem::new("name", "Ada");
    /// assert_eq!(client.put_signaling_notify_metadata_item(request).await?["name"], "Ada");
    /// # Ok(()) }
    /// ```
    pub fn put_signaling_notify_metadata_item(
        &self,
        request: PutSignalingNotifyMetadataItem,
    ) -> Call<<PutSignalingNotifyMetadataItem as Method>::Output> {
        self.typed(&request)
    }

    /// The methods that the server permits on this connection. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sora_rpc::Error> {
    /// use sora_rpc::rtc_core::transport::channel::pair;
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let (channel, _server) = pair();
    /// let client = Client::connect(channel, ClientOptions::new().rpc_methods(["2026.1.0/New"]))?;
    /// assert_eq!(client.rpc_methods(), ["2026.1.0/New"]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rpc_methods(&self) -> Vec<String> {
        self.handle.shared().state().peer.rpc_methods().to_vec()
    }

    /// How many calls wait for their answers.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.handle.shared().state().peer.pending()
    }

    /// What was counted on this connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.shared().state().peer.stats()
    }

    /// Ends the connection. Every pending call ends with
    /// [`SoraError::Disconnected`](crate::SoraError::Disconnected), as does every later one.
    pub fn disconnect(&self) {
        self.handle.shared().close();
    }

    /// Takes in a later offer of the connection (a re-offer). Where it lists no `rpc` any more, or no methods, every
    /// pending call ends with [`SoraError::NotAvailable`](crate::SoraError::NotAvailable), as does every later
    /// one. Whether frames are compressed changes with the next one, if the offer says so at all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sora_rpc::rtc_core::transport::channel::pair;
    /// use sora_rpc::{Client, ClientOptions, Offer};
    ///
    /// let (channel, _server) = pair();
    /// let client = Client::connect(channel, ClientOptions::new())?;
    /// let offer = r#"{"type":"offer","data_channels":[{"label":"rpc"}],"rpc_methods":["2026.1.0/New"]}"#;
    /// client.offer(&Offer::parse(offer.as_bytes())?);
    /// assert_eq!(client.rpc_methods(), ["2026.1.0/New"]);
    /// # Ok(()) }
    /// ```
    pub fn offer(&self, offer: &Offer) {
        self.handle.shared().offer(offer);
    }

    /// Tells whether the data channel is open; it is at first. While it is not, calls are refused with
    /// [`SoraError::ChannelNotOpen`](crate::SoraError::ChannelNotOpen); pending ones stay.
    pub fn set_open(&self, open: bool) {
        self.handle.shared().set_open(open);
    }

    /// Waits until RPC can be used: the offer lists the data channel `rpc` and at least one method, and the channel
    /// is open. Not later than after `limit`; zero only looks.
    ///
    /// # Errors
    /// At once, as it will not be any more: [`SoraError::Disconnected`](crate::SoraError::Disconnected) or
    /// [`SoraError::Redirected`](crate::SoraError::Redirected). After the limit, what is amiss:
    /// [`SoraError::NotAvailable`](crate::SoraError::NotAvailable) or
    /// [`SoraError::ChannelNotOpen`](crate::SoraError::ChannelNotOpen).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use sora_rpc::rtc_core::transport::channel::pair;
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let (channel, _server) = pair();
    /// let client = Client::connect(channel, ClientOptions::new().rpc_methods(["2026.1.0/New"]))?;
    /// client.ready(Duration::from_secs(5)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self, limit: Duration) -> Result<()> {
        self.handle.shared().ready(limit).await
    }

    /// The server sent the client elsewhere: ends this connection. Every pending call ends with
    /// [`SoraError::Redirected`](crate::SoraError::Redirected), as does every later one.
    ///
    /// Gives the id to go on with on the new connection, as ids are not to be used twice; none once all have been
    /// used.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sora_rpc::rtc_core::transport::channel::pair;
    /// use sora_rpc::{Client, ClientOptions, PeerOptions};
    ///
    /// let (channel, _server) = pair();
    /// let client = Client::connect(channel, ClientOptions::new())?;
    /// let next = client.redirect().unwrap_or(1);
    /// let (channel, _other_server) = pair();
    /// let bounds = PeerOptions::new().first_id(next);
    /// let client = Client::connect(channel, ClientOptions::new().bounds(bounds))?;
    /// assert_eq!(client.next_id(), Some(next));
    /// # Ok(()) }
    /// ```
    #[allow(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn redirect(&self) -> Option<u64> {
        self.handle.shared().end(Peer::redirect);
        self.next_id()
    }

    /// The id of the next call; none once all have been used. For [`PeerOptions::first_id`](crate::PeerOptions::first_id)
    /// of the connection that follows this one.
    #[must_use]
    pub fn next_id(&self) -> Option<u64> {
        self.handle.shared().state().peer.next_id()
    }

    fn request(&self, message: Result<Message>) -> Request {
        Request { handle: Arc::clone(&self.handle), message, options: self.options }
    }
}
