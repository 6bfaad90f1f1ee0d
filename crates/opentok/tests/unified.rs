//! The unified environment: an application id and a private RSA key in the place of the API key and secret.
#![cfg(feature = "unified")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::signer::{HEADER, claims, data, jwt_of, t1};
use common::{KEY, NOW, SECRET, clock, object, session, session_of};
use opentok::rtc_core::testing::{ManualClock, ScriptedTransport};
use opentok::rtc_core::{ErrorKind, Reason, Rule};
use opentok::{
    Client, CreateSession, Credentials, GenerateToken, GetArchive, ListProjects, OpenTokError, Role,
    StartArchive, TokenFault, TokenFormat, VerifiedToken, VerifyToken,
};
use rtc_emulator::Emulator;
use serde_json::json;

const PEM: &str = include_str!("../../rtc-emulator/src/opentok/demo_key.pem");
const APPLICATION: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
/// Over the header and the claims of `KNOWN`, by OpenSSL with the same key.
const SIGNATURE: &str = "U4WmKVkb5fp4wBi4amiU3EfpbrgrmaAEwm9q89BhbSnV8x7_LAM3N1srzhcrv7-ndRm7kSe8z1NhYQdOHWkApdtcgkRg\
     HojCAtc3OXNHIUqzlO1gWhKyj3DVjC5Q_qpAsFICOiVQ3Cu7EAolLrir9LxpHb76Qq9dh3FWSVLMypzWWn1_xhiFii8C_fc7DOqVhwnndKo_ZpDY\
     uvDQpQdprnHyIuOuXNAxN_8_tVmwFlSfX8XurwvlcTNLePjiNdX_19N-PUFnwWg599fBlvM7fQmbPdTTG8cwty14NPkEVVZqCuYDQcJOnSWn6P2h\
     hXcPnT6kq9vkD6CUMoEDTcwsYg";

fn client_with(pem: &str, transport: &ScriptedTransport) -> opentok::Result<Client> {
    let credentials = Credentials::application(APPLICATION, pem);
    Client::builder(credentials).transport(transport.clone()).clock(clock()).build()
}

fn client() -> Client {
    client_with(PEM, &ScriptedTransport::new()).unwrap()
}

fn full() -> GenerateToken {
    GenerateToken::new(session_of(APPLICATION))
        .role(Role::Moderator)
        .expire_time(NOW + 3600)
        .connection_data("name=Jöhnny")
        .initial_layout_class_list(["focus", "small"])
        .nonce("n-1")
}

fn verify(token: &str) -> Result<VerifiedToken, TokenFault> {
    client().verify_token(VerifyToken::new(token)).map_err(|error| match error.service() {
        Some(OpenTokError::Token(fault)) => *fault,
        _ => unreachable!("{error:?}"),
    })
}

#[test]
fn a_token_is_what_another_signer_makes() {
    let token = client().generate_token(full()).unwrap();
    let parts: Vec<_> = token.expose().split('.').collect();
    assert_eq!(json!(object(parts[0])), json!({"typ": "JWT", "alg": "RS256"}));
    assert_eq!(
        json!(object(parts[1])),
        json!({
            "application_id": APPLICATION, "sub": "video", "acl": {"paths": {"/session/**": {}}}, "jti": "n-1",
            "iat": NOW, "exp": NOW + 3600, "role": "moderator", "scope": "session.connect",
            "session_id": session_of(APPLICATION), "initial_layout_class_list": "focus small",
            "connection_data": "name=Jöhnny",
        })
    );
    assert_eq!(parts[2], SIGNATURE);
    let verified = verify(token.expose()).unwrap();
    assert_eq!((verified.format.clone(), verified.partner_id.as_str()), (TokenFormat::Jwt, APPLICATION));
    assert_eq!((verified.role(), verified.connection_data()), (Some(Role::Moderator), Some("name=Jöhnny")));
    assert_eq!(verified.initial_layout_class_list(), ["focus", "small"]);
    assert_eq!(verified.expires_at(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 3600)));
}

