//! What a call costs: our `create_room` against plain reqwest and a bare hyper connection that send and parse
//! the same bytes, over loopback keep-alive, one after another. The server is a process of its own, so that
//! the CPU time counted is the client's. Rounds are interleaved; the figure is the median of the ratios.
//!
//! `cargo xtask bench create_room`. Linux only (it reads the scheduler's accounts).

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use mediasfu::{Client, CreateRoom, Credentials, ServerKind};
use rtc_bench::{Cost, Outcome, Server, median};

const ROUNDS: usize = 90;
const CALLS: u32 = 100;
const USER: &str = "benchUser";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ANSWER: &str = r#"{"message":"Room created successfully","roomName":"smp8g9xz571310q7","secureCode":"secure123","publicURL":"https://x.mediasfu.com/meet/smp8g9xz571310q7/tok","link":"https://x.mediasfu.com","secret":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","success":true}"#;
const BODY: &str = r#"{"action":"create","duration":60,"capacity":10,"userName":"hostUser"}"#;

fn main() -> Outcome<()> {
    let Some(server) = Server::start(ANSWER)? else { return Ok(()) };
    // Plain reqwest wants a provider even for plain http; ours installs none in the process.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a provider is installed already")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&server.address))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "parsed for the cost of parsing")]
struct Answer {
    message: String,
    room_name: String,
    secure_code: String,
    #[serde(rename = "publicURL")]
    public_url: String,
    link: String,
    secret: String,
    success: bool,
}

async fn measure(address: &str) -> Outcome<()> {
    let base = format!("http://{address}");
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut bare, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let plain = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(&base).server(ServerKind::Cloud);
    // A plain request has no key and claims nothing; what these cost is a row of its own.
    let ours = builder.clone().duplicate_guard(false).idempotency_keys(false).build()?;
    let careful = builder.build()?;

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [Cost::default(); 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            row[(round + turn) % 4] = match (round + turn) % 4 {
                0 => Cost::of(CALLS, async || with_hyper(&mut bare, &base).await).await?,
                1 => Cost::of(CALLS, async || with_reqwest(&plain, &base).await).await?,
                2 => Cost::of(CALLS, async || with_ours(&ours).await).await?,
                _ => Cost::of(CALLS, async || with_ours(&careful).await).await?,
            };
        }
        // The first round warms up connections and caches.
        if round > 0 {
            rounds.push(row);
        }
    }
    report(&rounds);
    Ok(())
}

async fn with_hyper(bare: &mut SendRequest<Full<Bytes>>, base: &str) -> Outcome<()> {
    let request = http::Request::post("/v1/rooms/")
        .header("host", base.trim_start_matches("http://"))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("user-agent", "bench")
        .header("authorization", format!("Bearer {USER}:{KEY}"))
        .body(Full::new(Bytes::from_static(BODY.as_bytes())))?;
    bare.ready().await?;
    let body = bare.send_request(request).await?.into_body().collect().await?.to_bytes();
    serde_json::from_slice::<Answer>(&body)?;
    Ok(())
}

async fn with_reqwest(plain: &reqwest::Client, base: &str) -> Outcome<()> {
    let response = plain
        .post(format!("{base}/v1/rooms/"))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("user-agent", "bench")
        .header("authorization", format!("Bearer {USER}:{KEY}"))
        .body(BODY)
        .send()
        .await?;
    serde_json::from_slice::<Answer>(&response.bytes().await?)?;
    Ok(())
}

async fn with_ours(ours: &Client) -> Outcome<()> {
    ours.create_room(CreateRoom::new("hostUser", 60, 10)).await?;
    Ok(())
}

fn report(rounds: &[[Cost; 4]]) {
    println!("create_room, {ROUNDS} interleaved rounds of {CALLS} calls, client process only");
    println!(
        "{:<22} {:>12} {:>8} {:>12} {:>14}",
        "client", "CPU us/call", "calls/s", "CPU / hyper", "CPU / reqwest"
    );
    for (i, name) in ["bare hyper", "plain reqwest", "mediasfu", "... with claim and key"].iter().enumerate()
    {
        println!(
            "{name:<22} {:>12.1} {:>8.0} {:>12.2} {:>14.2}",
            median(rounds, |r| r[i].cpu_us),
            median(rounds, |r| 1e6 / r[i].wall_us),
            median(rounds, |r| r[i].cpu_us / r[0].cpu_us),
            median(rounds, |r| r[i].cpu_us / r[1].cpu_us),
        );
    }
    println!("goal: mediasfu (validation, authorisation, typed decoding) at most 1.15 x plain reqwest");
}
