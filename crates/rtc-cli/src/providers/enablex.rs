//! EnableX: the Server API; rooms that are entered with a token, acted in and left again.

mod offline;

use enablex::room::{Command, Protocol};
use enablex::{Ack, Client, Credentials, Error, Result, Room, RoomOptions, decode_token};
use serde_json::json;

use super::configure;
use crate::generated::enablex as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};
use offline::Server;

fn client(run: &Run) -> Result<Client> {
    let id = run.credential("app_id", "ENABLEX_APP_ID");
    let credentials = Credentials::new(id, run.credential("app_key", "ENABLEX_APP_KEY"));
    configure!(Client::builder(credentials), run, "ENABLEX_ENDPOINT").build()
}

fn options(run: &Run) -> RoomOptions {
    let mut options = RoomOptions::new();
    if run.option("protocol") == Some("eio3") {
        options = options.protocol(Protocol::Eio3);
    }
    if let Some(endpoint) = run.base("ENABLEX_ENDPOINT") {
        options = options.endpoint(endpoint);
    }
    if let Some(limit) = run.timeout {
        options = options.timeout(limit);
    }
    if let Some(pem) = &run.root_certificate_pem {
        options = options.root_certificate_pem(pem.clone());
    }
    if let Some(clock) = &run.clock {
        options = options.clock(clock.clone());
    }
    if let Some(connector) = &run.connector {
        options = options.connector(connector.clone());
    }
    options
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    Some(match operation {
        "decode_token" => {
            let request = generated::decode_token(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            run.local(checked.and_then(|()| decode_token(request)))
        }
        "connect_room" => connect(input, run).await,
        "lock_room" => command(generated::lock_room(&mut input), input, run).await,
        "unlock_room" => command(generated::unlock_room(&mut input), input, run).await,
        "hard_mute_room" => command(generated::hard_mute_room(&mut input), input, run).await,
        "hard_unmute_room" => command(generated::hard_unmute_room(&mut input), input, run).await,
        "start_record" => command(generated::start_record(&mut input), input, run).await,
        "stop_record" => command(generated::stop_record(&mut input), input, run).await,
        _ => match client(run) {
            Ok(client) => return generated::call(&client, operation, input, run).await,
            Err(error) => run.failed(&error),
        },
    })
}

/// Enters the room of the input's token, or that of the scripted server of a case.
async fn enter(mut input: Input, run: &Run, server: Option<&Server>) -> Result<Room> {
    let token = input.text("token", "token").or_else(|| server.map(|_| offline::token()));
    let mut own = Input::new(json!({ "token": token }));
    let request = generated::connect_room(&mut own);
    input.check(own.check(request.validate()))?;
    let mut options = options(run);
    if let Some(server) = server {
        options = options.allow_private(true).protocol(server.protocol()).connector(server.clone());
    }
    Ok(Room::connect(request.token, options).await?.0)
}

async fn connect(input: Input, run: &Run) -> Outcome {
    let server = Server::of_case(run, true);
    let mut outcome = match enter(input, run, server.as_ref()).await {
        Ok(room) => {
            let state = room.state();
            let output = json!({
                "client_id": state.client_id, "connected_ip": room.joined().connected_ip, "phase": state.phase,
                "role": state.role, "room_id": state.room_id, "conf_num": state.conf_num,
                "locked": state.locked, "muted": state.muted, "participants": state.participants,
            });
            room.close().await;
            run.done(&output, None, None, 1)
        }
        Err(error) => run.failed(&error),
    };
    outcome.frames = server.map(|server| server.frames()).unwrap_or_default();
    outcome
}

async fn command<C: Command>(command: C, input: Input, run: &Run) -> Outcome {
    let server = Server::of_case(run, false);
    let result: Result<Ack> = match enter(input, run, server.as_ref()).await {
        Ok(room) => {
            if server.as_ref().is_some_and(Server::is_gone) {
                room.close().await;
            }
            let result = room.command(command).await;
            room.close().await;
            result
        }
        Err(error) => Err(error),
    };
    let mut outcome = match result {
        Ok(ack) => run.done(&ack, None, None, 1),
        Err(error) => run.failed(&error),
    };
    // Entering is not what a case is about.
    let frames = server.map(|server| server.frames()).unwrap_or_default();
    outcome.frames = frames.into_iter().skip(1).collect();
    outcome
}
