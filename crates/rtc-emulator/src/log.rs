//! What came in and what went out, without secrets.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, request::Parts};
use serde::Serialize;
use serde_json::Value;

use crate::{
    routing::pairs,
    spec::{Field, Route},
};

/// Stands for a secret.
pub const REDACTED: &str = "[redacted]";
/// How much of a path, a value or a body is kept.
const LIMIT: usize = 4096;
/// How many bytes of entries are kept: a thousand ordinary ones weigh less than 2 MB, those of an attacker 80.
const WEIGHT: usize = 64 << 20;

/// One request that was received.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// Counts from 1 and is never used twice.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Provider, if the path is one's.
    pub provider: Option<String>,
    /// Operation, if documented.
    pub operation: Option<String>,
    /// HTTP method.
    pub method: String,
    /// Path as sent, cut to 4 KiB.
    pub path: String,
    /// Decoded query, redacted; each name and value cut to 4 KiB.
    pub query: Vec<(String, String)>,
    /// Request headers, redacted; each value cut to 4 KiB.
    pub headers: Vec<(String, String)>,
    /// Request body, redacted and cut to 4 KiB.
    pub body: Option<String>,
    /// Status of the answer; none if none was sent.
    pub status: Option<u16>,
    /// Body of the answer, redacted and cut to 4 KiB.
    pub answer: Option<String>,
    /// Id of the fault that was applied.
    pub fault: Option<String>,
    /// How long the answer took on the emulator's clock.
    pub duration_ms: Option<u64>,
}

impl LogEntry {
    pub(crate) fn received(parts: &Parts, body: Option<&[u8]>) -> Self {
        Self {
            method: parts.method.to_string(),
            path: cut(parts.uri.path().to_owned()),
            query: redact_pairs(pairs(parts.uri.query().unwrap_or("")))
                .into_iter()
                .map(|(name, value)| (cut(name), cut(value)))
                .collect(),
            headers: parts.headers.iter().map(|(n, v)| redact_header(n.as_str(), v.as_bytes())).collect(),
            body: body.and_then(|body| redact_body(&parts.headers, body)),
            ..Self::default()
        }
    }

    /// About how much memory it takes, whatever the answer will be.
    fn weight(&self) -> usize {
        let pairs = self.query.iter().chain(&self.headers);
        let pairs: usize = pairs.map(|(name, value)| name.len() + value.len() + 48).sum();
        size_of::<Self>() + self.path.len() + self.body.as_ref().map_or(0, String::len) + pairs + LIMIT
    }
}

#[derive(Debug)]
struct State {
    next: u64,
    /// The sum of all weights.
    weight: usize,
    entries: VecDeque<LogEntry>,
}

