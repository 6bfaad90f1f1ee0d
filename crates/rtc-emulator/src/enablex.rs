//! EnableX: the Video Server API under `/video/v2`, the rooms over Socket.IO in both protocol generations, the files of
//! their sessions, and webhooks that are really posted.
//!
//! What nobody has documented is as a strict service would do it, and said where it is done.

mod access;
mod api;
mod commands;
mod delivery;
mod entrance;
mod files;
mod hub;
mod lifetime;
mod live;
mod manage;
mod reports;
mod room;
mod signaling;
mod turn;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{
    generated::enablex::ROUTES,
    provider::{Body, BoxFuture, Claim, Exchange, Provider, json},
    routing::{Params, match_route},
    shared::Shared,
    socketio::Mount,
    spec::Route,
};
pub use access::EnablexAccess;
use hub::Hub;

/// Where the API is mounted; the older samples use the other two.
// The oldest samples also write `/v1`; on this port that is MediaSFU.
const PREFIXES: [&str; 2] = ["/video/v2", "/video/v1"];

pub(crate) struct EnableX {
    hub: Arc<Hub>,
    /// Engine.IO 3 and 4 have a path each; that of the older one is shared with MediaSFU.
    older: Arc<Mount>,
    newer: Mount,
}

impl EnableX {
    pub(crate) fn new(shared: &Arc<Shared>, sockets: &Arc<Mount>) -> Self {
        let hub = Arc::new(Hub::new(Arc::clone(shared)));
        let (older, newer) = (Arc::clone(sockets), Mount::new(signaling::NEWER));
        signaling::serve(&hub, &older);
        signaling::serve(&hub, &newer);
        Self { hub, older, newer }
    }
}

impl Provider for EnableX {
    fn name(&self) -> &'static str {
        "enablex"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn route(&self, parts: &Parts) -> Option<(&'static Route, Params)> {
        // The samples write `/rooms/`, the documentation `/rooms`; `/dialin/` is documented so.
        let path = parts.uri.path();
        let path = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?.trim_end_matches('/');
        let method = parts.method.as_str();
        match_route(ROUTES, method, path).or_else(|| match_route(ROUTES, method, &format!("{path}/")))
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        let path = parts.uri.path();
        if path.starts_with(files::BASE) {
            return Some(Claim::Handle("download_recording"));
        }
        (self.older.holds(path) || self.newer.holds(path)).then_some(Claim::Raw("connect_room"))
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            self.hub.settle();
            if exchange.operation == "download_recording" {
                return files::answer(&self.hub.lock(), &exchange);
            }
            api::answer(&self.hub, &exchange).unwrap_or_else(|refusal| {
                let id = self.hub.shared.ids.uuid();
                json(refusal.status(), &refusal.body(&id))
            })
        })
    }

    fn handle_raw(&self, request: Request<Incoming>) -> BoxFuture<'_, Response<Body>> {
        let newer = self.newer.holds(request.uri().path());
        if newer { self.newer.answer(request) } else { self.older.answer(request) }
    }

    fn state(&self) -> Value {
        self.hub.settle();
        self.hub.state()
    }

    fn reset(&self) {
        self.hub.reset();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        self.hub.seed(&state)
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        manage::call(&self.hub, method, path, body)
    }
}

/// A refusal in one of the two forms that the service uses.
pub(super) enum Refusal {
    /// Status 200, a number and two texts.
    Number(i64, &'static str, String),
    /// A status and a name.
    Name(StatusCode, &'static str, String),
}

impl Refusal {
    /// Of what is wrong and has no number.
    fn invalid(message: impl Into<String>) -> Self {
        Self::Name(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", message.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Number(..) => StatusCode::OK,
            Self::Name(status, ..) => *status,
        }
    }

    fn body(&self, request_id: &str) -> Value {
        match self {
            Self::Number(result, error, desc) => json!({ "result": result, "error": error, "desc": desc }),
            Self::Name(_, code, message) => {
                json!({ "status": "error", "error_code": code, "message": message, "request_id": request_id })
            }
        }
    }
}
