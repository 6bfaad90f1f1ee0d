//! The provider's generated module: request structs, their checks, `Operation` impls, enums, models.

use std::fmt::Write as _;

use super::spec::{
    BodyKind, Condition, Enum, Field, Kind, LengthUnit, Operation, PROVIDER_PATTERNS, Place, Replay, Rule,
    Spec, Struct, pattern,
};

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
        enumeration(&mut out, e);
    }
    for s in &spec.structs {
        nested(&mut out, spec, s);
    }
    for m in &spec.models {
        model(&mut out, m);
    }
    for operation in &spec.operations {
        request(&mut out, spec, operation);
        match operation.kind {
            Kind::Http => http(&mut out, spec, operation),
            Kind::Rpc => rpc(&mut out, operation),
            Kind::Command => command(&mut out, operation),
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
        let _ = writeln!(out, "pub {}: {},", field.name.as_ref(), rust_type(field));
    }
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
        _ if into => (format!("impl Into<{element}>"), "value.into()"),
        _ => (element.to_owned(), "value"),
    }
}

fn constructor(out: &mut String, spec: &Spec, name: &str, fields: &[Field]) {
    let required: Vec<_> = fields.iter().filter(|f| f.required).collect();
    let parameters: Vec<_> =
        required.iter().map(|f| format!("{}: {}", f.name.as_ref(), argument(f).0)).collect();
    let _ = writeln!(out, "impl {name} {{");
    out.push_str("/// With the required values; the rest is set by the methods of the same names.\n#[must_use]\n#[allow(clippy::new_without_default)]\n");
    let _ = writeln!(out, "pub fn new({}) -> Self {{ Self {{", parameters.join(", "));
    for field in fields {
        let name = field.name.as_ref();
        if field.required {
            match argument(field).1 {
                "value" => out.push_str(&format!("{name},\n")),
                take => out.push_str(&format!("{name}: {},\n", take.replace("value", name))),
            }
        } else {
            let _ = writeln!(out, "{name}: {},", default_value(spec, field));
        }
    }
    out.push_str("} }\n");
    for field in fields.iter().filter(|f| !f.required) {
        field_doc(out, field);
        let (ty, take) = argument(field);
        let take = if shape(field) == Shape::Optional { format!("Some({take})") } else { take.to_owned() };
        let name = field.name.as_ref();
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
    let _ = writeln!(
        out,
        "#[derive(Debug, Clone, PartialEq, serde::Serialize)]\n#[non_exhaustive]\npub struct {name} {{"
    );
    struct_fields(out, &s.fields, |field| {
        let mut attributes = vec![format!("rename = {:?}", field.wire.as_ref())];
        match shape(field) {
            Shape::Optional => attributes.push("skip_serializing_if = \"Option::is_none\"".into()),
            Shape::List if !field.required => {
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
    out.push_str("}\n");
    constructor(out, spec, name, &s.fields);
    let _ = writeln!(out, "impl {name} {{ pub(crate) fn check(&self, checks: &mut Checks) {{");
    checks(out, spec, &s.fields, &s.rules);
    out.push_str("} }\n");
}

fn model(out: &mut String, m: &Struct) {
    doc(out, &m.doc);
    let _ = writeln!(
        out,
        "#[derive(Debug, Clone, PartialEq, serde::Deserialize, serde::Serialize)]\n#[non_exhaustive]\npub struct {} {{",
        m.name.as_ref()
    );
    struct_fields(out, &m.fields, |field| {
        let mut attributes = vec![format!("rename(deserialize = {:?})", field.wire.as_ref())];
        attributes.extend(field.aliases.iter().map(|a| format!("alias = {a:?}")));
        if !field.required {
            attributes.push("default".into());
        }
        if let Some(adapter) = adapter(field) {
            attributes.push(format!("deserialize_with = \"rtc_core::wire::As::<{adapter}>::deserialize\""));
        }
        format!("#[serde({})]\n", attributes.join(", "))
    });
    out.push_str("}\n");
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
        Kind::Http => {
            format!("\n\n`{} {}`.", operation.method.as_deref().unwrap_or_default(), operation.path)
        }
        Kind::Rpc => format!("\n\nJSON-RPC method `{}`.", operation.path),
        Kind::Command => format!("\n\nRoom event `{}`.", operation.path),
        Kind::Local => String::new(),
    };
    doc(out, &format!("{}{route}\n\nSource: {}.", operation.doc, operation.source));
    let private = operation.fields.iter().any(is_private);
    let debug = if private { "" } else { "Debug, " };
    let _ = writeln!(out, "#[derive({debug}Clone, PartialEq)]\n#[non_exhaustive]\npub struct {name} {{");
    struct_fields(out, &operation.fields, |_| String::new());
    out.push_str("}\n");
    if private {
        discreet_debug(out, &name, &operation.fields);
    }
    constructor(out, spec, &name, &operation.fields);
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

/// Free JSON holds whatever the user keeps there.
fn is_private(field: &Field) -> bool {
    field.element() == "json"
}

/// A `Debug` that tells whether private fields are set, but not what they hold.
fn discreet_debug(out: &mut String, name: &str, fields: &[Field]) {
    let _ = write!(
        out,
        "impl std::fmt::Debug for {name} {{ fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{ f.debug_struct({name:?})"
    );
    for field in fields {
        let name = field.name.as_ref();
        let value = match shape(field) {
            _ if !is_private(field) => format!("self.{name}"),
            Shape::Optional => format!("self.{name}.as_ref().map(|_| rtc_core::Secret::default())"),
            _ => "rtc_core::Secret::default()".to_owned(),
        };
        let _ = write!(out, ".field({name:?}, &{value})");
    }
    out.push_str(".finish() } }\n");
}

fn checks(out: &mut String, spec: &Spec, fields: &[Field], rules: &[Rule]) {
    let before = out.len();
    checks_named(out, spec, fields, rules, "checks");
    if out.len() == before {
        out.push_str("let _ = checks;\n");
    }
}

fn checks_named(out: &mut String, spec: &Spec, fields: &[Field], rules: &[Rule], checks: &str) {
    for field in fields {
        for r in rules.iter().filter(|r| r.before.as_ref().is_some_and(|b| b.as_ref() == field.name.as_ref()))
        {
            rule(out, spec, fields, r, checks);
        }
        field_checks(out, spec, field, checks);
    }
    for r in rules.iter().filter(|r| r.before.is_none()) {
        rule(out, spec, fields, r, checks);
    }
}

fn field_const(field: &Field) -> String {
    format!("rtc_core::validate::Field::new({:?}, {:?})", field.name.as_ref(), field.wire.as_ref())
}

fn option(value: Option<impl std::fmt::Display>) -> String {
    value.map_or("None".into(), |v| format!("Some({v})"))
}

fn code(value: Option<&String>) -> String {
    value.map_or("None".into(), |v| format!("Some({v:?})"))
}

fn field_checks(out: &mut String, spec: &Spec, field: &Field, checks: &str) {
    let constant = field_const(field);
    let name = field.name.as_ref();
    let list = field.is_list();
    if list && (field.required || field.min_length.is_some() || field.max_length.is_some()) {
        let min = field.min_length.or(field.required.then_some(1));
        let count = format!(
            "{checks}.count({constant}, self.{name}.len(), {}, {}, {});\n",
            option(min),
            option(field.max_length),
            code(field.code.as_ref())
        );
        if field.required {
            out.push_str(&count);
        } else {
            let _ = writeln!(out, "if !self.{name}.is_empty() {{ {count} }}");
        }
    }
    if field.must && shape(field) == Shape::Optional {
        let _ = writeln!(
            out,
            "if self.{name}.is_none() {{ {checks}.report({constant}, rtc_core::Rule::Required, {}, \"is required\"); }}",
            code(field.required_code.as_ref().or(field.code.as_ref()))
        );
    }
    let body = value_checks(spec, field, &constant, checks);
    let Some(body) = body else { return };
    match shape(field) {
        Shape::Plain => {
            let _ = writeln!(out, "{{ let value = &self.{name}; {body} }}");
        }
        Shape::Optional => {
            let _ = writeln!(out, "if let Some(value) = &self.{name} {{ {body} }}");
        }
        Shape::List if body.contains(".nested(") => {
            let body =
                body.replace(&format!(".nested({constant}, "), &format!(".element({constant}, index, "));
            let _ = writeln!(out, "for (index, value) in self.{name}.iter().enumerate() {{ {body} }}");
        }
        Shape::List => {
            let _ = writeln!(out, "for value in &self.{name} {{ {body} }}");
        }
    }
}

/// The checks of one value that is bound to `value`.
fn value_checks(spec: &Spec, field: &Field, constant: &str, checks: &str) -> Option<String> {
    let element = field.element();
    if let Some(e) = spec.enums.iter().find(|e| e.name.as_ref() == element) {
        let allowed = e.values.iter().map(|v| v.shown()).collect::<Vec<_>>().join(", ");
        return Some(format!(
            "{checks}.one_of({constant}, value.is_known(), {allowed:?}, {});",
            code(field.code.as_ref())
        ));
    }
    if spec.structs.iter().any(|s| s.name.as_ref() == element) {
        return Some(format!("{checks}.nested({constant}, |checks| value.check(checks));"));
    }
    match element {
        "text" | "secret" => {
            let mut chain = String::new();
            if field.not_empty {
                if let Some(c) = field.required_code.as_ref().or(field.code.as_ref()) {
                    let _ = write!(chain, ".code({c:?})");
                }
                chain.push_str(".not_empty()");
            }
            if let Some(c) = &field.code {
                let _ = write!(chain, ".code({c:?})");
            }
            let bounded = !field.is_list() && (field.min_length.is_some() || field.max_length.is_some());
            if bounded {
                let unit = if field.unit == Some(LengthUnit::Bytes) { "Bytes" } else { "Chars" };
                let _ = write!(
                    chain,
                    ".length(rtc_core::validate::Unit::{unit}, {}, {})",
                    option(field.min_length),
                    option(field.max_length)
                );
            }
            if let Some(p) = &field.pattern {
                let (name, _, words) = pattern(p.as_ref())?;
                let path = if PROVIDER_PATTERNS.iter().any(|x| x.0 == *name) {
                    "crate::model::pattern"
                } else {
                    "rtc_core::validate::pattern"
                };
                let _ = write!(chain, ".pattern({path}::{name}, {words:?})");
            }
            if !field.not_empty && !bounded && field.pattern.is_none() {
                return None;
            }
            let value = if element == "secret" { "value.expose()" } else { "value" };
            Some(format!("{checks}.text({constant}, {value}){chain}.done();"))
        }
        "u32" | "u64" | "i64" if field.min.is_some() || field.max.is_some() => Some(format!(
            "{checks}.range({constant}, *value, {}, {}, {});",
            option(field.min),
            option(field.max),
            code(field.code.as_ref())
        )),
        _ => None,
    }
}

fn rule(out: &mut String, spec: &Spec, fields: &[Field], rule: &Rule, checks: &str) {
    let find = |name: &str| fields.iter().find(|f| f.name.as_ref() == name);
    let conditions: Vec<_> =
        rule.when.iter().filter_map(|c| find(c.field()).map(|field| condition(spec, field, c))).collect();
    let Some(field) = find(rule.field.as_ref()) else { return };
    let kind = camel(&rule.rule);
    let _ = writeln!(
        out,
        "if {} {{ {checks}.report({}, rtc_core::Rule::{kind}, {}, {:?}); }}",
        conditions.join(" && "),
        field_const(field),
        code(rule.code.as_ref()),
        rule.message
    );
}

fn condition(spec: &Spec, field: &Field, condition: &Condition) -> String {
    let name = field.name.as_ref();
    let set = |wanted: bool| match (shape(field), wanted) {
        (Shape::Optional, true) => format!("self.{name}.is_some()"),
        (Shape::Optional, false) => format!("self.{name}.is_none()"),
        (Shape::List, true) => format!("!self.{name}.is_empty()"),
        (Shape::List, false) => format!("self.{name}.is_empty()"),
        (Shape::Plain, _) if field.element() == "bool" => {
            format!("{}self.{name}", if wanted { "" } else { "!" })
        }
        (Shape::Plain, _) => wanted.to_string(),
    };
    let equals = |value: &str, wanted: bool| {
        let operator = if wanted { "==" } else { "!=" };
        let value = if let Some(e) = spec.enums.iter().find(|e| e.name.as_ref() == field.element()) {
            let variant =
                e.values.iter().find(|v| v.wire.as_ref() == value).map_or(value, |v| v.name.as_ref());
            format!("{}::{variant}", field.element())
        } else if field.element() == "text" {
            format!("{value:?}")
        } else {
            value.to_owned()
        };
        match (shape(field), field.element()) {
            (Shape::Optional, "text") => format!("self.{name}.as_deref() {operator} Some({value})"),
            (Shape::Optional, _) => format!("self.{name} {operator} Some({value})"),
            (_, "bool") => format!("{}self.{name}", if (value == "true") == wanted { "" } else { "!" }),
            _ => format!("self.{name} {operator} {value}"),
        }
    };
    match condition {
        Condition::Set(_) => set(true),
        Condition::Unset(_) => set(false),
        Condition::Is(_, value) => equals(value, true),
        Condition::Not(_, value) => equals(value, false),
    }
}

fn http(out: &mut String, spec: &Spec, operation: &Operation) {
    let name = operation.request_type();
    let service = spec.provider.service.as_deref().unwrap_or_default();
    let output = operation.output.as_deref().unwrap_or("()");
    let output =
        if output == "()" || output.contains("::") { output.to_owned() } else { model_path(spec, output) };
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
    encode(out, operation);
    out.push_str("}\n");
    decode(out, operation);
    out.push_str("}\n");
}

fn model_path(spec: &Spec, output: &str) -> String {
    let generated = spec.models.iter().any(|m| m.name.as_ref() == output);
    if generated { output.to_owned() } else { format!("crate::model::{output}") }
}

fn meta(operation: &Operation) -> String {
    let mut meta = format!("Meta::new({:?})", operation.name.as_ref());
    match operation.replay {
        Replay::Safe => meta.push_str(".with_replay(rtc_core::Replay::Safe)"),
        Replay::Key => meta.push_str(".with_replay(rtc_core::Replay::WithKey(\"idempotency-key\"))"),
        Replay::Never => {}
    }
    match operation.scope.as_str() {
        "" => {}
        "none" => meta.push_str(".with_auth(rtc_core::Auth::None)"),
        scope => {
            let _ = write!(meta, ".with_auth(rtc_core::Auth::Service({scope:?}))");
        }
    }
    if let Some(ms) = operation.timeout_ms {
        let _ = write!(meta, ".with_timeout(std::time::Duration::from_millis({ms}))");
    }
    if let Some(n) = operation.max_attempts {
        let _ = write!(meta, ".with_max_attempts({n})");
    }
    meta
}

fn encode(out: &mut String, operation: &Operation) {
    let method = operation.method.as_deref().unwrap_or("POST");
    if let Some(function) = &operation.path_fn {
        let _ = writeln!(out, "let path = {function}(target, {:?});", operation.name.as_ref());
    }
    let mutable =
        operation.fields.iter().any(|f| matches!(f.place, Place::Query | Place::Header) && !is_key(f));
    let _ = write!(
        out,
        "let {} request = RequestBuilder::new(Method::{method}, target.base)",
        if mutable { "mut" } else { "" }
    );
    if operation.path_fn.is_some() {
        out.push_str(".path(&path)");
    } else {
        for piece in pieces(&operation.path) {
            match piece {
                Piece::Literal(text) => {
                    let _ = write!(out, ".path({text:?})");
                }
                Piece::Variable(name) => {
                    let _ = write!(out, ".segment(&self.{name})");
                }
            }
        }
    }
    out.push_str(";\n");
    for field in operation.fields.iter().filter(|f| !is_key(f)) {
        let call = match field.place {
            Place::Query => "query",
            Place::Header => "header",
            _ => continue,
        };
        let statement = format!(
            "request = request.{call}({:?}, &rtc_core::encode::WireText::wire_text(value));",
            field.wire.as_ref()
        );
        each_value(out, field, &statement);
    }
    match operation.body {
        BodyKind::None => out.push_str("request.build()\n"),
        BodyKind::Json => {
            out.push_str("let body = rtc_core::encode::JsonObject::new()");
            for constant in &operation.constants {
                let _ = write!(out, ".member({:?}, {:?})", constant.wire, constant.value);
            }
            for field in operation.fields.iter().filter(|f| f.place == Place::Body) {
                out.push_str(&json_member(field));
            }
            out.push_str(";\nrequest.json(body).build()\n");
        }
        BodyKind::Form => {
            out.push_str("let mut body = rtc_core::encode::FormBody::new();\n");
            for constant in &operation.constants {
                let _ = writeln!(out, "body = body.field({:?}, {:?});", constant.wire, constant.value);
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

fn is_key(field: &Field) -> bool {
    field.name.as_ref() == "idempotency_key"
}

/// Wraps a statement about `value` in what reaches the values of the field.
fn each_value(out: &mut String, field: &Field, statement: &str) {
    let name = field.name.as_ref();
    let _ = match shape(field) {
        Shape::Plain if field.omit_false => {
            writeln!(out, "if self.{name} {{ let value = &self.{name}; {statement} }}")
        }
        Shape::Plain => writeln!(out, "{{ let value = &self.{name}; {statement} }}"),
        Shape::Optional => writeln!(out, "if let Some(value) = &self.{name} {{ {statement} }}"),
        Shape::List => writeln!(out, "for value in &self.{name} {{ {statement} }}"),
    };
}

fn json_member(field: &Field) -> String {
    let (name, wire) = (field.name.as_ref(), field.wire.as_ref());
    match (shape(field), field.as_text) {
        (Shape::Plain, _) if field.omit_false => format!(".optional({wire:?}, self.{name}.then_some(&true))"),
        (Shape::Plain, true) => format!(".member({wire:?}, &self.{name}.to_string())"),
        (Shape::Plain, false) => format!(".member({wire:?}, &self.{name})"),
        (Shape::Optional, true) => {
            format!(".optional({wire:?}, self.{name}.map(|v| v.to_string()).as_ref())")
        }
        (Shape::Optional, false) => format!(".optional({wire:?}, self.{name}.as_ref())"),
        (Shape::List, _) if field.required => format!(".member({wire:?}, &self.{name})"),
        (Shape::List, _) => format!(".optional({wire:?}, (!self.{name}.is_empty()).then_some(&self.{name}))"),
    }
}

fn decode(out: &mut String, operation: &Operation) {
    let unit = operation.output.as_deref() == Some("()");
    let (sent, response) = match &operation.decode {
        Some(_) => ("sent", "response"),
        None if unit => ("_sent", "_response"),
        None => ("_sent", "response"),
    };
    let _ = writeln!(
        out,
        "fn decode(&self, {sent}: &Uri, {response}: &Response<Bytes>) -> Result<Self::Output, DecodeError> {{"
    );
    match &operation.decode {
        Some(function) => {
            let _ = writeln!(out, "{function}(self, sent, response)");
        }
        None if unit => out.push_str("Ok(())\n"),
        None => out.push_str("rtc_core::encode::decode_json(response.body())\n"),
    }
    out.push_str("}\n");
}

fn rpc(out: &mut String, operation: &Operation) {
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

fn command(out: &mut String, operation: &Operation) {
    let name = operation.request_type();
    let args = operation.args.as_deref().unwrap_or("[]");
    let _ = writeln!(
        out,
        "impl crate::room::Command for {name} {{ const EVENT: &'static str = {:?};",
        operation.path
    );
    let _ = writeln!(out, "const NAME: &'static str = {:?};", operation.name.as_ref());
    out.push_str("fn validate(&self) -> Result<(), Violations> { Self::validate(self) }\n");
    let list: Vec<serde_json::Value> = serde_json::from_str(args).unwrap_or_default();
    let items: Vec<_> = list.iter().map(|v| format!("serde_json::json!({v})")).collect();
    let _ = writeln!(out, "fn args(&self) -> Vec<serde_json::Value> {{ vec![{}] }} }}", items.join(", "));
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
