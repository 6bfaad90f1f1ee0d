//! What is refused before anything is sent.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::rtc_core::{ErrorKind, Rule, Violations};
use kvs_signaling::{
    ChannelArn, ChannelEndpointConfiguration, Client, Credentials, GetIceServerConfig,
    GetSignalingChannelEndpoint, IceServers, PresignConnectAsMaster, PresignConnectAsViewer, ResolveEndpoint,
    StunUrl,
};

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn found(result: Result<(), Violations>) -> Vec<(String, String, Rule)> {
    let violations = result.err().into_iter().flatten();
    violations.map(|v| (v.field.into_owned(), v.wire.into_owned(), v.rule)).collect()
}

fn one(field: &str, wire: &str, rule: Rule) -> Vec<(String, String, Rule)> {
    vec![(field.to_owned(), wire.to_owned(), rule)]
}

/// An ARN of exactly so many characters.
fn arn_of(length: usize) -> String {
    let (head, tail) = ("arn:aws:kinesisvideo:us-west-2:123456789012:channel/", "/1");
    format!("{head}{}{tail}", "a".repeat(length - head.len() - tail.len()))
}

#[test]
fn arns() {
    let bad = |rule| one("channel_arn", "ChannelARN", rule);
    let good = [
        ARN.to_owned(),
        arn_of(1024),
        "arn:aws-cn:kinesisvideo:cn-north-1:1:channel/x/1".to_owned(),
        "arn:aws-us-gov:kinesisvideo:us-gov-west-1:1:channel/a_b.C-1/1".to_owned(),
        "arn:aws:kinesisvideo:us-west-2:1:stream/x/1".to_owned(),
    ];
    for arn in good {
        assert_eq!(found(GetIceServerConfig::new(arn.as_str()).validate()), [], "{arn}");
    }
    for (arn, rule) in [
        (String::new(), Rule::Length),
        (arn_of(1025), Rule::Length),
        ("é".repeat(1024), Rule::Pattern),
        ("not-an-arn".to_owned(), Rule::Pattern),
        (format!("{ARN}\n"), Rule::Pattern),
        (format!(" {ARN}"), Rule::Pattern),
        (format!("{ARN}/1"), Rule::Pattern),
        (ARN.replace("aws", "AWS"), Rule::Pattern),
        (ARN.replace("kinesisvideo", "kinesis"), Rule::Pattern),
        (ARN.replace("demo", ""), Rule::Pattern),
        (ARN.replace("demo", "de mo"), Rule::Pattern),
        (ARN.replace("123456789012", "12345678901x"), Rule::Pattern),
    ] {
        assert_eq!(found(GetIceServerConfig::new(arn.as_str()).validate()), bad(rule), "{arn}");
        assert_eq!(found(GetSignalingChannelEndpoint::new(arn.as_str()).validate()), bad(rule), "{arn}");
        assert_eq!(found(IceServers::new(arn.as_str()).validate()), bad(rule), "{arn}");
        assert_eq!(found(ChannelArn::parse(arn.as_str()).map(drop)), bad(rule), "{arn}");
    }
}

