//! What a Sora server sends: over the data channels, over the WebSocket, to webhooks.

use std::time::Instant;

use rtc_core::Bytes;
use rtc_core::transport::channel::Frame;
use serde_json::Value;
use serde_json::value::RawValue;
use sora_rpc::compress;
use sora_rpc::signaling::{Event, Lane, Signaling, SignalingOptions, parse};
use sora_rpc::webhook::{AuthRequest, EventWebhook, SessionWebhook};
use sora_rpc::{CallOptions, Connect, Message, Offer, Peer, PeerOptions, Role};

use crate::{bytes, show};

const OFFER: &str = r##"{"type":"offer","sdp":"v=0\r\na=max-message-size:1000\r\n","version":"2025.2.0","channel_id":"sora","client_id":"a","bundle_id":"b","connection_id":"7H3DQ6JV2X1T9AZM0R8K5WYBCE","config":{"iceServers":[{"urls":["turn:192.0.2.1:3478?transport=udp"],"username":"u","credential":"c"}],"iceTransportPolicy":"relay"},"data_channels":[{"label":"signaling","direction":"sendrecv","compress":true},{"label":"notify","direction":"recvonly","compress":false},{"label":"rpc","direction":"sendrecv","compress":false},{"label":"#chat","direction":"sendrecv","compress":true}],"rpc_methods":["2025.2.0/RequestSimulcastRid"],"metadata":{"a":1},"simulcast":false,"data_channel_signaling":true,"ignore_disconnect_websocket":true}"##;
const NOTIFY: &str = r#"{"type":"notify","event_type":"connection.created","role":"sendrecv","connection_id":"c","client_id":"a","minutes":0,"channel_connections":2,"data":[{"connection_id":"d","metadata":{"a":[1]}}],"timestamp":"2025-01-02T03:04:05.678901Z"}"#;

/// Lines are messages for a peer with four calls, whose tokens are their ids.
pub(crate) fn response(data: &[u8]) {
    let mut peer = Peer::new(PeerOptions::new());
    assert!(peer.offer(true, ["m"]).is_empty());
    for token in 1..=4_u64 {
        let message = Message::raw("m", None).expect("it is a method");
        let called = peer.call(message, &CallOptions::new(), Instant::now(), token);
        assert_eq!(called.expect("four may wait").0, token);
    }
    let mut messages = 0;
    for message in data.split(|byte| *byte == b'\n') {
        let waiting = peer.pending();
        let answer = peer.receive(message);
        let ended = answer.is_some();
        if let Some(answer) = answer {
            assert_eq!(answer.id, answer.token, "an answer reached another call");
            match answer.outcome {
                Ok(result) => drop(serde_json::from_str::<&RawValue>(result).expect("a result is JSON")),
                Err(error) => show(&(error.to_string(), error.code(), &error)),
            }
        }
        assert_eq!(peer.pending() + usize::from(ended), waiting);
        messages += 1;
    }
    let s = peer.stats();
    let dropped = s.dropped_malformed + s.dropped_without_id + s.dropped_late + s.dropped_unknown;
    assert_eq!(s.answered + s.violations + dropped, messages, "every message is counted once");
}

pub(crate) fn response_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{"jsonrpc":"2.0","id":1,"result":{"channel_id":"sora","rid":"r0"}}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32601,\"message\":\"no\",\"data\":null}}\n{\"id\":3}\n{\"id\":9}",
        r#"{"\u0069d":4,"jsonrpc":"2\u002e0","result":[1e5,"\ud83d\ude00"],"more":{}}"#,
    ])
}

/// The bytes as a frame, and as a message that becomes one.
pub(crate) fn inflate(data: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    match compress::inflate(data, LIMIT) {
        Ok(message) => {
            assert!(message.len() <= LIMIT);
            assert!(message.capacity() <= 2 * LIMIT, "room for {} bytes", message.capacity());
        }
        Err(error) => show(&error),
    }
    let frame = compress::deflate(data);
    assert_eq!(compress::inflate(&frame, data.len()).expect("what was deflated can be inflated"), data);
    if let Some(less) = data.len().checked_sub(1) {
        compress::inflate(&frame, less).expect_err("the limit holds");
    }
}

