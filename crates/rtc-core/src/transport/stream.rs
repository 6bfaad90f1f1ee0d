//! Streams of bytes, opened as WebSockets are: with the same policy, proxies, certificates and clock. For protocols
//! of a provider that are neither HTTP nor WebSocket.

use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::websocket::WebSocketConnector;
use super::{Limits, TransportError, TransportErrorKind};
use crate::clock::timeout;
use crate::config::ClientConfig;

/// A duplex stream of bytes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Opens a stream to a port of a host (a name or an address, IPv6 without brackets), over TLS if `tls` says so. No
/// application protocol is offered there (ALPN), and the certificate must be that of the host.
///
/// # Errors
/// The policy refuses the address, it is not reached in the time that `limits` give, TLS fails, or a certificate or
/// the proxy of the configuration cannot be used.
pub async fn open(
    config: &ClientConfig,
    host: &str,
    port: u16,
    tls: bool,
    limits: Limits,
) -> Result<Box<dyn Io>, TransportError> {
    let invalid =
        || TransportError::new(TransportErrorKind::Setup("the host is not a name or an address".into()));
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut url = Url::parse(&format!("wss://{host}:{port}")).map_err(|_| invalid())?;
    // Judged as if it were encrypted: whether plain text is good enough is the protocol's business.
    let verdict = config.policy.check(&url, limits.trust);
    verdict.map_err(|error| TransportError::new(TransportErrorKind::Blocked(error)))?;
    if !tls {
        url.set_scheme("ws").map_err(|()| invalid())?;
    }
    let connector = WebSocketConnector::of(config)?;
    let opened = timeout(&config.clock, limits.connect, connector.dial(&url, limits, None)).await;
    opened.ok_or_else(|| TransportError::new(TransportErrorKind::ConnectTimeout))?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::endpoint::Trust;

    #[tokio::test]
    async fn bytes_pass_where_the_policy_allows() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = ClientConfig::new(Duration::from_secs(5));
        let limits = Limits::default();
        let (stream, accepted) =
            tokio::join!(open(&config, "127.0.0.1", port, false, limits), listener.accept());
        let (mut stream, mut peer) = (stream.unwrap_or_else(|e| panic!("{e:?}")), accepted.unwrap().0);
        stream.write_all(b"hi").await.unwrap();
        stream.flush().await.unwrap();
        let mut read = [0; 2];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hi");

        let kind = |host, limits| {
            let config = &config;
            async move {
                open(config, host, port, false, limits).await.err().map(|error| error.kind().to_string())
            }
        };
        let found = limits.with_trust(Trust::Discovered);
        for (host, limits, expected) in [
            ("127.0.0.1", found, "127.0.0.1 is a loopback address"),
            ("::1", found, "::1 is a loopback address"),
            ("localhost", found, "localhost is the loopback host"),
            ("a b", limits, "the host is not a name or an address"),
        ] {
            let kind = kind(host, limits).await.unwrap();
            assert!(kind.contains(expected), "{host}: {kind}");
        }
    }
}
