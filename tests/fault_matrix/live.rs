//! Live connections whose WebSocket goes wrong: while it is opened, and in the middle of a frame.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_cli::catalogue::{self, OperationDoc};
use rtc_cli::{Outcome, Run};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::aside;
use crate::cell::{Verdict, nobody};
use crate::faults::Fault;
use crate::operations::{self, Good, SECRET};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::server::{End, Script, Server};

const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(20);
const MARGIN: Duration = Duration::from_secs(3);
/// A connection has threads of work on both sides.
const AT_ONCE: usize = 8;
/// Which frames of the server are cut.
const FRAMES: [usize; 3] = [1, 2, 3];

/// What goes wrong while a WebSocket is opened, and what comes of it.
const OPENING: &[(Fault, &str)] = &[
    (Fault::Refused, "connection"),
    (Fault::ResetAtOnce, "connection"),
    (Fault::ClosedUnanswered, "connection"),
    (Fault::ResetUnanswered, "connection"),
    (Fault::ClosedInHead, "connection"),
    (Fault::ResetInHead, "connection"),
    (Fault::Unanswered, "timeout"),
    (Fault::StalledHead, "timeout"),
    (Fault::SlowHead, "timeout"),
    (Fault::NotHttp, "protocol"),
    (Fault::HeadTooLarge, "protocol"),
    (Fault::Html, "protocol"),
    (Fault::Status(401), "unauthenticated"),
    (Fault::Status(403), "permission_denied"),
    (Fault::Status(404), "not_found"),
    (Fault::Status(429), "rate_limited"),
    (Fault::Status(503), "unavailable"),
    (Fault::Redirect { status: 302, other: true }, "protocol"),
];

/// A live operation, and the way it goes.
#[derive(Clone, Copy)]
struct Live {
    provider: &'static str,
    name: &'static str,
    via: Option<&'static str>,
}

impl Live {
    /// What is in its message, and in no other.
    fn word(self) -> &'static str {
        match self.name {
            "send_offer" => "SDP_OFFER",
            "send_answer" => "SDP_ANSWER",
            "send_ice_candidate" => "ICE_CANDIDATE",
            connect if connect.starts_with("connect_") => "",
            name => catalogue::find(self.provider, name).map_or("", |doc| doc.path),
        }
    }

    /// Rooms of events are those of a Community Edition, which is entered without a secret.
    fn is_open(self) -> bool {
        matches!(self.name, "create_event_room" | "join_event_room")
    }

    fn label(self) -> String {
        self.via.map_or(self.name.into(), |via| format!("{} via {via}", self.name))
    }
}

/// Those that only connect, one for each way to do so.
fn connecting() -> Vec<Live> {
    let live = |provider, name, via| Live { provider, name, via };
    vec![
        live("kvs-signaling", "connect_as_master", None),
        live("kvs-signaling", "connect_as_viewer", None),
        live("enablex", "connect_room", None),
        live("mediasfu", "connect_meeting", None),
        live("sora-rpc", "request_simulcast_rid", Some("websocket")),
        live("sora-rpc", "request_simulcast_rid", Some("rpc")),
    ]
}

/// Everything that is done over a live connection.
fn all() -> Vec<Live> {
    let commands = catalogue::operations().filter(|doc| matches!(doc.kind, "command" | "rpc"));
    let commands = commands.flat_map(|doc| {
        let ways: &[Option<&str>] =
            if doc.kind == "rpc" { &[Some("websocket"), Some("rpc")] } else { &[None] };
        ways.iter().map(|via| Live { provider: doc.provider, name: doc.name, via: *via })
    });
    let messages = ["send_offer", "send_answer", "send_ice_candidate"];
    let messages = messages.map(|name| Live { provider: "kvs-signaling", name, via: None });
    let met = |live: &Live| live.provider != "sora-rpc";
    connecting().into_iter().filter(met).chain(messages).chain(commands).collect()
}

