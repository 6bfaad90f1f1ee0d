//! What a free permit costs: `Pacer::ready` on a `MemoryStore` beside an uncontended lock of tokio's `Mutex` and of the
//! standard one. Rounds are interleaved; the figures are medians.
//!
//! `cargo xtask bench pacer`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc_bench::{Outcome, median};
use rtc_core::{MemoryStore, Pacer, Quota, Quotas, Rate, SharedClock, SharedStore};

const ROUNDS: usize = 200;
const TURNS: u32 = 5_000;
/// A key as the clients make them.
const KEY: &str = "kvs:us-west-2:get_ice_server_config";
const GOAL: f64 = 5.0;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let clock = SharedClock::default();
    let store = SharedStore::new(MemoryStore::new(clock.clone()));
    // So many permits that none is ever waited for.
    let pacer =
        Pacer::new(store.clone(), clock.clone(), KEY, Rate::new(1, Duration::from_nanos(1)), u32::MAX);
    let quotas = Quotas::new(store, clock);
    let limit = |key: &str| (key.to_owned(), Quota::new(u32::MAX, Duration::from_millis(1)));
    let pace = quotas.pace([limit("kvs:us-west-2:one"), limit("kvs:us-west-2:two")]);
    let (fair, plain) = (tokio::sync::Mutex::new(0_u64), Mutex::new(0_u64));
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            let who = (round + turn) % 4;
            let begun = Instant::now();
            for _ in 0..TURNS {
                match who {
                    0 => *black_box(&fair).lock().await += 1,
                    1 => *black_box(&plain).lock().unwrap_or_else(PoisonError::into_inner) += 1,
                    2 => black_box(&pacer).ready().await?,
                    _ => black_box(&pace).ready().await,
                }
            }
            row[who] = begun.elapsed().as_nanos() as f64 / f64::from(TURNS);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    println!("a free permit in process, {ROUNDS} interleaved rounds of {TURNS}");
    println!("{:<34} {:>6} {:>14} {:>12}", "", "ns", "x tokio Mutex", "x std Mutex");
    let names = ["tokio Mutex, lock", "std Mutex, lock", "Pacer::ready", "Pace::ready, two limits"];
    for (i, name) in names.into_iter().enumerate() {
        let ratio = |of: usize| median(&rounds, |r| r[i] / r[of]);
        println!("{name:<34} {:>6.0} {:>14.2} {:>12.2}", median(&rounds, |r| r[i]), ratio(0), ratio(1));
    }
    let ratio = median(&rounds, |r| r[2] / r[0]);
    let verdict = if ratio <= GOAL { "reached" } else { "MISSED" };
    println!("goal: Pacer::ready at most {GOAL} x an uncontended tokio Mutex: {ratio:.2}, {verdict}");
    Ok(())
}
