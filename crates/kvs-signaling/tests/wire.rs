//! What goes out and how answers are read, without a network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::testing::{ManualClock, ScriptedTransport};
use kvs_signaling::rtc_core::{ErrorKind, RetryPolicy, Revealed};
use kvs_signaling::{
    ChannelEndpointConfiguration, ChannelRole, Client, Credentials, GetIceServerConfig,
    GetSignalingChannelEndpoint, IceService, Protocol,
};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_690_186_022)
}

fn client(transport: &ScriptedTransport) -> Client {
    Client::builder(Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
        .region("us-west-2")
        .transport(transport.clone())
        .clock(ManualClock::new(now()))
        .retry(RetryPolicy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn requests() {
    let transport = ScriptedTransport::new().json(200, "{}").json(200, "{}").json(200, "{}");
    let client = client(&transport);
    let wanted = ChannelEndpointConfiguration::new()
        .protocols([Protocol::Wss, Protocol::Https])
        .role(ChannelRole::Viewer);
    let endpoint = GetSignalingChannelEndpoint::new(ARN).single_master_channel_endpoint_configuration(wanted);
    client.get_signaling_channel_endpoint(endpoint).await.unwrap();
    let ice = GetIceServerConfig::new(ARN);
    let own = "https://r-a1b2c3d4.kinesisvideo.us-west-2.amazonaws.com";
    client.get_ice_server_config(ice.clone()).discovered_endpoint(own).await.unwrap();
    let full = ice.client_id("viewer-1").service(IceService::Turn).username("user_1");
    client.get_ice_server_config(full).await.unwrap();
    let configuration = json!({ "Protocols": ["WSS", "HTTPS"], "Role": "VIEWER" });
    let regional = "https://kinesisvideo.us-west-2.amazonaws.com";
    let expected = [
        (
            format!("{regional}/getSignalingChannelEndpoint"),
            json!({ "ChannelARN": ARN, "SingleMasterChannelEndpointConfiguration": configuration }),
        ),
        (format!("{own}/v1/get-ice-server-config"), json!({ "ChannelARN": ARN })),
        (
            format!("{regional}/v1/get-ice-server-config"),
            json!({ "ChannelARN": ARN, "ClientId": "viewer-1", "Service": "TURN", "Username": "user_1" }),
        ),
    ];
    let requests = transport.requests();
    assert_eq!(requests.len(), expected.len());
    for (request, (url, body)) in requests.iter().zip(expected) {
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", url));
        assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), body);
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["x-amz-date"], "20230724T080702Z");
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20230724/us-west-2/kinesisvideo/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, Signature=";
        assert!(authorization.starts_with(start), "{authorization}");
    }
}

async fn ice(body: &str) -> Result<Value, ErrorKind> {
    let transport = ScriptedTransport::new().json(200, body.to_owned());
    let answer = client(&transport).get_ice_server_config(GetIceServerConfig::new(ARN)).await;
    answer.map(|config| serde_json::to_value(Revealed(&config)).unwrap()).map_err(|error| error.kind())
}

