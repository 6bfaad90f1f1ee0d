//! The options and credentials of a call: one reader for a single command and for a line of a batch.

use std::collections::BTreeMap;
use std::time::Duration;

use rtc_core::{Rule, Violation};
use serde_json::{Map, Value};

use crate::outcome::{Outcome, Run};

/// The options of every provider, and those of one.
const COMMON: &[&str] = &["timeout_ms", "retry"];
const OWN: &[(&str, &[&str])] = &[
    ("mediasfu", &["server", "origin"]),
    ("enablex", &["protocol", "recording_host", "file"]),
    ("sora-rpc", &["via"]),
];

/// Reads the options into a run. An option that is not the provider's is refused, not ignored.
///
/// # Errors
/// A violation `options.NAME` for every unknown name and every bad value.
pub fn apply(provider: &str, options: &Map<String, Value>, run: &mut Run) -> Result<(), Outcome> {
    let own = OWN.iter().find(|(name, _)| *name == provider).map_or(&[][..], |(_, own)| *own);
    let mut found = Vec::new();
    for (name, value) in options {
        let fault = if COMMON.contains(&name.as_str()) || own.contains(&name.as_str()) {
            read(name, value, run)
        } else {
            let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
            Err((Rule::Forbidden, format!("is not an option here; there are {}", known.join(", "))))
        };
        if let Err((rule, message)) = fault {
            let field = format!("options.{name}");
            found.push(Violation::new(field.clone(), field, rule, message));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Outcome::refused(&found)) }
}

fn read(name: &str, value: &Value, run: &mut Run) -> Result<(), (Rule, String)> {
    let one_of = |known: &[&str]| match value.as_str() {
        Some(text) if known.contains(&text) => Ok(()),
        _ => Err((Rule::OneOf, format!("must be {}", known.join(" or ")))),
    };
    match name {
        "timeout_ms" => {
            let limit = value.as_u64().filter(|ms| *ms > 0);
            let limit = limit.ok_or_else(|| (Rule::Range, "must be a whole number above 0".to_owned()))?;
            run.timeout = Some(Duration::from_millis(limit));
        }
        "retry" => {
            let retry = value.as_bool();
            run.no_retry = !retry.ok_or_else(|| (Rule::Pattern, "must be true or false".to_owned()))?;
        }
        "recording_host" | "file" => {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.ok_or_else(|| (Rule::Pattern, "must be a text that is not empty".to_owned()))?;
        }
        "server" => one_of(&["cloud", "community"])?,
        "protocol" => one_of(&["eio3", "eio4"])?,
        "via" => one_of(&["rpc", "http", "websocket"])?,
        // What else an origin may be is the client's to judge: it is a header's value.
        _ if value.as_str().is_none_or(str::is_empty) => {
            return Err((Rule::Pattern, "must be a text that is not empty".into()));
        }
        _ => {}
    }
    run.options.insert(name.to_owned(), value.clone());
    Ok(())
}

/// The credentials of a JSON object: texts, and numbers as texts, for a key made of digits is easily
/// written as one.
///
/// # Errors
/// The names whose values are neither. What the values are is not told.
pub fn credentials(given: Map<String, Value>) -> Result<BTreeMap<String, String>, Vec<Violation>> {
    let (mut read, mut found) = (BTreeMap::new(), Vec::new());
    for (name, value) in given {
        match value {
            Value::String(text) => drop(read.insert(name, text)),
            Value::Number(number) => drop(read.insert(name, number.to_string())),
            _ => {
                let field = format!("credentials.{name}");
                found.push(Violation::new(field.clone(), field, Rule::Pattern, "must be a text"));
            }
        }
    }
    if found.is_empty() { Ok(read) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(provider: &str, options: Value) -> Result<Run, String> {
        let mut run = Run::default();
        let Value::Object(options) = options else { return Err("no object".into()) };
        match apply(provider, &options, &mut run) {
            Ok(()) => Ok(run),
            Err(outcome) => {
                let violations = outcome.body["error"]["violations"].as_array().unwrap().iter();
                let told = violations
                    .map(|v| format!("{} {}", v["field"].as_str().unwrap(), v["rule"].as_str().unwrap()));
                Err(told.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn good_options_are_applied() {
        let run = applied("mediasfu", json!({ "timeout_ms": 250, "retry": false, "server": "community" }));
        let run = run.unwrap();
        assert_eq!((run.timeout, run.no_retry), (Some(Duration::from_millis(250)), true));
        assert_eq!(run.option("server"), Some("community"));
        assert!(!applied("opentok", json!({ "retry": true })).unwrap().no_retry);
        for (provider, good) in [
            ("enablex", json!({ "protocol": "eio3" })),
            ("sora-rpc", json!({ "via": "rpc" })),
            ("sora-rpc", json!({ "via": "http" })),
            ("sora-rpc", json!({ "via": "websocket" })),
            ("mediasfu", json!({ "origin": "https://example.com" })),
        ] {
            assert!(applied(provider, good.clone()).is_ok(), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (provider, bad, told) in [
            ("opentok", json!({ "timeout_ms": 0 }), "options.timeout_ms range"),
            ("opentok", json!({ "timeout_ms": "250" }), "options.timeout_ms range"),
            ("opentok", json!({ "retry": "no" }), "options.retry pattern"),
            ("opentok", json!({ "retrry": false }), "options.retrry forbidden"),
            ("opentok", json!({ "server": "cloud" }), "options.server forbidden"),
            (
                "mediasfu",
                json!({ "server": "mars", "origin": 1 }),
                "options.origin pattern, options.server one_of",
            ),
            ("enablex", json!({ "protocol": "eio5" }), "options.protocol one_of"),
            ("sora-rpc", json!({ "via": "pigeon" }), "options.via one_of"),
        ] {
            assert_eq!(applied(provider, bad.clone()).unwrap_err(), told, "{bad}");
        }
    }
}
