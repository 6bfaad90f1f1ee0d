//! OpenTok.

use opentok::{Client, CreateSession, Credentials, GenerateToken, VerifyToken};
use rtc_core::testing::ScriptedTransport;

use super::{CANARY, silent, silent_error};

const SESSION: &str = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";

#[tokio::test]
async fn nothing_is_printed() {
    let credentials = Credentials::new("123456", CANARY);
    silent(&credentials);
    let transport = ScriptedTransport::new().json(403, r#"{"message":"no"}"#);
    let builder = Client::builder(credentials).transport(transport.clone());
    silent(&builder);
    let client = builder.build().unwrap();
    silent(&client);
    silent(&client.create_session(CreateSession::new()));
    silent_error(&client.create_session(CreateSession::new()).await.unwrap_err());
    let token = client.generate_token(GenerateToken::new(SESSION)).unwrap();
    assert!(!format!("{token:?}").contains(token.expose()));
    let request = VerifyToken::new(format!("T1=={CANARY}"));
    silent(&request);
    silent_error(&client.verify_token(request).unwrap_err());
    let sent = transport.requests();
    assert!(
        !format!("{:?}", sent[0].headers()).contains("eyJ"),
        "the token of a request is marked sensitive"
    );
}

#[tokio::test]
async fn an_error_that_echoes_a_token_hides_it() {
    let probe = Client::builder(Credentials::new("123456", CANARY))
        .transport(ScriptedTransport::new())
        .build()
        .unwrap();
    let token = probe.generate_token(GenerateToken::new(SESSION)).unwrap();
    let body = format!(r#"{{"message":"bad token {}"}}"#, token.expose());
    let transport = ScriptedTransport::new().json(403, body);
    let client = Client::builder(Credentials::new("123456", CANARY)).transport(transport).build().unwrap();
    let error = client.create_session(CreateSession::new()).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(token.expose()), "{text}");
}
