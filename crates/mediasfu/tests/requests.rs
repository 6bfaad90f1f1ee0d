//! The request of every operation: method, address, headers and body, with everything set and with nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::collections::BTreeSet;

use common::{KEY, OFFER, USER, WHEP, WHIP, builder, room};
use mediasfu::*;
use rtc_core::Bytes;
use rtc_core::http::{Request, Response};
use rtc_core::testing::ScriptedTransport;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A Call-ID as telephones make them.
const CALL: &str = "a/b?c#84b4@10.0.0.1";

/// What one call sends.
async fn sent<C: IntoFuture>(call: impl FnOnce(&Client) -> C) -> Request<Bytes> {
    let transport = ScriptedTransport::new().answer(Response::new("{}"));
    let client = builder(&transport).header("x-own", "canary").build().unwrap();
    // What is made of the answer is the matter of other tests.
    let _ = call(&client).into_future().await;
    let mut requests = transport.requests();
    assert_eq!(requests.len(), 1, "exactly one request");
    requests.remove(0)
}

/// All headers of a request: what each is to be is told by what the operation is.
fn headers(operation: &str, body: &Value) -> Vec<(&'static str, String)> {
    let media =
        matches!(operation, "publish_whip" | "play_whep" | "get_whep_profile" | "delete_media_resource");
    let kind = if body.is_string() { "application/sdp" } else { "application/json" };
    let agent = concat!("rtc-mediasfu/", env!("CARGO_PKG_VERSION"));
    let mut all = vec![("user-agent", agent.to_owned())];
    match operation {
        "get_whep_profile" => {}
        _ if media => all.push(("authorization", "Bearer media-token".into())),
        _ => all.push(("authorization", format!("Bearer {USER}:{KEY}"))),
    }
    if media {
        all.push(("accept", if body.is_string() { kind.into() } else { "*/*".into() }));
    } else {
        all.extend([("accept", kind.into()), ("x-own", "canary".into())]);
    }
    if !body.is_null() {
        all.push(("content-type", kind.into()));
    }
    all.sort();
    all
}

/// Compares a request with its row, and gives the operation's name.
fn compare(operation: &'static str, line: &str, body: &Value, request: &Request<Bytes>) -> &'static str {
    let uri = request.uri().to_string();
    let shown = uri.strip_prefix("https://mediasfu.com").unwrap_or(&uri);
    assert_eq!(format!("{} {shown}", request.method()), line, "{operation}");
    match body {
        Value::Null => assert!(request.body().is_empty(), "{operation}: a call without a body sends none"),
        Value::String(text) => assert_eq!(request.body(), text.as_bytes(), "{operation}"),
        _ => assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), *body, "{operation}"),
    }
    let mut got: Vec<_> = request.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
    let keyed =
        matches!(operation, "create_room" | "join_room" | "create_external_session" | "create_playback");
    let key = got.iter().position(|(name, _)| *name == "idempotency-key").map(|at| got.remove(at).1);
    assert_eq!(key.is_some(), keyed, "{operation}: {key:?}");
    let made = |key: &str| {
        key.len() == 36 && key.strip_prefix("rtc-").is_some_and(|k| u128::from_str_radix(k, 16).is_ok())
    };
    assert!(key.is_none_or(|key| made(key) || key == "one-key-each"), "{operation}: {key:?}");
    got.sort_unstable();
    let wanted = headers(operation, body);
    assert_eq!(got, wanted.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>(), "{operation}");
    operation
}

/// Runs each call and compares its request: `operation(input) => "METHOD address", body`.
macro_rules! table {
    ($($operation:ident($request:expr) => $line:expr, $body:tt;)*) => {{
        let mut operations = BTreeSet::new();
        $(
            let request = Box::pin(sent(|client| client.$operation($request))).await;
            operations.insert(compare(stringify!($operation), &$line, &json!($body), &request));
        )*
        operations
    }};
}

/// The address of an operation on the telephone call.
fn call(method: &str, what: &str) -> String {
    format!("{method} /v1/sipcall/a%2Fb%3Fc%2384b4%4010.0.0.1/{what}")
}

