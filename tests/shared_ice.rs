//! Forty processes share the ICE servers of one channel through a real Redis: one request per life of an answer, and
//! nobody is ever handed an expired credential. Own harness, so that its figures are seen; its only waits are the life
//! of the credentials, which is what it looks at.

use std::collections::HashMap;
use std::error::Error;
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kvs_signaling::{Client, Credentials, IceCache, IceSealKey, IceServers};
use rtc_core::time::parse_rfc3339;
use rtc_emulator::{Emulator, EmulatorClock};
use rtc_redis::{RedisOptions, RedisStore};
use serde_json::{Value, json};

type Failed = Box<dyn Error + Send + Sync>;

const PROCESSES: usize = 40;
/// How long they go on asking.
const LASTS: Duration = Duration::from_secs(20);
/// The life of credentials, and how long before its end they are not handed out any more.
const TTL: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(1);
/// Whole lives in that time, and one for the ends.
const MOST_REQUESTS: usize = (LASTS.as_millis() / (TTL.as_millis() - GRACE.as_millis())) as usize + 1;
/// How long the processes have to start, so that all of them come to an empty store at once.
const START: Duration = Duration::from_secs(4);
const KEY: [u8; 32] = [7; 32];
/// What tells a process that it is one of the forty: where the service and the store are, its number, and when to begin.
const TASK: &str = "RTC_SHARED_ICE_TASK";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(Failed::from).and_then(|runtime| match std::env::var(TASK) {
        Ok(task) => runtime.block_on(ask(&task)).map(|()| true),
        Err(_) => runtime.block_on(watch()),
    });
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// One of the forty: asks at its own pace, and writes down what it was handed and when.
async fn ask(task: &str) -> Result<(), Failed> {
    let [url, redis, number, begin] = <[&str; 4]>::try_from(task.split(' ').collect::<Vec<_>>())
        .map_err(|_| format!("{TASK} has another number of words"))?;
    let (number, begin): (u64, u64) = (number.parse()?, begin.parse()?);
    let store = RedisStore::connect(redis, RedisOptions::new()).await?;
    let cache = IceCache::shared(store, IceSealKey::new(KEY)).with_grace(GRACE);
    let emulated = std::env::var("RTC_SHARED_ICE_ACCOUNT")?;
    let [key, secret, region, arn] = <[&str; 4]>::try_from(emulated.split(' ').collect::<Vec<_>>())
        .map_err(|_| "the account has another number of words")?;
    let client = Client::builder(Credentials::new(key, secret))
        .region(region)
        .endpoint(url)
        .ice_cache(cache)
        .build()?;
    let begin = UNIX_EPOCH + Duration::from_millis(begin);
    tokio::time::sleep(begin.duration_since(SystemTime::now()).unwrap_or_default()).await;
    let start = Instant::now();
    while start.elapsed() < LASTS {
        let servers = client.ice_servers(IceServers::new(arn)).await;
        let now = millis(SystemTime::now());
        match servers {
            Ok(servers) => {
                for name in servers.iter().filter_map(|server| server.username.as_deref()) {
                    println!("handed {now} {name}");
                }
            }
            Err(error) => println!("failed {now} {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20 + number)).await;
    }
    let stats = client.ice_cache().shared_stats().unwrap_or_default();
    println!("store {} {} {} {}", stats.found, stats.unreadable, stats.late, stats.store_failures);
    Ok(())
}

/// The one that starts the forty, the service and the store, and compares what both sides wrote down.
async fn watch() -> Result<bool, Failed> {
    let Some(redis) = Redis::start().await? else {
        println!("skipped: needs redis-server (Debian package redis-server)");
        return Ok(true);
    };
    let emulator = Emulator::builder().clock(EmulatorClock::system()).start().await?;
    let kvs = emulator.kvs();
    kvs.quirks(json!({ "turn_ttl_seconds": TTL.as_secs() }))?;
    let account =
        format!("{} {} {} {}", kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.channel_arn());
    let begin = millis(SystemTime::now() + START);
    let program = std::env::current_exe()?;
    let processes = (0..PROCESSES).map(|number| {
        Command::new(&program)
            .env(TASK, format!("{} {} {number} {begin}", kvs.url(), redis.url))
            .env("RTC_SHARED_ICE_ACCOUNT", &account)
            .stdout(Stdio::piped())
            .spawn()
    });
    let processes: Vec<Child> = processes.collect::<Result<_, _>>()?;
    let mut readers = Vec::new();
    for process in processes {
        readers.push(tokio::task::spawn_blocking(move || process.wait_with_output()));
    }
    let mut told = Told::default();
    for reader in readers {
        let output = reader.await??;
        if !output.status.success() {
            return Err("one of the processes failed".into());
        }
        told.read(&String::from_utf8(output.stdout)?);
    }
    let requests = emulator.requests("get_ice_server_config");
    let mut issued = HashMap::new();
    for request in &requests {
        let at = parse_rfc3339(&request.at).ok_or("the log tells no time")?;
        let answer: Value = serde_json::from_str(request.answer.as_deref().unwrap_or_default())?;
        let servers = answer.get("IceServerList").and_then(Value::as_array).into_iter().flatten();
        for name in servers.filter_map(|server| server.get("Username")?.as_str()) {
            issued.insert(name.to_owned(), millis(at));
        }
    }
    Ok(report(requests.len(), &told, &issued))
}

/// What the processes wrote down.
#[derive(Default)]
struct Told {
    handed: Vec<(u64, String)>,
    failed: Vec<String>,
    /// From the store, unreadable, late, failures of the store.
    store: [u64; 4],
    ended: usize,
}

impl Told {
    fn read(&mut self, text: &str) {
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["handed", at, name] => {
                    self.handed.push((at.parse().unwrap_or(u64::MAX), (*name).to_owned()))
                }
                ["store", counts @ ..] => {
                    let counts = counts.iter().map(|count| count.parse::<u64>().unwrap_or(u64::MAX));
                    self.store
                        .iter_mut()
                        .zip(counts)
                        .for_each(|(sum, count)| *sum = sum.saturating_add(count));
                    self.ended += 1;
                }
                _ => self.failed.push(line.to_owned()),
            }
        }
    }
}

