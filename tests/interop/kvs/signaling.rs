//! The npm client as viewer of our master, and as master of our viewer: an offer, an answer and candidates each way,
//! delivered last first, with a GO_AWAY in the middle of them, and the connection of our viewer broken once.

use std::path::Path;
use std::time::Duration;

use kvs_signaling::signaling::{Action, Event, ReconnectReason, Signaling, SignalingEvents};
use kvs_signaling::{Client, Credentials, Error, ErrorKind, SendAnswer, SendIceCandidate, SendOffer};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

use crate::Found;
use crate::npm::Npm;

const CHANNEL: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/front-door/1700000000001";
/// Candidates each way.
const CANDIDATES: usize = 20;
/// The last one before GO_AWAY, and the last one while it is followed.
const FIRST: usize = 7;
const SECOND: usize = 14;
/// Candidates of our viewer around the moment when its connection breaks.
const AROUND_DROP: usize = 6;
/// So many messages to a connection are held back, and then delivered last first.
const REORDER: usize = 3;
/// The end of the conversation.
const LAST: &str = "candidate:99 1 udp 1 192.0.2.99 9 typ host";
/// More than enough for all of them.
const LIMIT: Duration = Duration::from_secs(30);
/// Its last letter is one byte in Latin-1 and two in UTF-8.
const SESSION: &str = "v=0\r\ns=Zoë";
/// What everybody reads of it.
const PLAIN: &str = "v=0\r\ns=Zo";

/// Who is the viewer; the other is the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Npm,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Offer,
    Answer,
    Candidate(String),
}

pub(crate) async fn run(emulator: &Emulator, drivers: &Path, packages: &Path, found: &mut Found) {
    println!("\namazon-kinesis-video-streams-webrtc and our client, over wss");
    for viewer in [Side::Npm, Side::Ours] {
        let result = Box::pin(conversation(emulator, drivers, packages, viewer, found)).await;
        found.check(&format!("a conversation, viewer {viewer:?}"), result);
    }
}

/// Both ends, and what they have told so far.
struct Talk {
    viewer: Side,
    ours: Signaling,
    events: SignalingEvents,
    npm: Npm,
    ours_got: Vec<Said>,
    npm_got: Vec<Said>,
    /// What our client says may not have arrived.
    undelivered: Vec<Said>,
    connected: usize,
    went_away: bool,
    /// Whether the offer or answer of the npm client came in Latin-1.
    is_latin1: bool,
    /// Whether the npm client read another SDP than our client sent.
    is_garbled: bool,
    is_open: bool,
    /// Events of the npm client that are none of the above.
    others: Vec<String>,
}

