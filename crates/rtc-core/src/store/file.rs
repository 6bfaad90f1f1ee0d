//! The store of one machine.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::{Busy, Claim, ClaimToken, Rate, Store, StoreError, Taken, gcra, stable_hash};
use crate::clock::{Clock, SharedClock};

/// How far the wall clock may step back before a record from the "future" no longer counts.
const STEP_BACK: Duration = Duration::from_secs(5);
/// How long a lock held elsewhere is waited for, by another thread and by another process together.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// One of so many writes sweeps what has expired among the files of its lock.
const SWEEP_EVERY: u32 = 64;

/// A store in a directory, shared by all processes of one machine, on the wall-clock time of its clock.
///
/// - One small file per key, named by a hash of the key, and 16 lock files (`std::fs::File::lock`, which
///   the operating system frees when a process dies). Files are replaced whole, by renaming.
/// - A claim of a process that died stays until its time limit and is free then.
/// - A file that cannot be understood counts as absent, and so does one from more than 5 s in the future
///   (the clock was set back).
/// - Every method blocks its thread for the short time of a few file operations; they never suspend, so a
///   cancelled future leaves nothing half done. A lock held elsewhere, by another thread or process, is
///   waited for at most 1 s in all, then the store is unavailable for the keys of this lock; the other
///   locks are not concerned.
/// - The directory should belong to this user alone (it is created so) and lie on a local disk: network
///   file systems do not lock reliably. Nothing is flushed to the disk: a crash of the machine may lose the
///   last records.
#[derive(Debug)]
pub struct FileStore {
    dir: PathBuf,
    clock: SharedClock,
    /// Threads of this process queue here instead of polling the file lock: a gate per lock file.
    gates: [Gate; 16],
    writes: AtomicU32,
}

/// A lock between threads whose wait has an end.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// Passes the gate and closes it behind, until the result is dropped; `None` after the deadline.
    fn pass(&self, deadline: Instant) -> Option<Passed<'_>> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.opened.wait_timeout_while(closed, left, |closed| *closed);
        let (mut closed, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *closed = true;
        Some(Passed(self))
    }
}

struct Passed<'a>(&'a Gate);

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        *self.0.closed.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.opened.notify_one();
    }
}

/// What a file holds.
struct Record {
    since: Duration,
    expires: Duration,
    payload: Bytes,
}

impl Record {
    /// A header line `since expires hash` (unix milliseconds; the hash of the rest), then the payload.
    fn encode(since: Duration, expires: Duration, payload: &[u8]) -> Vec<u8> {
        // Rounded up: a claim must not end before its time.
        let expires = millis(expires.saturating_add(Duration::from_nanos(999_999)));
        let mut content = format!("{} {expires} ", millis(since)).into_bytes();
        let hash = stable_hash(&[content.as_slice(), payload].concat());
        content.extend_from_slice(format!("{hash:032x}\n").as_bytes());
        content.extend_from_slice(payload);
        content
    }

    fn decode(content: Vec<u8>, now: Duration) -> Option<Self> {
        let content = Bytes::from(content);
        let end = content.iter().position(|byte| *byte == b'\n')?;
        let payload = content.slice(end + 1..);
        let header = std::str::from_utf8(content.get(..end)?).ok()?;
        let (times, hash) = header.rsplit_once(' ')?;
        let hashed = content.get(..times.len() + 1)?;
        if u128::from_str_radix(hash, 16).ok()? != stable_hash(&[hashed, &payload].concat()) {
            return None;
        }
        let (since, expires) = times.split_once(' ')?;
        let since = Duration::from_millis(since.parse().ok()?);
        let expires = Duration::from_millis(expires.parse().ok()?);
        let alive = expires > now && since <= now.saturating_add(STEP_BACK);
        alive.then_some(Self { since, expires, payload })
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The lock of a key while it is held.
struct Locked<'a> {
    // Closing the file frees the lock, before the gate lets the next thread in.
    _file: File,
    _gate: Passed<'a>,
}

impl FileStore {
    /// A store in this directory, which is created if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the directory cannot be created or is not one.
    pub fn new(dir: impl Into<PathBuf>, clock: SharedClock) -> Result<Self, StoreError> {
        let store = Self { dir: dir.into(), clock, gates: Default::default(), writes: AtomicU32::new(0) };
        store.create_dir().map_err(|e| store.failed("create", &store.dir, e))?;
        Ok(store)
    }

    fn create_dir(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&self.dir)
    }

    fn failed(&self, action: &str, path: &Path, source: io::Error) -> StoreError {
        let context = format!(
            "could not {action} {}; check that the directory of the file store exists, is writable and not full",
            path.display()
        );
        StoreError::unavailable(context, source)
    }

