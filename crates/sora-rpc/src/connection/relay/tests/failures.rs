//! What goes wrong, and what is said about it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn wrong_credentials_are_named_at_once() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    for urls in [vec![coturn.udp(), coturn.tcp()], vec![coturn.tcp(), coturn.tls()]] {
        let start = Instant::now();
        let servers = [server(&urls, "canary-wrong")];
        let error = Relay::allocate(&servers, &[], &coturn.config(), LIMIT).await.unwrap_err();
        let text = told(&error);
        assert!(text.contains("refuses the credentials") && text.contains("(401)"), "{text}");
        // The other URL of the same entry was not asked.
        assert_eq!(text.matches("401").count(), 1, "{text}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    // Another entry was.
    let servers = [server(&[coturn.udp()], "canary-wrong"), server(&[coturn.udp()], PASSWORD)];
    Relay::allocate(&servers, &[], &coturn.config(), LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_killed_server_ends_the_allocation() {
    for carrier in [Coturn::udp, Coturn::tcp, Coturn::tls] {
        let Some(mut coturn) = Coturn::start(&[]) else { return };
        let peer = echo("127.0.0.1:0").await;
        let mut relay = allocate(carrier(&coturn), &[peer.ip()], &coturn.config()).await.unwrap();
        exchange(&mut relay, peer, 1).await;
        coturn.kill();
        // Over UDP it shows when more is sent.
        let error = loop {
            relay.send(peer, b"?");
            if let Ok(end) = tokio::time::timeout(Duration::from_millis(20), relay.recv()).await {
                break end.unwrap_err();
            }
        };
        assert!(matches!(error.kind(), TransportErrorKind::Interrupted), "{error:?}");
        assert!(told(&error).contains("TURN server"), "{error:?}");
        relay.send(peer, b"?");
        relay.permit(peer.ip());
        relay.close().await;
    }
}

#[tokio::test]
async fn refusals_are_explained() {
    let Some(coturn) = Coturn::start(&["--user-quota=1"]) else { return };
    let first = allocate(coturn.udp(), &[], &coturn.config()).await.unwrap();
    let error = allocate(coturn.udp(), &[], &coturn.config()).await.unwrap_err();
    assert!(told(&error).contains("(486)"), "{error:?}");
    // A dropped one is given back, too: sooner or later, for nobody waits for it.
    drop(first);
    let start = Instant::now();
    while let Err(error) = allocate(coturn.udp(), &[], &coturn.config()).await {
        assert!(start.elapsed() < LIMIT, "{error:?}");
    }

    let Some(coturn) = Coturn::start_on("127.0.0.1", &[]) else { return };
    let error = allocate(coturn.udp(), &[[127, 0, 0, 1].into()], &coturn.config()).await.unwrap_err();
    assert!(told(&error).contains("forbids relaying") && told(&error).contains("(403)"), "{error:?}");
}

/// A limit of turn-client-proto: see the verdict.
#[tokio::test]
async fn a_short_lifetime_ends_the_allocation_and_is_explained() {
    let Some(coturn) = Coturn::start(&["--max-allocate-lifetime=2"]) else { return };
    let mut relay = allocate(coturn.udp(), &[], &coturn.config()).await.unwrap();
    let error = relay.recv().await.unwrap_err();
    let text = told(&error);
    assert!(text.contains("keeps allocations for 2 s only"), "{text}");
    assert!(matches!(error.kind(), TransportErrorKind::Interrupted), "{error:?}");
}

#[tokio::test]
async fn tls_is_checked() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let unknown = allocate(coturn.tls(), &[], &config()).await.unwrap_err();
    let misnamed = allocate(coturn.misnamed_tls(), &[], &coturn.config()).await.unwrap_err();
    for error in [unknown, misnamed] {
        assert!(told(&error).to_lowercase().contains("certificate"), "{error:?}");
    }
}

#[tokio::test]
async fn an_unreachable_server_costs_the_limit_and_no_more() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = [
        format!("turn:{}", silent.local_addr().unwrap()),
        format!("turn:{}?transport=tcp", listener.local_addr().unwrap()),
    ];
    let start = Instant::now();
    let limit = Duration::from_millis(400);
    let error = Relay::allocate(&[server(&urls, PASSWORD)], &[], &config(), limit).await.unwrap_err();
    assert!(matches!(error.kind(), TransportErrorKind::ConnectTimeout), "{error:?}");
    assert_eq!(told(&error).matches("no allocation in").count(), 2, "{error:?}");
    assert!(start.elapsed() >= limit && start.elapsed() < LIMIT);
}

