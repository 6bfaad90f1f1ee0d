//! What goes wrong on a live channel: every call ends exactly once, and for the right reason.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "helpers of tests"
)]

use std::future::IntoFuture;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use rtc_core::http::Request;
use rtc_core::testing::ManualClock;
use rtc_core::transport::Limits;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame, LoopChannel, pair};
use rtc_core::{ErrorKind, Reason};
use serde_json::{Value, json};
use sora_rpc::compress::{deflate, inflate};
use sora_rpc::{Client, ClientOptions, Error, PeerOptions, ResetSpotlightRid, SoraError};

fn options() -> ClientOptions {
    ClientOptions::new().rpc_methods(["m", "2025.2.0/ResetSpotlightRid"])
}

fn text_of(frame: Frame) -> Value {
    match frame {
        Frame::Binary(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("a message is a binary frame: {other:?}"),
    }
}

async fn next_id(server: &mut LoopChannel) -> u64 {
    text_of(server.recv().await.unwrap().unwrap())["id"].as_u64().unwrap()
}

fn answer(id: u64, result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

#[tokio::test]
async fn text_and_binary_answers_are_accepted() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let calls = tokio::spawn({
        let client = client.clone();
        async move { (client.call("m", json!([1])).await, client.call("m", None).await) }
    });
    for frame in [true, false] {
        let id = next_id(&mut server).await;
        let text = answer(id, &json!(frame));
        server.send(if frame { Frame::Text(text) } else { Frame::Binary(text.into()) }).await.unwrap();
    }
    let (first, second) = calls.await.unwrap();
    assert_eq!((first.unwrap(), second.unwrap()), (json!(true), json!(false)));
    assert_eq!((client.pending(), client.stats().answered), (0, 2));
}

#[tokio::test]
async fn a_result_of_another_shape_fails_only_that_call() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let call = tokio::spawn(client.reset_spotlight_rid(ResetSpotlightRid::new()).into_future());
    let id = next_id(&mut server).await;
    server.send(Frame::Text(answer(id, &json!({ "channel_id": ["canary"] })))).await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error.reason(), Reason::Decode(_)) && error.was_sent());
    assert!(!format!("{error} {error:?}").contains("canary"));

    let call = tokio::spawn(client.call("m", None).output::<u32>().into_future());
    let id = next_id(&mut server).await;
    server.send(Frame::Text(answer(id, &json!(7)))).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 7);
}

/// Waits until the driver sleeps on the clock.
async fn asleep(clock: &ManualClock) {
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn time_runs_out_call_by_call() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options().clock(clock.clone())).unwrap();
    let first = tokio::spawn(client.call("m", None).into_future());
    assert_eq!(next_id(&mut server).await, 1);
    asleep(&clock).await;
    clock.advance(Duration::from_millis(1));
    let second = tokio::spawn(client.call("m", None).into_future());
    assert_eq!(next_id(&mut server).await, 2);
    clock.advance(Duration::from_millis(4999));
    let error = first.await.unwrap().unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(after) if *after == Duration::from_secs(5)));
    assert_eq!((error.kind(), error.was_sent(), client.pending()), (ErrorKind::Timeout, true, 1));
    // The late answer of the first ends nothing; the second still comes in time.
    server.send(Frame::Text(answer(1, &json!("late")))).await.unwrap();
    server.send(Frame::Text(answer(2, &json!("in time")))).await.unwrap();
    assert_eq!(second.await.unwrap().unwrap(), "in time");
    assert_eq!(client.stats().dropped_late, 1);

    // A shorter limit than those of the calls before is kept to.
    let long = tokio::spawn(client.call("m", None).timeout(Duration::from_secs(60)).into_future());
    next_id(&mut server).await;
    asleep(&clock).await;
    let short = tokio::spawn(client.call("m", None).timeout(Duration::from_secs(1)).into_future());
    next_id(&mut server).await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(short.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(client.pending(), 1);
    long.abort();
}

