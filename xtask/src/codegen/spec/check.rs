//! What a specification must keep to.

use std::collections::BTreeSet;

use super::{BodyKind, Condition, Enum, Field, Kind, Operation, Paging, Place, Replay, Rule, Spec, pattern};

const SCALARS: &[&str] = &["text", "secret", "bool", "u32", "u64", "i64", "f64", "json", "map"];
const RULES: &[&str] =
    &["required", "length", "range", "pattern", "one_of", "forbidden", "scheme", "query", "conflict"];

type Report<'a> = &'a mut dyn FnMut(std::ops::Range<usize>, String);

pub(super) struct Checker<'a> {
    pub(super) spec: &'a Spec,
}

impl Checker<'_> {
    pub(super) fn check(&self, fault: Report<'_>) {
        let mut types = BTreeSet::new();
        let names = self.spec.enums.iter().map(|e| &e.name).chain(self.spec.structs.iter().map(|s| &s.name));
        for name in names.chain(self.spec.models.iter().map(|m| &m.name)) {
            if !types.insert(name.as_ref().clone()) {
                fault(name.span(), format!("the type {} is defined twice", name.as_ref()));
            }
        }
        for e in &self.spec.enums {
            self.check_enum(e, fault);
        }
        for s in self.spec.structs.iter().chain(&self.spec.models) {
            self.check_fields(&s.fields, &s.rules, fault);
        }
        let mut operations = BTreeSet::new();
        for operation in &self.spec.operations {
            if !operations.insert(operation.name.as_ref().clone()) {
                fault(
                    operation.name.span(),
                    format!("the operation {} is defined twice", operation.name.as_ref()),
                );
            }
            self.check_operation(operation, fault);
        }
    }

    fn check_enum(&self, e: &Enum, fault: Report<'_>) {
        let mut seen = BTreeSet::new();
        for value in &e.values {
            if !seen.insert(value.wire.as_ref()) {
                fault(
                    value.wire.span(),
                    format!("{} has the wire value {:?} twice", e.name.as_ref(), value.wire.as_ref()),
                );
            }
        }
    }

    fn check_operation(&self, operation: &Operation, fault: Report<'_>) {
        let span = operation.name.span();
        let name = operation.name.as_ref();
        self.check_fields(&operation.fields, &operation.rules, fault);
        if operation.kind == Kind::Http {
            match operation.method.as_deref() {
                Some("GET" | "POST" | "PUT" | "PATCH" | "DELETE") => {}
                _ => fault(span.clone(), format!("{name}: method must be GET, POST, PUT, PATCH or DELETE")),
            }
            if operation.output.is_none() {
                fault(span.clone(), format!("{name}: output is missing (use \"()\" for none)"));
            }
            if self.spec.provider.service.is_none() {
                fault(span.clone(), format!("{name}: provider.service is missing"));
            }
        }
        for segment in operation.path.split('/').filter(|s| s.starts_with('{')) {
            let variable = segment.trim_matches(['{', '}']);
            let known =
                operation.fields.iter().any(|f| f.place == Place::Path && f.name.as_ref() == variable);
            let given = operation.url_field.is_some()
                || operation.path_fn.is_some()
                || self.spec.provider.path_vars.iter().any(|v| v == variable);
            if !known && !given {
                fault(span.clone(), format!("{name}: the path names {variable}, which no field has"));
            }
        }
        for field in &operation.fields {
            let in_path = operation.path.contains(&format!("{{{}}}", field.name.as_ref()));
            if field.place == Place::Path && !in_path && operation.path_fn.is_none() {
                fault(field.name.span(), format!("{}: no such variable in the path", field.name.as_ref()));
            }
            if field.place == Place::Body && operation.kind == Kind::Http && operation.body == BodyKind::None
            {
                fault(field.name.span(), format!("{}: {name} has no body", field.name.as_ref()));
            }
        }
        if let Some(url) = &operation.url_field
            && !operation.fields.iter().any(|f| f.name.as_ref() == url.as_ref())
        {
            fault(url.span(), format!("{name}: there is no field {}", url.as_ref()));
        }
        for refused in &operation.refusals {
            if !self.spec.refusals.iter().any(|r| r.name.as_ref() == refused.name.as_ref()) {
                fault(refused.name.span(), format!("{name}: there is no refusal {}", refused.name.as_ref()));
            }
        }
        if operation.paging.is_some() != operation.item.is_some() {
            fault(span.clone(), format!("{name}: paging and item belong together"));
        }
        let position = match operation.paging {
            Some(Paging::Offset) => Some("offset"),
            Some(Paging::Token) => Some("next_token"),
            Some(Paging::Number) => Some("page"),
            Some(Paging::Index) => Some("start_index"),
            None => None,
        };
        if let Some(position) = position
            && !operation.fields.iter().any(|f| f.name.as_ref() == position)
        {
            fault(span.clone(), format!("{name}: this paging needs a field {position}"));
        }
        if operation.replay == Replay::Key
            && !operation.fields.iter().any(|f| f.name.as_ref() == "idempotency_key")
        {
            fault(span.clone(), format!("{name}: replay = \"key\" needs a field idempotency_key"));
        }
        let array = |text: &String| serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok();
        if !operation.args.as_ref().is_none_or(array) {
            fault(span, format!("{name}: args must be a JSON array"));
        }
    }

    fn check_fields(&self, fields: &[Field], rules: &[Rule], fault: Report<'_>) {
        let (mut names, mut wires) = (BTreeSet::new(), BTreeSet::new());
        for field in fields {
            let name = field.name.as_ref();
            if !names.insert(name) {
                fault(field.name.span(), format!("the field {name} is defined twice"));
            }
            if !wires.insert((field.place as u8, field.wire.as_ref())) {
                fault(field.wire.span(), format!("the wire name {:?} is used twice", field.wire.as_ref()));
            }
            self.check_field(field, fault);
        }
        for rule in rules {
            if !RULES.contains(&rule.rule.as_str()) {
                fault(rule.field.span(), format!("there is no rule {:?}", rule.rule));
            }
            let named = rule.when.iter().map(Condition::field).chain([rule.field.as_ref().as_str()]);
            for name in named.chain(rule.before.as_ref().map(|b| b.as_ref().as_str())) {
                if !names.contains(&name.to_owned()) {
                    fault(rule.field.span(), format!("the rule names {name}, which no field has"));
                }
            }
        }
    }

    fn check_field(&self, field: &Field, fault: Report<'_>) {
        let name = field.name.as_ref();
        let element = field.element();
        let is_enum = self.spec.enums.iter().any(|e| e.name.as_ref() == element);
        let is_struct = self.spec.structs.iter().chain(&self.spec.models).any(|s| s.name.as_ref() == element)
            || element.contains("::");
        if !SCALARS.contains(&element) && !is_enum && !is_struct {
            fault(field.ty.span(), format!("{name}: there is no type {element:?}"));
        }
        let textual = matches!(element, "text" | "secret");
        let numeric = matches!(element, "u32" | "u64" | "i64" | "f64");
        if (field.min_length.is_some() || field.max_length.is_some()) && !textual && !field.is_list() {
            fault(field.name.span(), format!("{name}: only texts and lists have a length"));
        }
        if textual && field.max_length.is_some() && field.unit.is_none() {
            fault(field.name.span(), format!("{name}: say whether the length is in chars or bytes (unit)"));
        }
        if (field.min.is_some() || field.max.is_some()) && !numeric {
            fault(field.name.span(), format!("{name}: only numbers have bounds (type {element})"));
        }
        if matches!(element, "u32" | "u64") && field.min.is_some_and(|m| m < 0) {
            fault(field.name.span(), format!("{name}: an unsigned number cannot be negative"));
        }
        if matches!((field.min, field.max), (Some(min), Some(max)) if min > max)
            || matches!((field.min_length, field.max_length), (Some(min), Some(max)) if min > max)
        {
            fault(field.name.span(), format!("{name}: the lower bound is above the upper one"));
        }
        if let Some(p) = &field.pattern {
            if pattern(p.as_ref()).is_none() {
                fault(p.span(), format!("{name}: there is no pattern {:?}", p.as_ref()));
            }
            if !textual {
                fault(p.span(), format!("{name}: only texts have a pattern"));
            }
        }
        if field.required && field.default.is_some() {
            fault(field.name.span(), format!("{name}: a required field has no default"));
        }
        if let (Some(default), true) = (&field.default, is_enum) {
            let known =
                self.spec.enums.iter().any(|e| {
                    e.name.as_ref() == element && e.values.iter().any(|v| v.name.as_ref() == default)
                });
            if !known {
                fault(field.name.span(), format!("{name}: {element} has no value {default}"));
            }
        }
    }
}