#[test]
fn ids_and_enums() {
    let base = || GetIceServerConfig::new(ARN);
    for (request, expected) in [
        (base().client_id("a".repeat(256)).username("u_.-1"), vec![]),
        (base().client_id(""), one("client_id", "ClientId", Rule::Length)),
        (base().client_id("a".repeat(257)), one("client_id", "ClientId", Rule::Length)),
        (base().client_id("bad id!"), one("client_id", "ClientId", Rule::Pattern)),
        (base().client_id("é"), one("client_id", "ClientId", Rule::Pattern)),
        (base().client_id("a\n"), one("client_id", "ClientId", Rule::Pattern)),
        (base().username("u".repeat(257)), one("username", "Username", Rule::Length)),
        (base().username("a:b"), one("username", "Username", Rule::Pattern)),
        (base().service("STUN"), one("service", "Service", Rule::OneOf)),
    ] {
        assert_eq!(found(request.validate()), expected, "{request:?}");
    }
    let config = "single_master_channel_endpoint_configuration";
    let wire = "SingleMasterChannelEndpointConfiguration";
    let with = |c| GetSignalingChannelEndpoint::new(ARN).single_master_channel_endpoint_configuration(c);
    let five = ChannelEndpointConfiguration::new().protocols(["WSS"; 5]).role("VIEWER");
    assert_eq!(found(with(five).validate()), []);
    for (configuration, field, name, rule) in [
        (ChannelEndpointConfiguration::new().protocols(["WSS"; 6]), "protocols", "Protocols", Rule::Length),
        (ChannelEndpointConfiguration::new().protocols(["wss"]), "protocols", "Protocols", Rule::OneOf),
        (ChannelEndpointConfiguration::new().role("GUEST"), "role", "Role", Rule::OneOf),
    ] {
        let expected = one(&format!("{config}.{field}"), &format!("{wire}.{name}"), rule);
        assert_eq!(found(with(configuration).validate()), expected);
    }
}

#[test]
fn who_connects() {
    let master = || PresignConnectAsMaster::new(ARN);
    let viewer = |id: &str| PresignConnectAsViewer::new(ARN, id);
    assert_eq!(
        found(master().client_id("x").validate()),
        one("client_id", "X-Amz-ClientId", Rule::Forbidden)
    );
    for (id, rule) in [
        ("", Some(Rule::Length)),
        ("AWS_x", Some(Rule::Pattern)),
        ("aWs_", Some(Rule::Pattern)),
        ("a b", Some(Rule::Pattern)),
        ("AWSx", None),
        ("xAWS_", None),
    ] {
        let expected = rule.map_or(vec![], |rule| one("client_id", "X-Amz-ClientId", rule));
        assert_eq!(found(viewer(id).validate()), expected, "{id}");
    }
    for (endpoint, rule) in [
        ("wss://h.example.com", None),
        ("ws://127.0.0.1:1", None),
        ("https://kvs.example.com", Some(Rule::Scheme)),
        ("ws://kvs.example.com", Some(Rule::Scheme)),
        ("wss://kvs.example.com?a=b", Some(Rule::Query)),
        ("wss://kvs.example.com#a", Some(Rule::Query)),
        ("wss://u@kvs.example.com", Some(Rule::Query)),
        ("nonsense", Some(Rule::Pattern)),
    ] {
        let expected = rule.map_or(vec![], |rule| one("endpoint", "endpoint", rule));
        assert_eq!(found(master().endpoint(endpoint).validate()), expected, "{endpoint}");
        assert_eq!(found(viewer("v").endpoint(endpoint).validate()), expected, "{endpoint}");
    }
}

