//! Holds a request against its route: every broken rule, not only the first.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    pattern::pattern,
    routing::Params,
    spec::{BodyKind, Broken, Condition, Field, Kind, Place, Route, Rule, Unit},
};

/// All rules that a request breaks, in the order of the spec. `body` is the decoded body: a form is an
/// object of texts, no body is null.
pub fn check(
    route: &Route,
    params: &Params,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &Value,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let form = route.body == BodyKind::Form;
    if route.fields.iter().any(|f| f.place == Place::Body) && !body.is_object() && !body.is_null() {
        broken.push(Broken {
            wire: String::new(),
            rule: "type",
            code: None,
            message: "the body must be an object".into(),
        });
    }
    // What did not come in the body.
    let mut outside = Vec::new();
    for field in route.fields {
        let value = match field.place {
            Place::Body => {
                one(field, body.get(field.wire), form, field.wire, &mut broken);
                continue;
            }
            Place::Path => params.get(field.wire).map(Value::from),
            Place::Header => headers.get(field.wire).map(|v| String::from_utf8_lossy(v.as_bytes()).into()),
            Place::Query => from_query(field, query),
        };
        one(field, value.as_ref(), true, field.wire, &mut broken);
        outside.extend(value.map(|value| (field.wire, value)));
    }
    if route.rules.is_empty() {
        return broken;
    }
    // One object of everything that came in, for the conditions of the rules.
    let mut all = body.as_object().cloned().unwrap_or_default();
    for (name, value) in outside {
        all.entry(name).or_insert(value);
    }
    let all = Value::Object(all);
    broken.extend(route.rules.iter().filter(|rule| is_broken(rule, &all)).map(|rule| Broken {
        wire: rule.field.to_owned(),
        rule: rule.rule,
        code: rule.code.map(str::to_owned),
        message: rule.message.to_owned(),
    }));
    broken
}

/// A form as the object of texts that [`check`] reads; of a repeated name, a list.
pub fn form(pairs: &[(String, String)]) -> Value {
    let mut names: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (name, value) in pairs {
        names.entry(name).or_default().push(value.as_str().into());
    }
    let single = |mut values: Vec<Value>| match values.pop() {
        Some(only) if values.is_empty() => only,
        last => Value::Array(values.into_iter().chain(last).collect()),
    };
    Value::Object(
        names.into_iter().map(|(name, values)| (name.to_owned(), single(values))).collect::<Map<_, _>>(),
    )
}

fn from_query(field: &Field, query: &[(String, String)]) -> Option<Value> {
    let mut values =
        query.iter().filter(|(name, _)| name == field.wire).map(|(_, value)| Value::from(value.as_str()));
    if field.kind == Kind::List {
        let values: Vec<Value> = values.collect();
        (!values.is_empty()).then_some(Value::Array(values))
    } else {
        values.next()
    }
}

/// Checks one value against its field. `textual`: numbers and booleans are written as text.
fn one(field: &Field, value: Option<&Value>, textual: bool, wire: &str, out: &mut Vec<Broken>) {
    let mut fail = |wire: &str, rule: &'static str, message: String| {
        let message = format!("{wire} {message}");
        let missing = field.required_code.filter(|_| rule == "required");
        let code = missing.or(field.code).map(str::to_owned);
        out.push(Broken { wire: wire.to_owned(), rule, code, message });
    };
    let value = match value {
        None | Some(Value::Null) if field.required => return fail(wire, "required", "is required".into()),
        None | Some(Value::Null) => return,
        Some(value) => value,
    };
    // A form cannot tell a list of one from a text.
    let listed;
    let value = if textual && field.kind == Kind::List && !value.is_array() {
        listed = Value::Array(vec![value.clone()]);
        &listed
    } else {
        value
    };
    if let Some(expected) = wrong_kind(field.kind, value, textual) {
        return fail(wire, "type", format!("must be {expected}"));
    }
    let length = match value {
        Value::String(text) if field.unit == Unit::Bytes => Some(text.len()),
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        _ => None,
    };
    if let Some(length) = length.map(|n| n as u64)
        && (field.min_length.is_some_and(|min| length < min)
            || field.max_length.is_some_and(|max| length > max))
    {
        let unit = match (value, field.unit) {
            (Value::Array(_), _) => "elements",
            (_, Unit::Chars) => "characters",
            (_, Unit::Bytes) => "bytes",
        };
        fail(wire, "length", format!("must be {} {unit} long", span(field.min_length, field.max_length)));
    }
    if matches!(field.kind, Kind::Integer | Kind::Number | Kind::NumericText) {
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        if number.is_some_and(|n| {
            field.min.is_some_and(|min| n < min as f64) || field.max.is_some_and(|max| n > max as f64)
        }) {
            fail(wire, "range", format!("must be {}", span(field.min, field.max)));
        }
    }
    let mut scalar = |value: &Value, wire: &str| {
        if field.pattern.is_none() && field.one_of.is_empty() {
            return;
        }
        let Some(text) = text(value) else { return };
        if let Some(name) = field.pattern.filter(|name| !pattern(name, &text)) {
            fail(wire, "pattern", format!("does not match the pattern {name}"));
        }
        if !field.one_of.is_empty() && !field.one_of.contains(&text.as_str()) {
            fail(wire, "one_of", format!("must be one of {}", field.one_of.join(", ")));
        }
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| scalar(item, &format!("{wire}[{i}]")));
            for (i, item) in items.iter().enumerate().filter(|_| !field.fields.is_empty()) {
                let wire = format!("{wire}[{i}]");
                if item.is_object() {
                    members(field, item, &wire, out);
                } else {
                    let message = format!("{wire} must be an object");
                    out.push(Broken { wire, rule: "type", code: field.code.map(str::to_owned), message });
                }
            }
        }
        Value::Object(_) => members(field, value, wire, out),
        value => scalar(value, wire),
    }
}

