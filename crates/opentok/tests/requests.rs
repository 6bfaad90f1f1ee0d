//! The request of every operation: method, path, query and body, with everything set and with nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeSet;

use common::{KEY, SECRET, clock, object};
use opentok::rtc_core::Bytes;
use opentok::rtc_core::http::{Request, Response};
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::*;
use serde_json::{Value, json};

const ACCOUNT_KEY: &str = "777";
const ACCOUNT_SECRET: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// What one call sends.
async fn sent<C: IntoFuture>(call: impl FnOnce(&Client) -> C) -> Request<Bytes> {
    let transport = ScriptedTransport::new().answer(Response::new("{}"));
    let client = Client::builder(Credentials::new(KEY, SECRET))
        .account(Credentials::new(ACCOUNT_KEY, ACCOUNT_SECRET))
        .transport(transport.clone())
        .clock(clock())
        .build()
        .unwrap();
    // What is made of the answer is the matter of other tests.
    let _ = call(&client).into_future().await;
    let mut requests = transport.requests();
    assert_eq!(requests.len(), 1, "exactly one request");
    requests.remove(0)
}

/// Compares a request with its row, and gives the operation's name.
fn compare(operation: &'static str, line: &str, body: &Value, request: &Request<Bytes>) -> &'static str {
    let uri = request.uri().to_string();
    let path = uri.strip_prefix("https://api.opentok.com").unwrap();
    assert_eq!(format!("{} {path}", request.method()), line, "{operation}");
    let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap());
    if body.is_null() {
        assert!(request.body().is_empty(), "{operation}: a call without a body sends none");
        assert_eq!(header("content-type"), None, "{operation}");
    } else {
        let got: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(got, *body, "{operation}");
        assert_eq!(header("content-type"), Some("application/json"), "{operation}");
    }
    assert_eq!(header("accept"), Some("application/json"), "{operation}");
    let claims = object(header("x-opentok-auth").unwrap().split('.').nth(1).unwrap());
    let (issuer, scope) = match line.split('/').nth(4) {
        // Calls that manage projects; `refreshSecret` lies one deeper.
        None | Some("refreshSecret") => (ACCOUNT_KEY, "account"),
        Some(_) => (KEY, "project"),
    };
    assert_eq!((&claims["iss"], &claims["ist"]), (&json!(issuer), &json!(scope)), "{operation}");
    operation
}

/// Runs each call and compares its request: `operation(input) => "METHOD path", body`.
macro_rules! table {
    ($($operation:ident($request:expr) => $line:literal, $body:tt;)*) => {{
        let mut operations = BTreeSet::new();
        $(
            let request = Box::pin(sent(|client| client.$operation($request))).await;
            operations.insert(compare(stringify!($operation), $line, &json!($body), &request));
        )*
        operations
    }};
}

