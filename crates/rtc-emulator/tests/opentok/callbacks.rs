//! Callbacks are really posted, again when refused, signed when asked for, and to nobody far away.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::peer::{Peer, mac, manage, start, state};

/// A server that answers with these statuses, then with 200, and hands on what it got: head and body.
async fn receiver(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let (got, inbox) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut text = String::new();
            let (head, body) = loop {
                let mut buffer = [0; 4096];
                let n = socket.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    break (head.to_owned(), body.to_owned());
                }
            };
            let status = statuses.next().unwrap_or(&200);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            if got.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, inbox)
}

async fn register(peer: &Peer<'_>, group: &str, event: &str, url: &str) -> String {
    let input = json!({ "group": group, "event": event, "url": url });
    peer.post("/callback", input).await.expect(200)["id"].as_str().unwrap().to_owned()
}

async fn next(inbox: &mut mpsc::UnboundedReceiver<(String, String)>) -> Value {
    serde_json::from_str(&inbox.recv().await.unwrap().1).unwrap()
}

#[tokio::test]
async fn the_life_of_a_session_is_told() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let (url, mut inbox) = receiver(&[]).await;
    for (group, event) in
        [("session", "created"), ("connection", "connectionCreated"), ("stream", "destroyed")]
    {
        register(&peer, group, event, &url).await;
    }
    let client = access.join(&session);
    let told = next(&mut inbox).await;
    assert_eq!((&told["event"], &told["sessionId"]), (&json!("sessionCreated"), &json!(session)));
    let told = next(&mut inbox).await;
    assert_eq!((&told["event"], &told["projectId"]), (&json!("connectionCreated"), &json!("123456")));
    assert_eq!(told["connection"]["id"], client.connection_id);
    let connection = format!("/session/{session}/connection/{}", client.connection_id);
    peer.call("DELETE", &connection, "").await.expect(204);
    let told = next(&mut inbox).await;
    assert_eq!((&told["event"], &told["reason"]), (&json!("streamDestroyed"), &json!("forceDisconnected")));
    assert_eq!(told["stream"]["connection"]["id"], client.connection_id);
    assert_eq!(told["stream"]["id"], client.stream_id);
}

#[tokio::test]
async fn statuses_of_archives_renders_and_captions_are_told() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    access.join(&session);
    let (url, mut inbox) = receiver(&[]).await;
    let archive_hook = register(&peer, "archive", "status", &url).await;
    let archive = peer.post("/archive", json!({ "sessionId": session })).await.expect(200);
    let told = next(&mut inbox).await;
    assert_eq!((&told["event"], &told["status"]), (&json!("archive"), &json!("started")));
    assert_eq!((&told["projectId"], &told["id"]), (&json!(123456), &archive["id"]));
    let stop = format!("/archive/{}/stop", archive["id"].as_str().unwrap());
    peer.call("POST", &stop, "").await.expect(200);
    for status in ["stopped", "available"] {
        assert_eq!(next(&mut inbox).await["status"], status);
    }
    let forced = format!("archives/{}", archive["id"].as_str().unwrap());
    manage(&emulator, "POST", &forced, json!({ "status": "failed", "reason": "disk" })).await.expect(200);
    let told = next(&mut inbox).await;
    assert_eq!(
        (&told["status"], &told["reason"], &told["url"]),
        (&json!("failed"), &json!("disk"), &Value::Null)
    );
    peer.call("DELETE", &format!("/callback/{archive_hook}"), "").await.expect(204);
    assert_eq!(peer.call("DELETE", &format!("/callback/{archive_hook}"), "").await.status, 404);

    let hooked = |more: Value| {
        let mut body = json!({ "sessionId": session, "token": "t", "statusCallbackUrl": url });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    peer.post("/render", hooked(json!({ "url": "https://example.com/page" }))).await.expect(202);
    for status in ["starting", "started"] {
        let told = next(&mut inbox).await;
        assert_eq!((&told["event"], &told["status"]), (&json!("render"), &json!(status)));
    }
    peer.post("/captions", hooked(json!({}))).await.expect(202);
    let told = next(&mut inbox).await;
    assert_eq!((&told["group"], &told["status"]), (&json!("captions"), &json!("started")));

    register(&peer, "sip", "callCreated", &url).await;
    let sip = json!({ "sessionId": session, "token": "t", "sip": { "uri": "sip:a@example.com" } });
    let call = peer.post("/dial", sip).await.expect(200);
    assert_eq!(next(&mut inbox).await["call"]["id"], call["id"]);
    let list = peer.get("/callback").await.expect(200);
    assert_eq!((list.as_array().unwrap().len(), &list[0]["group"]), (1, &json!("sip")));
    register(&peer, "call", "destroyed", &url).await;
    access.leave(&session, call["connectionId"].as_str().unwrap());
    let told = next(&mut inbox).await;
    assert_eq!((&told["event"], &told["call"]["id"]), (&json!("callDestroyed"), &call["id"]));
    // Who throws the render out ends it.
    let render = state(&emulator)["renders"][0].clone();
    access.leave(&session, render["connection"].as_str().unwrap());
    assert_eq!(next(&mut inbox).await["status"], "stopped");
}

