//! RPC over a WebSocket.

use rtc_core::transport::channel::{BoxChannel, Channel as _, Connect as _, ConnectError, Frame};
use rtc_core::{ErrorKind, Reason, TransportError, TransportErrorKind};

use crate::client::Client;
use crate::error::{Error, Result, SoraError, Stage};
use crate::model::Offer;
use crate::options::ClientOptions;

impl Client {
    /// A client of a WebSocket that carries the RPC, as the emulator and gateways offer it: a real Sora speaks
    /// RPC over a data channel only. The server's first message is an offer, which tells `rpc_methods` and whether
    /// frames are compressed; methods of the options, if any, are used instead. Messages of up to 1 MiB are read.
    ///
    /// # Errors
    /// The URL is not valid, a certificate, a header or the proxy cannot be used, the server is not reached in 5 s
    /// or refuses, or does not begin with an offer in 5 s.
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
        let invalid = || TransportError::new(TransportErrorKind::Setup("the URL is not valid".into()));
        let handshake = rtc_core::http::Request::get(url).body(()).map_err(|_| invalid())?;
        let config = &options.config;
        let opened = config.connector()?.connect(handshake, config.limits).await;
        let mut channel = opened.map_err(not_opened)?;
        let limit = config.limits.connect;
        let offer = rtc_core::timeout(&config.clock, limit, first_offer(&mut channel)).await;
        let offer = offer.ok_or_else(|| Error::new(Reason::Timeout(limit)))??;
        if options.rpc_methods.is_empty() && offer.rpc {
            options.rpc_methods = offer.rpc_methods;
        }
        options.compress = offer.compress.unwrap_or(options.compress);
        Self::connect(channel, options)
    }
}

/// Why there is no channel. What the server wrote with its refusal is not told.
fn not_opened(error: ConnectError) -> Error {
    match error {
        ConnectError::Transport(error) => error.into(),
        ConnectError::Refused(response) => {
            let status = response.status();
            let cause = format!("the server refused it with status {}", status.as_u16());
            let kind = ErrorKind::from_status(status);
            SoraError::NotConnected { stage: Stage::WebSocket, url: None, kind, cause }.sent()
        }
        other => TransportError::new(TransportErrorKind::Protocol).with_source(other).into(),
    }
}

/// The offer that the server begins with. Probes of liveness may come before it.
async fn first_offer(channel: &mut BoxChannel) -> Result<Offer> {
    loop {
        let offer = match channel.recv().await {
            Some(Ok(Frame::Text(text))) => Offer::parse(text.as_bytes()),
            Some(Ok(Frame::Binary(bytes))) => Offer::parse(&bytes),
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
            Some(Err(error)) => return Err(error.into()),
            _ => return Err(Error::new(Reason::Closed)),
        };
        return offer.map_err(|error| Error::new(Reason::Decode(error)));
    }
}
