//! Identifiers in paths: whatever a caller puts into one, it stays one segment of the documented path, or it is
//! refused before anything is sent. Every identifier of every operation, found through the catalogue.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

use std::time::Duration;

use rtc_cli::catalogue::{OperationDoc, operations};
use rtc_cli::{Outcome, Run};
use rtc_emulator::{Emulator, LogEntry};
use serde_json::{Map, Value, json};

/// Longer than a session id may be, short enough for the log to keep the whole path.
const LONG: usize = 600;
/// A day where one is part of a path.
const DAY: &str = "2024-01-02";

fn hostile() -> Vec<String> {
    let fixed = [
        ".",
        "..",
        "../",
        "../../archive",
        "..\\",
        "%2e%2e",
        "%2e%2e%2f",
        "%",
        "a/b",
        "/",
        "a\\b",
        "?x=1",
        "#x",
        "&x=1",
        ";x=1",
        "x\r\nX-Evil: 1",
        "x HTTP/1.1\r\nHost: evil\r\n\r\n",
        "\0",
        "\u{7f}",
        "😀",
        " ",
        "a b",
        "+",
        "x:y@z",
        "\u{202e}",
    ];
    fixed.into_iter().map(str::to_owned).chain(["é".repeat(LONG)]).collect()
}

/// The path with identifiers, where an operation has one without as well.
fn path_of(operation: &OperationDoc) -> &'static str {
    match operation.name {
        "get_disposable_key_usage" => "/v1/disposable-keys/{key_id}/usage",
        _ => operation.path,
    }
}

/// The names of the identifiers in the path; the project is the credentials' matter, and a day is no identifier.
fn identifiers(operation: &OperationDoc) -> Vec<&'static str> {
    let names = path_of(operation).split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    names.filter(|name| !matches!(*name, "project" | "from" | "to")).collect()
}

/// A good value of a required input.
fn good(operation: &OperationDoc, name: &str) -> Value {
    let field = operation.fields.iter().find(|field| field.name == name).unwrap();
    match (name, field.values.first()) {
        (_, Some(first)) if field.ty.starts_with('[') => json!([first]),
        (_, Some(first)) => json!(first),
        ("ingest", _) => json!({ "tracks": ["audio"] }),
        ("template_values", _) => json!({}),
        (_, None) if field.ty == "bool" => json!(true),
        ("config", _) => json!({ "access_key": "a", "secret_key": "s", "bucket": "b" }),
        ("items", _) => json!([{ "id": "x", "layout_class_list": [] }]),
        ("digits", _) => json!("1"),
        ("from" | "to", _) => json!(DAY),
        _ => json!("plain"),
    }
}

/// A good input of an operation.
fn input(operation: &OperationDoc) -> Map<String, Value> {
    let required = operation.fields.iter().filter(|field| field.required && !field.name.contains('.'));
    let mut input: Map<_, _> =
        required.map(|field| (field.name.to_owned(), good(operation, field.name))).collect();
    if operation.name == "update_room" {
        // Something must change.
        input.insert("owner_ref".into(), json!("plain"));
    }
    input
}

struct World {
    provider: &'static str,
    emulator: Emulator,
    run: Run,
}

/// The run of a provider without its limits: its endpoint and credentials.
fn access(provider: &str, emulator: &Emulator) -> Run {
    let (opentok, mediasfu, enablex) = (emulator.opentok(), emulator.mediasfu(), emulator.enablex());
    let mut run = Run::default();
    let credentials = if provider == "opentok" {
        run.endpoint = Some(opentok.url());
        vec![
            ("api_key", opentok.api_key()),
            ("api_secret", opentok.api_secret()),
            ("account_key", opentok.account_key()),
            ("account_secret", opentok.account_secret()),
        ]
    } else if provider == "enablex" {
        run.endpoint = Some(enablex.url());
        vec![("app_id", enablex.app_id()), ("app_key", enablex.app_key())]
    } else {
        run.endpoint = Some(mediasfu.url());
        run.options.insert("server".into(), "cloud".into());
        vec![("api_user_name", mediasfu.api_user_name()), ("api_key", mediasfu.api_key())]
    };
    run.credentials = credentials.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    run
}

impl World {
    async fn new(provider: &'static str) -> Self {
        let emulator = Emulator::start().await.unwrap();
        let mut run = access(provider, &emulator);
        run.timeout = Some(Duration::from_secs(60));
        run.no_retry = true;
        Self { provider, emulator, run }
    }

    /// Runs the operation with this value; what came of it, and what arrived.
    async fn call(&self, operation: &OperationDoc, name: &str, value: &str) -> (Outcome, Vec<LogEntry>) {
        self.emulator.clear_log();
        let mut input = input(operation);
        input.insert(name.to_owned(), value.into());
        let outcome = rtc_cli::batch::run(self.provider, operation.name, input.into(), &self.run).await;
        (outcome, self.emulator.log())
    }
}

/// The raw segment that stands for the value: unreserved characters as they are, all else as bytes.
fn segment(value: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    value.bytes().map(|b| if unreserved(b) { char::from(b).into() } else { format!("%{b:02X}") }).collect()
}

