//! Requests and tokens as flat lists of facts, so that two of them can be compared one by one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::recorder::Exchange;

/// What stands in a table for something that is not there.
const ABSENT: &str = "—";

/// By place: `body.layout.type`.
pub(crate) type Facts = BTreeMap<String, String>;

/// The facts of a request: method, path, query, sign-in, body by value.
pub(crate) fn of_request(exchange: &Exchange) -> Facts {
    let mut facts = Facts::new();
    let request = &exchange.request;
    facts.insert("method".into(), request.method.to_string());
    facts.insert("path".into(), request.uri.path().to_owned());
    pairs(&mut facts, "query", request.uri.query().unwrap_or_default().as_bytes());
    sign_in(&mut facts, exchange);
    if exchange.body.is_empty() {
        return facts;
    }
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    facts.insert("content-type".into(), kind.to_owned());
    match serde_json::from_slice(&exchange.body) {
        Ok(body) => flatten(&mut facts, "body", &body),
        Err(_) => pairs(&mut facts, "form", &exchange.body),
    }
    facts
}

/// The facts of a client token that the crate has verified: all that does not change from one to the next.
pub(crate) fn of_token(token: &str, verified: &Value) -> Facts {
    let mut facts = Facts::new();
    match verified.get("fields") {
        Some(Value::Object(fields)) if token.starts_with("T1==") => claims(&mut facts, "fields", fields),
        _ => jwt(&mut facts, "", token),
    }
    facts
}

/// Where two lists of facts differ: place, theirs, ours.
pub(crate) fn differences(theirs: &Facts, ours: &Facts) -> Vec<[String; 3]> {
    let mut places: Vec<&String> = theirs.keys().chain(ours.keys()).collect();
    places.sort();
    places.dedup();
    let told = |facts: &Facts, place: &String| facts.get(place).map_or(ABSENT, String::as_str).to_owned();
    places
        .into_iter()
        .filter(|place| theirs.get(*place) != ours.get(*place))
        .map(|place| [place.clone(), told(theirs, place), told(ours, place)])
        .collect()
}

fn pairs(facts: &mut Facts, under: &str, text: &[u8]) {
    for (name, value) in form_urlencoded::parse(text) {
        let earlier = facts.get(&format!("{under}.{name}")).map(|earlier| format!("{earlier}, "));
        facts.insert(format!("{under}.{name}"), earlier.unwrap_or_default() + &value);
    }
}

fn flatten(facts: &mut Facts, place: &str, value: &Value) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, value)| flatten(facts, &format!("{place}.{name}"), value));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(i, value)| flatten(facts, &format!("{place}.{i}"), value));
        }
        leaf => {
            facts.insert(place.to_owned(), leaf.to_string());
        }
    }
}

/// By which header the request signs in, and what its token says.
fn sign_in(facts: &mut Facts, exchange: &Exchange) {
    let header = |name: &str| exchange.request.headers.get(name).and_then(|value| value.to_str().ok());
    let (way, token) = match (header("x-opentok-auth"), header(AUTHORIZATION.as_str())) {
        (Some(token), None) => ("X-OPENTOK-AUTH", token),
        (None, Some(value)) => match value.split_once(' ') {
            Some(("Bearer", token)) => ("Authorization: Bearer", token),
            _ => ("Authorization", value),
        },
        (None, None) => ("none", ""),
        (Some(_), Some(_)) => ("both", ""),
    };
    facts.insert("auth".into(), way.into());
    jwt(facts, "auth.", token);
}

fn jwt(facts: &mut Facts, under: &str, token: &str) {
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    for (place, part) in ["header", "claims"].into_iter().zip(token.split('.')) {
        if let Some(members) = object(part) {
            claims(facts, &format!("{under}{place}"), &members);
        }
    }
}

/// Claims by value; of those that differ from call to call only the kind, and of the times how far they lie
/// apart.
fn claims(facts: &mut Facts, under: &str, members: &Map<String, Value>) {
    const CHANGING: [&str; 6] = ["iat", "exp", "jti", "nonce", "create_time", "expire_time"];
    for (name, value) in members {
        let told = if CHANGING.contains(&name.as_str()) { kind(value).to_owned() } else { value.to_string() };
        facts.insert(format!("{under}.{name}"), told);
    }
    let seconds = |name: &str| {
        let value = members.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    for (from, to) in [("iat", "exp"), ("create_time", "expire_time")] {
        if let (Some(from), Some(to)) = (seconds(from), seconds(to)) {
            facts.insert(format!("{under}: life"), about(to - from));
        }
    }
}

/// A duration so roughly that the time which a call takes does not matter.
fn about(seconds: i64) -> String {
    if seconds < 1800 {
        format!("{} min", (seconds + 30) / 60)
    } else {
        format!("{} h", (seconds + 1800) / 3600)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
