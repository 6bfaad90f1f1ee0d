//! Every rule, under its names, all at once, before anything is sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use common::{KEY, NOW, SECRET, clock, local, scripted, session, session_of};
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::rtc_core::{ErrorKind, Reason, Rule};
use opentok::{
    ArchiveMode, Client, CreateSession, Credentials, DecodeSessionId, Error, GenerateToken, MediaMode,
    Resolution, VerifyToken,
};

type Broken = (String, String, Rule, Option<String>);

fn broken(error: &Error) -> Vec<Broken> {
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::InvalidInput, false, 0));
    let all = error.violations().unwrap().iter();
    all.map(|v| {
        assert!(!v.message.is_empty() && error.to_string().contains(&*v.message));
        (v.field.to_string(), v.wire.to_string(), v.rule, v.code.as_ref().map(ToString::to_string))
    })
    .collect()
}

fn rule(field: &str, wire: &str, rule: Rule, code: Option<&str>) -> Broken {
    (field.into(), wire.into(), rule, code.map(Into::into))
}

async fn create(request: CreateSession) -> Vec<Broken> {
    let transport = ScriptedTransport::new();
    let error = scripted(&transport).create_session(request).await.unwrap_err();
    assert!(transport.requests().is_empty());
    broken(&error)
}

fn always() -> CreateSession {
    CreateSession::new().media_mode(MediaMode::Routed).archive_mode(ArchiveMode::Always)
}

#[tokio::test]
async fn rules_between_the_fields_of_a_session() {
    let new = CreateSession::new;
    let conflict = |field, wire, code| vec![rule(field, wire, Rule::Conflict, Some(code))];
    let needs_routed = conflict("archive_mode", "archiveMode", "always_needs_routed");
    let name = conflict("archive_name", "archiveName", "name_needs_always");
    let resolution = conflict("archive_resolution", "archiveResolution", "resolution_needs_always");
    for (request, expected) in [
        (new().archive_mode(ArchiveMode::Always), needs_routed.clone()),
        (new().media_mode("relayed").archive_mode("always"), needs_routed),
        (new().e2ee(true), conflict("e2ee", "e2ee", "e2ee_needs_routed")),
        (always().e2ee(true), conflict("e2ee", "e2ee", "e2ee_excludes_always")),
        (new().archive_name("n"), name.clone()),
        (new().archive_mode("manual").archive_name("n"), name),
        (new().archive_resolution(Resolution::SdLandscape), resolution.clone()),
        (new().archive_mode("manual").archive_resolution("640x480"), resolution),
    ] {
        assert_eq!(create(request.clone()).await, expected, "{request:?}");
    }
}

#[tokio::test]
async fn rules_of_the_fields_of_a_session() {
    let new = CreateSession::new;
    let location = rule("location", "location", Rule::Pattern, None);
    for text in [
        "localhost",
        "256.1.1.1",
        "1.2.3",
        "127.1",
        "01.2.3.4",
        "::1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4\n",
        "",
    ] {
        assert_eq!(create(new().location(text)).await, std::slice::from_ref(&location), "{text:?}");
    }
    let one_of = |field, wire| vec![rule(field, wire, Rule::OneOf, None)];
    assert_eq!(create(new().media_mode("blah")).await, one_of("media_mode", "p2p.preference"));
    assert_eq!(create(new().archive_mode("sometimes")).await, one_of("archive_mode", "archiveMode"));
    assert_eq!(
        create(always().archive_resolution("800x600")).await,
        one_of("archive_resolution", "archiveResolution")
    );
    let length = vec![rule("archive_name", "archiveName", Rule::Length, None)];
    assert_eq!(create(always().archive_name("x".repeat(81))).await, length);
    assert_eq!(create(always().archive_name("é".repeat(81))).await, length);
    assert!(!create(always().archive_name("")).await.is_empty());
}

#[test]
fn sessions_at_the_edge_are_good() {
    for request in [
        CreateSession::new().location("0.0.0.0"),
        CreateSession::new().location("255.255.255.255"),
        always().archive_name("x"),
        always().archive_name("é".repeat(80)),
        always().archive_resolution("1080x1920"),
        CreateSession::new().media_mode("routed").e2ee(true).archive_mode("manual"),
    ] {
        request.validate().unwrap();
    }
}

#[tokio::test]
async fn all_of_them_at_once_in_the_order_of_the_reference() {
    let request = CreateSession::new()
        .e2ee(true)
        .archive_mode(ArchiveMode::Always)
        .location("nowhere")
        .archive_name("x".repeat(81))
        .archive_resolution("1x1");
    assert_eq!(
        create(request).await,
        [
            rule("archive_mode", "archiveMode", Rule::Conflict, Some("always_needs_routed")),
            rule("e2ee", "e2ee", Rule::Conflict, Some("e2ee_needs_routed")),
            rule("e2ee", "e2ee", Rule::Conflict, Some("e2ee_excludes_always")),
            rule("location", "location", Rule::Pattern, None),
            rule("archive_name", "archiveName", Rule::Length, None),
            rule("archive_resolution", "archiveResolution", Rule::OneOf, None),
        ]
    );
}

fn generate(request: GenerateToken) -> Vec<Broken> {
    broken(&local().generate_token(request).unwrap_err())
}

fn token() -> GenerateToken {
    GenerateToken::new(session())
}

