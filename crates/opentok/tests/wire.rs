//! What goes over the wire, and what is made of what comes back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{KEY, NOW, SECRET, object, scripted, session};
use opentok::rtc_core::ErrorKind;
use opentok::rtc_core::http::Response;
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::{ArchiveMode, Client, CreateSession, Credentials, MediaMode, Resolution};
use serde_json::json;

fn good() -> ScriptedTransport {
    let body = json!([{"session_id": session(), "partner_id": KEY}]).to_string();
    (0..4).fold(ScriptedTransport::new(), |script, _| script.json(200, body.clone()))
}

async fn body_of(request: CreateSession) -> String {
    let transport = good();
    scripted(&transport).create_session(request).await.unwrap();
    let requests = transport.requests();
    assert_eq!((requests.len(), requests[0].method().as_str()), (1, "POST"));
    assert_eq!(requests[0].uri(), "https://api.opentok.com/session/create");
    String::from_utf8(requests[0].body().to_vec()).unwrap()
}

#[tokio::test]
async fn forms() {
    let new = CreateSession::new;
    let always = || new().media_mode(MediaMode::Routed).archive_mode(ArchiveMode::Always);
    for (request, form) in [
        (new(), "p2p.preference=enabled"),
        (new().media_mode(MediaMode::Relayed), "p2p.preference=enabled"),
        (new().media_mode("relayed"), "p2p.preference=enabled"),
        (new().media_mode(MediaMode::Routed), "p2p.preference=disabled"),
        (new().e2ee(false), "p2p.preference=enabled"),
        (new().media_mode(MediaMode::Routed).e2ee(true), "p2p.preference=disabled&e2ee=true"),
        (new().location("12.34.56.78"), "p2p.preference=enabled&location=12.34.56.78"),
        (new().archive_mode(ArchiveMode::Manual), "p2p.preference=enabled&archiveMode=manual"),
        (always(), "p2p.preference=disabled&archiveMode=always"),
        (
            always().archive_name("a b&c=é").archive_resolution(Resolution::FhdPortrait),
            "p2p.preference=disabled&archiveMode=always&archiveName=a+b%26c%3D%C3%A9&archiveResolution=1080x1920",
        ),
    ] {
        assert_eq!(body_of(request.clone()).await, form, "{request:?}");
    }
}

