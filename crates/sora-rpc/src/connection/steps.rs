//! What the task of a connection does about what came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtc_core::transport::channel::{BoxChannel, Frame};
use rtc_core::{ErrorKind, TransportError, TransportErrorKind, Trust, Url};

use super::event::ConnectionEvent;
use super::lane::lane;
use super::link::Link;
use super::relay::Relay;
use super::sdp;
use super::session::{Happened, Loss};
use super::task::{GOODBYE, Goodbye, Known, Leaving, Over, Phase, RPC, Task};
use super::web::{self, Told, Web};
use crate::client::Client;
use crate::error::{Error, Result, SoraError, Stage};
use crate::model::{IceTransportPolicy, Offer};
use crate::signaling::{End, EndClass, Event, Incoming, Lane, Transmit};

/// How long the server may take to close after a disconnect, as the official SDKs wait.
pub(super) const LEAVE: Duration = Duration::from_secs(10);
/// How long the TURN servers may take, within the limit of connecting.
const GATHER: Duration = Duration::from_secs(10);

impl Task {
    /// Does what signaling asks for, until it asks for nothing.
    pub(super) fn follow(&mut self) {
        let counters = self.signaling.counters();
        self.know(|known| known.counters = counters);
        loop {
            self.transmit();
            if self.over.is_some() {
                return;
            }
            let Some(event) = self.signaling.poll_event() else { return };
            self.on(event);
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Offer(offer) => self.offered(*offer),
            Event::ReOffer(offer) => self.reoffered(*offer),
            Event::Notify(notify) => self.publish(ConnectionEvent::Notify(notify)),
            Event::Push(push) => self.publish(ConnectionEvent::Push(push)),
            Event::Unknown(message) => self.publish(ConnectionEvent::Unknown(message)),
            Event::Message { label, data } => self.publish(ConnectionEvent::Message { label, data }),
            Event::Ready => self.ready(),
            Event::CloseWebSocket => self.web.iter_mut().for_each(Web::close),
            Event::Redirect { location } => self.redirected(location),
            Event::StatsWanted(reply) => self.signaling.stats(reply, Vec::new()),
            Event::Ended(end) => self.over = Some(Over::Ended(end)),
            // The client reads `rpc` by itself; of the others, what follows tells.
            Event::Rpc(_) | Event::Switched { .. } | Event::Close { .. } => {}
        }
    }

    /// Sends what signaling has to say, as far as there is room.
    fn transmit(&mut self) {
        while self.held.is_none() {
            let Some(transmit) = self.signaling.poll_transmit() else { return };
            match (&transmit.to, &mut self.link) {
                (Lane::WebSocket, _) => self.send_over_websocket(transmit),
                (Lane::Channel(label), Some(link)) => {
                    if !link.write(label, &transmit.frame) {
                        self.held = Some(transmit);
                    }
                }
                (Lane::Channel(_), None) => {}
            }
        }
    }

    fn send_over_websocket(&mut self, transmit: Transmit) {
        let Some(web) = &self.web else { return };
        if !web.send(transmit.frame) {
            // It takes nothing any more.
            self.web = None;
            self.signaling.websocket_closed(None, "");
        }
    }

    pub(super) fn opened(&mut self, opened: Result<(BoxChannel, Url)>) {
        match opened {
            Ok((channel, url)) => {
                self.url = Some(web::shown(&url));
                self.stage = Stage::Offer;
                self.web = Some(Web::new(channel));
                self.signaling.connecting_to(&url);
                self.signaling.websocket_opened();
            }
            Err(error) => self.over = Some(Over::Failed(error)),
        }
    }

    pub(super) fn told(&mut self, told: Option<Told>) {
        match told {
            Some(Told::Text(text)) => {
                if self.stage == Stage::Offer && is_offer_without_sdp(&text) {
                    return self.fail(ErrorKind::Protocol, "the offer has no session description (sdp)");
                }
                self.signaling.websocket_message(&text);
            }
            Some(Told::Closed { code, reason }) => {
                self.web = None;
                let code = Some(code).filter(|code| *code != web::LOST);
                self.signaling.websocket_closed(code, &reason);
            }
            // We have closed it.
            None => {
                self.web = None;
                self.signaling.websocket_closed(None, "");
            }
        }
    }

