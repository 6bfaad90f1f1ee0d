//! Answers whose form nobody documents.

use std::fmt;

use rtc_core::encode::{decode_json, without_bom};
use rtc_core::http::{Response, Uri};
use rtc_core::validate::{Checks, Field};
use rtc_core::{Bytes, DecodeError, Operation, Rule, Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{compact, missing, scrub::scrub};
use crate::credentials::MediaSfu;
use crate::operation::{CreateExternalSession, ManageDisposableKey, SipCall, UpdateSipTemplate};

/// What the service answered, as it came: its form is not documented. An empty answer is null.
///
/// It may hold secrets, under any name. `Debug` and `Serialize` hide what looks like one;
/// [`value`](Self::value), [`into_value`](Self::into_value) and [`Revealed`](rtc_core::Revealed) show all of it.
#[derive(Clone, PartialEq, Default)]
pub struct Raw(Value);

impl Raw {
    /// The answer.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The answer, to be kept.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }

    /// What a JSON pointer such as `/data/0/name` leads to.
    #[must_use]
    pub fn pointer(&self, path: &str) -> Option<&Value> {
        self.0.pointer(path)
    }

    fn hidden(&self) -> String {
        scrub(&compact(&self.0))
    }
}

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({})", self.hidden())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Only a secret knows whether it is written in clear.
        let probe = serde_json::to_value(Secret::new("1")).unwrap_or_default();
        if probe == "1" {
            return self.0.serialize(serializer);
        }
        match serde_json::from_str::<Value>(&self.hidden()) {
            Ok(hidden) => hidden.serialize(serializer),
            Err(_) => serializer.serialize_str(rtc_core::REDACTED),
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

/// Reads whatever it is, as long as it is JSON or nothing.
pub(crate) fn decode_raw<O: Operation<MediaSfu>>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<Raw, DecodeError> {
    let body = without_bom(response.body()).trim_ascii();
    if body.is_empty() { Ok(Raw::default()) } else { decode_json(body).map(Raw) }
}

/// Reads a telephone call: itself, or inside a member as the lists have it.
pub(crate) fn decode_sip_call<O: Operation<MediaSfu>>(
    operation: &O,
    sent: &Uri,
    response: &Response<Bytes>,
) -> Result<SipCall, DecodeError> {
    let Raw(mut answer) = decode_raw(operation, sent, response)?;
    let inner = ["data", "call"].iter().find(|name| answer.get(**name).is_some_and(Value::is_object));
    let call = match inner {
        Some(name) => answer.get_mut(*name).map(Value::take).unwrap_or_default(),
        None => answer,
    };
    if !call.is_object() {
        return Err(missing("telephone call"));
    }
    serde_json::from_value(call).map_err(|error| DecodeError::json(&error))
}

/// An object: nothing else can stand where members are expected.
fn check_object(checks: &mut Checks, field: Field, value: Option<&Value>) {
    if value.is_some_and(|value| !value.is_object()) {
        checks.report(field, Rule::Pattern, None, "must be an object");
    }
}

pub(crate) fn check_metadata(request: &CreateExternalSession, checks: &mut Checks) {
    check_object(checks, Field::new("metadata", "metadata"), request.metadata.as_ref());
}

/// The action is a field of its own.
pub(crate) fn check_members(request: &ManageDisposableKey, checks: &mut Checks) {
    let field = Field::new("members", "members");
    check_object(checks, field, request.members.as_ref());
    if request.members.as_ref().is_some_and(|members| members.get("action").is_some()) {
        checks.report(field, Rule::Conflict, None, "must not hold `action`: it is a field of its own");
    }
}

/// The most values that a template takes.
const TEMPLATE_VALUES: usize = 50;

pub(crate) fn check_template(request: &UpdateSipTemplate, checks: &mut Checks) {
    let field = Field::new("template_values", "templateValues");
    let Some(values) = request.template_values.as_object() else {
        checks.report(field, Rule::Pattern, None, "must be an object");
        return;
    };
    if values.len() > TEMPLATE_VALUES {
        checks.report(field, Rule::Length, None, "must hold at most 50 values");
    }
    if values.values().any(|value| value.is_object() || value.is_array()) {
        checks.report(field, Rule::Pattern, None, "must hold texts, numbers and booleans only");
    }
}

#[cfg(test)]
mod tests {
    use rtc_core::Revealed;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_show_only_when_asked_for() {
        let key = format!("tempsand{}", "a".repeat(56));
        let raw = Raw::from(json!({ "keys": [{ "key": key, "apiKey": "short", "name": "mine" }] }));
        let plain = serde_json::to_string(&raw).unwrap();
        for shown in [format!("{raw:?}"), plain] {
            assert!(shown.contains("mine") && !shown.contains(&key) && !shown.contains("short"), "{shown}");
        }
        assert!(serde_json::to_string(&Revealed(&raw)).unwrap().contains(&key));
        assert_eq!(raw.pointer("/keys/0/name"), Some(&json!("mine")));
    }

    /// What the typed answers keep secret stays so where the same member comes untyped.
    #[test]
    fn members_that_are_secrets_elsewhere() {
        for name in ["callbackPin", "webhookUrl", "humanInterventionWebhookUrl", "mediasfuURL", "sec"] {
            let raw = Raw::from(json!({ "calls": [{ name: "canary", "second": "shown", "pinned": true }] }));
            let shown = format!("{raw:?}");
            assert!(
                !shown.contains("canary") && shown.contains("shown") && shown.contains("true"),
                "{shown}"
            );
        }
    }
}
