//! Webhooks: every kind, what is missing or of another type, and replies within and outside their bounds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use sora_rpc::webhook::{
    AuthReply, AuthRequest, EventWebhook, SessionEvent, SessionReply, SessionWebhook, WebhookEvent,
};
use sora_rpc::{DataChannel, Direction, ErrorKind, Rid, Role};

const AT: u64 = 1_767_225_600;

fn auth(body: &Value) -> AuthRequest {
    AuthRequest::parse(body.to_string().as_bytes()).unwrap()
}

fn event(body: &Value) -> EventWebhook {
    EventWebhook::parse(body.to_string().as_bytes()).unwrap()
}

fn session(body: &Value) -> SessionWebhook {
    SessionWebhook::parse(body.to_string().as_bytes()).unwrap()
}

fn shown(reply: &AuthReply) -> Value {
    serde_json::from_str(&reply.to_json().unwrap()).unwrap()
}

fn broken(reply: &AuthReply) -> Vec<String> {
    let error = reply.to_json().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.violations().unwrap().iter().map(|v| format!("{} {}", v.field, v.rule.as_str())).collect()
}

#[test]
fn an_auth_webhook_is_typed_and_whole() {
    let body = json!({
        "timestamp": "2026-01-01T00:00:00.5Z", "version": "2025.2.0", "label": "l", "node_name": "n",
        "role": "sendrecv", "channel_id": "sora", "connection_id": "c", "client_id": "me", "bundle_id": 7,
        "metadata": { "access_token": "t" }, "audio": true, "video": { "codec_type": "VP9" }, "simulcast": true,
        "data_channel_signaling": true, "channel_connections": 3, "channel_recvonly_connections": 2,
        "e2ee": false,
    });
    let asked = auth(&body);
    assert_eq!(asked.role, Role::SendRecv);
    assert_eq!(
        (&*asked.channel_id, &*asked.connection_id, asked.client_id.as_deref()),
        ("sora", "c", Some("me"))
    );
    assert_eq!(asked.bundle_id, None, "a number is no name");
    assert_eq!(asked.origin.timestamp, Some(UNIX_EPOCH + Duration::from_millis(AT * 1000 + 500)));
    assert_eq!((asked.channel.all, asked.channel.recvonly, asked.channel.sendrecv), (Some(3), Some(2), None));
    assert_eq!(
        (asked.metadata, asked.data_channel_signaling),
        (Some(json!({ "access_token": "t" })), Some(true))
    );
    assert_eq!(asked.raw.get("e2ee"), Some(&json!(false)));
    assert_eq!(
        auth(&json!({ "role": "guest", "channel_id": "c", "connection_id": "x" })).role,
        Role::Other("guest".into())
    );
}

