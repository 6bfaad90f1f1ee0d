//! npm `socket.io` as the server of our meetings: what every command sends, what becomes of acknowledgements, events,
//! and the end of the connection.

use std::time::{Duration, SystemTime};

use mediasfu::meeting::{Command, Meeting, MeetingEvent, MeetingEvents, MeetingOptions};
use mediasfu::{
    AdmitParticipant, CoHostResponsibility, ConnectMeeting, ControlMedia, ControlledMedia, CreateEventRoom,
    DisconnectParticipant, Error, ErrorKind, JoinEventRoom, Message, PauseRecording, Permission,
    RemoveParticipant, ResumeRecording, SendMessage, StartRecording, StopRecording, UpdateCoHost,
    UpdateRequestSettings, UserRecordingParams,
};
use rtc_core::testing::ManualClock;
use serde_json::{Value, json};

use crate::Found;
use crate::node::{Drivers, LIMIT};
use crate::server::{ROOM, Server, same, token};

/// How long our client waits for an answer, by its clock: less than the server's pings are apart.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(drivers: &Drivers, found: &mut Found) {
    for allows_older in [false, true] {
        let mode = if allows_older { ", allowEIO3" } else { "" };
        println!("\nsocket.io {}{mode} as the server of our meeting", drivers.version("socket.io"));
        found.check("connecting and joining", connecting(drivers, allows_older).await);
        found.check("every command", commands(drivers, allows_older).await);
        found.check("acknowledgements", acknowledgements(drivers, allows_older).await);
        found.check("no acknowledgement", no_answer(drivers, allows_older).await);
        found.check("events", events(drivers, allows_older).await);
        found.check("refusals", refusals(drivers, allows_older).await);
        found.check("the end, from either side", ends(drivers, allows_older).await);
    }
}

async fn server(drivers: &Drivers, allows_older: bool) -> Result<Server, String> {
    Server::start(drivers, "socket.io", allows_older, 25_000).await
}

fn asked(server: &Server) -> ConnectMeeting {
    ConnectMeeting::new(server.url.as_str()).room_name(ROOM).secret(token())
}

/// The server is on this machine.
fn options(server: &Server) -> MeetingOptions {
    MeetingOptions::new().endpoint(server.url.as_str())
}

async fn connect(server: &Server) -> Result<(Meeting, MeetingEvents), String> {
    Meeting::connect(asked(server), options(server)).await.map_err(told)
}

fn told(error: Error) -> String {
    error.to_string()
}

/// What the server got, which is this event with this content.
async fn got(server: &mut Server, name: &str, content: Value, is_asked: bool) -> Result<(), String> {
    let packet = server.node.hear(json!({ "event": "packet", "place": "/media", "name": name })).await?;
    same(name, &packet["args"], &json!([content]))?;
    same(&format!("{name} asks for an acknowledgement"), &packet["asked"], &is_asked.into())
}

/// What the server is to answer from now on.
async fn answer(server: &mut Server, name: &str, content: Value) -> Result<(), String> {
    server.node.tell(&json!({ "do": "answer", "name": name, "args": [content] }))?;
    server.node.hear(json!({ "event": "obeyed", "name": name })).await.map(drop)
}

async fn connecting(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    answer(&mut server, "joinRoom", json!({
        "success": true, "rtpCapabilities": { "codecs": [] }, "isHost": false, "secureCode": "", "extra": [1],
    })).await?;
    let request = asked(&server).member("guest1");
    let origin = "https://app.example.com";
    let (meeting, _events) =
        Meeting::connect(request, options(&server).origin(origin)).await.map_err(told)?;
    let connection = server.node.hear(json!({ "event": "connection", "place": "/media" })).await?;
    same("the generation", &connection["protocol"], &4.into())?;
    same("the query's apiUserName", &connection["query"]["apiUserName"], &ROOM.into())?;
    same("the query's apiToken", &connection["query"]["apiToken"], &token().into())?;
    same("the query's transport", &connection["query"]["transport"], &"websocket".into())?;
    same("the origin", &connection["origin"], &origin.into())?;
    same("the id", &json!(meeting.hello().socket_id), &connection["id"])?;
    let join = json!({
        "roomName": ROOM, "islevel": "0", "member": "guest1", "sec": token(), "apiUserName": ROOM,
    });
    got(&mut server, "joinRoom", join, true).await?;
    let joined = meeting.joined().ok_or("the meeting does not know that it has joined")?;
    same("being host", &json!(joined.is_host), &false.into())
}

