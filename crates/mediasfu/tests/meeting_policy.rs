//! Where a meeting may be, who sees what there, and how often it is tried.

#![cfg(feature = "socketio")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/media.rs"]
#[allow(dead_code)]
mod media;

use std::time::{Duration, SystemTime};

use media::{LINK, Media, SECRET, ack, friendly, host, room};
use mediasfu::{
    AttemptLimiter, Client, ClientBuilder, ConnectMeeting, Credentials, Level, MediaSfuError, Meeting,
    MeetingOptions,
};
use rtc_core::testing::{LoopChannel, ManualClock};
use rtc_core::transport::channel::{Connect, ConnectError};
use rtc_core::{EndpointPolicy, ErrorKind, Limits, TransportError, TransportErrorKind, http};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn client(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    configure(Client::builder(Credentials::new("apiUser123", KEY)).proxy("")).build().unwrap()
}

fn to(link: &str) -> ConnectMeeting {
    ConnectMeeting::new(link).room_name("s12345678").secret(SECRET)
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    for link in [
        "https://169.254.169.254",
        "https://[fd00:ec2::254]",
        "https://10.0.0.7",
        "https://127.0.0.1:8443",
        "http://localhost:3000",
        "https://localhost",
        "http://media.example",
        "https://user:pass@media.example",
        "https://media.example/?a=b",
        "https://media.example/x",
        "https://media.example/media",
        "https://.mediasfu.com",
        "https://a..mediasfu.com",
        "https://",
        "ftp://media.example",
        "media.example",
    ] {
        let server = Media::new(friendly);
        let options = client(|builder| builder).meeting_options().connector(server.clone());
        let error = Meeting::connect(to(link), options).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false), "{link}: {error}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
        assert!(server.urls().is_empty(), "{link}");
    }
    // Nothing of a refused link counts as a failed attempt.
    let (clock, limiter) = limiter();
    for _ in 0..20 {
        let options = MeetingOptions::new().limiter(limiter.clone()).clock(clock.clone());
        assert!(Meeting::connect(to("https://10.0.0.7"), options).await.unwrap_err().violations().is_none());
    }
    assert_eq!(limiter.counted(" s12345678"), 0);
}

#[tokio::test]
async fn a_private_server_may_name_its_neighbours_and_itself() {
    for (endpoint, link) in [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3001"),
        ("http://127.0.0.1:3000", "http://localhost:3001"),
        ("https://10.1.2.3", "https://10.9.9.9"),
        // A name is trusted as far as it was configured.
        ("https://ce.internal", "https://ce.internal:8443"),
    ] {
        let server = Media::new(friendly);
        let options = client(|builder| builder.endpoint(endpoint)).meeting_options();
        Meeting::connect(to(link), options.connector(server.clone())).await.unwrap();
        assert_eq!(server.urls().len(), 1, "{link}");
    }
    let never = client(|builder| builder.endpoint("http://127.0.0.1:3000")).meeting_options();
    assert!(Meeting::connect(to("http://169.254.169.254"), never).await.is_err());
    let denied = MeetingOptions::new().endpoint_policy(EndpointPolicy::default().deny_host("mediasfu.com"));
    assert!(Media::new(friendly).enter_with(room(), denied).await.is_err());
    let allowed = MeetingOptions::new().allow_private(true);
    assert!(Media::new(friendly).enter_with(to("https://10.0.0.7"), allowed).await.is_ok());
}

/// What reaches a media server on 127.0.0.1 when the client's endpoint is `endpoint`: the head of the handshake.
async fn handshake(endpoint: &str, options: impl FnOnce(MeetingOptions) -> MeetingOptions) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = format!("http://{}", listener.local_addr().unwrap());
    let client = client(|builder| {
        let builder = builder.endpoint(endpoint).header("x-gateway-key", "gatewaykey");
        builder.header("origin", "https://of-the-client.example")
    });
    let meeting = Meeting::connect(to(&link), options(client.meeting_options()));
    let head = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    let (meeting, head) = tokio::join!(meeting, head);
    let error = meeting.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    head
}