/// The operations whose input is fixed: each has one request.
async fn without_options() -> BTreeSet<&'static str> {
    table! {
        stop_archive(StopArchive::new("a")) => "POST /v2/project/123456/archive/a/stop", null;
        get_archive(GetArchive::new("a")) => "GET /v2/project/123456/archive/a", null;
        delete_archive(DeleteArchive::new("a")) => "DELETE /v2/project/123456/archive/a", null;
        remove_archive_stream(RemoveArchiveStream::new("a", "x"))
            => "PATCH /v2/project/123456/archive/a/streams", {"removeStream": "x"};
        delete_archive_storage(DeleteArchiveStorage::new())
            => "DELETE /v2/project/123456/archive/storage", null;
        stop_broadcast(StopBroadcast::new("b")) => "POST /v2/project/123456/broadcast/b/stop", null;
        get_broadcast(GetBroadcast::new("b")) => "GET /v2/project/123456/broadcast/b", null;
        remove_broadcast_stream(RemoveBroadcastStream::new("b", "x"))
            => "PATCH /v2/project/123456/broadcast/b/streams", {"removeStream": "x"};
        get_stream(GetStream::new("s", "x")) => "GET /v2/project/123456/session/s/stream/x", null;
        list_streams(ListStreams::new("s")) => "GET /v2/project/123456/session/s/stream", null;
        set_stream_layout_classes(SetStreamLayoutClasses::new("s", [
            StreamClasses::new("x", ["full", "focus"]),
            StreamClasses::new("y", Vec::<String>::new()),
        ])) => "PUT /v2/project/123456/session/s/stream", {"items": [
            {"id": "x", "layoutClassList": ["full", "focus"]},
            {"id": "y", "layoutClassList": []},
        ]};
        list_connections(ListConnections::new("s")) => "GET /v2/project/123456/session/s/connection", null;
        force_disconnect(ForceDisconnect::new("s", "c"))
            => "DELETE /v2/project/123456/session/s/connection/c", null;
        force_mute_stream(ForceMuteStream::new("s", "x"))
            => "POST /v2/project/123456/session/s/stream/x/mute", null;
        disable_force_mute(DisableForceMute::new("s"))
            => "POST /v2/project/123456/session/s/mute", {"active": false};
        signal_session(SignalSession::new("s", "chat", "hé"))
            => "POST /v2/project/123456/session/s/signal", {"type": "chat", "data": "hé"};
        signal_connection(SignalConnection::new("s", "c", "", ""))
            => "POST /v2/project/123456/session/s/connection/c/signal", {"type": "", "data": ""};
        play_dtmf(PlayDtmf::new("s", "1p*#"))
            => "POST /v2/project/123456/session/s/play-dtmf", {"digits": "1p*#"};
        play_dtmf_to_connection(PlayDtmfToConnection::new("s", "c", "007"))
            => "POST /v2/project/123456/session/s/connection/c/play-dtmf", {"digits": "007"};
        stop_audio_connector(StopAudioConnector::new("k")) => "POST /v2/project/123456/connect/k/stop", null;
        stop_captions(StopCaptions::new("t")) => "POST /v2/project/123456/captions/t/stop", null;
        get_captions(GetCaptions::new("t")) => "GET /v2/project/123456/captions/t", null;
        get_render(GetRender::new("r")) => "GET /v2/project/123456/render/r", null;
        stop_render(StopRender::new("r")) => "DELETE /v2/project/123456/render/r", null;
        register_callback(RegisterCallback::new("archive", "status", "https://example.com/hook"))
            => "POST /v2/project/123456/callback",
            {"group": "archive", "event": "status", "url": "https://example.com/hook"};
        list_callbacks(ListCallbacks::new()) => "GET /v2/project/123456/callback", null;
        unregister_callback(UnregisterCallback::new("h")) => "DELETE /v2/project/123456/callback/h", null;
        list_projects(ListProjects::new()) => "GET /v2/project", null;
        get_project(GetProject::new("42")) => "GET /v2/project/42", null;
        set_project_status(SetProjectStatus::new("42", ProjectStatus::Suspended))
            => "PUT /v2/project/42", {"status": "SUSPENDED"};
        refresh_project_secret(RefreshProjectSecret::new("42"))
            => "POST /v2/project/42/refreshSecret", null;
        delete_project(DeleteProject::new("42")) => "DELETE /v2/project/42", null;
    }
}

fn layout() -> Layout {
    Layout::new(LayoutType::BestFit).screenshare_type(ScreenshareLayout::HorizontalPresentation)
}

fn sip() -> Sip {
    Sip::new("sip:desk@example.com;transport=tls")
}

