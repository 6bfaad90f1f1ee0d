//! The store of one machine.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{Busy, Claim, ClaimToken, Rate, Store, StoreError, Taken, gcra, stable_hash};
use crate::clock::{Clock, SharedClock};

/// How far the wall clock may step back before a record from the "future" no longer counts.
const STEP_BACK: Duration = Duration::from_secs(5);
/// How long a lock held by another process is waited for.
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
///   cancelled future leaves nothing half done. A lock held elsewhere is waited for at most 1 s, then the
///   store is unavailable.
/// - The directory should belong to this user alone (it is created so) and lie on a local disk: network
///   file systems do not lock reliably. Nothing is flushed to the disk: a crash of the machine may lose the
///   last records.
#[derive(Debug)]
pub struct FileStore {
    dir: PathBuf,
    clock: SharedClock,
    /// Threads of this process queue here instead of polling the file lock.
    gate: Mutex<()>,
    writes: AtomicU32,
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
    _gate: MutexGuard<'a, ()>,
    // Closing the file frees the lock.
    _file: File,
}

impl FileStore {
    /// A store in this directory, which is created if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the directory cannot be created or is not one.
    pub fn new(dir: impl Into<PathBuf>, clock: SharedClock) -> Result<Self, StoreError> {
        let store = Self { dir: dir.into(), clock, gate: Mutex::new(()), writes: AtomicU32::new(0) };
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
        let lock = self.dir.join(format!("lock-{}", Self::shard(path).unwrap_or('0')));
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || File::options().create(true).truncate(false).write(true).open(&lock);
        let file = match open() {
            // Someone tidied the directory away.
            Err(e) if e.kind() == ErrorKind::NotFound => self.create_dir().and_then(|()| open()),
            result => result,
        };
        let file = file.map_err(|e| self.failed("open", &lock, e))?;
        let mut waited = Duration::ZERO;
        // Not on the clock: this is real work of another process, not the passing of time.
        let step = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { _gate: gate, _file: file }),
                Err(TryLockError::WouldBlock) if waited < LOCK_WAIT => {
                    std::thread::sleep(step);
                    waited += step;
                }
                Err(TryLockError::WouldBlock) => {
                    let context = format!(
                        "another process holds {} for more than 1 s; find and end it",
                        lock.display()
                    );
                    return Err(StoreError::unavailable(context, ErrorKind::WouldBlock.to_string()));
                }
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
