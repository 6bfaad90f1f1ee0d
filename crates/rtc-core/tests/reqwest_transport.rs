//! The HTTP transport against raw sockets.
#![cfg(feature = "_reqwest")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use rtc_core::transport::reqwest::{HttpTransport, HttpTransportBuilder};
use rtc_core::transport::{Body, Limits, Transport, TransportError, TransportErrorKind as Kind};
use rtc_core::{EndpointPolicy, Trust};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[cfg(not(feature = "reqwest-rustls-ring"))]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(feature = "reqwest-rustls-ring")]
use rustls::crypto::ring as backend;

/// Reads a head (and what comes with it) from one connection.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut text).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(text).unwrap()
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let head = head(&mut stream).await;
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.unwrap();
    head
}

/// Serves one connection: reads the head, writes `text`, closes. Gives the head.
async fn serve(text: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served =
        tokio::spawn(async move { answer(listener.accept().await.unwrap().0, text.as_bytes()).await });
    (address, served)
}

async fn get(builder: HttpTransportBuilder, url: &str) -> Result<Response<Body>, TransportError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    builder.build().unwrap().send(request, Limits::default()).await
}

/// The whole chain of an error, as a person reads it.
fn text(error: &TransportError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[tokio::test]
async fn answer_arrives() {
    let (address, served) = serve("HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello").await;
    let request =
        Request::post(format!("http://{address}/p?q=1")).header("accept", "a/b").body("body".into());
    let transport = HttpTransport::builder().build().unwrap();
    let answer = transport.send(request.unwrap(), Limits::default()).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-a"]), (201, &"b".parse().unwrap()));
    assert_eq!(answer.body().length(), Some(5));
    assert_eq!(answer.into_body().collect(5).await.unwrap(), "hello");
    let sent = served.await.unwrap();
    assert!(sent.starts_with("POST /p?q=1 HTTP/1.1\r\n") && sent.contains("content-length: 4\r\n"), "{sent}");
    assert!(sent.contains("accept: a/b\r\n") && !sent.contains("user-agent"), "{sent}");
}

#[tokio::test]
async fn redirect_is_returned() {
    let (address, _) = serve("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
    let answer = get(HttpTransport::builder(), &format!("http://{address}/")).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (302, &"/x".parse().unwrap()));
}

#[tokio::test]
async fn refused_connection_is_unsent() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = get(HttpTransport::builder(), &format!("http://{address}/?k=canary")).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Connect) && error.is_unsent(), "{error:?}");
    assert!(!format!("{error:?} {}", text(&error)).contains("canary"));
}

#[tokio::test]
async fn reset_after_the_request_may_have_been_sent() {
    for answer in [None, Some("HTTP/1.1 200 OK\r\ncontent-le")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                None => stream.set_zero_linger().unwrap(),
            }
        });
        let error = get(HttpTransport::builder(), &format!("http://{address}/?k=canary")).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Interrupted) && !error.is_unsent(), "{error:?}");
        assert!(!format!("{error:?} {}", text(&error)).contains("canary"));
    }
}

#[tokio::test]
async fn another_protocol() {
    let (address, _) = serve("SSH-2.0-OpenSSH\r\n").await;
    let error = get(HttpTransport::builder(), &format!("http://{address}/")).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Protocol) && !error.is_unsent(), "{error:?}");
}

#[tokio::test]
async fn truncated_bodies_are_errors() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello",
    ] {
        let (address, _) = serve(text).await;
        let answer = get(HttpTransport::builder(), &format!("http://{address}/")).await.unwrap();
        let error = answer.into_body().collect(100).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Interrupted) && !error.is_unsent(), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let (address, _) = serve("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    let answer = get(HttpTransport::builder(), &format!("http://{address}/")).await.unwrap();
    let error = answer.into_body().collect(999).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::TooLarge { limit: 999 }), "{error:?}");
}

#[tokio::test]
async fn kept_connections_serve_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    let transport = HttpTransport::builder().build().unwrap();
    for _ in 0..2 {
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        let answer = transport.clone().send(request, Limits::default()).await.unwrap();
        answer.into_body().collect(0).await.unwrap();
    }
    served.await.unwrap();
}

#[tokio::test]
async fn only_absolute_http_urls() {
    for url in ["/path", "ws://127.0.0.1:1/", "ftp://host/?k=canary"] {
        let error = get(HttpTransport::builder(), url).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Setup(_)) && error.is_unsent(), "{error:?}");
        assert!(!format!("{error:?} {}", text(&error)).contains("canary"));
    }
}

#[tokio::test]
async fn a_proxy_is_used_but_not_for_loopback() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (proxy, proxied) = serve(ok).await;
    let builder = HttpTransport::builder().proxy(format!("http://u:p@localhost:{}", proxy.port()));
    for host in ["127.0.0.1", "localhost"] {
        let (address, direct) = serve(ok).await;
        get(builder.clone(), &format!("http://{host}:{}/", address.port())).await.unwrap();
        assert!(direct.await.unwrap().starts_with("GET / "));
    }
    let builder = builder.policy(EndpointPolicy::default().allow_insecure(true));
    get(builder, "http://name.invalid/").await.unwrap();
    let head = proxied.await.unwrap();
    assert!(head.starts_with("GET http://name.invalid/ ") && head.contains("proxy-authorization"), "{head}");
}

