//! Bring your own WebRTC stack: signaling and JSON-RPC without I/O, driven by hand.
//!
//! `Signaling` and `Peer` never open, wait or send anything. An adapter has four duties, which [`Adapter`] does here for
//! a stack of the simplest kind, and which are the same for libwebrtc, webrtc-rs or a browser's:
//!
//! 1. hand over what the WebSocket and the data channels bring ([`Input`]),
//! 2. send what `poll_transmit` tells,
//! 3. do what `poll_event` tells: answer offers, close the WebSocket, follow redirects,
//! 4. watch the clock: limit the time until `Ready` (30 s, say), and end calls at `Peer::next_deadline`.
//!
//! The stack and the server of this example live in this process: `cargo run -p sora-rpc --example own_channel`.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Instant;

use serde_json::{Value, json};
use sora_rpc::compress::{deflate, inflate};
use sora_rpc::rtc_core::Bytes;
use sora_rpc::rtc_core::transport::channel::Frame;
use sora_rpc::signaling::{Event, Lane, Signaling, SignalingOptions};
use sora_rpc::{CallOptions, Connect, Message, Peer, PeerOptions, RequestSimulcastRid, Rid, Role};

/// What a WebRTC stack and a WebSocket tell. Yours has callbacks or an event loop for it.
enum Input {
    Text(String),
    Opened(String),
    Frame(String, Frame),
    Closed(String),
}

/// What an adapter needs of a WebRTC stack and a WebSocket.
trait Stack {
    /// Sets up ICE, DTLS and SCTP by an offer, and gives the answer. Data channels are opened by the server.
    fn answer(&mut self, sdp: &str) -> String;
    fn send_text(&mut self, text: String);
    fn send(&mut self, label: &str, frame: Frame);
    fn close_websocket(&mut self);
    fn next(&mut self) -> Option<Input>;
}

/// Ties the three together.
struct Adapter<S> {
    stack: S,
    signaling: Signaling,
    /// The token of a call is whatever finds the caller; here it is a name.
    peer: Peer<&'static str>,
    results: Vec<(&'static str, String)>,
    ended: bool,
}

impl<S: Stack> Adapter<S> {
    fn new(connect: &Connect, stack: S) -> sora_rpc::Result<Self> {
        let mut peer = Peer::new(PeerOptions::new());
        peer.set_open(false);
        let mut signaling = Signaling::new(connect, SignalingOptions::new())?;
        // The WebSocket of this stack is open from the start.
        signaling.websocket_opened();
        Ok(Self { stack, signaling, peer, results: Vec::new(), ended: false })
    }

    /// Runs until `done`, or until nothing is left to do.
    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        loop {
            self.carry_out();
            if done(self) {
                return;
            }
            let Some(input) = self.stack.next() else { return };
            self.take_in(input);
        }
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Text(text) => self.signaling.websocket_message(&text),
            Input::Opened(label) => {
                self.signaling.channel_opened(&label);
                if label == "rpc" {
                    self.peer.set_open(true);
                }
            }
            Input::Frame(label, frame) => self.signaling.channel_message(&label, frame),
            Input::Closed(label) => {
                self.signaling.channel_closed(&label);
                if label == "rpc" {
                    self.peer.set_open(false);
                }
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(event) = self.signaling.poll_event() {
            self.handle(event);
        }
        while let Some(message) = self.signaling.poll_transmit() {
            match (message.to, message.frame) {
                (Lane::WebSocket, Frame::Text(text)) => self.stack.send_text(text),
                (Lane::Channel(label), frame) => self.stack.send(&label, frame),
                _ => {}
            }
        }
    }

