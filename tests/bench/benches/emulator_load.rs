//! What the emulator answers in a second, its log on, beside a bare hyper server that echoes, in the same run: the
//! same clients, the same requests, connections that are kept. Both serve in this process on one runtime. Rounds are
//! interleaved; the figure is the median of the ratios.
//!
//! `cargo xtask bench emulator_load`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::convert::Infallible;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rtc_bench::{Outcome, median};
use rtc_emulator::Emulator;
use rtc_emulator::credentials::{ENABLEX_APP_ID, ENABLEX_APP_KEY};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const ROUNDS: usize = 30;
/// Connections, and requests over each in a round.
const CONNECTIONS: usize = 16;
const REQUESTS: u32 = 60;
const GOAL: f64 = 0.4;
/// The body of the calls that have one.
const BODY: &str = r#"{"name":"Stand-up","role":"participant","user_ref":"team-7"}"#;

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}

/// A request that is sent again and again.
#[derive(Clone)]
struct Sent {
    name: &'static str,
    method: &'static str,
    path: String,
    authorization: Option<String>,
    body: &'static str,
}

async fn measure() -> Outcome<()> {
    let emulator = Emulator::builder().quotas(false).start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let bare = listener.local_addr()?.to_string();
    tokio::spawn(serve(listener));
    let ours = emulator.url().trim_start_matches("http://").to_owned();
    println!(
        "{ROUNDS} interleaved rounds of {} requests over {CONNECTIONS} connections",
        CONNECTIONS as u32 * REQUESTS
    );
    println!("{:<34} {:>12} {:>12} {:>8}", "request", "emulator /s", "hyper /s", "ratio");
    let mut worst = f64::MAX;
    for sent in requests(&ours).await? {
        let mut rounds = Vec::new();
        let (mut to_ours, mut to_bare) = (connect(&ours).await?, connect(&bare).await?);
        for round in 0..=ROUNDS {
            let mut rates = [0.0; 2];
            // Whoever goes first in a round finds other caches: take turns.
            for turn in 0..2 {
                let which = (round + turn) % 2;
                let connections = if which == 0 { &mut to_ours } else { &mut to_bare };
                rates[which] = rate(connections, &sent).await?;
            }
            // The first round warms up.
            if round > 0 {
                rounds.push(rates);
            }
        }
        let ratio = median(&rounds, |rates| rates[0] / rates[1]);
        let (mine, peer) = (median(&rounds, |rates| rates[0]), median(&rounds, |rates| rates[1]));
        println!("{:<34} {mine:>12.0} {peer:>12.0} {ratio:>8.2}", sent.name);
        worst = worst.min(ratio);
    }
    let logged = emulator.log().len();
    println!("the log was on and holds its {logged} latest requests");
    println!("goal: each at least {GOAL} x bare hyper; {}", if worst >= GOAL { "reached" } else { "MISSED" });
    Ok(())
}

/// What is called: a provider's page that needs nothing, and a call that is authenticated and checked.
async fn requests(address: &str) -> Outcome<Vec<Sent>> {
    use base64::Engine as _;
    let basic =
        base64::engine::general_purpose::STANDARD.encode(format!("{ENABLEX_APP_ID}:{ENABLEX_APP_KEY}"));
    let authorization = Some(format!("Basic {basic}"));
    let room = r#"{"name":"Stand-up","owner_ref":"team-7","settings":{"participants":"2","mode":"group","duration":"30","scheduled":false,"auto_recording":false,"active_talker":true,"wait_moderator":false,"adhoc":false,"quality":"SD"},"sip":{"enabled":false}}"#;
    let create = Sent {
        name: "",
        method: "POST",
        path: "/video/v2/rooms".into(),
        authorization: authorization.clone(),
        body: room,
    };
    let mut sender = open(address).await?;
    let made: serde_json::Value = serde_json::from_slice(&send(&mut sender, &create).await?)?;
    let id = made["room"]["room_id"].as_str().ok_or_else(|| format!("no room was made: {made}"))?.to_owned();
    let call = |name, method, path: String, body| Sent {
        name,
        method,
        path,
        authorization: authorization.clone(),
        body,
    };
    Ok(vec![
        Sent { authorization: None, ..call("an unknown path, refused", "GET", "/nobody".into(), "") },
        call("enablex get_room", "GET", format!("/video/v2/rooms/{id}"), ""),
        call("enablex create_token", "POST", format!("/video/v2/rooms/{id}/tokens"), BODY),
    ])
}

type Sender = SendRequest<Full<Bytes>>;

async fn open(address: &str) -> Outcome<Sender> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn connect(address: &str) -> Outcome<Vec<Sender>> {
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        senders.push(open(address).await?);
    }
    Ok(senders)
}

async fn send(sender: &mut Sender, sent: &Sent) -> Outcome<Bytes> {
    let mut request = Request::builder().method(sent.method).uri(&sent.path).header("host", "bench");
    request = request.header("content-type", "application/json").header("user-agent", "bench");
    if let Some(value) = &sent.authorization {
        request = request.header("authorization", value);
    }
    sender.ready().await?;
    let answer =
        sender.send_request(request.body(Full::new(Bytes::from_static(sent.body.as_bytes())))?).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// Requests in a second, over all connections at once.
async fn rate(senders: &mut Vec<Sender>, sent: &Sent) -> Outcome<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut sender in senders.drain(..) {
        let sent = sent.clone();
        tasks.spawn(async move {
            for _ in 0..REQUESTS {
                send(&mut sender, &sent).await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(sender)
        });
    }
    while let Some(sender) = tasks.join_next().await {
        senders.push(sender??);
    }
    Ok(CONNECTIONS as f64 * f64::from(REQUESTS) / begun.elapsed().as_secs_f64())
}

/// The peer: hyper, and what was sent goes back.
async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(echo)),
        );
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(Response::new(Full::new(body)))
}
