//! ICE, DTLS and SCTP of one connection, without sockets: datagrams and time in, datagrams and messages out.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::relay::quietly;
use rtc_core::transport::channel::Frame;
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// What may wait inside for the peer's acknowledgement, over all channels, at least: there is always room for the largest
/// message, and for signaling beside it.
pub(super) const BUFFERED: usize = 1024 * 1024;
/// Above this, only signaling is written: the rest waits outside, where its senders see it.
const BUSY: usize = 256 * 1024;

/// How long the server has for the first check of the path. Ours, if it came before the server has our answer, would be
/// lost and repeated 250 ms later.
const HEAD_START: Duration = Duration::from_millis(40);
/// How many addresses are remembered that proved to know our ICE password.
const HEARD: usize = 64;

/// What came out of a session.
pub(super) enum Happened {
    /// To be sent from one of the local addresses.
    Datagram(Transmit),
    /// ICE has found a path.
    Path,
    /// DTLS stands.
    Secured,
    Opened(String),
    Closed(String),
    Message(String, Frame),
    /// The end of it.
    Lost(Loss),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// No path for datagrams, or not any more.
    Ice,
    /// The peer ended DTLS or SCTP.
    Closed,
    /// DTLS or SCTP failed.
    Failed,
}

pub(super) struct Session {
    /// Large, so it is moved by its address.
    rtc: Box<Rtc>,
    /// What may wait inside.
    room: usize,
    labels: HashMap<ChannelId, String>,
    ids: HashMap<String, ChannelId>,
    due: Instant,
    /// Until when nothing is sent of our own accord; none once something has come.
    held: Option<Instant>,
    /// Where checks of ICE came from that are the server's.
    heard: HashSet<SocketAddr>,
    lost: bool,
}

impl Session {
    pub(super) fn new(now: Instant, largest: usize) -> Self {
        let room = BUFFERED.max(largest.saturating_add(BUSY));
        // No codecs: media of the offer is refused, the connection carries messages only.
        let config = Rtc::builder().clear_codecs().set_sctp_max_buffered_amount(room);
        Self {
            rtc: Box::new(config.build(now)),
            room,
            labels: HashMap::new(),
            ids: HashMap::new(),
            due: now,
            held: None,
            heard: HashSet::new(),
            lost: false,
        }
    }

    /// Adds the address of a socket of this machine.
    pub(super) fn add_host(&mut self, local: SocketAddr) {
        if let Ok(candidate) = Candidate::host(local, "udp") {
            self.rtc.add_local_candidate(candidate);
        }
    }

    /// Adds an address at a relay, and gives it as the attribute that tells the peer. Which address of this machine the
    /// relay is reached from stays untold.
    pub(super) fn add_relayed(&mut self, relayed: SocketAddr) -> Option<String> {
        let candidate = Candidate::relayed(relayed, relayed, "udp").ok()?;
        self.rtc.add_local_candidate(candidate).map(Candidate::to_sdp_string)
    }

    /// The answer to the first offer.
    pub(super) fn answer_first(&mut self, offer: &str, now: Instant) -> Result<String, Loss> {
        self.held = Some(now + HEAD_START);
        self.answer(offer)
    }

