//! What a provider module implements, and what it is handed.
//!
//! For the modules of this crate and for tests; not covered by semantic versioning, because it speaks
//! in the server's own types.

use std::{future::Future, pin::Pin, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use serde::Serialize;
use serde_json::Value;

pub use crate::body::{Body, BodyError, full};
use crate::{
    check::{check, form},
    routing::{Params, match_route, pairs},
    shared::Shared,
    spec::{BodyKind, Broken, Route},
};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a provider takes a path that is in no table. The text is the operation for log and faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Through [`Provider::handle`], with the body read.
    Handle(&'static str),
    /// Through [`Provider::handle_raw`], with the request as hyper has it.
    Raw(&'static str),
}

/// One emulated provider. It is made with the [`Shared`] it lives in.
pub trait Provider: Send + Sync {
    /// The provider's name, as its crate's.
    fn name(&self) -> &'static str;

    /// Its documented operations.
    fn routes(&self) -> &'static [Route];

    /// Which operation a request is; to be replaced where a provider is laxer about paths.
    fn route(&self, parts: &Parts) -> Option<(&'static Route, Params)> {
        match_route(self.routes(), parts.method.as_str(), parts.uri.path())
    }

    /// Which operation it is once the body is known; for those that share a path and are told apart by a
    /// member of the body.
    fn refine(&self, route: &'static Route, body: &[u8]) -> &'static Route {
        let _ = body;
        route
    }

    /// Takes a request that is no documented operation, such as `/socket.io/`. Asked before the routes.
    fn claims(&self, parts: &Parts) -> Option<Claim> {
        let _ = parts;
        None
    }

    /// Answers one request. It may be dropped while it waits, when the client goes away.
    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>>;

    /// Answers a request claimed as [`Claim::Raw`].
    fn handle_raw(&self, request: Request<Incoming>) -> BoxFuture<'_, Response<Body>> {
        drop(request);
        Box::pin(async { Response::new(full("")) })
    }

    /// Everything it keeps, for `GET /_emulator/state`.
    fn state(&self) -> Value;

    /// Forgets everything.
    fn reset(&self);

    /// Takes state in.
    ///
    /// # Errors
    /// Says what it cannot take.
    fn seed(&self, state: Value) -> Result<(), String>;

    /// A management call of its own, `/_emulator/<provider>/<path>`; none for an unknown one.
    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let _ = (method, path, body);
        None
    }
}

/// One request, read and routed.
#[derive(Debug)]
pub struct Exchange {
    /// The documented operation; none for a claimed path.
    pub route: Option<&'static Route>,
    /// Operation, or the text of the claim.
    pub operation: &'static str,
    /// Parameters of the path, decoded.
    pub params: Params,
    /// Method, URI, headers, extensions.
    pub parts: Parts,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
    /// Now, as the provider sees it (a fault may skew it).
    pub now: SystemTime,
    /// The emulator around it.
    pub context: Arc<Shared>,
}

impl Exchange {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as the route says: JSON, a form as an object of texts, or null.
    ///
    /// # Errors
    /// Says why it is no JSON.
    pub fn value(&self) -> Result<Value, String> {
        match self.route.map_or(BodyKind::Json, |route| route.body) {
            BodyKind::None => Ok(Value::Null),
            BodyKind::Form => Ok(form(&pairs(&String::from_utf8_lossy(&self.body)))),
            BodyKind::Json if self.body.trim_ascii().is_empty() => Ok(Value::Null),
            BodyKind::Json => serde_json::from_slice(&self.body).map_err(|error| error.to_string()),
        }
    }

    /// Every rule of the spec that this request breaks.
    pub fn check(&self, body: &Value) -> Vec<Broken> {
        let Some(route) = self.route else { return Vec::new() };
        check(route, &self.params, &self.query, &self.parts.headers, body)
    }

    /// The way to take the connection over after an answer with status 101. What is run on it belongs
    /// into [`Shared::spawn`], so that it ends with the emulator.
    pub fn upgrade(&mut self) -> Option<OnUpgrade> {
        self.parts.extensions.remove()
    }
}

/// An answer in JSON; one without a body for what JSON cannot say (a map whose keys are no texts).
pub fn json(status: StatusCode, body: &(impl Serialize + ?Sized)) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(serde_json::to_vec(body).unwrap_or_default())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
