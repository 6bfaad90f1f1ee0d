//! Running one operation, and its outcome as the command line shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rtc_core::transport::channel::SharedConnect;
use rtc_core::{
    Call, Error, ErrorKind, Operation, Paged, Reason, Revealed, Service, ServiceError, SharedClock,
    SharedStore, SharedTransport, Violation,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::input::Input;

/// Everything around one operation: who calls, where, by which clock and transport.
#[derive(Clone, Default)]
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
    /// Of a list, all pages instead of one.
    pub all: bool,
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

/// Without credentials, and without what may hold some: the endpoint, the state of a case.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("credentials", &self.credentials.keys().collect::<Vec<_>>())
            .field("timeout", &self.timeout)
            .field("no_retry", &self.no_retry)
            .field("redact", &self.redact)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
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
        self.credentials.get(name).cloned().or_else(|| self.variable(variable))
    }

    /// The base URL: as given, or from the environment.
    pub(crate) fn base(&self, variable: &str) -> Option<String> {
        self.endpoint.clone().or_else(|| self.variable(variable))
    }

    /// A variable of the environment, where that counts; an empty one is unset.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        if self.environment { rtc_core::env(name) } else { None }
    }

    /// Takes the certificates that the environment names, unless others are given: AWS tools read them
    /// from the file in `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn trust_environment(&mut self, provider: &str) -> Result<(), Outcome> {
        if provider != "kvs-signaling" || self.root_certificate_pem.is_some() {
            return Ok(());
        }
        if let Some(path) = self.variable("AWS_CA_BUNDLE") {
            let pem = std::fs::read(&path)
                .map_err(|e| Outcome::usage("AWS_CA_BUNDLE", format!("{path} cannot be read: {e}")))?;
            self.root_certificate_pem = Some(pem);
        }
        Ok(())
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
        if !faults.is_empty()
            && let Err(violations) = rtc_core::validate::merge(faults, call.operation().validate())
        {
            return self.failed(&Error::<S::Error>::from(violations));
        }
        // Some operations wait longer than a client does, but not longer than they were told to.
        let call = match self.timeout {
            Some(limit) => call.timeout(limit),
            None => call,
        };
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

    /// Runs a call that answers a page of a list; with `all`, the calls of all pages.
    pub(crate) async fn list<S, O>(&self, call: Call<S, O>, input: Input) -> Outcome
    where
        S: Service,
        O: Paged<S>,
        O::Output: Serialize,
        O::Item: Serialize,
    {
        if !self.all {
            return self.call(call, input).await;
        }
        if let Err(violations) = input.check(call.operation().validate()) {
            return self.failed(&Error::<S::Error>::from(violations));
        }
        let (mut items, mut requests) = (Vec::new(), 0);
        let mut pages = call.pages();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => items.extend(O::items(page)),
                Err(error) => return self.failed(&error),
            }
            requests += 1;
        }
        self.done(&All { count: items.len(), items }, Some(200), None, requests)
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
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let refused = matches!(error.reason(), Reason::Service(_) | Reason::Refused(_));
        let outcome = Failure {
            message: error.to_string(),
            violations,
            status: error.status().map(|s| s.as_u16()),
            code: error.code().map(|code| number_or_text(&code)),
            detail: error.detail().map(str::to_owned),
            causes,
            request_id: error.request_id().map(str::to_owned),
            retry_after_ms: error.retry_after().map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
            retryable: error.is_retryable(),
            attempts: error.attempts(),
            was_sent: error.was_sent(),
            kind: "",
        };
        Outcome { refused, ..outcome.of(error.kind()) }
    }
}

/// A whole list; the attempts beside it count its pages.
#[derive(Serialize)]
struct All<T> {
    count: usize,
    items: Vec<T>,
}

/// An error as JSON. Every error has every member, whoever found it.
#[derive(Default, Serialize)]
struct Failure {
    kind: &'static str,
    message: String,
    violations: Vec<Value>,
    status: Option<u16>,
    code: Option<Value>,
    detail: Option<String>,
    causes: Vec<String>,
    request_id: Option<String>,
    retry_after_ms: Option<u64>,
    retryable: bool,
    attempts: u32,
    was_sent: bool,
}

