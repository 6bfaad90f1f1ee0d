//! Every rule of the input at its edges: broken ones are all told at once, by both names of the field, before
//! anything is sent. What creating and joining a room take is in `validation.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use common::{OFFER, WHEP, WHIP, room, scripted};
use mediasfu::*;
use rtc_core::testing::ScriptedTransport;
use serde_json::{Value, json};

/// What one call breaks, as `field rule`, or `field wire rule` where the two names differ; nothing when the
/// request went out.
async fn broken<T>(call: impl AsyncFnOnce(Client) -> Result<T>) -> Vec<String> {
    let transport = ScriptedTransport::new();
    let error = call(scripted(&transport)).await.err().unwrap();
    let Some(violations) = error.violations() else {
        assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
        assert!(!transport.requests().is_empty());
        return Vec::new();
    };
    assert!(transport.requests().is_empty(), "{error} was sent");
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::InvalidInput, false, 0));
    violations
        .iter()
        .map(|v| {
            assert!(!v.message.is_empty() && error.to_string().contains(&*v.message));
            let wire = if v.wire == v.field { String::new() } else { format!("{} ", v.wire) };
            format!("{} {wire}{}", v.field, v.rule)
        })
        .collect()
}

/// `operation(input) => what it breaks`, nothing for a good one.
macro_rules! rules {
    ($($operation:ident($request:expr) => [$($rule:literal),*];)*) => {
        $({
            let request = $request;
            let shown = format!("{request:?}");
            let found = Box::pin(broken(async |client: Client| client.$operation(request).await)).await;
            assert_eq!(found, [$($rule),*] as [&str; _], "{} {shown}", stringify!($operation));
        })*
    };
}

/// A text of so many characters, each of two bytes.
fn e(length: usize) -> String {
    "é".repeat(length)
}

#[tokio::test]
async fn rooms_and_lists_of_them() {
    rules! {
        create_room(room().room_name(" ")) => ["room_name roomName pattern"];
        create_room(room().islevel("3")) => ["islevel one_of"];
        create_room(room().buffer_type("none").safe_room_action("none")) =>
            ["safe_room_action safeRoomAction one_of", "buffer_type bufferType one_of"];
        join_room(JoinRoom::new("", "é").islevel("x").idempotency_key("kéy"))
            => ["meeting_id meetingID pattern", "user_name userName length", "islevel one_of",
                "idempotency_key Idempotency-Key length"];
        delete_room(DeleteRoom::new(e(256))) => [];
        delete_room(DeleteRoom::new(e(257))) => ["meeting_id meetingID length"];
        delete_room(DeleteRoom::new("\t ")) => ["meeting_id meetingID pattern"];
        list_rooms(ListRooms::new().page_size(0).event_status("gone"))
            => ["event_status eventStatus one_of", "page_size pageSize range"];
        list_rooms(ListRooms::new().page_size(1).start_index(0)) => [];
        list_sip_configs(ListSipConfigs::new().page_size(0)) => ["page_size pageSize range"];
        list_sip_configs(ListSipConfigs::new().page_size(1)) => [];
    }
}

