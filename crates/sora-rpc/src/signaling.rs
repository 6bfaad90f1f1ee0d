//! The signaling of one connection, without I/O: which messages go where, and what they mean.
//!
//! [`Signaling`] takes in what the WebSocket and the data channels bring, and tells what is to be sent
//! ([`Signaling::poll_transmit`]) and what is to be known or done ([`Signaling::poll_event`]). It opens nothing and
//! never waits: ICE, DTLS, SCTP and time are the caller's, of whatever WebRTC stack it has. `Connection` (feature
//! `webrtc`) is all of it together; the example `own_channel` shows how to bring one's own.
//!
//! The rules, as the server and the official SDKs have them (Sora documentation, signaling and DataChannel signaling):
//!
//! - `connect`, `offer` and `answer` go over the WebSocket. After `switched`, and once the data channel `signaling` is
//!   open, everything goes over data channels; a question is always answered the way it came.
//! - The connection is ready when `switched` has come and all data channels of an offer that lists some are open, in
//!   whichever order.
//! - Frames of data channels go out binary, as zlib streams where the label is compressed; text is understood too. A
//!   later offer that leaves a flag out changes nothing, and a change counts from the next message.
//! - A broken message costs only itself: it is dropped and counted ([`Signaling::counters`]).

mod end;
mod event;
mod incoming;
mod labels;
mod notify;
mod options;
mod receive;

use std::collections::VecDeque;
use std::fmt;

use rtc_core::encode::JsonObject;
use rtc_core::transport::channel::Frame;
use rtc_core::validate::{Rule, Violation, Violations};
use rtc_core::{Bytes, Reason, Secret, Url};
use serde_json::{Value, json};

use self::labels::Labels;
use crate::compress::Deflater;
use crate::error::{Error, Result, SoraError};
use crate::model::Offer;
use crate::operation::{Connect, Direction};

pub use self::end::{End, EndClass};
pub use self::event::{Event, Lane, StatsReply, Transmit};
pub use self::incoming::{Incoming, Push, Unknown, parse};
pub use self::notify::{
    ConnectionNotice, Member, NetworkStatus, Notice, Notify, SimulcastSwitched, SpotlightNotice,
};
pub use self::options::SignalingOptions;

/// What is queued for a caller that does not poll; the server's messages beyond it are dropped.
const MAX_QUEUED: usize = 1024;
/// The data channel that signaling goes over.
const SIGNALING: &str = "signaling";
/// The data channel that statistics go over.
const STATS: &str = "stats";
/// The data channel of JSON-RPC.
const RPC: &str = "rpc";

/// A message of the client's side of the signaling whose members come from a specification.
pub trait SignalingMessage {
    /// The `type` of the message.
    const TYPE: &'static str;

    /// Writes the members, but for `type`.
    fn members(&self, object: JsonObject) -> JsonObject;
}

/// What was dropped, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages that were understood.
    pub received: u64,
    /// Not JSON, not a whole zlib stream, without a member that the type needs, or too large.
    pub dropped_malformed: u64,
    /// Of a type that does not come over this data channel, or not over the WebSocket.
    pub dropped_wrong_lane: u64,
    /// A second offer, or what follows an offer before there was one.
    pub dropped_unexpected: u64,
    /// Over a WebSocket or a data channel that is not open, or after the end.
    pub dropped_late: u64,
    /// More than 1,024 were waiting to be polled.
    pub dropped_full: u64,
}

