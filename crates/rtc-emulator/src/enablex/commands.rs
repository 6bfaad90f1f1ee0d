//! The commands of a room: which one it is, whether it is well-formed and allowed, what becomes of it, and who is told.
//!
//! Who is told what is as the vendor's reference says; where it names no code for a refusal, the one of the vendor's
//! libraries is used. Acknowledgements are `[{result, msg, ..}]`, those of live recordings and streams
//! `[{status, startedBy}]`, or `["error", {status}]`.

mod floor;
mod life;
mod messages;
mod moderation;
mod pins;
mod recording;
mod roles;
mod streaming;

use std::{collections::BTreeSet, time::SystemTime};

use http::HeaderMap;
use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef};

use super::{
    live::{Next, status},
    room::{Room, To, number},
    turn::{Ack, Step, World},
};
pub(super) use floor::ask_as;

use crate::{check::check, generated::enablex::METHODS, routing::Params};

pub(super) const FLOOR_REQUEST: &str = "processFloorRequest";
/// What the vendor's libraries send on their own.
const OWN: [&str; 4] = ["getMaxNumberOfTalker", "getAwaitedUser", "logClientEvents", "clientLogPosted"];

/// The numbers of refusals.
const NOT_ALLOWED: i64 = 1168;
const NOT_CONNECTED: i64 = 1171;
const BAD_PARAMETER: i64 = 1155;
const NOBODY: i64 = 1159;

/// The events that carry the commands.
pub(super) fn events() -> BTreeSet<&'static str> {
    METHODS.iter().map(|method| method.path).chain(OWN).filter(|event| *event != FLOOR_REQUEST).collect()
}

/// A command to be carried out.
struct Order<'a> {
    room: &'a mut Room,
    room_id: &'a str,
    /// Whose command it is.
    me: &'a str,
    /// The arguments, by their names in the specification.
    given: Value,
    now: SystemTime,
    next_live: &'a mut Option<Next>,
    extension: u64,
    /// What others are told.
    steps: Vec<Step>,
    /// What is done with people afterwards.
    then: Vec<Then>,
}

enum Then {
    /// Somebody comes in who waited.
    Admit(String),
    /// Somebody goes, for a reason if it is against the own will.
    Part(String, Option<&'static str>),
    /// The session is over.
    End { delete: bool },
}

/// A refusal.
enum Refused {
    Plain(i64, String),
    /// Of a live recording or a stream.
    Live(i64, String),
}

type Outcome = Result<Value, Refused>;

fn refuse<T>(code: i64, msg: &str) -> Result<T, Refused> {
    Err(Refused::Plain(code, msg.to_owned()))
}

fn done() -> Outcome {
    Ok(json!({ "result": 0, "msg": "success" }))
}

impl Order<'_> {
    fn text(&self, name: &str) -> &str {
        self.given.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_set(&self, name: &str) -> bool {
        self.given.get(name) == Some(&Value::Bool(true))
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let items = self.given.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.given.get(name).and_then(number)
    }

    fn tell(&mut self, to: To<'_>, event: &'static str, content: &Value) {
        let steps = self.room.tell(to, event, content);
        self.steps.extend(steps);
    }

    fn announce(&mut self, id: &str, msg: &Value) {
        let steps = self.room.announce(id, msg);
        self.steps.extend(steps);
    }

    /// The client id of somebody else who is meant, and is in the room.
    fn other(&self) -> Result<String, Refused> {
        let id = self.text("clientId").to_owned();
        if self.room.member(&id).is_none() {
            return refuse(NOBODY, "User not found");
        }
        if id == self.me {
            return refuse(BAD_PARAMETER, "It must be somebody else");
        }
        Ok(id)
    }
}

impl World<'_> {
    /// Carries a command out, or refuses it; either is acknowledged before anybody hears of it.
    pub(super) fn command(&mut self, socket: &SocketRef, event: &'static str, given: Value, ack: AckSender) {
        self.settle_for(socket);
        let identity = self.data.clients.get(&socket.id).cloned();
        let room = identity.as_ref().and_then(|(room_id, me)| {
            self.data.rooms.get_mut(room_id).filter(|room| room.member(me).is_some())
        });
        let (Some((room_id, me)), Some(room)) = (&identity, room) else {
            let msg = json!({ "result": NOT_CONNECTED, "msg": "Room not connected" });
            return self.push([Step::Ack(ack, Ack::Plain(msg))]);
        };
        let mut order = Order {
            room,
            room_id,
            me,
            given: Value::Null,
            now: self.now,
            next_live: &mut self.data.next_live,
            extension: self.data.extension.unwrap_or(10),
            steps: Vec::new(),
            then: Vec::new(),
        };
        let outcome = obey(&mut order, event, given);
        let (steps, then) = (order.steps, order.then);
        self.push([Step::Ack(ack, acknowledgement(outcome))]);
        self.push(steps);
        then.into_iter().for_each(|then| self.see_to(room_id, then));
    }

