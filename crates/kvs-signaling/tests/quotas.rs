//! The documented quotas of account and channel, kept by all clients that share a store; the emulator enforces them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

#[path = "common/rest.rs"]
mod rest;

use std::future::IntoFuture as _;
use std::time::Duration;

use kvs_signaling::rtc_core::testing::ManualClock;
use kvs_signaling::rtc_core::{MemoryStore, RetryPolicy, SharedClock, SharedStore};
use kvs_signaling::*;
use rest::{at, still};
use rtc_emulator::Emulator;
use serde_json::json;
use tokio::task::JoinSet;

const STEP: Duration = Duration::from_millis(100);

fn fleet(emulator: &Emulator, clock: &ManualClock, clients: usize, paced: bool) -> Vec<Client> {
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let client = || at(emulator).clock(clock.clone()).store(store.clone()).retry(RetryPolicy::none());
    (0..clients).map(|_| client().paced(paced).build().unwrap()).collect()
}

/// Lets time pass until all calls are done; gives how many were throttled, and how long it took.
async fn finish(
    mut calls: JoinSet<Result<()>>,
    emulator: &Emulator,
    clock: &ManualClock,
) -> (usize, Duration) {
    let (mut throttled, begun) = (0, clock.passed());
    while !calls.is_empty() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        while let Some(outcome) = calls.try_join_next() {
            if let Err(error) = outcome.unwrap() {
                assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
                throttled += 1;
            }
        }
        emulator.clock().advance(STEP);
        clock.advance(STEP);
    }
    (throttled, clock.passed() - begun)
}

#[tokio::test]
async fn the_quota_of_the_account_is_kept_by_a_fleet() {
    for (clients, paced) in [(2, true), (40, true), (40, false)] {
        let (emulator, _, clock) = still().await;
        let fleet = fleet(&emulator, &clock, clients, paced);
        let mut calls = JoinSet::new();
        for number in 0..120 {
            let call = fleet[number % clients].list_signaling_channels(ListSignalingChannels::new());
            calls.spawn(async move { call.await.map(drop) });
        }
        let (throttled, took) = finish(calls, &emulator, &clock).await;
        assert_eq!(throttled > 0, !paced, "{clients} clients: {throttled} throttled");
        // 50 in a second, of which the fleet uses four fifths, and a fifth at once.
        assert!(!paced || (Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

/// Of a call with two limits, both are kept: 10 in a second by the account, 5 of them for one channel. By one client, whose
/// calls wait for the account in their order; of several that are all at the limit one may overtake another, and spend its
/// channel's permit late.
#[tokio::test]
async fn the_quotas_of_channel_and_account_are_kept_together() {
    let arn = |n: usize| format!("arn:aws:kinesisvideo:us-west-2:123456789012:channel/c{n}/170000000000{n}");
    for paced in [true, false] {
        let (emulator, _, clock) = still().await;
        let channels: Vec<_> = (0..3).map(|n| json!({ "channel_arn": arn(n) })).collect();
        emulator.seed(json!({ "kvs-signaling": { "channels": channels } })).unwrap();
        let fleet = fleet(&emulator, &clock, 1, paced);
        let mut calls = JoinSet::new();
        for number in 0..45 {
            let off = MediaStorageSettings::new(MediaStorageStatus::Disabled);
            let request = UpdateMediaStorageConfiguration::new(arn(number % 3), off);
            let call = fleet[0].update_media_storage_configuration(request);
            calls.spawn(async move { call.await.map(drop) });
        }
        let (throttled, _) = finish(calls, &emulator, &clock).await;
        assert_eq!(throttled > 0, !paced, "{throttled} throttled");
    }
}

/// A channel has one quota, whether it is named or its ARN is given.
#[tokio::test]
async fn a_channel_is_counted_once_by_name_and_arn() {
    let (emulator, client, _) = still().await;
    let arn = emulator.kvs().channel_arn();
    let name = ChannelArn::parse(arn).unwrap().channel_name().to_owned();
    for _ in 0..5 {
        client.describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(arn)).await.unwrap();
    }
    let call = client.describe_signaling_channel(DescribeSignalingChannel::new().channel_name(name));
    let mut call = tokio::spawn(call.into_future());
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(emulator.requests("describe_signaling_channel").len(), 5);
    assert!(!call.is_finished());
    call.abort();
    assert!((&mut call).await.unwrap_err().is_cancelled());
}

/// Waiting is a part of the call: one whose turn does not come in time was never sent.
#[tokio::test]
async fn who_waits_too_long_has_sent_nothing() {
    let (emulator, client, clock) = still().await;
    let arn = emulator.kvs().channel_arn();
    let tags = || client.list_tags_for_resource(ListTagsForResource::new(arn)).timeout(10 * STEP);
    for _ in 0..5 {
        tags().await.unwrap();
    }
    let call = tokio::spawn(tags().into_future());
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    clock.advance(10 * STEP);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::Timeout, false, 0));
    assert!(error.is_retryable());
    assert_eq!(emulator.requests("list_tags_for_resource").len(), 5);
}