fn members(field: &Field, object: &Value, wire: &str, out: &mut Vec<Broken>) {
    for member in field.fields {
        one(member, object.get(member.wire), false, &format!("{wire}.{}", member.wire), out);
    }
}

/// What the value should have been, if it is not.
fn wrong_kind(kind: Kind, value: &Value, textual: bool) -> Option<&'static str> {
    let written = value.as_str().filter(|_| textual);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (right, expected) = match kind {
        Kind::Any => (true, ""),
        Kind::Text => (value.is_string(), "a text"),
        Kind::Integer => (
            value.is_i64() || value.is_u64() || written.is_some_and(|t| t.parse::<i64>().is_ok()),
            "a whole number",
        ),
        Kind::Number => {
            (value.is_number() || written.is_some_and(|t| t.parse().is_ok_and(f64::is_finite)), "a number")
        }
        Kind::Boolean => (value.is_boolean() || matches!(written, Some("true" | "false")), "true or false"),
        Kind::List => (value.is_array(), "a list"),
        Kind::Object => (value.is_object(), "an object"),
        Kind::NumericText => {
            (value.is_i64() || value.is_u64() || value.as_str().is_some_and(digits), "a text of digits")
        }
    };
    (!right).then_some(expected)
}

fn span<T: std::fmt::Display>(min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "anything".into(),
    }
}

fn is_broken(rule: &Rule, all: &Value) -> bool {
    let holds = |condition: &Condition| match condition {
        Condition::Is(path, value) => is(all, path, value),
        Condition::Not(path, value) => !is(all, path, value),
        Condition::Set(path) => !find(all, path).is_empty(),
        Condition::Unset(path) => find(all, path).is_empty(),
    };
    // Most rules are about a field that is there; `required`, and what says so itself, are not.
    let told = |condition: &Condition| matches!(condition, Condition::Set(path) | Condition::Unset(path) if *path == rule.field);
    let set = !find(all, rule.field).is_empty();
    let applies = rule.when.iter().any(told) || set != (rule.rule == "required");
    rule.when.iter().all(holds) && applies
}

fn is(all: &Value, path: &str, wanted: &str) -> bool {
    let same = |value: &Value| text(value).is_some_and(|text| text == wanted);
    find(all, path)
        .into_iter()
        .any(|value| same(value) || value.as_array().is_some_and(|list| list.iter().any(same)))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Every value set at a wire path. A name may itself hold dots, as form fields do.
fn find<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| find(item, path)).collect(),
        Value::Object(members) => match members.get(path) {
            Some(Value::Null) => Vec::new(),
            Some(found) => vec![found],
            None => path
                .match_indices('.')
                .filter_map(|(at, _)| {
                    let member = members.get(path.get(..at)?.trim_end_matches("[]"))?;
                    Some(find(member, path.get(at + 1..)?))
                })
                .flatten()
                .collect(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