    /// The session may be over by the clock, and nobody has noticed yet.
    fn settle_for(&mut self, socket: &SocketRef) {
        let Some((room_id, _)) = self.data.clients.get(&socket.id).cloned() else { return };
        let conf_num = self.data.rooms.get(&room_id).map(|room| room.session.conf_num.clone());
        self.pass(&room_id, &conf_num.unwrap_or_default());
    }

    fn see_to(&mut self, room_id: &str, then: Then) {
        match then {
            Then::Admit(id) => {
                let steps = self.come_in(room_id, &id);
                self.push(steps);
            }
            Then::Part(id, reason) => self.part(room_id, &id, reason),
            Then::End { delete } => {
                self.send_everybody_out(room_id, "room-destroyed");
                if delete {
                    self.data.rooms.remove(room_id);
                }
            }
        }
    }
}

fn acknowledgement(outcome: Outcome) -> Ack {
    match outcome {
        Ok(content) => Ack::Plain(content),
        Err(Refused::Plain(result, msg)) => Ack::Plain(json!({ "result": result, "msg": msg })),
        Err(Refused::Live(code, msg)) => Ack::Worded("error", json!({ "status": status(code, false, &msg) })),
    }
}

fn obey(order: &mut Order<'_>, event: &str, given: Value) -> Outcome {
    if OWN.contains(&event) {
        return messages::own(order, event);
    }
    let Some((operation, given)) = operation(event, given) else {
        return refuse(BAD_PARAMETER, "Invalid parameters");
    };
    let is_moderator = order.room.member(order.me).is_some_and(|me| me.is_moderator());
    if !is_moderator && let Some(refused) = forbidden(operation) {
        return Err(refused);
    }
    if let Some(route) = METHODS.iter().find(|route| route.operation == operation)
        && let Some(broken) =
            check(route, &Params::default(), &[], &HeaderMap::new(), &given).into_iter().next()
    {
        let code = broken.code.and_then(|code| code.parse().ok()).unwrap_or(BAD_PARAMETER);
        return refuse(code, &broken.message);
    }
    order.given = given;
    dispatch(order, operation)
}

/// Which operation an event is, and its arguments by name.
fn operation(event: &str, given: Value) -> Option<(&'static str, Value)> {
    let (all, own) = (given.get("all") == Some(&Value::Bool(true)), given.get("self").is_some());
    let option = given.get(0).cloned().unwrap_or_default();
    let adds = option.get("request").and_then(Value::as_str);
    Some(match event {
        "lockRoom" if given == true => ("lock_room", Value::Null),
        "lockRoom" if given == false => ("unlock_room", Value::Null),
        "lockRoom" => return None,
        "user-allowed" | "user-denied" | "switchUserRole" if given.is_string() => {
            (plain(event)?, json!({ "clientId": given }))
        }
        "switchUserRole" => ("switch_user_role", option),
        "setAdvancedOptions" => {
            let operation = match (option.get("id").and_then(Value::as_str)?, adds?) {
                ("update-pin-users", "add") => "pin_users",
                ("update-pin-users", "remove") => "unpin_users",
                ("spotlight-users", "add") => "add_spotlight_users",
                ("spotlight-users", "remove") => "remove_spotlight_users",
                _ => return None,
            };
            (operation, option)
        }
        "drop" if own => ("leave_room", Value::Null),
        "drop" if all => ("destroy_room", given),
        "drop" => ("drop_users", given),
        "switchRoomMode" => ("switch_room_mode", json!({ "mode": given })),
        "enableKnock" | "openFloor" => (plain(event)?, json!({ "enable": given })),
        FLOOR_REQUEST => {
            ("process_floor_request", json!({ "clientId": given.get(0), "action": given.get(1) }))
        }
        event => (plain(event)?, if given.is_object() { given } else { Value::Null }),
    })
}

