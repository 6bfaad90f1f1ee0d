//! The signaling WebSocket at `/signaling`, and the connection that comes of it.
//!
//! The client says `connect`, the server offers, the client answers; once ICE, DTLS and every data channel are up the
//! server says `switched`, and signaling, notifications and pushes go over data channels from then on. What the reasons
//! of code 4490 are called is mostly not documented: those of timeouts and malformed messages are assumed.

mod goodbye;
mod wire;

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, StatusCode, Uri, uri::Authority};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use serde_json::{Map, Value, json};

use self::wire::{Received, Wire};
use super::hub::{Event, Hub, Inbox, Refusal, Seat};
use super::lanes::Lanes;
use super::link::{Happening, Link};
use crate::provider::Exchange;
use crate::shared::Shared;

/// How long a `pong` may take; assumed.
const PONG_TIMEOUT: Duration = Duration::from_secs(60);
/// The code of whatever is wrong with signaling.
const SIGNALING_FAILED: u16 = 4490;

/// Accepts a WebSocket, or says why not.
pub(super) fn accept(
    hub: &Arc<Hub>,
    mut exchange: Exchange,
) -> Result<Response<Full<Bytes>>, (StatusCode, &'static str)> {
    let (response, upgrade) = super::socket::upgrade(&mut exchange)?;
    let entry =
        Entry { shared: Arc::clone(&exchange.context), hub: Arc::clone(hub), address: address(&exchange) };
    exchange.context.spawn(serve(entry, upgrade));
    Ok(response)
}

/// What a connection needs to begin.
struct Entry {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    /// Where its candidate is.
    address: IpAddr,
}

async fn serve(entry: Entry, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut wire = Wire::new(upgraded).await;
    let connect_timeout = entry.hub.settings().connect_timeout;
    let first = tokio::select! {
        first = wire.next() => first,
        () = entry.shared.clock.sleep(connect_timeout) => return wire.finish(End::failed("CONNECT-TIMEOUT")).await,
    };
    let joined = join(&entry.hub, first).await;
    let end = match joined {
        Ok(seat) => match Connection::new(entry, wire, seat).await {
            Ok(mut connection) => {
                let end = connection.run().await;
                return connection.finish(end).await;
            }
            Err((returned, end)) => {
                wire = returned;
                end
            }
        },
        Err(end) => end,
    };
    wire.finish(end).await;
}

/// Takes the first message, which must be `connect`.
async fn join(hub: &Arc<Hub>, first: Received) -> Result<Seat, End> {
    match first {
        Received::Message(message) if message.get("type") == Some(&json!("connect")) => {
            hub.join(message).await.map_err(End::from)
        }
        Received::Message(_) => Err(End::failed("INVALID-MESSAGE")),
        Received::Garbage => Err(End::failed("INVALID-JSON")),
        Received::Lost => Err(End::Gone),
    }
}

/// Why a connection ends.
enum End {
    /// The client is gone, or is to think that the server is.
    Gone,
    /// The client has said `disconnect`.
    Disconnect,
    /// The server has had enough.
    Closed { code: u16, reason: String },
    /// The client is to go elsewhere.
    Redirect(String),
    /// Cut without a word.
    Cut,
}

impl End {
    fn failed(reason: &str) -> Self {
        Self::Closed { code: SIGNALING_FAILED, reason: reason.to_owned() }
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Close { code, reason } => Self::Closed { code, reason },
            Refusal::Redirect(location) => Self::Redirect(location),
        }
    }
}

/// What the clock may ask for.
struct Due {
    /// When WebRTC must be up.
    up: Option<Instant>,
    /// When the next `ping` goes.
    ping: Option<Instant>,
    /// When the `pong` to an earlier one must be there.
    pong: Option<Instant>,
}

impl Due {
    fn next(&self) -> Option<Instant> {
        [self.up, self.ping, self.pong].into_iter().flatten().min()
    }
}

/// One client, from the offer on.
struct Connection {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    id: String,
    generation: u64,
    inbox: Inbox,
    wire: Wire,
    link: Link,
    lanes: Lanes,
    /// Members of offers that are to be made.
    offers: VecDeque<Map<String, Value>>,
    /// Whether the connection is up, and told to the others.
    up: bool,
    /// Whether signaling goes over data channels.
    switched: bool,
    /// Whether the loss of the WebSocket means nothing then.
    ignores_websocket: bool,
    due: Due,
    ping_interval: Duration,
    ping_stats: bool,
}

/// What woke a connection.
enum Step {
    Told(Option<Event>),
    Link(Happening),
    Wire(Received),
    Due,
}

