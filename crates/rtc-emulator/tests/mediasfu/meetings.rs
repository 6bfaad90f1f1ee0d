//! Meetings of the cloud over Socket.IO. Several threads, because the order of events must not depend on them.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{Peer, advance, http, start};
use super::socket::Socket;

/// A room, with the tokens of the host and of a guest.
struct Room {
    room: Value,
    name: String,
    host: String,
    guest: String,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

async fn room(emulator: &Emulator, more: Value) -> Room {
    let peer = Peer::new(emulator);
    let mut body = json!({ "action": "create", "userName": "hostUser", "duration": 60, "capacity": 3 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let room = peer.post("/v1/rooms", body).await.expect(201);
    let name = text(&room, "roomName");
    let joining = json!({
        "action": "join", "meetingID": name, "userName": "guest1", "secureCode": more["secureCode"],
    });
    let guest = text(&peer.post("/v1/rooms", joining).await.expect(200), "secret");
    Room { host: text(&room, "secret"), name, guest, room }
}

impl Room {
    fn joining(&self, member: &str, level: &str, secret: &str) -> Value {
        json!({ "roomName": self.name, "islevel": level, "member": member, "sec": secret, "apiUserName": self.name })
    }

    async fn as_host(&self, emulator: &Emulator) -> Socket {
        let mut socket = Socket::cloud(emulator, &self.room, &self.host).await;
        let ack = socket.ask("joinRoom", self.joining("hostUser", "2", &self.host)).await;
        assert_eq!((&ack["success"], &ack["isHost"]), (&json!(true), &json!(true)), "{ack}");
        socket
    }

    async fn as_guest(&self, emulator: &Emulator, member: &str) -> Socket {
        let mut socket = Socket::cloud(emulator, &self.room, &self.guest).await;
        let ack = socket.ask("joinRoom", self.joining(member, "0", &self.guest)).await;
        assert_eq!((&ack["success"], &ack["isHost"]), (&json!(true), &json!(false)), "{ack}");
        socket
    }

    /// The arguments of a command on this room.
    fn with(&self, more: Value) -> Value {
        let mut content = json!({ "roomName": self.name });
        content.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        content
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_token_of_the_room_lets_in() {
    let emulator = start().await;
    let one = room(&emulator, json!({})).await;
    let other = room(&emulator, json!({})).await;
    for (name, secret) in [(&one.name, &other.host), (&one.name, &"0".repeat(64)), (&"s0".into(), &one.host)]
    {
        let query = format!("&apiUserName={name}&apiToken={secret}");
        let refusal = Socket::open(&emulator, &query, None).await.err().unwrap();
        assert_eq!(refusal, json!({ "message": "Invalid credentials" }));
    }
    assert!(Socket::open(&emulator, &format!("&apiUserName={}", one.name), None).await.is_err());
    let socket =
        Socket::open(&emulator, &format!("&apiUserName={}&apiKey={}", one.name, one.guest), None).await;
    let hello = socket.unwrap().hello;
    assert_eq!((&hello["mode"], &hello["allowRecord"]), (&json!("sandbox"), &json!(true)));
    assert!(hello["recordingParams_"].is_object() && hello.get("apiKey").is_none(), "{hello}");
    let log = format!("{:?}", emulator.requests("connect_meeting"));
    assert!(log.contains(&one.name) && !log.contains(&one.guest) && !log.contains(&one.host));
    advance(&emulator, 3600);
    assert!(
        Socket::open(&emulator, &format!("&apiUserName={}&apiToken={}", one.name, one.host), None)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_join() {
    let emulator = start().await;
    let params = json!({
        "itemPageLimit": 4, "mediaType": "video", "addCoHost": true, "targetOrientation": "neutral",
        "targetOrientationHost": "neutral", "targetResolution": "sd", "targetResolutionHost": "sd",
        "type": "webinar", "audioSetting": "approval", "videoSetting": "allow", "screenshareSetting": "allow",
        "chatSetting": "allow",
    });
    let room = room(&emulator, json!({ "meetingRoomParams": params, "secureCode": "12345" })).await;
    let mut guest = Socket::cloud(&emulator, &room.room, &room.guest).await;
    let early = guest.ask("joinRoom", room.joining("ann", "0", &room.guest)).await;
    assert_eq!(
        (&early["success"], &early["rtpCapabilities"], &early["noAdmin"]),
        (&json!(false), &Value::Null, &json!(true))
    );
    for (wrong, reason) in [
        (room.joining("ann", "2", &room.guest), "host's token"),
        (room.joining("ann", "0", &room.host), "Invalid credentials"),
        (room.joining("ann", "7", &room.guest), "islevel"),
        (room.with(json!({ "islevel": "0" })), "member"),
    ] {
        let ack = guest.ask("joinRoom", wrong).await;
        assert!(ack["success"] == false && ack["reason"].as_str().unwrap().contains(reason), "{ack}");
    }
    assert_eq!(guest.ask("joinConRoom", room.joining("ann", "0", &room.guest)).await["noAdmin"], true);

    let mut host = Socket::cloud(&emulator, &room.room, &room.host).await;
    // The host's token and name make a host, whatever level is asked for; numbers are taken as levels.
    let mut joining = room.joining("hostUser", "0", &room.host);
    joining["islevel"] = json!(0);
    let ack = host.ask("joinRoom", joining).await;
    assert_eq!((&ack["isHost"], &ack["secureCode"]), (&json!(true), &json!("12345")));
    assert_eq!(ack["meetingRoomParams"], params);
    let list = host.event("allMembers").await;
    assert_eq!(
        (names(&list), &list["settings"][0]),
        (vec![], &json!("approval")),
        "the newcomer is not in it yet"
    );
    assert_eq!(names(&host.event("allMembersRest").await), ["hostUser"]);

    let ack = guest.ask("joinRoom", room.joining("ann", "0", &room.guest)).await;
    assert!(ack["success"] == true && ack["secureCode"].is_null(), "{ack}");
    assert_eq!(guest.ask("joinConRoom", room.joining("ann", "0", &room.guest)).await["success"], true);
    assert_eq!(names(&host.event("allMembersRest").await), ["hostUser", "ann"]);
    assert_eq!(host.event("personJoined").await["name"], "ann");
    let mut second = Socket::cloud(&emulator, &room.room, &room.host).await;
    let ack = second.ask("joinRoom", room.joining("other", "2", &room.host)).await;
    assert!(ack["reason"].as_str().unwrap().contains("Only one member"), "{ack}");
    let _bob = room.as_guest(&emulator, "bob").await;
    let ack = second.ask("joinRoom", room.joining("bob", "0", &room.host)).await;
    assert_eq!(ack["reason"], "This name is already taken.");
    let ack = second.ask("joinRoom", room.joining("carl", "0", &room.host)).await;
    assert!(ack["reason"].as_str().unwrap().contains("capacity"), "{ack}");
    // The same name takes the place, and the older connection ends.
    let mut again = room.as_guest(&emulator, "ann").await;
    guest.until_closed().await;
    assert_eq!(names(&again.event("allMembersRest").await).len(), 2);
    assert_eq!(names(&again.event("allMembersRest").await).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_waiting_room() {
    let emulator = start().await;
    let room = room(&emulator, json!({})).await;
    let mut host = room.as_host(&emulator).await;
    assert_eq!(host.event("allWaitingRoomMembers").await, json!({ "waitingParticipants": [] }));
    let switch = json!({ "room": room.name, "on": true }).to_string();
    http(emulator.url(), "POST", "/_emulator/mediasfu/waiting-room", "", &switch).await.expect(200);
    let mut guest = Socket::cloud(&emulator, &room.room, &room.guest).await;
    let refused = guest.ask("joinRoom", room.joining("ann", "0", &room.guest)).await;
    assert!(
        refused["success"] == false && refused["reason"].as_str().unwrap().contains("waiting room"),
        "{refused}"
    );
    let waiting = host.event("allWaitingRoomMembers").await;
    assert_eq!(waiting["waitingParticipants"], json!([{ "name": "ann", "id": guest.id() }]));
    assert_eq!(host.event("userWaiting").await, json!({ "name": "ann" }));
    let answer =
        |yes: &str| room.with(json!({ "participantId": guest.id(), "participantName": "ann", "type": yes }));
    let (no, yes) = (answer("false"), answer("true"));
    host.emit("allowUserIn", no).await;
    assert_eq!(guest.event("exitWaitRoomUser").await, json!({ "typed": false, "name": "ann" }));
    assert_eq!(guest.ask("joinRoom", room.joining("ann", "0", &room.guest)).await["success"], false);
    // A guest cannot let itself in.
    guest.emit("allowUserIn", yes.clone()).await;
    host.emit("allowUserIn", yes).await;
    assert_eq!(guest.event("exitWaitRoomUser").await, json!({ "typed": true, "name": "ann" }));
    assert_eq!(guest.ask("joinRoom", room.joining("ann", "0", &room.guest)).await["success"], true);
    for (body, status) in [(json!({ "room": "s0", "on": true }), 404), (json!({ "room": room.name }), 400)] {
        http(emulator.url(), "POST", "/_emulator/mediasfu/waiting-room", "", &body.to_string())
            .await
            .expect(status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_commands_and_others_are_ignored() {
    let emulator = start().await;
    let room = room(&emulator, json!({})).await;
    let mut host = room.as_host(&emulator).await;
    let mut guest = room.as_guest(&emulator, "ann").await;
    let ann = json!({ "participantId": guest.id(), "participantName": "ann", "type": "audio" });
    let settings = json!({ "settings": ["allow", "approval", "disallow", "allow"] });
    for (event, content) in [("controlMedia", &ann), ("updateSettingsForRequests", &settings)] {
        guest.emit(event, room.with(content.clone())).await;
    }
    let refused = guest.ask("updateCoHost", room.with(json!({ "coHost": "ann" }))).await;
    assert_eq!((&refused["success"], refused["reason"].is_string()), (&json!(false), true));
    let refused = guest.ask("startRecord", room.with(json!({ "userRecordingParams": {} }))).await;
    assert_eq!(refused, json!({ "success": false, "reason": "Only the host may record." }));

    host.emit("controlMedia", room.with(ann)).await;
    assert_eq!(guest.event("controlMediaHost").await, json!({ "type": "audio" }));
    // An ill-formed one is as if it never came.
    host.emit("updateSettingsForRequests", room.with(json!({ "settings": ["allow"] }))).await;
    host.emit("updateSettingsForRequests", room.with(settings.clone())).await;
    assert_eq!(host.event("updateMediaSettings").await, settings);
    assert_eq!(guest.event("updateMediaSettings").await, settings);

    let request = json!({ "id": guest.id(), "name": "ann", "username": "ann", "icon": "fa-video" });
    guest.emit("participantRequest", room.with(json!({ "userRequest": request }))).await;
    assert_eq!(host.event("participantRequested").await["userRequest"], request);
    let response = json!({ "id": guest.id(), "name": "ann", "type": "fa-video", "action": "accepted" });
    host.emit("updateUserofRequestStatus", room.with(json!({ "requestResponse": response }))).await;
    assert_eq!(guest.event("hostRequestResponse").await["requestResponse"]["username"], "ann");

    let duties = json!([{ "name": "media", "value": true, "dedicated": false }]);
    let ack =
        host.ask("updateCoHost", room.with(json!({ "coHost": "ann", "coHostResponsibility": duties }))).await;
    assert_eq!(ack["success"], true);
    assert_eq!(
        guest.event("updatedCoHost").await,
        json!({ "coHost": "ann", "coHostResponsibilities": duties })
    );
    // The duty is media, and only that.
    guest.emit("updateSettingsForRequests", room.with(settings)).await;
    host.event("updateMediaSettings").await;
    let message =
        json!({ "sender": "ann", "receivers": [], "message": "hi", "timestamp": "10:00", "group": true });
    guest.emit("sendMessage", room.with(json!({ "messageObject": message }))).await;
    assert_eq!(host.event("receiveMessage").await, json!({ "message": message }));
    assert_eq!(guest.ask("getMessage", room.with(json!({}))).await["messages_"], json!([message]));
    assert_eq!(emulator.state()["mediasfu"]["meetings"]["meetings"][0]["members"][1]["name"], "ann");
    // What comes in a row goes out in a row.
    for n in 0..50 {
        let message =
            json!({ "sender": "ann", "message": n.to_string(), "timestamp": "10:01", "group": true });
        guest.emit("sendMessage", room.with(json!({ "messageObject": message }))).await;
    }
    for n in 0..50 {
        assert_eq!(host.event("receiveMessage").await["message"]["message"], n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_from_start_to_end() {
    let emulator = start().await;
    let room = room(&emulator, json!({})).await;
    let mut host = room.as_host(&emulator).await;
    let mut guest = room.as_guest(&emulator, "ann").await;
    let params = json!({ "mainSpecs": { "mediaOptions": "video" } });
    let start = room.with(json!({ "userRecordingParams": params }));
    let refusals = [
        ("pauseRecord", room.with(json!({}))),
        ("resumeRecord", start.clone()),
        ("startRecord", room.with(json!({}))),
    ];
    for (event, content) in refusals {
        assert_eq!(host.ask(event, content).await["success"], false, "{event}");
    }
    assert_eq!(host.ask("startRecord", start.clone()).await["success"], true);
    assert_eq!(host.event("RecordingNotice").await["userRecordingParam"], params);
    let told = json!({ "state": "start", "userRecordingParam": null, "pauseCount": 0, "timeDone": 0 });
    assert_eq!(guest.event("RecordingNotice").await, told);
    assert_eq!(host.ask("startRecord", start.clone()).await["success"], false);
    advance(&emulator, 20);
    let ack = host.ask("pauseRecord", room.with(json!({}))).await;
    assert_eq!(ack, json!({ "success": true, "reason": "", "recordState": "pause", "pauseCount": 1 }));
    assert_eq!(guest.event("RecordingNotice").await["timeDone"], 20_000);
    advance(&emulator, 20);
    assert_eq!(host.ask("resumeRecord", start.clone()).await["success"], true);
    let ack = host.ask("pauseRecord", room.with(json!({}))).await;
    assert_eq!(
        (&ack["success"], &ack["pauseCount"]),
        (&json!(false), &json!(1)),
        "a sandbox allows one pause"
    );
    let ack = host.ask("stopRecord", room.with(json!({}))).await;
    assert_eq!((&ack["success"], &ack["recordState"]), (&json!(true), &json!("stop")));
    assert_eq!(host.ask("startRecord", start).await["reason"], "The recording was stopped.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_out() {
    let emulator = start().await;
    let room = room(&emulator, json!({})).await;
    let mut host = room.as_host(&emulator).await;
    let mut guest = room.as_guest(&emulator, "ann").await;
    let mut bob = room.as_guest(&emulator, "bob").await;
    host.emit("disconnectUserInitiate", room.with(json!({ "member": "ann", "id": guest.id() }))).await;
    assert_eq!(guest.event("disconnectUserSelf").await, Value::Null);
    // The official clients obey, and have themselves banned.
    guest.emit("disconnectUser", room.with(json!({ "member": "ann", "ban": true }))).await;
    assert_eq!(bob.event("ban").await, json!({ "name": "ann" }));
    guest.until_closed().await;
    let mut again = Socket::cloud(&emulator, &room.room, &room.guest).await;
    let ack = again.ask("joinRoom", room.joining("ann", "0", &room.guest)).await;
    assert_eq!((&ack["success"], &ack["banned"]), (&json!(false), &json!(true)));
    // A guest removes neither another nor the host.
    let carl = room.as_guest(&emulator, "carl").await;
    bob.emit("disconnectUser", room.with(json!({ "member": "carl" }))).await;
    bob.emit("disconnectUser", room.with(json!({ "member": "hostUser" }))).await;
    assert_eq!(bob.ask("getMessage", room.with(json!({}))).await, json!({ "messages_": [] }));
    carl.leave(&emulator).await;
    assert_eq!(
        emulator.state()["mediasfu"]["meetings"]["meetings"][0]["members"].as_array().unwrap().len(),
        2
    );
    // The host may go without the meeting's end, or with it.
    host.emit("disconnectUser", room.with(json!({ "member": "hostUser", "endRoomOnHostExit": false }))).await;
    assert!(!host.until_closed().await.contains(&"meetingEnded".into()));
    let mut host = room.as_host(&emulator).await;
    host.emit("disconnectUser", room.with(json!({ "member": "hostUser" }))).await;
    for socket in [&mut host, &mut bob, &mut again] {
        assert!(socket.until_closed().await.contains(&"meetingEnded".into()));
    }
    assert_eq!(Peer::new(&emulator).join(&room.name).await.status, 404);
    assert_eq!(emulator.state()["mediasfu"]["meetings"]["ended"][&room.name], "the host ended it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_and_over() {
    let emulator = start().await;
    let deleted = room(&emulator, json!({})).await;
    let mut host = deleted.as_host(&emulator).await;
    Peer::new(&emulator).delete(&deleted.name).await.expect(200);
    assert!(host.until_closed().await.contains(&"meetingEnded".into()));
    let timed = room(&emulator, json!({})).await;
    let mut host = timed.as_host(&emulator).await;
    emulator.clock().wait_for_sleepers(6).await;
    advance(&emulator, 50 * 60);
    assert_eq!(host.event("meetingTimeRemaining").await, json!({ "timeRemaining": 600_000 }));
    advance(&emulator, 10 * 60);
    assert!(host.until_closed().await.contains(&"meetingEnded".into()));
    let again = room(&emulator, json!({})).await;
    let mut host = again.as_host(&emulator).await;
    emulator.reset();
    host.until_closed().await;
}
