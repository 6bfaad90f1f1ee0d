//! Whatever comes in whatever order, signaling keeps its promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;
use rtc_core::transport::channel::Frame;
use serde_json::{Value, json};
use sora_rpc::compress::{deflate, inflate};
use sora_rpc::signaling::{Counters, Event, Lane, Signaling, SignalingOptions, Transmit, parse};
use sora_rpc::{Connect, Offer, Role};

const LABELS: [&str; 7] = ["signaling", "notify", "push", "stats", "rpc", "#chat", "new"];

#[derive(Debug, Clone)]
enum Step {
    Opened,
    Closed(Option<u16>, &'static str),
    Text(String),
    ChannelOpened(&'static str),
    ChannelClosed(&'static str),
    ChannelText(&'static str, String),
    ChannelBinary(&'static str, Vec<u8>, bool),
    Answer,
    Candidate,
    Send(&'static str),
    Disconnect,
}

fn message() -> impl Strategy<Value = String> {
    let compress = || prop_oneof![Just(json!(true)), Just(json!(false)), Just(Value::Null), Just(json!(1))];
    let channels = prop::collection::vec((select(&LABELS[..]), compress()), 0..8).prop_map(|all| {
        all.into_iter().map(|(label, flag)| json!({ "label": label, "compress": flag })).collect::<Value>()
    });
    let offer = (select(&["offer", "re-offer", "update"][..]), channels, select(&["", "v=0"][..]));
    let offer = offer
        .prop_map(|(kind, channels, sdp)| json!({ "type": kind, "sdp": sdp, "data_channels": channels }));
    let fixed = select(vec![
        json!({ "type": "ping" }),
        json!({ "type": "ping", "stats": true }),
        json!({ "type": "req-stats" }),
        json!({ "type": "notify", "event_type": "connection.created" }),
        json!({ "type": "push", "data": 1 }),
        json!({ "type": "switched", "ignore_disconnect_websocket": true }),
        json!({ "type": "switched", "ignore_disconnect_websocket": false }),
        json!({ "type": "switched" }),
        json!({ "type": "redirect", "location": "wss://example.com/signaling" }),
        json!({ "type": "redirect", "location": "ws://example.com/signaling" }),
        json!({ "type": "close", "code": 1000, "reason": "" }),
        json!({ "type": "close", "code": "1000" }),
        json!({ "type": "new" }),
        json!([]),
    ]);
    let broken = prop_oneof![Just("{".to_owned()), ".{0,40}", "\\PC{0,40}"];
    prop_oneof![4 => offer.prop_map(|m| m.to_string()), 8 => fixed.prop_map(|m| m.to_string()), 1 => broken]
}

fn step() -> impl Strategy<Value = Step> {
    let label = || select(&LABELS[..]);
    let closes = select(vec![(None, ""), (Some(1000), "TYPE-DISCONNECT"), (Some(4490), "INTERNAL-ERROR")]);
    prop_oneof![
        3 => Just(Step::Opened),
        1 => closes.prop_map(|(code, reason)| Step::Closed(code, reason)),
        12 => message().prop_map(Step::Text),
        8 => label().prop_map(Step::ChannelOpened),
        2 => label().prop_map(Step::ChannelClosed),
        3 => (label(), message()).prop_map(|(label, text)| Step::ChannelText(label, text)),
        5 => (label(), message(), any::<bool>())
            .prop_map(|(label, text, whole)| Step::ChannelBinary(label, text.into_bytes(), whole)),
        3 => Just(Step::Answer),
        1 => Just(Step::Candidate),
        2 => label().prop_map(Step::Send),
        1 => Just(Step::Disconnect),
    ]
}

/// What an observer knows of the connection.
#[derive(Default)]
struct World {
    /// The WebSocket is open as the caller sees it.
    socket: bool,
    open: HashSet<String>,
    offers: usize,
    later_offers: usize,
    answers: usize,
    later_answers: usize,
    connects: usize,
    redirects: usize,
    ready: usize,
    pings: usize,
    replies: usize,
    inputs: u64,
    disconnected: bool,
    ended: bool,
}

impl World {
    fn apply(&mut self, signaling: &mut Signaling, step: Step) {
        match step {
            Step::Opened => {
                signaling.websocket_opened();
                self.socket = true;
            }
            Step::Closed(code, reason) => {
                signaling.websocket_closed(code, reason);
                self.socket = false;
            }
            Step::Text(text) => {
                self.count(&text);
                signaling.websocket_message(&text);
            }
            Step::ChannelOpened(label) => {
                signaling.channel_opened(label);
                self.open.insert(label.into());
            }
            Step::ChannelClosed(label) => {
                signaling.channel_closed(label);
                self.open.remove(label);
            }
            Step::ChannelText(label, text) => {
                self.count(&text);
                signaling.channel_message(label, Frame::Text(text));
            }
            Step::ChannelBinary(label, bytes, whole) => {
                self.count(&String::from_utf8_lossy(&bytes));
                let compressed = signaling.compress(label) == Some(true);
                let frame = if compressed && whole { deflate(&bytes) } else { bytes };
                signaling.channel_message(label, Frame::Binary(frame.into()));
            }
            Step::Answer => signaling.answer("sdp".into()),
            Step::Candidate => signaling.candidate("candidate".into()),
            Step::Send(label) => drop(signaling.send(label, b"{}".as_slice().into())),
            Step::Disconnect => signaling.disconnect("NO-ERROR"),
        }
    }

    fn count(&mut self, text: &str) {
        self.inputs += 1;
        let kind =
            serde_json::from_str::<Value>(text).ok().and_then(|m| m.get("type")?.as_str().map(str::to_owned));
        self.pings += usize::from(matches!(kind.as_deref(), Some("ping" | "req-stats")));
    }

    fn look(&mut self, signaling: &mut Signaling) {
        let was_ended = self.ended;
        while let Some(Transmit { to, frame, .. }) = signaling.poll_transmit() {
            assert!(!was_ended && !self.disconnected, "something goes out after the last message");
            self.sent(signaling, &to, frame);
        }
        while let Some(event) = signaling.poll_event() {
            assert!(!self.ended, "{event:?} after the end");
            match event {
                Event::Offer(_) => self.offers += 1,
                Event::ReOffer(_) => self.later_offers += 1,
                Event::Ready => self.ready += 1,
                Event::Redirect { .. } => {
                    self.redirects += 1;
                    self.socket = false;
                    self.open.clear();
                }
                Event::Ended(_) => self.ended = true,
                _ => {}
            }
        }
        assert!(!signaling.is_ready() || signaling.is_switched());
    }

    fn sent(&mut self, signaling: &Signaling, to: &Lane, frame: Frame) {
        let bytes = match (to, frame) {
            (Lane::WebSocket, Frame::Text(text)) => {
                assert!(self.socket, "{text} goes over a WebSocket that is closed");
                text.into_bytes()
            }
            (Lane::Channel(label), Frame::Binary(bytes)) => {
                assert!(self.open.contains(label), "a message goes over {label}, which is closed");
                match signaling.compress(label) {
                    Some(true) => inflate(&bytes, 1 << 20).unwrap(),
                    _ => bytes.to_vec(),
                }
            }
            other => unreachable!("{other:?}"),
        };
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        match message["type"].as_str() {
            Some("connect") => self.connects += 1,
            Some("answer") => self.answers += 1,
            Some("re-answer") => self.later_answers += 1,
            Some("pong" | "stats") => self.replies += 1,
            Some("disconnect") => self.disconnected = true,
            _ => {}
        }
    }

    fn judge(&self, counters: Counters) {
        assert!(self.connects <= 1 + self.redirects, "a connect too many");
        assert!(self.answers <= self.offers && self.later_answers <= self.later_offers, "an answer too many");
        assert!(self.offers <= self.connects, "an offer too many");
        assert!(self.redirects <= 3 && self.ready <= 1 + self.redirects);
        assert!(self.replies <= self.pings, "a reply too many");
        let dropped = counters.dropped_malformed
            + counters.dropped_wrong_lane
            + counters.dropped_unexpected
            + counters.dropped_late
            + counters.dropped_full;
        assert_eq!(counters.received + dropped, self.inputs, "{counters:?}");
    }
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_promises(steps in prop::collection::vec(step(), 0..60), stats in any::<bool>()) {
        let connect = Connect::new(Role::RecvOnly, "sora");
        let mut signaling = Signaling::new(&connect, SignalingOptions::new().stats(stats)).unwrap();
        let mut world = World::default();
        for step in steps {
            world.apply(&mut signaling, step);
            world.look(&mut signaling);
            world.judge(signaling.counters());
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text);
        let _ = Offer::parse(&bytes);
    }
}
