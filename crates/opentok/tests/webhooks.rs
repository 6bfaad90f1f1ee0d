//! Webhooks: every event is read, what is odd is endured, and what the service did not sign is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use opentok::rtc_core::Revealed;
use opentok::rtc_core::testing::ManualClock;
use opentok::{
    ArchiveStatus, BroadcastStatus, CaptionsStatus, Client, DestroyReason, ErrorKind, OpenTokError,
    ParseWebhook, PayloadHash, RenderStatus, SipCallChange, SipCallState, VerifyWebhook, VideoType,
    WebhookEvent, WebhookFault, WebhookVerifier,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;
const SIGNATURE_SECRET: &str = "signature-secret-of-one-webhook-0123456789";

fn read(body: &Value) -> WebhookEvent {
    WebhookEvent::parse(body.to_string().as_bytes()).unwrap()
}

fn fault(error: &opentok::Error) -> &WebhookFault {
    match error.service() {
        Some(OpenTokError::Webhook(fault)) => fault,
        other => panic!("not about a webhook: {other:?}"),
    }
}

fn parse_fault(body: &str) -> WebhookFault {
    let error = Client::parse_webhook(ParseWebhook::new(body)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    fault(&error).clone()
}

#[test]
fn connections() {
    let created = read(&json!({
        "sessionId": "1_MX4", "projectId": "123456", "event": "connectionCreated", "timestamp": 1_767_225_600_123_u64,
        "connection": { "id": "c1", "createdAt": 1_767_225_600_000_u64, "data": "name=Ada" }
    }));
    assert_eq!((created.event(), created.session_id()), ("connectionCreated", Some("1_MX4")));
    let WebhookEvent::ConnectionCreated(event) = created else { panic!() };
    assert_eq!(event.project_id.as_deref(), Some("123456"));
    assert_eq!((event.timestamp, event.reason), (Some(1_767_225_600_123), None));
    assert_eq!((event.connection.id.as_str(), event.connection.data.as_deref()), ("c1", Some("name=Ada")));
    assert_eq!(event.connection.created_at, Some(1_767_225_600_000));

    // Numbers as texts, a text as a number, a reason that nobody knows, and no data.
    let destroyed = read(&json!({
        "sessionId": "1_MX4", "projectId": 123_456, "event": "connectionDestroyed", "timestamp": "1767225600123",
        "reason": "serverRotation", "connection": { "id": 17, "createdAt": null }
    }));
    let WebhookEvent::ConnectionDestroyed(event) = destroyed else { panic!() };
    assert_eq!((event.project_id.as_deref(), event.timestamp), (Some("123456"), Some(1_767_225_600_123)));
    assert_eq!(event.reason, Some(DestroyReason::Other("serverRotation".into())));
    assert_eq!((event.connection.id.as_str(), event.connection.data), ("17", None));
}

#[test]
fn streams_have_their_connection_inside_or_beside() {
    let connection = json!({ "id": "c1", "createdAt": 1, "data": "" });
    let inside = json!({
        "sessionId": "s", "event": "streamCreated",
        "stream": { "id": "st1", "createdAt": 2, "name": "", "videoType": "screen", "connection": connection }
    });
    let beside = json!({
        "sessionId": "s", "event": "streamCreated", "connection": connection,
        "stream": { "id": "st1", "createdAt": 2, "name": "", "videoType": "screen" }
    });
    assert_eq!(read(&inside), read(&beside));
    let WebhookEvent::StreamCreated(event) = read(&beside) else { panic!() };
    assert_eq!(event.stream.video_type, Some(VideoType::Screen));
    assert_eq!(event.stream.connection.unwrap().id, "c1");

    let WebhookEvent::StreamDestroyed(event) = read(&json!({
        "sessionId": "s", "event": "streamDestroyed", "reason": "forceUnpublished", "stream": { "id": "st1" }
    })) else {
        panic!()
    };
    assert_eq!(event.reason, Some(DestroyReason::ForceUnpublished));
    assert_eq!(event.stream.connection, None);
}

#[test]
fn sessions() {
    let created =
        read(&json!({ "sessionId": "s", "event": "sessionCreated", "applicationId": "a", "timestamp": 5 }));
    let WebhookEvent::SessionCreated(event) = created else { panic!() };
    assert_eq!((event.application_id.as_deref(), event.project_id), (Some("a"), None));
    let destroyed =
        read(&json!({ "sessionId": "s", "event": "sessionDestroyed", "reason": "clientDisconnected" }));
    let WebhookEvent::SessionDestroyed(event) = destroyed else { panic!() };
    assert_eq!(event.reason, Some(DestroyReason::ClientDisconnected));
}

#[test]
fn sip_calls() {
    let call = |event: &str, more: Value| {
        let mut body = json!({
            "sessionId": "s", "projectId": "123456", "event": event, "timestamp": 5,
            "call": { "id": "conference", "connectionId": "c9", "createdAt": 4 }
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match read(&body) {
            WebhookEvent::SipCall(event) => event,
            other => panic!("{other:?}"),
        }
    };
    let created = call("callCreated", json!({}));
    assert_eq!((created.change, created.call.connection_id.as_deref()), (SipCallChange::Created, Some("c9")));
    assert_eq!(call("callUpdated", json!({ "state": "ON_HOLD" })).state, Some(SipCallState::OnHold));
    let destroyed = call("callDestroyed", json!({ "reason_code": 486, "reason_message": "Busy Here" }));
    assert_eq!(destroyed.reason_code.as_deref(), Some("486"));
    assert_eq!(destroyed.reason_message.as_deref(), Some("Busy Here"));
    assert_eq!(call("muteForced", json!({})).change, SipCallChange::MuteForced);
    // One that does not exist yet is still a SIP call.
    assert_eq!(call("callParked", json!({})).change, SipCallChange::Other("callParked".into()));
}

#[test]
fn archives_by_name_and_by_shape() {
    // As the service's reference shows it: without a name, and one member twice.
    let body = r#"{ "id": "a1", "status": "started", "name": "", "reason": "", "sessionId": "s",
        "projectId": 123456, "createdAt": 1767225600000, "size": 0, "duration": 0, "outputMode": "composed",
        "hasAudio": true, "hasVideo": true, "certificate": "", "sha256sum": "", "password": "",
        "updatedAt": 1767225600152, "projectId": 123456 }"#;
    let event = Client::parse_webhook(ParseWebhook::new(body)).unwrap();
    assert_eq!((event.event(), event.session_id()), ("archive", Some("s")));
    let WebhookEvent::Archive(archive) = event else { panic!() };
    assert_eq!((archive.id.as_str(), archive.project_id.as_deref()), ("a1", Some("123456")));
    assert_eq!((archive.status, archive.updated_at), (Some(ArchiveStatus::Started), Some(1_767_225_600_152)));

    for body in [
        json!({ "event": "archive", "id": "a1", "status": "archiving" }),
        json!({ "id": "a1", "status": "archiving" }),
        json!({ "id": "a1", "status": "archiving", "url": "https://example.com/f.mp4", "size": 5 }),
    ] {
        let WebhookEvent::Archive(archive) = read(&body) else { panic!("{body}") };
        assert_eq!(archive.status, Some(ArchiveStatus::Other("archiving".into())));
    }
}

#[test]
fn a_bit_rate_in_both_spellings() {
    let body =
        json!({ "event": "broadcast", "id": "b1", "status": "started", "maxBitrate": 1, "maxBitRate": 2 });
    let WebhookEvent::Broadcast(broadcast) = read(&body) else { panic!() };
    assert_eq!(broadcast.max_bitrate, Some(1));
    let body = json!({ "event": "archive", "id": "a1", "maxBitRate": "300000" });
    let WebhookEvent::Archive(archive) = read(&body) else { panic!() };
    assert_eq!(archive.max_bitrate, Some(300_000));
}

#[test]
fn broadcasts_renders_and_captions() {
    for body in [
        json!({ "event": "broadcast", "id": "b1", "status": "stopped", "broadcastUrls": null }),
        json!({ "id": "b1", "status": "stopped", "broadcastUrls": { "rtmp": { "own": { "status": "live" } } } }),
    ] {
        let WebhookEvent::Broadcast(broadcast) = read(&body) else { panic!("{body}") };
        assert_eq!(broadcast.status, Some(BroadcastStatus::Stopped));
    }
    for body in [
        json!({ "event": "render", "id": "r1", "status": "failed", "reason": "page" }),
        json!({ "event": "renderStatus", "id": "r1", "status": "failed", "reason": "page", "streamId": "st" }),
        json!({ "id": "r1", "status": "failed", "reason": "page", "url": "https://example.com" }),
    ] {
        let WebhookEvent::Render(render) = read(&body) else { panic!("{body}") };
        assert_eq!((render.status, render.reason.as_deref()), (Some(RenderStatus::Failed), Some("page")));
    }
    for body in [
        json!({ "event": "captions", "id": "c1", "status": "paused" }),
        json!({ "captionId": "c1", "id": "other", "status": "paused", "group": "captions", "duration": 3 }),
        json!({ "captionsId": "c1", "captionId": "c2", "status": "paused", "event": "status" }),
    ] {
        let WebhookEvent::Captions(captions) = read(&body) else { panic!("{body}") };
        assert_eq!((captions.captions_id.as_str(), captions.status), ("c1", Some(CaptionsStatus::Paused)));
    }
}

#[test]
fn what_is_not_known_is_kept() {
    let body = json!({
        "event": "sessionNotification", "sessionId": "s", "reason": "serverRotation",
        "password": "canary-1", "more": [{ "url": "canary-2" }]
    });
    let event = read(&body);
    assert_eq!((event.event(), event.session_id()), ("sessionNotification", Some("s")));
    let shown = format!("{event:?} {event:#?} {}", serde_json::to_string(&event).unwrap());
    assert!(!shown.contains("canary") && shown.contains("serverRotation"), "{shown}");
    // Whole, when it is asked for.
    assert_eq!(serde_json::to_value(Revealed(&event)).unwrap(), body);
    let WebhookEvent::Unknown(unknown) = event else { panic!() };
    assert_eq!(Value::Object(unknown.body), body);

    let nameless = read(&json!({ "sessionId": "s" }));
    assert_eq!(nameless.event(), "");
    assert!(matches!(nameless, WebhookEvent::Unknown(_)));
    assert!(matches!(read(&json!({ "event": 7, "sessionId": "s" })), WebhookEvent::Unknown(_)));
}

#[test]
fn serialised_flat_with_the_event_first() {
    let event = read(&json!({
        "id": "a1", "status": "available", "sessionId": "s", "url": "https://example.com/canary", "size": 9
    }));
    let text = serde_json::to_string(&event).unwrap();
    assert!(text.starts_with(r#"{"event":"archive","#), "{text}");
    assert!(text.contains(r#""session_id":"s""#) && text.contains(r#""status":"available""#), "{text}");
    assert_eq!(text.matches(r#""event""#).count(), 1, "{text}");
    assert!(!text.contains("canary") && !format!("{event:?}").contains("canary"), "{text}");
    assert!(serde_json::to_string(&Revealed(&event)).unwrap().contains("canary"));

    let event =
        read(&json!({ "event": "callUpdated", "sessionId": "s", "state": "RINGING", "call": { "id": "x" } }));
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({
            "event": "callUpdated", "session_id": "s", "project_id": null, "application_id": null,
            "timestamp": null, "state": "RINGING", "reason_code": null, "reason_message": null,
            "call": { "id": "x", "connection_id": null, "created_at": null }
        })
    );
}

#[test]
fn what_cannot_be_read_says_where() {
    assert!(matches!(parse_fault("{\n  nonsense"), WebhookFault::Json { line: 2, .. }));
    assert!(matches!(parse_fault("[]"), WebhookFault::Json { .. }));
    assert!(matches!(parse_fault("null"), WebhookFault::Json { .. }));
    // As deep as one likes: it is refused before it is a danger.
    assert!(matches!(parse_fault(&"[".repeat(1_000_000)), WebhookFault::Json { .. }));
    assert!(matches!(parse_fault(&r#"{"a":"#.repeat(100_000)), WebhookFault::Json { .. }));

    let text = parse_fault(r#"{ "event": "connectionCreated", "sessionId": "s" }"#).to_string();
    assert_eq!(text, "its body is not a well-formed connectionCreated event: missing field `connection`");
    let fault = parse_fault(r#"{ "event": "archive", "id": "a", "createdAt": "canary" }"#);
    assert!(matches!(&fault, WebhookFault::Event { event: "archive", .. }), "{fault:?}");
    assert!(!format!("{fault} {fault:?}").contains("canary"), "{fault:?}");

    let error = Client::parse_webhook(ParseWebhook::new("")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn claims(body: &[u8]) -> Value {
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "iat": NOW, "jti": "1", "iss": "Vonage", "payload_hash": hash, "api_key": "123456" })
}

fn token(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn signed(claims: &Value) -> String {
    format!("Bearer {}", token(&json!({ "typ": "JWT", "alg": "HS256" }), claims, SIGNATURE_SECRET))
}

fn verifier() -> WebhookVerifier {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    WebhookVerifier::new(SIGNATURE_SECRET).unwrap().clock(ManualClock::jumping(now))
}

const BODY: &[u8] = br#"{"event":"sessionCreated","sessionId":"s"}"#;

fn refused(verifier: &WebhookVerifier, authorization: &str, body: &[u8]) -> WebhookFault {
    let error = verifier.verify(authorization, body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!error.was_sent() && !error.is_retryable());
    fault(&error).clone()
}

#[test]
fn what_the_service_signed_is_let_in() {
    let good = signed(&claims(BODY));
    for authorization in [good.clone(), good.replace("Bearer ", "bEARER   "), format!(" {good} ")] {
        let event = verifier().verify(&authorization, BODY).unwrap();
        assert_eq!(event.event(), "sessionCreated");
    }
    let mut upper = claims(BODY);
    upper["payload_hash"] = upper["payload_hash"].as_str().unwrap().to_uppercase().into();
    assert!(verifier().verify(&signed(&upper), BODY).is_ok());
    // It was posted by the service, but is nothing that can be read: another kind of error.
    let error = verifier().verify(&signed(&claims(b"[]")), b"[]").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn what_it_did_not_sign_is_refused() {
    let verifier = verifier();
    let good = claims(BODY);
    for unsigned in ["", "Bearer", "Bearer ", "Basic YTpi", signed(&good).strip_prefix("Bearer ").unwrap()] {
        assert_eq!(refused(&verifier, unsigned, BODY), WebhookFault::Unsigned, "{unsigned}");
    }
    for malformed in ["Bearer a.b", "Bearer a.b.c", "Bearer ..", "Bearer \u{1f600}.\u{1f600}.\u{1f600}"] {
        assert_eq!(refused(&verifier, malformed, BODY), WebhookFault::Malformed, "{malformed}");
    }
    // No other algorithm, whatever the signature is.
    for algorithm in ["none", "None", "hs256", "HS384", "HS512", "RS256", ""] {
        let header = json!({ "typ": "JWT", "alg": algorithm });
        let whole = format!("Bearer {}", token(&header, &good, SIGNATURE_SECRET));
        assert_eq!(refused(&verifier, &whole, BODY), WebhookFault::Malformed, "{algorithm}");
        let bare = format!("{}.", whole.rsplit_once('.').unwrap().0);
        assert_eq!(refused(&verifier, &bare, BODY), WebhookFault::Malformed, "{algorithm}");
    }
    let other = format!("Bearer {}", token(&json!({ "alg": "HS256" }), &good, "another secret"));
    assert_eq!(refused(&verifier, &other, BODY), WebhookFault::Signature);
    let whole = signed(&good);
    let cut = format!("{}.", whole.rsplit_once('.').unwrap().0);
    assert_eq!(refused(&verifier, &cut, BODY), WebhookFault::Signature);
    // The token of one webhook does not open the door to another body.
    assert_eq!(refused(&verifier, &whole, b"{}"), WebhookFault::PayloadHash);
    assert_eq!(refused(&verifier, &whole, &[BODY, b" "].concat()), WebhookFault::PayloadHash);
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims(BODY);
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    signed(&claims)
}

#[test]
fn the_claims_count_unless_told_otherwise() {
    let strict = verifier();
    for hash in [json!(7), json!(""), json!("00"), json!({})] {
        assert_eq!(refused(&strict, &with("payload_hash", hash), BODY), WebhookFault::PayloadHash);
    }
    let without = with("payload_hash", Value::Null);
    assert_eq!(refused(&strict, &without, BODY), WebhookFault::NoPayloadHash);
    let lenient = verifier().payload_hash(PayloadHash::IfPresent);
    assert!(lenient.verify(&without, BODY).is_ok());
    assert_eq!(refused(&lenient, &with("payload_hash", json!("00")), BODY), WebhookFault::PayloadHash);
    let blind = verifier().payload_hash(PayloadHash::Ignored);
    assert!(blind.verify(&with("payload_hash", json!("00")), BODY).is_ok());

    for issuer in [Value::Null, json!("vonage"), json!(["Vonage"])] {
        assert_eq!(refused(&strict, &with("iss", issuer), BODY), WebhookFault::Issuer);
    }
    assert!(verifier().issuer(Some("Nexmo")).verify(&with("iss", json!("Nexmo")), BODY).is_ok());
    assert!(verifier().issuer(None).verify(&with("iss", Value::Null), BODY).is_ok());

    for (issued, good) in
        [(NOW - 300, true), (NOW - 301, false), (NOW + 300, true), (NOW + 301, false), (0, false)]
    {
        assert_eq!(strict.verify(&with("iat", json!(issued)), BODY).is_ok(), good, "{issued}");
    }
    for issued in [Value::Null, json!("1767225600"), json!(-1), json!(1e300)] {
        assert_eq!(refused(&strict, &with("iat", issued), BODY), WebhookFault::Age);
    }
    let minute = verifier().max_age(Some(Duration::from_secs(60)));
    assert_eq!(refused(&minute, &with("iat", json!(NOW - 61)), BODY), WebhookFault::Age);
    let patient = verifier().max_age(None);
    assert!(patient.verify(&with("iat", Value::Null), BODY).is_ok());
    // An expiry counts in any case.
    assert!(patient.verify(&with("exp", json!(NOW)), BODY).is_ok());
    for expiry in [json!(NOW - 1), json!("never")] {
        assert_eq!(refused(&patient, &with("exp", expiry), BODY), WebhookFault::Age);
    }
}

#[test]
fn by_the_system_clock() {
    let error = Client::verify_webhook(VerifyWebhook::new(
        signed(&claims(BODY)),
        std::str::from_utf8(BODY).unwrap(),
        SIGNATURE_SECRET,
    ))
    .unwrap_err();
    // Signed well, at the tests' fixed time.
    assert_eq!(fault(&error), &WebhookFault::Age);
    let empty = Client::verify_webhook(VerifyWebhook::new("Bearer x", "{}", "")).unwrap_err();
    assert_eq!(empty.violations().unwrap().first().unwrap().field, "secret");
    assert_eq!(WebhookVerifier::new("").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn nothing_tells_the_secret() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let verifier = verifier();
    shared(&verifier);
    let error = verifier.verify(&signed(&claims(BODY)), b"{ \"event\": \"canary\" }").unwrap_err();
    let told = format!("{verifier:?} {verifier:#?} {error} {error:?}");
    assert!(!told.contains(SIGNATURE_SECRET) && !told.contains("canary"), "{told}");
    assert!(!told.contains("eyJ"), "{told}");
}

fn json_value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        4 => proptest::sample::select(vec![
            "event", "id", "sessionId", "projectId", "timestamp", "reason", "connection", "stream", "call", "status",
            "url", "captionId", "captionsId", "broadcastUrls", "rtmp", "streams", "maxBitrate", "maxBitRate",
            "transcription", "outputMode", "createdAt", "settings", "videoType",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(vec![
            "connectionCreated",
            "streamDestroyed",
            "sessionCreated",
            "archive",
            "broadcast",
            "callCreated",
            "render",
            "captions",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::hash_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(header in any::<String>(), body in any::<Vec<u8>>()) {
        let _ = WebhookEvent::parse(&body);
        prop_assert!(verifier().verify(&header, &body).is_err());
        let bearer = format!("Bearer {header}");
        prop_assert!(verifier().verify(&bearer, &body).is_err());
    }

    #[test]
    fn arbitrary_json_never_panics(body in json_value()) {
        if let Ok(event) = WebhookEvent::parse(body.to_string().as_bytes()) {
            let printed = serde_json::to_value(&event).unwrap();
            prop_assert_eq!(printed["event"].as_str(), Some(event.event()));
        }
    }

    #[test]
    fn one_changed_byte_is_refused(at in 0..BODY.len(), bit in 0..8u8) {
        let mut body = BODY.to_vec();
        body[at] ^= 1 << bit;
        prop_assert!(verifier().verify(&signed(&claims(BODY)), &body).is_err());
    }

    #[test]
    fn one_changed_character_of_the_token_is_refused(at in 7..300usize, to in "[A-Za-z0-9_.-]") {
        let good = signed(&claims(BODY));
        prop_assume!(at < good.len() && good[at..=at] != to);
        let mut bad = good;
        bad.replace_range(at..=at, &to);
        prop_assert!(verifier().verify(&bad, BODY).is_err());
    }
}
