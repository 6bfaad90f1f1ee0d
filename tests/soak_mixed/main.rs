//! Mixed traffic over all five providers against the emulator, with one call in twenty met by a fault: 4,000 calls,
//! or as many as `--calls N` says, and for as long as `--minutes N` says. Own harness, so that its table is seen.
//!
//! It goes by rounds. After each all calls have ended, the emulator's log is compared with what was called, and the
//! emulator forgets everything: what is still there at the end was not let go.

#![allow(clippy::indexing_slicing, reason = "indexing of JSON gives null")]

mod ledger;
mod process;
#[path = "../soak_goal.rs"]
mod soak_goal;
mod traffic;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::Ledger;
use rtc_emulator::{Action, DropWhen, Emulator, Fault, RetryAfter, credentials as known};
use serde_json::Value;
use soak_goal::{Failed, Goal};
use traffic::{End, World};

/// Calls of a round, and how many of them are under way at once.
const ROUND: u64 = 2_000;
const AT_ONCE: u64 = 32;
/// How long a call may take beyond its own deadline before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// What may be kept at the end beyond what the first round left: 32 bytes for each of a million calls.
const MAY_GROW_KIB: u64 = 32 << 10;

fn main() -> ExitCode {
    soak_goal::run("--calls", 2 * ROUND, soak)
}

async fn soak(goal: &Goal) -> Result<usize, Failed> {
    // Room for every request of a round, repetitions included.
    let emulator = Emulator::builder().quotas(false).log_capacity(4 * ROUND as usize).start().await?;
    let metrics = tokio::runtime::Handle::current().metrics();
    let (tasks, sockets) = (metrics.num_alive_tasks(), process::sockets());
    let world = Arc::new(World::new(&emulator)?);
    let alert = would_be_seen(&world, &emulator).await?;
    let mut ledger = Ledger::default();
    let (mut rounds, mut memory) = (0, None);
    let started = Instant::now();
    while rounds * ROUND < goal.count || started.elapsed() < goal.time {
        round(&world, &emulator, rounds, &mut ledger).await?;
        rounds += 1;
        // The first one fills pools and caches, which are to stay.
        memory = memory.or_else(process::memory_kib);
        if rounds.is_multiple_of(50) {
            let rate = ledger.calls() as f64 / started.elapsed().as_secs_f64();
            eprintln!(
                "... {} calls, {rate:.0} a second, {} KiB",
                ledger.calls(),
                shown(process::memory_kib())
            );
        }
    }
    let lasted = started.elapsed();
    let memory_after = process::memory_kib();
    drop(world);
    let gone = until(|| metrics.num_alive_tasks() <= tasks && process::sockets() <= sockets).await;
    let left = (metrics.num_alive_tasks().saturating_sub(tasks), process::sockets());

    ledger.findings.iter().for_each(|finding| println!("{finding}"));
    println!("{:<40} {:>12}", "what", "number");
    let row = |what: &str, number: &str| println!("{what:<40} {number:>12}");
    row("calls", &ledger.calls().to_string());
    row("calls a second", &format!("{:.0}", ledger.calls() as f64 / lasted.as_secs_f64()));
    row("requests that the emulator saw", &ledger.requests.to_string());
    ledger.ends.iter().for_each(|(end, times)| row(end, &times.to_string()));
    ledger.faults.iter().for_each(|(fault, times)| row(&format!("fault: {fault}"), &times.to_string()));
    row("memory after the first round, KiB", &shown(memory));
    row("memory after the last round, KiB", &shown(memory_after));
    row("sockets before the first call", &shown(sockets));
    row("sockets after the last", &shown(left.1));
    row("seconds", &format!("{:.1}", lasted.as_secs_f64()));
    let grown = memory_after.zip(memory).map(|(after, before)| after.saturating_sub(before));
    let faulty = ledger.faults.values().sum::<u64>() * 100 / ledger.requests.max(1);
    let mut checks = vec![
        ("what is done on purpose is found", alert == [8, 1, 1], alert.iter().sum()),
        ("no call is stuck", ledger.stuck == 0, ledger.stuck),
        ("no call is lost", ledger.lost == 0, ledger.lost),
        ("nothing is sent twice that may not be", ledger.twice == 0, ledger.twice),
        ("nothing succeeded that was not asked for", ledger.unasked == 0, ledger.unasked),
        ("no secret is told by an error or the log", ledger.leaks == 0, ledger.leaks),
        ("one request in twenty met a fault", (3..=7).contains(&faulty), faulty),
        ("no task and no socket is left", gone.is_some(), left.0 as u64),
    ];
    // Where it cannot be looked at, its row says so.
    checks.extend(grown.map(|grown| ("memory is flat", grown <= MAY_GROW_KIB, grown)));
    Ok(report(&checks))
}

