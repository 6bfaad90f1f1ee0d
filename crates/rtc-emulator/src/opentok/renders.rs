//! Experience Composer: a web page that becomes a client of a session.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::recordings::{map, owner_text};
use super::reply::{Outcome, Reply, missing};
use super::state::{Kind, Record, World};
use super::tokens::check_token;

/// How long a render lasts when nothing was said, in seconds.
const MAX_DURATION: u64 = 7_200;

impl World<'_> {
    /// The page is there: the render joins its session and publishes.
    fn render_page(&mut self, id: &str) {
        let Some(record) = self.state.renders.iter().rev().find(|record| record.id() == id) else { return };
        let (session, name) = (record.text("sessionId").to_owned(), record.text("name").to_owned());
        let connection = self.join_anew(&session, "");
        let stream = self.publish_anew(&session, &connection, &name, "custom");
        if let Some(record) = self.state.renders.iter_mut().rev().find(|record| record.id() == id) {
            record.connection = Some(connection);
        }
        self.change(Kind::Render, id, json!({ "status": "started", "streamId": stream }));
    }

    pub(super) fn stop_render(&mut self, id: &str, reason: &str) {
        self.hang_up(Kind::Render, id);
        self.change(Kind::Render, id, json!({ "status": "stopped", "reason": reason }));
    }

    /// Takes what a record is in its session away.
    pub(super) fn hang_up(&mut self, kind: Kind, id: &str) {
        let record = self.state.records_mut(kind).iter_mut().rev().find(|record| record.id() == id);
        let Some(record) = record else { return };
        let session = record.text("sessionId").to_owned();
        if let Some(connection) = record.connection.take() {
            self.leave(&session, &connection, "clientDisconnected");
        }
    }
}

pub(super) fn start_render(call: &mut Call<'_, '_>) -> Outcome {
    let session = call.text("sessionId").to_owned();
    call.world.state.session(&call.project, &session)?;
    check_token(call, &session, &["publisher", "moderator", "publisheronly"])?;
    let given = |name: &str| call.body.get(name).cloned();
    let callback = given("statusCallbackUrl");
    let mut facts = owner_text(&call.project);
    facts.extend(map(json!({
        "id": call.world.shared.ids.uuid(), "sessionId": session, "url": call.text("url"),
        "createdAt": call.world.now, "updatedAt": call.world.now, "status": "starting", "reason": "",
        "resolution": given("resolution").unwrap_or_else(|| "1280x720".into()),
        "maxDuration": given("maxDuration").unwrap_or_else(|| MAX_DURATION.into()),
    })));
    if let Some(name) = call.body.pointer("/properties/name") {
        facts.insert("name".into(), name.clone());
    }
    if let Some(url) = &callback {
        facts.insert("callbackUrl".into(), url.clone());
    }
    let status_callback_url = callback.as_ref().and_then(Value::as_str).map(str::to_owned);
    let record = Record { project: call.project.clone(), status_callback_url, facts, ..Record::default() };
    let (id, told) = (record.id().to_owned(), record.told());
    call.world.begin(Kind::Render, record);
    call.world.render_page(&id);
    Ok(Reply::Json(StatusCode::ACCEPTED, told))
}

pub(super) fn stop_render(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::Render)?;
    let id = record.id().to_owned();
    if !record.is_active() {
        return Err(missing("render that goes on", &id));
    }
    call.world.stop_render(&id, "user initiated");
    // Three official SDKs take the documented 204 for an error.
    const WANT_200: [&str; 3] = ["OpenTok-Python-SDK", "Opentok-Java-SDK", "OpenTok-PHP-SDK"];
    let agent = call.exchange.header("user-agent").unwrap_or_default();
    let usual = if WANT_200.iter().any(|sdk| agent.contains(sdk)) { 200 } else { 204 };
    let status = call.world.state.quirks.stop_render_status.unwrap_or(usual);
    if status == 200 {
        return Ok(Reply::Json(StatusCode::OK, json!({})));
    }
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}
