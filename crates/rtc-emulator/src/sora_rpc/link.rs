//! One peer connection without media: ICE, DTLS and data channels of str0m over one UDP socket.
//!
//! Its timers (checks, retransmissions) are the network's and run in real time: a manual clock of the emulator that
//! stands still must not keep a client from connecting.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::Bytes;
use serde_json::Value;
use str0m::{
    Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError,
    change::{SdpAnswer, SdpPendingOffer},
    channel::{ChannelConfig, ChannelId, Reliability},
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive, Transmit},
};
use tokio::net::UdpSocket;

/// The largest message either way, in bytes: what libwebrtc and aiortc announce in `a=max-message-size`.
const MAX_MESSAGE: usize = 256 * 1024;
/// What may wait for a client that does not read, in bytes; one that lets more pile up is cut off.
const MAX_WAITING: usize = 16 * 1024 * 1024;
/// Larger than any UDP datagram.
const DATAGRAM: usize = 65_536;

/// What happened to a connection.
#[derive(Debug)]
pub(super) enum Happening {
    /// ICE and DTLS are up, or the client has agreed to a data channel.
    Opened,
    /// A data channel is gone, whoever closed it.
    Closed(String),
    /// The client has all that was sent on a data channel.
    Drained,
    /// A message of the client.
    Message { label: String, binary: bool, data: Bytes },
    /// The connection is over.
    Gone,
}

/// One data channel.
struct Lane {
    id: ChannelId,
    label: String,
    open: bool,
}

/// The server's end of one connection. It makes the offers.
pub(super) struct Link {
    /// Boxed, because it is large.
    rtc: Box<Rtc>,
    udp: UdpSocket,
    local: SocketAddr,
    /// A packet that the socket had no room for.
    unsent: Option<Transmit>,
    buffer: Vec<u8>,
    lanes: Vec<Lane>,
    /// Messages that str0m had no room for.
    waiting: VecDeque<(ChannelId, bool, Bytes)>,
    waiting_bytes: usize,
    pending: Option<SdpPendingOffer>,
    /// The medium that later offers are about, and whether it sends now.
    media: Option<(Mid, bool)>,
    connected: bool,
    gone: bool,
}

impl Link {
    /// A connection with the data channels of an offer, and its SDP. Without any there is a medium that carries
    /// nothing, because an offer must be about something.
    pub(super) async fn open(ip: IpAddr, data_channels: &[Value]) -> io::Result<(Self, String)> {
        let udp = UdpSocket::bind((ip, 0)).await?;
        let local = udp.local_addr()?;
        let mut rtc = Rtc::builder()
            // Room for the largest message beside others.
            .set_sctp_max_buffered_amount(MAX_MESSAGE.saturating_mul(4))
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp").map_err(io::Error::other)?);
        let mut api = rtc.sdp_api();
        let mut lanes = Vec::new();
        for config in data_channels.iter().filter_map(config) {
            let label = config.label.clone();
            lanes.push(Lane { id: api.add_channel_with_config(config), label, open: false });
        }
        let mut media = None;
        if lanes.is_empty() {
            media = Some((api.add_media(MediaKind::Audio, Direction::Inactive, None, None, None), false));
        }
        let (offer, pending) = api.apply().ok_or_else(|| io::Error::other("an offer about nothing"))?;
        let link = Self {
            rtc: Box::new(rtc),
            udp,
            local,
            unsent: None,
            buffer: vec![0; DATAGRAM],
            lanes,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            pending: Some(pending),
            media,
            connected: false,
            gone: false,
        };
        Ok((link, offer.to_sdp_string()))
    }

    /// Whether an offer waits for its answer; there can be one at a time.
    pub(super) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Another offer: its medium starts or stops sending, which changes nothing for the data channels.
    pub(super) fn offer_again(&mut self) -> Option<String> {
        // A client may have refused the medium; then there is nothing to change about it, and another one is offered.
        let known = self.media.and_then(|(mid, sends)| {
            let mut api = self.rtc.sdp_api();
            api.set_direction(mid, if sends { Direction::Inactive } else { Direction::SendOnly });
            Some((api.apply()?, (mid, !sends)))
        });
        let ((offer, pending), media) = match known {
            Some(known) => known,
            None => {
                let mut api = self.rtc.sdp_api();
                let mid = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
                (api.apply()?, (mid, true))
            }
        };
        (self.media, self.pending) = (Some(media), Some(pending));
        Some(offer.to_sdp_string())
    }

    /// Takes the answer to the last offer; false if it is none, or nobody asked.
    pub(super) fn answer(&mut self, sdp: &str) -> bool {
        let Ok(answer) = SdpAnswer::from_sdp_string(sdp) else { return false };
        let Some(pending) = self.pending.take() else { return false };
        self.rtc.sdp_api().accept_answer(pending, answer).is_ok()
    }

