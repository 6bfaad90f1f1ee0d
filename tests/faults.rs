//! One matrix of faults for the HTTP operations of every provider, through the entry that `rtc` itself uses:
//! what may not be sent twice is not, what may be is, deadlines hold, and no credential is told or follows a
//! redirect.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rtc_cli::{Outcome, Run};
use rtc_core::{MemoryStore, SharedClock, SharedStore};
use rtc_emulator::credentials as known;
use rtc_emulator::{Action, DropWhen, Emulator, EmulatorClock, Fault, RetryAfter};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The deadline of calls that are never answered, and what it may become on a busy machine.
const SHORT: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(10);
/// How many cells run at once: each with its emulator, and all of them are to reach it within the shortest limit.
const AT_ONCE: usize = 12;
/// The deadline of all others.
const LONG: Duration = Duration::from_secs(30);

/// A secret of a request.
const SIP_PASSWORD: &str = "sip-password-of-the-matrix";
const WEBHOOK_SECRET: &str = "webhook-secret-of-the-matrix";

/// An operation of a provider.
#[derive(Debug, Clone)]
struct Case {
    provider: &'static str,
    operation: &'static str,
    input: Value,
    /// Whether it may be sent again after it may have arrived.
    replay: bool,
    /// Whether it is MediaSFU's cloud.
    cloud: bool,
}

fn cases() -> Vec<Case> {
    let case = |provider, operation, input, replay| Case { provider, operation, input, replay, cloud: false };
    let cloud =
        |operation, input, replay| Case { provider: "mediasfu", operation, input, replay, cloud: true };
    let room = json!({ "user_name": "hostUser", "duration": 60, "capacity": 10 });
    let mut keyed = room.clone();
    keyed["idempotency_key"] = json!("fault-matrix-1");
    let call = json!({
        "called_did": "+15551234567", "caller_id_number": "+15557654321", "initiator_name": "hostUser",
    });
    let source = json!({ "display_name": "cam", "role": "host", "ingest": { "tracks": ["audio"] } });
    let channel = json!({ "channel_arn": known::KVS_CHANNEL_ARN });
    let session = json!({
        "name": "Stand-up", "owner_ref": "team-7",
        "settings": { "participants": 2 }, "sip": { "enabled": false },
    });
    let sip = json!({ "uri": "sip:desk@example.com", "auth": { "username": "u", "password": SIP_PASSWORD } });
    vec![
        case("opentok", "create_session", json!({ "media_mode": "routed" }), false),
        case("opentok", "list_archives", json!({ "count": 10 }), true),
        case("opentok", "dial_sip", json!({ "sip": sip }), false),
        case("opentok", "create_project", json!({ "name": "faults" }), false),
        case("opentok", "list_projects", json!({}), true),
        // A Community Edition knows no keys; at the cloud each call gets one that has none.
        case("mediasfu", "create_room", room.clone(), false),
        case("mediasfu", "create_room", keyed.clone(), false),
        case("mediasfu", "join_room", json!({ "user_name": "guest1" }), false),
        cloud("create_room", room, true),
        cloud("create_room", keyed, true),
        cloud("join_room", json!({ "user_name": "guest1" }), true),
        cloud("list_rooms", json!({}), true),
        cloud("get_event_settings", json!({}), true),
        cloud("list_sip_configs", json!({ "page_size": 1 }), true),
        cloud("get_sip_call_summary", json!({}), true),
        cloud("list_disposable_keys", json!({}), true),
        cloud("update_event_settings", json!({ "webhook_secret": WEBHOOK_SECRET }), false),
        cloud("start_sip_call", call, false),
        cloud("create_external_session", source, true),
        case("kvs-signaling", "get_signaling_channel_endpoint", channel.clone(), true),
        case("kvs-signaling", "get_ice_server_config", channel.clone(), true),
        case("kvs-signaling", "describe_signaling_channel", channel, true),
        case("kvs-signaling", "list_signaling_channels", json!({ "max_results": 1 }), true),
        case("kvs-signaling", "create_signaling_channel", json!({ "channel_name": "faults-1" }), false),
        case("enablex", "create_room", session, false),
        case("enablex", "create_token", json!({ "name": "n", "role": "moderator", "user_ref": "u" }), false),
    ]
}

