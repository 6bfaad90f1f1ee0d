//! Whole connections to the emulator: a real WebSocket, real data channels.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rtc_core::http::Request;
use rtc_core::transport::Limits;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::websocket::{WebSocketChannel, WebSocketConnector};
use rtc_core::{BoxFuture, Clock, ErrorKind, TransportError};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::signaling::{End, EndClass};
use sora_rpc::{
    Client, Connection, ConnectionBuilder, ConnectionEvent, ConnectionEvents, DataChannel, Direction,
    PutSignalingNotifyMetadataItem, SoraError,
};
use tokio::sync::Notify;

const PUT: &str = "2025.2.0/PutSignalingNotifyMetadataItem";
const RESET: &str = "2025.2.0/ResetSpotlightRid";

/// Nothing here takes long; a test that hangs fails.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

async fn emulator(config: Value) -> Emulator {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&config).unwrap();
    emulator
}

fn builder(emulator: &Emulator) -> ConnectionBuilder {
    Connection::builder([emulator.sora().signaling_url()], "room")
}

async fn connect(emulator: &Emulator) -> (Connection, ConnectionEvents) {
    soon(builder(emulator).connect()).await.unwrap()
}

fn id(connection: &Connection) -> String {
    connection.offer().connection_id.clone().unwrap()
}

async fn end(events: &mut ConnectionEvents) -> End {
    let mut last = None;
    while let Some(event) = soon(events.next()).await {
        last = Some(event);
    }
    match last {
        Some(ConnectionEvent::Ended(end)) => end,
        other => panic!("{other:?}"),
    }
}

/// Waits until the emulator has nobody in the room.
async fn empty(emulator: &Emulator) {
    let wait = async {
        while emulator.state()["sora-rpc"]["channels"]["room"]
            .as_object()
            .is_some_and(|room| !room.is_empty())
        {
            tokio::task::yield_now().await;
        }
    };
    soon(wait).await;
}

