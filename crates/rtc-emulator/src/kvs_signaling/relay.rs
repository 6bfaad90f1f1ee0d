//! Who is connected, and what passes between them.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, UnboundedSender, error::TrySendError};

use super::frame::{
    ClientMessage, Kind, MAX_PAYLOAD, delivery, is_client_id, is_payload, not_understood, status,
};
use super::limits::{ICE_PER_SECOND, SDP_PER_SECOND};
use super::state::World;
use crate::bounds::{PAST, latest};

/// How many messages wait in one channel; the oldest goes first. Bounds what a hostile viewer can leave.
const WAITING: usize = 1000;

/// How many messages wait to go out on one connection. Bounds what a client that does not read can pile up.
pub(super) const OUTBOX: usize = 1024;

/// The type of an error and its description.
type Refused = (&'static str, &'static str);

const INVALID: &str = "InvalidArgumentException";

/// One end of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Party {
    Master,
    Viewer(String),
    /// An Alexa device behind SendAlexaOfferToMaster.
    Alexa(String),
    /// The storage session.
    Storage,
}

impl Party {
    /// The master has no client id.
    pub(super) fn of(client_id: Option<&str>) -> Self {
        client_id.map_or(Self::Master, |id| Self::Viewer(id.to_owned()))
    }

    fn client_id(&self) -> Option<&str> {
        match self {
            Self::Viewer(id) | Self::Alexa(id) => Some(id),
            Self::Master | Self::Storage => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("master"),
            Self::Viewer(id) => write!(f, "viewer {id}"),
            Self::Alexa(id) => write!(f, "alexa {id}"),
            Self::Storage => f.write_str("storage"),
        }
    }
}

/// What goes out on a connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) text: String,
    /// When it has arrived.
    pub(super) due: Instant,
    /// Whether the connection ends soon after it.
    pub(super) is_go_away: bool,
}

/// How a connection ends before its client wants it to.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// With a close frame.
    Close(u16, String),
    /// Without a word.
    Drop,
}

impl End {
    /// The way the service ends connections.
    pub(super) fn going_away() -> Self {
        Self::Close(1001, "Going away".into())
    }
}

/// A WebSocket that is open.
pub(super) struct Connected {
    pub(super) id: String,
    pub(super) channel_arn: String,
    pub(super) client_id: Option<String>,
    /// In milliseconds since 1970.
    pub(super) since: u64,
    pub(super) out: Sender<Outgoing>,
    pub(super) end: UnboundedSender<End>,
    /// Held back to be put into another order.
    pub(super) held: Vec<Outgoing>,
}

impl Connected {
    pub(super) fn told(&self) -> Value {
        json!({
            "connection_id": self.id, "channel_arn": self.channel_arn, "client_id": self.client_id,
            "role": if self.client_id.is_some() { "VIEWER" } else { "MASTER" }, "since": self.since,
        })
    }

    /// Sends something. One that is leaving hears no more, and one that does not read is left.
    fn put(&self, outgoing: Outgoing) {
        if let Err(TrySendError::Full(_)) = self.out.try_send(outgoing) {
            let _ = self.end.send(End::Drop);
        }
    }

    /// Lets go of what is held back.
    pub(super) fn release(&mut self) {
        std::mem::take(&mut self.held).into_iter().for_each(|outgoing| self.put(outgoing));
    }
}

/// A message whose receiver is not there.
pub(super) struct Waiting {
    channel_arn: String,
    from: Party,
    to: Party,
    kind: Kind,
    payload: String,
    until: u64,
}

impl Waiting {
    pub(super) fn told(&self) -> Value {
        json!({
            "channel_arn": self.channel_arn, "from": self.from.to_string(), "to": self.to.to_string(),
            "type": self.kind.name(), "until": self.until,
        })
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Delivered,
    Waiting,
    /// A newer offer took its place.
    Overwritten,
    Expired,
    TooLarge,
    Refused,
}

impl World<'_> {
    /// The connection of a peer.
    pub(super) fn connection(&mut self, channel_arn: &str, to: &Party) -> Option<&mut Connected> {
        let id = match to {
            Party::Master => None,
            Party::Viewer(id) => Some(id.as_str()),
            Party::Alexa(_) | Party::Storage => return None,
        };
        let is_it = |c: &&mut Connected| c.channel_arn == channel_arn && c.client_id.as_deref() == id;
        self.state.connections.values_mut().find(is_it)
    }

