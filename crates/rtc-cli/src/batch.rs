//! `rtc batch`: operations as JSON lines in, results as JSON lines out.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Write};

use rtc_core::SharedClock;
use rtc_emulator::time::parse_rfc3339;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::clock::FixedClock;
use crate::input::Input;
use crate::outcome::{Outcome, Run};
use crate::{catalogue, options};

/// One line of a batch.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Line {
    /// Given back with the result.
    pub id: Value,
    /// The provider.
    pub provider: String,
    /// The operation, in snake case or kebab case.
    pub operation: String,
    /// Its input.
    pub input: Value,
    /// The base URL.
    pub endpoint: Option<String>,
    /// Credentials by lower-case name; a number counts as its text.
    #[serde(deserialize_with = "credentials")]
    pub credentials: BTreeMap<String, String>,
    /// The instant that fixes the clock, RFC 3339 in UTC.
    pub now: Option<String>,
    /// `timeout_ms`, `retry`, and the provider's own options.
    pub options: Map<String, Value>,
}

/// Without the input and the credentials: both may hold secrets.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("operation", &self.operation)
            .field("credentials", &self.credentials.keys().collect::<Vec<_>>())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

fn credentials<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let given = Map::<String, Value>::deserialize(deserializer)?;
    options::credentials(given).map_err(|_| D::Error::custom("credentials must be texts"))
}

impl Line {
    /// Applies the line to a run.
    ///
    /// # Errors
    /// When `now` cannot be read; an unknown option, or one with a bad value.
    pub fn apply(&self, run: &mut Run) -> Result<(), Outcome> {
        run.credentials.clone_from(&self.credentials);
        run.endpoint = self.endpoint.clone().or(run.endpoint.take());
        if let Some(now) = &self.now {
            let instant = parse_rfc3339(now)
                .ok_or_else(|| Outcome::usage("now", "must be an instant like 2026-01-01T00:00:00Z"))?;
            run.clock = Some(SharedClock::new(FixedClock(instant)));
        }
        options::apply(&self.provider, &self.options, run)
    }
}

/// Runs one operation.
pub async fn run(provider: &str, operation: &str, input: Value, run: &Run) -> Outcome {
    crate::providers::run(provider, &operation.replace('-', "_"), Input::new(input), run).await
}

/// Runs one line. Only what the catalogue lists can be called: what else [`run`] knows is for the case files.
pub async fn run_line(line: Line, mut around: Run) -> Outcome {
    let operation = line.operation.replace('-', "_");
    if let Err(refused) = known(&line.provider, &operation) {
        return refused;
    }
    let applied = line.apply(&mut around).and_then(|()| around.trust_environment(&line.provider));
    if let Err(refused) = applied {
        return refused;
    }
    run(&line.provider, &operation, line.input, &around).await
}

fn known(provider: &str, operation: &str) -> Result<(), Outcome> {
    if !catalogue::PROVIDERS.iter().any(|(name, _)| *name == provider) {
        return Err(Outcome::unknown("provider", format!("there is no provider {provider:?}")));
    }
    match catalogue::find(provider, operation) {
        Some(_) => Ok(()),
        None => Err(Outcome::unknown("operation", format!("{provider} has no operation {operation:?}"))),
    }
}

/// A line that is none: where and of which kind the mistake is, but not what stands there, for that may be
/// a secret.
fn malformed(number: usize, error: &serde_json::Error) -> Outcome {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Data => {
            "is JSON, but not a line of a batch: an object with id, provider, operation, input, endpoint, \
             credentials (texts), now, options (object)"
        }
        _ => "is not JSON",
    };
    Outcome::usage("line", format!("line {number}, column {}: {what}", error.column()))
}

/// Reads lines, writes one result line each, in order.
///
/// # Errors
/// When reading or writing fails.
pub async fn stream(input: impl BufRead, mut output: impl Write, redact: bool) -> std::io::Result<()> {
    for (number, text) in (1..).zip(input.lines()) {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let (id, outcome) = match serde_json::from_str::<Line>(&text) {
            Ok(line) => {
                let around = Run { redact, ..Run::from_environment() };
                (line.id.clone(), Box::pin(run_line(line, around)).await)
            }
            Err(error) => {
                let id = serde_json::from_str::<Value>(&text).ok().and_then(|v| v.get("id").cloned());
                let id = id.unwrap_or_default();
                (id, malformed(number, &error))
            }
        };
        let mut result = json!({ "id": id });
        if let (Value::Object(result), Value::Object(body)) = (&mut result, outcome.body) {
            result.extend(body);
        }
        writeln!(output, "{result}")?;
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn results(lines: &str) -> Vec<Value> {
        let mut out = Vec::new();
        stream(lines.as_bytes(), &mut out, false).await.unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_malformed_line_shows_nothing_of_itself() {
        let lines = concat!(
            "{\"id\":1,\"credentials\":\"canary\"}\n",
            "{\"id\":2,\"canary\":1}\n",
            "{\"id\":3,\"credentials\":{\"api_secret\":[\"canary\"]}}\n",
            "\n",
            "{\"id\":4, canary\n",
        );
        let results = results(lines).await;
        assert_eq!(results.len(), 4);
        for (result, at) in results.iter().zip(["line 1,", "line 2,", "line 3,", "line 5, column 10"]) {
            assert!(!result.to_string().contains("canary"), "{result}");
            let message = result["error"]["message"].as_str().unwrap();
            assert!(message.contains(at), "{message}");
        }
        assert_eq!(results[1]["id"], 2);
    }

    #[tokio::test]
    async fn what_is_only_for_case_files_cannot_be_called() {
        for (provider, operation) in [
            ("mediasfu", "pending_claim"),
            ("sora-rpc", "parse_response"),
            ("sora-rpc", "decode-frame"),
            ("sora-rpc", "apply_events"),
            ("opentok", "nothing"),
        ] {
            let line = Line { provider: provider.into(), operation: operation.into(), ..Line::default() };
            let outcome = run_line(line, Run::default()).await;
            assert!(outcome.unsupported, "{provider} {operation}: {}", outcome.body);
            assert_eq!(outcome.body["error"]["violations"][0]["field"], "operation");
        }
    }

    #[test]
    fn no_credential_is_shown_and_numbers_are_texts() {
        let line: Line =
            serde_json::from_str(r#"{"credentials":{"api_key":123456,"api_secret":"canary"}}"#).unwrap();
        assert_eq!(line.credentials["api_key"], "123456");
        let mut run = Run::default();
        line.apply(&mut run).unwrap();
        let shown = format!("{line:?} {run:?}");
        assert!(!shown.contains("canary") && !shown.contains("123456"), "{shown}");
    }
}
