//! Against coturn, where it is installed, and against servers that do what no real one does.

mod coturn;
mod failures;
mod log;

use std::time::Instant;

use rtc_core::{ClientConfig, EndpointPolicy};
use tokio::net::UdpSocket;

use self::coturn::Coturn;
use super::*;
use crate::model::IceServer;

const LIMIT: Duration = Duration::from_secs(10);
const PASSWORD: &str = "canary-password";

fn server(urls: &[String], password: &str) -> IceServer {
    let (username, credential) = (Some("user".to_owned()), Some(password.into()));
    IceServer { urls: urls.to_vec(), username, credential, ..IceServer::default() }
}

/// Servers of the tests are on loopback, whoever names them.
fn config() -> ClientConfig {
    let mut config = ClientConfig::new(LIMIT);
    config.policy = EndpointPolicy::default().with_private_discovery(true);
    config
}

async fn allocate(url: String, peers: &[IpAddr], config: &ClientConfig) -> Result<Relay, TransportError> {
    Relay::allocate(&[server(&[url], PASSWORD)], peers, config, LIMIT).await
}

/// An error with its sources. It never shows the password.
fn told(error: &TransportError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    assert!(!format!("{error:?} {error} {source}").contains("canary"), "{error:?}");
    format!("{error}: {source}")
}

/// Sends back whatever comes.
async fn echo(address: &str) -> SocketAddr {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..size], from).await;
        }
    });
    address
}

impl Relay {
    async fn recv(&mut self) -> Result<(SocketAddr, Bytes), TransportError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }
}

/// Sends `count` packets of 1,000 bytes, and waits for each to come back. Not all at once: between the relay and the peer
/// there are datagrams, even if there is a stream on this side, and the system drops what it has no room for.
async fn exchange(relay: &mut Relay, peer: SocketAddr, count: u32) {
    for first in (0..count).step_by(16) {
        let mut expected: Vec<u32> = (first..count.min(first + 16)).collect();
        for number in &expected {
            relay.send(peer, &number.to_be_bytes().repeat(250));
        }
        while !expected.is_empty() {
            let (from, packet) = relay.recv().await.unwrap();
            assert_eq!((from, packet.len()), (peer, 1000));
            let number = u32::from_be_bytes(packet[..4].try_into().unwrap());
            assert!(packet.chunks(4).all(|word| word == number.to_be_bytes()));
            expected.retain(|missing| *missing != number);
        }
    }
}

#[tokio::test]
async fn packets_pass_over_udp_tcp_and_tls() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let peer = echo("127.0.0.1:0").await;
    for url in [coturn.udp(), coturn.tcp(), coturn.tls()] {
        let mut relay = allocate(url.clone(), &[peer.ip()], &coturn.config()).await.unwrap();
        assert!(relay.address().ip().is_loopback() && relay.address().port() != 0, "{url}");
        exchange(&mut relay, peer, 1).await;
        exchange(&mut relay, peer, 64).await;
        assert!(!format!("{relay:?}").contains("canary"));
        released(relay).await;
    }
}

/// Closes the allocation, and waits until its port is closed, too.
async fn released(relay: Relay) {
    let address = relay.address();
    let start = Instant::now();
    relay.close().await;
    assert!(start.elapsed() < RELEASE, "the server has confirmed it");
    let probe = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    probe.connect(address).await.unwrap();
    while start.elapsed() < LIMIT {
        let refused = probe.send(b"?").await.is_err();
        let wait = tokio::time::timeout(Duration::from_millis(20), probe.recv(&mut [0; 10])).await;
        if refused || matches!(wait, Ok(Err(_))) {
            return;
        }
    }
    panic!("{address} is still open");
}

#[tokio::test]
async fn two_relays_talk_to_each_other() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let loopback = [IpAddr::from([127, 0, 0, 1])];
    let mut a = allocate(coturn.udp(), &loopback, &coturn.config()).await.unwrap();
    let mut b = allocate(coturn.tls(), &loopback, &coturn.config()).await.unwrap();
    a.send(b.address(), b"ping");
    let (to_b, to_a) = (b.address(), a.address());
    let a_to_b = async {
        assert_eq!(b.recv().await.unwrap(), (to_a, Bytes::from_static(b"ping")));
        b.send(to_a, b"pong");
        b.recv().await
    };
    tokio::select! {
        other = a_to_b => panic!("{other:?}"),
        answer = a.recv() => assert_eq!(answer.unwrap(), (to_b, Bytes::from_static(b"pong"))),
    }
}

#[tokio::test]
async fn ipv6() {
    let Some(coturn) = Coturn::start_on("::1", &["--allow-loopback-peers"]) else { return };
    let peer = echo("[::1]:0").await;
    let mut relay = allocate(coturn.udp(), &[peer.ip()], &coturn.config()).await.unwrap();
    assert!(relay.address().is_ipv6());
    exchange(&mut relay, peer, 2).await;
}

#[tokio::test]
async fn a_stale_nonce_stops_nothing() {
    let Some(coturn) = Coturn::start(&["--stale-nonce=1"]) else { return };
    tokio::join!(outlive_nonces(&coturn, coturn.udp()), outlive_nonces(&coturn, coturn.tcp()));
}

async fn outlive_nonces(coturn: &Coturn, url: String) {
    let (first, second) = (echo("127.0.0.1:0").await, echo("127.0.0.2:0").await);
    let mut relay = allocate(url, &[first.ip()], &coturn.config()).await.unwrap();
    talk(&mut relay, first).await;
    // This request is answered with 438 first, and so is the release.
    relay.permit(second.ip());
    relay.until(|relay| relay.asked.is_empty()).await.unwrap();
    talk(&mut relay, second).await;
    released(relay).await;
}

/// Until the nonce of the last request is stale: coturn counts in whole seconds.
async fn talk(relay: &mut Relay, peer: SocketAddr) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2200) {
        exchange(relay, peer, 1).await;
    }
}

#[tokio::test]
async fn servers_that_do_not_answer_are_passed_over() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("turn:{}", silent.local_addr().unwrap());
    let urls = [coturn.tcp(), "stun:127.0.0.1".to_owned(), silent];
    let start = Instant::now();
    let limit = Duration::from_secs(3);
    let relay = Relay::allocate(&[server(&urls, PASSWORD)], &[], &coturn.config(), limit).await.unwrap();
    assert!(matches!(relay.wire, Wire::Stream(_)));
    // UDP had its turn first, and half of the time.
    assert!(start.elapsed() >= limit / 2);
}
