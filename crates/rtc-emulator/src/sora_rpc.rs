//! Sora: signaling over a WebSocket at `/signaling` with real data channels, JSON-RPC over one of them, the HTTP API
//! (any path, told by the header `x-sora-target`) and webhooks that are really posted. No media flow.
//!
//! JSON-RPC over a WebSocket of its own at `/_emulator/sora/rpc` stands in for the data channel `rpc`. Query: `channel_id`
//! (the channel that always exists when missing), `rpc_methods`, a list with commas in between (all five when missing),
//! which stands in for the answer of the auth webhook, and `compress` (`true`: binary frames are zlib streams both ways).
//! The first message stands in for the signaling: a text frame with an offer that tells `connection_id`, `rpc_methods`
//! and `compress`. Beside answers only pushes come over it.

mod access;
mod acts;
mod entrance;
mod http;
#[cfg_attr(not(feature = "sora-webrtc"), allow(dead_code, reason = "the RPC alone has no signaling"))]
mod hub;
#[cfg(feature = "sora-webrtc")]
mod lanes;
mod lifecycle;
#[cfg(feature = "sora-webrtc")]
mod link;
mod manage;
mod members;
mod more;
mod notify;
mod rpc;
mod settings;
#[cfg(feature = "sora-webrtc")]
mod signaling;
mod socket;
mod webhook;
mod zlib;

use std::sync::Arc;

use ::http::{Method, Response, StatusCode, request::Parts};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};

pub use self::access::SoraAccess;
use self::hub::Hub;
use crate::{
    generated::sora_rpc_http::ROUTES,
    provider::{BoxFuture, Claim, Exchange, Provider, json},
    routing::Params,
    shared::Shared,
    spec::Route,
};

const RPC_PATH: &str = "/_emulator/sora/rpc";
#[cfg(feature = "sora-webrtc")]
const SIGNALING_PATH: &str = "/signaling";

/// The emulated server.
pub(crate) struct Sora {
    hub: Arc<Hub>,
}

impl Sora {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { hub: Hub::new(shared) }
    }

    fn answer(&self, exchange: Exchange) -> Response<Full<Bytes>> {
        let accepted = match exchange.operation {
            "rpc" => socket::accept(&self.hub, exchange),
            #[cfg(feature = "sora-webrtc")]
            "signaling" => signaling::accept(&self.hub, exchange),
            "preflight" => return http::preflight(),
            _ => return http::answer(&self.hub, &exchange),
        };
        accepted.unwrap_or_else(|(status, message)| json(status, &json!({ "error": { "message": message } })))
    }
}

impl Provider for Sora {
    fn name(&self) -> &'static str {
        "sora-rpc"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn route(&self, parts: &Parts) -> Option<(&'static Route, Params)> {
        http::route(parts)
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        let operation = match parts.uri.path() {
            RPC_PATH => "rpc",
            #[cfg(feature = "sora-webrtc")]
            SIGNALING_PATH if parts.method == Method::GET => "signaling",
            _ if http::is_preflight(parts) => "preflight",
            _ => return None,
        };
        Some(Claim::Handle(operation))
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(std::future::ready(self.answer(exchange)))
    }

    fn state(&self) -> Value {
        manage::state(&self.hub)
    }

    fn reset(&self) {
        self.hub.reset();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        manage::seed(&self.hub, &state)
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        manage::call(&self.hub, method, path, body)
    }
}
