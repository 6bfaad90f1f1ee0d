//! Sessions, and where their ids come from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;

use super::Call;
use super::recordings::set;
use super::reply::{Outcome, Reply, XML_HEAD};
use super::state::{Session, World};
use crate::credentials::OPENTOK_API_KEY;

impl World<'_> {
    /// The session with this id. One that nobody made is made now, routed, for the project that its id names,
    /// so that tests may use ids of their own.
    pub(super) fn ensure_session(&mut self, id: &str) -> &mut Session {
        let project = owner(id).filter(|key| self.state.projects.contains_key(key));
        self.state.sessions.entry(id.to_owned()).or_insert_with(|| Session {
            project: project.unwrap_or_else(|| OPENTOK_API_KEY.to_owned()),
            ..Session::default()
        })
    }
}

/// The project that a session id names.
pub(super) fn owner(session_id: &str) -> Option<String> {
    let encoded = session_id.split_once('_')?.1.trim_end_matches(['=', '-', '~']);
    let usable = encoded.get(..encoded.len() / 4 * 4)?;
    let fields = URL_SAFE_NO_PAD.decode(usable.replace('+', "-").replace('/', "_")).ok()?;
    String::from_utf8_lossy(&fields).split('~').nth(1).map(str::to_owned)
}

pub(super) fn create_session(call: &mut Call<'_, '_>) -> Outcome {
    let location = call.body.get("location").and_then(|value| value.as_str()).unwrap_or_default();
    let project = call.project.as_str();
    let nonce = call.world.shared.ids.alnum(24);
    let fields = format!("1~{project}~{location}~{}~{nonce}~", call.world.now);
    let id = format!("2_{}", URL_SAFE_NO_PAD.encode(fields));
    let session = Session {
        project: call.project.clone(),
        options: call.body.clone(),
        empty_since: Some(call.world.now),
        silent_since: Some(call.world.now),
        ..Session::default()
    };
    call.world.state.sessions.insert(id.clone(), session);
    let date = httpdate::fmt_http_date(call.exchange.now);
    if !call.wants_json() {
        return Ok(Reply::Xml(format!(
            "{XML_HEAD}<sessions><Session><session_id>{id}</session_id><partner_id>{project}</partner_id>\
             <create_dt>{date}</create_dt></Session></sessions>"
        )));
    }
    let mut told = json!({
        "session_id": id, "project_id": project, "partner_id": project, "create_dt": date,
        "media_server_url": "", "session_status": null,
    });
    if call.is_application() {
        set(&mut told, "application_id", project);
    }
    Ok(Reply::Json(StatusCode::OK, json!([told])))
}
