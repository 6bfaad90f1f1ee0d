//! Lists page by page: where they go on, where they end, and what a failure or a dropped future costs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{KEY, SECRET, scripted};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use opentok::rtc_core::http::{Request, Response};
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::rtc_core::{Body, Bytes, Limits, RetryPolicy, Transport, TransportError};
use opentok::{
    Archive, Client, CreateSession, Credentials, ErrorKind, GenerateToken, ListArchives, ListBroadcasts,
    ListRenders, MediaMode, StartArchive, StartRender,
};
use rtc_emulator::{Action, Emulator, Fault};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The page of a list of `total` that begins at `offset` and has at most `count` elements, named by number.
fn page(offset: usize, count: usize, total: usize) -> String {
    let ids = (offset..total).take(count);
    let items: Vec<Value> = ids.map(|id| json!({ "id": id.to_string() })).collect();
    json!({ "count": total, "items": items }).to_string()
}

fn ids(archives: &[Archive]) -> Vec<&str> {
    archives.iter().map(|archive| archive.id.as_str()).collect()
}

fn queries(transport: &ScriptedTransport) -> Vec<String> {
    transport.requests().iter().map(|r| r.uri().query().unwrap_or("-").to_owned()).collect()
}

fn twos(total: usize) -> ScriptedTransport {
    (0..total).step_by(2).fold(ScriptedTransport::new(), |script, at| script.json(200, page(at, 2, total)))
}

#[tokio::test]
async fn pages_until_the_total_is_reached() {
    let transport = twos(5);
    let mut pages = scripted(&transport).list_archives(ListArchives::new().count(2).session_id("s")).pages();
    assert_eq!(pages.position().unwrap().offset, None);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert_eq!(page.count, Some(5));
        found.extend(page.items);
        let next = match found.len() {
            2 | 4 => Some(Some(u64::try_from(found.len()).unwrap())),
            _ => None,
        };
        assert_eq!(pages.position().map(|position| position.offset), next);
    }
    assert_eq!(ids(&found), ["0", "1", "2", "3", "4"]);
    assert!(pages.next().await.is_none() && pages.position().is_none(), "the end stays the end");
    assert_eq!(
        queries(&transport),
        ["count=2&sessionId=s", "offset=2&count=2&sessionId=s", "offset=4&count=2&sessionId=s"]
    );
}

