//! npm `socket.io-client`, both generations, as clients of the emulator: in one room at once, each in turn its moderator.

use enablex::{Role, RoomSettings};
use serde_json::{Value, json};

use crate::node::{Drivers, Node};
use crate::scene::Scene;
use crate::{Found, same};

/// A package, and where its clients connect.
type Package = (&'static str, &'static str);
const NEWER: Package = ("socket.io-client", "/v3/socket.io/");
const OLDER: Package = ("socket.io-client-2", "/socket.io/");

pub(crate) async fn run(drivers: &Drivers, found: &mut Found) {
    for (moderator, participant) in [(NEWER, OLDER), (OLDER, NEWER), (NEWER, NEWER), (OLDER, OLDER)] {
        println!(
            "\nsocket.io-client {} as the moderator of {} in a room of the emulator",
            drivers.version(moderator.0),
            drivers.version(participant.0)
        );
        found.check("a session", session(drivers, moderator, participant).await);
        found.check("tokens that are refused", refused(drivers, moderator).await);
        found.check("the end of the session", end(drivers, moderator, participant).await);
    }
}

/// Somebody with a process of the own.
struct Client {
    node: Node,
    id: String,
}

impl Client {
    /// Connects and shows a token: what it is answered with.
    async fn show(
        drivers: &Drivers,
        scene: &Scene,
        package: Package,
        token: &Value,
    ) -> Result<(Self, Value), String> {
        let mut node = Node::start(drivers, "connect.mjs", &json!({ "package": package.0 }))?;
        let url = scene.emulator.url();
        node.tell(&json!({
            "do": "connect", "who": "me", "url": url, "place": "/", "options": { "path": package.1 },
        }))?;
        node.hear(json!({ "event": "connect" })).await?;
        let mut client = Self { node, id: String::new() };
        let answer = client.ask("token", json!([token])).await?;
        client.id = answer[1]["clientId"].as_str().unwrap_or_default().to_owned();
        Ok((client, answer))
    }

    async fn enter(
        drivers: &Drivers,
        scene: &Scene,
        package: Package,
        name: &str,
        role: Role,
    ) -> Result<Self, String> {
        let (client, answer) = Self::show(drivers, scene, package, &scene.token(name, role).await?).await?;
        same("the answer to the token", &json!([answer[0], answer[1]["result"]]), &json!(["success", 0]))?;
        Ok(client)
    }

    async fn ask(&mut self, event: &str, args: Value) -> Result<Value, String> {
        self.node.tell(&json!({ "do": "ask", "who": "me", "name": event, "args": args }))?;
        Ok(self.node.hear(json!({ "event": "ack", "name": event })).await?["args"].clone())
    }

    /// The next event: its name, with the id of one that shares the name; and its content.
    async fn next(&mut self) -> Result<(String, Value), String> {
        let told = self.node.hear(json!({ "event": "event" })).await?;
        let (name, content) = (told["name"].as_str().unwrap_or_default(), &told["args"][0]);
        let id = content["id"].as_str().filter(|_| name.ends_with("ManagementEvents"));
        Ok((id.unwrap_or(name).to_owned(), content.clone()))
    }

    /// That this comes next.
    async fn hears(&mut self, name: &str) -> Result<Value, String> {
        let (is, content) = self.next().await?;
        if is == name { Ok(content) } else { Err(format!("{is} {content} came, not {name}")) }
    }

    /// What comes before a message of somebody else.
    async fn until(&mut self, mark: &str) -> Result<Vec<String>, String> {
        let mut heard = Vec::new();
        loop {
            let (name, content) = self.next().await?;
            if name == "onDataStreamToRoom" && content["message"] == mark {
                return Ok(heard);
            }
            heard.push(name);
        }
    }

    /// That the server ends the connection, and has told nothing else before.
    async fn dismissed(&mut self) -> Result<(), String> {
        let told = self.node.hear(json!({ "event": "disconnect" })).await?;
        same("the reason of the end", &told["reason"], &json!("io server disconnect"))?;
        let more = self.node.has_kept(&json!({ "event": "event" }));
        if more { Err("something was told that nobody expected".into()) } else { Ok(()) }
    }
}

/// Who is in the room.
struct Session {
    mo: Client,
    par: Client,
    marks: usize,
}

