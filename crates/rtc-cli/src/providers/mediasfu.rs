//! MediaSFU.

mod meeting;
mod offline;

use std::time::{Duration, SystemTime};

use mediasfu::{Client, CreateRoom, Credentials, ServerKind, pending};
use rtc_core::testing::ManualClock;
use rtc_core::{Clock as _, MemoryStore, SharedClock, SharedStore, Store as _};
use serde_json::{Value, json};

use super::configure;
use crate::generated::mediasfu as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// An option of the call, or the environment's variable.
fn setting(run: &Run, option: &str, variable: &str) -> Option<String> {
    run.option(option).map(str::to_owned).or_else(|| run.variable(variable))
}

fn client(run: &Run, store: Option<&SharedStore>) -> Result<Client, Outcome> {
    let credentials = Credentials::new(
        run.credential("api_user_name", "MEDIASFU_API_USER_NAME"),
        run.credential("api_key", "MEDIASFU_API_KEY"),
    );
    let mut builder = configure!(Client::builder(credentials), run, "MEDIASFU_ENDPOINT");
    if let Some(name) = setting(run, "server", "MEDIASFU_SERVER") {
        let unknown = || Outcome::usage("options.server", "must be cloud or community");
        builder = builder.server(ServerKind::from_name(&name).ok_or_else(unknown)?);
    }
    if let Some(origin) = setting(run, "origin", "MEDIASFU_ORIGIN") {
        builder = builder.header("origin", origin);
    }
    if let Some(store) = store {
        builder = builder.store(store.clone());
    }
    builder.build().map_err(|error| run.failed(&error))
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    // Boxed: one of many, and the largest.
    if let Some(outcome) = Box::pin(meeting::run(operation, &mut input, run)).await {
        return Some(outcome);
    }
    match operation {
        "choose_endpoint" => {
            let request = generated::choose_endpoint(&mut input);
            let checked = input.check(request.validate()).map_err(mediasfu::Error::from);
            let url = checked.and_then(|()| Client::choose_endpoint(request));
            Some(run.local(url.map(|url| json!({ "url": url.as_str() }))))
        }
        "pending_claim" => Some(pending_claim(input, run).await.unwrap_or_else(|refused| refused)),
        _ => match client(run, run.store.as_ref()) {
            Ok(client) => generated::call(&client, operation, input, run).await,
            Err(refused) => Some(refused),
        },
    }
}

/// For conformance: `create_room` with a claim around it. Without a state before the call it only tells the
/// texts of the official SDKs. What became of the claim is in the outcomes: `claim` (kept, absent) and
/// `stored`, the key under which it is kept.
async fn pending_claim(mut input: Input, run: &Run) -> Result<Outcome, Outcome> {
    let request = generated::create_room(&mut input);
    let clock = ManualClock::new(run.clock.as_ref().map_or_else(SystemTime::now, |clock| clock.now()));
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let client = client(run, Some(&store))?;
    let key = client.pending_key(&request).unwrap_or_default();
    let mut outcome = if run.state.is_null() {
        let value: Value =
            serde_json::from_str(&pending::legacy_value(&request, clock.now())).unwrap_or_default();
        run.done(&json!({ "key": pending::legacy_key(&request), "value": value }), None, None, 0)
    } else {
        claim(run.state.get("claim"), &request, &key, &store, &clock).await;
        run.call(client.create_room(request), input).await
    };
    let kept = store.peek(&key).await.ok().flatten().is_some();
    outcome.outcomes.insert("claim".into(), json!(if kept { "kept" } else { "absent" }));
    outcome.outcomes.insert("stored".into(), json!(key));
    Ok(outcome)
}

/// Makes the claim that a case has before its call.
async fn claim(
    before: Option<&Value>,
    request: &CreateRoom,
    key: &str,
    store: &SharedStore,
    clock: &ManualClock,
) {
    let Some(before) = before else { return };
    let now = clock.now();
    let age = before.get("age_ms").and_then(Value::as_i64);
    let millis = Duration::from_millis(age.unwrap_or(0).unsigned_abs());
    let (stands, age) = match (age, before.get("raw").and_then(Value::as_str)) {
        (_, Some(raw)) => (pending::legacy_is_pending(raw, now), Duration::ZERO),
        (Some(0..), None) => (true, millis),
        (Some(_), None) => {
            (pending::legacy_is_pending(&pending::legacy_value(request, now + millis), now), Duration::ZERO)
        }
        (None, None) => return,
    };
    if stands {
        // The store of a test never fails.
        let _ = store.claim(key, pending::WINDOW).await;
        clock.advance(age);
    }
}

#[cfg(test)]
mod tests {
    use rtc_core::SharedTransport;
    use rtc_core::testing::ScriptedTransport;

    use super::*;

    #[tokio::test]
    async fn claims_before_a_call() {
        let room = r#"{"roomName":"s1","link":"https://x","secret":"tok"}"#;
        for (claim, kind, after, sent) in [
            (json!({ "age_ms": 0 }), Some("conflict"), "kept", 0),
            (json!({ "age_ms": 29_999 }), Some("conflict"), "kept", 0),
            (json!({ "age_ms": 30_000 }), None, "absent", 1),
            (json!({ "age_ms": -5000 }), None, "absent", 1),
            (json!({ "raw": "{}" }), None, "absent", 1),
            (Value::Null, None, "absent", 1),
        ] {
            let transport = ScriptedTransport::new().json(201, room);
            let mut run = Run::default();
            run.credentials.insert("api_user_name".into(), "apiUser123".into());
            run.credentials.insert("api_key".into(), "0123456789abcdef".repeat(4));
            run.transport = Some(SharedTransport::new(transport.clone()));
            run.state = json!({ "claim": claim });
            let input = Input::new(json!({ "user_name": "u1", "duration": 1, "capacity": 2 }));
            let outcome = super::run("pending_claim", input, &run).await.unwrap();
            assert_eq!(outcome.body["error"]["kind"].as_str(), kind, "{claim}: {}", outcome.body);
            assert_eq!(outcome.outcomes["claim"], after, "{claim}");
            assert_eq!(transport.requests().len(), sent, "{claim}");
        }
    }
}