/// The operations whose input is fixed: each has one request.
async fn without_options() -> BTreeSet<&'static str> {
    table! {
        delete_room(DeleteRoom::new("s1")) => "POST /v1/rooms/", {"action": "delete", "meetingID": "s1"};
        get_event_settings(GetEventSettings::new()) => "GET /v1/eventssettings/", null;
        get_sip_call_summary(GetSipCallSummary::new()) => "GET /v1/sipcall/summary", null;
        get_sip_call_state(GetSipCallState::new(CALL)) => call("GET", "state"), null;
        unhold_sip_call(UnholdSipCall::new(CALL)) => call("POST", "unhold"), {};
        start_sip_agent(StartSipAgent::new(CALL)) => call("POST", "start-agent"), {};
        stop_sip_agent(StopSipAgent::new(CALL)) => call("POST", "stop-agent"), {};
        offer_sip_callback(OfferSipCallback::new(CALL)) => call("POST", "offer-callback"), {};
        update_sip_play_to_all(UpdateSipPlayToAll::new(CALL, false))
            => call("POST", "update-play-to-all"), {"playToAll": false};
        update_sip_template(UpdateSipTemplate::new(CALL, json!({"name": "Ann", "n": 1.5, "b": true, "z": null})))
            => call("POST", "update-template"), {"templateValues": {"name": "Ann", "n": 1.5, "b": true, "z": null}};
        pause_sip_recording(PauseSipRecording::new(CALL)) => call("POST", "pause-recording"), {};
        resume_sip_recording(ResumeSipRecording::new(CALL)) => call("POST", "resume-recording"), {};
        stop_sip_recording(StopSipRecording::new(CALL)) => call("POST", "stop-recording"), {};
        get_external_session(GetExternalSession::new("s 1", "ems/1"))
            => "GET /v1/meetings/s%201/external-sessions/ems%2F1", null;
        publish_whip(PublishWhip::new(WHIP, "media-token", OFFER)) => format!("POST {WHIP}"), OFFER;
        play_whep(PlayWhep::new(WHEP, "media-token", OFFER)) => format!("POST {WHEP}"), OFFER;
        get_whep_profile(GetWhepProfile::new(WHEP)) => format!("GET {WHEP}"), null;
        delete_media_resource(DeleteMediaResource::new(format!("{WHIP}/r?x=1"), "media-token"))
            => format!("DELETE {WHIP}/r?x=1"), null;
        check_session(CheckSession::new()) => "POST /v1/mcp/session", null;
        list_disposable_keys(ListDisposableKeys::new()) => "GET /v1/disposable-keys", null;
        get_disposable_key_quota(GetDisposableKeyQuota::new()) => "GET /v1/disposable-keys-quota", null;
    }
}

fn audio() -> Ingest {
    Ingest::new([TrackKind::Audio])
}

