//! A scripted server at the other end of an in-process pair.

use std::future::Future;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use serde_json::json;

use super::*;
use crate::clock::{BoxFuture, Clock};
use crate::transport::channel::{Channel, Frame, LoopChannel, pair};

const OPEN: &str = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}"#;
const BOTH: [Protocol; 2] = [Protocol::Eio3, Protocol::Eio4];

#[derive(Debug, Clone)]
struct Manual(Arc<Mutex<Sleepers>>, Instant);

#[derive(Debug, Default)]
struct Sleepers {
    passed: Duration,
    waiting: Vec<(Duration, oneshot::Sender<()>)>,
}

impl Manual {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    async fn advance(&self, by: Duration) {
        settle().await;
        {
            let mut state = self.0.lock().unwrap();
            state.passed += by;
            let passed = state.passed;
            state.waiting.retain(|(at, _)| *at > passed);
        }
        settle().await;
    }
}

impl Clock for Manual {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn monotonic(&self) -> Instant {
        self.1 + self.0.lock().unwrap().passed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        let mut state = self.0.lock().unwrap();
        if !duration.is_zero() {
            let at = state.passed + duration;
            state.waiting.push((at, end));
        }
        Box::pin(async move { drop(ended.await) })
    }
}

/// Lets every task that can run do so: the test's runtime has one thread.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[derive(Debug)]
struct Once(Mutex<Option<LoopChannel>>);

impl Connect for Once {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        assert!(handshake.uri().query().unwrap().contains("&transport=websocket"));
        Ok(self.0.lock().unwrap().take().unwrap())
    }
}

struct Server(LoopChannel);

