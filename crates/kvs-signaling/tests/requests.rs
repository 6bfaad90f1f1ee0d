//! The request of every operation: where it goes and what it holds, with everything set and with nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use std::collections::BTreeSet;

use kvs_signaling::rtc_core::http::Request;
use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::rtc_core::{Bytes, RetryPolicy};
use kvs_signaling::*;
use rest::{ARN, STREAM, builder};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// What one call sends, with a host for each of the three services.
async fn sent<C: IntoFuture>(call: impl FnOnce(&Client) -> C) -> Request<Bytes> {
    let transport = ScriptedTransport::new().json(200, "{}");
    let builder = builder(&transport).control_endpoint("https://control.example");
    let client = builder
        .signaling_endpoint("https://data.example:8443")
        .storage_endpoint("https://storage.example:443/base/")
        .build()
        .unwrap();
    // What is made of the answer is the matter of other tests.
    let _ = call(&client).into_future().await;
    let mut requests = transport.requests();
    assert_eq!(requests.len(), 1, "exactly one request");
    requests.remove(0)
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|v| v.to_str().unwrap())
}

/// Compares a request with its row, and gives the operation's name.
fn compare(operation: &'static str, place: &str, body: &Value, request: &Request<Bytes>) -> &'static str {
    let (service, path) = place.split_once(' ').unwrap();
    let base = match service {
        "control" => "https://control.example",
        "data" => "https://data.example:8443",
        "storage" => "https://storage.example/base",
        other => unreachable!("{other}"),
    };
    let uri = request.uri().to_string();
    // The default port is not written, so that the host is the one that is signed.
    assert_eq!(uri.replacen(":443/", "/", 1), format!("{base}{path}"), "{operation}");
    assert_eq!(request.method().as_str(), "POST", "{operation}");
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), *body, "{operation}");
    assert_eq!(header(request, "content-type"), Some("application/json"), "{operation}");
    assert_eq!(header(request, "x-amz-date"), Some("20230724T080702Z"), "{operation}");
    let authorization = header(request, "authorization").unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20230724/us-west-2/kinesisvideo/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature=";
    let signature = authorization.strip_prefix(start).unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()), "{operation}");
    operation
}

/// Runs each call and compares its request: `operation(input) => "service path", body`.
macro_rules! table {
    ($($operation:ident($request:expr) => $place:literal, $body:tt;)*) => {{
        let mut operations = BTreeSet::new();
        $(
            let request = Box::pin(sent(|client| client.$operation($request))).await;
            operations.insert(compare(stringify!($operation), $place, &json!($body), &request));
        )*
        operations
    }};
}

/// The operations whose input is fixed: each has one request.
async fn without_options() -> BTreeSet<&'static str> {
    table! {
        tag_resource(TagResource::new(ARN, [Tag::new("k", ""), Tag::new("key-2", "é /=+")]))
            => "control /TagResource", {"ResourceARN": ARN, "Tags": [
                {"Key": "k", "Value": ""}, {"Key": "key-2", "Value": "é /=+"},
            ]};
        untag_resource(UntagResource::new(ARN, ["a", "b"]))
            => "control /UntagResource", {"ResourceARN": ARN, "TagKeyList": ["a", "b"]};
        send_alexa_offer_to_master(SendAlexaOfferToMaster::new(ARN, "alexa", "b2ZmZXI="))
            => "data /v1/send-alexa-offer-to-master",
            {"ChannelARN": ARN, "SenderClientId": "alexa", "MessagePayload": "b2ZmZXI="};
        join_storage_session(JoinStorageSession::new(ARN))
            => "storage /joinStorageSession", {"channelArn": ARN};
        join_storage_session_as_viewer(JoinStorageSessionAsViewer::new(ARN, "viewer-1"))
            => "storage /joinStorageSessionAsViewer", {"channelArn": ARN, "clientId": "viewer-1"};
    }
}

/// The operations with options, with none of them set: what is not set is not sent.
async fn with_none_set() -> BTreeSet<&'static str> {
    table! {
        create_signaling_channel(CreateSignalingChannel::new("demo"))
            => "control /createSignalingChannel", {"ChannelName": "demo"};
        create_signaling_channel(CreateSignalingChannel::new("demo")
            .single_master_configuration(SingleMasterConfiguration::new()))
            => "control /createSignalingChannel", {"ChannelName": "demo", "SingleMasterConfiguration": {}};
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("demo"))
            => "control /describeSignalingChannel", {"ChannelName": "demo"};
        describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(ARN))
            => "control /describeSignalingChannel", {"ChannelARN": ARN};
        list_signaling_channels(ListSignalingChannels::new()) => "control /listSignalingChannels", {};
        update_signaling_channel(UpdateSignalingChannel::new(ARN, "v1"))
            => "control /updateSignalingChannel", {"ChannelARN": ARN, "CurrentVersion": "v1"};
        delete_signaling_channel(DeleteSignalingChannel::new(ARN))
            => "control /deleteSignalingChannel", {"ChannelARN": ARN};
        list_tags_for_resource(ListTagsForResource::new(ARN))
            => "control /ListTagsForResource", {"ResourceARN": ARN};
        describe_media_storage_configuration(DescribeMediaStorageConfiguration::new().channel_arn(ARN))
            => "control /describeMediaStorageConfiguration", {"ChannelARN": ARN};
        update_media_storage_configuration(
            UpdateMediaStorageConfiguration::new(ARN, MediaStorageSettings::new("DISABLED")))
            => "control /updateMediaStorageConfiguration",
            {"ChannelARN": ARN, "MediaStorageConfiguration": {"Status": "DISABLED"}};
        describe_mapped_resource_configuration(
            DescribeMappedResourceConfiguration::new().stream_name("recordings"))
            => "control /describeMappedResourceConfiguration", {"StreamName": "recordings"};
        get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN))
            => "control /getSignalingChannelEndpoint", {"ChannelARN": ARN};
        get_ice_server_config(GetIceServerConfig::new(ARN))
            => "data /v1/get-ice-server-config", {"ChannelARN": ARN};
    }
}

