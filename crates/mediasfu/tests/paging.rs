//! Lists page by page, and the pause that the service wants between lists of telephone calls.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{KEY, builder, clock};
use futures_util::{FutureExt as _, TryStreamExt as _};
use mediasfu::*;
use rtc_core::http::{Request, Response};
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::{Body, Bytes, Limits, MemoryStore, SharedClock, SharedStore, Transport, TransportError};
use serde_json::{Value, json};

const PAUSE: Duration = Duration::from_secs(5);

/// Serves pages of a list of `total` elements, and notes when each was asked for, and how.
#[derive(Debug, Clone)]
struct Listed {
    total: u32,
    clock: ManualClock,
    asked: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Listed {
    fn new(total: u32, clock: &ManualClock) -> Self {
        Self { total, clock: clock.clone(), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<(u64, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// In whole seconds since the clock began.
    fn times(&self) -> Vec<u64> {
        self.asked().into_iter().map(|(at, _)| at).collect()
    }

    fn client(&self, user: &str, store: &SharedStore) -> ClientBuilder {
        let builder = Client::builder(Credentials::new(user, KEY)).transport(self.clone());
        builder.clock(self.clock.clone()).store(store.clone())
    }
}

impl Transport for Listed {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: Limits,
    ) -> std::result::Result<Response<Body>, TransportError> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let number = |name: &str, or: u32| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map_or(or, |value| value.parse().unwrap())
        };
        let calls = request.uri().path().ends_with("/list");
        let size = number(if calls { "limit" } else { "pageSize" }, 20);
        let first = if calls { (number("page", 1) - 1) * size } else { number("startIndex", 0) };
        let items = (first..self.total).take(usize::try_from(size).unwrap());
        let name = if calls { "sipCallId" } else { "id" };
        let items: Vec<Value> = items.map(|n| json!({ name: n })).collect();
        self.asked.lock().unwrap().push((self.clock.passed().as_secs(), query));
        let body = json!({ if calls { "data" } else { "sipConfigs" }: items }).to_string();
        Ok(Response::new(Body::full(body)))
    }
}

fn store(clock: &ManualClock) -> SharedStore {
    SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())))
}

fn ids(calls: Vec<SipCall>) -> Vec<String> {
    calls.into_iter().map(|call| call.sip_call_id.unwrap()).collect()
}

#[tokio::test]
async fn calls_come_page_by_page_at_their_pace() {
    let clock = clock();
    let listed = Listed::new(5, &clock);
    let client = listed.client("apiUser123", &store(&clock)).build().unwrap();
    let list = ListSipCalls::new().limit(2).status("active");
    let calls: Vec<_> = client.list_sip_calls(list).items().try_collect().await.unwrap();
    assert_eq!(ids(calls), ["0", "1", "2", "3", "4"]);
    let expected = [
        (0, "limit=2&status=active"),
        (5, "page=2&limit=2&status=active"),
        (10, "page=3&limit=2&status=active"),
    ];
    assert_eq!(listed.asked(), expected.map(|(at, query)| (at, query.to_owned())));
}

#[tokio::test]
async fn without_a_limit_the_end_is_an_empty_page() {
    let clock = clock();
    let listed = Listed::new(40, &clock);
    let client = listed.client("apiUser123", &store(&clock)).paced(false).build().unwrap();
    let calls: Vec<_> =
        client.list_sip_calls(ListSipCalls::new().page(2)).items().try_collect().await.unwrap();
    assert_eq!((calls.len(), listed.times()), (20, vec![0, 0]), "not paced");
    assert_eq!(listed.asked()[1].1, "page=3");
}

#[tokio::test]
async fn telephone_numbers_come_by_index() {
    let clock = clock();
    let listed = Listed::new(7, &clock);
    let client = listed.client("apiUser123", &store(&clock)).build().unwrap();
    let list = ListSipConfigs::new().start_index(1).page_size(3);
    let mut pages = client.list_sip_configs(list).pages();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.push(page.unwrap().sip_configs.len());
    }
    assert_eq!(found, [3, 3, 0]);
    let queries: Vec<_> = listed.asked().into_iter().map(|(_, query)| query).collect();
    assert_eq!(
        queries,
        ["1", "4", "7"].map(|at| format!("action=get&startIndex={at}&pageSize=3")),
        "the next page begins where this one ended"
    );
    assert_eq!(listed.times(), [0, 0, 0], "these have no pace");
    let all: Vec<_> = client.list_sip_configs(ListSipConfigs::new()).items().try_collect().await.unwrap();
    assert_eq!(all.len(), 7);
}

