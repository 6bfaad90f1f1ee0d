//! What came in and what went out, without secrets.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::request::Parts;
use serde::Serialize;

pub use crate::redact::REDACTED;
use crate::{
    redact::{LIMIT, cut, redact_body, redact_header, redact_pairs},
    routing::pairs,
};

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