#[test]
fn what_cannot_be_judged_is_refused() {
    for body in [
        &b""[..],
        b"[]",
        b"{",
        br#"{"channel_id":"c","connection_id":"x"}"#,
        br#"{"role":"sendrecv","connection_id":"x"}"#,
        br#"{"role":"sendrecv","channel_id":7,"connection_id":"x"}"#,
        br#"{"role":"sendrecv","channel_id":"c"}"#,
    ] {
        assert_eq!(AuthRequest::parse(body).unwrap_err().kind(), ErrorKind::Protocol);
    }
    for body in [&b""[..], b"[]", b"7", b"\xff{}"] {
        assert_eq!(EventWebhook::parse(body).unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(SessionWebhook::parse(body).unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[test]
fn a_reply_says_what_was_set_and_nothing_else() {
    assert_eq!(shown(&AuthReply::allow()), json!({ "allowed": true }));
    assert_eq!(
        shown(&AuthReply::refuse("INVALID-TOKEN")),
        json!({ "allowed": false, "reason": "INVALID-TOKEN" })
    );
    let reply = AuthReply::allow()
        .rpc_methods(["2025.2.0/RequestSimulcastRid"])
        .simulcast(true)
        .simulcast_request_rid(Rid::R2)
        .simulcast_rpc_rids(["none", "r0"])
        .metadata(json!({ "a": 1 }))
        .event_metadata("e")
        .signaling_notify_metadata(json!(null))
        .data_channel_signaling(true)
        .audio(true)
        .audio_codec_type("OPUS")
        .audio_bit_rate(64)
        .video(json!({ "codec_type": "VP9" }))
        .data_channels([DataChannel::new("#chat", Direction::SendRecv).ordered(false)])
        .member("ipv4_address", "192.0.2.1");
    assert_eq!(
        shown(&reply),
        json!({
            "allowed": true, "rpc_methods": ["2025.2.0/RequestSimulcastRid"], "simulcast": true,
            "simulcast_request_rid": "r2", "simulcast_rpc_rids": ["none", "r0"], "metadata": { "a": 1 },
            "event_metadata": "e", "signaling_notify_metadata": null, "data_channel_signaling": true,
            "audio": true, "audio_codec_type": "OPUS", "audio_bit_rate": 64, "video": { "codec_type": "VP9" },
            "data_channels": [{ "label": "#chat", "direction": "sendrecv", "ordered": false }],
            "ipv4_address": "192.0.2.1",
        })
    );
}

#[test]
fn bounds_are_inclusive_and_all_told_at_once() {
    let good = |reply: AuthReply| assert!(reply.validate().is_ok(), "{:?}", reply.validate());
    for bytes in [1, 255] {
        good(AuthReply::allow().client_id("a".repeat(bytes)).bundle_id("b".repeat(bytes)));
        good(AuthReply::allow().rpc_methods(["m".repeat(bytes)]));
    }
    for (audio, video, number) in [(6, 1, 1), (510, 50_000, 8)] {
        good(
            AuthReply::allow()
                .audio(true)
                .audio_bit_rate(audio)
                .video(true)
                .video_bit_rate(video)
                .spotlight_number(number),
        );
    }
    let outside = AuthReply::allow()
        .client_id("")
        .bundle_id("é".repeat(128))
        .audio(true)
        .audio_bit_rate(5)
        .video(true)
        .video_bit_rate(50_001)
        .data_channels([DataChannel::new("chat", Direction::SendRecv)])
        .rpc_methods(["m", "", "\n"])
        .simulcast_rid(Rid::None)
        .simulcast_request_rid("auto")
        .simulcast_rpc_rids(["r0", "r3"])
        .spotlight_number(9);
    assert_eq!(
        broken(&outside),
        [
            "client_id length",
            "bundle_id length",
            "audio_bit_rate range",
            "video_bit_rate range",
            "rpc_methods.1 required",
            "rpc_methods.2 pattern",
            "simulcast_rid one_of",
            "simulcast_request_rid one_of",
            "simulcast_rpc_rids.1 one_of",
            "spotlight_number range",
            "data_channels.0.label pattern",
        ]
    );
}

#[test]
fn members_by_name_are_checked_as_if_set() {
    let wrong = AuthReply::allow()
        .member("audio", "yes")
        .member("rpc_methods", json!([1]))
        .member("simulcast", 1)
        .member("simulcast_rpc_rids", "r0")
        .member("simulcast_encodings", json!(["r0"]))
        .member("client_id", 7)
        .member("audio_bit_rate", 64.5)
        .member("allowed", false);
    assert_eq!(
        broken(&wrong),
        [
            "client_id pattern",
            "audio pattern",
            "audio_bit_rate pattern",
            "rpc_methods.0 pattern",
            "simulcast pattern",
            "simulcast_rpc_rids pattern",
            "simulcast_encodings pattern",
            "allowed forbidden",
        ]
    );
    // Settings of what is not switched on, and a refusal that gives something.
    assert_eq!(broken(&AuthReply::allow().audio(false).audio_bit_rate(64)), ["audio_bit_rate conflict"]);
    assert_eq!(broken(&AuthReply::allow().video_codec_type("AV1")), ["video_codec_type conflict"]);
    assert_eq!(broken(&AuthReply::refuse("no").rpc_methods(["m"])), ["reason conflict"]);
    assert_eq!(broken(&AuthReply::refuse("")), ["reason required"]);
    assert_eq!(broken(&AuthReply::refuse("a\u{7}")), ["reason pattern"]);
}

#[test]
fn every_kind_of_event() {
    let data = json!({
        "minutes": 3, "channel_connections": 2, "created_timestamp": "2026-01-01T00:00:00Z", "destroyed_time": AT + 1,
        "turn_transport_type": "udp", "total_sent_bytes": 9, "reason": "r", "disconnect_api_reason": "a",
        "type_disconnect_reason": "NO-ERROR", "message": "m", "recording_id": "rec", "filename": "f.webm",
        "file_path": "/a/f.webm", "size": 5, "split_index": "0001", "start_time": AT, "split_last_index": "0002",
        "archives": [{ "connection_id": "c", "stop_timestamp": "2026-01-01T00:00:01Z" }, 7],
        "failed_archives": [{ "connection_id": "d" }], "metadata": [1], "expire_time": 60,
    });
    for kind in [
        "connection.created",
        "connection.updated",
        "connection.destroyed",
        "connection.failed",
        "recording.started",
        "recording.report",
        "archive.started",
        "archive.available",
        "archive.failed",
        "split-archive.available",
        "split-archive.end",
        "spotlight.focused",
        "spotlight.unfocused",
        "something.new",
    ] {
        let webhook = event(&json!({
            "type": kind, "id": "1", "role": "recvonly", "channel_id": "sora", "session_id": "s", "connection_id": "c",
            "event_metadata": 1, "spotlight_number": 2, "fixed": true, "data": data,
        }));
        assert_eq!(webhook.event.kind(), kind);
        assert_eq!(
            (webhook.id.as_deref(), webhook.role, webhook.event_metadata),
            (Some("1"), Some(Role::RecvOnly), Some(json!(1)))
        );
        match webhook.event {
            WebhookEvent::ConnectionCreated(data)
            | WebhookEvent::ConnectionUpdated(data)
            | WebhookEvent::ConnectionDestroyed(data)
            | WebhookEvent::ConnectionFailed(data) => {
                assert_eq!(
                    (data.minutes, data.channel.all, data.total_sent_bytes),
                    (Some(3), Some(2), Some(9))
                );
                let [created, destroyed] = [AT, AT + 1].map(|at| Some(UNIX_EPOCH + Duration::from_secs(at)));
                assert_eq!((data.created_at, data.destroyed_at), (created, destroyed));
                assert_eq!(
                    (data.message.as_deref(), data.disconnect_api_reason.as_deref()),
                    (Some("m"), Some("a"))
                );
            }
            WebhookEvent::RecordingStarted(data) | WebhookEvent::RecordingReport(data) => {
                assert_eq!((data.archives.len(), data.failed_archives.len()), (1, 1));
                assert_eq!((data.expire_time, data.metadata), (Some(60), Some(json!([1]))));
            }
            WebhookEvent::ArchiveStarted(data)
            | WebhookEvent::ArchiveAvailable(data)
            | WebhookEvent::ArchiveFailed(data)
            | WebhookEvent::SplitArchiveAvailable(data)
            | WebhookEvent::SplitArchiveEnd(data) => {
                assert_eq!((data.recording_id.as_deref(), data.size), (Some("rec"), Some(5)));
                assert_eq!(data.started_at, Some(UNIX_EPOCH + Duration::from_secs(AT)));
            }
            WebhookEvent::SpotlightFocused(data) | WebhookEvent::SpotlightUnfocused(data) => {
                assert_eq!((data.spotlight_number, data.fixed), (Some(2), Some(true)));
            }
            WebhookEvent::Unknown(kind) => {
                assert_eq!((&*kind, webhook.raw.get("data")), ("something.new", Some(&data)))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(event(&json!({})).event, WebhookEvent::Unknown(String::new()));
    // Without data there is nothing to tell, but the kind.
    assert_eq!(
        event(&json!({ "type": "connection.created", "data": 7 })).event,
        WebhookEvent::ConnectionCreated(Default::default())
    );
}

#[test]
fn every_kind_of_session() {
    for kind in [
        "session.created",
        "session.updated",
        "session.destroyed",
        "session.vanished",
        "recording.started",
        "recording.report",
        "audio-streaming.started",
        "audio-streaming.stopped",
        "something.new",
    ] {
        assert_eq!(session(&json!({ "type": kind })).event.kind(), kind);
    }
    let end = session(&json!({
        "type": "session.destroyed", "channel_id": "sora", "session_id": "s", "max_connections": 2, "total_connections": 3,
        "created_time": AT, "destroyed_timestamp": "2026-01-01T00:00:01Z", "session_metadata": { "a": 1 },
        "connections": [{ "role": "sendonly", "connection_id": "c", "connection_created_timestamp": "2026-01-01T00:00:00Z" }, null],
    }));
    assert_eq!(
        (&end.event, end.max_connections, end.total_connections),
        (&SessionEvent::Destroyed, Some(2), Some(3))
    );
    assert_eq!(end.connections.len(), 1);
    assert_eq!(end.connections[0].created_at, end.created_at);
    assert_eq!(end.session_metadata, Some(json!({ "a": 1 })));
}

#[test]
fn what_a_session_begins_with() {
    assert_eq!(SessionReply::new().to_json().unwrap(), "{}");
    let reply = SessionReply::new().session_metadata(7).recording(true).recording_split_only(false);
    let shown: Value = serde_json::from_str(&reply.member("x", 1).to_json().unwrap()).unwrap();
    assert_eq!(
        shown,
        json!({ "session_metadata": 7, "recording": true, "recording_split_only": false, "x": 1 })
    );
    let wrong = SessionReply::new().recording_expire_time(0).spotlight_number(9).member("recording", "yes");
    let fields: Vec<_> = wrong.validate().unwrap_err().iter().map(|v| v.field.to_string()).collect();
    assert_eq!(fields, ["recording", "recording_expire_time", "spotlight_number"]);
}