#[tokio::test]
async fn headers() {
    let transport = good();
    let builder = Client::builder(Credentials::new(KEY, SECRET)).transport(transport.clone());
    let client = builder.application("shop/1.2").header("X-Trace", "t").build().unwrap();
    client.create_session(CreateSession::new()).await.unwrap();
    let request = &transport.requests()[0];
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(header("accept"), "application/json");
    assert_eq!(header("user-agent"), format!("shop/1.2 rtc-opentok/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("x-trace"), "t");
    assert!(request.headers()["x-opentok-auth"].is_sensitive());
    assert!(!format!("{request:?}").contains("eyJ"));
}

#[tokio::test]
async fn an_endpoint_keeps_its_path() {
    let transport = good();
    let builder = Client::builder(Credentials::new(KEY, SECRET)).transport(transport.clone());
    let client = builder.endpoint("https://proxy.example.com/opentok/").build().unwrap();
    client.create_session(CreateSession::new()).await.unwrap();
    client.create_session(CreateSession::new()).endpoint("https://eu.example.com").await.unwrap();
    let uris: Vec<_> = transport.requests().iter().map(|r| r.uri().to_string()).collect();
    assert_eq!(
        uris,
        ["https://proxy.example.com/opentok/session/create", "https://eu.example.com/session/create"]
    );
}

#[tokio::test]
async fn the_token_of_a_request() {
    let transport = good();
    let client = scripted(&transport);
    for _ in 0..3 {
        client.create_session(CreateSession::new()).await.unwrap();
    }
    let mut ids = BTreeSet::new();
    for request in transport.requests() {
        let token = request.headers()["x-opentok-auth"].to_str().unwrap().to_owned();
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        rtc_emulator::opentok::verify_rest_token(&token, KEY, SECRET, "project", now).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        assert_eq!(json!(object(parts[0])), json!({"typ": "JWT", "alg": "HS256"}));
        let claims = object(parts[1]);
        let names: BTreeSet<_> = claims.keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["iss", "ist", "iat", "exp", "jti"]));
        assert_eq!((&claims["iss"], &claims["ist"]), (&json!(KEY), &json!("project")));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 180)));
        let id = claims["jti"].as_str().unwrap().to_owned();
        let groups: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        assert!(id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{id}");
        assert_eq!(&id[14..15], "4", "version of {id}");
        assert!("89ab".contains(&id[19..20]), "variant of {id}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3, "fresh per call");
}

#[tokio::test]
async fn every_attempt_has_a_token_of_its_own() {
    let body = json!([{"session_id": session()}]).to_string();
    let throttled = Response::builder().status(429).header("retry-after", "7").body("").unwrap();
    let transport = ScriptedTransport::new().answer(throttled).json(200, body);
    scripted(&transport).create_session(CreateSession::new()).await.unwrap();
    let issued: Vec<_> = transport
        .requests()
        .iter()
        .map(|r| object(r.headers()["x-opentok-auth"].to_str().unwrap().split('.').nth(1).unwrap()))
        .collect();
    assert_ne!(issued[0]["jti"], issued[1]["jti"]);
    assert!(issued[1]["iat"].as_u64() >= Some(NOW + 7), "at the time of the attempt");
}

fn answer(kind: &str, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    Response::builder().status(200).header("content-type", kind).body(body.into()).unwrap()
}

async fn decoded(response: Response<Vec<u8>>) -> opentok::Result<opentok::Session> {
    let transport = ScriptedTransport::new().answer(response);
    let result = scripted(&transport).create_session(CreateSession::new()).await;
    assert_eq!(transport.requests().len(), 1, "once, whatever comes back");
    result
}

const JSON: &str = "application/json";
const XML: &str = "text/xml";
const SESSIONS: &str = "<sessions><Session><session_id>2_abc</session_id><partner_id>7</partner_id>\
    <create_dt>Mon Mar 17 00:41:31 PDT 2014</create_dt></Session></sessions>";

#[tokio::test]
async fn answers() {
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n{SESSIONS}");
    for (kind, body) in [
        (JSON, r#"[{"session_id":"2_abc","partner_id":"7","create_dt":"Mon Mar 17 00:41:31 PDT 2014"}]"#),
        // Numbers for texts, members that nobody knows, a byte order mark, another content type.
        (
            JSON,
            r#"[{"session_id":"2_abc","partner_id":7,"create_dt":"Mon Mar 17 00:41:31 PDT 2014","x":[]}]"#,
        ),
        (
            "text/plain",
            "\u{feff}[{\"session_id\":\"2_abc\",\"partner_id\":\"7\",\"create_dt\":\"Mon Mar 17 00:41:31 PDT 2014\"}]",
        ),
        (XML, SESSIONS),
        (XML, declared.as_str()),
        ("application/xml;charset=utf-8", &format!("\u{feff}{declared}")),
        (JSON, &format!("  {declared}")),
        ("text/plain", SESSIONS),
        (XML, &SESSIONS.replace("><", "> \n <")),
        (XML, &SESSIONS.replace("2_abc", " 2_<!-- new -->abc\n")),
        (XML, &SESSIONS.replace("<session_id>", "<!-- new --><other>1</other><session_id>")),
    ] {
        let session = decoded(answer(kind, body)).await.unwrap_or_else(|e| unreachable!("{body}: {e}"));
        assert_eq!((session.session_id.as_str(), session.partner_id.as_deref()), ("2_abc", Some("7")));
        assert_eq!(session.create_dt.as_deref(), Some("Mon Mar 17 00:41:31 PDT 2014"), "{body}");
        assert_eq!(session.project_id, None);
    }
    let all = r#"[{"session_id":"2_abc","project_id":"7","media_server_url":"u","create_dt":null,
        "application_id":"a-b"}]"#;
    let session = decoded(answer(JSON, all)).await.unwrap();
    assert_eq!(session.application_id.as_deref(), Some("a-b"));
    assert_eq!((session.project_id.as_deref(), session.media_server_url.as_deref()), (Some("7"), Some("u")));
    assert_eq!(session.create_dt, None);
}

