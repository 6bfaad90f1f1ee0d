//! Every rule of the REST calls at its edges: broken ones are all told at once, by both names of the field,
//! before anything is sent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::*;
use rest::{ARN, STREAM, builder};
use rtc_core::RetryPolicy;

/// What one call breaks, as `field wire rule`; nothing when the request went out.
async fn broken<T>(call: impl AsyncFnOnce(Client) -> Result<T>) -> Vec<String> {
    let transport = ScriptedTransport::new();
    let client = builder(&transport).retry(RetryPolicy::none()).build().unwrap();
    let error = call(client).await.err().unwrap();
    let Some(violations) = error.violations() else {
        assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
        assert!(!transport.requests().is_empty());
        return Vec::new();
    };
    assert!(transport.requests().is_empty(), "{error} was sent");
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::InvalidInput, false, 0));
    let told = violations.iter().inspect(|v| {
        assert!(!v.message.is_empty() && error.to_string().contains(&*v.message), "{error}");
    });
    told.map(|v| format!("{} {} {}", v.field, v.wire, v.rule)).collect()
}

/// `operation(input) => what it breaks`, nothing for a good one.
macro_rules! rules {
    ($($operation:ident($request:expr) => [$($rule:expr),*];)*) => {
        $({
            let request = $request;
            let shown = format!("{request:?}");
            let found = Box::pin(broken(async |client: Client| client.$operation(request).await)).await;
            assert_eq!(found, [$($rule),*] as [&str; _], "{}", shown.get(..200).unwrap_or(&shown));
        })*
    };
}

const ARN_LENGTH: &str = "channel_arn ChannelARN length";
const ARN_PATTERN: &str = "channel_arn ChannelARN pattern";
const NAME_LENGTH: &str = "channel_name ChannelName length";
const NAME_PATTERN: &str = "channel_name ChannelName pattern";

/// An ARN of exactly so many characters.
fn arn_of(length: usize) -> String {
    let (head, tail) = ("arn:aws:kinesisvideo:us-west-2:123456789012:channel/", "/1");
    format!("{head}{}{tail}", "a".repeat(length - head.len() - tail.len()))
}

#[tokio::test]
async fn names_of_channels() {
    let new = |name: &str| CreateSignalingChannel::new(name);
    let begins = |value: String| {
        ListSignalingChannels::new()
            .channel_name_condition(ChannelNameCondition::new().comparison_value(value))
    };
    const VALUE: &str = "channel_name_condition.comparison_value ChannelNameCondition.ComparisonValue";
    rules! {
        create_signaling_channel(new("")) => [NAME_LENGTH];
        create_signaling_channel(new("a")) => [];
        create_signaling_channel(new("A-z_0.9")) => [];
        create_signaling_channel(new(&"a".repeat(256))) => [];
        create_signaling_channel(new(&"a".repeat(257))) => [NAME_LENGTH];
        // Length is judged first, in characters.
        create_signaling_channel(new(&"é".repeat(256))) => [NAME_PATTERN];
        create_signaling_channel(new(&"é".repeat(257))) => [NAME_LENGTH];
        create_signaling_channel(new("a b")) => [NAME_PATTERN];
        create_signaling_channel(new("a/b")) => [NAME_PATTERN];
        create_signaling_channel(new("a\n")) => [NAME_PATTERN];
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("")) => [NAME_LENGTH];
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("a b")) => [NAME_PATTERN];
        describe_media_storage_configuration(DescribeMediaStorageConfiguration::new().channel_name("ä"))
            => [NAME_PATTERN];
        list_signaling_channels(begins(String::new())) => [format!("{VALUE} length").as_str()];
        list_signaling_channels(begins("a".repeat(256))) => [];
        list_signaling_channels(begins("a".repeat(257))) => [format!("{VALUE} length").as_str()];
        list_signaling_channels(begins("*".into())) => [format!("{VALUE} pattern").as_str()];
        list_signaling_channels(ListSignalingChannels::new().channel_name_condition(ChannelNameCondition::new()))
            => [];
        list_signaling_channels(ListSignalingChannels::new().channel_name_condition(
            ChannelNameCondition::new().comparison_operator("ENDS_WITH")))
            => ["channel_name_condition.comparison_operator ChannelNameCondition.ComparisonOperator one_of"];
        create_signaling_channel(new("a").channel_type("FULL_MESH")) => [];
        create_signaling_channel(new("a").channel_type("single_master"))
            => ["channel_type ChannelType one_of"];
    }
}

