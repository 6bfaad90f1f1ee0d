//! One suite of behaviour, run against every store.

use std::fs;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::{Instant, SystemTime};

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

const TTL: Duration = Duration::from_millis(10_000);
const NS: Duration = Duration::from_nanos(1);

async fn claimed(store: &SharedStore, key: &str) -> ClaimToken {
    match store.claim(key, TTL).await.unwrap() {
        Claim::Claimed(token) => token,
        busy => panic!("{busy:?}"),
    }
}

/// What every store must do. `other` is a second handle to the same state, as another process has it;
/// `tick` is the precision of the store's time.
async fn behaves(store: SharedStore, other: SharedStore, clock: ManualClock, tick: Duration) {
    exactly_one_wins(&store, &other).await;

    // Expiry: not before its time, not (much) after; the age is known.
    let token = claimed(&store, "k").await;
    clock.advance(Duration::from_millis(4_000));
    let busy = other.peek("k").await.unwrap().unwrap();
    assert!(busy.since.unwrap().abs_diff(Duration::from_millis(4_000)) <= tick, "{busy:?}");
    assert!(busy.expires_in.abs_diff(Duration::from_millis(6_000)) <= tick, "{busy:?}");
    assert_eq!(other.claim("k", TTL).await.unwrap(), busy.into());
    clock.advance(Duration::from_millis(6_000) - NS);
    assert!(other.peek("k").await.unwrap().is_some(), "a claim must not end early");
    clock.advance(NS + tick);
    assert_eq!(other.peek("k").await.unwrap(), None);

    // The crash of a holder: the next one gets it after the time limit, and the first frees nothing then.
    let second = claimed(&other, "k").await;
    assert!(!store.release(&token).await.unwrap());
    store.abandon(token);
    assert!(store.peek("k").await.unwrap().is_some());
    assert!(store.release(&second).await.unwrap());
    assert!(!store.release(&second).await.unwrap());
    assert_eq!(store.peek("k").await.unwrap(), None);

    // A token of the same key with another owner, and one of another key.
    let held = claimed(&store, "k").await;
    assert!(!store.release(&ClaimToken::new("k")).await.unwrap());
    assert!(!store.release(&ClaimToken { key: "other".into(), owner: held.owner.clone() }).await.unwrap());
    // Given up in a Drop: free at once.
    store.abandon(held);
    claimed(&other, "k").await;

    // A future that is dropped before it was polled has done nothing.
    drop(store.claim("cancelled", TTL));
    drop(store.put("cancelled", Bytes::new(), TTL));
    assert_eq!(store.peek("cancelled").await.unwrap(), None);
    assert_eq!(store.get("cancelled").await.unwrap(), None);

    // Values: replaced, expiring, apart from the claims of the same key.
    store.put("k", Bytes::from_static(b"one\n\0"), TTL).await.unwrap();
    store.put("k", Bytes::from_static(b"two\n\xff"), TTL).await.unwrap();
    assert_eq!(other.get("k").await.unwrap().unwrap(), &b"two\n\xff"[..]);
    store.put("empty", Bytes::new(), Duration::MAX).await.unwrap();
    clock.advance(TTL + tick);
    assert_eq!(other.get("k").await.unwrap(), None);
    assert_eq!(other.get("empty").await.unwrap(), Some(Bytes::new()));

    // Many keys.
    for i in 0..300 {
        store.put(&format!("many {i}"), Bytes::from(i.to_string()), TTL).await.unwrap();
    }
    for i in 0..300 {
        assert_eq!(other.get(&format!("many {i}")).await.unwrap().unwrap(), i.to_string());
    }
    rates(&store, &other, &clock).await;
}

async fn exactly_one_wins(store: &SharedStore, other: &SharedStore) {
    let start = Arc::new(tokio::sync::Barrier::new(1_000));
    let tasks: Vec<_> = (0..1_000)
        .map(|i| {
            let (store, start) = (if i % 2 == 0 { store } else { other }.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                matches!(store.claim("race", TTL).await.unwrap(), Claim::Claimed(_))
            })
        })
        .collect();
    let mut wins = 0;
    for task in tasks {
        wins += u32::from(task.await.unwrap());
    }
    assert_eq!(wins, 1);
}

async fn rates(store: &SharedStore, other: &SharedStore, clock: &ManualClock) {
    let ms = Duration::from_millis;
    let rate = Rate::new(10, Duration::from_secs(1));
    assert_eq!(store.take("k", rate, 3, 2).await.unwrap(), Taken::Granted);
    assert_eq!(other.take("k", rate, 3, 1).await.unwrap(), Taken::Granted);
    assert_eq!(store.take("k", rate, 3, 1).await.unwrap(), Taken::Wait(ms(100)));
    assert_eq!(store.take("k", rate, 3, 3).await.unwrap(), Taken::Wait(ms(300)));
    clock.advance(ms(100) - NS);
    assert_eq!(store.take("k", rate, 3, 1).await.unwrap(), Taken::Wait(NS));
    clock.advance(NS);
    assert_eq!(other.take("k", rate, 3, 1).await.unwrap(), Taken::Granted);
    assert_eq!(store.take("k", rate, 3, 1).await.unwrap(), Taken::Wait(ms(100)));
    clock.advance(ms(3_600_000));
    assert_eq!(store.take("k", rate, 3, 0).await.unwrap(), Taken::Granted);
    assert_eq!(store.take("k", rate, 3, 3).await.unwrap(), Taken::Granted);
    assert_eq!(store.take("k", rate, 3, 1).await.unwrap(), Taken::Wait(ms(100)));
    let error = store.take("k", rate, 3, 4).await.unwrap_err().to_string();
    assert_eq!(error, "4 permits were asked for at once, but the burst is 3: raise the burst or take fewer");
    // The edges: no burst, no count, no limit.
    assert_eq!(store.take("zero", Rate::new(0, ms(50)), 0, 1).await.unwrap(), Taken::Granted);
    assert_eq!(store.take("zero", Rate::new(0, ms(50)), 0, 1).await.unwrap(), Taken::Wait(ms(50)));
    for _ in 0..5 {
        assert_eq!(store.take("free", Rate::per_second(u32::MAX), 1, 1).await.unwrap(), Taken::Granted);
        clock.advance(NS);
        assert_eq!(store.take("none", Rate::new(1, Duration::ZERO), 1, 1).await.unwrap(), Taken::Granted);
    }
    assert_eq!(store.take("never", Rate::new(1, Duration::MAX), u32::MAX, 1).await.unwrap(), Taken::Granted);
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