#[test]
fn tokens_are_fresh_and_expire() {
    let token = || client().generate_token(GenerateToken::new(session_of(APPLICATION))).unwrap();
    let (one, other) = (token(), token());
    assert_ne!(one.expose(), other.expose());
    let claims = object(one.expose().split('.').nth(1).unwrap());
    assert_eq!((claims["exp"].as_u64(), claims["jti"].as_str().unwrap().len()), (Some(NOW + 86_400), 36));
    let at = |seconds| {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let builder = Client::builder(Credentials::application(APPLICATION, PEM)).clock(clock);
        builder.build().unwrap().verify_token(VerifyToken::new(one.expose())).is_ok()
    };
    assert_eq!((at(NOW + 86_400), at(NOW + 86_401)), (true, false));
}

#[test]
fn tokens_of_others_are_refused() {
    let token = client().generate_token(full()).unwrap();
    let (signed, signature) = token.expose().rsplit_once('.').unwrap();
    for at in (0..256).step_by(51) {
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[at] ^= 1;
        let changed = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(verify(&changed), Err(TokenFault::Signature), "{at}");
    }
    // What is public about an application must not do as the secret of another algorithm.
    let mut foreign = claims();
    foreign["application_id"] = json!(APPLICATION);
    for secret in [SECRET, "", APPLICATION] {
        let token = jwt_of(HEADER, &foreign.to_string(), secret);
        assert_eq!(verify(&token), Err(TokenFault::Malformed), "HS256");
        let token = jwt_of(r#"{"typ":"JWT","alg":"RS256"}"#, &foreign.to_string(), secret);
        assert_eq!(verify(&token), Err(TokenFault::Signature), "HMAC as RS256");
    }
    assert_eq!(verify(&t1(&data(""))), Err(TokenFault::Signature));
    // And the other way round.
    let error = common::local().verify_token(VerifyToken::new(token.expose())).unwrap_err();
    assert!(matches!(error.service(), Some(OpenTokError::Token(TokenFault::Malformed))));
    let other = Credentials::application("1a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", PEM);
    let other = Client::builder(other).clock(clock()).build().unwrap();
    let error = other.verify_token(VerifyToken::new(token.expose())).unwrap_err();
    assert!(matches!(error.service(), Some(OpenTokError::Token(TokenFault::Issuer))));
}

#[test]
fn what_an_application_cannot_have() {
    let rule = |request: GenerateToken| {
        let error = client().generate_token(request).unwrap_err();
        let first = error.violations().unwrap().first().unwrap().clone();
        (first.field.into_owned(), first.rule)
    };
    assert_eq!(rule(full().token_type(TokenFormat::T1)), ("token_type".to_owned(), Rule::Conflict));
    assert_eq!(rule(GenerateToken::new(session())), ("session_id".to_owned(), Rule::Conflict));
}

#[test]
fn the_key_is_read_at_once_and_never_shown() {
    let pkcs8: String = PEM.lines().filter(|line| !line.starts_with("---")).collect();
    // The envelope of PKCS#8 around the key takes 26 bytes.
    let old = STANDARD.encode(&STANDARD.decode(&pkcs8).unwrap()[26..]);
    let old = format!("-----BEGIN RSA PRIVATE KEY-----\n{old}\n-----END RSA PRIVATE KEY-----\n");
    let token = client_with(&old, &ScriptedTransport::new()).unwrap().generate_token(full()).unwrap();
    assert!(token.expose().ends_with(SIGNATURE));
    let public = PEM.replace("PRIVATE", "PUBLIC");
    for (pem, part) in [
        ("", "BEGIN PRIVATE KEY"),
        (&*pkcs8, "BEGIN PRIVATE KEY"),
        (&*public, "BEGIN PRIVATE KEY"),
        (&*PEM.replace("MIIEv", "MIIEw"), "not an RSA key"),
    ] {
        let error = client_with(pem, &ScriptedTransport::new()).unwrap_err();
        assert!(matches!(error.reason(), Reason::Auth(_)), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(part) && !shown.contains(&pkcs8[8..40]), "{shown}");
    }
    let credentials = Credentials::application(APPLICATION, PEM);
    assert_eq!(credentials.project(), APPLICATION);
    let shown = format!("{credentials:?} {:?}", client());
    assert!(shown.contains(APPLICATION) && !shown.contains("BEGIN") && !shown.contains(&pkcs8[8..40]));
    assert!(!format!("{token:?}").contains("eyJ"));
}

#[tokio::test]
async fn requests_are_signed_by_the_application() {
    let body = json!([{"session_id": session_of(APPLICATION), "application_id": APPLICATION}]).to_string();
    let archive = json!({"id": "a", "sessionId": "s", "status": "started"}).to_string();
    let transport = ScriptedTransport::new().json(200, body).json(200, archive);
    let client = client_with(PEM, &transport).unwrap();
    client.create_session(CreateSession::new()).await.unwrap();
    client.get_archive(GetArchive::new("a")).await.unwrap();
    let requests = transport.requests();
    assert_eq!(requests[0].uri(), "https://video.api.vonage.com/session/create");
    assert_eq!(
        requests[1].uri().to_string(),
        format!("https://video.api.vonage.com/v2/project/{APPLICATION}/archive/a")
    );
    let tokens: Vec<_> = requests.iter().map(|request| &request.headers()["authorization"]).collect();
    assert!(tokens[0].is_sensitive() && tokens[0] != tokens[1]);
    assert!(!requests[0].headers().contains_key("x-opentok-auth"));
    let parts: Vec<_> = tokens[0].to_str().unwrap().strip_prefix("Bearer ").unwrap().split('.').collect();
    assert_eq!(json!(object(parts[0])), json!({"typ": "JWT", "alg": "RS256"}));
    let mut claims = object(parts[1]);
    assert_eq!(claims.remove("jti").unwrap().as_str().unwrap().len(), 36);
    let expected = json!({"application_id": APPLICATION, "ist": "project", "iat": NOW, "exp": NOW + 180});
    assert_eq!(json!(claims), expected);
}

#[tokio::test]
async fn projects_need_the_account() {
    let application = || Credentials::application(APPLICATION, PEM);
    let error = client().list_projects(ListProjects::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false));
    assert!(error.to_string().contains("ClientBuilder::account"), "{error}");
    let error = Client::builder(application()).account(application()).build().unwrap_err();
    assert!(error.to_string().contains("API key and secret"), "{error}");
    let transport = ScriptedTransport::new().json(200, "[]");
    let builder = Client::builder(application()).account(Credentials::new(KEY, SECRET));
    let both = builder.transport(transport.clone()).clock(clock()).build().unwrap();
    both.list_projects(ListProjects::new()).await.unwrap();
    let request = &transport.requests()[0];
    assert!(!request.headers().contains_key("authorization"));
    let token = request.headers()["x-opentok-auth"].to_str().unwrap();
    let claims = object(token.split('.').nth(1).unwrap());
    assert_eq!((claims["iss"].as_str(), claims["ist"].as_str()), (Some(KEY), Some("account")));
}

