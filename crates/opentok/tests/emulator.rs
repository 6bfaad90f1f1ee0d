//! Whole flows against the emulated service, faults included.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

use std::time::{Duration, SystemTime};

use mockito::Server;
use opentok::{
    ArchiveMode, Client, ClientBuilder, CreateSession, Credentials, DecodeSessionId, GenerateToken,
    MediaMode, OpenTokError, Role, TokenFault, TokenFormat, VerifyToken,
};
use rtc_core::{ErrorKind, Reason, RetryPolicy, Rule};
use rtc_emulator::{Action, DropWhen, Emulator, EmulatorClock, Fault, RetryAfter};
use serde_json::json;

const DEADLINE: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(10);

fn builder(emulator: &Emulator) -> ClientBuilder {
    let access = emulator.opentok();
    let builder = Client::builder(Credentials::new(access.api_key(), access.api_secret()));
    builder.endpoint(access.url()).timeout(LONG).retry(RetryPolicy::default().with_base(Duration::ZERO))
}

fn sessions(emulator: &Emulator) -> usize {
    emulator.state()["opentok"]["sessions"].as_object().unwrap().len()
}

#[tokio::test]
async fn from_a_session_to_a_verified_token() {
    let emulator = Emulator::start().await.unwrap();
    let client = builder(&emulator).build().unwrap();
    let request = CreateSession::new()
        .media_mode(MediaMode::Routed)
        .archive_mode(ArchiveMode::Always)
        .archive_name("Monday & more")
        .location("12.34.56.78");
    let session = client.create_session(request).await.unwrap();
    let key = emulator.opentok().api_key();
    assert_eq!(session.project_id.as_deref(), Some(key));
    let kept = &emulator.state()["opentok"]["sessions"][&session.session_id]["options"];
    let expected = json!({
        "p2p.preference": "disabled", "archiveMode": "always", "archiveName": "Monday & more",
        "location": "12.34.56.78",
    });
    assert_eq!(*kept, expected);

    let parts = Client::decode_session_id(DecodeSessionId::new(session.id())).unwrap();
    assert_eq!((parts.api_key.as_str(), parts.location.as_deref()), (key, Some("12.34.56.78")));
    assert!(parts.create_time_ms.is_some());

    for format in [TokenFormat::Jwt, TokenFormat::T1] {
        let request = GenerateToken::new(session.id()).role(Role::Moderator).token_type(format.clone());
        let token = client.generate_token(request.connection_data("name=J")).unwrap();
        let verified = client.verify_token(VerifyToken::new(token.expose())).unwrap();
        assert_eq!(verified.session_id(), Some(session.session_id.as_str()));
        assert_eq!((verified.role(), verified.connection_data()), (Some(Role::Moderator), Some("name=J")));
        assert_eq!(verified.format, format);
    }
    assert_eq!(emulator.requests("create_session").len(), 1, "all else is local");
    assert!(!format!("{:?}", emulator.log()).contains("eyJ"));
}

#[tokio::test]
async fn many_sessions_at_once() {
    let emulator = Emulator::start().await.unwrap();
    let client = builder(&emulator).build().unwrap();
    let calls: Vec<_> =
        (0..32).map(|_| tokio::spawn(client.create_session(CreateSession::new()).into_future())).collect();
    let mut ids = std::collections::BTreeSet::new();
    for call in calls {
        ids.insert(call.await.unwrap().unwrap().session_id);
    }
    assert_eq!((ids.len(), sessions(&emulator)), (32, 32));
}

/// What a fault means for a session that was asked for.
struct Means {
    kind: Option<ErrorKind>,
    requests: usize,
    sessions: usize,
}

fn fails(kind: ErrorKind, sessions: usize) -> Means {
    Means { kind: Some(kind), requests: 1, sessions }
}