/// An ARN in each field of each operation that has one: empty, at the longest, longer, and not one.
#[tokio::test]
async fn arns() {
    let stored = || MediaStorageSettings::new("DISABLED");
    let (longest, longer) = (arn_of(1024), arn_of(1025));
    for (arn, expected) in [
        ("", Some("length")),
        (longer.as_str(), Some("length")),
        (longest.as_str(), None),
        ("not-an-arn", Some("pattern")),
        ("arn:gcp:kinesisvideo:us-west-2:1:channel/x/1", Some("pattern")),
        ("arn:aws-us-gov:kinesisvideo:us-gov-west-1:1:channel/x/1", None),
        ("arn:aws:kinesisvideo:us-west-2:1:channel/x/1\n", Some("pattern")),
    ] {
        let told = |name: &str| -> Vec<String> {
            expected.map(|rule| format!("{name} {rule}")).into_iter().collect()
        };
        macro_rules! each {
            ($name:literal: $($operation:ident($request:expr)),*) => {$({
                let found = Box::pin(broken(async |client: Client| client.$operation($request).await)).await;
                assert_eq!(found, told($name), "{} {arn}", stringify!($operation));
            })*};
        }
        each! { "channel_arn ChannelARN":
            describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(arn)),
            update_signaling_channel(UpdateSignalingChannel::new(arn, "v")),
            delete_signaling_channel(DeleteSignalingChannel::new(arn)),
            describe_media_storage_configuration(DescribeMediaStorageConfiguration::new().channel_arn(arn)),
            update_media_storage_configuration(UpdateMediaStorageConfiguration::new(arn, stored())),
            send_alexa_offer_to_master(SendAlexaOfferToMaster::new(arn, "a", "b")),
            get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(arn)),
            get_ice_server_config(GetIceServerConfig::new(arn)),
            ice_servers(IceServers::new(arn))
        }
        each! { "resource_arn ResourceARN":
            tag_resource(TagResource::new(arn, [Tag::new("k", "v")])),
            untag_resource(UntagResource::new(arn, ["k"])),
            list_tags_for_resource(ListTagsForResource::new(arn))
        }
        each! { "channel_arn channelArn":
            join_storage_session(JoinStorageSession::new(arn)),
            join_storage_session_as_viewer(JoinStorageSessionAsViewer::new(arn, "v"))
        }
        each! { "stream_arn StreamARN":
            describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().stream_arn(arn))
        }
        each! { "media_storage_configuration.stream_arn MediaStorageConfiguration.StreamARN":
            update_media_storage_configuration(
                UpdateMediaStorageConfiguration::new(ARN, stored().stream_arn(arn)))
        }
    }
}

#[tokio::test]
async fn the_name_or_the_arn() {
    let channel = "channel_name ChannelName one_of";
    let stream = "stream_name StreamName one_of";
    rules! {
        describe_signaling_channel(DescribeSignalingChannel::new()) => [channel];
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("a").channel_arn(ARN)) => [];
        describe_media_storage_configuration(DescribeMediaStorageConfiguration::new()) => [channel];
        describe_media_storage_configuration(DescribeMediaStorageConfiguration::new().channel_arn(ARN)) => [];
        describe_media_storage_configuration(DescribeMediaStorageConfiguration::new().channel_name("a")) => [];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new()) => [stream];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().max_results(1))
            => [stream];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().stream_arn(STREAM))
            => [];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().stream_name("a"))
            => [];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().stream_name(""))
            => ["stream_name StreamName length"];
        describe_mapped_resource_configuration(DescribeMappedResourceConfiguration::new().stream_name("a b"))
            => ["stream_name StreamName pattern"];
    }
}

