//! One operation under one fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rtc_cli::Run;
use rtc_core::{
    Busy, Bytes, Claim, ClaimToken, MemoryStore, Rate, SharedClock, SharedStore, Store, StoreError, Taken,
};
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::expect::{Expected, expect};
use crate::faults::{self, Fault};
use crate::operations::{Class, HERE, Kind, Op, SECRET};
use crate::server::{Seen, Server};
use crate::stream;
use crate::tls::Authority;

/// The deadline of what only a deadline ends, and of all others.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(20);
/// By how much a busy machine may miss the first.
const MARGIN: Duration = Duration::from_secs(3);

/// Secrets of accounts, 64 hexadecimal digits where a provider has them so.
const KEY: &str = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77";
const CANARY: &str = "canarykey4Tz8Wp3Xs6";
const CREDENTIALS: &[(&str, &str, &str)] = &[
    ("opentok", "api_key", "47000001"),
    ("opentok", "api_secret", KEY),
    ("opentok", "account_key", "47000002"),
    ("opentok", "account_secret", CANARY),
    ("mediasfu", "api_user_name", "matrixUser"),
    ("mediasfu", "api_key", KEY),
    ("kvs-signaling", "access_key_id", "AKIAMATRIXMATRIX0001"),
    ("kvs-signaling", "secret_access_key", CANARY),
    ("kvs-signaling", "session_token", KEY),
    ("kvs-signaling", "region", "us-west-2"),
    ("enablex", "app_id", "5f0000000000000000000001"),
    ("enablex", "app_key", CANARY),
    ("enablex", "recording_user", "reader"),
    ("enablex", "recording_password", KEY),
];

/// What all cells share.
pub(crate) struct World {
    pub authority: Authority,
    /// Where redirects to another host lead; nobody may ever come.
    pub(crate) elsewhere: Server,
}

/// What came of a cell.
pub(crate) enum Verdict {
    Passed,
    NotApplicable(&'static str),
    Failed(Vec<String>),
}

pub(crate) async fn cell(world: &World, op: &Op, fault: Fault) -> Verdict {
    let expected = expect(fault, op);
    if let Expected::Not(reason) = expected {
        return Verdict::NotApplicable(reason);
    }
    match tried(world, op, fault, expected).await {
        Ok(bad) if bad.is_empty() => Verdict::Passed,
        Ok(bad) => Verdict::Failed(bad),
        Err(error) => Verdict::Failed(vec![format!("the cell could not be set up: {error}")]),
    }
}

async fn tried(world: &World, op: &Op, fault: Fault, expected: Expected) -> std::io::Result<Vec<String>> {
    let elsewhere = format!("http://127.0.0.1:{}", world.elsewhere.port());
    let (tls, scheme) = match fault {
        Fault::Tls(certificate) => (world.authority.acceptor(certificate), "https://localhost"),
        _ => (None, "http://127.0.0.1"),
    };
    let secure = tls.is_some();
    let script = fault.script(op.provider, &op.good, &elsewhere);
    let server = Server::start(script, tls).await?;
    let reserved = nobody()?;
    let port = if fault == Fault::Refused { reserved.port } else { server.port() };
    let url = format!("{scheme}:{port}");
    let held = Arc::new(AtomicI64::new(0));
    let store = SharedStore::new(Counted(MemoryStore::new(SharedClock::default()), Arc::clone(&held)));
    let mut run = run(op, &url, store, &world.authority.pem);
    let limit = if hangs(fault, op) { SHORT } else { LONG };
    run.timeout = Some(limit);
    let begun = Instant::now();
    let error = call(op, &url, &run, expected).await;
    let took = begun.elapsed();
    let mut bad = Vec::new();
    judge(expected, op, &error, &server.seen(), &mut bad);
    if took > limit + MARGIN {
        bad.push(format!("it took {took:?}"));
    }
    leaks(&error, &server.seen(), &mut bad);
    // Whoever reads such a body without help hears of its end, too.
    if op.kind == Kind::Stream && matches!(fault, Fault::ClosedInBody | Fault::ResetInBody | Fault::ChunkCut)
    {
        let error = stream::read_raw(&address(op, &url), &run, limit).await;
        if error["kind"] != "connection" {
            bad.push(format!("the body by itself: {error}"));
        }
    }
    if !world.elsewhere.seen().is_empty() {
        bad.push("a redirect was followed to another host".into());
    }
    if held.load(Ordering::SeqCst) != 0 {
        bad.push("a claim is left behind".into());
    }
    // Mended, the same call goes through: nothing of the fault is left in what the calls share.
    if !secure {
        server.play(faults::good(&op.good));
        let url = format!("{scheme}:{}", server.port());
        run.endpoint = Some(endpoint(op, &url));
        run.timeout = Some(LONG);
        let after = call(op, &url, &run, Expected::Done).await;
        if !after.is_null() {
            bad.push(format!("afterwards: {after}"));
        }
    }
    if !server.is_left().await {
        bad.push("a connection is left behind".into());
    }
    Ok(bad)
}

/// Whether only the deadline ends it. Who reads a body as it arrives has all the time that it takes.
fn hangs(fault: Fault, op: &Op) -> bool {
    match fault {
        Fault::SlowBody => op.kind != Kind::Stream,
        Fault::ClaimedTooLarge => op.kind == Kind::Stream,
        _ => fault.hangs(),
    }
}

/// A port where nobody listens, and nobody else will while this is kept.
pub(crate) struct Nobody {
    pub(crate) port: u16,
    _socket: TcpSocket,
}

pub(crate) fn nobody() -> std::io::Result<Nobody> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(Nobody { port: socket.local_addr()?.port(), _socket: socket })
}