/// The operations with options, with none of them set: what is not set is not sent.
async fn with_none_set() -> BTreeSet<&'static str> {
    table! {
        create_room(room()) => "POST /v1/rooms/",
            {"action": "create", "userName": "hostUser", "duration": 60, "capacity": 10};
        join_room(JoinRoom::new("s/1", "guest1")) => "POST /v1/rooms/",
            {"action": "join", "meetingID": "s/1", "userName": "guest1"};
        list_rooms(ListRooms::new()) => "GET /v1/rooms", null;
        create_event_settings(CreateEventSettings::new()) => "POST /v1/eventssettings", {"action": "create"};
        update_event_settings(UpdateEventSettings::new()) => "POST /v1/eventssettings", {"action": "update"};
        list_sip_configs(ListSipConfigs::new()) => "GET /v1/sipconfigs/?action=get", null;
        list_sip_calls(ListSipCalls::new()) => "GET /v1/sipcall/list", null;
        start_sip_call(StartSipCall::new("+15551234567", "15557654321", "s1", "host"))
            => "POST /v1/sipcall/outgoingCall",
            {"calledDid": "+15551234567", "callerIdNumber": "15557654321", "roomName": "s1", "initiatorName": "host"};
        // What a false would say is the default: it is not sent.
        start_sip_call(StartSipCall::new("+12", "+13", "s1", "h").start_with_initiator_audio(false))
            => "POST /v1/sipcall/outgoingCall",
            {"calledDid": "+12", "callerIdNumber": "+13", "roomName": "s1", "initiatorName": "h"};
        end_sip_call(EndSipCall::new(CALL)) => call("POST", "end"), {};
        hold_sip_call(HoldSipCall::new(CALL)) => call("POST", "hold"), {};
        switch_sip_source(SwitchSipSource::new(CALL, SipSource::Agent))
            => call("POST", "switch-source"), {"targetType": "agent"};
        play_sip_audio(PlaySipAudio::new(CALL, "Hello")) => call("POST", "play"),
            {"sourceValue": "Hello", "loop": false, "immediately": true};
        create_external_session(CreateExternalSession::new("s1", "cam", ExternalRole::Participant, audio()))
            => "POST /v1/meetings/s1/external-sessions",
            {"displayName": "cam", "role": "participant", "ingest": {"protocol": "whip", "tracks": ["audio"]}};
        delete_external_session(DeleteExternalSession::new("s1", "ems_1"))
            => "DELETE /v1/meetings/s1/external-sessions/ems_1", {};
        create_playback(CreatePlayback::new("s1", "ems_1", [TrackKind::Video]))
            => "POST /v1/meetings/s1/playbacks",
            {"sourceSessionID": "ems_1", "protocol": "whep", "tracks": ["video"]};
        delete_playback(DeletePlayback::new("s1", "emp_1")) => "DELETE /v1/meetings/s1/playbacks/emp_1", {};
        manage_disposable_key(ManageDisposableKey::new(KeyAction::Revoke))
            => "POST /v1/disposable-keys", {"action": "revoke"};
        get_disposable_key_usage(GetDisposableKeyUsage::new().name("a b&c"))
            => "GET /v1/disposable-keys/usage?name=a%20b%26c", null;
    }
}

macro_rules! all_settings {
    ($request:expr) => {
        $request
            .subusername("sub")
            .item_page_limit(4)
            .media_type(MediaType::Audio)
            .add_co_host(true)
            .target_orientation(Orientation::Neutral)
            .target_orientation_host(Orientation::Portrait)
            .target_resolution(Resolution::Qnhd)
            .target_resolution_host(Resolution::Fhd)
            .event_type(EventType::Chat)
            .audio_setting(Permission::Allow)
            .video_setting(Permission::Approval)
            .screenshare_setting(Permission::Disallow)
            .chat_setting(ChatPermission::Disallow)
            .safe_room(true)
            .auto_start_safe_room(false)
            .safe_room_action(SafeRoomAction::Warn)
            .support_sip(true)
            .direction_sip(SipDirection::Both)
            .support_translation(true)
            .translation_config_nick_name("mine")
            .translation_output_mode(TranslationOutput::TextOnly)
            .enable_ai_notes(true)
            .ai_notes_only(false)
            .support_max_room(false)
            .support_flex_room(true)
            .webhook_url("https://example.com/hook")
            .webhook_secret("hook-secret")
    };
}

fn settings(action: &str) -> Value {
    json!({
        "action": action, "subusername": "sub", "itemPageLimit": 4, "mediaType": "audio", "addCoHost": true,
        "targetOrientation": "neutral", "targetOrientationHost": "portrait", "targetResolution": "QnHD",
        "targetResolutionHost": "fhd", "type": "chat", "audioSetting": "allow", "videoSetting": "approval",
        "screenshareSetting": "disallow", "chatSetting": "disallow", "safeRoom": true, "autoStartSafeRoom": false,
        "safeRoomAction": "warn", "supportSIP": true, "directionSIP": "both", "supportTranslation": true,
        "translationConfigNickName": "mine", "translationOutputMode": "text-only", "enableAiNotes": true,
        "aiNotesOnly": false, "supportMaxRoom": false, "supportFlexRoom": true,
        "webhookUrl": "https://example.com/hook", "webhookSecret": "hook-secret",
    })
}

