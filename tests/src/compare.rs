//! Comparing what happened with what a case expects. Every function adds its complaints to a list.

use bytes::Bytes;
use http::Request;
use rtc_emulator::routing::{decode, pairs as pairs_in_order};
use serde_json::{Map, Value};

/// Complaints about one case.
pub type Complaints = Vec<String>;

/// What a case may say; anything else would silently not be compared.
const GIVEN: &[&str] = &["answer", "credentials", "endpoint", "input", "make", "now", "options", "state"];
const EXPECT: &[&str] = &[
    "absent",
    "accepted",
    "error",
    "events",
    "frames",
    "outcome",
    "output",
    "output_patterns",
    "request",
    "sent",
    "state",
];
const REQUEST: &[&str] =
    &["absent", "body", "body_text", "form", "headers", "method", "path", "query", "url"];
const ERROR: &[&str] = &[
    "absent",
    "class",
    "code",
    "data",
    "data_present",
    "detail",
    "exact",
    "field",
    "kind",
    "message",
    "request_id",
    "retry_after_ms",
    "retryable",
    "retryable_after_resync",
    "rule",
    "status",
    "wire",
];
const CLASSES: &[&str] = &["service", "auth", "clock_skew"];

/// Complaints about a case itself: members and classes that nothing here compares.
#[must_use]
pub fn unknown(given: &Value, expect: &Value) -> Complaints {
    let mut bad = Complaints::new();
    let mut known = |what: &str, value: &Value, names: &[&str]| {
        let members = value.as_object().into_iter().flat_map(Map::keys);
        bad.extend(
            members.filter(|m| !names.contains(&m.as_str())).map(|m| format!("{what} has an unknown {m}")),
        );
    };
    known("given", given, GIVEN);
    known("expect", expect, EXPECT);
    known("expect.request", &expect["request"], REQUEST);
    let outcomes = expect["outcome"].as_object().into_iter().flatten().map(|(_, outcome)| &outcome["error"]);
    let errors: Vec<&Value> = outcomes.chain([&expect["error"]]).collect();
    for error in &errors {
        known("expect.error", error, ERROR);
    }
    for class in errors.iter().filter_map(|error| error.get("class")) {
        if !class.as_str().is_some_and(|class| CLASSES.contains(&class)) {
            bad.push(format!("there is no error class {class}"));
        }
    }
    bad
}

/// Compares the request that was sent.
pub fn request(expected: &Value, sent: Option<&Request<Bytes>>, bad: &mut Complaints) {
    let Some(sent) = sent else {
        bad.push("nothing was sent".into());
        return;
    };
    let url = expected.get("url").and_then(Value::as_str);
    let own = sent.uri().to_string();
    if let Some(method) = expected.get("method").and_then(Value::as_str) {
        check(bad, "method", method, sent.method().as_str());
    }
    if let Some(url) = url {
        check(bad, "url", url.split('?').next().unwrap_or(url), own.split('?').next().unwrap_or(&own));
    }
    if let Some(path) = expected.get("path").and_then(Value::as_str) {
        let (want, got) = (segments(path), segments(sent.uri().path()));
        // A case without an endpoint tells what follows the base URL.
        if !got.ends_with(&want) && want != got {
            bad.push(format!("path {} instead of {path}", sent.uri().path()));
        }
    }
    if let Some(query) = expected.get("query").and_then(Value::as_object) {
        let got = pairs(sent.uri().query().unwrap_or_default());
        if &got != query {
            bad.push(format!("query {got:?} instead of {query:?}"));
        }
    }
    for (name, want) in expected.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let got = sent.headers().get(name).and_then(|v| v.to_str().ok());
        if got != want.as_str() {
            bad.push(format!("header {name} is {got:?} instead of {want}"));
        }
    }
    body(expected, sent, bad);
}

fn body(expected: &Value, sent: &Request<Bytes>, bad: &mut Complaints) {
    let text = String::from_utf8_lossy(sent.body());
    let json: Value = serde_json::from_slice(sent.body()).unwrap_or_default();
    if let Some(want) = expected.get("body").filter(|b| !b.is_null() && !same(&json, b)) {
        bad.push(format!("body {text} instead of {want}"));
    }
    if let Some(want) = expected.get("form").and_then(Value::as_object) {
        let got = pairs(&text);
        if &got != want {
            bad.push(format!("form {got:?} instead of {want:?}"));
        }
    }
    if let Some(want) = expected.get("body_text").and_then(Value::as_str) {
        check(bad, "body", want, &text);
    }
    for name in
        expected.get("absent").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if sent.headers().contains_key(name) || json.get(name).is_some() {
            bad.push(format!("{name} must be absent"));
        }
    }
}

/// Compares the members of an output: dotted paths, arrays by index.
pub fn output(expected: &Value, got: &Value, bad: &mut Complaints) {
    let Some(members) = expected.as_object() else {
        if !same(got, expected) {
            bad.push(format!("output {got} instead of {expected}"));
        }
        return;
    };
    for (path, want) in members {
        let found = dig(got, path);
        // The parameters of a presigned URL stand in any order.
        let urls = found.as_str().zip(want.as_str()).filter(|(_, want)| want.contains("X-Amz-Signature="));
        let equal = match urls {
            Some((found, want)) => parameters(found) == parameters(want),
            None if path == "rows" => rows(&found, want),
            None => same(&found, want),
        };
        if !equal {
            bad.push(format!("output {path} is {found} instead of {want}"));
        }
    }
}

