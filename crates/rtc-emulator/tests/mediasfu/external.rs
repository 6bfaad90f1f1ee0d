//! External sources and viewers with their media legs.

use serde_json::{Value, json};

use super::peer::{Answer, Peer, http, start};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:1 cname:x\r\n";

fn session(tracks: Value) -> Value {
    json!({ "displayName": "camera1", "role": "host", "ingest": { "protocol": "whip", "tracks": tracks } })
}

/// Sends an offer, or ends what came of it.
async fn leg(peer: &Peer<'_>, method: &str, path: &str, token: &str, offer: &str) -> Answer {
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/sdp\r\n");
    http(peer.emulator.url(), method, path, &headers, offer).await
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

fn location(answer: &Answer) -> &str {
    answer.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap()
}

#[tokio::test]
async fn a_source_sends_and_is_watched() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    let base = format!("/v1/meetings/{room}");
    let made =
        peer.post(&format!("{base}/external-sessions"), session(json!(["audio", "video"]))).await.expect(201);
    let id = text(&made, "/sessionID");
    assert!(id.len() == 28 && id.starts_with("ems_"), "{id}");
    let own = format!("{base}/external-sessions/{id}");
    let state = async || peer.get(&own).await.expect(200);
    assert_eq!(state().await["state"], "provisioned");

    let whip = text(&made, "/ingest/url").strip_prefix(emulator.url()).unwrap();
    let token = text(&made, "/ingest/token");
    assert_eq!(leg(&peer, "POST", whip, "another", OFFER).await.expect(401)["code"], "unauthorized");
    assert_eq!(leg(&peer, "POST", whip, token, "hello").await.expect(400)["code"], "invalid_sdp");
    let typeless = format!("authorization: Bearer {token}\r\n");
    assert_eq!(http(emulator.url(), "POST", whip, &typeless, OFFER).await.status, 415);
    let answer = leg(&peer, "POST", whip, token, OFFER).await;
    assert_eq!(answer.status, 201);
    assert!(answer.head.contains("content-type: application/sdp"));
    for line in ["a=group:BUNDLE 0", "m=audio 9 ", "a=mid:0", "a=rtpmap:111 ", "a=recvonly"] {
        assert!(answer.text.contains(line), "{line}: {}", answer.text);
    }
    assert!(!answer.text.contains("ssrc"));
    let tracks = json!([{ "kind": "audio", "state": "active" }, { "kind": "video", "state": "provisioned" }]);
    assert_eq!((&state().await["state"], &state().await["tracks"]), (&json!("active"), &tracks));
    assert_eq!(leg(&peer, "POST", whip, token, OFFER).await.status, 409);

    let watch = |session: &str, tracks: Value| json!({ "sourceSessionID": session, "protocol": "whep", "tracks": tracks });
    let playbacks = format!("{base}/playbacks");
    assert_eq!(peer.post(&playbacks, watch("ems_0", json!(["audio"]))).await.status, 404);
    let playback = peer.post(&playbacks, watch(id, json!(["audio"]))).await.expect(201);
    let whep = text(&playback, "/endpointUrl").strip_prefix(emulator.url()).unwrap();
    let profile = http(emulator.url(), "GET", whep, "", "").await;
    assert_eq!(profile.status, 204);
    assert!(profile.head.contains("x-mediasfu-rtp-payload-types: audio/opus=111,video/h264=125"));
    let viewer = text(&playback, "/playbackToken");
    let watched = leg(&peer, "POST", whep, viewer, OFFER).await;
    assert!(watched.status == 201 && watched.text.contains("a=sendonly"));
    assert_eq!(leg(&peer, "DELETE", location(&watched), token, "").await.status, 401);
    leg(&peer, "DELETE", location(&watched), viewer, "").await.expect(200);
    leg(&peer, "POST", whep, viewer, OFFER).await.expect(201);

    leg(&peer, "DELETE", location(&answer), token, "").await.expect(200);
    assert_eq!(leg(&peer, "DELETE", location(&answer), token, "").await.status, 404);
    assert_eq!(
        (&state().await["state"], &state().await["tracks"][0]["state"]),
        (&json!("closed"), &json!("closed"))
    );

    // Viewers go before their source, it before its room.
    assert_eq!(peer.call("DELETE", &own, "").await.status, 409);
    assert_eq!(peer.delete(&room).await.status, 409);
    let playback = format!("{playbacks}/{}", text(&playback, "/playbackID"));
    peer.call("DELETE", &playback, r#"{"reason":"over"}"#).await.expect(200);
    assert_eq!(peer.call("DELETE", &playback, "").await.status, 404);
    peer.call("DELETE", &own, r#"{"reason":"over"}"#).await.expect(200);
    peer.delete(&room).await.expect(200);
    let log = serde_json::to_string(&emulator.log()).unwrap();
    assert!(!log.contains(token) && !log.contains(viewer), "the log tells a token");
}

#[tokio::test]
async fn sources_are_checked() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    let path = format!("/v1/meetings/{room}/external-sessions");
    let mut bad = vec![session(json!([])), session(json!(["text"]))];
    for (pointer, value) in
        [("/displayName", json!("c")), ("/role", json!("guest")), ("/ingest/protocol", json!("rtmp"))]
    {
        let mut body = session(json!(["audio"]));
        *body.pointer_mut(pointer).unwrap() = value;
        bad.push(body);
    }
    for body in bad {
        assert_eq!(peer.post(&path, body.clone()).await.status, 400, "{body}");
    }
    let good = session(json!(["audio"]));
    assert_eq!(peer.post("/v1/meetings/s0/external-sessions", good.clone()).await.status, 404);
    let made = peer.post(&path, good).await.expect(201);
    let watch =
        json!({ "sourceSessionID": text(&made, "/sessionID"), "protocol": "whep", "tracks": ["video"] });
    assert_eq!(peer.post(&format!("/v1/meetings/{room}/playbacks"), watch).await.status, 400);
    let other = peer.room().await;
    assert_eq!(
        peer.get(&format!("/v1/meetings/{other}/external-sessions/{}", text(&made, "/sessionID")))
            .await
            .status,
        404
    );
}
