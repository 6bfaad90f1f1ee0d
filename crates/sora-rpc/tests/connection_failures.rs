//! How connecting fails, step by step, against a server that follows a script.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::{Duration, SystemTime};

use rtc_core::ErrorKind;
use rtc_core::http::Request;
use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel as _, Connect, ConnectError, Frame, LoopChannel, pair};
use rtc_core::transport::{Limits, TransportError, TransportErrorKind};
use serde_json::{Value, json};
use sora_rpc::signaling::EndClass;
use sora_rpc::{Connection, ConnectionBuilder, ConnectionEvents, Error, SoraError, Stage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const URL: &str = "ws://127.0.0.1:9/signaling?token=canary";

/// Opens WebSockets that end in the test; none at URLs with `dead`.
#[derive(Debug)]
struct Desk(mpsc::UnboundedSender<(String, Limits, LoopChannel)>);

impl Connect for Desk {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: Request<()>, limits: Limits) -> Result<LoopChannel, ConnectError> {
        let url = handshake.uri().to_string();
        if url.contains("dead") {
            return Err(TransportError::new(TransportErrorKind::Connect).with_source("nobody there").into());
        }
        let (client, server) = pair();
        self.0.send((url, limits, server)).unwrap();
        Ok(client)
    }
}

type Connecting = JoinHandle<Result<(Connection, ConnectionEvents), Error>>;

struct Scene {
    clock: ManualClock,
    servers: mpsc::UnboundedReceiver<(String, Limits, LoopChannel)>,
    connecting: Connecting,
}

fn start(urls: &[&str], with: impl FnOnce(ConnectionBuilder) -> ConnectionBuilder) -> Scene {
    let (desk, servers) = mpsc::unbounded_channel();
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let builder = Connection::builder(urls.iter().copied(), "sora")
        .metadata(json!({ "token": "canary" }))
        .connector(Desk(desk))
        .clock(clock.clone());
    let connecting = tokio::spawn(with(builder).connect());
    Scene { clock, servers, connecting }
}

impl Scene {
    /// The next WebSocket, after its `connect` message.
    async fn server(&mut self) -> (LoopChannel, Value) {
        let (_, _, mut server) = self.servers.recv().await.unwrap();
        let Some(Ok(Frame::Text(connect))) = server.recv().await else { panic!("no connect") };
        (server, serde_json::from_str(&connect).unwrap())
    }

    /// The error of connecting. It shows no secret.
    async fn error(self) -> Error {
        let error = self.connecting.await.unwrap().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error} {error:?}");
        error
    }

    /// The same for a server that says this and no more.
    async fn after(mut self, message: Value) -> Error {
        let (mut server, _) = self.server().await;
        server.send(Frame::Text(message.to_string())).await.unwrap();
        self.error().await
    }
}

fn stage(error: &Error) -> (Stage, ErrorKind, &str) {
    match error.service() {
        Some(SoraError::NotConnected { stage, kind, cause, url, .. }) => {
            assert!(url.as_ref().is_none_or(|url| url.starts_with("ws")), "{url:?}");
            (*stage, *kind, cause)
        }
        other => panic!("{other:?}"),
    }
}

fn sdp(candidates: &[&str]) -> String {
    let mut sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\n\
        a=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 "
        .to_owned();
    sdp.push_str(&["AB"; 32].join(":"));
    sdp.push_str("\r\n");
    for candidate in candidates {
        sdp.push_str(&format!("a=candidate:1 1 udp 2130706431 {candidate} typ host\r\n"));
    }
    sdp
}

fn offer(members: Value) -> Value {
    let mut offer = json!({
        "type": "offer",
        "sdp": sdp(&["127.0.0.1 9"]),
        "connection_id": "C",
        "data_channels": [{ "label": "signaling", "direction": "sendrecv", "compress": false }],
        "config": { "iceServers": [], "iceTransportPolicy": "all" },
    });
    for (name, value) in members.as_object().unwrap() {
        offer[name] = value.clone();
    }
    offer
}

