//! How connections end, and where redirects lead.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "common/signaling.rs"]
mod common;

use common::{LABELS, connect, frame, message, offer, ready, sent, told, with};
use rtc_core::Url;
use serde_json::json;
use sora_rpc::signaling::{End, EndClass, Signaling, SignalingOptions};

#[test]
fn disconnecting_goes_the_way_in_force_and_ends_with_the_servers_close() {
    let disconnect = json!({ "type": "disconnect", "reason": "NO-ERROR" });
    let done = ["ended client_disconnect_done"];
    // Over the WebSocket.
    let mut signaling = with(SignalingOptions::new());
    signaling.disconnect("NO-ERROR");
    signaling.disconnect("NO-ERROR");
    assert_eq!(sent(&mut signaling), [json!(["ws", disconnect])]);
    message(&mut signaling, &json!({ "type": "ping" }));
    assert!(sent(&mut signaling).is_empty() && told(&mut signaling).is_empty());
    signaling.websocket_closed(Some(1000), "TYPE-DISCONNECT");
    assert_eq!(told(&mut signaling), done);
    // Over the data channel, which then closes.
    let mut signaling = ready(true, true);
    signaling.disconnect("NO-ERROR");
    assert_eq!(sent(&mut signaling), [json!(["signaling", disconnect])]);
    signaling.websocket_closed(None, "");
    assert!(told(&mut signaling).is_empty());
    LABELS.iter().for_each(|label| signaling.channel_closed(label));
    assert_eq!(told(&mut signaling), done);
    // Over the data channel, with a word.
    let mut signaling = ready(true, false);
    signaling.disconnect("NO-ERROR");
    frame(
        &mut signaling,
        "signaling",
        &json!({ "type": "close", "code": 1000, "reason": "DISCONNECTED-API" }),
    );
    assert_eq!(told(&mut signaling), ["Close(1000)", "CloseWebSocket", "ended client_disconnect_done"]);
    // Nobody to tell.
    let mut signaling = Signaling::new(&connect(), SignalingOptions::new()).unwrap();
    signaling.disconnect("NO-ERROR");
    signaling.websocket_opened();
    assert_eq!((told(&mut signaling), sent(&mut signaling)), (done.map(String::from).to_vec(), vec![]));
}

#[test]
fn how_the_websocket_ends() {
    for (code, reason, class) in [
        (Some(1000), "TYPE-DISCONNECT", EndClass::ClientDisconnectDone),
        (Some(1000), "DISCONNECTED-API", EndClass::ServerClose),
        (Some(4490), "INTERNAL-ERROR", EndClass::SignalingError),
        (Some(1006), "", EndClass::WebsocketClosed),
        (Some(4999), "", EndClass::WebsocketClosed),
        (None, "", EndClass::WebsocketClosed),
    ] {
        assert_eq!(End::classify(code, reason).class, class);
        for mut signaling in [with(SignalingOptions::new()), ready(false, false)] {
            signaling.websocket_closed(code, reason);
            assert_eq!(told(&mut signaling), [format!("ended {class}")]);
            signaling.websocket_closed(code, reason);
            assert!(told(&mut signaling).is_empty());
        }
        // Where it does not matter.
        let mut signaling = ready(false, true);
        signaling.websocket_closed(code, reason);
        assert!(told(&mut signaling).is_empty() && signaling.is_ready());
    }
}

#[test]
fn the_server_closes_over_the_data_channel() {
    let mut signaling = ready(true, true);
    frame(&mut signaling, "signaling", &json!({ "type": "close", "code": 4490, "reason": "INTERNAL-ERROR" }));
    assert_eq!(told(&mut signaling), ["Close(4490)", "ended signaling_error"]);
    signaling.channel_closed("signaling");
    frame(&mut signaling, "signaling", &json!({ "type": "ping" }));
    assert!(told(&mut signaling).is_empty() && sent(&mut signaling).is_empty());
    assert!(!signaling.is_ready());
}

#[test]
fn losing_the_last_way_to_signal_is_the_end() {
    let mut signaling = ready(true, true);
    signaling.channel_closed("rpc");
    assert!(told(&mut signaling).is_empty() && !signaling.is_ready());
    signaling.channel_closed("signaling");
    assert_eq!(told(&mut signaling), ["ended channels_closed"]);
    // With a WebSocket it goes on, until that is lost too.
    let mut signaling = ready(true, false);
    signaling.channel_closed("signaling");
    assert!(told(&mut signaling).is_empty());
    signaling.websocket_closed(None, "");
    assert_eq!(told(&mut signaling), ["ended websocket_closed"]);
}

