//! The provider's generated module: request structs, their checks, `Operation` impls, enums, models.

use std::fmt::Write as _;

mod checks;
mod operation;

use checks::{checks, checks_named};
use operation::{command, http, message, paged, rpc};

use super::spec::{Constant, Enum, Field, Kind, LengthUnit, Operation, Spec, Struct, pattern};

pub fn module(spec: &Spec) -> String {
    let mut out = String::new();
    out.push_str("use rtc_core::validate::{Checks, Violations};\n");
    if spec.operations.iter().any(|o| o.kind == Kind::Http) {
        out.push_str("use rtc_core::{Bytes, DecodeError, EncodeError, Meta, Operation, Target};\n");
        out.push_str(
            "use rtc_core::encode::RequestBuilder;\nuse rtc_core::http::{Method, Request, Response, Uri};\n",
        );
        let _ = writeln!(out, "use crate::credentials::{};", spec.provider.service.as_deref().unwrap_or(""));
    }
    for e in &spec.enums {
        if e.elsewhere {
            let name = e.name.as_ref();
            if spec.operations.iter().any(|o| o.fields.iter().any(|f| f.element() == name)) {
                let _ = writeln!(out, "use crate::{name};");
            }
            continue;
        }
        enumeration(&mut out, e);
    }
    for s in &spec.structs {
        nested(&mut out, spec, s);
    }
    for m in &spec.models {
        model(&mut out, m);
    }
    if !spec.refusals.is_empty() {
        refusals(&mut out, spec);
    }
    for operation in &spec.operations {
        request(&mut out, spec, operation);
        match operation.kind {
            Kind::Http => {
                http(&mut out, spec, operation);
                paged(&mut out, spec, operation);
            }
            Kind::Rpc => rpc(&mut out, operation),
            Kind::Command => command(&mut out, spec, operation),
            Kind::Message => message(&mut out, operation),
            Kind::Local => {}
        }
    }
    out
}

pub fn camel(name: &str) -> String {
    name.split('_').map(|w| w[..1].to_uppercase() + &w[1..]).collect()
}

fn doc(out: &mut String, text: &str) {
    for line in text.trim().lines() {
        let _ = writeln!(out, "/// {}", line.trim());
    }
}

fn enumeration(out: &mut String, e: &Enum) {
    doc(out, &e.doc);
    let name = e.name.as_ref();
    let _ =
        writeln!(out, "#[derive(Debug, Clone, PartialEq, Eq, Hash)]\n#[non_exhaustive]\npub enum {name} {{");
    for value in &e.values {
        doc(out, &format!("{} On the wire `{}`.", value.doc, value.wire.as_ref()));
        let _ = writeln!(out, "{},", value.name.as_ref());
    }
    out.push_str("/// A value that this version does not know, kept as it came.\nOther(String),\n}\n");
    let _ = write!(out, "rtc_core::string_enum!({name} {{");
    for value in &e.values {
        let _ = write!(out, "{} = {:?}", value.name.as_ref(), value.wire.as_ref());
        if let Some(input) = &value.input {
            let _ = write!(out, " / {input:?}");
        }
        out.push_str(", ");
    }
    out.push_str("});\n");
}

fn scalar(element: &str) -> &str {
    match element {
        "text" => "String",
        "secret" => "rtc_core::Secret",
        "json" => "serde_json::Value",
        "map" => "std::collections::BTreeMap<String, rtc_core::Secret>",
        other => other,
    }
}

/// How a field stands in its struct.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Plain,
    Optional,
    List,
}

fn shape(field: &Field) -> Shape {
    match field {
        f if f.is_list() => Shape::List,
        f if f.required || f.default.is_some() || f.omit_false => Shape::Plain,
        _ => Shape::Optional,
    }
}

fn rust_type(field: &Field) -> String {
    let element = scalar(field.element());
    match shape(field) {
        Shape::Plain => element.to_owned(),
        Shape::Optional => format!("Option<{element}>"),
        Shape::List => format!("Vec<{element}>"),
    }
}

/// The sentence that tells the bounds of a field.
pub fn bounds(field: &Field) -> String {
    let mut parts = Vec::new();
    let span = |min: Option<String>, max: Option<String>, what: &str| match (min, max) {
        (Some(a), Some(b)) => Some(format!("{a} to {b}{what}")),
        (Some(a), None) => Some(format!("at least {a}{what}")),
        (None, Some(b)) => Some(format!("at most {b}{what}")),
        (None, None) => None,
    };
    let unit = match field.unit {
        _ if field.is_list() => " elements",
        Some(LengthUnit::Bytes) => " bytes",
        _ => " characters",
    };
    parts.extend(span(
        field.min_length.map(|n| n.to_string()),
        field.max_length.map(|n| n.to_string()),
        unit,
    ));
    parts.extend(span(field.min.map(|n| n.to_string()), field.max.map(|n| n.to_string()), ""));
    parts.extend(field.pattern.as_ref().and_then(|p| pattern(p.as_ref())).map(|p| p.2.to_owned()));
    parts.join(", ")
}

