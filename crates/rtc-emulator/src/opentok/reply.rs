//! Answers and refusals in the shapes of the service.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::provider::json as json_response;

/// A refusal: status and message.
pub(super) type Refusal = (StatusCode, String);

/// What an operation answers.
pub(super) enum Reply {
    Json(StatusCode, Value),
    Xml(String),
    Empty(StatusCode),
}

pub(super) type Outcome = Result<Reply, Refusal>;

pub(super) fn refuse(status: StatusCode, message: impl Into<String>) -> Refusal {
    (status, message.into())
}

pub(super) fn bad(message: impl Into<String>) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, message)
}

pub(super) fn missing(what: &str, id: &str) -> Refusal {
    refuse(StatusCode::NOT_FOUND, format!("there is no {what} {id:?} in this project"))
}

pub(super) fn conflict(message: impl Into<String>) -> Refusal {
    refuse(StatusCode::CONFLICT, message)
}

pub(super) fn ok(value: Value) -> Outcome {
    Ok(Reply::Json(StatusCode::OK, value))
}

pub(super) fn done() -> Outcome {
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}

impl Reply {
    pub(super) fn render(self) -> Response<Full<Bytes>> {
        match self {
            Self::Json(status, value) => json_response(status, &value),
            Self::Xml(text) => xml(StatusCode::OK, text),
            Self::Empty(status) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = status;
                response
            }
        }
    }
}

/// A refusal as JSON, or as the XML that callers without an `Accept` for JSON get.
pub(super) fn render_refusal((status, message): Refusal, as_xml: bool) -> Response<Full<Bytes>> {
    if as_xml {
        let message = escape(&message);
        return xml(
            status,
            format!("{XML_HEAD}<errorPayload><code>-1</code><message>{message}</message></errorPayload>"),
        );
    }
    json_response(status, &json!({ "code": -1, "message": message, "description": message }))
}

pub(super) const XML_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

fn xml(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
