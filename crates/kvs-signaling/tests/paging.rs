//! Lists page by page: where they go on and where they end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use std::time::Duration;

use kvs_signaling::rtc_core::testing::ScriptedTransport;
use kvs_signaling::*;
use rest::{ARN, STREAM, at, scripted, still};
use rtc_core::RetryPolicy;
use rtc_emulator::{Action, Emulator, Fault};
use serde_json::{Value, json};

/// A page with channels of these names.
fn page(names: &[&str], token: Option<&str>) -> String {
    let list: Vec<_> = names.iter().map(|name| json!({ "ChannelName": name })).collect();
    json!({ "ChannelInfoList": list, "NextToken": token }).to_string()
}

fn three() -> ScriptedTransport {
    ScriptedTransport::new()
        .json(200, page(&["a", "b"], Some("AA==")))
        .json(200, page(&["c", "d"], Some("BB==")))
        .json(200, page(&["e"], None))
}

fn list() -> ListSignalingChannels {
    let condition = ChannelNameCondition::new().comparison_operator("BEGINS_WITH").comparison_value("x");
    ListSignalingChannels::new().max_results(2).channel_name_condition(condition)
}

async fn names(client: &Client, request: ListSignalingChannels) -> Vec<String> {
    let (mut items, mut found) = (client.list_signaling_channels(request).items(), Vec::new());
    while let Some(channel) = items.next().await {
        found.push(channel.unwrap().channel_name.unwrap());
    }
    found
}

fn tokens(transport: &ScriptedTransport) -> Vec<Value> {
    let body = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    transport.requests().iter().map(|request| body(request.body())["NextToken"].clone()).collect()
}

#[tokio::test]
async fn pages_by_their_tokens() {
    let transport = three();
    let mut pages = scripted(&transport).list_signaling_channels(list()).pages();
    assert_eq!(pages.position().unwrap().next_token, None);
    for (count, next) in [(2, Some(Some("AA=="))), (2, Some(Some("BB=="))), (1, None)] {
        assert_eq!(pages.next().await.unwrap().unwrap().channel_info_list.len(), count);
        assert_eq!(pages.position().map(|position| position.next_token.as_deref()), next);
    }
    assert!(pages.next().await.is_none() && pages.position().is_none(), "the end stays the end");
    assert_eq!(tokens(&transport), [json!(null), json!("AA=="), json!("BB==")]);
    // What was asked for is asked for with every page.
    for request in transport.requests() {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            (&body["MaxResults"], &body["ChannelNameCondition"]["ComparisonValue"]),
            (&json!(2), &json!("x"))
        );
    }
}

#[tokio::test]
async fn elements_across_pages() {
    let transport = three();
    let mut items = scripted(&transport).list_signaling_channels(list()).items();
    for name in ["a", "b"] {
        assert_eq!(items.next().await.unwrap().unwrap().channel_name.as_deref(), Some(name));
        assert_eq!(transport.requests().len(), 1, "the next page is asked for when it is needed");
    }
    for name in ["c", "d", "e"] {
        assert_eq!(items.next().await.unwrap().unwrap().channel_name.as_deref(), Some(name));
    }
    assert!(items.next().await.is_none() && items.next().await.is_none());
    assert_eq!(transport.requests().len(), 3);
}

#[tokio::test]
async fn where_a_list_ends() {
    let more = |token: &str| page(&["a"], Some(token));
    for (what, answers, found) in [
        ("nothing there", vec![page(&[], None)], 0),
        ("no members at all", vec!["{}".to_owned()], 0),
        ("an empty token", vec![more("")], 1),
        // Else it would never end.
        ("the same token twice", vec![more("AA=="), more("AA==")], 2),
        // A page may be empty and the list go on, as with conditions.
        ("an empty page with a token", vec![page(&[], Some("AA==")), more("")], 1),
    ] {
        let transport =
            answers.iter().fold(ScriptedTransport::new(), |script, body| script.json(200, body.clone()));
        assert_eq!(names(&scripted(&transport), ListSignalingChannels::new()).await.len(), found, "{what}");
        assert_eq!(transport.requests().len(), answers.len(), "{what}");
    }
}

#[tokio::test]
async fn a_list_goes_on_from_where_another_stopped() {
    let transport = three();
    let client = scripted(&transport);
    let mut pages = client.list_signaling_channels(list()).pages();
    pages.next().await.unwrap().unwrap();
    let position = pages.position().unwrap().clone();
    drop(pages);
    assert_eq!(names(&client, position).await, ["c", "d", "e"]);
    assert_eq!(tokens(&transport), [json!(null), json!("AA=="), json!("BB==")]);
}

