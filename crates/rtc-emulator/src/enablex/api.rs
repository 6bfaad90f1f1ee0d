//! The Server API.
//!
//! Rooms refuse and answer in the older form, a number with status 200. In the newer one, a status with a name, come
//! refusals of wrong credentials and of what has no number. A room with people in it (also in front of it) refuses
//! changes and its end. Unsure: the code for a scheduled room that opens too soon to be changed (10030 here).

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Refusal,
    hub::{Hub, Token},
    reports,
    room::{Room, number},
};
use crate::{
    credentials::{ENABLEX_APP_ID, ENABLEX_APP_KEY},
    provider::{Exchange, json as answer_json},
    spec::{Broken, Field},
    time::{parse_rfc3339, rfc3339},
};

/// How long a token can be used, and how long before its start a scheduled room gives tokens.
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// How many members the data of a token can have.
const DATA_MEMBERS: usize = 5;

pub(super) fn answer(hub: &Hub, exchange: &Exchange) -> Result<Response<Full<Bytes>>, Refusal> {
    authorize(exchange)?;
    let mut body = exchange
        .value()
        .map_err(|why| Refusal::Name(StatusCode::BAD_REQUEST, "INVALID_JSON", format!("no JSON: {why}")))?;
    take_duration(&mut body);
    if let Some(broken) = exchange.check(&body).into_iter().next() {
        return Err(refusal(&broken));
    }
    let answer = match exchange.operation {
        "create_room" => create_room(hub, exchange, &body)?,
        "list_rooms" => return Ok(list_rooms(hub)),
        "get_room" => return with_room(hub, exchange, |room| Ok(get_room(room))),
        "update_room" => with_room(hub, exchange, |room| update_room(room, exchange, &body))?,
        "delete_room" => delete_room(hub, exchange)?,
        "list_users" => with_room(hub, exchange, |room| Ok(users(room)))?,
        "create_token" => create_token(hub, exchange, &body)?,
        "get_dial_in" => dial_in(),
        operation if operation.contains("archive") => {
            reports::archives(&hub.lock(), exchange, &base(exchange))?
        }
        operation if operation.contains("cdr") => reports::cdrs(&hub.lock(), exchange)?,
        other => {
            let message = format!("the emulator does not serve {other}");
            return Err(Refusal::Name(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message));
        }
    };
    Ok(answer_json(StatusCode::OK, &answer))
}

fn authorize(exchange: &Exchange) -> Result<(), Refusal> {
    static EXPECTED: LazyLock<String> =
        LazyLock::new(|| format!("Basic {}", STANDARD.encode(format!("{ENABLEX_APP_ID}:{ENABLEX_APP_KEY}"))));
    if exchange.header("authorization") == Some(EXPECTED.as_str()) {
        return Ok(());
    }
    let message = "the application's id or key is wrong".into();
    Err(Refusal::Name(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message))
}

