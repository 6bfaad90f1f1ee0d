//! What each refusal means for each operation, and what is sent again after it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use std::collections::BTreeSet;

use kvs_signaling::rtc_core::http::Response;
use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::rtc_core::{RetryPolicy, TransportError, TransportErrorKind};
use kvs_signaling::*;
use rest::{ARN, builder, refusal, scripted};
use serde_json::json;

const FIVE: usize = 5;

/// A client whose calls all come to this.
fn always(what: impl Fn(ScriptedTransport) -> ScriptedTransport) -> (Client, ScriptedTransport) {
    let transport = (0..FIVE).fold(ScriptedTransport::new(), |script, _| what(script));
    (scripted(&transport), transport)
}

/// Runs a call of every operation, with what distinguishes them: those that may be replayed, the others, and
/// those about storage sessions, which are tried twice at most.
macro_rules! every {
    ($each:ident) => {{
        let stored = || MediaStorageSettings::new("DISABLED");
        let by_arn = || DescribeMediaStorageConfiguration::new().channel_arn(ARN);
        $each! { once create_signaling_channel(CreateSignalingChannel::new("a")) }
        $each! { again describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(ARN)) }
        $each! { again list_signaling_channels(ListSignalingChannels::new()) }
        $each! { once update_signaling_channel(UpdateSignalingChannel::new(ARN, "v")) }
        $each! { once delete_signaling_channel(DeleteSignalingChannel::new(ARN)) }
        $each! { once tag_resource(TagResource::new(ARN, [Tag::new("k", "v")])) }
        $each! { once untag_resource(UntagResource::new(ARN, ["k"])) }
        $each! { again list_tags_for_resource(ListTagsForResource::new(ARN)) }
        $each! { again describe_media_storage_configuration(by_arn()) }
        $each! { once update_media_storage_configuration(UpdateMediaStorageConfiguration::new(ARN, stored())) }
        $each! { again describe_mapped_resource_configuration(
            DescribeMappedResourceConfiguration::new().stream_name("s")) }
        $each! { once send_alexa_offer_to_master(SendAlexaOfferToMaster::new(ARN, "a", "b")) }
        $each! { twice join_storage_session(JoinStorageSession::new(ARN)) }
        $each! { twice join_storage_session_as_viewer(JoinStorageSessionAsViewer::new(ARN, "v")) }
        $each! { again get_signaling_channel_endpoint(GetSignalingChannelEndpoint::new(ARN)) }
        $each! { again get_ice_server_config(GetIceServerConfig::new(ARN)) }
    }};
}

/// How many attempts of an operation there are at most.
fn most(replay: &str) -> u32 {
    if replay == "twice" { 2 } else { 3 }
}

/// The refusals of an operation that the API model names, with their status.
fn modelled(operation: &str) -> Vec<(u16, &'static str)> {
    let denied = match operation {
        "get_ice_server_config" | "send_alexa_offer_to_master" => (401, "NotAuthorizedException"),
        "join_storage_session" | "join_storage_session_as_viewer" => (403, "AccessDeniedException"),
        _ => (401, "AccessDeniedException"),
    };
    let own: &[&str] = match operation {
        "create_signaling_channel" => &[
            "AccountChannelLimitExceededException",
            "ResourceInUseException",
            "TagsPerResourceExceededLimitException",
        ],
        "delete_signaling_channel" | "update_signaling_channel" => {
            &["VersionMismatchException", "ResourceInUseException"]
        }
        "get_signaling_channel_endpoint" => &["ResourceInUseException"],
        "tag_resource" => &["TagsPerResourceExceededLimitException"],
        "update_media_storage_configuration" => &["ResourceInUseException", "NoDataRetentionException"],
        "get_ice_server_config" => &["InvalidClientException", "SessionExpiredException"],
        _ => &[],
    };
    let all = [
        denied,
        (400, "ClientLimitExceededException"),
        (400, "InvalidArgumentException"),
        (404, "ResourceNotFoundException"),
        (403, "InvalidSignatureException"),
        (403, "ExpiredTokenException"),
    ];
    all.into_iter().chain(own.iter().map(|name| (400, *name))).collect()
}