    /// Takes a connection in, ends the one it replaces, and gives it what waited for it.
    pub(super) fn join(&mut self, connected: Connected) {
        let (arn, party) = (connected.channel_arn.clone(), Party::of(connected.client_id.as_deref()));
        if let Some(old) = self.connection(&arn, &party).map(|old| old.id.clone()) {
            self.end(&old, End::going_away());
        }
        self.state.connections.insert(connected.id.clone(), connected);
        let is_its = |waiting: &mut Waiting| waiting.channel_arn == arn && waiting.to == party;
        let waited: Vec<Waiting> = self.state.waiting.extract_if(.., is_its).collect();
        for waiting in waited {
            self.pass_on(&arn, waiting.from, waiting.to, waiting.kind, waiting.payload);
        }
    }

    /// Ends a connection; whatever comes from it now is nobody's.
    pub(super) fn end(&mut self, id: &str, end: End) {
        if let Some(connected) = self.take_out(id) {
            let _ = connected.end.send(end);
        }
    }

    /// Takes a connection out; what was held back for it goes out before its end.
    pub(super) fn take_out(&mut self, id: &str) -> Option<Connected> {
        let mut connected = self.state.connections.remove(id)?;
        connected.release();
        Some(connected)
    }

    /// Ends all connections of a channel and forgets its messages.
    pub(super) fn close_channel(&mut self, arn: &str) {
        let of_it = self.state.connections.values().filter(|connected| connected.channel_arn == arn);
        let ids: Vec<String> = of_it.map(|connected| connected.id.clone()).collect();
        ids.iter().for_each(|id| self.end(id, End::going_away()));
        self.state.waiting.retain(|waiting| waiting.channel_arn != arn);
        self.state.alexa.retain(|(channel, _), _| channel != arn);
    }

