//! The pace of the Server API: after a 429 all clients of an application hold off, and a rate that is known is kept.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::future::IntoFuture as _;
use std::time::{Duration, SystemTime};

use enablex::{Client, ClientBuilder, Credentials, GetRoom, ListRooms};
use rtc_core::testing::ManualClock;
use rtc_core::{ErrorKind, MemoryStore, RetryPolicy, SharedClock, SharedStore};
use rtc_emulator::{Action, Emulator, Fault, RetryAfter};
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any pause of these tests.
const LONG: Duration = Duration::from_secs(600);

struct World {
    emulator: Emulator,
    clock: ManualClock,
    store: SharedStore,
}

impl World {
    /// An emulator that refuses the first call for calling too often.
    async fn new(pause: RetryAfter) -> Self {
        let emulator = Emulator::start().await.unwrap();
        emulator.add_fault(Fault::new(Action::RetryAfter { status: 429, value: pause }).times(1)).unwrap();
        let clock = ManualClock::new(SystemTime::now());
        let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
        Self { emulator, clock, store }
    }

    fn builder(&self) -> ClientBuilder {
        let access = self.emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let builder = Client::builder(credentials).endpoint(access.url()).clock(self.clock.clone());
        builder.timeout(LONG).retry(RetryPolicy::none())
    }

    /// A client of a fleet that shares what it knows.
    fn sharing(&self) -> Client {
        self.builder().store(self.store.clone()).build().unwrap()
    }

    fn asked(&self) -> usize {
        self.emulator.requests("list_rooms").len()
    }
}

fn list(client: &Client) -> JoinHandle<enablex::Result<()>> {
    let call = client.list_rooms(ListRooms::new());
    tokio::spawn(async move { call.into_future().await.map(drop) })
}

async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn refused(call: JoinHandle<enablex::Result<()>>) {
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
}

#[tokio::test]
async fn after_a_429_all_who_share_the_store_hold_off() {
    let world = World::new(RetryAfter::Seconds(7)).await;
    let (one, two) = (world.sharing(), world.sharing());
    refused(list(&one)).await;
    let others: Vec<_> = (0..5).flat_map(|_| [list(&one), list(&two), list(&world.sharing())]).collect();
    settle().await;
    assert_eq!(world.asked(), 1, "nobody else runs into it");
    world.clock.advance(7 * SECOND - Duration::from_millis(1));
    settle().await;
    assert_eq!(world.asked(), 1, "not before the end of Retry-After");
    world.clock.advance(2 * SECOND);
    for call in others {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.asked(), 16);
}

#[tokio::test]
async fn who_shares_nothing_holds_off_alone() {
    let world = World::new(RetryAfter::Seconds(7)).await;
    let (one, other) = (world.builder().build().unwrap(), world.builder().build().unwrap());
    refused(list(&one)).await;
    let held = list(&one.clone());
    settle().await;
    assert_eq!(world.asked(), 1);
    list(&other).await.unwrap().unwrap();
    assert_eq!(world.asked(), 2);
    world.clock.advance(9 * SECOND);
    held.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_retry_after_that_says_when_they_hold_off_for_the_pause_of_the_policy() {
    // Not a date, not a number; and at once, which is no pause.
    for pause in [RetryAfter::Text("soon".to_owned()), RetryAfter::Seconds(0)] {
        held_off_by_the_policy(World::new(pause).await).await;
    }
}

async fn held_off_by_the_policy(world: World) {
    // The pause is drawn from zero to this.
    let policy = RetryPolicy::default().with_max_attempts(2).with_base(100 * SECOND).with_cap(100 * SECOND);
    let one = world.builder().store(world.store.clone()).retry(policy).build().unwrap();
    let (call, mut other) = (list(&one), None);
    for _ in 0..130 {
        settle().await;
        if world.asked() == 1 && other.is_none() && world.clock.sleepers() > 1 {
            other = Some(list(&world.sharing()));
            settle().await;
            assert_eq!(world.asked(), 1);
        }
        world.clock.advance(SECOND);
    }
    // The one that was refused tries again by itself.
    call.await.unwrap().unwrap();
    other.unwrap().await.unwrap().unwrap();
    assert_eq!(world.asked(), 3);
}

#[tokio::test]
async fn a_pause_that_does_not_fit_ends_the_call_unsent() {
    let world = World::new(RetryAfter::Seconds(30)).await;
    let client = world.sharing();
    refused(list(&client)).await;
    let call = tokio::spawn(client.get_room(GetRoom::new("r")).timeout(SECOND).into_future());
    settle().await;
    world.clock.advance(SECOND);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::Timeout, false, 0));
    assert!(world.emulator.requests("get_room").is_empty());
}

#[tokio::test]
async fn a_known_rate_is_kept_and_all_of_it_can_be_switched_off() {
    let world = World::new(RetryAfter::Seconds(7)).await;
    let build =
        |paced| world.builder().store(world.store.clone()).rate(3, SECOND).paced(paced).build().unwrap();
    refused(list(&build(false))).await;
    list(&build(false)).await.unwrap().unwrap();
    assert_eq!(world.asked(), 2, "not paced: neither held off nor counted");
    let clients = [build(true), build(true)];
    let calls: Vec<_> = (0..7).map(|number| list(&clients[number % 2])).collect();
    // By chance the two begin in different places of the quota, so up to three of them wait longer than they must.
    for second in 0..7 {
        settle().await;
        assert!(world.asked() <= 2 + 3 * (second + 1), "{} by second {second}", world.asked());
        world.clock.advance(SECOND);
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.asked(), 9);
}
