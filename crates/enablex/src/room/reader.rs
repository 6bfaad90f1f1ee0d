//! The task that reads a room: first until it is entered, then to its end, and after a break into it again.

use std::sync::Arc;
use std::time::Duration;

use rtc_core::encode::excerpt;
use rtc_core::transport::channel::SharedConnect;
use rtc_core::transport::socketio::{self, Events, Socket, SocketOptions};
use rtc_core::{Clock as _, Limits, Reason, RetryPolicy, Trust, Url, timeout};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use super::ack::{self, Joined};
use super::event::{Disconnected, Reconnected, Reconnecting, RoomEvent};
use super::live::{CONNECT, Link, Protocol, closed, failed, late};
use super::options::RoomOptions;
use super::state::{Phase, RoomState};
use crate::codes;
use crate::error::{EnableXError, Error, Result};
use crate::token::TokenContent;

/// The way into a room.
pub(super) struct Door {
    token: TokenContent,
    base: Url,
    query: Vec<(String, String)>,
    connector: SharedConnect,
    protocol: Protocol,
    limits: Limits,
    limit: Duration,
    policy: RetryPolicy,
}

impl Door {
    pub(super) fn new(
        token: TokenContent,
        base: Url,
        query: Vec<(String, String)>,
        options: &RoomOptions,
    ) -> Result<Self> {
        let policy = options.reconnect_policy();
        let config = &options.config;
        let (limits, limit) = (config.limits.with_trust(Trust::Discovered), config.timeout);
        let connector = config.connector()?;
        Ok(Self { token, base, query, connector, protocol: options.protocol, limits, limit, policy })
    }

    async fn open(&self, link: &Link) -> Result<(Socket, Events)> {
        let mut how = SocketOptions::new(self.protocol);
        how.path = if self.protocol == Protocol::Eio3 { "/socket.io/" } else { "/v3/socket.io/" }.into();
        how.query.clone_from(&self.query);
        how.connect_timeout = self.limits.connect;
        let connected =
            socketio::connect(&self.connector, &self.base, how, link.clock.clone(), self.limits).await;
        connected.map_err(|error| failed(CONNECT, error, self.limits.connect))
    }
}

/// Reads the connection.
pub(super) struct Reader {
    door: Door,
    link: Arc<Link>,
    socket: Socket,
    events: Events,
    sender: broadcast::Sender<RoomEvent>,
}

impl Reader {
    /// Opens the connection, hands in the token and waits until the room lets us in or makes us wait.
    pub(super) async fn enter(
        door: Door,
        link: Arc<Link>,
        sender: broadcast::Sender<RoomEvent>,
    ) -> Result<(Self, Joined)> {
        let (socket, events) = door.open(&link).await?;
        let hello = hello(&door.token, door.protocol);
        let mut reader = Self { door, link, socket, events, sender };
        let joined = reader.hand_in(hello).await?;
        Ok((reader, joined))
    }

    async fn hand_in(&mut self, hello: Value) -> Result<Joined> {
        let (clock, limit) = (self.link.clock.clone(), self.door.limit);
        timeout(&clock, limit, self.knock(hello, limit)).await.unwrap_or_else(|| Err(late(limit)))
    }

    async fn knock(&mut self, hello: Value, limit: Duration) -> Result<Joined> {
        let answer = self.socket.emit_with_ack("token", &[hello], limit).await;
        let answer = answer.map_err(|error| failed(CONNECT, error, limit))?;
        let secrets = self.door.token.secrets();
        let joined = Joined::read(&answer).or_else(|_| Joined::read(&ack::without(answer, &secrets)))?;
        {
            let mut known = self.link.lock();
            known.state.client_id.clone_from(&joined.client_id);
            known.socket = Some(self.socket.clone());
        }
        loop {
            let event = self.next().await.ok_or_else(|| closed().with_exchange(1, true))?;
            match (self.phase(), event) {
                (Phase::Connecting | Phase::Reconnecting, _) => {}
                (Phase::Awaited | Phase::Connected, _) => return Ok(joined),
                (Phase::Closed, RoomEvent::RoomDisconnected(Disconnected { reason })) => {
                    let reason = reason.map(|text| excerpt(secrets.hide(&text).as_bytes()));
                    let message = reason.unwrap_or_else(|| "the room closed the connection".into());
                    let error = EnableXError::Room { operation: CONNECT, code: None, message };
                    return Err(Error::new(Reason::Service(error)).with_exchange(1, true));
                }
                (Phase::Closed, _) => return Err(closed().with_exchange(1, true)),
            }
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            while !self.is_over() && self.next().await.is_some() {}
            if self.is_over() {
                break;
            }
            let reason = self.events.close_reason();
            if let Err(reason) = self.come_back(reason).await {
                // Unless the room has told it itself.
                if !self.is_over() {
                    self.publish(RoomEvent::RoomDisconnected(Disconnected { reason }));
                }
                break;
            }
        }
        let Self { socket, sender, .. } = self;
        // Ends the events, whether or not the server closes the connection of a room that is over.
        drop(sender);
        socket.close().await;
    }

