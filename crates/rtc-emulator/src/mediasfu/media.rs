//! The media legs of external sources and viewers, WHIP and WHEP, as far as HTTP goes: no media flows.
//!
//! An offer makes those tracks active that it has a line for; one without any line counts for all of them. A source
//! that was closed sends no more, and each address takes one offer at a time.

use http::StatusCode;
use serde_json::json;

use super::reply::{Content, Outcome, Reply};
use super::state::State;
use crate::provider::Exchange;
use crate::shared::Shared;

/// What the WHEP addresses say of themselves.
const PAYLOAD_TYPES: &str = "audio/opus=111,video/h264=125";

pub(super) fn act(state: &mut State, shared: &Shared, exchange: &Exchange) -> Outcome {
    match exchange.operation {
        "publish_whip" => publish(state, shared, exchange),
        "play_whep" => play(state, shared, exchange),
        "get_whep_profile" => {
            let (room, id) = ids(exchange, "playback");
            state.playbacks.get(&id).filter(|known| known.room == room).ok_or_else(missing)?;
            let reply = Reply::new(StatusCode::NO_CONTENT, Content::Empty);
            Ok(reply.with("x-mediasfu-rtp-payload-types", PAYLOAD_TYPES))
        }
        _ => delete(state, exchange),
    }
}

fn publish(state: &mut State, shared: &Shared, exchange: &Exchange) -> Outcome {
    let (room, id) = ids(exchange, "session");
    let session = state.external_sessions.get_mut(&id).filter(|known| known.room == room);
    let session = session.ok_or_else(missing)?;
    let offer = offer(exchange, &session.token)?;
    if session.state != "provisioned" {
        let message = format!("the session is {}: it takes no offer", session.state);
        return Err(coded(StatusCode::CONFLICT, "session_not_provisioned", &message));
    }
    let lines: Vec<&str> = offer.lines().filter_map(|line| line.strip_prefix("m=")).collect();
    for (kind, state) in &mut session.tracks {
        let offered = |line: &&str| line.split(' ').next() == Some(kind);
        if lines.is_empty() || lines.iter().any(offered) {
            *state = "active".into();
        }
    }
    session.state = "active".into();
    let resource = shared.ids.hex(24);
    session.resource = Some(resource.clone());
    Ok(answered(shared, &offer, "recvonly", format!("/whip/{room}/{id}/{resource}")))
}

fn play(state: &mut State, shared: &Shared, exchange: &Exchange) -> Outcome {
    let (room, id) = ids(exchange, "playback");
    let playback = state.playbacks.get_mut(&id).filter(|known| known.room == room);
    let playback = playback.ok_or_else(missing)?;
    let offer = offer(exchange, &playback.token)?;
    if playback.resource.is_some() {
        return Err(coded(StatusCode::CONFLICT, "playback_in_use", "the playback has a viewer already"));
    }
    let resource = shared.ids.hex(24);
    playback.resource = Some(resource.clone());
    Ok(answered(shared, &offer, "sendonly", format!("/whep/{room}/{id}/{resource}")))
}

fn delete(state: &mut State, exchange: &Exchange) -> Outcome {
    let resource = exchange.params.get("resource").map(str::to_owned);
    let done = || Ok(Reply::new(StatusCode::OK, Content::Empty));
    if exchange.params.get("session").is_some() {
        let (room, id) = ids(exchange, "session");
        let session = state.external_sessions.get_mut(&id);
        let session = session.filter(|known| known.room == room && known.resource == resource);
        let session = session.ok_or_else(missing)?;
        check_token(exchange, &session.token)?;
        session.close();
        return done();
    }
    let (room, id) = ids(exchange, "playback");
    let playback = state.playbacks.get_mut(&id);
    let playback = playback.filter(|known| known.room == room && known.resource == resource);
    let playback = playback.ok_or_else(missing)?;
    check_token(exchange, &playback.token)?;
    playback.resource = None;
    done()
}

/// The room and the id of the session or playback.
fn ids(exchange: &Exchange, name: &str) -> (String, String) {
    let text = |name| exchange.params.get(name).unwrap_or_default().to_owned();
    (text("meeting"), text(name))
}

fn coded(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::new(status, Content::Json(json!({ "code": code, "error": message })))
}

fn missing() -> Reply {
    coded(StatusCode::NOT_FOUND, "not_found", "there is no such media resource")
}

fn check_token(exchange: &Exchange, token: &str) -> Result<(), Reply> {
    let given = exchange.header("authorization").and_then(|given| given.strip_prefix("Bearer "));
    if given == Some(token) {
        return Ok(());
    }
    Err(coded(StatusCode::UNAUTHORIZED, "unauthorized", "the bearer token is not the one of this address"))
}

fn offer(exchange: &Exchange, token: &str) -> Result<String, Reply> {
    check_token(exchange, token)?;
    let kind = exchange.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/sdp") {
        let message = "the content type must be application/sdp";
        return Err(coded(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    let offer = String::from_utf8_lossy(&exchange.body).into_owned();
    if offer.starts_with("v=0") {
        return Ok(offer);
    }
    Err(coded(StatusCode::BAD_REQUEST, "invalid_sdp", "the body is no session description"))
}

fn answered(shared: &Shared, offer: &str, direction: &str, location: String) -> Reply {
    let sdp = answer_to(offer, direction, &shared.ids.hex(8), &shared.ids.hex(24));
    Reply::new(StatusCode::CREATED, Content::Text("application/sdp", sdp)).with("location", location)
}

/// Every media line of the offer, with what an answer must repeat.
fn answer_to(offer: &str, direction: &str, ufrag: &str, password: &str) -> String {
    const REPEATED: [&str; 4] = ["a=mid:", "a=rtcp-mux", "a=rtpmap:", "a=fmtp:"];
    let fingerprint = vec!["00"; 32].join(":");
    let mut sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n".to_owned();
    let mut in_media = false;
    for line in offer.lines() {
        if line.starts_with("m=") {
            in_media = true;
            sdp += &format!(
                "{line}\r\nc=IN IP4 0.0.0.0\r\na={direction}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
                 a=fingerprint:sha-256 {fingerprint}\r\na=setup:passive\r\n"
            );
        } else if line.starts_with("a=group:")
            || in_media && REPEATED.iter().any(|part| line.starts_with(part))
        {
            sdp += &format!("{line}\r\n");
        }
    }
    sdp
}