fn disconnected(error: &Error) {
    assert_eq!((error.to_string().as_str(), error.code().unwrap().as_ref()), ("Disconnected", "-1"));
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn the_end_of_the_connection_ends_every_call() {
    enum How {
        Dropped,
        Closed,
        Told,
        DriverDropped,
    }
    for how in [How::Dropped, How::Closed, How::Told, How::DriverDropped] {
        let (channel, mut server) = pair();
        let (client, driver) = Client::with_driver(channel, options());
        let driver = tokio::spawn(driver);
        let calls: Vec<_> =
            (0..20).map(|_| tokio::spawn(client.call("m", None).no_timeout().into_future())).collect();
        for _ in &calls {
            next_id(&mut server).await;
        }
        match how {
            How::Dropped => drop(server),
            How::Closed => server.send(Frame::Close { code: 1000, reason: String::new() }).await.unwrap(),
            How::Told => {
                client.disconnect();
                let last = server.recv().await.unwrap().unwrap();
                assert!(matches!(last, Frame::Close { code: 1000, .. }));
            }
            How::DriverDropped => driver.abort(),
        }
        for call in calls {
            let error = call.await.unwrap().unwrap_err();
            disconnected(&error);
            assert!(error.was_sent());
        }
        let error = client.call("m", None).await.unwrap_err();
        disconnected(&error);
        assert!(!error.was_sent());
        assert!(client.notify("m", None).await.is_err());
        assert_eq!((client.pending(), client.stats().lost), (0, 20));
    }
}

#[tokio::test]
async fn dropping_the_last_handle_closes() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let call = client.clone().call("m", None);
    drop(client);
    let call = tokio::spawn(call.into_future());
    let id = next_id(&mut server).await;
    server.send(Frame::Text(answer(id, &Value::Null))).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), Value::Null);
    assert!(matches!(server.recv().await, Some(Ok(Frame::Close { .. }))));
    assert!(server.recv().await.is_none());
}

#[tokio::test]
async fn a_dropped_call_frees_its_place() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options().bounds(PeerOptions::new().max_pending(1))).unwrap();
    for _ in 0..100 {
        let call = tokio::spawn(client.call("m", None).no_timeout().into_future());
        let id = next_id(&mut server).await;
        assert_eq!(client.pending(), 1);
        let error = client.call("m", None).await.unwrap_err();
        assert!(matches!(error.service(), Some(SoraError::TooManyPending { limit: 1, .. })));
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(client.pending(), 0);
        server.send(Frame::Text(answer(id, &Value::Null))).await.unwrap();
    }
    assert_eq!(client.stats().cancelled, 100);
}

/// A channel that never gets rid of anything.
struct Stuck;

impl Channel for Stuck {
    async fn send(&mut self, _frame: Frame) -> Result<(), rtc_core::TransportError> {
        std::future::pending().await
    }

    async fn recv(&mut self) -> Option<Result<Frame, rtc_core::TransportError>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_channel_that_is_stuck_holds_nobody_up() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (client, driver) = Client::with_driver(Stuck, options().clock(clock.clone()));
    let driver = tokio::spawn(driver);
    let long = tokio::spawn(client.call("m", None).into_future());
    asleep(&clock).await;
    let short = tokio::spawn(client.call("m", None).timeout(Duration::from_secs(1)).into_future());
    while client.pending() < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(short.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    client.disconnect();
    disconnected(&long.await.unwrap().unwrap_err());
    driver.await.unwrap();
}

#[test]
fn without_a_runtime_it_says_so() {
    let error = Client::connect(Stuck, options()).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    // The driver needs none with a clock that needs none. Stuck in its goodbye, it gives up in time.
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (client, driver) = Client::with_driver(Stuck, options().clock(clock.clone()));
    client.disconnect();
    let mut driver = pin!(driver);
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(driver.as_mut().poll(&mut context), Poll::Pending);
    clock.advance(Duration::from_secs(1));
    assert_eq!(driver.as_mut().poll(&mut context), Poll::Ready(()));
}

fn offer(text: &str) -> sora_rpc::Offer {
    sora_rpc::Offer::parse(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn an_offer_without_rpc_ends_the_calls_and_the_connection_stays() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    for without in [
        r#"{"type":"offer","data_channels":[{"label":"notify"}],"rpc_methods":["m"]}"#,
        r#"{"type":"offer","data_channels":[{"label":"rpc"}]}"#,
    ] {
        let call = tokio::spawn(client.call("m", None).no_timeout().into_future());
        let id = next_id(&mut server).await;
        client.offer(&offer(without));
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error.service(), Some(SoraError::NotAvailable)) && error.was_sent());
        let error = client.call("m", None).await.unwrap_err();
        assert!(matches!(error.service(), Some(SoraError::NotAvailable)) && !error.was_sent());
        client.offer(&offer(r#"{"type":"offer","data_channels":[{"label":"rpc"}],"rpc_methods":["m"]}"#));
        assert_eq!((client.pending(), client.next_id()), (0, Some(id + 1)));
    }
}

#[tokio::test]
async fn a_redirect_ends_the_calls_and_ids_go_on() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let call = tokio::spawn(client.call("m", None).no_timeout().into_future());
    assert_eq!(next_id(&mut server).await, 1);
    assert_eq!(client.redirect(), Some(2));
    let redirected = |error: &Error| matches!(error.service(), Some(SoraError::Redirected));
    assert!(redirected(&call.await.unwrap().unwrap_err()));
    assert!(matches!(server.recv().await, Some(Ok(Frame::Close { code: 1000, .. }))));
    // Also once the channel has ended.
    assert!(server.recv().await.is_none());
    client.disconnect();
    assert!(redirected(&client.call("m", None).await.unwrap_err()));

    let (channel, mut server) = pair();
    let bounds = PeerOptions::new().first_id(client.next_id().unwrap());
    let client = Client::connect(channel, options().bounds(bounds)).unwrap();
    let call = tokio::spawn(client.call("m", None).into_future());
    assert_eq!(next_id(&mut server).await, 2);
    call.abort();
}

#[tokio::test]
async fn a_channel_that_is_not_open_refuses_calls_and_keeps_those_under_way() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options()).unwrap();
    let call = tokio::spawn(client.call("m", None).into_future());
    let id = next_id(&mut server).await;
    client.set_open(false);
    let error = client.call("m", None).await.unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::ChannelNotOpen)) && !error.was_sent());
    server.send(Frame::Text(answer(id, &json!(1)))).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 1);
    client.set_open(true);
    client.notify("m", None).await.unwrap();
}

