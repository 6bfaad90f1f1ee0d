//! Running one operation, and its outcome as the command line shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use rtc_core::transport::channel::SharedConnect;
use rtc_core::{
    Call, Error, ErrorKind, Operation, Reason, Revealed, Service, ServiceError, SharedClock, SharedStore,
    SharedTransport, Violation,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::input::Input;

/// Everything around one operation: who calls, where, by which clock and transport.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Run {
    /// Credentials by lower-case name (`api_key`), as given with the call.
    pub credentials: BTreeMap<String, String>,
    /// The base URL.
    pub endpoint: Option<String>,
    /// The total time limit.
    pub timeout: Option<Duration>,
    /// Exactly one attempt.
    pub no_retry: bool,
    /// Certificates trusted besides the platform's.
    pub root_certificate_pem: Option<Vec<u8>>,
    /// Hide the secrets of the answer, too.
    pub redact: bool,
    /// Further options by name (`server`, `origin`, `protocol`, `via`).
    pub options: Map<String, Value>,
    /// The clock.
    pub clock: Option<SharedClock>,
    /// The transport, where it is not the built-in one.
    pub transport: Option<SharedTransport>,
    /// The WebSocket connector, where it is not the built-in one.
    pub connector: Option<SharedConnect>,
    /// The store of claims.
    pub store: Option<SharedStore>,
    /// For conformance: the state before the call, as the case files name it.
    pub state: Value,
    /// For conformance: what the other side answers, where that is not an HTTP answer.
    pub answer: Value,
    /// Whether the environment's variables count.
    pub environment: bool,
}

impl Run {
    /// A run with the environment's credentials.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { environment: true, ..Self::default() }
    }

    /// A credential: as given with the call, or from the environment.
    pub(crate) fn credential(&self, name: &str, variable: &str) -> String {
        self.optional_credential(name, variable).unwrap_or_default()
    }

    /// The same, where it may be missing.
    pub(crate) fn optional_credential(&self, name: &str, variable: &str) -> Option<String> {
        let from_environment = || std::env::var(variable).ok().filter(|_| self.environment);
        self.credentials.get(name).cloned().or_else(from_environment)
    }

    /// The base URL: as given, or from the environment.
    pub(crate) fn base(&self, variable: &str) -> Option<String> {
        self.endpoint.clone().or_else(|| std::env::var(variable).ok().filter(|_| self.environment))
    }

    /// An option as text.
    #[allow(dead_code, reason = "not every provider has options")]
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_str()
    }

    /// Runs a call over HTTP, unless its input is faulty.
    pub(crate) async fn call<S, O>(&self, call: Call<S, O>, input: Input) -> Outcome
    where
        S: Service,
        O: Operation<S>,
        O::Output: Serialize,
    {
        let faults = input.finish();
        if !faults.is_empty() {
            let all = rtc_core::validate::merge(faults, call.operation().validate());
            return match all {
                Err(violations) => self.failed(&Error::<S::Error>::from(violations)),
                Ok(()) => Outcome::default(),
            };
        }
        match call.reply().await {
            Ok(reply) => self.done(
                &reply.output,
                Some(reply.status.as_u16()),
                reply.request_id.as_deref(),
                reply.attempts,
            ),
            Err(error) => self.failed(&error),
        }
    }

    /// The outcome of a local operation.
    pub(crate) fn local<T: Serialize, E: ServiceError>(&self, result: Result<T, Error<E>>) -> Outcome {
        match result {
            Ok(output) => self.done(&output, None, None, 0),
            Err(error) => self.failed(&error),
        }
    }

    pub(crate) fn done(
        &self,
        output: &impl Serialize,
        status: Option<u16>,
        request_id: Option<&str>,
        attempts: u32,
    ) -> Outcome {
        let output =
            if self.redact { serde_json::to_value(output) } else { serde_json::to_value(Revealed(output)) };
        match output {
            Ok(output) => Outcome {
                kind: None,
                sent: attempts > 0,
                body: json!({ "ok": true, "output": output, "status": status, "request_id": request_id, "attempts": attempts }),
                ..Outcome::default()
            },
            Err(error) => Outcome::internal(&error.to_string()),
        }
    }

    /// The outcome of a failed call.
    pub(crate) fn failed<E: ServiceError>(&self, error: &Error<E>) -> Outcome {
        let violations: Vec<Value> = match error.reason() {
            Reason::Validation(violations) => violations.iter().map(violation).collect(),
            Reason::Endpoint(endpoint) => {
                let field = rtc_core::validate::Field::new("endpoint", "endpoint");
                vec![violation(&endpoint.to_violation(field))]
            }
            _ => Vec::new(),
        };
        let code =
            error.code().map(|code| code.parse::<i64>().map_or_else(|_| json!(code), |number| json!(number)));
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Outcome {
            kind: Some(error.kind()),
            sent: error.was_sent(),
            body: json!({ "ok": false, "error": {
                "kind": error.kind().as_str(),
                "message": error.to_string(),
                "violations": violations,
                "status": error.status().map(|s| s.as_u16()),
                "code": code,
                "detail": error.detail(),
                "causes": causes,
                "request_id": error.request_id(),
                "retry_after_ms": error.retry_after().map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
                "retryable": error.is_retryable(),
                "attempts": error.attempts(),
                "was_sent": error.was_sent(),
            }}),
            ..Outcome::default()
        }
    }
}

/// A violation as JSON.
fn violation(violation: &Violation) -> Value {
    let code =
        violation.code.as_deref().map(|c| c.parse::<i64>().map_or_else(|_| json!(c), |number| json!(number)));
    json!({
        "field": violation.field,
        "wire": violation.wire,
        "rule": violation.rule.as_str(),
        "code": code,
        "message": violation.message,
    })
}

/// What came of an operation.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// The kind of the error; `None` when it is done.
    pub kind: Option<ErrorKind>,
    /// Whether anything may have been sent.
    pub sent: bool,
    /// The result as JSON, as the command line prints it.
    pub body: Value,
    /// For conformance: the frames that a live connection sent.
    pub frames: Vec<Value>,
    /// For conformance: the events that it reported.
    pub events: Vec<Value>,
    /// For conformance: what became of each pending call, by id.
    pub outcomes: Map<String, Value>,
}

impl Outcome {
    /// A refusal of the command line itself.
    #[must_use]
    pub fn usage(field: &'static str, message: impl Into<String>) -> Self {
        let found = Violation::new(field, field, rtc_core::Rule::Pattern, message.into());
        Self {
            kind: Some(ErrorKind::InvalidInput),
            body: json!({ "ok": false, "error": {
                "kind": "invalid_input", "message": found.to_string(), "violations": [violation(&found)], "was_sent": false,
            }}),
            ..Self::default()
        }
    }

    fn internal(message: &str) -> Self {
        Self {
            kind: Some(ErrorKind::Other),
            body: json!({ "ok": false, "error": { "kind": "other", "message": message, "violations": [], "was_sent": false } }),
            ..Self::default()
        }
    }

    /// Whether the operation was done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.kind.is_none()
    }

    /// The exit status of the command line.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            None => 0,
            Some(ErrorKind::InvalidInput) if !self.sent => 2,
            Some(ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Closed) => {
                4
            }
            Some(ErrorKind::Protocol) => 5,
            Some(ErrorKind::Other) => 1,
            Some(_) => 3,
        }
    }
}
