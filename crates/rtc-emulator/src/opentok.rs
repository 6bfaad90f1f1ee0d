//! OpenTok: the whole REST API with what is behind it, sessions whose clients come and go by the management
//! API, and callbacks that are really posted.

mod access;
mod archives;
mod auth;
mod broadcasts;
mod callbacks;
mod calls;
mod captions;
mod clients;
mod delivery;
mod manage;
mod projects;
mod recordings;
mod renders;
mod reply;
mod sessions;
mod state;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub use access::{Joined, OpentokAccess};
pub use auth::{RestToken, verify_rest_token};

use crate::bounds::Places;
use crate::generated::opentok::ROUTES;
use crate::log::REDACTED;
use crate::provider::{BoxFuture, Exchange, Provider};
use crate::routing::{Params, match_route};
use crate::shared::Shared;
use crate::spec::{Broken, Field, Kind as FieldKind, Route};
use crate::time::unix_millis;
use reply::{Outcome, Refusal, bad, refuse, render_refusal};
use state::{Kind, Record, Session, State, World};

/// The emulated service.
pub(crate) struct Opentok {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
    places: Places,
}

/// One request that was let in and found right.
struct Call<'a, 'w> {
    world: &'a mut World<'w>,
    exchange: &'a Exchange,
    project: String,
    body: Value,
}

impl Call<'_, '_> {
    /// A parameter of the path, empty if the path has none of this name.
    fn param(&self, name: &str) -> String {
        self.exchange.params.get(name).unwrap_or_default().to_owned()
    }

    /// A text of the body.
    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_application(&self) -> bool {
        self.project.parse::<u64>().is_err()
    }

    /// What the project is called where only one of the two environments is meant.
    fn project_member(&self) -> &'static str {
        if self.is_application() { "applicationId" } else { "projectId" }
    }

    fn wants_json(&self) -> bool {
        wants_json(self.exchange)
    }

    fn session(&self) -> Result<&Session, Refusal> {
        self.world.state.session(&self.project, &self.param("session_id"))
    }

    fn session_mut(&mut self) -> Result<&mut Session, Refusal> {
        let id = self.param("session_id");
        self.world.state.session_mut(&self.project, &id)
    }

    fn record_id(&self, kind: Kind) -> String {
        self.param(match kind {
            Kind::Archive => "archive_id",
            Kind::Broadcast => "broadcast_id",
            Kind::Render => "render_id",
            Kind::Captions => "captions_id",
            Kind::SipCall | Kind::AudioConnector => "connector_id",
        })
    }

    fn record(&self, kind: Kind) -> Result<&Record, Refusal> {
        self.world.state.record(kind, &self.project, &self.record_id(kind))
    }

    fn record_mut(&mut self, kind: Kind) -> Result<&mut Record, Refusal> {
        let id = self.record_id(kind);
        let mut records = self.world.state.records_mut(kind).iter_mut().rev();
        let found = records.find(|record| record.id() == id && record.project == self.project);
        found.ok_or_else(|| reply::missing(kind.name(), &id))
    }
}

fn wants_json(exchange: &Exchange) -> bool {
    exchange.header("accept").unwrap_or_default().contains("json")
}

/// A truth value, which the Ruby SDK writes as text.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Makes of a body what the documents say: the SDKs write null for what is not set, and truth values as texts.
fn tidy(value: &mut Value, fields: &[Field], form: bool) {
    let Value::Object(members) = value else { return };
    members.retain(|_, member| !member.is_null());
    for (name, member) in members.iter_mut() {
        let field = fields.iter().find(|field| field.wire == name);
        match (field.map(|field| field.kind), truth(member)) {
            (Some(FieldKind::Boolean), Some(flag)) => {
                *member = if form { flag.to_string().into() } else { flag.into() };
            }
            _ => {
                let inner = field.map_or(&[][..], |field| field.fields);
                match member {
                    Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, inner, form)),
                    member => tidy(member, inner, form),
                }
            }
        }
    }
}

/// Names that callers use in place of the documented one.
const ALIASES: [(&str, &str); 2] = [("excludedStreams", "excludedStreamIds"), ("maxBitRate", "maxBitrate")];

