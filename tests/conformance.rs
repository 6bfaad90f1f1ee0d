//! Runs every case file against the crates, through the same entry as `rtc batch`, and against the emulator
//! where a case is about its side. Own harness, so that its lines are seen.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use rtc_cli::Run;
use rtc_cli::batch::Line;
use rtc_cli::clock::FixedClock;
use rtc_core::{Body, Limits, SharedClock, SharedTransport, Transport, TransportError, TransportErrorKind};
use rtc_tests::case::{Case, files, folders, read};
use rtc_tests::compare::{Complaints, contains, error, output, request, same, unknown};
use serde_json::{Value, json};

#[path = "conformance/community.rs"]
mod community;
#[path = "conformance/special.rs"]
mod special;

/// Providers whose file must be supported to 95 %: filled by the work that completes each.
const COMPLETE: &[&str] = &["enablex", "kvs-signaling", "mediasfu", "opentok", "sora-rpc"];

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut failed = false;
    for folder in folders() {
        let files = files(&folder);
        if files.is_empty() {
            println!(
                "skipped: needs case files in {} (set RTC_CASES_DIR to where they are)",
                folder.display()
            );
        }
        for file in files {
            match read(&file) {
                Ok(cases) => cases.into_iter().for_each(|case| runtime.block_on(judge(case, &mut tallies))),
                Err(message) => {
                    println!("FAILED {message}");
                    failed = true;
                }
            }
        }
    }
    for (provider, tally) in &tallies {
        println!(
            "{provider} {} passed, {} failed, {} unsupported",
            tally.passed, tally.failed, tally.unsupported
        );
        failed |= tally.failed > 0;
        let all = tally.passed + tally.failed + tally.unsupported;
        if COMPLETE.contains(&provider.as_str()) && tally.unsupported * 20 > all {
            println!("FAILED {provider}: more than 5 % unsupported");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    unsupported: usize,
}

/// What a case comes to.
enum Verdict {
    Passed,
    Failed(Complaints),
    Unsupported(String),
}

async fn judge(case: Case, tallies: &mut BTreeMap<String, Tally>) {
    let verdict = match (case.expect.is_null(), case.canonical) {
        (false, _) => run(&case).await,
        (true, false) => Verdict::Passed,
        (true, true) => Verdict::Failed(vec!["it expects nothing".into()]),
    };
    let tally = tallies.entry(case.provider.clone()).or_default();
    match verdict {
        Verdict::Passed => tally.passed += 1,
        Verdict::Failed(complaints) => {
            tally.failed += 1;
            println!("FAILED {}: {}", case.id, complaints.join("; "));
        }
        Verdict::Unsupported(why) => {
            tally.unsupported += 1;
            println!("unsupported {}: {why}", case.id);
        }
    }
}

async fn run(case: &Case) -> Verdict {
    let bad = unknown(&case.given, &case.expect);
    if !bad.is_empty() {
        return Verdict::Failed(bad);
    }
    if let Some(verdict) = special::run(case).await {
        return verdict;
    }
    let wire = Wire::new(&case.given["answer"]);
    let around = match around(case, &wire) {
        Ok(around) => around,
        Err(message) => return Verdict::Failed(vec![message]),
    };
    let input = case.given["input"].clone();
    let outcome = rtc_cli::batch::run(&case.provider, &case.operation, input, &around).await;
    if outcome.unsupported {
        return Verdict::Unsupported(format!("{} is not implemented yet", case.operation));
    }
    if case.expect.get("output_patterns").is_some() {
        return Verdict::Unsupported("output_patterns are not compared yet".into());
    }
    let expect = &case.expect;
    let mut bad = Complaints::new();
    let sent = wire.sent();
    if let Some(expected) = expect.get("request") {
        request(expected, sent.first(), &mut bad);
    }
    // Without an answer the call's own result is ignored: only what went out counts.
    let answered = !case.given["answer"].is_null() || sent.is_empty();
    if let Some(expected) = expect.get("output").filter(|_| answered) {
        match outcome.body.get("output") {
            Some(got) => output(expected, got, &mut bad),
            None => bad.push(format!("it failed: {}", outcome.body["error"]["message"])),
        }
    }
    if let Some(expected) = expect.get("error").filter(|e| !e.is_null()) {
        error(expected, &outcome.body, &mut bad);
    }
    let any = !sent.is_empty() || !outcome.frames.is_empty();
    if expect.get("sent").and_then(Value::as_bool).is_some_and(|expected| expected != any) {
        bad.push(format!("sent is {any}: {}", outcome.body));
    }
    match expect.get("accepted").and_then(Value::as_bool) {
        Some(true) if outcome.body["error"]["kind"] == "invalid_input" => {
            bad.push(format!("refused: {}", outcome.body["error"]["message"]));
        }
        Some(false) if outcome.is_ok() => bad.push("accepted".into()),
        _ => {}
    }
    live(expect, &outcome, &mut bad);
    claim(expect, &outcome, &mut bad);
    if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }
}