/// Both operations on the settings have the same rules.
macro_rules! settings {
    ($operation:ident, $new:expr) => {
        rules! {
            $operation($new) => [];
            $operation($new.subusername(e(120)).translation_config_nick_name(e(50)).webhook_secret(e(256))) => [];
            $operation($new.subusername(e(121))) => ["subusername length"];
            $operation($new.item_page_limit(0)) => ["item_page_limit itemPageLimit range"];
            $operation($new.item_page_limit(1)) => [];
            $operation($new.item_page_limit(100_000)) => [];
            $operation($new.item_page_limit(100_001)) => ["item_page_limit itemPageLimit range"];
            $operation($new.translation_config_nick_name(e(51)))
                => ["translation_config_nick_name translationConfigNickName length"];
            $operation($new.webhook_secret(e(257))) => ["webhook_secret webhookSecret length"];
            $operation($new.webhook_url(format!("https://h/{}", "x".repeat(2038)))) => [];
            $operation($new.webhook_url(format!("https://h/{}", "x".repeat(2039))))
                => ["webhook_url webhookUrl length"];
            $operation($new.webhook_url("ftp://h/x")) => ["webhook_url webhookUrl pattern"];
            $operation($new.webhook_url("https://h/a b")) => ["webhook_url webhookUrl pattern"];
            $operation($new.media_type("x").target_orientation("x").target_orientation_host("x")
                .target_resolution("x").target_resolution_host("x").event_type("x").audio_setting("x")
                .video_setting("x").screenshare_setting("x").chat_setting("approval").safe_room_action("x")
                .direction_sip("x").translation_output_mode("x")) => [
                    "media_type mediaType one_of", "target_orientation targetOrientation one_of",
                    "target_orientation_host targetOrientationHost one_of",
                    "target_resolution targetResolution one_of",
                    "target_resolution_host targetResolutionHost one_of", "type one_of",
                    "audio_setting audioSetting one_of", "video_setting videoSetting one_of",
                    "screenshare_setting screenshareSetting one_of", "chat_setting chatSetting one_of",
                    "safe_room_action safeRoomAction one_of", "direction_sip directionSIP one_of",
                    "translation_output_mode translationOutputMode one_of"
                ];
        }
    };
}

#[tokio::test]
async fn settings_of_events() {
    settings!(create_event_settings, CreateEventSettings::new());
    settings!(update_event_settings, UpdateEventSettings::new());
}

#[tokio::test]
async fn telephone_calls() {
    let list = ListSipCalls::new;
    let call = || StartSipCall::new("+15551234567", "15557654321", "s1", "host");
    let to = |number: &str| StartSipCall::new(number, "+12", "s1", "h");
    rules! {
        list_sip_calls(list()) => [];
        list_sip_calls(list().page(0).limit(0)) => ["page range", "limit range"];
        list_sip_calls(list().page(1).limit(1)) => [];
        list_sip_calls(list().limit(100).search("")) => [];
        list_sip_calls(list().limit(101)) => ["limit range"];
        list_sip_calls(list().status(" ").direction("inbound").room_name(""))
            => ["status pattern", "direction one_of", "room_name roomName pattern"];
        start_sip_call(call()) => [];
        start_sip_call(to("+12")) => [];
        start_sip_call(to("+123456789012345")) => [];
        start_sip_call(to("+1234567890123456")) => ["called_did calledDid pattern"];
        start_sip_call(to("+0123")) => ["called_did calledDid pattern"];
        start_sip_call(to("555-1234")) => ["called_did calledDid pattern"];
        start_sip_call(StartSipCall::new("", "x", " ", "").urgency("now")) => [
            "called_did calledDid pattern", "caller_id_number callerIdNumber pattern",
            "room_name roomName pattern", "initiator_name initiatorName pattern", "urgency one_of"
        ];
        start_sip_call(call().callee_display_name(e(320)).call_purpose(e(500)).call_objective(e(300))
            .reference_id(e(100)).call_script(e(2000))) => [];
        start_sip_call(call().callee_display_name(e(321)).call_purpose(e(501)).call_objective(e(301))
            .reference_id(e(101)).call_script(e(2001))) => [
                "callee_display_name calleeDisplayName length", "call_purpose callPurpose length",
                "call_objective callObjective length", "reference_id referenceId length",
                "call_script callScript length"
            ];
        switch_sip_source(SwitchSipSource::new("c", "robot")) => ["target_type targetType one_of"];
        play_sip_audio(PlaySipAudio::new("c", e(2048))) => [];
        play_sip_audio(PlaySipAudio::new("c", e(2049))) => ["source_value sourceValue length"];
        play_sip_audio(PlaySipAudio::new("c", "  ")) => ["source_value sourceValue pattern"];
    }
}