/// All of it, into the report.
pub(crate) async fn run(full: bool, only: Option<&str>, report: &mut Report) {
    let wanted = |live: Live, fault: &str| {
        only.is_none_or(|only| format!("{} {}, live: {fault}", live.provider, live.label()).contains(only))
    };
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut cells = JoinSet::new();
    for (live, (fault, kind)) in
        connecting().into_iter().flat_map(|live| OPENING.iter().map(move |row| (live, *row)))
    {
        if wanted(live, &fault.name()) {
            let gate = Arc::clone(&gate);
            cells.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                (live, vec![(fault.name(), kind, opened(live, fault, kind).await)])
            });
        }
    }
    for live in if full { all() } else { connecting() } {
        if wanted(live, "closed in the middle of frame") {
            let gate = Arc::clone(&gate);
            cells.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                (live, cut(live).await)
            });
        }
    }
    let mut done = Vec::new();
    while let Some(cell) = cells.join_next().await {
        match cell {
            Ok((live, verdicts)) => done.extend(verdicts.into_iter().map(|verdict| (live, verdict))),
            Err(panic) => report.note("a live cell panicked", Err(panic.to_string())),
        }
    }
    // In the order of the tables above, whatever came first.
    let at = |name: &str| OPENING.iter().position(|(fault, _)| fault.name() == name).unwrap_or(OPENING.len());
    done.sort_by_key(|(_, (fault, ..))| (at(fault), fault.clone()));
    for (live, (fault, outcome, verdict)) in done {
        report.other(live.provider, &live.label(), &format!("live: {fault}"), outcome, verdict);
    }
}

/// A connection that cannot be opened for this fault.
async fn opened(live: Live, fault: Fault, kind: &str) -> Verdict {
    let elsewhere = Server::start(Script::Answer(Vec::new(), End::Close), None).await.unwrap();
    let good = Good { head: String::new(), content_type: "text/plain", body: String::new() };
    let script = fault.script(live.provider, &good, &format!("http://127.0.0.1:{}", elsewhere.port()));
    let server = Server::start(script, None).await.unwrap();
    let reserved = nobody().unwrap();
    let port = if fault == Fault::Refused { reserved.port } else { server.port() };
    let begun = Instant::now();
    let limit = if fault.hangs() { SHORT } else { LONG };
    let outcome = Scene::unreal(live, port).call(live, limit).await;
    let (error, mut bad) = (&outcome.body["error"], Vec::new());
    if error["kind"] != kind {
        bad.push(format!("{} instead of {kind}: {error}", error["kind"]));
    }
    if begun.elapsed() > limit + MARGIN {
        bad.push(format!("it took {:?}", begun.elapsed()));
    }
    if !elsewhere.seen().is_empty() {
        bad.push("a redirect was followed to another host".into());
    }
    if !server.is_left().await {
        bad.push("a connection is left behind".into());
    }
    told(error, &mut bad);
    if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }
}

/// The operation between the emulator and a proxy that closes in the middle of a frame of the server.
async fn cut(live: Live) -> Vec<(String, &'static str, Verdict)> {
    const OUTCOME: &str = "closed or connection; as without it where all was done before";
    let whole = tried(live, usize::MAX).await;
    let mut verdicts = Vec::new();
    let usual = whole.outcome.body["error"]["kind"].clone();
    let (error, mut bad) = (&whole.outcome.body["error"], Vec::new());
    let refused_here = usual == "invalid_input" && error["was_sent"] != true;
    if refused_here || matches!(usual.as_str(), Some("connection" | "closed" | "timeout" | "protocol")) {
        bad.push(error.to_string());
    }
    // What is refused by the room's state is not sent at all.
    if !live.word().is_empty() && error["was_sent"] != false && whole.sent != 1 {
        bad.push(format!("sent {} times", whole.sent));
    }
    let control = if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) };
    verdicts.push(("WebSocket through a proxy (control)".into(), "done or refused", control));
    for frame in FRAMES {
        let name = format!("closed in the middle of frame {frame}");
        if whole.frames < frame {
            verdicts.push((name, OUTCOME, Verdict::NotApplicable("the server sends fewer frames")));
            continue;
        }
        let tried = tried(live, frame).await;
        let (error, mut bad) = (&tried.outcome.body["error"], Vec::new());
        let broke = matches!(error["kind"].as_str(), Some("connection" | "closed"));
        if !broke && error["kind"] != usual {
            bad.push(format!("{error}"));
        }
        if tried.took > LONG / 2 {
            bad.push(format!("it took {:?}", tried.took));
        }
        if tried.sent > 1 {
            bad.push(format!("sent {} times", tried.sent));
        }
        told(error, &mut bad);
        verdicts.push((name, OUTCOME, if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }));
    }
    verdicts
}

