//! Who may come in: the auth webhook, and the management API.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use crate::peer::{Peer, connect, with};
use crate::{http, receiver};

async fn turned_away(emulator: &Emulator, connect: Value) -> (u16, String) {
    let mut peer = Peer::open(emulator).await;
    peer.send_ws(connect).await;
    peer.ws_closed().await
}

#[tokio::test]
async fn the_auth_webhook_is_asked_and_obeyed() {
    let reply = json!({
        "allowed": true, "client_id": "given", "metadata": { "m": 1 }, "event_metadata": { "e": 2 },
        "rpc_methods": ["2025.2.0/ResetSpotlightRid"], "ignore_disconnect_websocket": true, "signaling_notify": false,
    });
    let (url, mut asked) = receiver(200, reply).await;
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&json!({ "auth_webhook_url": url })).unwrap();
    let asking =
        with(with(connect(), "metadata", json!("token")), "ignore_disconnect_websocket", json!(false));
    let mut peer = Peer::up(&emulator, asking).await;
    let (head, body) = asked.recv().await.unwrap();
    assert!(head.contains(&format!("sora-connection-id: {}", peer.id())), "{head}");
    assert_eq!(
        (&body["channel_id"], &body["role"], &body["metadata"]),
        (&json!("sora"), &json!("recvonly"), &json!("token"))
    );
    assert_eq!((&body["connection_id"], &body["channel_connections"]), (&json!(peer.id()), &json!(0)));
    assert_eq!((body.get("type"), body.get("sdp")), (None, None));
    let offer = &peer.offer;
    assert_eq!((&offer["client_id"], &offer["bundle_id"]), (&json!("given"), &json!(peer.id())));
    assert_eq!((&offer["metadata"], offer.get("event_metadata")), (&json!({ "m": 1 }), None));
    assert_eq!(offer["ignore_disconnect_websocket"], true);
    assert_eq!(offer["rpc_methods"], json!(["2025.2.0/ResetSpotlightRid"]));
    let push = json!({ "data": 1 });
    emulator.sora().command(&peer.id(), "push", &push).unwrap();
    peer.message("push").await;
    assert_eq!(emulator.state()["sora-rpc"]["channels"]["sora"][&peer.id()]["counters"]["notifies"], 0);
}

#[tokio::test]
async fn who_is_turned_away() {
    let emulator = Emulator::start().await.unwrap();
    let sora = emulator.sora();
    let wrong = turned_away(&emulator, with(connect(), "role", json!("spectator"))).await;
    assert_eq!(wrong.0, 4490);
    assert!(wrong.1.starts_with("INVALID-MESSAGE: role"), "{wrong:?}");
    assert_eq!(turned_away(&emulator, json!({ "type": "answer" })).await.0, 4490);

    sora.configure(&json!({ "auth_reply": { "allowed": false, "reason": "NOT-YOU" } })).unwrap();
    assert_eq!(turned_away(&emulator, connect()).await, (4490, "NOT-YOU".to_owned()));
    let long = "x".repeat(200);
    sora.configure(&json!({ "auth_reply": { "allowed": false, "reason": long } })).unwrap();
    assert_eq!(turned_away(&emulator, connect()).await, (4490, "x".repeat(123)));
    // A reply that says nothing, a webhook that fails, one that is far away.
    let failed = (4490, "INTERNAL-ERROR".to_owned());
    sora.configure(&json!({ "auth_reply": {} })).unwrap();
    assert_eq!(turned_away(&emulator, connect()).await, failed);
    let (url, _asked) = receiver(500, json!({ "allowed": true })).await;
    for url in [url.as_str(), "http://192.0.2.1/"] {
        sora.configure(&json!({ "auth_webhook_url": url })).unwrap();
        assert_eq!(turned_away(&emulator, connect()).await, failed);
    }
    let deliveries = emulator.state()["sora-rpc"]["deliveries"].clone();
    assert_eq!((&deliveries[0]["status"], &deliveries[0]["webhook"]), (&json!("failed"), &json!("auth")));
    assert_eq!(deliveries[1]["status"], "refused");
    assert_eq!(emulator.state()["sora-rpc"]["channels"], json!({}));
}