impl Session {
    /// A command of the moderator, and the events that each hears of it.
    async fn step(&mut self, event: &str, args: Value, mo: &[&str], par: &[&str]) -> Result<Value, String> {
        let what = format!("{event} {args}");
        let answer = self.mo.ask(event, args).await?;
        let status = if answer[0]["status"].is_null() {
            &answer[0]["result"]
        } else {
            &answer[0]["status"]["resultCode"]
        };
        same(&format!("{what}: {answer}"), status, &json!(0))?;
        self.marks += 1;
        let mark = format!("mark {}", self.marks);
        let message = json!([{ "msg": mark, "broadcast": true, "clients": [], "type": "chat" }]);
        self.mo.ask("sendDataStreamToRoom", message.clone()).await?;
        self.par.ask("sendDataStreamToRoom", message).await?;
        same(&format!("{what}: the moderator hears"), &json!(self.mo.until(&mark).await?), &json!(mo))?;
        same(&format!("{what}: the participant hears"), &json!(self.par.until(&mark).await?), &json!(par))?;
        Ok(answer)
    }

    async fn both(&mut self, event: &str, args: Value, told: &[&str]) -> Result<Value, String> {
        self.step(event, args, told, told).await
    }
}

fn options(id: &str, request: &str, client: &str) -> Value {
    json!([[{ "id": id, "request": request, "clientIds": [client] }]])
}

async fn session(drivers: &Drivers, moderator: Package, participant: Package) -> Result<(), String> {
    let scene = Scene::new(RoomSettings::new(5).duration(60)).await?;
    let mut mo = Client::enter(drivers, &scene, moderator, "Mo", Role::Moderator).await?;
    let connected = mo.hears("room-connected").await?;
    same("the moderator's id", &connected["clientId"], &json!(mo.id))?;
    let mut par = Client::enter(drivers, &scene, participant, "Par", Role::Participant).await?;
    same(
        "who is there",
        &json!(par.hears("room-connected").await?["userList"].as_array().map(Vec::len)),
        &json!(2),
    )?;
    mo.hears("user-connected").await?;
    let id = par.id.clone();
    let mut room = Session { mo, par, marks: 0 };

    room.both("startRecord", json!([{}]), &["room-record-on"]).await?;
    room.both("stopRecord", json!([{}]), &["room-record-off"]).await?;
    room.both("startLiveRecording", json!([{ "urlDetails": {} }]), &["room-live-recording-on"]).await?;
    let nothing = json!([{ "urlDetails": { "url": "", "layOut": {} } }]);
    room.both("stopLiveRecording", nothing, &["room-live-recording-off"]).await?;
    room.step("room-muted", json!([{}]), &[], &["room-muted"]).await?;
    room.both("room-unmuted", json!([{}]), &["room-unmuted"]).await?;
    for event in
        ["hardmute-user-audio", "hardunmute-user-audio", "hardmute-user-video", "hardunmute-user-video"]
    {
        room.step(event, json!([{ "clientId": id }]), &[], &[event]).await?;
    }
    room.both("lockRoom", json!([true]), &["room-locked"]).await?;
    room.both("lockRoom", json!([false]), &["room-unlocked"]).await?;
    for request in ["add", "remove"] {
        room.both("setAdvancedOptions", options("update-pin-users", request, &id), &["update-pin-users"])
            .await?;
        let lit: &[&str] = if request == "add" {
            &["spotlight-users", "active-talkers-updated"]
        } else {
            &["spotlight-users"]
        };
        room.both("setAdvancedOptions", options("spotlight-users", request, &id), lit).await?;
    }
    knocking(drivers, &scene, &mut room, participant).await?;
    // Each is told in the form of the own generation.
    room.mo.ask("switchUserRole", json!([id])).await?;
    for (client, package) in [(&mut room.mo, moderator), (&mut room.par, participant)] {
        let told = client.hears("userRoleChanged").await?;
        let (form, other) =
            if package == NEWER { ("clientsInfo", "moderator") } else { ("moderator", "clientsInfo") };
        same(
            "the form of a change of roles",
            &json!([told[form].is_null(), told[other].is_null()]),
            &json!([false, true]),
        )?;
    }
    let answer = room.mo.ask("lockRoom", json!([true])).await?;
    same("the former moderator's command", &answer[0]["result"], &json!(1168))?;
    let back = json!([room.mo.id]);
    room.par.ask("switchUserRole", back).await?;
    room.mo.hears("userRoleChanged").await?;
    room.par.hears("userRoleChanged").await?;

    room.both("switchRoomMode", json!(["lecture"]), &["roomSwitched"]).await?;
    scene.emulator.clock().advance(std::time::Duration::from_secs(50 * 60));
    let told = ["conference-remaining-duration", "conference-extended"];
    let answer = room.both("extendConferenceDuration", json!([{}]), &told).await?;
    same("the extension", &answer[0]["extendedTime"], &json!(10))?;
    // Whoever is sent out is told why, and hears no more.
    room.mo.ask("drop", json!([{ "all": false, "clientIds": [id] }])).await?;
    same(
        "the reason",
        &room.par.hears("room-disconnected").await?["reason"],
        &json!("dropped-by-moderator"),
    )?;
    room.par.dismissed().await?;
    same("who has gone", &room.mo.hears("user-disconnected").await?["clientId"], &json!(id))
}

