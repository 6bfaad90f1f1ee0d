//! One channel: what finds its way by itself, waits, and keeps to the documented rate.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use std::time::Duration;

use kvs_signaling::rtc_core::http::Request;
use kvs_signaling::rtc_core::testing::{ManualClock, ScriptedTransport};
use kvs_signaling::rtc_core::{Bytes, MemoryStore, RetryPolicy, SharedClock, SharedStore};
use kvs_signaling::*;
use rest::{ARN, STREAM, at, builder, now, refusal, scripted, still};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn endpoint(protocol: &str, url: &str) -> String {
    json!({ "ResourceEndpointList": [{ "Protocol": protocol, "ResourceEndpoint": url }] }).to_string()
}

fn seen(status: &str) -> String {
    json!({ "ChannelInfo": { "ChannelStatus": status, "Version": "v" } }).to_string()
}

async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn looks_once_a_second_until_the_channel_is_active() {
    let clock = ManualClock::jumping(now());
    let transport = ScriptedTransport::new()
        .json(200, seen("CREATING"))
        .json(200, seen("UPDATING"))
        .json(200, seen("WARMING_UP"))
        .json(200, "{\"ChannelInfo\":{}}")
        .json(200, seen("ACTIVE"));
    let client = builder(&transport).clock(clock.clone()).build().unwrap();
    let info = client.channel(ARN).wait_until_active(Duration::from_secs(30)).await.unwrap();
    assert_eq!((info.channel_status, info.version.as_deref()), (Some(ChannelStatus::Active), Some("v")));
    assert_eq!((transport.requests().len(), clock.passed()), (5, 4 * SECOND));
    assert!(transport.requests().iter().all(|r| body(r) == json!({ "ChannelARN": ARN })));
}

#[tokio::test]
async fn looks_once_a_second_until_the_channel_is_gone() {
    let clock = ManualClock::jumping(now());
    let gone = refusal(404, "ResourceNotFoundException");
    let transport =
        ScriptedTransport::new().json(200, seen("ACTIVE")).json(200, seen("DELETING")).answer(gone);
    let client = builder(&transport).clock(clock.clone()).build().unwrap();
    client.channel(ARN).wait_until_deleted(Duration::from_secs(30)).await.unwrap();
    assert_eq!((transport.requests().len(), clock.passed()), (3, 2 * SECOND));
}

#[tokio::test]
async fn waits_end() {
    for deleted in [false, true] {
        let clock = ManualClock::jumping(now());
        let status = if deleted { "DELETING" } else { "CREATING" };
        let transport = (0..20).fold(ScriptedTransport::new(), |script, _| script.json(200, seen(status)));
        let client = builder(&transport).clock(clock.clone()).build().unwrap();
        let channel = client.channel(ARN);
        let limit = Duration::from_millis(4500);
        let error = if deleted {
            channel.wait_until_deleted(limit).await.unwrap_err()
        } else {
            channel.wait_until_active(limit).await.unwrap_err()
        };
        assert_eq!((error.kind(), clock.passed()), (ErrorKind::Timeout, limit));
        assert!(error.to_string().contains("4.5s"), "{error}");
        assert_eq!(transport.requests().len(), 5);
    }
}