async fn conversation(
    emulator: &Emulator,
    drivers: &Path,
    packages: &Path,
    viewer: Side,
    found: &mut Found,
) -> Result<(), String> {
    emulator.reset();
    quirks(emulator, json!({ "reorder": REORDER }))?;
    let ca = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    std::fs::write(ca.path(), emulator.ca_pem().unwrap_or_default()).map_err(|e| e.to_string())?;
    let mut talk = connect(emulator, drivers, packages, ca.path(), viewer).await?;
    talk.until("both are connected", |talk| talk.is_open && talk.connected == 1).await?;

    let master = if viewer == Side::Ours { Side::Npm } else { Side::Ours };
    talk.send(viewer, Said::Offer).await?;
    talk.candidates(viewer, 1..=FIRST).await?;
    talk.until("the offer is there", |talk| talk.got(master).contains(&Said::Offer)).await?;
    talk.send(master, Said::Answer).await?;
    talk.candidates(master, 1..=FIRST).await?;
    // What is held back goes out. While the connections change the emulator holds nothing back: it would forget it.
    quirks(emulator, json!({}))?;
    talk.until("the first ones are there", |talk| talk.ours_got.len() > FIRST && talk.npm_got.len() > FIRST)
        .await?;

    let ours = (viewer == Side::Ours).then_some("ours");
    if !emulator.kvs().go_away(CHANNEL, ours) {
        return Err("nobody was there to be told GO_AWAY".into());
    }
    talk.candidates(viewer, FIRST + 1..=SECOND).await?;
    talk.candidates(master, FIRST + 1..=SECOND).await?;
    talk.until("GO_AWAY is followed", |talk| talk.went_away && talk.connected == 2).await?;

    quirks(emulator, json!({ "reorder": REORDER }))?;
    talk.candidates(viewer, SECOND + 1..=CANDIDATES).await?;
    talk.candidates(master, SECOND + 1..=CANDIDATES).await?;
    quirks(emulator, json!({}))?;
    if ours.is_some() {
        talk.broken(emulator).await?;
    }

    // Nothing is reordered any more: when these are there, all is there that was on its way.
    talk.send(viewer, Said::Candidate(LAST.into())).await?;
    talk.send(master, Said::Candidate(LAST.into())).await?;
    let is_last = |said: &Said| matches!(said, Said::Candidate(text) if text == LAST);
    talk.until("the last ones are there", |talk| {
        talk.ours_got.iter().any(is_last) && talk.npm_got.iter().any(is_last)
    })
    .await?;
    let judged = judge(&talk);
    talk.ours.close().await;
    println!(
        "  viewer {viewer:?}: {} messages to ours, {} to npm, {} told as undelivered, {} connections",
        talk.ours_got.len(),
        talk.npm_got.len(),
        talk.undelivered.len(),
        talk.connected
    );
    let told =
        |quirk: &str, outcome: String| vec![quirk.to_owned(), "npm client".into(), outcome, "—".into()];
    let charset = if talk.is_latin1 { "Latin-1" } else { "UTF-8" };
    if viewer == Side::Npm {
        // Both were told to go.
        let heard = if talk.others.is_empty() { "no event".to_owned() } else { talk.others.join(", ") };
        found.quirks.push(told("GO_AWAY", heard));
        found.quirks.push(told("a letter beyond ASCII in its SDP", charset.to_owned()));
        let read = if talk.is_garbled { "another letter" } else { "the letter" };
        found.quirks.push(told("a letter beyond ASCII in our SDP", read.to_owned()));
    }
    judged
}

fn quirks(emulator: &Emulator, quirks: Value) -> Result<(), String> {
    emulator.seed(json!({ "kvs-signaling": { "channels": [{ "channel_arn": CHANNEL }], "quirks": quirks } }))
}

/// Nothing twice, nothing lost unsaid, no candidate before the session it belongs to.
fn judge(talk: &Talk) -> Result<(), String> {
    let sent = |by: Side| {
        let session = if by == talk.viewer { Said::Offer } else { Said::Answer };
        let around = if by == Side::Ours && talk.viewer == by { AROUND_DROP } else { 0 };
        let count = CANDIDATES + around;
        let candidates = (1..=count).map(candidate).chain([LAST.to_owned()]).map(Said::Candidate);
        std::iter::once(session).chain(candidates)
    };
    for (to, from) in [(Side::Ours, Side::Npm), (Side::Npm, Side::Ours)] {
        let got = talk.got(to);
        let mut sorted = got.to_vec();
        sorted.sort();
        // The npm client tells nothing: what it sends must arrive.
        let told: &[Said] = if from == Side::Ours { &talk.undelivered } else { &[] };
        let lost = |said: &Said| !sorted.contains(said) && !told.contains(said);
        let lost: Vec<_> = sent(from).filter(lost).collect();
        if !lost.is_empty() {
            return Err(format!("lost without a word on the way to {to:?}: {lost:?}"));
        }
        let all = sorted.len();
        sorted.dedup();
        if sorted.len() != all {
            return Err(format!("delivered twice to {to:?}: {got:?}"));
        }
        if matches!(got.first(), Some(Said::Candidate(_))) {
            return Err(format!("a candidate came before its session to {to:?}: {got:?}"));
        }
    }
    Ok(())
}