fn assert_disconnected(error: &sora_rpc::Error) {
    assert!(matches!(error.service(), Some(SoraError::Disconnected)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rpc_goes_over_a_real_data_channel_compressed_or_not() {
    for compress in [true, false] {
        let emulator = emulator(json!({ "compress": compress })).await;
        let (connection, _events) = connect(&emulator).await;
        assert_eq!(connection.offer().compress, Some(compress));
        let rpc = connection.rpc();
        assert_eq!(rpc.rpc_methods().len(), 5);
        // Larger than a datagram, both ways; letters that zlib does not make small.
        let large: String = (0..60_000u32)
            .map(|i| char::from(b'!' + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 90))
            .collect();
        let request = PutSignalingNotifyMetadataItem::new("large", large.as_str());
        let answer = soon(rpc.put_signaling_notify_metadata_item(request).into_future()).await.unwrap();
        assert_eq!(answer["large"], large);
        // Answers repeat all of the metadata.
        soon(rpc.call(PUT, json!({ "key": "large", "value": "" })).into_future()).await.unwrap();
        let call = |i: usize| rpc.call(PUT, json!({ "key": "n", "value": i })).no_timeout().into_future();
        let calls = (0..1_000).map(|i| tokio::spawn(call(i)));
        for (i, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(soon(call).await.unwrap().unwrap()["n"], i);
        }
        assert_eq!((rpc.pending(), rpc.stats().answered), (0, 1_002));
        soon(connection.disconnect()).await.unwrap();
        empty(&emulator).await;
    }
}

#[tokio::test]
async fn a_dead_url_is_passed_over() {
    let emulator = emulator(json!({})).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [format!("ws://{dead}/signaling"), emulator.sora().signaling_url()];
    let (connection, _events) = soon(Connection::builder(urls, "room").connect()).await.unwrap();
    assert!(connection.is_ready());
}

#[tokio::test]
async fn a_disconnect_is_clean_and_everything_ends_with_it() {
    let emulator = emulator(json!({ "silent_methods": [RESET] })).await;
    let (connection, mut events) = connect(&emulator).await;
    let call = tokio::spawn(connection.rpc().call(RESET, None).no_timeout().into_future());
    while connection.rpc().pending() == 0 {
        tokio::task::yield_now().await;
    }
    soon(connection.disconnect()).await.unwrap();
    assert_disconnected(&soon(call).await.unwrap().unwrap_err());
    assert_eq!(end(&mut events).await.class, EndClass::ClientDisconnectDone);
    assert_disconnected(&connection.rpc().call(RESET, None).await.unwrap_err());
    assert_disconnected(&connection.ready().await.unwrap_err());
    assert_disconnected(&connection.send("#chat", "late").await.unwrap_err());
    assert!(!connection.is_ready());
    soon(connection.disconnect()).await.unwrap();
    empty(&emulator).await;
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_connection_and_its_task() {
    let emulator = emulator(json!({})).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (connection, events) = connect(&emulator).await;
    let (rpc, clone) = (connection.rpc(), connection.clone());
    drop((connection, events));
    assert_eq!(soon(rpc.call(RESET, None).into_future()).await.unwrap()["channel_id"], "room");
    drop(clone);
    let wait = async { while rpc.call(RESET, None).await.is_ok() {} };
    soon(wait).await;
    assert_disconnected(&rpc.call(RESET, None).await.unwrap_err());
    empty(&emulator).await;
    let wait = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    soon(wait).await;
}

#[tokio::test]
async fn the_server_ends_a_connection_with_a_code() {
    let emulator = emulator(json!({ "silent_methods": [RESET] })).await;
    for (code, reason, class) in [
        (1000, "DISCONNECTED-API", EndClass::ServerClose),
        (1000, "LIFETIME-EXPIRED", EndClass::ServerClose),
        (4490, "INTERNAL-ERROR", EndClass::SignalingError),
    ] {
        let (connection, mut events) = connect(&emulator).await;
        let call = tokio::spawn(connection.rpc().call(RESET, None).no_timeout().into_future());
        while connection.rpc().pending() == 0 {
            tokio::task::yield_now().await;
        }
        let close = json!({ "code": code, "reason": reason });
        emulator.sora().command(&id(&connection), "close", &close).unwrap();
        assert_disconnected(&soon(call).await.unwrap().unwrap_err());
        let end = end(&mut events).await;
        assert_eq!((end.class, end.code, end.reason.as_str()), (class, Some(code), reason));
        empty(&emulator).await;
    }
}

#[tokio::test]
async fn a_refusal_of_the_auth_webhook() {
    let emulator = emulator(json!({ "auth_reply": { "allowed": false, "reason": "BAD-TOKEN" } })).await;
    let error = soon(builder(&emulator).connect()).await.unwrap_err();
    let Some(SoraError::Rejected(end)) = error.service() else { panic!("{error:?}") };
    assert_eq!((end.class, end.code), (EndClass::SignalingError, Some(4490)));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn without_permitted_methods_it_stands_and_calls_are_refused() {
    let emulator = emulator(json!({ "rpc_methods": [] })).await;
    let (connection, _events) = connect(&emulator).await;
    let error = connection.rpc().call(RESET, None).await.unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::NotAvailable)), "{error:?}");
}

#[tokio::test]
async fn signaling_over_the_websocket_only_is_told_as_such() {
    let emulator = emulator(json!({})).await;
    let request = sora_rpc::Connect::new(sora_rpc::Role::RecvOnly, "room").data_channel_signaling(false);
    let error = soon(builder(&emulator).request(request).connect()).await.unwrap_err();
    assert!(error.to_string().contains("data_channel_signaling"), "{error}");
}

/// A redirect on arrival, and one of a connection that stands.
#[tokio::test]
async fn redirects() {
    let target = emulator(json!({ "silent_methods": [RESET] })).await;
    let location = target.sora().signaling_url();
    let first = emulator(json!({ "redirect": location })).await;
    let (connection, mut events) = connect(&first).await;
    assert!(first.state()["sora-rpc"]["channels"]["room"].as_object().is_none_or(|room| room.is_empty()));

    let old = connection.rpc();
    old.call(PUT, json!({ "key": "n", "value": 1 })).await.unwrap();
    let call = tokio::spawn(old.call(RESET, None).no_timeout().into_future());
    while old.pending() == 0 {
        tokio::task::yield_now().await;
    }
    let second = emulator(json!({})).await;
    let before = id(&connection);
    let location = json!({ "location": second.sora().signaling_url() });
    target.sora().command(&before, "redirect", &location).unwrap();
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::Redirected)), "{error:?}");
    while !matches!(soon(events.next()).await.unwrap(), ConnectionEvent::Redirected) {}
    soon(connection.ready()).await.unwrap();
    let somebody = |emulator: &Emulator| {
        emulator.state()["sora-rpc"]["channels"]["room"].as_object().is_some_and(|room| !room.is_empty())
    };
    assert!(somebody(&second) && !somebody(&first));
    // Ids go on: they are not used twice.
    assert_eq!(connection.rpc().next_id(), Some(3));
    assert_eq!(soon(connection.rpc().call(RESET, None).into_future()).await.unwrap()["channel_id"], "room");
    assert!(old.call(RESET, None).await.is_err());
    soon(connection.disconnect()).await.unwrap();
    assert_eq!(end(&mut events).await.class, EndClass::ClientDisconnectDone);
}

