//! What the tables cannot say of commands: their arguments and rules.

use rtc_core::encode::{JsonObject, json_value};
use rtc_core::validate::{Checks, Field};
use rtc_core::{EncodeError, Rule, Url};
use serde_json::Value;

use crate::operation::{SendMessage, StartLiveRecording, StartStreaming, SwitchUserRole, UrlDetails};

/// To how many addresses a session can be streamed at once.
const STREAMS: usize = 3;

/// The client id alone, as both protocol generations know it, or with a role, as only the newer one does.
pub(crate) fn switch_args(request: &SwitchUserRole) -> Result<Vec<Value>, EncodeError> {
    let Some(role) = &request.role else { return Ok(vec![json_value(&request.client_id)?]) };
    let client = JsonObject::new().member("clientId", &request.client_id).member("role", role);
    Ok(vec![Value::Array(vec![client.into_value()?])])
}

fn check_details(details: &UrlDetails, code: &'static str, checks: &mut Checks) {
    let object = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_object);
    for (name, wire, value) in [
        ("url_details.lay_out", "urlDetails.layOut", &details.lay_out),
        ("url_details.custom", "urlDetails", &details.custom),
    ] {
        if !object(value) {
            checks.report(Field::new(name, wire), Rule::Pattern, Some(code), "must be an object");
        }
    }
    let own = |name: &str| details.custom.as_ref().is_some_and(|custom| custom.get(name).is_some());
    if own("url") || own("layOut") {
        let field = Field::new("url_details.custom", "urlDetails");
        checks.report(field, Rule::Conflict, Some(code), "must not hold url or layOut: they are fields");
    }
}

pub(crate) fn check_live(request: &StartLiveRecording, checks: &mut Checks) {
    check_details(&request.url_details, "7202", checks);
}

/// Up to three addresses, each of them RTMP.
pub(crate) fn check_streaming(request: &StartStreaming, checks: &mut Checks) {
    let field = Field::new("rtmp_details.rtmp_url", "rtmpDetails.rtmpUrl");
    let addresses: Vec<_> = request.rtmp_details.rtmp_url.expose().split(',').map(str::trim).collect();
    if addresses.len() > STREAMS {
        checks.report(field, Rule::Length, Some("7101"), "must be at most 3 addresses");
    }
    if !addresses.iter().all(|address| is_rtmp(address)) {
        checks.report(
            field,
            Rule::Pattern,
            Some("7102"),
            "must be rtmp or rtmps addresses, separated by commas",
        );
    }
    if let Some(details) = &request.url_details {
        check_details(details, "7102", checks);
    }
}

fn is_rtmp(address: &str) -> bool {
    let url = Url::parse(address).ok();
    url.is_some_and(|url| {
        matches!(url.scheme(), "rtmp" | "rtmps") && url.host_str().is_some_and(|h| !h.is_empty())
    })
}

/// A message is for everybody or for somebody.
pub(crate) fn check_message(request: &SendMessage, checks: &mut Checks) {
    if !request.broadcast && request.clients.is_empty() {
        let field = Field::new("clients", "clients");
        checks.report(
            field,
            Rule::Required,
            Some("1155"),
            "must name somebody unless the message is for everybody",
        );
    }
}