#[tokio::test]
async fn lenient_values() {
    let server = |extra: &str| {
        format!(
            r#"{{"IceServerList":[{{"Username":"1700000300:YQ==","Password":"p+/=","Uris":["turn:a",null]{extra}}}]}}"#
        )
    };
    for (ttl, number, documented) in [
        (r#","Ttl":300"#, json!(300), json!(true)),
        (r#","Ttl":"86400","New":{}"#, json!(86400), json!(true)),
        (r#","Ttl":15"#, json!(15), json!(false)),
        (r#","Ttl":null"#, json!(null), json!(null)),
        ("", json!(null), json!(null)),
    ] {
        let output = ice(&server(ttl)).await.unwrap();
        let expected = json!({ "ice_server_list": [{
            "uris": ["turn:a"], "username": "1700000300:YQ==", "password": "p+/=", "ttl": number,
            "ttl_in_documented_range": documented, "username_expiry_epoch": 1_700_000_300,
        }] });
        assert_eq!(output, expected, "{ttl}");
    }
    for none in ["{}", r#"{"IceServerList":[]}"#, r#"{"IceServerList":null}"#, r#"{"IceServerList":[null]}"#]
    {
        assert_eq!(ice(none).await.unwrap(), json!({ "ice_server_list": [] }), "{none}");
    }
}

#[tokio::test]
async fn strict_structure() {
    for bad in [
        "",
        "null",
        "[]",
        "[[]]",
        "<html>",
        r#"{"IceServerList": ["#,
        r#"{"IceServerList":{}}"#,
        r#"{"IceServerList":["x"]}"#,
        r#"{"IceServerList":[[["turn:a"],"u","p",300]]}"#,
        r#"{"IceServerList":[{"Ttl":"soon"}]}"#,
        r#"{"IceServerList":[{"Uris":"turn:a"}]}"#,
    ] {
        assert_eq!(ice(bad).await, Err(ErrorKind::Protocol), "{bad}");
    }
}

#[tokio::test]
async fn endpoints_of_any_case_and_of_unknown_protocols() {
    let body = r#"{"ResourceEndpointList":[{"Protocol":"quic","ResourceEndpoint":"q://x"},null,
        {"Protocol":"https","ResourceEndpoint":"https://h"},{"Protocol":"WSS","ResourceEndpoint":"wss://w"},{}]}"#;
    let transport = ScriptedTransport::new().json(200, body);
    let endpoints = client(&transport)
        .get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN))
        .await
        .unwrap();
    assert_eq!(
        (endpoints.https(), endpoints.wss(), endpoints.webrtc()),
        (Some("https://h"), Some("wss://w"), None)
    );
    let output = serde_json::to_value(&endpoints).unwrap();
    assert_eq!(output["resource_endpoint_list"][0]["protocol"], "quic");
    assert_eq!((&output["https"], &output["webrtc"]), (&json!("https://h"), &json!(null)));
}

/// No credential, token, password or signature shows in what may be logged.
#[tokio::test]
async fn nothing_prints_a_secret() {
    let body = r#"{"IceServerList":[{"Username":"u","Password":"canary-password","Ttl":300,"Uris":[]}]}"#;
    let transport = ScriptedTransport::new().json(200, body).json(403, r#"{"message":"no"}"#);
    let credentials = Credentials::new("CANARYID", "canary-secret").with_session_token("canary-token");
    let client = Client::builder(credentials.clone())
        .region("us-west-2")
        .transport(transport.clone())
        .build()
        .unwrap();
    let config = client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap();
    let error = client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap_err();
    let signed = client
        .presign_connect_as_master(
            kvs_signaling::PresignConnectAsMaster::new(ARN).endpoint("wss://example.com"),
        )
        .await
        .unwrap();
    let text = format!(
        "{client:?} {credentials:?} {config:?} {error:?} {error} {signed:?} {:?}",
        transport.requests()
    );
    let json = serde_json::to_string(&(config, signed.clone())).unwrap();
    for canary in ["canary", "CANARYID", signed.signature.expose()] {
        assert!(!json.contains(canary), "{canary} in {json}");
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

#[derive(Debug)]
struct Renewing(std::sync::atomic::AtomicU32);

impl kvs_signaling::CredentialsProvider for Renewing {
    async fn provide(&self) -> Result<Arc<Credentials>, rtc_core::AuthError> {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Arc::new(Credentials::new(format!("AKID{n}"), "secret").with_session_token(format!("token{n}"))))
    }
}

#[tokio::test]
async fn a_provider_is_asked_for_every_attempt() {
    let transport = ScriptedTransport::new().json(500, "{}").json(200, "{}");
    let provider = kvs_signaling::SharedCredentialsProvider::new(Renewing(0.into()));
    let client = Client::builder(provider)
        .region("us-west-2")
        .transport(transport.clone())
        .clock(ManualClock::jumping(now()))
        .build()
        .unwrap();
    client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap();
    let tokens: Vec<_> =
        transport.requests().iter().map(|r| r.headers()["x-amz-security-token"].clone()).collect();
    assert_eq!(tokens, ["token0", "token1"]);
    assert!(
        transport.requests()[1].headers()["authorization"].to_str().unwrap().contains("Credential=AKID1/")
    );
}
