//! The messages of a channel, without a connection.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may fail a test, too"
)]

use std::time::{Duration, Instant};

use kvs_signaling::rtc_core::Rule;
use kvs_signaling::signaling::{
    BufferLimits, EarlyCandidates, Event, Inbox, MAX_PAYLOAD, Outgoing, Payload, decode,
};
use kvs_signaling::{Exception, Peer, SendAnswer, SendIceCandidate, SendOffer};
use rtc_core::Revealed;
use serde_json::{Value, json};

fn viewer() -> Peer {
    Peer::from("viewer-1")
}

fn frame(message: &Outgoing) -> Value {
    serde_json::from_str(&message.encode()).unwrap()
}

fn payload(frame: &Value) -> Value {
    let payload = Payload::from_base64(frame["messagePayload"].as_str().unwrap()).unwrap();
    serde_json::from_str(payload.text()).unwrap()
}

/// A frame of the service; `payload` is put in base64.
fn incoming(kind: &str, sender: Option<&str>, payload: &str) -> String {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD.encode(payload);
    json!({ "messageType": kind, "senderClientId": sender, "messagePayload": payload }).to_string()
}

fn candidate(sender: Option<&str>, number: usize) -> String {
    incoming("ICE_CANDIDATE", sender, &format!(r#"{{"candidate":"c{number}"}}"#))
}

/// The events as short words.
fn words(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::SdpOffer(m) => format!("offer {}", m.sender_client_id.as_deref().unwrap_or("-")),
        Event::SdpAnswer(m) => format!("answer {}", m.sender_client_id.as_deref().unwrap_or("-")),
        Event::IceCandidate(m) => m.payload.candidate().unwrap().candidate.expose().to_owned(),
        Event::CandidatesDropped { sender_client_id, count } => {
            format!("dropped {count} {}", sender_client_id.as_deref().unwrap_or("-"))
        }
        other => serde_json::to_value(other).unwrap()["event"].as_str().unwrap().to_owned(),
    };
    events.iter().map(word).collect()
}

#[test]
fn messages_of_a_viewer_and_of_a_master() {
    let offer =
        Outgoing::checked(SendOffer::new("v=0\r\n").correlation_id("c-1"), &viewer(), MAX_PAYLOAD).unwrap();
    let sent = frame(&offer);
    assert_eq!(sent.as_object().unwrap().len(), 3);
    assert_eq!((&sent["action"], &sent["correlationId"]), (&json!("SDP_OFFER"), &json!("c-1")));
    assert_eq!(payload(&sent), json!({ "type": "offer", "sdp": "v=0\r\n" }));

    let answer = SendAnswer::new("v=0").recipient_client_id("viewer-1");
    let sent = frame(&Outgoing::checked(answer, &Peer::Master, MAX_PAYLOAD).unwrap());
    assert_eq!(sent["recipientClientId"], "viewer-1");
    assert_eq!(payload(&sent), json!({ "type": "answer", "sdp": "v=0" }));

    let end = frame(&Outgoing::checked(SendIceCandidate::new(""), &viewer(), MAX_PAYLOAD).unwrap());
    assert_eq!(payload(&end), json!({ "candidate": "" }));
    let request = SendIceCandidate::new("candidate:1").sdp_mid("0").sdp_m_line_index(0);
    let sent = frame(&Outgoing::checked(request, &viewer(), MAX_PAYLOAD).unwrap());
    assert_eq!(payload(&sent), json!({ "candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0 }));
}

#[test]
fn the_exact_limit_of_a_payload() {
    // {"type":"offer","sdp":""} has 25 bytes, and 7,500 bytes are 10,000 characters.
    let offer = |length: usize| Outgoing::checked(SendOffer::new("x".repeat(length)), &viewer(), MAX_PAYLOAD);
    let fits = frame(&offer(7475).unwrap());
    assert_eq!(fits["messagePayload"].as_str().unwrap().len(), MAX_PAYLOAD);
    let violations = offer(7476).unwrap_err();
    let first = violations.first().unwrap();
    assert_eq!((first.field.as_ref(), first.rule), ("sdp", Rule::Length));
    assert!(Outgoing::checked(SendOffer::new("x".repeat(7476)), &viewer(), 10_240).is_ok());
}

#[test]
fn all_that_is_wrong_is_told() {
    let request = SendOffer::new("").recipient_client_id("viewer-1").correlation_id("bad id");
    let violations = Outgoing::checked(request, &viewer(), 1).unwrap_err();
    let told: Vec<_> = violations.iter().map(|v| (v.field.as_ref(), v.rule)).collect();
    assert_eq!(
        told,
        [
            ("sdp", Rule::Required),
            ("correlation_id", Rule::Pattern),
            ("recipient_client_id", Rule::Forbidden),
        ]
    );
    let missing = Outgoing::checked(SendIceCandidate::new("c"), &Peer::Master, MAX_PAYLOAD).unwrap_err();
    assert_eq!(missing.first().unwrap().rule, Rule::Required);
}

#[test]
fn both_casings_are_read() {
    let pascal = r#"{"MessageType":"SDP_OFFER","SenderClientId":"v","MessagePayload":"eyJ0eXBlIjoib2ZmZXIiLCJzZHAiOiJ2PTAifQ"}"#;
    let Some(Event::SdpOffer(offer)) = decode(pascal) else { panic!("no offer") };
    assert_eq!(offer.sender_client_id.as_deref(), Some("v"));
    let description = offer.payload.session_description().unwrap();
    assert_eq!((description.kind.as_deref(), description.sdp.expose()), (Some("offer"), "v=0"));
    let status = r#"{"messageType":"STATUS_RESPONSE","statusResponse":{"CorrelationId":"c","errorType":"InvalidArgumentException","StatusCode":400,"description":"no"}}"#;
    let Some(Event::StatusResponse(status)) = decode(status) else { panic!("no status") };
    assert_eq!(
        (status.status_code, status.error_type.clone()),
        (Some(400), Some(Exception::InvalidArgument))
    );
    assert!(!status.is_success());
}

#[test]
fn what_is_not_understood_does_no_harm() {
    assert!(decode("").is_none());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"messageType":"GO_AWAY","x":"{}"}}"#, "x".repeat(128 * 1024));
    for text in [
        "not JSON",
        "[]",
        "null",
        "{",
        &deep,
        &long,
        r#"{"messageType":"SDP_OFFER"}"#,
        r#"{"messageType":"SDP_OFFER","messagePayload":5}"#,
        r#"{"messageType":"SDP_OFFER","messagePayload":"!"}"#,
        r#"{"messageType":"STATUS_RESPONSE"}"#,
        r#"{"messageType":"STATUS_RESPONSE","statusResponse":{"statusCode":"400"}}"#,
    ] {
        assert!(matches!(decode(text), Some(Event::ProtocolError(fault)) if !fault.fatal), "{text:.60}");
    }
    let from = |id: &str| incoming("SDP_OFFER", Some(id), "{}");
    assert!(matches!(decode(&from(&"é".repeat(256))), Some(Event::SdpOffer(_))));
    assert!(matches!(decode(&from(&"é".repeat(257))), Some(Event::ProtocolError(fault)) if !fault.fatal));
    for text in ["{}", r#"{"messageType":7}"#, r#"{"messageType":"NEWS"}"#] {
        assert!(matches!(decode(text), Some(Event::Unknown(_))), "{text}");
    }
}

#[test]
fn payloads_that_are_not_utf_8_are_latin_1() {
    let payload = Payload::from(vec![b'"', 0xe9, b'"']);
    assert_eq!(
        (payload.text(), payload.raw(), payload.is_latin1()),
        ("\"é\"", &[b'"', 0xe9, b'"'][..], true)
    );
    let payload = Payload::from_base64("w6k=\r\n").unwrap();
    assert_eq!((payload.text(), payload.is_latin1()), ("é", false));
}

#[test]
fn nothing_of_a_payload_is_printed() {
    let mut inbox = Inbox::default();
    let events = inbox.receive(&incoming("SDP_OFFER", Some("v"), "canary"), 1, Instant::now());
    let unknown = decode(r#"{"messageType":"NEWS","x":"canary"}"#).unwrap();
    let message = Outgoing::checked(SendOffer::new("canary"), &viewer(), MAX_PAYLOAD).unwrap();
    let shown =
        format!("{events:?} {unknown:?} {inbox:?} {message:?} {:?}", Event::Undelivered(message.clone()));
    assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
    assert_eq!(serde_json::to_value(&events).unwrap()[0]["payload_text"], "[redacted]");
    let revealed = serde_json::to_value(Revealed(&events)).unwrap();
    assert_eq!(
        revealed[0],
        json!({ "event": "sdp_offer", "sender_client_id": "v", "payload_text": "canary" })
    );
}

#[test]
fn candidates_wait_for_their_own_peer() {
    let (mut inbox, now) = (Inbox::default(), Instant::now());
    let mut receive = |text: String| words(&inbox.receive(&text, 1, now));
    assert!(receive(candidate(Some("a"), 1)).is_empty());
    assert!(receive(candidate(None, 2)).is_empty());
    assert!(receive(candidate(Some("a"), 3)).is_empty());
    assert_eq!(receive(incoming("SDP_ANSWER", None, "{}")), ["answer -", "c2"]);
    assert_eq!(receive(candidate(None, 4)), ["c4"]);
    assert_eq!(receive(incoming("SDP_OFFER", Some("a"), "{}")), ["offer a", "c1", "c3"]);
    assert_eq!(inbox.buffered(), 0);
}

#[test]
fn candidates_wait_to_be_asked_for() {
    let (mut inbox, now) = (Inbox::new(BufferLimits::default(), true), Instant::now());
    inbox.receive(&candidate(Some("a"), 1), 1, now);
    assert_eq!(words(&inbox.receive(&incoming("SDP_OFFER", Some("a"), "{}"), 1, now)), ["offer a"]);
    inbox.receive(&candidate(Some("a"), 2), 1, now);
    assert_eq!(inbox.buffered(), 2);
    assert!(inbox.drain(None).is_empty());
    assert_eq!(words(&inbox.drain(Some("a"))), ["c1", "c2"]);
    assert_eq!(words(&inbox.receive(&candidate(Some("a"), 3), 1, now)), ["c3"]);
}

fn limits(per_peer: usize, peers: usize, bytes: usize) -> BufferLimits {
    let mut limits = BufferLimits::default();
    (limits.per_peer, limits.peers, limits.bytes) = (per_peer, peers, bytes);
    limits
}

#[test]
fn what_is_held_back_is_bounded_and_its_loss_is_told() {
    let now = Instant::now();
    let mut inbox = Inbox::new(limits(2, 2, 1 << 20), false);
    let mut receive = |sender, number| words(&inbox.receive(&candidate(Some(sender), number), 1, now));
    assert!(receive("a", 1).is_empty() && receive("a", 2).is_empty());
    assert_eq!(receive("a", 3), ["dropped 1 a"]);
    assert!(receive("b", 4).is_empty());
    // The peer that was quiet for longest makes room.
    assert_eq!(receive("c", 5), ["dropped 2 a"]);
    assert_eq!(inbox.buffered(), 2);
    let mut inbox = Inbox::new(limits(64, 1024, 60), false);
    let dropped: Vec<_> = (0..8).map(|n| words(&inbox.receive(&candidate(Some("a"), n), 1, now))).collect();
    assert!(dropped.iter().flatten().all(|word| word == "dropped 1 a"), "{dropped:?}");
    assert_eq!(inbox.buffered(), 3);
    // Each message keeps the id of its sender.
    let (mut inbox, long) = (Inbox::new(limits(64, 1024, 1000), false), "a".repeat(256));
    let dropped =
        (0..8).map(|n| words(&inbox.receive(&candidate(Some(&long), n), 1, now)).len()).sum::<usize>();
    assert_eq!((dropped, inbox.buffered()), (6, 2));
    assert_eq!(inbox.drain(Some(&long)).len(), 2);
}

#[test]
fn a_message_that_comes_again_on_another_connection_is_told_once() {
    let (mut inbox, now) = (Inbox::default(), Instant::now());
    let offer = incoming("SDP_OFFER", Some("a"), "{}");
    let mut receive = |connection, at| words(&inbox.receive(&offer, connection, at)).len();
    // The same one twice on one connection is two.
    assert_eq!((receive(1, now), receive(1, now)), (1, 1));
    assert_eq!((receive(2, now), receive(2, now)), (0, 0));
    assert_eq!(receive(2, now), 1);
    // What was long ago is no repetition.
    assert_eq!(receive(3, now + Duration::from_secs(121)), 1);
    assert_eq!(inbox.repeated(), 2);
}

#[test]
fn a_peer_that_made_room_is_held_back_again() {
    let (mut early, mut out) = (EarlyCandidates::new(limits(64, 1, 1 << 20), false), Vec::new());
    let Some(Event::IceCandidate(from_a)) = decode(&candidate(Some("a"), 1)) else { panic!("no candidate") };
    early.described(Some("a"), &mut out);
    early.candidate(from_a.clone(), &mut out);
    assert_eq!(words(&out), ["c1"]);
    early.described(Some("b"), &mut out);
    early.candidate(from_a, &mut out);
    assert_eq!((out.len(), early.len()), (1, 1));
}
