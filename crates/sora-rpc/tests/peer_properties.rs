//! The peer against a model, over random histories: whatever happens in whatever order, a call ends exactly once and
//! with what it was made with, ids are never used twice, and the counters say what happened.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sora_rpc::{Answer, CallOptions, Message, Peer, PeerOptions};

const LIMIT: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    /// With a time limit in milliseconds, if any.
    Call(Option<u64>),
    /// The n-th of all ids so far, or one that never was.
    Answer(usize),
    Violate(usize),
    Noise(usize),
    Cancel(usize),
    Pass(u64),
    Offer(bool),
    Open(bool),
    Disconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::option::of(1_u64..50).prop_map(Step::Call),
        6 => (0_usize..40).prop_map(Step::Answer),
        2 => (0_usize..40).prop_map(Step::Violate),
        1 => (0_usize..4).prop_map(Step::Noise),
        2 => (0_usize..40).prop_map(Step::Cancel),
        4 => (0_u64..40).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Offer),
        1 => any::<bool>().prop_map(Step::Open),
        1 => Just(Step::Disconnect),
    ]
}

/// What is waiting, by token, with its deadline; and what has ended.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<u64, (u64, Option<Instant>)>,
    ended: BTreeSet<u64>,
    ids: Vec<u64>,
    calls: u64,
}

impl Model {
    fn ends(&mut self, answer: &Answer<'_, u64>) -> Result<Option<Instant>, TestCaseError> {
        let (id, deadline) = self.waiting.remove(&answer.token).unwrap_or((0, None));
        prop_assert_eq!(id, answer.id, "a call that was not waiting ended, or another one's token came back");
        prop_assert!(self.ended.insert(answer.token));
        Ok(deadline)
    }

    fn token_of(&self, id: u64) -> Option<u64> {
        self.waiting.iter().find(|(_, (known, _))| *known == id).map(|(token, _)| *token)
    }
}

fn play(steps: Vec<Step>, first_id: u64) -> Result<(), TestCaseError> {
    let mut peer = Peer::new(PeerOptions::new().max_pending(LIMIT).first_id(first_id));
    let offered = peer.offer(true, ["m"]);
    prop_assert!(offered.is_empty());
    let (mut model, mut now) = (Model::default(), Instant::now());
    let (mut usable, mut open, mut connected) = (true, true, true);
    for step in steps {
        match step {
            Step::Call(millis) => {
                let limit = millis.map(Duration::from_millis);
                let options = CallOptions::new();
                let options = limit.map_or(options.no_timeout(), |limit| options.timeout(limit));
                let token = model.calls;
                let refused = !(usable && open && connected) || model.waiting.len() >= LIMIT;
                let next = peer.next_id();
                match peer.call(Message::raw("m", None).unwrap(), &options, now, token) {
                    Ok((id, _)) => {
                        prop_assert!(!refused && next == Some(id));
                        prop_assert!(!model.ids.contains(&id));
                        model.ids.push(id);
                        model.calls += 1;
                        model.waiting.insert(token, (id, limit.map(|limit| now + limit)));
                    }
                    Err(_) => prop_assert!(refused || next.is_none()),
                }
            }
            Step::Answer(n) | Step::Violate(n) => {
                let id = model.ids.get(n).copied().unwrap_or(n as u64);
                let good = matches!(step, Step::Answer(_));
                let end = if good { r#""jsonrpc":"2.0","result":7"# } else { r#""result":7"# };
                let message = format!(r#"{{"id":{id},{end}}}"#);
                let expected = model.token_of(id);
                let answer = peer.receive(message.as_bytes());
                prop_assert_eq!(answer.as_ref().map(|answer| answer.token), expected);
                if let Some(answer) = answer {
                    prop_assert_eq!(answer.outcome.as_ref().ok().copied(), good.then_some("7"));
                    model.ends(&answer)?;
                }
            }
            Step::Noise(n) => {
                let noise: &[u8] = [b"{".as_slice(), b"\xff", b"[]", br#"{"id":"1"}"#][n % 4];
                prop_assert!(peer.receive(noise).is_none());
            }
            Step::Cancel(n) => {
                let id = model.ids.get(n).copied().unwrap_or(n as u64);
                let token = model.token_of(id);
                prop_assert_eq!(peer.cancel(id), token);
                if let Some(token) = token {
                    model.waiting.remove(&token);
                    prop_assert!(model.ended.insert(token));
                }
            }
            Step::Pass(millis) => {
                now += Duration::from_millis(millis);
                let soonest = model.waiting.values().filter_map(|(_, deadline)| *deadline).min();
                prop_assert_eq!(peer.next_deadline(), soonest);
                while let Some(answer) = peer.expire(now) {
                    let deadline = model.ends(&answer)?;
                    prop_assert!(deadline.is_some_and(|at| at <= now) && answer.outcome.is_err());
                }
                prop_assert!(peer.next_deadline().is_none_or(|at| at > now));
            }
            Step::Offer(rpc) => {
                usable = rpc;
                lost(&mut model, peer.offer(rpc, ["m"]), !rpc)?;
            }
            Step::Open(now_open) => {
                open = now_open;
                peer.set_open(open);
            }
            Step::Disconnect => {
                connected = false;
                lost(&mut model, peer.disconnect(), true)?;
            }
        }
        prop_assert_eq!(peer.pending(), model.waiting.len());
        prop_assert_eq!(peer.ready().is_ok(), usable && open && connected);
    }
    let s = peer.stats();
    prop_assert_eq!(s.calls, model.calls);
    let ended = s.answered + s.violations + s.timed_out + s.cancelled + s.lost;
    prop_assert_eq!(ended, model.ended.len() as u64);
    prop_assert_eq!(s.calls, ended + model.waiting.len() as u64);
    Ok(())
}

/// All that waits ends, or nothing does.
fn lost(model: &mut Model, answers: Vec<Answer<'static, u64>>, all: bool) -> Result<(), TestCaseError> {
    for answer in answers {
        prop_assert!(all && answer.outcome.is_err());
        model.ends(&answer)?;
    }
    prop_assert!(!all || model.waiting.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_each_call_once(
        steps in prop::collection::vec(step(), 0..120),
        first_id in prop_oneof![Just(1_u64), Just(u64::MAX - 10)],
    ) {
        play(steps, first_id)?;
    }
}