#[tokio::test]
async fn a_failed_page_can_be_asked_for_again() {
    let transport = ScriptedTransport::new()
        .json(200, page(&["a"], Some("AA==")))
        .json(400, "{}")
        .json(200, "[]")
        .json(200, page(&["b"], None));
    let mut items = scripted(&transport).list_signaling_channels(list()).items();
    assert!(items.next().await.unwrap().is_ok());
    for kind in [ErrorKind::InvalidInput, ErrorKind::Protocol] {
        assert_eq!(items.next().await.unwrap().unwrap_err().kind(), kind);
    }
    assert_eq!(items.next().await.unwrap().unwrap().channel_name.as_deref(), Some("b"));
    assert_eq!(tokens(&transport)[1..], [json!("AA=="), json!("AA=="), json!("AA==")]);
    // What breaks a rule asks for nothing.
    let transport = ScriptedTransport::new();
    let mut items = scripted(&transport).list_signaling_channels(list().max_results(0)).items();
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn channels_that_store_into_a_stream() {
    let body = |arn: &str, token: Option<&str>| {
        json!({ "MappedResourceConfigurationList": [{ "Type": "S", "ARN": arn }], "NextToken": token })
            .to_string()
    };
    let transport = ScriptedTransport::new().json(200, body(ARN, Some("AA=="))).json(200, body(STREAM, None));
    let request = DescribeMappedResourceConfiguration::new().stream_name("s").max_results(1);
    let mut items = scripted(&transport).describe_mapped_resource_configuration(request).items();
    for arn in [ARN, STREAM] {
        assert_eq!(items.next().await.unwrap().unwrap().arn.as_deref(), Some(arn));
    }
    assert!(items.next().await.is_none());
    assert_eq!(tokens(&transport), [json!(null), json!("AA==")]);
}

async fn seeded(emulator: &Emulator, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|n| format!("many-{n:04}")).collect();
    let channels: Vec<_> = names.iter().map(|name| json!({ "channel_name": name })).collect();
    emulator.seed(json!({ "kvs-signaling": { "channels": channels } })).unwrap();
    names
}

#[tokio::test]
async fn over_the_emulated_service() {
    let emulator = Emulator::start().await.unwrap();
    // The documented page is 500 long.
    let expected = seeded(&emulator, 1001).await;
    let client = at(&emulator).retry(RetryPolicy::none()).build().unwrap();
    let begins = |value: &str| {
        let condition =
            ChannelNameCondition::new().comparison_operator("BEGINS_WITH").comparison_value(value);
        ListSignalingChannels::new().channel_name_condition(condition)
    };
    for (request, found, requests) in [
        (begins("many-"), 1001, 3),
        (begins("many-").max_results(10_000), 1001, 1),
        (begins("many-00").max_results(30), 100, 4),
        (begins("many-0007").max_results(1), 1, 1),
        (begins("none"), 0, 1),
    ] {
        emulator.clear_log();
        let got = names(&client, request.clone()).await;
        let condition = request.channel_name_condition.and_then(|c| c.comparison_value).unwrap();
        let fitting: Vec<_> = expected.iter().filter(|name| name.starts_with(&condition)).cloned().collect();
        assert_eq!(got, fitting);
        assert_eq!((got.len(), emulator.requests("list_signaling_channels").len()), (found, requests));
    }
    // A refusal in between is told, then the list goes on.
    let mut items = client.list_signaling_channels(begins("many-000").max_results(4)).items();
    for _ in 0..4 {
        items.next().await.unwrap().unwrap();
    }
    let html = Action::Html { status: 502 };
    emulator.add_fault(Fault::new(html).operation("list_signaling_channels").times(1)).unwrap();
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    let mut rest = 0;
    while let Some(channel) = items.next().await {
        channel.unwrap();
        rest += 1;
    }
    assert_eq!(rest, 6);
    // A token of another list is refused by the service, not guessed at.
    let mut pages = client.list_signaling_channels(begins("many-").max_results(1)).pages();
    pages.next().await.unwrap().unwrap();
    let token = pages.position().unwrap().next_token.clone().unwrap();
    let other = client.list_signaling_channels(begins("other").next_token(token)).await.unwrap_err();
    assert_eq!(other.code().as_deref(), Some("InvalidArgumentException"));
}

/// More pages than the account may ask for in a second: those that are refused are asked for again.
#[tokio::test]
async fn a_list_longer_than_the_quota() {
    let (emulator, _, clock) = still().await;
    let client = at(&emulator).clock(clock.clone()).paced(false).build().unwrap();
    seeded(&emulator, 60).await;
    let task = tokio::spawn(async move {
        let condition =
            ChannelNameCondition::new().comparison_operator("BEGINS_WITH").comparison_value("many-");
        let request = ListSignalingChannels::new().max_results(1).channel_name_condition(condition);
        names(&client, request).await.len()
    });
    let mut waits = 0;
    while !task.is_finished() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        if emulator.requests("list_signaling_channels").last().is_some_and(|last| last.status == Some(400)) {
            emulator.clock().advance(Duration::from_secs(1));
            clock.advance(Duration::from_secs(1));
            waits += 1;
        }
    }
    assert!(waits > 0, "the quota was hit");
    assert_eq!(task.await.unwrap(), 60);
}
