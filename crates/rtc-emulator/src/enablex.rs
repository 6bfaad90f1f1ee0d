//! EnableX: the Video Server API under `/video/v2` and the rooms over Socket.IO, both protocol generations.

mod api;
mod hub;
mod signaling;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
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
        // The samples write `/rooms/`, the documentation `/rooms`.
        let path = parts.uri.path();
        let path = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?.trim_end_matches('/');
        match_route(ROUTES, parts.method.as_str(), path)
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        (self.older.holds(parts.uri.path()) || self.newer.holds(parts.uri.path()))
            .then_some(Claim::Raw("connect_room"))
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
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
        self.hub.state()
    }

    fn reset(&self) {
        self.hub.reset();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        self.hub.seed(&state)
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
