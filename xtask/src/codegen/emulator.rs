//! The emulator's tables: routes, fields and cross-field rules as constant data.

use std::fmt::Write as _;

use super::spec::{BodyKind, Condition, Field, Kind, LengthUnit, Operation, Place, Rule, Spec};

pub fn module(spec: &Spec) -> String {
    let mut out = String::new();
    let http: Vec<_> = spec.operations.iter().filter(|o| o.kind == Kind::Http).collect();
    if !http.is_empty() {
        out.push_str(
            "/// The routes of the provider, with the rules for their inputs.\npub(crate) const ROUTES: &[Route] = &[\n",
        );
        for operation in http {
            // Those that a header tells apart go by its value.
            let own = operation.target().map_or(operation.path.as_str(), |(_, value)| value);
            let own = Some(own).filter(|path| !path.is_empty());
            for path in own.into_iter().chain(operation.other_paths.iter().map(String::as_str)) {
                route(&mut out, spec, operation, path);
            }
        }
        out.push_str("];\n");
    }
    let methods: Vec<_> = spec
        .operations
        .iter()
        .filter(|o| matches!(o.kind, Kind::Rpc | Kind::Command | Kind::Message))
        .collect();
    if !methods.is_empty() {
        out.push_str("/// The messages of a live connection, with the rules for their parameters.\npub(crate) const METHODS: &[Route] = &[\n");
        for operation in methods {
            route(&mut out, spec, operation, &operation.path);
        }
        out.push_str("];\n");
    }
    let (condition, rule) = if out.contains("Rule {") { ("Condition, ", "Rule, ") } else { ("", "") };
    format!("use crate::spec::{{BodyKind, {condition}Field, Kind, Place, Route, {rule}Unit}};\n{out}")
}

fn route(out: &mut String, spec: &Spec, operation: &Operation, path: &str) {
    let body = match operation.body {
        BodyKind::None => "None",
        BodyKind::Json => "Json",
        BodyKind::Form => "Form",
        BodyKind::Sdp => "None",
    };
    let _ = write!(
        out,
        "Route {{ provider: {:?}, operation: {:?}, method: {:?}, path: {path:?}, body: BodyKind::{body}, fields: &[",
        spec.provider.name,
        operation.name.as_ref(),
        operation.method.as_deref().unwrap_or("")
    );
    let sent = |f: &&Field| {
        f.place != Place::None
            && !f.flatten
            && operation.url_field.as_ref().is_none_or(|url| url.as_ref() != f.name.as_ref())
            && !(operation.body == BodyKind::Sdp && f.place == Place::Body)
            && (f.place != Place::Path || path.contains(&format!("{{{}}}", f.name.as_ref())))
    };
    for f in operation.fields.iter().filter(sent) {
        field(out, spec, f);
    }
    out.push_str("], rules: &[");
    for r in &operation.rules {
        rule(out, &operation.fields, r, "");
    }
    struct_rules(out, spec, &operation.fields, "");
    out.push_str("] },\n");
}

