//! Sessions, and the lives of archives, broadcasts, renders and captions.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{Peer, START, hs256, manage, start, state};

fn path(kind: &str, record: &Value) -> String {
    format!("/{kind}/{}", record["id"].as_str().unwrap())
}

fn advance(emulator: &Emulator, seconds: u64) {
    emulator.clock().advance(Duration::from_secs(seconds));
}

/// The caller's tokens do not outlive time travel: what is there is told by the state.
fn status(emulator: &Emulator, kind: &str) -> Vec<String> {
    let state = state(emulator);
    state[kind].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn sessions_as_json_and_as_xml() {
    let emulator = start().await;
    let mut peer = Peer::new(&emulator);
    let form = "p2p.preference=disabled&e2ee=True&bogus=x";
    let made = peer.call("POST", "/session/create", form).await;
    assert!(made.head.contains("application/json"));
    assert_eq!(made.expect(200)[0]["partner_id"], "123456");
    peer.headers = "accept: */*\r\n";
    let made = peer.call("POST", "/session/create", "").await;
    assert!(made.head.contains("text/xml") && made.text.contains("<Session><session_id>2_"), "{made:?}");
    let refused = peer.call("POST", "/session/create", "location=nowhere").await;
    assert!(refused.status == 400 && refused.text.contains("<errorPayload><code>-1</code>"), "{refused:?}");
    peer.headers = "accept: application/json\r\n";
    for form in [
        "archiveMode=always",
        "e2ee=true",
        "archiveName=x",
        "archiveMode=odd",
        "p2p.preference=disabled&archiveMode=always&e2ee=true",
    ] {
        assert_eq!(peer.call("POST", "/session/create", form).await.status, 400, "{form}");
    }
    peer.call("POST", "/session/create", "p2p.preference=always").await.expect(200);
    assert_eq!(state(&emulator)["aliases"]["create_session: p2p.preference=always"], 1);
}

#[tokio::test]
async fn an_archive_from_start_to_end() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let input = json!({ "sessionId": session, "name": "Monday", "resolution": null, "multiArchiveTag": "a" });
    assert_eq!(peer.post("/archive", input.clone()).await.status, 400, "nobody is there");
    let client = access.join(&session);
    let archive = peer.post("/archive", input.clone()).await.expect(200);
    assert_eq!(
        (&archive["status"], &archive["name"], &archive["projectId"], &archive["resolution"]),
        (&json!("started"), &json!("Monday"), &json!(123456), &json!("640x480"))
    );
    assert_eq!(archive["multiArchiveTag"], "a");
    assert_eq!(peer.post("/archive", input).await.status, 409);
    let second = json!({ "sessionId": session, "streamMode": "manual", "outputMode": "individual" });
    let second = peer.post("/archive/", second).await.expect(200);
    assert_eq!(second.get("resolution"), None);

    let (first, second) = (path("archive", &archive), path("archive", &second));
    let patch = |body: Value| body.to_string();
    let add = patch(json!({ "addStream": client.stream_id, "hasVideo": false }));
    assert_eq!(peer.call("PATCH", &format!("{first}/streams"), &add).await.status, 405);
    let streams = format!("{second}/streams");
    peer.call("PATCH", &streams, &add).await.expect(204);
    let expected = json!([{ "streamId": client.stream_id, "hasAudio": true, "hasVideo": false }]);
    assert_eq!(peer.get(&second).await.expect(200)["streams"], expected);
    let unknown = patch(json!({ "addStream": "unknown" }));
    assert_eq!(peer.call("PATCH", &streams, &unknown).await.status, 404);
    let remove = patch(json!({ "removeStream": client.stream_id }));
    peer.call("PATCH", &streams, &remove).await.expect(204);
    assert_eq!(peer.call("PATCH", &streams, &remove).await.status, 404);
    assert_eq!(peer.call("PATCH", &streams, "{}").await.status, 400);
    let operations: Vec<_> = emulator.requests("remove_archive_stream");
    assert_eq!(operations.len(), 2);

    let layout = json!({ "type": "custom", "stylesheet": "x {}" }).to_string();
    peer.call("PUT", &format!("{first}/layout"), &layout).await.expect(200);
    assert_eq!(peer.call("PUT", &format!("{second}/layout"), &layout).await.status, 400);
    let odd = json!({ "type": "custom" }).to_string();
    assert_eq!(peer.call("PUT", &format!("{first}/layout"), &odd).await.status, 400);
    assert_eq!(state(&emulator)["archives"][0]["layout"]["type"], "custom");

    assert_eq!(peer.call("DELETE", &first, "").await.status, 409);
    advance(&emulator, 10);
    let stopped = peer.call("POST", &format!("{first}/stop"), "{}").await.expect(200);
    assert_eq!((&stopped["status"], &stopped["duration"]), (&json!("stopped"), &json!(10)));
    assert_eq!(peer.call("POST", &format!("{first}/stop"), "").await.status, 409);
    let there = peer.get(&first).await.expect(200);
    assert_eq!((&there["status"], &there["reason"]), (&json!("available"), &json!("user initiated")));
    assert!(there["url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(there.get("multiArchiveTag"), None);
    let config = json!({ "accessKey": "canary1", "secretKey": "canary2", "bucket": "b" });
    let storage = json!({ "type": "s3", "config": config, "fallback": "none" });
    peer.call("PUT", "/archive/storage", &storage.to_string()).await.expect(200);
    peer.call("POST", &format!("{second}/stop"), "").await.expect(200);
    let there = peer.get(&second).await.expect(200);
    assert_eq!((&there["status"], &there["url"]), (&json!("uploaded"), &Value::Null));
    assert!(!format!("{}{:?}", state(&emulator), emulator.log()).contains("canary"));
    peer.call("DELETE", "/archive/storage", "").await.expect(204);

    let list = peer.get("/archive?count=1").await.expect(200);
    assert_eq!((&list["count"], &list["items"][0]["id"]), (&json!(2), &there["id"]), "the newest first");
    assert_eq!(peer.get("/archive?count=1001").await.status, 400);
    assert_eq!(peer.get("/archive?offset=1").await.expect(200)["items"][0]["id"], archive["id"]);
    let of_session = peer.get("/archive?sessionId=another").await.expect(200);
    assert_eq!(of_session, json!({ "count": 0, "items": [] }));
    for _ in 0..2 {
        peer.call("DELETE", &first, "").await.expect(204);
    }
    assert_eq!(peer.get(&first).await.expect(200)["status"], "deleted");
    assert_eq!(peer.get("/archive").await.expect(200)["count"], 1);
    for (method, path) in [("GET", "/archive/x"), ("DELETE", "/archive/x"), ("POST", "/archive/x/stop")] {
        assert_eq!(peer.call(method, path, "").await.status, 404);
    }
}

#[tokio::test]
async fn relayed_sessions_have_none_of_it() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let made = peer.call("POST", "/session/create", "").await.expect(200);
    let session = made[0]["session_id"].as_str().unwrap();
    emulator.opentok().join(session);
    let with = |more: Value| {
        let mut body = json!({ "sessionId": session, "token": "T1==x" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (path, body) in [
        ("/archive", json!({})),
        ("/broadcast", json!({ "outputs": { "hls": {} } })),
        ("/dial", json!({ "sip": { "uri": "sip:a@example.com" } })),
        ("/connect", json!({ "websocket": { "uri": "wss://example.com/a" } })),
        ("/captions", json!({})),
    ] {
        let answer = peer.post(path, with(body)).await;
        assert!(answer.status == 409 && answer.message().contains("relayed"), "{path} {answer:?}");
    }
}

#[tokio::test]
async fn what_time_does_to_archives() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("&archiveMode=always&archiveName=auto").await;
    let client = access.join(&session);
    access.join(&session);
    let archives = state(&emulator)["archives"].clone();
    assert_eq!((archives.as_array().unwrap().len(), &archives[0]["name"]), (1, &json!("auto")));
    // Without a stream it pauses, with one it goes on; without clients it ends.
    for stream in state(&emulator)["sessions"][&session]["streams"].as_array().unwrap() {
        let path = format!("sessions/{session}/streams/{}", stream["id"].as_str().unwrap());
        manage(&emulator, "DELETE", &path, Value::Null).await.expect(200);
    }
    advance(&emulator, 59);
    assert_eq!(status(&emulator, "archives"), ["started"]);
    advance(&emulator, 1);
    assert_eq!(status(&emulator, "archives"), ["paused"]);
    let again = access.join(&session);
    assert_eq!(status(&emulator, "archives"), ["started"], "and no second one");
    let connections = state(&emulator)["sessions"][&session]["connections"].clone();
    for connection in connections.as_array().unwrap() {
        access.leave(&session, connection["id"].as_str().unwrap());
    }
    assert_ne!(client.connection_id, again.connection_id);
    advance(&emulator, 60);
    let archive = &state(&emulator)["archives"][0];
    assert_eq!((&archive["status"], &archive["reason"]), (&json!("available"), &json!("session ended")));
    assert_eq!(archive["duration"], 120);
    advance(&emulator, 72 * 3600 - 1);
    assert_eq!(status(&emulator, "archives"), ["available"]);
    advance(&emulator, 1);
    assert_eq!(status(&emulator, "archives"), ["expired"]);
}

#[tokio::test]
async fn nothing_lasts_longer_than_it_may() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    access.join(&session);
    peer.post("/archive", json!({ "sessionId": session })).await.expect(200);
    let outputs = json!({ "rtmp": [{ "serverUrl": "rtmp://example.com/a", "streamName": "s" }] });
    let input = json!({ "sessionId": session, "outputs": outputs, "maxDuration": 60, "layout": null });
    peer.post("/broadcast", input).await.expect(200);
    let input =
        json!({ "sessionId": session, "token": "t", "url": "https://example.com/page", "maxDuration": 90 });
    peer.post("/render", input).await.expect(202);
    peer.post("/captions", json!({ "sessionId": session, "token": "t", "maxDuration": 300 }))
        .await
        .expect(202);
    let all =
        || ["archives", "broadcasts", "renders", "captions"].map(|kind| status(&emulator, kind).remove(0));
    assert_eq!(all(), ["started"; 4]);
    advance(&emulator, 60);
    assert_eq!(all(), ["started", "stopped", "started", "started"]);
    advance(&emulator, 30);
    assert_eq!(all(), ["started", "stopped", "stopped", "started"]);
    advance(&emulator, 1000);
    assert_eq!(all(), ["started", "stopped", "stopped", "stopped"]);
    advance(&emulator, 4 * 3600);
    assert_eq!(all(), ["available", "stopped", "stopped", "stopped"]);
    assert_eq!(state(&emulator)["archives"][0]["duration"], 4 * 3600);
}

#[tokio::test]
async fn a_broadcast() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let rtmp = json!([{ "id": "foo", "serverUrl": "rtmps://example.com/app", "streamName": "canary" }]);
    let outputs = json!({ "hls": { "dvr": true }, "rtmp": rtmp });
    let input =
        json!({ "sessionId": session, "outputs": outputs, "streamMode": "manual", "maxBitRate": 500_000 });
    assert_eq!(peer.post("/broadcast", input.clone()).await.status, 404, "nobody is there");
    let client = access.join(&session);
    let made = peer.post("/broadcast", input.clone()).await.expect(200);
    assert_eq!(
        (
            &made["broadcastUrls"]["hlsStatus"],
            &made["settings"]["hls"],
            &made["maxBitrate"],
            &made["maxDuration"]
        ),
        (&json!("connecting"), &json!({ "dvr": true, "lowLatency": false }), &json!(500_000), &json!(14_400))
    );
    assert_eq!(made["broadcastUrls"]["rtmp"][0]["id"], "foo");
    assert_eq!(state(&emulator)["aliases"]["start_broadcast: maxBitRate"], 2);
    assert_eq!(peer.post("/broadcast", input).await.status, 409);
    let path = path("broadcast", &made);
    let live = peer.get(&path).await.expect(200)["broadcastUrls"]["rtmp"][0].clone();
    assert_eq!((&live["status"], &live["streamName"]), (&json!("live"), &json!("canary")));
    assert!(!state(&emulator).to_string().contains("canary"), "whoever has the stream name can stream");
    let add = json!({ "addStream": client.stream_id }).to_string();
    peer.call("PATCH", &format!("{path}/streams"), &add).await.expect(204);
    let layout = json!({ "type": "bestFit", "screenshareType": "pip" }).to_string();
    peer.call("PUT", &format!("{path}/layout"), &layout).await.expect(200);
    let of_session = format!("/broadcast?sessionId={session}");
    assert_eq!(peer.get(&of_session).await.expect(200)["count"], 1);
    let stopped = peer.call("POST", &format!("{path}/stop"), "{}").await.expect(200);
    assert_eq!((&stopped["status"], &stopped["broadcastUrls"]), (&json!("stopped"), &Value::Null));
    assert_eq!(peer.call("POST", &format!("{path}/stop"), "{}").await.status, 409);
    assert_eq!(peer.get(&of_session).await.expect(200)["count"], 0, "only what is on the air");
    assert_eq!(peer.get(&path).await.expect(200)["status"], "stopped");
    assert_eq!(peer.get("/broadcast/x").await.status, 404);
}

#[tokio::test]
async fn a_render_joins_the_session() {
    let emulator = start().await;
    let mut peer = Peer::new(&emulator);
    let session = peer.session("").await;
    let input = |name: &str| {
        json!({
            "sessionId": session, "token": "t", "url": "https://example.com/page",
            "properties": { "name": name },
        })
    };
    let made = peer.post("/render", input("one")).await.expect(202);
    assert_eq!((&made["status"], &made["projectId"]), (&json!("starting"), &json!("123456")));
    let render = path("render", &made);
    let there = peer.get(&render).await.expect(200);
    assert_eq!((&there["status"], &there["name"]), (&json!("started"), &json!("one")));
    let stream = format!("/session/{session}/stream/{}", there["streamId"].as_str().unwrap());
    let stream = peer.get(&stream).await.expect(200);
    assert_eq!((&stream["videoType"], &stream["name"]), (&json!("custom"), &json!("one")));
    let second = path("render", &peer.post("/render", input("two")).await.expect(202));
    assert_eq!(peer.get("/render?offset=0&count=1").await.expect(200)["items"][0]["name"], "two");
    peer.call("DELETE", &render, "").await.expect(204);
    assert_eq!(peer.call("DELETE", &render, "").await.status, 404);
    assert_eq!(peer.get(&format!("/session/{session}/stream")).await.expect(200)["count"], 1);
    // Some SDKs take a 204 for an error; a switch makes it so for all.
    peer.headers = "accept: application/json\r\nuser-agent: OpenTok-Python-SDK/3.15.0\r\n";
    peer.call("DELETE", &second, "").await.expect(200);
    manage(&emulator, "POST", "quirks", json!({ "stop_render_status": 200 })).await.expect(200);
    peer.headers = "accept: application/json\r\n";
    let third = path("render", &peer.post("/render", input("three")).await.expect(202));
    peer.call("DELETE", &third, "").await.expect(200);
    assert_eq!(manage(&emulator, "POST", "quirks", json!({ "odd": 1 })).await.status, 400);
}

#[tokio::test]
async fn captions_calls_and_connectors() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let session = peer.session("").await;
    let with = |name: &str, more: Value| json!({ "sessionId": session, "token": "t", (name): more });
    let captions = peer.post("/captions", with("languageCode", json!("en-GB"))).await.expect(202);
    let id = captions["captionsId"].as_str().unwrap();
    assert_eq!(peer.post("/captions", with("languageCode", json!(null))).await.status, 409);
    let told = peer.get(&format!("/captions/{id}")).await.expect(200);
    assert_eq!((&told["status"], &told["languageCode"]), (&json!("started"), &json!("en-GB")));
    peer.call("POST", &format!("/captions/{id}/stop"), "").await.expect(202);
    assert_eq!(peer.call("POST", &format!("/captions/{id}/stop"), "").await.status, 404);

    let call = peer.post("/dial", with("sip", json!({ "uri": "sip:a@example.com" }))).await.expect(200);
    assert_eq!(call["projectId"], "123456");
    let connector = peer.post("/connect", with("websocket", json!({ "uri": "wss://example.com/a" }))).await;
    let connector = connector.expect(200);
    let connections = peer.get(&format!("/session/{session}/connection")).await.expect(200);
    assert_eq!((&connections["count"], &connections["projectId"]), (&json!(2), &json!("123456")));
    assert_eq!(connections["items"][0]["connectionId"], call["connectionId"]);
    assert_eq!(connections["items"][1]["connectionId"], connector["connectionId"]);
    assert_eq!(
        peer.get(&format!("/session/{session}/stream")).await.expect(200)["items"][0]["id"],
        call["streamId"]
    );
    let stop = format!("/connect/{}/stop", connector["id"].as_str().unwrap());
    peer.call("POST", &stop, "").await.expect(200);
    assert_eq!(peer.call("POST", &stop, "").await.status, 404);
    assert_eq!(peer.get(&format!("/session/{session}/connection")).await.expect(200)["count"], 1);
    peer.post("/call", with("sip", json!({ "uri": "sip:a@example.com" }))).await.expect(200);
    assert_eq!(emulator.requests("dial_sip").len(), 2, "an old name of the path");
    assert_eq!(
        peer.post("/dial", json!({ "sessionId": "none", "token": "t", "sip": { "uri": "sip:a@b.example" } }))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn tokens_of_others_are_refused() {
    let emulator = start().await;
    let (peer, secret) = (Peer::new(&emulator), emulator.opentok().api_secret());
    let session = peer.session("").await;
    let jwt = |session: &str, role: &str, exp: u64, secret: &str| {
        let claims = json!({ "iss": "123456", "session_id": session, "role": role, "exp": exp });
        hs256(json!({ "alg": "HS256" }), claims, secret)
    };
    let t1 = |partner: &str, session: &str, secret: &str| {
        let data =
            format!("session_id={session}&create_time=1&expire_time={}&role=moderator&nonce=1", START + 9);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let signature = ring::hmac::sign(&key, data.as_bytes());
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("T1=={}", STANDARD.encode(format!("partner_id={partner}&sig={hex}:{data}")))
    };
    for (token, told) in [
        (jwt("another", "moderator", START, secret), "another session"),
        (jwt(&session, "moderator", START - 1, secret), "expired"),
        (jwt(&session, "publisher", START, secret), "role"),
        (jwt(&session, "moderator", START, "another"), "signature"),
        (t1("123456", "another", secret), "another session"),
        (t1("1", &session, secret), "another project"),
        (t1("123456", &session, "another"), "signature"),
        ("T1==!".to_owned(), "base64"),
        ("T1==AAAA".to_owned(), "data"),
        ("eyJ".to_owned(), "three parts"),
    ] {
        let answer = peer.post("/captions", json!({ "sessionId": session, "token": token })).await;
        assert!(answer.status == 400 && answer.message().contains(told), "{told}: {answer:?}");
    }
    let page = "https://example.com/page";
    for token in [jwt(&session, "publisher", START, secret), t1("123456", &session, secret)] {
        peer.post("/render", json!({ "sessionId": session, "token": token, "url": page })).await.expect(202);
    }
}
