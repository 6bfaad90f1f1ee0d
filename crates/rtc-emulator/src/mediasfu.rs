//! MediaSFU: the cloud's rooms, settings, telephone calls, external media and keys, and a Community Edition server,
//! which hands its two operations to the cloud.
//!
//! The cloud is closed and little of it is documented. Where nothing is known, the emulator does what a strict
//! service would do; each module says what that is. Refusals are `{"error", "success": false}`, those of media
//! `{"code", "error"}`.

mod access;
mod external;
mod keys;
mod media;
mod meeting;
mod quirks;
mod reply;
mod rooms;
mod settings;
mod sip;
mod state;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::generated::mediasfu::ROUTES;
use crate::provider::{Body, BoxFuture, Claim, Exchange, Provider};
use crate::routing::pairs;
use crate::shared::Shared;
use crate::socketio::Mount;
use crate::spec::Route;
use crate::time::unix_millis;
use access::{Caller, authorise, is_community, is_media};
use reply::{Content, Outcome, Reply, bad, conflict, express_error, missing};
use state::{Answered, Hub, State};

/// The emulated service.
pub(crate) struct Mediasfu {
    hub: Arc<Hub>,
    /// Where the meetings are.
    sockets: Arc<Mount>,
}

/// One request that was let in and found right.
struct Call<'a> {
    hub: &'a Hub,
    state: &'a mut State,
    exchange: &'a Exchange,
    caller: Caller,
    body: Value,
    /// Milliseconds since 1970.
    now: u64,
    /// Rooms that the call ended.
    ended: Vec<String>,
}

impl Call<'_> {
    /// A parameter of the path, empty if the path has none of this name.
    fn param(&self, name: &str) -> String {
        self.exchange.params.get(name).unwrap_or_default().to_owned()
    }

    /// A text of the body, empty if there is none.
    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number of the query.
    fn number(&self, name: &str) -> Option<usize> {
        self.exchange.query(name)?.parse().ok()
    }

    /// Whether the caller uses a production key.
    fn is_production(&self) -> bool {
        let Caller::Disposable(id) = &self.caller else { return false };
        self.state.disposable_keys.get(id).is_some_and(|key| key.production)
    }
}

fn dispatch(call: &mut Call<'_>) -> Outcome {
    match call.exchange.operation {
        "create_room" => rooms::create(call),
        "join_room" => rooms::join(call),
        "delete_room" => rooms::delete(call),
        "list_rooms" => rooms::list(call),
        "get_event_settings" => settings::get(call),
        "create_event_settings" => settings::create(call),
        "update_event_settings" => settings::update(call),
        "list_sip_configs" => settings::sip_configs(call),
        "list_sip_calls" => sip::list(call),
        "get_sip_call_summary" => sip::summary(call),
        "get_sip_call_state" => sip::get(call),
        "start_sip_call" => sip::start(call),
        "create_external_session" => external::create_session(call),
        "get_external_session" => external::get_session(call),
        "delete_external_session" => external::delete_session(call),
        "create_playback" => external::create_playback(call),
        "delete_playback" => external::delete_playback(call),
        "check_session" => keys::session(call),
        "list_disposable_keys" => keys::list(call),
        "manage_disposable_key" => keys::manage(call),
        "get_disposable_key_usage" => keys::usage(call),
        "get_disposable_key_quota" => keys::quota(call),
        _ if call.param("sip_call_id").is_empty() => {
            Err(missing("The emulator does not know this operation."))
        }
        _ => sip::control(call),
    }
}

/// What tells whether two requests under one idempotency key are the same; none where keys mean nothing. A Community
/// Edition does not hand them on.
fn keyed(exchange: &Exchange, body: &Value) -> Option<(String, Value)> {
    const KEYED: [&str; 4] = ["create_room", "join_room", "create_external_session", "create_playback"];
    let key = exchange.header("idempotency-key")?;
    let applies = KEYED.contains(&exchange.operation) && !is_community(exchange);
    let input = || json!([exchange.operation, exchange.params.get("meeting_id"), body]);
    applies.then(|| (key.to_owned(), input()))
}

/// Acts once per idempotency key: a repeat gets the same answer, another input under the same key none. All under one
/// lock, so that of two requests at once the second sees the first's answer. Refusals are not kept.
fn act_once(call: &mut Call<'_>) -> Outcome {
    let Some((key, input)) = keyed(call.exchange, &call.body) else { return dispatch(call) };
    if let Some(before) = call.state.answered.get(&key) {
        if before.input != input {
            return Err(conflict("the Idempotency-Key was used with another body"));
        }
        let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
        return Ok(Reply::new(status, Content::Json(before.body.clone())));
    }
    let reply = dispatch(call)?;
    if let Content::Json(body) = &reply.content {
        let answered = Answered { input, status: reply.status.as_u16(), body: body.clone(), at: call.now };
        call.state.answer_again(key, answered);
    }
    Ok(reply)
}

impl Mediasfu {
    pub(crate) fn new(shared: &Arc<Shared>, sockets: &Arc<Mount>) -> Self {
        let hub = Hub::new(shared);
        meeting::serve(&hub, sockets);
        Self { hub, sockets: Arc::clone(sockets) }
    }

    fn answer(&self, exchange: &Exchange) -> Response<Full<Bytes>> {
        let now = unix_millis(exchange.now);
        self.hub.settle(now);
        let (reply, ended) = self.reply(exchange, now);
        // Without the lock: those who are sent away ask for it.
        ended.iter().for_each(|room| self.hub.meetings.close(room, "the room was deleted"));
        let quirks = self.hub.lock().quirks;
        reply.unwrap_or_else(|refusal| quirks.refusal(refusal)).render(quirks.bom)
    }

