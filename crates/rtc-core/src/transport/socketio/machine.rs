//! The client's side of a connection as a state machine: frames and time in, one step each out.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::packet::{self, Heartbeat, Kind, Packet};
use super::{AckId, Event, Protocol, SEND_LIMIT, SocketError, closed};

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    Send(String),
    /// The namespace is joined.
    Joined,
    Event(Event),
    Ack(u64, Result<Vec<Value>, SocketError>),
    /// Malformed, or of a kind that is not supported.
    Dropped,
    End(SocketError),
}

#[derive(Debug, PartialEq)]
enum State {
    Opening,
    Joining,
    Joined,
}

pub(super) struct Machine {
    protocol: Protocol,
    namespace: String,
    /// The frame that joins the namespace; the default one of Engine.IO 3 needs none.
    join: Option<String>,
    state: State,
    heartbeat: Option<Heartbeat>,
    /// A ping of ours is not yet answered (Engine.IO 3).
    pinged: bool,
    deadline: Option<Instant>,
}

impl Machine {
    pub(super) fn new(protocol: Protocol, namespace: String, query: &str, auth: Option<&Value>) -> Self {
        let join = match protocol {
            Protocol::Eio3 if namespace == "/" => None,
            Protocol::Eio3 => Some(packet::connect(&namespace, query, None)),
            Protocol::Eio4 => Some(packet::connect(&namespace, "", auth)),
        };
        Self {
            protocol,
            namespace,
            join,
            state: State::Opening,
            heartbeat: None,
            pinged: false,
            deadline: None,
        }
    }

    /// When [`Machine::tick`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long a peer may take to accept a frame, whatever heartbeat it asks for.
    pub(super) fn patience(&self) -> Duration {
        self.heartbeat.map_or(SEND_LIMIT, |beat| SEND_LIMIT.min(beat.interval + beat.timeout))
    }

    /// The frame that leaves the namespace.
    pub(super) fn leave(&self) -> String {
        packet::disconnect(&self.namespace)
    }

    /// Takes a text frame.
    pub(super) fn frame(&mut self, text: &str, now: Instant) -> Step {
        let packet = packet::parse(text);
        if self.state == State::Opening && !matches!(packet, Some(Packet::Open(_))) {
            return Step::End(SocketError::Protocol("the server does not open with an Engine.IO handshake"));
        }
        match packet {
            None => Step::Dropped,
            Some(Packet::Open(_)) if self.state != State::Opening => Step::Dropped,
            Some(Packet::Open(heartbeat)) => {
                self.state = State::Joining;
                self.heartbeat = Some(heartbeat);
                self.rest(now);
                self.join.take().map_or(Step::Nothing, Step::Send)
            }
            Some(Packet::Close) => Step::End(closed("the server closed the connection")),
            Some(Packet::Ping(data)) => {
                if self.protocol == Protocol::Eio4 {
                    self.rest(now);
                }
                Step::Send(format!("3{data}"))
            }
            Some(Packet::Pong) => {
                if self.pinged {
                    self.pinged = false;
                    self.rest(now);
                }
                Step::Nothing
            }
            Some(Packet::Noop) => Step::Nothing,
            Some(Packet::Message(message)) if message.namespace != self.namespace => Step::Nothing,
            Some(Packet::Message(message)) => self.message(message.kind),
        }
    }

    fn message(&mut self, kind: Kind) -> Step {
        match kind {
            // A server of the older generation takes our packets for its own and never pings.
            Kind::Connect { session: false }
                if self.state == State::Joining && self.protocol == Protocol::Eio4 =>
            {
                Step::End(SocketError::Protocol(
                    "the server speaks the older protocol generation: it gave the session no id",
                ))
            }
            Kind::Connect { .. } if self.state == State::Joining => {
                self.state = State::Joined;
                Step::Joined
            }
            Kind::Error(reason) if self.state == State::Joining => Step::End(SocketError::Refused(reason)),
            Kind::Disconnect => Step::End(closed("the server ended the session")),
            Kind::Event { name, args, ack } => {
                Step::Event(Event { name, args, ack: ack.map(AckId), position: 0 })
            }
            Kind::Ack { id, args } => Step::Ack(id, Ok(args)),
            Kind::BinaryAck { id } => {
                Step::Ack(id, Err(SocketError::Protocol("the acknowledgement has binary attachments")))
            }
            Kind::Connect { .. } | Kind::Error(_) | Kind::BinaryEvent => Step::Dropped,
        }
    }