/// Each command as the facts say: its name, its members, and whether it asks for an acknowledgement.
async fn commands(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    let done = json!({ "success": true, "reason": "", "recordState": "started", "pauseCount": 0 });
    for name in ["startRecord", "pauseRecord", "resumeRecord", "stopRecord", "updateCoHost"] {
        answer(&mut server, name, done.clone()).await?;
    }
    let (meeting, _events) = connect(&server).await?;
    macro_rules! check {
        ($($command:expr => $content:expr;)*) => { $({
            let (name, is_asked) = about(&$command);
            meeting.command($command).await.map_err(told)?;
            got(&mut server, name, $content, is_asked).await?;
        })* };
    }
    let params = UserRecordingParams::new();
    check! {
        ControlMedia::new("id1", "guest1").media(ControlledMedia::Audio) => json!({
            "participantId": "id1", "participantName": "guest1", "type": "audio", "roomName": ROOM,
        });
        DisconnectParticipant::new("guest1", "id1") => json!({ "member": "guest1", "roomName": ROOM, "id": "id1" });
        RemoveParticipant::new("guest1").ban(true) => json!({ "member": "guest1", "roomName": ROOM, "ban": true });
        AdmitParticipant::new("id1", "guest1", true) => json!({
            "participantId": "id1", "participantName": "guest1", "type": "true", "roomName": ROOM,
        });
        AdmitParticipant::new("id1", "guest1", false) => json!({
            "participantId": "id1", "participantName": "guest1", "type": "false", "roomName": ROOM,
        });
        UpdateRequestSettings::new([
            Permission::Allow, Permission::Approval, Permission::Disallow, Permission::Allow,
        ]) => json!({ "settings": ["allow", "approval", "disallow", "allow"], "roomName": ROOM });
        UpdateCoHost::new("guest1").co_host_responsibility([CoHostResponsibility::new("media", true, false)]) => json!({
            "coHost": "guest1", "roomName": ROOM,
            "coHostResponsibility": [{ "name": "media", "value": true, "dedicated": false }],
        });
        SendMessage::new(Message::new("host1", "hello", "12:00:00", true)) => json!({
            "messageObject": {
                "sender": "host1", "message": "hello", "timestamp": "12:00:00", "group": true, "receivers": [],
            },
            "roomName": ROOM,
        });
        StartRecording::new(params.clone()) => json!({ "roomName": ROOM, "userRecordingParams": {} });
        PauseRecording::new() => json!({ "roomName": ROOM });
        ResumeRecording::new(params.clone()) => json!({ "roomName": ROOM, "userRecordingParams": {} });
        StopRecording::new() => json!({ "roomName": ROOM });
    }
    events_of_ones_own(&mut server, &meeting).await
}

/// What creates and joins events says nothing of the room.
async fn events_of_ones_own(server: &mut Server, meeting: &Meeting) -> Result<(), String> {
    let secret = "0123456789abcdef".repeat(2);
    let made = json!({ "success": true, "reason": "success", "secret": secret, "url": false });
    answer(server, "createRoom", made).await?;
    let create = CreateEventRoom::new("m12345678", 60, 10, "host1").scheduled_date(1_893_456_000_000);
    let room = meeting.command(create).await.map_err(told)?;
    if room.secret.as_ref().map(|secret| secret.expose().to_owned()) != Some(secret) || room.url.is_some() {
        return Err("the event's token or page is not what the server said".into());
    }
    got(
        server,
        "createRoom",
        json!({
            "eventID": "m12345678", "duration": 60, "capacity": 10, "userName": "host1",
            "scheduledDate": 1_893_456_000_000_u64,
        }),
        true,
    )
    .await?;
    let refusal =
        json!({ "success": false, "reason": "Wrong passcode (secureCode)", "secret": null, "url": null });
    answer(server, "joinEventRoom", refusal).await?;
    let join = JoinEventRoom::new("m12345678", "guest1").secure_code("abcde");
    let room = meeting.command(join).await.map_err(told)?;
    same("the refusal", &json!([room.success, room.reason]), &json!([false, "Wrong passcode (secureCode)"]))?;
    let content = json!({ "eventID": "m12345678", "userName": "guest1", "secureCode": "abcde" });
    got(server, "joinEventRoom", content, true).await
}

/// The event of a command, and whether it waits for an answer.
fn about<C: Command>(_command: &C) -> (&'static str, bool) {
    use mediasfu::meeting::Answer;
    // Of a co-host everybody is told, but a refusal is an acknowledgement.
    (C::EVENT, C::Output::AWAITED || C::EVENT == "updateCoHost")
}

