//! What is made of each answer: values in all their forms, what may be missing, and what is no answer at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use kvs_signaling::rtc_core::Revealed;
use kvs_signaling::rtc_core::http::Response;
use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::*;
use rest::{ARN, STREAM, scripted};
use serde::Serialize;
use serde_json::{Value, json};

/// What a call gives for this answer, or the kind of its error.
async fn read<T: Serialize>(
    body: impl Into<String>,
    call: impl AsyncFnOnce(Client) -> Result<T>,
) -> std::result::Result<Value, ErrorKind> {
    let transport = ScriptedTransport::new().json(200, body.into());
    let answer = call(scripted(&transport)).await;
    assert_eq!(transport.requests().len(), 1, "an answer that cannot be read is not asked for again");
    answer.map(|output| serde_json::to_value(Revealed(&output)).unwrap()).map_err(|error| {
        assert!(error.was_sent() && error.attempts() == 1 && !error.is_retryable(), "{error}");
        error.kind()
    })
}

/// `body: operation(input)`, read.
macro_rules! read {
    ($body:expr, $operation:ident($request:expr)) => {
        Box::pin(read($body, async |client: Client| client.$operation($request).await)).await
    };
}

fn described(info: &Value) -> String {
    json!({ "ChannelInfo": info }).to_string()
}

fn describe() -> DescribeSignalingChannel {
    DescribeSignalingChannel::new().channel_arn(ARN)
}

#[tokio::test]
async fn a_channel() {
    let full = described(&json!({
        "ChannelName": "demo", "ChannelARN": ARN, "ChannelType": "SINGLE_MASTER", "ChannelStatus": "ACTIVE",
        "CreationTime": 1.641_534_227_75E9, "SingleMasterConfiguration": {"MessageTtlSeconds": 60, "New": [1]},
        "Version": "Xs7d", "NewMember": {"a": 1},
    }));
    let expected = json!({ "channel_info": {
        "channel_name": "demo", "channel_arn": ARN, "channel_type": "SINGLE_MASTER",
        "channel_status": "ACTIVE", "creation_time": "2022-01-07T05:43:47.750Z",
        "single_master_configuration": {"message_ttl_seconds": 60}, "version": "Xs7d",
    } });
    assert_eq!(read!(full, describe_signaling_channel(describe())), Ok(expected));
    let nothing = json!({
        "channel_name": null, "channel_arn": null, "channel_type": null, "channel_status": null,
        "creation_time": null, "single_master_configuration": null, "version": null,
    });
    let nulls = json!({
        "ChannelName": null, "ChannelARN": null, "ChannelType": null, "ChannelStatus": null,
        "CreationTime": null, "SingleMasterConfiguration": null, "Version": null,
    });
    for info in [json!({}), nulls] {
        let got = read!(described(&info), describe_signaling_channel(describe())).unwrap();
        assert_eq!(got["channel_info"], nothing, "{info}");
    }
    // Values of enums that are not known, and of other kinds.
    let info = json!({ "ChannelType": "MESH_2", "ChannelStatus": "active", "SingleMasterConfiguration": {} });
    let got = read!(described(&info), describe_signaling_channel(describe())).unwrap();
    assert_eq!(got["channel_info"]["channel_type"], "MESH_2");
    assert_eq!(got["channel_info"]["channel_status"], "active");
    assert_eq!(got["channel_info"]["single_master_configuration"], json!({"message_ttl_seconds": null}));
}

