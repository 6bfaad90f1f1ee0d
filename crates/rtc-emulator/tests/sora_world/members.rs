//! Who hears of whom, and what the RPC causes.

use std::time::{Duration, SystemTime};

use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};

use crate::peer::{Peer, connect, with};
use crate::{call, done, request};

#[tokio::test]
async fn members_hear_of_each_other() {
    let emulator = Emulator::start().await.unwrap();
    let metadata = json!({ "name": "first" });
    let asked =
        with(with(connect(), "role", json!("sendrecv")), "signaling_notify_metadata", metadata.clone());
    let mut first = Peer::up(&emulator, with(asked, "metadata", json!({ "token": 1 }))).await;
    let own = first.notified("connection.created").await;
    assert_eq!((&own["connection_id"], &own["data"]), (&json!(first.id()), &json!([])));
    assert_eq!((&own["channel_connections"], &own["channel_sendrecv_connections"]), (&json!(1), &json!(1)));

    let mut second = Peer::up(&emulator, with(connect(), "client_id", json!("laptop"))).await;
    let known = json!([{
        "connection_id": first.id(), "client_id": first.id(), "bundle_id": first.id(),
        "authn_metadata": { "token": 1 }, "metadata": metadata,
    }]);
    assert_eq!(second.notified("connection.created").await["data"], known);
    let heard = first.notified("connection.created").await;
    assert_eq!((&heard["client_id"], &heard["role"]), (&json!("laptop"), &json!("recvonly")));
    assert_eq!(
        (&heard["channel_connections"], &heard["channel_recvonly_connections"]),
        (&json!(2), &json!(1))
    );
    assert_eq!((heard.get("data"), &heard["session_id"]), (None, &first.offer["session_id"]));
    assert_eq!(second.offer["session_id"], first.offer["session_id"]);

    second.send("signaling", &json!({ "type": "disconnect", "reason": "NO-ERROR" }));
    assert_eq!(second.ws_closed().await, (1000, "TYPE-DISCONNECT".to_owned()));
    let heard = first.notified("connection.destroyed").await;
    assert_eq!((&heard["connection_id"], &heard["channel_connections"]), (&json!(second.id()), &json!(1)));
    let left = emulator.state()["sora-rpc"]["channels"]["sora"].clone();
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), [&first.id()]);
}

#[tokio::test]
async fn a_switch_is_told_after_the_result() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "simulcast_request_rid", json!("r1"))).await;
    let answer = peer.rpc(&request(1, "RequestSimulcastRid", json!({ "rid": "r2" }))).await;
    assert_eq!(answer["result"]["receiver_connection_id"], peer.id());
    let told = peer.notified("simulcast.switched").await;
    assert_eq!((&told["previous_rid"], &told["current_rid"]), (&json!("r1"), &json!("r2")));
    assert_eq!((&told["priority"], &told["sender_connection_id"]), (&json!("higher"), &Value::Null));
    // The same again is no switch: the next one told is the one for a single sender.
    peer.rpc(&request(2, "RequestSimulcastRid", json!({ "rid": "r2" }))).await;
    let one = json!({ "rid": "none", "sender_connection_id": "S" });
    peer.rpc(&request(3, "RequestSimulcastRid", one)).await;
    let told = peer.notified("simulcast.switched").await;
    assert_eq!((&told["previous_rid"], &told["current_rid"]), (&json!("r2"), &json!("none")));
    assert_eq!((&told["priority"], &told["sender_connection_id"]), (&json!("lower"), &json!("S")));
}

#[tokio::test]
async fn pushed_metadata_reach_all_members() {
    let emulator = Emulator::start().await.unwrap();
    let mut first = Peer::up(&emulator, connect()).await;
    let mut second = Peer::up(&emulator, connect()).await;
    let quiet = json!({ "metadata": { "a": 1 } });
    first.rpc(&request(1, "PutSignalingNotifyMetadata", quiet)).await;
    let item = json!({ "key": "b", "value": [2], "push": true });
    let answer = first.rpc(&request(2, "PutSignalingNotifyMetadataItem", item)).await;
    assert_eq!(answer["result"], json!({ "a": 1, "b": [2] }));
    for peer in [&mut first, &mut second] {
        // The first of them: nothing came of the quiet one.
        assert_eq!(peer.message("push").await["data"]["metadata"], json!({ "a": 1, "b": [2] }));
    }
    let mut third = Peer::up(&emulator, connect()).await;
    let told = third.notified("connection.created").await;
    let with_metadata = told["data"].as_array().unwrap().iter().find(|other| other.get("metadata").is_some());
    assert_eq!(with_metadata.unwrap()["metadata"], json!({ "a": 1, "b": [2] }));
}