fn field_doc(out: &mut String, field: &Field) {
    let mut text = field.doc.clone();
    let bounds = bounds(field);
    if !bounds.is_empty() {
        let _ = write!(text, " Bounds: {bounds}.");
    }
    if field.wire.as_ref() != field.name.as_ref() {
        let _ = write!(text, " On the wire `{}`.", field.wire.as_ref());
    }
    doc(out, &text);
}

fn struct_fields(out: &mut String, fields: &[Field], serde: impl Fn(&Field) -> String) {
    for field in fields {
        field_doc(out, field);
        out.push_str(&serde(field));
        let _ = writeln!(out, "pub {}: {},", field.ident(), rust_type(field));
    }
}

/// The private field of a nested object that holds a constant.
fn fixed(constant: &Constant) -> String {
    format!("fixed_{}", constant.wire.to_lowercase())
}

/// The expression that takes a setter's or constructor's argument, and the argument's type.
fn argument(field: &Field) -> (String, &'static str) {
    let element = scalar(field.element());
    let into =
        matches!(field.element(), "text" | "secret" | "json") || element.starts_with(char::is_uppercase);
    match shape(field) {
        Shape::List => (
            format!("impl IntoIterator<Item = impl Into<{element}>>"),
            "value.into_iter().map(Into::into).collect()",
        ),
        _ if field.element() == "map" => (
            "impl IntoIterator<Item = (impl Into<String>, impl Into<rtc_core::Secret>)>".to_owned(),
            "value.into_iter().map(|(name, value)| (name.into(), value.into())).collect()",
        ),
        _ if into => (format!("impl Into<{element}>"), "value.into()"),
        _ => (element.to_owned(), "value"),
    }
}

fn constructor(out: &mut String, spec: &Spec, name: &str, fields: &[Field], constants: &[Constant]) {
    let required: Vec<_> = fields.iter().filter(|f| f.required).collect();
    let parameters: Vec<_> = required.iter().map(|f| format!("{}: {}", f.ident(), argument(f).0)).collect();
    let _ = writeln!(out, "impl {name} {{");
    out.push_str("/// With the required values; the rest is set by the methods of the same names.\n#[must_use]\n#[allow(clippy::new_without_default)]\n");
    let _ = writeln!(out, "pub fn new({}) -> Self {{ Self {{", parameters.join(", "));
    for field in fields {
        let name = field.ident();
        if field.required {
            match argument(field).1 {
                "value" => out.push_str(&format!("{name},\n")),
                take => out.push_str(&format!("{name}: {},\n", take.replace("value", name))),
            }
        } else {
            let _ = writeln!(out, "{name}: {},", default_value(spec, field));
        }
    }
    for constant in constants {
        let _ = writeln!(out, "{}: {},", fixed(constant), constant.json());
    }
    out.push_str("} }\n");
    for field in fields.iter().filter(|f| !f.required) {
        field_doc(out, field);
        let (ty, take) = argument(field);
        let take = if shape(field) == Shape::Optional { format!("Some({take})") } else { take.to_owned() };
        let name = field.ident();
        let _ = writeln!(
            out,
            "#[must_use]\npub fn {name}(mut self, value: {ty}) -> Self {{ self.{name} = {take}; self }}"
        );
    }
    out.push_str("}\n");
    if required.is_empty() {
        let _ = writeln!(out, "impl Default for {name} {{ fn default() -> Self {{ Self::new() }} }}");
    }
}

fn default_value(spec: &Spec, field: &Field) -> String {
    match (shape(field), &field.default) {
        (Shape::Optional, _) => "None".into(),
        (Shape::List, _) => "Vec::new()".into(),
        (Shape::Plain, None) => "false".into(),
        (Shape::Plain, Some(value)) => {
            if spec.enums.iter().any(|e| e.name.as_ref() == field.element()) {
                format!("{}::{value}", field.element())
            } else if field.element() == "text" {
                format!("{value:?}.to_owned()")
            } else {
                value.clone()
            }
        }
    }
}