/// What the service says to a broken rule: the documented number, or a name where there is none.
fn refusal(broken: &Broken) -> Refusal {
    let code = match (broken.wire.as_str(), broken.rule) {
        ("role", "required") => Some(10103),
        _ => broken.code.as_deref().and_then(|code| code.parse().ok()),
    };
    let message = broken.message.clone();
    match code {
        Some(code) => Refusal::Number(code, "Invalid or missing value", message),
        None => Refusal::Name(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", message),
    }
}

fn create_room(hub: &Hub, exchange: &Exchange, body: &Value) -> Result<Value, Refusal> {
    let given = known_settings(exchange, body)?;
    if let Some(start) = starts(&given)
        && start < exchange.now
    {
        return Err(Refusal::Number(10006, "Illegible time", "settings.scheduled_time has passed".into()));
    }
    let mut settings = defaults();
    settings.extend(given);
    as_texts(&mut settings);
    let digits = |n| hub.shared.ids.digits(n).parse::<u64>().unwrap_or_default();
    let sip = if body.pointer("/sip/enabled") == Some(&Value::Bool(true)) {
        json!({ "enabled": true, "pin": digits(6), "meeting_id": digits(9) })
    } else {
        json!({ "enabled": false })
    };
    let room_id = hub.shared.ids.hex(24);
    let info = json!({
        "name": body["name"],
        "owner_ref": body["owner_ref"],
        "settings": settings,
        "sip": sip,
        "data": body.get("data").cloned().unwrap_or_else(|| json!({})),
        "created": rfc3339(exchange.now),
        "room_id": room_id,
    });
    hub.lock().rooms.insert(room_id, Room::new(info.clone()));
    Ok(json!({ "result": 0, "room": info }))
}

/// The settings of a body, all of which must be known.
fn known_settings(exchange: &Exchange, body: &Value) -> Result<Map<String, Value>, Refusal> {
    let given = body.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    // An update does not know those that cannot be changed: they have codes of their own.
    let fields = exchange.route.map(|route| route.fields).unwrap_or_default();
    let known = fields.iter().find(|field| field.wire == "settings").map_or(&[][..], |field| field.fields);
    match given.keys().find(|name| !known.iter().any(|field: &Field| field.wire == *name)) {
        None => Ok(given),
        Some(name) => Err(match name.as_str() {
            "mode" if exchange.operation == "update_room" => {
                Refusal::Number(10020, "Illegible parameter", "settings.mode cannot be changed".into())
            }
            "scheduled" | "adhoc" if exchange.operation == "update_room" => {
                Refusal::Number(10106, "Illegible request", format!("settings.{name} cannot be changed"))
            }
            _ => Refusal::Number(10009, "Unrecognized key", format!("settings has no key {name}")),
        }),
    }
}

/// The samples write it as text, the documentation as a number.
fn take_duration(body: &mut Value) {
    let duration = body.pointer_mut("/settings/duration");
    if let Some(duration) = duration.filter(|duration| duration.is_string())
        && let Some(minutes) = number(duration)
    {
        *duration = minutes.into();
    }
}

/// Sent as number or text, kept as text.
fn as_texts(settings: &mut Map<String, Value>) {
    for name in ["moderators", "participants"] {
        if let Some(count) = settings.get(name).and_then(number) {
            settings.insert(name.into(), count.to_string().into());
        }
    }
}

fn missing() -> Refusal {
    Refusal::Number(40001, "Not found", "Room not found".into())
}

fn with_room<T>(
    hub: &Hub,
    exchange: &Exchange,
    act: impl FnOnce(&mut Room) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let id = exchange.params.get("room_id").unwrap_or_default();
    act(hub.lock().rooms.get_mut(id).ok_or_else(missing)?)
}

// Both are written from what is kept: a copy of it would take longer than the rest of the call.
fn list_rooms(hub: &Hub) -> Response<Full<Bytes>> {
    #[derive(Serialize)]
    struct Rooms<'a> {
        result: u8,
        rooms: Vec<&'a Value>,
    }
    let data = hub.lock();
    let rooms = data.rooms.values().map(|room| &room.info).collect();
    answer_json(StatusCode::OK, &Rooms { result: 0, rooms })
}

fn get_room(room: &Room) -> Response<Full<Bytes>> {
    #[derive(Serialize)]
    struct Found<'a> {
        result: u8,
        room: &'a Value,
    }
    answer_json(StatusCode::OK, &Found { result: 0, room: &room.info })
}

/// Whether nobody is there, and the room does not open soon.
fn at_rest(room: &Room, now: SystemTime) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::Number(10030, "Denied request on active room", why.into()));
    if !room.users.is_empty() {
        return refuse("the room is active");
    }
    let minutes = Duration::from_secs(room.minutes().unwrap_or(0) * 60);
    let start = room.fact("settings").as_object().and_then(starts);
    match start {
        Some(start) if now + QUARTER > start && now < start + minutes => {
            refuse("a scheduled room can be changed until 15 minutes before it opens")
        }
        _ => Ok(()),
    }
}