/// An emulator with what a case needs, and the run that all calls of a cell share, claims included.
struct Cell {
    case: Case,
    emulator: Emulator,
    run: Run,
}

impl Cell {
    /// The emulator's time stands still: what it delays never comes.
    async fn new(mut case: Case) -> Self {
        let clock = EmulatorClock::manual(SystemTime::now());
        let emulator = Emulator::builder().clock(clock).start().await.unwrap();
        let run = run(&case, &emulator);
        let needs = match case.operation {
            "join_room" | "create_external_session" => Some(("room_name", "meeting_id")),
            "start_sip_call" => Some(("room_name", "room_name")),
            "create_token" => Some(("room_id", "room_id")),
            "dial_sip" => Some(("session_id", "session_id")),
            _ => None,
        };
        if let Some((from, to)) = needs {
            let makes = |c: &Case| matches!(c.operation, "create_room" | "create_session");
            let fits = |c: &Case| c.provider == case.provider && c.cloud == case.cloud && makes(c);
            let maker = cases().into_iter().find(fits).unwrap();
            let made = rtc_cli::batch::run(case.provider, maker.operation, maker.input, &run).await;
            case.input[to] = made.body["output"][from].clone();
        }
        if case.operation == "update_event_settings" {
            rtc_cli::batch::run("mediasfu", "create_event_settings", json!({}), &run).await;
        }
        if case.operation == "dial_sip" {
            let session = json!({ "session_id": case.input["session_id"] });
            let made = rtc_cli::batch::run("opentok", "generate_token", session, &run).await;
            case.input["token"] = made.body["output"]["token"].clone();
        }
        emulator.clear_log();
        Self { case, emulator, run }
    }

    fn add(&self, action: &Action, times: Option<u64>) {
        let mut fault = Fault::new(action.clone()).operation(self.case.operation);
        fault.times = times;
        self.emulator.add_fault(fault).unwrap();
    }

    async fn call(&self, timeout: Duration) -> Outcome {
        let mut run = self.run.clone();
        run.timeout = Some(timeout);
        rtc_cli::batch::run(self.case.provider, self.case.operation, self.case.input.clone(), &run).await
    }

    fn requests(&self) -> usize {
        self.emulator.requests(self.case.operation).len()
    }
}