/// Whether these are the rows of an error table, in any order. What they say in words does not count.
fn rows(found: &Value, want: &Value) -> bool {
    let (Some(found), Some(want)) = (found.as_array(), want.as_array()) else { return false };
    let mut left: Vec<&Value> = found.iter().collect();
    let all = want.iter().all(|want| match left.iter().position(|row| contains(row, want)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    });
    all && left.is_empty()
}

/// A URL as what stands before its query, and its parameters sorted, still encoded.
fn parameters(url: &str) -> (&str, Vec<&str>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<&str> = query.split('&').collect();
    parameters.sort_unstable();
    (base, parameters)
}

/// Compares an error.
pub fn error(expected: &Value, body: &Value, bad: &mut Complaints) {
    let Some(got) = body.get("error").filter(|e| !e.is_null()) else {
        bad.push(format!("it succeeded instead of failing with {expected}"));
        return;
    };
    let first = got.get("violations").and_then(|v| v.get(0)).cloned().unwrap_or_default();
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    for (name, want) in expected.as_object().into_iter().flatten() {
        let exact = expected.get("exact") == Some(&Value::Bool(true));
        let got = match name.as_str() {
            "field" | "wire" | "rule" => {
                let found = text(first.get(name));
                let wanted = text(Some(want));
                if !wanted.split('|').any(|w| w == found) {
                    bad.push(format!("{name} {found:?} instead of {wanted:?}; {}", got["message"]));
                }
                continue;
            }
            "message" if !exact => continue,
            "exact" | "absent" => continue,
            "code" if got.get("code").is_none_or(Value::is_null) => text(first.get("code")),
            // Whose answer it was: a refusal has a status, or the service's own code or text.
            "class" => {
                class(want, got, bad);
                continue;
            }
            "retryable_after_resync" => continue,
            _ => text(got.get(name)),
        };
        let want = text(Some(want));
        if got != want {
            bad.push(format!("error {name} is {got:?} instead of {want:?}"));
        }
    }
    let shown = body.to_string();
    for word in
        expected.get("absent").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if shown.contains(word) {
            bad.push(format!("the error shows {word:?}"));
        }
    }
}

fn class(want: &Value, got: &Value, bad: &mut Complaints) {
    let kind = got.get("kind").and_then(Value::as_str).unwrap_or_default();
    let fits = match want.as_str() {
        // What a live connection refuses has words, but no status.
        Some("service") => {
            let told = |name: &str| got.get(name).is_some_and(|value| !value.is_null());
            kind != "protocol"
                && (told("status") || (told("detail") && got.get("was_sent") == Some(&Value::Bool(true))))
        }
        Some("auth") => matches!(kind, "unauthenticated" | "permission_denied"),
        Some("clock_skew") => got.get("retryable") == Some(&Value::Bool(true)),
        // Refused by `unknown` before.
        _ => false,
    };
    if !fits {
        bad.push(format!("error of kind {kind} is not of class {want}"));
    }
}

fn check(bad: &mut Complaints, what: &str, want: &str, got: &str) {
    if want != got {
        bad.push(format!("{what} {got:?} instead of {want:?}"));
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|s| !s.is_empty())
        .map(|s| decode(s, false))
        .chain(path.ends_with('/').then(String::new))
        .collect()
}

fn pairs(text: &str) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in pairs_in_order(text) {
        let value = Value::String(value);
        match out.get_mut(&name) {
            None => drop(out.insert(name, value)),
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    out
}

/// The value at a dotted path; null where it leads nowhere. A member whose own name has dots wins.
#[must_use]
pub fn dig(value: &Value, path: &str) -> Value {
    if let Some(found) = value.get(path) {
        return found.clone();
    }
    let mut place = value.clone();
    for step in path.split('.') {
        place = match &place {
            Value::Array(items) if step == "length" => Value::from(items.len()),
            Value::Array(items) => {
                step.parse::<usize>().ok().and_then(|i| items.get(i)).cloned().unwrap_or_default()
            }
            other => other.get(step).cloned().unwrap_or_default(),
        };
    }
    place
}

/// Equality by value: numbers by their number, objects without order.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter().all(|(name, value)| y.get(name).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// Whether every member of `part` is in `whole`, at any depth.
#[must_use]
pub fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| contains(whole.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(w, p)| contains(w, p))
        }
        _ => same(whole, part),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_compared_is_told() {
        let good = json!({ "request": { "path": "/x" }, "error": { "class": "service" }, "sent": true });
        assert!(unknown(&json!({ "input": {} }), &good).is_empty());
        for (given, expect) in [
            (json!({ "inputs": {} }), json!({})),
            (json!({}), json!({ "outputs": {} })),
            (json!({}), json!({ "request": { "verb": "GET" } })),
            (json!({}), json!({ "error": { "kin": "other" } })),
            (json!({}), json!({ "error": { "class": "weather" } })),
            (json!({}), json!({ "outcome": { "1": { "error": { "kin": "other" } } } })),
        ] {
            assert_eq!(unknown(&given, &expect).len(), 1, "{given} {expect}");
        }
    }

    #[test]
    fn repeated_names_are_a_list() {
        assert_eq!(Value::Object(pairs("a=1&b=x+y&a=2&a=3")), json!({ "a": ["1", "2", "3"], "b": "x y" }));
    }
}