fn field(out: &mut String, spec: &Spec, f: &Field) {
    let element = f.element();
    let e = spec.enums.iter().find(|e| e.name.as_ref() == element);
    let s = spec.structs.iter().find(|s| s.name.as_ref() == element);
    let kind = match element {
        _ if f.is_list() => "List",
        "text" | "secret" => "Text",
        "u32" | "u64" | "i64" if f.as_text => "NumericText",
        "u32" | "u64" | "i64" => "Integer",
        "f64" => "Number",
        "bool" => "Boolean",
        "json" => "Any",
        "map" => "Object",
        _ if e.is_some() => "Text",
        _ => "Object",
    };
    let place = match f.place {
        Place::Path => "Path",
        Place::Query => "Query",
        Place::Header => "Header",
        Place::Body | Place::None => "Body",
    };
    let unit = if f.unit == Some(LengthUnit::Bytes) { "Bytes" } else { "Chars" };
    // A number without a sign has a bound of its own.
    let min = f.min.or(matches!(element, "u32" | "u64").then_some(0));
    let min_length = f.min_length.or((f.not_empty || (f.is_list() && f.required)).then_some(1));
    let values: Vec<_> =
        e.map(|e| e.values.iter().map(|v| v.wire.as_ref().as_str()).collect()).unwrap_or_default();
    // Path variables are matched by their Rust name, which is what the template holds.
    let wire = if f.place == Place::Path { f.name.as_ref() } else { f.wire.as_ref() };
    let _ = write!(
        out,
        "Field {{ wire: {wire:?}, place: Place::{place}, kind: Kind::{kind}, required: {}, min_length: {min_length:?}, max_length: {:?}, unit: Unit::{unit}, min: {:?}, max: {:?}, pattern: {:?}, one_of: &{values:?}, code: {:?}, required_code: {:?}, secret: {}, fields: &[",
        f.required || f.must,
        f.max_length,
        min,
        f.max,
        f.pattern.as_ref().map(|p| p.as_ref().as_str()),
        f.code.as_deref(),
        f.required_code.as_deref(),
        matches!(element, "secret" | "map"),
    );
    if let Some(s) = s {
        for nested in &s.fields {
            field(out, spec, nested);
        }
    }
    out.push_str("] },");
}

/// The rules of nested objects, below the path of the field that holds them. Those of lists of objects are left
/// out: a rule cannot tell which element its conditions are about.
fn struct_rules(out: &mut String, spec: &Spec, fields: &[Field], path: &str) {
    for f in fields.iter().filter(|f| !f.is_list()) {
        let Some(s) = spec.structs.iter().find(|s| s.name.as_ref() == f.element()) else { continue };
        let path = format!("{path}{}.", f.wire.as_ref());
        for r in &s.rules {
            rule(out, &s.fields, r, &path);
        }
        struct_rules(out, spec, &s.fields, &path);
    }
}

fn rule(out: &mut String, fields: &[Field], r: &Rule, path: &str) {
    let wire = |name: &str| {
        let field = fields.iter().find(|f| f.name.as_ref() == name);
        // Variables of the path go by the name in the template.
        let wire = |f: &&Field| f.place != Place::Path;
        format!("{path}{}", field.filter(wire).map_or(name, |f| f.wire.as_ref().as_str()))
    };
    let when: Vec<_> = r
        .when
        .iter()
        .map(|c| {
            let field = wire(c.field());
            match c {
                Condition::Is(_, value) => format!("Condition::Is({field:?}, {value:?})"),
                Condition::Not(_, value) => format!("Condition::Not({field:?}, {value:?})"),
                Condition::Set(_) => format!("Condition::Set({field:?})"),
                Condition::Unset(_) => format!("Condition::Unset({field:?})"),
            }
        })
        .collect();
    let _ = write!(
        out,
        "Rule {{ field: {:?}, rule: {:?}, code: {:?}, message: {:?}, when: &[{}] }},",
        wire(r.field.as_ref()),
        r.rule,
        r.code.as_deref(),
        r.message,
        when.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::spec::parse;

    #[test]
    fn secrets_and_codes_of_missing_values_reach_the_tables() {
        let text = r#"
            provider = { name = "p", title = "P", service = "S", server = "https://x" }
            [[operation]]
            name = "a"
            doc = ""
            source = ""
            method = "POST"
            path = "/x"
            body = "json"
            output = "()"
            field = [
                { name = "pin", wire = "pin", type = "secret", doc = "", code = "1", required_code = "2" },
                { name = "n", wire = "n", type = "text", doc = "" },
            ]
        "#;
        let table = module(&parse("p.toml", text).unwrap());
        assert!(table.contains(r#"code: Some("1"), required_code: Some("2"), secret: true"#), "{table}");
        assert!(table.contains("required_code: None, secret: false"), "{table}");
    }
}