#[tokio::test]
async fn refused_ones_come_again_and_are_given_up_in_the_end() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let (url, mut inbox) = receiver(&[500, 503, 302, 404, 500]).await;
    register(&peer, "session", "created", &url).await;
    let client = access.join(&session);
    for (attempt, pause) in [500, 1000, 2000].into_iter().enumerate() {
        inbox.recv().await.unwrap();
        emulator.clock().wait_for_sleepers(1).await;
        let delivery = &state(&emulator)["deliveries"][0];
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("pending"), &json!(attempt + 1)));
        emulator.clock().advance(Duration::from_millis(pause));
    }
    inbox.recv().await.unwrap();
    // The next one is refused once; by then nothing is left of the first.
    access.leave(&session, &client.connection_id);
    access.join(&session);
    inbox.recv().await.unwrap();
    emulator.clock().wait_for_sleepers(1).await;
    let delivery = &state(&emulator)["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("failed"), &json!(4)));
    emulator.clock().advance(Duration::from_millis(500));
    assert_eq!(next(&mut inbox).await["event"], "sessionCreated");
}

#[tokio::test]
async fn whoever_refuses_holds_up_nobody_else() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let ((deaf, mut refused), (url, mut inbox)) = (receiver(&[500]).await, receiver(&[]).await);
    for url in [&deaf, &url] {
        register(&peer, "session", "created", url).await;
        register(&peer, "connection", "created", url).await;
    }
    access.join(&session);
    // The clock stands still: the one that was refused does not come again.
    assert_eq!(next(&mut refused).await["event"], "sessionCreated");
    for event in ["sessionCreated", "connectionCreated"] {
        assert_eq!(next(&mut inbox).await["event"], event);
    }
    emulator.clock().wait_for_sleepers(1).await;
    emulator.clock().advance(Duration::from_millis(500));
    for event in ["sessionCreated", "connectionCreated"] {
        assert_eq!(next(&mut refused).await["event"], event, "each in its order");
    }
}

#[tokio::test]
async fn nobody_far_away_is_contacted() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let (url, mut inbox) = receiver(&[]).await;
    for far in ["https://example.com/hook", "http://192.0.2.1/hook"] {
        register(&peer, "session", "sessionCreated", far).await;
    }
    register(&peer, "session", "sessionCreated", &url).await;
    access.join(&session);
    // Nothing is waited for before the others are looked at, so they were when this one has come.
    inbox.recv().await.unwrap();
    let deliveries = state(&emulator)["deliveries"].clone();
    for delivery in &deliveries.as_array().unwrap()[..2] {
        assert_eq!(
            (&delivery["status"], &delivery["attempts"]),
            (&json!("refused"), &json!(0)),
            "{delivery}"
        );
    }
}

#[tokio::test]
async fn signed_ones_prove_where_they_come_from() {
    let emulator = start().await;
    let (peer, access) = (Peer::new(&emulator), emulator.opentok());
    let session = peer.session("").await;
    let (url, mut inbox) = receiver(&[]).await;
    let id = register(&peer, "connection", "created", &url).await;
    access.join(&session);
    let (head, _) = inbox.recv().await.unwrap();
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n") && !head.contains("authorization"), "{head}");
    access.sign_callback(&id, "signature secret canary");
    access.join(&session);
    let (head, body) = inbox.recv().await.unwrap();
    let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (&claims["payload_hash"], &claims["iss"], &claims["api_key"]),
        (&json!(hash), &json!("Vonage"), &json!("123456"))
    );
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(signature, mac(signed, "signature secret canary"));
    assert!(!state(&emulator).to_string().contains("canary"));
    assert_eq!(
        manage(&emulator, "POST", "callbacks/x", json!({ "signature_secret": "s" })).await.status,
        404
    );
}
