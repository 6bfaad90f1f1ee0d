//! The client of a channel over real sockets, against the emulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may fail a test, too"
)]

use kvs_signaling::rtc_core::{ErrorKind, RetryPolicy};
use kvs_signaling::signaling::{Event, ReconnectReason, Signaling, SignalingEvents};
use kvs_signaling::{Client, Credentials, SendAnswer, SendIceCandidate, SendOffer};
use rtc_emulator::{Action, Emulator, Fault};

fn client(emulator: &Emulator, secret: &str) -> Client {
    let kvs = emulator.kvs();
    let credentials = Credentials::new(kvs.access_key_id(), secret);
    let builder = Client::builder(credentials).region(kvs.region()).endpoint(kvs.url());
    builder.retry(RetryPolicy::none()).build().unwrap()
}

struct Scene {
    emulator: Emulator,
    client: Client,
    master: Signaling,
    to_master: SignalingEvents,
    viewer: Signaling,
    to_viewer: SignalingEvents,
}

impl Scene {
    async fn new() -> Self {
        let emulator = Emulator::start().await.unwrap();
        let client = client(&emulator, emulator.kvs().secret_access_key());
        let channel = client.channel(emulator.kvs().channel_arn());
        let (master, to_master) = channel.connect_as_master().await.unwrap();
        let (viewer, to_viewer) = channel.connect_as_viewer("viewer-1").await.unwrap();
        Self { emulator, client, master, to_master, viewer, to_viewer }
    }
}

/// The next event that is one.
async fn next<T>(events: &mut SignalingEvents, is: impl Fn(Event) -> Option<T>) -> T {
    loop {
        let event = events.next().await.unwrap();
        if let Some(found) = is(event) {
            return found;
        }
    }
}

fn candidate(event: Event) -> Option<String> {
    match event {
        Event::IceCandidate(m) => Some(m.payload.candidate().unwrap().candidate.expose().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn a_session_is_agreed_on_with_a_go_away_in_between() {
    let Scene { emulator, master, mut to_master, viewer, mut to_viewer, .. } = Scene::new().await;
    let (kvs, arn) = (emulator.kvs(), emulator.kvs().channel_arn());
    // Candidates may come before their offer.
    viewer.send_ice_candidate(SendIceCandidate::new("v0")).await.unwrap();
    viewer.send_offer(SendOffer::new("offer")).acknowledged().await.unwrap();
    let offer = next(&mut to_master, |event| match event {
        Event::SdpOffer(offer) => Some(offer),
        Event::IceCandidate(_) => panic!("too early"),
        _ => None,
    });
    let from = offer.await.sender_client_id.unwrap();
    assert_eq!((from.as_str(), next(&mut to_master, candidate).await.as_str()), ("viewer-1", "v0"));
    assert!(kvs.go_away(arn, None));
    for events in [&mut to_master, &mut to_viewer] {
        next(events, |event| {
            matches!(event, Event::Reconnecting { reason: ReconnectReason::GoAway }).then_some(())
        })
        .await;
        next(events, |event| matches!(event, Event::Connected).then_some(())).await;
    }
    master.send_answer(SendAnswer::new("answer").recipient_client_id(&from)).await.unwrap();
    let answer = |event| if let Event::SdpAnswer(answer) = event { Some(answer) } else { None };
    assert_eq!(next(&mut to_viewer, answer).await.sender_client_id, None);
    for number in 1..=20 {
        viewer.send_ice_candidate(SendIceCandidate::new(format!("v{number}"))).await.unwrap();
        let request = SendIceCandidate::new(format!("m{number}")).recipient_client_id(&from);
        master.send_ice_candidate(request).await.unwrap();
    }
    for number in 1..=20 {
        assert_eq!(next(&mut to_master, candidate).await, format!("v{number}"));
        assert_eq!(next(&mut to_viewer, candidate).await, format!("m{number}"));
    }
    for signaling in [master, viewer] {
        signaling.close().await;
        assert_eq!((signaling.pending(), signaling.buffered()), (0, 0));
    }
}

#[tokio::test]
async fn a_dropped_connection_comes_back() {
    let Scene { emulator, master, mut to_master, viewer, mut to_viewer, .. } = Scene::new().await;
    let (kvs, arn) = (emulator.kvs(), emulator.kvs().channel_arn());
    next(&mut to_viewer, |event| matches!(event, Event::Connected).then_some(())).await;
    assert!(kvs.drop_connections(arn, Some("viewer-1")));
    next(&mut to_viewer, |event| matches!(event, Event::Connected).then_some(())).await;
    viewer.send_offer(SendOffer::new("v=0")).await.unwrap();
    next(&mut to_master, |event| matches!(event, Event::SdpOffer(_)).then_some(())).await;
    drop(master);
    assert!(to_master.next().await.is_none());
}

#[tokio::test]
async fn the_service_s_refusal_reaches_the_sender() {
    let Scene { emulator, master, .. } = Scene::new().await;
    let (kvs, arn) = (emulator.kvs(), emulator.kvs().channel_arn());
    let request = SendOffer::new("v=0").recipient_client_id("viewer-1");
    master.send_offer(request.clone()).acknowledged().await.unwrap();
    // What this client sends the service takes, so the refusal is put into its mouth.
    let sending = tokio::spawn(master.send_offer(request.correlation_id("mine")).acknowledged());
    let refusal = r#"{"messageType":"STATUS_RESPONSE","statusResponse":{"correlationId":"mine","statusCode":"400",
        "errorType":"ClientLimitExceededException","description":"Rate exceeded.","success":false}}"#;
    while !sending.is_finished() {
        assert!(kvs.send_text(arn, None, refusal));
        tokio::task::yield_now().await;
    }
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::RateLimited, Some("Rate exceeded.")));
}

