//! The checks of fields and the rules over several of them.

use std::fmt::Write as _;

use super::{Shape, camel, shape};
use crate::codegen::spec::{Condition, Field, LengthUnit, PROVIDER_PATTERNS, Rule, Spec, pattern};

pub(super) fn checks(out: &mut String, spec: &Spec, fields: &[Field], rules: &[Rule]) {
    let before = out.len();
    checks_named(out, spec, fields, rules, "checks");
    if out.len() == before {
        out.push_str("let _ = checks;\n");
    }
}

pub(super) fn checks_named(out: &mut String, spec: &Spec, fields: &[Field], rules: &[Rule], checks: &str) {
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

pub(super) fn field_const(field: &Field) -> String {
    format!("rtc_core::validate::Field::new({:?}, {:?})", field.name.as_ref(), field.wire.as_ref())
}

pub(super) fn option(value: Option<impl std::fmt::Display>) -> String {
    value.map_or("None".into(), |v| format!("Some({v})"))
}

pub(super) fn code(value: Option<&String>) -> String {
    value.map_or("None".into(), |v| format!("Some({v:?})"))
}

pub(super) fn field_checks(out: &mut String, spec: &Spec, field: &Field, checks: &str) {
    let constant = field_const(field);
    let name = field.ident();
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
        Shape::List if body.contains(".item(index)") => {
            let _ = writeln!(out, "for (index, value) in self.{name}.iter().enumerate() {{ {body} }}");
        }
        Shape::List => {
            let _ = writeln!(out, "for value in &self.{name} {{ {body} }}");
        }
    }
}

/// The checks of one value that is bound to `value`.
pub(super) fn value_checks(spec: &Spec, field: &Field, constant: &str, checks: &str) -> Option<String> {
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
            if field.is_list() {
                chain.push_str(".item(index)");
            }
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
        "f64" if field.min.is_some() || field.max.is_some() => {
            let bound = |limit: Option<i64>| limit.map_or("None".into(), |limit| format!("Some({limit}.0)"));
            Some(format!(
                "{checks}.range({constant}, *value, {}, {}, {});",
                bound(field.min),
                bound(field.max),
                code(field.code.as_ref())
            ))
        }
        _ => None,
    }
}

pub(super) fn rule(out: &mut String, spec: &Spec, fields: &[Field], rule: &Rule, checks: &str) {
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

pub(super) fn condition(spec: &Spec, field: &Field, condition: &Condition) -> String {
    let name = field.ident();
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
