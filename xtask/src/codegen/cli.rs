//! The command line's catalogue: what each operation takes, and how its request is made from JSON.

use std::fmt::Write as _;

use super::rust::bounds;
use super::spec::{Field, Kind, Operation, Spec};

/// `part` is the module of the crate that the operations are in, where they have one of their own.
pub fn module(spec: &Spec, part: Option<&str>) -> String {
    let mut krate = spec.provider.name.replace('-', "_");
    let client = part.map_or("Client".into(), |part| format!("{}Client", super::rust::camel(part)));
    let client = format!("{krate}::{client}");
    if let Some(part) = part {
        krate = format!("{krate}::{part}");
    }
    let mut out = String::from("use crate::catalogue::{FieldDoc, OperationDoc};\nuse crate::input::Input;\n");
    let has_http = spec.operations.iter().any(|o| o.kind == Kind::Http);
    if has_http {
        out.push_str("use crate::outcome::{Outcome, Run};\n");
    }
    let _ = writeln!(
        out,
        "/// Every operation of {}.\npub(crate) const OPERATIONS: &[OperationDoc] = &[",
        spec.provider.title
    );
    for operation in &spec.operations {
        describe(&mut out, spec, operation);
    }
    out.push_str("];\n");
    if has_http {
        let _ = writeln!(
            out,
            "/// Runs an operation that is one HTTP request; `None` when there is none of this name.\npub(crate) async fn call(client: &{client}, name: &str, mut input: Input, run: &Run) -> Option<Outcome> {{ Some(match name {{"
        );
        for operation in spec.operations.iter().filter(|o| o.kind == Kind::Http) {
            let name = operation.name.as_ref();
            // On the heap: one future would else have room for the largest of all calls.
            let _ = writeln!(
                out,
                "{name:?} => {{ let request = {name}(&mut input); Box::pin(run.{}(client.{name}(request), input)).await }}",
                if operation.paging.is_some() { "list" } else { "call" }
            );
        }
        out.push_str("_ => return None, }) }\n");
    }
    for s in &spec.structs {
        builder(&mut out, spec, &krate, &snake(s.name.as_ref()), s.name.as_ref(), &s.fields);
    }
    for operation in &spec.operations {
        builder(
            &mut out,
            spec,
            &krate,
            operation.name.as_ref(),
            &operation.request_type(),
            &operation.fields,
        );
    }
    out
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn describe(out: &mut String, spec: &Spec, operation: &Operation) {
    let kind = match operation.kind {
        Kind::Http => "http",
        Kind::Rpc => "rpc",
        Kind::Command => "command",
        Kind::Message => "message",
        Kind::Local => "local",
    };
    let _ = write!(
        out,
        "OperationDoc {{ provider: {:?}, name: {:?}, kind: {kind:?}, method: {:?}, path: {:?}, doc: {:?}, paged: {}, fields: &[",
        spec.provider.name,
        operation.name.as_ref(),
        operation.method.as_deref().unwrap_or(""),
        operation.path,
        operation.doc.trim(),
        operation.paging.is_some()
    );
    for field in &operation.fields {
        describe_field(out, spec, field, "", "");
    }
    out.push_str("] },\n");
}

fn describe_field(out: &mut String, spec: &Spec, field: &Field, path: &str, wire_path: &str) {
    let name = format!("{path}{}", field.name.as_ref());
    let wire = format!("{wire_path}{}", field.wire.as_ref());
    let values = spec.enums.iter().find(|e| e.name.as_ref() == field.element());
    let values: Vec<_> = values.map(|e| e.values.iter().map(|v| v.shown()).collect()).unwrap_or_default();
    let ty = match field.element() {
        _ if !values.is_empty() => "text",
        "secret" => "text",
        other if spec.structs.iter().any(|s| s.name.as_ref() == other) => "object",
        other => other,
    };
    let ty = if field.is_list() { format!("[{ty}]") } else { ty.to_owned() };
    let _ = write!(
        out,
        "FieldDoc {{ name: {name:?}, wire: {wire:?}, ty: {ty:?}, required: {}, bounds: {:?}, values: &{values:?}, doc: {:?} }},",
        field.required || field.must,
        bounds(field),
        field.doc.trim()
    );
    if let Some(s) = spec.structs.iter().find(|s| s.name.as_ref() == field.element()) {
        for nested in &s.fields {
            describe_field(out, spec, nested, &format!("{name}."), &format!("{wire}."));
        }
    }
}

fn builder(out: &mut String, spec: &Spec, krate: &str, function: &str, ty: &str, fields: &[Field]) {
    let (required, optional): (Vec<_>, Vec<_>) = fields.iter().partition(|f| f.required);
    let arguments: Vec<_> = required.iter().map(|f| read(spec, f, true)).collect();
    let input = if fields.is_empty() { "_input" } else { "input" };
    let _ = writeln!(out, "pub(crate) fn {function}({input}: &mut Input) -> {krate}::{ty} {{");
    let new = format!("{krate}::{ty}::new({})", arguments.join(", "));
    if optional.is_empty() {
        let _ = writeln!(out, "{new} }}");
        return;
    }
    let _ = writeln!(out, "let mut request = {new};");
    for field in optional {
        let name = field.ident();
        let plain = field.is_list() || field.default.is_some() || field.omit_false;
        let value = if plain { "value" } else { "Some(value)" };
        let _ = writeln!(
            out,
            "if let Some(value) = {} {{ request.{name} = {value}; }}",
            read(spec, field, false)
        );
    }
    out.push_str("request }\n");
}

/// The expression that reads a field: its value when required, an `Option` of it otherwise.
fn read(spec: &Spec, field: &Field, required: bool) -> String {
    let names = format!("{:?}, {:?}", field.name.as_ref(), field.wire.as_ref());
    let element = field.element();
    let is_struct = spec.structs.iter().any(|s| s.name.as_ref() == element);
    let reader = match element {
        _ if field.is_list() && is_struct => format!("list({names}, {})", snake(element)),
        _ if is_struct => format!("nested({names}, {})", snake(element)),
        "map" => format!("map({names})"),
        "json" if field.is_list() => format!("jsons({names})"),
        _ if field.is_list() => format!("texts({names})"),
        "bool" => format!("flag({names})"),
        "u32" | "u64" | "i64" | "f64" => format!("number({names})"),
        "json" => format!("json({names})"),
        _ => format!("text({names})"),
    };
    let into =
        !is_struct && !matches!(element, "bool" | "u32" | "u64" | "i64" | "f64" | "json" | "text" | "map");
    if required {
        let code = field.required_code.as_ref().or(field.code.as_ref());
        let otherwise = if is_struct && !field.is_list() {
            format!("unwrap_or_else(|| {}(&mut Input::default()))", snake(element))
        } else {
            "unwrap_or_default()".into()
        };
        format!("{{ let value = input.{reader}; input.require({names}, {code:?}, value).{otherwise} }}")
    } else if into && field.is_list() {
        format!("input.{reader}.map(|v| v.into_iter().map(Into::into).collect())")
    } else if into {
        format!("input.{reader}.map(Into::into)")
    } else {
        format!("input.{reader}")
    }
}