struct Tried {
    outcome: Outcome,
    frames: usize,
    sent: usize,
    took: Duration,
}

async fn tried(live: Live, frame: usize) -> Tried {
    let emulator = aside(async { Emulator::start().await.unwrap() }).await;
    let upstream = emulator.url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
    let proxy = Proxy::start(upstream, frame, live.word()).await.unwrap();
    let scene = Scene::real(live, &emulator, proxy.port()).await;
    let begun = Instant::now();
    let outcome = scene.call(live, LONG).await;
    let took = begun.elapsed();
    let sent = if live.provider == "sora-rpc" { sora_requests(&emulator).await } else { proxy.sent() };
    Tried { outcome, frames: proxy.frames(), sent, took }
}

/// How many calls came to Sora, once all that were in have left. The emulator counts them: on the wire they are
/// compressed, or in data channels.
async fn sora_requests(emulator: &Emulator) -> usize {
    let deadline = Instant::now() + LONG;
    loop {
        let sora = emulator.state()["sora-rpc"].take();
        let gone = sora["channels"].as_object().unwrap().values().all(|c| c.as_object().unwrap().is_empty());
        if gone {
            return sora["rpc_requests"].as_u64().unwrap().try_into().unwrap();
        }
        assert!(Instant::now() < deadline, "a connection stays in its channel: {}", sora["channels"]);
        tokio::task::yield_now().await;
    }
}

fn told(error: &Value, bad: &mut Vec<String>) {
    let text = error.to_string();
    bad.extend(
        [SECRET, KEY].iter().filter(|s| text.contains(**s)).map(|_| format!("a secret is told: {text}")),
    );
}

const KEY: &str = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77";

/// Where an operation connects, and with what.
struct Scene {
    run: Run,
    place: Value,
}

impl Scene {
    /// For a server that never lets anybody in.
    fn unreal(live: Live, port: u16) -> Self {
        let token = json!({ "host": format!("127.0.0.1:{port}"), "secure": false, "tokenId": SECRET });
        let mut run = Run::default();
        for (name, value) in
            [("access_key_id", "AKIAMATRIXMATRIX0001"), ("secret_access_key", KEY), ("region", "us-west-2")]
        {
            run.credentials.insert(name.into(), value.into());
        }
        let arn = "arn:aws:kinesisvideo:us-west-2:111122223333:channel/ch/1234567890123";
        Self::at(live, port, run, &token, json!({ "room_name": "s12345678", "secret": KEY }), arn)
    }

    fn at(live: Live, port: u16, mut run: Run, token: &Value, room: Value, arn: &str) -> Self {
        let host = format!("127.0.0.1:{port}");
        let (endpoint, place) = match live.provider {
            "enablex" => (format!("http://{host}"), json!({ "token": STANDARD.encode(token.to_string()) })),
            "mediasfu" => {
                let mut place = if live.is_open() { json!({}) } else { room };
                place["link"] = json!(format!("http://{host}"));
                if !live.is_open() {
                    place["connect_as"] = json!("hostUser");
                }
                (format!("http://{host}"), place)
            }
            "sora-rpc" => {
                let path = if live.via == Some("rpc") { "signaling" } else { "rpc" };
                (format!("ws://{host}/{path}"), json!({ "channel_id": "sora" }))
            }
            _ => (format!("ws://{host}"), json!({ "channel_arn": arn, "client_id": "v1" })),
        };
        run.endpoint = Some(endpoint);
        if let Some(via) = live.via {
            run.options.insert("via".into(), via.into());
        }
        Self { run, place }
    }

