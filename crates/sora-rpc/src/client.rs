//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use rtc_core::transport::channel::Channel;
use rtc_core::{Reason, TransportError, TransportErrorKind};
use serde_json::Value;

use crate::call::{Call, Notification, Request};
use crate::driver::{Driver, Shared};
use crate::error::{Error, Result};
use crate::methods::{Message, Method};
use crate::operation::{
    PutSignalingNotifyMetadata, PutSignalingNotifyMetadataItem, RequestSimulcastRid, RequestSpotlightRid,
    ResetSpotlightRid,
};
use crate::options::{CallOptions, ClientOptions};
use crate::peer::Stats;

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

impl Client {
    /// A client of an open channel, driven by a task of the tokio runtime that this is called in (with its
    /// timer on, unless the options have a clock of their own).
    ///
    /// # Errors
    /// There is no tokio runtime here: use [`Client::with_driver`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rtc_core::transport::channel::{Channel, Frame, pair};
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
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
            let kind = TransportErrorKind::Setup("it needs a tokio runtime around it".into());
            Error::new(Reason::Transport(TransportError::new(kind).with_source(error)))
        })?;
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
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let (channel, _server) = rtc_core::transport::channel::pair();
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

    fn request(&self, message: Result<Message>) -> Request {
        Request { handle: Arc::clone(&self.handle), message, options: self.options }
    }
}

#[cfg(feature = "websocket")]
impl Client {
    /// A client of a WebSocket that carries the RPC, as the emulator and gateways offer it: a real Sora speaks
    /// RPC over a data channel only. The server's first message is an offer, which tells `rpc_methods`; those
    /// of the options, if any, are used instead. Messages of up to 1 MiB are read.
    ///
    /// # Errors
    /// The URL is not valid, the server is not reached in 5 s or refuses, or does not begin with an offer in 5 s.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let url = emulator.sora().rpc_url();
    /// use sora_rpc::{Client, ClientOptions};
    ///
    /// let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    /// assert_eq!(client.rpc_methods().len(), 5);
    /// # Ok(()) }
    /// ```
    pub async fn connect_websocket(url: &str, mut options: ClientOptions) -> Result<Self> {
        use rtc_core::ClientConfig;
        use rtc_core::transport::Limits;
        use rtc_core::transport::channel::{Connect as _, ConnectError};

        const FIRST: std::time::Duration = std::time::Duration::from_secs(5);
        let setup = |message: &str| TransportError::new(TransportErrorKind::Setup(message.into()));
        let handshake =
            rtc_core::http::Request::get(url).body(()).map_err(|_| setup("the URL is not valid"))?;
        let connector = match options.connector.take() {
            Some(connector) => connector,
            None => ClientConfig::new(FIRST).connector()?,
        };
        let opened = connector.connect(handshake, Limits::default()).await;
        let mut channel = opened.map_err(|error| match error {
            ConnectError::Transport(error) => error,
            other => TransportError::new(TransportErrorKind::Protocol).with_source(other),
        })?;
        let first = rtc_core::timeout(&options.clock, FIRST, channel.recv()).await;
        let offer = offer_of(first.ok_or_else(|| Error::new(Reason::Timeout(FIRST)))?)?;
        if options.rpc_methods.is_empty() && offer.rpc {
            options.rpc_methods = offer.rpc_methods;
        }
        Self::connect(channel, options)
    }
}

#[cfg(feature = "websocket")]
fn offer_of(
    first: Option<std::result::Result<rtc_core::transport::channel::Frame, TransportError>>,
) -> Result<crate::model::Offer> {
    use rtc_core::transport::channel::Frame;

    let offer = match first {
        Some(Ok(Frame::Text(text))) => crate::model::Offer::parse(text.as_bytes()),
        Some(Ok(Frame::Binary(bytes))) => crate::model::Offer::parse(&bytes),
        Some(Err(error)) => return Err(error.into()),
        _ => return Err(Error::new(Reason::Closed)),
    };
    offer.map_err(|error| Error::new(Reason::Decode(error)))
}
