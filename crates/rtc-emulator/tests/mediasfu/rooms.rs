//! Rooms, settings, and what is answered twice.

use serde_json::{Value, json};

use super::peer::{Peer, START, advance, quirks, start};

fn names(list: &Value) -> Vec<&str> {
    list["rooms"].as_array().unwrap().iter().map(|room| room["roomName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rooms_are_listed_joined_and_deleted() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let mut made = [peer.room().await, peer.room().await, peer.room().await];
    made.sort();
    let list = peer.get("/v1/rooms").await.expect(200);
    assert_eq!(names(&list), made);
    assert!(!list.to_string().contains("secret"), "{list}");
    let page = peer.get("/v1/rooms/?startIndex=1&pageSize=1").await.expect(200);
    assert_eq!(names(&page), [&made[1]]);
    assert_eq!(peer.get("/v1/rooms?eventStatus=over").await.status, 400);

    peer.join(&made[0]).await.expect(200);
    assert_eq!(peer.delete(&made[0]).await.expect(200), json!({ "success": true }));
    assert_eq!(peer.join(&made[0]).await.refused(404), "The event room does not exist.");
    assert_eq!(peer.delete(&made[0]).await.status, 404);
    advance(&emulator, 3600);
    assert_eq!(peer.delete(&made[1]).await.status, 404);
    let list = |status: &str| format!("/v1/rooms?eventStatus={status}");
    assert_eq!(names(&peer.get(&list("active")).await.expect(200)), [""; 0]);
    assert_eq!(names(&peer.get(&list("inactive")).await.expect(200)), made[1..]);

    let access = emulator.mediasfu();
    assert!(!access.waiting_room("s0", true) && access.waiting_room(&made[1], true));
    assert_eq!(emulator.state()["mediasfu"]["rooms"][&made[1]]["waiting_room"], true);

    let rooms = json!({ "dDemo": { "ends_at": u64::MAX } });
    emulator.seed(json!({ "mediasfu": { "rooms": rooms } })).unwrap();
    peer.join("dDemo").await.expect(200);
    assert_eq!(peer.delete("dDemo").await.status, 403);
}

#[tokio::test]
async fn a_scheduled_room_lasts_from_its_date() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let body = |date: Value| json!({ "action": "create", "userName": "hostUser", "duration": 1, "capacity": 2, "scheduledDate": date });
    for date in [json!((START + 600) * 1000), json!("2026-01-01T00:10:00Z")] {
        peer.post("/v1/rooms", body(date)).await.expect(201);
    }
    for (room, kept) in emulator.state()["mediasfu"]["rooms"].as_object().unwrap() {
        assert_eq!(kept["ends_at"], (START + 660) * 1000, "{room}");
    }
    assert_eq!(peer.post("/v1/rooms", body(json!("tomorrow"))).await.status, 400);
}

#[tokio::test]
async fn settings_are_created_before_they_are_updated() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let get = async || peer.get("/v1/eventssettings/").await.expect(200)["eventsSettings"].clone();
    let post = async |body: Value| peer.post("/v1/eventssettings", body).await;
    assert_eq!(get().await, json!({}));
    assert_eq!(post(json!({ "action": "update", "addCoHost": true })).await.status, 404);
    let first =
        json!({ "action": "create", "type": "webinar", "webhookSecret": "canary", "subusername": null });
    post(first).await.expect(200);
    assert_eq!(get().await, json!({ "type": "webinar" }));
    post(json!({ "action": "update", "addCoHost": true })).await.expect(200);
    assert_eq!(get().await, json!({ "type": "webinar", "addCoHost": true }));
    post(json!({ "action": "create", "itemPageLimit": 4 })).await.expect(200);
    assert_eq!(get().await, json!({ "itemPageLimit": 4 }));
    for bad in [json!({}), json!({ "action": "delete" }), json!({ "action": "create", "type": "meeting" })] {
        assert_eq!(post(bad.clone()).await.status, 400, "{bad}");
    }
    let kept = emulator.state().to_string() + &serde_json::to_string(&emulator.log()).unwrap();
    assert!(!kept.contains("canary"));
}

#[tokio::test]
async fn idempotency_keys() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    let keyed = |key: &str| peer.with(&format!("idempotency-key: {key}"));
    let first = keyed("join-0001").join(&room).await.expect(200);
    assert_eq!(keyed("join-0001").join(&room).await.expect(200), first);
    assert_ne!(keyed("join-0002").join(&room).await.expect(200), first);
    // One key is one call, whatever the operation.
    let ingest = json!({ "protocol": "whip", "tracks": ["audio"] });
    let source = json!({ "displayName": "cam", "role": "host", "ingest": ingest });
    let path = format!("/v1/meetings/{room}/external-sessions");
    assert_eq!(keyed("join-0001").post(&path, source.clone()).await.status, 409);
    let session = async |key: &str| keyed(key).post(&path, source.clone()).await.expect(201);
    assert_eq!(session("session-1").await, session("session-1").await);
    let elsewhere = path.replace(&room, &peer.room().await);
    assert_eq!(keyed("session-1").post(&elsewhere, source.clone()).await.status, 409);
    for bad in ["short".to_owned(), "k".repeat(129), "with space".to_owned()] {
        assert_eq!(keyed(&bad).join(&room).await.status, 400, "{bad}");
    }
    // A refusal is no answer to keep.
    assert_eq!(keyed("later-001").join("s0").await.status, 404);
    let rooms = json!({ "s0": { "ends_at": START * 2000 } });
    emulator.seed(json!({ "mediasfu": { "rooms": rooms } })).unwrap();
    keyed("later-001").join("s0").await.expect(200);
}

#[tokio::test]
async fn a_room_goes_by_many_names() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    quirks(&emulator, json!({ "aliases": true, "bare": true })).await;
    for pointer in ["/meetingID", "/meetingId", "/roomId", "/data/roomName", "/meetingID"] {
        let joined = peer.join(&room).await.expect(200);
        assert_eq!(joined.pointer(pointer), Some(&json!(room)), "{joined}");
        assert!(joined.get("roomName").is_none() && joined.get("success").is_none());
    }
    quirks(&emulator, json!({ "error_as_message": true })).await;
    let refused = peer.join("s0").await.expect(404);
    assert_eq!(refused, json!({ "message": "The event room does not exist.", "success": false }));
}
