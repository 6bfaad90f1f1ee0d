//! A room of the cloud: its credentials, its waiting room, the host's commands and the recording.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::{Clients, FAR, has, holds, post};
use crate::Found;
use crate::node::Drivers;
use crate::server::same;

const ROOM: &str = "sinterop12345678";

fn secret(letter: &str) -> String {
    letter.repeat(64)
}

/// What the vendor's SDKs say when they connect.
fn credentials(token: &str) -> Value {
    json!({ "query": { "apiUserName": ROOM, "apiToken": token } })
}

fn join(member: &str, level: &str, token: &str) -> Value {
    json!({ "roomName": ROOM, "islevel": level, "member": member, "sec": token, "apiUserName": ROOM })
}

/// A room with a host and a guest who have not come yet.
async fn world(waiting_room: bool) -> Result<Emulator, String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let room = json!({
        "input": { "action": "create", "userName": "host1", "duration": 60, "capacity": 10 },
        "entries": [
            { "secret": secret("a"), "name": "host1", "host": true },
            { "secret": secret("b"), "name": "guest1", "host": false },
        ],
        "ends_at": FAR, "waiting_room": waiting_room,
    });
    let rooms = json!({ "mediasfu": { "rooms": { ROOM: room } } });
    emulator.seed(rooms).map_err(|e| format!("the emulator does not take the room: {e}"))?;
    Ok(emulator)
}

pub(super) async fn run(drivers: &Drivers, package: &str, found: &mut Found) {
    found.check("credentials of a room", credentials_of_a_room(drivers, package).await);
    found.check("the waiting room", waiting_room(drivers, package).await);
    found.check("the host's commands", commands(drivers, package).await);
    found.check("a participant's request", request(drivers, package).await);
    found.check("a participant who has to go", removal(drivers, package).await);
    found.check("the recording", recording(drivers, package).await);
    found.check("the end of the room", end(drivers, package).await);
}

async fn credentials_of_a_room(drivers: &Drivers, package: &str) -> Result<(), String> {
    let emulator = world(false).await?;
    let mut clients = Clients::start(drivers, package, &emulator)?;
    let hello = clients.enter("host", &credentials(&secret("a"))).await?;
    has("connection-success", &hello, &["socketId"])?;
    if !hello["apiKey"].is_null() {
        return Err("a room of the cloud hands out a key".into());
    }
    for (who, token) in [("wrong", secret("c")), ("short", "a".into()), ("empty", String::new())] {
        clients.refused(who, &credentials(&token)).await.map_err(|e| format!("a {who} token: {e}"))?;
    }
    let elsewhere = json!({ "query": { "apiUserName": "snowhere12345678", "apiToken": secret("a") } });
    clients.refused("elsewhere", &elsewhere).await.map(drop)
}

/// The host and the guest, both in the room, and the guest's id.
async fn both(drivers: &Drivers, package: &str) -> Result<(Emulator, Clients, Value), String> {
    let emulator = world(false).await?;
    let mut clients = Clients::start(drivers, package, &emulator)?;
    clients.enter("host", &credentials(&secret("a"))).await?;
    let guest = clients.enter("guest", &credentials(&secret("b"))).await?["socketId"].clone();
    let early = clients.ask("guest", "joinRoom", join("guest1", "0", &secret("b"))).await?;
    holds("joining before the host", &early, json!({ "success": false, "rtpCapabilities": null }))?;
    let joined = clients.ask("host", "joinRoom", join("host1", "2", &secret("a"))).await?;
    holds("the host's joining", &joined, json!({ "success": true, "isHost": true }))?;
    has("the host's joining", &joined, &["rtpCapabilities", "meetingRoomParams", "recordingParams"])?;
    let joined = clients.ask("guest", "joinRoom", join("guest1", "0", &secret("b"))).await?;
    holds("the guest's joining", &joined, json!({ "success": true, "isHost": false }))?;
    Ok((emulator, clients, guest))
}

async fn waiting_room(drivers: &Drivers, package: &str) -> Result<(), String> {
    let emulator = world(true).await?;
    let mut clients = Clients::start(drivers, package, &emulator)?;
    clients.enter("host", &credentials(&secret("a"))).await?;
    clients.ask("host", "joinRoom", join("host1", "2", &secret("a"))).await?;
    let guest = clients.enter("guest", &credentials(&secret("b"))).await?["socketId"].clone();
    let refused = clients.ask("guest", "joinRoom", join("guest1", "0", &secret("b"))).await?;
    holds("joining while the host has not said yes", &refused, json!({ "rtpCapabilities": null }))?;
    holds("userWaiting", &clients.event("host", "userWaiting").await?, json!({ "name": "guest1" }))?;
    let waiting = json!([{ "name": "guest1", "id": guest }]);
    // The first list of a host who has just come may be empty.
    let mut list = clients.event("host", "allWaitingRoomMembers").await?;
    if list["waitingParticipants"] != waiting {
        list = clients.event("host", "allWaitingRoomMembers").await?;
    }
    holds("allWaitingRoomMembers", &list, json!({ "waitingParticipants": waiting }))?;
    let yes =
        json!({ "participantId": guest, "participantName": "guest1", "type": "true", "roomName": ROOM });
    clients.emit("host", "allowUserIn", yes)?;
    let admitted = clients.event("guest", "exitWaitRoomUser").await?;
    holds("exitWaitRoomUser", &admitted, json!({ "typed": true, "name": "guest1" }))?;
    let joined = clients.ask("guest", "joinRoom", join("guest1", "0", &secret("b"))).await?;
    holds("joining when the host has said yes", &joined, json!({ "success": true }))
}

