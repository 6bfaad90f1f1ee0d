//! Who may do what: the account's key, disposable keys, and what a Community Edition hands out.
//!
//! The scheme is case-sensitive, a colon parts user name and key, and nothing is decoded. Which operations a
//! disposable key can be given is documented; all others are the account's alone here, listing and external media
//! included.

use http::StatusCode;
use serde_json::json;

use super::reply::{Content, Reply, refuse};
use super::state::{Hub, State, TemporaryKey};
use crate::credentials::{MEDIASFU_API_KEY, MEDIASFU_API_USER_NAME};
use crate::provider::Exchange;
use crate::time::unix_millis;

/// How long the credentials of a Community Edition's page are good, in milliseconds.
const TEMPORARY: u64 = 15 * 60 * 1000;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    Account,
    /// A disposable key, by its id.
    Disposable(String),
}

/// Whether the request came in by a path of the Community Edition.
pub(super) fn is_community(exchange: &Exchange) -> bool {
    matches!(exchange.parts.uri.path(), "/createRoom" | "/joinRoom")
}

/// Whether the operation is about media, which has tokens of its own.
pub(super) fn is_media(operation: &str) -> bool {
    matches!(operation, "publish_whip" | "play_whep" | "get_whep_profile" | "delete_media_resource")
}

fn bearer(exchange: &Exchange) -> Option<&str> {
    exchange.header("authorization")?.strip_prefix("Bearer ")
}

/// Lets a request in, or says why not.
pub(super) fn authorise(state: &mut State, exchange: &Exchange) -> Result<Caller, Reply> {
    if is_community(exchange) {
        return community(state, exchange);
    }
    let unknown = || refuse(StatusCode::UNAUTHORIZED, "Invalid credentials");
    let (user, key) = bearer(exchange).and_then(|given| given.split_once(':')).ok_or_else(unknown)?;
    if user != MEDIASFU_API_USER_NAME {
        return Err(unknown());
    }
    if key == MEDIASFU_API_KEY {
        return Ok(Caller::Account);
    }
    let known = state.disposable_keys.iter_mut().find(|(_, known)| known.key == key);
    let (id, known) = known.ok_or_else(unknown)?;
    known.admit(exchange)?;
    Ok(Caller::Disposable(id.clone()))
}

fn community(state: &State, exchange: &Exchange) -> Result<Caller, Reply> {
    let plain = |status, text: &str| Reply::new(status, Content::Json(json!({ "error": text })));
    // The Community Edition takes the header apart before it looks whether there is one.
    if exchange.header("authorization").is_none() {
        return Err(plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"));
    }
    let now = unix_millis(exchange.now);
    let given = bearer(exchange).and_then(|given| given.split_once(':'));
    let good = given.is_some_and(|(user, key)| {
        let temporary = || state.temporary_keys.get(user).filter(|known| known.expires_at > now);
        (user, key) == (MEDIASFU_API_USER_NAME, MEDIASFU_API_KEY)
            || temporary().is_some_and(|known| known.key == key)
    });
    if good {
        Ok(Caller::Account)
    } else {
        Err(plain(StatusCode::UNAUTHORIZED, "Invalid or expired credentials"))
    }
}

/// What a disposable key must be allowed, by operation; none for what is the account's alone.
pub(super) fn permission(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "create_room" | "join_room" => "createRoom",
        "delete_room" => "deleteRoom",
        "create_event_settings" => "createEventSettings",
        "update_event_settings" => "updateEventSettings",
        "start_sip_call" => "initiateCalls",
        "list_sip_calls" => "sipCallList",
        "get_sip_call_summary" => "sipCallSummary",
        "get_sip_call_state" => "sipCallState",
        "end_sip_call" => "sipCallEnd",
        "hold_sip_call"
        | "unhold_sip_call"
        | "switch_sip_source"
        | "start_sip_agent"
        | "stop_sip_agent"
        | "offer_sip_callback"
        | "play_sip_audio"
        | "update_sip_play_to_all"
        | "update_sip_template"
        | "pause_sip_recording"
        | "resume_sip_recording"
        | "stop_sip_recording" => "sipCallControl",
        _ => return None,
    })
}

impl Hub {
    /// Whether a page of this origin is given credentials by the Community Edition.
    pub(super) fn is_safe_origin(&self, origin: &str) -> bool {
        let port = self.shared.url().rsplit(':').next().unwrap_or_default();
        origin == self.shared.url()
            || ["localhost", "127.0.0.1"].iter().any(|host| origin == format!("http://{host}:{port}"))
    }

    /// Credentials for the Community Edition's own page: user name and key.
    pub(super) fn temporary_key(&self) -> (String, String) {
        let (user, key) = (self.shared.ids.hex(8), self.shared.ids.hex(64));
        let expires_at = self.now().saturating_add(TEMPORARY);
        let mut state = self.lock();
        state.temporary_keys.retain(|_, known| known.expires_at > self.now());
        state.temporary_keys.insert(user.clone(), TemporaryKey { key: key.clone(), expires_at });
        (user, key)
    }
}
