//! The guard against duplicate `create_room` calls.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use mediasfu::{
    Client, ClientBuilder, CreateRoom, Credentials, Error, MediaSfuError, Room, ServerKind, StoreFailure,
    pending,
};
use rtc_core::http::{Request, Response};
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::transport::Body;
use rtc_core::{
    Bytes, Claim, ClaimToken, ErrorKind, FileStore, Limits, MemoryStore, Rate, Reason, SharedClock,
    SharedStore, Store, StoreError, Taken, Transport, TransportError, TransportErrorKind,
};
use rtc_emulator::{Action, Emulator, EmulatorClock, Fault};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const ROOM: &str = r#"{"roomName":"s1","link":"https://x.mediasfu.com","secret":"tok","success":true}"#;

/// Answers every request with a room (or `status`) once the gate lets it through, and counts the requests.
#[derive(Debug, Clone)]
struct Gated {
    arrived: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    status: u16,
}

impl Gated {
    fn new(status: u16) -> Self {
        Self { arrived: Arc::default(), gate: Arc::new(Semaphore::new(0)), status }
    }

    fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }
}

impl Transport for Gated {
    async fn send(
        &self,
        _request: Request<Bytes>,
        _limits: Limits,
    ) -> Result<Response<Body>, TransportError> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.map_err(|_| TransportError::new(TransportErrorKind::Interrupted))?.forget();
        Ok(Response::builder().status(self.status).body(Body::full(ROOM)).unwrap())
    }
}

fn credentials(user: &str) -> Credentials {
    Credentials::new(user, "0123456789abcdef".repeat(4))
}

fn builder(transport: impl Transport) -> ClientBuilder {
    Client::builder(credentials("apiUser123")).transport(transport)
}

fn request() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}

fn is_in_progress(error: &Error) -> bool {
    matches!(error.reason(), Reason::Refused(MediaSfuError::InProgress))
        && error.kind() == ErrorKind::Conflict
        && error.to_string() == "Room creation already in progress"
        && !error.was_sent()
}

