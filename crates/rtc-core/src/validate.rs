//! Validation that reports every violation at once, before any byte is sent.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

pub mod pattern;

/// What kind of rule a value broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The value is missing (or empty where emptiness means missing).
    Required,
    /// The text or list is too short or too long.
    Length,
    /// The number or instant lies outside its bounds.
    Range,
    /// The text does not have the required form.
    Pattern,
    /// The value is none of the allowed ones.
    OneOf,
    /// The value may not be given at all.
    Forbidden,
    /// A URL has a scheme that is not allowed.
    Scheme,
    /// A URL has a query, a fragment or user information.
    Query,
    /// Two values exclude each other.
    Conflict,
}

impl Rule {
    /// The name of the rule in snake case, as command lines and logs print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Length => "length",
            Self::Range => "range",
            Self::Pattern => "pattern",
            Self::OneOf => "one_of",
            Self::Forbidden => "forbidden",
            Self::Scheme => "scheme",
            Self::Query => "query",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the length of a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Unicode scalar values.
    Chars,
    /// Bytes of the UTF-8 form.
    Bytes,
}

/// The two names of a field: in Rust and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    /// The Rust name.
    pub name: &'static str,
    /// The wire name.
    pub wire: &'static str,
}

impl Field {
    /// A field with the given Rust and wire names.
    #[must_use]
    pub const fn new(name: &'static str, wire: &'static str) -> Self {
        Self { name, wire }
    }
}

/// One broken rule. It never holds the offending value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The Rust path of the field (`settings.moderators`).
    pub field: Cow<'static, str>,
    /// The path of the field on the wire.
    pub wire: Cow<'static, str>,
    /// The rule that was broken.
    pub rule: Rule,
    /// The vendor's own code for this violation, where there is one.
    pub code: Option<Cow<'static, str>>,
    /// What is expected, for people.
    pub message: Cow<'static, str>,
}

impl Violation {
    /// A violation of `rule` by the field of these names.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        wire: impl Into<Cow<'static, str>>,
        rule: Rule,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), wire: wire.into(), rule, code: None, message: message.into() }
    }

    /// Adds the vendor's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All the broken rules of one input, in a fixed order; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The first violation, which is the one the provider's reference would report.
    #[must_use]
    pub fn first(&self) -> Option<&Violation> {
        self.0.first()
    }

    /// All violations in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid input: ")?;
        for (i, violation) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Collects violations. Of each field only the first broken rule is reported; different fields and
/// cross-field rules are all reported.
#[derive(Debug, Default)]
pub struct Checks {
    found: Vec<Violation>,
    path: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Checks {
    /// A collector that has found nothing yet.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { found: Vec::new(), path: Vec::new() }
    }

    /// Starts the checks of one text.
    #[inline]
    pub fn text<'c, 'v>(&'c mut self, field: Field, value: &'v str) -> Text<'c, 'v> {
        Text { checks: self, field, value, item: None, code: None, failed: false }
    }

    /// Reports a violation of the field (below the current path).
    pub fn report(
        &mut self,
        field: Field,
        rule: Rule,
        code: Option<&'static str>,
        message: impl Into<Cow<'static, str>>,
    ) {
        let (name, wire) = self.path_of(field);
        self.found.push(Violation {
            field: name,
            wire,
            rule,
            code: code.map(Cow::Borrowed),
            message: message.into(),
        });
    }

    /// Reports a violation of one element of a list.
    pub fn report_item(
        &mut self,
        field: Field,
        index: usize,
        rule: Rule,
        code: Option<&'static str>,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.report(field, rule, code, message);
        if let Some(violation) = self.found.last_mut() {
            violation.field = format!("{}.{index}", violation.field).into();
            violation.wire = format!("{}.{index}", violation.wire).into();
        }
    }