    /// The answer, and the rooms that the request ended.
    fn reply(&self, exchange: &Exchange, now: u64) -> (Outcome, Vec<String>) {
        let mut state = self.hub.lock();
        if is_media(exchange.operation) {
            return (media::act(&mut state, &self.hub.shared, exchange), Vec::new());
        }
        let (caller, body) = match let_in(&mut state, exchange) {
            Ok(found) => found,
            Err(refusal) => return (Err(refusal), Vec::new()),
        };
        let hub = &*self.hub;
        let mut call = Call { hub, state: &mut state, exchange, caller, body, now, ended: Vec::new() };
        let outcome = act_once(&mut call);
        (outcome, call.ended)
    }
}

/// Reads a request, signs its caller in and holds it against the specification.
fn let_in(state: &mut State, exchange: &Exchange) -> Result<(Caller, Value), Reply> {
    // Express reads the body before any handler runs, so this comes before the credentials.
    let refused = |error: String| if is_community(exchange) { express_error() } else { bad(error) };
    let mut body = exchange.value().map_err(refused)?;
    rooms::read_date(&mut body);
    let caller = authorise(state, exchange)?;
    if state.quirks.success_false {
        return Err(rooms::moody(exchange.operation));
    }
    if let Some(broken) = exchange.check(&body).first() {
        return Err(bad(&broken.message));
    }
    match other_action(exchange.operation, exchange.parts.uri.path(), &body) {
        Some(wanted) => Err(bad(format!("action must be {wanted}"))),
        None => Ok((caller, body)),
    }
}

/// What the action should have been, if it is none of this path's.
fn other_action(operation: &str, path: &str, body: &Value) -> Option<&'static str> {
    let action = body.get("action").and_then(Value::as_str);
    let wanted: &[&str] = match (path, operation) {
        ("/createRoom", _) => &["create"],
        ("/joinRoom", _) => &["join"],
        (_, "create_room" | "join_room" | "delete_room") => &["create", "join", "delete"],
        (_, "create_event_settings" | "update_event_settings") => &["create", "update"],
        _ => return None,
    };
    let known = action.is_some_and(|action| wanted.contains(&action));
    let told = match wanted {
        ["create"] => "create",
        ["join"] => "join",
        ["create", "update"] => "create or update",
        _ => "create, join or delete",
    };
    (!known).then_some(told)
}

/// The operation of those that share a path that the body names.
fn refined(operation: &str, body: &Value) -> Option<&'static str> {
    let action = body.get("action").and_then(Value::as_str)?;
    let is_room = matches!(operation, "create_room" | "join_room" | "delete_room");
    let is_settings = matches!(operation, "create_event_settings" | "update_event_settings");
    match action {
        "create" if is_room => Some("create_room"),
        "join" if is_room => Some("join_room"),
        "delete" if is_room => Some("delete_room"),
        "create" if is_settings => Some("create_event_settings"),
        "update" if is_settings => Some("update_event_settings"),
        _ => None,
    }
}

impl Provider for Mediasfu {
    fn name(&self) -> &'static str {
        "mediasfu"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn refine(&self, route: &'static Route, body: &[u8]) -> &'static Route {
        let wanted = || refined(route.operation, &serde_json::from_slice(body).ok()?);
        let community = matches!(route.path, "/createRoom" | "/joinRoom");
        let wanted = if community { None } else { wanted() };
        let same_path = |other: &&Route| Some(other.operation) == wanted && other.path == route.path;
        ROUTES.iter().find(same_path).unwrap_or(route)
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        // The path does not tell whose namespace will be joined; the generation of the protocol nearly does.
        let newer = pairs(parts.uri.query().unwrap_or("")).contains(&("EIO".into(), "4".into()));
        (newer && self.sockets.holds(parts.uri.path())).then_some(Claim::Raw("connect_meeting"))
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move { self.answer(&exchange) })
    }

    fn handle_raw(&self, request: Request<Incoming>) -> BoxFuture<'_, Response<Body>> {
        self.sockets.answer(request)
    }

    fn state(&self) -> Value {
        self.hub.settle(self.hub.now());
        let mut state = serde_json::to_value(&*self.hub.lock()).unwrap_or_default();
        if let Some(members) = state.as_object_mut() {
            members.insert("meetings".into(), self.hub.meetings.state());
        }
        state
    }

    fn reset(&self) {
        *self.hub.lock() = State::default();
        self.hub.meetings.reset();
    }

    fn seed(&self, mut state: Value) -> Result<(), String> {
        // Connections cannot be put back.
        state.as_object_mut().and_then(|members| members.remove("meetings"));
        let seed: State = serde_json::from_value(state).map_err(|error| error.to_string())?;
        self.hub.lock().take(seed);
        Ok(())
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        match (method, path) {
            (&Method::POST, "waiting-room") => return Some(meeting::switch_waiting_room(&self.hub, body)),
            (&Method::GET, "quirks") => {}
            (&Method::POST, "quirks") => match serde_json::from_value(body.clone()) {
                Ok(quirks) => self.hub.lock().quirks = quirks,
                // The message names the switches there are.
                Err(error) => {
                    return Some((
                        StatusCode::BAD_REQUEST,
                        json!({ "error": { "message": error.to_string() } }),
                    ));
                }
            },
            _ => return None,
        }
        Some((StatusCode::OK, serde_json::to_value(self.hub.lock().quirks).unwrap_or_default()))
    }
}
