//! Streams, connections, mutes, signals and tones.

use serde_json::{Value, json};

use super::peer::{Peer, start, state};

#[tokio::test]
async fn streams_and_their_classes() {
    let emulator = start().await;
    let mut peer = Peer::new(&emulator);
    let session = peer.session("").await;
    let streams = format!("/session/{session}/stream");
    assert_eq!(peer.get(&streams).await.expect(200), json!({ "count": 0, "items": [] }));
    let client = emulator.opentok().join(&session);
    let path = format!("{streams}/{}", client.stream_id);
    let expected =
        json!({ "id": client.stream_id, "videoType": "camera", "name": "", "layoutClassList": [] });
    assert_eq!(peer.get(&path).await.expect(200), expected);
    let item = |id: &str| json!({ "id": id, "layoutClassList": ["full", "focus"] });
    let put = |items: Value| json!({ "items": items }).to_string();
    let both = put(json!([item(&client.stream_id), item("unknown")]));
    assert_eq!(peer.call("PUT", &streams, &both).await.status, 404);
    assert_eq!(peer.get(&path).await.json()["layoutClassList"], json!([]), "all or nothing");
    peer.call("PUT", &streams, &put(json!([item(&client.stream_id)]))).await.expect(200);
    assert_eq!(peer.get(&path).await.json()["layoutClassList"], json!(["full", "focus"]));
    // PHP's way.
    peer.call("PUT", &path, r#"{"layoutClassList":["one"]}"#).await.expect(200);
    assert_eq!(peer.get(&path).await.json()["layoutClassList"], json!(["one"]));
    let unknown = peer.get(&format!("{streams}/unknown")).await;
    assert!(unknown.status == 408 && unknown.message().contains("invalid stream id"));
    assert_eq!(peer.get("/session/unknown/stream").await.status, 404);
    peer.headers = "accept: application/json\r\nuser-agent: OpenTok-Node-SDK/2.23.2\r\n";
    assert!(peer.get(&path).await.head.contains("text/plain"));
    assert!(peer.get(&streams).await.head.contains("application/json"));
}

#[tokio::test]
async fn mutes() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let streams: Vec<String> = (0..3).map(|_| access.join(&session).stream_id).collect();
    let muted = || -> Vec<bool> {
        let streams = state(&emulator)["sessions"][&session]["streams"].clone();
        streams.as_array().unwrap().iter().map(|stream| stream["muted"].as_bool().unwrap()).collect()
    };
    let one = format!("/session/{session}/stream/{}/mute", streams[0]);
    let project = peer.post(&one, json!({})).await.expect(200);
    assert_eq!((&project["applicationId"], &project["status"]), (&json!("123456"), &json!("ACTIVE")));
    assert_eq!(muted(), [true, false, false]);
    let unknown = format!("/session/{session}/stream/unknown/mute");
    assert_eq!(peer.call("POST", &unknown, "").await.status, 404);
    let all = format!("/session/{session}/mute");
    peer.post(&all, json!({ "active": true, "excludedStreamIds": [streams[1]] })).await.expect(200);
    assert_eq!(muted(), [true, false, true]);
    access.join(&session);
    assert_eq!(muted(), [true, false, true, true], "also those that come later");
    peer.post(&all, json!({ "active": "false" })).await.expect(200);
    access.join(&session);
    assert_eq!(muted(), [true, false, true, true, false]);
    assert_eq!(emulator.requests("disable_force_mute").len(), 1);
    // Three SDKs write the wrong name, one of them truth as text.
    peer.post(&all, json!({ "active": "true", "excludedStreams": [streams[1]] })).await.expect(200);
    assert_eq!(muted(), [true, false, true, true, true]);
    assert_eq!(state(&emulator)["aliases"], json!({ "force_mute_all: excludedStreams": 1 }));
    assert_eq!(peer.post(&all, json!({})).await.status, 400);
    assert_eq!(peer.post("/session/unknown/mute", json!({ "active": true })).await.status, 404);
}

#[tokio::test]
async fn signals_tones_and_the_door() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let (signal, tones) = (json!({ "type": "chat", "data": "Héllo" }), json!({ "digits": "1*#p" }));
    let below = |connection: &str, what: &str| format!("/session/{session}/connection/{connection}{what}");
    let whole = |what: &str| format!("/session/{session}{what}");
    assert_eq!(peer.post(&whole("/signal"), signal.clone()).await.status, 404, "nobody is there");
    assert_eq!(peer.post(&whole("/play-dtmf"), tones.clone()).await.status, 404);
    let client = access.join(&session);
    let connection = client.connection_id.as_str();
    peer.post(&whole("/signal"), signal.clone()).await.expect(204);
    peer.post(&below(connection, "/signal"), signal.clone()).await.expect(204);
    assert_eq!(peer.post(&below("unknown", "/signal"), signal).await.status, 404);
    for long in
        [json!({ "type": "t".repeat(129), "data": "" }), json!({ "type": "t", "data": "d".repeat(8193) })]
    {
        assert_eq!(peer.post(&whole("/signal"), long).await.status, 413);
    }
    assert_eq!(peer.post(&whole("/signal"), json!({ "type": 1, "data": "" })).await.status, 400);
    assert_eq!(peer.post(&whole("/play-dtmf"), tones.clone()).await.expect(200), Value::Null);
    peer.post(&below(connection, "/play-dtmf"), tones.clone()).await.expect(200);
    assert_eq!(peer.post(&below("unknown", "/play-dtmf"), tones).await.status, 404);
    assert_eq!(peer.post(&whole("/play-dtmf"), json!({ "digits": "12a" })).await.status, 400);
    peer.call("DELETE", &below(connection, ""), "").await.expect(204);
    assert_eq!(peer.call("DELETE", &below(connection, ""), "").await.status, 404);
    assert_eq!(state(&emulator)["sessions"][&session]["streams"], json!([]));
}