fn kind(name: &str) -> ErrorKind {
    match name {
        "ClientLimitExceededException" => ErrorKind::RateLimited,
        "InvalidArgumentException" | "InvalidClientException" => ErrorKind::InvalidInput,
        "NotAuthorizedException" | "AccessDeniedException" => ErrorKind::PermissionDenied,
        "ResourceNotFoundException" => ErrorKind::NotFound,
        "SessionExpiredException" => ErrorKind::Closed,
        "InvalidSignatureException" | "ExpiredTokenException" => ErrorKind::Unauthenticated,
        _ => ErrorKind::Conflict,
    }
}

#[tokio::test]
async fn what_each_refusal_means_to_each_operation() {
    let mut seen = BTreeSet::new();
    macro_rules! each {
        ($replay:ident $operation:ident($request:expr)) => {
            for (status, name) in modelled(stringify!($operation)) {
                let (client, transport) = always(|script| script.answer(refusal(status, name)));
                let error = client.$operation($request).await.unwrap_err();
                let case = format!("{} {name}", stringify!($operation));
                let throttled = name == "ClientLimitExceededException";
                let attempts = if throttled { most(stringify!($replay)) } else { 1 };
                assert_eq!((error.kind(), error.is_retryable()), (kind(name), throttled), "{case}");
                assert_eq!(error.attempts(), attempts, "{case}");
                assert_eq!(transport.requests().len(), usize::try_from(attempts).unwrap(), "{case}");
                assert_eq!(error.status().unwrap().as_u16(), status, "{case}");
                assert_eq!(
                    (error.code().as_deref(), error.detail()),
                    (Some(name), Some("no such thing")),
                    "{case}"
                );
                assert_eq!(error.request_id(), Some("req-1"), "{case}");
                let Some(KvsError::Api { operation, exception: Some(exception), .. }) = error.service()
                else {
                    unreachable!("{case}: {error:?}")
                };
                assert!(!matches!(exception, Exception::Other(_)), "{case}");
                assert_eq!(*operation, stringify!($operation));
                let text = error.to_string();
                for part in [stringify!($operation), name, &status.to_string(), "no such thing"] {
                    assert!(text.contains(part), "{case}: {text} lacks {part}");
                }
            }
            seen.insert(stringify!($operation));
        };
    }
    every!(each);
    let generated = include_str!("../src/generated.rs").split("Meta::new(\"").skip(1);
    let all: BTreeSet<_> = generated.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(seen, all);
}

/// What may have been done is done once: only what reads is sent again when the answer was lost.
#[tokio::test]
async fn what_is_sent_again_when_nobody_knows() {
    let lost = || TransportError::new(TransportErrorKind::Interrupted);
    macro_rules! each {
        ($replay:ident $operation:ident($request:expr)) => {
            let (name, replay) = (stringify!($operation), stringify!($replay));
            let expected = if replay == "again" { 3 } else { 1 };
            for (what, kind) in [
                (always(|script| script.json(500, "{}")), ErrorKind::Unavailable),
                (always(|script| script.json(503, "<html>")), ErrorKind::Unavailable),
                (always(|script| script.answer(refusal(500, "InternalFailure"))), ErrorKind::Unavailable),
                (always(|script| script.fail(lost())), ErrorKind::Connection),
            ] {
                let (client, transport) = what;
                let error = client.$operation($request).await.unwrap_err();
                assert_eq!((error.kind(), error.attempts()), (kind, expected), "{name}");
                assert_eq!(error.is_retryable(), replay == "again", "{name} {error}");
                assert_eq!(transport.requests().len(), usize::try_from(expected).unwrap(), "{name}");
            }
            // What never left, and what was refused for the rate, was not done.
            for what in [
                always(|script| script.fail(lost().with_unsent(true))),
                always(|script| script.json(429, "{}")),
                always(|script| script.answer(refusal(400, "ThrottlingException"))),
            ] {
                let (client, transport) = what;
                let error = client.$operation($request).await.unwrap_err();
                assert_eq!((error.attempts(), error.is_retryable()), (most(replay), true), "{name} {error}");
                assert_eq!(transport.requests().len(), usize::try_from(most(replay)).unwrap(), "{name}");
            }
        };
    }
    every!(each);
}

/// More attempts than the policy's own are not made of a storage session, whose throttle can mean too many viewers.
#[tokio::test]
async fn a_storage_session_is_tried_twice_at_most() {
    for (attempts, expected) in [(1, 1), (2, 2), (10, 2)] {
        let transport = (0..10).fold(ScriptedTransport::new(), |script, _| {
            script.answer(refusal(400, "ClientLimitExceededException"))
        });
        let policy = RetryPolicy::default().with_max_attempts(attempts);
        let client = builder(&transport).retry(policy).build().unwrap();
        let error = client.join_storage_session(JoinStorageSession::new(ARN)).await.unwrap_err();
        assert_eq!((error.attempts(), error.kind()), (expected, ErrorKind::RateLimited));
        assert_eq!(transport.requests().len(), usize::try_from(expected).unwrap());
    }
}

