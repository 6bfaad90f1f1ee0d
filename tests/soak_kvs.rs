//! The signaling client of Kinesis Video Streams against the emulator, over real sockets that break all the time: 50
//! reconnects, or as many as `--reconnects N` says, and for as long as `--minutes N` says. Own harness, so that its table is seen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kvs_signaling::signaling::{Event, Signaling, SignalingEvents, SignalingOptions};
use kvs_signaling::{Client, Credentials, Peer, SendIceCandidate, SendOffer};
use rtc_core::RetryPolicy;
use rtc_emulator::Emulator;

#[path = "soak_goal.rs"]
mod soak_goal;

use soak_goal::{Failed, Goal};

/// The viewers beside the master.
const VIEWERS: [&str; 3] = ["viewer-a", "viewer-b", "viewer-c"];
/// How long a connection may take to be made anew.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a message is waited for between two faults.
const PAUSE: Duration = Duration::from_millis(40);

fn main() -> ExitCode {
    soak_goal::run("--reconnects", 50, soak)
}

/// What has happened, over all clients.
#[derive(Default)]
struct Tally {
    connected: AtomicU64,
    undelivered: AtomicU64,
    sent: AtomicU64,
    not_sent: AtomicU64,
    missed: AtomicU64,
    /// How often each message was told, by its content.
    told: Mutex<HashMap<String, u32>>,
    /// The messages that were told as undelivered, by their content.
    reported: Mutex<HashSet<String>>,
}

impl Tally {
    fn tell(&self, content: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told.entry(content.to_owned()).or_default() += 1;
    }

    fn reported(&self, content: &str) {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(content.to_owned());
    }

