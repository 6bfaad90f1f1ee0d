//! Servers and networks that do not play by the rules, between a connection and the emulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rtc_core::http::Request;
use rtc_core::transport::Limits;
use rtc_core::transport::TransportError;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::websocket::{WebSocketChannel, WebSocketConnector};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::signaling::SignalingOptions;
use sora_rpc::{
    ClientOptions, Connection, ConnectionBuilder, ConnectionEvent, DataChannel, Direction, SoraError,
};

const RESET: &str = "2025.2.0/ResetSpotlightRid";

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

async fn emulator(config: Value) -> Emulator {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&config).unwrap();
    emulator
}

type Change = Arc<dyn Fn(Frame) -> Option<Frame> + Send + Sync>;

/// Opens real WebSockets and changes what comes; none is the loss of the WebSocket.
#[derive(Clone)]
struct Changing(Change);

impl fmt::Debug for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changing")
    }
}

struct Changed(WebSocketChannel, Change);

impl Connect for Changing {
    type Channel = Changed;
    async fn connect(&self, handshake: Request<()>, limits: Limits) -> Result<Changed, ConnectError> {
        Ok(Changed(WebSocketConnector::new().connect(handshake, limits).await?, Arc::clone(&self.0)))
    }
}

impl Channel for Changed {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.0.send(frame).await
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        match self.0.recv().await? {
            Ok(frame) => (self.1)(frame).map(Ok),
            error => Some(error),
        }
    }
}

fn builder(
    emulator: &Emulator,
    change: impl Fn(Frame) -> Option<Frame> + Send + Sync + 'static,
) -> ConnectionBuilder {
    Connection::builder([emulator.sora().signaling_url()], "room").connector(Changing(Arc::new(change)))
}

/// Changes the text of messages.
fn replaced(frame: Frame, from: &str, to: &str) -> Option<Frame> {
    Some(match frame {
        Frame::Text(text) => {
            assert!(!text.contains(r#""offer""#) || text.contains(from), "the offer has no {from}");
            Frame::Text(text.replace(from, to))
        }
        frame => frame,
    })
}

/// A WebSocket that never pauses.
#[derive(Debug, Clone)]
struct Flood;

impl Connect for Flood {
    type Channel = Self;
    async fn connect(&self, _: Request<()>, _: Limits) -> Result<Self, ConnectError> {
        Ok(Self)
    }
}

impl Channel for Flood {
    async fn send(&mut self, _: Frame) -> Result<(), TransportError> {
        Ok(())
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        Some(Ok(Frame::Text(r#"{"type":"notify","event_type":"flood"}"#.into())))
    }
}

#[tokio::test]
async fn a_server_that_never_pauses_keeps_nobody_from_leaving() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let connecting =
        tokio::spawn(Connection::builder(["ws://127.0.0.1:9/signaling"], "room").connector(Flood).connect());
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), 2, "the test's and the connection's own");
    connecting.abort();
    for _ in 0..100 {
        if tasks() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the task of a connection that nobody wants goes on");
}

#[tokio::test]
async fn the_answer_to_a_disconnect_may_be_any_close() {
    let emulator = emulator(json!({})).await;
    let nameless = |frame| match frame {
        Frame::Close { .. } => Some(Frame::Close { code: 1005, reason: String::new() }),
        frame => Some(frame),
    };
    let lost = |frame| Some(frame).filter(|frame| !matches!(frame, Frame::Close { .. }));
    for builder in [builder(&emulator, nameless), builder(&emulator, lost)] {
        let (connection, mut events) = soon(builder.connect()).await.unwrap();
        // It did not take 10 s.
        soon(connection.disconnect()).await.unwrap();
        let mut last = None;
        while let Some(event) = soon(events.next()).await {
            last = Some(event);
        }
        let Some(ConnectionEvent::Ended(end)) = last else { panic!("{last:?}") };
        assert_eq!(end.code.filter(|code| *code != 1000), None);
    }
}

#[tokio::test]
async fn a_server_that_takes_any_size_is_not_told_more_than_fits() {
    let emulator = emulator(json!({})).await;
    let builder =
        builder(&emulator, |frame| replaced(frame, "a=max-message-size:262144", "a=max-message-size:0"))
            .signaling(SignalingOptions::new().max_message(64 << 20))
            .data_channel(DataChannel::new("#bulk", Direction::SendRecv).compress(false));
    let (connection, _events) = soon(builder.connect()).await.unwrap();
    let error = soon(connection.send("#bulk", vec![7; (1 << 20) + 1])).await.unwrap_err();
    assert!(matches!(error.service(), Some(SoraError::TooLarge { limit: 1_048_576, .. })), "{error:?}");
}

#[tokio::test]
async fn an_offer_that_does_not_say_so_means_no_compression() {
    let emulator = emulator(json!({ "compress": false })).await;
    let builder = builder(&emulator, |frame| replaced(frame, r#""compress":false,"#, ""))
        .client(ClientOptions::new().compress(true));
    let (connection, _events) = soon(builder.connect()).await.unwrap();
    assert_eq!(soon(connection.rpc().call(RESET, None).into_future()).await.unwrap()["channel_id"], "room");
}
