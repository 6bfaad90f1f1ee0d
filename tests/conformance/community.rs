//! Sockets of a Community Edition: the cases that are run against the emulator's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rtc_cli::{Outcome, Run};
use rtc_emulator::{Emulator, EmulatorClock};
use rtc_tests::case::Case;
use rtc_tests::compare::{Complaints, output, same};
use serde_json::{Value, json};

use crate::Verdict;

/// Judges a case with `state.community_edition`.
pub(crate) async fn judge(case: &Case) -> Verdict {
    // Time stands still, so that a life can be told to the millisecond.
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600));
    let emulator = match Emulator::builder().clock(clock).start().await {
        Ok(emulator) => emulator,
        Err(error) => return Verdict::Failed(vec![format!("the emulator cannot start: {error}")]),
    };
    let mut bad = Complaints::new();
    let outcome = run(case, &emulator).await;
    let got = outcome.body.get("output").cloned().unwrap_or_default();
    if !outcome.is_ok() {
        bad.push(format!("it failed: {}", outcome.body["error"]["message"]));
    } else if case.operation == "connect_meeting" {
        for event in case.expect["events"].as_array().into_iter().flatten() {
            greeting(event, &got["hello"], &emulator, &mut bad).await;
        }
    } else {
        output(&case.expect["output"], &got, &mut bad);
        patterns(&case.expect["output_patterns"], &got, &mut bad);
        frames(case, &mut bad).await;
    }
    if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }
}

async fn run(case: &Case, emulator: &Emulator) -> Outcome {
    let mut run = Run::default();
    let url = emulator.mediasfu().community_url();
    if let Some(origin) = case.given["state"]["origin"].as_str() {
        let port = url.rsplit(':').next().unwrap_or_default();
        run.options.insert("origin".into(), origin.replace("<port>", port).into());
    }
    let mut input = case.given["input"].clone();
    if case.operation == "connect_meeting" {
        input["link"] = json!(url);
    }
    run.endpoint = Some(url);
    rtc_cli::batch::run(&case.provider, &case.operation, input, &run).await
}

/// What is sent is seen at a server that only listens.
async fn frames(case: &Case, bad: &mut Complaints) {
    let input = case.given["input"].clone();
    let sent = rtc_cli::batch::run(&case.provider, &case.operation, input, &Run::default()).await.frames;
    let expected = case.expect["frames"].as_array().cloned().unwrap_or_default();
    if sent.len() != expected.len() || !sent.iter().zip(&expected).all(|(got, want)| same(got, want)) {
        bad.push(format!("frames {sent:?} instead of {expected:?}"));
    }
}

/// The greeting, by the names of the wire, and how long its credentials live.
async fn greeting(expected: &Value, hello: &Value, emulator: &Emulator, bad: &mut Complaints) {
    let told = |wire: &Value| &hello[snake(wire.as_str().unwrap_or_default())];
    for wire in expected["has"].as_array().into_iter().flatten().filter(|wire| told(wire).is_null()) {
        bad.push(format!("the greeting has no {wire}"));
    }
    for wire in expected["absent"].as_array().into_iter().flatten().filter(|wire| !told(wire).is_null()) {
        bad.push(format!("the greeting has {wire}"));
    }
    let names = expected["patterns"].as_object().into_iter().flatten();
    let by_field = names.map(|(wire, pattern)| (snake(wire), pattern.clone())).collect();
    patterns(&Value::Object(by_field), hello, bad);
    let Some(life) = expected["ttl_ms"].as_u64().map(Duration::from_millis) else { return };
    let last = Duration::from_millis(1);
    emulator.clock().advance(life.saturating_sub(last));
    let early = creates(hello, emulator).await;
    if !early.is_ok() {
        bad.push(format!("the credentials end too early: {}", early.body));
    }
    emulator.clock().advance(last);
    let refused = creates(hello, emulator).await;
    if refused.body["error"]["kind"] != "unauthenticated" {
        bad.push(format!("the credentials live too long: {}", refused.body));
    }
}

/// Creates a room with the credentials of a greeting.
async fn creates(hello: &Value, emulator: &Emulator) -> Outcome {
    let text = |name: &str| hello[name].as_str().unwrap_or_default().to_owned();
    let names = ["api_user_name", "api_key"];
    let credentials: BTreeMap<_, _> = names.map(|name| (name.to_owned(), text(name))).into();
    let mut run = Run::default();
    run.credentials = credentials;
    run.endpoint = Some(emulator.mediasfu().community_url());
    let input = json!({ "user_name": "hostUser", "duration": 30, "capacity": 5 });
    rtc_cli::batch::run("mediasfu", "create_room", input, &run).await
}

/// `meetingRoomParams_` is `meeting_room_params`.
fn snake(wire: &str) -> String {
    let mut name = String::new();
    for c in wire.trim_end_matches('_').chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

fn patterns(expected: &Value, got: &Value, bad: &mut Complaints) {
    for (name, pattern) in expected.as_object().into_iter().flatten() {
        let (text, pattern) = (got[name].as_str().unwrap_or_default(), pattern.as_str().unwrap_or_default());
        if !fits(pattern, text) {
            bad.push(format!("{name} does not fit {pattern}"));
        }
    }
}

/// Whether a text is what a pattern says. Of regular expressions only what the cases use: a fixed text and one run of
/// hexadecimal digits, `^/meet/x/[0-9a-f]{32}$`.
fn fits(pattern: &str, text: &str) -> bool {
    let whole = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix("}$"));
    let Some((start, count)) = whole.and_then(|rest| rest.split_once("[0-9a-f]{")) else { return false };
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    text.strip_prefix(start).is_some_and(|rest| count.parse() == Ok(rest.len()) && rest.chars().all(digit))
}