#[test]
fn rules_of_a_token() {
    let one = |field: &str, broken| vec![rule(field, field, broken, None)];
    let classes = "initial_layout_class_list";
    for (request, expected) in [
        (GenerateToken::new(""), one("session_id", Rule::Required)),
        (GenerateToken::new("1"), one("session_id", Rule::Pattern)),
        (GenerateToken::new("1_"), one("session_id", Rule::Pattern)),
        (GenerateToken::new("garbage"), one("session_id", Rule::Pattern)),
        (GenerateToken::new("é"), one("session_id", Rule::Pattern)),
        (GenerateToken::new(format!("2_{}", "A".repeat(254))), one("session_id", Rule::Length)),
        (GenerateToken::new(session_of("1234567")), one("session_id", Rule::Conflict)),
        (GenerateToken::new(session_of("12345")), one("session_id", Rule::Conflict)),
        (token().role("boss"), one("role", Rule::OneOf)),
        (token().role(""), one("role", Rule::OneOf)),
        (token().expire_time(NOW - 1), one("expire_time", Rule::Range)),
        (token().expire_time(0), one("expire_time", Rule::Range)),
        (token().expire_time(NOW + 30 * 86_400 + 1), one("expire_time", Rule::Range)),
        (token().expire_time(u64::MAX), one("expire_time", Rule::Range)),
        (token().connection_data("é".repeat(1001)), one("connection_data", Rule::Length)),
        (token().initial_layout_class_list(["a b"]), one(classes, Rule::Pattern)),
        (token().initial_layout_class_list(["a", ""]), one(classes, Rule::Pattern)),
        (token().initial_layout_class_list(["a\n"]), one(classes, Rule::Pattern)),
        (token().initial_layout_class_list(["x".repeat(1001)]), one(classes, Rule::Length)),
        (token().initial_layout_class_list(["x".repeat(500), "x".repeat(500)]), one(classes, Rule::Length)),
        (token().token_type("T2"), one("token_type", Rule::OneOf)),
        (token().nonce(""), one("nonce", Rule::Length)),
        (token().nonce("x".repeat(65)), one("nonce", Rule::Length)),
        (token().nonce("a b"), one("nonce", Rule::Pattern)),
        (token().nonce("é"), one("nonce", Rule::Pattern)),
    ] {
        assert_eq!(generate(request.clone()), expected, "{request:?}");
    }
}

#[test]
fn tokens_at_the_edge_are_good() {
    for request in [
        token().expire_time(NOW),
        token().expire_time(NOW + 30 * 86_400),
        token().connection_data(""),
        token().connection_data("é".repeat(1000)),
        token().initial_layout_class_list(["x".repeat(1000)]),
        token().initial_layout_class_list(["x".repeat(500), "é".repeat(499)]),
        token().initial_layout_class_list(Vec::<String>::new()),
        token().nonce("x".repeat(64)),
    ] {
        local().generate_token(request.clone()).unwrap_or_else(|e| unreachable!("{request:?}: {e}"));
    }
}

#[test]
fn all_rules_of_a_token_at_once() {
    let request = GenerateToken::new(session_of("7"))
        .role("boss")
        .expire_time(1)
        .connection_data("x".repeat(1001))
        .initial_layout_class_list([""])
        .token_type("T2")
        .nonce(" ");
    let fields: Vec<_> = generate(request).into_iter().map(|(field, ..)| field).collect();
    assert_eq!(
        fields,
        [
            "role",
            "connection_data",
            "token_type",
            "nonce",
            "session_id",
            "expire_time",
            "initial_layout_class_list"
        ]
    );
}

#[test]
fn other_local_operations() {
    let required = |field: &str| vec![rule(field, field, Rule::Required, None)];
    assert_eq!(broken(&local().verify_token(VerifyToken::new("")).unwrap_err()), required("token"));
    let decode = |id: &str| broken(&Client::decode_session_id(DecodeSessionId::new(id)).unwrap_err());
    assert_eq!(decode(""), required("session_id"));
    assert_eq!(decode("garbage")[0].2, Rule::Pattern);
}

#[test]
fn nothing_of_the_input_is_shown() {
    let error = local().generate_token(token().nonce("canary canary").role("canary")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn credentials_that_cannot_be_used() {
    for (key, secret) in [("", SECRET), (KEY, ""), ("12 34", SECRET), ("12\n", SECRET), ("12\"}", SECRET)] {
        let transport = ScriptedTransport::new();
        let builder = Client::builder(Credentials::new(key, secret)).transport(transport.clone());
        let client = builder.clock(clock()).build().unwrap();
        for error in [
            client.create_session(CreateSession::new()).await.unwrap_err(),
            client.generate_token(token()).unwrap_err(),
            client.verify_token(VerifyToken::new("a.b.c")).unwrap_err(),
        ] {
            assert!(matches!(error.reason(), Reason::Auth(_)), "{key:?} {error:?}");
            assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false));
            assert!(!error.to_string().contains(SECRET));
        }
        assert!(transport.requests().is_empty());
        // The input is looked at first.
        let error = client.create_session(CreateSession::new().e2ee(true)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn no_secret_is_shown() {
    let client = local();
    let token = client.generate_token(token()).unwrap();
    let shown = format!(
        "{client:?} {:?} {token:?} {:?} {}",
        Client::builder(Credentials::new(KEY, SECRET)),
        VerifyToken::new(token.expose()),
        serde_json::to_string(&token).unwrap()
    );
    assert!(!shown.contains(SECRET) && !shown.contains(token.expose()), "{shown}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    const CHILD: &str = "OPENTOK_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        // An empty text would be no address.
        Client::from_env().unwrap();
        return;
    }
    // A process of its own: the environment of this one is shared by all tests.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_empty_variable_counts_as_unset"])
        .envs([(CHILD, "1"), ("OPENTOK_ENDPOINT", ""), ("OPENTOK_API_KEY", ""), ("OPENTOK_API_SECRET", "x")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
