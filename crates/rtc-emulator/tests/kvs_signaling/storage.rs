//! Storage sessions.

use std::time::Duration;

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{PAYLOAD, call, join, still};

const STREAM: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";

async fn update(emulator: &Emulator, settings: Value) -> super::peer::Answer {
    let arn = emulator.kvs().channel_arn();
    let body = json!({ "ChannelARN": arn, "MediaStorageConfiguration": settings });
    call(emulator, "/updateMediaStorageConfiguration", body).await
}

#[tokio::test]
async fn a_channel_is_mapped_to_a_stream() {
    let emulator = still().await;
    emulator.set_quotas(false);
    let arn = emulator.kvs().channel_arn();
    let webrtc = || {
        let wanted = json!({ "Protocols": ["WEBRTC"], "Role": "MASTER" });
        let body = json!({ "ChannelARN": arn, "SingleMasterChannelEndpointConfiguration": wanted });
        call(&emulator, "/getSignalingChannelEndpoint", body)
    };
    let mapped =
        || call(&emulator, "/describeMappedResourceConfiguration", json!({ "StreamName": "recordings" }));
    let described = || async {
        let body = json!({ "ChannelName": "emulator" });
        call(&emulator, "/describeMediaStorageConfiguration", body).await.ok()["MediaStorageConfiguration"]
            .take()
    };
    assert_eq!(described().await, json!({ "Status": "DISABLED", "StreamARN": null }));
    webrtc().await.refused(400, "InvalidArgumentException");
    mapped().await.refused(404, "ResourceNotFoundException");
    update(&emulator, json!({ "Status": "ENABLED" })).await.refused(400, "InvalidArgumentException");
    let wrong = json!({ "Status": "ENABLED", "StreamARN": arn });
    update(&emulator, wrong).await.refused(400, "InvalidArgumentException");
    let enable = json!({ "Status": "ENABLED", "StreamARN": STREAM });
    let retention =
        |hours| json!({ "kvs-signaling": { "streams": { STREAM: { "data_retention_hours": hours } } } });
    emulator.seed(retention(0)).unwrap();
    update(&emulator, enable.clone()).await.refused(400, "NoDataRetentionException");
    emulator.seed(retention(24)).unwrap();
    assert_eq!(mapped().await.ok()["MappedResourceConfigurationList"], json!([]));
    assert_eq!(update(&emulator, enable.clone()).await.ok(), json!({}));
    assert_eq!(described().await, json!({ "Status": "ENABLED", "StreamARN": STREAM }));
    assert_eq!(mapped().await.ok()["MappedResourceConfigurationList"][0]["ARN"], arn);
    assert_eq!(webrtc().await.ok()["ResourceEndpointList"][0]["ResourceEndpoint"], emulator.url());
    call(&emulator, "/createSignalingChannel", json!({ "ChannelName": "hall" })).await.ok();
    let hall = call(&emulator, "/describeSignalingChannel", json!({ "ChannelName": "hall" })).await.ok();
    let body =
        json!({ "ChannelARN": hall["ChannelInfo"]["ChannelARN"], "MediaStorageConfiguration": enable });
    call(&emulator, "/updateMediaStorageConfiguration", body).await.refused(400, "ResourceInUseException");
    update(&emulator, json!({ "Status": "DISABLED" })).await.ok();
    assert_eq!(described().await["StreamARN"], Value::Null);
}

#[tokio::test]
async fn the_storage_session_offers_and_everybody_answers_it() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let join_storage = || call(&emulator, "/joinStorageSession", json!({ "channelArn": arn }));
    let message = join_storage().await;
    assert!(message.body["message"].is_string(), "{message:?}");
    message.refused(400, "InvalidArgumentException");
    update(&emulator, json!({ "Status": "ENABLED", "StreamARN": STREAM })).await.ok();
    // The master is not there yet: its offer waits.
    assert_eq!(join_storage().await.ok(), Value::Null);
    join_storage().await.refused(400, "ClientLimitExceededException");
    let mut master = join(&emulator, arn, None).await;
    let offer = master.hear().await;
    assert_eq!((&offer["messageType"], &offer["senderClientId"]), (&json!("SDP_OFFER"), &Value::Null));
    master.say("SDP_ANSWER", PAYLOAD, None).await;
    emulator.clock().advance(Duration::from_secs(1));
    let mut viewer = join(&emulator, arn, Some("v")).await;
    let body = json!({ "channelArn": arn, "clientId": "v" });
    call(&emulator, "/joinStorageSessionAsViewer", body).await.ok();
    assert_eq!(viewer.hear().await["messageType"], "SDP_OFFER");
    viewer.say("SDP_ANSWER", PAYLOAD, None).await;
    // Nothing passes between master and viewer.
    viewer.settle().await;
    master.settle().await;
    let state = emulator.state();
    let messages = state["kvs-signaling"]["messages"].as_array().unwrap();
    let ends: Vec<_> =
        messages.iter().map(|m| (m["from"].as_str().unwrap(), m["to"].as_str().unwrap())).collect();
    assert_eq!(
        ends,
        [
            ("storage", "master"),
            ("storage", "master"),
            ("master", "storage"),
            ("storage", "viewer v"),
            ("viewer v", "storage")
        ]
    );
}
