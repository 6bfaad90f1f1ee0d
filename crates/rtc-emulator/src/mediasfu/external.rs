//! External sources and viewers.
//!
//! Playbacks are deleted before their session, sessions before their room: out of turn is a conflict here, though the
//! service only recommends the order. A playback may be made before its source sends, and watches some of its tracks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use super::reply::{Outcome, Reply, bad, conflict, created, missing, ok};

/// A source that sends into a meeting by WHIP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExternalSession {
    pub(super) room: String,
    pub(super) token: String,
    /// `provisioned`, `active` or `closed`.
    pub(super) state: String,
    /// The state of each track, by its kind.
    pub(super) tracks: BTreeMap<String, String>,
    /// What is deleted to end the sending.
    pub(super) resource: Option<String>,
}

/// A viewer that watches a source by WHEP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Playback {
    pub(super) room: String,
    /// The id of its source.
    pub(super) session: String,
    pub(super) token: String,
    pub(super) tracks: Vec<String>,
    /// What is deleted to end the watching.
    pub(super) resource: Option<String>,
}

impl ExternalSession {
    pub(super) fn close(&mut self) {
        self.state = "closed".into();
        self.resource = None;
        self.tracks.values_mut().for_each(|state| *state = "closed".into());
    }
}

pub(super) fn create_session(call: &mut Call<'_>) -> Outcome {
    let room = room(call)?;
    let ingest = call.body.get("ingest").cloned().unwrap_or_default();
    if ingest.get("protocol").and_then(Value::as_str) != Some("whip") {
        return Err(bad("ingest.protocol must be whip"));
    }
    let id = format!("ems_{}", call.hub.shared.ids.hex(24));
    let token = call.hub.shared.ids.hex(48);
    let tracks = tracks(&ingest).into_iter().map(|kind| (kind, "provisioned".to_owned())).collect();
    let url = format!("{}/whip/{room}/{id}", call.hub.shared.url());
    let state = "provisioned".to_owned();
    let made = ExternalSession { room, token: token.clone(), state, tracks, resource: None };
    call.state.external_sessions.insert(id.clone(), made);
    created(json!({
        "success": true, "sessionID": id, "state": "provisioned",
        "ingest": { "protocol": "whip", "url": url, "token": token },
    }))
}

pub(super) fn get_session(call: &mut Call<'_>) -> Outcome {
    let (id, session) = session(call)?;
    let tracks = session.tracks.iter().map(|(kind, state)| json!({ "kind": kind, "state": state }));
    let tracks: Vec<Value> = tracks.collect();
    ok(json!({ "success": true, "sessionID": id, "state": session.state, "tracks": tracks }))
}

pub(super) fn delete_session(call: &mut Call<'_>) -> Outcome {
    let id = session(call)?.0;
    if call.state.playbacks.values().any(|playback| playback.session == id) {
        return Err(conflict("The session still has playbacks: delete them first."));
    }
    call.state.external_sessions.remove(&id);
    ok(json!({ "success": true }))
}

pub(super) fn create_playback(call: &mut Call<'_>) -> Outcome {
    let room = room(call)?;
    let session = call.text("sourceSessionID").to_owned();
    if call.text("protocol") != "whep" {
        return Err(bad("protocol must be whep"));
    }
    let source = call.state.external_sessions.get(&session).filter(|source| source.room == room);
    let source = source.ok_or_else(|| missing("The external session does not exist."))?;
    let tracks = tracks(&call.body);
    if let Some(kind) = tracks.iter().find(|kind| !source.tracks.contains_key(*kind)) {
        return Err(bad(format!("tracks: the source has no track {kind}")));
    }
    let id = format!("emp_{}", call.hub.shared.ids.hex(24));
    let token = call.hub.shared.ids.hex(48);
    let url = format!("{}/whep/{room}/{id}", call.hub.shared.url());
    let made = Playback { room, session, token: token.clone(), tracks, resource: None };
    call.state.playbacks.insert(id.clone(), made);
    created(json!({ "success": true, "playbackID": id, "endpointUrl": url, "playbackToken": token }))
}

pub(super) fn delete_playback(call: &mut Call<'_>) -> Outcome {
    let (room, id) = (call.param("meeting_id"), call.param("playback_id"));
    if call.state.playbacks.get(&id).is_none_or(|playback| playback.room != room) {
        return Err(missing("The playback does not exist."));
    }
    call.state.playbacks.remove(&id);
    ok(json!({ "success": true }))
}

fn room(call: &Call<'_>) -> Result<String, Reply> {
    let name = call.param("meeting_id");
    let there = call.state.room(&name, call.now).is_some();
    if there { Ok(name) } else { Err(missing("The event room does not exist.")) }
}

fn session<'a>(call: &'a Call<'_>) -> Result<(String, &'a ExternalSession), Reply> {
    let (room, id) = (call.param("meeting_id"), call.param("session_id"));
    let found = call.state.external_sessions.get(&id).filter(|session| session.room == room);
    found.map(|session| (id, session)).ok_or_else(|| missing("The external session does not exist."))
}

fn tracks(value: &Value) -> Vec<String> {
    let kinds = value.get("tracks").and_then(Value::as_array).into_iter().flatten();
    kinds.filter_map(Value::as_str).map(str::to_owned).collect()
}