async fn connect(
    emulator: &Emulator,
    drivers: &Path,
    packages: &Path,
    ca: &Path,
    viewer: Side,
) -> Result<Talk, String> {
    let kvs = emulator.kvs();
    let told = |error: Error| error.to_string();
    let client = Client::builder(Credentials::new(kvs.access_key_id(), kvs.secret_access_key()))
        .region(kvs.region())
        .endpoint(kvs.tls_url().unwrap_or_default())
        .root_certificate_pem(emulator.ca_pem().unwrap_or_default())
        .build()
        .map_err(told)?;
    let channel = client.channel(CHANNEL);
    let connecting = match viewer {
        Side::Ours => channel.connect_as_viewer("ours"),
        Side::Npm => channel.connect_as_master(),
    };
    let (ours, events) = connecting.await.map_err(told)?;
    let mut settings = json!({
        "key": kvs.access_key_id(), "secret": kvs.secret_access_key(), "channelARN": CHANNEL,
        "channelEndpoint": endpoint(&client, viewer).await?,
        "role": if viewer == Side::Npm { "VIEWER" } else { "MASTER" },
    });
    if viewer == Side::Npm {
        settings["clientId"] = "npm".into();
    }
    let npm = Npm::start(drivers, packages, ca, &settings)?;
    Ok(Talk {
        viewer,
        ours,
        events,
        npm,
        ours_got: Vec::new(),
        npm_got: Vec::new(),
        undelivered: Vec::new(),
        connected: 0,
        went_away: false,
        is_latin1: false,
        is_garbled: false,
        is_open: false,
        others: Vec::new(),
    })
}

/// Where the npm client is to connect.
async fn endpoint(client: &Client, viewer: Side) -> Result<String, String> {
    use kvs_signaling::{ChannelEndpointConfiguration, ChannelRole, GetSignalingChannelEndpoint, Protocol};

    let role = if viewer == Side::Npm { ChannelRole::Viewer } else { ChannelRole::Master };
    let wanted = ChannelEndpointConfiguration::new().protocols([Protocol::Wss]).role(role);
    let request =
        GetSignalingChannelEndpoint::new(CHANNEL).single_master_channel_endpoint_configuration(wanted);
    let endpoints = client.get_signaling_channel_endpoint(request).await.map_err(|e| e.to_string())?;
    endpoints.wss().map(ToString::to_string).ok_or_else(|| "there is no WSS endpoint".into())
}

fn candidate(number: usize) -> String {
    format!("candidate:{number} 1 udp 2122260223 192.0.2.{number} 50000 typ host")
}

impl Talk {
    /// A connection that just breaks. What our client sends around that moment arrives, or is told.
    async fn broken(&mut self, emulator: &Emulator) -> Result<(), String> {
        self.candidates(Side::Ours, CANDIDATES + 1..=CANDIDATES + AROUND_DROP / 2).await?;
        if !emulator.kvs().drop_connections(CHANNEL, Some("ours")) {
            return Err("there was no connection to drop".into());
        }
        self.candidates(Side::Ours, CANDIDATES + AROUND_DROP / 2 + 1..=CANDIDATES + AROUND_DROP).await?;
        self.until("the broken connection is replaced", |talk| talk.connected == 3).await
    }

    fn got(&self, side: Side) -> &[Said] {
        if side == Side::Ours { &self.ours_got } else { &self.npm_got }
    }

    async fn candidates(&mut self, by: Side, numbers: impl Iterator<Item = usize>) -> Result<(), String> {
        for number in numbers {
            self.send(by, Said::Candidate(candidate(number))).await?;
        }
        Ok(())
    }

