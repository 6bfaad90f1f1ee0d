//! Refusals as the services word them.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::provider::json;

/// The services behind one listener. They differ in their statuses and in how they spell "message".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Control,
    Data,
    Storage,
    Socket,
}

impl Service {
    pub(super) fn of(operation: &str) -> Self {
        match operation {
            "get_ice_server_config" | "send_alexa_offer_to_master" => Self::Data,
            "join_storage_session" | "join_storage_session_as_viewer" => Self::Storage,
            "connect_as_master" | "connect_as_viewer" => Self::Socket,
            _ => Self::Control,
        }
    }
}

/// How the type of an error is told; all four were seen by clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ErrorType {
    /// The header `x-amzn-ErrorType`.
    #[default]
    #[serde(rename = "header")]
    Header,
    /// The member `__type`.
    #[serde(rename = "__type")]
    Type,
    /// The member `code`.
    #[serde(rename = "code")]
    Code,
    /// Not at all.
    #[serde(rename = "none")]
    None,
}

/// A refusal: the type of the error and a message.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) name: Cow<'static, str>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new("ClientLimitExceededException", message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn in_use(message: impl Into<String>) -> Self {
        Self::new("ResourceInUseException", message)
    }

    /// Source: the three API models; 403 for what is wrong with a signature is general AWS practice.
    pub(super) fn status(&self, service: Service) -> StatusCode {
        match (&*self.name, service) {
            ("ResourceNotFoundException", _) => StatusCode::NOT_FOUND,
            ("NotAuthorizedException", _) | ("AccessDeniedException", Service::Control) => {
                StatusCode::UNAUTHORIZED
            }
            (
                "AccessDeniedException"
                | "ExpiredTokenException"
                | "IncompleteSignatureException"
                | "InvalidSignatureException"
                | "MissingAuthenticationTokenException"
                | "UnrecognizedClientException",
                _,
            ) => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn member(&self, service: Service) -> &'static str {
        match (service, &*self.name) {
            (Service::Storage, _) | (Service::Data, "InvalidClientException" | "SessionExpiredException") => {
                "message"
            }
            _ => "Message",
        }
    }

    pub(super) fn render(&self, service: Service, conveyed: ErrorType) -> Response<Full<Bytes>> {
        let mut body = Map::new();
        body.insert(self.member(service).into(), self.message.clone().into());
        match conveyed {
            ErrorType::Type => {
                body.insert("__type".into(), format!("com.amazonaws.kinesisvideo#{}", self.name).into());
            }
            ErrorType::Code => {
                body.insert("code".into(), Value::from(&*self.name));
            }
            ErrorType::Header | ErrorType::None => {}
        }
        let mut response = json(self.status(service), &Value::Object(body));
        if conveyed == ErrorType::Header {
            // The service appends where the type is defined.
            let name = format!("{}:http://internal.amazon.com/coral/com.amazon.kinesisvideo/", self.name);
            insert(&mut response, "x-amzn-errortype", &name);
        }
        response
    }
}

pub(super) fn insert(response: &mut Response<Full<Bytes>>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_members_by_service() {
        for (name, service, status, member) in [
            ("AccessDeniedException", Service::Control, 401, "Message"),
            ("AccessDeniedException", Service::Storage, 403, "message"),
            ("AccessDeniedException", Service::Socket, 403, "Message"),
            ("NotAuthorizedException", Service::Data, 401, "Message"),
            ("InvalidClientException", Service::Data, 400, "message"),
            ("SessionExpiredException", Service::Data, 400, "message"),
            ("ResourceNotFoundException", Service::Storage, 404, "message"),
            ("VersionMismatchException", Service::Control, 400, "Message"),
        ] {
            let refusal = Refusal::new(name, "text");
            assert_eq!(
                (refusal.status(service).as_u16(), refusal.member(service)),
                (status, member),
                "{name}"
            );
        }
    }
}