/// The same with all of them set: the casing of the wire at all depths, numbers as such.
async fn with_all_set() -> BTreeSet<&'static str> {
    let ttl = || SingleMasterConfiguration::new().message_ttl_seconds(5);
    let begins = ChannelNameCondition::new()
        .comparison_operator(ComparisonOperator::BeginsWith)
        .comparison_value("de");
    let wanted = ChannelEndpointConfiguration::new()
        .protocols([Protocol::Wss, Protocol::Https, Protocol::Webrtc])
        .role(ChannelRole::Master);
    let stored = MediaStorageSettings::new(MediaStorageStatus::Enabled).stream_arn(STREAM);
    table! {
        create_signaling_channel(CreateSignalingChannel::new("demo").channel_type(ChannelType::SingleMaster)
            .single_master_configuration(ttl()).tags([Tag::new("site", "home")]))
            => "control /createSignalingChannel", {
                "ChannelName": "demo", "ChannelType": "SINGLE_MASTER",
                "SingleMasterConfiguration": {"MessageTtlSeconds": 5},
                "Tags": [{"Key": "site", "Value": "home"}],
            };
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("demo").channel_arn(ARN))
            => "control /describeSignalingChannel", {"ChannelName": "demo", "ChannelARN": ARN};
        list_signaling_channels(ListSignalingChannels::new().max_results(10_000).next_token("Zm9v+/==")
            .channel_name_condition(begins.clone())) => "control /listSignalingChannels", {
                "MaxResults": 10_000, "NextToken": "Zm9v+/==",
                "ChannelNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "de"},
            };
        update_signaling_channel(UpdateSignalingChannel::new(ARN, "v1").single_master_configuration(ttl()))
            => "control /updateSignalingChannel", {
                "ChannelARN": ARN, "CurrentVersion": "v1",
                "SingleMasterConfiguration": {"MessageTtlSeconds": 5},
            };
        delete_signaling_channel(DeleteSignalingChannel::new(ARN).current_version("v1"))
            => "control /deleteSignalingChannel", {"ChannelARN": ARN, "CurrentVersion": "v1"};
        list_tags_for_resource(ListTagsForResource::new(ARN).next_token("Zm9v"))
            => "control /ListTagsForResource", {"ResourceARN": ARN, "NextToken": "Zm9v"};
        describe_media_storage_configuration(
            DescribeMediaStorageConfiguration::new().channel_name("demo").channel_arn(ARN))
            => "control /describeMediaStorageConfiguration", {"ChannelName": "demo", "ChannelARN": ARN};
        update_media_storage_configuration(UpdateMediaStorageConfiguration::new(ARN, stored.clone()))
            => "control /updateMediaStorageConfiguration", {
                "ChannelARN": ARN, "MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": STREAM},
            };
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new()
            .stream_name("recordings").stream_arn(STREAM).max_results(1).next_token(""))
            => "control /describeMappedResourceConfiguration", {
                "StreamName": "recordings", "StreamARN": STREAM, "MaxResults": 1, "NextToken": "",
            };
        get_signaling_channel_endpoint(
            GetSignalingChannelEndpoint::new(ARN).single_master_channel_endpoint_configuration(wanted.clone()))
            => "control /getSignalingChannelEndpoint", {
                "ChannelARN": ARN,
                "SingleMasterChannelEndpointConfiguration": {
                    "Protocols": ["WSS", "HTTPS", "WEBRTC"], "Role": "MASTER",
                },
            };
        get_ice_server_config(
            GetIceServerConfig::new(ARN).client_id("viewer-1").service(IceService::Turn).username("user_1"))
            => "data /v1/get-ice-server-config",
            {"ChannelARN": ARN, "ClientId": "viewer-1", "Service": "TURN", "Username": "user_1"};
    }
}

