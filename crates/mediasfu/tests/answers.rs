//! What is made of answers that are not quite as documented: lenient in scalars, strict in what is needed.
//! Answers with a room are in `wire.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;
#[path = "common/every.rs"]
mod every;

use std::fmt::Debug;

use common::scripted;
use every::{Always, every};
use futures_util::FutureExt as _;
use mediasfu::rtc_core::Revealed;
use mediasfu::*;
use proptest::prelude::*;
use rtc_core::Bytes;
use rtc_core::http::Response;
use rtc_core::testing::ScriptedTransport;
use serde::Serialize;
use serde_json::{Value, json};

/// A client whose next answer this is.
fn with(body: impl ToString) -> Client {
    scripted(&ScriptedTransport::new().json(200, body.to_string()))
}

/// An answer with its secrets, without what is not there.
fn written(answer: &impl Serialize) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(Revealed(answer)).unwrap();
    strip(&mut value);
    value
}

fn no_answer<T: Debug>(result: Result<T>, says: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.was_sent(), error.is_retryable()), (ErrorKind::Protocol, true, false));
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn a_telephone_call() {
    let call = async |body: Value| with(body).get_sip_call_state(GetSipCallState::new("c")).await;
    let whole = json!({
        "sipCallId": "a@b", "status": "on-hold", "direction": "inbound", "startTimeISO": "2026-01-01T00:00:00Z",
        "durationSeconds": "12.5", "roomName": "s1", "callerIdRaw": "sip:1@b", "calledUri": "sip:2@b",
        "audioOnly": "true", "activeMediaSource": "agent", "humanParticipantName": null, "playingMusic": 0,
        "playingPrompt": true, "currentPromptType": "welcome", "pendingHumanIntervention": "FALSE",
        "callbackState": "offered", "callbackPin": 1234, "activeSpeaker": "x", "callEnded": false,
        "needsCallback": true, "callbackHonored": false, "calledBackRef": "r", "new": {"a": 1},
    });
    let expected = json!({
        "sip_call_id": "a@b", "status": "on-hold", "direction": "inbound", "start_time_iso": "2026-01-01T00:00:00Z",
        "duration_seconds": 12.5, "room_name": "s1", "caller_id_raw": "sip:1@b", "called_uri": "sip:2@b",
        "audio_only": true, "active_media_source": "agent", "playing_music": false, "playing_prompt": true,
        "current_prompt_type": "welcome", "pending_human_intervention": false, "callback_state": "offered",
        "callback_pin": "1234", "active_speaker": "x", "call_ended": false, "needs_callback": true,
        "callback_honored": false, "called_back_ref": "r",
    });
    // Itself, and where the lists have it.
    for body in [
        whole.clone(),
        json!({"success": true, "data": whole}),
        json!({"call": whole, "data": null}),
        json!({"data": [whole], "call": whole}),
    ] {
        assert_eq!(written(&call(body.clone()).await.unwrap()), expected, "{body}");
    }
    let odd = call(json!({"status": "parked", "direction": "sideways"})).await.unwrap();
    assert_eq!(
        (odd.status, odd.direction),
        (Some(SipCallStatus::Other("parked".into())), Some(SipCallDirection::Other("sideways".into())))
    );
    assert_eq!(written(&call(json!({})).await.unwrap()), json!({}));
    for (body, says) in [
        (json!([]), "telephone call"),
        (json!("x"), "telephone call"),
        (json!({"durationSeconds": "long"}), "expected type"),
        (json!({"audioOnly": {}}), "a number or a text"),
    ] {
        no_answer(call(body).await, says);
    }
    no_answer(with("").get_sip_call_state(GetSipCallState::new("c")).await, "telephone call");
}