#[tokio::test]
async fn answers_that_are_none() {
    let twice = SESSIONS.replace("</sessions>", "<Session><session_id>x</session_id></Session></sessions>");
    let doctype = |body: &str| format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]>{body}");
    for (kind, body) in [
        (JSON, "[]"),
        (JSON, r#"[{"session_id":"a"},{"session_id":"b"}]"#),
        (JSON, r#"[{"session_id":""}]"#),
        (JSON, r#"[{"partner_id":"7"}]"#),
        (JSON, r#"[{"session_id":null}]"#),
        (JSON, r#"{"session_id":"a"}"#),
        (JSON, "null"),
        (JSON, ""),
        (JSON, "[{\"session_id\":\"a\""),
        (JSON, "<html><body>Welcome</body></html>"),
        (JSON, "\u{1}\u{2}garbage"),
        (XML, ""),
        (XML, "<sessions/>"),
        (XML, "<sessions></sessions>"),
        (XML, twice.as_str()),
        (XML, "<sessions><Session><partner_id>7</partner_id></Session></sessions>"),
        (XML, "<sessions><Session><session_id> </session_id></Session></sessions>"),
        (XML, "<sessions><Session><session_id>2_abc</session_id>"),
        (XML, "<sessions><Session><session_id>2_abc</partner_id></Session></sessions>"),
        (XML, &doctype(SESSIONS)),
        (XML, &doctype("<sessions><Session><session_id>&b;</session_id></Session></sessions>")),
        (XML, "<sessions><Session><session_id>2_a&amp;bc</session_id></Session></sessions>"),
        (XML, "garbage"),
    ] {
        let error =
            decoded(answer(kind, body)).await.err().unwrap_or_else(|| unreachable!("accepted {body}"));
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, true), "{body}");
        assert!(!error.is_retryable(), "{body}: there may be a session");
        assert_eq!(error.status().unwrap().as_u16(), 200);
    }
    let not_text = [b"<sessions><Session><session_id>\xff\xfe</session_id></Session></sessions>".to_vec()];
    for body in not_text {
        assert_eq!(decoded(answer(XML, body)).await.unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[tokio::test]
async fn an_error_inside_a_success() {
    for (body, kind, code, detail) in [
        (
            r#"<error code="403"><a message="Invalid partner"/></error>"#,
            ErrorKind::Unauthenticated,
            Some("403"),
            Some("Invalid partner"),
        ),
        (
            r#"<?xml version="1.0"?><error code="404"><a message="none"></a></error>"#,
            ErrorKind::NotFound,
            Some("404"),
            Some("none"),
        ),
        (r#"<error code="-1"/>"#, ErrorKind::InvalidInput, Some("-1"), None),
        ("<error></error>", ErrorKind::InvalidInput, None, None),
        (r#"<error code="200"/>"#, ErrorKind::InvalidInput, Some("200"), None),
        (r#"<error code="302"/>"#, ErrorKind::InvalidInput, Some("302"), None),
        (
            "<errorPayload><code>503</code><message>later</message></errorPayload>",
            ErrorKind::Unavailable,
            Some("503"),
            Some("later"),
        ),
        (
            "<errorPayload>\n  <message>\n    later\n  </message>\n  <code> 503 </code>\n</errorPayload>\n",
            ErrorKind::Unavailable,
            Some("503"),
            Some("later"),
        ),
        (
            "<errorPayload><code>4<!-- x -->04</code><message>no &lt;room&gt; &#x61;&amp;<![CDATA[&b]]> &c;</message></errorPayload>",
            ErrorKind::NotFound,
            Some("404"),
            Some("no <room> a&&b &c;"),
        ),
        (
            "<error code='403'>\n <a message='Tom &amp; &quot;Ada&quot;'/>\n</error>\n",
            ErrorKind::Unauthenticated,
            Some("403"),
            Some("Tom & \"Ada\""),
        ),
        (r#"<error code="404" message="a &nope; b"/>"#, ErrorKind::NotFound, Some("404"), Some("a &nope; b")),
    ] {
        for label in [XML, "text/plain"] {
            let error = decoded(answer(label, body)).await.unwrap_err();
            let told = (error.kind(), error.code(), error.detail());
            assert_eq!(told, (kind, code.map(Into::into), detail), "{label}: {body}");
            assert_eq!(error.status().unwrap().as_u16(), 200, "what came over the wire");
        }
    }
}
