//! Refusals and faults: what they mean, whether they are repeated, and what never leaves twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::http::Response;
use kvs_signaling::rtc_core::testing::{ManualClock, ScriptedTransport};
use kvs_signaling::rtc_core::{AuthError, EndpointPolicy, Rule, TransportError, TransportErrorKind};
use kvs_signaling::{
    Client, Credentials, CredentialsProvider, Error, ErrorKind, Exception, GetIceServerConfig, IceServers,
    KvsError, PresignConnectAsMaster, PresignConnectAsViewer, SharedCredentialsProvider, SignRequest,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_690_186_022)
}

fn client(transport: &ScriptedTransport) -> Client {
    Client::builder(Credentials::new("AKID", "secret"))
        .region("us-west-2")
        .transport(transport.clone())
        .clock(ManualClock::jumping(start()))
        .build()
        .unwrap()
}

async fn call(client: &Client) -> Error {
    client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap_err()
}

fn answer(status: u16, error_type: Option<&str>, body: &str) -> Response<String> {
    let mut response = Response::builder().status(status).header("x-amzn-RequestId", "req-1");
    if let Some(name) = error_type {
        response = response.header("x-amzn-ErrorType", name);
    }
    response.body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn where_the_name_of_a_refusal_stands() {
    for (error_type, body, code, detail) in [
        (
            Some("ResourceNotFoundException:http://x.com/coral/"),
            r#"{"__type":"Other","Message":"m"}"#,
            Some("ResourceNotFoundException"),
            Some("m"),
        ),
        (
            None,
            r#"{"__type":"com.amazonaws#InvalidClientException","code":"Other","message":"a","Message":"b"}"#,
            Some("InvalidClientException"),
            Some("a"),
        ),
        (
            None,
            r#"{"code":"NotAuthorizedException","Message":"no"}"#,
            Some("NotAuthorizedException"),
            Some("no"),
        ),
        (None, r#"{"Code":"BrandNewException"}"#, Some("BrandNewException"), None),
        (None, r#"{"Message":"Bad request."}"#, None, Some("Bad request.")),
        (None, "<html>no</html>", None, None),
        (None, "", None, None),
    ] {
        let transport = ScriptedTransport::new().answer(answer(400, error_type, body));
        let error = call(&client(&transport)).await;
        assert_eq!((error.code().as_deref(), error.detail()), (code, detail), "{body}");
        assert_eq!((error.status().unwrap().as_u16(), error.request_id()), (400, Some("req-1")));
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn what_refusals_mean() {
    for (status, name, kind) in [
        (400, "InvalidArgumentException", ErrorKind::InvalidInput),
        (400, "InvalidClientException", ErrorKind::InvalidInput),
        (400, "SessionExpiredException", ErrorKind::Closed),
        (401, "NotAuthorizedException", ErrorKind::PermissionDenied),
        (401, "AccessDeniedException", ErrorKind::PermissionDenied),
        (404, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "ResourceInUseException", ErrorKind::Conflict),
        (400, "VersionMismatchException", ErrorKind::Conflict),
        (400, "AccountChannelLimitExceededException", ErrorKind::Conflict),
        (403, "InvalidSignatureException", ErrorKind::Unauthenticated),
        (403, "UnrecognizedClientException", ErrorKind::Unauthenticated),
        (403, "ExpiredTokenException", ErrorKind::Unauthenticated),
        (403, "SomethingNew", ErrorKind::PermissionDenied),
        (302, "", ErrorKind::Protocol),
        (400, "", ErrorKind::InvalidInput),
    ] {
        let transport = ScriptedTransport::new().answer(answer(status, Some(name), "{}"));
        let error = call(&client(&transport)).await;
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (kind, 1, false), "{name}");
        assert!(matches!(error.service(), Some(KvsError::Api { .. })));
    }
    assert_eq!(Exception::from("X"), Exception::Other("X".into()));
}

#[tokio::test]
async fn what_is_repeated() {
    let throttled = || answer(400, Some("ClientLimitExceededException"), "{}");
    let lost = |unsent| {
        let error = TransportError::new(TransportErrorKind::Interrupted);
        if unsent { error.with_unsent(true) } else { error }
    };
    for (transport, kind) in [
        (
            ScriptedTransport::new().answer(throttled()).answer(throttled()).answer(throttled()),
            ErrorKind::RateLimited,
        ),
        (ScriptedTransport::new().json(500, "{}").json(503, "").json(502, "<html>"), ErrorKind::Unavailable),
        (ScriptedTransport::new().json(429, "{}").json(429, "{}").json(429, "{}"), ErrorKind::RateLimited),
        (
            ScriptedTransport::new().fail(lost(false)).fail(lost(false)).fail(lost(true)),
            ErrorKind::Connection,
        ),
    ] {
        let error = call(&client(&transport)).await;
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (kind, 3, true));
    }
    let transport = ScriptedTransport::new().answer(throttled()).json(200, "{}");
    assert!(client(&transport).get_ice_server_config(GetIceServerConfig::new(ARN)).await.is_ok());
}

#[tokio::test]
async fn a_wrong_clock_costs_exactly_one_attempt() {
    let an_hour_on = "Mon, 24 Jul 2023 09:07:02 GMT";
    let refusal = |name: &str, message: &str, date: Option<&str>| {
        let mut response = answer(403, Some(name), &format!(r#"{{"message":"{message}"}}"#));
        if let Some(date) = date {
            response.headers_mut().insert("date", date.parse().unwrap());
        }
        response
    };
    for (name, message) in [
        ("InvalidSignatureException", "Signature expired: 20230724T080702Z is now earlier than"),
        ("InvalidSignatureException", "Signature not yet current: 20230724T080702Z is still later"),
        ("RequestTimeTooSkewed", "no"),
    ] {
        // Refused again after the correction: not a third time, however many attempts the policy has.
        let skewed = || refusal(name, message, Some(an_hour_on));
        let transport = ScriptedTransport::new().answer(skewed()).answer(skewed()).json(200, "{}");
        let error = call(&client(&transport)).await;
        assert_eq!((error.attempts(), error.kind()), (2, ErrorKind::Unauthenticated), "{name}");
        let dates: Vec<_> = transport.requests().iter().map(|r| r.headers()["x-amz-date"].clone()).collect();
        assert_eq!(dates, ["20230724T080702Z", "20230724T090702Z"]);
        // The offset is kept for the calls that follow.
        let transport = ScriptedTransport::new().answer(skewed()).json(200, "{}").json(200, "{}");
        let client = client(&transport);
        for _ in 0..2 {
            client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap();
        }
        assert_eq!(transport.requests()[2].headers()["x-amz-date"], "20230724T090702Z");
    }
    for (message, date) in
        [("Signature expired: x", None), ("The request signature does not match", Some(an_hour_on))]
    {
        let transport = ScriptedTransport::new().answer(refusal("InvalidSignatureException", message, date));
        assert_eq!(call(&client(&transport)).await.attempts(), 1, "{message}");
    }
}

#[tokio::test]
async fn an_error_of_the_composed_call_is_not_kept() {
    let endpoint = r#"{"ResourceEndpointList":[{"Protocol":"HTTPS","ResourceEndpoint":"https://r.kinesisvideo.us-west-2.amazonaws.com"}]}"#;
    let transport = ScriptedTransport::new()
        .json(403, r#"{"__type":"AccessDeniedException"}"#)
        .json(200, endpoint)
        .json(401, r#"{"__type":"NotAuthorizedException"}"#)
        .json(200, endpoint)
        .json(200, "{}");
    let client = client(&transport);
    for _ in 0..2 {
        let error = client.ice_servers(IceServers::new(ARN)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
    assert_eq!(client.ice_servers(IceServers::new(ARN)).await.unwrap().len(), 1);
}

/// Accepts one connection, reads the head, answers with `reply` and leaves the connection open or not.
async fn server(reply: &'static [u8], hold: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(reply).await;
            if hold {
                held.push(socket);
            }
        }
    });
    url
}

fn over_sockets(url: &str) -> Client {
    Client::builder(Credentials::new("AKID", "secret"))
        .region("us-west-2")
        .endpoint(url)
        .timeout(Duration::from_millis(250))
        .retry(rtc_core::RetryPolicy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn faults_of_real_sockets() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"IceServerList\":";
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n";
    for (reply, hold, kind) in [
        (&b""[..], true, ErrorKind::Timeout),
        (&b""[..], false, ErrorKind::Connection),
        (&cut[..], false, ErrorKind::Connection),
        (&cut[..], true, ErrorKind::Timeout),
        (&huge[..], true, ErrorKind::Protocol),
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>"[..], false, ErrorKind::Protocol),
        (&b"garbage\r\n\r\n"[..], false, ErrorKind::Protocol),
    ] {
        let client = over_sockets(&server(reply, hold).await);
        let error = call(&client).await;
        assert_eq!((error.kind(), error.attempts()), (kind, 1), "{}", String::from_utf8_lossy(reply));
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = call(&over_sockets(&format!("http://{closed}"))).await;
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, false));
}

#[tokio::test]
async fn no_credential_reaches_the_target_of_a_redirect() {
    let mut target = mockito::Server::new_async().await;
    let hit = target.mock("POST", mockito::Matcher::Any).expect(0).create_async().await;
    let mut server = mockito::Server::new_async().await;
    server
        .mock("POST", "/v1/get-ice-server-config")
        .with_status(307)
        .with_header("location", &format!("{}/v1/get-ice-server-config", target.url()))
        .create_async()
        .await;
    assert_eq!(call(&over_sockets(&server.url())).await.kind(), ErrorKind::Protocol);
    hit.assert_async().await;
}

/// A provider of credentials that never comes to an end.
#[derive(Debug)]
struct Stuck;

impl CredentialsProvider for Stuck {
    async fn provide(&self) -> Result<Arc<Credentials>, AuthError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_provider_of_credentials_has_no_more_time_than_a_call() {
    let client = Client::builder(SharedCredentialsProvider::new(Stuck))
        .region("us-west-2")
        .transport(ScriptedTransport::new())
        .clock(ManualClock::jumping(start()))
        .timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    let master = PresignConnectAsMaster::new(ARN).endpoint("wss://example.com");
    let viewer = PresignConnectAsViewer::new(ARN, "v").endpoint("wss://example.com");
    for error in [
        client.sign_request(SignRequest::new().url("https://example.com/")).await.unwrap_err(),
        client.presign_connect_as_master(master).await.unwrap_err(),
        client.presign_connect_as_viewer(viewer).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, false));
        assert!(error.to_string().contains("7s"), "{error}");
    }
}

#[tokio::test]
async fn the_policy_of_the_client_counts_for_endpoints_that_are_given() {
    let client = Client::builder(Credentials::new("AKID", "secret"))
        .region("us-west-2")
        .endpoint_policy(EndpointPolicy::default().deny_host("denied.example"))
        .build()
        .unwrap();
    let at = |endpoint| PresignConnectAsMaster::new(ARN).endpoint(endpoint);
    assert!(client.presign_connect_as_master(at("wss://a.example")).await.is_ok());
    let error = client.presign_connect_as_master(at("wss://a.denied.example")).await.unwrap_err();
    let fields: Vec<_> = error.violations().unwrap().iter().map(|v| (v.field.as_ref(), v.rule)).collect();
    assert_eq!(fields, [("endpoint", Rule::Forbidden)]);
}

#[test]
fn a_url_to_sign_is_not_printed() {
    let request = SignRequest::new().url("https://example.com/?X-Amz-Signature=canary");
    assert!(!format!("{request:?}").contains("canary"));
}