async fn commands(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients, guest) = both(drivers, package).await?;
    let mute =
        json!({ "participantId": guest, "participantName": "guest1", "type": "all", "roomName": ROOM });
    clients.emit("host", "controlMedia", mute)?;
    holds("muting", &clients.event("guest", "controlMediaHost").await?, json!({ "type": "all" }))?;

    let settings = json!(["allow", "approval", "disallow", "allow"]);
    let update = json!({ "settings": settings, "roomName": ROOM });
    clients.emit("host", "updateSettingsForRequests", update)?;
    let message = json!({
        "sender": "guest1", "receivers": [], "message": "hello", "timestamp": "12:00:00", "group": true,
    });
    clients.emit("guest", "sendMessage", json!({ "messageObject": message, "roomName": ROOM }))?;
    let may = json!([{ "name": "media", "value": true, "dedicated": false }]);
    let named = json!({ "roomName": ROOM, "coHost": "guest1", "coHostResponsibility": may });
    let refused = clients.ask("guest", "updateCoHost", named.clone()).await?;
    holds("a guest's naming of a co-host", &refused, json!({ "success": false }))?;
    let done = clients.ask("host", "updateCoHost", named).await?;
    holds("naming a co-host", &done, json!({ "success": true }))?;
    for who in ["host", "guest"] {
        let told = clients.event(who, "updateMediaSettings").await?;
        holds("new settings", &told, json!({ "settings": settings }))?;
        let told = clients.event(who, "receiveMessage").await?;
        holds("a message", &told["message"], json!({ "sender": "guest1", "message": "hello" }))?;
        let told = clients.event(who, "updatedCoHost").await?;
        holds("a co-host", &told, json!({ "coHost": "guest1", "coHostResponsibilities": may }))?;
    }
    let log = clients.ask("host", "getMessage", json!({ "roomName": ROOM })).await?;
    holds("the log of messages", &log["messages_"][0], json!({ "message": "hello" }))
}

async fn request(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients, guest) = both(drivers, package).await?;
    let asked = json!({ "id": guest, "name": "guest1", "icon": "fa-video", "username": "guest1" });
    clients.emit("guest", "participantRequest", json!({ "userRequest": asked, "roomName": ROOM }))?;
    let told = clients.event("host", "participantRequested").await?;
    holds("participantRequested", &told["userRequest"], json!({ "name": "guest1", "icon": "fa-video" }))?;
    let yes = json!({ "id": guest, "name": "guest1", "type": "fa-video", "action": "accepted" });
    clients.emit("host", "updateUserofRequestStatus", json!({ "requestResponse": yes, "roomName": ROOM }))?;
    let told = clients.event("guest", "hostRequestResponse").await?;
    holds(
        "hostRequestResponse",
        &told["requestResponse"],
        json!({ "type": "fa-video", "action": "accepted" }),
    )
}

async fn removal(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients, guest) = both(drivers, package).await?;
    let ask = json!({ "member": "guest1", "roomName": ROOM, "id": guest });
    clients.emit("host", "disconnectUserInitiate", ask)?;
    clients.bare("guest", "disconnectUserSelf").await?;
    clients.emit("host", "disconnectUser", json!({ "member": "guest1", "roomName": ROOM, "ban": true }))?;
    clients.dismissed("guest").await?;
    clients.enter("again", &credentials(&secret("b"))).await?;
    let back = clients.ask("again", "joinRoom", join("guest1", "0", &secret("b"))).await?;
    holds("coming back", &back, json!({ "rtpCapabilities": null }))
}

async fn recording(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients, _) = both(drivers, package).await?;
    let room = json!({ "roomName": ROOM });
    let start = json!({
        "roomName": ROOM,
        "userRecordingParams": { "mainSpecs": { "mediaOptions": "video" }, "dispSpecs": { "nameTags": true } },
    });
    let refused = clients.ask("guest", "startRecord", start.clone()).await?;
    holds("a guest's start", &refused, json!({ "success": false }))?;
    has("a guest's start", &refused, &["reason"])?;
    let early = clients.ask("host", "pauseRecord", room.clone()).await?;
    holds("a pause before the start", &early, json!({ "success": false }))?;
    let started = clients.ask("host", "startRecord", start.clone()).await?;
    holds("the start", &started, json!({ "success": true }))?;
    has("what all are told", &clients.event("guest", "RecordingNotice").await?, &["state"])?;
    let paused = clients.ask("host", "pauseRecord", room.clone()).await?;
    holds("the pause", &paused, json!({ "success": true, "pauseCount": 1 }))?;
    has("the pause", &paused, &["recordState"])?;
    let resumed = clients.ask("host", "resumeRecord", start.clone()).await?;
    holds("going on", &resumed, json!({ "success": true }))?;
    let stopped = clients.ask("host", "stopRecord", room.clone()).await?;
    holds("the stop", &stopped, json!({ "success": true }))?;
    has("the stop", &stopped, &["recordState"])?;
    let again = clients.ask("host", "stopRecord", room).await?;
    holds("a second stop", &again, json!({ "success": false }))
}

/// A room that is deleted over HTTP.
async fn end(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (emulator, mut clients, _) = both(drivers, package).await?;
    let access = emulator.mediasfu();
    let bearer = format!("{}:{}", access.api_user_name(), access.api_key());
    let delete = json!({ "action": "delete", "meetingID": ROOM });
    same("the status", &post(&emulator, "/v1/rooms", &bearer, &delete).await?.into(), &200.into())?;
    for who in ["host", "guest"] {
        clients.bare(who, "meetingEnded").await?;
        clients.dismissed(who).await?;
    }
    Ok(())
}
