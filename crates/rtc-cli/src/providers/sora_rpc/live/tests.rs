//! Every way of a call, and a connection that is watched, against the emulator.

use std::time::Duration;

use rtc_emulator::Emulator;

use super::*;
use crate::batch;

/// A run that talks to the emulator, and to nobody that this machine's environment names.
fn at(emulator: &Emulator) -> Run {
    let sora = emulator.sora();
    let credentials = [("channel_id".to_owned(), sora.channel_id().to_owned())];
    let endpoint = Some(sora.signaling_url());
    Run { credentials: credentials.into(), endpoint, environment: true, ..Run::default() }
}

fn via(run: &Run, way: &str, endpoint: String) -> Run {
    let mut run = Run { endpoint: Some(endpoint), ..run.clone() };
    run.options.insert("via".into(), way.into());
    run
}

async fn sora(operation: &str, input: Value, run: &Run) -> Outcome {
    batch::run("sora-rpc", operation, input, run).await
}

fn violations(outcome: &Outcome) -> Vec<&str> {
    let found = outcome.body["error"]["violations"].as_array().unwrap();
    found.iter().map(|violation| violation["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_call_goes_each_way() {
    let emulator = Emulator::start().await.unwrap();
    let run = at(&emulator);
    let asked = json!({ "rid": "r1" });
    let over_websocket = via(&run, "websocket", emulator.sora().rpc_url());
    for run in [&run, &over_websocket] {
        let outcome = sora("request_simulcast_rid", asked.clone(), run).await;
        assert_eq!(outcome.body["output"]["rid"], "r1", "{}", outcome.body);
        let raw = json!({ "method": "2025.2.0/RequestSimulcastRid", "params": asked });
        assert_eq!(sora("call", raw.clone(), run).await.body["output"]["rid"], "r1");
        assert!(sora("notify", raw, run).await.is_ok());
        let methods = sora("rpc_methods", json!({}), run).await;
        assert_eq!(
            methods.body["output"]["rpc_methods"].as_array().map(Vec::len),
            Some(5),
            "{}",
            methods.body
        );
    }
    // The channel of a call is where it connects to.
    let elsewhere =
        sora("request_simulcast_rid", json!({ "rid": "r0", "channel_id": "elsewhere" }), &run).await;
    assert_eq!(elsewhere.body["output"]["channel_id"], "elsewhere", "{}", elsewhere.body);
}

#[tokio::test]
async fn the_twin_of_the_http_api_needs_to_know_whose_it_is() {
    let emulator = Emulator::start().await.unwrap();
    let run = at(&emulator);
    let channel_id = emulator.sora().channel_id().to_owned();
    let (connection, _events) = builder(Input::new(json!({})), &run).unwrap().connect().await.unwrap();
    let me = connection.offer().connection_id.clone().unwrap();
    let run = via(&run, "http", emulator.sora().api_url());
    let input = json!({ "rid": "r0", "channel_id": channel_id, "receiver_connection_id": me });
    let outcome = sora("request_simulcast_rid", input, &run).await;
    assert_eq!(outcome.body["output"]["receiver_connection_id"], json!(me), "{}", outcome.body);
    let listed = sora("list_connections", json!({}), &run).await;
    assert!(listed.body["output"].to_string().contains(&me), "{}", listed.body);
    let target = json!({ "target": "Sora_20201013.ListConnections", "body": {} });
    assert!(sora("request", target, &run).await.body["output"].to_string().contains(&me));
    assert_eq!(violations(&sora("request_simulcast_rid", json!({ "rid": "r9" }), &run).await).len(), 3);
}

#[tokio::test]
async fn nothing_is_sent_for_faulty_input() {
    let emulator = Emulator::start().await.unwrap();
    let run = at(&emulator);
    let over_http = via(&run, "http", emulator.sora().api_url());
    for (operation, input, field) in [
        ("call", json!({ "method": "" }), "method"),
        ("call", json!({ "method": "m", "params": 7 }), "params"),
        ("notify", json!({ "method": "m", "typo": 1 }), "typo"),
        ("rpc_methods", json!({ "typo": 1 }), "typo"),
        ("request_simulcast_rid", json!({ "rid": "auto" }), "rid"),
        ("request_spotlight_rid", json!({ "spotlight_focus_rid": "r1" }), "spotlight_unfocus_rid"),
        ("reset_spotlight_rid", json!({ "send_connection_id": "" }), "send_connection_id"),
        ("put_signaling_notify_metadata", json!({}), "metadata"),
        ("put_signaling_notify_metadata_item", json!({ "key": "k" }), "value"),
        ("connect", json!({ "role": "king" }), "role"),
        ("connect", json!({ "channel_id": "c".repeat(256) }), "channel_id"),
        ("disconnect", json!({ "typo": 1 }), "typo"),
        ("list_connections", json!({ "typo": 1 }), "typo"),
        ("request", json!({ "target": "" }), "target"),
    ] {
        let is_http = matches!(operation, "list_connections" | "request");
        let outcome = sora(operation, input, if is_http { &over_http } else { &run }).await;
        assert_eq!(
            (outcome.sent, violations(&outcome)),
            (false, vec![field]),
            "{operation}: {}",
            outcome.body
        );
    }
    let nowhere =
        Run { endpoint: None, credentials: [("metadata".to_owned(), "{canary".to_owned())].into(), ..run };
    let outcome = sora(
        "connect",
        json!({}),
        &Run { environment: false, endpoint: Some(",".into()), ..nowhere.clone() },
    )
    .await;
    assert!(!outcome.sent && !outcome.body.to_string().contains("canary"));
    let refused = builder(Input::new(json!({})), &Run { environment: false, ..nowhere }).unwrap_err();
    let fields: Vec<_> = refused.violations().unwrap().iter().map(|v| v.field.to_string()).collect();
    assert_eq!(fields, ["metadata", "endpoint", "channel_id"]);
    assert!(!format!("{refused} {refused:?}").contains("canary"));
}

#[tokio::test]
async fn a_way_that_an_operation_does_not_have_is_refused() {
    let run = Run { environment: true, ..Run::default() };
    for (operation, way) in [
        ("call", "http"),
        ("notify", "http"),
        ("rpc_methods", "http"),
        ("connect", "http"),
        ("connect", "websocket"),
        ("list_connections", "rpc"),
        ("request", "websocket"),
    ] {
        let outcome = sora(operation, json!({}), &via(&run, way, "ws://127.0.0.1:9".into())).await;
        assert_eq!(violations(&outcome), ["options.via"], "{operation} {way}");
    }
    assert!(sora("nothing", json!({}), &run).await.unsupported);
}

/// Watches until `interrupt`; the outcome and the lines.
async fn watch(run: &Run, interrupt: impl Future) -> (Outcome, Vec<Value>) {
    let mut out = Vec::new();
    let outcome = converse(json!({}), run, &mut out, interrupt).await;
    let lines = String::from_utf8(out).unwrap();
    (outcome, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn what_happens_is_printed_until_the_time_is_over() {
    let emulator = Emulator::start().await.unwrap();
    let run = Run { timeout: Some(Duration::from_millis(300)), ..at(&emulator) };
    let (outcome, lines) = watch(&run, std::future::pending::<()>()).await;
    assert!(outcome.is_ok(), "{}", outcome.body);
    let ready = lines.iter().find(|line| line["event"] == "ready").unwrap();
    assert_eq!(ready["channel_id"], emulator.sora().channel_id());
    assert!(ready.get("sdp").is_none() && ready.get("ice_servers").is_none());
    assert!(lines.iter().any(|line| line["message"]["event_type"] == "connection.created"), "{lines:?}");
    let end = lines.last().unwrap();
    assert_eq!((&end["event"], &end["class"]), (&json!("ended"), &json!("client_disconnect_done")));
}

#[tokio::test]
async fn an_end_that_the_server_makes_is_an_error() {
    let emulator = Emulator::start().await.unwrap();
    let run = at(&emulator);
    let over_http = via(&run, "http", emulator.sora().api_url());
    let channel_id = emulator.sora().channel_id().to_owned();
    let watching = watch(&run, std::future::pending::<()>());
    let ending = async {
        loop {
            let list = sora("list_connections", json!({}), &over_http).await;
            if list.body["output"].as_array().is_some_and(|found| !found.is_empty()) {
                return sora("disconnect_channel", json!({ "channel_id": channel_id }), &over_http).await;
            }
        }
    };
    let ((outcome, lines), ended) = tokio::join!(watching, ending);
    assert!(ended.is_ok(), "{}", ended.body);
    assert_eq!((outcome.exit_code(), &outcome.body["error"]["kind"]), (4, &json!("closed")));
    let end = lines.last().unwrap();
    assert_eq!((&end["event"], &end["class"]), (&json!("ended"), &json!("server_close")), "{lines:?}");
}

#[tokio::test]
async fn a_batch_connects_and_leaves() {
    let emulator = Emulator::start().await.unwrap();
    let run = at(&emulator);
    let outcome = sora("connect", json!({ "client_id": "me" }), &run).await;
    assert_eq!(outcome.body["output"]["client_id"], "me", "{}", outcome.body);
    assert!(sora("disconnect", json!({}), &run).await.is_ok());
}
