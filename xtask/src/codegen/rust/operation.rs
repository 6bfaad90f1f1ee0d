//! What an operation becomes: an `Operation`, a `Method` or a `Command`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Shape, shape};
use crate::codegen::spec::{BodyKind, Field, Operation, Paging, Place, Replay, Spec};

pub(super) fn http(out: &mut String, spec: &Spec, operation: &Operation) {
    let name = operation.request_type();
    let service = spec.provider.service.as_deref().unwrap_or_default();
    let output = operation.output.as_deref().unwrap_or("()");
    let output = model_path(spec, output);
    let _ = writeln!(out, "impl Operation<{service}> for {name} {{ type Output = {output};");
    let _ = writeln!(out, "const META: Meta = {};", meta(operation));
    out.push_str("fn validate(&self) -> Result<(), Violations> { Self::validate(self) }\n");
    if operation.replay == Replay::Key {
        out.push_str("fn idempotency_key(&self) -> Option<&str> { self.idempotency_key.as_deref() }\n");
    }
    let _ = writeln!(
        out,
        "fn encode(&self, target: &Target<'_, {service}>) -> Result<Request<Bytes>, EncodeError> {{"
    );
    encode(out, spec, operation);
    out.push_str("}\n");
    decode(out, operation);
    out.push_str("}\n");
}

pub(super) fn model_path(spec: &Spec, output: &str) -> String {
    if let Some(element) = output.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("Vec<{}>", model_path(spec, element));
    }
    let generated =
        spec.models.iter().any(|m| m.name.as_ref() == output) || output.contains("::") || output == "()";
    if generated { output.to_owned() } else { format!("crate::model::{output}") }
}

pub(super) fn meta(operation: &Operation) -> String {
    let mut meta = format!("Meta::new({:?})", operation.name.as_ref());
    match operation.replay {
        Replay::Safe => meta.push_str(".with_replay(rtc_core::Replay::Safe)"),
        Replay::Key => meta.push_str(".with_replay(rtc_core::Replay::WithKey(\"idempotency-key\"))"),
        Replay::Never => {}
    }
    match operation.scope.as_str() {
        "" => {}
        "none" => meta.push_str(".with_auth(rtc_core::Auth::None)"),
        "own" => meta.push_str(".with_auth(rtc_core::Auth::Own)"),
        scope => {
            let _ = write!(meta, ".with_auth(rtc_core::Auth::Service({scope:?}))");
        }
    }
    if operation.streamed {
        meta.push_str(".with_answer(rtc_core::Answer::Streamed)");
    }
    if let Some(ms) = operation.timeout_ms {
        let _ = write!(meta, ".with_timeout(std::time::Duration::from_millis({ms}))");
    }
    if let Some(n) = operation.max_attempts {
        let _ = write!(meta, ".with_max_attempts({n})");
    }
    meta
}

pub(super) fn encode(out: &mut String, spec: &Spec, operation: &Operation) {
    let method = operation.method.as_deref().unwrap_or("POST");
    if let Some(function) = &operation.path_fn {
        let _ = writeln!(out, "let path = {function}(self, target);");
    }
    let mutable =
        operation.fields.iter().any(|f| matches!(f.place, Place::Query | Place::Header) && !is_key(f));
    let mutable = if mutable { "mut" } else { "" };
    if let Some(url) = &operation.url_field {
        out.push_str("let _ = target;\n");
        let _ = write!(
            out,
            "let {mutable} request = RequestBuilder::to(Method::{method}, &self.{})",
            url.as_ref()
        );
    } else {
        let _ = write!(out, "let {mutable} request = RequestBuilder::new(Method::{method}, target.base)");
    }
    if operation.url_field.is_some() {
    } else if operation.path_fn.is_some() {
        out.push_str(".path(&path)");
    } else {
        for piece in pieces(&operation.path) {
            match piece {
                Piece::Literal(text) => {
                    let _ = write!(out, ".path({text:?})");
                }
                Piece::Variable(name) if spec.provider.path_vars.iter().any(|v| v == name) => {
                    let _ = write!(out, ".segment(target.service.{name}())");
                }
                Piece::Variable(name) => {
                    let _ = write!(out, ".segment(&self.{name})");
                }
            }
        }
    }
    for constant in operation.constants.iter().filter(|c| c.place == Place::Query) {
        let value = constant.value.as_str().map_or_else(|| constant.json().to_string(), str::to_owned);
        let _ = write!(out, ".query({:?}, {value:?})", constant.wire);
    }
    if let Some((name, value)) = operation.target() {
        let _ = write!(out, ".header({name:?}, {value:?})");
    }
    out.push_str(";\n");
    for field in operation.fields.iter().filter(|f| !is_key(f)) {
        let call = match field.place {
            Place::Query => "query",
            Place::Header => "header",
            _ => continue,
        };
        let text = "rtc_core::encode::WireText::wire_text(value)";
        let text = match (field.prefix.as_str(), field.suffix.as_str()) {
            ("", "") => format!("&{text}"),
            (prefix, suffix) => format!("&format!(\"{prefix}{{}}{suffix}\", {text})"),
        };
        // Header names are constants in lower case.
        let wire = field.wire.as_ref();
        let wire = if field.place == Place::Header { wire.to_lowercase() } else { wire.clone() };
        each_value(out, field, &format!("request = request.{call}({wire:?}, {text});"));
    }
    match operation.body {
        BodyKind::None => out.push_str("request.build()\n"),
        BodyKind::Sdp => out.push_str("request.sdp(&self.sdp).build()\n"),
        BodyKind::Json => {
            out.push_str("let body = rtc_core::encode::JsonObject::new()");
            for constant in operation.constants.iter().filter(|c| c.place == Place::Body) {
                let _ = write!(out, ".member({:?}, &{})", constant.wire, constant.json());
            }
            for field in operation.fields.iter().filter(|f| f.place == Place::Body) {
                out.push_str(&json_member(field));
            }
            out.push_str(";\nrequest.json(body).build()\n");
        }
        BodyKind::Form => {
            out.push_str("let mut body = rtc_core::encode::FormBody::new();\n");
            for constant in &operation.constants {
                let _ = writeln!(out, "body = body.field({:?}, {});", constant.wire, constant.json());
            }
            for field in operation.fields.iter().filter(|f| f.place == Place::Body) {
                let statement = format!(
                    "body = body.field({:?}, &rtc_core::encode::WireText::wire_text(value));",
                    field.wire.as_ref()
                );
                each_value(out, field, &statement);
            }
            out.push_str("request.form(body).build()\n");
        }
    }
}

