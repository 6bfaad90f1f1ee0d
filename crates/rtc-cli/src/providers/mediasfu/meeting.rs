//! Meetings: connect, act, leave.

use std::time::{Duration, SystemTime};

use mediasfu::meeting::Command;
use mediasfu::{AttemptLimiter, ConnectMeeting, Level, Meeting, MeetingEvents, MeetingOptions, Result};
use rtc_core::Secret;
use rtc_core::testing::ManualClock;
use serde::Serialize;
use serde_json::{Value, json};

use super::offline::{self, Server};
use super::{generated, setting};
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// Whose failures `check_limits` counts.
const ACCOUNT: &str = "account";

/// Runs an operation of meetings; `None` where it is none.
pub(super) async fn run(operation: &str, input: &mut Input, run: &Run) -> Option<Outcome> {
    Some(match operation {
        "check_limits" => check_limits(std::mem::take(input), run),
        "connect_meeting" => connect(std::mem::take(input), run).await,
        "control_media" => command(generated::control_media(input), input, run).await,
        "disconnect_participant" => command(generated::disconnect_participant(input), input, run).await,
        "remove_participant" => command(generated::remove_participant(input), input, run).await,
        "admit_participant" => command(generated::admit_participant(input), input, run).await,
        "update_request_settings" => command(generated::update_request_settings(input), input, run).await,
        "update_co_host" => command(generated::update_co_host(input), input, run).await,
        "send_message" => command(generated::send_message(input), input, run).await,
        "start_recording" => command(generated::start_recording(input), input, run).await,
        "pause_recording" => command(generated::pause_recording(input), input, run).await,
        "resume_recording" => command(generated::resume_recording(input), input, run).await,
        "stop_recording" => command(generated::stop_recording(input), input, run).await,
        "create_event_room" => command(generated::create_event_room(input), input, run).await,
        "join_event_room" => command(generated::join_event_room(input), input, run).await,
        _ => return None,
    })
}

