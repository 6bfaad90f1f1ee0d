//! The HTTP API.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use crate::peer::{Peer, connect, with};
use crate::{call, done, http};

#[tokio::test]
async fn connections_are_listed_pushed_to_and_ended() {
    let emulator = Emulator::start().await.unwrap();
    let mut sender = Peer::up(&emulator, with(connect(), "role", json!("sendonly"))).await;
    let mut receiver = Peer::up(&emulator, with(connect(), "client_id", json!("c"))).await;
    let listed =
        done(&emulator, "Sora_20201013.ListChannelConnections", json!({ "channel_id": "sora" })).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(done(&emulator, "Sora_20201013.ListConnections", json!({})).await, listed);

    let everybody = json!({ "channel_id": "sora", "data": { "n": 1 } });
    done(&emulator, "Sora_20160711.PushChannel", everybody).await;
    let one = json!({ "channel_id": "sora", "connection_id": receiver.id(), "data": 2 });
    done(&emulator, "Sora_20160711.PushConnection", one).await;
    let senders = json!({ "channel_id": "sora", "role": "sendonly", "data": 3 });
    done(&emulator, "Sora_20201120.PushChannelByRole", senders).await;
    assert_eq!(sender.message("push").await, json!({ "type": "push", "data": { "n": 1 } }));
    assert_eq!(receiver.message("push").await["data"], json!({ "n": 1 }));
    assert_eq!(
        (&sender.message("push").await["data"], &receiver.message("push").await["data"]),
        (&json!(3), &json!(2))
    );

    let client = json!({ "channel_id": "sora", "client_id": "c", "reason": { "why": "spam" } });
    let answer = done(&emulator, "Sora_20151104.DisconnectClient", client.clone()).await;
    assert_eq!(answer, json!({ "channel_id": "sora", "client_id": "c" }));
    let end = receiver.message("signaling").await;
    assert_eq!(end, json!({ "type": "close", "code": 1000, "reason": "DISCONNECTED-API" }));
    sender.outlives(&receiver.id()).await;
    let missing = call(&emulator, "Sora_20151104.DisconnectClient", client).await;
    assert_eq!(missing, (400, json!({ "error_type": "CLIENT-NOT-FOUND" })));
    let role = json!({ "channel_id": "sora", "role": "recvonly" });
    done(&emulator, "Sora_20201120.DisconnectChannelByRole", role).await;
    done(&emulator, "Sora_20151104.DisconnectChannel", json!({ "channel_id": "sora" })).await;
    assert_eq!(sender.message("signaling").await["reason"], "DISCONNECTED-API");
    assert_eq!(done(&emulator, "Sora_20201013.ListConnections", json!({})).await, json!([]));
}

#[tokio::test]
async fn what_the_rpc_does_as_well() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    let id = peer.id();
    let member = || emulator.state()["sora-rpc"]["channels"]["sora"][&id].clone();
    let rid = json!({ "channel_id": "sora", "receiver_connection_id": id, "rid": "r2" });
    assert_eq!(done(&emulator, "Sora_20251217.RequestSimulcastRid", rid.clone()).await, rid);
    assert_eq!(peer.notified("simulcast.switched").await["request_rid"], "r2");
    assert_eq!(member()["simulcast_rids"], json!({ "*": "r2" }));
    let spotlight = json!({
        "channel_id": "sora", "recv_connection_id": id, "spotlight_focus_rid": "r1", "spotlight_unfocus_rid": "none",
    });
    done(&emulator, "Sora_20211215.RequestSpotlightRid", spotlight.clone()).await;
    assert_eq!(member()["spotlight_rids"], json!({ "*": ["r1", "none"] }));
    let who = json!({ "channel_id": "sora", "recv_connection_id": id });
    assert_eq!(done(&emulator, "Sora_20211215.ResetSpotlightRid", who.clone()).await, who);
    assert_eq!(member()["spotlight_rids"], json!({}));
    let batch = json!({ "channel_id": "sora", "item_list": [spotlight, { "recv_connection_id": "x" }] });
    let answers = done(&emulator, "Sora_20211215.BatchRequestSpotlightRid", batch).await;
    assert_eq!((&answers[0], &answers[1]), (&spotlight, &json!({ "error_type": "CONNECTION-NOT-FOUND" })));

    let who = json!({ "channel_id": "sora", "connection_id": id });
    let put = |more: Value| {
        let mut body = who.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let metadata = put(json!({ "metadata": { "a": 1 }, "push": true }));
    assert_eq!(
        done(&emulator, "Sora_20201124.PutSignalingNotifyMetadata", metadata).await,
        json!({ "a": 1 })
    );
    assert_eq!(peer.message("push").await["data"]["metadata"], json!({ "a": 1 }));
    let item = put(json!({ "key": "b", "value": null }));
    assert_eq!(call(&emulator, "Sora_20201124.PutSignalingNotifyMetadataItem", item).await.0, 400);
    let item = put(json!({ "key": "b", "value": 2 }));
    done(&emulator, "Sora_20201124.PutSignalingNotifyMetadataItem", item).await;
    let got = done(&emulator, "Sora_20201124.GetSignalingNotifyMetadata", who.clone()).await;
    assert_eq!(got, json!({ "a": 1, "b": 2 }));
    let all =
        done(&emulator, "Sora_20201124.ListSignalingNotifyMetadata", json!({ "channel_id": "sora" })).await;
    assert_eq!(all, json!([{ "connection_id": id, "client_id": id, "bundle_id": id, "metadata": got }]));
    done(&emulator, "Sora_20241218.RequestKeyFrame", who.clone()).await;
    assert_eq!(member()["counters"]["key_frame_requests"], 1);
    done(&emulator, "Sora_20200807.FocusSpotlight", who).await;
    assert_eq!(peer.notified("spotlight.focused").await["connection_id"], id);
}