/// The same with all of them set; all of `create_room` is beside its answers, in `wire.rs`.
async fn with_all_set() -> BTreeSet<&'static str> {
    let both = || Ingest::new([TrackKind::Audio, TrackKind::Video]);
    let placed = StartSipCall::new("+15551234567", "+15557654321", "s1", "host")
        .callee_display_name("Ann")
        .call_purpose("p")
        .call_objective("o")
        .reference_id("r")
        .urgency(Urgency::Urgent)
        .call_script("say")
        .start_with_initiator_audio(true);
    let calls = ListSipCalls::new()
        .page(2)
        .limit(100)
        .status("on hold")
        .direction(CallDirection::Outgoing)
        .room_name("s1")
        .search("a&b=c");
    let source = CreateExternalSession::new("s1", "cam1", ExternalRole::Host, both())
        .metadata(json!({"a": [1]}))
        .idempotency_key("one-key-each");
    table! {
        create_room(room().region(Region::Asia).idempotency_key("one-key-each")) => "POST /v1/rooms/", {
            "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10, "region": "asia",
        };
        join_room(JoinRoom::new("s1", "guest1").secure_code("code").admin_passcode("pass").islevel(Level::CoHost)
            .idempotency_key("one-key-each")) => "POST /v1/rooms/", {
            "action": "join", "meetingID": "s1", "userName": "guest1", "secureCode": "code",
            "adminPasscode": "pass", "islevel": "1",
        };
        list_rooms(ListRooms::new().event_status(EventStatus::Inactive).start_index(0).page_size(20))
            => "GET /v1/rooms?eventStatus=inactive&startIndex=0&pageSize=20", null;
        create_event_settings(all_settings!(CreateEventSettings::new()))
            => "POST /v1/eventssettings", (settings("create"));
        update_event_settings(all_settings!(UpdateEventSettings::new()))
            => "POST /v1/eventssettings", (settings("update"));
        list_sip_configs(ListSipConfigs::new().start_index(20).page_size(10))
            => "GET /v1/sipconfigs/?action=get&startIndex=20&pageSize=10", null;
        list_sip_calls(calls) => "GET /v1/sipcall/list?page=2&limit=100&status=on%20hold&direction=outgoing\
            &roomName=s1&search=a%26b%3Dc", null;
        start_sip_call(placed) => "POST /v1/sipcall/outgoingCall", {
            "calledDid": "+15551234567", "callerIdNumber": "+15557654321", "roomName": "s1",
            "initiatorName": "host", "calleeDisplayName": "Ann", "callPurpose": "p", "callObjective": "o",
            "referenceId": "r", "urgency": "urgent", "callScript": "say", "startWithInitiatorAudio": true,
        };
        end_sip_call(EndSipCall::new(CALL).reason("over")) => call("POST", "end"), {"reason": "over"};
        hold_sip_call(HoldSipCall::new(CALL).with_message("wait").pause_recording(false))
            => call("POST", "hold"), {"withMessage": "wait", "pauseRecording": false};
        switch_sip_source(SwitchSipSource::new(CALL, SipSource::Human).human_name("Ann"))
            => call("POST", "switch-source"), {"targetType": "human", "humanName": "Ann"};
        play_sip_audio(PlaySipAudio::new(CALL, "https://h/a.mp3").repeat(true).immediately(false))
            => call("POST", "play"), {"sourceValue": "https://h/a.mp3", "loop": true, "immediately": false};
        create_external_session(source) => "POST /v1/meetings/s1/external-sessions", {
            "displayName": "cam1", "role": "host", "ingest": {"protocol": "whip", "tracks": ["audio", "video"]},
            "metadata": {"a": [1]},
        };
        delete_external_session(DeleteExternalSession::new("s1", "ems_1").reason("over"))
            => "DELETE /v1/meetings/s1/external-sessions/ems_1", {"reason": "over"};
        create_playback(CreatePlayback::new("s1", "ems_1", ["audio", "video"]).idempotency_key("one-key-each"))
            => "POST /v1/meetings/s1/playbacks",
            {"sourceSessionID": "ems_1", "protocol": "whep", "tracks": ["audio", "video"]};
        delete_playback(DeletePlayback::new("s1", "emp_1").reason("over"))
            => "DELETE /v1/meetings/s1/playbacks/emp_1", {"reason": "over"};
        manage_disposable_key(ManageDisposableKey::new(KeyAction::Create).members(json!({"name": "n", "days": 1})))
            => "POST /v1/disposable-keys", {"action": "create", "name": "n", "days": 1};
        get_disposable_key_usage(GetDisposableKeyUsage::new().key_id("a/b"))
            => "GET /v1/disposable-keys/a%2Fb/usage", null;
    }
}

