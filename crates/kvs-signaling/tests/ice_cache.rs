//! The cache of ICE servers: one request at a time, no longer than the credentials live, no errors kept.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::testing::{ManualClock, ScriptedTransport};
use kvs_signaling::rtc_core::{ErrorKind, Reason};
use kvs_signaling::{
    Client, ClientBuilder, Credentials, Error, Fetched, IceCache, IceKey, IceServers, KvsError, Result,
};
use tokio::sync::{Barrier, Semaphore};

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn manual() -> ManualClock {
    ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

/// An upstream that counts its calls.
#[derive(Default)]
struct Upstream(AtomicUsize);

impl Upstream {
    fn calls(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn fetch(&self, ttl: u64) -> Result<Fetched> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((Vec::new(), Some(Duration::from_secs(ttl))))
    }

    async fn fail(&self) -> Result<Fetched> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(Reason::Timeout(Duration::from_secs(15))).with_exchange(2, true))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_cold_calls_are_one_request() {
    let cache = IceCache::new(manual());
    let (upstream, gate) = (Arc::new(Upstream::default()), Arc::new(Semaphore::new(0)));
    let start = Arc::new(Barrier::new(1001));
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let (cache, upstream) = (cache.clone(), Arc::clone(&upstream));
            let (gate, start) = (Arc::clone(&gate), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let fetch = || async {
                    gate.acquire().await.unwrap().forget();
                    upstream.fetch(300).await
                };
                cache.get(&IceKey::new("a"), fetch).await.unwrap()
            })
        })
        .collect();
    start.wait().await;
    // The gate opens for all, so that a second request would be seen.
    gate.add_permits(1000);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn entries_end_with_the_credentials() {
    for (ttl, life) in [(300, 270), (100, 70), (86_400, 270)] {
        let (clock, upstream) = (manual(), Upstream::default());
        let cache = IceCache::new(clock.clone());
        let key = IceKey::new("a");
        let get = || cache.get(&key, || upstream.fetch(ttl));
        get().await.unwrap();
        clock.advance(Duration::from_secs(life) - Duration::from_millis(1));
        get().await.unwrap();
        assert_eq!(upstream.calls(), 1, "{ttl}");
        clock.advance(Duration::from_millis(1));
        get().await.unwrap();
        get().await.unwrap();
        assert_eq!(upstream.calls(), 2, "{ttl}");
    }
    // What lives no longer than the grace is given out, but not kept.
    let (cache, upstream) = (IceCache::new(manual()), Upstream::default());
    for _ in 0..2 {
        cache.get(&IceKey::new("a"), || upstream.fetch(30)).await.unwrap();
    }
    assert_eq!((upstream.calls(), cache.len()), (2, 0));
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_and_then_forgotten() {
    let (cache, upstream, gate) = (IceCache::new(manual()), Upstream::default(), Semaphore::new(0));
    let key = IceKey::new("a");
    let fetch = || async {
        gate.acquire().await.unwrap().forget();
        upstream.fail().await
    };
    let (mut first, mut second) = (pin!(cache.get(&key, fetch)), pin!(cache.get(&key, fetch)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending()
    );
    gate.add_permits(2);
    let (first, second) = (first.await.unwrap_err(), second.await.unwrap_err());
    assert!(first.service().is_none() && matches!(second.service(), Some(KvsError::Shared { .. })));
    assert_eq!((first.kind(), second.kind()), (ErrorKind::Timeout, ErrorKind::Timeout));
    assert_eq!((second.attempts(), second.was_sent()), (2, true));
    assert_eq!((upstream.calls(), cache.is_empty()), (1, true));
    cache.get(&key, || upstream.fetch(300)).await.unwrap();
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_strands_nobody() {
    let (cache, upstream) = (IceCache::new(manual()), Upstream::default());
    let key = IceKey::new("a");
    let mut context = Context::from_waker(Waker::noop());
    let mut leader = Box::pin(cache.get(&key, pending::<Result<Fetched>>));
    assert!(leader.as_mut().poll(&mut context).is_pending());
    let mut waiter = pin!(cache.get(&key, || upstream.fetch(300)));
    assert!(waiter.as_mut().poll(&mut context).is_pending());
    drop(leader);
    assert!(matches!(waiter.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    // And what was fetched in the leader's place is kept.
    cache.get(&key, || upstream.fetch(300)).await.unwrap();
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn calls_that_are_dropped_leave_nothing() {
    let (cache, upstream) = (IceCache::new(manual()), Upstream::default());
    cache.get(&IceKey::new("kept"), || upstream.fetch(300)).await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let keys: Vec<_> = (0..1100).map(|i| IceKey::new(format!("a{i}"))).collect();
    for key in &keys {
        // One that asks and one that waits, which goes last.
        let mut asks = Box::pin(cache.get(key, pending::<Result<Fetched>>));
        let mut waits = Box::pin(cache.get(key, pending::<Result<Fetched>>));
        assert!(asks.as_mut().poll(&mut context).is_pending());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        drop(asks);
        assert_eq!(cache.len(), 2);
    }
    assert_eq!(cache.len(), 1);
    cache.get(&IceKey::new("kept"), || upstream.fetch(300)).await.unwrap();
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn keys_are_apart_bounded_and_can_be_forgotten() {
    let clock = manual();
    let (cache, upstream) = (IceCache::with_capacity(clock.clone(), 2), Upstream::default());
    let mut viewer = IceKey::new("a");
    viewer.client_id = Some("v".into());
    let get = async |key: &IceKey, ttl| cache.get(key, || upstream.fetch(ttl)).await.unwrap();
    get(&IceKey::new("a"), 100).await;
    get(&viewer, 300).await;
    assert_eq!((upstream.calls(), cache.len()), (2, 2));
    // The one that ends soonest makes room.
    get(&IceKey::new("b"), 300).await;
    get(&viewer, 300).await;
    assert_eq!((upstream.calls(), cache.len()), (3, 2));
    cache.invalidate(&viewer);
    get(&viewer, 300).await;
    assert_eq!(upstream.calls(), 4);
    cache.clear();
    assert!(cache.is_empty());
}

#[tokio::test]
async fn what_was_invalidated_on_its_way_is_not_kept() {
    let (cache, upstream, gate) = (IceCache::new(manual()), Upstream::default(), Semaphore::new(0));
    let key = IceKey::new("a");
    let mut call = pin!(cache.get(&key, || async {
        gate.acquire().await.unwrap().forget();
        upstream.fetch(300).await
    }));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    cache.invalidate(&key);
    gate.add_permits(1);
    call.await.unwrap();
    assert!(cache.is_empty());
}

const ENDPOINT: &str = r#"{"ResourceEndpointList":[{"Protocol":"HTTPS","ResourceEndpoint":"https://r-1.kinesisvideo.us-west-2.amazonaws.com"}]}"#;
const SERVERS: &str = r#"{"IceServerList":[{"Uris":["turn:x"],"Username":"u","Password":"p","Ttl":300}]}"#;

fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    let builder = Client::builder(Credentials::new("AKID", "secret")).region("us-west-2");
    builder.transport(transport.clone()).clock(manual())
}

#[tokio::test]
async fn the_composed_call() {
    let transport = ScriptedTransport::new().json(200, ENDPOINT).json(200, SERVERS).json(200, SERVERS);
    let client = builder(&transport).build().unwrap();
    let servers = client.ice_servers(IceServers::new(ARN)).await.unwrap();
    assert_eq!(servers[0].urls, ["stun:stun.kinesisvideo.us-west-2.amazonaws.com:443"]);
    assert_eq!(servers[1].expires_at, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_300)));
    assert_eq!(
        serde_json::to_string(&rtc_core::Revealed(&*servers)).unwrap(),
        r#"[{"urls":["stun:stun.kinesisvideo.us-west-2.amazonaws.com:443"]},{"urls":["turn:x"],"username":"u","credential":"p","expires_at":"2023-11-14T22:18:20Z"}]"#
    );
    client.ice_servers(IceServers::new(ARN)).await.unwrap();
    client.ice_servers(IceServers::new(ARN).client_id("v")).await.unwrap();
    assert!(!format!("{client:?}").contains("123456789012"), "an ARN names an account");
    // One discovery for both, one answer from the cache.
    let hosts: Vec<_> = transport.requests().iter().map(|r| r.uri().host().unwrap().to_owned()).collect();
    let own = "r-1.kinesisvideo.us-west-2.amazonaws.com";
    assert_eq!(hosts, ["kinesisvideo.us-west-2.amazonaws.com", own, own]);
}

#[tokio::test]
async fn a_failure_makes_the_endpoint_be_found_again() {
    let transport =
        ScriptedTransport::new().json(200, ENDPOINT).json(404, "{}").json(200, ENDPOINT).json(200, SERVERS);
    let client = builder(&transport).build().unwrap();
    assert_eq!(client.ice_servers(IceServers::new(ARN)).await.unwrap_err().kind(), ErrorKind::NotFound);
    client.ice_servers(IceServers::new(ARN)).await.unwrap();
    assert_eq!(transport.requests().len(), 4);
}

#[tokio::test]
async fn credentials_go_only_where_the_service_lives() {
    for (endpoint, trusted) in [
        ("https://r-1.kinesisvideo.us-west-2.amazonaws.com", true),
        ("https://r-1.kinesisvideo-fips.us-west-2.amazonaws.com", true),
        ("https://r-1.kinesisvideo.us-west-2.api.aws", true),
        ("https://vpce-1.internal.example", true),
        ("https://r-1.kinesisvideo.us-east-1.amazonaws.com", false),
        ("https://kinesisvideo.us-west-2.amazonaws.com.evil.example", false),
        ("https://evilkinesisvideo.us-west-2.amazonaws.com", false),
        ("http://r-1.kinesisvideo.us-west-2.amazonaws.com", false),
        ("https://127.0.0.1", false),
        ("nonsense", false),
    ] {
        let body = ENDPOINT.replace("https://r-1.kinesisvideo.us-west-2.amazonaws.com", endpoint);
        let transport = ScriptedTransport::new().json(200, body).json(200, SERVERS);
        let client = builder(&transport).trusted_host("internal.example").build().unwrap();
        let result = client.ice_servers(IceServers::new(ARN)).await;
        assert_eq!(
            (result.is_ok(), transport.requests().len()),
            (trusted, 1 + usize::from(trusted)),
            "{endpoint}"
        );
        if let Err(error) = result {
            assert_eq!((error.was_sent(), error.attempts()), (true, 1), "{endpoint}");
        }
    }
    let transport = ScriptedTransport::new().json(200, "{}");
    let error = builder(&transport).build().unwrap().ice_servers(IceServers::new(ARN)).await.unwrap_err();
    assert!(matches!(error.service(), Some(KvsError::NoEndpoint { protocol: "HTTPS", .. })));
    assert_eq!((error.was_sent(), error.attempts()), (true, 1));
}

#[tokio::test]
async fn a_given_data_plane_is_not_looked_for() {
    let transport = ScriptedTransport::new().json(200, SERVERS);
    let client = builder(&transport).signaling_endpoint("https://vpce.example").build().unwrap();
    client.ice_servers(IceServers::new(ARN)).await.unwrap();
    assert_eq!(transport.requests()[0].uri(), "https://vpce.example/v1/get-ice-server-config");
}

#[tokio::test]
async fn master_and_viewer_are_apart() {
    let transport = ScriptedTransport::new().json(200, SERVERS).json(200, SERVERS);
    let client = builder(&transport).signaling_endpoint("https://vpce.example").build().unwrap();
    for role in ["VIEWER", "MASTER", "VIEWER", "MASTER"] {
        client.ice_servers(IceServers::new(ARN).role(role)).await.unwrap();
    }
    assert_eq!(transport.requests().len(), 2);
}

/// Servers that live too short to be cached.
const SHORT: &str = r#"{"IceServerList":[{"Uris":["turn:x"],"Username":"u","Password":"p","Ttl":10}]}"#;

fn paths(transport: &ScriptedTransport) -> Vec<String> {
    transport.requests().iter().map(|request| request.uri().path()[1..4].to_owned()).collect()
}

#[tokio::test]
async fn endpoints_are_remembered_for_ten_minutes_unless_told_otherwise() {
    let clock = manual();
    let transport = ScriptedTransport::new().json(200, ENDPOINT).json(200, SHORT).json(200, SHORT);
    let transport = transport.json(200, ENDPOINT).json(200, SHORT).json(200, ENDPOINT).json(200, SHORT);
    let client = builder(&transport).clock(clock.clone()).build().unwrap();
    let ask = async || client.ice_servers(IceServers::new(ARN)).await.unwrap();
    ask().await;
    clock.advance(Duration::from_millis(599_999));
    ask().await;
    assert_eq!(paths(&transport), ["get", "v1/", "v1/"]);
    clock.advance(Duration::from_millis(1));
    ask().await;
    assert_eq!(paths(&transport)[3..], ["get", "v1/"]);
    client.forget_endpoints(ARN);
    ask().await;
    assert_eq!(paths(&transport)[5..], ["get", "v1/"]);
}

#[tokio::test]
async fn only_a_failure_that_tells_of_the_place_forgets_it() {
    let throttle = r#"{"__type":"ClientLimitExceededException"}"#;
    for (status, body, again) in
        [(404, "{}", true), (400, throttle, false), (403, "{}", false), (500, "{}", false)]
    {
        let transport = ScriptedTransport::new().json(200, ENDPOINT).json(status, body);
        let transport = if again { transport.json(200, ENDPOINT) } else { transport }.json(200, SHORT);
        let client = builder(&transport).retry(rtc_core::RetryPolicy::none()).build().unwrap();
        client.ice_servers(IceServers::new(ARN)).await.unwrap_err();
        client.ice_servers(IceServers::new(ARN)).await.unwrap();
        assert_eq!(transport.requests().len(), 3 + usize::from(again), "{status} {body}");
    }
}

#[tokio::test]
async fn what_is_not_trusted_is_not_remembered() {
    let elsewhere = ENDPOINT.replace("amazonaws.com", "example.com");
    let transport = ScriptedTransport::new().json(200, elsewhere).json(200, ENDPOINT).json(200, SHORT);
    let client = builder(&transport).build().unwrap();
    client.ice_servers(IceServers::new(ARN)).await.unwrap_err();
    client.ice_servers(IceServers::new(ARN)).await.unwrap();
    assert_eq!(paths(&transport), ["get", "get", "v1/"]);
}

#[tokio::test]
async fn a_refusal_for_want_of_rights_drops_what_is_cached_for_the_channel() {
    for (status, kept) in [(401, false), (403, false), (400, true), (404, true)] {
        let transport = ScriptedTransport::new().json(200, SERVERS).json(status, "{}");
        let client = builder(&transport).signaling_endpoint("https://vpce.example").build().unwrap();
        client.ice_servers(IceServers::new(ARN).client_id("a")).await.unwrap();
        client.ice_servers(IceServers::new(ARN).client_id("b")).await.unwrap_err();
        assert_eq!(client.ice_cache().is_empty(), !kept, "{status}");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_stalled_one_ends_in_time() {
    let clock = manual();
    let transport = ScriptedTransport::new().json(200, SERVERS);
    let client = builder(&transport).signaling_endpoint("https://vpce.example").clock(clock.clone());
    let client = client.build().unwrap();
    let key = IceKey::from(&IceServers::new(ARN));
    let mut context = Context::from_waker(Waker::noop());
    // It asks, and is never polled again.
    let mut stalled = Box::pin(client.ice_cache().get(&key, pending::<Result<Fetched>>));
    assert!(stalled.as_mut().poll(&mut context).is_pending());
    let mut waits = pin!(client.ice_servers(IceServers::new(ARN)));
    assert!(waits.as_mut().poll(&mut context).is_pending());
    clock.advance(Duration::from_secs(15));
    let Poll::Ready(Err(error)) = waits.as_mut().poll(&mut context) else { unreachable!("it waits on") };
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    drop(stalled);
    client.ice_servers(IceServers::new(ARN)).await.unwrap();
}

#[tokio::test]
async fn the_time_limit_counts_the_wait_for_a_turn_and_its_end_is_shared() {
    let (clock, mut transport) = (manual(), ScriptedTransport::new());
    for _ in 0..5 {
        transport = transport.json(200, SHORT);
    }
    let client = builder(&transport).signaling_endpoint("https://vpce.example").clock(clock.clone());
    let client = client.timeout(Duration::from_secs(1)).build().unwrap();
    for _ in 0..5 {
        client.ice_servers(IceServers::new(ARN)).await.unwrap();
    }
    let mut context = Context::from_waker(Waker::noop());
    let (mut asks, mut waits) =
        (pin!(client.ice_servers(IceServers::new(ARN))), pin!(client.ice_servers(IceServers::new(ARN))));
    assert!(asks.as_mut().poll(&mut context).is_pending());
    clock.advance(Duration::from_millis(500));
    assert!(waits.as_mut().poll(&mut context).is_pending());
    clock.advance(Duration::from_millis(500));
    let Poll::Ready(Err(error)) = asks.as_mut().poll(&mut context) else { unreachable!("it asks on") };
    assert!(error.kind() == ErrorKind::Timeout && error.service().is_none());
    let Poll::Ready(Err(error)) = waits.as_mut().poll(&mut context) else { unreachable!("it waits on") };
    assert!(matches!(error.service(), Some(KvsError::Shared { kind: ErrorKind::Timeout, .. })));
    assert_eq!((client.ice_cache().len(), transport.requests().len()), (0, 5));
}