/// The operation of an event that carries only one.
fn plain(event: &str) -> Option<&'static str> {
    METHODS.iter().find(|method| method.path == event).map(|method| method.operation)
}

/// The refusal of those who are no moderators; none for what everybody may do.
fn forbidden(operation: &str) -> Option<Refused> {
    let plain = |code| Some(Refused::Plain(code, "Only moderator has rights".into()));
    let live = |code| Some(Refused::Live(code, "Only moderator has rights".into()));
    match operation {
        "extend_conference_duration"
        | "leave_room"
        | "mute_room"
        | "unmute_room"
        | "get_talker_count"
        | "set_talker_count"
        | "send_message"
        | "get_advanced_options"
        | "process_floor_request" => None,
        "pin_users" | "unpin_users" | "switch_room_mode" => plain(5003),
        "start_live_recording" => live(7201),
        "stop_live_recording" => live(7036),
        "update_live_recording" => live(7071),
        "start_streaming" => live(7008),
        "stop_streaming" => live(7044),
        "update_streaming" => live(7072),
        _ => plain(NOT_ALLOWED),
    }
}

fn dispatch(order: &mut Order<'_>, operation: &str) -> Outcome {
    match operation {
        "lock_room" => moderation::lock(order, true),
        "unlock_room" => moderation::lock(order, false),
        "hard_mute_room" => moderation::mute_room(order, true),
        "hard_unmute_room" => moderation::mute_room(order, false),
        "hard_mute_audio" => moderation::mute(order, "hardmute-user-audio"),
        "hard_unmute_audio" => moderation::mute(order, "hardunmute-user-audio"),
        "hard_mute_video" => moderation::mute(order, "hardmute-user-video"),
        "hard_unmute_video" => moderation::mute(order, "hardunmute-user-video"),
        "approve_awaited_user" => moderation::approve(order),
        "deny_awaited_user" => moderation::deny(order),
        "enable_knock" => moderation::enable_knock(order),
        "drop_users" => moderation::drop_users(order),
        "destroy_room" => moderation::destroy(order),
        "leave_room" => moderation::leave(order),
        "switch_user_role" => roles::switch(order),
        "pin_users" => pins::pin(order, true),
        "unpin_users" => pins::pin(order, false),
        "add_spotlight_users" => pins::spotlight(order, true),
        "remove_spotlight_users" => pins::spotlight(order, false),
        "get_advanced_options" => pins::options(order),
        "start_record" => recording::start(order),
        "stop_record" => recording::stop(order),
        "start_live_recording" => recording::start_live(order),
        "stop_live_recording" => recording::stop_live(order),
        "update_live_recording" => recording::update_live(order),
        "start_streaming" => streaming::start(order),
        "stop_streaming" => streaming::stop(order),
        "update_streaming" => streaming::update(order),
        "switch_room_mode" => floor::switch_mode(order),
        "open_floor" => floor::open(order),
        "process_floor_request" => floor::process(order),
        "invite_to_floor" => floor::invite(order),
        "extend_conference_duration" => life::extend(order),
        "send_message" => messages::send(order),
        "mute_room" | "unmute_room" => done(),
        "get_talker_count" => messages::talkers(order),
        "set_talker_count" => messages::set_talkers(order),
        _ => refuse(1170, "Not supported"),
    }
}