fn run(case: &Case, emulator: &Emulator) -> Run {
    let mut run = Run::default();
    for (name, value) in [
        ("api_secret", known::OPENTOK_API_SECRET),
        ("account_key", known::OPENTOK_ACCOUNT_KEY),
        ("account_secret", known::OPENTOK_ACCOUNT_SECRET),
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
    if case.cloud {
        run.options.insert("server".into(), "cloud".into());
    }
    run.store = Some(SharedStore::new(MemoryStore::new(SharedClock::default())));
    run
}

/// What comes of a fault that happens once.
#[derive(Debug, Clone, Copy)]
enum Comes {
    /// A good answer to the second request, whatever the operation.
    Again,
    /// The same if it may be sent again, else this kind of error.
    AgainOr(&'static str),
    /// This kind of error after one request, whatever the operation.
    Never(&'static str),
}

type Row = (Action, Comes);

/// Tries every fault of every case once and tells of all bad cells.
async fn matrix(timeout: Duration, rows: impl Fn(&Case) -> Vec<Row>) {
    let mut cells = JoinSet::new();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    for case in cases() {
        for (action, comes) in rows(&case) {
            let (case, room) = (case.clone(), Arc::clone(&room));
            cells.spawn(async move {
                let _place = room.acquire().await;
                once(case, action, comes, timeout).await
            });
        }
    }
    tell(cells).await;
}

async fn tell(cells: JoinSet<Result<(), String>>) {
    let bad: Vec<String> = cells.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(bad.is_empty(), "{} bad cells:\n{}", bad.len(), bad.join("\n"));
}

async fn once(case: Case, action: Action, comes: Comes, timeout: Duration) -> Result<(), String> {
    let mut cell = Cell::new(case).await;
    cell.add(&action, Some(1));
    let begun = Instant::now();
    let outcome = cell.call(timeout).await;
    let (kind, requests) = match comes {
        Comes::Again => (None, 2),
        Comes::AgainOr(_) if cell.case.replay => (None, 2),
        Comes::AgainOr(kind) | Comes::Never(kind) => (Some(kind), 1),
    };
    let error = &outcome.body["error"];
    let told = (error["attempts"].as_u64(), error["was_sent"].as_bool());
    let mut bad = complaints(kind, requests, &cell, &outcome);
    if kind.is_some() && told != (Some(1), Some(true)) {
        bad.push(format!("attempts and was_sent are {told:?}"));
    }
    if begun.elapsed() > timeout.max(PATIENCE) {
        bad.push(format!("it took {:?}", begun.elapsed()));
    }
    cell.emulator.clear_faults();
    if cell.case.operation == "create_signaling_channel" {
        // The name is taken, whether or not the answer came.
        cell.case.input["channel_name"] = json!("faults-2");
    }
    // Nothing is left behind: neither a broken connection nor a claim.
    let after = cell.call(LONG).await;
    if !after.is_ok() {
        bad.push(format!("afterwards: {}", after.body));
    }
    verdict(&cell.case, &action, bad)
}

fn complaints(kind: Option<&str>, requests: usize, cell: &Cell, outcome: &Outcome) -> Vec<String> {
    let mut bad = Vec::new();
    let got = outcome.body["error"]["kind"].as_str();
    if got != kind {
        bad.push(format!("it is {got:?} instead of {kind:?}: {}", outcome.body));
    }
    if cell.requests() != requests {
        bad.push(format!("{} requests instead of {requests}", cell.requests()));
    }
    let error = outcome.body["error"].to_string();
    let secrets = [
        known::OPENTOK_API_SECRET,
        known::OPENTOK_ACCOUNT_SECRET,
        SIP_PASSWORD,
        WEBHOOK_SECRET,
        known::MEDIASFU_API_KEY,
        known::KVS_SECRET_ACCESS_KEY,
        known::ENABLEX_APP_KEY,
        // What they are sent as.
        "eyJ",
        "Basic ",
        "Signature=",
    ];
    bad.extend(secrets.iter().filter(|s| error.contains(**s)).map(|s| format!("{s} is told: {error}")));
    bad
}

fn verdict(case: &Case, action: &Action, bad: Vec<String>) -> Result<(), String> {
    let key = if case.input["idempotency_key"].is_null() { "" } else { " with a key" };
    let cloud = if case.cloud { " of the cloud" } else { "" };
    let name = format!("{} {}{cloud}{key}, {action:?}", case.provider, case.operation);
    if bad.is_empty() { Ok(()) } else { Err(format!("{name}: {}", bad.join("; "))) }
}

fn status(status: u16) -> Action {
    Action::Status { status, headers: Default::default(), body: Value::Null }
}

fn after(status: u16, seconds: u64) -> Action {
    Action::RetryAfter { status, value: RetryAfter::Seconds(seconds) }
}

fn until(status: u16, at: SystemTime) -> Action {
    Action::RetryAfter { status, value: RetryAfter::Text(httpdate::fmt_http_date(at)) }
}

fn drops(when: DropWhen) -> Action {
    Action::Drop { when }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_final() {
    matrix(LONG, |case| {
        // OpenTok tells a bad token so.
        let forbidden = if case.provider == "opentok" { "unauthenticated" } else { "permission_denied" };
        vec![
            (status(400), Comes::Never("invalid_input")),
            (status(401), Comes::Never("unauthenticated")),
            (status(403), Comes::Never(forbidden)),
            (status(404), Comes::Never("not_found")),
            (status(409), Comes::Never("conflict")),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_are_waited_for_while_there_is_time() {
    let hour = Duration::from_secs(3600);
    matrix(LONG, |_| {
        vec![
            (status(429), Comes::Again),
            (after(429, 0), Comes::Again),
            (until(429, SystemTime::now() - hour), Comes::Again),
            (after(429, 3600), Comes::Never("rate_limited")),
            (until(429, SystemTime::now() + hour), Comes::Never("rate_limited")),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_provider() {
    matrix(LONG, |case| {
        // MediaSFU's own errors do not pass; those of what stands before it do.
        let own = if case.provider == "mediasfu" { Comes::Never } else { Comes::AgainOr };
        vec![
            (status(500), own("unavailable")),
            (status(503), Comes::AgainOr("unavailable")),
            (after(503, 0), Comes::AgainOr("unavailable")),
            (after(503, 3600), Comes::Never("unavailable")),
            (Action::Html { status: 502 }, Comes::AgainOr("unavailable")),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections() {
    let all = [DropWhen::Before, DropWhen::DuringHeaders, DropWhen::DuringBody, DropWhen::After];
    let actions = all.map(drops).into_iter().chain([Action::Truncate { bytes: 7 }]);
    let rows: Vec<Row> = actions.map(|action| (action, Comes::AgainOr("connection"))).collect();
    matrix(LONG, |_| rows.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_sense() {
    matrix(LONG, |_| {
        let actions = [Action::Garbage, Action::Huge { bytes: 64 << 20 }, Action::Html { status: 200 }];
        actions.map(|action| (action, Comes::Never("protocol"))).into()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_come_in_time() {
    matrix(SHORT, |_| {
        let actions = [Action::Delay { ms: 1 << 40 }, Action::Slow { bytes_per_second: 1 }];
        actions.map(|action| (action, Comes::Never("timeout"))).into()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_stay() {
    let mut cells = JoinSet::new();
    for case in cases() {
        let replayed = if case.replay { 3 } else { 1 };
        for (action, kind, requests) in [
            (status(429), "rate_limited", 3),
            (status(503), "unavailable", replayed),
            (drops(DropWhen::After), "connection", replayed),
        ] {
            let case = case.clone();
            cells.spawn(async move {
                let cell = Cell::new(case).await;
                cell.add(&action, None);
                let outcome = cell.call(LONG).await;
                let mut bad = complaints(Some(kind), requests, &cell, &outcome);
                // What was refused without effect, or may be replayed, may be tried again later; a key that was made
                // for the call is gone by then.
                let keyed = ["create_room", "join_room", "create_external_session"];
                let made = cell.case.cloud && cell.case.input["idempotency_key"].is_null();
                let safe = kind == "rate_limited" || !(made && keyed.contains(&cell.case.operation));
                if outcome.body["error"]["retryable"] != (requests > 1 && safe) {
                    bad.push(format!("retryable is wrong: {}", outcome.body));
                }
                verdict(&cell.case, &action, bad)
            });
        }
    }
    tell(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed() {
    let other = Emulator::start().await.unwrap();
    let location = format!("{}/there", other.url());
    matrix(LONG, |_| {
        let to = |status| Action::Redirect { location: location.clone(), status };
        [301, 302, 303, 307, 308].map(|status| (to(status), Comes::Never("protocol"))).into()
    })
    .await;
    assert!(other.log().is_empty(), "{:?}", other.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_there() {
    let url = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut cells = JoinSet::new();
    for case in cases() {
        let url = url.clone();
        cells.spawn(async move {
            let mut cell = Cell::new(case).await;
            let there = cell.run.endpoint.replace(url);
            let outcome = cell.call(LONG).await;
            let mut bad = complaints(Some("connection"), 0, &cell, &outcome);
            let error = &outcome.body["error"];
            let told = (&error["attempts"], &error["was_sent"], &error["retryable"]);
            if told != (&json!(3), &json!(false), &json!(true)) {
                bad.push(format!("attempts, was_sent and retryable are {told:?}"));
            }
            cell.run.endpoint = there;
            if !cell.call(LONG).await.is_ok() {
                bad.push("the next call does not go through".into());
            }
            verdict(&cell.case, &drops(DropWhen::Before), bad)
        });
    }
    tell(cells).await;
}
