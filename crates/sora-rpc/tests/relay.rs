//! A connection through a TURN server and nothing else, against the emulator. The TURN server is coturn; where it is not
//! installed, these tests say so and pass.
#![cfg(feature = "webrtc")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use rtc_core::ClientConfig;
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::signaling::EndClass;
use sora_rpc::{
    Connection, ConnectionEvent, ConnectionEvents, Error, PutSignalingNotifyMetadata, RequestSimulcastRid,
    Rid,
};

#[path = "../src/connection/relay/tests/coturn.rs"]
#[allow(dead_code, clippy::print_stderr, reason = "shared with the tests of the relay itself")]
mod coturn;

use coturn::Coturn;

/// What a test may take at the very most.
const LIMIT: Duration = Duration::from_secs(20);

fn config() -> ClientConfig {
    ClientConfig::new(LIMIT)
}

/// An emulator whose offers allow relayed candidates only.
async fn emulator(urls: &[String], credential: &str) -> Emulator {
    let emulator = Emulator::start().await.unwrap();
    let server = json!({ "urls": urls, "username": "user", "credential": credential });
    let config = json!({ "ice_servers": [server], "ice_transport_policy": "relay" });
    emulator.sora().configure(&config).unwrap();
    emulator
}

async fn connect(coturn: &Coturn, emulator: &Emulator) -> Result<(Connection, ConnectionEvents), Error> {
    let (url, channel) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
    let mut builder = Connection::builder([url], channel).timeout(LIMIT);
    for pem in coturn.config().root_certificates {
        builder = builder.root_certificate_pem(pem);
    }
    builder.connect().await
}

/// About 60 kB that zlib can do little about.
fn noise() -> Value {
    let noise: Vec<u64> = (1..3_200_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    json!({ "noise": noise })
}

#[tokio::test]
async fn calls_pass_over_udp_tcp_and_tls() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    for url in [coturn.udp(), coturn.tcp(), coturn.tls()] {
        let emulator = emulator(std::slice::from_ref(&url), "canary-password").await;
        let (connection, mut events) = connect(&coturn, &emulator).await.unwrap();
        let rpc = connection.rpc();
        for rid in [Rid::R0, Rid::R1, Rid::R2] {
            let request = RequestSimulcastRid::new(rid.clone());
            assert_eq!(rpc.request_simulcast_rid(request).await.unwrap().rid, rid, "{url}");
        }
        let large = PutSignalingNotifyMetadata::new(noise());
        assert_eq!(rpc.put_signaling_notify_metadata(large).await.unwrap(), noise(), "{url}");
        connection.disconnect().await.unwrap();
        assert_eq!(end(&mut events).await, EndClass::ClientDisconnectDone);
    }
}

async fn end(events: &mut ConnectionEvents) -> EndClass {
    loop {
        match events.next().await {
            Some(ConnectionEvent::Ended(end)) => return end.class,
            Some(_) => {}
            None => panic!("no event tells the end"),
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let emulator = emulator(&[coturn.udp(), coturn.tcp()], "canary-wrong").await;
    let error = connect(&coturn, &emulator).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("refuses the credentials") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn the_end_of_the_turn_server_is_the_end_of_the_connection() {
    let Some(mut coturn) = Coturn::start(&[]) else { return };
    let emulator = emulator(&[coturn.tcp()], "canary-password").await;
    let (connection, mut events) = connect(&coturn, &emulator).await.unwrap();
    coturn.kill();
    let end = tokio::time::timeout(LIMIT, end(&mut events)).await.unwrap();
    assert!(matches!(end, EndClass::PathLost | EndClass::TransportClosed), "{end:?}");
    assert!(connection.rpc().request_simulcast_rid(RequestSimulcastRid::new(Rid::R1)).await.is_err());
}
