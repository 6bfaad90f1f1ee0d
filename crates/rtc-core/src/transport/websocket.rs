//! WebSocket channels.

mod handshake;
mod proxy;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use url::{Host, Url};

pub use self::proxy::Proxy;
use super::channel::{Channel, Connect, ConnectError, Frame};
use super::stream::Io;
use super::{Limits, TransportError, TransportErrorKind};
use crate::clock::{Clock, SharedClock, timeout};
use crate::config::ClientConfig;
use crate::endpoint::EndpointPolicy;

/// Gives the TLS set-up when the first `wss` connection asks for it.
#[cfg(feature = "_reqwest")]
pub(crate) type TlsProvider =
    std::sync::Arc<dyn Fn() -> Result<std::sync::Arc<rustls::ClientConfig>, String> + Send + Sync>;

/// Opens WebSockets. `wss` needs one of the TLS features.
#[derive(Clone, Default)]
pub struct WebSocketConnector {
    policy: EndpointPolicy,
    headers: HeaderMap,
    proxy: Proxy,
    clock: SharedClock,
    #[cfg(feature = "_reqwest")]
    tls: Option<TlsProvider>,
}

impl WebSocketConnector {
    /// A connector with the default endpoint policy, the environment's proxies and the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The connector with these settings.
    pub(crate) fn of(config: &ClientConfig) -> Result<Self, TransportError> {
        let proxy = match &config.proxy {
            Some(proxy) if proxy.is_empty() => Proxy::Direct,
            Some(proxy) => {
                Proxy::Url(Url::parse(proxy.expose()).map_err(|_| setup("the proxy is not a URL"))?)
            }
            None => Proxy::Environment,
        };
        let connector = Self::new()
            .with_policy(config.policy.clone())
            .with_headers(config.header_map()?)
            .with_proxy(proxy)
            .with_clock(config.clock.clone());
        #[cfg(feature = "_reqwest")]
        let connector = {
            use super::tls::{TlsOptions, client_config};
            let options =
                TlsOptions::new(&config.root_certificates, config.client_identity.as_ref()).map_err(setup)?;
            connector.with_tls(std::sync::Arc::new(move || client_config(&options, false)))
        };
        Ok(connector)
    }

