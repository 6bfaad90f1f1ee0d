//! The signaling WebSocket: one message, or a conversation.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use kvs_signaling::signaling::{Connecting, Event, Sending, Signaling, SignalingEvents};
use kvs_signaling::{ConnectAsMaster, ConnectAsViewer, Error, Peer, Result};
use rtc_core::{Revealed, Url, Violations, is_loopback_url};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::offline::Server;
use super::{client, generated};
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// Whether an operation opens a WebSocket.
pub(super) fn is_live(operation: &str) -> bool {
    operation.starts_with("connect_as_")
        || matches!(operation, "send_offer" | "send_answer" | "send_ice_candidate")
}

/// Whether the endpoint of a run is where the WebSocket is, and not the base of the client's calls: for a connection
/// all but the address of an emulator.
pub(super) fn is_socket(operation: &str, url: &str) -> bool {
    let is_here =
        || Url::parse(url).is_ok_and(|url| url.scheme().starts_with("http") && is_loopback_url(&url));
    url.starts_with("wss:") || url.starts_with("ws:") || (is_live(operation) && !is_here())
}

/// The connection that an input asks for.
pub(super) fn connecting(operation: &str, mut input: Input, run: &Run) -> Result<Connecting> {
    let (socket, run) = super::without_socket(operation, run);
    if operation == "connect_as_master" {
        let mut request = generated::connect_as_master(&mut input);
        request.endpoint = request.endpoint.or(socket);
        input.check(request.validate())?;
        Ok(client(&run)?.connect_as_master(request))
    } else {
        let mut request = generated::connect_as_viewer(&mut input);
        request.endpoint = request.endpoint.or(socket);
        input.check(request.validate())?;
        Ok(client(&run)?.connect_as_viewer(request))
    }
}

/// Runs an operation by itself: connects, acts, leaves.
pub(super) async fn run(operation: &str, input: Input, run: &Run) -> Outcome {
    if operation.starts_with("connect_as_") {
        return connect(operation, input, run).await;
    }
    let server = Server::of_case(run);
    let mut outcome = match send(operation, input, run, server.as_ref()).await {
        Ok(()) => run.done(&Value::Null, None, None, 1),
        Err(error) => run.failed(&error),
    };
    outcome.frames = server.map(|server| server.frames()).unwrap_or_default();
    outcome
}

async fn connect(operation: &str, input: Input, run: &Run) -> Outcome {
    let connecting = match connecting(operation, input, run) {
        Ok(connecting) => connecting,
        Err(error) => return run.failed(&error),
    };
    match connecting.await {
        Ok((signaling, _events)) => {
            let output = match signaling.peer() {
                Peer::Viewer(client_id) => {
                    json!({ "connected": true, "role": "VIEWER", "client_id": client_id })
                }
                _ => json!({ "connected": true, "role": "MASTER", "client_id": null }),
            };
            signaling.close().await;
            run.done(&output, None, None, 1)
        }
        Err(error) => run.failed(&error),
    }
}

/// Sends one message: as the viewer that the input names as `client_id`, or as the master.
async fn send(operation: &str, mut input: Input, run: &Run, server: Option<&Server>) -> Result<()> {
    let case = server.map(Server::peer);
    let arn = input.text("channel_arn", "ChannelARN").or_else(|| case.as_ref().map(|_| Server::arn()));
    let peer = input.text("client_id", "X-Amz-ClientId").map(Peer::Viewer).or(case).unwrap_or(Peer::Master);
    let message = Said::read(operation, &mut input);
    let checked = input.check(message.validate());
    // Both at once: what is wrong with the message, and with where it goes.
    let (socket, mut run) = super::without_socket(operation, run);
    if let Some(server) = server {
        run.connector = Some(server.connector());
    }
    let endpoint = socket.or_else(|| server.map(|_| Server::endpoint()));
    let arn = arn.unwrap_or_default();
    let connecting = match peer {
        Peer::Viewer(client_id) => {
            let mut request = ConnectAsViewer::new(arn, client_id);
            request.endpoint = endpoint;
            both(checked, request.validate())?;
            client(&run)?.connect_as_viewer(request)
        }
        _ => {
            let mut request = ConnectAsMaster::new(arn);
            request.endpoint = endpoint;
            both(checked, request.validate())?;
            client(&run)?.connect_as_master(request)
        }
    };
    let (signaling, _events) = connecting.await?;
    if server.is_some_and(Server::is_gone) {
        signaling.close().await;
    }
    let sending = message.send(&signaling);
    // A case tells what goes out by itself; otherwise the service is listened to.
    let sent = if server.is_some() { sending.await } else { sending.acknowledged().await };
    signaling.close().await;
    sent
}