fn zipped(text: &str) -> Frame {
    Frame::Binary(deflate(text.as_bytes()).into())
}

async fn next_zipped(server: &mut LoopChannel) -> Value {
    match server.recv().await.unwrap().unwrap() {
        Frame::Binary(bytes) => serde_json::from_slice(&inflate(&bytes, 1024).unwrap()).unwrap(),
        other => panic!("a message is a binary frame: {other:?}"),
    }
}

#[tokio::test]
async fn compressed_frames_both_ways_and_broken_ones_are_dropped() {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, options().compress(true).max_inflated(1000)).unwrap();
    let call = tokio::spawn(client.call("m", json!({ "a": 1 })).into_future());
    let message = next_zipped(&mut server).await;
    assert_eq!(message["params"], json!({ "a": 1 }));
    let good = answer(1, &json!("good"));
    let huge = answer(1, &json!(" ".repeat(1000)));
    // Not compressed, cut, with something behind, too large: dropped, and the call goes on waiting.
    let cut = |frame: Frame| match frame {
        Frame::Binary(bytes) => Frame::Binary(bytes.slice(..bytes.len() - 5)),
        other => other,
    };
    let more = Frame::Binary([deflate(good.as_bytes()), vec![0]].concat().into());
    for bad in [Frame::Binary(good.clone().into()), cut(zipped(&good)), more, zipped(&huge)] {
        server.send(bad).await.unwrap();
    }
    server.send(zipped(&good)).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), "good");
    assert_eq!(client.stats().dropped_malformed, 4);

    // An offer that does not say leaves it as it is; one that says changes it from the next frame on.
    for (said, compressed) in [("", true), (r#","compress":false"#, false), (r#","compress":true"#, true)] {
        let label = format!(r#"{{"label":"rpc"{said}}}"#);
        client.offer(&offer(&format!(r#"{{"type":"offer","data_channels":[{label}],"rpc_methods":["m"]}}"#)));
        let call = tokio::spawn(client.call("m", None).into_future());
        let message = if compressed {
            next_zipped(&mut server).await
        } else {
            text_of(server.recv().await.unwrap().unwrap())
        };
        // A text frame is never compressed.
        server.send(Frame::Text(answer(message["id"].as_u64().unwrap(), &json!(said)))).await.unwrap();
        assert_eq!(call.await.unwrap().unwrap(), said);
    }
}

/// Opens a channel that is open already.
#[derive(Debug, Default)]
struct Opened(std::sync::Mutex<Option<LoopChannel>>);

impl Connect for Opened {
    type Channel = LoopChannel;

    async fn connect(&self, _handshake: Request<()>, _limits: Limits) -> Result<LoopChannel, ConnectError> {
        Ok(self.0.lock().unwrap().take().unwrap())
    }
}

fn opened() -> (ClientOptions, LoopChannel) {
    let (channel, server) = pair();
    (ClientOptions::new().connector(Opened(Some(channel).into())), server)
}

#[tokio::test]
async fn the_first_offer_may_come_after_probes_and_says_whether_to_compress() {
    const OFFER: &str =
        r#"{"type":"offer","rpc_methods":["m"],"data_channels":[{"label":"rpc","compress":true}]}"#;
    let (options, mut server) = opened();
    for frame in
        [Frame::Ping(b"1".to_vec().into()), Frame::Pong(b"2".to_vec().into()), Frame::Text(OFFER.into())]
    {
        server.send(frame).await.unwrap();
    }
    let client = Client::connect_websocket("ws://127.0.0.1/rpc", options).await.unwrap();
    let call = tokio::spawn(client.call("m", None).into_future());
    let id = next_zipped(&mut server).await["id"].as_u64().unwrap();
    server.send(zipped(&answer(id, &json!(true)))).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), true);
}

#[tokio::test]
async fn without_an_offer_there_is_no_client() {
    for (frame, kind) in [
        (Frame::Text("{}".into()), ErrorKind::Protocol),
        (Frame::Binary(b"{".to_vec().into()), ErrorKind::Protocol),
        (Frame::Close { code: 1000, reason: String::new() }, ErrorKind::Closed),
    ] {
        let (options, mut server) = opened();
        server.send(frame.clone()).await.unwrap();
        let error = Client::connect_websocket("ws://127.0.0.1/rpc", options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{frame:?}");
    }
    // Probes do not prolong the wait.
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (options, mut server) = opened();
    let options = options.clock(clock.clone()).connect_timeout(Duration::from_secs(3));
    let waiting = tokio::spawn(async move { Client::connect_websocket("ws://127.0.0.1/rpc", options).await });
    asleep(&clock).await;
    clock.advance(Duration::from_secs(2));
    server.send(Frame::Ping(Vec::new().into())).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(after) if *after == Duration::from_secs(3)));
}

#[tokio::test]
async fn ready_waits_until_rpc_can_be_used() {
    let with = r#"{"type":"offer","data_channels":[{"label":"rpc"}],"rpc_methods":["m"]}"#;
    let without = r#"{"type":"offer","data_channels":[],"rpc_methods":["m"]}"#;
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let limit = Duration::from_secs(30);
    let (channel, _server) = pair();
    let client = Client::connect(channel, ClientOptions::new().clock(clock.clone())).unwrap();
    let waiting = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.ready(limit).await })
    };
    let refusal = |error: Error| match error.service() {
        Some(SoraError::NotAvailable) => "not available",
        Some(SoraError::ChannelNotOpen) => "not open",
        Some(SoraError::Disconnected) => "disconnected",
        Some(SoraError::Redirected) => "redirected",
        _ => panic!("{error}"),
    };

    let ready = waiting(&client);
    asleep(&clock).await;
    client.set_open(false);
    client.offer(&offer(with));
    tokio::task::yield_now().await;
    assert!(!ready.is_finished(), "the channel is not open");
    client.set_open(true);
    ready.await.unwrap().unwrap();

    // Zero only looks. After the limit it says what is amiss.
    client.set_open(false);
    assert_eq!(refusal(client.ready(Duration::ZERO).await.unwrap_err()), "not open");
    for (offered, amiss) in [(with, "not open"), (without, "not available")] {
        client.offer(&offer(offered));
        let ready = waiting(&client);
        asleep(&clock).await;
        clock.advance(limit);
        assert_eq!(refusal(ready.await.unwrap().unwrap_err()), amiss);
    }

    // What can never be is told at once.
    let ready = waiting(&client);
    asleep(&clock).await;
    client.disconnect();
    assert_eq!(refusal(ready.await.unwrap().unwrap_err()), "disconnected");
    let (channel, _server) = pair();
    let client = Client::connect(channel, ClientOptions::new().clock(clock.clone())).unwrap();
    let ready = waiting(&client);
    asleep(&clock).await;
    client.redirect();
    assert_eq!(refusal(ready.await.unwrap().unwrap_err()), "redirected");
}

#[tokio::test]
async fn it_is_the_frame_whose_size_is_limited() {
    let long = json!({ "text": "a".repeat(900) });
    for (compress, fits) in [(true, true), (false, false)] {
        let (channel, mut server) = pair();
        let bounds = PeerOptions::new().max_message(200);
        let client = Client::connect(channel, options().compress(compress).bounds(bounds)).unwrap();
        let sent = client.notify("m", long.clone()).await;
        let Err(error) = sent else {
            assert!(fits);
            assert_eq!(next_zipped(&mut server).await["params"], long);
            continue;
        };
        assert!(!fits && !error.was_sent());
        assert!(matches!(error.service(), Some(SoraError::TooLarge { size: 900.., limit: 200, .. })));
        let error = client.call("m", long.clone()).await.unwrap_err();
        assert!(matches!(error.service(), Some(SoraError::TooLarge { .. })));
        assert_eq!((client.pending(), client.next_id()), (0, Some(1)));
    }
}
