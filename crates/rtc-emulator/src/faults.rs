//! Rules that make a provider misbehave.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{bounds::PAST, ids::Ids};

/// One rule. Of all rules that match a call, the first that is due is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// Its name; given by the emulator if empty. A rule of the same name is replaced.
    #[serde(default)]
    pub id: String,
    /// Only this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Only this operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only the n-th call that matches, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Only each so-many-th call that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At most this often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only with this probability, from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What happens.
    pub action: Action,
}

/// What a fault does, tagged by `kind`. Unless told otherwise the provider did act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Answers this; the provider does not act.
    Status {
        /// HTTP status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// A text is sent as it is, anything else as JSON, null as nothing.
        #[serde(default)]
        body: Value,
    },
    /// Acts at once and holds the answer back, on the emulator's clock.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Closes the connection.
    Drop {
        /// When.
        when: DropWhen,
    },
    /// Closes the connection after so many bytes of the body (no effect on a shorter one).
    Truncate {
        /// Bytes.
        bytes: u64,
    },
    /// Sends the body slowly, on the emulator's clock.
    Slow {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Sends bytes without meaning for a body, under the true status and content type.
    Garbage,
    /// Sends a body of this size, under the true status and content type.
    Huge {
        /// Bytes.
        bytes: u64,
    },
    /// Sends elsewhere; the provider does not act.
    Redirect {
        /// Where to.
        location: String,
        /// HTTP status, 307 unless told.
        #[serde(default = "temporary_redirect")]
        status: u16,
    },
    /// Refuses with `Retry-After`; the provider does not act.
    RetryAfter {
        /// HTTP status, 429 unless told.
        #[serde(default = "too_many_requests")]
        status: u16,
        /// Seconds or an HTTP date.
        value: RetryAfter,
    },
    /// The provider's clock is wrong by this much, and so is the `Date` of the answer.
    ClockSkew {
        /// Seconds, negative for late.
        seconds: i64,
    },
    /// The error page of a proxy; the provider does not act.
    Html {
        /// HTTP status.
        status: u16,
    },
}

/// When the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropWhen {
    /// The request was read, the provider did not act.
    Before,
    /// The provider acted, part of the status line was sent.
    DuringHeaders,
    /// The provider acted, half of the body was sent (of an empty one: part of the head).
    DuringBody,
    /// The provider acted, nothing was sent.
    After,
}

/// The value of `Retry-After`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// An HTTP date, or anything else to be sent as it is.
    Text(String),
}

impl std::fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

fn temporary_redirect() -> u16 {
    307
}

fn too_many_requests() -> u16 {
    429
}

impl Fault {
    /// A rule for every call of every provider.
    pub fn new(action: Action) -> Self {
        let (id, none) = (String::new(), None);
        Self {
            id,
            provider: None,
            operation: None,
            nth: none,
            every: none,
            times: none,
            probability: None,
            action,
        }
    }

    /// Its name, by which it can be replaced and removed; empty, the default, lets the emulator name it.
    #[must_use]
    pub fn id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// Only this provider.
    #[must_use]
    pub fn provider(self, provider: impl Into<String>) -> Self {
        Self { provider: Some(provider.into()), ..self }
    }

    /// Only this operation.
    #[must_use]
    pub fn operation(self, operation: impl Into<String>) -> Self {
        Self { operation: Some(operation.into()), ..self }
    }

    /// Only the n-th matching call, counted from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { nth: Some(nth), ..self }
    }

    /// Only each n-th matching call, at least 1.
    #[must_use]
    pub fn every(self, every: u64) -> Self {
        Self { every: Some(every), ..self }
    }

    /// Only with this probability, 0 to 1; the same calls under the same seed meet the same faults.
    #[must_use]
    pub fn probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }

    /// At most this often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    fn validate(&self) -> Result<(), String> {
        let status = |status: u16| {
            // Interim answers (1xx) are hyper's own.
            let fine = (200..1000).contains(&status) && StatusCode::from_u16(status).is_ok();
            if fine { Ok(()) } else { Err(format!("{status} is no status that can be answered")) }
        };
        let value = |text: &str| match HeaderValue::from_str(text) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{text:?} is no header value")),
        };
        if self.nth == Some(0) || self.every == Some(0) {
            return Err("nth and every count from 1".into());
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("probability is 0 to 1".into());
        }
        match &self.action {
            Action::Status { status: code, headers, .. } => {
                status(*code)?;
                headers.iter().try_for_each(|(name, text)| {
                    HeaderName::try_from(name).map_err(|_| format!("{name:?} is no header name"))?;
                    value(text)
                })
            }
            Action::Redirect { status: code, location } => status(*code).and_then(|()| value(location)),
            Action::RetryAfter { status: code, value: text } => {
                status(*code).and_then(|()| value(&text.to_string()))
            }
            Action::Html { status: code } => status(*code),
            Action::Slow { bytes_per_second: 0 } => Err("bytes_per_second is at least 1".into()),
            _ => Ok(()),
        }
    }
}

/// A rule and how often it was met.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Armed {
    /// The rule.
    #[serde(flatten)]
    pub fault: Fault,
    /// Calls that matched.
    pub seen: u64,
    /// Calls it was applied to.
    pub fired: u64,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    rules: Vec<Armed>,
}

impl State {
    /// Whether so many more may come: every call is held against every rule.
    fn has_room(&self, more: usize) -> Result<(), String> {
        match self.rules.len().saturating_add(more) {
            0..=PAST => Ok(()),
            _ => Err(format!("there can be {PAST} rules: remove some with DELETE /_emulator/faults")),
        }
    }