#[tokio::test]
async fn values_of_templates() {
    let of = |values: Value| UpdateSipTemplate::new("c", values);
    let many = |count: usize| of((0..count).map(|n| (n.to_string(), json!(n))).collect());
    rules! {
        update_sip_template(of(json!({}))) => [];
        update_sip_template(of(json!({"a": "x", "b": 1, "c": false, "d": null}))) => [];
        update_sip_template(many(50)) => [];
        update_sip_template(many(51)) => ["template_values templateValues length"];
        update_sip_template(of(json!({"a": {}}))) => ["template_values templateValues pattern"];
        update_sip_template(of(json!({"a": []}))) => ["template_values templateValues pattern"];
        update_sip_template(of(json!([1]))) => ["template_values templateValues pattern"];
        update_sip_template(of(Value::Null)) => ["template_values templateValues pattern"];
        update_sip_template(UpdateSipTemplate::new("", json!("x")))
            => ["sip_call_id sipCallId pattern", "template_values templateValues pattern"];
    }
}

/// The id of a telephone call has the same rules everywhere.
macro_rules! call_ids {
    ($($operation:ident($new:expr);)*) => {
        $(
            let new = $new;
            rules! {
                $operation(new("x".repeat(256))) => [];
                $operation(new("x".repeat(257))) => ["sip_call_id sipCallId length"];
                $operation(new("a/b?c@d%".into())) => [];
                $operation(new(String::new())) => ["sip_call_id sipCallId pattern"];
                $operation(new(".".into())) => ["sip_call_id sipCallId pattern"];
                $operation(new("..".into())) => ["sip_call_id sipCallId pattern"];
                $operation(new("a b".into())) => ["sip_call_id sipCallId pattern"];
                $operation(new("a\r\nb".into())) => ["sip_call_id sipCallId pattern"];
                $operation(new("é".into())) => ["sip_call_id sipCallId pattern"];
            }
        )*
    };
}

#[tokio::test]
async fn ids_of_telephone_calls() {
    call_ids! {
        get_sip_call_state(|id: String| GetSipCallState::new(id));
        end_sip_call(|id: String| EndSipCall::new(id));
        hold_sip_call(|id: String| HoldSipCall::new(id));
        unhold_sip_call(|id: String| UnholdSipCall::new(id));
        switch_sip_source(|id: String| SwitchSipSource::new(id, SipSource::Agent));
        start_sip_agent(|id: String| StartSipAgent::new(id));
        stop_sip_agent(|id: String| StopSipAgent::new(id));
        offer_sip_callback(|id: String| OfferSipCallback::new(id));
        play_sip_audio(|id: String| PlaySipAudio::new(id, "x"));
        update_sip_play_to_all(|id: String| UpdateSipPlayToAll::new(id, true));
        update_sip_template(|id: String| UpdateSipTemplate::new(id, json!({})));
        pause_sip_recording(|id: String| PauseSipRecording::new(id));
        resume_sip_recording(|id: String| ResumeSipRecording::new(id));
        stop_sip_recording(|id: String| StopSipRecording::new(id));
    }
}