impl Connection {
    /// Makes the connection and sends the offer.
    async fn new(entry: Entry, wire: Wire, seat: Seat) -> Result<Self, (Wire, End)> {
        let Entry { shared, hub, address } = entry;
        let Seat { connection_id: id, mut offer, inbox, generation } = seat;
        let data_channels = list(&offer);
        let (link, sdp) = match Link::open(address, &data_channels).await {
            Ok(opened) => opened,
            Err(_) => {
                hub.leave(&id, generation, "INTERNAL-ERROR");
                return Err((wire, End::failed("INTERNAL-ERROR")));
            }
        };
        let now = shared.clock.monotonic();
        let settings = hub.settings();
        let (ping_interval, ping_stats) = (settings.ping_interval, settings.ping_stats);
        let ping = now.checked_add(ping_interval).filter(|_| !ping_interval.is_zero());
        let due = Due { up: now.checked_add(settings.created_timeout), ping, pong: None };
        let ignores_websocket = offer.get("ignore_disconnect_websocket") == Some(&Value::Bool(true));
        offer.insert("sdp".into(), sdp.into());
        let lanes = Lanes::new(&data_channels);
        let (up, switched) = (false, false);
        let mut connection = Self {
            shared,
            hub,
            id,
            generation,
            inbox,
            wire,
            link,
            lanes,
            offers: VecDeque::new(),
            up,
            switched,
            ignores_websocket,
            due,
            ping_interval,
            ping_stats,
        };
        connection.wire.send(&Value::Object(offer)).await;
        Ok(connection)
    }