#[tokio::test]
async fn an_answer_without_a_list_is_the_end() {
    let transport = ScriptedTransport::new().json(200, r#"{"message":"No SIP configs found"}"#);
    let client = builder(&transport).build().unwrap();
    let none: Vec<_> = client.list_sip_configs(ListSipConfigs::new()).items().try_collect().await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_failed_page_can_be_asked_for_again() {
    let page = r#"{"data":[{"sipCallId":"a"}]}"#;
    let transport = ScriptedTransport::new().json(200, page).json(400, "{}").json(200, page).json(200, "{}");
    let client = builder(&transport).paced(false).build().unwrap();
    let mut pages = client.list_sip_calls(ListSipCalls::new()).pages();
    assert!(pages.next().await.unwrap().is_ok());
    assert!(pages.next().await.unwrap().is_err());
    assert!(pages.next().await.unwrap().is_ok() && pages.next().await.unwrap().is_ok());
    assert!(pages.next().await.is_none());
    let queries: Vec<_> =
        transport.requests().iter().map(|r| r.uri().query().unwrap_or("-").to_owned()).collect();
    assert_eq!(queries, ["-", "page=2", "page=2", "page=3"]);
}

#[tokio::test]
async fn clients_of_one_account_and_store_take_turns() {
    let clock = ManualClock::new(std::time::SystemTime::now());
    let (listed, store) = (Listed::new(1, &clock), store(&clock));
    let client = |user: &str| listed.client(user, &store).timeout(Duration::from_secs(60)).build().unwrap();
    let (one, two, other) = (client("apiUser123"), client("apiUser123"), client("apiUser456"));
    let list = |client: &Client| client.list_sip_calls(ListSipCalls::new()).into_future();
    list(&one).await.unwrap();
    let (mut second, mut third) = (list(&one), list(&two));
    assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
    // Another account is not concerned, nor is another list.
    list(&other).await.unwrap();
    two.list_sip_configs(ListSipConfigs::new()).await.unwrap();
    clock.advance(PAUSE - Duration::from_nanos(1));
    assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
    clock.advance(Duration::from_nanos(1));
    let first = (&mut second).now_or_never();
    let then = (&mut third).now_or_never();
    assert_eq!((first.is_some(), then.is_some()), (true, false), "exactly one of them goes");
    clock.advance(PAUSE);
    third.await.unwrap();
    assert_eq!(listed.times(), [0, 0, 0, 5, 10]);
}

#[tokio::test]
async fn a_turn_that_comes_too_late_is_a_timeout_and_nothing_is_sent() {
    let clock = clock();
    let listed = Listed::new(1, &clock);
    let client = listed.client("apiUser123", &store(&clock)).build().unwrap();
    client.list_sip_calls(ListSipCalls::new()).await.unwrap();
    let short = client.list_sip_calls(ListSipCalls::new()).timeout(Duration::from_secs(1));
    let error = short.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent(), error.attempts(), error.is_retryable()),
        (ErrorKind::Timeout, false, 0, true)
    );
    // It took no turn with it.
    clock.advance(Duration::from_secs(4));
    client.list_sip_calls(ListSipCalls::new()).await.unwrap();
    assert_eq!(listed.times(), [0, 5]);
}

#[tokio::test]
async fn bad_input_takes_no_turn() {
    let clock = clock();
    let listed = Listed::new(1, &clock);
    let client = listed.client("apiUser123", &store(&clock)).build().unwrap();
    let error = client.list_sip_calls(ListSipCalls::new().limit(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    client.list_sip_calls(ListSipCalls::new()).await.unwrap();
    assert_eq!(listed.times(), [0]);
}

#[tokio::test]
async fn repeats_of_a_list_keep_the_pace_too() {
    let clock = clock();
    let busy = ScriptedTransport::new().json(503, "{}").json(503, "{}").json(200, r#"{"data":[]}"#);
    let builder = Client::builder(Credentials::new("apiUser123", KEY)).transport(busy.clone());
    let client = builder.clock(clock.clone()).store(store(&clock)).build().unwrap();
    client.list_sip_calls(ListSipCalls::new()).await.unwrap();
    assert_eq!(busy.requests().len(), 3);
    assert!(clock.passed() >= 2 * PAUSE, "{:?}", clock.passed());
}