#[tokio::test]
async fn what_cannot_be_used_is_said_before_anything_is_sent() {
    let without = IceServer { urls: vec!["turn:127.0.0.1".into()], ..IceServer::default() };
    let stun = server(&["stun:127.0.0.1:9".to_owned(), "turns:h?transport=udp".to_owned()], PASSWORD);
    let mut long = server(&["turn:127.0.0.1".to_owned()], PASSWORD);
    long.username = Some("canary".repeat(100));
    for (servers, expected) in
        [(vec![], "no TURN server"), (vec![without, stun], "no TURN server"), (vec![long], "513 bytes")]
    {
        let error = Relay::allocate(&servers, &[], &config(), LIMIT).await.unwrap_err();
        assert!(matches!(error.kind(), TransportErrorKind::Setup(_)), "{error:?}");
        assert!(told(&error).contains(expected), "{error:?}");
    }
    // An offer from elsewhere must not point into this machine.
    let remote = ClientConfig::new(LIMIT);
    for url in ["turn:127.0.0.1:9", "turn:127.0.0.1:9?transport=tcp", "turns:localhost:9", "turn:localhost:9"]
    {
        let error = allocate(url.to_owned(), &[], &remote).await.unwrap_err();
        assert!(told(&error).contains("loopback"), "{url}: {error:?}");
    }
}

/// Starts of messages, whole ones that make no sense, and what is no message at all.
fn nonsense() -> Vec<Vec<u8>> {
    // The answer to an allocation: refused without a realm and a nonce; granted without an address.
    let refused = [0x01, 0x13, 0, 8, 0x21, 0x12, 0xA4, 0x42, 0, 9, 0, 4, 0, 0, 4, 1];
    let granted = [0x01, 0x03, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    let with_id = |head: &[u8], body: &[u8]| [head, &[0; 12], body].concat();
    vec![
        with_id(&refused[..8], &refused[8..]),
        with_id(&granted, &[]),
        granted.to_vec(),
        vec![0, 0x17, 0xFF, 0xFC, 0x21, 0x12, 0xA4, 0x42],
        vec![0x40, 0, 0, 4, 1, 2, 3, 4],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0xFF; 1500],
        Vec::new(),
    ]
}

/// The same with the id of the request, as far as it has room for one.
fn answer(request: &[u8], nonsense: &[u8]) -> Vec<u8> {
    let mut answer = nonsense.to_vec();
    if let (Some(id), Some(asked)) = (answer.get_mut(8..20), request.get(8..20)) {
        id.copy_from_slice(asked);
    }
    answer
}

#[tokio::test]
async fn nonsense_ends_in_an_error() {
    for nonsense in nonsense() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let urls = [
            format!("turn:{}", udp.local_addr().unwrap()),
            format!("turn:{}?transport=tcp", tcp.local_addr().unwrap()),
        ];
        let fake = async {
            let mut buffer = [0; 1500];
            let datagrams = async {
                loop {
                    let (size, from) = udp.recv_from(&mut buffer).await.unwrap();
                    udp.send_to(&answer(&buffer[..size], &nonsense), from).await.unwrap();
                }
            };
            let streams = async {
                loop {
                    let (mut stream, _) = tcp.accept().await.unwrap();
                    let mut buffer = [0; 1500];
                    let size = stream.read(&mut buffer).await.unwrap();
                    stream.write_all(&answer(&buffer[..size], &nonsense)).await.unwrap();
                    // And no more comes.
                    let _ = stream.shutdown().await;
                }
            };
            tokio::join!(datagrams, streams)
        };
        let servers = [server(&urls, PASSWORD)];
        let (config, limit) = (config(), Duration::from_millis(300));
        tokio::select! {
            _ = fake => unreachable!(),
            result = Relay::allocate(&servers, &[], &config, limit) => {
                let text = told(&result.unwrap_err());
                assert!(text.contains("over UDP: ") && text.contains("over TCP: "), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn queues_are_bounded() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let mut relay = allocate(coturn.tcp(), &[[127, 0, 0, 1].into()], &coturn.config()).await.unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], 9));
    for _ in 0..3000 {
        relay.send(to, &[7; 1200]);
    }
    assert!(relay.waiting <= QUEUE);
    let size = relay.waiting;
    relay.send(to, &[7; PACKET + 1]);
    relay.send("192.0.2.1:9".parse().unwrap(), b"not permitted");
    assert_eq!(relay.waiting, size);
}