#[tokio::test]
async fn every_fault() {
    let mut other = Server::new_async().await;
    let never = other.mock("POST", mockito::Matcher::Any).expect(0).create_async().await;
    let status = |status, headers: &[(&str, &str)], body| {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Action::Status { status, headers, body }
    };
    let drop = |when| Action::Drop { when };
    let location = format!("{}/session/create", other.url());
    let seconds = |status, n| Action::RetryAfter { status, value: RetryAfter::Seconds(n) };
    let once_more = || Means { kind: None, requests: 2, sessions: 1 };
    for (action, means) in [
        (status(503, &[], json!(null)), fails(ErrorKind::Unavailable, 0)),
        (status(403, &[], json!({"code": 403})), fails(ErrorKind::Unauthenticated, 0)),
        (status(429, &[], json!("slow down")), once_more()),
        (Action::Delay { ms: 1 << 40 }, fails(ErrorKind::Timeout, 1)),
        (drop(DropWhen::Before), fails(ErrorKind::Connection, 0)),
        (drop(DropWhen::DuringHeaders), fails(ErrorKind::Connection, 1)),
        (drop(DropWhen::DuringBody), fails(ErrorKind::Connection, 1)),
        (drop(DropWhen::After), fails(ErrorKind::Connection, 1)),
        (Action::Truncate { bytes: 7 }, fails(ErrorKind::Connection, 1)),
        (Action::Slow { bytes_per_second: 1 }, fails(ErrorKind::Timeout, 1)),
        (Action::Garbage, fails(ErrorKind::Protocol, 1)),
        (Action::Huge { bytes: 64 << 20 }, fails(ErrorKind::Protocol, 1)),
        (Action::Redirect { location: location.clone(), status: 302 }, fails(ErrorKind::Protocol, 0)),
        (Action::Redirect { location, status: 307 }, fails(ErrorKind::Protocol, 0)),
        (seconds(429, 0), once_more()),
        (seconds(429, 3600), fails(ErrorKind::RateLimited, 0)),
        (seconds(503, 0), fails(ErrorKind::Unavailable, 0)),
        (Action::ClockSkew { seconds: 20 }, Means { kind: None, requests: 1, sessions: 1 }),
        (Action::ClockSkew { seconds: 3600 }, fails(ErrorKind::Unauthenticated, 0)),
        (Action::ClockSkew { seconds: -3600 }, fails(ErrorKind::Unauthenticated, 0)),
        (Action::Html { status: 502 }, fails(ErrorKind::Unavailable, 0)),
        (Action::Html { status: 200 }, fails(ErrorKind::Protocol, 0)),
    ] {
        // Its time stands still: what it delays never comes.
        let clock = EmulatorClock::manual(SystemTime::now());
        let emulator = Emulator::builder().clock(clock).start().await.unwrap();
        let fault = Fault::new(action.clone()).operation("create_session").times(1);
        emulator.add_fault(fault).unwrap();
        let slow = means.kind == Some(ErrorKind::Timeout);
        let client = builder(&emulator).timeout(if slow { DEADLINE } else { LONG }).build().unwrap();
        let result = client.create_session(CreateSession::new()).await;
        assert_eq!(result.as_ref().err().map(|e| e.kind()), means.kind, "{action:?} {result:?}");
        assert_eq!(emulator.requests("create_session").len(), means.requests, "{action:?}");
        assert_eq!(sessions(&emulator), means.sessions, "{action:?}");
        if let Err(error) = result {
            assert_eq!((error.attempts(), error.was_sent()), (1, true), "{action:?}");
            assert_eq!(error.is_retryable(), error.kind() == ErrorKind::RateLimited, "{action:?}");
        }
        // The fault is gone, and the client is as good as before.
        let client = builder(&emulator).build().unwrap();
        client.create_session(CreateSession::new()).await.unwrap();
        assert_eq!(sessions(&emulator), means.sessions + 1, "{action:?}");
    }
    never.assert_async().await;
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.opentok();
    for (key, secret, detail) in [
        (access.api_key(), "f".repeat(40), "Invalid signature"),
        ("654321", access.api_secret().to_owned(), "Issuer not found"),
    ] {
        let client = Client::builder(Credentials::new(key, secret)).endpoint(access.url()).build().unwrap();
        let error = client.create_session(CreateSession::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Unauthenticated, Some(detail)));
        assert_eq!((error.code().as_deref(), error.status().unwrap().as_u16()), (Some("-1"), 403));
        assert!(matches!(error.reason(), Reason::Service(OpenTokError::Api { .. })));
        assert_eq!((error.attempts(), error.is_retryable()), (1, false));
    }
    assert_eq!(sessions(&emulator), 0);
}

#[tokio::test]
async fn clocks_that_differ() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    // Request tokens live for 180 s, and 30 s of difference are allowed on both sides.
    for (ours, good) in [(0i64, true), (30, true), (31, false), (-210, true), (-211, false)] {
        let emulator = Emulator::builder().clock(EmulatorClock::manual(start)).start().await.unwrap();
        let by = Duration::from_secs(ours.unsigned_abs());
        let now = if ours < 0 { start - by } else { start + by };
        let clock = StoppedClock(now);
        let client = builder(&emulator).clock(clock).build().unwrap();
        let result = client.create_session(CreateSession::new()).await;
        assert_eq!(result.is_ok(), good, "{ours} s: {result:?}");
        if let Err(error) = result {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unauthenticated, 1));
        }
    }
}

/// Shows one time; sleeps are real.
#[derive(Debug)]
struct StoppedClock(SystemTime);

impl rtc_core::Clock for StoppedClock {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> std::time::Instant {
        rtc_core::SystemClock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> rtc_core::BoxFuture<'static, ()> {
        rtc_core::SystemClock.sleep(duration)
    }
}

#[tokio::test]
async fn two_clients_never_mix() {
    let emulator = Emulator::start().await.unwrap();
    let good = builder(&emulator).build().unwrap();
    let access = emulator.opentok();
    let bad = Client::builder(Credentials::new("654321", "e".repeat(40)));
    let bad = bad.endpoint(access.url()).build().unwrap();
    let calls: Vec<_> = (0..40)
        .map(|i| {
            let client = if i % 2 == 0 { good.clone() } else { bad.clone() };
            tokio::spawn(async move { client.create_session(CreateSession::new()).await })
        })
        .collect();
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().is_ok(), i % 2 == 0, "call {i}");
    }
    let session = good.create_session(CreateSession::new()).await.unwrap();
    let error = bad.generate_token(GenerateToken::new(session.id())).unwrap_err();
    assert_eq!(error.violations().unwrap().first().unwrap().rule, Rule::Conflict);
    let token = good.generate_token(GenerateToken::new(session.id())).unwrap();
    let error = bad.verify_token(VerifyToken::new(token.expose())).unwrap_err();
    assert!(matches!(error.service(), Some(OpenTokError::Token(TokenFault::Signature))), "{error:?}");
    // The same secret under another key: only the issuer tells them apart.
    let twin = Client::new(Credentials::new("654321", access.api_secret())).unwrap();
    let error = twin.verify_token(VerifyToken::new(token.expose())).unwrap_err();
    assert!(matches!(error.service(), Some(OpenTokError::Token(TokenFault::Issuer))), "{error:?}");
    good.verify_token(VerifyToken::new(token.expose())).unwrap();
}
