//! What is made of answers that are not quite as documented: lenient in scalars, strict in structure.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use common::{KEY, SECRET, clock};
use opentok::rtc_core::http::Response;
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::rtc_core::{ErrorKind, Revealed};
use opentok::*;
use serde_json::{Value, json};

/// A client whose next answer this is.
fn with_answer(status: u16, kind: &str, body: &str) -> Client {
    let answer = Response::builder().status(status).header("content-type", kind).body(body.to_owned());
    Client::builder(Credentials::new(KEY, SECRET))
        .account(Credentials::new("777", SECRET))
        .transport(ScriptedTransport::new().answer(answer.unwrap()))
        .clock(clock())
        .build()
        .unwrap()
}

fn with(body: &str) -> Client {
    with_answer(200, "application/json", body)
}

async fn archive(body: &str) -> Result<Archive> {
    with(body).get_archive(GetArchive::new("a")).await
}

async fn broadcast(body: &str) -> Result<Broadcast> {
    with(body).get_broadcast(GetBroadcast::new("b")).await
}

#[tokio::test]
async fn an_archive_with_everything() {
    let body = json!({
        "id": "a", "sessionId": "s", "status": "available", "name": "n", "reason": "user initiated",
        "projectId": 123456, "partnerId": "123456", "applicationId": "u-u", "createdAt": 1_767_225_600_000_u64,
        "updatedAt": "1767225600001", "duration": "328", "size": 18_023_312, "hasAudio": true,
        "hasVideo": "false", "outputMode": "composed", "resolution": "640x480", "streamMode": "manual",
        "streams": [{"streamId": "x", "hasAudio": true, "hasVideo": 0, "new": 1}, null], "url": "https://h/a",
        "password": "pw", "sha256sum": "ab", "certificate": "c", "multiArchiveTag": "t",
        "maxBitrate": "100000", "quantizationParameter": 15, "hasTranscription": true,
        "transcription": {"status": "done", "url": "https://h/t", "reason": "", "primaryLanguageCode": "en",
            "hasSummary": false},
        "event": "archive", "somethingNew": {"a": [1]},
    });
    let archive = archive(&body.to_string()).await.unwrap();
    let written = serde_json::to_value(Revealed(&archive)).unwrap();
    assert_eq!(
        written,
        json!({
            "id": "a", "session_id": "s", "status": "available", "name": "n", "reason": "user initiated",
            "project_id": "123456", "partner_id": "123456", "application_id": "u-u",
            "created_at": 1_767_225_600_000_u64, "updated_at": 1_767_225_600_001_u64, "duration": 328,
            "size": 18_023_312, "has_audio": true, "has_video": false, "output_mode": "composed",
            "resolution": "640x480", "stream_mode": "manual",
            "streams": [{"stream_id": "x", "has_audio": true, "has_video": false}], "url": "https://h/a",
            "password": "pw", "sha256sum": "ab", "certificate": "c", "multi_archive_tag": "t",
            "max_bitrate": 100_000, "quantization_parameter": 15, "has_transcription": true,
            "transcription": {"status": "done", "url": "https://h/t", "reason": "",
                "primary_language_code": "en", "has_summary": false},
            "event": "archive",
        })
    );
}