/// A frame is compared whole, but of what a client says of itself when it connects only a subset counts. A payload in
/// base64 is compared by its JSON.
fn frame(want: &Value, got: &Value) -> bool {
    let (want, got) = (&opened(want), &opened(got));
    let greets = want.get(0).is_some_and(|event| event == "token") || want.get("type").is_some();
    if greets { contains(got, want) } else { same(got, want) }
}

/// A frame with its `messagePayload` decoded, where it has one of base64 and JSON.
fn opened(frame: &Value) -> Value {
    let mut frame = frame.clone();
    if let Some(payload) = frame.get_mut("messagePayload")
        && let Some(bytes) = payload.as_str().and_then(|text| STANDARD.decode(text).ok())
        && let Ok(decoded) = serde_json::from_slice(&bytes)
    {
        *payload = decoded;
    }
    frame
}

/// What became of a claim, and what a store was given to keep.
fn claim(expect: &Value, outcome: &rtc_cli::Outcome, bad: &mut Complaints) {
    if let Some(expected) = expect.pointer("/state/claim") {
        let got = outcome.outcomes.get("claim").cloned().unwrap_or_default();
        if &got != expected {
            bad.push(format!("the claim is {got} instead of {expected}"));
        }
    }
    let stored = outcome.outcomes.get("stored").map(Value::to_string).unwrap_or_default();
    for word in expect["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if stored.contains(word) {
            bad.push(format!("the store holds {word:?}"));
        }
    }
}

/// What a live connection sent and reported.
fn live(expect: &Value, outcome: &rtc_cli::Outcome, bad: &mut Complaints) {
    if let Some(expected) = expect.get("frames").and_then(Value::as_array) {
        let fits = expected.len() == outcome.frames.len()
            && expected.iter().zip(&outcome.frames).all(|(want, got)| frame(want, got));
        if !fits {
            bad.push(format!("frames {:?} instead of {expected:?}: {}", outcome.frames, outcome.body));
        }
    }
    if let Some(expected) = expect.get("events").and_then(Value::as_array) {
        let fits = expected.len() == outcome.events.len()
            && expected.iter().zip(&outcome.events).all(|(want, got)| contains(got, want));
        if !fits {
            bad.push(format!("events {:?} instead of {expected:?}", outcome.events));
        }
    }
    for (id, want) in expect.get("outcome").and_then(Value::as_object).into_iter().flatten() {
        let got = outcome.outcomes.get(id).cloned().unwrap_or_default();
        if let Some(expected) = want.get("error") {
            error(expected, &got, bad);
        } else if let Some(expected) = want.get("output") {
            if got.get("output").is_none_or(|got| !same(got, expected)) {
                bad.push(format!("call {id} came to {got} instead of {want}"));
            }
        } else if !same(&got, want) {
            bad.push(format!("call {id} came to {got} instead of {want}"));
        }
    }
}