    fn heard(&self) -> usize {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many messages were neither told nor reported: the service gave them to a connection that was lost.
    fn lost_behind_the_service(&self, told: &HashMap<String, u32>) -> u64 {
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let either = reported.iter().chain(told.keys()).collect::<HashSet<_>>().len();
        Self::get(&self.sent).saturating_sub(either as u64)
    }

    fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

async fn soak(goal: &Goal) -> Result<usize, Failed> {
    let emulator = Emulator::builder().quotas(false).log_capacity(100).start().await?;
    let kvs = emulator.kvs();
    let arn = kvs.channel_arn();
    let credentials = Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
    let client = Client::builder(credentials).region(kvs.region()).endpoint(kvs.url()).build()?;
    let channel = client.channel(arn);
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let tally = Arc::new(Tally::default());
    let (mut handles, mut tasks) = (Vec::new(), Vec::new());
    let mut start = |who: &str, connected: (Signaling, SignalingEvents)| {
        let (signaling, events) = connected;
        tasks.push(tokio::spawn(listen(events, Arc::clone(&tally))));
        tasks.push(tokio::spawn(chatter(who.to_owned(), signaling.clone(), Arc::clone(&tally))));
        handles.push(signaling);
    };
    start("master", channel.connect_as_master().options(options()).await?);
    for viewer in VIEWERS {
        start(viewer, channel.connect_as_viewer(viewer).options(options()).await?);
    }
    let started = Instant::now();
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    let first = handles.len() as u64;
    let mut seed = Seed(0x5eed);
    while Tally::get(&tally.connected) < first + goal.count || started.elapsed() < goal.time {
        let next = Tally::get(&tally.connected) + 1;
        let whom = VIEWERS.iter().copied().map(Some).chain([None]).nth(seed.below(4));
        // None are all peers at once.
        let whom = whom.flatten();
        let (name, done) = match seed.below(10) {
            0 | 1 => ("GO_AWAY", kvs.go_away(arn, whom)),
            2 => ("RECONNECT_ICE_SERVER", kvs.reconnect_ice_server(arn, whom)),
            _ => ("dropped", kvs.drop_connections(arn, whom)),
        };
        if done {
            *faults.entry(name).or_default() += 1;
        }
        // Messages in between, or else only handshakes would be worn.
        let heard = tally.heard();
        let _ = tokio::time::timeout(PAUSE, until(|| tally.heard() > heard)).await;
        // Whether or not somebody was there to hear it, all of them connect sooner or later.
        until(|| Tally::get(&tally.connected) >= next || !done)
            .await
            .ok_or("nobody connected anew in time")?;
    }
    let lasted = started.elapsed();
    until(|| handles.iter().all(Signaling::is_connected)).await.ok_or("not all have connected again")?;
    for signaling in &handles {
        signaling.close().await;
    }
    for task in tasks {
        task.await?;
    }
    let pending: usize = handles.iter().map(Signaling::pending).sum();
    let buffered: usize = handles.iter().map(|s| s.buffered() + s.unread()).sum();
    let repeated: u64 = handles.iter().map(Signaling::repeated).sum();
    // Its idle connections are tasks, too.
    drop((handles, channel, client));
    let gone = until(|| metrics.num_alive_tasks() <= before && kvs.connections().is_empty()).await;
    let told = tally.told.lock().unwrap_or_else(PoisonError::into_inner);
    let twice = told.values().filter(|times| **times > 1).count();

    println!("{:<34} {:>9}", "what", "number");
    let row = |what: &str, number: u64| println!("{what:<34} {number:>9}");
    faults.iter().for_each(|(name, times)| row(&format!("faults: {name}"), *times));
    row("reconnects", Tally::get(&tally.connected) - first);
    row("messages sent", Tally::get(&tally.sent));
    row("messages refused to the sender", Tally::get(&tally.not_sent));
    row("messages told", told.len() as u64);
    row("messages told as undelivered", Tally::get(&tally.undelivered));
    row("lost behind the service", tally.lost_behind_the_service(&told));
    row("repetitions left out", repeated);
    row("milliseconds", u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX));
    let checks = [
        ("every message is told at most once", twice == 0, twice),
        ("no event was dropped", Tally::get(&tally.missed) == 0, 0),
        ("something was told", !told.is_empty(), 0),
        ("no message is pending", pending == 0, pending),
        ("nothing is buffered", buffered == 0, buffered),
        (
            "no task and no connection is left",
            gone.is_some(),
            metrics.num_alive_tasks().saturating_sub(before),
        ),
    ];
    let failed = checks.iter().filter(|(_, holds, _)| !holds).count();
    for (what, holds, number) in checks {
        println!(
            "{} {what}{}",
            if holds { "ok    " } else { "FAILED" },
            if holds { String::new() } else { format!(": {number}") }
        );
    }
    println!("{} passed, {failed} failed", checks.len() - failed);
    Ok(failed)
}

/// Short pauses, so that many connections are lost in little time.
fn options() -> SignalingOptions {
    let policy = RetryPolicy::default().with_base(Duration::from_millis(1)).with_max_attempts(u32::MAX);
    SignalingOptions::new()
        .reconnect(policy.with_cap(Duration::from_millis(20)))
        .ping_interval(Duration::from_secs(1))
        .event_queue(100_000)
}

async fn listen(mut events: SignalingEvents, tally: Arc<Tally>) {
    while let Some(event) = events.next().await {
        let count = |counter: &AtomicU64, by| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        match event {
            Event::Connected => count(&tally.connected, 1),
            Event::Undelivered(message) => {
                count(&tally.undelivered, 1);
                tally.reported(message.payload.expose());
            }
            Event::Missed { events } => count(&tally.missed, events),
            Event::SdpOffer(message) | Event::IceCandidate(message) => tally.tell(message.payload.text()),
            _ => {}
        }
    }
}

/// Sends one message after the other until the client is closed; each says something else.
async fn chatter(who: String, signaling: Signaling, tally: Arc<Tally>) {
    for number in 0u64.. {
        let content = format!("{who} {number}");
        let recipient = VIEWERS.iter().cycle().nth(usize::try_from(number % 3).unwrap_or(0));
        let recipient = recipient.filter(|_| *signaling.peer() == Peer::Master).map(|id| (*id).to_owned());
        // Now and then an offer, so that candidates are let through.
        let sent = if number % 10 < 3 {
            let mut offer = SendOffer::new(content);
            offer.recipient_client_id = recipient;
            signaling.send_offer(offer).await
        } else {
            let mut candidate = SendIceCandidate::new(content);
            candidate.recipient_client_id = recipient;
            signaling.send_ice_candidate(candidate).await
        };
        match sent {
            Ok(()) => tally.sent.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.kind() == rtc_core::ErrorKind::Closed && !error.was_sent() => return,
            Err(_) => tally.not_sent.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// Waits until it holds; none if that takes too long.
async fn until(holds: impl Fn() -> bool) -> Option<()> {
    let mut look = tokio::time::interval(Duration::from_millis(1));
    let waiting = async {
        while !holds() {
            look.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.ok()
}

/// The same faults in every run.
struct Seed(u64);

impl Seed {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }
}
