//! The behaviour of all stores, on a real server; several processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

mod server;

use std::time::Duration;

use rtc_core::testing::store_suite::{Bench, StoreTime};
use rtc_core::{BoxFuture, Claim, Pacer, Rate, SharedClock, SharedStore, Store};
use rtc_redis::{RedisOptions, RedisStore};
use server::{URL, processes};

const KEYS: usize = 300;

/// The time of the server.
#[derive(Debug)]
struct ServerTime(redis::aio::MultiplexedConnection);

impl ServerTime {
    async fn of(server: &server::Server) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }
}

impl StoreTime for ServerTime {
    fn now(&self) -> BoxFuture<'_, Duration> {
        let mut connection = self.0.clone();
        Box::pin(async move {
            let (seconds, micros): (u64, u32) =
                redis::cmd("TIME").query_async(&mut connection).await.unwrap();
            Duration::new(seconds, micros * 1_000)
        })
    }

    fn pass(&self, by: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let until = self.now().await + by;
            // Asking is what takes the time.
            while self.now().await < until {}
        })
    }
}

async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(url, RedisOptions::new().timeout(Duration::from_secs(10))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_behaves() {
    let server = server_or_skip!();
    let (store, other) = (connect(&server.url()).await, connect(&server.url()).await);
    let bench = Bench {
        store: SharedStore::new(store),
        other: SharedStore::new(other),
        time: ServerTime::of(&server).await,
        tick: Duration::from_millis(2),
        ttl: Duration::from_millis(60),
        // Far longer than the calls that must fit into it.
        interval: Duration::from_millis(500),
        pause: Duration::from_millis(1_600),
        patience: 10_000,
    };
    bench.run().await;
    // Everything has an end, and nothing is remembered of what needs no memory.
    for key in server.keys() {
        // -1: without an end.
        assert_ne!(server.command::<i64>(&["PTTL", &key]), -1, "{key}");
        assert!(
            key.starts_with("rtc:claim:") || key.starts_with("rtc:value:") || key.starts_with("rtc:rate:")
        );
    }
    assert!(!server.keys().contains(&"rtc:rate:none".to_owned()));
}

#[tokio::test]
async fn prefixes_keep_programs_apart() {
    let server = server_or_skip!();
    let one = RedisStore::connect(&server.url(), RedisOptions::new().prefix("one:")).await.unwrap();
    let two = RedisStore::connect(&server.url(), RedisOptions::new().prefix("two:")).await.unwrap();
    let ttl = Duration::from_secs(60);
    assert!(matches!(one.claim("k", ttl).await.unwrap(), Claim::Claimed(_)));
    assert!(matches!(two.claim("k", ttl).await.unwrap(), Claim::Claimed(_)));
    assert!(matches!(two.claim("k", ttl).await.unwrap(), Claim::Busy { .. }));
    let mut keys = server.keys();
    keys.sort();
    assert_eq!(keys, ["one:claim:k", "two:claim:k"]);
}

/// One of two processes: claims all keys and says how many it got.
#[tokio::test]
#[ignore = "run by two_processes"]
async fn process() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = connect(&url).await;
    let mut won = 0;
    for i in 0..KEYS {
        let claim = store.claim(&format!("shared {i}"), Duration::from_secs(60)).await.unwrap();
        won += usize::from(matches!(claim, Claim::Claimed(_)));
    }
    println!("won={won}.");
}

#[tokio::test]
async fn two_processes() {
    let server = server_or_skip!();
    let won = processes(&server, 2).into_iter().map(|output| {
        let won = output.split("won=").nth(1).and_then(|rest| rest.split('.').next());
        won.unwrap_or_else(|| panic!("{output}")).parse::<usize>().unwrap()
    });
    assert_eq!(won.sum::<usize>(), KEYS);
}

#[tokio::test]
async fn pacers_of_two_machines_share_a_rate() {
    let server = server_or_skip!();
    let (rate, clock) = (Rate::new(1, Duration::from_millis(20)), SharedClock::default());
    let mut pacers = Vec::new();
    for _ in 0..2 {
        let store = SharedStore::new(connect(&server.url()).await);
        pacers.push(Pacer::new(store, clock.clone(), "quota", rate, 1));
    }
    let time = ServerTime::of(&server).await;
    let start = time.now().await;
    tokio::join!(
        async {
            for _ in 0..5 {
                pacers[0].ready().await.unwrap()
            }
        },
        async {
            for _ in 0..5 {
                pacers[1].ready().await.unwrap()
            }
        },
    );
    let took = time.now().await - start;
    assert!(took >= Duration::from_millis(9 * 20), "{took:?}: ten permits, of which the first is free");
}
