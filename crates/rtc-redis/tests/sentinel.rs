//! A master found through a sentinel, which dies: its replica takes over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

mod server;

use std::time::Duration;

use rtc_core::{Claim, Store};
use rtc_redis::{RedisOptions, RedisStore};
use server::sentinel::{connected, sentinel};
use server::{eventually, free_port};

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_replica_takes_over() {
    let mut master = server_or_skip!();
    let of = master.port.to_string();
    let replica = server_or_skip!("--replicaof", "127.0.0.1", &of, "--repl-diskless-sync-delay", "0");
    let port = free_port();
    let _sentinel = sentinel(&master, master.port, port, "");
    let url = format!("redis://127.0.0.1:{port}");
    eventually("the replica follows", async || {
        replica.command::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    })
    .await;
    eventually("the sentinel knows the replica", async || {
        let client = redis::Client::open(url.as_str()).unwrap();
        let Ok(mut connection) = client.get_connection() else { return false };
        let known =
            redis::cmd("SENTINEL").arg(&["REPLICAS", "mymaster"]).query::<redis::Value>(&mut connection);
        format!("{known:?}").contains(&replica.port.to_string())
    })
    .await;

    let error = RedisStore::connect_sentinel(&[&url], "redis://:canary@other/0", RedisOptions::new()).await;
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains(&format!("the master other of the sentinels 127.0.0.1:{port}")),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");

    let store = RedisStore::connect_sentinel(&[&url], "redis://mymaster", RedisOptions::new()).await.unwrap();
    let Claim::Claimed(token) = store.claim("k", TTL).await.unwrap() else { panic!() };
    // WAIT would wait for the writes of its own connection only.
    eventually("the replica has the claim", async || replica.keys().contains(&"rtc:claim:k".to_owned()))
        .await;
    master.kill();
    // What the replica has heard of stays claimed, by the same owner.
    eventually("the replica takes over", async || store.peek("k").await.is_ok()).await;
    eventually("it takes writes", async || store.claim("new", TTL).await.is_ok()).await;
    assert!(matches!(store.claim("k", TTL).await.unwrap(), Claim::Busy { .. }));
    assert!(store.release(&token).await.unwrap());
    assert!(replica.command::<String>(&["INFO", "replication"]).contains("role:master"));
}

#[tokio::test]
async fn the_rights_of_the_documentation_suffice() {
    let master = server_or_skip!();
    let port = free_port();
    let _sentinel = sentinel(&master, master.port, port, "");
    let rights = ["+get", "+set", "+del", "+pttl", "+time", "+eval", "+evalsha", "+role", "+select"];
    master.command::<()>(&[&["ACL", "SETUSER", "app", "on", ">secret", "~rtc:*"], &rights[..]].concat());
    let url = format!("redis://127.0.0.1:{port}");
    let store = connected(&url, "redis://app:secret@mymaster/1", RedisOptions::new()).await;
    assert!(matches!(store.claim("k", TTL).await.unwrap(), Claim::Claimed(_)));
}