/// Every operation of the crate that is a request of HTTP.
fn operations() -> BTreeSet<&'static str> {
    let generated = include_str!("../src/generated.rs").split("Meta::new(\"").skip(1);
    generated.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_operation_sends_what_it_should() {
    let (fixed, unset, set) =
        (Box::pin(without_options()).await, Box::pin(with_none_set()).await, Box::pin(with_all_set()).await);
    assert_eq!(unset, set, "each with options in both ways");
    assert_eq!(fixed.intersection(&set).count(), 0);
    let told: BTreeSet<_> = fixed.union(&set).copied().collect();
    assert_eq!(told, operations(), "all of them, and no others");
}

/// The bytes of the one request that the call makes over a socket.
async fn bytes<C: IntoFuture>(kind: ServerKind, call: impl FnOnce(Client, String) -> C) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(&url).server(kind);
    let client = builder.idempotency_keys(false).build().unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        let whole = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            let length =
                text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
            text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length.unwrap_or(0))
        };
        while !whole(&text) {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0);
        }
        stream.write_all(b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(text).unwrap().replace(&url["http://".len()..], "HOST")
    };
    tokio::join!(serve, call(client, url.clone()).into_future()).0
}

#[tokio::test]
async fn the_bytes_of_a_request() {
    let agent = concat!("rtc-mediasfu/", env!("CARGO_PKG_VERSION"));
    let head = |line: &str, accept: &str, rest: &str, token: &str, body: &str| {
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        format!(
            "{line} HTTP/1.1\r\naccept: {accept}\r\n{rest}user-agent: {agent}\r\nauthorization: Bearer {token}\r\n\
             host: HOST\r\n{length}\r\n{body}"
        )
    };
    let account = format!("{USER}:{KEY}");
    // The order of headers says nothing.
    let sorted = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
        lines[1..].sort();
        (lines, body.to_owned())
    };
    let json = "content-type: application/json\r\n";
    let body =
        r#"{"action":"create","userName":"hostUser","duration":60,"capacity":10,"secureCode":"c\"é\u0001d"}"#;
    let request = || room().secure_code("c\"é\u{1}d");
    let got = bytes(ServerKind::Cloud, |client, _| async move { client.create_room(request()).await }).await;
    assert_eq!(sorted(&got), sorted(&head("POST /v1/rooms/", "application/json", json, &account, body)));
    let got =
        bytes(ServerKind::Community, |client, _| async move { client.create_room(request()).await }).await;
    assert_eq!(sorted(&got), sorted(&head("POST /createRoom", "application/json", json, &account, body)));
    let got = bytes(ServerKind::Cloud, |client, _| async move {
        client.end_sip_call(EndSipCall::new("a/../b@1.2.3.4")).await
    })
    .await;
    let line = "POST /v1/sipcall/a%2F..%2Fb%401.2.3.4/end";
    assert_eq!(sorted(&got), sorted(&head(line, "application/json", json, &account, "{}")));
    let got = bytes(ServerKind::Cloud, |client, url| async move {
        client.publish_whip(PublishWhip::new(format!("{url}/whip/s1/x?y=1"), "media-token", OFFER)).await
    })
    .await;
    let sdp = "content-type: application/sdp\r\n";
    let wanted = head("POST /whip/s1/x?y=1", "application/sdp", sdp, "media-token", OFFER);
    assert_eq!(sorted(&got), sorted(&wanted));
}