impl Failure {
    fn of(mut self, kind: ErrorKind) -> Outcome {
        self.kind = kind.as_str();
        let body = json!({ "ok": false, "error": self });
        Outcome { kind: Some(kind), sent: self.was_sent, body, ..Outcome::default() }
    }
}

/// A code of digits as the number that it is.
fn number_or_text(code: &str) -> Value {
    code.parse::<i64>().map_or_else(|_| json!(code), |number| json!(number))
}

/// A violation as JSON.
fn violation(violation: &Violation) -> Value {
    let code = violation.code.as_deref().map(number_or_text);
    json!({
        "field": violation.field,
        "wire": violation.wire,
        "rule": violation.rule.as_str(),
        "code": code,
        "message": violation.message,
    })
}

/// What came of an operation.
#[derive(Default)]
#[non_exhaustive]
pub struct Outcome {
    /// The kind of the error; `None` when it is done.
    pub kind: Option<ErrorKind>,
    /// Whether anything may have been sent.
    pub sent: bool,
    /// Whether the provider refused, or a local rule of it: not a fault of ours.
    pub refused: bool,
    /// Whether there is no such provider or operation.
    pub unsupported: bool,
    /// The result as JSON, as the command line prints it.
    pub body: Value,
    /// For conformance: the frames that a live connection sent.
    pub frames: Vec<Value>,
    /// For conformance: the events that it reported.
    pub events: Vec<Value>,
    /// For conformance: what became of each pending call, by id.
    pub outcomes: Map<String, Value>,
}

/// Without the result, which holds the secrets of the answer.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("kind", &self.kind)
            .field("sent", &self.sent)
            .field("refused", &self.refused)
            .field("unsupported", &self.unsupported)
            .finish_non_exhaustive()
    }
}

impl Outcome {
    /// A refusal of the command line itself.
    #[must_use]
    pub fn usage(field: &'static str, message: impl Into<String>) -> Self {
        Self::refused(&[Violation::new(field, field, rtc_core::Rule::Pattern, message.into())])
    }

    /// The same, with everything that is wrong.
    #[must_use]
    pub fn refused(found: &[Violation]) -> Self {
        let message = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let violations = found.iter().map(violation).collect();
        Failure { message, violations, ..Failure::default() }.of(ErrorKind::InvalidInput)
    }

    /// There is no such provider or operation.
    pub(crate) fn unknown(field: &'static str, message: impl Into<String>) -> Self {
        Self { unsupported: true, ..Self::usage(field, message) }
    }

    fn internal(message: &str) -> Self {
        Failure { message: message.to_owned(), ..Failure::default() }.of(ErrorKind::Other)
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
            Some(ErrorKind::Other) if !self.refused => 1,
            Some(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_every_member() {
        let wanted = [
            "kind",
            "message",
            "violations",
            "status",
            "code",
            "retry_after_ms",
            "was_sent",
            "attempts",
            "detail",
            "causes",
            "request_id",
            "retryable",
        ];
        let run = Run::default();
        let timeout = opentok::Error::new(Reason::Timeout(Duration::from_secs(1)));
        for outcome in [Outcome::usage("x", "is wrong"), Outcome::internal("x"), run.failed(&timeout)] {
            for name in wanted {
                assert!(outcome.body["error"].get(name).is_some(), "{name} of {}", outcome.body);
            }
        }
    }

    #[test]
    fn the_secrets_of_an_answer_are_not_in_debug() {
        let outcome = Run::default().done(&json!({ "token": "canary" }), None, None, 0);
        assert!(!format!("{outcome:?}").contains("canary"));
        assert!(outcome.body.to_string().contains("canary"));
    }

    #[test]
    fn a_refusal_of_any_kind_ends_with_3() {
        let other = Failure::default().of(ErrorKind::Other);
        assert_eq!(other.exit_code(), 1);
        assert_eq!(Outcome { refused: true, ..other }.exit_code(), 3);
        assert_eq!(Failure::default().of(ErrorKind::Conflict).exit_code(), 3);
        assert_eq!(Failure::default().of(ErrorKind::InvalidInput).exit_code(), 2);
    }
}
