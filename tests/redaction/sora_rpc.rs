//! Sora: metadata, parameters and results are the user's, and the server's words may repeat them.

use std::time::Instant;

use rtc_core::testing::{LoopChannel, pair};
use rtc_core::transport::channel::{Channel, Frame};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::http::{DisconnectChannel, HttpClient, PushChannel, RawRequest};
use sora_rpc::signaling::{self, End, Signaling, SignalingOptions};
use sora_rpc::webhook::{AuthReply, AuthRequest, EventWebhook, SessionReply, SessionWebhook};
use sora_rpc::{
    CallOptions, Client, ClientOptions, Connect, Connection, Error, Message, Offer, Peer, PeerOptions,
    PutSignalingNotifyMetadata, PutSignalingNotifyMetadataItem, RawCall, RawNotification,
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

#[test]
fn webhooks_and_replies_keep_metadata_and_words_to_themselves() {
    let body = json!({
        "type": "connection.destroyed", "role": "sendrecv", "channel_id": "c", "connection_id": "x",
        "metadata": { "token": CANARY }, "audio": CANARY, "event_metadata": CANARY, "session_metadata": CANARY, "new": CANARY,
        "connections": [{ "event_metadata": CANARY }],
        "data": { "reason": CANARY, "disconnect_api_reason": CANARY, "type_disconnect_reason": CANARY, "message": CANARY },
    });
    let recording = json!({ "type": "recording.report", "data": { "metadata": CANARY, "new": CANARY } });
    for body in [body, recording] {
        let body = body.to_string();
        silent(&AuthRequest::parse(body.as_bytes()).ok());
        silent(&EventWebhook::parse(body.as_bytes()).unwrap());
        silent(&SessionWebhook::parse(body.as_bytes()).unwrap());
    }
    for bad in [format!("{{{CANARY}"), format!(r#""{CANARY}""#), format!(r#"{{"role":"{CANARY}"}}"#)] {
        silent_error(&AuthRequest::parse(bad.as_bytes()).unwrap_err());
    }
    let reply = AuthReply::allow().metadata(CANARY).event_metadata(CANARY).signaling_notify_metadata(CANARY);
    silent(&(&reply, AuthReply::refuse(CANARY), SessionReply::new().session_metadata(CANARY)));
    silent_error(&reply.client_id("").member("audio", CANARY).to_json().unwrap_err());
}

#[test]
fn signaling_prints_no_message() {
    let connect =
        Connect::new("recvonly", "c").metadata(CANARY).signaling_notify_metadata(CANARY).sdp(CANARY);
    silent(&connect);
    let mut signaling = Signaling::new(&connect, SignalingOptions::new()).unwrap();
    signaling.websocket_opened();
    let transmit = signaling.poll_transmit().unwrap();
    silent(&(&signaling, transmit));
    for message in [
        json!({ "type": "offer", "sdp": CANARY, "metadata": CANARY, "new": CANARY, "config": {
            "iceServers": [{ "urls": ["turn:192.0.2.1"], "username": "u", "credential": CANARY }] } }),
        json!({ "type": "re-offer", "sdp": CANARY }),
        json!({ "type": "notify", "event_type": "connection.created", "metadata": CANARY, "authn_metadata": CANARY,
            "data": [{ "metadata": CANARY }], "new": CANARY }),
        json!({ "type": "notify", "event_type": "something.new", "new": CANARY }),
        json!({ "type": "push", "data": CANARY }),
        json!({ "type": "something-new", "data": CANARY }),
        json!({ "type": "redirect", "location": format!("wss://127.0.0.1/?{CANARY}") }),
        json!({ "type": "close", "code": 4490, "reason": CANARY }),
    ] {
        let text = message.to_string();
        silent(&signaling::parse(&text).unwrap());
        signaling.websocket_message(&text);
        while let Some(event) = signaling.poll_event() {
            silent(&event);
        }
        silent(&signaling);
    }
    silent(&End::classify(Some(4490), CANARY));
    silent_error(&signaling::parse(&format!("{{{CANARY}")).unwrap_err());
}

#[tokio::test]
async fn a_connection_prints_neither_its_url_nor_what_it_carries() {
    let emulator = Emulator::start().await.unwrap();
    let sora = emulator.sora();
    let url = format!("{}?token={CANARY}", sora.signaling_url());
    let builder = Connection::builder([&url], "c").metadata(json!({ "token": CANARY }));
    silent(&builder);
    let (connection, mut events) = builder.connect().await.unwrap();
    let metadata = PutSignalingNotifyMetadata::new(CANARY).push(true);
    connection.rpc().put_signaling_notify_metadata(metadata).await.unwrap();
    silent(&(&connection, connection.offer(), connection.rpc(), &events));
    connection.disconnect().await.unwrap();
    while let Some(event) = events.next().await {
        silent(&event);
    }
    sora.configure(&json!({ "auth_reply": { "allowed": false, "reason": CANARY } })).unwrap();
    silent_error(&Connection::builder([url], "c").connect().await.unwrap_err());
    let nowhere = Connection::builder([format!("ws://127.0.0.1:9/?{CANARY}")], "c").connect().await;
    silent_error(&nowhere.unwrap_err());
    silent_error(&Connection::builder([format!("nonsense {CANARY}")], "c").connect().await.unwrap_err());
}

#[tokio::test]
async fn the_http_api_is_as_silent() {
    let emulator = Emulator::start().await.unwrap();
    let api = HttpClient::new(emulator.sora().api_url()).unwrap();
    let push = PushChannel::new("c", CANARY);
    let disconnect = DisconnectChannel::new("c").reason(json!({ "why": CANARY }));
    let raw = RawRequest::new("Sora_20160711.PushChannel").body(json!({ "data": CANARY }));
    silent(&(&push, &disconnect, &raw));
    silent(&(api.push_channel(push), api.request(raw.clone()), &api));
    silent_error(&api.disconnect_channel(disconnect.clone().reason(json!(CANARY))).await.unwrap_err());
    if let Err(error) = api.request(raw).await {
        silent_error(&error);
    }
}
