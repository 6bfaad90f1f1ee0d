//! Socket.IO, as the servers of two providers speak it.

use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::socketio::{self, Protocol, SocketOptions};
use rtc_core::{Limits, SharedClock, TransportError, Url, http};

use crate::{bytes, show};

/// Gives each line as a text frame, then ends.
struct Lines(Vec<String>);

impl Channel for Lines {
    async fn send(&mut self, _: Frame) -> Result<(), TransportError> {
        Ok(())
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        self.0.pop().map(|line| Ok(Frame::Text(line)))
    }
}

#[derive(Debug)]
struct Once(Vec<String>);

impl Connect for Once {
    type Channel = Lines;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<Lines, ConnectError> {
        Ok(Lines(self.0.clone()))
    }
}

/// Lines are frames of either version of Engine.IO, as the length has it, after the greetings.
pub(crate) fn frames(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let greetings = [
        r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#,
        r#"40{"sid":"n"}"#,
    ];
    let mut lines: Vec<String> =
        greetings.iter().copied().chain(text.split('\n')).map(str::to_owned).collect();
    lines.reverse();
    let protocol = if text.len() % 2 == 0 { Protocol::Eio4 } else { Protocol::Eio3 };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let base = Url::parse("http://127.0.0.1/").expect("a URL");
        let clock = SharedClock::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
        let opened =
            socketio::connect(&Once(lines), &base, SocketOptions::new(protocol), clock, Limits::default())
                .await;
        let Ok((socket, mut events)) = opened else { return };
        while let Some(event) = events.recv().await {
            show(&event);
        }
        assert!(!socket.is_connected());
    });
}

pub(crate) fn frames_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "42[\"message\",{\"a\":1}]\n2\n3\n42/room,7[\"x\"]\n43/room,7[1]\n41",
        "44{\"message\":\"no\"}\n1",
        "2probe\n45-[\"bin\",{\"_placeholder\":true,\"num\":0}]\n40/other,{\"sid\":\"x\"}\n6",
        "42[\"odd\"]\n42[\"b\",[[1]]]\n",
    ])
}
