//! A cluster of three masters on loopback, one of which dies.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

mod server;

use std::time::{Duration, Instant};

use rtc_core::{Claim, Rate, SharedStore, Store, Taken};
use rtc_redis::{RedisOptions, RedisStore};
use server::{Server, eventually, free_port};

const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];
const TTL: Duration = Duration::from_secs(60);

async fn cluster() -> Option<Vec<Server>> {
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for (epoch, (first, last)) in SLOTS.iter().enumerate() {
        let bus = free_port().to_string();
        let node = Server::start(&[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-node-timeout",
            "2000",
            "--cluster-require-full-coverage",
            "no",
        ])?;
        node.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()]);
        node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        nodes.push(node);
        buses.push(bus);
    }
    for (node, bus) in nodes.iter().zip(&buses) {
        nodes[0].command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]);
    }
    eventually("the nodes know each other and all slots", async || {
        nodes.iter().all(|node| {
            let info: String = node.command(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
        })
    })
    .await;
    Some(nodes)
}

/// Keys whose claims lie on the given node.
fn keys_of(nodes: &[Server], node: usize, prefix: &str) -> Vec<String> {
    let (first, last) = SLOTS[node];
    let keys = (0..60).map(|i| format!("{prefix}{i}"));
    keys.filter(|key| {
        let slot: u16 = nodes[0].command(&["CLUSTER", "KEYSLOT", &format!("rtc:claim:{key}")]);
        (first..=last).contains(&slot)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_masters_dies() {
    let Some(mut nodes) = cluster().await else { return };
    // With the rights that the documentation names.
    let rights = ["+get", "+set", "+del", "+pttl", "+time", "+eval", "+evalsha", "+cluster|slots"];
    let user = ["ACL", "SETUSER", "app", "on", ">secret", "~rtc:*"];
    nodes.iter().for_each(|node| node.command(&[&user, &rights[..]].concat()));
    let urls: Vec<_> =
        nodes.iter().map(|node| node.url().replace("redis://", "redis://app:secret@")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let store = RedisStore::connect_cluster(&urls, RedisOptions::new()).await.unwrap();
    // One node is enough to find the others.
    let other = RedisStore::connect_cluster(&urls[..1], RedisOptions::new()).await.unwrap();

    // Claims on all three, each with exactly one winner; rates and values as well.
    for i in 0..60 {
        let key = format!("k{i}");
        let Claim::Claimed(token) = store.claim(&key, TTL).await.unwrap() else { panic!("{key}") };
        assert!(matches!(other.claim(&key, TTL).await.unwrap(), Claim::Busy { .. }));
        assert!(store.release(&token).await.unwrap());
        assert!(matches!(other.claim(&key, TTL).await.unwrap(), Claim::Claimed(_)));
        assert_eq!(store.take(&key, Rate::new(1, TTL), 1, 1).await.unwrap(), Taken::Granted);
        assert!(matches!(other.take(&key, Rate::new(1, TTL), 1, 1).await.unwrap(), Taken::Wait(_)));
        store.put(&key, key.clone().into(), TTL).await.unwrap();
        assert_eq!(other.get(&key).await.unwrap().unwrap(), key);
    }
    let race = SharedStore::new(store.clone());
    let claims: Vec<_> = (0..1_000)
        .map(|_| {
            let race = race.clone();
            tokio::spawn(async move { matches!(race.claim("race", TTL).await.unwrap(), Claim::Claimed(_)) })
        })
        .collect();
    let mut wins = 0;
    for claim in claims {
        wins += usize::from(claim.await.unwrap());
    }
    assert_eq!(wins, 1);

    let (dead, alive) =
        (keys_of(&nodes, 1, "k"), [keys_of(&nodes, 0, "k"), keys_of(&nodes, 2, "k")].concat());
    assert!(!dead.is_empty() && !alive.is_empty());
    nodes[1].kill();
    for key in &dead[..3] {
        let start = Instant::now();
        let error = store.claim(key, TTL).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("claim at the cluster of 127.0.0.1:") && !text.contains(key.as_str()),
            "{text}"
        );
    }
    for key in &alive {
        assert!(matches!(store.claim(key, TTL).await.unwrap(), Claim::Busy { .. }), "{key}");
        assert!(other.peek(key).await.unwrap().is_some(), "{key}");
    }
    for i in 0..3 {
        store.claim(&dead[i], TTL).await.unwrap_err();
        assert!(store.claim(&alive[i], TTL).await.is_ok());
    }

    nodes[1].restart();
    nodes[1].command::<()>(&[&user, &rights[..]].concat());
    // Its claims are gone with its memory, and its slots are served again.
    eventually("the slots are back", async || store.claim(&dead[0], TTL).await.is_ok()).await;
    assert!(matches!(other.claim(&dead[0], TTL).await.unwrap(), Claim::Busy { .. }));
}

#[test]
fn a_store_outlives_the_runtime_in_which_it_was_made() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let Some(nodes) = first.block_on(cluster()) else { return };
    let urls = [nodes[0].url()];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let store = first.block_on(RedisStore::connect_cluster(&urls, RedisOptions::new())).unwrap();
    drop(first);
    assert!(matches!(runtime().block_on(store.claim("k", TTL)).unwrap(), Claim::Claimed(_)));
}

#[tokio::test]
async fn no_address_and_no_cluster() {
    let error = RedisStore::connect_cluster(&[], RedisOptions::new()).await.unwrap_err();
    assert!(error.to_string().contains("no address"), "{error}");
    let two = ["redis://a:canary@127.0.0.1", "redis://b:canary@127.0.0.1"];
    let error = RedisStore::connect_cluster(&two, RedisOptions::new()).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("must agree in user") && !text.contains("canary"), "{text}");
    let server = server_or_skip!();
    let error = RedisStore::connect_cluster(&[&server.url()], RedisOptions::new()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("the cluster of 127.0.0.1:{}", server.port)), "{error}");
}

#[tokio::test]
async fn a_silent_node_holds_up_nobody() {
    let Some(nodes) = cluster().await else { return };
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let urls = [format!("redis://{}", silent.local_addr().unwrap()), nodes[0].url()];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let options = RedisOptions::new().timeout(Duration::from_millis(500));
    let store = RedisStore::connect_cluster(&urls, options).await.unwrap();
    let (dead, alive) = (keys_of(&nodes, 1, "k"), keys_of(&nodes, 0, "k"));
    // For longer than the calls to come.
    nodes[1].command::<()>(&["CLIENT", "PAUSE", "20000", "ALL"]);
    for i in 0..3 {
        let (lost, held) = tokio::join!(store.claim(&dead[i], TTL), store.claim(&alive[i], TTL));
        lost.unwrap_err();
        assert!(matches!(held.unwrap(), Claim::Claimed(_)));
    }
}
