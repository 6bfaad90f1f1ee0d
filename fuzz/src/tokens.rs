//! Tokens, session ids and webhooks.

use rtc_core::SharedClock;

use crate::answers::{CANARY, clock};
use crate::{bytes, cases, show};

const SESSION: &str = "1_MX43MDAxMDB-fjE0NzAyNTc2ODgzMDl-YWJjfn4";

fn client() -> opentok::Client {
    let credentials = opentok::Credentials::new("700100", CANARY);
    opentok::Client::builder(credentials)
        .clock(clock())
        .transport(rtc_core::testing::ScriptedTransport::new())
        .build()
        .expect("a client")
}

/// A token or a session id of somebody's; the same text as the data of a token of our own, which must be good.
pub(crate) fn opentok_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    show(&opentok::SessionId::new(text).decode());
    let client = client();
    match client.verify_token(opentok::VerifyToken::new(text)) {
        Ok(token) => show(&(&token, token.expires_at(), token.role(), token.initial_layout_class_list())),
        Err(error) => assert!(!format!("{error} {error:?}").contains(CANARY)),
    }
    for format in [opentok::TokenFormat::Jwt, opentok::TokenFormat::T1] {
        let request = opentok::GenerateToken::new(SESSION).connection_data(text).token_type(format);
        let Ok(token) = client.generate_token(request) else { continue };
        let verified = client.verify_token(opentok::VerifyToken::new(token.expose())).expect("it is our own");
        assert_eq!(verified.connection_data(), Some(text));
        assert_eq!(verified.session_id(), Some(SESSION));
    }
}

pub(crate) fn opentok_token_seeds() -> Vec<Vec<u8>> {
    let mut seeds = bytes(&[
        SESSION,
        "1_MX4xMjM0NX5-MTQ3MDI1NzY4ODMwOX5hYmN-fn4",
        "T1==cGFydG5lcl9pZD0xMjM0NSZzaWc9YWJjOnNlc3Npb25faWQ9MV9NWDQmY3JlYXRlX3RpbWU9MSZub25jZT0yJnJvbGU9cHVibGlzaGVy",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIxMjM0NSIsImV4cCI6MX0.c2ln",
    ]);
    let client = client();
    for format in [opentok::TokenFormat::Jwt, opentok::TokenFormat::T1] {
        let token = client
            .generate_token(opentok::GenerateToken::new(SESSION).connection_data("a=b&c").token_type(format));
        seeds.push(token.expect("a token").expose().as_bytes().to_vec());
    }
    seeds.extend(cases::inputs("opentok", "verify_token", "token"));
    seeds
}

/// A line with the signature's header, and the body. Without one, what follows is nobody's.
pub(crate) fn opentok_webhook(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let (header, body) = data.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    match opentok::WebhookEvent::parse(body) {
        Ok(event) => show(&(event.event(), event.session_id(), &event)),
        Err(error) => show(&error),
    }
    let verifier =
        opentok::WebhookVerifier::new(CANARY).expect("a verifier").clock(SharedClock::new(clock()));
    let strict = verifier.verify(&String::from_utf8_lossy(header), body);
    let lax = verifier.payload_hash(opentok::PayloadHash::Ignored).issuer(None).max_age(None);
    let lax = lax.verify(&String::from_utf8_lossy(header), body);
    assert!(strict.is_err() || lax.is_ok(), "what passes all checks passes fewer");
    for error in [strict.err(), lax.err()].into_iter().flatten() {
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
}

pub(crate) fn opentok_webhook_seeds() -> Vec<Vec<u8>> {
    let mut seeds = bytes(&[
        "\n{\"sessionId\":\"1_MX4\",\"projectId\":\"123456\",\"event\":\"connectionCreated\",\"timestamp\":1470257688309,\"connection\":{\"id\":\"c\",\"createdAt\":1470257688143,\"data\":\"TOKENDATA\"}}",
        "\n{\"id\":\"b10\",\"event\":\"archive\",\"createdAt\":1384221380000,\"status\":\"stopped\",\"size\":1,\"duration\":2.5}",
        "\n{\"event\":\"streamDestroyed\",\"reason\":\"clientDisconnected\",\"stream\":{\"id\":\"s\",\"videoType\":\"camera\",\"connection\":{\"id\":\"c\"}}}",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJWb25hZ2UiLCJpYXQiOjE3ODU1ODU2MDB9.c2ln\n{\"event\":\"x\"}",
    ]);
    // Signed with the secret by a client of that key: the claims are others, so it is refused further in.
    let token = client().generate_token(opentok::GenerateToken::new(SESSION)).expect("a token");
    seeds.push(
        format!("Bearer {}\n{{\"event\":\"sipCallUpdated\",\"call\":{{}}}}", token.expose()).into_bytes(),
    );
    seeds
}

pub(crate) fn mediasfu_webhook(data: &[u8]) {
    let webhook = mediasfu::Webhook::new(data.to_vec());
    assert_eq!(webhook.body(), data);
    show(&(&webhook, webhook.json().is_ok()));
    let shown = format!("{webhook:?}");
    assert!(shown.len() <= 64 * 1024 + 32 * data.len(), "{} bytes of {}", shown.len(), data.len());
}

pub(crate) fn mediasfu_webhook_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{"event":"participantJoined","secret":"s","apiKey":"k","room":{"members":[{"name":"a"}]}}"#,
        r#"{"url":"https://a.example/?token=t","link":"/meet/s1/k"}"#,
    ])
}

pub(crate) fn enablex_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match enablex::decode_token(enablex::DecodeToken::new(text)) {
        Ok(token) => show(&token),
        Err(error) => show(&(error.to_string(), &error)),
    }
    show(&enablex::lookup_error(enablex::LookupError::new("rest", text)));
}

pub(crate) fn enablex_token_seeds() -> Vec<Vec<u8>> {
    let mut seeds = bytes(&["eyJob3N0IjoicnRjLmV4YW1wbGUuY29tOjg0NDMiLCJzZWN1cmUiOnRydWV9", "4002", "-7"]);
    seeds.extend(cases::inputs("enablex", "decode_token", "token"));
    seeds
}

/// A line with the header, and the body.
pub(crate) fn enablex_webhook(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let (header, body) = data.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let header = String::from_utf8_lossy(header);
    let reader = enablex::WebhookReader::new().credentials("hooks", CANARY);
    if let Err(error) = reader.read(Some(&header), body) {
        assert!(
            !format!("{error} {error:?}").contains(CANARY)
                || body.windows(CANARY.len()).any(|w| w == CANARY.as_bytes())
        );
    }
    match enablex::WebhookReader::new().read(None, body) {
        Ok(webhook) => show(&(webhook.expires_at(), &webhook)),
        Err(error) => show(&error),
    }
}

pub(crate) fn enablex_webhook_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "\n{\"type\":\"recording\",\"trans_date\":\"1621902030\",\"recording\":[\"https://files.example/a.mkv\"]}",
        "Basic aG9va3M6YzBmZmVlMDBjMGZmZWUxMWMwZmZlZTIyYzBmZmVlMzNjMGZmZWU0NGMwZmZlZTU1YzBmZmVlNjZjMGZmZWU3Nw==\n{\"type\":\"transcoded\",\"room_id\":\"r\",\"transcoded\":[{\"url\":\"https://a.example/a\"}]}",
    ])
}