fn nested(out: &mut String, spec: &Spec, s: &Struct) {
    doc(out, &s.doc);
    let name = s.name.as_ref();
    let private = s.fields.iter().any(is_private);
    let debug = if private { "" } else { "Debug, " };
    let _ = writeln!(
        out,
        "#[derive({debug}Clone, PartialEq, serde::Serialize)]\n#[non_exhaustive]\npub struct {name} {{"
    );
    struct_fields(out, &s.fields, |field| {
        if field.flatten {
            return "#[serde(flatten)]\n".to_owned();
        }
        let mut attributes = vec![format!("rename = {:?}", field.wire.as_ref())];
        match shape(field) {
            Shape::Optional => attributes.push("skip_serializing_if = \"Option::is_none\"".into()),
            Shape::List if !field.required && !field.always => {
                attributes.push("skip_serializing_if = \"Vec::is_empty\"".into())
            }
            _ => {}
        }
        if field.as_text {
            let adapter = if shape(field) == Shape::Optional {
                "Option<rtc_core::wire::NumberAsText>"
            } else {
                "rtc_core::wire::NumberAsText"
            };
            attributes.push(format!("serialize_with = \"rtc_core::wire::As::<{adapter}>::serialize\""));
        }
        format!("#[serde({})]\n", attributes.join(", "))
    });
    for constant in &s.constants {
        let _ = writeln!(out, "#[serde(rename = {0:?})] {1}: &'static str,", constant.wire, fixed(constant));
    }
    out.push_str("}\n");
    if private {
        discreet_debug(out, name, &s.fields);
    }
    constructor(out, spec, name, &s.fields, &s.constants);
    let _ = writeln!(out, "impl {name} {{ pub(crate) fn check(&self, checks: &mut Checks) {{");
    checks(out, spec, &s.fields, &s.rules);
    out.push_str("} }\n");
}

fn model(out: &mut String, m: &Struct) {
    doc(out, &m.doc);
    let name = m.name.as_ref();
    let aliases: Vec<String> = m.fields.iter().flat_map(aliases).collect();
    // Derived without the traits: they are implemented around it.
    let remote = if aliases.is_empty() { "" } else { "#[serde(remote = \"Self\")]\n" };
    let private = m.fields.iter().any(is_private);
    let debug = if private { "" } else { "Debug, " };
    let _ = writeln!(
        out,
        "#[derive({debug}Clone, PartialEq, serde::Deserialize, serde::Serialize)]\n{remote}#[non_exhaustive]\npub struct {name} {{"
    );
    struct_fields(out, &m.fields, |field| {
        // Shown under its name, not under what Rust makes of it.
        let shown = field.ident.as_ref().map(|_| format!("serialize = {:?}, ", field.name.as_ref()));
        let shown = shown.unwrap_or_default();
        let mut attributes = vec![format!("rename({shown}deserialize = {:?})", field.wire.as_ref())];
        if !field.required {
            attributes.push("default".into());
        }
        if let Some(read) = &field.read {
            attributes.push(format!("deserialize_with = {read:?}"));
        } else if let Some(adapter) = adapter(field) {
            attributes.push(format!("deserialize_with = \"rtc_core::wire::As::<{adapter}>::deserialize\""));
        }
        format!("#[serde({})]\n", attributes.join(", "))
    });
    out.push_str("}\n");
    if private {
        discreet_debug(out, name, &m.fields);
    }
    if !aliases.is_empty() {
        let _ = writeln!(out, "rtc_core::aliases!({name} {{ {} }});", aliases.join(", "));
    }
}

/// The other names of a field, each with its own.
fn aliases(field: &Field) -> impl Iterator<Item = String> {
    field.aliases.iter().map(|alias| format!("{alias:?} = {:?}", field.wire.as_ref()))
}

/// How an answer's field is read: scalars leniently, structures strictly.
fn adapter(field: &Field) -> Option<String> {
    let lenient = matches!(field.element(), "text" | "secret" | "bool" | "u32" | "u64" | "i64" | "f64");
    let one = if lenient { "rtc_core::wire::Lenient" } else { "serde_with::Same" };
    match shape(field) {
        Shape::List => {
            Some(format!("rtc_core::wire::Items<{}>", one.replace("serde_with", "rtc_core::wire")))
        }
        Shape::Optional if lenient => Some(format!("Option<{one}>")),
        Shape::Plain if lenient => Some(one.to_owned()),
        _ => None,
    }
}

