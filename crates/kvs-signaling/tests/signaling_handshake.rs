//! Handshakes that are refused, on a manual clock, by a service inside this process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may fail a test, too"
)]

use std::future::IntoFuture as _;

use kvs_signaling::rtc_core::ErrorKind;
use kvs_signaling::signaling::SignalingOptions;

#[path = "common/wire.rs"]
mod wire;

use wire::{ARN, Handshake, World};

#[tokio::test]
async fn refusals_of_the_handshake_have_a_type() {
    let world = World::new();
    for (status, name, kind) in [
        (400, "InvalidArgumentException", ErrorKind::InvalidInput),
        (400, "ClientLimitExceededException", ErrorKind::RateLimited),
        (403, "AccessDeniedException", ErrorKind::PermissionDenied),
        (404, "ResourceNotFoundException", ErrorKind::NotFound),
    ] {
        world.wire.script([Handshake::Refuse(status, name)]);
        let error = world.viewer().await.unwrap_err();
        assert_eq!((error.kind(), error.code().as_deref()), (kind, Some(name)));
        assert!(error.to_string().contains("connect_as_viewer"), "{error}");
    }
    // A status without a name will do.
    world.wire.script([Handshake::Refuse(403, "")]);
    assert_eq!(world.master().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    world.wire.script([Handshake::Hang]);
    let connecting = tokio::spawn(world.viewer().into_future());
    world.advance(5000).await;
    assert_eq!(connecting.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    let error = world.client.channel(ARN).connect_as_viewer("AWS_x").await.unwrap_err();
    assert_eq!(error.violations().unwrap().first().unwrap().field, "client_id");
    assert_eq!(world.wire.urls().len(), 6, "what is wrong here is not sent");
}

#[tokio::test]
async fn a_wrong_clock_is_repaired_once() {
    // The clock here says midnight.
    let (one, two) = ("Sun, 22 Nov 2026 01:00:00 GMT", "Sun, 22 Nov 2026 02:00:00 GMT");
    let mut world = World::new();
    let signed = |world: &World| -> Vec<String> {
        let dates = world.wire.urls();
        dates.iter().map(|url| url.split("X-Amz-Date=20261122T").nth(1).unwrap()[..7].to_owned()).collect()
    };
    world.wire.script([Handshake::Late(one)]);
    let (_viewer, _events, service) = world.connected(SignalingOptions::new()).await;
    assert_eq!(signed(&world), ["000000Z", "010000Z"]);
    // What was learnt holds for the next connections, and for those of others.
    world.advance(60_000).await;
    drop(service);
    world.advance(100).await;
    assert!(world.accepted().await.is_some());
    world.master().await.unwrap();
    assert_eq!(signed(&world)[2..], ["010100Z", "010100Z"]);
    // Once; and not where the service's clock was used, or is not told.
    world.wire.script([Handshake::Late(two), Handshake::Late(two), Handshake::Late(two)]);
    let error = world.viewer().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unauthenticated, 2));
    assert_eq!(world.viewer().await.unwrap_err().attempts(), 1);
    world.wire.script([Handshake::Late("yesterday")]);
    assert_eq!(world.viewer().await.unwrap_err().attempts(), 1);
    assert_eq!(signed(&world)[4..], ["010100Z", "020000Z", "020000Z", "020000Z"]);
}