pub(crate) fn inflate_seeds() -> Vec<Vec<u8>> {
    let text = response_seeds().concat();
    let stored = [b"\x78\x01\x01\x02\x00\xfd\xff{}".as_slice(), b"\x01\x75\x00\xf9"].concat();
    vec![compress::deflate(&text), compress::deflate(&[0; 5000]), stored, text]
}

pub(crate) fn offer(data: &[u8]) {
    match Offer::parse(data) {
        Ok(offer) => show(&offer),
        Err(error) => show(&error),
    }
}

pub(crate) fn offer_seeds() -> Vec<Vec<u8>> {
    bytes(&[OFFER, r#"{"type":"offer","sdp":""}"#])
}

/// One message of the server's, whatever its type.
pub(crate) fn message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse(text) {
        Ok(message) => {
            show(&message);
            serde_json::to_value(&message).expect("what was read can be written");
        }
        Err(error) => show(&error),
    }
}

pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        OFFER,
        NOTIFY,
        r#"{"type":"notify","event_type":"simulcast.switched","sender_connection_id":null,"priority":"higher","trigger":"receiver","rpc_rids":["none","r0"],"auto_rids":[],"request_rid":"r1","current_rid":"r1","previous_rid":"r0","timestamp":"2025-01-02T03:04:05Z"}"#,
        r#"{"type":"notify","event_type":"network.status","unstable_level":3}"#,
        r#"{"type":"notify","event_type":"spotlight.focused","client_id":"a","connection_id":"c","spotlight_id":"s","audio":true,"video":true,"fixed":false}"#,
        r#"{"type":"push","data":{"a":1}}"#,
        r#"{"type":"ping","stats":true}"#,
        r#"{"type":"req-stats"}"#,
        r#"{"type":"switched","ignore_disconnect_websocket":true}"#,
        r#"{"type":"redirect","location":"wss://example.com/signaling"}"#,
        r#"{"type":"re-offer","sdp":"v=0"}"#,
        r#"{"type":"close","code":4490,"reason":"INTERNAL-ERROR"}"#,
    ])
}

/// A history: of each line the first byte says what happens, the rest is the message or the label.
pub(crate) fn signaling(data: &[u8]) {
    let connect = Connect::new(Role::RecvOnly, "sora");
    let options = SignalingOptions::new().max_inflated(64 * 1024).stats(data.len().is_multiple_of(2));
    let mut signaling = Signaling::new(&connect, options).expect("the request is fine");
    signaling.websocket_opened();
    let mut ended = false;
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let (what, rest) = line.split_first().unwrap_or((&b' ', b""));
        happen(&mut signaling, *what, rest);
        while let Some(event) = signaling.poll_event() {
            assert!(!ended, "{event:?} after the end");
            show(&event);
            match event {
                Event::Ended(_) => ended = true,
                Event::StatsWanted(reply) => signaling.stats(reply, Vec::new()),
                Event::Redirect { .. } => signaling.websocket_opened(),
                _ => {}
            }
        }
        while let Some(transmit) = signaling.poll_transmit() {
            show(&transmit);
            if let (Lane::WebSocket, Frame::Text(text)) = (&transmit.to, &transmit.frame) {
                let value: Value = serde_json::from_str(text).expect("what is sent is JSON");
                assert!(value["type"].is_string());
            }
        }
    }
    show(&(&signaling, signaling.counters(), signaling.is_ready()));
}