    /// Requires `min <= value <= max`.
    pub fn range<T: PartialOrd + fmt::Display>(
        &mut self,
        field: Field,
        value: T,
        min: Option<T>,
        max: Option<T>,
        code: Option<&'static str>,
    ) {
        // What cannot be compared, as a NaN, is outside.
        let is = |limit: &T, wanted| value.partial_cmp(limit).is_none_or(|order| order == wanted);
        let low = min.as_ref().is_some_and(|min| is(min, Ordering::Less));
        let high = max.as_ref().is_some_and(|max| is(max, Ordering::Greater));
        if low || high {
            self.report(field, Rule::Range, code, bounds("must be", min, max, ""));
        }
    }

    /// Requires a list to hold between `min` and `max` elements.
    pub fn count(
        &mut self,
        field: Field,
        len: usize,
        min: Option<usize>,
        max: Option<usize>,
        code: Option<&'static str>,
    ) {
        if min.is_some_and(|m| len < m) || max.is_some_and(|m| len > m) {
            self.report(field, Rule::Length, code, bounds("must have", min, max, " elements"));
        }
    }

    /// Reports a value that is none of the allowed ones.
    #[inline]
    pub fn one_of(&mut self, field: Field, known: bool, allowed: &'static str, code: Option<&'static str>) {
        if !known {
            self.report(field, Rule::OneOf, code, format!("must be one of {allowed}"));
        }
    }

    /// Runs the checks of a nested object below the path of `field`.
    pub fn nested(&mut self, field: Field, checks: impl FnOnce(&mut Self)) {
        self.path.push((Cow::Borrowed(field.name), Cow::Borrowed(field.wire)));
        checks(self);
        self.path.pop();
    }