#[tokio::test]
async fn a_later_offer_without_rpc_ends_its_calls() {
    let emulator = emulator(json!({ "silent_methods": [RESET] })).await;
    let (connection, mut events) = connect(&emulator).await;
    let rpc = connection.rpc();
    let call = tokio::spawn(rpc.call(RESET, None).no_timeout().into_future());
    while rpc.pending() == 0 {
        tokio::task::yield_now().await;
    }
    let changed = async |events: &mut ConnectionEvents| loop {
        if let ConnectionEvent::Changed(offer) = soon(events.next()).await.unwrap() {
            break offer;
        }
    };
    let without = json!({
        "rpc_methods": [],
        "data_channels": [{ "label": "signaling", "direction": "sendrecv", "compress": true }],
    });
    emulator.sora().command(&id(&connection), "re-offer", &without).unwrap();
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::NotAvailable)), "{error:?}");
    assert!(!changed(&mut events).await.rpc);
    assert!(!connection.offer().rpc);
    soon(connection.disconnect()).await.unwrap();
}

#[tokio::test]
async fn data_channels_of_ones_own() {
    let emulator = emulator(json!({})).await;
    let chat = || {
        builder(&emulator)
            .data_channel(DataChannel::new("#chat", Direction::SendRecv).compress(true))
            .data_channel(DataChannel::new("#in", Direction::RecvOnly))
    };
    let (ada, _events) = soon(chat().connect()).await.unwrap();
    let (bob, mut events) = soon(chat().connect()).await.unwrap();
    let message: String = (0..200_000u32).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    for _ in 0..20 {
        soon(ada.send("#chat", message.clone())).await.unwrap();
    }
    let mut got = 0;
    while got < 20 {
        if let ConnectionEvent::Message { label, data, .. } = soon(events.next()).await.unwrap() {
            assert_eq!((label.as_str(), data.len()), ("#chat", message.len()));
            got += 1;
        }
    }
    let error = bob.send("#other", "x").await.unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::DataChannelNotOpen { .. })), "{error:?}");
    assert_eq!(bob.send("#in", "x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(bob.send("signaling", "x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let (other, _events) = connect(&emulator).await;
    assert!(other.send("#chat", "x").await.is_err());
}

#[tokio::test]
async fn a_later_offer_that_says_nothing_changes_nothing() {
    let emulator = emulator(json!({ "silent_methods": [RESET] })).await;
    let (connection, mut events) = connect(&emulator).await;
    let rpc = connection.rpc();
    let _call = tokio::spawn(rpc.call(RESET, None).no_timeout().into_future());
    emulator.sora().command(&id(&connection), "re-offer", &json!({})).unwrap();
    while !matches!(soon(events.next()).await.unwrap(), ConnectionEvent::Changed(offer) if offer.rpc) {}
    soon(rpc.call(PUT, json!({ "key": "n", "value": 1 })).into_future()).await.unwrap();
    assert_eq!(rpc.pending(), 1);
}

/// More than the buffers hold, over an uncompressed data channel: sending waits, and signaling still gets through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_waits_for_room() {
    let emulator = emulator(json!({})).await;
    let channel = DataChannel::new("#bulk", Direction::SendRecv).compress(false);
    let (connection, _events) = soon(builder(&emulator).data_channel(channel).connect()).await.unwrap();
    let rpc = connection.rpc();
    let bulk = tokio::spawn({
        let connection = connection.clone();
        async move {
            for _ in 0..40 {
                connection.send("#bulk", vec![7; 200_000]).await.unwrap();
            }
        }
    });
    for i in 0..20 {
        soon(rpc.call(PUT, json!({ "key": "n", "value": i })).no_timeout().into_future()).await.unwrap();
    }
    soon(bulk).await.unwrap();
    soon(connection.disconnect()).await.unwrap();
}

#[tokio::test]
async fn what_the_server_tells_arrives() {
    let emulator = emulator(json!({})).await;
    let (connection, mut events) = connect(&emulator).await;
    emulator.sora().command(&id(&connection), "push", &json!({ "data": { "n": 1 } })).unwrap();
    emulator.sora().command(&id(&connection), "notify", &json!({ "event_type": "last" })).unwrap();
    emulator.sora().command(&id(&connection), "req-stats", &json!({})).unwrap();
    let (mut pushed, mut notified) = (false, false);
    while !(pushed && notified) {
        match soon(events.next()).await.unwrap() {
            ConnectionEvent::Push(_) => pushed = true,
            ConnectionEvent::Notify(notify) => notified |= notify.event_type() == "last",
            _ => {}
        }
    }
    assert_eq!(events.missed(), 0);
}