    fn handle(&mut self, event: Event) {
        println!("{event:?}");
        match event {
            Event::Offer(offer) | Event::ReOffer(offer) => {
                // A later offer may take RPC away: the calls under way then end.
                let lost = self.peer.offer(offer.rpc, &offer.rpc_methods);
                lost.into_iter().for_each(|answer| println!("{} is lost", answer.token));
                let answer = self.stack.answer(&offer.sdp);
                self.signaling.answer(answer);
            }
            Event::Rpc(message) => {
                if let Some(answer) = self.peer.receive(&message) {
                    let text = match answer.outcome {
                        Ok(result) => result.to_owned(),
                        Err(error) => error.to_string(),
                    };
                    self.results.push((answer.token, text));
                }
            }
            Event::CloseWebSocket => self.stack.close_websocket(),
            Event::Ended(_) => {
                self.ended = true;
                let lost = self.peer.disconnect();
                lost.into_iter().for_each(|answer| println!("{} is lost", answer.token));
            }
            // A `Redirect` would be: close all, `peer.redirect()`, open a WebSocket there, `websocket_opened()`.
            _ => {}
        }
    }

    fn call(&mut self, message: Message, caller: &'static str) -> sora_rpc::Result<()> {
        let (id, bytes) = self.peer.call(message, &CallOptions::new(), Instant::now(), caller)?;
        // A call whose message cannot be sent is given up.
        self.signaling.send("rpc", bytes).inspect_err(|_| {
            self.peer.cancel(id);
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let connect = Connect::new(Role::RecvOnly, "sora").data_channel_signaling(true);
    let mut adapter = Adapter::new(&connect, Fake::default())?;
    adapter.run_until(|adapter| adapter.signaling.is_ready());
    assert!(adapter.signaling.is_ready());

    adapter.call(Message::typed(&RequestSimulcastRid::new(Rid::R1))?, "the caller")?;
    adapter.run_until(|adapter| !adapter.results.is_empty());
    println!("{:?}", adapter.results);
    assert_eq!(adapter.results, [("the caller", r#"{"rid":"r1"}"#.to_owned())]);

    adapter.signaling.disconnect("NO-ERROR");
    adapter.run_until(|adapter| adapter.ended);
    assert!(adapter.ended);
    Ok(())
}

/// A stack whose network is a queue, with a server at its end: for this example only.
#[derive(Default)]
struct Fake {
    inputs: VecDeque<Input>,
}

const LABELS: [&str; 5] = ["signaling", "notify", "push", "stats", "rpc"];

impl Fake {
    fn says(&mut self, message: &Value) {
        self.inputs.push_back(Input::Text(message.to_string()));
    }

    fn opens_all(&mut self) {
        self.inputs.extend(LABELS.map(|label| Input::Opened(label.to_owned())));
        self.says(&json!({ "type": "switched", "ignore_disconnect_websocket": true }));
    }

    /// The server's answer to a call: what was asked for.
    fn answers(&mut self, call: &Value) {
        let answer = json!({ "jsonrpc": "2.0", "id": call["id"], "result": call["params"] });
        let frame = Frame::Binary(deflate(answer.to_string().as_bytes()).into());
        self.inputs.push_back(Input::Frame("rpc".to_owned(), frame));
    }
}

impl Stack for Fake {
    fn answer(&mut self, _sdp: &str) -> String {
        "v=0".to_owned()
    }

    fn send_text(&mut self, text: String) {
        if text.contains(r#""type":"connect""#) {
            let channels = LABELS.map(|label| json!({ "label": label, "compress": true }));
            let methods = ["2025.2.0/RequestSimulcastRid"];
            let offer =
                json!({ "type": "offer", "sdp": "v=0", "data_channels": channels, "rpc_methods": methods });
            self.says(&offer);
        } else if text.contains(r#""type":"answer""#) {
            self.opens_all();
        }
    }

    fn send(&mut self, label: &str, frame: Frame) {
        let Frame::Binary(bytes) = frame else { return };
        let message = inflate(&bytes, 1 << 20).map(Bytes::from).unwrap_or_default();
        let message = serde_json::from_slice(&message).unwrap_or_default();
        match label {
            "rpc" => self.answers(&message),
            _ => self.inputs.extend(LABELS.map(|label| Input::Closed(label.to_owned()))),
        }
    }

    fn close_websocket(&mut self) {}

    fn next(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }
}