fn both(first: std::result::Result<(), Violations>, then: std::result::Result<(), Violations>) -> Result<()> {
    let first = first.err().into_iter().flatten().collect();
    Ok(rtc_core::validate::merge(first, then)?)
}

/// What is to be sent.
enum Said {
    Offer(kvs_signaling::SendOffer),
    Answer(kvs_signaling::SendAnswer),
    Candidate(kvs_signaling::SendIceCandidate),
}

impl Said {
    fn read(operation: &str, input: &mut Input) -> Self {
        match operation {
            "send_offer" => Self::Offer(generated::send_offer(input)),
            "send_answer" => Self::Answer(generated::send_answer(input)),
            _ => Self::Candidate(generated::send_ice_candidate(input)),
        }
    }

    fn validate(&self) -> std::result::Result<(), Violations> {
        match self {
            Self::Offer(request) => request.validate(),
            Self::Answer(request) => request.validate(),
            Self::Candidate(request) => request.validate(),
        }
    }

    fn send(self, signaling: &Signaling) -> Sending {
        match self {
            Self::Offer(request) => signaling.send_offer(request),
            Self::Answer(request) => signaling.send_answer(request),
            Self::Candidate(request) => signaling.send_ice_candidate(request),
        }
    }
}

/// Holds a conversation: prints events as JSON lines, and sends what the input says, also as JSON lines
/// (`{"send":"offer","sdp":".."}`, `answer`, `ice_candidate`; `{"drain":"viewer-1"}`). Ends with the input, with
/// `interrupt`, or when there is no connection any more.
pub(crate) async fn converse(
    operation: &str,
    input: Value,
    run: &Run,
    lines: impl AsyncBufRead + Unpin,
    out: impl Write,
    interrupt: impl Future,
) -> Outcome {
    let connected = match connecting(operation, Input::new(input), run) {
        Ok(connecting) => connecting.await,
        Err(error) => Err(error),
    };
    let (signaling, events) = match connected {
        Ok(connected) => connected,
        Err(error) => return run.failed(&error),
    };
    let printer = Printer { out: Mutex::new(out), redact: run.redact };
    let said = async {
        tokio::select! {
            () = listen(&signaling, lines, run, &printer) => {}
            _ = interrupt => {}
        }
        signaling.close().await;
    };
    // Closing ends the events, so both end.
    let ((), end) = tokio::join!(said, told(events, &printer, &signaling));
    match end {
        None => run.done(&Value::Null, None, None, 1),
        Some(error) => run.failed(&*error),
    }
}

/// Prints the events to the last; the error that it ended with.
async fn told(
    mut events: SignalingEvents,
    printer: &Printer<impl Write>,
    signaling: &Signaling,
) -> Option<std::sync::Arc<Error>> {
    let mut end = None;
    while let Some(event) = events.next().await {
        if !printer.print(&event) {
            // Nobody reads any more.
            signaling.close().await;
            return None;
        }
        if let Event::Closed { error } = event {
            end = error;
        }
    }
    end
}

/// Reads lines until there are no more, or until there is no connection any more.
async fn listen(
    signaling: &Signaling,
    lines: impl AsyncBufRead + Unpin,
    run: &Run,
    printer: &Printer<impl Write>,
) {
    let mut lines = lines.lines();
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.trim().is_empty() {
                continue;
            }
            if let Err(refused) = obey(signaling, &line, run).await
                && !printer.print(&json!({ "event": "not_sent", "error": refused }))
            {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = signaling.closed() => {}
    }
}

/// Does what a line says; otherwise the error as JSON.
async fn obey(signaling: &Signaling, line: &str, run: &Run) -> std::result::Result<(), Value> {
    let error = |mut outcome: Outcome| outcome.body.get_mut("error").map(Value::take).unwrap_or_default();
    let usage = |field, message: &str| Err(error(Outcome::usage(field, message)));
    // What stands there is not told: it may be a secret.
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else {
        return usage("line", "must be a JSON object");
    };
    if let Some(peer) = members.get("drain") {
        signaling.drain(peer.as_str());
        return Ok(());
    }
    let what = members.remove("send").unwrap_or_default();
    let operation = match what.as_str() {
        Some("offer") => "send_offer",
        Some("answer") => "send_answer",
        Some("ice_candidate" | "candidate") => "send_ice_candidate",
        _ => return usage("send", "must be offer, answer or ice_candidate"),
    };
    let mut input = Input::new(Value::Object(members));
    let message = Said::read(operation, &mut input);
    let sent = match input.check(message.validate()) {
        Ok(()) => message.send(signaling).await,
        Err(violations) => Err(violations.into()),
    };
    sent.map_err(|failed| error(run.failed(&failed)))
}