#[tokio::test]
async fn events_that_nobody_reads_are_counted() {
    let emulator = emulator(json!({})).await;
    let (connection, mut events) = soon(builder(&emulator).event_queue(2).connect()).await.unwrap();
    for _ in 0..5 {
        emulator.sora().command(&id(&connection), "push", &json!({ "data": 0 })).unwrap();
    }
    soon(connection.disconnect()).await.unwrap();
    assert_eq!(end(&mut events).await.class, EndClass::ClientDisconnectDone);
    // The two that were kept were not missed.
    assert!(events.missed() > 0);
}

/// Opens real WebSockets that can be cut.
#[derive(Debug, Clone, Default)]
struct Scissors(Arc<Notify>);

struct Cuttable(WebSocketChannel, Arc<Notify>);

impl Connect for Scissors {
    type Channel = Cuttable;
    async fn connect(&self, handshake: Request<()>, limits: Limits) -> Result<Cuttable, ConnectError> {
        Ok(Cuttable(WebSocketConnector::new().connect(handshake, limits).await?, Arc::clone(&self.0)))
    }
}

impl Channel for Cuttable {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.0.send(frame).await
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        tokio::select! {
            frame = self.0.recv() => frame,
            () = self.1.notified() => None,
        }
    }
}

#[tokio::test]
async fn a_lost_websocket_matters_unless_the_server_says_otherwise() {
    // It stays open, and its loss is the end.
    let lasting = emulator(json!({ "ignore_disconnect_websocket": false })).await;
    let scissors = Scissors::default();
    let (connection, mut events) =
        soon(builder(&lasting).connector(scissors.clone()).connect()).await.unwrap();
    connection.rpc().call(RESET, None).await.unwrap();
    scissors.0.notify_waiters();
    assert_eq!(end(&mut events).await.class, EndClass::WebsocketClosed);
    assert_disconnected(&connection.rpc().call(RESET, None).await.unwrap_err());

    // We close it ourselves, and all goes on.
    let ignoring = emulator(json!({ "ignore_disconnect_websocket": true })).await;
    let (connection, mut events) = connect(&ignoring).await;
    for _ in 0..10 {
        soon(connection.rpc().call(RESET, None).into_future()).await.unwrap();
    }
    soon(connection.disconnect()).await.unwrap();
    assert_eq!(end(&mut events).await.class, EndClass::ClientDisconnectDone);
    empty(&ignoring).await;
}

/// A clock that can be set forward; its sleeps end early now and then, as the library has to bear.
#[derive(Debug, Clone, Default)]
struct Hasty(Arc<std::sync::atomic::AtomicU64>);

impl Clock for Hasty {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
    fn monotonic(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(Duration::from_millis(5))))
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_noticed() {
    let emulator = emulator(json!({ "ignore_disconnect_websocket": true, "silent_methods": [RESET] })).await;
    let clock = Hasty::default();
    let (connection, mut events) = soon(builder(&emulator).clock(clock.clone()).connect()).await.unwrap();
    let call = tokio::spawn(connection.rpc().call(RESET, None).no_timeout().into_future());
    while connection.rpc().pending() == 0 {
        tokio::task::yield_now().await;
    }
    emulator.sora().command(&id(&connection), "drop", &json!({})).unwrap();
    let hurry = async {
        loop {
            clock.0.fetch_add(200, std::sync::atomic::Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let end = tokio::select! {
        end = end(&mut events) => end,
        () = hurry => unreachable!(),
    };
    assert!(matches!(end.class, EndClass::PathLost | EndClass::TransportClosed), "{end:?}");
    assert_disconnected(&soon(call).await.unwrap().unwrap_err());
}

/// Over TLS, with the emulator's own certificate authority.
#[tokio::test]
async fn signaling_over_tls() {
    let emulator = Emulator::start().await.unwrap();
    let sora = emulator.sora();
    let (Some(url), Some(ca)) = (sora.tls_signaling_url(), emulator.ca_pem()) else { return };
    let connecting = |builder: ConnectionBuilder| soon(builder.connect());
    let (connection, _events) =
        connecting(Connection::builder([url.clone()], "room").root_certificate_pem(ca)).await.unwrap();
    let _: Client = connection.rpc();
    let error = connecting(Connection::builder([url], "room")).await.unwrap_err();
    assert!(matches!(
        error.service(),
        Some(SoraError::NotConnected { stage: sora_rpc::Stage::WebSocket, .. })
    ));
}