/// The signaling of one connection, across redirects. After every input, [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) are to be called until they give none.
///
/// ```
/// use sora_rpc::rtc_core::transport::channel::Frame;
/// use sora_rpc::signaling::{Event, Signaling, SignalingOptions};
/// use sora_rpc::{Connect, Role};
///
/// let connect = Connect::new(Role::RecvOnly, "sora").data_channel_signaling(true);
/// let mut signaling = Signaling::new(&connect, SignalingOptions::new())?;
/// signaling.websocket_opened();
/// let Frame::Text(connect) = signaling.poll_transmit().unwrap().frame else { panic!() };
/// assert!(connect.starts_with(r#"{"type":"connect","role":"recvonly","channel_id":"sora""#));
///
/// signaling.websocket_message(r#"{"type":"offer","sdp":"v=0","data_channels":[{"label":"rpc"}]}"#);
/// let Some(Event::Offer(offer)) = signaling.poll_event() else { panic!() };
/// assert!(offer.rpc);
/// signaling.answer("v=0".into());
/// let Frame::Text(answer) = signaling.poll_transmit().unwrap().frame else { panic!() };
/// assert_eq!(answer, r#"{"sdp":"v=0","type":"answer"}"#);
///
/// signaling.channel_opened("rpc");
/// assert!(!signaling.is_ready());
/// signaling.websocket_message(r#"{"type":"switched"}"#);
/// assert!(signaling.is_ready());
/// # Ok::<(), sora_rpc::Error>(())
/// ```
pub struct Signaling {
    options: SignalingOptions,
    /// The `connect` message.
    connect: Secret,
    /// Whether the present URL is `wss`.
    secure: bool,
    redirects: u32,
    session: Session,
    /// The id of the next question for statistics.
    next_stats: u64,
    ended: bool,
    counters: Counters,
    /// Made for the first compressed frame.
    zlib: Option<Box<Deflater>>,
    out: VecDeque<Transmit>,
    events: VecDeque<(Event, Option<Awaited>)>,
}