/// Prints the figures; whether all promises were kept.
fn report(requests: usize, told: &Told, issued: &HashMap<String, u64>) -> bool {
    let ttl = TTL.as_millis() as u64;
    // Counted from when the service had the request: its credentials live longer than that.
    let ages = told.handed.iter().map(|(at, name)| issued.get(name).map(|issued| at.saturating_sub(*issued)));
    let ages: Vec<Option<u64>> = ages.collect();
    let unknown = ages.iter().filter(|age| age.is_none()).count();
    let expired = ages.iter().flatten().filter(|age| **age >= ttl).count();
    let oldest = ages.iter().flatten().max().copied().unwrap_or_default();
    let [found, unreadable, late, failures] = told.store;
    println!("{PROCESSES} processes for {LASTS:?}, credentials of {TTL:?}, grace {GRACE:?}, one Redis");
    println!("credentials handed out          {:>8}", told.handed.len());
    println!("oldest of them                  {:>8.3} s", oldest as f64 / 1000.0);
    println!("answers taken from the store    {found:>8}");
    println!("unreadable / late / store away  {:>8}", format!("{unreadable} / {late} / {failures}"));
    told.failed.iter().take(3).for_each(|line| println!("FAILED {line}"));
    let checks = [
        ("requests to the service", requests, (1..=MOST_REQUESTS).contains(&requests)),
        ("expired credentials handed out", expired, expired == 0),
        ("credentials nobody gave out", unknown, unknown == 0),
        ("calls that failed", told.failed.len(), told.failed.is_empty()),
        ("processes that came to the end", told.ended, told.ended == PROCESSES && !told.handed.is_empty()),
    ];
    for (what, figure, ok) in checks {
        println!("{what:<31} {figure:>8}{}", if ok { "" } else { "  FAILED" });
    }
    let passed = checks.iter().filter(|(.., ok)| *ok).count();
    println!("at most {MOST_REQUESTS} requests were allowed");
    println!("{passed} passed, {} failed", checks.len() - passed);
    passed == checks.len()
}

/// A real server on a free loopback port, killed when dropped.
struct Redis {
    child: Child,
    url: String,
}

impl Redis {
    /// None where it is not installed.
    async fn start() -> Result<Option<Self>, Failed> {
        let program = std::env::var("RTC_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        // Between finding a free port and using it someone else may take it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
            let child = Command::new(&program)
                .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn();
            let child = match child {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                child => child?,
            };
            let mut redis = Self { child, url: format!("redis://127.0.0.1:{port}") };
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(20) && redis.child.try_wait()?.is_none() {
                if RedisStore::connect(&redis.url, RedisOptions::new()).await.is_ok() {
                    return Ok(Some(redis));
                }
                tokio::task::yield_now().await;
            }
        }
        Err(format!("{program} did not start").into())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