#[tokio::test]
async fn lists_of_telephone_calls() {
    let list =
        async |body: &str| with(body).list_sip_calls(ListSipCalls::new()).await.map(|page| page.calls.len());
    for (body, calls) in [
        (r#"{"data":[{"sipCallId":"a"},null,{"sipCallId":7}]}"#, 2),
        (r#"{"calls":[{"sipCallId":"a"}]}"#, 1),
        (r#"{"data":null,"calls":[{}]}"#, 1),
        (r#"{"data":[{}],"calls":[{},{}]}"#, 1),
        (r#"{"data":[]}"#, 0),
        (r#"{"data":null}"#, 0),
        ("{}", 0),
        ("\u{feff} {\"data\":[{}]}", 1),
    ] {
        assert_eq!(list(body).await.unwrap(), calls, "{body}");
    }
    for body in ["", "[]", "[{}]", "null", r#"{"data":{}}"#, r#"{"data":["a"]}"#, r#"{"data":[{}]} x"#] {
        no_answer(list(body).await, "the answer");
    }
}

#[tokio::test]
async fn telephone_numbers() {
    let body = json!({"sipConfigs": [{
        "_id": 7, "contactNumber": "+15551234567", "supportSipActive": "1", "allowOutgoing": 1, "preferPCMA": null,
        "webhookUrl": "https://example.com/hook", "secureCode": 4711,
        "ipAllowList": ["10.0.0.0/8", null, "192.0.2.7", "2001:db8::/32", "sip.example"], "ipBlockList": null,
        "geoAllowList": ["DE"],
        "autoAgent": {"enabled": true, "type": "AI", "source": {"prompt": "be kind", "n": [1]},
            "humanInterventionWebhookUrl": "https://h/x"},
        "peer": {"provider": "twilio", "host": "h", "port": "5061", "transport": "TLS", "register": "false",
            "auth": {"username": "u", "password": "pw"}},
        "extra": [{"key": "k", "value": "v"}, null], "unknown": 1,
    }, null, {"id": "x"}]});
    let list = with(body).list_sip_configs(ListSipConfigs::new()).await.unwrap();
    assert_eq!(
        written(&list),
        json!({"sip_configs": [{
            "id": "7", "contact_number": "+15551234567", "support_sip_active": true, "allow_outgoing": true,
            "webhook_url": "https://example.com/hook", "secure_code": "4711",
            "ip_allow_list": ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "sip.example"], "ip_block_list": [],
            "geo_allow_list": ["DE"], "geo_block_list": [],
            "auto_agent": {"enabled": true, "type": "AI", "source": {"prompt": "be kind", "n": [1]},
                "human_intervention_webhook_url": "https://h/x"},
            "peer": {"provider": "twilio", "host": "h", "port": 5061, "transport": "TLS", "register": false,
                "auth": {"username": "u", "password": "pw"}},
            "extra": [{"key": "k", "value": "v"}],
        }, {
            "id": "x", "ip_allow_list": [], "ip_block_list": [], "geo_allow_list": [], "geo_block_list": [],
            "extra": [],
        }]})
    );
    let allowed = &list.sip_configs[0].ip_allow_list;
    let knows =
        |ip: &str| allowed.iter().map(|range| range.contains(ip.parse().unwrap())).collect::<Vec<_>>();
    assert_eq!(knows("10.9.8.7"), [Some(true), Some(false), Some(false), None]);
    assert_eq!(knows("2001:db8::1"), [Some(false), Some(false), Some(true), None]);
    assert!(matches!(&allowed[3], IpRange::Other(text) if text == "sip.example"));

    // The service says so when there are none.
    let none = with(json!({"message": "No SIP configs found"})).list_sip_configs(ListSipConfigs::new());
    let none = none.await.unwrap();
    assert_eq!((none.sip_configs.len(), none.message.as_deref()), (0, Some("No SIP configs found")));
}

#[tokio::test]
async fn settings_of_events() {
    let settings = async |body: Value| with(body).get_event_settings(GetEventSettings::new()).await;
    let answer = settings(json!({"eventsSettings": {
        "itemPageLimit": "4", "mediaType": "hologram", "type": "webinar", "targetResolution": "QnHD",
        "safeRoom": "True", "safeRoomAction": "", "webhookSecret": "s", "supportSIP": null,
    }}));
    let answer = answer.await.unwrap();
    assert_eq!(
        written(&answer),
        json!({"events_settings": {
            "item_page_limit": 4, "media_type": "hologram", "type": "webinar", "target_resolution": "QnHD",
            "safe_room": true, "safe_room_action": "", "webhook_secret": "s",
        }})
    );
    assert_eq!(answer.events_settings.media_type, Some(MediaType::Other("hologram".into())));
    no_answer(settings(json!({})).await, "eventsSettings");
    no_answer(settings(json!({"eventsSettings": "none"})).await, "the answer");
}

#[tokio::test]
async fn external_sources() {
    let new = || CreateExternalSession::new("s1", "cam", "host", Ingest::new(["audio"]));
    let whole =
        json!({"success": true, "sessionID": "ems_1", "ingest": {"url": "https://h/w", "token": "t"}});
    let session = with(&whole).create_external_session(new()).await.unwrap();
    assert_eq!(
        written(&session),
        json!({"session_id": "ems_1", "ingest": {"url": "https://h/w", "token": "t"}})
    );
    for missing in ["/sessionID", "/ingest", "/ingest/url", "/ingest/token"] {
        let mut body = whole.clone();
        let (parent, name) = missing.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = Value::Null;
        no_answer(with(&body).create_external_session(new()).await, "null");
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        no_answer(with(&body).create_external_session(new()).await, name);
    }
    let body = json!({"playbackID": "emp_1", "endpointUrl": "https://h/p", "playbackToken": "t"});
    let playback = with(body).create_playback(CreatePlayback::new("s1", "ems_1", ["audio"])).await.unwrap();
    assert_eq!(
        written(&playback),
        json!({"playback_id": "emp_1", "endpoint_url": "https://h/p", "playback_token": "t"})
    );
}

#[tokio::test]
async fn how_far_an_external_source_is() {
    let state = async |body: Value| with(body).get_external_session(GetExternalSession::new("s1", "e")).await;
    let track = |kind: &str, state: &str| json!({"kind": kind, "state": state});
    let both = [track("audio", "active"), track("video", "closed"), track("data", "new")];
    let active = state(json!({"state": "active", "tracks": both})).await.unwrap();
    assert_eq!(active.active_kinds, ["audio"]);
    assert_eq!(json!(active.ready_for), json!({"audio": true, "video": false, "data": false}));
    let waiting = state(json!({"state": "provisioned", "tracks": both})).await.unwrap();
    assert_eq!(waiting.active_kinds, ["audio"], "the track's own state");
    assert!(waiting.ready_for.values().all(|ready| !ready), "nothing is ready before the source is");
    // One of two tracks of a kind is enough, in either order.
    for tracks in [["active", "failed"], ["failed", "active"]] {
        let tracks = tracks.map(|state| track("audio", state));
        let two = state(json!({"state": "active", "tracks": tracks})).await.unwrap();
        assert_eq!(json!(two.ready_for), json!({"audio": true}));
    }
    for tracks in [json!(null), json!([]), json!([null])] {
        let none = state(json!({"state": "a word of its own", "tracks": tracks})).await.unwrap();
        assert_eq!((none.state.as_str(), none.tracks.len()), ("a word of its own", 0));
    }
    assert!(state(json!({"state": "active"})).await.unwrap().tracks.is_empty());
    no_answer(state(json!({"tracks": []})).await, "state");
}

#[tokio::test]
async fn what_a_key_may_do() {
    let session = async |body: Value| with(body).check_session(CheckSession::new()).await;
    let body = json!({"username": "u", "allowedOperations": ["createRoom", null, 7], "actionTools": [
        {"name": "create_room", "operation": "createRoom"}, null,
    ]});
    assert_eq!(
        written(&session(body).await.unwrap()),
        json!({"username": "u", "allowed_operations": ["createRoom", "7"], "action_tools": [
            {"name": "create_room", "operation": "createRoom"},
        ]})
    );
    let none = session(json!({"allowedOperations": null})).await.unwrap();
    assert!(none.allowed_operations.is_empty() && none.action_tools.is_empty());
}

#[tokio::test]
async fn answers_that_nobody_documents() {
    let list = async |body: &str| with(body).list_rooms(ListRooms::new()).await;
    for (body, value) in [
        ("", Value::Null),
        (" \r\n", Value::Null),
        ("\u{feff}", Value::Null),
        ("null", Value::Null),
        ("\u{feff}[1,{\"a\":null}]", json!([1, {"a": null}])),
        ("\"text\"", json!("text")),
        (r#"{"success":"yes"}"#, json!({"success": "yes"})),
    ] {
        assert_eq!(list(body).await.unwrap().into_value(), value, "{body:?}");
    }
    for body in ["<html>", "{", "[1] 2", "NaN"] {
        no_answer(list(body).await, "the answer");
    }
    let deep = "[".repeat(100_000);
    no_answer(list(&deep).await, "the answer");
}

/// What the service is known to answer, all in one: most decoders find something to read in it.
fn known() -> Value {
    json!({
        "success": true, "message": "m", "roomName": "s1", "meetingID": "s1", "roomId": 1, "link": "https://h",
        "secret": "s", "secureCode": "c", "publicURL": "https://h/meet/s1/s", "eventsSettings": {"type": "chat"},
        "sipConfigs": [{"_id": 1, "ipAllowList": ["::/0"], "peer": {"port": 1}, "autoAgent": {"source": 1}}],
        "data": [{"sipCallId": "c", "durationSeconds": 1, "status": "active"}], "call": {"sipCallId": "c"},
        "sessionID": "e", "ingest": {"url": "https://h", "token": "t"}, "state": "active",
        "tracks": [{"kind": "audio", "state": "active"}], "playbackID": "p", "endpointUrl": "https://h",
        "playbackToken": "t", "username": "u", "allowedOperations": ["a"], "actionTools": [{"name": "n"}],
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!("true")),
        Just(json!("10.0.0.0/33")),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{0,4}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// An answer in which some members are something else.
fn damaged() -> impl Strategy<Value = Value> {
    let names: Vec<String> = known().as_object().unwrap().keys().cloned().collect();
    prop::collection::btree_map(prop::sample::select(names), any_json(), 0..8).prop_map(|wrong| {
        let mut answer = known();
        wrong.into_iter().for_each(|(name, value)| answer[&name] = value);
        answer
    })
}

/// Every operation reads this answer, whatever it makes of it.
fn read_by_all(body: impl Into<Bytes>, location: &[u8], types: &[u8]) {
    let answer =
        Response::builder().header("location", location).header("x-mediasfu-rtp-payload-types", types);
    let Ok(answer) = answer.body(body.into()) else { return };
    let outcomes = every(&Always::new(answer).client()).now_or_never().unwrap();
    for (operation, outcome) in outcomes {
        if let Err(error) = outcome {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Protocol | ErrorKind::Other), "{operation}: {error:?}");
        }
    }
}

#[test]
fn the_known_answer_is_read_by_all_but_media() {
    let outcomes = every(&Always::json(200, known().to_string()).client()).now_or_never().unwrap();
    let failed: Vec<_> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| *name).collect();
    assert_eq!(failed, ["get_whep_profile", "play_whep", "publish_whip"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_break_a_decoder(
        body in prop::collection::vec(any::<u8>(), 0..64),
        location in prop::collection::vec(any::<u8>(), 0..32),
        types in prop::collection::vec(any::<u8>(), 0..32),
    ) {
        read_by_all(body, &location, &types);
    }

    #[test]
    fn no_json_breaks_a_decoder(body in any_json(), types in "[a-z/=,0-9 ]{0,24}", location in "\\PC{0,24}") {
        read_by_all(body.to_string(), location.as_bytes(), types.as_bytes());
    }

    #[test]
    fn no_damage_breaks_a_decoder(body in damaged(), cut in any::<prop::sample::Index>()) {
        let text = body.to_string();
        read_by_all(text.as_bytes()[..cut.index(text.len() + 1)].to_vec(), b"/r", b"audio/opus=111");
        read_by_all(text, b"r", b"audio/opus=x");
    }
}