fn request(out: &mut String, spec: &Spec, operation: &Operation) {
    let name = operation.request_type();
    let route = match operation.kind {
        Kind::Http if operation.url_field.is_some() => {
            format!("\n\n`{}` to the given URL.", operation.method.as_deref().unwrap_or_default())
        }
        Kind::Http => {
            let target = operation.target().map(|(name, value)| format!(" with `{name}: {value}`"));
            let method = operation.method.as_deref().unwrap_or_default();
            format!("\n\n`{method} {}`{}.", operation.path, target.unwrap_or_default())
        }
        Kind::Rpc => format!("\n\nJSON-RPC method `{}`.", operation.path),
        Kind::Command => format!("\n\nRoom event `{}`.", operation.path),
        Kind::Message => format!("\n\nSignaling message of type `{}`.", operation.path),
        Kind::Local => String::new(),
    };
    let refused = refused_doc(operation);
    doc(out, &format!("{}{route}{refused}\n\nSource: {}.", operation.doc, operation.source));
    let private = operation.fields.iter().any(is_private);
    let debug = if private { "" } else { "Debug, " };
    let _ = writeln!(out, "#[derive({debug}Clone, PartialEq)]\n#[non_exhaustive]\npub struct {name} {{");
    struct_fields(out, &operation.fields, |_| String::new());
    out.push_str("}\n");
    if private {
        discreet_debug(out, &name, &operation.fields);
    }
    constructor(out, spec, &name, &operation.fields, &[]);
    let _ = writeln!(out, "impl {name} {{");
    out.push_str("/// Checks the input without sending anything.\n///\n/// # Errors\n/// All broken rules, in the order of the provider's reference.\npub fn validate(&self) -> Result<(), Violations> {\n");
    let mut checks = String::new();
    checks_named(&mut checks, spec, &operation.fields, &operation.rules, "checks");
    if let Some(check) = &operation.check {
        let _ = writeln!(checks, "{check}(self, &mut checks);");
    }
    let mutable = if checks.is_empty() { "" } else { "mut " };
    let _ = writeln!(out, "let {mutable}checks = Checks::new();\n{checks}checks.finish() }}\n}}");
}

/// The sentence that tells what the operation's own refusals mean.
fn refused_doc(operation: &Operation) -> String {
    let meanings: Vec<_> =
        operation.refusals.iter().map(|r| format!("{} [`Refusal::{}`]", r.status, r.name.as_ref())).collect();
    if meanings.is_empty() { String::new() } else { format!("\n\nRefused with {}.", meanings.join(", ")) }
}

/// What the refusals of the provider mean, by operation and status.
fn refusals(out: &mut String, spec: &Spec) {
    out.push_str("/// What a refusal means, by operation and status.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\n#[non_exhaustive]\npub enum Refusal {\n");
    for refusal in &spec.refusals {
        doc(out, &refusal.doc);
        let _ = writeln!(out, "{},", refusal.name.as_ref());
    }
    out.push_str("/// A status that is not documented for the operation.\nUndocumented,\n}\n");
    out.push_str("impl Refusal { pub(crate) fn of(operation: &str, status: u16) -> Self { match (operation, status) {\n");
    for operation in &spec.operations {
        for refused in &operation.refusals {
            let _ = writeln!(
                out,
                "({:?}, {}) => Self::{},",
                operation.name.as_ref(),
                refused.status,
                refused.name.as_ref()
            );
        }
    }
    for refusal in spec.refusals.iter().filter(|r| !r.statuses.is_empty()) {
        let statuses: Vec<_> = refusal.statuses.iter().map(u16::to_string).collect();
        let _ = writeln!(out, "(_, {}) => Self::{},", statuses.join(" | "), refusal.name.as_ref());
    }
    out.push_str("_ => Self::Undocumented,\n} } }\n");
}

/// Free JSON holds whatever the user keeps there.
fn is_private(field: &Field) -> bool {
    field.private || field.element() == "json"
}

/// A `Debug` that tells whether private fields are set, but not what they hold.
fn discreet_debug(out: &mut String, name: &str, fields: &[Field]) {
    let _ = write!(
        out,
        "impl std::fmt::Debug for {name} {{ fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{ f.debug_struct({name:?})"
    );
    for field in fields {
        let name = field.ident();
        let value = match shape(field) {
            _ if !is_private(field) => format!("self.{name}"),
            Shape::Optional => format!("self.{name}.as_ref().map(|_| rtc_core::Secret::default())"),
            _ => "rtc_core::Secret::default()".to_owned(),
        };
        let _ = write!(out, ".field({name:?}, &{value})");
    }
    out.push_str(".finish() } }\n");
}
