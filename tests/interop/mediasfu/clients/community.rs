//! A Community Edition: nobody needs credentials, events are made and joined over the socket, and nobody records.

use rtc_emulator::Emulator;
use rtc_tests::case::workspace;
use serde_json::{Value, json};

use super::{Clients, has, holds, post};
use crate::Found;
use crate::node::Drivers;
use crate::server::same;

const EVENT: &str = "m12345678";
/// What MediaSFU Open says in answer to a connection from elsewhere.
const HELLO: &[&str] = &["socketId", "mode", "allowRecord", "meetingRoomParams_", "recordingParams_"];

pub(super) async fn run(drivers: &Drivers, package: &str, found: &mut Found) {
    match hello(drivers, package).await {
        Ok(page) => {
            found.check("a Community Edition's hello", Ok(()));
            captured(&page, found);
        }
        Err(error) => found.fail(&format!("a Community Edition's hello: {error}")),
    }
    found.check("a Community Edition's event", event(drivers, package).await);
    found.check("a Community Edition does not record", no_recording(drivers, package).await);
}

async fn world(drivers: &Drivers, package: &str) -> Result<(Emulator, Clients), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let clients = Clients::start(drivers, package, &emulator)?;
    Ok((emulator, clients))
}

/// Only pages of the server's own origin get credentials, which are good for its HTTP calls. What such a page is told.
async fn hello(drivers: &Drivers, package: &str) -> Result<Value, String> {
    let (emulator, mut clients) = world(drivers, package).await?;
    let stranger = clients.enter("stranger", &json!({})).await?;
    has("connection-success", &stranger, HELLO)?;
    if !stranger["apiKey"].is_null() || !stranger["apiUserName"].is_null() {
        return Err("a client without an origin is given credentials".into());
    }
    let page = clients.enter("page", &json!({ "extraHeaders": { "origin": emulator.url() } })).await?;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (member, length) in [("apiUserName", 8), ("apiKey", 64)] {
        let text = page[member].as_str().unwrap_or_default();
        if text.len() != length || !is_hex(text) {
            return Err(format!("{member} is {:?}", page[member]));
        }
    }
    let call = json!({ "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10 });
    let bearer = format!("{}:{}", text(&page["apiUserName"]), text(&page["apiKey"]));
    same("the status", &post(&emulator, "/createRoom", &bearer, &call).await?.into(), &201.into())?;
    Ok(page)
}

/// Whether the real server's hello, where it was captured, has the same members of the same kinds.
fn captured(page: &Value, found: &mut Found) {
    let file = format!("{}/mediasfuopen-connection-success.json", crate::replay::CAPTURES);
    let Ok(text) = std::fs::read_to_string(workspace().join(&file)) else {
        return found.skip(&format!("the captured hello of a Community Edition: {file} is not there"));
    };
    let real: Value = serde_json::from_str(&text).unwrap_or_default();
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    kinds(&mut theirs, "", &real);
    kinds(&mut ours, "", page);
    let lacking: Vec<_> = theirs.iter().filter(|kind| !ours.contains(kind)).collect();
    let invented: Vec<_> = ours.iter().filter(|kind| !theirs.contains(kind)).collect();
    let same = lacking.is_empty() && invented.is_empty();
    let differences = || format!("it lacks {lacking:?} of the captured one and has {invented:?} besides");
    found.check("its hello, as captured", if same { Ok(()) } else { Err(differences()) });
}

/// The places of an object, each with the kind of value that is there.
fn kinds(all: &mut Vec<String>, place: &str, value: &Value) {
    let kind = match value {
        Value::Object(members) => {
            return members.iter().for_each(|(name, value)| kinds(all, &format!("{place}/{name}"), value));
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        Value::Array(_) => "list",
    };
    all.push(format!("{place}: {kind}"));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn now() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

/// An event that begins at once, with a host and a guest.
async fn open(clients: &mut Clients) -> Result<(), String> {
    clients.enter("host", &json!({})).await?;
    let room = json!({
        "eventID": EVENT, "capacity": 10, "duration": 60, "userName": "host1", "scheduledDate": now() as u64,
        "secureCode": "abcde", "waitRoom": false, "eventRoomParams": {
            "itemPageLimit": 8, "mediaType": "video", "addCoHost": true, "type": "conference",
            "targetOrientation": "neutral", "targetOrientationHost": "neutral",
            "targetResolution": "sd", "targetResolutionHost": "sd",
            "audioSetting": "allow", "videoSetting": "allow", "screenshareSetting": "allow", "chatSetting": "allow",
        },
    });
    let made = clients.ask("host", "createRoom", room.clone()).await?;
    entered("creating the event", &made)?;
    let again = clients.ask("host", "createRoom", room).await?;
    holds(
        "creating it twice",
        &again,
        json!({ "success": false, "reason": "Room already exists.", "secret": null }),
    )?;
    let wrong = json!({ "eventID": EVENT, "userName": "host1", "secureCode": "wrong" });
    let refused = clients.ask("host", "joinEventRoom", wrong).await?;
    holds(
        "the host's wrong code",
        &refused,
        json!({ "success": false, "reason": "Wrong passcode (secureCode)" }),
    )?;
    let join = json!({ "roomName": EVENT, "islevel": "2", "member": "host1", "sec": made["secret"] });
    let joined = clients.ask("host", "joinRoom", join).await?;
    holds(
        "the host's joining",
        &joined,
        json!({ "isHost": true, "isBanned": false, "hostNotJoined": false }),
    )?;
    has("the host's joining", &joined, &["rtpCapabilities", "eventRoomParams", "secureCode"])
}

fn entered(what: &str, answer: &Value) -> Result<(), String> {
    holds(what, answer, json!({ "success": true, "reason": "success" }))?;
    let secret = text(&answer["secret"]);
    if secret.len() != 32 {
        return Err(format!("{what}: the token has {} letters", secret.len()));
    }
    holds(what, answer, json!({ "url": format!("/meet/{EVENT}/{secret}") }))
}

async fn event(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients) = world(drivers, package).await?;
    open(&mut clients).await?;
    clients.enter("guest", &json!({})).await?;
    let join = |event: &str, name: &str, code: &str| json!({ "eventID": event, "userName": name, "secureCode": code });
    for (asked, reason) in [
        (join("m00000000", "guest1", "abcde"), "The event room does not exist."),
        (join(EVENT, "host1", "abcde"), "This name is already taken."),
    ] {
        let refused = clients.ask("guest", "joinEventRoom", asked).await?;
        holds("joining wrongly", &refused, json!({ "success": false, "reason": reason, "secret": null }))?;
    }
    let admitted = clients.ask("guest", "joinEventRoom", join(EVENT, "guest1", "abcde")).await?;
    entered("joining the event", &admitted)?;
    let join = json!({ "roomName": EVENT, "islevel": "0", "member": "guest1", "sec": admitted["secret"] });
    let joined = clients.ask("guest", "joinRoom", join).await?;
    holds("the guest's joining", &joined, json!({ "isHost": false }))?;
    let unknown = json!({ "roomName": "m00000000", "islevel": "0", "member": "guest1" });
    let refused = clients.ask("guest", "joinRoom", unknown).await?;
    holds("joining nowhere", &refused, json!({ "error": "room not found" }))?;
    let nothing = clients.ask("guest", "joinRoom", json!({ "islevel": "0", "member": "guest1" })).await?;
    holds("joining without a room", &nothing, json!({ "error": "room not defined" }))?;
    // The host who goes ends it for all.
    clients.emit("host", "disconnectUser", json!({ "member": "host1", "roomName": EVENT, "ban": false }))?;
    clients.bare("guest", "meetingEnded").await?;
    clients.dismissed("host").await
}

/// Its server has no handler for it, and so never says anything.
async fn no_recording(drivers: &Drivers, package: &str) -> Result<(), String> {
    let (_emulator, mut clients) = world(drivers, package).await?;
    open(&mut clients).await?;
    clients.ask_only("host", "startRecord", json!({ "roomName": EVENT, "userRecordingParams": {} }))?;
    clients.ask("host", "getMessage", json!({ "roomName": EVENT })).await?;
    if clients.node.has_kept(&json!({ "event": "ack", "name": "startRecord" })) {
        return Err("it was acknowledged".into());
    }
    Ok(())
}