#[tokio::test]
async fn what_the_auth_reply_does_not_permit() {
    let emulator = Emulator::start().await.unwrap();
    let reply = json!({
        "allowed": true, "rpc_methods": ["2025.2.0/RequestSimulcastRid"], "simulcast_rpc_rids": ["none", "r0"],
    });
    let codes = json!({ "method_not_found": -32_000, "invalid_params": -32_001 });
    emulator.sora().configure(&json!({ "auth_reply": reply, "error_codes": codes })).unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    assert_eq!(peer.offer["rpc_methods"], json!(["2025.2.0/RequestSimulcastRid"]));
    let answer = peer.rpc(&request(1, "ResetSpotlightRid", json!({}))).await;
    assert_eq!(answer["error"]["code"], -32_000);
    let answer = peer.rpc(&request(2, "RequestSimulcastRid", json!({ "rid": "r1" }))).await;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"]["name"]),
        (&json!(-32_001), &json!("rid"))
    );
    let answer = peer.rpc(&request(3, "RequestSimulcastRid", json!({ "rid": "none" }))).await;
    assert_eq!(answer["result"]["rid"], "none");
    // The messages of signaling are in the same table, and no methods.
    let answer = peer.rpc(&json!({ "jsonrpc": "2.0", "id": 4, "method": "connect" })).await;
    assert_eq!(answer["error"]["code"], -32_000);
}

#[tokio::test]
async fn time_passes() {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    emulator.sora().configure(&json!({ "lifetime_ms": 90_000, "ping_interval_ms": 0 })).unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "data_channel_signaling", json!(false))).await;
    assert_eq!(peer.offer.get("rpc_methods"), None);
    clock.advance(Duration::from_secs(60));
    let told = loop {
        let told = peer.ws("notify").await;
        if told["event_type"] != "connection.created" {
            break told;
        }
    };
    assert_eq!((&told["event_type"], &told["minutes"]), (&json!("connection.updated"), &json!(1)));
    assert_eq!(told["timestamp"], "2023-11-14T22:14:20.000000Z");
    clock.advance(Duration::from_secs(30));
    assert_eq!(peer.ws_closed().await, (1000, "LIFETIME-EXPIRED".to_owned()));
}

#[tokio::test]
async fn messages_of_the_clients_own_reach_those_who_receive_there() {
    let emulator = Emulator::start().await.unwrap();
    let label = |direction: &str, more: Value| {
        let mut channel = json!({ "label": "#chat", "direction": direction });
        channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(connect(), "data_channels", json!([channel]))
    };
    let mut sender = Peer::up(&emulator, label("sendonly", json!({}))).await;
    let header = json!({ "header": [{ "type": "sender_connection_id" }] });
    let mut receiver = Peer::up(&emulator, label("recvonly", header)).await;
    receiver.send_frame("#chat", true, b"unheard");
    receiver.rpc(&request(1, "ResetSpotlightRid", json!({}))).await;
    sender.send_frame("#chat", true, b"hello");
    sender.rpc(&request(1, "ResetSpotlightRid", json!({}))).await;
    assert_eq!(receiver.frame("#chat").await, (true, format!("{}hello", sender.id()).into_bytes()));
    let stats = done(&emulator, "Sora_20171101.GetStatsAllConnections", json!({})).await;
    let of =
        |id: String| stats.as_array().unwrap().iter().find(|s| s["connection_id"] == id).unwrap().clone();
    assert_eq!(
        (&of(sender.id())["messages_received"], &of(sender.id())["messages_sent"]),
        (&json!(1), &json!(0))
    );
    let receiver = of(receiver.id());
    assert_eq!((&receiver["messages_received"], &receiver["messages_sent"]), (&json!(1), &json!(1)));
    assert_eq!(call(&emulator, "Sora_20170529.GetStatsConnection", json!({})).await.0, 400);
}