#[tokio::test]
async fn numbers_versions_and_tokens() {
    let ttl = |seconds| SingleMasterConfiguration::new().message_ttl_seconds(seconds);
    let create = |seconds| CreateSignalingChannel::new("a").single_master_configuration(ttl(seconds));
    let update = |seconds| UpdateSignalingChannel::new(ARN, "v").single_master_configuration(ttl(seconds));
    let list = ListSignalingChannels::new;
    let mapped = || DescribeMappedResourceConfiguration::new().stream_name("s");
    let version = |text: &str| UpdateSignalingChannel::new(ARN, text);
    let long = "a".repeat(65);
    const TTL: &str = "single_master_configuration.message_ttl_seconds \
                       SingleMasterConfiguration.MessageTtlSeconds range";
    rules! {
        create_signaling_channel(create(4)) => [TTL];
        create_signaling_channel(create(5)) => [];
        create_signaling_channel(create(120)) => [];
        create_signaling_channel(create(121)) => [TTL];
        update_signaling_channel(update(4)) => [TTL];
        update_signaling_channel(update(5)) => [];
        update_signaling_channel(update(120)) => [];
        update_signaling_channel(update(121)) => [TTL];
        list_signaling_channels(list().max_results(0)) => ["max_results MaxResults range"];
        list_signaling_channels(list().max_results(1)) => [];
        list_signaling_channels(list().max_results(10_000)) => [];
        list_signaling_channels(list().max_results(10_001)) => ["max_results MaxResults range"];
        describe_mapped_resource_configuration(mapped().max_results(0)) => ["max_results MaxResults range"];
        describe_mapped_resource_configuration(mapped().max_results(1)) => [];
        describe_mapped_resource_configuration(mapped().max_results(2)) => ["max_results MaxResults range"];
        update_signaling_channel(version("")) => ["current_version CurrentVersion length"];
        update_signaling_channel(version(&long[..64])) => [];
        update_signaling_channel(version(&long)) => ["current_version CurrentVersion length"];
        update_signaling_channel(version("v-1")) => ["current_version CurrentVersion pattern"];
        delete_signaling_channel(DeleteSignalingChannel::new(ARN).current_version(""))
            => ["current_version CurrentVersion length"];
        delete_signaling_channel(DeleteSignalingChannel::new(ARN).current_version("é"))
            => ["current_version CurrentVersion pattern"];
        list_signaling_channels(list().next_token("")) => [];
        list_signaling_channels(list().next_token("=".repeat(1024))) => [];
        list_signaling_channels(list().next_token("=".repeat(1025))) => ["next_token NextToken length"];
        list_signaling_channels(list().next_token("a-b")) => ["next_token NextToken pattern"];
        list_tags_for_resource(ListTagsForResource::new(ARN).next_token("a b"))
            => ["next_token NextToken pattern"];
        list_tags_for_resource(ListTagsForResource::new(ARN).next_token("a".repeat(1025)))
            => ["next_token NextToken length"];
        describe_mapped_resource_configuration(mapped().next_token("ä")) => ["next_token NextToken pattern"];
    }
}

#[tokio::test]
async fn tags() {
    let some = |count: usize| (0..count).map(|n| Tag::new(format!("k{n}"), "v")).collect::<Vec<_>>();
    let one = |key: &str, value: &str| TagResource::new(ARN, [Tag::new(key, value)]);
    let create = |tags: Vec<Tag>| CreateSignalingChannel::new("a").tags(tags);
    let keys = |count: usize| UntagResource::new(ARN, vec!["k"; count]);
    rules! {
        tag_resource(TagResource::new(ARN, some(0))) => ["tags Tags length"];
        tag_resource(TagResource::new(ARN, some(1))) => [];
        tag_resource(TagResource::new(ARN, some(50))) => [];
        tag_resource(TagResource::new(ARN, some(51))) => ["tags Tags length"];
        create_signaling_channel(create(some(0))) => [];
        create_signaling_channel(create(some(50))) => [];
        create_signaling_channel(create(some(51))) => ["tags Tags length"];
        tag_resource(one("", "v")) => ["tags.0.key Tags.0.Key length"];
        tag_resource(one("k", "")) => [];
        tag_resource(one(&"é".repeat(128), &"é".repeat(256))) => [];
        tag_resource(one(&"é".repeat(129), &"é".repeat(257)))
            => ["tags.0.key Tags.0.Key length", "tags.0.value Tags.0.Value length"];
        // Letters, digits and separators of any script.
        tag_resource(one("Größe 東京\u{a0}\u{3000}٣_.:/=+-@", "")) => [];
        tag_resource(one("k#", "v\n")) => ["tags.0.key Tags.0.Key pattern", "tags.0.value Tags.0.Value pattern"];
        tag_resource(one("k\0", "v\t")) => ["tags.0.key Tags.0.Key pattern", "tags.0.value Tags.0.Value pattern"];
        create_signaling_channel(create(vec![Tag::new("a", "v"), Tag::new("b", ";")]))
            => ["tags.1.value Tags.1.Value pattern"];
        untag_resource(keys(0)) => ["tag_key_list TagKeyList length"];
        untag_resource(keys(50)) => [];
        untag_resource(keys(51)) => ["tag_key_list TagKeyList length"];
        untag_resource(UntagResource::new(ARN, ["a", "b;"])) => ["tag_key_list.1 TagKeyList.1 pattern"];
        untag_resource(UntagResource::new(ARN, ["é".repeat(128)])) => [];
        untag_resource(UntagResource::new(ARN, ["é".repeat(129), "k".into(), String::new()]))
            => ["tag_key_list.0 TagKeyList.0 length", "tag_key_list.2 TagKeyList.2 length"];
    }
}

