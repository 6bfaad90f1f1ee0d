//! The page under `/_emulator/` that shows what happens, and what it asks for. It changes nothing, and shows no
//! secret: state and faults are redacted as the log is.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::{
    provider::json as answer,
    redact::redact_json,
    routing::{decode, pairs},
    server::Server,
    time::rfc3339,
};

const PAGE: &str = include_str!("../assets/inspector.html");
/// The page's own style and script by their hashes; nothing else, from nowhere. A test says what they are to be.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-YhWORMxxrvNeaDfYlHGnmICeINpAJFXyVQAJwhW67C0='; \
    script-src 'sha256-+3fo+St3GThNYzCSWHdORquWIaVW8vJYcm6y2SDxk1A='; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// How many entries are given at once.
const ENTRIES: usize = 500;
/// How many members of an object or a list are shown.
const MEMBERS: usize = 100;

impl Server {
    /// The answer, if it is the page or one of its questions.
    pub(crate) fn inspect(&self, parts: &Parts, path: &str) -> Option<Response<Full<Bytes>>> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return None;
        }
        let mut response = match path {
            "" => page(),
            "inspector" => answer(StatusCode::OK, &self.latest(parts)),
            "inspector/state" => answer(StatusCode::OK, &self.numbers()),
            _ => {
                let name = decode(path.strip_prefix("inspector/state/")?, false);
                let provider = self.providers.iter().find(|provider| provider.name() == name)?;
                let mut state = provider.state();
                shorten(&mut state);
                redact_json(&mut state);
                answer(StatusCode::OK, &state)
            }
        };
        let headers = [
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            // No page of a stranger gets to use what is here, be it only to measure it.
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// The log since an entry, the faults and the time.
    fn latest(&self, parts: &Parts) -> Value {
        let query = pairs(parts.uri.query().unwrap_or(""));
        let since = query.iter().find(|(name, _)| name == "since").and_then(|(_, text)| text.parse().ok());
        let (entries, first, next) = self.shared.log.latest(since.unwrap_or(0), ENTRIES);
        let mut faults = json!(self.shared.faults.list());
        redact_json(&mut faults);
        json!({
            "entries": entries,
            "first": first,
            "next": next,
            "faults": faults,
            "loopback": self.shared.loopback,
            "now": rfc3339(self.shared.clock.now()),
            "manual": self.shared.clock.is_manual(),
        })
    }

    /// How much each provider keeps of what.
    fn numbers(&self) -> Value {
        let numbers = |state: Value| -> Map<String, Value> {
            let Value::Object(members) = state else { return Map::new() };
            let counted =
                members.into_iter().filter_map(|(name, member)| Some((name, length(&member)?.into())));
            counted.collect()
        };
        let all = self.providers.iter().map(|p| (p.name().to_owned(), numbers(p.state()).into()));
        all.collect::<Map<_, _>>().into()
    }
}

fn page() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(PAGE.as_bytes())));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// How many there are, if it is a collection and no settings.
fn length(member: &Value) -> Option<usize> {
    match member {
        Value::Array(items) => Some(items.len()),
        Value::Object(items) if items.values().all(|item| item.is_object() || item.is_array()) => {
            Some(items.len())
        }
        _ => None,
    }
}

/// Leaves out what nobody would read.
fn shorten(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let more = members.len().saturating_sub(MEMBERS);
            if more > 0 {
                *members = std::mem::take(members).into_iter().take(MEMBERS).collect();
                members.insert("...".into(), format!("{more} more").into());
            }
            members.values_mut().for_each(shorten);
        }
        Value::Array(items) => {
            let more = items.len().saturating_sub(MEMBERS);
            items.truncate(MEMBERS);
            items.iter_mut().for_each(shorten);
            if more > 0 {
                items.push(format!("{more} more").into());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(feature = "opentok", feature = "kvs-signaling"))]
    #[test]
    fn the_policy_names_the_style_and_the_script_of_the_page() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        use sha2::{Digest as _, Sha256};
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            assert_eq!((PAGE.matches(&open).count(), PAGE.matches(&close).count()), (1, 1));
            let inner = PAGE.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
            let wanted = format!("{directive} 'sha256-{}'", STANDARD.encode(Sha256::digest(inner)));
            assert!(POLICY.contains(&wanted), "{POLICY} has no {wanted}");
        }
    }

    #[test]
    fn what_is_long_is_shortened() {
        let mut value = json!({ "list": vec![1; 150], "map": (0..101).map(|n| (n.to_string(), json!(n))).collect::<Map<_, _>>() });
        shorten(&mut value);
        assert_eq!((value["list"].as_array().unwrap().len(), &value["list"][100]), (101, &json!("50 more")));
        assert_eq!((value["map"].as_object().unwrap().len(), &value["map"]["..."]), (101, &json!("1 more")));
    }
}
