//! Every rule of the calls on a session's things, at its edges: broken ones are all told at once, by both
//! names of the field, before anything is sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use common::scripted;
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::*;

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
            assert_eq!(found, [$($rule),*] as [&str; _], "{shown}");
        })*
    };
}

fn long() -> String {
    "é".repeat(256)
}

#[tokio::test]
async fn archives() {
    let new = || StartArchive::new("s");
    rules! {
        start_archive(StartArchive::new("")) => ["session_id sessionId required"];
        start_archive(StartArchive::new(long())) => ["session_id sessionId length"];
        start_archive(StartArchive::new("é".repeat(255))) => [];
        start_archive(new().has_audio(false).has_video(false)) => ["has_video hasVideo conflict"];
        start_archive(new().has_audio(false)) => [];
        start_archive(new().has_video(false)) => [];
        start_archive(new().output_mode("mixed")) => ["output_mode outputMode one_of"];
        start_archive(new().output_mode("individual").resolution("640x480")) => ["resolution conflict"];
        start_archive(new().output_mode("individual").max_bitrate(100_000))
            => ["max_bitrate maxBitrate conflict"];
        start_archive(new().output_mode("composed").resolution("640x480").max_bitrate(100_000)) => [];
        start_archive(new().resolution("641x480")) => ["resolution one_of"];
        start_archive(new().stream_mode("sometimes")) => ["stream_mode streamMode one_of"];
        start_archive(new().max_bitrate(99_999)) => ["max_bitrate maxBitrate range"];
        start_archive(new().max_bitrate(6_000_001)) => ["max_bitrate maxBitrate range"];
        start_archive(new().max_bitrate(6_000_000)) => [];
        start_archive(new().quantization_parameter(14))
            => ["quantization_parameter quantizationParameter range"];
        start_archive(new().quantization_parameter(41))
            => ["quantization_parameter quantizationParameter range"];
        start_archive(new().quantization_parameter(15)) => [];
        start_archive(new().quantization_parameter(40)) => [];
        start_archive(new().quantization_parameter(20).max_bitrate(100_000))
            => ["quantization_parameter quantizationParameter conflict"];
        start_archive(new().transcription_properties(TranscriptionProperties::new()))
            => ["transcription_properties transcriptionProperties conflict"];
        start_archive(new().has_transcription(false).transcription_properties(TranscriptionProperties::new()))
            => ["transcription_properties transcriptionProperties conflict"];
        start_archive(new().has_transcription(true)
            .transcription_properties(TranscriptionProperties::new().primary_language_code("no such")))
            => ["transcription_properties.primary_language_code transcriptionProperties.primaryLanguageCode pattern"];
        start_archive(new().has_transcription(true)
            .transcription_properties(TranscriptionProperties::new().primary_language_code("zh-Hant-TW")))
            => [];
        list_archives(ListArchives::new().count(0)) => [];
        list_archives(ListArchives::new().count(1000).offset(u64::MAX)) => [];
        list_archives(ListArchives::new().count(1001)) => ["count range"];
        list_archives(ListArchives::new().session_id("")) => ["session_id sessionId length"];
        list_archives(ListArchives::new().session_id(long())) => ["session_id sessionId length"];
        add_archive_stream(AddArchiveStream::new("a", "")) => ["add_stream addStream required"];
        add_archive_stream(AddArchiveStream::new("a", "x").has_audio(false).has_video(false))
            => ["has_video hasVideo conflict"];
        remove_archive_stream(RemoveArchiveStream::new("a", "")) => ["remove_stream removeStream required"];
    }
}