#[tokio::test]
async fn external_sources_and_viewers() {
    let source = |tracks: &[TrackKind]| {
        CreateExternalSession::new("s1", "cam", ExternalRole::Host, Ingest::new(tracks.to_vec()))
    };
    let named = |name: &str| CreateExternalSession::new("s1", name, "host", Ingest::new(["audio"]));
    let one = || source(&[TrackKind::Audio]);
    let watch = |tracks: &[&str]| CreatePlayback::new("s1", "ems_1", tracks.to_vec());
    rules! {
        create_external_session(one()) => [];
        create_external_session(source(&[TrackKind::Audio, TrackKind::Video])) => [];
        create_external_session(source(&[])) => ["ingest.tracks length"];
        create_external_session(source(&vec![TrackKind::Audio; 3])) => ["ingest.tracks length"];
        create_external_session(named("ab")) => [];
        create_external_session(named("abcdefghij")) => [];
        create_external_session(named("a")) => ["display_name displayName length"];
        create_external_session(named("abcdefghijk")) => ["display_name displayName length"];
        create_external_session(named("a b")) => ["display_name displayName pattern"];
        create_external_session(one().metadata(json!({}))) => [];
        create_external_session(one().metadata(json!([]))) => ["metadata pattern"];
        create_external_session(one().idempotency_key("1234567")) => ["idempotency_key Idempotency-Key length"];
        create_external_session(CreateExternalSession::new("..", "", "guest", Ingest::new(["text"]))
            .metadata(json!("x")).idempotency_key("has a space")) => [
                "meeting_id meetingID pattern", "display_name displayName length", "role one_of",
                "ingest.tracks one_of", "idempotency_key Idempotency-Key pattern", "metadata pattern"
            ];
        create_external_session(CreateExternalSession::new(e(257), "cam", "host", Ingest::new(["audio"])))
            => ["meeting_id meetingID length"];
        get_external_session(GetExternalSession::new("", "."))
            => ["meeting_id meetingID pattern", "session_id sessionID pattern"];
        delete_external_session(DeleteExternalSession::new(e(257), ""))
            => ["meeting_id meetingID length", "session_id sessionID pattern"];
        create_playback(watch(&["audio", "video"])) => [];
        create_playback(watch(&[])) => ["tracks length"];
        create_playback(watch(&["audio", "video", "audio"])) => ["tracks length"];
        create_playback(CreatePlayback::new(".", " ", ["data"]).idempotency_key("x")) => [
            "meeting_id meetingID pattern", "source_session_id sourceSessionID pattern", "tracks one_of",
            "idempotency_key Idempotency-Key length"
        ];
        delete_playback(DeletePlayback::new("..", ".."))
            => ["meeting_id meetingID pattern", "playback_id playbackID pattern"];
    }
}

#[tokio::test]
async fn addresses_of_media() {
    let at = |url: &str| GetWhepProfile::new(url);
    rules! {
        publish_whip(PublishWhip::new(WHIP, "t", OFFER)) => [];
        publish_whip(PublishWhip::new("whip", "", "")) =>
            ["url pattern", "token Authorization required", "sdp pattern"];
        publish_whip(PublishWhip::new(WHIP, "t", "offer")) => ["sdp pattern"];
        play_whep(PlayWhep::new(WHEP, "", "o=1")) => ["token Authorization required", "sdp pattern"];
        get_whep_profile(at(WHEP)) => [];
        get_whep_profile(at("HTTPS://edge.mediasfu.com/whep?x=1")) => [];
        get_whep_profile(at("https://edge.mediasfu.com/whep#x")) => ["url pattern"];
        get_whep_profile(at("https://:80/")) => ["url pattern"];
        get_whep_profile(at("https://h/a b")) => ["url pattern"];
        get_whep_profile(at("wss://edge.mediasfu.com/whep")) => ["url pattern"];
        delete_media_resource(DeleteMediaResource::new(format!("{WHIP}/r"), "t")) => [];
        delete_media_resource(DeleteMediaResource::new("https://h#x", "")) =>
            ["token Authorization required", "url pattern"];
    }
}

#[tokio::test]
async fn disposable_keys() {
    let usage = GetDisposableKeyUsage::new;
    let key = || ManageDisposableKey::new(KeyAction::Update);
    rules! {
        manage_disposable_key(key()) => [];
        manage_disposable_key(key().members(json!({"name": "n"}))) => [];
        manage_disposable_key(key().members(json!([]))) => ["members pattern"];
        manage_disposable_key(key().members(json!({"action": "revoke"}))) => ["members conflict"];
        manage_disposable_key(ManageDisposableKey::new("delete").members(json!(1)))
            => ["action one_of", "members pattern"];
        get_disposable_key_usage(usage()) => ["name required"];
        get_disposable_key_usage(usage().name(" ")) => ["name pattern"];
        get_disposable_key_usage(usage().name("n").key_id("k")) => ["key_id keyId conflict"];
        get_disposable_key_usage(usage().key_id("..")) => ["key_id keyId pattern"];
        get_disposable_key_usage(usage().key_id("k")) => [];
    }
}