    /// Takes the first offer in: a client for it, a path to the server, an answer.
    fn offered(&mut self, offer: Offer) {
        if offer.data_channels.is_empty() {
            return self.fail(
                ErrorKind::Unavailable,
                "the offer lists no data channels: turn data_channel_signaling on, in `connect` or at the server",
            );
        }
        let checked = sdp::check(&offer.sdp, &self.settings.config.policy);
        if checked.had_candidates && checked.peers.is_empty() {
            return self.fail(
                ErrorKind::InvalidInput,
                "no candidate of the offer can be used: they are not over UDP, are names, or are addresses that \
                 the endpoint policy refuses (for a private network, see allow_private)",
            );
        }
        self.renew_client(&offer);
        let mut link = Link::new(self.now(), self.signaling.max_message());
        let relay_only = offer.ice_transport_policy == Some(IceTransportPolicy::Relay);
        if !relay_only && let Err(error) = link.open_sockets(&checked.peers) {
            self.stage = Stage::Ice;
            return self.fail(ErrorKind::Connection, format!("no UDP socket can be opened: {error}"));
        }
        self.link = Some(link);
        let has_turn = offer.ice_servers.iter().flat_map(|server| &server.urls).any(|url| is_turn(url));
        if relay_only || has_turn {
            let (servers, config) = (offer.ice_servers, self.settings.config.clone());
            let (peers, limit) = (checked.peers, GATHER.min(self.settings.limit));
            self.gathering = Some(Box::pin(async move {
                Relay::allocate(&servers, &peers, &config, limit).await.map(Box::new)
            }));
        }
        if relay_only {
            self.stage = Stage::Relay;
            self.unanswered = Some(checked.sdp);
        } else {
            self.answer(&checked.sdp);
        }
    }

    /// Puts a client in the place of the one before, if there is one.
    fn renew_client(&mut self, offer: &Offer) {
        let mut options = self.settings.client.clone();
        if let Some(next) = self.client().and_then(|client| client.next_id()) {
            options.peer = options.peer.first_id(next);
        }
        options.peer.max_message = options.peer.max_message.min(self.signaling.max_message());
        options.compress = false;
        let (end, channel) = lane(options.peer.max_pending.saturating_add(64));
        let (client, driver) = Client::with_driver(channel, options);
        client.offer(offer);
        client.set_open(false);
        self.lane = Some(end);
        self.driver = Some(Box::pin(driver));
        let known = Known { client, offer: Arc::new(offer.clone()), counters: self.signaling.counters() };
        match self.known.is_some() {
            true => self.know(|slot| *slot = known),
            false => self.known = Some(Arc::new(Mutex::new(known))),
        }
    }

    fn answer(&mut self, offer: &str) {
        let now = self.now();
        let Some(link) = &mut self.link else { return };
        match link.answer_first(offer, now) {
            Ok(answer) => {
                self.stage = Stage::Ice;
                self.signaling.answer(answer);
            }
            Err(_) => self.fail(ErrorKind::Protocol, "the session description of the offer cannot be used"),
        }
    }

    pub(super) fn gathered(&mut self, relay: std::result::Result<Box<Relay>, TransportError>) {
        let (Some(link), pending) = (&mut self.link, self.unanswered.take()) else { return };
        match (relay, pending) {
            (Ok(relay), Some(offer)) => {
                link.add_relay(relay);
                self.answer(&offer);
            }
            (Ok(relay), None) => {
                if let Some(candidate) = link.add_relay(relay) {
                    self.signaling.candidate(candidate);
                }
            }
            (Err(error), Some(_)) => {
                let kind = match error.kind() {
                    TransportErrorKind::ConnectTimeout => ErrorKind::Timeout,
                    TransportErrorKind::Setup(_) | TransportErrorKind::Blocked(_) => ErrorKind::InvalidInput,
                    _ => ErrorKind::Connection,
                };
                self.fail(kind, web::with_source(&error));
            }
            // There are other ways.
            (Err(_), None) => {}
        }
    }

    fn reoffered(&mut self, offer: Offer) {
        let Some(link) = &mut self.link else { return };
        let checked = sdp::check(&offer.sdp, &self.settings.config.policy);
        link.permit(&checked.peers);
        match link.answer(&checked.sdp) {
            Ok(answer) => self.signaling.answer(answer),
            Err(_) => {
                let end = End::of(
                    EndClass::TransportClosed,
                    "the session description of a later offer cannot be used",
                );
                self.over = Some(Over::Ended(end));
                return;
            }
        }
        if let Some(client) = self.client() {
            client.offer(&offer);
        }
        self.know(|known| known.offer = Arc::new(offer.clone()));
        self.publish(ConnectionEvent::Changed(Box::new(offer)));
    }

    fn ready(&mut self) {
        self.until = None;
        self.phase.send_replace(Phase::Ready);
        self.publish(ConnectionEvent::Ready);
        if let (Some(connected), Some(known)) = (self.connected.take(), &self.known) {
            let _ = connected.send(Ok(Arc::clone(known)));
        }
    }

