//! One matrix of faults for the HTTP operations of every provider, through the entry that `rtc` itself uses:
//! what may not be sent twice is not, what may be is, and no credential follows a redirect.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::time::{Duration, SystemTime};

use rtc_cli::{Outcome, Run};
use rtc_emulator::{Action, DropWhen, Emulator, EmulatorClock, Fault, RetryAfter};
use serde_json::{Value, json};

/// The deadline of calls that are never answered, and of all others.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(20);

/// An operation of a provider, and whether it may be sent again after it may have arrived.
#[derive(Debug)]
struct Case {
    provider: &'static str,
    operation: &'static str,
    input: Value,
    replay: bool,
}

fn cases() -> Vec<Case> {
    let case = |provider, operation, input, replay| Case { provider, operation, input, replay };
    let room = json!({ "user_name": "hostUser", "duration": 60, "capacity": 10 });
    let mut keyed = room.clone();
    keyed["idempotency_key"] = json!("fault-matrix-1");
    let channel = json!({ "channel_arn": rtc_emulator::credentials::KVS_CHANNEL_ARN });
    let session = json!({
        "name": "Stand-up", "owner_ref": "team-7",
        "settings": { "participants": 2 }, "sip": { "enabled": false },
    });
    vec![
        case("opentok", "create_session", json!({}), false),
        case("mediasfu", "create_room", room, false),
        case("mediasfu", "create_room", keyed, true),
        case("kvs-signaling", "get_signaling_channel_endpoint", channel.clone(), true),
        case("kvs-signaling", "get_ice_server_config", channel, true),
        case("enablex", "create_room", session, false),
    ]
}

fn run(case: &Case, emulator: &Emulator, timeout: Duration) -> Run {
    use rtc_emulator::credentials as known;
    let mut run = Run::default();
    for (name, value) in [
        ("api_secret", known::OPENTOK_API_SECRET),
        ("api_user_name", known::MEDIASFU_API_USER_NAME),
        ("access_key_id", known::KVS_ACCESS_KEY_ID),
        ("secret_access_key", known::KVS_SECRET_ACCESS_KEY),
        ("region", known::KVS_REGION),
        ("app_id", known::ENABLEX_APP_ID),
        ("app_key", known::ENABLEX_APP_KEY),
    ] {
        run.credentials.insert(name.into(), value.into());
    }
    let key = if case.provider == "opentok" { known::OPENTOK_API_KEY } else { known::MEDIASFU_API_KEY };
    run.credentials.insert("api_key".into(), key.into());
    let path = if case.provider == "enablex" { "/video/v2" } else { "" };
    run.endpoint = Some(format!("{}{path}", emulator.url()));
    run.timeout = Some(timeout);
    run
}

async fn call(case: &Case, emulator: &Emulator, timeout: Duration) -> Outcome {
    let run = run(case, emulator, timeout);
    rtc_cli::batch::run(case.provider, case.operation, case.input.clone(), &run).await
}

/// An emulator whose time stands still: what it delays never comes.
async fn emulator() -> Emulator {
    Emulator::builder().clock(EmulatorClock::manual(SystemTime::now())).start().await.unwrap()
}