impl World<'_> {
    /// Gives what came under another name its documented one, and remembers that it was so.
    fn rename(&mut self, operation: &str, body: &mut Value) {
        let Value::Object(members) = body else { return };
        for (used, documented) in ALIASES {
            if let Some(value) = members.remove(used) {
                members.entry(documented).or_insert(value);
                *self.state.aliases.entry(format!("{operation}: {used}")).or_default() += 1;
            }
        }
        // The unified environment's own SDK for Python writes relayed so.
        if let Some(preference) = members.get_mut("p2p.preference").filter(|value| *value == "always") {
            *preference = "enabled".into();
            *self.state.aliases.entry(format!("{operation}: p2p.preference=always")).or_default() += 1;
        }
    }

    fn answer(&mut self, exchange: &Exchange) -> Outcome {
        let account = exchange.route.is_some_and(|route| is_account_call(route.operation));
        let project = auth::authorise(self.state, exchange, account)?;
        let mut body = exchange.value().map_err(bad)?;
        if let Some(route) = exchange.route {
            tidy(&mut body, route.fields, route.operation == "create_session");
            self.rename(route.operation, &mut body);
            if let ("set_stream_layout_classes", Some(id)) =
                (route.operation, exchange.params.get("stream_id"))
            {
                *self.state.aliases.entry(format!("{}: stream in the path", route.operation)).or_default() +=
                    1;
                body = json!({ "items": [{ "id": id, "layoutClassList": body.get("layoutClassList") }] });
            }
        }
        if let Some(broken) = exchange.check(&body).first() {
            return Err(refuse(status_of(exchange, broken), format!("{}: {}", broken.wire, broken.message)));
        }
        dispatch(&mut Call { world: self, exchange, project, body })
    }
}

