//! The frames of the vendor's Web SDK in both protocol generations.
//!
//! Ours are held against the captured ones by their meaning. The emulator is given them as they are, each in a room of
//! its own that is in the state the frame is for; replaced is only what the service itself has given out: ids and tokens.
//! Where there are no captures, our own frames of the same shape have to do.

use std::path::Path;
use std::time::Duration;

use enablex::room::Protocol;
use enablex::{Role, RoomSettings};
use serde_json::{Value, json};

mod wire;

use crate::scene::Scene;
use crate::{Found, captures, commands, same};
use wire::{Handshake, Wire};

/// What the vendor's library sends on its own.
const ITS_OWN: [&str; 2] = ["getMaxNumberOfTalker", "logClientEvents"];
/// Its frame holds a room, a conference and an internal host of the vendor that are written into its code; ours holds the
/// room that it is about.
const DUMMIES: &str = "stopStreaming";
/// Commands that make sense only after another.
const NEEDS: [(&str, &str); 9] = [
    ("stop_record", "start_record"),
    ("stop_live_recording", "start_live_recording"),
    ("update_live_recording", "start_live_recording"),
    ("stop_streaming", "start_streaming"),
    ("update_streaming", "start_streaming"),
    ("unlock_room", "lock_room"),
    ("open_floor", "switch_room_mode"),
    ("process_floor_request", "switch_room_mode"),
    ("invite_to_floor", "switch_room_mode"),
];

/// A frame as it goes out, after the digits of the packet and of its id.
struct Said {
    operation: &'static str,
    text: String,
}

/// What a client of one generation sent: how it connected, its token, and its commands.
struct Script {
    handshake: Handshake,
    token: String,
    said: Vec<Said>,
    /// What its library sent on its own.
    its_own: Vec<String>,
}

pub(crate) async fn run(found: &mut Found) {
    for protocol in [Protocol::Eio3, Protocol::Eio4] {
        println!("\nframes of our own in the shape of the vendor's Web SDK, {protocol:?}");
        replay(&Script::own(protocol), found).await;
    }
    let Some(folder) = captures() else {
        return found.skip("the captured frames of the vendor's Web SDK: ../shared is not there");
    };
    for (file, protocol) in
        [("websdk-2.3.0-eio3.json", Protocol::Eio3), ("websdk-3.1.8-eio4.json", Protocol::Eio4)]
    {
        println!("\n{file}");
        match Script::captured(&folder.join(file), protocol) {
            Ok(script) => {
                found.check("our frames are the same", compare(&script, protocol));
                let token = read(&script.token).and_then(|frame| commands::has_dialect(&frame[1], protocol));
                found.check("so is what is said beside the token", token);
                replay(&script, found).await;
            }
            Err(error) => found.check("the frames of the capture", Err(error)),
        }
    }
}

impl Script {
    fn own(protocol: Protocol) -> Self {
        let mut token =
            json!({ "tokenId": "tok-1", "signature": "c2ln", "host": "media.example", "secure": false });
        for (name, value) in
            commands::ABOUT.map(|name| (name, json!("x"))).into_iter().chain(commands::dialect(protocol))
        {
            if !value.is_null() {
                token[name] = value;
            }
        }
        let said = commands::all(protocol).into_iter();
        Self {
            handshake: Handshake::own(protocol),
            token: json!(["token", token]).to_string(),
            said: said.map(|(operation, frame)| Said { operation, text: frame.to_string() }).collect(),
            its_own: vec![
                json!(["getMaxNumberOfTalker"]).to_string(),
                json!(["logClientEvents", { "eventType": "x", "clientId": "c-mod" }]).to_string(),
            ],
        }
    }

    fn captured(file: &Path, protocol: Protocol) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
        let lines: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let handshake = lines.iter().find(|line| line["upgrade"].is_string()).ok_or("nobody connects")?;
        let sent = lines.iter().filter(|line| line["dir"] == "c2s").filter_map(|line| line["data"].as_str());
        // An event that waits for an answer: 2, the id, and the list.
        let events = sent.filter_map(|data| {
            Some(data.strip_prefix('2')?.trim_start_matches(|c: char| c.is_ascii_digit()))
        });
        let is_its_own = |text: &&str| ITS_OWN.iter().any(|own| text.starts_with(&format!("[\"{own}\"")));
        let (its_own, events): (Vec<&str>, Vec<&str>) = events.partition(is_its_own);
        let mut events = events.into_iter();
        let token = events.next().ok_or("there is no token")?.to_owned();
        let said: Vec<&str> = events.collect();
        let known = commands::captured(protocol);
        if said.len() != known.len() {
            return Err(format!("{} commands were captured, and {} are known", said.len(), known.len()));
        }
        let said =
            known.iter().zip(said).map(|((operation, _), text)| Said { operation, text: text.to_owned() });
        let its_own = its_own.into_iter().map(str::to_owned).collect();
        Ok(Self { handshake: Handshake::captured(handshake), token, said: said.collect(), its_own })
    }

    fn text(&self, operation: &str) -> Result<&str, String> {
        let said = self.said.iter().find(|said| said.operation == operation);
        said.map(|said| said.text.as_str()).ok_or_else(|| format!("{operation} is not in the script"))
    }
}

fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("{text}: {e}"))
}

fn compare(script: &Script, protocol: Protocol) -> Result<(), String> {
    for (said, (operation, ours)) in script.said.iter().zip(commands::captured(protocol)) {
        let theirs = read(&said.text)?;
        if theirs[0] == DUMMIES {
            same(operation, &ours[0], &theirs[0])?;
            let names =
                |frame: &Value| frame[1].as_object().map(|frame| frame.keys().cloned().collect::<Vec<_>>());
            same(operation, &json!(names(&ours)), &json!(names(&theirs)))?;
        } else {
            same(operation, &ours, &theirs)?;
        }
    }
    Ok(())
}

async fn replay(script: &Script, found: &mut Found) {
    for said in &script.said {
        found.check(said.operation, one(script, said).await);
    }
    found.check("what the library sends on its own", on_its_own(script).await);
}

async fn on_its_own(script: &Script) -> Result<(), String> {
    let scene = Scene::new(RoomSettings::new(5)).await?;
    let mut mo = Wire::open(&scene, &script.handshake).await?;
    let id = mo.enter(&script.token, &scene.token("Mo", Role::Moderator).await?).await?;
    for event in ITS_OWN {
        let mut sent = script.its_own.iter().filter(|text| text.contains(event)).peekable();
        sent.peek().ok_or_else(|| format!("{event} was not sent"))?;
        for text in sent {
            let answer = mo.ask(text, &[("c-mod", id.clone())]).await?;
            same(&format!("{text}: {answer}"), &answer[0]["result"], &json!(0))?;
            if event == ITS_OWN[0] && !answer[0]["maxTalkers"].is_u64() {
                return Err(format!("{event} was answered with {answer}"));
            }
        }
    }
    Ok(())
}

/// One frame, in a room that is ready for it.
async fn one(script: &Script, said: &Said) -> Result<(), String> {
    let settings = RoomSettings::new(5).moderators(2).duration(60).knock(true);
    let scene = Scene::new(settings).await?;
    let token = scene.token("Mo", Role::Moderator).await?;
    let mut mo = Wire::open(&scene, &script.handshake).await?;
    let id = mo.enter(&script.token, &token).await?;
    same("what the library misses in the state of the room", &mo.knows_the_room()?, &json!([]))?;
    let joined = scene.emulator.enablex().join(&scene.room_id, "Par", "participant");
    let mut ids = vec![("c-mod", id), ("c-par", joined.ok_or("nobody can join")?)];
    let mut waiting = Vec::new();
    for name in ["c-wait", "c-w2"] {
        let mut guest = Wire::open(&scene, &script.handshake).await?;
        ids.push((name, guest.enter(&script.token, &scene.token(name, Role::Participant).await?).await?));
        waiting.push(guest);
    }
    if said.operation == "extend_conference_duration" {
        scene.emulator.clock().advance(Duration::from_secs(50 * 60));
    }
    if let Some((_, needed)) = NEEDS.iter().find(|(operation, _)| *operation == said.operation) {
        succeeded(needed, &mo.ask(script.text(needed)?, &ids).await?)?;
    }
    if said.operation == "process_floor_request"
        && !scene.emulator.enablex().raise_hand(&scene.room_id, &ids[1].1)
    {
        return Err("nobody can ask for the floor".into());
    }
    succeeded(said.operation, &mo.ask(&said.text, &ids).await?)
}

/// The library takes `[{result: 0, ..}]`, and of live recordings and streams `[{status: {resultCode, success, error}}]`
/// with the one who did it.
fn succeeded(operation: &str, answer: &Value) -> Result<(), String> {
    let live = operation.contains("live_recording") || operation.contains("streaming");
    let content = &answer[0];
    let right = if live {
        content["status"]["resultCode"] == 0
            && content["status"]["success"] == true
            && content["status"]["error"]["errorCode"] == 0
            && content["status"]["error"]["errorDesc"].is_string()
            && (content["startedBy"].is_string() || content["stoppedBy"].is_string())
    } else {
        content["result"] == 0
    };
    let members = match operation {
        "get_talker_count" => content["numTalkers"].is_u64() && content["maxTalkers"].is_u64(),
        "extend_conference_duration" => content["extendedTime"].is_u64(),
        "add_spotlight_users" | "remove_spotlight_users" => content["clients"].is_array(),
        _ => true,
    };
    if right && members { Ok(()) } else { Err(format!("{operation} was answered with {answer}")) }
}