/// The operations with options, with none of them set: what is not set is not sent.
async fn with_none_set() -> BTreeSet<&'static str> {
    let outputs = || Outputs::new().hls(HlsOutput::new());
    table! {
        start_archive(StartArchive::new("s")) => "POST /v2/project/123456/archive", {"sessionId": "s"};
        list_archives(ListArchives::new()) => "GET /v2/project/123456/archive", null;
        set_archive_layout(SetArchiveLayout::new("a", "pip"))
            => "PUT /v2/project/123456/archive/a/layout", {"type": "pip"};
        add_archive_stream(AddArchiveStream::new("a", "x"))
            => "PATCH /v2/project/123456/archive/a/streams", {"addStream": "x"};
        set_archive_storage(SetArchiveStorage::new("azure", StorageConfig::azure("n", "k", "c")))
            => "PUT /v2/project/123456/archive/storage",
            {"type": "azure", "config": {"accountName": "n", "accountKey": "k", "container": "c"}};
        start_broadcast(StartBroadcast::new("s", outputs()))
            => "POST /v2/project/123456/broadcast", {"sessionId": "s", "outputs": {"hls": {}}};
        start_broadcast(StartBroadcast::new("s", Outputs::new().rtmp([RtmpOutput::new("rtmp://h/a", "k")])))
            => "POST /v2/project/123456/broadcast",
            {"sessionId": "s", "outputs": {"rtmp": [{"serverUrl": "rtmp://h/a", "streamName": "k"}]}};
        list_broadcasts(ListBroadcasts::new()) => "GET /v2/project/123456/broadcast", null;
        set_broadcast_layout(SetBroadcastLayout::new("b", LayoutType::VerticalPresentation))
            => "PUT /v2/project/123456/broadcast/b/layout", {"type": "verticalPresentation"};
        add_broadcast_stream(AddBroadcastStream::new("b", "x"))
            => "PATCH /v2/project/123456/broadcast/b/streams", {"addStream": "x"};
        force_mute_all(ForceMuteAll::new("s"))
            => "POST /v2/project/123456/session/s/mute", {"active": true};
        dial_sip(DialSip::new("s", "tok", sip())) => "POST /v2/project/123456/dial",
            {"sessionId": "s", "token": "tok", "sip": {"uri": "sip:desk@example.com;transport=tls"}};
        start_audio_connector(StartAudioConnector::new(
            "s", "tok", AudioConnectorWebsocket::new("wss://example.com/a"),
        )) => "POST /v2/project/123456/connect",
            {"sessionId": "s", "token": "tok", "websocket": {"uri": "wss://example.com/a"}};
        start_captions(StartCaptions::new("s", "tok"))
            => "POST /v2/project/123456/captions", {"sessionId": "s", "token": "tok"};
        start_render(StartRender::new("s", "tok", "https://example.com/page"))
            => "POST /v2/project/123456/render",
            {"sessionId": "s", "token": "tok", "url": "https://example.com/page"};
        list_renders(ListRenders::new()) => "GET /v2/project/123456/render", null;
        create_project(CreateProject::new()) => "POST /v2/project", {};
    }
}

