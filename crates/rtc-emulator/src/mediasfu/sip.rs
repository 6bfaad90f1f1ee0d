//! Telephone calls.
//!
//! A call rings for two seconds of the emulator's clock and is active then. What is done to it while it rings is
//! taken as well, for the service does not say otherwise; a call that has ended takes nothing any more. Calls end
//! with their room. The caller's number must be one of the account.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use super::reply::{Outcome, Reply, bad, conflict, missing, ok, refuse};
use super::settings::may_call;
use crate::bounds::{PAST, latest};
use crate::time::rfc3339;

/// How long a call rings, in milliseconds.
const RINGING: u64 = 2_000;
/// Calls are listed once in so many milliseconds per account.
const LISTING: u64 = 5_000;
/// How many calls a page holds unless told.
const PAGE: usize = 20;
/// The most values that a template takes.
const TEMPLATE_VALUES: usize = 50;

/// A call, ended ones included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SipCall {
    pub(super) id: String,
    pub(super) room_name: String,
    /// The input it was made from.
    pub(super) input: Value,
    /// Milliseconds since 1970.
    pub(super) started_at: u64,
    pub(super) ended_at: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) on_hold: bool,
    /// `agent`, `human` or none.
    pub(super) source: Option<String>,
    pub(super) human_name: Option<String>,
    /// What is played into it: a text or an address.
    pub(super) playing: Option<String>,
    pub(super) play_to_all: bool,
    pub(super) template: Value,
    /// `active`, `paused` or `stopped`.
    pub(super) recording: String,
    pub(super) callback_pin: Option<String>,
}

impl SipCall {
    pub(super) fn end(&mut self, now: u64) {
        self.ended_at.get_or_insert(now);
    }

    fn input(&self, name: &str) -> &Value {
        self.input.get(name).unwrap_or(&Value::Null)
    }

    fn status(&self, now: u64) -> &'static str {
        match (self.ended_at, self.on_hold) {
            (Some(_), _) => "ended",
            (None, true) => "on-hold",
            (None, false) if now < self.started_at.saturating_add(RINGING) => "ringing",
            (None, false) => "active",
        }
    }

    fn told(&self, now: u64) -> Value {
        let answered = self.started_at.saturating_add(RINGING);
        let seconds = self.ended_at.unwrap_or(now).saturating_sub(answered) / 1000;
        let is_music = self.playing.as_ref().map(|what| what.starts_with("http"));
        let started = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(self.started_at));
        json!({
            "sipCallId": self.id, "status": self.status(now), "direction": "outgoing",
            "startTimeISO": started.map(rfc3339), "durationSeconds": seconds, "roomName": self.room_name,
            "callerIdRaw": self.input("callerIdNumber"), "calledUri": self.input("calledDid"),
            "audioOnly": true, "activeMediaSource": self.source, "humanParticipantName": self.human_name,
            "playingMusic": is_music == Some(true), "playingPrompt": is_music == Some(false),
            "currentPromptType": is_music.map(|music| if music { "URL" } else { "TTS" }),
            "pendingHumanIntervention": false, "activeSpeaker": null,
            "callbackState": if self.callback_pin.is_some() { "offered" } else { "none" },
            "callbackPin": self.callback_pin, "callEnded": self.ended_at.is_some(),
            "needsCallback": self.callback_pin.is_some(), "callbackHonored": false,
        })
    }
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let next = call.state.sip_calls_listed_at.map_or(0, |at| at.saturating_add(LISTING));
    if call.hub.shared.quotas() && now < next {
        let wait = next.saturating_sub(now).div_ceil(1000);
        let refusal = refuse(StatusCode::TOO_MANY_REQUESTS, "Calls can be listed once in 5 seconds.");
        return Err(refusal.with("retry-after", wait));
    }
    call.state.sip_calls_listed_at = Some(now);
    let query = |name: &str| call.exchange.query(name);
    let wanted = |told: &Value| {
        let is =
            |member: &str| query(member).is_none_or(|wanted| told.get(member).is_some_and(|v| v == wanted));
        let found = query("search").is_none_or(|text| told.to_string().contains(text));
        is("status") && is("direction") && is("roomName") && found
    };
    let newest = call.state.sip_calls.iter().rev();
    let calls: Vec<Value> = newest.map(|known| known.told(now)).filter(wanted).collect();
    let (page, limit) = (call.number("page").unwrap_or(1), call.number("limit").unwrap_or(PAGE));
    let total = calls.len();
    let start = page.saturating_sub(1).saturating_mul(limit);
    let calls: Vec<Value> = calls.into_iter().skip(start).take(limit).collect();
    let member = if call.state.quirks.calls { "calls" } else { "data" };
    ok(json!({ "success": true, member: calls, "page": page, "limit": limit, "total": total }))
}