    /// Adds a valid rule, in the place of the one of its name, and gives its id.
    fn add(&mut self, mut fault: Fault) -> String {
        while fault.id.is_empty() {
            self.next += 1;
            let id = format!("f{}", self.next);
            if !self.rules.iter().any(|rule| rule.fault.id == id) {
                fault.id = id;
            }
        }
        let id = fault.id.clone();
        let armed = Armed { fault, seen: 0, fired: 0 };
        match self.rules.iter_mut().find(|rule| rule.fault.id == id) {
            Some(rule) => *rule = armed,
            None => self.rules.push(armed),
        }
        id
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule and gives its id. There can be 10,000.
    ///
    /// # Errors
    /// Says what is wrong with the rule, or that there are too many.
    pub fn add(&self, fault: Fault) -> Result<String, String> {
        fault.validate()?;
        let mut state = self.state();
        state.has_room(1)?;
        Ok(state.add(fault))
    }

    /// Adds all of the rules, or none when one of them is wrong, and gives their ids.
    ///
    /// # Errors
    /// Says which rule is wrong (counted from 1), and how, or that there would be more than 10,000.
    pub fn add_all(&self, faults: Vec<Fault>) -> Result<Vec<String>, String> {
        for (i, fault) in faults.iter().enumerate() {
            fault.validate().map_err(|error| format!("rule {}: {error}", i + 1))?;
        }
        let mut state = self.state();
        state.has_room(faults.len())?;
        Ok(faults.into_iter().map(|fault| state.add(fault)).collect())
    }

    /// All rules.
    pub fn list(&self) -> Vec<Armed> {
        self.state().rules.clone()
    }

    /// Removes a rule; false if there is none of that id.
    pub fn remove(&self, id: &str) -> bool {
        let mut state = self.state();
        let before = state.rules.len();
        state.rules.retain(|rule| rule.fault.id != id);
        state.rules.len() < before
    }

    /// Removes all rules.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// The fault for one call. Every matching rule counts the call.
    pub(crate) fn pick(
        &self,
        provider: Option<&str>,
        operation: Option<&str>,
        chance: &Ids,
    ) -> Option<Fault> {
        let mut picked = None;
        for Armed { fault, seen, fired } in &mut self.state().rules {
            let wanted = |wish: &Option<String>, is: Option<&str>| wish.is_none() || wish.as_deref() == is;
            if !wanted(&fault.provider, provider) || !wanted(&fault.operation, operation) {
                continue;
            }
            *seen += 1;
            let due = fault.nth.is_none_or(|n| *seen == n)
                && fault.every.is_none_or(|n| seen.is_multiple_of(n))
                && fault.times.is_none_or(|n| *fired < n);
            if picked.is_none() && due && fault.probability.is_none_or(|p| chance.chance(p)) {
                *fired += 1;
                picked = Some(fault.clone());
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(fault: Fault, calls: usize) -> Vec<usize> {
        let (faults, ids) = (Faults::default(), Ids::new(1));
        faults.add(fault).unwrap();
        (1..=calls).filter(|_| faults.pick(Some("p"), Some("o"), &ids).is_some()).collect()
    }

    #[test]
    fn when_a_rule_is_due() {
        let any = Fault::new(Action::Garbage);
        assert_eq!(fired(any.clone(), 3), [1, 2, 3]);
        assert_eq!(fired(any.clone().nth(2), 4), [2]);
        assert_eq!(fired(any.clone().every(2), 5), [2, 4]);
        assert_eq!(fired(any.clone().times(1), 3), [1]);
        assert!(fired(any.clone().provider("q"), 3).is_empty());
        assert_eq!(fired(any.clone().provider("p").operation("o"), 1), [1]);
        let some = fired(any.clone().probability(0.5), 100);
        assert!((20..80).contains(&some.len()));
        assert_eq!(some, fired(any.probability(0.5), 100));
    }

    #[test]
    fn rules_are_checked_and_named() {
        let faults = Faults::default();
        let parse = |text| serde_json::from_str::<Fault>(text);
        for bad in [
            r#"{"nth":0,"action":{"kind":"garbage"}}"#,
            r#"{"probability":2,"action":{"kind":"garbage"}}"#,
            r#"{"action":{"kind":"status","status":99}}"#,
            r#"{"action":{"kind":"status","status":200,"headers":{"a b":"c"}}}"#,
            r#"{"action":{"kind":"slow","bytes_per_second":0}}"#,
            r#"{"action":{"kind":"redirect","location":"\n"}}"#,
        ] {
            assert!(faults.add(parse(bad).unwrap()).is_err(), "{bad}");
        }
        assert!(parse(r#"{"action":{"kind":"nonsense"}}"#).is_err());
        assert!(parse(r#"{"action":{"kind":"garbage"},"oops":1}"#).is_err());
        let retry = parse(r#"{"id":"r","action":{"kind":"retry_after","value":3}}"#).unwrap();
        assert_eq!(faults.add(retry.clone()), Ok("r".into()));
        assert_eq!(faults.add(retry), Ok("r".into()));
        assert_eq!(faults.add(Fault::new(Action::Garbage)), Ok("f1".into()));
        assert_eq!(faults.list().len(), 2);
        assert!(faults.remove("r") && !faults.remove("r"));
        let half = vec![Fault::new(Action::Garbage).id("good"), Fault::new(Action::Garbage).nth(0)];
        assert!(faults.add_all(half).unwrap_err().starts_with("rule 2: "));
        assert!(
            faults.list().iter().all(|rule| rule.fault.id != "good"),
            "a list is taken whole or not at all"
        );
        let armed = faults.list().remove(0);
        faults.state().rules.resize(PAST, armed);
        let full = faults.add(Fault::new(Action::Garbage)).unwrap_err();
        assert!(full.contains("10000 rules"), "{full}");
        assert_eq!(faults.add_all(vec![Fault::new(Action::Garbage)]), Err(full));
    }
}
