//! A process that is killed while it holds the claim of a `create_room` call: the claim stays for its time, and no
//! longer. The other process is this program once more; both have the same time, which only the test moves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use common::{KEY, ROOM, USER, room};
use mediasfu::*;
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::{FileStore, SharedClock, Store as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

const FOLDER: &str = "MEDIASFU_TEST_STORE";
const SERVER: &str = "MEDIASFU_TEST_SERVER";
/// The time of both processes, in seconds since 1970.
const NOW: u64 = 1_767_225_600;

fn clock() -> ManualClock {
    ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

fn builder(folder: &Path, clock: &ManualClock, server: &str) -> ClientBuilder {
    let store = FileStore::new(folder, SharedClock::new(clock.clone())).unwrap();
    Client::builder(Credentials::new(USER, KEY)).endpoint(server).clock(clock.clone()).store(store)
}

/// What the other process does; nothing where the variables are not set, as when all tests run.
#[tokio::test]
async fn other_process() {
    let (Some(folder), Ok(server)) = (std::env::var_os(FOLDER), std::env::var(SERVER)) else { return };
    // It is never answered, and its time stands still: this waits until the process is killed.
    let _ = builder(Path::new(&folder), &clock(), &server).build().unwrap().create_room(room()).await;
}

/// A process that is killed whatever becomes of the test.
struct Killed(Child);

impl Killed {
    fn kill(mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert!(!status.success(), "it was killed: {status}");
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the other process and waits for its request, which is then under way.
async fn under_way(folder: &Path, listener: &TcpListener, server: &str) -> (Killed, TcpStream) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "other_process"]).env(FOLDER, folder).env(SERVER, server);
    let child = Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    // A process that never asks is a failure, too.
    let asked = tokio::time::timeout(Duration::from_secs(60), listener.accept()).await;
    let (mut stream, _) = asked.unwrap().unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        assert!(stream.read_buf(&mut text).await.unwrap() > 0, "it ended by itself");
    }
    assert!(text.starts_with(b"POST /createRoom "), "{}", String::from_utf8_lossy(&text));
    (child, stream)
}

fn is_in_progress<T: std::fmt::Debug>(result: Result<T>) -> bool {
    matches!(result.unwrap_err().service(), Some(MediaSfuError::InProgress))
}

#[tokio::test]
async fn the_claim_of_a_killed_process_ends_with_its_time_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (child, _stream) = under_way(folder.path(), &listener, &server).await;

    let clock = clock();
    let transport = ScriptedTransport::new().json(201, ROOM);
    let client = builder(folder.path(), &clock, &server).transport(transport.clone()).build().unwrap();
    assert!(is_in_progress(client.create_room(room()).await), "it lives and holds the claim");
    child.kill();
    assert!(is_in_progress(client.create_room(room()).await), "nobody gave it back");
    let last = Duration::from_millis(1);
    clock.advance(pending::WINDOW - last);
    assert!(is_in_progress(client.create_room(room()).await), "a millisecond before its end");
    assert!(transport.requests().is_empty());
    clock.advance(last);
    assert_eq!(client.create_room(room()).await.unwrap().room_name, "s1");
    assert_eq!(transport.requests().len(), 1);
    // The new claim was given back as always.
    let key = client.pending_key(&room()).unwrap();
    let store = FileStore::new(folder.path(), SharedClock::new(clock)).unwrap();
    assert_eq!(store.peek(&key).await.unwrap(), None);
}

/// What the process claimed for another room, or for another account, stops nobody.
#[tokio::test]
async fn only_the_same_call_waits() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (child, _stream) = under_way(folder.path(), &listener, &server).await;
    child.kill();
    let transport = ScriptedTransport::new().json(201, ROOM).json(201, ROOM);
    let clock = clock();
    let client = builder(folder.path(), &clock, &server).transport(transport.clone()).build().unwrap();
    client.create_room(CreateRoom::new("hostUser", 60, 11)).await.unwrap();
    let store = FileStore::new(folder.path(), SharedClock::new(clock)).unwrap();
    let other = Client::builder(Credentials::new("apiUser456", KEY)).endpoint(&server).store(store);
    other.transport(transport).build().unwrap().create_room(room()).await.unwrap();
    assert!(is_in_progress(client.create_room(room()).await));
}