#[tokio::test]
async fn the_time_of_creation_and_the_life_of_messages() {
    for (written, shown) in [
        (json!(1_641_534_227), json!("2022-01-07T05:43:47.000Z")),
        (json!(1_641_534_227.75), json!("2022-01-07T05:43:47.750Z")),
        (json!(1_641_534_227.001), json!("2022-01-07T05:43:47.001Z")),
        (json!("1641534227.75"), json!("2022-01-07T05:43:47.750Z")),
        (json!("1.64153422775E9"), json!("2022-01-07T05:43:47.750Z")),
        (json!("2022-01-07T05:43:47.750Z"), json!("2022-01-07T05:43:47.750Z")),
        (json!("2022-01-07T06:43:47.75+01:00"), json!("2022-01-07T05:43:47.750Z")),
        (json!(0), json!("1970-01-01T00:00:00.000Z")),
        // None of these is an instant; the channel is told all the same.
        (json!("yesterday"), Value::Null),
        (json!("NaN"), Value::Null),
        (json!("inf"), Value::Null),
        (json!(-1), Value::Null),
        (json!(1e300), Value::Null),
        (json!(true), Value::Null),
        (json!({}), Value::Null),
    ] {
        let info = described(&json!({ "ChannelName": "demo", "CreationTime": written }));
        let got = read!(info, describe_signaling_channel(describe())).unwrap();
        assert_eq!(got["channel_info"]["creation_time"], shown, "{written}");
        assert_eq!(got["channel_info"]["channel_name"], "demo");
    }
    for (written, shown) in [
        (json!(60), Ok(json!(60))),
        (json!("60"), Ok(json!(60))),
        (json!(60.0), Ok(json!(60))),
        (json!(999), Ok(json!(999))),
        (json!(null), Ok(json!(null))),
        (json!("soon"), Err(ErrorKind::Protocol)),
        (json!(-1), Err(ErrorKind::Protocol)),
    ] {
        let info = described(&json!({ "SingleMasterConfiguration": { "MessageTtlSeconds": written } }));
        let got = read!(info, describe_signaling_channel(describe()));
        let got =
            got.map(|g| g["channel_info"]["single_master_configuration"]["message_ttl_seconds"].clone());
        assert_eq!(got, shown, "{written}");
    }
}

#[tokio::test]
async fn lists() {
    let mapped = || DescribeMappedResourceConfiguration::new().stream_name("s");
    let body = json!({
        "ChannelInfoList": [{"ChannelName": "a"}, null, {"ChannelName": "b"}], "NextToken": "Zm9v",
    });
    let got = read!(body.to_string(), list_signaling_channels(ListSignalingChannels::new())).unwrap();
    let names: Vec<_> =
        got["channel_info_list"].as_array().unwrap().iter().map(|c| &c["channel_name"]).collect();
    assert_eq!((names, &got["next_token"]), (vec![&json!("a"), &json!("b")], &json!("Zm9v")));
    let body =
        json!({ "MappedResourceConfigurationList": [null, {"Type": "SIGNALING_CHANNEL", "ARN": ARN}] });
    assert_eq!(
        read!(body.to_string(), describe_mapped_resource_configuration(mapped())),
        Ok(json!({
            "mapped_resource_configuration_list": [{"type": "SIGNALING_CHANNEL", "arn": ARN}],
            "next_token": null,
        }))
    );
    for body in [
        "{}",
        r#"{"ChannelInfoList":null,"MappedResourceConfigurationList":null,"ResourceEndpointList":null,"NextToken":null}"#,
    ] {
        assert_eq!(
            read!(body, list_signaling_channels(ListSignalingChannels::new())),
            Ok(json!({ "channel_info_list": [], "next_token": null }))
        );
        assert_eq!(
            read!(body, describe_mapped_resource_configuration(mapped())),
            Ok(json!({ "mapped_resource_configuration_list": [], "next_token": null }))
        );
        let got = read!(body, get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN))).unwrap();
        assert_eq!(got, json!({ "resource_endpoint_list": [], "https": null, "wss": null, "webrtc": null }));
    }
}