#[tokio::test]
async fn elements_across_pages() {
    let transport = twos(4);
    let mut items = scripted(&transport).list_archives(ListArchives::new().count(2)).items();
    for id in ["0", "1"] {
        assert_eq!(items.next().await.unwrap().unwrap().id, id);
        assert_eq!(transport.requests().len(), 1, "the next page is asked for when it is needed");
    }
    assert_eq!(items.next().await.unwrap().unwrap().id, "2");
    assert_eq!(items.next().await.unwrap().unwrap().id, "3");
    assert!(items.next().await.is_none() && items.next().await.is_none());
    assert_eq!(queries(&transport), ["count=2", "offset=2&count=2"]);

    // The two other lists, and the streams as other crates see them.
    let transport = twos(5);
    let stream = scripted(&transport).list_broadcasts(ListBroadcasts::new().count(2)).items();
    let all: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(all.iter().map(|b| b.id.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    let stream = scripted(&twos(5)).list_renders(ListRenders::new().count(2)).pages();
    let sizes: Vec<_> = stream.map(|page| page.unwrap().items.len()).collect().await;
    assert_eq!(sizes, [2, 2, 1]);
    let stream = scripted(&twos(5)).list_renders(ListRenders::new()).items();
    assert_eq!(stream.take(3).map(|render| render.unwrap().id).collect::<Vec<_>>().await, ["0", "1", "2"]);
}

#[tokio::test]
async fn where_a_list_ends() {
    let empty = r#"{"count":9,"items":[]}"#;
    for (what, answers, found, requests) in [
        ("nothing there", vec![r#"{"count":0,"items":[]}"#], 0, 1),
        ("an empty page before the total", vec![r#"{"count":9,"items":[{"id":"a"}]}"#, empty], 1, 2),
        // What was added meanwhile is found, what went is not waited for.
        ("a total that grows", vec![r#"{"count":1,"items":[{"id":"a"}]}"#], 1, 1),
        (
            "a total that shrinks",
            vec![r#"{"count":3,"items":[{"id":"a"}]}"#, r#"{"count":2,"items":[{"id":"b"}]}"#],
            2,
            2,
        ),
        ("no total", vec![r#"{"items":[{"id":"a"}]}"#, r#"{"items":[{"id":"b"}]}"#, "{}"], 2, 3),
        ("a page beyond the total", vec![r#"{"count":1,"items":[{"id":"a"},{"id":"b"}]}"#], 2, 1),
    ] {
        let transport = answers.iter().fold(ScriptedTransport::new(), |script, body| script.json(200, *body));
        let items = scripted(&transport).list_archives(ListArchives::new()).items();
        let all: Vec<_> = items.try_collect().await.unwrap_or_else(|e| unreachable!("{what}: {e}"));
        assert_eq!((all.len(), transport.requests().len()), (found, requests), "{what}");
    }
    // A count of zero asks for the total alone.
    let transport = ScriptedTransport::new().json(200, page(0, 0, 27));
    let mut pages = scripted(&transport).list_archives(ListArchives::new().count(0)).pages();
    assert_eq!(pages.next().await.unwrap().unwrap().count, Some(27));
    assert!(pages.next().await.is_none());
    assert_eq!(queries(&transport), ["count=0"]);
}

#[tokio::test]
async fn a_list_that_is_not_valid_asks_for_nothing() {
    let transport = ScriptedTransport::new();
    let mut items = scripted(&transport).list_renders(ListRenders::new().count(1001)).items();
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn a_failed_page_can_be_asked_for_again() {
    let script = ScriptedTransport::new().json(200, page(0, 2, 3)).json(400, "{}").json(200, "[]");
    let transport = script.json(200, page(2, 2, 3));
    let mut items = scripted(&transport).list_archives(ListArchives::new().count(2)).items();
    assert_eq!(items.next().await.unwrap().unwrap().id, "0");
    assert_eq!(items.next().await.unwrap().unwrap().id, "1");
    for kind in [ErrorKind::InvalidInput, ErrorKind::Protocol] {
        assert_eq!(items.next().await.unwrap().unwrap_err().kind(), kind);
    }
    assert_eq!(items.next().await.unwrap().unwrap().id, "2");
    assert!(items.next().await.is_none());
    assert_eq!(queries(&transport)[1..], ["offset=2&count=2", "offset=2&count=2", "offset=2&count=2"]);
}

#[tokio::test]
async fn a_list_goes_on_from_where_another_stopped() {
    let transport = twos(5);
    let client = scripted(&transport);
    let mut pages = client.list_archives(ListArchives::new().count(2)).pages();
    pages.next().await.unwrap().unwrap();
    let position = pages.position().unwrap().clone();
    drop(pages);
    let rest: Vec<_> = client.list_archives(position).items().try_collect().await.unwrap();
    assert_eq!(ids(&rest), ["2", "3", "4"]);
}

/// Holds every request until it is let through.
#[derive(Debug)]
struct Held {
    script: ScriptedTransport,
    gate: Arc<Semaphore>,
}

impl Transport for Held {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Body>, TransportError> {
        let answer = self.script.send(request, limits).await;
        self.gate.acquire().await.unwrap().forget();
        answer
    }
}

#[tokio::test]
async fn a_dropped_future_loses_nothing() {
    let (script, gate) = (twos(3), Arc::new(Semaphore::new(0)));
    let held = Held { script: script.clone(), gate: Arc::clone(&gate) };
    let client = Client::builder(Credentials::new(KEY, SECRET)).transport(held).build().unwrap();
    let mut items = client.list_archives(ListArchives::new().count(2)).items();
    let mut found = Vec::new();
    for requests in [1, 2] {
        // Given up several times while the request is under way.
        for _ in 0..3 {
            assert!(items.next().now_or_never().is_none(), "it is under way");
            assert_eq!(script.requests().len(), requests, "it is the same request");
        }
        gate.add_permits(1);
        found.push(items.next().await.unwrap().unwrap().id);
        if requests == 1 {
            found.push(items.next().await.unwrap().unwrap().id);
        }
    }
    assert_eq!(found, ["0", "1", "2"]);
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn what_is_set_for_a_call_holds_for_every_page() {
    let transport = twos(5);
    let call = scripted(&transport).list_archives(ListArchives::new().count(2));
    let all: Vec<_> = call.endpoint("https://eu.example.com/p").items().try_collect().await.unwrap();
    assert_eq!(all.len(), 5);
    for request in transport.requests() {
        assert!(request.uri().to_string().starts_with("https://eu.example.com/p/v2/project/"), "{request:?}");
    }

    // The time limit is each page's own; the policy of retries holds for each.
    let clock = Duration::from_secs(20);
    let script = ScriptedTransport::new().json(200, page(0, 2, 4)).json(503, "{}").json(200, page(2, 2, 4));
    let call = scripted(&script).list_archives(ListArchives::new().count(2)).timeout(clock);
    let mut pages = call.retry(RetryPolicy::default().with_max_attempts(1)).pages();
    pages.next().await.unwrap().unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap_err().attempts(), 1);
    assert_eq!(pages.next().await.unwrap().unwrap().items.len(), 2);
}

#[tokio::test]
async fn streams_travel() {
    fn travels<T: Send + 'static>(value: T) -> T {
        value
    }
    let client = scripted(&twos(3));
    let mut items = travels(client.list_archives(ListArchives::new().count(2)).items());
    let mut pages = travels(client.list_archives(ListArchives::new().count(2)).pages());
    let task = tokio::spawn(async move { items.next().await.unwrap().unwrap().id });
    assert_eq!(task.await.unwrap(), "0");
    tokio::spawn(async move { pages.next().await.is_some() }).await.unwrap();
}

#[tokio::test]
async fn over_the_emulated_service() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.opentok();
    let builder = Client::builder(Credentials::new(access.api_key(), access.api_secret()));
    let client = builder.endpoint(access.url()).build().unwrap();
    let routed = CreateSession::new().media_mode(MediaMode::Routed);
    let session = client.create_session(routed).await.unwrap().session_id;
    access.join(&session);
    let mut started = Vec::new();
    for number in 0..5 {
        let request = StartArchive::new(&session).multi_archive_tag(number.to_string());
        started.push(client.start_archive(request).await.unwrap().id);
    }
    started.sort();
    for (count, requests) in [(1, 5), (2, 3), (5, 1), (1000, 1)] {
        emulator.clear_log();
        let list = client.list_archives(ListArchives::new().count(count).session_id(&session));
        let found: Vec<Archive> = list.items().try_collect().await.unwrap();
        let mut found = ids(&found);
        found.sort_unstable();
        assert_eq!(found, started, "{count}");
        assert_eq!(emulator.requests("list_archives").len(), requests, "{count}");
    }

    // A refusal in between is told, then the list goes on.
    let status = Action::Status { status: 400, headers: Default::default(), body: Value::Null };
    let mut items = client.list_archives(ListArchives::new().count(3)).items();
    for _ in 0..3 {
        items.next().await.unwrap().unwrap();
    }
    emulator.add_fault(Fault::new(status).operation("list_archives").times(1)).unwrap();
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(items.try_collect::<Vec<_>>().await.unwrap().len(), 2);

    let token = client.generate_token(GenerateToken::new(&session)).unwrap();
    for _ in 0..3 {
        let page = StartRender::new(&session, token.expose(), "https://example.com/page");
        client.start_render(page).await.unwrap();
    }
    let renders: Vec<_> =
        client.list_renders(ListRenders::new().count(2)).items().try_collect().await.unwrap();
    assert_eq!(renders.len(), 3);
    assert!(client.list_broadcasts(ListBroadcasts::new()).items().next().await.is_none());
}

#[tokio::test]
async fn the_largest_page_fits_into_an_answer() {
    let url = format!("https://example.com/archive.mp4?signature={}", "s".repeat(1_000));
    let items: Vec<_> = (0..1_000).map(|n| json!({ "id": n, "status": "available", "url": url })).collect();
    let body = json!({ "count": 1_000, "items": items }).to_string();
    assert!(body.len() > 1024 * 1024);
    let transport = ScriptedTransport::new().json(200, body);
    let page = scripted(&transport).list_archives(ListArchives::new().count(1_000)).await.unwrap();
    assert_eq!(page.items.len(), 1_000);
}
