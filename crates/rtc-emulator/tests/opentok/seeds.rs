//! What tests bring in by the management API.

use serde_json::{Value, json};

use super::peer::{Peer, http, manage, start, state};

/// Field 1 of this id is the key 123456.
const SESSION: &str = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";

#[tokio::test]
async fn fixed_ids() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let seed = json!({ "opentok": {
        "sessions": { SESSION: {
            "connections": [{ "id": "con-1", "data": "name=J" }],
            "streams": [{ "id": "str-1", "connection_id": "con-1" }, { "id": "str-2" }],
        } },
        "archives": [
            { "id": "arc-1", "sessionId": SESSION, "streamMode": "manual" },
            { "id": "arc-2", "sessionId": SESSION, "status": "available" },
        ],
        "broadcasts": [{ "id": "bro-1", "sessionId": SESSION }],
        "renders": [{ "id": "ren-1", "sessionId": SESSION }],
        "captions": [{ "captionsId": "cap-1", "sessionId": SESSION }, { "id": "cap-2", "sessionId": SESSION }],
        "callbacks": [{ "id": "cb-1", "group": "archive", "event": "status", "url": "http://127.0.0.1:1/x" }],
        "projects": { "777": { "secret": "seven" } },
    } });
    let answer = http(emulator.url(), "POST", "/_emulator/seed", "", &seed.to_string()).await;
    answer.expect(200);
    let below = |what: &str| format!("/session/{SESSION}{what}");
    assert_eq!(peer.get(&below("/connection")).await.expect(200)["count"], 2);
    peer.get(&below("/stream/str-2")).await.expect(200);
    peer.call("PATCH", "/archive/arc-1/streams", r#"{"addStream":"str-1"}"#).await.expect(204);
    assert!(peer.get("/archive/arc-2").await.expect(200)["url"].is_string());
    for path in ["/broadcast/bro-1/stop", "/captions/cap-1/stop", "/archive/arc-1/stop"] {
        assert!(peer.call("POST", path, "").await.status < 300, "{path}");
    }
    peer.call("DELETE", "/render/ren-1", "").await.expect(204);
    peer.call("DELETE", "/callback/cb-1", "").await.expect(204);
    peer.call("DELETE", &below("/connection/con-1"), "").await.expect(204);
    let captions = peer.get("/captions/cap-2").await.expect(200);
    assert_eq!((&captions["captionsId"], captions.get("id")), (&json!("cap-2"), None));
    Peer::of(&emulator, "777", "seven").get("/archive").await.expect(200);

    // What is shown can be taken in again.
    let shown = state(&emulator);
    emulator.reset();
    assert_eq!(peer.get(&below("/stream")).await.status, 404);
    let mut again = shown.clone();
    again["projects"].as_object_mut().unwrap().remove("777");
    emulator.seed(json!({ "opentok": again })).unwrap();
    let now = state(&emulator);
    for kind in ["sessions", "archives", "broadcasts", "renders", "captions"] {
        assert_eq!(now[kind], shown[kind], "{kind}");
    }
    for (bad, told) in [
        (json!({ "rooms": {} }), "rooms"),
        (json!({ "sessions": { "x": { "odd": 1 } } }), "odd"),
        (json!({ "projects": { "778": {} } }), "secret"),
    ] {
        let error = emulator.seed(json!({ "opentok": bad })).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn clients_by_management() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let sessions = |what: &str| format!("sessions/{SESSION}{what}");
    let joined =
        manage(&emulator, "POST", &sessions("/connections"), json!({ "data": "d" })).await.expect(200);
    let connection = joined["connection_id"].as_str().unwrap();
    let input = json!({ "connection_id": connection, "name": "n", "video_type": "screen" });
    let stream = manage(&emulator, "POST", &sessions("/streams"), input).await.expect(200);
    let path = format!("/session/{SESSION}/stream/{}", stream["stream_id"].as_str().unwrap());
    assert_eq!(peer.get(&path).await.expect(200)["videoType"], "screen");
    let unknown = json!({ "connection_id": "unknown" });
    assert_eq!(manage(&emulator, "POST", &sessions("/streams"), unknown).await.status, 404);
    let path = sessions(&format!("/connections/{connection}"));
    manage(&emulator, "DELETE", &path, Value::Null).await.expect(200);
    for path in [path, sessions("/streams/x"), "sessions/x/streams/y".into()] {
        assert_eq!(manage(&emulator, "DELETE", &path, Value::Null).await.status, 404);
    }
    manage(&emulator, "POST", "sessions/any", json!({ "options": {} })).await.expect(200);
    assert_eq!(peer.post("/archive", json!({ "sessionId": "any" })).await.status, 409, "relayed");
    for (path, status) in [("archives/x", 404), ("nothing/x", 404), ("sessions/any", 400)] {
        assert_eq!(manage(&emulator, "POST", path, json!({ "odd": 1 })).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn records_keep_their_ids() {
    let emulator = start().await;
    let archives = json!([{ "id": "one", "sessionId": SESSION }, { "id": "two", "sessionId": SESSION }]);
    let captions = json!([{ "captionsId": "cap", "sessionId": SESSION }]);
    emulator.seed(json!({ "opentok": { "archives": archives, "captions": captions } })).unwrap();
    for (path, facts) in [
        ("archives/one", json!({ "id": "two" })),
        ("archives/one", json!({ "id": null })),
        ("captions/cap", json!({ "captionsId": "other" })),
    ] {
        assert_eq!(manage(&emulator, "POST", path, facts).await.status, 400, "{path}");
    }
    manage(&emulator, "POST", "archives/one", json!({ "id": "one", "name": "n" })).await.expect(200);
    // Both come to their end, and the emulator goes on.
    emulator.clock().advance(std::time::Duration::from_secs(5 * 3_600));
    let ended = state(&emulator)["archives"].as_array().unwrap().clone();
    assert!(ended.iter().all(|archive| archive["status"] == "available"), "{ended:?}");
}

#[tokio::test]
async fn same_seed_same_ids() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let emulator = start().await;
        let peer = Peer::new(&emulator);
        let session = peer.session("").await;
        let client = emulator.opentok().join(&session);
        let archive = peer.post("/archive", json!({ "sessionId": session })).await.expect(200);
        seen.push((session, client, archive));
    }
    assert_eq!(seen[0], seen[1]);
}
