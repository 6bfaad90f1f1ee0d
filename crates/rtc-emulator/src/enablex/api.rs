//! The Server API.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::{
    Refusal,
    hub::{Hub, Room, Token, number},
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
    let body = exchange
        .value()
        .map_err(|why| Refusal::Name(StatusCode::BAD_REQUEST, "INVALID_JSON", format!("no JSON: {why}")))?;
    if let Some(broken) = exchange.check(&body).into_iter().next() {
        return Err(refusal(&broken));
    }
    let answer = match exchange.operation {
        "create_room" => create_room(hub, exchange, &body)?,
        "create_token" => create_token(hub, exchange, &body)?,
        other => {
            let message = format!("the emulator does not serve {other}");
            return Err(Refusal::Name(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message));
        }
    };
    Ok(answer_json(StatusCode::OK, &answer))
}

fn authorize(exchange: &Exchange) -> Result<(), Refusal> {
    let expected = format!("{ENABLEX_APP_ID}:{ENABLEX_APP_KEY}");
    let given = exchange.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let given = given.and_then(|value| STANDARD.decode(value).ok());
    if given.as_deref() == Some(expected.as_bytes()) {
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
    let given = body.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let fields = exchange.route.map(|route| route.fields).unwrap_or_default();
    let known = fields.iter().find(|field| field.wire == "settings").map_or(&[][..], |field| field.fields);
    if let Some(name) = given.keys().find(|name| !known.iter().any(|field: &Field| field.wire == *name)) {
        return Err(Refusal::Number(10009, "Unrecognized key", format!("settings has no key {name}")));
    }
    if let Some(start) = starts(&given)
        && start < exchange.now
    {
        return Err(Refusal::Number(10006, "Illegible time", "settings.scheduled_time has passed".into()));
    }
    let mut settings = defaults();
    settings.extend(given);
    // Sent as number or text, kept as text.
    for name in ["moderators", "participants"] {
        if let Some(count) = settings.get(name).and_then(number) {
            settings.insert(name.into(), count.to_string().into());
        }
    }
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

fn create_token(hub: &Hub, exchange: &Exchange, body: &Value) -> Result<Value, Refusal> {
    if body.get("data").is_some_and(|data| data.as_object().is_none_or(|d| d.len() > DATA_MEMBERS)) {
        let message = "data must be an object of at most 5 members".into();
        return Err(Refusal::Name(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", message));
    }
    let room_id = exchange.params.get("room_id").unwrap_or_default();
    let role = body["role"].as_str().unwrap_or_default();
    let mut data = hub.lock();
    let room = data
        .rooms
        .get(room_id)
        .ok_or_else(|| Refusal::Number(40001, "Not found", "Room not found".into()))?;
    let settings = room.fact("settings").as_object().cloned().unwrap_or_default();
    open(&settings, exchange.now)?;
    if room.is_full(role) {
        return Err(Refusal::Number(10114, "Token denied", "Room is full".into()));
    }
    let (id, signature) = (hub.shared.ids.hex(24), hub.shared.ids.alnum(32));
    let (host, secure) = address(exchange);
    let content = json!({
        "tokenId": id, "host": host, "secure": secure, "signature": signature, "logId": hub.shared.ids.hex(16),
        "name": body["name"], "role": role, "user_ref": body["user_ref"], "room": room_id,
        "roomMeta": { "settings": {
            "quality": settings.get("quality"),
            "participants": settings.get("participants").and_then(number),
            "mode": settings.get("mode"),
        } },
    });
    let token = Token {
        room_id: room_id.to_owned(),
        signature,
        name: body["name"].clone(),
        role: role.to_owned(),
        user_ref: body["user_ref"].clone(),
        data: body.get("data").cloned().unwrap_or(Value::Null),
        expires: exchange.now + QUARTER,
    };
    data.tokens.insert(id, token);
    Ok(json!({ "result": 0, "token": STANDARD.encode(content.to_string()) }))
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

/// Where the client reached us: it will reach the room there, too.
fn address(exchange: &Exchange) -> (String, bool) {
    let bare = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    let plain = bare(exchange.context.url());
    let secure = exchange.context.tls_url().map(bare);
    let host = exchange.header("host").map_or_else(|| plain.clone(), str::to_owned);
    // A name like `localhost` instead of the address: the port tells which listener it was.
    let port = |host: &str| host.rsplit(':').next().map(str::to_owned);
    let is_secure = secure.is_some_and(|secure| port(&secure) == port(&host));
    (host, is_secure)
}
