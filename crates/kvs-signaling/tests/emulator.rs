//! Whole flows against the emulator over real sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::{ErrorKind, RetryPolicy};
use kvs_signaling::{
    ChannelEndpointConfiguration, ChannelRole, Client, ClientBuilder, Credentials, GetIceServerConfig,
    GetSignalingChannelEndpoint, IceServers, PresignConnectAsViewer, Protocol,
};
use rtc_emulator::{Action, Emulator, EmulatorClock, Fault};

fn builder(emulator: &Emulator) -> ClientBuilder {
    let kvs = emulator.kvs();
    with(emulator, Credentials::new(kvs.access_key_id(), kvs.secret_access_key()))
}

fn with(emulator: &Emulator, credentials: Credentials) -> ClientBuilder {
    let kvs = emulator.kvs();
    Client::builder(credentials).region(kvs.region()).endpoint(kvs.url()).retry(RetryPolicy::none())
}

async fn emulator() -> (Emulator, &'static str) {
    let emulator = Emulator::start().await.unwrap();
    let arn = emulator.kvs().channel_arn();
    (emulator, arn)
}

#[tokio::test]
async fn from_the_endpoint_to_the_servers() {
    let (emulator, arn) = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let wanted = ChannelEndpointConfiguration::new()
        .protocols([Protocol::Https, Protocol::Wss])
        .role(ChannelRole::Master);
    let request = GetSignalingChannelEndpoint::new(arn).single_master_channel_endpoint_configuration(wanted);
    let reply = client.get_signaling_channel_endpoint(request).reply().await.unwrap();
    assert!(reply.request_id.is_some());
    assert_eq!(
        reply.output.wss().unwrap(),
        format!("{}/kvs-signaling/master", emulator.url().replacen("http", "ws", 1))
    );
    let https = reply.output.https().unwrap();
    let config =
        client.get_ice_server_config(GetIceServerConfig::new(arn)).discovered_endpoint(https).await.unwrap();
    for server in &config.ice_server_list {
        assert_eq!((server.uris.len(), server.ttl), (3, Some(300)));
        let expiry = server.username_expiry_epoch().unwrap();
        let now = rtc_core::unix_seconds(SystemTime::now());
        assert!((now + 290..=now + 300).contains(&expiry));
        assert!(server.password.as_ref().is_some_and(|p| !p.is_empty()));
    }
    assert_eq!(config.ice_server_list.len(), 2);
}

#[tokio::test]
async fn many_viewers_one_request() {
    let (emulator, arn) = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.ice_servers(IceServers::new(arn)).await.unwrap() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().len(), 3);
    }
    assert_eq!(emulator.requests("get_ice_server_config").len(), 1);
    assert_eq!(emulator.requests("get_signaling_channel_endpoint").len(), 1);
}

#[tokio::test]
async fn signatures_are_really_checked() {
    let (emulator, arn) = emulator().await;
    let kvs = emulator.kvs();
    let (id, secret) = (kvs.access_key_id(), kvs.secret_access_key());
    let good = Credentials::new(id, secret).with_session_token("to+ken/==");
    let call = |builder: ClientBuilder| {
        let client = builder.build().unwrap();
        async move { client.get_ice_server_config(GetIceServerConfig::new(arn)).await }
    };
    assert!(call(with(&emulator, good)).await.is_ok());
    for (builder, code) in [
        (with(&emulator, Credentials::new(id, "wrong")), "InvalidSignatureException"),
        (with(&emulator, Credentials::new("AKIDUNKNOWN", secret)), "UnrecognizedClientException"),
        (builder(&emulator).region("eu-west-1"), "InvalidSignatureException"),
    ] {
        let error = call(builder).await.unwrap_err();
        assert_eq!((error.kind(), error.code().as_deref()), (ErrorKind::Unauthenticated, Some(code)));
        assert_eq!(error.status().unwrap().as_u16(), 403);
    }
}

#[tokio::test]
async fn a_wrong_clock_is_repaired_once() {
    let (emulator, arn) = emulator().await;
    // A policy of one attempt would not allow the second one either.
    let client = builder(&emulator).retry(RetryPolicy::default()).build().unwrap();
    emulator.clock().advance(Duration::from_secs(3600));
    for expected in [2, 1] {
        let reply = client.get_ice_server_config(GetIceServerConfig::new(arn)).reply().await.unwrap();
        assert_eq!(reply.attempts, expected);
    }
}

#[tokio::test]
async fn channels_exist_or_not() {
    let (emulator, _) = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let other = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/other/1700000000001";
    let call = || client.get_ice_server_config(GetIceServerConfig::new(other));
    let error = call().await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::NotFound, 404));
    emulator
        .seed(serde_json::json!({ "kvs-signaling": { "channels": [{ "channel_arn": other }] } }))
        .unwrap();
    assert!(call().await.is_ok());
    emulator.reset();
    assert_eq!(call().await.unwrap_err().kind(), ErrorKind::NotFound);
    let storage = ChannelEndpointConfiguration::new().protocols([Protocol::Webrtc]);
    let request = GetSignalingChannelEndpoint::new(emulator.kvs().channel_arn());
    let request = request.single_master_channel_endpoint_configuration(storage);
    let error = client.get_signaling_channel_endpoint(request).await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("InvalidArgumentException"));
}

#[tokio::test]
async fn the_quota_of_a_channel() {
    // Time stands still for the emulator, so that the window of the quota does, too.
    let clock = EmulatorClock::manual(SystemTime::now());
    let emulator = Emulator::builder().clock(clock).start().await.unwrap();
    let client = builder(&emulator).paced(false).build().unwrap();
    let call = || client.get_ice_server_config(GetIceServerConfig::new(emulator.kvs().channel_arn()));
    for _ in 0..5 {
        call().await.unwrap();
    }
    let error = call().await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("ClientLimitExceededException"));
    assert!(error.kind() == ErrorKind::RateLimited && error.is_retryable());
    emulator.clock().advance(Duration::from_secs(1));
    call().await.unwrap();
    emulator.set_quotas(false);
    for _ in 0..10 {
        call().await.unwrap();
    }
}

#[tokio::test]
async fn a_fault_is_survived_by_repeating() {
    let (emulator, arn) = emulator().await;
    let client = builder(&emulator).retry(RetryPolicy::default().with_base(Duration::ZERO)).build().unwrap();
    emulator
        .add_fault(Fault::new(Action::Html { status: 502 }).operation("get_ice_server_config").times(2))
        .unwrap();
    let reply = client.get_ice_server_config(GetIceServerConfig::new(arn)).reply().await.unwrap();
    assert_eq!(reply.attempts, 3);
}

#[tokio::test]
async fn concurrent_presigning_finds_the_endpoint_once() {
    let emulator = Emulator::start().await.unwrap();
    let client = builder(&emulator).build().unwrap();
    let arn = emulator.kvs().channel_arn().to_owned();
    let sign = |id: &str| client.presign_connect_as_viewer(PresignConnectAsViewer::new(arn.as_str(), id));
    let (one, two, three) = tokio::join!(sign("one"), sign("two"), sign("three"));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(emulator.requests("get_signaling_channel_endpoint").len(), 1);
}