struct Printer<W> {
    out: Mutex<W>,
    redact: bool,
}

impl<W: Write> Printer<W> {
    /// Prints a line; `false` when nobody reads it.
    fn print(&self, value: &impl Serialize) -> bool {
        let text =
            if self.redact { serde_json::to_string(value) } else { serde_json::to_string(&Revealed(value)) };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        text.is_ok_and(|text| writeln!(out, "{text}").and_then(|()| out.flush()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use rtc_emulator::Emulator;

    use super::*;

    fn run(emulator: &Emulator) -> Run {
        let kvs = emulator.kvs();
        let credentials = [
            ("access_key_id", kvs.access_key_id()),
            ("secret_access_key", kvs.secret_access_key()),
            ("region", kvs.region()),
        ];
        let credentials = credentials.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Run { credentials: credentials.into(), endpoint: Some(kvs.url()), ..Run::default() }
    }

    async fn talk(run: &Run, input: Value, lines: &str) -> (Outcome, Vec<Value>) {
        let mut out = Vec::new();
        let never = std::future::pending::<()>();
        let end = converse("connect_as_viewer", input, run, lines.as_bytes(), &mut out, never).await;
        let told = String::from_utf8(out).unwrap();
        (end, told.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[tokio::test]
    async fn lines_go_out_and_events_come_in() {
        let emulator = Emulator::start().await.unwrap();
        let (run, arn) = (run(&emulator), emulator.kvs().channel_arn());
        let master = json!({ "channel_arn": arn });
        let (_master, mut events) =
            connecting("connect_as_master", Input::new(master), &run).unwrap().await.unwrap();
        let lines = "{\"send\":\"offer\",\"sdp\":\"v=0\"}\n\n{\"send\":\"offer\",\"sdb\":\"canary\"}\ncanary\n\
                     {\"send\":\"news\"}\n{\"drain\":null}\n{\"send\":\"candidate\",\"candidate\":\"c\"}";
        let (end, told) = talk(&run, json!({ "channel_arn": arn, "client_id": "v" }), lines).await;
        assert!(end.is_ok(), "{}", end.body);
        let names: Vec<_> = told.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["connected", "not_sent", "not_sent", "not_sent", "closed"]);
        assert!(!told[2].to_string().contains("canary"));
        assert_eq!(told[1]["error"]["kind"], "invalid_input");
        for expected in ["connected", "sdp_offer", "ice_candidate"] {
            let event = serde_json::to_value(Revealed(&events.next().await.unwrap())).unwrap();
            assert_eq!(event["event"], expected);
        }
    }

    #[tokio::test]
    async fn one_message_at_a_time() {
        let emulator = Emulator::start().await.unwrap();
        let (run, arn) = (run(&emulator), emulator.kvs().channel_arn());
        let input = json!({ "channel_arn": arn, "client_id": "v", "sdp": "v=0" });
        let sent = super::run("send_offer", Input::new(input), &run).await;
        assert_eq!((sent.is_ok(), sent.frames.len()), (true, 0), "{}", sent.body);
        let nowhere = super::run("send_answer", Input::new(json!({})), &run).await;
        let violations = nowhere.body["error"]["violations"].as_array().unwrap();
        assert_eq!(violations[0]["field"], "sdp");
        let connected =
            super::run("connect_as_master", Input::new(json!({ "channel_arn": arn })), &run).await;
        assert_eq!(connected.body["output"]["role"], "MASTER");
    }

    #[test]
    fn an_endpoint_is_a_socket_unless_it_is_the_emulator_s() {
        for (operation, url, is) in [
            ("connect_as_viewer", "wss://example.com", true),
            ("connect_as_viewer", "https://example.com", true),
            ("connect_as_viewer", "nonsense", true),
            ("connect_as_viewer", "http://127.0.0.1:8080", false),
            ("presign_connect_as_viewer", "https://example.com", false),
            ("presign_connect_as_viewer", "ws://127.0.0.1", true),
        ] {
            assert_eq!(is_socket(operation, url), is, "{operation} {url}");
        }
    }
}