fn options(run: &Run, server: Option<&Server>) -> MeetingOptions {
    let mut options = MeetingOptions::new();
    if let Some(endpoint) = run.base("MEDIASFU_ENDPOINT") {
        options = options.endpoint(endpoint);
    }
    if let Some(origin) = setting(run, "origin", "MEDIASFU_ORIGIN") {
        options = options.origin(origin);
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
    match server {
        Some(server) => options.connector(server.clone()),
        None => options,
    }
}

/// What is told of a connection.
#[derive(Serialize)]
struct Connected {
    socket_url: String,
    socket_query: SocketQuery,
    hello: mediasfu::ConnectionSuccess,
    joined: Option<mediasfu::Joined>,
}

/// What the handshake says about who connects.
#[derive(Serialize)]
struct SocketQuery {
    #[serde(rename = "apiUserName")]
    api_user_name: Option<String>,
    #[serde(rename = "apiToken")]
    api_token: Option<Secret>,
}

async fn connect(mut input: Input, run: &Run) -> Outcome {
    let server = Server::of_case(run);
    let request = generated::connect_meeting(&mut input);
    if let Err(violations) = input.check(request.validate()) {
        return run.failed(&mediasfu::Error::from(violations));
    }
    let socket_url = format!("{}/media", request.link.trim().trim_end_matches('/'));
    let socket_query =
        SocketQuery { api_user_name: request.room_name.clone(), api_token: request.secret.clone() };
    match Meeting::connect(request, options(run, server.as_ref())).await {
        Ok((meeting, _events)) => {
            let (hello, joined) = (meeting.hello().clone(), meeting.joined().cloned());
            meeting.close().await;
            run.done(&Connected { socket_url, socket_query, hello, joined }, None, None, 1)
        }
        Err(error) => run.failed(&error),
    }
}

/// Connects as the rest of an input says (`link`, `room_name`, `secret`, `member`, `islevel`), acts and leaves.
async fn command<C: Command>(command: C, input: &mut Input, run: &Run) -> Outcome
where
    C::Output: Serialize,
{
    let server = Server::of_case(run);
    let mut outcome = match act(command, std::mem::take(input), run, server.as_ref()).await {
        Ok(output) => run.done(&output, None, None, 1),
        Err(error) => run.failed(&error),
    };
    outcome.frames = server.map(|server| server.frames()).unwrap_or_default();
    outcome
}

async fn act<C: Command>(
    command: C,
    mut input: Input,
    run: &Run,
    server: Option<&Server>,
) -> Result<C::Output> {
    let request = connecting(&command, &mut input, run, server);
    let faults = input.finish();
    let found = [command.validate(), request.validate()].into_iter().filter_map(std::result::Result::err);
    let found = found.flatten().collect();
    rtc_core::validate::merge([faults, found].concat(), Ok(()))?;
    let (meeting, events) = Meeting::connect(request, options(run, server)).await?;
    let result = meeting.command(command).await;
    leave(&meeting, events).await;
    result
}

/// What is handed over goes out before the connection is closed.
async fn leave(meeting: &Meeting, mut events: MeetingEvents) {
    meeting.close().await;
    while events.next().await.is_some() {}
}

/// The connection for a command: what the command itself has not taken of the input. Where it has a `member` of its own,
/// `connect_as` is the one to connect as.
fn connecting(
    command: &impl Command,
    input: &mut Input,
    run: &Run,
    server: Option<&Server>,
) -> ConnectMeeting {
    let secret = input.text("secret", "apiToken");
    let link = input.text("link", "link").or_else(|| server.map(|_| offline::LINK.into()));
    // A room of the cloud has a media server of its own, a Community Edition is it.
    let link = link.or_else(|| run.base("MEDIASFU_ENDPOINT").filter(|_| secret.is_none()));
    let mut request = ConnectMeeting::new(link.unwrap_or_default());
    if let Some(secret) = secret {
        request = request.secret(secret);
        let args = command.args().unwrap_or_default();
        let room = args.first().and_then(|content| content.get("roomName")).and_then(Value::as_str);
        request.room_name = room.map(str::to_owned).or_else(|| input.text("room_name", "roomName"));
    }
    request.member = input.text("connect_as", "member").or_else(|| input.text("member", "member"));
    request.islevel = input.text("islevel", "islevel").map_or(Level::Host, Level::from);
    request
}

/// Whether a connection may be tried after the failures that the state of a case tells.
fn check_limits(mut input: Input, run: &Run) -> Outcome {
    let request = generated::check_limits(&mut input);
    if let Err(violations) = input.check(request.validate()) {
        return run.failed(&mediasfu::Error::from(violations));
    }
    let number = |name: &str| run.state.get(name).and_then(Value::as_u64).unwrap_or_default();
    let limiter = match run.state.get("preset").and_then(Value::as_str) {
        Some("kotlin") => AttemptLimiter::sliding(),
        _ => AttemptLimiter::new(),
    };
    let limiter = limiter.with_clock(ManualClock::new(SystemTime::now()));
    let failures = u32::try_from(number("unsuccessful_attempts")).unwrap_or(u32::MAX);
    limiter.restore(ACCOUNT, failures, Duration::from_millis(number("last_request_age_ms")));
    let connect = limiter.check(ACCOUNT);
    run.done(&json!({ "connect": connect, "unsuccessful_attempts": limiter.counted(ACCOUNT) }), None, None, 0)
}

#[cfg(test)]
mod tests {
    use rtc_emulator::Emulator;

    use super::*;

    async fn called(operation: &str, input: Value, run: &Run) -> Outcome {
        super::super::run(operation, Input::new(input), run).await.unwrap()
    }

    #[tokio::test]
    async fn a_host_connects_acts_and_leaves() {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.mediasfu();
        let mut run = Run { endpoint: Some(access.url()), ..Run::default() };
        run.credentials.insert("api_user_name".into(), access.api_user_name().into());
        run.credentials.insert("api_key".into(), access.api_key().into());
        run.options.insert("server".into(), "cloud".into());
        let input = json!({ "user_name": "hostUser", "duration": 30, "capacity": 5 });
        let room = called("create_room", input, &run).await.body["output"].take();
        let connection = json!({
            "link": room["link"], "room_name": room["room_name"], "secret": room["secret"], "member": "hostUser",
        });
        let with = |more: Value| {
            let mut input = connection.clone();
            let (members, more) = (input.as_object_mut().unwrap(), more.as_object().unwrap().clone());
            members.extend(more);
            input
        };

        let connected = called("connect_meeting", with(json!({ "islevel": "2" })), &run).await;
        let output = &connected.body["output"];
        assert!(connected.is_ok(), "{}", connected.body);
        assert_eq!(output["socket_url"], format!("{}/media", room["link"].as_str().unwrap()));
        assert_eq!(output["socket_query"]["apiToken"], room["secret"]);
        assert_eq!(
            (&output["joined"]["is_host"], output["hello"]["socket_id"].is_string()),
            (&json!(true), true)
        );

        let how = with(json!({ "user_recording_params": {} }));
        let started = called("start_recording", how, &run).await;
        assert_eq!(started.body["output"]["success"], true, "{}", started.body);
        // Its member is the one to be removed, so that it connects as another.
        let removed = with(json!({ "member": "guest1", "connect_as": "hostUser" }));
        let removed = called("remove_participant", removed, &run).await;
        assert!(removed.is_ok() && removed.body["output"].is_null(), "{}", removed.body);
        let odd = called("stop_recording", with(json!({ "member": "x", "odd": 1 })), &run).await;
        let fields: Vec<_> = odd.body["error"]["violations"].as_array().unwrap().iter().collect();
        assert_eq!((fields.len(), odd.sent), (2, false), "{}", odd.body);
        let wrong = with(json!({ "secret": "0".repeat(64) }));
        let refused = called("stop_recording", wrong, &run).await;
        assert_eq!(refused.exit_code(), 3, "{}", refused.body);
    }

    #[tokio::test]
    async fn an_event_of_one_s_own_server() {
        let emulator = Emulator::start().await.unwrap();
        let run = Run { endpoint: Some(emulator.mediasfu().community_url()), ..Run::default() };
        let event =
            json!({ "event_id": "m12345678901", "duration": 30, "capacity": 5, "user_name": "host1" });
        let created = called("create_event_room", event, &run).await;
        assert_eq!(created.body["output"]["success"], true, "{}", created.body);
        let missing = json!({ "event_id": "m0", "user_name": "guest1" });
        let refused = called("join_event_room", missing, &run).await;
        assert_eq!((refused.is_ok(), &refused.body["output"]["success"]), (true, &json!(false)));
        let lost = json!({ "participant_id": "p", "participant_name": "g", "admit": true });
        let lost = called("admit_participant", lost, &run).await;
        assert_eq!(lost.body["error"]["violations"][0]["field"], "room_name");
    }

    #[tokio::test]
    async fn limits_by_what_failed_before() {
        for (state, connect, counted) in [
            (Value::Null, true, 0),
            (json!({ "unsuccessful_attempts": 9, "last_request_age_ms": 0 }), true, 9),
            (json!({ "unsuccessful_attempts": 10, "last_request_age_ms": 10_799_999 }), false, 10),
            (json!({ "unsuccessful_attempts": 10, "last_request_age_ms": 10_800_000 }), true, 0),
            (
                json!({ "unsuccessful_attempts": 5, "last_request_age_ms": 59_999, "preset": "kotlin" }),
                false,
                5,
            ),
            (json!({ "unsuccessful_attempts": 4, "last_request_age_ms": 0, "preset": "kotlin" }), true, 5),
        ] {
            let run = Run { state: state.clone(), ..Run::default() };
            let output = called("check_limits", json!({}), &run).await.body["output"].take();
            assert_eq!(output, json!({ "connect": connect, "unsuccessful_attempts": counted }), "{state}");
        }
    }
}
