//! The fuzzer's list of calls: every operation over HTTP with the least that it takes, so that answers can be fed to it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::spec::{Field, Kind, Spec};

/// What must be given, by type, although no field is required.
const MORE: &[(&str, &str)] = &[
    ("DescribeSignalingChannel", ".channel_name(\"ch\")"),
    ("DescribeMediaStorageConfiguration", ".channel_name(\"ch\")"),
    ("DescribeMappedResourceConfiguration", ".stream_name(\"st\")"),
    ("GetDisposableKeyUsage", ".name(\"key\")"),
    ("CreateEventSettings", ".webhook_secret(crate::answers::CANARY)"),
    ("UpdateEventSettings", ".webhook_secret(crate::answers::CANARY)"),
    ("UpdateRoom", ".settings(SettingsChange::new().participants(2_u32))"),
    ("Outputs", ".hls(HlsOutput::new())"),
    ("StorageConfig", ".access_key(\"a\").secret_key(crate::answers::CANARY).bucket(\"b\")"),
];

/// `part` is the module of the crate that the operations are in, where they have one of their own.
pub fn module(spec: &Spec, part: Option<&str>) -> String {
    let mut krate = spec.provider.name.replace('-', "_");
    let client = part.map_or("Client".into(), |part| format!("{}Client", super::rust::camel(part)));
    if let Some(part) = part {
        krate = format!("{krate}::{part}");
    }
    let calls: Vec<_> = spec.operations.iter().filter(|o| o.kind == Kind::Http).collect();
    let mut out = format!("use {krate}::*;\n\nuse crate::answers::{{Told, tell}};\n");
    let _ = writeln!(
        out,
        "/// The operations of {} over HTTP, each with an answer to begin with.\npub(crate) const CALLS: &[(&str, &str)] = &[",
        spec.provider.title
    );
    for operation in &calls {
        let answer = operation.output.as_deref().map_or(Value::Null, |output| sample(spec, output, 0));
        let _ = writeln!(out, "({:?}, {:?}),", operation.name.as_ref(), answer.to_string());
    }
    let _ = writeln!(
        out,
        "];\n/// Calls one of them, by its place in [`CALLS`]; behind the last, the last.\n\
         pub(crate) fn call(client: &{client}, operation: usize) -> Told {{ match operation {{"
    );
    for (n, operation) in calls.iter().enumerate() {
        let name = operation.name.as_ref();
        let request = value(spec, &operation.request_type(), &operation.fields);
        let n = if n + 1 == calls.len() { "_".into() } else { n.to_string() };
        let _ = writeln!(out, "{n} => tell(client.{name}({request})),");
    }
    out.push_str("} }\n");
    out
}

/// The smallest good value of a type.
fn value(spec: &Spec, ty: &str, fields: &[Field]) -> String {
    let required: Vec<_> = fields.iter().filter(|f| f.required).map(|f| given(spec, ty, f)).collect();
    let more = MORE.iter().find(|(known, _)| *known == ty).map_or("", |(_, more)| more);
    format!("{ty}::new({}){more}", required.join(", "))
}

fn given(spec: &Spec, ty: &str, field: &Field) -> String {
    let element = field.element();
    let nested = spec.structs.iter().find(|s| s.name.as_ref() == element);
    let choice = spec.enums.iter().find(|e| e.name.as_ref() == element);
    let one = match element {
        "secret" => "crate::answers::CANARY".into(),
        "bool" => "true".into(),
        "u32" | "u64" | "i64" => field.min.unwrap_or(1).max(1).to_string(),
        "f64" => "1.0".into(),
        "json" => "serde_json::json!({})".into(),
        _ if nested.is_some() => nested.map(|s| value(spec, element, &s.fields)).unwrap_or_default(),
        _ if choice.is_some() => {
            format!("{:?}", choice.and_then(|e| e.values.first()).map_or("", |v| v.wire.as_ref()))
        }
        _ => format!("{:?}", text(ty, field.name.as_ref())),
    };
    if field.is_list() { format!("[{one}]") } else { one }
}

/// What an answer of this type looks like, as far as the specification tells.
fn sample(spec: &Spec, ty: &str, depth: usize) -> Value {
    let list = ty.strip_prefix("Vec<").or_else(|| ty.strip_prefix('['));
    if let Some(element) = list {
        return json!([sample(spec, element.trim_end_matches(['>', ']']), depth)]);
    }
    if let Some(choice) = spec.enums.iter().find(|e| e.name.as_ref() == ty) {
        return json!(choice.values.first().map_or("", |value| value.wire.as_ref()));
    }
    let model = spec.models.iter().chain(&spec.structs).find(|model| model.name.as_ref() == ty);
    match (ty, model) {
        (_, Some(model)) if depth < 4 => {
            let member = |f: &Field| (f.wire.as_ref().clone(), sample(spec, f.ty.as_ref(), depth + 1));
            Value::Object(model.fields.iter().map(member).collect())
        }
        ("text" | "secret", _) => json!("x1"),
        ("bool", _) => json!(true),
        ("u32" | "u64" | "i64", _) => json!(1),
        ("f64", _) => json!(1.5),
        _ => json!({}),
    }
}

/// Texts with a form of their own.
fn text(ty: &str, name: &str) -> &'static str {
    match name {
        "uri" if ty == "Sip" => "sip:a@example.com",
        "channel_arn" | "resource_arn" => {
            "arn:aws:kinesisvideo:us-west-2:111122223333:channel/ch/1234567890123"
        }
        "from" => "2026-01-01",
        "to" => "2026-01-02",
        "called_did" => "+15551234567",
        "caller_id_number" => "+15557654321",
        "sdp" => "v=0\r\n",
        "url" => "https://rtc.example.com/a",
        "uri" => "wss://rtc.example.com/a",
        "digits" => "1p2",
        "target" => "Sora_20201013.ListConnections",
        _ => "x1",
    }
}
