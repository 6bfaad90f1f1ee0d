//! Sora: RPC over a WebSocket of the emulator or a gateway; in the case files, over a peer without a connection.

mod offline;

use std::time::Instant;

use rtc_core::Clock as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sora_rpc::{Call, Client, ClientOptions, Error, Message, Method, Result};

use crate::generated::sora_rpc as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// A client of the RPC at the endpoint.
async fn client(run: &Run) -> std::result::Result<Client, Outcome> {
    let needed = || Outcome::usage("endpoint", "give the WebSocket URL of the RPC, or set SORA_RPC_URL");
    let url = run.base("SORA_RPC_URL").ok_or_else(needed)?;
    let mut options = ClientOptions::new();
    if let Some(limit) = run.timeout {
        options = options.timeout(limit);
    }
    if let Some(clock) = &run.clock {
        options = options.clock(clock.clone());
    }
    if let Some(pem) = &run.root_certificate_pem {
        options = options.root_certificate_pem(pem.clone());
    }
    if let Some(connector) = &run.connector {
        options = options.connector(connector.clone());
    }
    Client::connect_websocket(&url, options).await.map_err(|error| run.failed(&error))
}

/// Whether there is nobody to talk to: then the state and the answer of a case stand for the server.
fn is_offline(run: &Run) -> bool {
    !run.environment && run.endpoint.is_none()
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    Some(match operation {
        "call" => {
            let request = generated::call(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            let live = |client: &Client| client.call(request.method.clone(), request.params.clone());
            let message = checked.and_then(|()| Message::raw(request.method.clone(), request.params.clone()));
            call(run, message, live).await
        }
        "notify" => {
            let request = generated::notify(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            notify(run, checked.and_then(|()| Message::raw(request.method, request.params))).await
        }
        "rpc_methods" => {
            let request = generated::rpc_methods(&mut input);
            match input.check(request.validate()).map_err(Error::from) {
                Ok(()) => rpc_methods(run).await,
                Err(error) => run.failed(&error),
            }
        }
        "request_simulcast_rid" => typed(run, generated::request_simulcast_rid(&mut input), input).await,
        "request_spotlight_rid" => typed(run, generated::request_spotlight_rid(&mut input), input).await,
        "reset_spotlight_rid" => typed(run, generated::reset_spotlight_rid(&mut input), input).await,
        "put_signaling_notify_metadata" => {
            typed(run, generated::put_signaling_notify_metadata(&mut input), input).await
        }
        "put_signaling_notify_metadata_item" => {
            typed(run, generated::put_signaling_notify_metadata_item(&mut input), input).await
        }
        "parse_response" => offline::parse_response(run),
        "decode_frame" => offline::decode_frame(run),
        "apply_events" => return offline::apply_events(run, input),
        _ => return None,
    })
}

async fn rpc_methods(run: &Run) -> Outcome {
    if is_offline(run) {
        return offline::rpc_methods(run);
    }
    match client(run).await {
        Ok(client) => run.done(&serde_json::json!({ "rpc_methods": client.rpc_methods() }), None, None, 0),
        Err(refused) => refused,
    }
}

async fn typed<M: Method>(run: &Run, request: M, input: Input) -> Outcome
where
    M::Output: Serialize + 'static,
{
    let checked = input.check(request.validate()).map_err(Error::from);
    let message = checked.and_then(|()| Message::typed(&request));
    call(run, message, |client| client.typed(&request)).await
}

async fn call<O: DeserializeOwned + Serialize + 'static>(
    run: &Run,
    message: Result<Message>,
    live: impl FnOnce(&Client) -> Call<O>,
) -> Outcome {
    let message = match message {
        Ok(message) => message,
        Err(error) => return run.failed(&error),
    };
    if is_offline(run) {
        return offline::call::<O>(run, message);
    }
    let client = match client(run).await {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    match live(&client).await {
        Ok(output) => run.done(&output, None, None, 1),
        Err(error) => run.failed(&error),
    }
}

async fn notify(run: &Run, message: Result<Message>) -> Outcome {
    let message = match message {
        Ok(message) => message,
        Err(error) => return run.failed(&error),
    };
    if is_offline(run) {
        return offline::notify(run, message);
    }
    let client = match client(run).await {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    match client.notify_message(message).await {
        Ok(()) => run.done(&serde_json::Value::Null, None, None, 1),
        Err(error) => run.failed(&error),
    }
}

/// Now, by the clock of the run.
fn now(run: &Run) -> Instant {
    run.clock.as_ref().map_or_else(Instant::now, |clock| clock.monotonic())
}