    /// The answer to an offer.
    pub(super) fn answer(&mut self, offer: &str) -> Result<String, Loss> {
        let offer = SdpOffer::from_sdp_string(offer).map_err(|_| Loss::Failed)?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|_| Loss::Failed)?;
        Ok(answer.to_sdp_string())
    }

    /// Takes a datagram in. What is none of ICE, DTLS or SCTP is dropped.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        let Ok(received) = Receive::new(Protocol::Udp, source, destination, bytes) else { return };
        let input = Input::Receive(now, received);
        let is_check = bytes.first().is_some_and(|first| *first < 2);
        // The first of DTLS may come before the path is found: from somebody who has proved who it is.
        if !self.rtc.accepts(&input) && (is_check || !self.heard.contains(&source)) {
            return;
        }
        if is_check && self.heard.len() < HEARD {
            self.heard.insert(source);
        }
        self.held = None;
        // Forged datagrams must not end the connection; real damage shows when it is polled.
        let _ = quietly(|| self.rtc.handle_input(input));
    }

    /// When it wants to be called again, without anything else happening.
    pub(super) fn due(&self) -> Instant {
        self.held.unwrap_or(self.due)
    }

    pub(super) fn elapse(&mut self, now: Instant) {
        self.held = None;
        let _ = self.rtc.handle_input(Input::Timeout(now));
    }

    /// The next thing that came out; none until more goes in.
    pub(super) fn poll(&mut self) -> Option<Happened> {
        if self.lost || self.held.is_some() {
            return None;
        }
        loop {
            // In quiet: at level TRACE, str0m puts short texts of data channels into the log.
            let happened = match quietly(|| self.rtc.poll_output()) {
                Ok(Output::Timeout(due)) if self.rtc.is_alive() => {
                    self.due = due;
                    return None;
                }
                Ok(Output::Timeout(_)) => Happened::Lost(Loss::Closed),
                Ok(Output::Transmit(datagram)) => Happened::Datagram(datagram),
                Ok(Output::Event(event)) => match self.event(event) {
                    Some(happened) => happened,
                    None => continue,
                },
                Err(_) => Happened::Lost(Loss::Failed),
            };
            self.lost = matches!(happened, Happened::Lost(_));
            return Some(happened);
        }
    }

    fn event(&mut self, event: Event) -> Option<Happened> {
        match event {
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => Some(Happened::Path),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                Some(Happened::Lost(Loss::Ice))
            }
            Event::Connected => Some(Happened::Secured),
            Event::Closed => Some(Happened::Lost(Loss::Closed)),
            Event::ChannelOpen(id, label) => {
                self.labels.insert(id, label.clone());
                self.ids.insert(label.clone(), id);
                Some(Happened::Opened(label))
            }
            Event::ChannelClose(id) => {
                let label = self.labels.remove(&id)?;
                // One of the same label may have taken its place.
                (self.ids.get(&label) == Some(&id)).then(|| {
                    self.ids.remove(&label);
                    Happened::Closed(label)
                })
            }
            Event::ChannelData(message) => {
                let label = self.labels.get(&message.id)?.clone();
                let frame = if message.binary {
                    Frame::Binary(message.data.into())
                } else {
                    // Not UTF-8: as bytes, for whoever reads it to drop and count.
                    String::from_utf8(message.data)
                        .map_or_else(|error| Frame::Binary(error.into_bytes().into()), Frame::Text)
                };
                Some(Happened::Message(label, frame))
            }
            _ => None,
        }
    }

    /// Writes a message. `false`: there is no room now. One for a channel that is not open is dropped, as are those that
    /// were on their way when it closed.
    pub(super) fn write(&mut self, label: &str, frame: &Frame) -> bool {
        let (binary, bytes): (bool, &[u8]) = match frame {
            Frame::Text(text) => (false, text.as_bytes()),
            Frame::Binary(bytes) => (true, bytes),
            _ => return true,
        };
        let channel = self.ids.get(label).and_then(|id| self.rtc.channel(*id));
        let Some(mut channel) = channel else { return true };
        bytes.len() > self.room || channel.write(binary, bytes).unwrap_or(true)
    }

    /// Whether messages other than signaling are to wait.
    pub(super) fn is_busy(&mut self) -> bool {
        let mut buffered = 0;
        for id in self.ids.values() {
            buffered += self.rtc.channel(*id).map_or(0, |mut channel| channel.buffered_amount());
        }
        buffered > BUSY
    }

    /// Says goodbye, whatever is held; the datagrams of it come out of [`poll`](Self::poll).
    pub(super) fn close(&mut self) {
        self.held = None;
        let _ = self.rtc.close();
    }
}