/// The same rules for a layout at its start and for one that is changed, there below the name of the object.
#[tokio::test]
async fn layouts() {
    let of = |kind: &str| Layout::new(kind);
    let archive = |layout: Layout| StartArchive::new("s").layout(layout);
    let outputs = || Outputs::new().hls(HlsOutput::new());
    let broadcast = |layout: Layout| StartBroadcast::new("s", outputs()).layout(layout);
    for kind in ["pip", "verticalPresentation", "horizontalPresentation", "bestFit"] {
        let (first, second) = (of(kind), of(kind).stylesheet("x"));
        rules! {
            start_archive(archive(first.clone())) => [];
            start_broadcast(broadcast(first)) => [];
            start_archive(archive(second.clone())) => ["layout.stylesheet conflict"];
            start_broadcast(broadcast(second)) => ["layout.stylesheet conflict"];
            set_archive_layout(SetArchiveLayout::new("a", kind)) => [];
            set_archive_layout(SetArchiveLayout::new("a", kind).stylesheet("x")) => ["stylesheet conflict"];
            set_broadcast_layout(SetBroadcastLayout::new("b", kind)) => [];
            set_broadcast_layout(SetBroadcastLayout::new("b", kind).stylesheet("x"))
                => ["stylesheet conflict"];
        }
    }
    rules! {
        start_archive(archive(of("focus"))) => ["layout.type one_of"];
        start_broadcast(broadcast(of(""))) => ["layout.type one_of"];
        set_archive_layout(SetArchiveLayout::new("a", "focus")) => ["type one_of"];
        set_broadcast_layout(SetBroadcastLayout::new("b", "BestFit")) => ["type one_of"];
        start_archive(archive(of("custom"))) => ["layout.stylesheet required"];
        start_broadcast(broadcast(of("custom"))) => ["layout.stylesheet required"];
        set_archive_layout(SetArchiveLayout::new("a", "custom")) => ["stylesheet required"];
        set_broadcast_layout(SetBroadcastLayout::new("b", "custom")) => ["stylesheet required"];
        start_archive(archive(of("custom").stylesheet("x"))) => [];
        start_archive(archive(of("pip").screenshare_type("pip")))
            => ["layout.screenshare_type layout.screenshareType conflict"];
        start_broadcast(broadcast(of("custom").stylesheet("x").screenshare_type("pip")))
            => ["layout.screenshare_type layout.screenshareType conflict"];
        start_broadcast(broadcast(of("bestFit").screenshare_type("custom")))
            => ["layout.screenshare_type layout.screenshareType one_of"];
        set_archive_layout(SetArchiveLayout::new("a", "pip").screenshare_type("pip"))
            => ["screenshare_type screenshareType conflict"];
        set_archive_layout(SetArchiveLayout::new("a", "bestFit").screenshare_type("custom"))
            => ["screenshare_type screenshareType one_of"];
        set_broadcast_layout(SetBroadcastLayout::new("b", "pip").screenshare_type("pip"))
            => ["screenshare_type screenshareType conflict"];
        set_broadcast_layout(SetBroadcastLayout::new("b", "bestFit").screenshare_type("pip")) => [];
    }
}

#[tokio::test]
async fn storage() {
    let new = |kind: &str, config: StorageConfig| SetArchiveStorage::new(kind, config);
    let s3 = || StorageConfig::s3("a", "s", "b");
    let none = StorageConfig::new;
    rules! {
        set_archive_storage(new("s3", s3())) => [];
        set_archive_storage(new("s3", none())) => [
            "config.access_key config.accessKey required", "config.secret_key config.secretKey required",
            "config.bucket required"
        ];
        set_archive_storage(new("s3", StorageConfig::s3("", "", ""))) => [
            "config.access_key config.accessKey required", "config.secret_key config.secretKey required",
            "config.bucket required"
        ];
        set_archive_storage(new("s3", StorageConfig::azure("n", "k", "c").access_key("a"))) => [
            "config.secret_key config.secretKey required", "config.bucket required"
        ];
        set_archive_storage(new("azure", s3())) => [
            "config.account_name config.accountName required",
            "config.account_key config.accountKey required", "config.container required"
        ];
        set_archive_storage(new("azure", StorageConfig::azure("n", "k", "c"))) => [];
        set_archive_storage(new("gcs", s3())) => ["type one_of"];
        set_archive_storage(new("s3", s3()).fallback("maybe")) => ["fallback one_of"];
        set_archive_storage(new("s3", s3().endpoint("s3.example.com"))) => ["config.endpoint pattern"];
        set_archive_storage(new("s3", s3().endpoint("ftp://s3.example.com"))) => ["config.endpoint pattern"];
        set_archive_storage(new("s3", s3().endpoint("http://[::1]:9000"))) => [];
    }
}