/// A ring of the latest entries.
#[derive(Debug)]
pub struct Log {
    capacity: usize,
    state: Mutex<State>,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::new(State { next: 1, weight: 0, entries: VecDeque::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an entry in and gives it its number.
    pub(crate) fn begin(&self, mut entry: LogEntry) -> u64 {
        let mut state = self.state();
        entry.seq = state.next;
        state.next += 1;
        let seq = entry.seq;
        state.weight += entry.weight();
        state.entries.push_back(entry);
        while state.entries.len() > self.capacity || state.weight > WEIGHT {
            let Some(oldest) = state.entries.pop_front() else { break };
            state.weight -= oldest.weight();
        }
        seq
    }

    /// Adds to an entry, if it is still kept.
    pub(crate) fn amend(&self, seq: u64, change: impl FnOnce(&mut LogEntry)) {
        let mut state = self.state();
        // Numbers have no gaps.
        let first = state.entries.front().map_or(seq, |entry| entry.seq);
        let at = seq.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| state.entries.get_mut(at)) {
            change(entry);
        }
    }

    /// At most so many of the latest entries after `since`, the oldest first; the number of the first entry that
    /// is kept, and the number that the next one gets.
    pub(crate) fn latest(&self, since: u64, most: usize) -> (Vec<LogEntry>, u64, u64) {
        let state = self.state();
        let first = state.entries.front().map_or(state.next, |entry| entry.seq);
        let newest = state.next - 1;
        let fresh = usize::try_from(newest - since.clamp(first - 1, newest)).unwrap_or(usize::MAX);
        let skipped = state.entries.len().saturating_sub(fresh.min(most));
        (state.entries.iter().skip(skipped).cloned().collect(), first, state.next)
    }

    /// The entries after `since`, of one operation or of all.
    pub fn entries(&self, since: u64, operation: Option<&str>) -> Vec<LogEntry> {
        let wanted =
            |e: &&LogEntry| e.seq > since && operation.is_none_or(|o| e.operation.as_deref() == Some(o));
        self.state().entries.iter().filter(wanted).cloned().collect()
    }

    /// Forgets the entries; numbers go on.
    pub fn clear(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.weight = 0;
    }
}

pub(crate) fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

/// A text as long as it may be kept.
fn cut(mut text: String) -> String {
    if text.len() > LIMIT {
        text.truncate(text.floor_char_boundary(LIMIT));
    }
    text
}

/// A name without case and punctuation, which differ between headers, members and parameters.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The tables of the built-in providers.
fn tables() -> Vec<&'static [Route]> {
    vec![
        #[cfg(feature = "enablex")]
        crate::generated::enablex::ROUTES,
        #[cfg(feature = "enablex")]
        crate::generated::enablex::METHODS,
        #[cfg(feature = "opentok")]
        crate::generated::opentok::ROUTES,
        #[cfg(feature = "sora-rpc")]
        crate::generated::sora_rpc::METHODS,
        #[cfg(feature = "mediasfu")]
        crate::generated::mediasfu::ROUTES,
        #[cfg(feature = "mediasfu")]
        crate::generated::mediasfu::METHODS,
        #[cfg(feature = "kvs-signaling")]
        crate::generated::kvs_signaling::ROUTES,
    ]
}

/// The names of all secret fields, at any depth.
fn secret_names() -> BTreeSet<&'static str> {
    fn walk(fields: &'static [Field], out: &mut BTreeSet<&'static str>) {
        for field in fields {
            if field.secret {
                out.insert(field.wire);
            }
            walk(field.fields, out);
        }
    }
    let mut names = BTreeSet::new();
    tables().into_iter().flatten().for_each(|route| walk(route.fields, &mut names));
    names
}

/// The names that the specification says are secret, as [`plain`] writes them.
static SPECIFIED: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| secret_names().into_iter().map(plain).collect());

/// Whether a member, parameter or header of this name holds a secret: by the specification, and by what
/// such names look like elsewhere. Rather one too many.
fn is_secret(name: &str) -> bool {
    let name = plain(name);
    const PARTS: [&str; 10] = [
        "secret",
        "password",
        "passcode",
        "token",
        "credential",
        "securecode",
        "signature",
        "authorization",
        "opentokauth",
        // The page of a MediaSFU room ends with its secret.
        "publicurl",
    ];
    let alike = || PARTS.iter().any(|part| name.contains(part));
    // Of a room that people dial in to, and of a call that is to be returned.
    let pin = matches!(name.as_str(), "pin" | "callbackpin");
    pin || name.ends_with("key") || name.ends_with("cookie") || SPECIFIED.contains(&name) || alike()
}

/// Whether a value is a token whatever its member is called: a JWT, an OpenTok token.
fn looks_secret(value: &str) -> bool {
    value.starts_with("T1==") || (value.starts_with("eyJ") && value.matches('.').count() == 2)
}

fn redact_pairs(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let hide = |(name, value): (String, String)| {
        let value = if is_secret(&name) || looks_secret(&value) { REDACTED.to_owned() } else { value };
        (name, value)
    };
    pairs.into_iter().map(hide).collect()
}

fn redact_header(name: &str, value: &[u8]) -> (String, String) {
    let value = String::from_utf8_lossy(value).into_owned();
    let value = match value.split_once(' ') {
        // Which scheme was used is no secret and often the mistake looked for.
        Some((scheme, _)) if name == "authorization" => format!("{scheme} {REDACTED}"),
        _ if is_secret(name) || looks_secret(&value) => REDACTED.to_owned(),
        _ => cut(value),
    };
    (name.to_owned(), value)
}