#[tokio::test]
async fn no_url_can_be_reached() {
    let urls = ["ws://localhost/dead?token=canary", "wss://a.example.com/dead2?token=canary"];
    let error = start(&urls, |builder| builder).error().await;
    let (stage, kind, cause) = stage(&error);
    assert_eq!((stage, kind), (Stage::WebSocket, ErrorKind::Connection));
    assert!(cause.contains("nobody there") && cause.contains("ws://localhost/dead"), "{cause}");
    assert!(error.to_string().contains("wss://a.example.com/dead2"), "{error}");
}

#[tokio::test]
async fn the_second_url_is_asked_when_the_first_is_dead() {
    let mut scene = start(&["ws://127.0.0.1/dead", URL], |builder| builder);
    let (_server, connect) = scene.server().await;
    assert_eq!(connect["channel_id"], "sora");
    assert_eq!(connect["data_channel_signaling"], true);
    assert_eq!((&connect["audio"], &connect["video"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn an_url_that_takes_too_long_leaves_time_for_the_next() {
    /// Never connects.
    #[derive(Debug)]
    struct Nowhere;
    impl Connect for Nowhere {
        type Channel = LoopChannel;
        async fn connect(&self, _: Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
            std::future::pending().await
        }
    }
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
    let builder = Connection::builder([URL, URL], "sora").connector(Nowhere).clock(clock.clone());
    let error = builder.connect().await.unwrap_err();
    assert_eq!(stage(&error).0, Stage::WebSocket);
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(clock.passed() <= Duration::from_secs(30), "{:?}", clock.passed());
}

#[tokio::test]
async fn a_server_that_never_offers_ends_with_the_limit() {
    let mut scene = start(&[URL], |builder| builder.timeout(Duration::from_secs(12)));
    let (_server, _) = scene.server().await;
    while scene.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    scene.clock.advance(Duration::from_secs(12));
    let error = scene.error().await;
    let (stage, kind, cause) = stage(&error);
    assert_eq!((stage, kind), (Stage::Offer, ErrorKind::Timeout));
    assert!(cause.contains("12s"), "{cause}");
    assert!(error.to_string().contains("ws://127.0.0.1:9/signaling"), "{error}");
}

#[tokio::test]
async fn offers_that_cannot_be_followed() {
    let sdp_of = |candidate| json!({ "sdp": sdp(&[candidate]) });
    let relay = json!({ "config": { "iceServers": [], "iceTransportPolicy": "relay" } });
    for (members, expected, words) in [
        (json!({ "sdp": "" }), (Stage::Offer, ErrorKind::Protocol), "no session description"),
        (json!({ "sdp": "canary" }), (Stage::Offer, ErrorKind::Protocol), "cannot be used"),
        (json!({ "data_channels": [] }), (Stage::Offer, ErrorKind::Unavailable), "data_channel_signaling"),
        (sdp_of("169.254.169.254 80"), (Stage::Offer, ErrorKind::InvalidInput), "endpoint policy"),
        (sdp_of("0a1b.local 5000"), (Stage::Offer, ErrorKind::InvalidInput), "are names"),
        (relay, (Stage::Relay, ErrorKind::InvalidInput), "TURN"),
    ] {
        let error = start(&[URL], |builder| builder).after(offer(members)).await;
        let (stage, kind, cause) = stage(&error);
        assert_eq!((stage, kind), expected, "{error}");
        assert!(cause.contains(words), "{cause}");
    }
}

#[tokio::test]
async fn candidates_on_private_addresses_are_the_users_decision() {
    let private = offer(json!({ "sdp": sdp(&["10.1.2.3 5000"]) }));
    let error = start(&["wss://sora.example.com/signaling"], |builder| builder).after(private).await;
    assert!(stage(&error).2.contains("allow_private"), "{error}");
}

#[tokio::test]
async fn nobody_answers_on_the_path() {
    let mut scene = start(&[URL], |builder| builder);
    let (mut server, _) = scene.server().await;
    server.send(Frame::Text(offer(json!({})).to_string())).await.unwrap();
    let Some(Ok(Frame::Text(answer))) = server.recv().await else { panic!() };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["type"], "answer");
    let sdp = answer["sdp"].as_str().unwrap();
    // All candidates are in it: one, on the address that leads to the server.
    assert_eq!(sdp.lines().filter(|line| line.starts_with("a=candidate:")).count(), 1, "{sdp}");
    assert!(sdp.contains(" 127.0.0.1 ") && sdp.contains("a=setup:active"), "{sdp}");
    let mut connecting = scene.connecting;
    let error = loop {
        scene.clock.advance(Duration::from_millis(250));
        tokio::task::yield_now().await;
        if connecting.is_finished() {
            break (&mut connecting).await.unwrap().unwrap_err();
        }
    };
    assert_eq!(stage(&error).0, Stage::Ice, "{error}");
    assert!(scene.clock.passed() <= Duration::from_secs(31));
}

#[tokio::test]
async fn a_server_that_refuses_tells_why_and_it_is_not_shown() {
    for (code, reason, kind, class) in [
        (4490, "canary: bad token", ErrorKind::PermissionDenied, EndClass::SignalingError),
        (4490, "INTERNAL-ERROR", ErrorKind::Unavailable, EndClass::SignalingError),
        (1000, "DISCONNECTED-API", ErrorKind::Closed, EndClass::ServerClose),
        (1006, "", ErrorKind::Closed, EndClass::WebsocketClosed),
    ] {
        let mut scene = start(&[URL], |builder| builder);
        let (mut server, _) = scene.server().await;
        if code == 1006 {
            drop(server);
        } else {
            server.send(Frame::Close { code, reason: reason.into() }).await.unwrap();
        }
        let error = scene.error().await;
        let Some(SoraError::Rejected(end)) = error.service() else { panic!("{error:?}") };
        assert_eq!((end.class, end.reason.as_str()), (class, reason));
        assert_eq!(error.kind(), kind);
        assert_eq!(error.detail(), Some(reason));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_same_request() {
    let mut scene = start(&[URL], |builder| builder.trusted_host("example.com"));
    let (mut server, first) = scene.server().await;
    let location = "ws://127.0.0.1:10/signaling?node=2";
    server.send(Frame::Text(json!({ "type": "redirect", "location": location }).to_string())).await.unwrap();
    let (url, limits, mut second) = scene.servers.recv().await.unwrap();
    assert_eq!(url, location);
    assert_eq!(limits.trust, rtc_core::Trust::Discovered);
    let Some(Ok(Frame::Text(text))) = second.recv().await else { panic!() };
    let mut connect: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(connect.as_object_mut().unwrap().remove("redirect"), Some(json!(true)));
    assert_eq!(connect, first);
    // The first WebSocket is closed.
    assert!(matches!(server.recv().await, None | Some(Ok(Frame::Close { .. }))));
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    let redirect = |location: &str| json!({ "type": "redirect", "location": location });
    for (from, location) in [
        ("wss://sora.example.com/signaling", "ws://127.0.0.1/signaling"),
        ("wss://sora.example.com/signaling", "wss://10.0.0.1/signaling?canary"),
        (URL, "https://sora.example.com/signaling"),
    ] {
        let error = start(&[from], |builder| builder).after(redirect(location)).await;
        let Some(SoraError::Rejected(end)) = error.service() else { panic!("{error:?}") };
        assert_eq!(end.class, EndClass::RedirectRefused);
    }
    let mut scene = start(&[URL], |builder| builder);
    for _ in 0..4 {
        let (mut server, _) = scene.server().await;
        server.send(Frame::Text(redirect(URL).to_string())).await.unwrap();
    }
    let error = scene.error().await;
    assert!(
        matches!(error.service(), Some(SoraError::Rejected(end)) if end.class == EndClass::RedirectRefused)
    );
}

#[tokio::test]
async fn giving_up_closes_the_websocket_and_ends_the_task() {
    let mut scene = start(&[URL], |builder| builder);
    let (mut server, _) = scene.server().await;
    scene.connecting.abort();
    assert!(matches!(server.recv().await, None | Some(Ok(Frame::Close { code: 1000, .. }))));
    drop(server);
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn it_needs_a_runtime() {
    let mut connect = Box::pin(Connection::builder([URL], "sora").connect());
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = connect.as_mut().poll(context) else { panic!() };
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn input_is_checked_before_anything_is_opened() {
    let refuse = |urls: &[&str], channel: &str| Connection::builder(urls.iter().copied(), channel).connect();
    for connect in [refuse(&[], "sora"), refuse(&["https://a.example.com"], "sora"), refuse(&[URL], "")] {
        let error = connect.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!error.was_sent());
    }
}