    fn now(&self) -> Duration {
        self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn path(&self, kind: &str, key: &str) -> PathBuf {
        self.dir.join(format!("{:032x}.{kind}", stable_hash(key.as_bytes())))
    }

    /// The first digit of the hash names the lock. A lock per key could not be deleted safely: another
    /// process may just be waiting for it.
    fn shard(path: &Path) -> Option<char> {
        path.file_name()?.to_str()?.chars().next()
    }

    fn lock(&self, path: &Path) -> Result<Locked<'_>, StoreError> {
        let shard = Self::shard(path).unwrap_or('0');
        let lock = self.dir.join(format!("lock-{shard}"));
        // Not on the clock: this is real work of another thread or process, not the passing of time.
        let deadline = Instant::now() + LOCK_WAIT;
        let held = |who: &str| {
            let context =
                format!("another {who} holds {} for more than 1 s; find and end it", lock.display());
            StoreError::unavailable(context, ErrorKind::WouldBlock.to_string())
        };
        let gate = shard.to_digit(16).and_then(|digit| self.gates.get(digit as usize));
        let gate = gate.and_then(|gate| gate.pass(deadline)).ok_or_else(|| held("thread of this process"))?;
        let open = || File::options().create(true).truncate(false).write(true).open(&lock);
        let file = match open() {
            // Someone tidied the directory away.
            Err(e) if e.kind() == ErrorKind::NotFound => self.create_dir().and_then(|()| open()),
            result => result,
        };
        let file = file.map_err(|e| self.failed("open", &lock, e))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { _file: file, _gate: gate }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => return Err(held("process")),
                Err(TryLockError::Error(e)) => return Err(self.failed("lock", &lock, e)),
            }
        }
    }

    /// The record of a file, if it is there, whole and alive. Needs no lock: files are replaced whole.
    fn read(&self, path: &Path, now: Duration) -> Result<Option<Record>, StoreError> {
        match fs::read(path) {
            Ok(content) => Ok(Record::decode(content, now)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.failed("read", path, e)),
        }
    }

    /// Replaces a file; the caller holds its lock.
    fn write(&self, path: &Path, now: Duration, expires: Duration, payload: &[u8]) -> Result<(), StoreError> {
        if self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.sweep(path, now);
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        fs::write(&temporary, Record::encode(now, expires, payload))
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|e| self.failed("write", path, e))
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(self.failed("delete", path, e)),
            _ => Ok(()),
        }
    }

    /// Deletes the dead files that the held lock covers. Best effort: the next sweep comes.
    fn sweep(&self, held: &Path, now: Duration) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let suffix = path.extension().and_then(|suffix| suffix.to_str());
            let ours = matches!(suffix, Some("claim" | "value" | "rate" | "tmp"));
            if ours && Self::shard(&path) == Self::shard(held) && matches!(self.read(&path, now), Ok(None)) {
                let _ = self.remove(&path);
            }
        }
    }

    fn busy(record: &Record, now: Duration) -> Busy {
        Busy::new(Some(now.saturating_sub(record.since)), record.expires.saturating_sub(now))
    }

    fn free(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        let path = self.path("claim", token.key());
        let _locked = self.lock(&path)?;
        let record = self.read(&path, self.now())?;
        if record.is_none_or(|record| record.payload != token.owner()) {
            return Ok(false);
        }
        self.remove(&path)?;
        Ok(true)
    }
}

impl Store for FileStore {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        let path = self.path("claim", key);
        let _locked = self.lock(&path)?;
        // Read under the lock, so that time does not pass between looking and writing.
        let now = self.now();
        if let Some(record) = self.read(&path, now)? {
            return Ok(Self::busy(&record, now).into());
        }
        let token = ClaimToken::new(key);
        self.write(&path, now, now.saturating_add(ttl), token.owner().as_bytes())?;
        Ok(Claim::Claimed(token))
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        let now = self.now();
        Ok(self.read(&self.path("claim", key), now)?.map(|record| Self::busy(&record, now)))
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.free(token)
    }

    fn abandon(&self, token: ClaimToken) {
        // Nobody is there to hear of a failure; the time limit frees the claim then.
        let _ = self.free(&token);
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read(&self.path("value", key), self.now())?.map(|record| record.payload))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        let path = self.path("value", key);
        let _locked = self.lock(&path)?;
        let now = self.now();
        self.write(&path, now, now.saturating_add(ttl), &value)
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        let path = self.path("rate", key);
        let _locked = self.lock(&path)?;
        let now = self.now();
        let filled = self.read(&path, now)?.and_then(|record| {
            let nanos: u64 = std::str::from_utf8(&record.payload).ok()?.parse().ok()?;
            Some(Duration::from_nanos(nanos))
        });
        match gcra(filled, now, rate, burst, n)? {
            Ok(filled) => {
                let nanos = u64::try_from(filled.as_nanos()).unwrap_or(u64::MAX);
                self.write(&path, now, filled, nanos.to_string().as_bytes())?;
                Ok(Taken::Granted)
            }
            Err(wait) => Ok(Taken::Wait(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_lock_stops_only_its_own_keys_and_not_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path(), SharedClock::default()).unwrap();
        let (stuck, other) = (dir.path().join("0.claim"), dir.path().join("f.claim"));
        let held = store.lock(&stuck).unwrap();
        let (done, end) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let start = Instant::now();
            for path in [&stuck, &other, &stuck, &stuck, &stuck] {
                let (done, store) = (done.clone(), &store);
                scope.spawn(move || done.send(store.lock(path).err().map(|error| error.to_string())));
            }
            // Far less than one wait after the other, far more than a slow machine adds to one.
            let next = || end.recv_timeout(Duration::from_secs(3).saturating_sub(start.elapsed()));
            let first = next();
            let rest = [next(), next(), next(), next()];
            // A failure must not leave the threads, and with them the test, waiting.
            drop(held);
            assert_eq!(first.unwrap(), None, "the other lock is free");
            for error in rest {
                assert!(error.unwrap().unwrap().contains("another thread of this process holds"));
            }
        });
        store.lock(&stuck).unwrap();
    }
}