    /// Sets which addresses may be talked to. Behind a proxy it is the proxy that resolves names, so only
    /// the URL is checked there, not the address.
    #[must_use]
    pub fn with_policy(mut self, policy: EndpointPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets headers for every handshake; those of the handshake itself win.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sets how proxies are chosen.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets the clock that measures the connect limit.
    #[must_use]
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets where the TLS set-up comes from.
    #[cfg(feature = "_reqwest")]
    #[must_use]
    pub(crate) fn with_tls(mut self, tls: TlsProvider) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Everything below the WebSocket: TCP, directly or through a proxy, then TLS, where `protocol` (ALPN) is offered.
    pub(super) async fn dial(
        &self,
        url: &Url,
        limits: Limits,
        protocol: Option<&str>,
    ) -> Result<Box<dyn Io>, TransportError> {
        let (host, port) = host_and_port(url)?;
        let tcp = match self.proxy.choose(url, |name| std::env::var(name).ok())? {
            // The user chose the proxy, and it resolves the target: there is no address to check here.
            Some(proxy) => {
                let (proxy_host, proxy_port) = host_and_port(&proxy)?;
                let mut tcp = self.tcp(&proxy_host, proxy_port, limits, false).await?;
                handshake::tunnel(&mut tcp, url, port, &proxy).await?;
                tcp
            }
            None => self.tcp(&host, port, limits, true).await?,
        };
        if url.scheme() == "wss" { self.secure(host, tcp, protocol).await } else { Ok(Box::new(tcp)) }
    }

    async fn tcp(
        &self,
        host: &str,
        port: u16,
        limits: Limits,
        check: bool,
    ) -> Result<TcpStream, TransportError> {
        let end = self.clock.monotonic() + limits.connect.min(Duration::from_secs(3600));
        let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(connect)?.collect();
        let mut failure = TransportError::new(TransportErrorKind::Connect).with_source("no address");
        let mut left = addresses.len();
        for address in addresses {
            let verdict = self.policy.check_address(host, address.ip(), limits.trust);
            let share =
                end.saturating_duration_since(self.clock.monotonic()) / u32::try_from(left).unwrap_or(1);
            left -= 1;
            failure = match verdict {
                Err(error) if check => TransportError::new(TransportErrorKind::Blocked(error)),
                // An address that swallows packets must leave time for the ones after it.
                _ => match timeout(&self.clock, share, TcpStream::connect(address)).await {
                    Some(Ok(tcp)) => {
                        tcp.set_nodelay(true).map_err(connect)?;
                        return Ok(tcp);
                    }
                    Some(Err(error)) => connect(error),
                    None => TransportError::new(TransportErrorKind::ConnectTimeout),
                },
            };
        }
        Err(failure)
    }

    #[cfg(not(feature = "_reqwest"))]
    async fn secure(
        &self,
        _host: String,
        _tcp: TcpStream,
        _protocol: Option<&str>,
    ) -> Result<Box<dyn Io>, TransportError> {
        Err(setup("wss needs a TLS feature"))
    }

    #[cfg(feature = "_reqwest")]
    async fn secure(
        &self,
        host: String,
        tcp: TcpStream,
        protocol: Option<&str>,
    ) -> Result<Box<dyn Io>, TransportError> {
        let provider = self.tls.as_ref().ok_or_else(|| setup("wss needs a TLS set-up"))?;
        let mut config = provider().map_err(setup)?;
        if !config.alpn_protocols.is_empty() {
            // The set-up may be shared with HTTP; an upgrade is HTTP/1.1 only.
            let protocols = protocol.map(|name| name.as_bytes().to_vec()).into_iter().collect();
            std::sync::Arc::make_mut(&mut config).alpn_protocols = protocols;
        }
        let name = rustls::pki_types::ServerName::try_from(host).map_err(connect)?;
        let tls = tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.map_err(connect)?;
        Ok(Box::new(tls))
    }
}

impl fmt::Debug for WebSocketConnector {
    // Headers hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketConnector")
            .field("policy", &self.policy)
            .field("headers", &self.headers.len())
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl Connect for WebSocketConnector {
    type Channel = WebSocketChannel;

    async fn connect(
        &self,
        handshake: Request<()>,
        limits: Limits,
    ) -> Result<WebSocketChannel, ConnectError> {
        let url = Url::parse(&handshake.uri().to_string()).map_err(|_| setup("the URL is not valid"))?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(setup("the URL is neither ws nor wss").into());
        }
        self.policy
            .check(&url, limits.trust)
            .map_err(|error| TransportError::new(TransportErrorKind::Blocked(error)))?;
        let late = || TransportError::new(TransportErrorKind::ConnectTimeout);
        let start = self.clock.monotonic();
        let mut stream = timeout(&self.clock, limits.connect, self.dial(&url, limits, Some("http/1.1")))
            .await
            .ok_or_else(late)??;
        let rest = limits.connect.saturating_sub(self.clock.monotonic().saturating_duration_since(start));
        let limit = usize::try_from(limits.body).unwrap_or(usize::MAX);

        let mut read = bytes::BytesMut::new();
        let upgrade = handshake::upgrade(&mut stream, &mut read, &handshake, &self.headers);
        let accepted =
            timeout(&self.clock, rest, upgrade).await.ok_or_else(|| late().with_unsent(false))??;
        if let Err(head) = accepted {
            let rest = limits.connect.saturating_sub(self.clock.monotonic().saturating_duration_since(start));
            // A body that does not arrive in time is cut short: the status is what counts.
            let body = handshake::read_body(&mut stream, &mut read, &head, limit);
            let _ = timeout(&self.clock, rest, body).await;
            let body = handshake::decode_body(&head, &read, limit);
            return Err(ConnectError::Refused(Box::new(head.map(|()| body))));
        }
        let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
        let socket =
            WebSocketStream::from_partially_read(stream, read.to_vec(), Role::Client, Some(config)).await;
        Ok(WebSocketChannel { socket, limit: limits.body, ended: false })
    }
}

/// An open WebSocket. Pings are answered by it.
pub struct WebSocketChannel {
    socket: WebSocketStream<Box<dyn Io>>,
    limit: u64,
    ended: bool,
}

impl fmt::Debug for WebSocketChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketChannel").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Channel for WebSocketChannel {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let message = message_of(frame)?;
        let limit = self.limit;
        let mut socket = Pin::new(&mut self.socket);
        let sent = async {
            poll_fn(|cx| socket.as_mut().poll_ready(cx)).await?;
            socket.as_mut().start_send(message)?;
            poll_fn(|cx| socket.as_mut().poll_flush(cx)).await
        };
        sent.await.map_err(|error| error_of(error, limit))
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        if self.ended {
            return None;
        }
        // One poll function without a state of its own: dropping it loses nothing.
        let next = poll_fn(|cx| {
            let mut socket = Pin::new(&mut self.socket);
            loop {
                let next = std::task::ready!(socket.as_mut().poll_next(cx));
                if matches!(next, Some(Ok(Message::Ping(_) | Message::Close(_)))) {
                    // The answer is queued; without this it would wait for the next call.
                    let _ = socket.as_mut().poll_flush(cx);
                }
                match next.map(|message| message.map(frame_of)) {
                    Some(Ok(None)) => {}
                    Some(Ok(Some(frame))) => break std::task::Poll::Ready(Some(Ok(frame))),
                    Some(Err(error)) => break std::task::Poll::Ready(Some(Err(error))),
                    None => break std::task::Poll::Ready(None),
                }
            }
        })
        .await;
        self.ended = !matches!(next, Some(Ok(_)));
        Some(next?.map_err(|error| error_of(error, self.limit)))
    }
}