pub(super) fn is_key(field: &Field) -> bool {
    field.name.as_ref() == "idempotency_key"
}

/// Wraps a statement about `value` in what reaches the values of the field.
pub(super) fn each_value(out: &mut String, field: &Field, statement: &str) {
    let name = field.ident();
    let _ = match shape(field) {
        Shape::Plain if field.omit_false => {
            writeln!(out, "if self.{name} {{ let value = &self.{name}; {statement} }}")
        }
        Shape::Plain => writeln!(out, "{{ let value = &self.{name}; {statement} }}"),
        Shape::Optional => writeln!(out, "if let Some(value) = &self.{name} {{ {statement} }}"),
        Shape::List => writeln!(out, "for value in &self.{name} {{ {statement} }}"),
    };
}

pub(super) fn json_member(field: &Field) -> String {
    json_member_as(field, field.wire.as_ref())
}

fn json_member_as(field: &Field, wire: &str) -> String {
    let name = field.ident();
    if field.flatten {
        return format!(".members(self.{name}.as_ref())");
    }
    match (shape(field), field.as_text) {
        (Shape::Plain, _) if field.omit_false => format!(".optional({wire:?}, self.{name}.then_some(&true))"),
        (Shape::Plain, true) => format!(".member({wire:?}, &self.{name}.to_string())"),
        (Shape::Plain, false) => format!(".member({wire:?}, &self.{name})"),
        (Shape::Optional, true) => {
            format!(".optional({wire:?}, self.{name}.map(|v| v.to_string()).as_ref())")
        }
        (Shape::Optional, false) => format!(".optional({wire:?}, self.{name}.as_ref())"),
        (Shape::List, _) if field.required || field.always => format!(".member({wire:?}, &self.{name})"),
        (Shape::List, _) => format!(".optional({wire:?}, (!self.{name}.is_empty()).then_some(&self.{name}))"),
    }
}

pub(super) fn decode(out: &mut String, operation: &Operation) {
    let unit = operation.output.as_deref() == Some("()");
    let sent = if operation.decode.is_some() { "sent" } else { "_sent" };
    let _ = writeln!(
        out,
        "fn decode(&self, {sent}: &Uri, response: &Response<Bytes>) -> Result<Self::Output, DecodeError> {{"
    );
    match &operation.decode {
        Some(function) => {
            let _ = writeln!(out, "{function}(self, sent, response)");
        }
        None if unit => out.push_str("rtc_core::encode::decode_nothing(response)\n"),
        None => out.push_str("rtc_core::encode::decode_json(response.body())\n"),
    }
    out.push_str("}\n");
}

/// How the next page of a list is asked for.
pub(super) fn paged(out: &mut String, spec: &Spec, operation: &Operation) {
    let (Some(paging), Some(item)) = (operation.paging, &operation.item) else { return };
    let name = operation.request_type();
    let service = spec.provider.service.as_deref().unwrap_or_default();
    let item = model_path(spec, item);
    let items = operation.items.as_deref().unwrap_or("items");
    let next = match paging {
        Paging::Offset => {
            format!("self.offset = Some(rtc_core::next_offset(self.offset, page.{items}.len(), page.count)?);")
        }
        Paging::Number => {
            format!("self.page = Some(rtc_core::next_page(self.page, self.limit, page.{items}.len())?);")
        }
        Paging::Index => {
            format!("self.start_index = Some(rtc_core::next_index(self.start_index, self.page_size, page.{items}.len())?);")
        }
        Paging::Token => {
            "self.next_token = Some(rtc_core::next_token(self.next_token.as_deref(), page.next_token.as_deref())?);".into()
        }
    };
    let _ = writeln!(
        out,
        "impl rtc_core::Paged<{service}> for {name} {{ type Item = {item};
         fn items(page: Self::Output) -> Vec<Self::Item> {{ page.{items} }}
         fn next(mut self, page: &Self::Output) -> Option<Self> {{ {next} Some(self) }} }}"
    );
}

