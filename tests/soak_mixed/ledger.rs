//! What was called beside what the emulator saw.

use std::collections::{BTreeMap, HashMap};

use rtc_emulator::{Emulator, LogEntry, credentials as known};

use crate::traffic::{End, MARK, Replay, Scene};

/// What no error and no entry of a log may hold, nor what they are sent as: whole, or as a token begins (fewer letters
/// of it come about in a million random identifiers).
const SECRETS: [&str; 9] = [
    known::OPENTOK_API_SECRET,
    known::MEDIASFU_API_KEY,
    known::KVS_SECRET_ACCESS_KEY,
    known::ENABLEX_APP_KEY,
    "eyJhbGci",
    "eyJ0eXAi",
    "T1==cGFydG5lcl9p",
    "Signature=",
    // EnableX's id and key in Base64.
    "NWYwMTIzNDU2Nzg5",
];

/// The sums over all rounds.
#[derive(Default)]
pub(crate) struct Ledger {
    /// How calls ended, by provider and kind.
    pub(crate) ends: BTreeMap<String, u64>,
    /// Faults that were met, by their kind.
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) requests: u64,
    pub(crate) stuck: u64,
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) unasked: u64,
    pub(crate) leaks: u64,
    /// What was found, in words.
    pub(crate) findings: Vec<String>,
}

impl Ledger {
    pub(crate) fn calls(&self) -> u64 {
        self.ends.values().sum()
    }

    /// Takes in a round that has ended.
    pub(crate) fn book(&mut self, ends: &[End], emulator: &Emulator, scene: &Scene) {
        let log = emulator.log();
        self.requests += log.len() as u64;
        for fault in log.iter().filter_map(|entry| entry.fault.clone()) {
            *self.faults.entry(fault).or_default() += 1;
        }
        let mut seen: HashMap<&str, Vec<&LogEntry>> = HashMap::new();
        for entry in &log {
            if let Some(secret) = tells(entry) {
                self.leaks += 1;
                self.findings.push(format!("told in the log: {secret} by {:?}", entry.operation));
            }
            if let Some(mark) = entry.body.as_deref().and_then(mark) {
                seen.entry(mark).or_default().push(entry);
            }
        }
        let state = emulator.state();
        let rooms = owners(&state["mediasfu"]["rooms"]);
        for end in ends {
            let kind = end.error.as_ref().map_or("ok", |error| error.kind.as_str());
            *self.ends.entry(format!("{}: {kind}", end.provider)).or_default() += 1;
            self.stuck += u64::from(end.stuck);
            let text = end.error.as_ref().map_or("", |error| error.text.as_str());
            if let Some(secret) = SECRETS.iter().find(|secret| text.contains(**secret)) {
                self.leaks += 1;
                self.findings.push(format!("told by an error: {secret} by {}", end.provider));
            }
            let Some(mark) = &end.mark else { continue };
            let requests = seen.get(mark.as_str()).map_or(&[][..], Vec::as_slice);
            self.unasked += u64::from(end.error.is_none() && !requests.iter().any(|entry| acted(entry)));
            let twice = match end.replay {
                Replay::Never => repeated(requests),
                Replay::Keyed => rooms.get(mark.as_str()).is_some_and(|rooms| *rooms > 1),
            };
            if twice {
                self.twice += 1;
                let requests: Vec<_> = requests.iter().map(|entry| (entry.status, &entry.fault)).collect();
                self.findings.push(format!("sent twice: {mark}: {requests:?}"));
            }
        }
        // Calls over a WebSocket are counted at both ends: as many came as went.
        for (came, went) in scene.rpc_counts(&state) {
            self.twice += came.saturating_sub(went);
            self.lost += went.saturating_sub(came);
        }
    }
}

/// Whether something was asked again after a request that may have had its effect. Only 429 says that it had none.
fn repeated(requests: &[&LogEntry]) -> bool {
    requests.iter().rev().skip(1).any(|entry| entry.status != Some(429))
}

/// Whether the emulator did what it was asked.
fn acted(entry: &LogEntry) -> bool {
    entry.status.is_some_and(|status| (200..300).contains(&status))
}

/// What it tells that it may not.
fn tells(entry: &LogEntry) -> Option<&'static str> {
    let texts = [entry.body.as_deref(), entry.answer.as_deref(), Some(&entry.path)];
    let pairs = entry.headers.iter().chain(&entry.query).map(|(_, value)| value.as_str());
    texts.into_iter().flatten().chain(pairs).find_map(|text| SECRETS.into_iter().find(|s| text.contains(s)))
}

/// The mark of a call in what it sent.
fn mark(body: &str) -> Option<&str> {
    body.match_indices(MARK).find_map(|(at, _)| {
        let mark = body.get(at..at + MARK.len() + 8)?;
        mark.bytes().skip(MARK.len()).all(|byte| byte.is_ascii_digit()).then_some(mark)
    })
}

/// How many rooms each user has made.
fn owners(rooms: &serde_json::Value) -> HashMap<&str, usize> {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for room in rooms.as_object().into_iter().flat_map(|rooms| rooms.values()) {
        if let Some(owner) = room["input"]["userName"].as_str() {
            *owners.entry(owner).or_default() += 1;
        }
    }
    owners
}