fn endpoint(op: &Op, url: &str) -> String {
    if op.provider == "enablex" { format!("{url}/video/v2") } else { url.to_owned() }
}

fn run(op: &Op, url: &str, store: SharedStore, pem: &str) -> Run {
    let mut run = Run::default();
    for (_, name, value) in CREDENTIALS.iter().filter(|(provider, ..)| *provider == op.provider) {
        run.credentials.insert((*name).into(), (*value).into());
    }
    run.endpoint = Some(endpoint(op, url));
    run.root_certificate_pem = Some(pem.as_bytes().to_vec());
    run.store = Some(store);
    match op.provider {
        "mediasfu" => drop(run.options.insert("server".into(), op.server.unwrap_or("cloud").into())),
        "sora-rpc" => drop(run.options.insert("via".into(), "http".into())),
        "enablex" if op.name == "download_recording" => {
            let host = url.split("://").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
            run.options.insert("recording_host".into(), host.into());
        }
        _ => {}
    }
    run
}

/// The call, and the error that it ends with, if it does.
async fn call(op: &Op, url: &str, run: &Run, expected: Expected) -> Value {
    if op.kind == Kind::Stream {
        let enough = if let Expected::Flows(bytes) = expected { bytes } else { u64::MAX };
        return stream::read(&address(op, url), run, run.timeout.unwrap_or(LONG), enough).await;
    }
    let mut input = op.input.clone();
    if let Some(Value::String(text)) =
        input.get_mut("url").filter(|text| text.as_str().is_some_and(|t| t.starts_with(HERE)))
    {
        *text = text.replace(HERE, url);
    }
    rtc_cli::batch::run(op.provider, op.name, input, run).await.body["error"].take()
}

/// The address in the input, at this server.
fn address(op: &Op, url: &str) -> String {
    op.input["url"].as_str().unwrap_or_default().replace(HERE, url)
}

fn judge(expected: Expected, op: &Op, error: &Value, seen: &[Seen], bad: &mut Vec<String>) {
    let (kind, (least, most)) = match expected {
        Expected::Done | Expected::Flows(_) => (None, (1, 1)),
        Expected::Fails(kind, requests) => (Some(kind), requests),
        Expected::Not(_) => return,
    };
    if error["kind"].as_str() != kind {
        bad.push(format!("{} instead of {}: {error}", error["kind"], kind.unwrap_or("done")));
    }
    if !(least..=most).contains(&seen.len()) {
        bad.push(format!("{} requests instead of {least} to {most}", seen.len()));
    }
    if op.class == Class::Never
        && seen.len() > 1
        && !matches!(expected, Expected::Fails("rate_limited" | "unauthenticated", _))
    {
        bad.push("sent twice".into());
    }
    let keys: Vec<_> = seen.iter().map(|seen| seen.header("idempotency-key")).collect();
    if op.class == Class::Key && keys.iter().any(|key| key.is_none() || *key != keys[0]) {
        bad.push("not every request has the same idempotency key".into());
    }
    // What arrived must not be called unsent.
    if kind.is_some() && !seen.is_empty() && error["was_sent"] != true {
        bad.push("was_sent is wrong".into());
    }
}

/// Whether the error tells a secret: of the account, of the input, or one that was made of them for the request.
fn leaks(error: &Value, seen: &[Seen], bad: &mut Vec<String>) {
    let told = error.to_string();
    let mut secrets: Vec<String> = [KEY, CANARY, SECRET].map(str::to_owned).into();
    for name in ["authorization", "x-opentok-auth"] {
        for value in seen.iter().filter_map(|seen| seen.header(name)) {
            let made = value.split_once("Signature=").map(|(_, signature)| signature);
            secrets.push(made.or_else(|| value.rsplit([' ', ':']).next()).unwrap_or(value).to_owned());
        }
    }
    for secret in secrets.iter().filter(|secret| told.contains(secret.as_str())) {
        bad.push(format!("a secret is told, {}...: {told}", &secret[..6]));
    }
}

/// A store that counts the claims that are held.
#[derive(Debug)]
struct Counted(MemoryStore, Arc<AtomicI64>);

impl Store for Counted {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        let claim = self.0.claim(key, ttl).await?;
        if matches!(claim, Claim::Claimed(_)) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
        Ok(claim)
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        self.0.peek(key).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        let freed = self.0.release(token).await?;
        self.1.fetch_sub(i64::from(freed), Ordering::SeqCst);
        Ok(freed)
    }

    fn abandon(&self, token: ClaimToken) {
        self.1.fetch_sub(1, Ordering::SeqCst);
        self.0.abandon(token);
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        self.0.put(key, value, ttl).await
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        self.0.take(key, rate, burst, n).await
    }
}
