//! EnableX: the Server API; rooms that are entered with a token, acted in and left again.

mod download;
mod offline;
mod room;

use std::time::{Duration, SystemTime};

use enablex::room::{Command, Protocol, RoomEvent};
use enablex::{
    Client, Credentials, Error, RecordingAccess, Result, Room, RoomOptions, Webhook, WebhookReader,
    decode_token, extension_windows, lookup_error,
};
use rtc_core::Clock as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::configure;
use crate::generated::enablex as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};
use offline::Server;
pub(crate) use room::converse;

fn client(run: &Run) -> Result<Client> {
    let id = run.credential("app_id", "ENABLEX_APP_ID");
    let credentials = Credentials::new(id, run.credential("app_key", "ENABLEX_APP_KEY"));
    let mut builder = configure!(Client::builder(credentials), run, "ENABLEX_ENDPOINT");
    if let Some(access) = recordings(run) {
        builder = builder.recordings(access);
    }
    builder.build()
}

/// The credentials for recordings, and the hosts that may see them: those of the option or the case.
fn recordings(run: &Run) -> Option<RecordingAccess> {
    let user = run.optional_credential("recording_user", "ENABLEX_RECORDING_USER")?;
    let password = run.credential("recording_password", "ENABLEX_RECORDING_PASSWORD");
    let listed = run.state.get("allowed_hosts").and_then(Value::as_array);
    let hosts = listed.into_iter().flatten().filter_map(Value::as_str);
    let named = run.option("recording_host");
    Some(hosts.chain(named).fold(RecordingAccess::new(user, password), RecordingAccess::allow_host))
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
    // It holds for opening the WebSocket, too; that takes 8 s at the most anyway.
    if let Some(limit) = run.timeout.filter(|limit| *limit < Duration::from_secs(8)) {
        options = options.connect_timeout(limit);
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

/// Hands the names of all room commands to a macro, after these arguments.
macro_rules! each_command {
    ($then:ident, $($given:tt),*) => {
        $then!($($given),*;
            lock_room unlock_room hard_mute_room hard_unmute_room hard_mute_audio hard_unmute_audio hard_mute_video
            hard_unmute_video start_record stop_record start_live_recording stop_live_recording
            update_live_recording start_streaming stop_streaming update_streaming approve_awaited_user
            deny_awaited_user switch_user_role pin_users unpin_users add_spotlight_users remove_spotlight_users
            drop_users switch_room_mode extend_conference_duration destroy_room leave_room enable_knock open_floor
            mute_room unmute_room get_talker_count set_talker_count process_floor_request invite_to_floor
            send_message get_advanced_options)
    };
}
use each_command;

/// Runs the room command of this name, where it is one of these.
macro_rules! commands {
    ($operation:expr, $input:ident, $run:expr; $($name:ident)*) => {
        match $operation {
            $(stringify!($name) => {
                let request = generated::$name(&mut $input);
                // Boxed: the caller would hold room for the largest of them many times over.
                Some(Box::pin(command(request, $input, $run)).await)
            })*
            _ => return from_server($operation, $input, $run).await,
        }
    };
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    if let Some(outcome) = local(operation, &mut input, run) {
        return Some(outcome);
    }
    if operation == "connect_room" {
        return Some(connect(input, run).await);
    }
    each_command!(commands, operation, input, run)
}

/// What is sent to the Server API.
async fn from_server(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    match client(run) {
        Ok(client) if operation == "download_recording" && run.option("file").is_some() => {
            let request = generated::download_recording(&mut input);
            if let Err(violations) = input.check(request.validate()) {
                return Some(run.failed(&Error::from(violations)));
            }
            Some(download::to_file(&client, request, run.option("file")?, run).await)
        }
        Ok(client) => generated::call(&client, operation, input, run).await,
        Err(error) => Some(run.failed(&error)),
    }
}

/// What sends nothing.
fn local(operation: &str, input: &mut Input, run: &Run) -> Option<Outcome> {
    const LOCAL: [&str; 5] =
        ["decode_token", "extension_windows", "lookup_error", "parse_event", "parse_webhook"];
    if !LOCAL.contains(&operation) {
        return None;
    }
    let mut input = std::mem::take(input);
    Some(match operation {
        "decode_token" => {
            let request = generated::decode_token(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            run.local(checked.and_then(|()| decode_token(request)))
        }
        "extension_windows" => {
            let request = generated::extension_windows(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            run.local(checked.and_then(|()| extension_windows(request)))
        }
        "lookup_error" => {
            let request = generated::lookup_error(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            run.local(checked.and_then(|()| lookup_error(request)).map(|rows| json!({ "rows": rows })))
        }
        "parse_webhook" => {
            input.json_as_text("body");
            let request = generated::parse_webhook(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            let webhook = checked.and_then(|()| webhooks(run).parse(request));
            run.local(webhook.map(|webhook| Posted { expired: webhook.expired(now(run)), webhook }))
        }
        _ => {
            let name = run.answer.get("event").and_then(Value::as_str)?;
            let args = run.answer.get("args").and_then(Value::as_array);
            let event = RoomEvent::read(name, args.map(Vec::as_slice).unwrap_or_default());
            run.local(Ok::<_, Error>(event))
        }
    })
}

/// Checks the credentials of webhooks where some are set.
fn webhooks(run: &Run) -> WebhookReader {
    let reader = WebhookReader::new();
    match run.optional_credential("webhook_user", "ENABLEX_WEBHOOK_USER") {
        Some(user) => {
            reader.credentials(user, run.credential("webhook_password", "ENABLEX_WEBHOOK_PASSWORD"))
        }
        None => reader,
    }
}

/// A webhook, and whether its files are gone by now.
#[derive(Serialize)]
struct Posted {
    #[serde(flatten)]
    webhook: Webhook,
    expired: bool,
}

/// Now, by the clock of the run.
fn now(run: &Run) -> SystemTime {
    run.clock.as_ref().map_or_else(SystemTime::now, |clock| clock.now())
}

/// Enters the room of the input's token, or that of the scripted server of a case.
async fn enter(mut input: Input, run: &Run, server: Option<&Server>) -> Result<Room> {
    let token = input.text("token", "token").or_else(|| server.map(|_| offline::token()));
    let mut own = Input::new(json!({ "token": token }));
    let request = generated::connect_room(&mut own);
    input.check(own.check(request.validate()))?;
    // One command and out again: there is nothing to come back to.
    let mut options = options(run).reconnect(rtc_core::RetryPolicy::none());
    if let Some(server) = server {
        options = options.allow_private(true).protocol(server.protocol()).connector(server.clone());
    }
    Ok(Room::connect(request.token, options).await?.0)
}

async fn connect(input: Input, run: &Run) -> Outcome {
    let server = Server::of_case(run, true);
    let mut outcome = match enter(input, run, server.as_ref()).await {
        Ok(room) => {
            let connected_ip = room.joined().connected_ip.clone();
            let output = Entered { connected_ip, state: room.state() };
            room.close().await;
            run.done(&output, None, None, 1)
        }
        Err(error) => run.failed(&error),
    };
    outcome.frames = server.map(|server| server.frames()).unwrap_or_default();
    outcome
}

/// A room that was entered.
#[derive(Serialize)]
struct Entered {
    connected_ip: Option<String>,
    #[serde(flatten)]
    state: enablex::RoomState,
}

async fn command<C: Command>(command: C, input: Input, run: &Run) -> Outcome
where
    C::Output: Serialize,
{
    let server = Server::of_case(run, false);
    let result: Result<C::Output> = match enter(input, run, server.as_ref()).await {
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