/// The emulator checks the signatures with the public half of the key.
#[tokio::test]
async fn the_emulator_lets_the_application_in() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.opentok();
    let credentials = Credentials::application(access.application_id(), access.private_key());
    let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
    let session = client.create_session(CreateSession::new().media_mode("routed")).await.unwrap();
    let token = client.generate_token(GenerateToken::new(&session.session_id)).unwrap();
    client.verify_token(VerifyToken::new(token.expose())).unwrap();
    access.join(session.session_id.as_str());
    let archive = client.start_archive(StartArchive::new(&session.session_id).name("a")).await.unwrap();
    assert_eq!(client.get_archive(GetArchive::new(archive.id)).await.unwrap().name.as_deref(), Some("a"));
    let stranger = Credentials::application(APPLICATION, access.private_key());
    let stranger = Client::builder(stranger).endpoint(access.url()).build().unwrap();
    let error = stranger.get_archive(GetArchive::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[test]
fn an_application_without_a_key_file_says_so() {
    const CHILD: &str = "OPENTOK_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let error = Client::from_env().unwrap_err();
        assert!(error.to_string().contains("OPENTOK_PRIVATE_KEY_FILE is not"), "{error}");
        return;
    }
    // A process of its own: the environment of this one is shared by all tests.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_application_without_a_key_file_says_so"])
        .envs([(CHILD, "1"), ("OPENTOK_APPLICATION_ID", APPLICATION), ("OPENTOK_PRIVATE_KEY_FILE", "")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
