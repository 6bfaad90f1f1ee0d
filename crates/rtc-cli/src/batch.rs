//! `rtc batch`: operations as JSON lines in, results as JSON lines out.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use rtc_core::SharedClock;
use rtc_emulator::time::parse_rfc3339;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clock::FixedClock;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// One line of a batch.
#[derive(Debug, Clone, Default, Deserialize)]
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
    /// Credentials by lower-case name.
    pub credentials: BTreeMap<String, String>,
    /// The instant that fixes the clock, RFC 3339 in UTC.
    pub now: Option<String>,
    /// `timeout_ms`, `retry`, and a provider's own options.
    pub options: Map<String, Value>,
}

impl Line {
    /// Applies the line to a run.
    ///
    /// # Errors
    /// When `now` or an option cannot be read.
    pub fn apply(&self, run: &mut Run) -> Result<(), Outcome> {
        run.credentials.clone_from(&self.credentials);
        run.endpoint = self.endpoint.clone().or(run.endpoint.take());
        if let Some(now) = &self.now {
            let instant = parse_rfc3339(now)
                .ok_or_else(|| Outcome::usage("now", "must be an instant like 2026-01-01T00:00:00Z"))?;
            run.clock = Some(SharedClock::new(FixedClock(instant)));
        }
        if let Some(limit) = self.options.get("timeout_ms") {
            let limit = limit
                .as_u64()
                .ok_or_else(|| Outcome::usage("options.timeout_ms", "must be a whole number"))?;
            run.timeout = Some(Duration::from_millis(limit));
        }
        run.no_retry = self.options.get("retry") == Some(&Value::Bool(false));
        run.options.clone_from(&self.options);
        Ok(())
    }
}

/// Runs one operation.
pub async fn run(provider: &str, operation: &str, input: Value, run: &Run) -> Outcome {
    crate::providers::run(provider, &operation.replace('-', "_"), Input::new(input), run).await
}

/// Runs one line.
pub async fn run_line(line: Line, mut around: Run) -> Outcome {
    if let Err(outcome) = line.apply(&mut around) {
        return outcome;
    }
    run(&line.provider, &line.operation, line.input, &around).await
}

/// Reads lines, writes one result line each, in order.
///
/// # Errors
/// When reading or writing fails.
pub async fn stream(input: impl BufRead, mut output: impl Write, redact: bool) -> std::io::Result<()> {
    for text in input.lines() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let (id, outcome) = match serde_json::from_str::<Line>(&text) {
            Ok(line) => {
                let around = Run { redact, ..Run::from_environment() };
                (line.id.clone(), run_line(line, around).await)
            }
            Err(error) => {
                let id = serde_json::from_str::<Value>(&text).ok().and_then(|v| v.get("id").cloned());
                let id = id.unwrap_or_default();
                (id, Outcome::usage("line", format!("is not a line of a batch: {error}")))
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
