//! The stores of this crate pass the suite of all stores; what only they have.

use std::fs;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::{Instant, SystemTime};

use super::suite::{Bench, StoreTime};
use super::*;
use crate::clock::Clock;

/// Time that moves only by [`advance`](Self::advance).
#[derive(Debug, Clone)]
pub(crate) struct ManualClock {
    start: Instant,
    state: Arc<Mutex<(Duration, Vec<Waker>)>>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        // Not a whole millisecond: rounding shall show.
        let elapsed = Duration::new(1_700_000_000, 123_456_789);
        Self { start: Instant::now(), state: Arc::new(Mutex::new((elapsed, Vec::new()))) }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.set(self.elapsed() + by);
    }

    pub(crate) fn set(&self, to: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 = to;
        state.1.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().0
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn monotonic(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (clock, until) = (self.clone(), self.elapsed() + duration);
        Box::pin(std::future::poll_fn(move |cx| {
            let mut state = clock.state.lock().unwrap();
            if state.0 >= until {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

impl StoreTime for ManualClock {
    fn now(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async { self.elapsed() })
    }

    fn pass(&self, by: Duration) -> BoxFuture<'_, ()> {
        self.advance(by);
        Box::pin(async {})
    }
}

const TTL: Duration = Duration::from_millis(10_000);

async fn claimed(store: &SharedStore, key: &str) -> ClaimToken {
    match store.claim(key, TTL).await.unwrap() {
        Claim::Claimed(token) => token,
        busy => panic!("{busy:?}"),
    }
}

async fn behaves(store: SharedStore, other: SharedStore, time: ManualClock, tick: Duration) {
    let (interval, pause) = (Duration::from_millis(100), Duration::from_secs(3_600));
    Bench { store, other, time, tick, ttl: TTL, interval, pause, patience: 1 }.run().await;
}

fn file_store(dir: &tempfile::TempDir, clock: &ManualClock) -> FileStore {
    FileStore::new(dir.path(), SharedClock::new(clock.clone())).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_behaves() {
    let clock = ManualClock::new();
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    behaves(store.clone(), store, clock, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn file_behaves() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let open = || SharedStore::new(file_store(&dir, &clock));
    behaves(open(), open(), clock.clone(), Duration::from_millis(1)).await;
}

#[tokio::test]
async fn memory_stays_bounded() {
    let clock = ManualClock::new();
    let store = MemoryStore::new(SharedClock::new(clock.clone()));
    for i in 0..10_000 {
        store.put(&i.to_string(), Bytes::new(), Duration::from_millis(100)).await.unwrap();
        store.take(&i.to_string(), Rate::per_second(10), 1, 1).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    assert!(store.len() <= 2 * 2 * 101, "{}", store.len());
}

#[tokio::test]
async fn files_stay_bounded_and_show_no_key() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let store = file_store(&dir, &clock);
    fs::write(dir.path().join("notes.txt"), "not ours").unwrap();
    for i in 0..3_000 {
        store.put(&format!("canary {i}"), Bytes::new(), Duration::from_millis(5)).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    // Each of 16 locks is swept about every 16 * 64 writes.
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.len() < 2_500, "{}", names.len());
    assert!(names.iter().any(|name| name == "notes.txt"));
    assert!(!format!("{names:?} {store:?}").contains("canary"));
    let token = ClaimToken::new("canary");
    assert!(!format!("{token:?}").contains("canary") && !format!("{token:?}").contains(token.owner()));
}

#[tokio::test]
async fn a_damaged_file_counts_as_absent() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let store = SharedStore::new(file_store(&dir, &clock));
    let file = || {
        let mut entries = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.extension().is_some_and(|suffix| suffix == "claim")).unwrap()
    };
    claimed(&store, "k").await;
    let whole = fs::read(file()).unwrap();
    for length in 0..whole.len() {
        fs::write(file(), &whole[..length]).unwrap();
        assert_eq!(store.peek("k").await.unwrap(), None, "cut at {length}");
    }
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        fs::write(file(), flipped).unwrap();
        assert_eq!(store.peek("k").await.unwrap(), None, "flipped at {place}");
    }
    claimed(&store, "k").await;
    // A small step back of the clock frees nothing, a large one does: nobody waits for years.
    let now = clock.elapsed();
    clock.set(now - Duration::from_secs(4));
    assert!(store.peek("k").await.unwrap().is_some());
    clock.set(now - Duration::from_secs(6));
    claimed(&store, "k").await;
    let rate = Rate::per_second(1);
    assert_eq!(store.take("r", rate, 1, 1).await.unwrap(), Taken::Granted);
    clock.set(now - Duration::from_secs(9));
    assert_eq!(store.take("r", rate, 1, 1).await.unwrap(), Taken::Wait(Duration::from_secs(1)));
}

#[tokio::test]
async fn an_unusable_directory_is_reported() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let path = dir.path().join("sub");
    fs::write(&path, "a file").unwrap();
    let error = FileStore::new(&path, SharedClock::new(clock.clone())).unwrap_err();
    assert!(error.to_string().contains("could not create"), "{error}");
    assert!(std::error::Error::source(&error).is_some());

    fs::remove_file(&path).unwrap();
    let store = SharedStore::new(FileStore::new(&path, SharedClock::new(clock)).unwrap());
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(store.get("k").await.unwrap(), None);
    let token = claimed(&store, "k").await; // The directory is made again.
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    store.claim("k", TTL).await.unwrap_err();
    store.get("k").await.unwrap_err();
    store.take("k", Rate::per_second(1), 1, 1).await.unwrap_err();
    store.release(&token).await.unwrap_err();
    store.abandon(token);
}

#[tokio::test]
async fn a_lock_held_elsewhere_is_not_waited_for_forever() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let store = file_store(&dir, &clock);
    let locks: Vec<_> = (0..16)
        .map(|i| fs::File::create(dir.path().join(format!("lock-{i:x}"))).unwrap())
        .inspect(|file| file.lock().unwrap())
        .collect();
    let error = store.claim("k", TTL).await.unwrap_err();
    assert!(error.to_string().contains("another process holds"), "{error}");
    drop(locks);
    store.claim("k", TTL).await.unwrap();
}

#[test]
fn the_hash_is_fnv_1a() {
    assert_eq!(stable_hash(b""), 0x6c62272e07bb014262b821756295c58d);
    assert_eq!(stable_hash(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    assert_eq!(stable_hash(b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
}
