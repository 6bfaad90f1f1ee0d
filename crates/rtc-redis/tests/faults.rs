//! A server that is away, slow, full or unwilling.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

mod server;

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_core::{Claim, Rate, Store, StoreError, Taken};
use rtc_redis::{RedisOptions, RedisStore};
use server::{Server, eventually};

const TTL: Duration = Duration::from_secs(60);
const PASSWORD: &str = "canary-password";

async fn connect(server: &Server) -> RedisStore {
    RedisStore::connect(&server.url(), RedisOptions::new()).await.unwrap()
}

async fn is_claimed(store: &RedisStore, key: &str) -> bool {
    matches!(store.claim(key, TTL).await.unwrap(), Claim::Claimed(_))
}

/// The whole text of an error, with its causes.
fn text(error: &StoreError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let text = format!("{error} | {cause} | {error:?}");
    assert!(!text.contains("canary"), "{text}");
    text
}

async fn every_call_fails(store: &RedisStore) -> Vec<String> {
    let rate = Rate::per_second(1);
    let token = rtc_core::ClaimToken::new("canary-key");
    let errors = [
        store.claim("canary-key", TTL).await.map(drop),
        store.peek("canary-key").await.map(drop),
        store.release(&token).await.map(drop),
        store.get("canary-key").await.map(drop),
        store.put("canary-key", Bytes::from_static(b"canary-value"), TTL).await,
        store.take("canary-key", rate, 1, 1).await.map(drop),
    ];
    errors.map(|outcome| text(&outcome.unwrap_err())).into()
}

#[tokio::test]
async fn killed_and_restarted_without_persistence() {
    let mut server = server_or_skip!();
    let store = connect(&server).await;
    assert!(is_claimed(&store, "k").await);
    server.kill();
    let start = Instant::now();
    for error in every_call_fails(&store).await {
        assert!(error.contains(&format!("at 127.0.0.1:{}", server.port)), "{error}");
    }
    assert!(start.elapsed() < 6 * Duration::from_secs(1), "refused at once, or after the limit at most");
    server.restart();
    // As the documentation says: the claim is lost with the server's memory. The very next call works.
    assert!(is_claimed(&store, "k").await);
    assert!(!is_claimed(&store, "k").await);
}

#[tokio::test]
async fn killed_and_restarted_with_persistence() {
    let mut server = server_or_skip!("--appendonly", "yes", "--appendfsync", "always");
    let store = connect(&server).await;
    let Claim::Claimed(token) = store.claim("k", TTL).await.unwrap() else { panic!() };
    store.put("k", Bytes::from_static(b"value"), TTL).await.unwrap();
    server.kill();
    server.restart();
    // The connection broke unseen; the call repairs it by itself. The claim is still there, and so is its owner.
    assert!(!is_claimed(&store, "k").await);
    assert_eq!(store.get("k").await.unwrap().unwrap(), "value");
    assert!(store.release(&token).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_in_the_middle_of_many_calls() {
    let mut server = server_or_skip!("--appendonly", "yes", "--appendfsync", "always");
    let store = connect(&server).await;
    let calls: Vec<_> = (0..200)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut won = 0;
                for _ in 0..20 {
                    // An error is fine, a second winner is not.
                    won +=
                        usize::from(matches!(store.claim(&i.to_string(), TTL).await, Ok(Claim::Claimed(_))));
                }
                won
            })
        })
        .collect();
    eventually("some claims", async || !server.keys().is_empty()).await;
    server.kill();
    server.restart();
    for call in calls {
        assert!(call.await.unwrap() <= 1);
    }
    eventually("the store works again", async || store.get("k").await.is_ok()).await;
}

