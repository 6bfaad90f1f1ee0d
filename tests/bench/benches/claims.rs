//! What the claim costs that guards a `create_room` call: a look, the claim, its release, through the store that
//! a client has. In memory beside a look-up in a `HashMap` under an uncontended `Mutex`; on file beside a bare file
//! that is written, renamed into place and deleted in the same directory. Rounds are interleaved; the figures are
//! medians.
//!
//! `cargo xtask bench claims`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mediasfu::pending::WINDOW;
use mediasfu::rtc_core::{Claim, FileStore, MemoryStore, SharedClock, SharedStore, Store};
use rtc_bench::{Outcome, median};

const ROUNDS: usize = 60;
const IN_MEMORY: u32 = 5_000;
const ON_FILE: u32 = 100;
/// The free key and the one that is claimed all the time.
const FREE: &str = "mediasfu_pending_0123456789abcdef0123456789abcdef";
const TAKEN: &str = "mediasfu_pending_fedcba9876543210fedcba9876543210";
/// As long as what the store writes about a claim.
const RECORD: [u8; 92] = [b'x'; 92];

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let map = Mutex::new(HashMap::from([(TAKEN.to_owned(), Instant::now() + WINDOW)]));
    let look_up = || {
        let map = map.lock().unwrap_or_else(PoisonError::into_inner);
        black_box(map.get(black_box(TAKEN)).copied());
        Ok(())
    };
    let memory = SharedStore::new(MemoryStore::new(SharedClock::default()));
    runtime.block_on(measure("in memory, Mutex<HashMap>", IN_MEMORY, look_up, memory))?;

    let folder = Folder::new()?;
    let (temporary, path) = (folder.0.join("bare.tmp"), folder.0.join("bare"));
    let bare = || write_rename_delete(&temporary, &path);
    let file = SharedStore::new(FileStore::new(&folder.0, SharedClock::default())?);
    runtime.block_on(measure("on file, a bare file", ON_FILE, bare, file))?;
    println!("a create_room call makes a look and, unless refused by it, a claim and its release");
    Ok(())
}

/// A folder of this process that goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("rtc-bench-claims-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_rename_delete(temporary: &Path, path: &Path) -> Outcome<()> {
    fs::write(temporary, RECORD)?;
    fs::rename(temporary, path)?;
    Ok(fs::remove_file(path)?)
}

async fn measure(
    limit: &str,
    turns: u32,
    mut bare: impl FnMut() -> Outcome<()>,
    store: impl Store,
) -> Outcome<()> {
    // Longer than any measurement; dropping the token frees nothing.
    let _held = store.claim(TAKEN, Duration::from_secs(3600)).await?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            let who = (round + turn) % 4;
            let begun = Instant::now();
            for _ in 0..turns {
                match who {
                    0 => bare()?,
                    1 => drop(black_box(store.peek(black_box(TAKEN)).await?)),
                    2 => drop(black_box(store.peek(black_box(FREE)).await?)),
                    _ => claim_and_release(&store).await?,
                }
            }
            row[who] = begun.elapsed().as_nanos() as f64 / f64::from(turns);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    println!("{ROUNDS} interleaved rounds of {turns}");
    println!("{:<28} {:>10} {:>8}", "", "ns", "x bare");
    let names = [limit, "look at a claim", "look where there is none", "claim and release"];
    for (i, name) in names.into_iter().enumerate() {
        println!("{name:<28} {:>10.0} {:>8.2}", median(&rounds, |r| r[i]), median(&rounds, |r| r[i] / r[0]));
    }
    Ok(())
}

async fn claim_and_release(store: &impl Store) -> Outcome<()> {
    let Claim::Claimed(token) = store.claim(black_box(FREE), WINDOW).await? else {
        return Err("the claim is held".into());
    };
    if store.release(&token).await? { Ok(()) } else { Err("the claim was lost".into()) }
}