#[tokio::test]
async fn broadcasts() {
    let hls = || Outputs::new().hls(HlsOutput::new());
    let new = || StartBroadcast::new("s", hls());
    let to = |rtmp: Vec<RtmpOutput>| StartBroadcast::new("s", Outputs::new().rtmp(rtmp));
    let one = || RtmpOutput::new("rtmp://h/a", "k");
    rules! {
        start_broadcast(new()) => [];
        start_broadcast(StartBroadcast::new("", hls())) => ["session_id sessionId required"];
        start_broadcast(StartBroadcast::new("s", Outputs::new())) => ["outputs required"];
        start_broadcast(to(vec![])) => ["outputs required"];
        start_broadcast(to(vec![one(); 5])) => [];
        start_broadcast(to(vec![one(); 6])) => ["outputs.rtmp length"];
        start_broadcast(to(vec![one(), RtmpOutput::new("", "")])) => [
            "outputs.rtmp.1.server_url outputs.rtmp.1.serverUrl required",
            "outputs.rtmp.1.stream_name outputs.rtmp.1.streamName required"
        ];
        start_broadcast(to(vec![RtmpOutput::new("http://h/a", "k")]))
            => ["outputs.rtmp.0.server_url outputs.rtmp.0.serverUrl pattern"];
        start_broadcast(to(vec![RtmpOutput::new("rtmp://", "k")]))
            => ["outputs.rtmp.0.server_url outputs.rtmp.0.serverUrl pattern"];
        start_broadcast(to(vec![RtmpOutput::new("rtmp://h /a", "k")]))
            => ["outputs.rtmp.0.server_url outputs.rtmp.0.serverUrl pattern"];
        start_broadcast(to(vec![RtmpOutput::new("RTMPS://h/a", "k")])) => [];
        start_broadcast(StartBroadcast::new("s", Outputs::new().hls(HlsOutput::new().dvr(true).low_latency(true))))
            => ["outputs.hls.low_latency outputs.hls.lowLatency conflict"];
        start_broadcast(StartBroadcast::new("s", Outputs::new().hls(HlsOutput::new().dvr(true).low_latency(false))))
            => [];
        start_broadcast(new().max_duration(59)) => ["max_duration maxDuration range"];
        start_broadcast(new().max_duration(60)) => [];
        start_broadcast(new().max_duration(36_000)) => [];
        start_broadcast(new().max_duration(36_001)) => ["max_duration maxDuration range"];
        start_broadcast(new().max_bitrate(99_999)) => ["max_bitrate maxBitrate range"];
        start_broadcast(new().max_bitrate(6_000_001)) => ["max_bitrate maxBitrate range"];
        start_broadcast(new().resolution("1x1")) => ["resolution one_of"];
        start_broadcast(new().stream_mode("x")) => ["stream_mode streamMode one_of"];
        start_broadcast(new().has_audio(false).has_video(false)) => ["has_video hasVideo conflict"];
        list_broadcasts(ListBroadcasts::new().count(1001)) => ["count range"];
        list_broadcasts(ListBroadcasts::new().session_id("")) => ["session_id sessionId length"];
        add_broadcast_stream(AddBroadcastStream::new("b", "").has_audio(false).has_video(false))
            => ["add_stream addStream required", "has_video hasVideo conflict"];
        remove_broadcast_stream(RemoveBroadcastStream::new("b", ""))
            => ["remove_stream removeStream required"];
    }
}

#[tokio::test]
async fn streams_and_moderation() {
    let classes = |list: Vec<&str>| SetStreamLayoutClasses::new("s", [StreamClasses::new("x", list)]);
    let signal = |kind: &str, data: &str| SignalSession::new("s", kind, data);
    let to_one = |kind: &str, data: &str| SignalConnection::new("s", "c", kind, data);
    // Two bytes a letter: 128 and 129 bytes, 8192 and 8193.
    let (kind, kind_more) = ("é".repeat(64), "é".repeat(64) + "x");
    let (data, data_more) = ("é".repeat(4096), "é".repeat(4096) + "x");
    rules! {
        set_stream_layout_classes(SetStreamLayoutClasses::new("s", Vec::<StreamClasses>::new()))
            => ["items length"];
        set_stream_layout_classes(classes(vec![])) => [];
        set_stream_layout_classes(classes(vec!["a", "b"])) => [];
        set_stream_layout_classes(classes(vec!["a b"]))
            => ["items.0.layout_class_list.0 items.0.layoutClassList.0 pattern"];
        set_stream_layout_classes(classes(vec!["a", "b\u{a0}"]))
            => ["items.0.layout_class_list.1 items.0.layoutClassList.1 pattern"];
        set_stream_layout_classes(SetStreamLayoutClasses::new("s", [StreamClasses::new("", ["a"])]))
            => ["items.0.id required"];
        force_mute_all(ForceMuteAll::new("s").excluded_stream_ids(["x", " "]))
            => ["excluded_stream_ids.1 excludedStreamIds.1 pattern"];
        force_mute_all(ForceMuteAll::new("s").excluded_stream_ids(Vec::<String>::new())) => [];
        signal_session(signal(&kind, &data)) => [];
        signal_session(signal("", "")) => [];
        signal_session(signal(&kind_more, &data)) => ["type length"];
        signal_session(signal(&kind, &data_more)) => ["data length"];
        signal_session(signal(&kind_more, &data_more)) => ["type length", "data length"];
        signal_connection(to_one(&kind, &data)) => [];
        signal_connection(to_one(&kind_more, &data_more)) => ["type length", "data length"];
        play_dtmf(PlayDtmf::new("s", "0123456789*#p")) => [];
        play_dtmf(PlayDtmf::new("s", "")) => ["digits required"];
        play_dtmf(PlayDtmf::new("s", "1P")) => ["digits pattern"];
        play_dtmf(PlayDtmf::new("s", "1 2")) => ["digits pattern"];
        play_dtmf_to_connection(PlayDtmfToConnection::new("s", "c", "١")) => ["digits pattern"];
        play_dtmf_to_connection(PlayDtmfToConnection::new("s", "c", "")) => ["digits required"];
    }
}