#[tokio::test]
async fn a_connection_is_sent_elsewhere_once() {
    let emulator = Emulator::start().await.unwrap();
    let there = emulator.sora().signaling_url();
    emulator.sora().configure(&json!({ "redirect": there })).unwrap();
    let mut peer = Peer::open(&emulator).await;
    peer.send_ws(connect()).await;
    assert_eq!(peer.ws("redirect").await["location"], there);
    Peer::up(&emulator, with(connect(), "redirect", json!(true))).await;
}

async fn manage(emulator: &Emulator, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "{method} /_emulator/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let (status, _, answer) = http(emulator, &request).await;
    (status, answer)
}

#[tokio::test]
async fn the_management_api() {
    let emulator = Emulator::start().await.unwrap();
    let at_first = manage(&emulator, "GET", "sora-rpc/config", Value::Null).await.1;
    assert_eq!((&at_first["compress"], at_first["rpc_methods"].as_array().unwrap().len()), (&json!(true), 5));
    let unknown = manage(&emulator, "PUT", "sora-rpc/config", json!({ "colour": "blue" })).await;
    assert_eq!(unknown.0, 400);
    assert!(unknown.1["error"]["message"].as_str().unwrap().contains("colour"));
    let servers = json!([{ "urls": ["turn:127.0.0.1:1"], "username": "u", "credential": "c" }]);
    let seed =
        json!({ "sora-rpc": { "config": { "ice_servers": servers, "ice_transport_policy": "relay" } } });
    assert_eq!(manage(&emulator, "POST", "seed", seed).await.0, 200);
    let wrong = json!({ "sora-rpc": { "channels": { "c": {} } } });
    assert_eq!(manage(&emulator, "POST", "seed", wrong).await.0, 400);
    let mut peer = Peer::up(&emulator, connect()).await;
    assert_eq!(peer.offer["config"], json!({ "iceServers": servers, "iceTransportPolicy": "relay" }));
    let id = peer.id();

    let told = json!({ "event_type": "network.status", "unstable_level": 2 });
    let path = |action: &str| format!("sora-rpc/connections/{id}/{action}");
    assert_eq!(manage(&emulator, "POST", &path("notify"), told).await.0, 200);
    assert_eq!(peer.notified("network.status").await["unstable_level"], 2);
    assert_eq!(manage(&emulator, "POST", &path("ping"), json!({ "stats": true })).await.0, 200);
    assert_eq!(peer.ws("ping").await["stats"], true);
    assert_eq!(manage(&emulator, "POST", &path("req-stats"), Value::Null).await.0, 200);
    assert_eq!(peer.message("stats").await, json!({ "type": "req-stats" }));
    peer.send("stats", &json!({ "type": "stats", "reports": [{ "id": "T1" }] }));
    peer.rpc(&json!({ "jsonrpc": "2.0", "id": 1, "method": "2025.2.0/ResetSpotlightRid" })).await;
    let reported = crate::done(
        &emulator,
        "Sora_20211215.GetRtcStats",
        json!({ "channel_id": "sora", "connection_id": id }),
    );
    assert_eq!(reported.await, json!([{ "id": "T1" }]));
    assert_eq!(manage(&emulator, "POST", &path("dance"), Value::Null).await.0, 404);
    assert_eq!(manage(&emulator, "POST", "sora-rpc/connections/x/ping", Value::Null).await.0, 404);
    assert_eq!(manage(&emulator, "POST", &path("push"), Value::Null).await.0, 400);
    let close = json!({ "code": 4490, "reason": "INTERNAL-ERROR" });
    assert_eq!(manage(&emulator, "POST", &path("close"), close).await.0, 200);
    let end = peer.message("signaling").await;
    assert_eq!(end, json!({ "type": "close", "code": 4490, "reason": "INTERNAL-ERROR" }));
    assert_eq!(manage(&emulator, "DELETE", &format!("sora-rpc/connections/{id}"), Value::Null).await.0, 404);
    manage(&emulator, "POST", "reset", Value::Null).await;
    assert_eq!(manage(&emulator, "GET", "sora-rpc/config", Value::Null).await.1, at_first);
}
