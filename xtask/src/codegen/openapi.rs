//! An OpenAPI 3.1 document per provider.

use serde_json::{Map, Value, json};

use super::spec::{BodyKind, Field, Kind, Operation, Place, Spec, Struct, pattern};

pub fn document(spec: &Spec) -> String {
    let mut paths: Map<String, Value> = Map::new();
    for operation in spec.operations.iter().filter(|o| o.kind == Kind::Http) {
        let path = operation.other_paths.first().filter(|_| operation.path.is_empty());
        let mut path = path.unwrap_or(&operation.path).clone();
        if let Some((name, value)) = operation.target() {
            path = format!("{path}#{name}={value}");
        }
        let item = paths.entry(path).or_insert_with(|| json!({}));
        let method = operation.method.as_deref().unwrap_or("post").to_lowercase();
        if let Some(item) = item.as_object_mut() {
            let described = describe(spec, operation);
            // One path may serve several operations that a member of the body tells apart.
            match item.get_mut(&method) {
                Some(existing) => match existing.get_mut("x-also").and_then(Value::as_array_mut) {
                    Some(also) => also.push(described),
                    None => existing["x-also"] = json!([described]),
                },
                None => {
                    item.insert(method, described);
                }
            }
        }
    }
    let mut schemas = Map::new();
    for e in &spec.enums {
        let values: Vec<_> = e.values.iter().map(|v| v.wire.as_ref().clone()).collect();
        schemas.insert(
            e.name.as_ref().clone(),
            json!({ "type": "string", "description": e.doc, "examples": values }),
        );
    }
    for s in spec.structs.iter().chain(&spec.models) {
        schemas.insert(s.name.as_ref().clone(), object(spec, s));
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": spec.provider.title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the crate calls, written from public documents and observed traffic; not the vendor's own document.",
        },
        "servers": [{ "url": spec.provider.server }],
        "paths": paths,
        "components": { "schemas": schemas },
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(spec: &Spec, operation: &Operation) -> Value {
    let given = spec.provider.path_vars.iter().filter(|v| operation.path.contains(&format!("{{{v}}}")));
    let given = given.map(|v| {
        json!({ "name": v, "in": "path", "required": true, "description": "From the credentials.", "schema": { "type": "string" } })
    });
    let fields = operation
        .fields
        .iter()
        .filter_map(|f| {
            let place = match f.place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Header => "header",
                Place::Body | Place::None => return None,
            };
            let name = if f.place == Place::Path { f.name.as_ref() } else { f.wire.as_ref() };
            Some(json!({ "name": name, "in": place, "required": f.required || f.place == Place::Path, "description": f.doc, "schema": schema(spec, f) }))
        });
    let parameters: Vec<_> = given.chain(fields).collect();
    let mut described = json!({
        "operationId": operation.name.as_ref(),
        "summary": operation.doc.trim(),
        "responses": { "default": { "description": operation.output.as_deref().unwrap_or("()") } },
    });
    for refused in &operation.refusals {
        let meaning = spec.refusals.iter().find(|r| r.name.as_ref() == refused.name.as_ref());
        described["responses"][refused.status.to_string()] =
            json!({ "description": meaning.map(|r| r.doc.trim()) });
    }
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    let media = match operation.body {
        BodyKind::None => return described,
        BodyKind::Json => "application/json",
        BodyKind::Form => "application/x-www-form-urlencoded",
        BodyKind::Sdp => "application/sdp",
    };
    let body: Vec<_> = operation.fields.iter().filter(|f| f.place == Place::Body).collect();
    let mut schema = properties(spec, &body);
    for constant in operation.constants.iter().filter(|c| c.place != Place::Query) {
        schema["properties"][&constant.wire] = json!({ "const": constant.json() });
    }
    schema["title"] = json!(operation.request_type());
    described["requestBody"] = json!({ "content": { media: { "schema": schema } } });
    described
}

fn object(spec: &Spec, s: &Struct) -> Value {
    let fields: Vec<_> = s.fields.iter().collect();
    let mut value = properties(spec, &fields);
    value["description"] = json!(s.doc);
    value
}

fn properties(spec: &Spec, fields: &[&Field]) -> Value {
    let mut members = Map::new();
    for f in fields {
        let mut described = schema(spec, f);
        described["description"] = json!(f.doc);
        members.insert(f.wire.as_ref().clone(), described);
    }
    let required: Vec<_> =
        fields.iter().filter(|f| f.required || f.must).map(|f| f.wire.as_ref().clone()).collect();
    let mut value = json!({ "type": "object", "properties": members });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    value
}

fn schema(spec: &Spec, f: &Field) -> Value {
    let mut one = match f.element() {
        "text" => json!({ "type": "string" }),
        "secret" => json!({ "type": "string", "format": "password" }),
        "bool" => json!({ "type": "boolean" }),
        _ if f.as_text => json!({ "type": "string", "pattern": "^[0-9]+$" }),
        "u32" | "u64" | "i64" => json!({ "type": "integer" }),
        "f64" => json!({ "type": "number" }),
        "json" => json!({}),
        "map" => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        other => match spec.enums.iter().find(|e| e.name.as_ref() == other) {
            Some(e) => {
                json!({ "type": "string", "enum": e.values.iter().map(|v| v.wire.as_ref().clone()).collect::<Vec<_>>() })
            }
            None => json!({ "$ref": format!("#/components/schemas/{other}") }),
        },
    };
    let lengths = if f.is_list() { ("minItems", "maxItems") } else { ("minLength", "maxLength") };
    if let Some(p) = f.pattern.as_ref().and_then(|p| pattern(p.as_ref())) {
        one["pattern"] = json!(p.1);
    }
    let numeric = !f.as_text;
    for (name, bound) in [("minimum", f.min), ("maximum", f.max)] {
        if let (Some(bound), true) = (bound, numeric) {
            one[name] = json!(bound);
        }
    }
    let mut value = if f.is_list() { json!({ "type": "array", "items": one }) } else { one };
    for (name, bound) in [(lengths.0, f.min_length), (lengths.1, f.max_length)] {
        if let Some(bound) = bound {
            value[name] = json!(bound);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::spec::parse;

    #[test]
    fn operations_of_one_path_are_all_told() {
        let mut text =
            "[provider]\nname = \"p\"\ntitle = \"P\"\nservice = \"S\"\nserver = \"https://x\"\n".to_owned();
        for name in ["a", "b", "c"] {
            text.push_str(&format!("[[operation]]\nname = \"{name}\"\ndoc = \"\"\nsource = \"\"\n"));
            text.push_str("method = \"POST\"\npath = \"/x\"\nbody = \"json\"\noutput = \"()\"\n");
        }
        let document: Value = serde_json::from_str(&document(&parse("p.toml", &text).unwrap())).unwrap();
        let post = &document["paths"]["/x"]["post"];
        assert_eq!(post["operationId"], "a");
        let also: Vec<_> = post["x-also"].as_array().unwrap().iter().map(|o| &o["operationId"]).collect();
        assert_eq!(also, ["b", "c"]);
    }
}
