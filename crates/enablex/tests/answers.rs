//! What is made of answers that are not quite as documented: lenient in scalars, strict in structure.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use enablex::*;
use rtc_core::testing::ScriptedTransport;
use rtc_core::{RetryPolicy, Revealed};
use serde_json::{Value, json};

/// A client whose next answer this is.
fn with(body: &Value) -> Client {
    Client::builder(Credentials::new("APP", "KEY"))
        .transport(ScriptedTransport::new().json(200, body.to_string()))
        .retry(RetryPolicy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn rooms() {
    let body = json!({ "result": "0", "rooms": [{ "room_id": 7, "settings": { "participants": "5" } }, { "room_id": "x" }] });
    let rooms = with(&body).list_rooms(ListRooms::new()).await.unwrap().rooms;
    assert_eq!((rooms[0].room_id.as_str(), rooms[0].settings.participants), ("7", Some(5)));
    for body in
        [json!({ "result": 0, "rooms": null }), json!({ "result": 0, "rooms": [] }), json!({ "result": 0 })]
    {
        assert!(with(&body).list_rooms(ListRooms::new()).await.unwrap().rooms.is_empty(), "{body}");
    }
    let body = json!({ "result": 0, "room": { "room_id": "x", "name": 9 } });
    assert_eq!(with(&body).get_room(GetRoom::new("x")).await.unwrap().name.as_deref(), Some("9"));
    for body in [json!({ "result": 0 }), json!({ "result": 0, "room": {} })] {
        let error = with(&body).get_room(GetRoom::new("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
    }
}

#[tokio::test]
async fn changes_answer_with_next_to_nothing() {
    for body in [json!({ "result": 0 }), json!({ "result": "0", "desc": "Success" })] {
        with(&body).update_room(UpdateRoom::new("x").name("n")).await.unwrap();
        with(&body).delete_room(DeleteRoom::new("x")).await.unwrap();
    }
}

#[tokio::test]
async fn users() {
    let permissions = json!({ "publish": "true", "subscribe": false, "record": null, "new": 1 });
    let user = json!({ "name": 7, "user_ref": "u", "role": "speaker", "permissions": permissions });
    let body = json!({ "result": 0, "total": "1", "users": [user] });
    let list = with(&body).list_users(ListUsers::new("r")).await.unwrap();
    assert_eq!((list.total, list.users[0].name.as_deref()), (Some(1), Some("7")));
    assert_eq!(list.users[0].role, Some(Role::Other("speaker".into())));
    let permissions = list.users[0].permissions.as_ref().unwrap();
    assert_eq!(
        (permissions.publish, permissions.subscribe, permissions.record),
        (Some(true), Some(false), None)
    );
    // Nobody is in the room.
    for users in [json!(null), json!([])] {
        let body = json!({ "result": 0, "total": 0, "users": users });
        assert!(with(&body).list_users(ListUsers::new("r")).await.unwrap().users.is_empty());
    }
}

#[tokio::test]
async fn files_in_every_form() {
    let record = json!({
        "_id": "a", "trans_date": "2021-05-25T00:20:30.851Z", "conf_num": 7, "recording": ["http://h/1"],
        "transcoded": [{ "url": "http://h/2" }], "chatdata": "http://h/3", "metadata": null,
    });
    let body = json!({ "result": "0", "archive": [record, {}] });
    let list = with(&body).list_archives_by_room(ListArchivesByRoom::new("r")).await.unwrap().archive;
    assert_eq!((list.len(), list[0].conf_num.as_deref()), (2, Some("7")));
    let files = [&list[0].recording, &list[0].transcoded, &list[0].chatdata, &list[0].metadata];
    assert_eq!(files.map(|urls| urls.join(" ")), ["http://h/1", "http://h/2", "http://h/3", ""]);
}

#[tokio::test]
async fn records_of_use() {
    let user = json!({ "ip": "::1", "name": "Ada", "ref": "u-1", "token": "canary" });
    let room = json!({ "room_id": "r", "duration": "61.5", "room_details": { "k": 1 } });
    let record = json!({
        "conf_num": 7, "room": room, "user": user, "published_track": { "audio": "true" },
        "sigserver": { "duration": 3 }, "usage": { "subscribed_minutes": "0.5" },
    });
    let body = json!({ "result": "0", "cdr": [record] });
    let list = with(&body).get_cdr_by_conference(GetCdrByConference::new("7")).await.unwrap().cdr;
    let record = &list[0];
    let (room, user) = (record.room.as_ref().unwrap(), record.user.as_ref().unwrap());
    assert_eq!((room.duration, user.user_ref.as_deref()), (Some(61.5), Some("u-1")));
    assert_eq!(record.usage.as_ref().unwrap().subscribed_minutes, Some(0.5));
    assert_eq!(record.published_track.as_ref().unwrap().audio, Some(true));
    // Whoever has the token of a user may have been let in.
    let text = format!("{list:?} {}", serde_json::to_string(&list).unwrap());
    assert!(!text.contains("canary"), "{text}");
    assert!(serde_json::to_string(&Revealed(&list)).unwrap().contains("canary"));
}

#[tokio::test]
async fn dialling_in() {
    let sip = json!({ "server_url": "sip:x", "username": "u", "password": "canary", "sig_servers": ["s"] });
    let number = json!({ "country": "Chile", "country_code": 56, "phone": 1234, "toll": "toll" });
    let body = json!({ "_id": 1, "app_key": "canary-key", "settings": { "sip": "true" }, "sip": sip, "dialin": [number] });
    let answer = with(&body).get_dial_in(GetDialIn::new()).await.unwrap();
    assert_eq!(answer.dialin[0].country_code.as_deref(), Some("56"));
    assert_eq!(answer.settings.as_ref().unwrap().sip, Some(true));
    let text = format!("{answer:?} {}", serde_json::to_string(&answer).unwrap());
    assert!(!text.contains("canary"), "{text}");
    // It has no `result`, and may have nothing at all.
    assert!(with(&json!({})).get_dial_in(GetDialIn::new()).await.unwrap().dialin.is_empty());
}

#[tokio::test]
async fn what_is_no_answer() {
    for body in [json!([]), json!("x"), json!(null), json!({ "result": 0, "rooms": 7 })] {
        let error = with(&body).list_rooms(ListRooms::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}: {error}");
    }
}