/// Hides what is secret by its name or by its looks, at any depth.
pub(crate) fn redact_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) && !member.is_null() {
                    *member = REDACTED.into();
                } else {
                    redact_json(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::String(text) if looks_secret(text) => *text = REDACTED.into(),
        _ => {}
    }
}

/// A body as it may be shown. What cannot be understood cannot be redacted: only its size is told.
pub(crate) fn redact_body(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let shown = if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        redact_json(&mut value);
        value.to_string()
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs = redact_pairs(pairs(&String::from_utf8_lossy(body)));
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    } else {
        format!("[{} bytes, {}]", body.len(), if kind.is_empty() { "no content type" } else { kind })
    };
    Some(cut(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_kept() {
        let request = http::Request::builder()
            .uri("/a?X-Amz-Signature=canary&X-Amz-Security-Token=canary&x=1")
            .header("authorization", "Bearer canary")
            .header("x-opentok-auth", "canary")
            .header("cookie", "a=canary")
            .header("x-amz-security-token", "canary")
            .header("x-id", "eyJcanary.b.c")
            .header("accept", "*/*");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = br#"{"name":"n","apiKey":"canary","list":[{"secureCode":{"a":"canary"}}],"v":"T1==canary",
            "password":"canary","credential":"canary","secret":null,"key":"canary","accessToken":"canary"}"#;
        let entry = LogEntry::received(&parts, Some(body));
        let shown = format!("{entry:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert_eq!(entry.query[2], ("x".into(), "1".into()));
        assert_eq!(entry.headers[0].1, "Bearer [redacted]");
        assert!(entry.body.unwrap().contains(r#""name":"n""#));
    }

    #[test]
    fn every_secret_field_of_every_table_is_hidden() {
        let names = secret_names();
        #[cfg(feature = "mediasfu")]
        assert!(names.contains("adminPasscode") && names.contains("secureCode"), "{names:?}");
        for name in names {
            let body = serde_json::json!({ "outer": [{ name: "canary" }] }).to_string();
            let shown = redact_body(&HeaderMap::new(), body.as_bytes()).unwrap();
            assert!(!shown.contains("canary"), "{shown}");
            let shown = redact_pairs(vec![(name.to_owned(), "canary".to_owned())]);
            assert_eq!(shown, [(name.to_owned(), REDACTED.to_owned())]);
        }
        assert!(is_secret("adminPasscode") && is_secret("admin_passcode"), "by its looks, too");
    }

    #[test]
    fn paths_and_values_are_cut() {
        let long = "é".repeat(4000);
        let uri = format!("/{}?q={}", "a".repeat(9000), "b".repeat(9000));
        let request = http::Request::builder().uri(uri).header("x-long", long.as_bytes());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let entry = LogEntry::received(&parts, None);
        assert_eq!((entry.path.len(), entry.query[0].1.len()), (LIMIT, LIMIT));
        assert_eq!(entry.headers[0].1.len(), LIMIT, "two bytes a letter");
    }

    #[test]
    fn bodies_are_cut_and_forms_understood() {
        let mut headers = HeaderMap::new();
        assert_eq!(redact_body(&headers, b"{canary").as_deref(), Some("[7 bytes, no content type]"));
        assert_eq!(
            redact_body(&headers, format!("\"{}\"", "é".repeat(4000)).as_bytes()).map(|b| b.len()),
            Some(4095)
        );
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        assert_eq!(redact_body(&headers, b"a=1&secret=canary").as_deref(), Some("a=1&secret=[redacted]"));
    }

    #[test]
    fn the_ring_keeps_the_latest() {
        let log = Log::new(2);
        for operation in ["a", "b", "a"] {
            log.begin(LogEntry { operation: Some(operation.into()), ..LogEntry::default() });
        }
        assert_eq!(log.entries(0, None).iter().map(|e| e.seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(log.entries(0, Some("a")).len(), 1);
        assert_eq!(log.entries(3, None), []);
        log.clear();
        assert_eq!(log.begin(LogEntry::default()), 4);
    }
}
