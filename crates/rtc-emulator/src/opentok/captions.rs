//! Live captions.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::recordings::{map, owner_text};
use super::reply::{Outcome, Reply, conflict, missing};
use super::state::{Kind, Record};
use super::tokens::check_token;

/// How long captions last when nothing was said, in seconds.
const MAX_DURATION: u64 = 14_400;

pub(super) fn start_captions(call: &mut Call<'_, '_>) -> Outcome {
    let session = call.text("sessionId").to_owned();
    if call.world.state.session(&call.project, &session)?.is_relayed() {
        return Err(conflict("a relayed session has no captions"));
    }
    if call.world.state.captions.iter().any(|known| known.is_active() && known.text("sessionId") == session) {
        return Err(conflict("the session has captions already"));
    }
    check_token(call, &session, &["moderator"])?;
    let or = |name: &str, default: Value| call.body.get(name).cloned().unwrap_or(default);
    let id = call.world.shared.ids.uuid();
    let mut facts = owner_text(&call.project);
    facts.extend(map(json!({
        "captionsId": id, "sessionId": session, "status": "started", "createdAt": call.world.now,
        "updatedAt": call.world.now, "languageCode": or("languageCode", "en-US".into()),
        "maxDuration": or("maxDuration", MAX_DURATION.into()),
        "partialCaptions": or("partialCaptions", true.into()),
    })));
    let callback = call.body.get("statusCallbackUrl").and_then(Value::as_str);
    let status_callback_url = callback.map(str::to_owned);
    let record = Record { project: call.project.clone(), status_callback_url, facts, ..Record::default() };
    call.world.begin(Kind::Captions, record);
    Ok(Reply::Json(StatusCode::ACCEPTED, json!({ "captionsId": id })))
}

pub(super) fn stop_captions(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::Captions)?;
    let id = record.id().to_owned();
    if !record.is_active() {
        return Err(missing("running captions", &id));
    }
    call.world.stop(Kind::Captions, &id, "");
    Ok(Reply::Empty(StatusCode::ACCEPTED))
}