pub(super) fn rpc(out: &mut String, operation: &Operation) {
    let name = operation.request_type();
    let output = operation.output.as_deref().unwrap_or("serde_json::Value");
    let _ = writeln!(
        out,
        "impl crate::methods::Method for {name} {{ type Output = {output}; const NAME: &'static str = {:?};",
        operation.path
    );
    out.push_str("fn validate(&self) -> Result<(), Violations> { Self::validate(self) }\n");
    out.push_str(
        "fn params(&self, object: rtc_core::encode::JsonObject) -> rtc_core::encode::JsonObject { object",
    );
    for field in &operation.fields {
        out.push_str(&json_member(field));
    }
    out.push_str(" } }\n");
}

pub(super) fn message(out: &mut String, operation: &Operation) {
    let _ = writeln!(
        out,
        "impl crate::signaling::SignalingMessage for {} {{ const TYPE: &'static str = {:?};",
        operation.request_type(),
        operation.path
    );
    out.push_str(
        "fn members(&self, object: rtc_core::encode::JsonObject) -> rtc_core::encode::JsonObject { object",
    );
    for field in &operation.fields {
        out.push_str(&json_member(field));
    }
    out.push_str(" } }\n");
}

pub(super) fn command(out: &mut String, spec: &Spec, operation: &Operation) {
    let name = operation.request_type();
    let module = &spec.provider.commands;
    let _ = writeln!(
        out,
        "impl crate::{module}::Command for {name} {{ const EVENT: &'static str = {:?};",
        operation.path
    );
    let _ = writeln!(out, "const NAME: &'static str = {:?};", operation.name.as_ref());
    if let Some(code) = operation.moderators {
        let _ = writeln!(out, "const MODERATORS: Option<i64> = Some({code});");
    }
    let output = model_path(spec, operation.output.as_deref().unwrap_or("()"));
    let _ =
        writeln!(out, "type Output = {};", output.replace("crate::model::", &format!("crate::{module}::")));
    out.push_str("fn validate(&self) -> Result<(), Violations> { Self::validate(self) }\n");
    out.push_str("fn args(&self) -> Result<Vec<serde_json::Value>, EncodeError> { ");
    match (&operation.args, &operation.args_fn) {
        (Some(args), _) => {
            let list: Vec<Value> = serde_json::from_str(args).unwrap_or_default();
            let items: Vec<_> = list.iter().map(|item| template(&operation.fields, item)).collect();
            let _ = write!(out, "Ok(vec![{}])", items.join(", "));
        }
        (None, Some(function)) => {
            let _ = write!(out, "{function}(self)");
        }
        (None, None) => {
            out.push_str("Ok(vec![rtc_core::encode::JsonObject::new()");
            for field in operation.fields.iter().filter(|f| f.place == Place::Body) {
                out.push_str(&json_member(field));
            }
            out.push_str(".into_value()?])");
        }
    }
    out.push_str(" } }\n");
}

/// The expression of a value whose texts `$name` stand for fields.
fn template(fields: &[Field], value: &Value) -> String {
    let field = |text: &str| fields.iter().find(|f| Some(f.name.as_ref().as_str()) == text.strip_prefix('$'));
    match value {
        Value::String(text) if field(text).is_some() => {
            format!("rtc_core::encode::json_value(&self.{})?", field(text).map_or("", Field::ident))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| template(fields, item)).collect();
            format!("serde_json::Value::Array(vec![{}])", items.join(", "))
        }
        Value::Object(members) if !members.is_empty() => {
            let members = members.iter().map(|(name, member)| match member.as_str().and_then(field) {
                Some(field) if field.is_list() => {
                    format!(".member({name:?}, &self.{})", field.ident())
                }
                Some(field) => json_member_as(field, name),
                None => format!(".member({name:?}, &{})", template(fields, member)),
            });
            let members: String = members.collect();
            format!("rtc_core::encode::JsonObject::new(){members}.into_value()?")
        }
        constant => format!("serde_json::json!({constant})"),
    }
}

pub enum Piece<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// Cuts a path template into literals and variables.
pub fn pieces(path: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((literal, tail)) = rest.split_once('{') {
        if !literal.is_empty() {
            out.push(Piece::Literal(literal));
        }
        let (variable, after) = tail.split_once('}').unwrap_or((tail, ""));
        out.push(Piece::Variable(variable));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Piece::Literal(rest));
    }
    out
}