/// The largest payload of a control frame; a close code takes two bytes of it.
const CONTROL: usize = 125;

fn message_of(frame: Frame) -> Result<Message, TransportError> {
    Ok(match frame {
        Frame::Text(text) => Message::Text(text.into()),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping(bytes) | Frame::Pong(bytes) if bytes.len() > CONTROL => {
            return Err(TransportError::new(TransportErrorKind::Protocol)
                .with_source("a ping carries at most 125 bytes")
                .with_unsent(true));
        }
        Frame::Ping(bytes) => Message::Ping(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        // These two only stand for an absent code and an absent frame: they are never sent.
        Frame::Close { code: 1005 | 1006, .. } => Message::Close(None),
        Frame::Close { code, mut reason } => {
            let mut end = reason.len().min(CONTROL - 2);
            while !reason.is_char_boundary(end) {
                end -= 1;
            }
            reason.truncate(end);
            Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
        }
    })
}

fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(Some(frame)) => {
            Frame::Close { code: frame.code.into(), reason: frame.reason.as_str().to_owned() }
        }
        Message::Close(None) => Frame::Close { code: 1005, reason: String::new() },
        Message::Frame(_) => return None,
    })
}

fn error_of(error: WsError, limit: u64) -> TransportError {
    let kind = match &error {
        WsError::Capacity(_) => TransportErrorKind::TooLarge { limit },
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::SendAfterClosing) => TransportErrorKind::Closed,
        WsError::Io(_) | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            TransportErrorKind::Interrupted
        }
        _ => TransportErrorKind::Protocol,
    };
    // A full write buffer would bring the whole message along: its name is enough.
    let source = if let WsError::WriteBufferFull(_) = error {
        "the write buffer is full".into()
    } else {
        error.to_string()
    };
    TransportError::new(kind).with_source(source)
}

fn connect(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(TransportErrorKind::Connect).with_source(error)
}

fn setup(message: impl Into<String>) -> TransportError {
    TransportError::new(TransportErrorKind::Setup(message.into()))
}

/// The host as resolvers and certificates write it: an IPv6 address without brackets.
fn host_and_port(url: &Url) -> Result<(String, u16), TransportError> {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(setup("the URL names no host")),
    };
    Ok((host, url.port_or_known_default().unwrap_or(80)))
}

#[cfg(all(test, feature = "_reqwest"))]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    #[cfg(not(feature = "reqwest-rustls-ring"))]
    use rustls::crypto::aws_lc_rs as crypto;
    #[cfg(feature = "reqwest-rustls-ring")]
    use rustls::crypto::ring as crypto;

    #[tokio::test]
    async fn wss() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(crypto::default_provider());
        let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        // A server that would rather speak HTTP/2.
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
                    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                    let message = poll_fn(|cx| Pin::new(&mut socket).poll_next(cx)).await.unwrap().unwrap();
                    poll_fn(|cx| Pin::new(&mut socket).poll_ready(cx)).await.unwrap();
                    Pin::new(&mut socket).start_send(message).unwrap();
                    poll_fn(|cx| Pin::new(&mut socket).poll_flush(cx)).await.unwrap();
                }
            }
        });

        let connector = |roots: rustls::RootCertStore| {
            let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let config = Arc::new(config);
            WebSocketConnector::new().with_tls(Arc::new(move || Ok(config.clone())))
        };
        let handshake =
            || Request::builder().uri(format!("wss://localhost:{}/", address.port())).body(()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let mut channel = connector(roots).connect(handshake(), Limits::default()).await.unwrap();
        channel.send(Frame::Text("hi".into())).await.unwrap();
        assert_eq!(channel.recv().await.unwrap().unwrap(), Frame::Text("hi".into()));

        for (connector, expected) in [
            (connector(rustls::RootCertStore::empty()), "could not connect"),
            (WebSocketConnector::new(), "not usable"),
        ] {
            match connector.connect(handshake(), Limits::default()).await {
                Err(ConnectError::Transport(error)) => {
                    assert!(error.is_unsent() && error.to_string().contains(expected), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