/// What a redirect begins anew.
#[derive(Debug, Default)]
struct Session {
    socket: Socket,
    labels: Labels,
    offer: Option<Offer>,
    /// Whether the WebSocket may be lost, once signaling goes over data channels.
    switched: Option<bool>,
    ready_told: bool,
    disconnecting: bool,
    /// The offer that the caller knows of and has not answered.
    awaited: Option<Awaited>,
    /// The questions for statistics that are not answered, one of a lane.
    stats: Vec<Question>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Socket {
    /// To be opened.
    #[default]
    Idle,
    Open,
    /// The caller is to close it.
    Closing,
    Closed,
}

/// The answer that an offer wants.
#[derive(Debug, Clone)]
struct Awaited {
    kind: &'static str,
    lane: Lane,
}

/// A question for statistics.
#[derive(Debug)]
struct Question {
    id: u64,
    lane: Lane,
}

impl fmt::Debug for Signaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signaling")
            .field("socket", &self.session.socket)
            .field("switched", &self.session.switched)
            .field("labels", &self.session.labels)
            .field("redirects", &self.redirects)
            .field("ended", &self.ended)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Signaling {
    /// The signaling of a connection to be made. Nothing is sent before [`websocket_opened`](Self::websocket_opened).
    ///
    /// # Errors
    /// Validation: `connect` breaks rules.
    pub fn new(connect: &Connect, options: SignalingOptions) -> Result<Self> {
        connect.validate()?;
        let object = JsonObject::new().member("type", Connect::TYPE);
        let text = connect.members(object).into_vec().map_err(|e| Error::new(Reason::Encode(e)))?;
        Ok(Self {
            options,
            // JSON is always UTF-8.
            connect: String::from_utf8(text).unwrap_or_default().into(),
            secure: true,
            redirects: 0,
            session: Session::default(),
            next_stats: 0,
            ended: false,
            counters: Counters::default(),
            zlib: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Tells the URL that the WebSocket is about to be opened with: whether a redirect to `ws` would be a step down,
    /// and whether one into a private network is fine (see [`EndpointPolicy::for_base`]). Untold, it is taken for a
    /// public `wss` one. The location of a redirect is known already.
    ///
    /// [`EndpointPolicy::for_base`]: rtc_core::EndpointPolicy::for_base
    pub fn connecting_to(&mut self, url: &Url) {
        self.secure = url.scheme() == "wss";
        self.options.policy = self.options.policy.for_base(url);
    }

    /// The WebSocket is open, for the first time or after a redirect: `connect` goes out.
    pub fn websocket_opened(&mut self) {
        if self.ended || self.session.socket != Socket::Idle {
            return;
        }
        self.session.socket = Socket::Open;
        let mut text = self.connect.expose().to_owned();
        if self.redirects > 0 {
            text.pop();
            text.push_str(r#","redirect":true}"#);
        }
        self.out.push_back(Transmit { to: Lane::WebSocket, frame: Frame::Text(text) });
    }

    /// The WebSocket has closed, or was lost (no code). That is the end of the connection, unless the server said that
    /// it does not matter.
    pub fn websocket_closed(&mut self, code: Option<u16>, reason: &str) {
        if self.ended || !matches!(self.session.socket, Socket::Open | Socket::Closing) {
            return;
        }
        self.session.socket = Socket::Closed;
        if self.session.switched != Some(true) {
            self.end(End::classify(code, reason));
        }
    }

    /// A data channel is open.
    pub fn channel_opened(&mut self, label: &str) {
        if !self.ended {
            self.session.labels.open(label);
            self.settle();
        }
    }

    /// A data channel has closed. That of `signaling` is the end of the connection, unless there is a WebSocket yet.
    pub fn channel_closed(&mut self, label: &str) {
        if self.ended || !self.session.labels.close(label) || label != SIGNALING {
            return;
        }
        if self.session.disconnecting {
            self.end(End::of(EndClass::ClientDisconnectDone, ""));
        } else if self.session.switched.is_some() && self.session.socket != Socket::Open {
            self.end(End::of(EndClass::ChannelsClosed, ""));
        }
    }

    /// Answers the offer or the later one that [`poll_event`](Self::poll_event) told last, with a session description.
    /// Without one that waits nothing happens: an offer is answered once.
    pub fn answer(&mut self, sdp: String) {
        let Some(Awaited { kind, lane }) = self.session.awaited.take() else { return };
        let lane = if self.is_usable(&lane) { Some(lane) } else { self.lane() };
        if let Some(lane) = lane {
            self.queue(lane, &json!({ "type": kind, "sdp": sdp }));
        }
    }

    /// Tells the server a candidate, as a line of a session description without `a=`.
    pub fn candidate(&mut self, candidate: String) {
        if let Some(lane) = self.lane() {
            self.queue(lane, &json!({ "type": "candidate", "candidate": candidate }));
        }
    }

    /// Answers a question for statistics; an empty list is fine. Does nothing if the question is answered already.
    // Taken by value: a question is answered once.
    #[allow(clippy::needless_pass_by_value)]
    pub fn stats(&mut self, reply: StatsReply, reports: Vec<Value>) {
        let questions = &mut self.session.stats;
        if let Some(at) = questions.iter().position(|question| question.id == reply.id) {
            let question = questions.swap_remove(at);
            self.report(question.lane, reports);
        }
    }

    /// Sends a message over a data channel of the user's (`#label`), or a JSON-RPC message over `rpc`.
    ///
    /// # Errors
    /// Nothing is sent: validation (signaling itself uses this data channel, or the client only receives over it);
    /// [`SoraError::DataChannelNotOpen`]; [`SoraError::TooLarge`] (see [`max_message`](Self::max_message)); or that
    /// the connection has ended.
    pub fn send(&mut self, label: &str, message: Bytes) -> Result<()> {
        if self.ended || self.session.disconnecting {
            return Err(Error::refused(SoraError::Disconnected));
        }
        self.check_send(label)?;
        let bytes = self.packed(label, message);
        let (size, limit) = (bytes.len(), self.max_message());
        if size > limit {
            return Err(Error::refused(SoraError::TooLarge { size, limit }));
        }
        self.out.push_back(Transmit { to: Lane::Channel(label.to_owned()), frame: Frame::Binary(bytes) });
        Ok(())
    }

    fn check_send(&self, label: &str) -> Result<()> {
        let forbidden = |message: &'static str| {
            Err(Violations::from(Violation::new("label", "label", Rule::Forbidden, message)).into())
        };
        if labels::is_built_in(label) && label != RPC {
            return forbidden(
                "is used by the signaling itself: send over a data channel whose label starts with #",
            );
        }
        if !self.session.labels.is_open(label) {
            return Err(Error::refused(SoraError::DataChannelNotOpen { label: label.to_owned() }));
        }
        let offered = self.session.offer.iter().flat_map(|offer| &offer.data_channels);
        let mut offered = offered.filter(|channel| channel.label == label);
        if offered.any(|channel| channel.direction == Some(Direction::RecvOnly)) {
            return forbidden(
                "was offered for receiving only: ask for sendrecv or sendonly in data_channels",
            );
        }
        Ok(())
    }

    /// Disconnects: the server is told and closes the connection, which [`Event::Ended`] tells. `reason` is `NO-ERROR`,
    /// or names an error as `WEBSOCKET-ONCLOSE` does. Where there is nobody to tell, the connection has ended.
    pub fn disconnect(&mut self, reason: &str) {
        if self.ended || self.session.disconnecting {
            return;
        }
        let lane = self.lane();
        self.session.disconnecting = true;
        match lane {
            Some(lane) => self.queue(lane, &json!({ "type": "disconnect", "reason": reason })),
            None => self.end(End::of(EndClass::ClientDisconnectDone, "")),
        }
    }

    /// The next message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let (event, awaited) = self.events.pop_front()?;
        if awaited.is_some() {
            self.session.awaited = awaited;
        }
        Some(event)
    }

    /// Whether signaling goes over data channels.
    #[must_use]
    pub fn is_switched(&self) -> bool {
        self.session.switched.is_some()
    }

    /// Whether the connection stands: it is switched, and all data channels of an offer that lists some are open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let channels = self.session.offer.as_ref().map(|offer| offer.data_channels.as_slice());
        let channels = channels.unwrap_or_default();
        let all_open = channels.iter().all(|channel| self.session.labels.is_open(&channel.label));
        !self.ended && self.is_switched() && !channels.is_empty() && all_open
    }

    /// Whether frames of a data channel are zlib streams; none where it was not offered.
    #[must_use]
    pub fn compress(&self, label: &str) -> Option<bool> {
        self.session.labels.compress(label)
    }

    /// The offer in force: what a later one left out is of the earlier ones.
    #[must_use]
    pub fn offer(&self) -> Option<&Offer> {
        self.session.offer.as_ref()
    }

    /// The largest message that may be sent over a data channel, in bytes as it goes out: what the options and the
    /// server's session description allow.
    #[must_use]
    pub fn max_message(&self) -> usize {
        let told = self.session.offer.as_ref().and_then(Offer::max_message_size);
        told.map_or(self.options.max_message, |size| size.min(self.options.max_message))
    }

    /// What was received and dropped.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Where unasked messages go; none where nothing is open.
    fn lane(&self) -> Option<Lane> {
        let channel = Lane::Channel(SIGNALING.to_owned());
        if self.is_switched() && self.is_usable(&channel) {
            return Some(channel);
        }
        Some(Lane::WebSocket).filter(|lane| self.is_usable(lane))
    }

    /// Whether a message may go there. `disconnect` is the last one.
    fn is_usable(&self, lane: &Lane) -> bool {
        !self.ended
            && !self.session.disconnecting
            && match lane {
                Lane::WebSocket => self.session.socket == Socket::Open,
                Lane::Channel(label) => self.session.labels.is_open(label),
            }
    }

    fn queue(&mut self, to: Lane, message: &Value) {
        let text = message.to_string();
        let frame = match &to {
            Lane::WebSocket => Frame::Text(text),
            Lane::Channel(label) => Frame::Binary(self.packed(label, text.into())),
        };
        self.out.push_back(Transmit { to, frame });
    }

    /// A message as a frame of a data channel holds it.
    fn packed(&mut self, label: &str, message: Bytes) -> Bytes {
        if !self.session.labels.is_compressed(label) {
            return message;
        }
        let zlib = self.zlib.get_or_insert_with(|| Box::new(Deflater::new()));
        zlib.deflate(&message).into()
    }

    /// Ends the connection. What was not sent yet cannot be any more.
    fn end(&mut self, mut end: End) {
        // A disconnect may be answered with any close on purpose.
        if self.session.disconnecting && (end.class == EndClass::ServerClose || end.code == Some(NO_CODE)) {
            end.class = EndClass::ClientDisconnectDone;
        }
        end.code = end.code.filter(|code| *code != NO_CODE);
        self.out.clear();
        self.session = Session::default();
        self.ended = true;
        self.events.push_back((Event::Ended(end), None));
    }
}

/// What a WebSocket tells of a close that came without a code (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;