    /// Until one side has had enough.
    async fn run(&mut self) -> End {
        let clock = self.shared.clock.clone();
        loop {
            let left = self.due.next().map(|due| due.saturating_duration_since(clock.monotonic()));
            let alarm = async {
                match left {
                    Some(left) => clock.sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            let step = tokio::select! {
                told = self.inbox.recv() => Step::Told(told),
                happening = self.link.next() => Step::Link(happening),
                received = self.wire.next() => Step::Wire(received),
                () = alarm => Step::Due,
            };
            let end = match step {
                Step::Told(event) => self.told(event).await,
                Step::Link(happening) => self.happened(happening).await,
                Step::Wire(received) => self.received(received),
                Step::Due => self.due().await,
            };
            if let Some(end) = end {
                return end;
            }
            self.offer_again().await;
        }
    }

    /// Does what the clock asks for.
    async fn due(&mut self) -> Option<End> {
        let now = self.shared.clock.monotonic();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.due.up) {
            return Some(End::failed("CONNECTION-CREATED-WAIT-TIMEOUT"));
        }
        if is_due(self.due.pong) {
            return Some(End::failed("PONG-TIMEOUT"));
        }
        if is_due(self.due.ping) {
            self.due.ping = now.checked_add(self.ping_interval);
            self.ping(self.ping_stats).await;
        }
        None
    }

    /// Pings over the WebSocket. Without one the connection's own checks tell whether the client is there.
    async fn ping(&mut self, stats: bool) {
        if self.wire.is_open() {
            let ping =
                if stats { json!({ "type": "ping", "stats": true }) } else { json!({ "type": "ping" }) };
            self.wire.send(&ping).await;
            self.due.pong = self.due.pong.or(self.shared.clock.monotonic().checked_add(PONG_TIMEOUT));
        } else {
            self.due.pong = None;
            if stats {
                self.tell("stats", &json!({ "type": "req-stats" })).await;
            }
        }
    }

    async fn told(&mut self, event: Option<Event>) -> Option<End> {
        match event {
            Some(Event::Notify(message)) => self.tell("notify", &message).await,
            Some(Event::Push(message)) => self.tell("push", &message).await,
            Some(Event::User { label, binary, data }) => {
                let (kind, data) = self.lanes.pack(&label, data);
                self.link.send(&label, kind || binary, data);
            }
            Some(Event::ReOffer(members)) => self.offers.push_back(members),
            Some(Event::Ping { stats }) => self.ping(stats).await,
            Some(Event::ReqStats) => self.tell("stats", &json!({ "type": "req-stats" })).await,
            Some(Event::Close { code, reason }) => return Some(End::Closed { code, reason }),
            Some(Event::Redirect(location)) if self.wire.is_open() => return Some(End::Redirect(location)),
            // Only the WebSocket carries it.
            Some(Event::Redirect(_)) => {}
            Some(Event::Drop) => return Some(End::Cut),
            None => return Some(End::Gone),
        }
        None
    }

    /// Sends over a data channel once there is one, over the WebSocket before that.
    async fn tell(&mut self, label: &str, message: &Value) {
        if self.switched && self.link.is_open(label) {
            let (binary, data) = self.lanes.pack(label, message.to_string().into());
            self.link.send(label, binary, data);
        } else {
            self.wire.send(message).await;
        }
    }

    /// Sends the next offer, unless the client has one to answer.
    async fn offer_again(&mut self) {
        if self.offers.is_empty() || self.link.is_waiting() {
            return;
        }
        let (Some(mut message), Some(sdp)) = (self.offers.pop_front(), self.link.offer_again()) else {
            return;
        };
        let data_channels = list(&message);
        message.insert("type".into(), "re-offer".into());
        message.insert("sdp".into(), sdp.into());
        self.tell("signaling", &Value::Object(message)).await;
        self.lanes.offered_again(&data_channels);
    }

    async fn happened(&mut self, happening: Happening) -> Option<End> {
        match happening {
            Happening::Opened => {
                self.come_up().await;
                None
            }
            Happening::Closed(label) => (label == "signaling").then_some(End::Gone),
            Happening::Drained => None,
            Happening::Message { label, binary, data } => {
                let data = self.lanes.unpack(&label, binary, data);
                self.lane(&label, binary, data)
            }
            Happening::Gone => Some(End::Gone),
        }
    }

    /// Tells everybody once all of the connection is up.
    async fn come_up(&mut self) {
        if self.up || !self.link.is_up() {
            return;
        }
        (self.up, self.due.up) = (true, None);
        if !self.link.is_bare() {
            let switched = json!({
                "type": "switched",
                "ignore_disconnect_websocket": self.ignores_websocket,
            });
            self.wire.send(&switched).await;
            self.switched = true;
        }
        self.hub.connected(&self.id);
    }

    /// Takes a message of a data channel in; none is one that could not be inflated.
    fn lane(&mut self, label: &str, binary: bool, data: Option<Bytes>) -> Option<End> {
        match label {
            "signaling" | "stats" => {
                let message = data.and_then(|data| serde_json::from_slice(&data).ok());
                self.received(message.map_or(Received::Garbage, Received::Message))
            }
            "rpc" => {
                // A frame that is no zlib stream is as good as one that is no JSON.
                let answer = self.hub.answer_rpc(&self.id, &data.unwrap_or_default());
                if let Some(answer) = answer {
                    let (binary, data) = self.lanes.pack(label, answer.to_string().into());
                    self.link.send(label, binary, data);
                }
                None
            }
            label if label.starts_with('#') => {
                if let Some(data) = data {
                    self.hub.user_message(&self.id, label, &data, binary);
                }
                None
            }
            // Nothing is expected there.
            _ => None,
        }
    }

    /// Takes a message in that came over the WebSocket or a data channel.
    fn received(&mut self, received: Received) -> Option<End> {
        let message = match received {
            Received::Message(message) => message,
            Received::Garbage => return Some(End::failed("INVALID-JSON")),
            Received::Lost if self.switched && self.ignores_websocket => {
                self.due.pong = None;
                return None;
            }
            Received::Lost => return Some(End::Gone),
        };
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        match text("type").unwrap_or_default() {
            "answer" => match text("sdp") {
                Some(sdp) if self.link.answer(sdp) => None,
                _ => Some(End::failed("INVALID-SDP")),
            },
            // `update` is what it was called before 2022.
            "re-answer" | "update" => match text("sdp") {
                Some(sdp) if self.link.answer(sdp) => {
                    self.lanes.answered_again();
                    None
                }
                _ => Some(End::failed("INVALID-SDP")),
            },
            "candidate" => {
                self.link.candidate(text("candidate").unwrap_or_default());
                None
            }
            "pong" => {
                self.due.pong = None;
                if let Some(stats) = message.get("stats") {
                    self.hub.stats(&self.id, stats.clone());
                }
                None
            }
            "stats" => {
                self.hub.stats(&self.id, message.get("reports").cloned().unwrap_or_default());
                None
            }
            "disconnect" => Some(End::Disconnect),
            _ => Some(End::failed("INVALID-MESSAGE")),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.leave(&self.id, self.generation, "CONNECTION-LOST");
    }
}

/// The address that the client came to: where the listener can be reached, the candidate can. A name is not looked up.
fn address(exchange: &Exchange) -> IpAddr {
    let ip = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let named = exchange.header("host").and_then(|host| host.parse::<Authority>().ok());
    let known = exchange.context.url().parse::<Uri>().ok();
    let found = named.and_then(|named| ip(named.host()));
    found.or_else(|| ip(known?.host()?)).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn list(members: &Map<String, Value>) -> Vec<Value> {
    members.get("data_channels").and_then(Value::as_array).cloned().unwrap_or_default()
}