#[tokio::test]
async fn an_archive_with_nothing() {
    let nulls = json!({
        "id": 7, "sessionId": null, "status": null, "name": null, "reason": null, "createdAt": null,
        "duration": null, "size": null, "hasAudio": null, "outputMode": null, "resolution": null,
        "streams": null, "url": null, "password": null, "maxBitrate": null, "transcription": null,
    });
    let absent = archive(r#"{"id":"7"}"#).await.unwrap();
    assert_eq!(archive(&nulls.to_string()).await.unwrap(), absent);
    assert_eq!((absent.id.as_str(), absent.status, absent.url, absent.streams.len()), ("7", None, None, 0));
}

#[tokio::test]
async fn values_that_nobody_knows_yet() {
    let new = archive(
        r#"{"id":"a","status":"thinking","outputMode":"holographic","resolution":"7680x4320","streamMode":"x"}"#,
    )
    .await
    .unwrap();
    assert_eq!(new.status, Some(ArchiveStatus::Other("thinking".into())));
    assert_eq!(new.output_mode, Some(OutputMode::Other("holographic".into())));
    assert_eq!(new.resolution, Some(Resolution::Other("7680x4320".into())));
    assert_eq!(new.stream_mode.map(|mode| mode.is_known()), Some(false));
    // A known one in another spelling is another one: nothing is guessed.
    let other = archive(r#"{"id":"a","status":"Available"}"#).await.unwrap();
    assert_eq!(other.status, Some(ArchiveStatus::Other("Available".into())));
}

#[tokio::test]
async fn structures_that_are_none() {
    for body in [
        "",
        "null",
        "[]",
        "7",
        "{}",
        r#"{"id":null}"#,
        r#"{"id":[]}"#,
        r#"{"id":"a","streams":{}}"#,
        r#"{"id":"a","streams":["x"]}"#,
        r#"{"id":"a","size":-1}"#,
        r#"{"id":"a","duration":1.5}"#,
        r#"{"id":"a","hasAudio":"perhaps"}"#,
        r#"{"id":"a","status":7}"#,
        r#"{"id":"a""#,
        "<archive/>",
    ] {
        let error = archive(body).await.err().unwrap_or_else(|| unreachable!("accepted {body}"));
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, true), "{body}");
    }
}

#[tokio::test]
async fn both_spellings_of_the_bit_rate() {
    for body in [r#"{"id":"x","maxBitrate":100000}"#, r#"{"id":"x","maxBitRate":"100000"}"#] {
        assert_eq!(archive(body).await.unwrap().max_bitrate, Some(100_000), "{body}");
        assert_eq!(broadcast(body).await.unwrap().max_bitrate, Some(100_000), "{body}");
    }
}

