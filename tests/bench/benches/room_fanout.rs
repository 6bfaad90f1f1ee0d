//! How fast the emulated EnableX tells a room: a thousand participants in one room, each with a connection of its own over
//! loopback, and a moderator who locks and unlocks it. Every participant must be told every time; nothing may be lost.
//! Server and clients are one process: the figure is what both can do together.
//!
//! `cargo xtask bench room_fanout [PARTICIPANTS]`. It needs two files (sockets) per participant.

#![allow(clippy::indexing_slicing, reason = "a benchmark")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use enablex::{
    Client, ConnectRoom, CreateRoom, CreateToken, Credentials, Role, Room, RoomEvent, RoomEvents,
    RoomSettings,
};
use rtc_bench::Outcome;
use rtc_emulator::Emulator;

const PARTICIPANTS: u32 = 1_000;
/// Lock and unlock, each told to everybody.
const TURNS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn enter(client: &Client, room: &str, name: &str, role: Role) -> Outcome<(Room, RoomEvents)> {
    let token = client.create_token(CreateToken::new(room, name, role, name)).await?.token;
    Ok(client.connect_room(ConnectRoom::new(token)).await?)
}

/// Counts what a participant is told, until the room is over.
async fn listen(room: Room, mut events: RoomEvents, told: Arc<AtomicU64>) {
    while let Some(event) = events.next().await {
        if matches!(event, RoomEvent::RoomLocked(_) | RoomEvent::RoomUnlocked(_)) {
            told.fetch_add(1, Ordering::Relaxed);
        }
    }
    drop(room);
}

async fn measure() -> Outcome<()> {
    let participants: u32 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(PARTICIPANTS);
    let emulator = Emulator::start().await?;
    let access = emulator.enablex();
    let client = Client::builder(Credentials::new(access.app_id(), access.app_key()))
        .endpoint(access.url())
        .timeout(PATIENCE)
        .build()?;
    let room = client.create_room(CreateRoom::new("n", "o", RoomSettings::new(participants))).await?.room_id;
    let (moderator, mut own) = enter(&client, &room, "Mo", Role::Moderator).await?;
    tokio::spawn(async move { while own.next().await.is_some() {} });

    let begun = Instant::now();
    let told = Arc::<AtomicU64>::default();
    for i in 0..participants {
        let (room, events) = enter(&client, &room, &format!("p{i}"), Role::Participant).await?;
        tokio::spawn(listen(room, events, Arc::clone(&told)));
    }
    let entered = begun.elapsed().as_secs_f64();
    println!(
        "{participants} participants entered in {entered:.1} s ({:.0}/s)",
        f64::from(participants) / entered
    );

    let begun = Instant::now();
    let mut goal = 0;
    for turn in 0..2 * TURNS {
        if turn % 2 == 0 {
            moderator.lock_room().await?
        } else {
            moderator.unlock_room().await?
        };
        goal += u64::from(participants);
        while told.load(Ordering::Relaxed) < goal {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} of {goal} notifications came", told.load(Ordering::Relaxed)).into());
            }
            tokio::task::yield_now().await;
        }
    }
    let elapsed = begun.elapsed().as_secs_f64();
    println!(
        "{goal} notifications in {elapsed:.2} s: {:.0} per second, {:.1} ms until all {participants} know",
        goal as f64 / elapsed,
        elapsed * 1000.0 / (2 * TURNS) as f64
    );
    // What would come twice comes before the answer to the next command.
    moderator.lock_room().await?;
    let last = goal + u64::from(participants);
    while told.load(Ordering::Relaxed) < last && begun.elapsed() < 2 * PATIENCE {
        tokio::task::yield_now().await;
    }
    if told.load(Ordering::Relaxed) != last {
        return Err(format!("{} notifications instead of {last}", told.load(Ordering::Relaxed)).into());
    }
    println!(
        "every notification came exactly once; the rate has no goal: it is that of this machine, clients included"
    );
    Ok(())
}