    /// For the emulator behind a proxy.
    async fn real(live: Live, emulator: &Emulator, port: u16) -> Self {
        let mut run = Run::default();
        let (kvs, mediasfu, enablex) = (emulator.kvs(), emulator.mediasfu(), emulator.enablex());
        for (name, value) in [
            ("access_key_id", kvs.access_key_id()),
            ("secret_access_key", kvs.secret_access_key()),
            ("region", kvs.region()),
            ("api_user_name", mediasfu.api_user_name()),
            ("api_key", mediasfu.api_key()),
            ("app_id", enablex.app_id()),
            ("app_key", enablex.app_key()),
        ] {
            run.credentials.insert(name.into(), value.into());
        }
        let (mut token, mut room) = (json!({}), json!({}));
        let arn = kvs.channel_arn();
        match live.provider {
            "enablex" => {
                run.endpoint = Some(enablex.url());
                let made = json!({
                    "name": "n", "owner_ref": "o", "settings": { "participants": 3, "duration": 60 },
                });
                let made = output("enablex", "create_room", made, &run).await;
                let wanted =
                    json!({ "room_id": made["room_id"], "name": "n", "role": "moderator", "user_ref": "u" });
                let text = output("enablex", "create_token", wanted, &run).await["token"].take();
                token = serde_json::from_slice(&STANDARD.decode(text.as_str().unwrap()).unwrap()).unwrap();
                token["host"] = json!(format!("127.0.0.1:{port}"));
            }
            "mediasfu" => {
                run.endpoint = Some(mediasfu.url());
                let server = if live.is_open() { "community" } else { "cloud" };
                run.options.insert("server".into(), server.into());
                let wanted = json!({ "user_name": "hostUser", "duration": 30, "capacity": 5 });
                let made = output("mediasfu", "create_room", wanted, &run).await;
                room = json!({ "room_name": made["room_name"], "secret": made["secret"] });
            }
            _ => {}
        }
        let mut scene = Self::at(live, port, run, &token, room, arn);
        if live.provider == "sora-rpc" {
            let sora = emulator.sora();
            let url = if live.via == Some("rpc") { sora.signaling_url() } else { sora.rpc_url() };
            let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap().1.to_owned();
            scene.run.endpoint = Some(format!("ws://127.0.0.1:{port}/{path}"));
            scene.place["channel_id"] = json!(sora.channel_id());
        }
        scene
    }

    async fn call(&self, live: Live, limit: Duration) -> Outcome {
        let mut run = self.run.clone();
        run.timeout = Some(limit);
        let mut input = catalogue::find(live.provider, live.name).map(input).unwrap_or_else(|| json!({}));
        let of_its_own = ["client_id", "token"];
        for (name, value) in self.place.as_object().unwrap() {
            if !(live.provider == "enablex" && of_its_own.contains(&name.as_str()) && name != "token") {
                input[name] = value.clone();
            }
        }
        if live.name == "connect_as_master" {
            input.as_object_mut().unwrap().remove("client_id");
        }
        if live.name == "connect_meeting" {
            input.as_object_mut().unwrap().remove("connect_as");
        }
        if live.via == Some("websocket") {
            input.as_object_mut().unwrap().remove("channel_id");
        }
        rtc_cli::batch::run(live.provider, live.name, input, &run).await
    }
}

fn input(doc: &'static OperationDoc) -> Value {
    operations::input(doc)
}

async fn output(provider: &str, operation: &str, input: Value, run: &Run) -> Value {
    let mut outcome = rtc_cli::batch::run(provider, operation, input, run).await;
    assert!(outcome.is_ok(), "{operation}: {}", outcome.body);
    outcome.body["output"].take()
}