#[tokio::test]
async fn handshakes_are_refused_with_a_type() {
    let emulator = Emulator::start().await.unwrap();
    let (kvs, arn) = (emulator.kvs(), emulator.kvs().channel_arn());
    let endpoint = format!("{}/kvs-signaling/viewer", kvs.url().replacen("http", "ws", 1));
    let as_viewer = |client: Client, arn: &str| {
        let request = kvs_signaling::ConnectAsViewer::new(arn, "viewer-1").endpoint(endpoint.as_str());
        async move { client.connect_as_viewer(request).await.map(drop).unwrap_err() }
    };
    let error = as_viewer(client(&emulator, "wrong"), arn).await;
    assert!(matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unauthenticated), "{error}");
    let good = || client(&emulator, kvs.secret_access_key());
    let nobody = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/nobody/1700000000000";
    assert_eq!(as_viewer(good(), nobody).await.kind(), ErrorKind::NotFound);
    emulator
        .add_fault(Fault::new(Action::Status {
            status: 503,
            headers: Default::default(),
            body: Default::default(),
        }))
        .unwrap();
    assert_eq!(as_viewer(good(), arn).await.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_wrong_clock_is_repaired_at_an_endpoint_that_is_given() {
    let emulator = Emulator::start().await.unwrap();
    let kvs = emulator.kvs();
    let endpoint = format!("{}/kvs-signaling/viewer", kvs.url().replacen("http", "ws", 1));
    let client = client(&emulator, kvs.secret_access_key());
    emulator.clock().advance(std::time::Duration::from_secs(3600));
    let request = kvs_signaling::ConnectAsViewer::new(kvs.channel_arn(), "viewer-1").endpoint(endpoint);
    let (viewer, _events) = client.connect_as_viewer(request).await.unwrap();
    viewer.close().await;
}

#[tokio::test]
async fn a_newer_viewer_takes_the_place() {
    let Scene { client, emulator, mut to_viewer, viewer, .. } = Scene::new().await;
    let channel = client.channel(emulator.kvs().channel_arn());
    let (_newer, _events) = channel.connect_as_viewer("viewer-1").await.unwrap();
    let reason = next(&mut to_viewer, |event| match event {
        Event::Reconnecting { reason } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, ReconnectReason::Lost { code: Some(1001) });
    viewer.close().await;
}

#[tokio::test]
async fn over_tls() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let kvs = emulator.kvs();
    let builder = || {
        let credentials = Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
        Client::builder(credentials).region(kvs.region()).endpoint(kvs.tls_url().unwrap())
    };
    let trusting = builder().root_certificate_pem(emulator.ca_pem().unwrap()).build().unwrap();
    let (viewer, _events) = trusting.channel(kvs.channel_arn()).connect_as_viewer("viewer-1").await.unwrap();
    viewer.send_offer(SendOffer::new("v=0")).acknowledged().await.unwrap();
    viewer.close().await;
    let endpoint = format!("{}/kvs-signaling/viewer", kvs.tls_url().unwrap().replacen("http", "ws", 1));
    let request = kvs_signaling::ConnectAsViewer::new(kvs.channel_arn(), "viewer-1").endpoint(endpoint);
    let error = builder().build().unwrap().connect_as_viewer(request).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, false));
}