#[tokio::test]
async fn more_than_one_name_at_once() {
    let both = archive(r#"{"maxBitRate":5,"id":"x","maxBitrate":6}"#).await.unwrap();
    assert_eq!(both.max_bitrate, Some(5), "the first one counts");
    let null = broadcast(r#"{"maxBitrate":null,"id":"x","maxBitRate":6}"#).await.unwrap();
    assert_eq!(null.max_bitrate, Some(6), "a null is none");
    let body = r#"{"count":0,"projectId":123456,"applicationId":"u","sessionId":"s","items":[]}"#;
    let list = with(body).list_connections(ListConnections::new("s")).await.unwrap();
    assert_eq!((list.project_id.as_deref(), list.count), (Some("123456"), Some(0)));
    let body = r#"{"id":"other","captionsId":"c"}"#;
    let captions = with(body).get_captions(GetCaptions::new("c")).await.unwrap();
    assert_eq!(captions.captions_id, "other");
    let body = r#"{"applicationId":"u","id":42}"#;
    let project = with(body).force_mute_all(ForceMuteAll::new("s")).await.unwrap();
    assert_eq!(project.id.as_deref(), Some("u"));
}

#[tokio::test]
async fn where_a_broadcast_goes() {
    let of = async |urls: &str| {
        let body = format!(r#"{{"id":"b","broadcastUrls":{urls}}}"#);
        broadcast(&body).await.unwrap().broadcast_urls
    };
    for none in ["null", ""] {
        let body = if none.is_empty() {
            r#"{"id":"b"}"#.into()
        } else {
            r#"{"id":"b","broadcastUrls":null}"#.to_owned()
        };
        assert_eq!(broadcast(&body).await.unwrap().broadcast_urls, None);
    }
    for none in ["{}", r#"{"rtmp":null}"#, r#"{"rtmp":[]}"#, r#"{"rtmp":{}}"#, r#"{"rtmp":[null]}"#] {
        assert!(of(none).await.unwrap().rtmp.is_empty(), "{none}");
    }
    let hls = of(r#"{"hls":"https://h/p.m3u8","hlsStatus":"live"}"#).await.unwrap();
    assert_eq!((hls.hls.as_deref(), hls.hls_status), (Some("https://h/p.m3u8"), Some(HlsStatus::Live)));
    assert_eq!(of(r#"{"hlsStatus":"odd"}"#).await.unwrap().hls_status, Some(HlsStatus::Other("odd".into())));

    // A list, or an object by id; the order is that of the answer.
    let targets = async |rtmp: &str| {
        let rtmp = of(&format!(r#"{{"rtmp":{rtmp}}}"#)).await.unwrap().rtmp;
        let id = |target: RtmpTarget| target.id.unwrap_or_else(|| "-".into());
        rtmp.into_iter().map(id).collect::<Vec<_>>()
    };
    let list = r#"[{"id":"z","serverUrl":"rtmp://h/z"},{"serverUrl":"rtmp://h"},null,{"id":1}]"#;
    assert_eq!(targets(list).await, ["z", "-", "1"]);
    let map = r#"{"z":{"serverUrl":"rtmp://h/z"},"m":{"id":"own"},"y":null,"a":{"id":null}}"#;
    assert_eq!(targets(map).await, ["z", "own", "a"]);
    let whole = r#"{"rtmp":{"one":{"serverUrl":"rtmp://h","streamName":"k","status":"offline","x":1}}}"#;
    let target = of(whole).await.unwrap().rtmp.remove(0);
    assert_eq!(
        serde_json::to_value(Revealed(&target)).unwrap(),
        json!({"id": "one", "server_url": "rtmp://h", "stream_name": "k", "status": "offline"})
    );
    for bad in ["7", r#""x""#, r#"[7]"#, r#"{"a":7}"#] {
        let body = format!(r#"{{"id":"b","broadcastUrls":{{"rtmp":{bad}}}}}"#);
        assert_eq!(broadcast(&body).await.unwrap_err().kind(), ErrorKind::Protocol, "{bad}");
    }
}

#[tokio::test]
async fn lists() {
    let body = r#"{"count":"27","items":[{"id":"a"},null,{"id":"b","projectId":7}],"next":1}"#;
    let page = with(body).list_archives(ListArchives::new()).await.unwrap();
    assert_eq!((page.count, page.items.len()), (Some(27), 2));
    assert_eq!(page.items[1].project_id.as_deref(), Some("7"));
    for empty in ["{}", r#"{"count":null,"items":null}"#] {
        let page = with(empty).list_renders(ListRenders::new()).await.unwrap();
        assert_eq!((page.count, page.items.len()), (None, 0));
        assert!(with(empty).list_streams(ListStreams::new("s")).await.unwrap().items.is_empty());
    }
    let body = r#"{"items":[{"id":"x","videoType":"screen","name":"","layoutClassList":["a",null]}]}"#;
    let stream = with(body).list_streams(ListStreams::new("s")).await.unwrap().items.remove(0);
    assert_eq!((stream.video_type, stream.layout_class_list), (Some(VideoType::Screen), vec!["a".into()]));
    let body = r#"[{"id":7,"group":"archive","event":"status","url":"u","createdAt":"5"}]"#;
    let callback = with(body).list_callbacks(ListCallbacks::new()).await.unwrap().remove(0);
    assert_eq!((callback.id.as_str(), callback.created_at), ("7", Some(5)));
    assert!(with("[]").list_projects(ListProjects::new()).await.unwrap().is_empty());
    // An empty list would else be taken for a page without elements, and end the list quietly.
    for none in ["[]", "null", r#"[1,[]]"#] {
        let error = with(none).list_archives(ListArchives::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{none}");
    }
    let error = with(r#"{"items":[]}"#).list_callbacks(ListCallbacks::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "callbacks come as a bare list");
}

#[tokio::test]
async fn project_ids_are_texts() {
    for (id, text) in [("123456", "123456"), (r#""123456""#, "123456"), (r#""u-u""#, "u-u")] {
        let body = format!(r#"{{"id":"r","projectId":{id}}}"#);
        let render = with(&body).get_render(GetRender::new("r")).await.unwrap();
        assert_eq!(render.project_id.as_deref(), Some(text));
        let token = StartAudioConnector::new("s", "t", AudioConnectorWebsocket::new("wss://example.com/a"));
        assert_eq!(with(&body).start_audio_connector(token).await.unwrap().id, "r");
        let call = with(&body).dial_sip(DialSip::new("s", "t", Sip::new("sip:a@b"))).await.unwrap();
        assert_eq!(call.project_id.as_deref(), Some(text));
    }
}

/// The services answer these with 200, 202 or 204, with and without a body; all of them mean success.
#[tokio::test]
async fn empty_answers() {
    const JSON: &str = "application/json";
    let layout = || SetArchiveLayout::new("a", LayoutType::Pip);
    let refusal = r#"<errorPayload><code>-1</code><message>no</message></errorPayload>"#;
    for status in [200, 202, 204] {
        for (kind, body) in [
            (JSON, ""),
            (JSON, "{}"),
            (JSON, r#"{"id":"x"}"#),
            (JSON, "null"),
            ("text/plain", "OK"),
            // Seen beside a signal that was sent: the status counts.
            ("application/xml", refusal),
        ] {
            let client = || with_answer(status, kind, body);
            client().set_archive_layout(layout()).await.unwrap();
            client().set_broadcast_layout(SetBroadcastLayout::new("b", "pip")).await.unwrap();
            client().stop_render(StopRender::new("r")).await.unwrap();
            client().stop_captions(StopCaptions::new("c")).await.unwrap();
            client().signal_session(SignalSession::new("s", "t", "d")).await.unwrap();
            client().force_disconnect(ForceDisconnect::new("s", "c")).await.unwrap();
            client().delete_archive_storage(DeleteArchiveStorage::new()).await.unwrap();
            client().delete_project(DeleteProject::new("7")).await.unwrap();
        }
        for body in ["", " \r\n", "\u{feff}", "{}", "null"] {
            let project = with_answer(status, JSON, body).force_mute_all(ForceMuteAll::new("s")).await;
            assert_eq!(project.unwrap().id, None, "{body:?}");
            with_answer(status, JSON, body).force_mute_stream(ForceMuteStream::new("s", "x")).await.unwrap();
            with_answer(status, JSON, body).disable_force_mute(DisableForceMute::new("s")).await.unwrap();
        }
        let body = r#"{"captionsId":"c"}"#;
        let captions = with_answer(status, JSON, body).start_captions(StartCaptions::new("s", "t")).await;
        assert_eq!(captions.unwrap().captions_id, "c");
        let body = r#"{"id":"r","status":"starting"}"#;
        let request = StartRender::new("s", "t", "https://example.com");
        let render = with_answer(status, JSON, body).start_render(request).await.unwrap();
        assert_eq!(render.status, Some(RenderStatus::Starting));
    }
    // Where something must be told, nothing is not enough.
    let error = with_answer(204, JSON, "").stop_archive(StopArchive::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_project_with_its_secret() {
    let body = r#"{"id":42,"secret":"5ecret","status":"VALID","name":"n","createdAt":1,
        "environmentName":"default","environmentDescription":"Standard"}"#;
    let project = with(body).create_project(CreateProject::new()).await.unwrap();
    assert_eq!((project.id.as_deref(), project.status), (Some("42"), Some(ProjectStatus::Valid)));
    assert_eq!(project.secret.unwrap().expose(), "5ecret");
    let numbers = with(r#"{"id":42,"secret":5}"#).get_project(GetProject::new("42")).await.unwrap();
    assert_eq!(numbers.secret.unwrap().expose(), "5");
}

#[tokio::test]
async fn a_byte_order_mark_and_another_content_type() {
    let client =
        with_answer(200, "text/plain; charset=utf-8", "\u{feff}{\"id\":\"x\",\"videoType\":\"camera\"}");
    let stream = client.get_stream(GetStream::new("s", "x")).await.unwrap();
    assert_eq!(stream.video_type, Some(VideoType::Camera));
    let reread: Value = serde_json::to_value(&stream).unwrap();
    assert_eq!(reread, json!({"id": "x", "video_type": "camera", "name": null, "layout_class_list": []}));
}