/// The same with all of them set: camel case at all depths, booleans and numbers as such, secrets in clear.
async fn with_all_set() -> BTreeSet<&'static str> {
    let transport = AudioTransportSettings::new(AudioTransport::Json)
        .encoding("base64")
        .audio_field("audio")
        .receive_audio_field("in")
        .static_fields([("a", "b")]);
    let websocket = AudioConnectorWebsocket::new("wss://example.com/a")
        .streams(["x", "y"])
        .headers([("X-One", "1")])
        .audio_rate(24_000)
        .bidirectional(true)
        .audio_transport(transport);
    let telephone = sip()
        .from("15551115555@example.com")
        .headers([("X-Dept", "sales")])
        .auth(SipAuth::new("desk", "pw"))
        .secure(true)
        .video(false)
        .observe_force_mute(true)
        .streams(["x"]);
    let outputs = Outputs::new()
        .hls(HlsOutput::new().dvr(false).low_latency(true))
        .rtmp([RtmpOutput::new("rtmps://h/a", "k").id("one"), RtmpOutput::new("rtmp://h/b", "l")]);
    table! {
        start_archive(StartArchive::new("s").name("n").has_audio(true).has_video(false)
            .output_mode(OutputMode::Composed).resolution(Resolution::FhdLandscape).layout(layout())
            .stream_mode(StreamMode::Manual).multi_archive_tag("t").max_bitrate(100_000)
            .has_transcription(true)
            .transcription_properties(
                TranscriptionProperties::new().primary_language_code("de-DE").has_summary(false),
            )) => "POST /v2/project/123456/archive", {
                "sessionId": "s", "name": "n", "hasAudio": true, "hasVideo": false,
                "outputMode": "composed", "resolution": "1920x1080",
                "layout": {"type": "bestFit", "screenshareType": "horizontalPresentation"},
                "streamMode": "manual", "multiArchiveTag": "t", "maxBitrate": 100_000,
                "hasTranscription": true,
                "transcriptionProperties": {"primaryLanguageCode": "de-DE", "hasSummary": false},
            };
        start_archive(StartArchive::new("s").quantization_parameter(15).output_mode("individual"))
            => "POST /v2/project/123456/archive",
            {"sessionId": "s", "quantizationParameter": 15, "outputMode": "individual"};
        list_archives(ListArchives::new().offset(0).count(1000).session_id("2_a+b/c"))
            => "GET /v2/project/123456/archive?offset=0&count=1000&sessionId=2_a%2Bb%2Fc", null;
        set_archive_layout(SetArchiveLayout::new("a", LayoutType::BestFit).screenshare_type("pip"))
            => "PUT /v2/project/123456/archive/a/layout", {"type": "bestFit", "screenshareType": "pip"};
        set_archive_layout(SetArchiveLayout::new("a", LayoutType::Custom).stylesheet("stream {}"))
            => "PUT /v2/project/123456/archive/a/layout", {"type": "custom", "stylesheet": "stream {}"};
        add_archive_stream(AddArchiveStream::new("a", "x").has_audio(false).has_video(true))
            => "PATCH /v2/project/123456/archive/a/streams",
            {"addStream": "x", "hasAudio": false, "hasVideo": true};
        set_archive_storage(SetArchiveStorage::new(
            StorageType::S3, StorageConfig::s3("ak", "sk", "b").endpoint("https://s3.example.com"),
        ).fallback(StorageFallback::None)) => "PUT /v2/project/123456/archive/storage", {
            "type": "s3", "fallback": "none",
            "config": {
                "accessKey": "ak", "secretKey": "sk", "bucket": "b", "endpoint": "https://s3.example.com",
            },
        };
        set_archive_storage(SetArchiveStorage::new(
            StorageType::Azure, StorageConfig::azure("n", "k", "c").domain("d"),
        ).fallback("opentok")) => "PUT /v2/project/123456/archive/storage", {
            "type": "azure", "fallback": "opentok",
            "config": {"accountName": "n", "accountKey": "k", "container": "c", "domain": "d"},
        };
        start_broadcast(StartBroadcast::new("s", outputs.clone()).layout(layout()).max_duration(60)
            .max_bitrate(6_000_000).resolution(Resolution::SdPortrait).stream_mode(StreamMode::Auto)
            .multi_broadcast_tag("t").has_audio(false).has_video(true))
            => "POST /v2/project/123456/broadcast", {
                "sessionId": "s",
                "outputs": {
                    "hls": {"dvr": false, "lowLatency": true},
                    "rtmp": [
                        {"id": "one", "serverUrl": "rtmps://h/a", "streamName": "k"},
                        {"serverUrl": "rtmp://h/b", "streamName": "l"},
                    ],
                },
                "layout": {"type": "bestFit", "screenshareType": "horizontalPresentation"},
                "maxDuration": 60, "maxBitrate": 6_000_000, "resolution": "480x640",
                "streamMode": "auto", "multiBroadcastTag": "t", "hasAudio": false, "hasVideo": true,
            };
        list_broadcasts(ListBroadcasts::new().offset(7).count(0).session_id("s"))
            => "GET /v2/project/123456/broadcast?offset=7&count=0&sessionId=s", null;
        set_broadcast_layout(SetBroadcastLayout::new("b", "bestFit").screenshare_type("bestFit"))
            => "PUT /v2/project/123456/broadcast/b/layout",
            {"type": "bestFit", "screenshareType": "bestFit"};
        set_broadcast_layout(SetBroadcastLayout::new("b", "custom").stylesheet("stream {}"))
            => "PUT /v2/project/123456/broadcast/b/layout", {"type": "custom", "stylesheet": "stream {}"};
        add_broadcast_stream(AddBroadcastStream::new("b", "x").has_audio(true).has_video(false))
            => "PATCH /v2/project/123456/broadcast/b/streams",
            {"addStream": "x", "hasAudio": true, "hasVideo": false};
        force_mute_all(ForceMuteAll::new("s").excluded_stream_ids(["x", "y"]))
            => "POST /v2/project/123456/session/s/mute", {"active": true, "excludedStreamIds": ["x", "y"]};
        dial_sip(DialSip::new("s", "tok", telephone.clone())) => "POST /v2/project/123456/dial", {
            "sessionId": "s", "token": "tok",
            "sip": {
                "uri": "sip:desk@example.com;transport=tls", "from": "15551115555@example.com",
                "headers": {"X-Dept": "sales"}, "auth": {"username": "desk", "password": "pw"},
                "secure": true, "video": false, "observeForceMute": true, "streams": ["x"],
            },
        };
        start_audio_connector(StartAudioConnector::new("s", "tok", websocket.clone()))
            => "POST /v2/project/123456/connect", {
                "sessionId": "s", "token": "tok",
                "websocket": {
                    "uri": "wss://example.com/a", "streams": ["x", "y"], "headers": {"X-One": "1"},
                    "audioRate": 24_000, "bidirectional": true,
                    "audioTransport": {
                        "transport": "json", "encoding": "base64", "audio_field": "audio",
                        "receive_audio_field": "in", "static_fields": {"a": "b"},
                    },
                },
            };
        start_captions(StartCaptions::new("s", "tok").language_code("fr-CA").max_duration(300)
            .partial_captions(false).status_callback_url("https://example.com/hook"))
            => "POST /v2/project/123456/captions", {
                "sessionId": "s", "token": "tok", "languageCode": "fr-CA", "maxDuration": 300,
                "partialCaptions": false, "statusCallbackUrl": "https://example.com/hook",
            };
        start_render(StartRender::new("s", "tok", "https://example.com/page").max_duration(36_000)
            .resolution(Resolution::HdPortrait).properties(RenderProperties::new().name("scores"))
            .status_callback_url("https://example.com/hook")) => "POST /v2/project/123456/render", {
                "sessionId": "s", "token": "tok", "url": "https://example.com/page",
                "maxDuration": 36_000, "resolution": "720x1280", "properties": {"name": "scores"},
                "statusCallbackUrl": "https://example.com/hook",
            };
        list_renders(ListRenders::new().offset(50).count(1))
            => "GET /v2/project/123456/render?offset=50&count=1", null;
        create_project(CreateProject::new().name("shop")) => "POST /v2/project", {"name": "shop"};
    }
}

/// Every operation of the crate but `create_session`, whose forms are tested beside its answers.
fn operations() -> BTreeSet<&'static str> {
    let generated = include_str!("../src/generated.rs").split("Meta::new(\"").skip(1);
    let names = generated.filter_map(|rest| rest.split('"').next());
    names.filter(|name| *name != "create_session").collect()
}

#[tokio::test]
async fn every_operation_sends_what_it_should() {
    let (fixed, unset, set) = (without_options().await, with_none_set().await, with_all_set().await);
    assert_eq!(unset, set, "each with options in both ways");
    assert_eq!(fixed.intersection(&set).count(), 0);
    let told: BTreeSet<_> = fixed.union(&set).copied().collect();
    assert_eq!(told, operations(), "all of them, and no others");
}