#[tokio::test]
async fn a_slow_server_is_waited_for_until_the_limit() {
    let server = server_or_skip!();
    let limit = Duration::from_millis(100);
    let store = RedisStore::connect(&server.url(), RedisOptions::new().timeout(limit)).await.unwrap();
    server.command::<()>(&["CLIENT", "PAUSE", "2000", "ALL"]);
    let start = Instant::now();
    let errors = every_call_fails(&store).await;
    let took = start.elapsed();
    assert!(took >= limit * 6 && took < Duration::from_millis(1_900), "{took:?}");
    assert!(errors.iter().all(|error| error.contains("no answer within 100ms")), "{errors:?}");
    eventually("the store works again", async || store.get("k").await.is_ok()).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_left() {
    let server = server_or_skip!();
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://:{PASSWORD}@{}", silent.local_addr().unwrap());
    let limit = Duration::from_millis(50);
    let options = RedisOptions::new().timeout(limit).connect_timeout(limit * 2);
    let start = Instant::now();
    let error = text(&RedisStore::connect(&url, options.clone()).await.unwrap_err());
    assert!(error.contains("no connection within 100ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    let store = RedisStore::lazy(&url, options).unwrap();
    let start = Instant::now();
    every_call_fails(&store).await;
    assert!(start.elapsed() < Duration::from_secs(2));
    drop(server);
}

#[tokio::test]
async fn full_memory_is_an_error() {
    let server = server_or_skip!("--maxmemory-policy", "noeviction");
    let store = connect(&server).await;
    let token = match store.claim("before", TTL).await.unwrap() {
        Claim::Claimed(token) => token,
        busy => panic!("{busy:?}"),
    };
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = |error: &StoreError| text(error).contains("OOM: its memory is full, so raise maxmemory;");
    assert!(full(&store.claim("k", TTL).await.unwrap_err()));
    assert!(full(&store.put("k", Bytes::from_static(b"canary"), TTL).await.unwrap_err()));
    assert!(full(&store.take("k", Rate::per_second(1), 1, 1).await.unwrap_err()));
    // What needs no memory goes on, so claims can be freed.
    assert!(store.release(&token).await.unwrap());
    assert_eq!(store.get("k").await.unwrap(), None);
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(is_claimed(&store, "k").await);
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let server = server_or_skip!("--requirepass", "right");
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port);
    let error = text(&RedisStore::connect(&url(PASSWORD), RedisOptions::new()).await.unwrap_err());
    assert!(error.contains("password"), "{error}");
    let store = RedisStore::lazy(&server.url(), RedisOptions::new()).unwrap();
    let error = text(&store.get("k").await.unwrap_err());
    assert!(error.contains("NOAUTH") || error.contains("password"), "{error}");

    // One that becomes right is noticed: a refusal is not kept.
    let store = RedisStore::lazy(&url(PASSWORD), RedisOptions::new()).unwrap();
    text(&store.get("k").await.unwrap_err());
    let right = redis::Client::open(url("right")).unwrap();
    let mut connection = right.get_connection().unwrap();
    redis::cmd("CONFIG").arg(&["SET", "requirepass", PASSWORD]).exec(&mut connection).unwrap();
    assert_eq!(store.get("k").await.unwrap(), None);
    assert!(!format!("{store:?}").contains("canary"));
}

#[tokio::test]
async fn a_url_that_cannot_be_used() {
    for url in ["", "canary", "http://canary:canary@host", "redis://:canary@host:port", "redis://host/canary"]
    {
        let error = text(&RedisStore::lazy(url, RedisOptions::new()).unwrap_err());
        assert!(error.contains("URL 1 is not one of Redis"), "{error}");
    }
    let away = format!("redis://user:canary@127.0.0.1:{}", server::free_port());
    let error = text(&RedisStore::connect(&away, RedisOptions::new()).await.unwrap_err());
    assert!(error.contains("connecting at 127.0.0.1:") && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_program_may_start_before_the_server() {
    let mut server = server_or_skip!();
    server.kill();
    let store = RedisStore::lazy(&server.url(), RedisOptions::new()).unwrap();
    text(&store.peek("k").await.unwrap_err());
    server.restart();
    assert!(is_claimed(&store, "k").await);
}

#[tokio::test]
async fn foreign_values_and_forgotten_scripts() {
    let server = server_or_skip!();
    let store = connect(&server).await;
    for key in ["rtc:claim:list", "rtc:value:list", "rtc:rate:list"] {
        server.command::<()>(&["RPUSH", key, "canary"]);
    }
    let error = text(&store.claim("list", TTL).await.unwrap_err());
    assert!(error.contains("WRONGTYPE"), "{error}");
    text(&store.get("list").await.unwrap_err());
    text(&store.take("list", Rate::per_second(1), 1, 1).await.unwrap_err());

    // A claim that somebody else wrote counts, whatever is in it.
    server.command::<()>(&["SET", "rtc:claim:foreign", "canary"]);
    let busy = store.peek("foreign").await.unwrap().unwrap();
    assert!(busy.since.is_none() && busy.expires_in > TTL);
    assert!(!is_claimed(&store, "foreign").await);
    server.command::<()>(&["SET", "rtc:rate:foreign", "canary"]);
    assert_eq!(store.take("foreign", Rate::per_second(1), 1, 1).await.unwrap(), Taken::Granted);

    server.command::<()>(&["SCRIPT", "FLUSH"]);
    assert!(is_claimed(&store, "k").await);
    // Where scripts are forbidden, the server quotes the command; the error does not.
    server.command::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    let error = text(&store.claim("canary-key", TTL).await.unwrap_err());
    assert!(error.contains("NOPERM"), "{error}");
}

#[tokio::test]
async fn the_rights_of_the_documentation_suffice() {
    let server = server_or_skip!();
    let rights = ["+get", "+set", "+del", "+pttl", "+time", "+eval", "+evalsha"];
    server.command::<()>(&[&["ACL", "SETUSER", "app", "on", ">secret", "~rtc:*"], &rights[..]].concat());
    let url = server.url().replace("redis://", "redis://app:secret@");
    let store = RedisStore::connect(&url, RedisOptions::new()).await.unwrap();
    let Claim::Claimed(token) = store.claim("k", TTL).await.unwrap() else { panic!() };
    assert!(store.peek("k").await.unwrap().is_some() && store.release(&token).await.unwrap());
    store.put("k", Bytes::from_static(b"value"), TTL).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "value");
    assert_eq!(store.take("k", Rate::per_second(1), 1, 1).await.unwrap(), Taken::Granted);
    let elsewhere = RedisStore::connect(&url, RedisOptions::new().prefix("x:")).await.unwrap();
    assert!(text(&elsewhere.claim("k", TTL).await.unwrap_err()).contains("NOPERM"));
}

#[tokio::test]
async fn cancelled_futures_disturb_nobody() {
    let server = server_or_skip!();
    let store = connect(&server).await;
    server.command::<()>(&["CLIENT", "PAUSE", "100", "ALL"]);
    for i in 0..100 {
        let key = format!("dropped {i}");
        let mut claim = std::pin::pin!(store.claim(&key, Duration::from_millis(20)));
        // One poll, which sends it, and then it is dropped.
        std::future::poll_fn(|cx| {
            let _ = claim.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
    }
    assert!(is_claimed(&store, "k").await);
    // Whatever they left frees itself.
    eventually("all claims of dropped calls end", async || {
        server.keys().iter().all(|key| !key.contains("dropped"))
    })
    .await;

    // A call that is dropped while it connects leaves the connecting to the others.
    let lazy = RedisStore::lazy(&server.url(), RedisOptions::new()).unwrap();
    for _ in 0..10 {
        let mut get = std::pin::pin!(lazy.get("k"));
        std::future::poll_fn(|cx| {
            let _ = get.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
    }
    assert_eq!(lazy.get("k").await.unwrap(), None);
    let clients: String = server.command(&["CLIENT", "LIST"]);
    assert!(clients.lines().count() <= 3, "one connection per store and this one: {clients}");
}