#[tokio::test]
async fn sessions_and_recordings() {
    let emulator = Emulator::start().await.unwrap();
    let channel = json!({ "channel_id": "sora" });
    assert_eq!(
        call(&emulator, "Sora_20231220.StartRecording", channel.clone()).await.1["error_type"],
        "CHANNEL-NOT-FOUND"
    );
    let mut peer = Peer::up(&emulator, connect()).await;
    let session = done(&emulator, "Sora_20231220.GetSession", channel.clone()).await;
    assert_eq!(
        (&session["session_id"], &session["total_connections"]),
        (&peer.offer["session_id"], &json!(1))
    );
    assert_eq!(done(&emulator, "Sora_20231220.ListSessions", json!({})).await, json!([session]));
    let start = json!({ "channel_id": "sora", "expire_time": 60, "metadata": "m" });
    let recording = done(&emulator, "Sora_20231220.StartRecording", start.clone()).await;
    assert_eq!(call(&emulator, "Sora_20231220.StartRecording", start).await.0, 400);
    assert_eq!(done(&emulator, "Sora_20231220.GetSession", channel.clone()).await["recording"], true);
    assert_eq!(done(&emulator, "Sora_20231220.StopRecording", channel.clone()).await, recording);
    assert_eq!(
        call(&emulator, "Sora_20231220.StopRecording", channel.clone()).await.1["error_type"],
        "RECORDING-NOT-FOUND"
    );
    let another = json!({ "channel_id": "sora", "session_id": "another" });
    assert_eq!(call(&emulator, "Sora_20230628.TerminateSession", another).await.0, 400);
    let ended = done(&emulator, "Sora_20230628.TerminateSession", channel.clone()).await;
    assert_eq!(ended, json!({ "session_id": peer.offer["session_id"] }));
    assert_eq!(peer.message("signaling").await["type"], "close");
    assert_eq!(
        call(&emulator, "Sora_20231220.GetSession", channel).await.1["error_type"],
        "SESSION-NOT-FOUND"
    );
}

#[tokio::test]
async fn what_it_refuses_and_what_browsers_ask() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(
        call(&emulator, "Sora_2000.Nothing", json!({})).await,
        (400, json!({ "error_type": "UNKNOWN-TARGET" }))
    );
    let broken = call(&emulator, "Sora_20160711.PushChannel", json!({ "channel_id": "" })).await;
    assert_eq!((broken.0, &broken.1["error_type"]), (400, &json!("INVALID-PARAMETER")));
    assert_eq!(call(&emulator, "Sora_20160711.PushChannel", json!([])).await.1["error_type"], "INVALID-JSON");

    let ask = "OPTIONS /any HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: http://a\r\n\
               access-control-request-headers: X-Sora-Target\r\n\r\n";
    let (status, head, _) = http(&emulator, ask).await;
    assert_eq!(status, 204);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(head.contains("x-sora-target"), "{head}");
    let log = emulator.log();
    assert_eq!(log[1].operation.as_deref(), Some("push_channel"));
    assert_eq!(log[3].operation.as_deref(), Some("preflight"));
}