/// Does on purpose what must not happen, and gives what the accounts show of it: each of the calls with a mark made twice,
/// an error that tells a secret, a success that nobody asked for.
async fn would_be_seen(world: &World, emulator: &Emulator) -> Result<[u64; 3], Failed> {
    let scene = world.prepare(emulator).await?;
    emulator.clear_log();
    let mut ends = Vec::new();
    for number in [0, 2, 3, 5, 8, 9, 11] {
        world.call(&scene, number).await;
        ends.push(world.call(&scene, number).await);
    }
    // A call over a WebSocket that its member does not know of.
    world.call(&scene, 13).await;
    scene.forget_one_call();
    ends.push(End::telling("any", known::ENABLEX_APP_KEY));
    ends.push(End::unasked("sk99999999"));
    let mut ledger = Ledger::default();
    ledger.book(&ends, emulator, &scene);
    scene.leave();
    emulator.reset();
    Ok([ledger.twice, ledger.leaks, ledger.unasked])
}

/// Tells what holds and how often it did not; gives the number of what does not.
fn report(checks: &[(&str, bool, u64)]) -> usize {
    for (what, holds, number) in checks {
        let (verdict, number) =
            if *holds { ("ok    ", String::new()) } else { ("FAILED", format!(": {number}")) };
        println!("{verdict} {what}{number}");
    }
    let failed = checks.iter().filter(|(_, holds, _)| !holds).count();
    println!("{} passed, {failed} failed", checks.len() - failed);
    failed
}

/// One round: its calls, then the accounts.
async fn round(
    world: &Arc<World>,
    emulator: &Emulator,
    number: u64,
    ledger: &mut Ledger,
) -> Result<(), Failed> {
    let scene = Arc::new(world.prepare(emulator).await?);
    emulator.clear_log();
    let mut rules = faults();
    // The same dice fall on other rules.
    let turn = usize::try_from(number).unwrap_or(0) % rules.len();
    rules.rotate_left(turn);
    for rule in rules {
        emulator.add_fault(rule)?;
    }
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (world, scene, next) = (Arc::clone(world), Arc::clone(&scene), Arc::clone(&next));
            tokio::spawn(async move {
                let mut ends = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= ROUND {
                        return ends;
                    }
                    let call = world.call(&scene, number * ROUND + index);
                    let end =
                        tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(|_| End::stuck(index));
                    ends.push(end);
                }
            })
        })
        .collect();
    let mut ends = Vec::new();
    for worker in workers {
        ends.extend(worker.await?);
    }
    ledger.lost += ROUND - (ends.len() as u64).min(ROUND);
    ledger.book(&ends, emulator, &scene);
    scene.leave();
    emulator.reset();
    Ok(())
}

/// Eleven faults that together meet 5 % of the requests.
fn faults() -> Vec<Fault> {
    let status = |status| Action::Status { status, headers: BTreeMap::new(), body: Value::Null };
    let drop = |when| Action::Drop { when };
    let often = [
        ("429", status(429)),
        ("429 with Retry-After", Action::RetryAfter { status: 429, value: RetryAfter::Seconds(0) }),
        ("503", status(503)),
        ("502 in HTML", Action::Html { status: 502 }),
        ("dropped before", drop(DropWhen::Before)),
        ("dropped in the head", drop(DropWhen::DuringHeaders)),
        ("dropped in the body", drop(DropWhen::DuringBody)),
        ("dropped after", drop(DropWhen::After)),
        ("truncated", Action::Truncate { bytes: 7 }),
        ("garbage", Action::Garbage),
    ];
    let often = often.map(|(name, action)| Fault::new(action).id(name).probability(0.0051));
    // Never answered in time: a second of a worker's time each.
    let late = Fault::new(Action::Delay { ms: 60_000 }).id("too late").probability(0.0004);
    often.into_iter().chain([late]).collect()
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

fn shown(number: Option<u64>) -> String {
    number.map_or("skipped: needs /proc".into(), |number| number.to_string())
}
