//! What comes in.

use rtc_core::Bytes;
use rtc_core::transport::channel::Frame;
use serde_json::{Value, json};

use super::end::{End, EndClass};
use super::event::{Event, Lane, StatsReply};
use super::incoming::{Incoming, parse};
use super::labels::is_built_in;
use super::{Awaited, Counters, MAX_QUEUED, Question, RPC, SIGNALING, STATS, Session, Signaling, Socket};
use crate::compress::inflate;
use crate::model::Offer;

impl Signaling {
    /// A text message of the WebSocket.
    pub fn websocket_message(&mut self, text: &str) {
        if self.ended || !matches!(self.session.socket, Socket::Open | Socket::Closing) {
            return self.dropped(|counters| &mut counters.dropped_late, "late");
        }
        if let Some(message) = self.read(text.as_bytes()) {
            self.of_websocket(message);
        }
    }

    /// A frame of a data channel, of signaling or of the user.
    pub fn channel_message(&mut self, label: &str, frame: Frame) {
        if self.ended || !self.session.labels.is_open(label) {
            return self.dropped(|counters| &mut counters.dropped_late, "late");
        }
        let Some(message) = self.unpacked(label, frame) else { return self.malformed() };
        if label == RPC {
            self.understood(Event::Rpc(message));
        } else if !is_built_in(label) {
            self.understood(Event::Message { label: label.to_owned(), data: message });
        } else if let Some(message) = self.read(&message) {
            self.of_channel(label, message);
        }
    }

    /// The message that a frame holds; none where it is broken or too large. Liveness probes hold none.
    fn unpacked(&self, label: &str, frame: Frame) -> Option<Bytes> {
        let limit = self.options.max_inflated;
        let message = match frame {
            Frame::Text(text) => text.into(),
            Frame::Binary(bytes) if self.session.labels.is_compressed(label) => {
                inflate(&bytes, limit).ok()?.into()
            }
            Frame::Binary(bytes) => bytes,
            _ => return None,
        };
        Some(message).filter(|message: &Bytes| message.len() <= limit)
    }

    fn read(&mut self, message: &[u8]) -> Option<Incoming> {
        let fits = message.len() <= self.options.max_inflated;
        let text = std::str::from_utf8(message).ok().filter(|_| fits);
        let read = text.and_then(|text| parse(text).ok());
        if read.is_none() {
            self.malformed();
        }
        read
    }

    fn of_websocket(&mut self, message: Incoming) {
        match message {
            Incoming::Offer(offer) => self.offered(*offer),
            Incoming::ReOffer(offer) => self.reoffered(*offer, Lane::WebSocket),
            Incoming::Ping { stats } => self.pinged(stats, Lane::WebSocket),
            Incoming::Notify(notify) => self.understood(Event::Notify(notify)),
            Incoming::Push(push) => self.understood(Event::Push(push)),
            Incoming::Switched { ignore_disconnect_websocket } => self.switched(ignore_disconnect_websocket),
            Incoming::Redirect { location } => self.redirected(&location),
            Incoming::Unknown(message) => self.understood(Event::Unknown(message)),
            Incoming::ReqStats | Incoming::Close { .. } => self.wrong_lane(),
        }
    }

    fn of_channel(&mut self, label: &str, message: Incoming) {
        let lane = Lane::Channel(label.to_owned());
        match (label, message) {
            (SIGNALING, Incoming::ReOffer(offer)) => self.reoffered(*offer, lane),
            (SIGNALING, Incoming::Ping { stats }) => self.pinged(stats, lane),
            (SIGNALING, Incoming::Close { code, reason }) => self.closing(code, reason),
            ("notify", Incoming::Notify(notify)) => self.understood(Event::Notify(notify)),
            ("push", Incoming::Push(push)) => self.understood(Event::Push(push)),
            (STATS, Incoming::ReqStats) => self.asked(lane),
            (_, Incoming::Unknown(message)) => self.understood(Event::Unknown(message)),
            _ => self.wrong_lane(),
        }
    }

    fn offered(&mut self, offer: Offer) {
        if self.session.offer.is_some() {
            return self.unexpected();
        }
        self.accept("answer", Lane::WebSocket, offer, Event::Offer);
    }

    fn reoffered(&mut self, mut offer: Offer, lane: Lane) {
        let Some(earlier) = self.session.offer.clone() else { return self.unexpected() };
        offer.inherit(earlier);
        self.accept("re-answer", lane, offer, Event::ReOffer);
    }

    fn accept(&mut self, kind: &'static str, lane: Lane, offer: Offer, event: fn(Box<Offer>) -> Event) {
        if offer.sdp.is_empty() {
            return self.malformed();
        }
        if !self.has_room() {
            return self.full();
        }
        self.counters.received += 1;
        self.session.labels.offer(&offer.data_channels);
        self.session.offer = Some(offer.clone());
        self.events.push_back((event(Box::new(offer)), Some(Awaited { kind, lane })));
        self.settle();
    }