/// What comes of a fault that happens once.
enum Comes {
    /// A good answer to the second request, whatever the operation.
    Again,
    /// The same if it may be sent again, else this kind of error.
    AgainOr(&'static str),
    /// This kind of error after one request, whatever the operation.
    Never(&'static str),
}

fn status(status: u16) -> Action {
    Action::Status { status, headers: Default::default(), body: Value::Null }
}

/// Each fault, and whether the provider may have acted before it.
fn faults() -> Vec<(Action, Comes)> {
    let drop = |when| Action::Drop { when };
    let after = |status, seconds| Action::RetryAfter { status, value: RetryAfter::Seconds(seconds) };
    vec![
        (status(429), Comes::Again),
        (after(429, 0), Comes::Again),
        (after(429, 3600), Comes::Never("rate_limited")),
        (status(503), Comes::AgainOr("unavailable")),
        (after(503, 0), Comes::AgainOr("unavailable")),
        (Action::Html { status: 502 }, Comes::AgainOr("unavailable")),
        (Action::Html { status: 200 }, Comes::Never("protocol")),
        (status(400), Comes::Never("invalid_input")),
        (status(404), Comes::Never("not_found")),
        (drop(DropWhen::Before), Comes::AgainOr("connection")),
        (drop(DropWhen::DuringHeaders), Comes::AgainOr("connection")),
        (drop(DropWhen::DuringBody), Comes::AgainOr("connection")),
        (drop(DropWhen::After), Comes::AgainOr("connection")),
        (Action::Truncate { bytes: 7 }, Comes::AgainOr("connection")),
        (Action::Garbage, Comes::Never("protocol")),
        (Action::Huge { bytes: 64 << 20 }, Comes::Never("protocol")),
        (Action::Delay { ms: 1 << 40 }, Comes::Never("timeout")),
        (Action::Slow { bytes_per_second: 1 }, Comes::Never("timeout")),
    ]
}

#[tokio::test]
async fn every_fault_for_every_operation() {
    for case in cases() {
        for (action, comes) in faults() {
            let emulator = emulator().await;
            let name = format!("{case:?} {action:?}");
            emulator.add_fault(Fault::new(action).operation(case.operation).times(1)).unwrap();
            let timeout = if matches!(comes, Comes::Never("timeout")) { SHORT } else { LONG };
            let outcome = call(&case, &emulator, timeout).await;
            let (kind, requests) = match comes {
                Comes::Again => (None, 2),
                Comes::AgainOr(_) if case.replay => (None, 2),
                Comes::AgainOr(kind) | Comes::Never(kind) => (Some(kind), 1),
            };
            let error = &outcome.body["error"];
            assert_eq!(error["kind"].as_str(), kind, "{name}: {}", outcome.body);
            assert_eq!(emulator.requests(case.operation).len(), requests, "{name}: {}", outcome.body);
            if kind.is_some() {
                assert_eq!((&error["attempts"], &error["was_sent"]), (&json!(1), &json!(true)), "{name}");
            }
            emulator.clear_faults();
            let outcome = call(&case, &emulator, LONG).await;
            assert!(outcome.is_ok(), "{name}, afterwards: {}", outcome.body);
        }
    }
}

#[tokio::test]
async fn faults_that_stay() {
    for case in cases() {
        for (action, kind, requests) in [
            (status(429), "rate_limited", 3),
            (status(503), "unavailable", if case.replay { 3 } else { 1 }),
            (Action::Drop { when: DropWhen::After }, "connection", if case.replay { 3 } else { 1 }),
        ] {
            let emulator = emulator().await;
            let name = format!("{case:?} {action:?}");
            emulator.add_fault(Fault::new(action).operation(case.operation)).unwrap();
            let outcome = call(&case, &emulator, LONG).await;
            assert_eq!(outcome.body["error"]["kind"], kind, "{name}: {}", outcome.body);
            assert_eq!(emulator.requests(case.operation).len(), requests, "{name}");
            // What was refused without effect, or may be replayed, may be tried again later.
            let retryable = requests > 1;
            assert_eq!(outcome.body["error"]["retryable"], retryable, "{name}: {}", outcome.body);
        }
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = emulator().await;
    for case in cases() {
        for status in [301, 302, 303, 307, 308] {
            let emulator = emulator().await;
            let action = Action::Redirect { location: format!("{}/there", other.url()), status };
            emulator.add_fault(Fault::new(action).operation(case.operation)).unwrap();
            let outcome = call(&case, &emulator, LONG).await;
            assert_eq!(outcome.body["error"]["kind"], "protocol", "{case:?} {status}: {}", outcome.body);
            assert_eq!(emulator.requests(case.operation).len(), 1, "{case:?} {status}");
        }
    }
    assert!(other.log().is_empty(), "{:?}", other.log());
}

#[tokio::test]
async fn nobody_is_there() {
    let url = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let emulator = emulator().await;
    for case in cases() {
        let mut run = run(&case, &emulator, LONG);
        run.endpoint = Some(url.clone());
        let outcome = rtc_cli::batch::run(case.provider, case.operation, case.input.clone(), &run).await;
        let error = &outcome.body["error"];
        assert_eq!(error["kind"], "connection", "{case:?}: {}", outcome.body);
        assert_eq!((&error["attempts"], &error["was_sent"]), (&json!(3), &json!(false)), "{case:?}");
        assert_eq!(error["retryable"], true, "{case:?}");
    }
}