#[tokio::test]
async fn what_fails_while_it_is_waited_for_passes() {
    let answers = |status, name: &str| {
        let script = ScriptedTransport::new().json(200, seen("CREATING"));
        (0..3).fold(script, |script, _| script.answer(refusal(status, name)))
    };
    let limit = Duration::from_secs(60);
    for (status, name, kind) in [
        (401, "AccessDeniedException", ErrorKind::PermissionDenied),
        (403, "ExpiredTokenException", ErrorKind::Unauthenticated),
        (500, "InternalFailure", ErrorKind::Unavailable),
        (400, "ClientLimitExceededException", ErrorKind::RateLimited),
    ] {
        let client = scripted(&answers(status, name));
        assert_eq!(client.channel(ARN).wait_until_active(limit).await.unwrap_err().kind(), kind);
        let client = scripted(&answers(status, name));
        assert_eq!(client.channel(ARN).wait_until_deleted(limit).await.unwrap_err().kind(), kind);
    }
    // No such channel: one of the two has what it waited for.
    let client = scripted(&answers(404, "ResourceNotFoundException"));
    assert_eq!(client.channel(ARN).wait_until_active(limit).await.unwrap_err().kind(), ErrorKind::NotFound);
    let transport = ScriptedTransport::new();
    let channel = scripted(&transport).channel("no-arn");
    assert_eq!(channel.wait_until_active(limit).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(channel.wait_until_deleted(limit).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(channel.ice_servers(Peer::Master).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(channel.join_storage_session().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(transport.requests().is_empty());
    let bad = scripted(&transport).channel(ARN).join_storage_session_as_viewer("a b").await.unwrap_err();
    assert_eq!(bad.violations().unwrap().first().unwrap().field, "client_id");
    assert!(transport.requests().is_empty(), "not even for the endpoint");
}

/// Moves the time of both sides until the task is done.
async fn pass<T>(task: tokio::task::JoinHandle<T>, emulator: &Emulator, clock: &ManualClock) -> T {
    while !task.is_finished() {
        settle().await;
        emulator.clock().advance(Duration::from_millis(100));
        clock.advance(Duration::from_millis(100));
    }
    task.await.unwrap()
}

#[tokio::test]
async fn waits_over_the_emulated_service() {
    let (emulator, client, clock) = still().await;
    emulator.kvs().quirks(json!({ "transition_ms": 3000 })).unwrap();
    let created = client.create_signaling_channel(CreateSignalingChannel::new("new")).await.unwrap();
    let channel = client.channel(created.channel_arn);
    // Before it is active nothing is found there.
    let error = channel.ice_servers("viewer-1").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code().as_deref()),
        (ErrorKind::Conflict, Some("ResourceInUseException"))
    );
    let waiting = channel.clone();
    let task = tokio::spawn(async move { waiting.wait_until_active(Duration::from_secs(60)).await });
    let info = pass(task, &emulator, &clock).await.unwrap();
    assert_eq!(info.channel_name.as_deref(), Some("new"));
    assert!(clock.passed() >= 3 * SECOND, "{:?}", clock.passed());
    let delete = DeleteSignalingChannel::new(channel.arn()).current_version(info.version.unwrap());
    client.delete_signaling_channel(delete).await.unwrap();
    let (waiting, begun) = (channel.clone(), clock.passed());
    let task = tokio::spawn(async move { waiting.wait_until_deleted(Duration::from_secs(60)).await });
    pass(task, &emulator, &clock).await.unwrap();
    assert!(clock.passed() - begun >= 3 * SECOND);
    assert_eq!(channel.wait_until_active(SECOND).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn ice_servers_as_whom() {
    let servers = r#"{"IceServerList":[{"Uris":["turn:x"],"Username":"u","Password":"p","Ttl":300}]}"#;
    let own = "https://r-1.kinesisvideo.us-west-2.amazonaws.com";
    for (peer, role, client_id) in [
        (Peer::Master, "MASTER", Value::Null),
        (Peer::from("viewer-1"), "VIEWER", json!("viewer-1")),
        (Peer::from("viewer-2".to_owned()), "VIEWER", json!("viewer-2")),
    ] {
        let transport = ScriptedTransport::new().json(200, endpoint("HTTPS", own)).json(200, servers);
        let channel = scripted(&transport).channel(ARN);
        for _ in 0..2 {
            assert_eq!(channel.ice_servers(peer.clone()).await.unwrap().len(), 2);
        }
        let requests = transport.requests();
        assert_eq!(requests.len(), 2, "the second is from the cache");
        let wanted = &body(&requests[0])["SingleMasterChannelEndpointConfiguration"];
        assert_eq!(*wanted, json!({ "Protocols": ["HTTPS", "WSS"], "Role": role }));
        assert_eq!(requests[1].uri().to_string(), format!("{own}/v1/get-ice-server-config"));
        assert_eq!(
            (&body(&requests[1])["ClientId"], &body(&requests[1])["ChannelARN"]),
            (&client_id, &json!(ARN))
        );
    }
}

/// Joins as the master or as a viewer.
async fn join(client: &Client, as_viewer: bool) -> Result<()> {
    let channel = client.channel(ARN);
    match as_viewer {
        true => channel.join_storage_session_as_viewer("viewer-1").await,
        false => channel.join_storage_session().await,
    }
}

#[tokio::test]
async fn a_storage_session_is_found() {
    let own = "https://w-1.kinesisvideo.us-west-2.amazonaws.com";
    for (as_viewer, role, path) in
        [(false, "MASTER", "joinStorageSession"), (true, "VIEWER", "joinStorageSessionAsViewer")]
    {
        let transport =
            ScriptedTransport::new().json(200, endpoint("WEBRTC", own)).json(200, "").json(200, "");
        let client = scripted(&transport);
        join(&client, as_viewer).await.unwrap();
        join(&client, as_viewer).await.unwrap();
        let requests = transport.requests();
        assert_eq!(requests.len(), 3, "the place is remembered");
        let wanted = &body(&requests[0])["SingleMasterChannelEndpointConfiguration"];
        assert_eq!(*wanted, json!({ "Protocols": ["WEBRTC"], "Role": role }));
        for request in &requests[1..] {
            assert_eq!(request.uri().to_string(), format!("{own}/{path}"));
        }
        // Given, it is not looked for.
        let transport = ScriptedTransport::new().json(200, "");
        let given = builder(&transport).storage_endpoint("https://vpce.example").build().unwrap();
        join(&given, as_viewer).await.unwrap();
        assert_eq!(transport.requests()[0].uri().to_string(), format!("https://vpce.example/{path}"));
    }
}

#[tokio::test]
async fn no_credentials_go_to_a_storage_session_elsewhere() {
    for url in [
        "https://w-1.kinesisvideo.us-east-1.amazonaws.com",
        "https://kinesisvideo.us-west-2.amazonaws.com.evil.example",
        "http://w-1.kinesisvideo.us-west-2.amazonaws.com",
        "https://169.254.169.254",
        "wss://w-1.kinesisvideo.us-west-2.amazonaws.com",
    ] {
        for as_viewer in [false, true] {
            let transport = ScriptedTransport::new().json(200, endpoint("WEBRTC", url)).json(200, "");
            // An endpoint of the data plane does not make others trusted.
            let client = builder(&transport).signaling_endpoint("https://vpce.example").build().unwrap();
            let error = join(&client, as_viewer).await.unwrap_err();
            assert_eq!(transport.requests().len(), 1, "{url}");
            // What the service said is wrong, not what the caller gave.
            assert_eq!((error.kind(), error.violations()), (ErrorKind::Protocol, None), "{error}");
        }
    }
    let transport = ScriptedTransport::new().json(200, endpoint("HTTPS", "https://x"));
    let error = join(&scripted(&transport), false).await.unwrap_err();
    assert!(matches!(error.service(), Some(KvsError::NoEndpoint { protocol: "WEBRTC", .. })), "{error:?}");
    assert_eq!(error.to_string().matches("WEBRTC").count(), 1);
}

/// A presigned URL is a credential, too: none is made for a place elsewhere.
#[tokio::test]
async fn no_url_is_signed_for_a_socket_elsewhere() {
    let own = "wss://v-1.kinesisvideo.us-west-2.amazonaws.com";
    for (url, good) in [
        (own, true),
        ("wss://v-1.kinesisvideo.us-east-1.amazonaws.com", false),
        ("wss://kinesisvideo.us-west-2.amazonaws.com.evil.example", false),
        ("ws://v-1.kinesisvideo.us-west-2.amazonaws.com", false),
        ("https://v-1.kinesisvideo.us-west-2.amazonaws.com", false),
        ("ws://127.0.0.1:1", false),
    ] {
        let transport =
            ScriptedTransport::new().json(200, endpoint("WSS", url)).json(200, endpoint("WSS", url));
        let client = scripted(&transport);
        let master = client.presign_connect_as_master(PresignConnectAsMaster::new(ARN)).await;
        let viewer = client.presign_connect_as_viewer(PresignConnectAsViewer::new(ARN, "v")).await;
        let role = |n: usize| {
            let configuration = &body(&transport.requests()[n])["SingleMasterChannelEndpointConfiguration"];
            configuration["Role"].clone()
        };
        assert_eq!((role(0), role(1)), (json!("MASTER"), json!("VIEWER")), "each has a socket of its own");
        for signed in [master, viewer] {
            match signed {
                Ok(signed) => assert!(good && signed.url.unwrap().expose().starts_with(own), "{url}"),
                Err(error) => assert_eq!((good, error.kind()), (false, ErrorKind::Protocol), "{url}"),
            }
        }
    }
}

#[tokio::test]
async fn a_storage_session_that_moved_is_found_again() {
    let own = endpoint("WEBRTC", "https://w-1.kinesisvideo.us-west-2.amazonaws.com");
    for (status, name, again) in [
        (404, "ResourceNotFoundException", true),
        (400, "ClientLimitExceededException", false),
        (403, "AccessDeniedException", false),
    ] {
        for as_viewer in [false, true] {
            let transport = ScriptedTransport::new().json(200, own.clone()).answer(refusal(status, name));
            let transport = if again { transport.json(200, own.clone()) } else { transport }.json(200, "");
            let client = builder(&transport).retry(RetryPolicy::none()).build().unwrap();
            join(&client, as_viewer).await.unwrap_err();
            join(&client, as_viewer).await.unwrap();
            assert_eq!(transport.requests().len(), 3 + usize::from(again), "{name}");
        }
    }
}

/// A channel that stores nothing refuses the question for that endpoint: the others are not asked for along with it.
#[tokio::test]
async fn storage_and_signaling_are_found_apart() {
    let emulator = Emulator::builder().quotas(false).start().await.unwrap();
    let client = at(&emulator).retry(RetryPolicy::none()).build().unwrap();
    let arn = emulator.kvs().channel_arn();
    let channel = client.channel(arn);
    channel.ice_servers(Peer::Master).await.unwrap();
    let error = channel.join_storage_session().await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("InvalidArgumentException"));
    let stored = MediaStorageSettings::new(MediaStorageStatus::Enabled).stream_arn(STREAM);
    let request = UpdateMediaStorageConfiguration::new(arn, stored);
    client.update_media_storage_configuration(request).await.unwrap();
    channel.join_storage_session().await.unwrap();
    channel.join_storage_session_as_viewer("viewer-1").await.unwrap();
    // One for signaling, one refused, one for each role of the storage session.
    assert_eq!(emulator.requests("get_signaling_channel_endpoint").len(), 4);
    client.forget_endpoints(arn);
    channel.join_storage_session().await.unwrap();
    assert_eq!(emulator.requests("get_signaling_channel_endpoint").len(), 5);
    client.forget_endpoints("another");
    channel.join_storage_session().await.unwrap();
    assert_eq!(emulator.requests("get_signaling_channel_endpoint").len(), 5);
}

/// Has `count` viewers of a channel ask at once, each for itself.
fn viewers(client: &Client, arn: &str, count: usize) -> JoinSet<Result<()>> {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let channel = client.channel(arn);
        calls.spawn(async move { channel.ice_servers(format!("viewer-{number}")).await.map(drop) });
    }
    calls
}

async fn done(calls: &mut JoinSet<Result<()>>, count: usize) {
    for _ in 0..count {
        calls.join_next().await.unwrap().unwrap().unwrap();
    }
}

fn asked(emulator: &Emulator) -> usize {
    let requests = emulator.requests("get_ice_server_config");
    // One that is under way has no status yet.
    assert!(requests.iter().all(|r| r.status.is_none_or(|status| status == 200)), "throttled: {requests:?}");
    requests.len()
}

/// The quota of a channel is kept, not hit: five at once, and five in each second that follows.
#[tokio::test]
async fn viewers_of_one_channel_are_paced() {
    let (emulator, client, clock) = still().await;
    let other = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/other/1700000000001";
    emulator.seed(json!({ "kvs-signaling": { "channels": [{ "channel_arn": other }] } })).unwrap();
    let mut calls = viewers(&client, emulator.kvs().channel_arn(), 12);
    done(&mut calls, 5).await;
    settle().await;
    assert_eq!(asked(&emulator), 5);
    // Who asks about another channel does not wait behind them.
    done(&mut viewers(&client, other, 5), 5).await;
    assert_eq!(asked(&emulator), 10);
    let step = Duration::from_millis(50);
    let mut early = 0;
    while early < 20 {
        emulator.clock().advance(step);
        clock.advance(step);
        settle().await;
        early += 1;
    }
    assert_eq!(asked(&emulator), 10, "not within the second, wherever it begins");
    for (more, total) in [(5, 15), (2, 17)] {
        emulator.clock().advance(2 * step);
        clock.advance(2 * step);
        done(&mut calls, more).await;
        settle().await;
        assert_eq!(asked(&emulator), total);
        emulator.clock().advance(SECOND);
        clock.advance(SECOND);
    }
    assert!(calls.is_empty());
    // What is in the cache waits for nothing.
    done(&mut viewers(&client, emulator.kvs().channel_arn(), 12), 12).await;
    assert_eq!(asked(&emulator), 17);
}

/// Clients that share a store share the rate, as processes do.
#[tokio::test]
async fn the_rate_is_that_of_the_store() {
    let (emulator, _, clock) = still().await;
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let client = || at(&emulator).clock(clock.clone()).store(store.clone()).build().unwrap();
    let (arn, mut calls) = (emulator.kvs().channel_arn(), JoinSet::new());
    for _ in 0..12 {
        let channel = client().channel(arn);
        calls.spawn(async move { channel.ice_servers("viewer-1").await.map(drop) });
    }
    while !calls.is_empty() {
        settle().await;
        while let Some(outcome) = calls.try_join_next() {
            outcome.unwrap().unwrap();
        }
        asked(&emulator);
        emulator.clock().advance(Duration::from_millis(100));
        clock.advance(Duration::from_millis(100));
    }
    assert_eq!(asked(&emulator), 12);
}

/// Waiting for a turn is part of the call, and ends with its time.
#[tokio::test]
async fn nobody_waits_for_ever() {
    let (emulator, _, clock) = still().await;
    let client = at(&emulator).clock(clock.clone()).timeout(SECOND).build().unwrap();
    let mut calls = viewers(&client, emulator.kvs().channel_arn(), 6);
    done(&mut calls, 5).await;
    settle().await;
    clock.advance(SECOND);
    let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!((error.kind(), asked(&emulator)), (ErrorKind::Timeout, 5));
}