#[tokio::test]
async fn tags_storage_and_alexa() {
    let list = || ListTagsForResource::new(ARN);
    for (body, tags) in [
        (json!({ "Tags": {"site": "home", "n": 7, "": ""} }), json!({"site": "home", "n": "7", "": ""})),
        // One without a value is none.
        (json!({ "Tags": {"site": null, "n": true} }), json!({"n": "true"})),
        (json!({ "Tags": {} }), json!({})),
        (json!({ "Tags": null }), json!(null)),
        (json!({}), json!(null)),
    ] {
        let got = read!(body.to_string(), list_tags_for_resource(list())).unwrap();
        assert_eq!(got, json!({ "tags": tags, "next_token": null }));
    }
    // It is a map here, though it is sent as a list.
    let body = r#"{"Tags":[{"Key":"a","Value":"b"}]}"#;
    assert_eq!(read!(body, list_tags_for_resource(list())), Err(ErrorKind::Protocol));

    let storage = || DescribeMediaStorageConfiguration::new().channel_arn(ARN);
    for (body, told) in [
        (
            json!({ "Status": "ENABLED", "StreamARN": STREAM }),
            json!({ "status": "ENABLED", "stream_arn": STREAM }),
        ),
        (
            json!({ "Status": "DISABLED", "StreamARN": null }),
            json!({ "status": "DISABLED", "stream_arn": null }),
        ),
        (json!({ "Status": "PAUSED" }), json!({ "status": "PAUSED", "stream_arn": null })),
        (json!({}), json!({ "status": null, "stream_arn": null })),
        (json!(null), json!(null)),
    ] {
        let body = json!({ "MediaStorageConfiguration": body }).to_string();
        let got = read!(body, describe_media_storage_configuration(storage())).unwrap();
        assert_eq!(got["media_storage_configuration"], told);
    }
    let offer = || SendAlexaOfferToMaster::new(ARN, "alexa", "b2ZmZXI=");
    for (body, answer) in [("{}", Value::Null), (r#"{"Answer":"YQ==","x":1}"#, json!("YQ=="))] {
        assert_eq!(read!(body, send_alexa_offer_to_master(offer())), Ok(json!({ "answer": answer })));
    }
    let create = || CreateSignalingChannel::new("demo");
    let body = json!({ "ChannelARN": ARN }).to_string();
    assert_eq!(read!(body, create_signaling_channel(create())), Ok(json!({ "channel_arn": ARN })));
    // Without its ARN nothing can be done with a new channel.
    for body in ["{}", r#"{"ChannelARN":null}"#] {
        assert_eq!(read!(body, create_signaling_channel(create())), Err(ErrorKind::Protocol), "{body}");
    }
}

#[tokio::test]
async fn endpoints_of_protocols_that_are_not_known() {
    let body = json!({ "ResourceEndpointList": [
        { "Protocol": "MOQ", "ResourceEndpoint": "moq://m" },
        { "Protocol": "webrtc", "ResourceEndpoint": "https://w" },
        { "Protocol": null, "ResourceEndpoint": null },
        { "Protocol": "WSS", "ResourceEndpoint": null },
        { "Protocol": "WSS", "ResourceEndpoint": "wss://s" },
    ] });
    let got = read!(body.to_string(), get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN)));
    let got = got.unwrap();
    assert_eq!(
        got["resource_endpoint_list"][0],
        json!({ "protocol": "MOQ", "resource_endpoint": "moq://m" })
    );
    assert_eq!(got["resource_endpoint_list"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&got["wss"], &got["webrtc"], &got["https"]),
        (&json!("wss://s"), &json!("https://w"), &Value::Null)
    );
}