    /// Enters the room again, as often as the policy says. What it gives when it gives up is the last reason.
    async fn come_back(&mut self, mut reason: Option<String>) -> std::result::Result<(), Option<String>> {
        let attempts = self.door.policy.max_attempts.saturating_sub(1);
        // Whoever waits in front of a room has no place in it to come back to.
        if self.link.lock().leaving || self.phase() != Phase::Connected {
            return Err(reason);
        }
        let back = Back::of(&self.link.lock().state);
        for attempt in 1..=attempts {
            self.link.lock().socket = None;
            self.publish(RoomEvent::RoomReconnecting(Reconnecting { attempt, reason: reason.clone() }));
            self.link.clock.sleep(self.door.policy.pause(attempt, None)).await;
            // Left meanwhile: the token must not be handed in again.
            if self.is_over() {
                return Err(reason);
            }
            match self.try_again(&back, attempt).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    reason = Some(why(&error));
                    if self.is_over() {
                        return Err(reason);
                    }
                    // The room has said no: it will say so again.
                    if matches!(error.reason(), Reason::Service(_)) {
                        break;
                    }
                }
            }
        }
        Err(reason)
    }

    async fn try_again(&mut self, back: &Back, attempt: u32) -> Result<()> {
        let (socket, events) = self.door.open(&self.link).await?;
        (self.socket, self.events) = (socket, events);
        let mut hello = hello(&self.door.token, self.door.protocol);
        back.add_to(&mut hello, attempt, self.door.protocol);
        self.hand_in(hello).await?;
        let client_id = self.link.lock().state.client_id.clone();
        self.publish(RoomEvent::RoomReconnected(Reconnected { attempt, client_id }));
        Ok(())
    }

    fn phase(&self) -> Phase {
        self.link.lock().state.phase
    }

    fn is_over(&self) -> bool {
        self.phase() == Phase::Closed
    }

    async fn next(&mut self) -> Option<RoomEvent> {
        let event = self.events.recv().await?;
        Some(self.publish_at(RoomEvent::read(&event.name, &event.args), event.position))
    }

    /// Tells of something that the connection did not bring.
    fn publish(&self, event: RoomEvent) -> RoomEvent {
        self.publish_at(event, 0)
    }

    fn publish_at(&self, event: RoomEvent, position: u64) -> RoomEvent {
        self.link.apply(&event, position);
        // Nobody may be listening: the state is kept all the same.
        let _ = self.sender.send(event.clone());
        event
    }
}

/// Who we were when the connection broke.
struct Back {
    client_id: Option<String>,
    room_id: Option<String>,
    role: Option<String>,
    name: Option<String>,
    user_ref: Option<String>,
}

impl Back {
    fn of(state: &RoomState) -> Self {
        let me = state.client_id.as_ref().and_then(|id| state.participants.get(id));
        Self {
            client_id: state.client_id.clone(),
            room_id: state.room_id.clone(),
            role: state.role.as_ref().map(ToString::to_string),
            name: me.and_then(|me| me.name.clone()),
            user_ref: me.and_then(|me| me.user_ref.clone()),
        }
    }

    /// The names are those of the vendor's libraries. What they count in `reconnectCount` is not documented: here it is
    /// the number of the attempt, too.
    fn add_to(&self, hello: &mut Value, attempt: u32, protocol: Protocol) {
        let mut about = json!({
            "isReconnecting": true,
            "reconnectAttempt": attempt,
            "oldClientIdForReconnect": self.client_id,
            "room": self.room_id,
            "role": self.role,
            "name": self.name,
        });
        if protocol == Protocol::Eio4 {
            extend(&mut about, json!({ "user_ref": self.user_ref, "reconnectCount": attempt }));
        }
        extend(hello, about);
    }
}

/// Why an attempt failed, for people.
fn why(error: &Error) -> String {
    match error.service() {
        Some(EnableXError::Room { code: Some(codes::EMPTY_ROOM), .. }) => {
            "nobody is left in the room to come back to (code 4119)".into()
        }
        _ => error.to_string(),
    }
}

/// What a client says first: its token and what it is.
fn hello(content: &TokenContent, protocol: Protocol) -> Value {
    let members: Map<String, Value> = content.members.clone();
    let mut hello = Value::Object(members);
    // The service picks its dialect by the version of its own library, so we name the one whose dialect we speak.
    let version = if protocol == Protocol::Eio3 { "2.3.0" } else { "3.1.8" };
    let about = json!({
        "hostType": "rtc-enablex",
        "hostVersion": env!("CARGO_PKG_VERSION"),
        "hostDeviceType": "desktop",
        "userAgent": crate::client::AGENT,
        "version": version,
    });
    extend(&mut hello, about);
    if protocol == Protocol::Eio4 {
        extend(&mut hello, json!({ "singlePC": "subs", "dataChannel": true }));
    }
    hello
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