/// Signals that are too long have a status of their own.
fn status_of(exchange: &Exchange, broken: &Broken) -> StatusCode {
    let signal = matches!(exchange.operation, "signal_session" | "signal_connection");
    if signal && broken.rule == "length" && matches!(broken.wire.as_str(), "type" | "data") {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    StatusCode::BAD_REQUEST
}

fn is_account_call(operation: &str) -> bool {
    operation.ends_with("_project")
        || matches!(operation, "list_projects" | "set_project_status" | "refresh_project_secret")
}

fn dispatch(call: &mut Call<'_, '_>) -> Outcome {
    match call.exchange.operation {
        "create_session" => sessions::create_session(call),
        "start_archive" => archives::start_archive(call),
        "stop_archive" => archives::stop_archive(call),
        "get_archive" => recordings::get(call, Kind::Archive),
        "list_archives" => recordings::list(call, Kind::Archive),
        "delete_archive" => archives::delete_archive(call),
        "set_archive_layout" => recordings::set_layout(call, Kind::Archive),
        "add_archive_stream" | "remove_archive_stream" => recordings::change_streams(call, Kind::Archive),
        "set_archive_storage" => archives::set_archive_storage(call),
        "delete_archive_storage" => archives::delete_archive_storage(call),
        "start_broadcast" => broadcasts::start_broadcast(call),
        "stop_broadcast" => broadcasts::stop_broadcast(call),
        "get_broadcast" => recordings::get(call, Kind::Broadcast),
        "list_broadcasts" => recordings::list(call, Kind::Broadcast),
        "set_broadcast_layout" => recordings::set_layout(call, Kind::Broadcast),
        "add_broadcast_stream" | "remove_broadcast_stream" => {
            recordings::change_streams(call, Kind::Broadcast)
        }
        "get_stream" => clients::get_stream(call),
        "list_streams" => clients::list_streams(call),
        "set_stream_layout_classes" => clients::set_stream_layout_classes(call),
        "list_connections" => clients::list_connections(call),
        "force_disconnect" => clients::force_disconnect(call),
        "force_mute_stream" => clients::force_mute_stream(call),
        "force_mute_all" | "disable_force_mute" => clients::mute_session(call),
        "signal_session" | "signal_connection" => clients::signal(call),
        "play_dtmf" | "play_dtmf_to_connection" => clients::play_dtmf(call),
        "dial_sip" => calls::dial_sip(call),
        "start_audio_connector" => calls::start_audio_connector(call),
        "stop_audio_connector" => calls::stop_audio_connector(call),
        "start_captions" => captions::start_captions(call),
        "stop_captions" => captions::stop_captions(call),
        "get_captions" => recordings::get(call, Kind::Captions),
        "start_render" => renders::start_render(call),
        "get_render" => recordings::get(call, Kind::Render),
        "list_renders" => recordings::list(call, Kind::Render),
        "stop_render" => renders::stop_render(call),
        "register_callback" => callbacks::register_callback(call),
        "list_callbacks" => callbacks::list_callbacks(call),
        "unregister_callback" => callbacks::unregister_callback(call),
        "create_project" => projects::create_project(call),
        "list_projects" => projects::list_projects(call),
        "get_project" => projects::get_project(call),
        "set_project_status" => projects::set_project_status(call),
        "refresh_project_secret" => projects::refresh_project_secret(call),
        "delete_project" => projects::delete_project(call),
        other => Err(refuse(StatusCode::NOT_FOUND, format!("the emulator does not know {other}"))),
    }
}

impl Opentok {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), state: Arc::default(), places: Places::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts on the state as it is now, and has posted what became known by it.
    fn enter<T>(&self, act: impl FnOnce(&mut World<'_>) -> T) -> T {
        let mut state = self.lock();
        let now = unix_millis(self.shared.clock.now());
        let mut world = World { state: &mut state, shared: &self.shared, now, outgoing: Vec::new() };
        world.settle();
        let result = act(&mut world);
        let outgoing = world.outgoing;
        drop(state);
        delivery::send(&self.shared, &self.state, &self.places, outgoing);
        result
    }

    fn answer(&self, exchange: &Exchange) -> Response<Full<Bytes>> {
        let mut response = match self.enter(|world| world.answer(exchange)) {
            Ok(reply) => reply.render(),
            Err(refusal) => {
                let as_xml = exchange.operation == "create_session" && !wants_json(exchange);
                render_refusal(refusal, as_xml)
            }
        };
        // The Node SDK parses this one answer twice unless it is told that it is no JSON.
        let agent = exchange.header("user-agent").unwrap_or_default();
        if exchange.operation == "get_stream" && agent.contains("OpenTok-Node-SDK") {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        response
    }
}

/// Hides the names of RTMP streams: whoever has one can stream to that server.
fn hide_stream_names(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "streamName" && member.is_string() {
                    *member = REDACTED.into();
                } else {
                    hide_stream_names(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_stream_names),
        _ => {}
    }
}

/// The routes that share a method and a path with another, and the member of the body that tells them.
fn other_route(operation: &str, body: &Value) -> Option<&'static str> {
    let removes = || body.get("addStream").is_none_or(Value::is_null) && body.get("removeStream").is_some();
    match operation {
        "add_archive_stream" if removes() => Some("remove_archive_stream"),
        "add_broadcast_stream" if removes() => Some("remove_broadcast_stream"),
        "force_mute_all" if body.get("active").and_then(truth) == Some(false) => Some("disable_force_mute"),
        _ => None,
    }
}

impl Provider for Opentok {
    fn name(&self) -> &'static str {
        "opentok"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn route(&self, parts: &Parts) -> Option<(&'static Route, Params)> {
        // Some SDKs write a slash at the end.
        let path = parts.uri.path().trim_end_matches('/');
        match_route(ROUTES, parts.method.as_str(), path).or_else(|| {
            // An older path for the classes of one stream.
            let of_one = parts.method == Method::PUT;
            let (found, params) = match_route(ROUTES, "GET", path).filter(|_| of_one)?;
            let route = ROUTES.iter().find(|route| route.operation == "set_stream_layout_classes")?;
            (found.operation == "get_stream").then_some((route, params))
        })
    }

    fn refine(&self, route: &'static Route, body: &[u8]) -> &'static Route {
        let other = || other_route(route.operation, &serde_json::from_slice(body).ok()?);
        let shared =
            matches!(route.operation, "add_archive_stream" | "add_broadcast_stream" | "force_mute_all");
        let other = if shared { other() } else { None };
        other.and_then(|name| ROUTES.iter().find(|route| route.operation == name)).unwrap_or(route)
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move { self.answer(&exchange) })
    }

    fn state(&self) -> Value {
        let mut shown = self.enter(|world| json!(*world.state));
        hide_stream_names(&mut shown);
        shown
    }

    fn reset(&self) {
        *self.lock() = State::default();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        self.enter(|world| world.seed(state))
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let answer = self.enter(|world| world.manage(method, path, body))?;
        Some(match answer {
            Ok(value) => (StatusCode::OK, value),
            Err((status, message)) => (status, json!({ "error": { "message": message } })),
        })
    }
}
