//! Sora: RPC over a connection or a WebSocket, the HTTP API, and a connection's events; in the case files, over a peer
//! without a connection.

mod live;
mod offline;

use std::time::Instant;

use rtc_core::{Clock as _, Rule, Violation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sora_rpc::{Call, Client, Error, HttpClient, Message, Method, Result};

use super::configure;
use crate::generated::{sora_rpc as generated, sora_rpc_http as http};
use crate::input::Input;
use crate::outcome::{Outcome, Run};

pub(crate) use live::converse;

/// The way that a call takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The data channel of a connection.
    Rpc,
    /// The HTTP API.
    Http,
    /// A WebSocket that carries RPC.
    WebSocket,
}

impl Way {
    /// As told; otherwise the one that the operation has.
    fn of(run: &Run, has_rpc: bool) -> Self {
        match run.option("via") {
            Some("http") => Self::Http,
            Some("websocket") => Self::WebSocket,
            None if !has_rpc => Self::Http,
            _ => Self::Rpc,
        }
    }
}

/// Whether there is nobody to talk to: then the state and the answer of a case stand for the server.
fn is_offline(run: &Run) -> bool {
    !run.environment && run.endpoint.is_none()
}

pub(super) async fn run(operation: &str, input: Input, run: &Run) -> Option<Outcome> {
    match operation {
        "parse_response" => return Some(offline::parse_response(run)),
        "decode_frame" => return Some(offline::decode_frame(run)),
        "parse_offer" => return Some(offline::parse_offer(run)),
        "parse_event" => return Some(offline::parse_event(run)),
        "apply_events" => return offline::apply_events(run, input),
        // What a case asks for is checked only, wherever it would lead.
        "connect" if !run.environment => return Some(offline::connect(run, input)),
        "disconnect" if !run.environment => return Some(offline::disconnect(run)),
        _ => {}
    }
    let has = |table: &[crate::catalogue::OperationDoc]| table.iter().any(|o| o.name == operation);
    let (has_rpc, has_http) = (has(generated::OPERATIONS), has(http::OPERATIONS));
    match Way::of(run, has_rpc) {
        Way::WebSocket if matches!(operation, "connect" | "disconnect") => {
            Some(no_way("carries RPC only; use rpc"))
        }
        Way::Http if has_http => over_http(operation, input, run).await,
        way if has_rpc && way != Way::Http => over_rpc(operation, input, run, way).await,
        _ if !has_rpc && !has_http => None,
        _ if has_rpc => Some(no_way("has no twin in the HTTP API; use rpc, or the operation request")),
        _ => Some(no_way("is an operation of the HTTP API; use http")),
    }
}

fn no_way(message: &'static str) -> Outcome {
    Outcome::refused(&[Violation::new("options.via", "options.via", Rule::OneOf, message)])
}

async fn over_http(operation: &str, input: Input, run: &Run) -> Option<Outcome> {
    match configure!(HttpClient::builder(), run, "SORA_API_URL").build() {
        Ok(client) => http::call(&client, operation, input, run).await,
        Err(error) => Some(run.failed(&error)),
    }
}

async fn over_rpc(operation: &str, mut input: Input, run: &Run, way: Way) -> Option<Outcome> {
    // Of a call over a connection it is not a parameter, but where the connection goes.
    let is_here = way == Way::Rpc && !is_offline(run) && !matches!(operation, "connect" | "disconnect");
    let channel_id = is_here.then(|| input.text("channel_id", "channel_id")).flatten();
    let talk = Talk { run, way, channel_id };
    Some(match operation {
        "connect" => live::once(input, run).await,
        "disconnect" => live::leave(input, run).await,
        "call" => {
            let request = generated::call(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            let live = |client: &Client| client.call(request.method.clone(), request.params.clone());
            let message = checked.and_then(|()| Message::raw(request.method.clone(), request.params.clone()));
            talk.call(message, live).await
        }
        "notify" => {
            let request = generated::notify(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            talk.notify(checked.and_then(|()| Message::raw(request.method, request.params))).await
        }
        "rpc_methods" => {
            let request = generated::rpc_methods(&mut input);
            match input.check(request.validate()).map_err(Error::from) {
                Ok(()) => talk.rpc_methods().await,
                Err(error) => run.failed(&error),
            }
        }
        "request_simulcast_rid" => talk.typed(generated::request_simulcast_rid(&mut input), input).await,
        "request_spotlight_rid" => talk.typed(generated::request_spotlight_rid(&mut input), input).await,
        "reset_spotlight_rid" => talk.typed(generated::reset_spotlight_rid(&mut input), input).await,
        "put_signaling_notify_metadata" => {
            talk.typed(generated::put_signaling_notify_metadata(&mut input), input).await
        }
        "put_signaling_notify_metadata_item" => {
            talk.typed(generated::put_signaling_notify_metadata_item(&mut input), input).await
        }
        _ => return None,
    })
}

/// One call: checked, then connected, made, and the connection left.
struct Talk<'a> {
    run: &'a Run,
    way: Way,
    channel_id: Option<String>,
}

impl Talk<'_> {
    async fn typed<M: Method>(self, request: M, input: Input) -> Outcome
    where
        M::Output: Serialize + 'static,
    {
        let checked = input.check(request.validate()).map_err(Error::from);
        let message = checked.and_then(|()| Message::typed(&request));
        self.call(message, |client| client.typed(&request)).await
    }

    async fn call<O: DeserializeOwned + Serialize + 'static>(
        self,
        message: Result<Message>,
        live: impl FnOnce(&Client) -> Call<O>,
    ) -> Outcome {
        let run = self.run;
        let message = match message {
            Ok(message) => message,
            Err(error) => return run.failed(&error),
        };
        if is_offline(run) {
            return offline::call::<O>(run, message);
        }
        let line = match self.open().await {
            Ok(line) => line,
            Err(refused) => return refused,
        };
        let answer = live(&line.client).await;
        line.close().await;
        match answer {
            Ok(output) => run.done(&output, None, None, 1),
            Err(error) => run.failed(&error),
        }
    }

    async fn notify(self, message: Result<Message>) -> Outcome {
        let run = self.run;
        let message = match message {
            Ok(message) => message,
            Err(error) => return run.failed(&error),
        };
        if is_offline(run) {
            return offline::notify(run, message);
        }
        let line = match self.open().await {
            Ok(line) => line,
            Err(refused) => return refused,
        };
        let sent = line.client.notify_message(message).await;
        line.close().await;
        match sent {
            Ok(()) => run.done(&serde_json::Value::Null, None, None, 1),
            Err(error) => run.failed(&error),
        }
    }

    async fn rpc_methods(self) -> Outcome {
        let run = self.run;
        if is_offline(run) {
            return offline::rpc_methods(run);
        }
        let line = match self.open().await {
            Ok(line) => line,
            Err(refused) => return refused,
        };
        let methods = line.client.rpc_methods();
        line.close().await;
        run.done(&serde_json::json!({ "rpc_methods": methods }), None, None, 0)
    }

    async fn open(self) -> std::result::Result<live::Line, Outcome> {
        match self.way {
            Way::WebSocket => live::websocket(self.run).await,
            _ => live::connection(self.run, self.channel_id).await,
        }
    }
}

/// Now, by the clock of the run.
fn now(run: &Run) -> Instant {
    run.clock.as_ref().map_or_else(Instant::now, |clock| clock.monotonic())
}
