//! Sora: metadata, parameters and results are the user's, and the server's words may repeat them.

use std::time::Instant;

use rtc_core::testing::{LoopChannel, pair};
use rtc_core::transport::channel::{Channel, Frame};
use serde_json::{Value, json};
use sora_rpc::{
    CallOptions, Client, ClientOptions, Error, Message, Offer, Peer, PeerOptions, PutSignalingNotifyMetadata,
    PutSignalingNotifyMetadataItem, RawCall, RawNotification,
};

use super::{CANARY, silent, silent_error, silent_text};

fn options() -> ClientOptions {
    ClientOptions::new().rpc_methods(["m", "2025.2.0/PutSignalingNotifyMetadata"])
}

/// Answers every call with this.
async fn serve(mut server: LoopChannel, answer: Value) {
    while let Some(Ok(frame)) = server.recv().await {
        silent(&frame);
        let Frame::Binary(bytes) = frame else { continue };
        let call: Value = serde_json::from_slice(&bytes).unwrap();
        let mut answer = answer.clone();
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = call["id"].clone();
        let _ = server.send(Frame::Text(answer.to_string())).await;
    }
}

fn client(answer: Value) -> Client {
    let (channel, server) = pair();
    tokio::spawn(serve(server, answer));
    Client::connect(channel, options()).unwrap()
}

#[tokio::test]
async fn requests_are_not_printed() {
    let client = client(json!({ "result": CANARY }));
    let params = || json!({ "k": CANARY });
    let metadata = PutSignalingNotifyMetadata::new(params());
    let item = PutSignalingNotifyMetadataItem::new("k", CANARY);
    silent(&(RawCall::new("m").params(params()), RawNotification::new("m").params(params())));
    silent(&(&metadata, &item));
    silent(&(Message::raw("m", Some(params())).unwrap(), Message::typed(&metadata).unwrap()));
    silent(&(client.call("m", params()), client.notify("m", params())));
    silent(&(client.typed(&metadata), client.put_signaling_notify_metadata_item(item)));
    let waiting = tokio::spawn(IntoFuture::into_future(client.call("m", params())));
    silent(&client);
    assert_eq!(waiting.await.unwrap().unwrap(), CANARY);
    silent(&(&client, client.stats(), options()));
}

#[tokio::test]
async fn errors_do_not_tell_what_was_sent_or_answered() {
    for answer in [
        json!({ "error": { "code": -32602, "message": CANARY, "data": { "k": CANARY } } }),
        json!({ "error": { "code": CANARY, "message": CANARY } }),
        json!({ "result": CANARY, "error": CANARY }),
    ] {
        let error = client(answer).call("m", json!([CANARY])).await.unwrap_err();
        silent_error(&error);
        silent(&error.service());
    }
    let wrong = client(json!({ "result": CANARY })).call("m", None).output::<u32>().await.unwrap_err();
    silent_error(&wrong);
    let wrong = client(json!({ "result": { "x": CANARY } })).call("m", None).output::<Vec<u32>>().await;
    silent_error(&wrong.unwrap_err());
    let refused = client(json!({})).call("other", json!({ "k": CANARY })).await.unwrap_err();
    silent_error(&refused);
    let faulty = client(json!({})).call("m", json!(CANARY)).await.unwrap_err();
    silent_error(&faulty);
    let bounded = options().bounds(PeerOptions::new().max_message(16));
    let (channel, _server) = pair();
    let large = Client::connect(channel, bounded).unwrap().call("m", json!([CANARY])).await.unwrap_err();
    silent_error(&large);
}

#[test]
fn a_peer_prints_neither_calls_nor_answers() {
    let mut peer = Peer::new(PeerOptions::new());
    assert!(peer.offer(true, ["m"]).is_empty());
    for answer in [
        json!({ "jsonrpc": "2.0", "id": 1, "result": CANARY }),
        json!({ "jsonrpc": "2.0", "id": 2, "error": { "code": 1, "message": CANARY, "data": CANARY } }),
    ] {
        let message = Message::raw("m", Some(json!([CANARY]))).unwrap();
        peer.call(message, &CallOptions::new(), Instant::now(), ()).unwrap();
        silent(&peer);
        let text = answer.to_string();
        let answer = peer.receive(text.as_bytes()).unwrap();
        silent(&answer);
        if let Err(error) = answer.outcome {
            silent_error(&error);
        }
    }
}

#[test]
fn offers_tell_only_what_is_needed() {
    let offer = json!({
        "type": "offer", "connection_id": "c", "metadata": CANARY, "sdp": CANARY, "config": { "credential": CANARY },
        "rpc_methods": ["m"], "data_channels": [{ "label": "rpc" }],
    });
    silent(&Offer::parse(offer.to_string().as_bytes()).unwrap());
    for bad in [format!("{{{CANARY}"), format!(r#"{{"type":"{CANARY}"}}"#), format!(r#""{CANARY}""#)] {
        silent_error(&Offer::parse(bad.as_bytes()).unwrap_err());
    }
}

#[tokio::test]
async fn the_end_of_a_connection_is_not_quoted() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let call = tokio::spawn(IntoFuture::into_future(client.call("m", json!([CANARY]))));
    let frame = server.recv().await.unwrap().unwrap();
    silent(&frame);
    let close = Frame::Close { code: 4490, reason: CANARY.into() };
    silent(&close);
    server.send(close).await.unwrap();
    let error: Error = call.await.unwrap().unwrap_err();
    silent_error(&error);
    silent_text(&format!("{:?}", error.detail()));
}
