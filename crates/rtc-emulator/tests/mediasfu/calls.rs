//! Telephone calls and numbers.

use serde_json::{Value, json};

use super::peer::{Peer, advance, quirks, start};

fn outgoing(room: &str, caller: &str) -> Value {
    json!({ "calledDid": "+15551234567", "callerIdNumber": caller, "roomName": room, "initiatorName": "host1" })
}

/// The path of a new call.
async fn ring(peer: &Peer<'_>, room: &str) -> String {
    let call = peer.post("/v1/sipcall/outgoingCall", outgoing(room, "+15557654321")).await.expect(200);
    format!("/v1/sipcall/{}", call["sipCallId"].as_str().unwrap().replace('@', "%40"))
}

#[tokio::test]
async fn a_call_lives() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    let call = ring(&peer, &room).await;
    let state = async || peer.get(&format!("{call}/state")).await.expect(200)["data"].clone();
    let post = async |what: &str, body: Value| peer.post(&format!("{call}/{what}"), body).await;
    assert_eq!((&state().await["status"], &state().await["durationSeconds"]), (&json!("ringing"), &json!(0)));
    advance(&emulator, 12);
    assert_eq!((&state().await["status"], &state().await["durationSeconds"]), (&json!("active"), &json!(10)));
    post("hold", json!({ "pauseRecording": true })).await.expect(200);
    assert_eq!(state().await["status"], "on-hold");
    assert_eq!(emulator.state()["mediasfu"]["sip_calls"][0]["recording"], "paused");
    post("unhold", json!({})).await.expect(200);
    post("resume-recording", json!({})).await.expect(200);
    post("switch-source", json!({ "targetType": "human", "humanName": "Ann" })).await.expect(200);
    assert_eq!(
        (&state().await["activeMediaSource"], &state().await["humanParticipantName"]),
        (&json!("human"), &json!("Ann"))
    );
    post("start-agent", json!({})).await.expect(200);
    post("play", json!({ "sourceValue": "hello" })).await.expect(200);
    assert_eq!(
        (&state().await["activeMediaSource"], &state().await["currentPromptType"]),
        (&json!("agent"), &json!("TTS"))
    );
    post("offer-callback", json!({})).await.expect(200);
    assert!(state().await["callbackPin"].is_string());
    for (what, body) in [
        ("switch-source", json!({ "targetType": "robot" })),
        ("play", json!({ "sourceValue": " " })),
        ("update-template", json!({ "templateValues": { "a": [] } })),
        ("update-template", json!({ "templateValues": "a" })),
        ("update-play-to-all", json!({})),
    ] {
        assert_eq!(post(what, body.clone()).await.status, 400, "{what} {body}");
    }
    post("end", json!({ "reason": "done" })).await.expect(200);
    advance(&emulator, 100);
    assert_eq!((&state().await["status"], &state().await["durationSeconds"]), (&json!("ended"), &json!(10)));
    assert_eq!(post("hold", json!({})).await.refused(409), "The call has ended.");
    assert_eq!(peer.post("/v1/sipcall/none/end", json!({})).await.status, 404);
}

#[tokio::test]
async fn calls_need_a_room_and_a_number() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let room = peer.room().await;
    let start =
        async |room: &str, caller: &str| peer.post("/v1/sipcall/outgoingCall", outgoing(room, caller)).await;
    assert_eq!(start("s0", "+15557654321").await.status, 404);
    assert_eq!(start(&room, "+15550000000").await.status, 403);
    assert_eq!(start(&room, "no number").await.status, 400);
    start(&room, "15557654321").await.expect(200);
    let configs = json!([
        { "contactNumber": "+15550000000", "provider": "p" },
        { "contactNumber": "+15550000001", "provider": "p", "allowOutgoing": false },
    ]);
    emulator.seed(json!({ "mediasfu": { "sip_configs": configs } })).unwrap();
    start(&room, "+15550000000").await.expect(200);
    assert_eq!(start(&room, "+15550000001").await.status, 403);
    assert_eq!(start(&room, "+15557654321").await.status, 403);
    let page = peer.get("/v1/sipconfigs/?action=get&startIndex=1&pageSize=20").await.expect(200);
    assert_eq!(page, json!({ "sipConfigs": [configs[1]] }));
    // With its room, a call ends.
    peer.delete(&room).await.expect(200);
    let summary = peer.get("/v1/sipcall/summary").await.expect(200);
    assert_eq!((&summary["data"]["total"], &summary["data"]["ended"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn calls_are_listed_once_in_five_seconds() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let (one, two) = (peer.room().await, peer.room().await);
    let (first, second) = (ring(&peer, &one).await, ring(&peer, &two).await);
    peer.post(&format!("{first}/end"), json!({})).await.expect(200);
    let list = async |query: &str| peer.get(&format!("/v1/sipcall/list{query}")).await;
    let ids = |list: &Value| -> Vec<String> {
        let path =
            |call: &Value| format!("/v1/sipcall/{}", call["sipCallId"].as_str().unwrap().replace('@', "%40"));
        list["data"].as_array().unwrap().iter().map(path).collect()
    };
    assert_eq!(ids(&list("").await.expect(200)), [second.as_str(), &first]);
    advance(&emulator, 2);
    let refused = list("").await;
    assert!(refused.status == 429 && refused.head.contains("retry-after: 3"), "{refused:?}");
    advance(&emulator, 3);
    assert_eq!(ids(&list("?status=ended").await.expect(200)), [first.as_str()]);
    emulator.set_quotas(false);
    assert_eq!(ids(&list(&format!("?roomName={two}")).await.expect(200)), [second.as_str()]);
    assert_eq!(ids(&list("?page=2&limit=1").await.expect(200)), [first.as_str()]);
    assert_eq!(ids(&list("?direction=incoming").await.expect(200)), [""; 0]);
    assert_eq!(ids(&list("?search=%2B1555").await.expect(200)).len(), 2);
    assert_eq!(list("?limit=101").await.status, 400);
    quirks(&emulator, json!({ "calls": true })).await;
    assert_eq!(list("").await.expect(200)["calls"].as_array().unwrap().len(), 2);
}