#[tokio::test]
async fn telephones_and_audio_servers() {
    let dial = |sip: Sip| DialSip::new("s", "t", sip);
    let sip = || Sip::new("sip:a@example.com");
    let connect = |server: AudioConnectorWebsocket| StartAudioConnector::new("s", "t", server);
    let server = || AudioConnectorWebsocket::new("wss://example.com/a");
    let uri = |length: usize| {
        AudioConnectorWebsocket::new(format!("wss://{}", "h".repeat(length - "wss://".len())))
    };
    // "X-" and the value: 512 and 513 bytes, the latter by one letter of two bytes.
    let headers = |value: String| server().headers([("X-", value)]);
    rules! {
        dial_sip(dial(sip())) => [];
        dial_sip(DialSip::new("", "", sip())) => ["session_id sessionId required", "token required"];
        dial_sip(dial(Sip::new(""))) => ["sip.uri required"];
        dial_sip(dial(Sip::new("tel:1"))) => ["sip.uri pattern"];
        dial_sip(dial(Sip::new("sip:"))) => ["sip.uri pattern"];
        dial_sip(dial(Sip::new("sip:a\r\nb"))) => ["sip.uri pattern"];
        dial_sip(dial(Sip::new("SIPS:a@b"))) => [];
        dial_sip(dial(sip().auth(SipAuth::new("", "")))) => ["sip.auth.username required"];
        dial_sip(dial(sip().auth(SipAuth::new("u", "")))) => [];
        dial_sip(dial(sip().streams(["x", ""]))) => ["sip.streams.1 pattern"];
        start_audio_connector(connect(server())) => [];
        start_audio_connector(StartAudioConnector::new("", "", server()))
            => ["session_id sessionId required", "token required"];
        start_audio_connector(connect(AudioConnectorWebsocket::new(""))) => ["websocket.uri required"];
        start_audio_connector(connect(uri(14))) => ["websocket.uri length"];
        start_audio_connector(connect(uri(15))) => [];
        start_audio_connector(connect(uri(2048))) => [];
        start_audio_connector(connect(uri(2049))) => ["websocket.uri length"];
        start_audio_connector(connect(AudioConnectorWebsocket::new("https://example.com")))
            => ["websocket.uri pattern"];
        start_audio_connector(connect(server().streams([""]))) => ["websocket.streams.0 pattern"];
        start_audio_connector(connect(headers("x".repeat(510)))) => [];
        start_audio_connector(connect(headers("x".repeat(511)))) => ["websocket.headers length"];
        start_audio_connector(connect(headers("x".repeat(509) + "é"))) => ["websocket.headers length"];
        start_audio_connector(connect(server().audio_rate(8_000))) => [];
        start_audio_connector(connect(server().audio_rate(16_000))) => [];
        start_audio_connector(connect(server().audio_rate(24_000))) => [];
        start_audio_connector(connect(server().audio_rate(44_100)))
            => ["websocket.audio_rate websocket.audioRate one_of"];
        start_audio_connector(connect(server().audio_transport(AudioTransportSettings::new("smoke"))))
            => ["websocket.audio_transport.transport websocket.audioTransport.transport one_of"];
    }
}

#[tokio::test]
async fn what_would_mean_something_else() {
    let sip = |name: &str, value: &str| {
        DialSip::new("s", "t", Sip::new("sip:a@example.com").headers([(name, value)]))
    };
    rules! {
        delete_archive(DeleteArchive::new("storage")) => ["archive_id archiveId pattern"];
        delete_archive(DeleteArchive::new("Storage")) => [];
        set_project_status(SetProjectStatus::new("1", ProjectStatus::Valid)) => ["status one_of"];
        dial_sip(sip("X-Department", "sales, é")) => [];
        dial_sip(sip("X-A\r\nX-B", "c")) => ["sip.headers pattern"];
        dial_sip(sip("X-A:", "c")) => ["sip.headers pattern"];
        dial_sip(sip("", "c")) => ["sip.headers pattern"];
        dial_sip(sip("X-A", "c\r\nX-B: d")) => ["sip.headers pattern"];
    }
}