/// Starts a call and runs it until it waits for its answer.
fn start(
    client: &Client,
    request: CreateRoom,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Room, Error>> + Send>> {
    let mut call = client.create_room(request).into_future();
    assert!((&mut call).now_or_never().is_none(), "the call is held back by the gate");
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_calls_at_once_one_goes_out() {
    let transport = Gated::new(201);
    let client = builder(transport.clone()).build().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let client = client.clone();
        calls.spawn(async move { client.create_room(request()).await });
    }
    // All but the one that holds the claim end by themselves.
    for _ in 0..999 {
        let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(is_in_progress(&error), "{error:?}");
    }
    assert_eq!(transport.arrived(), 1);
    transport.gate.add_permits(2);
    assert_eq!(calls.join_next().await.unwrap().unwrap().unwrap().room_name, "s1");
    // It is over: the next one goes through.
    assert!(client.create_room(request()).await.is_ok());
    assert_eq!(transport.arrived(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_calls_over_sockets_one_arrives() {
    // The answer is held back on a clock that only the test moves.
    let emulator = Emulator::builder().clock(EmulatorClock::manual(SystemTime::now())).start().await.unwrap();
    emulator.add_fault(Fault::new(Action::Delay { ms: 5000 }).times(1)).unwrap();
    let access = emulator.mediasfu();
    let client = Client::builder(Credentials::new(access.api_user_name(), access.api_key()))
        .endpoint(access.url())
        .server(ServerKind::Cloud)
        .build()
        .unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let client = client.clone();
        calls.spawn(async move { client.create_room(request()).await });
    }
    for _ in 0..999 {
        let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(is_in_progress(&error), "{error:?}");
    }
    while emulator.clock().sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    emulator.clock().advance(Duration::from_secs(5));
    let room = calls.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(emulator.requests("create_room").len(), 1);
    assert_eq!(emulator.state()["mediasfu"]["rooms"].as_object().unwrap().len(), 1);
    assert_ne!(client.create_room(request()).await.unwrap().room_name, room.room_name);
}

#[tokio::test]
async fn the_next_one_goes_through_after_every_ending() {
    let answered = |status| (Gated::new(status), Some(1));
    for (transport, permits) in [answered(201), answered(500), answered(401), (Gated::new(201), None)] {
        let client = builder(transport.clone()).build().unwrap();
        let call = start(&client, request());
        assert!(is_in_progress(&client.create_room(request()).await.unwrap_err()));
        match permits {
            Some(permits) => {
                transport.gate.add_permits(permits);
                assert_eq!(call.await.is_ok(), transport.status == 201);
            }
            // Cancelled.
            None => drop(call),
        }
        drop(start(&client, request()));
        assert_eq!(transport.arrived(), 2);
    }
    for answer in [
        ScriptedTransport::new().fail(TransportError::new(TransportErrorKind::Protocol)).json(201, ROOM),
        ScriptedTransport::new().json(200, "not JSON").json(201, ROOM),
        ScriptedTransport::new().json(200, r#"{"success":false}"#).json(201, ROOM),
    ] {
        let client = builder(answer).build().unwrap();
        assert!(client.create_room(request()).await.is_err());
        assert!(client.create_room(request()).await.is_ok());
    }
}

#[tokio::test]
async fn a_time_limit_frees_the_claim() {
    let clock = ManualClock::jumping(SystemTime::now());
    let client = builder(Gated::new(201)).clock(clock).build().unwrap();
    for _ in 0..2 {
        assert_eq!(client.create_room(request()).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
}

#[tokio::test]
async fn a_claim_is_busy_for_thirty_seconds() {
    let clock = ManualClock::new(SystemTime::now());
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let transport = ScriptedTransport::new().json(201, ROOM);
    let client = builder(transport.clone()).store(store.clone()).build().unwrap();
    // As another process would leave it that ended without a word.
    let key = client.pending_key(&request()).unwrap();
    let Claim::Claimed(stale) = store.claim(&key, pending::WINDOW).await.unwrap() else { panic!("claimed") };
    clock.advance(Duration::from_millis(29_999));
    assert!(is_in_progress(&client.create_room(request()).await.unwrap_err()));
    assert!(transport.requests().is_empty());
    clock.advance(Duration::from_millis(1));
    assert!(client.create_room(request()).await.is_ok());
    assert!(store.peek(&key).await.unwrap().is_none());
    assert!(!store.release(&stale).await.unwrap());
}

#[tokio::test]
async fn a_store_of_its_own_goes_by_the_clock_of_the_client() {
    let clock = ManualClock::new(SystemTime::now());
    let builder = builder(Gated::new(201)).timeout(2 * pending::WINDOW);
    let client = builder.clock(clock.clone()).build().unwrap();
    let _old = start(&client, request());
    assert!(is_in_progress(&client.create_room(request()).await.unwrap_err()));
    clock.advance(pending::WINDOW);
    let _new = start(&client, request());
}

#[tokio::test]
async fn an_old_call_does_not_free_the_claim_of_a_new_one() {
    let clock = ManualClock::new(SystemTime::now());
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let transport = Gated::new(201);
    let client = builder(transport.clone()).store(store).build().unwrap();
    let old = start(&client, request());
    clock.advance(pending::WINDOW);
    let new = start(&client, request());
    drop(old);
    assert!(is_in_progress(&client.create_room(request()).await.unwrap_err()));
    drop(new);
    assert_eq!(transport.arrived(), 2);
}

#[tokio::test]
async fn what_differs_does_not_block() {
    let store = SharedStore::default();
    let transport = Gated::new(201);
    let client = |user: &str, endpoint: &str, scope: &str| {
        let builder = Client::builder(credentials(user)).transport(transport.clone()).store(store.clone());
        builder.endpoint(endpoint).duplicate_scope(scope).build().unwrap()
    };
    let mut calls = vec![
        start(&client("apiUser123", "", ""), request()),
        start(&client("apiUser456", "", ""), request()),
        start(&client("apiUser123", "https://ce.example.com", ""), request()),
        start(&client("apiUser123", "", "tenant 2"), request()),
        start(&client("apiUser123", "", ""), CreateRoom::new("hostUser", 60, 11)),
        start(&client("apiUser123", "", ""), CreateRoom::new("hostUser", 61, 10)),
        start(&client("apiUser123", "", ""), CreateRoom::new("hostUser2", 60, 10)),
    ];
    // The same account through another client with the same store does.
    let error = client("apiUser123", "https://mediasfu.com/", "").create_room(request()).await.unwrap_err();
    assert!(is_in_progress(&error));
    let free = Client::builder(credentials("apiUser123")).transport(transport.clone()).store(store.clone());
    let free = free.duplicate_guard(false).build().unwrap();
    assert!(free.pending_key(&request()).is_none());
    calls.push(start(&free, request()));
    assert_eq!(transport.arrived(), calls.len());
}

#[tokio::test]
async fn the_order_is_claim_then_credentials_then_input() {
    let store = SharedStore::default();
    let transport = ScriptedTransport::new();
    let client = |credentials| {
        Client::builder(credentials).transport(transport.clone()).store(store.clone()).build().unwrap()
    };
    let bad = client(Credentials::new("", ""));
    let key = bad.pending_key(&request()).unwrap();
    // Nothing is claimed: the credentials are looked at before the input, and neither leaves a claim.
    for request in [request(), CreateRoom::new("", 0, 0)] {
        let error = bad.create_room(request).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Unauthenticated, "Invalid credentials")
        );
    }
    assert!(store.peek(&key).await.unwrap().is_none());
    // A claim is told even to who has no credentials.
    assert!(matches!(store.claim(&key, pending::WINDOW).await.unwrap(), Claim::Claimed(_)));
    assert!(is_in_progress(&bad.create_room(request()).await.unwrap_err()));

    let good = client(credentials("apiUser123"));
    let invalid = CreateRoom::new("hostUser", 0, 10);
    assert_eq!(good.create_room(invalid.clone()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(store.peek(&good.pending_key(&invalid).unwrap()).await.unwrap().is_none());
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn a_store_on_a_file_shows_nothing_and_guards_other_processes() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::new(folder.path(), SharedClock::default()).unwrap();
    let transport = Gated::new(201);
    let one = builder(transport.clone()).store(open()).build().unwrap();
    let two = builder(transport.clone()).store(open()).build().unwrap();
    let call = start_on_file(&one, &transport).await;
    assert!(is_in_progress(&two.create_room(request()).await.unwrap_err()));
    let mut kept = BTreeMap::new();
    read_all(folder.path(), &mut kept);
    assert!(!kept.is_empty());
    for (path, content) in kept {
        for text in ["hostUser", "apiUser123", "0123456789abcdef0123456789abcdef"] {
            assert!(!path.contains(text) && !content.contains(text), "{path}: {content}");
        }
    }
    transport.gate.add_permits(2);
    assert!(call.await.unwrap().is_ok());
    assert!(two.create_room(request()).await.is_ok());
}

/// A file store works on threads of its own, so its call is a task; this waits until it was sent.
async fn start_on_file(client: &Client, transport: &Gated) -> tokio::task::JoinHandle<Result<Room, Error>> {
    let call = tokio::spawn(client.create_room(request()).into_future());
    while transport.arrived() == 0 {
        tokio::task::yield_now().await;
    }
    call
}

fn read_all(folder: &std::path::Path, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            let content = std::fs::read(&path).unwrap();
            into.insert(path.display().to_string(), String::from_utf8_lossy(&content).into_owned());
        }
    }
}

/// A store that is down, from the claim on or altogether.
#[derive(Debug)]
struct Down {
    peek_works: bool,
}

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::unavailable("asking the store", "it is down"))
}

impl Store for Down {
    async fn claim(&self, _key: &str, _ttl: Duration) -> Result<Claim, StoreError> {
        down()
    }
    async fn peek(&self, _key: &str) -> Result<Option<rtc_core::Busy>, StoreError> {
        if self.peek_works { Ok(None) } else { down() }
    }
    async fn release(&self, _token: &ClaimToken) -> Result<bool, StoreError> {
        down()
    }
    async fn get(&self, _key: &str) -> Result<Option<Bytes>, StoreError> {
        down()
    }
    async fn put(&self, _key: &str, _value: Bytes, _ttl: Duration) -> Result<(), StoreError> {
        down()
    }
    async fn take(&self, _key: &str, _rate: Rate, _burst: u32, _n: u32) -> Result<Taken, StoreError> {
        down()
    }
}

#[tokio::test]
async fn when_the_store_fails_the_caller_chooses() {
    for peek_works in [true, false] {
        let transport = ScriptedTransport::new().json(201, ROOM);
        let client = builder(transport.clone()).store(Down { peek_works }).build().unwrap();
        let error = client.create_room(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unavailable, false));
        assert!(matches!(error.reason(), Reason::Store(_)) && transport.requests().is_empty());

        let client = builder(transport.clone()).store(Down { peek_works }).store_failure(StoreFailure::GoOn);
        assert!(client.build().unwrap().create_room(request()).await.is_ok());
    }
}