/// One who knocks is denied, another is let in, and leaves.
async fn knocking(
    drivers: &Drivers,
    scene: &Scene,
    room: &mut Session,
    package: Package,
) -> Result<(), String> {
    room.both("enableKnock", json!([true]), &["knock-enabled"]).await?;
    let mut denied = Client::enter(drivers, scene, package, "Denied", Role::Participant).await?;
    same("why one waits", &denied.hears("room-awaited").await?["event_type"], &json!("knock"))?;
    same("who waits", &room.mo.hears("user-awaited").await?["clientId"], &json!(denied.id))?;
    room.both("user-denied", json!([denied.id]), &[]).await?;
    same("the reason", &denied.hears("room-disconnected").await?["reason"], &json!("denied"))?;
    denied.dismissed().await?;
    let mut late = Client::enter(drivers, scene, package, "Late", Role::Participant).await?;
    late.hears("room-awaited").await?;
    room.mo.hears("user-awaited").await?;
    room.both("user-allowed", json!([late.id]), &["user-connected"]).await?;
    late.hears("room-connected").await?;
    late.ask("drop", json!([{ "self": true }])).await?;
    for client in [&mut room.mo, &mut room.par] {
        same("who has left", &client.hears("user-disconnected").await?["clientId"], &json!(late.id))?;
    }
    Ok(())
}

async fn refused(drivers: &Drivers, package: Package) -> Result<(), String> {
    let scene = Scene::new(RoomSettings::new(1)).await?;
    let token = scene.token("Ada", Role::Participant).await?;
    let spare = scene.token("Bob", Role::Participant).await?;
    let (_ada, answer) = Client::show(drivers, &scene, package, &token).await?;
    same("a good token", &answer[1]["result"], &json!(0))?;
    for (what, token, code) in [
        ("a token again", token, 1161),
        ("a full room", spare, 2102),
        ("no token", json!({}), 1161),
        ("a made-up one", json!({ "tokenId": "a", "signature": "b" }), 1161),
    ] {
        let (mut client, answer) = Client::show(drivers, &scene, package, &token).await?;
        same(what, &json!([answer[0], answer[1]["result"]]), &json!(["error", code]))?;
        client.dismissed().await?;
    }
    Ok(())
}

/// Only the newer generation can delete the room with the session.
async fn end(drivers: &Drivers, moderator: Package, participant: Package) -> Result<(), String> {
    let scene = Scene::new(RoomSettings::new(5)).await?;
    let mut mo = Client::enter(drivers, &scene, moderator, "Mo", Role::Moderator).await?;
    let mut par = Client::enter(drivers, &scene, participant, "Par", Role::Participant).await?;
    let answer = mo.ask("drop", json!([{ "all": true, "clients": null, "deleteRoom": true }])).await?;
    same("the answer", &answer[0]["result"], &json!(0))?;
    for (client, before) in
        [(&mut mo, ["room-connected", "user-connected"].as_slice()), (&mut par, &["room-connected"])]
    {
        for event in before {
            client.hears(event).await?;
        }
        same("the reason", &client.hears("room-disconnected").await?["reason"], &json!("room-destroyed"))?;
        client.dismissed().await?;
    }
    let left = scene.emulator.state()["enablex"]["rooms"].as_array().map(Vec::len);
    same("the rooms that are left", &json!(left), &json!(usize::from(moderator == OLDER)))
}