#[tokio::test]
async fn captions_renders_and_callbacks() {
    let captions = || StartCaptions::new("s", "t");
    let page = |url: String| StartRender::new("s", "t", url);
    let render = || page("https://example.com".into());
    let url = |length: usize| format!("https://{}", "h".repeat(length - "https://".len()));
    let hook = |url: &str| RegisterCallback::new("archive", "status", url);
    rules! {
        start_captions(captions()) => [];
        start_captions(StartCaptions::new("", "")) => ["session_id sessionId required", "token required"];
        start_captions(captions().language_code("e")) => ["language_code languageCode pattern"];
        start_captions(captions().language_code("en_US")) => ["language_code languageCode pattern"];
        start_captions(captions().language_code("cy-GB")) => [];
        start_captions(captions().max_duration(299)) => ["max_duration maxDuration range"];
        start_captions(captions().max_duration(300)) => [];
        start_captions(captions().max_duration(14_400)) => [];
        start_captions(captions().max_duration(14_401)) => ["max_duration maxDuration range"];
        start_captions(captions().status_callback_url("https://a.b")) =>
            ["status_callback_url statusCallbackUrl length"];
        start_captions(captions().status_callback_url("ftp://example.com/x"))
            => ["status_callback_url statusCallbackUrl pattern"];
        start_render(render()) => [];
        start_render(StartRender::new("", "", ""))
            => ["session_id sessionId required", "token required", "url required"];
        start_render(page(url(14))) => ["url length"];
        start_render(page(url(15))) => [];
        start_render(page(url(2048))) => [];
        start_render(page(url(2049))) => ["url length"];
        start_render(page("file:///etc/passwd".into())) => ["url pattern"];
        start_render(render().max_duration(59)) => ["max_duration maxDuration range"];
        start_render(render().max_duration(36_001)) => ["max_duration maxDuration range"];
        start_render(render().resolution("1x1")) => ["resolution one_of"];
        start_render(render().properties(RenderProperties::new().name(""))) => ["properties.name length"];
        start_render(render().properties(RenderProperties::new().name("é".repeat(200)))) => [];
        start_render(render().properties(RenderProperties::new().name("é".repeat(201))))
            => ["properties.name length"];
        start_render(render().status_callback_url(url(2049)))
            => ["status_callback_url statusCallbackUrl length"];
        list_renders(ListRenders::new().count(1001)) => ["count range"];
        register_callback(hook("https://example.com/hook")) => [];
        register_callback(RegisterCallback::new("", "", ""))
            => ["group required", "event required", "url required"];
        register_callback(hook("example.com/hook")) => ["url pattern"];
        register_callback(hook(&url(2049))) => ["url length"];
    }
}

#[tokio::test]
async fn all_of_them_at_once() {
    rules! {
        start_archive(StartArchive::new("").has_audio(false).has_video(false).output_mode("individual")
            .resolution("1x1").layout(Layout::new("custom")).max_bitrate(1).quantization_parameter(1)
            .transcription_properties(TranscriptionProperties::new().primary_language_code("")))
            => [
                "session_id sessionId required",
                "resolution one_of",
                "layout.stylesheet required",
                "max_bitrate maxBitrate range",
                "quantization_parameter quantizationParameter range",
                "transcription_properties.primary_language_code transcriptionProperties.primaryLanguageCode pattern",
                "has_video hasVideo conflict",
                "resolution conflict",
                "max_bitrate maxBitrate conflict",
                "quantization_parameter quantizationParameter conflict",
                "transcription_properties transcriptionProperties conflict"
            ];
        start_broadcast(StartBroadcast::new("", Outputs::new().hls(HlsOutput::new().dvr(true).low_latency(true))
            .rtmp([RtmpOutput::new("x", "")])).max_duration(1).stream_mode("x")
            .layout(Layout::new("pip").stylesheet("x").screenshare_type("x")))
            => [
                "session_id sessionId required",
                "outputs.hls.low_latency outputs.hls.lowLatency conflict",
                "outputs.rtmp.0.server_url outputs.rtmp.0.serverUrl pattern",
                "outputs.rtmp.0.stream_name outputs.rtmp.0.streamName required",
                "layout.screenshare_type layout.screenshareType one_of",
                "layout.stylesheet conflict",
                "layout.screenshare_type layout.screenshareType conflict",
                "max_duration maxDuration range",
                "stream_mode streamMode one_of"
            ];
    }
}
