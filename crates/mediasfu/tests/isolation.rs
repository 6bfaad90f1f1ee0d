//! Several clients in one process: no key, endpoint, claim, pace or count of one shows at another.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{ROOM, room};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mediasfu::*;
use rtc_core::http::{Request, Response};
use rtc_core::testing::ManualClock;
use rtc_core::{Body, Bytes, Limits, MemoryStore, SharedClock, SharedStore, Transport, TransportError};
use rtc_emulator::Emulator;
use tokio::sync::Semaphore;

/// Answers with a room, once the gate lets it through.
#[derive(Debug, Clone)]
struct Shared {
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    gate: Arc<Semaphore>,
}

impl Transport for Shared {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: Limits,
    ) -> std::result::Result<Response<Body>, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.gate.acquire().await.unwrap().forget();
        Ok(Response::new(Body::full(ROOM)))
    }
}

/// Four accounts' worth of clients: two accounts at two endpoints, on one transport, one store and one clock.
struct World {
    transport: Shared,
    clock: ManualClock,
    clients: Vec<(Client, String)>,
}

fn key(letter: char) -> String {
    letter.to_string().repeat(64)
}

impl World {
    fn new() -> Self {
        let transport = Shared { requests: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
        let clock = ManualClock::new(std::time::SystemTime::now());
        let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
        let mut clients = Vec::new();
        for (user, letter) in [("accountA", 'a'), ("accountB", 'b')] {
            for endpoint in ["https://mediasfu.com", "https://ce.example.com"] {
                let builder = Client::builder(Credentials::new(user, key(letter))).endpoint(endpoint);
                let builder = builder.transport(transport.clone()).clock(clock.clone()).store(store.clone());
                let name = format!("{user} {endpoint}");
                clients.push((builder.header("x-client", &*name).build().unwrap(), name));
            }
        }
        Self { transport, clock, clients }
    }

    fn requests(&self) -> Vec<Request<Bytes>> {
        self.transport.requests.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn the_same_call_of_four_clients_is_four_calls() {
    let world = World::new();
    let mut running = Vec::new();
    for (client, _) in &world.clients {
        let mut call = client.create_room(room()).into_future();
        assert!((&mut call).now_or_never().is_none(), "it waits for its answer");
        running.push(call);
        // Of one client it is the same call.
        let error = client.create_room(room()).await.unwrap_err();
        assert!(matches!(error.service(), Some(MediaSfuError::InProgress)));
    }
    world.transport.gate.add_permits(4);
    assert!(join_all(running).await.iter().all(Result::is_ok));
    let pending: BTreeSet<_> = world.clients.iter().map(|(client, _)| client.pending_key(&room())).collect();
    assert_eq!(pending.len(), 4);
    look_at(&world, 4);
}

/// Every request went where its client sends to, with its credentials, and its key is its own.
fn look_at(world: &World, each: usize) {
    let requests = world.requests();
    let mut keys = BTreeSet::new();
    for request in &requests {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
        let (user, endpoint) = header("x-client").unwrap().split_once(' ').unwrap();
        let letter = if user == "accountA" { 'a' } else { 'b' };
        assert_eq!(header("authorization").unwrap(), format!("Bearer {user}:{}", key(letter)));
        assert!(request.uri().to_string().starts_with(endpoint), "{}", request.uri());
        let cloud = endpoint == "https://mediasfu.com";
        assert_eq!(header("idempotency-key").is_some(), cloud);
        if let Some(key) = header("idempotency-key") {
            assert!(keys.insert(key), "{key} twice");
        }
    }
    assert_eq!(requests.len(), each, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once() {
    let world = World::new();
    world.transport.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    let calls = (0..500).flat_map(|n| {
        let of = move |(client, _): &(Client, String)| {
            let client = client.clone();
            tokio::spawn(async move { client.create_room(CreateRoom::new("host", 60, n + 1)).await })
        };
        world.clients.iter().map(of).collect::<Vec<_>>()
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    look_at(&world, 2000);
}

#[tokio::test]
async fn one_pace_stops_no_other() {
    let world = World::new();
    world.transport.gate.add_permits(100);
    for (client, name) in &world.clients {
        let first = client.list_sip_calls(ListSipCalls::new()).into_future().now_or_never();
        assert!(first.unwrap().is_ok(), "{name}: its first one goes at once");
    }
    for (client, name) in &world.clients {
        let second = client.list_sip_calls(ListSipCalls::new()).into_future().now_or_never();
        assert!(second.is_none(), "{name}: its second one waits");
    }
    world.clock.advance(Duration::from_secs(5));
    for (client, _) in &world.clients {
        assert!(client.list_sip_calls(ListSipCalls::new()).into_future().now_or_never().is_some());
    }
}

#[test]
fn a_limiter_counts_each_account_for_itself() {
    let clock = ManualClock::new(std::time::SystemTime::now());
    for limiter in [AttemptLimiter::new(), AttemptLimiter::sliding()] {
        let (one, two) = (limiter.with_clock(clock.clone()), limiter.with_clock(clock.clone()));
        let mut tries = 0;
        while one.check("accountA") {
            one.failed("accountA");
            tries += 1;
        }
        assert!(tries == 5 || tries == 10, "{tries}");
        assert!(!one.clone().check("accountA"), "a clone is the same limiter");
        assert!(one.check("accountB") && one.check("accountA ") && two.check("accountA"));
        // A success of one account forgives nothing to another.
        one.succeeded("accountB");
        assert!(!one.check("accountA"));
    }
}

#[tokio::test]
async fn the_endpoint_of_one_call_is_that_calls_alone() {
    let (one, two) = (Emulator::start().await.unwrap(), Emulator::start().await.unwrap());
    let access = one.mediasfu();
    let builder = Client::builder(Credentials::new(access.api_user_name(), access.api_key()));
    let client = builder.endpoint(access.url()).server(ServerKind::Cloud).build().unwrap();
    let there = client.create_room(CreateRoom::new("there", 60, 10)).endpoint(two.mediasfu().url());
    let here = client.create_room(CreateRoom::new("here", 60, 10));
    let (there, here) = tokio::join!(there.into_future(), here.into_future());
    assert!(there.is_ok() && here.is_ok());
    for (emulator, host) in [(&one, "here"), (&two, "there")] {
        let log = emulator.log();
        assert_eq!(log.len(), 1);
        assert!(log[0].body.as_ref().unwrap().contains(&format!("\"{host}\"")));
    }
}