impl Server {
    async fn say(&mut self, text: &str) {
        self.0.send(Frame::Text(text.into())).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        match self.0.recv().await {
            Some(Ok(Frame::Text(text))) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the client has said goodbye.
    async fn ended(&mut self) -> bool {
        while let Some(frame) = self.0.recv().await {
            if matches!(frame, Ok(Frame::Close { code: 1000, .. })) {
                return true;
            }
        }
        false
    }
}

type Opening = tokio::task::JoinHandle<Result<(Socket, Events), SocketError>>;

fn opening(options: SocketOptions, clock: &Manual) -> (Server, Opening) {
    let (near, far) = pair();
    let clock = SharedClock::new(clock.clone());
    let task = tokio::spawn(async move {
        let base = Url::parse("http://server.example").unwrap();
        connect(&Once(Mutex::new(Some(near))), &base, options, clock, Limits::default()).await
    });
    (Server(far), task)
}

async fn joined(protocol: Protocol, clock: &Manual) -> (Server, Socket, Events) {
    joined_with(SocketOptions::new(protocol), clock).await
}

async fn joined_with(options: SocketOptions, clock: &Manual) -> (Server, Socket, Events) {
    let protocol = options.protocol;
    let (mut server, task) = opening(options, clock);
    server.say(OPEN).await;
    if protocol == Protocol::Eio4 {
        assert_eq!(server.hear().await, "40");
        server.say(r#"40{"sid":"b"}"#).await;
    } else {
        server.say("40").await;
    }
    let (socket, events) = task.await.unwrap().unwrap();
    (server, socket, events)
}

fn reason<T: fmt::Debug>(result: Result<T, SocketError>) -> String {
    match result {
        Err(SocketError::Closed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("the test hangs")
}

#[tokio::test]
async fn events_and_acknowledgements_both_ways() {
    for protocol in BOTH {
        let clock = Manual::new();
        let (mut server, socket, mut events) = joined(protocol, &clock).await;
        socket.emit("hello", &[json!({"a": 1}), json!(true)]).await.unwrap();
        assert_eq!(server.hear().await, r#"42["hello",{"a":1},true]"#);

        server.say(r#"429["ask",1]"#).await;
        let event = events.recv().await.unwrap();
        assert_eq!((event.name.as_str(), event.args.as_slice()), ("ask", [json!(1)].as_slice()));
        assert!(!format!("{event:?}").contains('['));
        socket.ack(event.ack.unwrap(), &[json!("yes")]).await.unwrap();
        assert_eq!(server.hear().await, r#"439["yes"]"#);

        for id in 0..3 {
            let script = async {
                assert_eq!(server.hear().await, format!(r#"42{id}["q"]"#));
                server.say("43999[]").await;
                server.say(&format!(r#"43{id}["success",{id}]"#)).await;
            };
            let limit = Duration::from_secs(5);
            let (answer, ()) =
                within(async { tokio::join!(socket.emit_with_ack("q", &[], limit), script) }).await;
            assert_eq!(answer.unwrap(), [json!("success"), json!(id)]);
        }
        assert_eq!(socket.shared.pending(), 0);
    }
}

#[tokio::test]
async fn named_namespaces() {
    for (protocol, join) in
        [(Protocol::Eio3, "40/media?apiKey=a%20b,"), (Protocol::Eio4, r#"40/media,{"t":1}"#)]
    {
        let mut options = SocketOptions::new(protocol);
        options.namespace = "/media".into();
        options.query = vec![("apiKey".into(), "a b".into())];
        options.auth = Some(json!({"t": 1}));
        let (mut server, task) = opening(options, &Manual::new());
        server.say(OPEN).await;
        if protocol == Protocol::Eio3 {
            server.say("40").await;
        }
        assert_eq!(server.hear().await, join);
        server.say(r#"40/media,{"sid":"b"}"#).await;
        let (socket, mut events) = task.await.unwrap().unwrap();
        server.say(r#"42["elsewhere"]"#).await;
        server.say(r#"42/media,["here"]"#).await;
        assert_eq!(events.recv().await.unwrap().name, "here");
        socket.emit("x", &[]).await.unwrap();
        assert_eq!(server.hear().await, r#"42/media,["x"]"#);
        let (ended, ()) = within(async {
            tokio::join!(
                async {
                    assert_eq!(server.hear().await, "41/media,");
                    server.ended().await
                },
                socket.close()
            )
        })
        .await;
        assert!(ended);
    }
}

#[tokio::test]
async fn refusals_and_broken_handshakes() {
    for (protocol, refusal, why) in [
        (Protocol::Eio3, r#"44"no""#, json!("no")),
        (Protocol::Eio4, r#"44{"message":"no"}"#, json!({"message": "no"})),
    ] {
        let (mut server, task) = opening(SocketOptions::new(protocol), &Manual::new());
        server.say(OPEN).await;
        server.say(refusal).await;
        assert!(matches!(task.await.unwrap(), Err(SocketError::Refused(value)) if value == why));

        let (mut server, task) = opening(SocketOptions::new(protocol), &Manual::new());
        server.say("40").await;
        assert!(matches!(task.await.unwrap(), Err(SocketError::Protocol(_))));

        let (mut server, task) = opening(SocketOptions::new(protocol), &Manual::new());
        server.say(OPEN).await;
        drop(server);
        reason(task.await.unwrap());

        let clock = Manual::new();
        let (mut server, task) = opening(SocketOptions::new(protocol), &clock);
        settle().await;
        clock.advance(Duration::from_secs(20)).await;
        assert!(matches!(task.await.unwrap(), Err(SocketError::Timeout)));
        assert!(server.ended().await, "giving up ends the task");
    }
}

#[tokio::test]
async fn acknowledgements_time_out_and_free_their_entries() {
    for protocol in BOTH {
        let clock = Manual::new();
        let mut options = SocketOptions::new(protocol);
        options.max_pending_acks = 1;
        let (mut server, socket, _events) = joined_with(options, &clock).await;
        let limit = Duration::from_secs(3);
        let asking = tokio::spawn({
            let socket = socket.clone();
            async move { socket.emit_with_ack("q", &[], limit).await }
        });
        assert_eq!(server.hear().await, r#"420["q"]"#);
        assert!(matches!(socket.emit_with_ack("q", &[], limit).await, Err(SocketError::TooManyPending)));
        clock.advance(limit).await;
        assert!(matches!(asking.await.unwrap(), Err(SocketError::Timeout)));
        assert_eq!(socket.shared.pending(), 0);

        {
            let mut dropped = std::pin::pin!(socket.emit_with_ack("q", &[], limit));
            std::future::poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            assert_eq!(socket.shared.pending(), 1);
        }
        assert_eq!(socket.shared.pending(), 0);
        // A late answer finds nobody, and its number is not used again.
        assert_eq!(server.hear().await, r#"421["q"]"#);
        server.say("431[]").await;
        let again = socket.emit_with_ack("q", &[], limit);
        let script = async {
            assert_eq!(server.hear().await, r#"422["q"]"#);
            server.say(r#"461-2[{"_placeholder":true,"num":0}]"#).await;
        };
        let (answer, ()) = within(async { tokio::join!(again, script) }).await;
        assert!(matches!(answer, Err(SocketError::Protocol(_))));
    }
}

#[tokio::test]
async fn liveness() {
    let clock = Manual::new();
    let (mut server, socket, mut events) = joined(Protocol::Eio3, &clock).await;
    for _ in 0..2 {
        clock.advance(Duration::from_secs(25)).await;
        assert_eq!(server.hear().await, "2");
        server.say("3").await;
    }
    clock.advance(Duration::from_secs(25)).await;
    clock.advance(Duration::from_secs(5)).await;
    assert!(within(events.recv()).await.is_none());
    assert!(!socket.is_connected());

    let clock = Manual::new();
    let (mut server, socket, mut events) = joined(Protocol::Eio4, &clock).await;
    for _ in 0..2 {
        clock.advance(Duration::from_secs(29)).await;
        server.say("2").await;
        assert_eq!(server.hear().await, "3");
    }
    assert!(socket.is_connected());
    clock.advance(Duration::from_secs(30)).await;
    assert!(within(events.recv()).await.is_none());
    assert!(events.close_reason().unwrap().contains("stopped answering"));
    assert!(reason(socket.emit("x", &[]).await).contains("stopped answering"));
}

#[tokio::test]
async fn a_server_that_stops_reading_is_found_dead() {
    let clock = Manual::new();
    let (_server, socket, events) = joined(Protocol::Eio4, &clock).await;
    // More than both queues hold: the driver waits in the middle of sending.
    let flood = tokio::spawn(async move {
        while socket.emit("x", &[]).await.is_ok() {}
        socket
    });
    settle().await;
    clock.advance(Duration::from_secs(30)).await;
    within(flood).await.unwrap();
    assert_eq!(events.close_reason().unwrap(), "the server stopped reading");
}

const NEVER_DEAD: &str = r#"0{"sid":"a","pingInterval":18446744073709551615,"pingTimeout":86400000}"#;

#[tokio::test]
async fn a_server_cannot_choose_to_be_waited_for_without_end() {
    for protocol in BOTH {
        let clock = Manual::new();
        let (mut server, task) = opening(SocketOptions::new(protocol), &clock);
        server.say(NEVER_DEAD).await;
        server.say(r#"40{"sid":"b"}"#).await;
        let (socket, mut events) = task.await.unwrap().unwrap();
        clock.advance(Duration::from_secs(240)).await;
        assert!(socket.is_connected());
        clock.advance(Duration::from_secs(60)).await;
        assert!(within(events.recv()).await.is_none());
        assert!(events.close_reason().unwrap().contains("stopped answering"));

        // Nor to take a frame without end.
        let clock = Manual::new();
        let (mut server, task) = opening(SocketOptions::new(protocol), &clock);
        server.say(NEVER_DEAD).await;
        server.say(r#"40{"sid":"b"}"#).await;
        let (socket, events) = task.await.unwrap().unwrap();
        let flood = tokio::spawn(async move { while socket.emit("x", &[]).await.is_ok() {} });
        clock.advance(Duration::from_secs(30)).await;
        within(flood).await.unwrap();
        assert_eq!(events.close_reason().unwrap(), "the server stopped reading");
    }
}

#[tokio::test]
async fn closing_and_emitting_end_although_the_server_reads_nothing() {
    let clock = Manual::new();
    let (_server, socket, mut events) = joined(Protocol::Eio4, &clock).await;
    let flood = tokio::spawn({
        let socket = socket.clone();
        async move {
            loop {
                if let Err(error) = socket.emit("x", &[]).await {
                    return error;
                }
            }
        }
    });
    settle().await;
    assert_eq!(socket.commands.capacity(), 0);
    let closing = tokio::spawn({
        let socket = socket.clone();
        async move { socket.close().await }
    });
    clock.advance(Duration::from_millis(4_999)).await;
    assert!(socket.is_connected() && !closing.is_finished());
    clock.advance(Duration::from_millis(1)).await;
    within(closing).await.unwrap();
    assert!(matches!(within(flood).await.unwrap(), SocketError::Closed { .. }));
    assert!(within(events.recv()).await.is_none());
    assert_eq!(events.close_reason().unwrap(), OURS);
    within(socket.commands.closed()).await;
}

#[tokio::test]
async fn a_queue_that_stays_full_is_an_error() {
    let clock = Manual::new();
    let (mut server, socket, _events) = joined(Protocol::Eio4, &clock).await;
    while socket.commands.try_send(Command::Send("x".into())).is_ok() {
        // Until the driver waits in the middle of sending and the queue behind it is full.
        settle().await;
    }
    let mut line = Vec::new();
    for _ in 0..2 {
        let socket = socket.clone();
        line.push(tokio::spawn(async move { socket.emit("late", &[]).await }));
        settle().await;
    }
    // It reads one frame within the time limit, which makes one place.
    clock.advance(Duration::from_secs(20)).await;
    assert_eq!(server.hear().await, "x");
    clock.advance(Duration::from_secs(10)).await;
    assert!(matches!(within(line.pop().unwrap()).await.unwrap(), Err(SocketError::QueueFull)));
    assert!(within(line.pop().unwrap()).await.unwrap().is_ok());
    assert!(socket.is_connected());
}

#[tokio::test]
async fn the_end_ends_everything_at_once() {
    for (protocol, last) in
        [(Protocol::Eio3, Some("41")), (Protocol::Eio4, Some("1")), (Protocol::Eio4, None)]
    {
        let clock = Manual::new();
        let (mut server, socket, mut events) = joined(protocol, &clock).await;
        let asking = tokio::spawn({
            let socket = socket.clone();
            async move { socket.emit_with_ack("q", &[], Duration::from_secs(9)).await }
        });
        server.hear().await;
        server.say(r#"42["last"]"#).await;
        match last {
            Some(text) => server.say(text).await,
            None => drop(server),
        }
        reason(within(asking).await.unwrap());
        assert_eq!(events.recv().await.unwrap().name, "last", "what arrived before the end is still read");
        assert!(events.recv().await.is_none());
        assert!(!socket.is_connected());
        reason(socket.emit_with_ack("q", &[], Duration::from_secs(9)).await);
        within(socket.close()).await;
    }
}

#[tokio::test]
async fn the_connection_lives_as_long_as_a_handle() {
    for protocol in BOTH {
        let clock = Manual::new();
        let (mut server, socket, mut events) = joined(protocol, &clock).await;
        drop(socket);
        server.say(r#"42["ev"]"#).await;
        assert_eq!(events.recv().await.unwrap().name, "ev");
        drop(events);
        assert_eq!(server.hear().await, "41");
        assert!(within(server.ended()).await);
    }
}

#[tokio::test]
async fn full_queues_and_malformed_packets_are_counted() {
    let clock = Manual::new();
    let mut options = SocketOptions::new(Protocol::Eio4);
    options.event_queue = 2;
    let (mut server, socket, mut events) = joined_with(options, &clock).await;
    for bad in ["", "42[", "9", "42[1]", r#"451-["ev",{"_placeholder":true,"num":0}]"#, "44{}"] {
        server.say(bad).await;
    }
    server.0.send(Frame::Binary(bytes::Bytes::from_static(b"x"))).await.unwrap();
    for n in 0..5 {
        server.say(&format!(r#"42["ev",{n}]"#)).await;
    }
    settle().await;
    assert_eq!((socket.dropped_packets(), socket.dropped_events()), (7, 3));
    assert_eq!(events.recv().await.unwrap().args, [json!(3)]);
    assert_eq!(events.recv().await.unwrap().args, [json!(4)]);
    assert!(socket.is_connected());
    drop(events);
    server.say(r#"42["ev"]"#).await;
    settle().await;
    assert_eq!(socket.dropped_events(), 3, "nobody reads them: that is no loss");
}

#[test]
fn handles_can_be_shared() {
    fn shared<T: Clone + Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Socket>();
    moved::<Events>();
}
