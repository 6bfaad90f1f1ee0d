//! A tracing span per call, with the OpenTelemetry names of HTTP clients: no bodies, no secrets.

use std::future::Future;

use bytes::Bytes;
use http::Request;
use tracing::Instrument as _;
use url::Url;

use crate::error::{Error, ServiceError};
use crate::reply::Reply;

/// Runs a call inside its span.
pub(crate) async fn call<T, E: ServiceError>(
    base: &Url,
    operation: &'static str,
    run: impl Future<Output = Result<Reply<T>, Error<E>>>,
) -> Result<Reply<T>, Error<E>> {
    let span = tracing::info_span!(
        "rtc.call",
        otel.kind = "client",
        rtc.operation = operation,
        http.request.method = tracing::field::Empty,
        server.address = base.host_str().unwrap_or_default(),
        server.port = base.port_or_known_default(),
        http.response.status_code = tracing::field::Empty,
        http.request.resend_count = tracing::field::Empty,
        error.r#type = tracing::field::Empty,
    );
    let result = run.instrument(span.clone()).await;
    let (status, attempts) = match &result {
        Ok(reply) => (Some(reply.status), reply.attempts),
        Err(error) => {
            span.record("error.type", error.kind().as_str());
            (error.status(), error.attempts())
        }
    };
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    span.record("http.request.resend_count", attempts.saturating_sub(1));
    result
}

/// Records where an attempt really goes: calls of one client may go to several hosts.
pub(crate) fn attempt(request: &Request<Bytes>) {
    let (span, uri) = (tracing::Span::current(), request.uri());
    let known = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    span.record("http.request.method", request.method().as_str());
    span.record("server.address", uri.host().unwrap_or_default());
    span.record("server.port", uri.port_u16().unwrap_or(known));
}