#[test]
fn addresses() {
    let at = |region: &str| ResolveEndpoint::new().region(region);
    for (request, url) in [
        (at("us-west-2"), "https://kinesisvideo.us-west-2.amazonaws.com"),
        (at("us-east-1").use_fips(true), "https://kinesisvideo-fips.us-east-1.amazonaws.com"),
        (at("us-east-1").use_dual_stack(true), "https://kinesisvideo.us-east-1.api.aws"),
        (at("us-east-1").use_fips(true).use_dual_stack(true), "https://kinesisvideo-fips.us-east-1.api.aws"),
        (at("cn-north-1"), "https://kinesisvideo.cn-north-1.amazonaws.com.cn"),
        (
            at("cn-north-1").use_dual_stack(true),
            "https://kinesisvideo.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (at("us-gov-east-1").use_fips(true), "https://kinesisvideo-fips.us-gov-east-1.amazonaws.com"),
        (at("eusc-de-east-1"), "https://kinesisvideo.eusc-de-east-1.amazonaws.eu"),
        (at("us-iso-east-1"), "https://kinesisvideo.us-iso-east-1.c2s.ic.gov"),
        (at("us-isob-east-1"), "https://kinesisvideo.us-isob-east-1.sc2s.sgov.gov"),
        (at("eu-isoe-west-1"), "https://kinesisvideo.eu-isoe-west-1.cloud.adc-e.uk"),
        (at("us-isof-south-1"), "https://kinesisvideo.us-isof-south-1.csp.hci.ic.gov"),
        (at("us-east-1").endpoint("https://example.com"), "https://example.com"),
        (ResolveEndpoint::new().endpoint("https://example.com"), "https://example.com"),
    ] {
        assert_eq!(Client::resolve_endpoint(request).unwrap().url, url);
    }
    let own = || at("us-east-1").endpoint("https://example.com");
    for (request, field, rule) in [
        (ResolveEndpoint::new(), "region", Rule::Required),
        (at(""), "region", Rule::Length),
        (at("us-west-2.evil.example/"), "region", Rule::Pattern),
        (at("us--2"), "region", Rule::Pattern),
        (own().use_fips(true), "use_fips", Rule::Conflict),
        (own().use_dual_stack(true), "use_dual_stack", Rule::Conflict),
        (at("us-east-1").endpoint("nonsense"), "endpoint", Rule::Pattern),
    ] {
        let error = Client::resolve_endpoint(request).unwrap_err();
        assert_eq!(found(Err(error.violations().unwrap().clone())), one(field, field, rule));
    }
    let stun = |region: &str| StunUrl::new(region);
    for (request, url) in [
        (stun("us-west-1"), "stun:stun.kinesisvideo.us-west-1.amazonaws.com:443"),
        (stun("us-west-1").use_dual_stack(true), "stun:stun.kinesisvideo.us-west-1.api.aws:443"),
        (
            stun("us-gov-east-1").use_fips(true),
            "stuns:stun.kinesisvideo-fips.us-gov-east-1.amazonaws.com:443",
        ),
        (stun("cn-north-1"), "stun:stun.kinesisvideo.cn-north-1.amazonaws.com.cn:443"),
    ] {
        assert_eq!(Client::stun_url(request).unwrap().url, url);
    }
}

#[test]
fn a_client_needs_a_region_and_no_contradiction() {
    let builder = || Client::builder(Credentials::new("A", "B")).transport(ScriptedTransport::new());
    let field = |builder: kvs_signaling::ClientBuilder| {
        builder.build().map_err(|e| e.violations().and_then(|v| v.first()).unwrap().field.to_string()).err()
    };
    assert_eq!(field(builder()).as_deref(), Some("region"));
    assert_eq!(field(builder().endpoint("https://example.com")).as_deref(), Some("region"));
    let own = || builder().region("us-west-2").signaling_endpoint("https://example.com");
    assert_eq!(field(own().use_fips(true)).as_deref(), Some("use_fips"));
    assert_eq!(field(own().use_dual_stack(true)).as_deref(), Some("use_dual_stack"));
    assert_eq!(field(own()), None);
}

#[tokio::test]
async fn nothing_is_sent_when_the_input_or_the_credentials_are_bad() {
    let transport = ScriptedTransport::new();
    let client = |credentials| {
        Client::builder(credentials).region("us-west-2").transport(transport.clone()).build().unwrap()
    };
    let good = client(Credentials::new("AKID", "secret"));
    let error = good.get_ice_server_config(GetIceServerConfig::new("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::InvalidInput, false, 0));
    assert_eq!(good.ice_servers(IceServers::new("x")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    for credentials in [Credentials::new("", "s"), Credentials::new("AKID", ""), Credentials::new("A/B", "s")]
    {
        let client = client(credentials);
        let error = client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false));
        let viewer = PresignConnectAsViewer::new(ARN, "v").endpoint("wss://example.com");
        let error = client.presign_connect_as_viewer(viewer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    }
    assert!(transport.requests().is_empty());
}