/// What stands before the paths of all operations.
fn prefix(world: &World) -> String {
    let base = url::Url::parse(world.run.endpoint.as_deref().unwrap()).unwrap();
    base.path().trim_end_matches('/').to_owned()
}

/// The path as it should arrive.
fn path(operation: &OperationDoc, name: &str, value: &str, project: &str) -> String {
    let fill = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some("project") => project.to_owned(),
        Some(other) if other == name => segment(value),
        Some("from" | "to") => DAY.to_owned(),
        Some(_) => "plain".to_owned(),
        None => part.to_owned(),
    };
    path_of(operation).split('/').map(fill).collect::<Vec<_>>().join("/")
}

fn headers(entry: &LogEntry) -> Vec<&str> {
    let mut names: Vec<_> = entry.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Whether the input is refused, naming this field.
fn refused(outcome: &Outcome, name: &str) -> bool {
    let error = &outcome.body["error"];
    let named = |violation: &Value| violation["field"] == name;
    error["was_sent"] == false && error["violations"].as_array().is_some_and(|all| all.iter().any(named))
}

/// Whether a value can be no identifier of this name.
fn must_refuse(operation: &OperationDoc, name: &str, value: &str) -> bool {
    let length = value.chars().count();
    matches!(value, "." | "..")
        || match (operation.provider, name) {
            ("opentok", "session_id") => value.len() > 255,
            ("mediasfu", "meeting_id") => length > 256,
            ("mediasfu", "sip_call_id") => length > 256 || !value.bytes().all(|b| b.is_ascii_graphic()),
            _ => false,
        }
}

async fn try_operation(operation: &'static OperationDoc, bad: &mut Vec<String>) -> usize {
    let world = World::new(operation.provider).await;
    let project = world.emulator.opentok().api_key();
    let mut tried = 0;
    for name in identifiers(operation) {
        let (outcome, plain) = world.call(operation, name, "plain").await;
        let [plain] = plain.as_slice() else { panic!("{}: {}", operation.name, outcome.body) };
        assert_eq!(plain.operation.as_deref(), Some(operation.name));
        for value in hostile() {
            tried += 1;
            let case = format!("{} {name} {value:?}", operation.name);
            let (outcome, log) = world.call(operation, name, &value).await;
            if must_refuse(operation, name, &value) {
                if !refused(&outcome, name) || !log.is_empty() {
                    bad.push(format!("{case} was not refused: {} {log:?}", outcome.body));
                }
                continue;
            }
            let [entry] = log.as_slice() else {
                bad.push(format!("{case}: {} requests: {}", log.len(), outcome.body));
                continue;
            };
            let wanted = prefix(&world) + &path(operation, name, &value, project);
            if (entry.method.as_str(), &entry.path) != (operation.method, &wanted) {
                bad.push(format!("{case}: {} {} instead of {wanted}", entry.method, entry.path));
            }
            if !entry.query.is_empty() || headers(entry) != headers(plain) || entry.body != plain.body {
                bad.push(format!("{case}: it leaked into the request: {entry:?}"));
            }
            if entry.operation.as_deref() != Some(operation.name) {
                bad.push(format!("{case}: it became {:?}", entry.operation));
            }
        }
    }
    tried
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_stays_one_segment() {
    for (provider, identifiers) in [("opentok", 38), ("mediasfu", 23), ("enablex", 11)] {
        let mut bad = Vec::new();
        let mut tried = 0;
        for operation in operations().filter(|o| o.provider == provider && o.kind == "http") {
            tried += try_operation(operation, &mut bad).await;
        }
        assert!(bad.is_empty(), "{} of {tried} bad:\n{}", bad.len(), bad.join("\n"));
        assert!(tried >= identifiers * hostile().len(), "the catalogue shows its identifiers: {tried}");
    }
}

/// An identifier that no URL can hold: nothing is sent, and nothing breaks.
#[tokio::test]
async fn an_identifier_without_end() {
    for (provider, name, id) in [
        ("opentok", "get_archive", "archive_id"),
        ("enablex", "get_room", "room_id"),
        ("mediasfu", "delete_playback", "playback_id"),
        ("mediasfu", "end_sip_call", "sip_call_id"),
    ] {
        let world = World::new(provider).await;
        let operation = rtc_cli::catalogue::find(provider, name).unwrap();
        let (outcome, log) = world.call(operation, id, &"x".repeat(1 << 20)).await;
        let told = (outcome.body["error"]["was_sent"].as_bool(), log.len());
        assert_eq!(told, (Some(false), 0), "{name}: {}", outcome.body);
    }
}

/// The project's own segment comes from the credentials: what no key can be is refused as such.
#[tokio::test]
async fn a_key_that_is_a_path() {
    let mut world = World::new("opentok").await;
    let operation = rtc_cli::catalogue::find("opentok", "list_archives").unwrap();
    for key in ["..", "../7", "1/2", "1?x", "1#x", "1%2f", "1 2", "1\r\n", "é", ""] {
        world.run.credentials.insert("api_key".into(), key.into());
        let (outcome, log) = world.call(operation, "session_id", "plain").await;
        let error = &outcome.body["error"];
        assert_eq!((error["kind"].as_str(), log.len()), (Some("unauthenticated"), 0), "{key:?}: {error}");
    }
}