#[tokio::test]
async fn throttles_spend_the_budget() {
    let transport = (0..12).fold(ScriptedTransport::new(), |script, _| {
        script.answer(refusal(400, "ClientLimitExceededException"))
    });
    let client = builder(&transport).retry(RetryPolicy::default().with_budget(3)).build().unwrap();
    let mut attempts = Vec::new();
    for _ in 0..4 {
        // The budget is one for all operations of a client and its clones.
        let error = client.clone().list_signaling_channels(ListSignalingChannels::new()).await.unwrap_err();
        attempts.push(error.attempts());
        assert!(error.is_retryable(), "whoever calls may try later");
    }
    assert_eq!(attempts, [3, 2, 1, 1]);
}

#[tokio::test]
async fn a_throttle_passes() {
    let transport = ScriptedTransport::new()
        .answer(refusal(400, "ClientLimitExceededException"))
        .answer(refusal(400, "ClientLimitExceededException"))
        .json(200, json!({ "ChannelARN": ARN }).to_string());
    let reply = scripted(&transport).create_signaling_channel(CreateSignalingChannel::new("a")).reply().await;
    assert_eq!(reply.unwrap().attempts, 3);
    // Each attempt is signed for itself, and says the same.
    let requests = transport.requests();
    assert!(requests.iter().all(|r| r.body() == requests[0].body()));
}

/// The header wins over `__type`, that over `code`, that over the status; `message` over `Message`.
#[tokio::test]
async fn where_the_name_stands() {
    let named = "ResourceInUseException";
    for (header, body, code, kind, detail) in [
        (Some(named), json!({ "__type": "A", "code": "B" }), Some(named), ErrorKind::Conflict, None),
        (
            Some("ResourceInUseException:http://internal.amazon.com/coral/"),
            json!({ "message": "a", "Message": "b" }),
            Some(named),
            ErrorKind::Conflict,
            Some("a"),
        ),
        (
            Some("com.amazonaws.kinesisvideo#ResourceInUseException:http://x/#y"),
            json!({ "Message": "b" }),
            Some(named),
            ErrorKind::Conflict,
            Some("b"),
        ),
        // An empty name is none.
        (Some(""), json!({ "__type": "a.b#ResourceInUseException" }), Some(named), ErrorKind::Conflict, None),
        (None, json!({ "__type": named, "code": "B", "Code": "C" }), Some(named), ErrorKind::Conflict, None),
        (None, json!({ "code": named, "Code": "C" }), Some(named), ErrorKind::Conflict, None),
        (None, json!({ "Code": named }), Some(named), ErrorKind::Conflict, None),
        (None, json!({ "code": 7, "message": {} }), None, ErrorKind::NotFound, None),
        (None, json!({ "__type": "BrandNew" }), Some("BrandNew"), ErrorKind::NotFound, None),
        (None, json!([1]), None, ErrorKind::NotFound, None),
    ] {
        let mut answer = Response::builder().status(404);
        if let Some(name) = header {
            answer = answer.header("X-Amzn-ErrorType", name);
        }
        let transport = ScriptedTransport::new().answer(answer.body(body.to_string()).unwrap());
        let request = DeleteSignalingChannel::new(ARN);
        let error = scripted(&transport).delete_signaling_channel(request).await.unwrap_err();
        assert_eq!((error.code().as_deref(), error.kind()), (code, kind), "{header:?} {body}");
        assert_eq!(error.detail(), detail, "{header:?} {body}");
    }
    // With neither, the status tells.
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (418, ErrorKind::Other),
        (301, ErrorKind::Protocol),
    ] {
        let transport = ScriptedTransport::new().json(status, "<html>no</html>");
        let request = DeleteSignalingChannel::new(ARN);
        let error = scripted(&transport).delete_signaling_channel(request).await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.attempts()), (kind, None, 1), "{status}");
        let Some(KvsError::Api { body, .. }) = error.service() else { unreachable!("{error:?}") };
        assert_eq!(body, "<html>no</html>");
    }
}