/// What is no answer, for each operation that has one: an error, never an empty answer.
#[tokio::test]
async fn structure_is_not_guessed() {
    let mapped = || DescribeMappedResourceConfiguration::new().stream_name("s");
    let storage = || DescribeMediaStorageConfiguration::new().channel_arn(ARN);
    macro_rules! bad {
        ($body:expr => $($operation:ident($request:expr)),*) => {$(
            assert_eq!(
                read!($body, $operation($request)), Err(ErrorKind::Protocol),
                "{} {}", stringify!($operation), $body
            );
        )*};
    }
    for body in
        ["", " ", "null", "[]", "[{}]", "\"{}\"", "true", "<html>", "{", r#"{"NextToken":"a""#, "{}{}"]
    {
        bad! { body =>
            create_signaling_channel(CreateSignalingChannel::new("a")),
            describe_signaling_channel(describe()),
            list_signaling_channels(ListSignalingChannels::new()),
            list_tags_for_resource(ListTagsForResource::new(ARN)),
            describe_media_storage_configuration(storage()),
            describe_mapped_resource_configuration(mapped()),
            send_alexa_offer_to_master(SendAlexaOfferToMaster::new(ARN, "a", "b")),
            get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN)),
            get_ice_server_config(GetIceServerConfig::new(ARN))
        }
    }
    for body in ["{}", r#"{"ChannelInfo":null}"#, r#"{"ChannelInfo":[]}"#, r#"{"ChannelInfo":["demo"]}"#] {
        bad! { body => describe_signaling_channel(describe()) }
    }
    for list in ["{}", r#""a""#, "7", r#"["a"]"#, "[[]]", r#"[{"ChannelName":7}]"#] {
        let body = format!(r#"{{"ChannelInfoList":{list}}}"#);
        bad! { body.as_str() => list_signaling_channels(ListSignalingChannels::new()) }
    }
    for list in ["{}", "[[]]", "[7]"] {
        let body = format!(r#"{{"MappedResourceConfigurationList":{list}}}"#);
        bad! { body.as_str() => describe_mapped_resource_configuration(mapped()) }
        let body = format!(r#"{{"ResourceEndpointList":{list}}}"#);
        bad! { body.as_str() => get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN)) }
    }
    for body in [r#"{"Tags":"a"}"#, r#"{"Tags":{"a":{}}}"#, r#"{"Tags":{},"NextToken":{}}"#] {
        bad! { body => list_tags_for_resource(ListTagsForResource::new(ARN)) }
    }
    for body in [r#"{"MediaStorageConfiguration":[]}"#, r#"{"MediaStorageConfiguration":"ENABLED"}"#] {
        bad! { body => describe_media_storage_configuration(storage()) }
    }
}

/// Operations that tell nothing, which is not the page of a proxy.
#[tokio::test]
async fn nothing_is_told() {
    let stored = || MediaStorageSettings::new("DISABLED");
    let (done, not_done) = (Ok(Value::Null), Err(ErrorKind::Protocol));
    for (body, expected) in [("{}", &done), ("", &done), ("<html>", &not_done), ("[]", &not_done)] {
        for outcome in [
            read!(body, update_signaling_channel(UpdateSignalingChannel::new(ARN, "v"))),
            read!(body, delete_signaling_channel(DeleteSignalingChannel::new(ARN))),
            read!(body, tag_resource(TagResource::new(ARN, [Tag::new("k", "v")]))),
            read!(body, untag_resource(UntagResource::new(ARN, ["k"]))),
            read!(
                body,
                update_media_storage_configuration(UpdateMediaStorageConfiguration::new(ARN, stored()))
            ),
            read!(body, join_storage_session(JoinStorageSession::new(ARN))),
            read!(body, join_storage_session_as_viewer(JoinStorageSessionAsViewer::new(ARN, "v"))),
        ] {
            assert_eq!(&outcome, expected, "{body}");
        }
    }
}

#[tokio::test]
async fn a_member_that_stands_twice_counts_as_the_last_and_the_id_of_the_request_is_kept() {
    let body = r#"{"ChannelInfo":{"Version":"old","Version":"new"}}"#;
    let answer = Response::builder().header("x-amzn-RequestId", "req-7").body(body).unwrap();
    let transport = ScriptedTransport::new().answer(answer);
    let reply = scripted(&transport).describe_signaling_channel(describe()).reply().await.unwrap();
    assert_eq!(reply.output.channel_info.version.as_deref(), Some("new"));
    assert_eq!(reply.request_id.as_deref(), Some("req-7"));
}
