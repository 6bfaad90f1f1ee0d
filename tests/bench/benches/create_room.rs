//! What a call costs: our `create_room` against plain reqwest and a bare hyper connection that send and parse
//! the same bytes, over loopback keep-alive, one after another. The server is a process of its own, so that
//! the CPU time counted is the client's. Rounds are interleaved; the figure is the median of the ratios.
//!
//! `cargo xtask bench create_room`. Linux only (it reads the scheduler's accounts).

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use mediasfu::{Client, CreateRoom, Credentials, ServerKind};

const ROUNDS: usize = 90;
const CALLS: usize = 100;
const USER: &str = "benchUser";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ANSWER: &str = r#"{"message":"Room created successfully","roomName":"smp8g9xz571310q7","secureCode":"secure123","publicURL":"https://x.mediasfu.com/meet/smp8g9xz571310q7/tok","link":"https://x.mediasfu.com","secret":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","success":true}"#;
const BODY: &str = r#"{"action":"create","duration":60,"capacity":10,"userName":"hostUser"}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|arg| arg == "serve") {
        return serve();
    }
    // Plain reqwest wants a provider even for plain http; ours installs none in the process.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a provider is installed already")?;
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().ok_or("the server has no output")?).read_line(&mut line)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(measure(line.trim()));
    // The server ends when its input closes.
    drop(server.stdin.take());
    server.wait()?;
    result
}

/// Answers every request with the same bytes until stdin closes.
fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    let mut end = Vec::new();
    std::io::stdin().read_to_end(&mut end)?;
    Ok(())
}

fn answer(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let response = format!("{head}{}\r\n\r\n{ANSWER}", ANSWER.len());
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        stream.write_all(response.as_bytes()).ok()?;
    }
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

async fn measure(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let base = format!("http://{address}");
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut bare, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let plain = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(&base).server(ServerKind::Cloud);
    // A plain request claims nothing either; what the claim costs is a row of its own.
    let ours = builder.clone().duplicate_guard(false).build()?;
    let guarded = builder.build()?;

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [Cost::default(); 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            row[(round + turn) % 4] = match (round + turn) % 4 {
                0 => cost(async || with_hyper(&mut bare, &base).await).await?,
                1 => cost(async || with_reqwest(&plain, &base).await).await?,
                2 => cost(async || with_ours(&ours).await).await?,
                _ => cost(async || with_ours(&guarded).await).await?,
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

async fn with_hyper(
    bare: &mut SendRequest<Full<Bytes>>,
    base: &str,
) -> Result<(), Box<dyn std::error::Error>> {
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

async fn with_reqwest(plain: &reqwest::Client, base: &str) -> Result<(), Box<dyn std::error::Error>> {
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

async fn with_ours(ours: &Client) -> Result<(), Box<dyn std::error::Error>> {
    ours.create_room(CreateRoom::new("hostUser", 60, 10)).await?;
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Cost {
    cpu_us: f64,
    wall_us: f64,
}

/// CPU and wall time per call of one round.
async fn cost(
    mut call: impl AsyncFnMut() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<Cost, Box<dyn std::error::Error>> {
    let (cpu, wall) = (cpu_nanos()?, Instant::now());
    for _ in 0..CALLS {
        call().await?;
    }
    let per = |nanos: u128| nanos as f64 / CALLS as f64 / 1000.0;
    Ok(Cost { cpu_us: per(u128::from(cpu_nanos()? - cpu)), wall_us: per(wall.elapsed().as_nanos()) })
}

/// The time that all threads of this process have run, by the scheduler's account.
fn cpu_nanos() -> Result<u64, Box<dyn std::error::Error>> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

fn report(rounds: &[[Cost; 4]]) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    println!("create_room, {ROUNDS} interleaved rounds of {CALLS} calls, client process only");
    println!(
        "{:<14} {:>12} {:>12} {:>14} {:>14}",
        "client", "CPU us/call", "wall us/call", "CPU / hyper", "CPU / reqwest"
    );
    for (i, name) in ["bare hyper", "plain reqwest", "mediasfu", "... with claim"].iter().enumerate() {
        println!(
            "{name:<14} {:>12.1} {:>12.1} {:>14.2} {:>14.2}",
            median(rounds.iter().map(|r| r[i].cpu_us).collect()),
            median(rounds.iter().map(|r| r[i].wall_us).collect()),
            median(rounds.iter().map(|r| r[i].cpu_us / r[0].cpu_us).collect()),
            median(rounds.iter().map(|r| r[i].cpu_us / r[1].cpu_us).collect()),
        );
    }
    println!("goal: mediasfu (validation, authorisation, typed decoding) at most 1.15 x plain reqwest");
}
