//! MediaSFU: rooms of the cloud and of a Community Edition server, which hands everything to the cloud.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::credentials::{MEDIASFU_API_KEY, MEDIASFU_API_USER_NAME};
use crate::generated::mediasfu::ROUTES;
use crate::provider::{BoxFuture, Exchange, Provider, json as answer};
use crate::shared::Shared;
use crate::spec::Route;
use crate::time::unix_millis;

/// The emulated service.
pub(crate) struct Mediasfu {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    rooms: BTreeMap<String, Room>,
    /// Answers that were given under an idempotency key.
    answered: BTreeMap<String, Answered>,
    quirks: Quirks,
}

/// A room, until its time is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Room {
    /// The input it was made from.
    input: Value,
    /// The tokens that let into it: the host's first.
    secrets: Vec<String>,
    /// Milliseconds since 1970.
    ends_at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answered {
    input: Value,
    status: u16,
    body: Value,
}

/// What the real service was seen to do now and then. Switched by `POST /_emulator/mediasfu/quirks`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Quirks {
    /// A byte order mark in front of the JSON.
    bom: bool,
    /// Addresses whose host begins with an empty label.
    empty_label: bool,
    /// A status of success with a body that says no.
    success_false: bool,
}

type Outcome = (StatusCode, Value);

fn refuse(status: StatusCode, message: &str) -> Outcome {
    (status, json!({ "error": message, "success": false }))
}

/// Whether the request came in by a path of the Community Edition.
fn is_community(exchange: &Exchange) -> bool {
    matches!(exchange.parts.uri.path(), "/createRoom" | "/joinRoom")
}

