//! SIP calls and audio connectors: clients of a session that are no browsers.

use http::StatusCode;
use serde_json::json;

use super::Call;
use super::recordings::{map, owner_text};
use super::reply::{Outcome, Refusal, Reply, conflict, missing, ok};
use super::state::{Kind, Record, World};
use super::tokens::check_token;
use crate::bounds::{PAST, latest};

impl World<'_> {
    /// A connection is gone: with it what it stood for, unless that let it go itself.
    pub(super) fn guest_left(&mut self, session_id: &str, connection: &str, reason: &str) {
        for kind in [Kind::SipCall, Kind::AudioConnector, Kind::Render] {
            let records = self.state.records_mut(kind).iter_mut();
            let Some(record) = records.rev().find(|r| r.connection.as_deref() == Some(connection)) else {
                continue;
            };
            record.connection = None;
            let (id, created) = (record.id().to_owned(), record.number("createdAt"));
            if kind == Kind::SipCall {
                let call = json!({ "id": id, "connectionId": connection, "createdAt": created });
                self.session_event(session_id, "callDestroyed", json!({ "call": call, "reason": reason }));
            } else {
                self.change(kind, &id, json!({ "status": "stopped", "reason": reason }));
            }
        }
    }
}

fn routed_session(call: &Call<'_, '_>) -> Result<String, Refusal> {
    let session = call.text("sessionId");
    if call.world.state.session(&call.project, session)?.is_relayed() {
        return Err(conflict("the session is relayed: only a routed one can be joined so"));
    }
    check_token(call, session, &["publisher", "moderator", "publisheronly"])?;
    Ok(session.to_owned())
}

pub(super) fn dial_sip(call: &mut Call<'_, '_>) -> Outcome {
    let session = routed_session(call)?;
    let (project, now) = (call.project.clone(), call.world.now);
    let id = call.world.shared.ids.uuid();
    let connection = call.world.join_anew(&session, "");
    let stream = call.world.publish_anew(&session, &connection, "", "camera");
    let mut facts = owner_text(&project);
    facts.extend(map(json!({
        "id": id, "connectionId": connection, "streamId": stream, "sessionId": session,
        "createdAt": now, "updatedAt": now,
    })));
    let body = json!({ "call": { "id": id, "connectionId": connection, "createdAt": now } });
    call.world.session_event(&session, "callCreated", body);
    let record = Record { project, connection: Some(connection), facts, ..Record::default() };
    let told = record.told();
    call.world.state.sip_calls.push(record);
    latest(&mut call.world.state.sip_calls, PAST);
    ok(told)
}

pub(super) fn start_audio_connector(call: &mut Call<'_, '_>) -> Outcome {
    let session = routed_session(call)?;
    let id = call.world.shared.ids.uuid();
    let connection = call.world.join_anew(&session, "");
    let told = json!({ "id": id, "connectionId": connection });
    let mut facts = map(told.clone());
    facts.extend(map(json!({ "sessionId": session, "status": "started" })));
    let project = call.project.clone();
    let record = Record { project, connection: Some(connection), facts, ..Record::default() };
    call.world.state.audio_connectors.push(record);
    latest(&mut call.world.state.audio_connectors, PAST);
    ok(told)
}

pub(super) fn stop_audio_connector(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::AudioConnector)?;
    let id = record.id().to_owned();
    if !record.is_active() {
        return Err(missing("running audio connector", &id));
    }
    call.world.hang_up(Kind::AudioConnector, &id);
    call.record_mut(Kind::AudioConnector)?.facts.insert("status".into(), "stopped".into());
    Ok(Reply::Empty(StatusCode::OK))
}
