//! Reads the input of an operation from JSON. Every fault becomes a violation; nothing is silently ignored.

use std::collections::BTreeMap;

use rtc_core::{Rule, Secret, Violation, Violations};
use serde_json::{Map, Value};

/// An input object that is taken apart member by member, by Rust name or wire name.
#[derive(Debug, Default)]
pub(crate) struct Input {
    members: Map<String, Value>,
    path: Option<(String, String)>,
    violations: Vec<Violation>,
}

impl Input {
    pub(crate) fn new(input: Value) -> Self {
        match input {
            Value::Object(members) => Self { members, ..Self::default() },
            Value::Null => Self::default(),
            _ => Self {
                violations: vec![Violation::new("input", "input", Rule::Pattern, "must be a JSON object")],
                ..Self::default()
            },
        }
    }

    /// The violations of what was read, and of the members that nothing asked for.
    pub(crate) fn finish(mut self) -> Vec<Violation> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.report(&name, &name, Rule::Forbidden, "is not a field of this operation");
        }
        self.violations
    }

    /// `Ok` when the input is good and `checked` is, too.
    pub(crate) fn check(self, checked: Result<(), Violations>) -> Result<(), Violations> {
        rtc_core::validate::merge(self.finish(), checked)
    }

    /// Sets a member that is not given.
    pub(crate) fn fill(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value.filter(|_| !self.members.contains_key(name)) {
            self.members.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn text(&mut self, name: &str, wire: &str) -> Option<String> {
        let value = self.take(name, wire)?;
        self.text_of(name, wire, value)
    }

    pub(crate) fn flag(&mut self, name: &str, wire: &str) -> Option<bool> {
        match self.take(name, wire)? {
            Value::Bool(flag) => Some(flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => self.wrong(name, wire, "must be true or false"),
        }
    }

    pub(crate) fn number<T: Number>(&mut self, name: &str, wire: &str) -> Option<T> {
        let value = self.take(name, wire)?;
        let text = match &value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return self.wrong(name, wire, T::EXPECTED),
        };
        match text.parse::<T>() {
            Ok(number) => Some(number),
            Err(_) if text.parse::<f64>().is_ok() => {
                self.report(name, wire, Rule::Range, T::EXPECTED);
                None
            }
            Err(_) => self.wrong(name, wire, T::EXPECTED),
        }
    }

    #[allow(dead_code, reason = "the generator calls it where a specification has such a field")]
    pub(crate) fn json(&mut self, name: &str, wire: &str) -> Option<Value> {
        self.take_any(name, wire)
    }

    pub(crate) fn texts(&mut self, name: &str, wire: &str) -> Option<Vec<String>> {
        let items = self.array(name, wire)?;
        items.into_iter().map(|item| self.text_of(name, wire, item)).collect()
    }

    /// An object of texts, whose names are the user's own.
    pub(crate) fn map(&mut self, name: &str, wire: &str) -> Option<BTreeMap<String, Secret>> {
        let Value::Object(members) = self.take(name, wire)? else {
            return self.wrong(name, wire, "must be an object of texts");
        };
        members.into_iter().map(|(key, value)| Some((key, self.text_of(name, wire, value)?))).collect()
    }

    /// Turns an object into its text, where the operation takes a text that people have as JSON.
    pub(crate) fn json_as_text(&mut self, name: &str) {
        if let Some(value) = self.members.get_mut(name).filter(|value| value.is_object()) {
            *value = Value::String(value.to_string());
        }
    }

    #[allow(dead_code, reason = "the generator calls it where a specification has such a field")]
    pub(crate) fn jsons(&mut self, name: &str, wire: &str) -> Option<Vec<Value>> {
        self.array(name, wire)
    }

    #[allow(dead_code, reason = "the generator calls it where a specification has such a field")]
    pub(crate) fn nested<T>(&mut self, name: &str, wire: &str, read: fn(&mut Input) -> T) -> Option<T> {
        let value = self.take(name, wire)?;
        Some(self.child(name.to_owned(), wire.to_owned(), value, read))
    }

    #[allow(dead_code, reason = "the generator calls it where a specification has such a field")]
    pub(crate) fn list<T>(&mut self, name: &str, wire: &str, read: fn(&mut Input) -> T) -> Option<Vec<T>> {
        let items = self.array(name, wire)?;
        let items = items.into_iter().enumerate();
        Some(
            items
                .map(|(i, item)| self.child(format!("{name}.{i}"), format!("{wire}.{i}"), item, read))
                .collect(),
        )
    }

    /// Reports a missing value.
    pub(crate) fn require<T>(
        &mut self,
        name: &str,
        wire: &str,
        code: Option<&'static str>,
        value: Option<T>,
    ) -> Option<T> {
        let (field, _) = self.full(name, wire);
        if value.is_none() && !self.violations.iter().any(|v| v.field == field) {
            self.report(name, wire, Rule::Required, "is required");
            if let (Some(violation), Some(code)) = (self.violations.last_mut(), code) {
                violation.code = Some(code.into());
            }
        }
        value
    }

    fn child<T>(&mut self, name: String, wire: String, value: Value, read: fn(&mut Input) -> T) -> T {
        let mut child = Self::new(value);
        child.path = Some(self.full(&name, &wire));
        if !child.violations.is_empty() {
            child.violations.clear();
            self.report(&name, &wire, Rule::Pattern, "must be a JSON object");
        }
        let read = read(&mut child);
        self.violations.extend(child.finish());
        read
    }

    fn text_of<T: From<String>>(&mut self, name: &str, wire: &str, value: Value) -> Option<T> {
        match value {
            Value::String(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => self.wrong(name, wire, "must be a text"),
        }
    }

    fn array(&mut self, name: &str, wire: &str) -> Option<Vec<Value>> {
        match self.take(name, wire)? {
            Value::Array(items) => Some(items),
            _ => self.wrong(name, wire, "must be a list"),
        }
    }

    /// Takes a member; null counts as absent.
    fn take(&mut self, name: &str, wire: &str) -> Option<Value> {
        self.take_any(name, wire).filter(|value| !value.is_null())
    }

    fn take_any(&mut self, name: &str, wire: &str) -> Option<Value> {
        self.members.remove(name).or_else(|| self.members.remove(wire))
    }

    fn wrong<T>(&mut self, name: &str, wire: &str, message: &'static str) -> Option<T> {
        self.report(name, wire, Rule::Pattern, message);
        None
    }

    fn report(&mut self, name: &str, wire: &str, rule: Rule, message: &'static str) {
        let (name, wire) = self.full(name, wire);
        self.violations.push(Violation::new(name, wire, rule, message));
    }

    fn full(&self, name: &str, wire: &str) -> (String, String) {
        match &self.path {
            Some((path, wire_path)) => (format!("{path}.{name}"), format!("{wire_path}.{wire}")),
            None => (name.to_owned(), wire.to_owned()),
        }
    }
}

/// A number that an input may hold.
pub(crate) trait Number: std::str::FromStr {
    const EXPECTED: &'static str;
}

impl Number for u32 {
    const EXPECTED: &'static str = "must be a whole number from 0 to 4294967295";
}

impl Number for u64 {
    const EXPECTED: &'static str = "must be a whole number that is not negative";
}

impl Number for i64 {
    const EXPECTED: &'static str = "must be a whole number";
}

impl Number for f64 {
    const EXPECTED: &'static str = "must be a number";
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_told() {
        let mut input = Input::new(json!({
            "name": 7, "capacity": -1, "flag": "yes", "typo": 1, "settings": { "mode": [], "other": 1 }, "list": [{"x": {}}],
        }));
        assert_eq!(input.text("name", "n").as_deref(), Some("7"));
        assert_eq!(input.number::<u32>("capacity", "c"), None);
        assert_eq!(input.flag("flag", "f"), None);
        input.nested("settings", "S", |s| s.text("mode", "m"));
        input.list("list", "L", |s| s.text("x", "X"));
        let missing = input.text("user", "userName");
        assert_eq!(input.require("user", "userName", Some("10002"), missing), None);
        let found: Vec<_> = input.finish().iter().map(|v| format!("{} {}", v.field, v.rule)).collect();
        assert_eq!(
            found,
            [
                "capacity range",
                "flag pattern",
                "settings.mode pattern",
                "settings.other forbidden",
                "list.0.x pattern",
                "user required",
                "typo forbidden"
            ]
        );
    }
}