/// Every operation of the crate that sends something.
fn operations() -> BTreeSet<&'static str> {
    let generated = include_str!("../src/generated.rs").split("Meta::new(\"").skip(1);
    generated.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_operation_sends_what_it_should() {
    let (fixed, unset, set) = (without_options().await, with_none_set().await, with_all_set().await);
    assert_eq!(unset, set, "each with options in both ways");
    assert_eq!(fixed.intersection(&set).count(), 0);
    let told: BTreeSet<_> = fixed.union(&set).copied().collect();
    assert_eq!(told, operations(), "all of them, and no others");
}

/// The URLs of one call of each service.
async fn urls(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> [String; 3] {
    let transport = (0..3).fold(ScriptedTransport::new(), |script, _| script.json(200, "{}"));
    let client = configure(builder(&transport)).build().unwrap();
    client.list_signaling_channels(ListSignalingChannels::new()).await.unwrap();
    client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap();
    client.join_storage_session(JoinStorageSession::new(ARN)).await.unwrap();
    let requests = transport.requests();
    std::array::from_fn(|n| {
        let uri = requests[n].uri().to_string();
        uri.split("/listSignaling")
            .next()
            .unwrap()
            .split("/v1/")
            .next()
            .unwrap()
            .replace("/joinStorageSession", "")
    })
}

#[tokio::test]
async fn where_the_three_services_are() {
    let regional = "https://kinesisvideo.us-west-2.amazonaws.com";
    let (all, own) = ("https://all.example", "https://own.example");
    assert_eq!(urls(|b| b).await, [regional; 3]);
    assert_eq!(urls(|b| b.use_fips(true)).await, ["https://kinesisvideo-fips.us-west-2.amazonaws.com"; 3]);
    assert_eq!(urls(|b| b.use_dual_stack(true)).await, ["https://kinesisvideo.us-west-2.api.aws"; 3]);
    assert_eq!(
        urls(|b| b.region("cn-north-1")).await,
        ["https://kinesisvideo.cn-north-1.amazonaws.com.cn"; 3]
    );
    // Decision 26: not the FIPS host unless it is asked for.
    assert_eq!(
        urls(|b| b.region("us-gov-west-1")).await,
        ["https://kinesisvideo.us-gov-west-1.amazonaws.com"; 3]
    );
    assert_eq!(urls(|b| b.endpoint(all)).await, [all; 3]);
    assert_eq!(urls(|b| b.endpoint(all).control_endpoint(own)).await, [own, all, all]);
    assert_eq!(urls(|b| b.endpoint(all).signaling_endpoint(own)).await, [all, own, all]);
    assert_eq!(urls(|b| b.endpoint(all).storage_endpoint(own)).await, [all, all, own]);
    assert_eq!(urls(|b| b.storage_endpoint(own)).await, [regional, regional, own]);
}

#[tokio::test]
async fn a_session_token_is_signed_along() {
    let transport = ScriptedTransport::new().json(200, "{}");
    let credentials = Credentials::new("AKIDEXAMPLE", "secret").with_session_token("to+ken/==");
    let client =
        Client::builder(credentials).region("us-west-2").transport(transport.clone()).build().unwrap();
    client.delete_signaling_channel(DeleteSignalingChannel::new(ARN)).await.unwrap();
    let request = &transport.requests()[0];
    assert_eq!(header(request, "x-amz-security-token"), Some("to+ken/=="));
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,";
    assert!(header(request, "authorization").unwrap().contains(signed));
}

/// A channel's own endpoint wins over the configured ones, for the calls that go there.
#[tokio::test]
async fn an_endpoint_of_one_call() {
    let transport = ScriptedTransport::new().json(200, "{}").json(200, "{}");
    let client = builder(&transport).endpoint("https://all.example").build().unwrap();
    let offer = SendAlexaOfferToMaster::new(ARN, "alexa", "b2ZmZXI=");
    client.send_alexa_offer_to_master(offer).discovered_endpoint("https://r-1.example").await.unwrap();
    client.join_storage_session(JoinStorageSession::new(ARN)).endpoint("https://w-1.example/").await.unwrap();
    let uris: Vec<_> = transport.requests().iter().map(|r| r.uri().to_string()).collect();
    assert_eq!(
        uris,
        ["https://r-1.example/v1/send-alexa-offer-to-master", "https://w-1.example/joinStorageSession"]
    );
}

/// The endpoints of channels fail over HTTP/2: it is not even offered, though the transport could.
#[tokio::test]
async fn http_1_1_whatever_the_features_say() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::builder(Credentials::new("AKIDEXAMPLE", "secret")).region("us-west-2").endpoint(url);
    let client = client.retry(RetryPolicy::none()).build().unwrap();
    let greeting = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        socket.read_exact(&mut head).await.unwrap();
        let mut greeting = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        socket.read_exact(&mut greeting).await.unwrap();
        greeting
    };
    let (outcome, greeting) =
        tokio::join!(client.list_signaling_channels(ListSignalingChannels::new()).into_future(), greeting);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Connection);
    // A list of protocols that is nine bytes long: the length of one name, and the name.
    let offered = b"\x00\x09\x08http/1.1";
    assert!(greeting.windows(offered.len()).any(|window| window == offered));
}