    fn switched(&mut self, ignore_disconnect_websocket: bool) {
        if self.session.offer.is_none() || self.is_switched() {
            return self.unexpected();
        }
        self.counters.received += 1;
        self.session.switched = Some(ignore_disconnect_websocket);
        self.must_tell(Event::Switched { ignore_disconnect_websocket });
        self.settle();
    }

    /// Tells what an opened data channel, `switched` or an offer has brought about.
    pub(super) fn settle(&mut self) {
        let no_need = self.session.switched == Some(true) && self.session.labels.is_open(SIGNALING);
        if no_need && self.session.socket == Socket::Open {
            self.session.socket = Socket::Closing;
            self.must_tell(Event::CloseWebSocket);
        }
        if !self.session.ready_told && self.is_ready() {
            self.session.ready_told = true;
            self.must_tell(Event::Ready);
        }
    }

    fn redirected(&mut self, location: &str) {
        self.counters.received += 1;
        if self.session.disconnecting {
            self.must_tell(Event::CloseWebSocket);
            return self.end(End::of(EndClass::ClientDisconnectDone, ""));
        }
        match self.options.redirect(location, self.redirects, self.secure) {
            Ok(location) => {
                self.redirects += 1;
                self.secure = location.scheme() == "wss";
                self.session = Session::default();
                // What was for the server that is left.
                self.out.clear();
                self.must_tell(Event::Redirect { location });
            }
            Err(refusal) => {
                self.must_tell(Event::CloseWebSocket);
                self.end(End::of(EndClass::RedirectRefused, refusal.to_string()));
            }
        }
    }

    fn closing(&mut self, code: u16, reason: String) {
        self.counters.received += 1;
        let end = End::classify(Some(code), &reason);
        self.must_tell(Event::Close { code, reason });
        if self.session.socket == Socket::Open {
            self.must_tell(Event::CloseWebSocket);
        }
        self.end(end);
    }

    fn pinged(&mut self, stats: bool, lane: Lane) {
        if stats {
            return self.asked(lane);
        }
        self.counters.received += 1;
        self.reply(lane, &json!({ "type": "pong" }));
    }

    /// The server wants statistics over `lane`. An older question of the same lane is not left without an answer.
    fn asked(&mut self, lane: Lane) {
        if let Some(at) = self.session.stats.iter().position(|question| question.lane == lane) {
            let question = self.session.stats.swap_remove(at);
            self.report(question.lane, Vec::new());
        }
        if !self.options.stats || !self.has_room() {
            self.counters.received += 1;
            return self.report(lane, Vec::new());
        }
        let id = self.next_stats;
        self.next_stats += 1;
        self.session.stats.push(Question { id, lane });
        self.understood(Event::StatsWanted(StatsReply { id }));
    }

    /// Answers a question for statistics.
    pub(super) fn report(&mut self, lane: Lane, reports: Vec<Value>) {
        let message = match &lane {
            Lane::Channel(label) if label == STATS => json!({ "type": "stats", "reports": reports }),
            _ => json!({ "type": "pong", "stats": reports }),
        };
        self.reply(lane, &message);
    }

    /// Answers a question the way it came; a caller that sends nothing must not fill the memory.
    fn reply(&mut self, lane: Lane, message: &Value) {
        if self.out.len() >= MAX_QUEUED {
            self.full();
        } else if self.is_usable(&lane) {
            self.queue(lane, message);
        }
    }

    fn has_room(&self) -> bool {
        self.events.len() < MAX_QUEUED
    }

    /// Tells an event, as long as somebody listens.
    fn understood(&mut self, event: Event) {
        if !self.has_room() {
            return self.full();
        }
        self.counters.received += 1;
        self.must_tell(event);
    }

    /// Tells an event that comes a few times in a connection at most.
    fn must_tell(&mut self, event: Event) {
        self.events.push_back((event, None));
    }

    fn malformed(&mut self) {
        self.dropped(|counters| &mut counters.dropped_malformed, "malformed");
    }

    fn unexpected(&mut self) {
        self.dropped(|counters| &mut counters.dropped_unexpected, "unexpected");
    }

    fn wrong_lane(&mut self) {
        self.dropped(|counters| &mut counters.dropped_wrong_lane, "not of this lane");
    }

    fn full(&mut self) {
        self.dropped(|counters| &mut counters.dropped_full, "too many waiting");
    }

    fn dropped(&mut self, counter: fn(&mut Counters) -> &mut u64, why: &'static str) {
        *counter(&mut self.counters) += 1;
        #[cfg(feature = "tracing")]
        tracing::debug!(why, "dropped a signaling message");
        #[cfg(not(feature = "tracing"))]
        let _ = why;
    }
}