/// The environment of this process cannot be changed safely: another test runs in a process of its own.
#[test]
fn environment_proxies_are_not_for_loopback() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "answer_arrives"]).env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:1");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

struct Certificates {
    root_pem: String,
    server: (CertificateDer<'static>, PrivateKeyDer<'static>),
    client_pem: String,
}

fn certificates() -> Certificates {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &key);
    let leaf = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let (server, server_key) = leaf("localhost");
    let (client, client_key) = leaf("client");
    Certificates {
        root_pem: root.pem(),
        server: (server.der().clone(), PrivateKeyDer::try_from(server_key.serialize_der()).unwrap()),
        client_pem: client.pem() + &client_key.serialize_pem(),
    }
}

/// Serves TLS connections; asks for a client certificate where `ask` is set. Gives the URL.
async fn serve_tls(certificates: &Certificates, ask: bool) -> String {
    let provider = Arc::new(backend::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if ask {
        let mut roots = rustls::RootCertStore::empty();
        let pem = certificates.root_pem.as_bytes();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let (certificate, key) = (certificates.server.0.clone(), certificates.server.1.clone_key());
    let config = builder.with_single_cert(vec![certificate], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let stream: TcpStream = listener.accept().await.unwrap().0;
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    });
    url
}

#[tokio::test]
async fn tls_with_an_extra_root() {
    let certificates = certificates();
    let url = serve_tls(&certificates, false).await;
    let trusting = HttpTransport::builder().root_certificate_pem(certificates.root_pem.as_str());
    let answer = get(trusting.clone(), &url).await.unwrap();
    assert_eq!(answer.into_body().collect(2).await.unwrap(), "ok");
    get(trusting, &url.replace("localhost", "127.0.0.1"))
        .await
        .expect_err("the name is not in the certificate");
    // The root store of the machine may even be empty: a foreign root takes its place.
    let foreign = self::certificates().root_pem;
    let error = get(HttpTransport::builder().root_certificate_pem(foreign), &url).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Connect) && error.is_unsent(), "{error:?}");
    assert!(text(&error).contains("invalid peer certificate"), "{}", text(&error));
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "nothing process-wide is installed");
}

#[tokio::test]
async fn a_handshake_that_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    // Bound but silent: the kernel takes the connection, nobody answers.
    let root = certificates().root_pem;
    let builder = HttpTransport::builder().root_certificate_pem(root);
    let builder = builder.connect_timeout(std::time::Duration::from_millis(5));
    let error = get(builder, &url).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::ConnectTimeout) && error.is_unsent(), "{error:?}");
}

#[tokio::test]
async fn tls_with_a_client_identity() {
    let certificates = certificates();
    let url = serve_tls(&certificates, true).await;
    let anonymous = HttpTransport::builder().root_certificate_pem(certificates.root_pem.as_str());
    let error = get(anonymous.clone(), &url).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Interrupted | Kind::Connect), "{error:?}");
    let known = anonymous.client_identity_pem(certificates.client_pem.as_str());
    get(known.clone(), &url).await.unwrap();
    // A host that an answer named is not told who we are.
    let transport = known.policy(EndpointPolicy::default().with_private_discovery(true)).build().unwrap();
    let request = Request::get(&url).body(Bytes::new()).unwrap();
    let found = transport.send(request, Limits::default().with_trust(Trust::Discovered)).await;
    assert!(matches!(found.unwrap_err().kind(), Kind::Interrupted | Kind::Connect));
}

#[test]
fn wrong_options_are_told_at_build() {
    let certificates = certificates();
    let key = certificates.client_pem.find("-----BEGIN PRIVATE").unwrap();
    let (chain, key) = certificates.client_pem.split_at(key);
    let broken =
        certificates.root_pem.replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nMIIB");
    let foreign = certificates.root_pem.clone() + key;
    let builder = HttpTransport::builder;
    for (builder, option) in [
        (builder().root_certificate_pem("garbage"), "root_certificate_pem"),
        (builder().root_certificate_pem(broken), "root_certificate_pem"),
        (builder().client_identity_pem("garbage"), "client_identity_pem"),
        (builder().client_identity_pem(chain), "client_identity_pem"),
        (builder().client_identity_pem(key), "client_identity_pem"),
        (builder().client_identity_pem(foreign), "client_identity_pem"),
        (builder().proxy("canary"), "proxy"),
        (builder().proxy("socks5://u:canary@host:1"), "proxy"),
    ] {
        assert!(!format!("{builder:?}").contains("canary"));
        let error = builder.build().unwrap_err();
        assert!(matches!(error.kind(), Kind::Setup(_)) && error.to_string().contains(option), "{error}");
        assert!(!text(&error).contains("canary"), "{error}");
    }
}