    /// Tells that the deadline may have passed.
    pub(super) fn tick(&mut self, now: Instant) -> Step {
        let Some(heartbeat) = self.heartbeat.filter(|_| self.deadline.is_some_and(|at| at <= now)) else {
            return Step::Nothing;
        };
        if self.protocol == Protocol::Eio4 || self.pinged {
            return Step::End(closed("the server stopped answering"));
        }
        self.pinged = true;
        self.deadline = Some(now + heartbeat.timeout);
        Step::Send("2".into())
    }

    /// Starts the wait that a sign of life begins: for our next ping, or for the server's.
    fn rest(&mut self, now: Instant) {
        self.deadline = self.heartbeat.map(|beat| match self.protocol {
            Protocol::Eio3 => now + beat.interval,
            Protocol::Eio4 => now + beat.interval + beat.timeout,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both generations take it.
    const CONNECTED: &str = r#"40{"sid":"b"}"#;
    const OPEN: &str = r#"0{"sid":"a","pingInterval":1000,"pingTimeout":500}"#;

    fn joined(protocol: Protocol, now: Instant) -> Machine {
        let mut machine = Machine::new(protocol, "/".into(), "", None);
        machine.frame(OPEN, now);
        assert!(matches!(machine.frame(CONNECTED, now), Step::Joined));
        machine
    }

    #[test]
    fn eio3_pings_and_expects_pongs() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut machine = joined(Protocol::Eio3, start);
        assert!(matches!(machine.tick(at(999)), Step::Nothing));
        assert!(matches!(machine.tick(at(1000)), Step::Send(text) if text == "2"));
        machine.frame("3", at(1100));
        assert!(matches!(machine.tick(at(2099)), Step::Nothing));
        assert!(matches!(machine.tick(at(2100)), Step::Send(_)));
        // An event is no pong.
        machine.frame(r#"42["ev"]"#, at(2200));
        assert!(matches!(machine.tick(at(2600)), Step::End(SocketError::Closed { .. })));
    }

    #[test]
    fn eio4_answers_pings_and_dies_without_them() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut machine = joined(Protocol::Eio4, start);
        assert!(matches!(machine.frame("2x", at(1400)), Step::Send(text) if text == "3x"));
        assert!(matches!(machine.tick(at(2899)), Step::Nothing));
        assert!(matches!(machine.tick(at(2900)), Step::End(SocketError::Closed { .. })));
    }

    #[test]
    fn joining() {
        let now = Instant::now();
        let auth = serde_json::json!({"t": 1});
        for (protocol, namespace, expected) in [
            (Protocol::Eio3, "/", None),
            (Protocol::Eio3, "/media", Some("40/media?a=b,")),
            (Protocol::Eio4, "/", Some(r#"40{"t":1}"#)),
            (Protocol::Eio4, "/media", Some(r#"40/media,{"t":1}"#)),
        ] {
            let mut machine = Machine::new(protocol, namespace.into(), "a=b", Some(&auth));
            match (machine.frame(OPEN, now), expected) {
                (Step::Send(text), Some(expected)) => assert_eq!(text, expected),
                (Step::Nothing, None) => {}
                (step, _) => panic!("{step:?}"),
            }
            if namespace != "/" {
                assert!(matches!(machine.frame("40", now), Step::Nothing), "another namespace");
                assert!(matches!(machine.frame(r#"40/media,{"sid":"b"}"#, now), Step::Joined));
            }
        }
        let mut machine = Machine::new(Protocol::Eio4, "/".into(), "", None);
        machine.frame(OPEN, now);
        assert!(matches!(machine.frame("40", now), Step::End(SocketError::Protocol(_))));
        let mut machine = Machine::new(Protocol::Eio4, "/".into(), "", None);
        assert!(matches!(machine.frame("40", now), Step::End(SocketError::Protocol(_))));
    }
}