    /// Runs the checks of the element at `index` of the list `field`.
    pub fn element(&mut self, field: Field, index: usize, checks: impl FnOnce(&mut Self)) {
        self.path.push((format!("{}.{index}", field.name).into(), format!("{}.{index}", field.wire).into()));
        checks(self);
        self.path.pop();
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// The result: `Ok` when no rule was broken.
    ///
    /// # Errors
    /// All violations found, in order.
    #[inline]
    pub fn finish(self) -> Result<(), Violations> {
        if self.found.is_empty() { Ok(()) } else { Err(Violations(self.found)) }
    }

    fn path_of(&self, field: Field) -> (Cow<'static, str>, Cow<'static, str>) {
        if self.path.is_empty() {
            return (Cow::Borrowed(field.name), Cow::Borrowed(field.wire));
        }
        let mut name = String::new();
        let mut wire = String::new();
        for (n, w) in &self.path {
            name.push_str(n);
            name.push('.');
            wire.push_str(w);
            wire.push('.');
        }
        name.push_str(field.name);
        wire.push_str(field.wire);
        (name.into(), wire.into())
    }
}

/// Joins already collected violations with the outcome of further checks.
///
/// # Errors
/// The violations of both, the first ones first; a field that already failed is not reported again, nor is
/// what lies inside it.
pub fn merge(first: Vec<Violation>, then: Result<(), Violations>) -> Result<(), Violations> {
    let mut all = first;
    if let Err(more) = then {
        for violation in more {
            let known = |v: &Violation| {
                violation
                    .field
                    .strip_prefix(&*v.field)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if !all.iter().any(known) {
                all.push(violation);
            }
        }
    }
    if all.is_empty() { Ok(()) } else { Err(Violations(all)) }
}

/// The checks of one text; the first rule broken ends them.
#[derive(Debug)]
pub struct Text<'c, 'v> {
    checks: &'c mut Checks,
    field: Field,
    value: &'v str,
    item: Option<usize>,
    code: Option<&'static str>,
    failed: bool,
}

impl Text<'_, '_> {
    /// The vendor's code for the violations that follow.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The text is this element of a list.
    #[must_use]
    #[inline]
    pub fn item(mut self, index: usize) -> Self {
        self.item = Some(index);
        self
    }

    /// An empty text counts as missing.
    #[must_use]
    #[inline]
    pub fn not_empty(self) -> Self {
        if self.value.is_empty() { self.fail(Rule::Required, "is required") } else { self }
    }

    /// Bounds of the length, inclusive.
    #[must_use]
    #[inline]
    pub fn length(self, unit: Unit, min: Option<usize>, max: Option<usize>) -> Self {
        let len = match unit {
            Unit::Bytes => self.value.len(),
            // More bytes than four times the limit are more characters than the limit: do not count them.
            Unit::Chars if max.is_some_and(|m| self.value.len() > m.saturating_mul(4)) => usize::MAX,
            // There are never more characters than bytes.
            Unit::Chars if min.is_none() && max.is_some_and(|m| self.value.len() <= m) => return self,
            Unit::Chars => self.value.chars().count(),
        };
        if min.is_some_and(|m| len < m) || max.is_some_and(|m| len > m) {
            let suffix = match unit {
                Unit::Bytes => " bytes long",
                Unit::Chars => " characters long",
            };
            return self.fail(Rule::Length, bounds("must be", min, max, suffix));
        }
        self
    }

    /// The whole text must satisfy `accepts`; `expected` says what that is.
    #[must_use]
    #[inline]
    pub fn pattern(self, accepts: fn(&str) -> bool, expected: &'static str) -> Self {
        if !self.failed && !accepts(self.value) {
            return self.fail(Rule::Pattern, format!("must be {expected}"));
        }
        self
    }

    fn fail(mut self, rule: Rule, message: impl Into<Cow<'static, str>>) -> Self {
        if !self.failed {
            self.failed = true;
            match self.item {
                Some(index) => self.checks.report_item(self.field, index, rule, self.code, message),
                None => self.checks.report(self.field, rule, self.code, message),
            }
        }
        self
    }

    /// Ends the checks of this text.
    #[inline]
    pub fn done(self) {}
}

fn bounds<T: fmt::Display>(verb: &str, min: Option<T>, max: Option<T>, suffix: &str) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{verb} {min} to {max}{suffix}"),
        (Some(min), None) => format!("{verb} at least {min}{suffix}"),
        (None, Some(max)) => format!("{verb} at most {max}{suffix}"),
        (None, None) => format!("{verb} anything{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Field = Field::new("archive_name", "archiveName");

    #[test]
    fn all_fields_are_reported_and_each_once() {
        let mut checks = Checks::new();
        checks.text(NAME, "").length(Unit::Chars, Some(1), Some(80)).pattern(|_| false, "x").done();
        checks.range(Field::new("duration", "duration"), 0, Some(1), Some(1440), None);
        checks.nested(Field::new("settings", "settings"), |c| {
            c.one_of(Field::new("mode", "Mode"), false, "group, lecture", Some("10019"));
        });
        let found: Vec<_> = checks.finish().unwrap_err().into_iter().collect();
        assert_eq!(
            found.iter().map(|v| v.rule).collect::<Vec<_>>(),
            [Rule::Length, Rule::Range, Rule::OneOf]
        );
        assert_eq!(found[2].field, "settings.mode");
        assert_eq!(found[2].wire, "settings.Mode");
        assert_eq!(found[2].code.as_deref(), Some("10019"));
    }

    #[test]
    fn length_counts_what_it_says() {
        for (unit, ok) in [(Unit::Chars, true), (Unit::Bytes, false)] {
            let mut checks = Checks::new();
            checks.text(NAME, "äöü").length(unit, None, Some(3)).done();
            assert_eq!(checks.finish().is_ok(), ok);
        }
    }

    #[test]
    fn patterns() {
        assert!(pattern::ipv4("12.34.56.78"));
        for bad in ["", "localhost", "256.1.1.1", "127.1", "01.2.3.4", " 1.2.3.4", "1.2.3.4\n", "::1"] {
            assert!(!pattern::ipv4(bad), "{bad:?}");
        }
        assert!(pattern::date_time("2024-02-29 23:59:59"));
        for bad in [
            "2023-02-29 00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01T00:00:00",
            "2024-1-01 00:00:00",
            "äääääääää",
        ] {
            assert!(!pattern::date_time(bad), "{bad:?}");
        }
        assert!(pattern::date("2026-11-22") && !pattern::date("2026-13-01"));
    }
}