/// What is given replaces what was; it counts for later sessions.
fn update_room(room: &mut Room, exchange: &Exchange, body: &Value) -> Result<Value, Refusal> {
    let mut settings = known_settings(exchange, body)?;
    at_rest(room, exchange.now)?;
    let is_scheduled = room.is_set("scheduled");
    if settings.contains_key("scheduled_time") && !is_scheduled {
        let why = "settings.scheduled_time is for scheduled rooms".into();
        return Err(Refusal::Number(10018, "Illegible parameter", why));
    }
    let mut as_scheduled = settings.clone();
    as_scheduled.insert("scheduled".into(), is_scheduled.into());
    if starts(&as_scheduled).is_some_and(|start| start < exchange.now) {
        return Err(Refusal::Number(10006, "Illegible time", "settings.scheduled_time has passed".into()));
    }
    as_texts(&mut settings);
    let Value::Object(info) = &mut room.info else { return Err(missing()) };
    for name in ["name", "owner_ref", "sip", "data"] {
        if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
            info.insert(name.into(), value.clone());
        }
    }
    if let Some(Value::Object(known)) = info.get_mut("settings") {
        known.extend(settings);
    }
    Ok(json!({ "result": 0 }))
}

fn delete_room(hub: &Hub, exchange: &Exchange) -> Result<Value, Refusal> {
    with_room(hub, exchange, |room| {
        if room.users.is_empty() {
            return Ok(());
        }
        Err(Refusal::Number(10030, "Denied request on active room", "the room is active".into()))
    })?;
    hub.lock().rooms.remove(exchange.params.get("room_id").unwrap_or_default());
    Ok(json!({ "result": 0 }))
}

/// Who is in a room; null for a room in which nobody is.
fn users(room: &Room) -> Value {
    let users: Vec<Value> = room
        .inside()
        .map(|(_, user)| {
            json!({
                "name": user.name, "user_ref": user.user_ref, "role": user.role,
                "permissions": user.permissions(),
            })
        })
        .collect();
    let total = users.len();
    json!({ "result": 0, "total": total, "users": if total == 0 { Value::Null } else { users.into() } })
}

/// Without a `result`, and with secrets, as the service answers it.
fn dial_in() -> Value {
    let number = |country: &str, code: &str, phone: &str| json!({ "country": country, "country_code": code, "phone": phone, "toll": "toll" });
    json!({
        "_id": "5f0123456789abcdef0d1a11", "app_key": ENABLEX_APP_KEY, "settings": { "sip": true },
        "sip": {
            "server_url": "sip.example.com", "username": "emulator", "password": "emulatorSipPassword",
            "sig_servers": ["127.0.0.1"], "media_servers": ["127.0.0.1"],
        },
        "dialin": [number("United States", "US", "+1 555 0100"), number("India", "IN", "+91 55 5010 0100")],
    })
}

/// What the service fills in.
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "mode": "group", "scheduled": false, "adhoc": false, "moderators": "1", "quality": "HD",
        "auto_recording": false, "canvas": false, "screen_share": true, "abwd": true, "max_active_talkers": 6,
        "wait_for_moderator": false, "knock": false, "single_file_recording": false, "media_zone": "XX",
        "watermark": false, "screen_share_override": false,
    });
    if let Value::Object(defaults) = defaults { defaults } else { Map::new() }
}

/// When a scheduled room opens.
fn starts(settings: &Map<String, Value>) -> Option<SystemTime> {
    let at = settings.get("scheduled_time")?.as_str()?.replacen(' ', "T", 1);
    parse_rfc3339(&format!("{at}Z")).filter(|_| settings.get("scheduled") == Some(&Value::Bool(true)))
}