    /// Goes where the server says. Whether that is a fine place to go, signaling has judged.
    fn redirected(&mut self, location: Url) {
        if let Some(client) = self.client() {
            client.redirect();
        }
        if self.connected.is_none() {
            self.until.get_or_insert(self.now() + self.settings.limit);
            self.phase.send_replace(Phase::Connecting);
            self.publish(ConnectionEvent::Redirected);
        }
        let (web, link) = (self.web.take(), self.link.take());
        let clock = self.settings.config.clock.clone();
        self.parting = Some(Box::pin(async move {
            let _ = rtc_core::timeout(&clock, GOODBYE, part(web, link)).await;
        }));
        (self.lane, self.driver, self.gathering) = (None, None, None);
        (self.held, self.parked, self.unanswered) = (None, None, None);
        self.stage = Stage::WebSocket;
        let mut config = self.settings.config.clone();
        config.keep_identity_to(&location, &self.settings.trusted_hosts);
        self.opening = Some(Box::pin(web::open(vec![location], Trust::Discovered, config)));
    }

    pub(super) fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Datagram(_) => {}
            Happened::Path => self.advance(Stage::Dtls),
            Happened::Secured => self.advance(Stage::Channels),
            Happened::Opened(label) => {
                self.set_open(&label, true);
                self.signaling.channel_opened(&label);
            }
            Happened::Closed(label) => {
                self.set_open(&label, false);
                self.signaling.channel_closed(&label);
            }
            Happened::Message(label, frame) if label == RPC => self.deliver(frame),
            Happened::Message(label, frame) => self.signaling.channel_message(&label, frame),
            Happened::Lost(loss) => self.lost(loss),
        }
    }

    fn advance(&mut self, stage: Stage) {
        if self.stage < stage {
            self.stage = stage;
        }
    }

    fn set_open(&self, label: &str, open: bool) {
        if label == RPC
            && let Some(client) = self.client()
        {
            client.set_open(open);
        }
    }

    fn deliver(&mut self, frame: Frame) {
        if let Some(lane) = &self.lane {
            lane.deliver(frame);
        }
    }

    fn lost(&mut self, loss: Loss) {
        if loss == Loss::Closed {
            // A server that ends it all at once has closed the data channel of signaling, too.
            self.signaling.channel_closed("signaling");
            self.follow();
        }
        if self.over.is_some() {
            return;
        }
        let class = match loss {
            _ if self.leaving.is_some() => EndClass::ClientDisconnectDone,
            Loss::Ice => EndClass::PathLost,
            Loss::Closed | Loss::Failed => EndClass::TransportClosed,
        };
        if self.until.is_none() || self.leaving.is_some() {
            self.over = Some(Over::Ended(End::of(class, "")));
            return;
        }
        match loss {
            Loss::Ice => self.fail(ErrorKind::Connection, "no address that the server offered answers"),
            Loss::Closed => self.fail(ErrorKind::Closed, "the server ended the session"),
            Loss::Failed => self.fail(ErrorKind::Protocol, "DTLS or SCTP failed"),
        }
    }

    pub(super) fn leave(&mut self, goodbye: Goodbye) {
        let until = self.now() + LEAVE;
        self.leaving.get_or_insert(Leaving { until, told: Vec::new() }).told.push(goodbye);
        self.signaling.disconnect("NO-ERROR");
    }

    /// A time limit has come.
    pub(super) fn late(&mut self) {
        if self.leaving.is_some() {
            self.over = Some(Over::Ended(End::of(EndClass::DisconnectTimeout, "")));
        } else {
            self.fail(
                ErrorKind::Timeout,
                format!("the limit of {:?} for connecting ran out", self.settings.limit),
            );
        }
    }

    fn fail(&mut self, kind: ErrorKind, cause: impl Into<String>) {
        let error =
            SoraError::NotConnected { stage: self.stage, url: self.url.clone(), kind, cause: cause.into() };
        self.over = Some(Over::Failed(Error::refused(error)));
    }

    /// What an end is to those who listen, and to those who wait for the connection.
    pub(super) fn judge(&self, over: Over) -> (Option<End>, Error) {
        match over {
            Over::Ended(end) => (Some(end.clone()), Error::refused(SoraError::Rejected(end))),
            // Where it once stood, the way to the new place failed.
            Over::Failed(error) => {
                let class = if self.stage <= Stage::Offer {
                    EndClass::WebsocketClosed
                } else {
                    EndClass::TransportClosed
                };
                (Some(End::of(class, error.to_string())), error)
            }
            Over::Dropped => (None, Error::refused(SoraError::Disconnected)),
        }
    }
}

/// Says goodbye over both.
pub(super) async fn part(web: Option<Web>, link: Option<Link>) {
    if let Some(web) = web {
        web.finish().await;
    }
    if let Some(link) = link {
        link.close().await;
    }
}

fn is_turn(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("turn") || scheme.eq_ignore_ascii_case("turns")
}

/// Signaling drops and counts it, as all that is broken; but without it nothing follows.
fn is_offer_without_sdp(text: &str) -> bool {
    matches!(crate::signaling::parse(text), Ok(Incoming::Offer(offer)) if offer.sdp.is_empty())
}