async fn acknowledgements(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    let (meeting, _events) = connect(&server).await?;
    let paused = json!({ "success": true, "recordState": "paused", "pauseCount": 1 });
    answer(&mut server, "pauseRecord", paused).await?;
    let ack = meeting.pause_recording(PauseRecording::new()).await.map_err(told)?;
    same("the pause", &json!([ack.record_state, ack.pause_count]), &json!(["paused", 1]))?;
    let refusal = json!({ "success": false, "reason": "nothing is recorded" });
    answer(&mut server, "stopRecord", refusal).await?;
    match meeting.stop_recording(StopRecording::new()).await {
        Err(error) if error.to_string().contains("nothing is recorded") => {}
        other => return Err(format!("a refused stop ended with {other:?}")),
    }
    answer(&mut server, "getMessage", json!({ "messages_": [] })).await?;
    let answer = meeting.emit_with_ack("getMessage", &json!({ "roomName": ROOM })).await.map_err(told)?;
    same("an answer without a type", &answer, &json!({ "messages_": [] }))
}

/// A server without a handler, as a Community Edition is for recordings, never answers.
async fn no_answer(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    let clock = ManualClock::new(SystemTime::now());
    let options = options(&server).clock(clock.clone()).timeout(PATIENCE);
    let (meeting, _events) = Meeting::connect(asked(&server), options).await.map_err(told)?;
    let start = StartRecording::new(UserRecordingParams::new());
    let starting = tokio::spawn(async move { meeting.start_recording(start).await });
    server.node.hear(json!({ "event": "packet", "name": "startRecord", "asked": true })).await?;
    clock.advance(PATIENCE);
    let started = tokio::time::timeout(LIMIT, starting).await.map_err(|_| "it waits for ever")?;
    match started.map_err(|e| e.to_string())? {
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
        other => Err(format!("a start that nobody answers ended with {other:?}")),
    }
}

async fn events(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    let (meeting, mut events) = connect(&server).await?;
    meeting.emit("ready", &json!({})).await.map_err(told)?;
    got(&mut server, "ready", json!({}), false).await?;
    for (name, args) in [
        ("updateMediaSettings", json!([{ "settings": ["allow", "allow", "allow", "disallow"] }])),
        ("controlMediaHost", json!([{ "type": "audio" }])),
        ("userWaiting", json!([{ "name": "guest1" }])),
        ("ofTomorrow", json!([{ "a": 1 }, 2])),
        ("meetingEnded", json!([])),
    ] {
        server.node.tell(&json!({ "do": "emit", "place": "/media", "name": name, "args": args }))?;
    }
    let mut heard = Vec::new();
    while !heard.iter().any(|name| name == "Ended") {
        let event = tokio::time::timeout(LIMIT, events.next()).await.map_err(|_| "no event came")?;
        heard.push(variant(&event.ok_or("the events have ended")?));
    }
    // The first one may have been told while connecting.
    heard.retain(|name| name != "Connected");
    let wanted = ["MediaSettings", "ControlMediaHost", "UserWaiting", "Unknown", "Ended"];
    same("the events", &json!(heard), &json!(wanted))
}

/// The name of the kind of an event.
fn variant(event: &MeetingEvent) -> String {
    let text = format!("{event:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

async fn refusals(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    let request = asked(&server).secret("f".repeat(64));
    match Meeting::connect(request, options(&server)).await {
        Err(error) if error.to_string().contains("Invalid credentials") => {}
        Err(error) => return Err(format!("a wrong token ended with: {error}")),
        Ok(_) => return Err("a wrong token was let in".into()),
    }
    answer(&mut server, "joinRoom", json!({ "success": false, "rtpCapabilities": null, "banned": true }))
        .await?;
    match Meeting::connect(asked(&server).member("guest1"), options(&server)).await {
        Err(error) if error.to_string().contains("banned") => {}
        Err(error) => return Err(format!("joining as somebody banned ended with: {error}")),
        Ok(_) => return Err("somebody banned was let in".into()),
    }
    // Nobody is left behind in the meeting.
    server.node.hear(json!({ "event": "disconnect", "place": "/media" })).await.map(drop)
}

async fn ends(drivers: &Drivers, allows_older: bool) -> Result<(), String> {
    let mut server = server(drivers, allows_older).await?;
    for end in ["dismiss", "cut"] {
        let (_meeting, mut events) = connect(&server).await?;
        server.node.hear(json!({ "event": "connection", "place": "/media" })).await?;
        server.node.tell(&json!({ "do": end, "place": "/media" }))?;
        let mut last = String::new();
        while let Some(event) =
            tokio::time::timeout(LIMIT, events.next()).await.map_err(|_| "it does not end")?
        {
            last = variant(&event);
        }
        same("the last event", &last.into(), &"Disconnected".into())?;
        server.node.hear(json!({ "event": "disconnect", "place": "/media" })).await?;
    }
    let (meeting, _events) = connect(&server).await?;
    meeting.close().await;
    let seen = server.node.hear(json!({ "event": "disconnect", "place": "/media" })).await?;
    same("the server's reason", &seen["reason"], &"client namespace disconnect".into())?;
    drop(connect(&server).await?);
    server.node.hear(json!({ "event": "disconnect", "place": "/media" })).await.map(drop)
}