#[test]
fn a_redirect_begins_anew() {
    let mut signaling = with(SignalingOptions::new());
    message(&mut signaling, &offer(true));
    signaling.channel_opened("rpc");
    told(&mut signaling);
    message(
        &mut signaling,
        &json!({ "type": "redirect", "location": "wss://two.example.com/signaling?token=1" }),
    );
    assert_eq!(told(&mut signaling), ["redirect wss://two.example.com/signaling?token=1"]);
    signaling.answer("of the first".into());
    signaling.websocket_closed(Some(1000), "");
    assert!(sent(&mut signaling).is_empty() && told(&mut signaling).is_empty());
    assert_eq!((signaling.compress("rpc"), signaling.offer()), (None, None));
    signaling.websocket_opened();
    let [connect] = sent(&mut signaling).try_into().unwrap();
    assert_eq!((&connect[1]["redirect"], &connect[1]["metadata"]["token"]), (&json!(true), &json!("t")));
    message(&mut signaling, &offer(false));
    assert_eq!(told(&mut signaling), ["offer"]);
    assert_eq!(signaling.compress("rpc"), Some(false));
}

#[test]
fn where_a_redirect_may_lead() {
    let public = "wss://two.example.com/signaling";
    let options = SignalingOptions::new;
    let listed = || options().redirect_hosts(["example.com"]);
    for (options, from, location, followed) in [
        (options(), None, public, true),
        (options(), Some("wss://one.example.com/"), public, true),
        (options().max_redirects(0), None, public, false),
        (listed(), None, public, true),
        (listed(), None, "wss://example.org/", false),
        (listed(), None, "wss://notexample.com/", false),
        (options(), None, "ws://two.example.com/", false),
        (options(), None, "https://two.example.com/", false),
        (options(), None, "two", false),
        (options(), None, "wss://user:secret@two.example.com/", false),
        (options(), None, "wss://two.example.com/#part", false),
        // Nobody in the internet leads into the own network, but the own network does.
        (options(), Some("wss://one.example.com/"), "wss://127.0.0.1/", false),
        (options(), Some("wss://one.example.com/"), "wss://10.0.0.1/", false),
        (options(), Some("wss://10.0.0.2/"), "wss://10.0.0.1/", true),
        (options(), Some("ws://127.0.0.1:1/"), "ws://127.0.0.1:2/", true),
        (options(), Some("wss://127.0.0.1:1/"), "ws://127.0.0.1:2/", false),
        (options().allow_downgrade(true), Some("wss://127.0.0.1:1/"), "ws://127.0.0.1:2/", true),
    ] {
        let mut signaling = Signaling::new(&connect(), options).unwrap();
        if let Some(from) = from {
            signaling.connecting_to(&Url::parse(from).unwrap());
        }
        signaling.websocket_opened();
        message(&mut signaling, &json!({ "type": "redirect", "location": location }));
        let events = told(&mut signaling);
        match followed {
            true => assert!(events[0].starts_with("redirect "), "{from:?} {location} {events:?}"),
            false => assert_eq!(events, ["CloseWebSocket", "ended redirect_refused"], "{from:?} {location}"),
        }
    }
}

#[test]
fn what_is_a_downgrade_goes_by_the_last_location() {
    let mut signaling = Signaling::new(&connect(), SignalingOptions::new()).unwrap();
    signaling.connecting_to(&Url::parse("ws://127.0.0.1:1/").unwrap());
    for (location, followed) in
        [("ws://127.0.0.1:2/", true), ("wss://127.0.0.1:3/", true), ("ws://127.0.0.1:4/", false)]
    {
        signaling.websocket_opened();
        message(&mut signaling, &json!({ "type": "redirect", "location": location }));
        assert_eq!(told(&mut signaling).len(), if followed { 1 } else { 2 }, "{location}");
    }
}

#[test]
fn redirects_have_an_end() {
    let mut signaling = with(SignalingOptions::new());
    for at in 1..=4 {
        message(&mut signaling, &json!({ "type": "redirect", "location": "wss://example.com/" }));
        match told(&mut signaling).as_slice() {
            [event] => assert!(at <= 3 && event == "redirect wss://example.com/"),
            [close, end] => assert!(at == 4 && close == "CloseWebSocket" && end == "ended redirect_refused"),
            other => panic!("{other:?}"),
        }
        signaling.websocket_opened();
    }
    // A server cannot keep a client that is leaving.
    let mut signaling = with(SignalingOptions::new());
    signaling.disconnect("NO-ERROR");
    message(&mut signaling, &json!({ "type": "redirect", "location": "wss://example.com/" }));
    assert_eq!(told(&mut signaling), ["CloseWebSocket", "ended client_disconnect_done"]);
}