    /// Forgets the messages that waited too long.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        let expired: Vec<Waiting> =
            self.state.waiting.extract_if(.., |waiting| waiting.until <= now).collect();
        for Waiting { channel_arn, from, to, kind, payload, .. } in expired {
            self.log(&channel_arn, &from, &to, kind, &payload, Outcome::Expired);
        }
    }

    /// Takes a text frame in.
    pub(super) fn receive(&mut self, id: &str, text: &str) {
        let Some(sender) = self.state.connections.get(id) else { return };
        let (arn, from) = (sender.channel_arn.clone(), Party::of(sender.client_id.as_deref()));
        let message = ClientMessage::read(text);
        let kind = message.as_ref().and_then(|message| Kind::of(&message.action));
        let (Some(message), Some(kind)) = (message, kind) else {
            let request = format!("{}=", self.shared.ids.alnum(15));
            return self.tell(id, not_understood(id, &request).to_string());
        };
        let payload = message.message_payload.unwrap_or_default();
        let to = self.receiver(&arn, &from, message.recipient_client_id);
        let named = to.clone().unwrap_or(Party::Master);
        if payload.len() > MAX_PAYLOAD {
            // Not even told to those who ask.
            return self.log(&arn, &from, &named, kind, &payload, Outcome::TooLarge);
        }
        match to.and_then(|to| self.check(id, kind, &payload).map(|()| to)) {
            Ok(to) => self.pass_on(&arn, from, to, kind, payload),
            Err((error, description)) => {
                self.log(&arn, &from, &named, kind, &payload, Outcome::Refused);
                if let Some(correlation) = message.correlation_id {
                    self.tell(id, status(&correlation, error, description).to_string());
                }
            }
        }
    }

    /// Who a message is for. A channel whose media is stored has everybody talk to the storage session.
    fn receiver(&self, arn: &str, from: &Party, named: Option<String>) -> Result<Party, Refused> {
        if self.state.channels.get(arn).is_some_and(|channel| channel.ingestion) {
            return Ok(Party::Storage);
        }
        // A viewer talks to the master, whoever it names.
        if *from != Party::Master {
            return Ok(Party::Master);
        }
        match named {
            None => Err((INVALID, "recipientClientId is required for the master.")),
            Some(id) if !is_client_id(&id) => Err((INVALID, "recipientClientId is no id of a client.")),
            Some(id) if self.state.alexa.contains_key(&(arn.to_owned(), id.clone())) => Ok(Party::Alexa(id)),
            Some(id) => Ok(Party::Viewer(id)),
        }
    }

    fn check(&mut self, id: &str, kind: Kind, payload: &str) -> Result<(), Refused> {
        if !is_payload(payload) {
            return Err((INVALID, "messagePayload must be base64."));
        }
        let (what, most) = match kind {
            Kind::IceCandidate => ("ice", ICE_PER_SECOND),
            Kind::SdpOffer | Kind::SdpAnswer => ("sdp", SDP_PER_SECOND),
        };
        if self.state.limits.take(format!("{id} {what}"), most, self.now) || !self.shared.quotas() {
            return Ok(());
        }
        Err(("ClientLimitExceededException", "Rate exceeded: too many messages in one second."))
    }

    /// Delivers a message, or keeps it for a while.
    pub(super) fn pass_on(&mut self, arn: &str, from: Party, to: Party, kind: Kind, payload: String) {
        let outcome = match &to {
            Party::Alexa(id) => {
                let key = (arn.to_owned(), id.clone());
                let answered = kind == Kind::SdpAnswer;
                // Candidates have nowhere to go: an Alexa device takes one answer.
                if let Some(asked) = answered.then(|| self.state.alexa.remove(&key)).flatten() {
                    let _ = asked.send(payload.clone());
                }
                Outcome::Delivered
            }
            Party::Storage => Outcome::Delivered,
            Party::Master | Party::Viewer(_) => match self.connection(arn, &to).map(|to| to.id.clone()) {
                Some(id) => {
                    self.relay(&id, delivery(kind, from.client_id(), &payload).to_string());
                    Outcome::Delivered
                }
                None => {
                    self.keep(arn, &from, &to, kind, &payload);
                    Outcome::Waiting
                }
            },
        };
        self.log(arn, &from, &to, kind, &payload, outcome);
    }

    /// Keeps a message until its receiver comes, for as long as the channel says. Of one sender's offers only the
    /// latest.
    fn keep(&mut self, arn: &str, from: &Party, to: &Party, kind: Kind, payload: &str) {
        let ttl = self.state.channels.get(arn).map_or(0, |channel| channel.message_ttl_seconds);
        let is_older = |w: &mut Waiting| {
            let same = w.channel_arn == arn && w.from == *from && w.to == *to;
            kind == Kind::SdpOffer && w.kind == kind && same
        };
        let older: Vec<Waiting> = self.state.waiting.extract_if(.., is_older).collect();
        for older in older {
            self.log(arn, from, to, kind, &older.payload, Outcome::Overwritten);
        }
        let in_channel = self.state.waiting.iter().filter(|waiting| waiting.channel_arn == arn).count();
        if in_channel >= WAITING
            && let Some(oldest) = self.state.waiting.iter().position(|waiting| waiting.channel_arn == arn)
        {
            self.state.waiting.remove(oldest);
        }
        latest(&mut self.state.waiting, PAST - 1);
        self.state.waiting.push(Waiting {
            channel_arn: arn.to_owned(),
            from: from.clone(),
            to: to.clone(),
            kind,
            payload: payload.to_owned(),
            until: self.now.saturating_add(ttl.saturating_mul(1000)),
        });
    }

    /// Sends what the service itself has to say.
    pub(super) fn tell(&mut self, id: &str, text: String) {
        self.announce(id, text, false);
    }

    /// The same; the connection may be about to end.
    pub(super) fn announce(&mut self, id: &str, text: String, is_go_away: bool) {
        let due = self.shared.clock.monotonic();
        if let Some(connected) = self.state.connections.get(id) {
            connected.put(Outgoing { text, due, is_go_away });
        }
    }

    /// Sends what a peer said, as late and in the order that the quirks want.
    fn relay(&mut self, id: &str, text: String) {
        let (now, quirks) = (self.shared.clock.monotonic(), &self.state.quirks);
        let due = now.checked_add(Duration::from_millis(quirks.delay_ms)).unwrap_or(now);
        let reorder = quirks.reorder;
        let Some(connected) = self.state.connections.get_mut(id) else { return };
        connected.held.push(Outgoing { text, due, is_go_away: false });
        if connected.held.len() >= reorder.min(OUTBOX) {
            connected.held.reverse();
            connected.release();
        }
    }

    fn log(&mut self, arn: &str, from: &Party, to: &Party, kind: Kind, payload: &str, outcome: Outcome) {
        self.note(json!({
            "at": self.now, "channel_arn": arn, "from": from.to_string(), "to": to.to_string(),
            "type": kind.name(), "payload_length": payload.len(), "outcome": outcome,
        }));
    }
}
