//! What replies have in common: members by name, and a table of what they may be.

use rtc_core::validate::{Checks, Field, Rule, Unit, pattern};
use serde_json::{Map, Value};

use crate::operation::Rid;

/// What a member of a reply must be.
pub(super) enum Shape {
    Flag,
    /// 1 to 255 bytes, as identifiers are.
    Identifier,
    /// A text that is not empty.
    Text,
    /// A whole number within bounds.
    Number(u64, u64),
    /// An encoding; `none` only where that is one.
    Rid {
        none: bool,
    },
    /// Encodings, `none` among them.
    Rids,
    /// Names of methods.
    Methods,
    /// True, false, or an object of settings.
    Media,
    /// Objects.
    Objects,
}

/// Checks the members that the table knows. The server may know more of them than this version.
pub(super) fn check(members: &Map<String, Value>, table: &[(&'static str, Shape)], checks: &mut Checks) {
    for (name, shape) in table {
        if let Some(value) = members.get(*name) {
            shape.check(Field::new(name, name), value, checks);
        }
    }
}

impl Shape {
    fn check(&self, field: Field, value: &Value, checks: &mut Checks) {
        let wrong = match (self, value) {
            (Self::Flag, Value::Bool(_)) | (Self::Media, Value::Bool(_) | Value::Object(_)) => return,
            (Self::Flag, _) => "must be true or false",
            (Self::Media, _) => "must be true, false or an object of settings",
            (Self::Identifier, Value::String(text)) => {
                return checks.text(field, text).length(Unit::Bytes, Some(1), Some(255)).done();
            }
            (Self::Text, Value::String(text)) => {
                return checks.text(field, text).not_empty().pattern(pattern::printable, PRINTABLE).done();
            }
            (Self::Identifier | Self::Text, _) => "must be a text",
            (Self::Number(min, max), number) => match number.as_u64() {
                Some(number) => return checks.range(field, number, Some(*min), Some(*max), None),
                None => "must be a whole number",
            },
            (Self::Rid { none }, value) => {
                let known = value.as_str().map(Rid::from).is_some_and(|rid| is_rid(&rid, *none));
                let allowed = if *none { RIDS } else { "r0, r1, r2" };
                return checks.one_of(field, known, allowed, None);
            }
            (Self::Rids, Value::Array(items)) => return rids(field, items, checks),
            (Self::Methods, Value::Array(items)) => return methods(field, items, checks),
            (Self::Objects, Value::Array(items)) if items.iter().all(Value::is_object) => return,
            (Self::Rids | Self::Methods, _) => "must be a list of texts",
            (Self::Objects, _) => "must be a list of objects",
        };
        checks.report(field, Rule::Pattern, None, wrong);
    }
}

const RIDS: &str = "none, r0, r1, r2";
const PRINTABLE: &str = "a text without control characters";

fn is_rid(rid: &Rid, none: bool) -> bool {
    rid.is_known() && (none || *rid != Rid::None)
}

fn rids(field: Field, items: &[Value], checks: &mut Checks) {
    for (index, item) in items.iter().enumerate() {
        if !item.as_str().is_some_and(|rid| is_rid(&Rid::from(rid), true)) {
            checks.report_item(field, index, Rule::OneOf, None, format!("must be one of {RIDS}"));
        }
    }
}

/// The rules that a call has for its method: one that no client can call is a mistake.
fn methods(field: Field, items: &[Value], checks: &mut Checks) {
    for (index, item) in items.iter().enumerate() {
        match item.as_str() {
            Some(method) => checks
                .text(field, method)
                .item(index)
                .not_empty()
                .length(Unit::Bytes, None, Some(255))
                .pattern(pattern::printable, PRINTABLE)
                .done(),
            None => checks.report_item(field, index, Rule::Pattern, None, "must be a text"),
        }
    }
}

/// The setters of a reply whose members are a map.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty => |$value:ident| $json:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $value: $type) -> Self {
            self.members.insert(stringify!($name).to_owned(), serde_json::Value::from($json));
            self
        }
    )*};
}
pub(super) use setters;
