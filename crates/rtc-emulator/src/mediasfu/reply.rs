//! What the service answers with, before it is written down.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::provider::json as answer;

/// An answer. A refusal is one, too.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content: Content,
    pub(super) headers: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub(super) enum Content {
    Json(Value),
    /// A text of another type.
    Text(&'static str, String),
    Empty,
}

/// A good answer, or a refusal.
pub(super) type Outcome = Result<Reply, Reply>;

impl Reply {
    pub(super) fn new(status: StatusCode, content: Content) -> Self {
        Self { status, content, headers: Vec::new() }
    }

    pub(super) fn with(mut self, header: &'static str, value: impl ToString) -> Self {
        self.headers.push((header, value.to_string()));
        self
    }

    /// `bom`: with a byte order mark in front of JSON.
    pub(super) fn render(self, bom: bool) -> Response<Full<Bytes>> {
        let mut response = match self.content {
            Content::Json(body) if bom => {
                answer(self.status, &body).map(|_| Full::new(Bytes::from(format!("\u{feff}{body}"))))
            }
            Content::Json(body) => answer(self.status, &body),
            Content::Text(kind, text) => {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                response
            }
            Content::Empty => Response::default(),
        };
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

pub(super) fn ok(body: Value) -> Outcome {
    Ok(Reply::new(StatusCode::OK, Content::Json(body)))
}

pub(super) fn created(body: Value) -> Outcome {
    Ok(Reply::new(StatusCode::CREATED, Content::Json(body)))
}

pub(super) fn refuse(status: StatusCode, message: impl Into<String>) -> Reply {
    let message: String = message.into();
    Reply::new(status, Content::Json(json!({ "error": message, "success": false })))
}

pub(super) fn bad(message: impl Into<String>) -> Reply {
    refuse(StatusCode::BAD_REQUEST, message)
}

pub(super) fn missing(message: impl Into<String>) -> Reply {
    refuse(StatusCode::NOT_FOUND, message)
}

pub(super) fn conflict(message: impl Into<String>) -> Reply {
    refuse(StatusCode::CONFLICT, message)
}

/// What Express answers to a body that is no JSON.
pub(super) fn express_error() -> Reply {
    let page = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Error</title></head><body><pre>SyntaxError</pre></body></html>\n";
    Reply::new(StatusCode::BAD_REQUEST, Content::Text("text/html; charset=utf-8", page.into()))
}
