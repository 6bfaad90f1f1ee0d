//! Quotas of a fleet on a real server: many connections, as many processes have, keep one limit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

mod server;

use std::time::{Duration, Instant};

use rtc_core::{Pace, Quota, Quotas, SharedClock, SharedStore};
use rtc_redis::{RedisOptions, RedisStore};
use server::{URL, processes};

const PER: Duration = Duration::from_millis(250);
/// A small quota, which may be used up at once, and a large one, of which a fifth may.
const SMALL: (&str, u32, u32) = ("small", 5, 5);
const LARGE: (&str, u32, u32) = ("large", 50, 10);
const PROCESSES: u32 = 4;
const CALLS: u32 = 30;

async fn quotas(url: &str, timeout: Duration) -> Quotas {
    let store = RedisStore::connect(url, RedisOptions::new().timeout(timeout)).await.unwrap();
    Quotas::new(SharedStore::new(store), SharedClock::default())
}

async fn pace(url: &str, (key, count, _): (&str, u32, u32)) -> Pace {
    quotas(url, Duration::from_secs(10)).await.pace([(key.to_owned(), Quota::new(count, PER))])
}

/// The shortest time in which so many calls fit into a quota. A longest one would be the machine's.
fn shortest((_, count, at_once): (&str, u32, u32), calls: u32) -> Duration {
    let rest = if count == at_once { count } else { count - at_once };
    if count == at_once {
        // Whole bursts: the last of them begins after so many stretches.
        PER * (calls.div_ceil(count) - 1)
    } else {
        PER * (calls - at_once) / rest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_and_forty_clients_keep_a_quota() {
    let server = server_or_skip!();
    for limit in [SMALL, LARGE] {
        for clients in [2_u32, 40] {
            let key = format!("{} of {clients}", limit.0);
            let limit = (key.as_str(), limit.1, limit.2);
            let mut paces = Vec::new();
            for _ in 0..clients {
                paces.push(pace(&server.url(), limit).await);
            }
            let total = limit.1 * 4;
            let begun = Instant::now();
            let calls: Vec<_> = (0..total)
                .map(|number| {
                    let pace = paces[(number % clients) as usize].clone();
                    tokio::spawn(async move { pace.ready().await })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            let (took, least) = (begun.elapsed(), shortest(limit, total));
            assert!(took >= least, "{clients} clients, {limit:?}: {took:?} is less than {least:?}");
        }
    }
}

/// One of several processes.
#[tokio::test]
#[ignore = "run by processes_keep_a_quota"]
async fn process() {
    let Ok(url) = std::env::var(URL) else { return };
    let pace = pace(&url, LARGE).await;
    for _ in 0..CALLS {
        pace.ready().await;
    }
}

#[tokio::test]
async fn processes_keep_a_quota() {
    let server = server_or_skip!();
    let begun = Instant::now();
    processes(&server, PROCESSES);
    let (took, least) = (begun.elapsed(), shortest(LARGE, PROCESSES * CALLS));
    assert!(took >= least, "{took:?} is less than {least:?}");
    // What is left is the one limit, and it is no name of anybody.
    assert!(server.keys().iter().all(|key| key == "rtc:rate:large"), "{:?}", server.keys());
}

#[tokio::test]
async fn one_that_is_refused_holds_off_another_machine() {
    let server = server_or_skip!();
    let timeout = Duration::from_secs(10);
    let (one, two) = (quotas(&server.url(), timeout).await, quotas(&server.url(), timeout).await);
    let (one, two) = (one.pace([]).holding_off("app"), two.pace([]).holding_off("app"));
    let begun = Instant::now();
    one.refused(Duration::from_millis(300)).await;
    two.ready().await;
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

/// A server that has stopped answering costs all calls together one timeout, and for a second nobody asks it again.
#[tokio::test]
async fn without_an_answer_calls_go_on_after_one_timeout() {
    let server = server_or_skip!();
    let timeout = Duration::from_millis(500);
    let quotas = quotas(&server.url(), timeout).await;
    let pace = quotas.pace([SMALL, LARGE].map(|(key, count, _)| (key.to_owned(), Quota::new(count, PER))));
    pace.ready().await;
    server.command::<()>(&["CLIENT", "PAUSE", "60000", "ALL"]);
    let begun = Instant::now();
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let pace = pace.clone();
            tokio::spawn(async move { pace.ready().await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    // One of each of the five places in line has asked, all at once; in turn, eight of each would take 4 s.
    assert!((timeout..4 * timeout).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}
