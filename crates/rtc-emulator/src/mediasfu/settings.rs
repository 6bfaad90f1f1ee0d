//! The account's settings for events, and its telephone numbers.
//!
//! Before settings are created, an empty object is answered and there is nothing to update. The secret of the
//! webhook is taken and forgotten: nothing is posted here.

use serde_json::{Map, Value, json};

use super::Call;
use super::reply::{Outcome, missing, ok};

/// How many numbers a page holds unless told.
const PAGE: usize = 20;

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let settings = call.state.event_settings.clone().unwrap_or_default();
    ok(json!({ "eventsSettings": settings }))
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    call.state.event_settings = Some(given(call));
    ok(json!({ "success": true, "message": "Event settings created" }))
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let changes = given(call);
    let Some(settings) = &mut call.state.event_settings else {
        return Err(missing("There are no event settings: create them first."));
    };
    settings.extend(changes);
    ok(json!({ "success": true, "message": "Event settings updated" }))
}

fn given(call: &Call<'_>) -> Map<String, Value> {
    let mut members = call.body.as_object().cloned().unwrap_or_default();
    members.retain(|name, value| name != "action" && name != "webhookSecret" && !value.is_null());
    members
}

pub(super) fn sip_configs(call: &mut Call<'_>) -> Outcome {
    let start = call.number("startIndex").unwrap_or(0);
    let size = call.number("pageSize").unwrap_or(PAGE);
    let configs: Vec<Value> = numbers(call).into_iter().skip(start).take(size).collect();
    ok(json!({ "sipConfigs": configs }))
}

/// The account's numbers: what was given, or the demo number.
pub(super) fn numbers(call: &Call<'_>) -> Vec<Value> {
    call.state.sip_configs.clone().unwrap_or_else(|| {
        vec![json!({
            "id": "sip1", "contactNumber": "+15557654321", "provider": "emulator", "supportSipActive": true,
            "supportSipNameCalls": true, "allowOutgoing": true, "preferPCMA": false,
            "createFreshRoomAlways": false, "sipOnly": false, "audioOnly": true, "autoRecordSip": false,
            "ipAllowList": ["192.0.2.0/24"], "ipBlockList": [], "geoAllowList": [], "geoBlockList": [],
        })]
    })
}

/// Whether calls may be made from this number.
pub(super) fn may_call(call: &Call<'_>, number: &str) -> bool {
    let digits = |text: &str| text.trim_start_matches('+').to_owned();
    let on = |config: &Value, name: &str| config.get(name).and_then(Value::as_bool).unwrap_or(true);
    numbers(call).iter().any(|config| {
        let own = config.get("contactNumber").and_then(Value::as_str).map(digits);
        own == Some(digits(number)) && on(config, "supportSipActive") && on(config, "allowOutgoing")
    })
}