    async fn send(&mut self, by: Side, said: Said) -> Result<(), String> {
        // A viewer talks to the master, who has no name.
        let to = match (by == self.viewer, by) {
            (true, _) => None,
            (false, Side::Ours) => Some("npm"),
            (false, Side::Npm) => Some("ours"),
        };
        if by == Side::Npm {
            let (command, text) = match &said {
                Said::Offer => ("offer", SESSION),
                Said::Answer => ("answer", SESSION),
                Said::Candidate(text) => ("candidate", text.as_str()),
            };
            return self.npm.tell(&json!({ "do": command, "text": text, "to": to }));
        }
        let to = to.map(str::to_owned);
        let sent = said.clone();
        let sending = match said {
            Said::Offer => {
                let mut request = SendOffer::new(SESSION);
                request.recipient_client_id = to;
                self.ours.send_offer(request)
            }
            Said::Answer => {
                let mut request = SendAnswer::new(SESSION);
                request.recipient_client_id = to;
                self.ours.send_answer(request)
            }
            Said::Candidate(text) => {
                let mut request = SendIceCandidate::new(text).sdp_mid("0").sdp_m_line_index(0);
                request.recipient_client_id = to;
                self.ours.send_ice_candidate(request)
            }
        };
        match sending.await {
            Ok(()) => Ok(()),
            // Told, too.
            Err(error) if error.kind() == ErrorKind::Connection => {
                self.undelivered.push(sent);
                Ok(())
            }
            Err(error) => Err(format!("our client could not send: {error}")),
        }
    }

    /// Listens to both until something is so.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), String> {
        let listening = async {
            while !is_so(self) {
                tokio::select! {
                    event = self.events.next() => self.heard(event.ok_or("our client has ended")?)?,
                    told = self.npm.next() => {
                        let told = told.ok_or("the npm client has ended")?;
                        // The master has no name.
                        let from = (self.viewer == Side::Ours).then_some("ours");
                        match told.event.as_str() {
                            "sdpOffer" | "sdpAnswer" | "iceCandidate" if told.from.as_deref() != from => {
                                return Err(format!("the npm client thinks that {:?} sent it", told.from));
                            }
                            "open" => self.is_open = true,
                            "sdpOffer" | "sdpAnswer" if told.text.starts_with(PLAIN) => {
                                self.is_garbled |= told.text != SESSION;
                                let is_offer = told.event == "sdpOffer";
                                self.npm_got.push(if is_offer { Said::Offer } else { Said::Answer });
                            }
                            "iceCandidate" => self.npm_got.push(Said::Candidate(told.text)),
                            _ => self.others.push(format!("{} {}", told.event, told.text)),
                        }
                    }
                }
            }
            Ok(())
        };
        let ended = tokio::time::timeout(LIMIT, listening).await;
        ended.unwrap_or_else(|_| {
            let seen = (
                self.ours_got.len(),
                self.npm_got.len(),
                self.undelivered.len(),
                self.connected,
                &self.others,
            );
            Err(format!(
                "it never came to this: {what} (ours, npm, undelivered, connected, others: {seen:?})"
            ))
        })
    }

    fn heard(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::SdpOffer(message) | Event::SdpAnswer(message) => {
                let session = message.payload.session_description().map_err(|e| e.to_string())?;
                if session.sdp.expose() != SESSION {
                    return Err("our client read another SDP than was sent".into());
                }
                self.is_latin1 |= message.payload.is_latin1();
                self.ours_got.push(if self.viewer == Side::Npm { Said::Offer } else { Said::Answer });
            }
            Event::IceCandidate(message) => {
                let candidate = message.payload.candidate().map_err(|e| e.to_string())?;
                self.ours_got.push(Said::Candidate(candidate.candidate.expose().to_owned()));
            }
            Event::Connected => self.connected += 1,
            Event::Reconnecting { reason: ReconnectReason::GoAway } => self.went_away = true,
            Event::GoAway { .. } | Event::Reconnecting { reason: ReconnectReason::Lost { .. } } => {}
            Event::Undelivered(message) => {
                let payload: Value =
                    serde_json::from_str(message.payload.expose()).map_err(|e| e.to_string())?;
                self.undelivered.push(match message.action {
                    Action::SdpOffer => Said::Offer,
                    Action::SdpAnswer => Said::Answer,
                    _ => Said::Candidate(payload["candidate"].as_str().unwrap_or_default().to_owned()),
                });
            }
            other => return Err(format!("our client tells {other:?}")),
        }
        Ok(())
    }
}
