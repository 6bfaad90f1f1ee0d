//! Events of a Community Edition over Socket.IO.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{START, advance, http, start};
use super::socket::Socket;

const ID: &str = "m12345678901";

fn event(more: Value) -> Value {
    let mut event = json!({
        "eventID": ID, "duration": 30, "capacity": 3, "userName": "host1", "secureCode": "abcde", "waitRoom": false,
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

async fn invite(socket: &mut Socket, name: &str) -> Value {
    socket.ask("joinEventRoom", json!({ "eventID": ID, "userName": name })).await
}

async fn enter(socket: &mut Socket, name: &str, level: &str) -> Value {
    socket.ask("joinRoom", json!({ "roomName": ID, "islevel": level, "member": name })).await
}

/// An event with its host in it.
async fn begun(emulator: &Emulator, more: Value) -> Socket {
    let mut host = Socket::community(emulator).await;
    assert_eq!(host.ask("createRoom", event(more)).await["success"], true);
    assert_eq!(enter(&mut host, "host1", "2").await["isHost"], true);
    host
}

#[tokio::test]
async fn a_page_of_its_own_is_given_credentials() {
    let emulator = start().await;
    let port = emulator.url().rsplit(':').next().unwrap();
    let safe = format!("http://localhost:{port}");
    let hello = Socket::open(&emulator, "", Some(&safe)).await.unwrap().hello;
    let key = |name: &str| hello[name].as_str().unwrap().to_owned();
    assert_eq!((key("apiUserName").len(), key("apiKey").len()), (8, 64));
    for origin in [None, Some("http://localhost:1"), Some("https://evil.example")] {
        let hello = Socket::open(&emulator, "", origin).await.unwrap().hello;
        assert!(hello["socketId"].is_string() && hello.get("apiKey").is_none(), "{origin:?} {hello}");
    }
    let headers = format!("authorization: Bearer {}:{}\r\n", key("apiUserName"), key("apiKey"));
    let body =
        json!({ "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10 }).to_string();
    http(emulator.url(), "POST", "/createRoom", &headers, &body).await.expect(201);
    advance(&emulator, 15 * 60);
    http(emulator.url(), "POST", "/createRoom", &headers, &body).await.expect(401);
}

#[tokio::test]
async fn creating() {
    let emulator = start().await;
    let mut socket = Socket::community(&emulator).await;
    let refused = |reason: &str| json!({ "success": false, "secret": null, "url": null, "reason": reason });
    assert_eq!(
        socket.ask("createRoom", event(json!({ "duration": 0 }))).await,
        refused("Invalid credentials")
    );
    let made = socket.ask("createRoom", event(json!({ "eventID": ID.to_uppercase() }))).await;
    let secret = made["secret"].as_str().unwrap();
    assert_eq!((secret.len(), &made["reason"]), (32, &json!("success")));
    assert_eq!(made["url"], format!("/meet/{ID}/{secret}"));
    assert_eq!(socket.ask("createRoom", event(json!({}))).await, refused("Room already exists."));
    let later = (START + 600) * 1000;
    let later = event(json!({ "eventID": "m2", "scheduledDate": later }));
    assert_eq!(socket.ask("createRoom", later).await["url"], false);
    let early = socket.ask("joinEventRoom", json!({ "eventID": "m2", "userName": "ann" })).await;
    assert!(early["reason"].as_str().unwrap().contains("yet to start"), "{early}");
    let missing = json!({ "eventID": "m00000000000", "userName": "guest1", "secureCode": "" });
    assert_eq!(socket.ask("joinEventRoom", missing).await, refused("The event room does not exist."));
    assert!(!emulator.state()["mediasfu"].to_string().contains(secret));
}

#[tokio::test]
async fn joining() {
    let emulator = start().await;
    let mut host = Socket::community(&emulator).await;
    host.ask("createRoom", event(json!({}))).await;
    let mut guest = Socket::community(&emulator).await;
    assert_eq!(invite(&mut host, "host1").await["reason"], "Wrong passcode (secureCode)");
    let again = json!({ "eventID": ID, "userName": "host1", "secureCode": "abcde" });
    assert_eq!(host.ask("joinEventRoom", again).await["url"], false);
    let invited = invite(&mut guest, "an n").await;
    let secret = invited["secret"].as_str().unwrap();
    assert_eq!(invited["url"], format!("/meet/{ID}/{secret}"));
    assert_eq!(invite(&mut guest, "Ann").await["reason"], "This name is already taken.");
    let early = enter(&mut guest, "ann", "0").await;
    assert_eq!(early, json!({ "hostNotJoined": true, "rtpCapabilities": null, "success": false }));

    let ack = enter(&mut host, "host1", "0").await;
    assert_eq!(
        (&ack["isHost"], &ack["eventStarted"], ack.get("success")),
        (&json!(true), &json!(false), None)
    );
    assert_eq!(guest.event("exitWaitRoom").await, json!({ "name": "ann" }));
    let url = json!({ "eventID": ID, "userName": "ann", "secret": secret });
    assert_eq!(guest.ask("exitWaitRoomURL", url).await["success"], true);
    assert_eq!(enter(&mut guest, "ann", "0").await["isHost"], false);
    let info = guest.ask("getRoomInfo", json!({ "eventID": ID })).await;
    assert_eq!((&info["names"], &info["pending"]), (&json!(["host1", "ann"]), &json!(false)));
    for (content, error) in [
        (json!({ "islevel": "0", "member": "x" }), "room not defined"),
        (json!({ "roomName": ID, "member": "x" }), "islevel not defined"),
        (json!({ "roomName": ID, "islevel": "0" }), "member not defined"),
        (json!({ "roomName": ID, "islevel": "9", "member": "x" }), "islevel not valid"),
        (json!({ "roomName": "m0", "islevel": "0", "member": "x" }), "room not found"),
    ] {
        assert_eq!(guest.ask("joinRoom", content).await, json!({ "error": error }));
    }
    assert_eq!(
        enter(&mut guest, "stranger", "0").await,
        json!({ "rtpCapabilities": null, "success": false })
    );
    let mut third = Socket::community(&emulator).await;
    invite(&mut third, "bob").await;
    assert_eq!(invite(&mut third, "carl").await["reason"], "event is already at capacity (full)");
}

#[tokio::test]
async fn nobody_looks_at_who_commands_and_recording_is_never_answered() {
    let emulator = start().await;
    let mut host = begun(&emulator, json!({ "waitRoom": true })).await;
    let mut guest = Socket::community(&emulator).await;
    assert_eq!(invite(&mut guest, "ann").await["success"], true);
    assert_eq!(host.event("userWaiting").await["name"], "ann");
    let answer =
        json!({ "participantId": guest.id(), "participantName": "ann", "type": "true", "roomName": ID });
    guest.emit("allowUserIn", answer).await;
    assert_eq!(guest.event("exitWaitRoomUser").await["typed"], true);
    enter(&mut guest, "ann", "0").await;
    let settings = json!({ "settings": ["disallow", "allow", "allow", "allow"], "roomName": ID });
    guest.emit("updateSettingsForRequests", settings).await;
    host.event("updateMediaSettings").await;
    let ack = guest.ask("updateCoHost", json!({ "roomName": ID, "coHost": "ann" })).await;
    assert_eq!(ack["reason"], "You are not allowed to update the co-host");
    // Were it answered, the next acknowledgement would not be the next frame.
    host.emit("startRecord", json!({ "roomName": ID, "userRecordingParams": {} })).await;
    assert!(!host.settled(ID).await.contains(&"RecordingNotice".into()));
    guest.emit("disconnectUser", json!({ "member": "host1", "roomName": ID })).await;
    assert!(host.until_closed().await.contains(&"meetingEnded".into()));
    guest.event("meetingEnded").await;
    assert_eq!(invite(&mut guest, "ann").await["reason"], "The event room does not exist.");
}

#[tokio::test]
async fn an_event_is_over_in_time_and_outlives_its_host() {
    let emulator = start().await;
    let mut host = begun(&emulator, json!({})).await;
    emulator.clock().wait_for_sleepers(3).await;
    let mut guest = Socket::community(&emulator).await;
    invite(&mut guest, "ann").await;
    enter(&mut guest, "ann", "0").await;
    host.event("allMembersRest").await;
    host.leave(&emulator).await;
    assert_eq!(emulator.state()["mediasfu"]["meetings"]["meetings"][0]["live"], true);
    advance(&emulator, 30 * 60);
    guest.event("meetingEnded").await;
    let gone = enter(&mut guest, "ann", "0").await;
    assert_eq!(gone, json!({ "error": "room not found" }), "the connection stays, the event does not");
}