/// What is in a token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    host: &'a str,
    log_id: &'a str,
    name: &'a Value,
    role: &'a str,
    room: &'a str,
    room_meta: Meta<'a>,
    secure: bool,
    signature: &'a str,
    token_id: &'a str,
    #[serde(rename = "user_ref")]
    user_ref: &'a Value,
}

#[derive(Serialize)]
struct Meta<'a> {
    settings: Shown<'a>,
}

/// The settings of the room that its clients go by.
#[derive(Serialize)]
struct Shown<'a> {
    mode: Option<&'a Value>,
    participants: Option<u64>,
    quality: Option<&'a Value>,
}

fn create_token(hub: &Hub, exchange: &Exchange, body: &Value) -> Result<Value, Refusal> {
    if body.get("data").is_some_and(|data| data.as_object().is_none_or(|d| d.len() > DATA_MEMBERS)) {
        let message = "data must be an object of at most 5 members".into();
        return Err(Refusal::Name(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", message));
    }
    let room_id = exchange.params.get("room_id").unwrap_or_default();
    let role = body["role"].as_str().unwrap_or_default();
    let mut data = hub.lock();
    let room = data.rooms.get(room_id).ok_or_else(missing)?;
    let none = Map::new();
    let settings = room.fact("settings").as_object().unwrap_or(&none);
    open(settings, exchange.now)?;
    if room.is_full(role) {
        return Err(Refusal::Number(10114, "Token denied", "Room is full".into()));
    }
    let (id, signature) = (hub.shared.ids.hex(24), hub.shared.ids.alnum(32));
    let (host, secure) = address(exchange);
    let content = Content {
        host,
        log_id: &hub.shared.ids.hex(16),
        name: &body["name"],
        role,
        room: room_id,
        room_meta: Meta {
            settings: Shown {
                mode: settings.get("mode"),
                participants: settings.get("participants").and_then(number),
                quality: settings.get("quality"),
            },
        },
        secure,
        signature: &signature,
        token_id: &id,
        user_ref: &body["user_ref"],
    };
    let text = STANDARD.encode(serde_json::to_vec(&content).unwrap_or_default());
    let token = Token {
        text: text.clone(),
        used_by: None,
        room_id: room_id.to_owned(),
        signature,
        name: body["name"].clone(),
        role: role.to_owned(),
        user_ref: body["user_ref"].clone(),
        data: body.get("data").cloned().unwrap_or(Value::Null),
        expires: exchange.now + QUARTER,
    };
    data.keep_token(id, token, exchange.now);
    Ok(json!({ "result": 0, "token": text }))
}

/// Whether a room gives tokens now: a scheduled one does from a quarter of an hour before its start to its end.
fn open(settings: &Map<String, Value>, now: SystemTime) -> Result<(), Refusal> {
    let Some(start) = starts(settings) else { return Ok(()) };
    let minutes = settings.get("duration").and_then(number).unwrap_or(0);
    let denied = |code, why: &str| Err(Refusal::Number(code, "Token denied", why.into()));
    if now + QUARTER < start {
        return denied(10113, "Room is not active");
    }
    if now >= start + Duration::from_secs(minutes * 60) {
        return denied(10111, "Conference is over");
    }
    Ok(())
}

/// Where files are for who asks.
fn base(exchange: &Exchange) -> String {
    let (host, secure) = address(exchange);
    format!("{}://{host}", if secure { "https" } else { "http" })
}

/// Where the client reached us: it will reach the room there, too.
fn address(exchange: &Exchange) -> (&str, bool) {
    fn bare(url: &str) -> &str {
        url.split_once("://").map_or(url, |(_, rest)| rest)
    }
    // A name like `localhost` instead of the address: the port tells which listener it was.
    fn port(host: &str) -> Option<&str> {
        host.rsplit(':').next()
    }
    let host = exchange.header("host").unwrap_or_else(|| bare(exchange.context.url()));
    let is_secure = exchange.context.tls_url().is_some_and(|secure| port(bare(secure)) == port(host));
    (host, is_secure)
}
