//! Requests as the vendor's SDKs make them, byte for byte, to the emulator: it has to answer as the service does.
//! `replay.json` says what is sent, what status comes and what has to be in the answer.
//!
//! The requests of our own are enough for the shapes. The captures of the official SDKs are not part of this
//! repository; where they are, each of them is sent as it is but for the host (and, in a second row, for the account).

use std::path::Path;

use rtc_emulator::Emulator;
use rtc_tests::case::workspace;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::Found;

/// Where the captures are, from the workspace.
pub(crate) const CAPTURES: &str = "../shared/providers/mediasfu/captures";
/// A disposable key of the emulator's account, which may do everything.
const DISPOSABLE: &str = "tempsand";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// The state of the emulator before each request.
    world: Value,
    requests: Vec<Own>,
    captures: Vec<Captured>,
}

/// A request of our own.
#[derive(Deserialize)]
struct Own {
    name: String,
    /// Method and path.
    line: String,
    /// Besides those that every request of Node.js has.
    #[serde(default)]
    headers: Vec<String>,
    /// As it goes out.
    body: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

#[derive(Deserialize)]
struct Captured {
    file: String,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What has to come back.
#[derive(Deserialize)]
struct Wanted {
    /// Who asks, in place of who asked when it was captured: `owner` or `disposable`.
    account: Option<String>,
    status: u16,
    /// JSON pointers to what must be there.
    #[serde(default)]
    members: Vec<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Vec<u8>,
}

pub(crate) async fn run(folder: &Path, found: &mut Found) -> Result<(), String> {
    let text = std::fs::read_to_string(folder.join("replay.json")).map_err(|e| e.to_string())?;
    let plan: Plan = serde_json::from_str(&text).map_err(|e| format!("replay.json: {e}"))?;
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    println!("\nrequests of the forms that the vendor's SDKs send");
    for own in &plan.requests {
        let result = send(&emulator, &plan.world, own.bytes(), &own.wanted).await;
        found.check(&own.name, result);
    }
    let captures = workspace().join(CAPTURES);
    if !captures.is_dir() {
        found.skip(&format!("the captured requests of the vendor's SDKs: {CAPTURES} is not there"));
        return Ok(());
    }
    println!("\ncaptured requests of the vendor's SDKs");
    for file in requests(&captures)? {
        if !plan.captures.iter().any(|captured| captured.file == file) {
            found.fail(&format!("replay.json does not say what {file} has to be answered with"));
        }
    }
    for captured in &plan.captures {
        let bytes = std::fs::read(captures.join(&captured.file));
        let bytes = bytes.map_err(|e| format!("{}: {e}", captured.file))?;
        let result = send(&emulator, &plan.world, bytes, &captured.wanted).await;
        let who = captured.wanted.account.as_deref().map(|who| format!(", as {who}")).unwrap_or_default();
        found.check(&format!("{}{who}", captured.file), result);
    }
    Ok(())
}

/// The captured requests, by their paths below the folder.
fn requests(folder: &Path) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for below in ["", "mcp/"] {
        let entries = std::fs::read_dir(folder.join(below)).map_err(|e| e.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        all.extend(names.filter(|name| name.ends_with(".http")).map(|name| format!("{below}{name}")));
    }
    all.sort();
    Ok(all)
}

impl Own {
    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} HTTP/1.1\r\nhost: service\r\nconnection: keep-alive\r\n", self.line);
        for line in &self.headers {
            head += &format!("{line}\r\n");
        }
        head += "accept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\n";
        head += "accept-encoding: gzip, deflate\r\n";
        let body = self.body.clone().unwrap_or_default();
        if self.body.is_some() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        format!("{head}\r\n{body}").into_bytes()
    }
}

async fn send(emulator: &Emulator, world: &Value, request: Vec<u8>, wanted: &Wanted) -> Result<(), String> {
    emulator.reset();
    emulator.seed(world.clone()).map_err(|e| format!("the emulator does not take the world: {e}"))?;
    let host = emulator.url().trim_start_matches("http://");
    let request = addressed(&request, host, wanted.account.as_deref().map(|who| bearer(emulator, who)))?;
    let answer = tokio::time::timeout(crate::node::LIMIT, exchange(host, &request)).await;
    let answer = answer.map_err(|_| "no answer came")?.map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != wanted.status {
        return Err(format!("status {}, not {}: {text}", answer.status, wanted.status));
    }
    let body: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let absent = |pointer: &&String| body.pointer(pointer).is_none_or(Value::is_null);
    let absent: Vec<&String> = wanted.members.iter().filter(absent).collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("{absent:?} are not in {text}")) }
}

/// The credentials of an account of the emulator.
fn bearer(emulator: &Emulator, who: &str) -> String {
    let access = emulator.mediasfu();
    let key = if who == "disposable" {
        format!("{DISPOSABLE}{}", "k".repeat(64 - DISPOSABLE.len()))
    } else {
        access.api_key().to_owned()
    };
    format!("Bearer {}:{key}", access.api_user_name())
}

/// The request with the host of the emulator, and with other credentials if told.
fn addressed(request: &[u8], host: &str, bearer: Option<String>) -> Result<Vec<u8>, String> {
    let end =
        request.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the request has no end of head")?;
    let (head, rest) = request.split_at(end);
    let head = std::str::from_utf8(head).map_err(|e| e.to_string())?;
    let lines = head.split("\r\n").map(|line| match (line.split_once(": "), &bearer) {
        (Some((name, _)), _) if name.eq_ignore_ascii_case("host") => format!("{name}: {host}"),
        (Some((name, _)), Some(bearer)) if name.eq_ignore_ascii_case("authorization") => {
            format!("{name}: {bearer}")
        }
        _ => line.to_owned(),
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    Ok([head.as_bytes(), rest].concat())
}

/// By hand: a client library would write the head in its own way.
pub(crate) async fn exchange(host: &str, request: &[u8]) -> std::io::Result<Answer> {
    let mut stream = BufReader::new(TcpStream::connect(host).await?);
    stream.write_all(request).await?;
    let mut status = 0;
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("http/1.1 ") {
            status = number.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        } else if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Answer { status, body })
}
