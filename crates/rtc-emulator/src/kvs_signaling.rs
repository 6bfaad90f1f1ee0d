//! Kinesis Video Streams WebRTC signaling: the control plane, the data plane, the storage sessions, and the
//! signaling WebSocket.
//!
//! Channels change at the next look unless `quirks.transition_ms` says later. The service of a WebSocket is the
//! listener itself: `GET /kvs-signaling/master` and `/kvs-signaling/viewer` with a presigned query.

mod access;
mod control;
mod data;
mod frame;
mod limits;
mod manage;
mod refusal;
mod relay;
mod signature;
mod socket;
mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, request::Parts};
use http_body_util::Full;
use serde_json::{Value, json};

pub use access::{KvsAccess, KvsConnection};
pub use frame::ClientMessage;

use crate::generated::kvs_signaling::ROUTES;
use crate::provider::{BoxFuture, Claim, Exchange, Provider, json};
use crate::shared::Shared;
use crate::spec::{Broken, Route};
use crate::time::unix_millis;
use refusal::{Refusal, Service, insert};
use signature::hex;
use state::{State, World};

/// The emulated service.
pub(crate) struct KvsSignaling {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

type Answer = Result<Value, Refusal>;

/// Acts on the state, once what was due is done.
fn enter<T>(shared: &Shared, state: &Mutex<State>, act: impl FnOnce(&mut World<'_>) -> T) -> T {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let mut world = World { state: &mut state, shared, now: unix_millis(shared.clock.now()) };
    world.settle();
    act(&mut world)
}

/// Counts a call against the quota of the account, or of a channel.
fn limited(world: &mut World<'_>, operation: &str, arn: Option<&str>) -> Result<(), Refusal> {
    let (of_account, of_channel) = limits::rates(operation);
    let Some(most) = (if arn.is_some() { of_channel } else { of_account }) else { return Ok(()) };
    let free = world.state.limits.take(format!("{operation} {}", arn.unwrap_or_default()), most, world.now);
    if free || !world.shared.quotas() {
        return Ok(());
    }
    let whose = if arn.is_some() { "a channel" } else { "the account" };
    Err(Refusal::limit(format!("Rate exceeded: {most} calls of {operation} per second for {whose}.")))
}

/// One request that was let in and found right.
struct Call<'a, 'w> {
    world: &'a mut World<'w>,
    exchange: &'a Exchange,
    body: Value,
}

impl Call<'_, '_> {
    /// A text of the body; empty if there is none.
    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn within_rate(&mut self, arn: &str) -> Result<(), Refusal> {
        limited(self.world, self.exchange.operation, Some(arn))
    }

    /// The ARN of the channel that the request names, counted against its quota.
    fn rated(&mut self, name: &str) -> Result<String, Refusal> {
        let arn = self.text(name).to_owned();
        self.within_rate(&arn)?;
        Ok(arn)
    }
}

impl KvsSignaling {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), state: Arc::default() }
    }

    fn enter<T>(&self, act: impl FnOnce(&mut World<'_>) -> T) -> T {
        enter(&self.shared, &self.state, act)
    }

    /// Answers a call of one of the three REST services.
    async fn answer(&self, exchange: &Exchange) -> Answer {
        signature::verify(&exchange.parts, &exchange.body, exchange.now)?;
        let body = exchange.value().map_err(|message| {
            Refusal::new("SerializationException", format!("the body is not JSON: {message}"))
        })?;
        let alexa = exchange.operation == "send_alexa_offer_to_master";
        let asked = self.enter(|world| {
            limited(world, exchange.operation, None)?;
            if let Some(broken) = exchange.check(&body).first() {
                return Err(invalid(broken, &body));
            }
            let mut call = Call { world, exchange, body };
            if alexa { data::alexa(&mut call).map(Ok) } else { act(&mut call).map(Err) }
        })?;
        match asked {
            Ok(asked) => self.wait_for_master(asked).await,
            Err(answer) => Ok(answer),
        }
    }

    async fn wait_for_master(&self, asked: data::Asked) -> Answer {
        let life = Duration::from_secs(asked.ttl_seconds);
        let answer = tokio::select! {
            answer = asked.answer => answer.ok(),
            () = self.shared.clock.sleep(life) => None,
        };
        answer.map(|answer| json!({ "Answer": answer })).ok_or_else(|| data::unanswered(asked.ttl_seconds))
    }

    /// The quirks are those of the moment of the answer, which may be long after the request.
    fn render(
        &self,
        operation: &str,
        outcome: Result<Response<Full<Bytes>>, Refusal>,
    ) -> Response<Full<Bytes>> {
        let conveyed = self.enter(|world| world.state.quirks.error_type);
        let mut response = outcome.unwrap_or_else(|refusal| refusal.render(Service::of(operation), conveyed));
        insert(&mut response, "x-amzn-requestid", &self.shared.ids.uuid());
        response
    }

    /// An operation that the quirks have refused.
    fn refused(&self, operation: &str) -> Result<(), Refusal> {
        let name = self.enter(|world| world.state.quirks.refuse.get(operation).cloned());
        name.map_or(Ok(()), |name| Err(Refusal::new(name, "The emulator was told to refuse this.")))
    }
}

/// Does an operation that is answered at once.
fn act(call: &mut Call<'_, '_>) -> Answer {
    match call.exchange.operation {
        "get_ice_server_config" => data::ice_servers(call),
        "join_storage_session" | "join_storage_session_as_viewer" => data::join_storage(call),
        other => control::act(call)
            .unwrap_or_else(|| Err(Refusal::invalid(format!("the emulator does not know {other}")))),
    }
}

fn invalid(broken: &Broken, body: &Value) -> Refusal {
    let many = |list: &Vec<Value>| list.len() > control::TAGS;
    if broken.wire == "Tags" && body.get("Tags").and_then(Value::as_array).is_some_and(many) {
        return control::too_many_tags();
    }
    Refusal::invalid(format!("1 validation error detected: {}", broken.message))
}

/// The answer of a success; none means that it has no body.
fn success(body: Value) -> Response<Full<Bytes>> {
    if body.is_null() { Response::new(Full::default()) } else { json(StatusCode::OK, &body) }
}

impl Provider for KvsSignaling {
    fn name(&self) -> &'static str {
        "kvs-signaling"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        socket::claim(parts)
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            let operation = exchange.operation;
            let outcome = match self.refused(operation) {
                Err(refusal) => Err(refusal),
                Ok(()) if exchange.route.is_none() => socket::accept(&self.shared, &self.state, exchange),
                Ok(()) => self.answer(&exchange).await.map(success),
            };
            self.render(operation, outcome)
        })
    }

    fn state(&self) -> Value {
        self.enter(|world| world.told())
    }

    fn reset(&self) {
        self.enter(|world| {
            let arns: Vec<String> = world.state.channels.keys().cloned().collect();
            arns.iter().for_each(|arn| world.close_channel(arn));
            *world.state = State::default();
        });
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        self.enter(|world| world.seed(state))
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        Some(match self.enter(|world| world.manage(method, path, body))? {
            Ok(value) => (StatusCode::OK, value),
            Err((status, message)) => (status, json!({ "error": { "message": message } })),
        })
    }
}
