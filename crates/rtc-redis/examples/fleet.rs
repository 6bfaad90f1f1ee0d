//! Two machines that share what they know over Redis: `cargo run -p rtc-redis --example fleet -- redis://127.0.0.1`.
//!
//! The service is the emulator's. Both machines want the same room at once, and one gets it; then both keep to one
//! rate together.

use std::error::Error;
use std::time::{Duration, Instant};

use mediasfu::{Client, CreateRoom, Credentials, MediaSfuError, ServerKind, StoreFailure};
use rtc_core::{Pacer, Rate, SharedClock, SharedStore};
use rtc_emulator::{Action, Emulator, Fault};
use rtc_redis::{RedisOptions, RedisStore};

/// What each machine of the fleet sets up: a client of the service and a store of its own.
async fn machine(emulator: &Emulator, redis: &str) -> Result<(Client, SharedStore), Box<dyn Error>> {
    let options = RedisOptions::new().prefix("example:").timeout(Duration::from_millis(500));
    let store = SharedStore::new(RedisStore::connect(redis, options).await?);
    let access = emulator.mediasfu();
    let client = Client::builder(Credentials::new(access.api_user_name(), access.api_key()))
        .endpoint(access.url())
        .server(ServerKind::Cloud)
        .store(store.clone())
        // Without Redis: rather no room than two. `GoOn` would trust the idempotency key alone.
        .store_failure(StoreFailure::Refuse)
        .build()?;
    Ok((client, store))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let redis = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1".to_owned());
    let emulator = Emulator::start().await?;
    // The service takes its time, so that the two calls meet.
    emulator.add_fault(Fault::new(Action::Delay { ms: 200 }))?;
    let ((one, first), (two, second)) =
        (machine(&emulator, &redis).await?, machine(&emulator, &redis).await?);

    let room = CreateRoom::new("hostUser", 60, 10);
    let (mine, yours) = tokio::join!(one.create_room(room.clone()), two.create_room(room));
    for (machine, outcome) in [("one", mine), ("two", yours)] {
        match outcome {
            Ok(room) => println!("machine {machine} has the room {}", room.room_name),
            Err(error) if matches!(error.service(), Some(MediaSfuError::InProgress)) => {
                println!("machine {machine} was told that somebody else is at it");
            }
            Err(error) => return Err(error.into()),
        }
    }

    // Five per second for both together.
    let pacer = |store| Pacer::new(store, SharedClock::default(), "example", Rate::per_second(5), 1);
    let (one, two) = (pacer(first), pacer(second));
    let start = Instant::now();
    for _ in 0..3 {
        let (one, two) = tokio::join!(one.ready(), two.ready());
        one.and(two)?;
    }
    println!("six turns of both machines took {:?}", start.elapsed());
    Ok(())
}