#[tokio::test]
async fn extra_headers_go_only_to_servers_that_were_configured() {
    for (endpoint, trusted, shown) in [
        ("http://127.0.0.1:1", None, true),
        ("http://localhost:1", None, false),
        ("https://127.0.0.1:1", None, false),
        ("http://localhost:1", Some("127.0.0.1"), true),
        ("http://localhost:1", Some("27.0.0.1"), false),
    ] {
        let options = |options: MeetingOptions| match trusted {
            Some(host) => options.trusted_host(host),
            None => options,
        };
        let head = handshake(endpoint, options).await;
        assert!(head.starts_with("GET /socket.io/?EIO=4"), "{head}");
        assert_eq!(head.contains("gatewaykey"), shown, "{endpoint} {trusted:?} {head}");
        assert_eq!(head.contains("of-the-client.example"), shown, "{head}");
        assert!(!head.contains(KEY), "{head}");
    }
    let head = handshake("http://127.0.0.1:1", |options| options.origin("http://localhost:3000")).await;
    assert!(head.contains("http://localhost:3000") && !head.contains("of-the-client"), "{head}");
}

fn limiter() -> (ManualClock, AttemptLimiter) {
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
    let limiter = AttemptLimiter::new().with_clock(clock.clone());
    (clock, limiter)
}

fn refusing() -> Media {
    Media::greeting(friendly, vec![r#"44/media,{"message":"bad credentials"}"#.into()])
}

#[tokio::test]
async fn after_too_many_refusals_nothing_is_tried_for_a_while() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let client = client(|builder| builder.clock(clock.clone()));
    let server = refusing();
    let connect = |room: &str, server: &Media| {
        let request = ConnectMeeting::new(LINK).room_name(room).secret(SECRET);
        Meeting::connect(request, client.meeting_options().connector(server.clone()))
    };
    for _ in 0..10 {
        let error = connect("s1", &server).await.unwrap_err();
        assert_eq!(error.detail(), Some("bad credentials"));
    }
    let error = connect("s1", &server).await.unwrap_err();
    assert!(matches!(error.service(), Some(MediaSfuError::TooManyAttempts)) && !error.was_sent());
    assert_eq!((error.kind(), server.urls().len()), (ErrorKind::RateLimited, 10));
    // Another room is another matter.
    connect("s2", &Media::new(friendly)).await.unwrap();
    clock.advance(Duration::from_secs(3 * 60 * 60));
    connect("s1", &Media::new(friendly)).await.unwrap();
}

#[tokio::test]
async fn a_success_makes_good_even_if_the_member_is_not_let_in() {
    fn full(_: &str, _: &Value) -> Vec<String> {
        vec![ack(&json!({ "eventAtCapacity": true, "rtpCapabilities": null }))]
    }
    let (clock, limiter) = limiter();
    let options = || MeetingOptions::new().limiter(limiter.clone()).clock(clock.clone());
    for _ in 0..9 {
        refusing().enter_with(host(), options()).await.unwrap_err();
    }
    assert_eq!(limiter.counted(" s12345678"), 9);
    Media::new(full).enter_with(host(), options()).await.unwrap_err();
    assert_eq!(limiter.counted(" s12345678"), 0);
    // Without a limiter nothing is counted.
    for _ in 0..12 {
        assert_eq!(refusing().enter(host()).await.unwrap_err().kind(), ErrorKind::Other);
    }
}

/// Nobody is there.
#[derive(Debug)]
struct Nobody;

impl Connect for Nobody {
    type Channel = LoopChannel;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        Err(TransportError::new(TransportErrorKind::Connect).into())
    }
}

#[tokio::test]
async fn failures_of_the_network_count_as_the_official_sdks_count_them() {
    let (clock, limiter) = limiter();
    let options = || MeetingOptions::new().limiter(limiter.clone()).clock(clock.clone());
    let error = Meeting::connect(room(), options().connector(Nobody)).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, false));
    let silent = Media::greeting(friendly, Vec::new());
    let error = silent.enter_with(room(), options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(limiter.counted(" s12345678"), 2);
    // Input that breaks rules does not.
    assert!(Media::new(friendly).enter_with(room().islevel("9"), options()).await.is_err());
    assert!(
        Media::new(friendly).enter_with(room().member("x").islevel(Level::Host), options()).await.is_err()
    );
    assert_eq!(limiter.counted(" s12345678"), 2);
}