/// The run around a case: the captured transport, the fixed clock, credentials. Fails when the case's instant
/// or options cannot be applied.
fn around(case: &Case, wire: &Wire) -> Result<Run, String> {
    let text = |name: &str| case.given.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut line = Line::default();
    line.provider.clone_from(&case.provider);
    line.credentials = defaults(&case.provider);
    for (name, value) in case.given.get("credentials").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| format!("the credential {name} is no text"))?;
        line.credentials.insert(name.clone(), value.to_owned());
    }
    // An empty address means the cloud to some, and is a mistake to this one.
    line.endpoint = text("endpoint").filter(|e| !e.is_empty() || case.provider == "sora-rpc");
    line.now = text("now");
    line.options = case.given.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    line.options.insert("retry".into(), Value::Bool(false));
    if case.provider == "sora-rpc" && case.expect.get("request").is_some() {
        // Of a method that exists twice the one of the HTTP API.
        line.options.insert("via".into(), "http".into());
    }
    let mut run = Run::default();
    let fixed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600);
    run.clock = Some(SharedClock::new(FixedClock(fixed)));
    run.transport = Some(SharedTransport::new(wire.clone()));
    run.state = case.given.get("state").cloned().unwrap_or_default();
    run.answer = case.given.get("answer").cloned().unwrap_or_default();
    line.apply(&mut run).map_err(|refused| refused.body["error"]["message"].to_string())?;
    Ok(run)
}

/// The runner's own valid credentials.
fn defaults(provider: &str) -> BTreeMap<String, String> {
    let pairs: &[(&str, &str)] = match provider {
        "opentok" => &[("api_key", "123456"), ("api_secret", "1234567890abcdef1234567890abcdef1234567890")],
        "mediasfu" => &[
            ("api_user_name", "apiUser123"),
            ("api_key", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ],
        "kvs-signaling" => &[
            ("access_key_id", "AKIDEXAMPLE"),
            ("secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ("region", "us-west-2"),
        ],
        "enablex" => &[
            ("app_id", "app"),
            ("app_key", "key"),
            ("recording_user", "recorder"),
            ("recording_password", "secret"),
        ],
        _ => &[],
    };
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A transport that captures what goes out and answers as the case says.
#[derive(Debug, Clone)]
struct Wire {
    answer: Value,
    sent: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Wire {
    fn new(answer: &Value) -> Self {
        Self { answer: answer.clone(), sent: Arc::default() }
    }

    fn sent(&self) -> Vec<Request<Bytes>> {
        self.sent.lock().map(|sent| sent.clone()).unwrap_or_default()
    }
}

impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>, _limits: Limits) -> Result<Response<Body>, TransportError> {
        if let Ok(mut sent) = self.sent.lock() {
            sent.push(request);
        }
        let setup = |message: String| TransportError::new(TransportErrorKind::Setup(message));
        let answer =
            if self.answer.is_null() { json!({ "status": 200, "body": {} }) } else { self.answer.clone() };
        if answer["failure"] == "connect" {
            return Err(TransportError::new(TransportErrorKind::Connect));
        }
        let status = answer["status"].as_u64().and_then(|s| u16::try_from(s).ok()).unwrap_or(200);
        let mut response = Response::builder().status(status);
        let headers = answer["headers"].as_object().cloned().unwrap_or_default();
        if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            response = response.header("content-type", "application/json");
        }
        for (name, value) in headers {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            response = response.header(name, value);
        }
        let body = match (&answer["body_hex"], &answer["body_text"], &answer["body"]) {
            (Value::String(hex), _, _) => Bytes::from(unhex(hex)),
            (_, Value::String(text), _) => Bytes::from(text.clone()),
            (_, _, Value::Null) => Bytes::new(),
            (_, _, body) => Bytes::from(body.to_string()),
        };
        response.body(Body::full(body)).map_err(|e| setup(e.to_string()))
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}