fn happen(signaling: &mut Signaling, what: u8, rest: &[u8]) {
    let text = String::from_utf8_lossy(rest);
    let label = match what.to_ascii_lowercase() {
        b's' => "signaling",
        b'n' => "notify",
        b'p' => "push",
        b't' => "stats",
        b'r' => "rpc",
        _ => "#chat",
    };
    match what {
        b'w' => signaling.websocket_message(&text),
        b'o' => signaling.channel_opened(&text),
        b'c' => signaling.channel_closed(&text),
        b'a' => signaling.answer("v=0".into()),
        b'i' => signaling.candidate("candidate:1".into()),
        b'd' => signaling.disconnect("NO-ERROR"),
        b'k' => signaling.websocket_closed(text.len().try_into().ok(), &text),
        b'u' => drop(signaling.send("#chat", Bytes::copy_from_slice(rest))),
        b's' | b'n' | b'p' | b't' | b'r' => signaling.channel_message(label, Frame::Text(text.into_owned())),
        b'S' | b'N' | b'P' | b'T' | b'R' | b'X' => {
            signaling.channel_message(label, Frame::Binary(compress::deflate(rest).into()));
        }
        _ => signaling.channel_message(label, Frame::Binary(Bytes::copy_from_slice(rest))),
    }
}

pub(crate) fn signaling_seeds() -> Vec<Vec<u8>> {
    let whole = format!(
        "w{OFFER}\na\nosignaling\nonotify\norpc\no#chat\nw{{\"type\":\"switched\",\"ignore_disconnect_websocket\":true}}\n\
         n{NOTIFY}\nS{{\"type\":\"re-offer\",\"sdp\":\"v=0\",\"rpc_methods\":[]}}\na\nt{{\"type\":\"req-stats\"}}\n\
         r{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}}\nXhello\nuhello\nd\nS{{\"type\":\"close\",\"code\":1000,\"reason\":\"\"}}\ncsignaling"
    );
    let redirected = format!(
        "w{{\"type\":\"redirect\",\"location\":\"wss://example.com/\"}}\nw{OFFER}\nw{{\"type\":\"ping\",\"stats\":true}}\nkbye"
    );
    vec![whole.into_bytes(), redirected.into_bytes()]
}

/// Two bytes of the code, then the reason.
pub(crate) fn close(data: &[u8]) {
    let code = data.first_chunk().map(|code| u16::from_be_bytes(*code));
    let reason = String::from_utf8_lossy(data.get(2..).unwrap_or_default());
    show(&sora_rpc::signaling::End::classify(code, &reason));
}

pub(crate) fn close_seeds() -> Vec<Vec<u8>> {
    vec![b"\x03\xe8TYPE-DISCONNECT".to_vec(), b"\x11\x8aINTERNAL-ERROR".to_vec(), Vec::new()]
}

pub(crate) fn webhook(data: &[u8]) {
    match AuthRequest::parse(data) {
        Ok(request) => show(&request),
        Err(error) => show(&error),
    }
    match EventWebhook::parse(data) {
        Ok(event) => show(&(event.event.kind(), &event)),
        Err(error) => show(&error),
    }
    match SessionWebhook::parse(data) {
        Ok(event) => show(&(event.event.kind(), &event)),
        Err(error) => show(&error),
    }
}

pub(crate) fn webhook_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{"timestamp":"2025-01-02T03:04:05.678901Z","version":"2025.2.0","label":"l","node_name":"n","type":"connect","role":"sendrecv","channel_id":"sora","client_id":"a","bundle_id":"b","connection_id":"c","multistream":true,"channel_connections":1,"auth_metadata":{"t":1},"audio":true,"video":{"codec_type":"VP9"}}"#,
        r#"{"id":"i","type":"connection.created","timestamp":"2025-01-02T03:04:05Z","channel_id":"sora","connection_id":"c","data":{"channel_connections":2,"minutes":3}}"#,
        r#"{"id":"i","type":"archive.available","data":{"file_path":"/a","size":1}}"#,
        r#"{"id":"i","type":"session.created","session_id":"s","created_time":1700000000,"connections":[{"connection_id":"c"}]}"#,
    ])
}