    /// Takes a candidate of the client. One that cannot be used (TCP, a name of mDNS) is passed over: the client's
    /// own checks reach this side all the same.
    pub(super) fn candidate(&mut self, candidate: &str) {
        if let Ok(candidate) = Candidate::from_sdp_string(candidate) {
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// Whether ICE, DTLS and every data channel are up.
    pub(super) fn is_up(&self) -> bool {
        self.connected && self.lanes.iter().all(|lane| lane.open)
    }

    /// Whether no data channel is left.
    pub(super) fn is_bare(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether a data channel is open.
    pub(super) fn is_open(&self, label: &str) -> bool {
        self.lanes.iter().any(|lane| lane.open && lane.label == label)
    }

    /// Sends on a data channel; nothing happens if it is not open.
    pub(super) fn send(&mut self, label: &str, binary: bool, data: Bytes) {
        let Some(lane) = self.lanes.iter().find(|lane| lane.open && lane.label == label) else { return };
        self.waiting_bytes = self.waiting_bytes.saturating_add(data.len());
        self.waiting.push_back((lane.id, binary, data));
        self.gone |= self.waiting_bytes > MAX_WAITING;
        self.flush();
    }

    /// Closes every data channel by itself, once what was sent is through. The rest of the connection stays up: a
    /// client that loses it first takes that for a failure.
    pub(super) fn close_lanes(&mut self) {
        for lane in &self.lanes {
            self.rtc.direct_api().close_data_channel(lane.id);
        }
    }

    /// Whether the client has got everything.
    pub(super) fn is_drained(&mut self) -> bool {
        let lanes = std::mem::take(&mut self.lanes);
        let mut buffered = |lane: &Lane| self.rtc.channel(lane.id).map_or(0, |mut c| c.buffered_amount());
        let done = lanes.iter().all(|lane| buffered(lane) == 0);
        self.lanes = lanes;
        done && self.waiting.is_empty()
    }

    /// Ends the connection, and says so to the client.
    pub(super) async fn shut_down(&mut self) {
        if self.rtc.close().is_ok() {
            while !matches!(self.next().await, Happening::Gone) {}
        }
    }

    /// Waits for what happens next. It may be dropped while it waits.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            if let Some(packet) = &self.unsent {
                match self.udp.try_send_to(&packet.contents, packet.destination) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // An error here is found again by the next attempt.
                        let _ = self.udp.writable().await;
                        continue;
                    }
                    // Whatever else goes wrong with a packet is the same as its loss.
                    _ => self.unsent = None,
                }
            }
            // The last packet goes first: it may be the goodbye.
            if self.gone {
                return Happening::Gone;
            }
            self.flush();
            match self.rtc.poll_output() {
                Ok(Output::Transmit(packet)) => self.unsent = Some(packet),
                Ok(Output::Event(event)) => {
                    if let Some(happening) = self.happening(event) {
                        return happening;
                    }
                }
                Ok(Output::Timeout(at)) => self.wait(at).await,
                Err(_) => self.gone = true,
            }
            self.gone |= !self.rtc.is_alive();
        }
    }

    /// Waits for a packet or for `at`, and tells str0m.
    async fn wait(&mut self, at: Instant) {
        let input = tokio::select! {
            received = self.udp.recv_from(&mut self.buffer) => {
                // An error is what ICMP says about a packet sent before.
                let Ok((length, source)) = received else { return };
                let datagram = self.buffer.get(..length).unwrap_or_default();
                // What is no STUN, DTLS or RTP is not for us.
                let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, datagram) else { return };
                Input::Receive(Instant::now(), receive)
            }
            () = tokio::time::sleep_until(at.into()) => Input::Timeout(Instant::now()),
        };
        // A packet that cannot be taken in is as good as lost; what is worse shows in `is_alive`.
        let _: Result<(), RtcError> = self.rtc.handle_input(input);
    }

    fn happening(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Connected => {
                self.connected = true;
                Some(Happening::Opened)
            }
            Event::ChannelOpen(id, _) => {
                self.lanes.iter_mut().find(|lane| lane.id == id)?.open = true;
                Some(Happening::Opened)
            }
            Event::ChannelClose(id) => {
                let at = self.lanes.iter().position(|lane| lane.id == id)?;
                Some(Happening::Closed(self.lanes.remove(at).label))
            }
            Event::ChannelData(message) => {
                let label = self.lanes.iter().find(|lane| lane.id == message.id)?.label.clone();
                Some(Happening::Message { label, binary: message.binary, data: message.data.into() })
            }
            Event::ChannelBufferedAmountLow(_) => Some(Happening::Drained),
            // Before the connection is up, another candidate may come.
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.gone |= self.connected;
                None
            }
            Event::Closed => {
                self.gone = true;
                None
            }
            _ => None,
        }
    }

    /// Hands str0m what it has room for.
    fn flush(&mut self) {
        while let Some((id, binary, data)) = self.waiting.front() {
            let accepted = match self.rtc.channel(*id) {
                // An error concerns this message alone: it is too large for the client, or its channel is going.
                Some(mut channel) if data.len() <= MAX_MESSAGE => {
                    channel.write(*binary, data).unwrap_or(true)
                }
                _ => true,
            };
            if !accepted {
                return;
            }
            self.waiting_bytes = self.waiting_bytes.saturating_sub(data.len());
            self.waiting.pop_front();
        }
    }
}

/// How a data channel is to be made. Ordered and reliable unless the client asked otherwise; whether the real server
/// makes its own ones so is not documented.
fn config(entry: &Value) -> Option<ChannelConfig> {
    let number = |name: &str| entry.get(name)?.as_u64().and_then(|number| u16::try_from(number).ok());
    let reliability = match (number("max_packet_life_time"), number("max_retransmits")) {
        (Some(lifetime), _) => Reliability::MaxPacketLifetime { lifetime },
        (None, Some(retransmits)) => Reliability::MaxRetransmits { retransmits },
        (None, None) => Reliability::Reliable,
    };
    Some(ChannelConfig {
        label: entry.get("label")?.as_str()?.to_owned(),
        ordered: entry.get("ordered").and_then(Value::as_bool).unwrap_or(true),
        reliability,
        negotiated: None,
        protocol: entry.get("protocol").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}