/// Scheme and case matter, and a colon parts user name and key: nothing is decoded.
fn check_credentials(exchange: &Exchange) -> Result<(), Outcome> {
    let community = is_community(exchange);
    let good = format!("Bearer {MEDIASFU_API_USER_NAME}:{MEDIASFU_API_KEY}");
    match exchange.header("authorization") {
        Some(given) if given == good => Ok(()),
        // The Community Edition takes the header apart before it looks whether there is one.
        None if community => {
            Err((StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": "Internal server error" })))
        }
        _ if community => {
            Err((StatusCode::UNAUTHORIZED, json!({ "error": "Invalid or expired credentials" })))
        }
        _ => Err(refuse(StatusCode::UNAUTHORIZED, "Invalid credentials")),
    }
}

impl Mediasfu {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, exchange: &Exchange) -> Response<Full<Bytes>> {
        let body = match exchange.value() {
            Ok(body) => body,
            // Express reads the body before any handler runs, so this comes before the credentials.
            Err(_) if is_community(exchange) => return express_error(),
            Err(error) => return self.render(refuse(StatusCode::BAD_REQUEST, &error)),
        };
        let outcome = check_credentials(exchange).and_then(|()| self.act(exchange, &body));
        self.render(outcome.unwrap_or_else(|refusal| refusal))
    }

    /// Acts once per idempotency key: a repeat gets the same answer, another input under the same key none.
    fn act(&self, exchange: &Exchange, body: &Value) -> Result<Outcome, Outcome> {
        // One lock for all of it: of two requests at once with one key, the second sees the first's answer.
        let mut state = self.state();
        if state.quirks.success_false {
            let reason = if exchange.operation == "join_room" { "joining" } else { "creation" };
            return Ok(refuse(StatusCode::OK, &format!("Room {reason} rejected.")));
        }
        if let Some(broken) = exchange.check(body).first() {
            return Err(refuse(StatusCode::BAD_REQUEST, &broken.message));
        }
        let key = exchange.header("idempotency-key");
        if let Some(before) = key.and_then(|key| state.answered.get(key)) {
            if before.input != *body {
                let message = "the Idempotency-Key was used with another body";
                return Err(refuse(StatusCode::CONFLICT, message));
            }
            let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
            return Ok((status, before.body.clone()));
        }
        let (status, answer) = match body.get("action").and_then(Value::as_str) {
            Some("create") => self.create(&mut state, exchange, body),
            Some("join") => self.join(&mut state, exchange, body)?,
            _ => return Err(refuse(StatusCode::BAD_REQUEST, "action must be create or join")),
        };
        if let Some(key) = key {
            let kept = Answered { input: body.clone(), status: status.as_u16(), body: answer.clone() };
            state.answered.insert(key.to_owned(), kept);
        }
        Ok((status, answer))
    }

    fn create(&self, state: &mut State, exchange: &Exchange, body: &Value) -> Outcome {
        let name = format!("s{}", self.shared.ids.base36(16));
        let secret = self.shared.ids.hex(64);
        let begins =
            body.get("scheduledDate").and_then(Value::as_u64).unwrap_or(0).max(unix_millis(exchange.now));
        let minutes = body.get("duration").and_then(Value::as_u64).unwrap_or(0);
        let ends_at = begins.saturating_add(minutes.saturating_mul(60_000));
        let answer =
            self.room(state.quirks, "Room created successfully", &name, &secret, body.get("secureCode"));
        state.rooms.insert(name, Room { input: body.clone(), secrets: vec![secret], ends_at });
        (StatusCode::CREATED, answer)
    }

    fn join(&self, state: &mut State, exchange: &Exchange, body: &Value) -> Result<Outcome, Outcome> {
        let name = body.get("meetingID").and_then(Value::as_str).unwrap_or_default();
        let quirks = state.quirks;
        let now = unix_millis(exchange.now);
        let Some(room) = state.rooms.get_mut(name).filter(|room| room.ends_at > now) else {
            return Err(refuse(StatusCode::NOT_FOUND, "The event room does not exist."));
        };
        let code = |input: &Value| input.get("secureCode").and_then(Value::as_str).map(str::to_owned);
        let wanted = code(&room.input);
        if wanted.is_some() && wanted != code(body) {
            return Err(refuse(StatusCode::FORBIDDEN, "The secure code is not correct."));
        }
        let secret = self.shared.ids.hex(64);
        room.secrets.push(secret.clone());
        Ok((StatusCode::OK, self.room(quirks, "Room joined successfully", name, &secret, None)))
    }

    fn room(&self, quirks: Quirks, message: &str, name: &str, secret: &str, code: Option<&Value>) -> Value {
        let host = if quirks.empty_label { "https://.mediasfu.com" } else { self.shared.url() };
        let mut room = json!({
            "message": message,
            "roomName": name,
            "publicURL": format!("{host}/meet/{name}/{secret}"),
            "link": host,
            "secret": secret,
            "success": true,
        });
        if let (Some(code), Some(members)) = (code.filter(|code| code.is_string()), room.as_object_mut()) {
            members.insert("secureCode".into(), code.clone());
        }
        room
    }

    fn render(&self, (status, body): Outcome) -> Response<Full<Bytes>> {
        let response = answer(status, &body);
        if self.state().quirks.bom {
            return response.map(|_| Full::new(Bytes::from(format!("\u{feff}{body}"))));
        }
        response
    }
}

/// What Express answers to a body that is no JSON.
fn express_error() -> Response<Full<Bytes>> {
    let page = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Error</title></head><body><pre>SyntaxError</pre></body></html>\n";
    let mut response = Response::new(Full::new(Bytes::from_static(page.as_bytes())));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

impl Provider for Mediasfu {
    fn name(&self) -> &'static str {
        "mediasfu"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn refine(&self, route: &'static Route, body: &[u8]) -> &'static Route {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let wanted = match body.get("action").and_then(Value::as_str) {
            Some("create") => "create_room",
            Some("join") => "join_room",
            _ => return route,
        };
        ROUTES.iter().find(|route| route.operation == wanted).unwrap_or(route)
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move { self.answer(&exchange) })
    }

    fn state(&self) -> Value {
        serde_json::to_value(&*self.state()).unwrap_or_default()
    }

    fn reset(&self) {
        *self.state() = State::default();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        let seed: State = serde_json::from_value(state).map_err(|error| error.to_string())?;
        let mut state = self.state();
        state.rooms.extend(seed.rooms);
        state.answered.extend(seed.answered);
        state.quirks = seed.quirks;
        Ok(())
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        match (method, path) {
            (&Method::GET, "quirks") => {}
            (&Method::POST, "quirks") => match serde_json::from_value(body.clone()) {
                Ok(quirks) => self.state().quirks = quirks,
                Err(error) => {
                    let message = format!("{error}; there are: bom, empty_label, success_false");
                    return Some((StatusCode::BAD_REQUEST, json!({ "error": { "message": message } })));
                }
            },
            _ => return None,
        }
        Some((StatusCode::OK, serde_json::to_value(self.state().quirks).unwrap_or_default()))
    }
}