#[tokio::test]
async fn storage_and_alexa() {
    let join = |id: &str| JoinStorageSessionAsViewer::new(ARN, id);
    let offer = |sender: &str, payload: &str| SendAlexaOfferToMaster::new(ARN, sender, payload);
    let (id, payload) = ("i".repeat(257), "Ab+/9=".repeat(1667));
    let (sender_length, sender_pattern) =
        ("sender_client_id SenderClientId length", "sender_client_id SenderClientId pattern");
    rules! {
        update_media_storage_configuration(
            UpdateMediaStorageConfiguration::new(ARN, MediaStorageSettings::new("enabled")))
            => ["media_storage_configuration.status MediaStorageConfiguration.Status one_of"];
        join_storage_session_as_viewer(join("")) => ["client_id clientId length"];
        join_storage_session_as_viewer(join(&id[..256])) => [];
        join_storage_session_as_viewer(join(&id)) => ["client_id clientId length"];
        join_storage_session_as_viewer(join("a b")) => ["client_id clientId pattern"];
        send_alexa_offer_to_master(offer("", "b")) => [sender_length];
        send_alexa_offer_to_master(offer(&id[..256], "b")) => [];
        send_alexa_offer_to_master(offer(&id, "b")) => [sender_length];
        send_alexa_offer_to_master(offer("a:b", "b")) => [sender_pattern];
        send_alexa_offer_to_master(offer("a", "")) => ["message_payload MessagePayload length"];
        send_alexa_offer_to_master(offer("a", &payload[..10_000])) => [];
        send_alexa_offer_to_master(offer("a", &payload[..10_001])) => ["message_payload MessagePayload length"];
        send_alexa_offer_to_master(offer("a", "a-b_")) => ["message_payload MessagePayload pattern"];
        send_alexa_offer_to_master(offer("a", "YQ==\n")) => ["message_payload MessagePayload pattern"];
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let settings = SingleMasterConfiguration::new().message_ttl_seconds(0);
    let create = CreateSignalingChannel::new("a b")
        .channel_type("MESH")
        .single_master_configuration(settings.clone())
        .tags([Tag::new("", ";"), Tag::new("ok", "ok"), Tag::new("#", "")]);
    let list = ListSignalingChannels::new()
        .max_results(0)
        .next_token("-")
        .channel_name_condition(ChannelNameCondition::new().comparison_operator("IS").comparison_value(""));
    let mapped = DescribeMappedResourceConfiguration::new().max_results(9).next_token("-");
    rules! {
        create_signaling_channel(create) => [
            NAME_PATTERN, "channel_type ChannelType one_of",
            "single_master_configuration.message_ttl_seconds SingleMasterConfiguration.MessageTtlSeconds range",
            "tags.0.key Tags.0.Key length", "tags.0.value Tags.0.Value pattern", "tags.2.key Tags.2.Key pattern"
        ];
        describe_signaling_channel(DescribeSignalingChannel::new().channel_name("").channel_arn("x"))
            => [NAME_LENGTH, ARN_PATTERN];
        list_signaling_channels(list) => [
            "max_results MaxResults range", "next_token NextToken pattern",
            "channel_name_condition.comparison_operator ChannelNameCondition.ComparisonOperator one_of",
            "channel_name_condition.comparison_value ChannelNameCondition.ComparisonValue length"
        ];
        update_signaling_channel(UpdateSignalingChannel::new("", "").single_master_configuration(settings)) => [
            ARN_LENGTH, "current_version CurrentVersion length",
            "single_master_configuration.message_ttl_seconds SingleMasterConfiguration.MessageTtlSeconds range"
        ];
        untag_resource(UntagResource::new("", Vec::<String>::new()))
            => ["resource_arn ResourceARN length", "tag_key_list TagKeyList length"];
        update_media_storage_configuration(
            UpdateMediaStorageConfiguration::new("x", MediaStorageSettings::new("ON").stream_arn(""))) => [
            ARN_PATTERN, "media_storage_configuration.status MediaStorageConfiguration.Status one_of",
            "media_storage_configuration.stream_arn MediaStorageConfiguration.StreamARN length"
        ];
        describe_mapped_resource_configuration(mapped) => [
            "max_results MaxResults range", "next_token NextToken pattern", "stream_name StreamName one_of"
        ];
        send_alexa_offer_to_master(SendAlexaOfferToMaster::new("", " ", "?")) => [
            ARN_LENGTH, "sender_client_id SenderClientId pattern", "message_payload MessagePayload pattern"
        ];
        join_storage_session_as_viewer(JoinStorageSessionAsViewer::new("", ""))
            => ["channel_arn channelArn length", "client_id clientId length"];
        get_ice_server_config(GetIceServerConfig::new("x").client_id("").service("STUN").username("a:b")) => [
            ARN_PATTERN, "client_id ClientId length", "service Service one_of", "username Username pattern"
        ];
    }
}