pub(super) fn summary(call: &mut Call<'_>) -> Outcome {
    let count =
        |status: &str| call.state.sip_calls.iter().filter(|known| known.status(call.now) == status).count();
    let data = json!({
        "total": call.state.sip_calls.len(), "ringing": count("ringing"), "active": count("active"),
        "onHold": count("on-hold"), "ended": count("ended"),
    });
    ok(json!({ "success": true, "data": data }))
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let told = find(call)?.told(now);
    ok(json!({ "success": true, "data": told }))
}

pub(super) fn start(call: &mut Call<'_>) -> Outcome {
    let room_name = call.text("roomName").to_owned();
    if call.state.room(&room_name, call.now).is_none() {
        return Err(missing("The event room does not exist."));
    }
    if !may_call(call, call.text("callerIdNumber")) {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "callerIdNumber is no number of this account that may call.",
        ));
    }
    let id = format!("{}@emulator", call.hub.shared.ids.uuid());
    let made = SipCall {
        id: id.clone(),
        room_name,
        input: call.body.clone(),
        started_at: call.now,
        source: Some("agent".into()),
        recording: "active".into(),
        ..SipCall::default()
    };
    let told = made.told(call.now);
    call.state.sip_calls.push(made);
    latest(&mut call.state.sip_calls, PAST);
    ok(json!({ "success": true, "message": "Call initiated", "sipCallId": id, "data": told }))
}

/// Everything that is done to a call under way.
pub(super) fn control(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let body = call.body.clone();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str| body.get(name).and_then(Value::as_bool);
    let pin = call.hub.shared.ids.digits(4);
    let operation = call.exchange.operation;
    let known = find(call)?;
    if known.ended_at.is_some() {
        return Err(conflict("The call has ended."));
    }
    match operation {
        "end_sip_call" => {
            known.end(now);
            known.reason = text("reason");
        }
        "hold_sip_call" => {
            known.on_hold = true;
            if flag("pauseRecording") == Some(true) && known.recording == "active" {
                known.recording = "paused".into();
            }
        }
        "unhold_sip_call" => known.on_hold = false,
        "switch_sip_source" => {
            known.source = text("targetType");
            known.human_name = text("humanName").filter(|_| known.source.as_deref() == Some("human"));
        }
        "start_sip_agent" => known.source = Some("agent".into()),
        "stop_sip_agent" => known.source = None,
        "offer_sip_callback" => known.callback_pin = Some(pin),
        "play_sip_audio" => known.playing = text("sourceValue"),
        "update_sip_play_to_all" => known.play_to_all = flag("playToAll").unwrap_or(false),
        "update_sip_template" => known.template = template(&body)?,
        "pause_sip_recording" => known.recording = "paused".into(),
        "resume_sip_recording" => known.recording = "active".into(),
        _ => known.recording = "stopped".into(),
    }
    let told = known.told(now);
    ok(json!({ "success": true, "data": told }))
}

fn template(body: &Value) -> Result<Value, Reply> {
    let values = body.get("templateValues").cloned().unwrap_or_default();
    let Some(members) = values.as_object() else { return Err(bad("templateValues must be an object")) };
    if members.len() > TEMPLATE_VALUES || members.values().any(|value| value.is_object() || value.is_array())
    {
        return Err(bad("templateValues must hold at most 50 texts, numbers and booleans"));
    }
    Ok(values)
}

fn find<'a>(call: &'a mut Call<'_>) -> Result<&'a mut SipCall, Reply> {
    let id = call.param("sip_call_id");
    let found = call.state.sip_calls.iter_mut().find(|known| known.id == id);
    found.ok_or_else(|| missing("The call does not exist."))
}
