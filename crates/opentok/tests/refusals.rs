//! What each status means for each operation: kind, refusal, code, message, and a body that is safe to show.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use common::{KEY, SECRET, clock};
use opentok::rtc_core::RetryPolicy;
use opentok::rtc_core::testing::ScriptedTransport;
use opentok::*;

/// A client all of whose calls are answered so.
fn refused(status: u16, body: &str) -> (Client, ScriptedTransport) {
    let transport = (0..4).fold(ScriptedTransport::new(), |script, _| script.json(status, body.to_owned()));
    let client = Client::builder(Credentials::new(KEY, SECRET))
        .account(Credentials::new("777", SECRET))
        .transport(transport.clone())
        .retry(RetryPolicy::default())
        .clock(clock())
        .build()
        .unwrap();
    (client, transport)
}

/// What is the same for all: `(status, kind, refusal)` where an operation's own table says nothing else.
const ALL: [(u16, ErrorKind, Refusal); 9] = [
    (400, ErrorKind::InvalidInput, Refusal::InvalidRequest),
    (401, ErrorKind::Unauthenticated, Refusal::Authentication),
    (403, ErrorKind::Unauthenticated, Refusal::Authentication),
    (418, ErrorKind::Other, Refusal::Undocumented),
    (429, ErrorKind::RateLimited, Refusal::RateLimited),
    (500, ErrorKind::Unavailable, Refusal::Unavailable),
    (502, ErrorKind::Unavailable, Refusal::Unavailable),
    (503, ErrorKind::Unavailable, Refusal::Unavailable),
    (504, ErrorKind::Timeout, Refusal::Unavailable),
];

fn look(error: &Error, operation: &str, status: u16, kind: ErrorKind, refusal: Refusal) {
    let case = format!("{operation} {status}");
    let Some(service @ OpenTokError::Api { operation: told, body, .. }) = error.service() else {
        unreachable!("{case}: {error:?}")
    };
    assert_eq!((error.kind(), service.refusal()), (kind, Some(refusal)), "{case}");
    assert_eq!((*told, error.status().unwrap().as_u16()), (operation, status), "{case}");
    assert_eq!((error.code().as_deref(), error.detail()), (Some("-7"), Some("no such thing")), "{case}");
    assert!(body.contains("no such thing"), "{case}: {body}");
    let text = error.to_string();
    for part in [operation, &status.to_string(), "no such thing"] {
        assert!(text.contains(part), "{case}: {text} lacks {part}");
    }
    assert!(error.was_sent());
}

const BODY: &str = r#"{"code":-7,"message":"no such thing","description":"more words"}"#;

/// `operation(input) [again] => status kind refusal, ...`: its own table, and what holds for all. `again` calls
/// may be repeated after trouble of the service.
macro_rules! table {
    ($($operation:ident($request:expr) $again:ident => [$($status:literal $kind:ident $refusal:ident),*];)*) => {$({
        let name = stringify!($operation);
        let own: &[(u16, ErrorKind, Refusal)] = &[$(($status, ErrorKind::$kind, Refusal::$refusal)),*];
        let common = ALL.iter().filter(|(status, ..)| own.iter().all(|(known, ..)| known != status));
        for (status, kind, refusal) in own.iter().chain(common) {
            let (client, transport) = refused(*status, BODY);
            let error = client.$operation($request).await.unwrap_err();
            look(&error, name, *status, *kind, *refusal);
            let repeated = *status == 429 || (stringify!($again) == "again" && *status >= 500);
            assert_eq!(transport.requests().len(), if repeated { 3 } else { 1 }, "{name} {status}");
            assert_eq!(error.is_retryable(), repeated, "{name} {status}");
        }
    })*};
}

#[tokio::test]
async fn archives() {
    table! {
        create_session(CreateSession::new()) once => [];
        start_archive(StartArchive::new("s")) once => [
            404 NotFound SessionNotFound, 409 Conflict RelayedOrAlreadyRecording
        ];
        get_archive(GetArchive::new("a")) again => [404 NotFound ArchiveNotFound];
        list_archives(ListArchives::new()) again => [404 NotFound NotFound];
        stop_archive(StopArchive::new("a")) once => [
            404 NotFound ArchiveNotFound, 409 Conflict NotRecording
        ];
        delete_archive(DeleteArchive::new("a")) again => [
            404 NotFound ArchiveNotFound, 409 Conflict ArchiveNotReady
        ];
        set_archive_layout(SetArchiveLayout::new("a", "pip")) once => [404 NotFound ArchiveNotFound];
        add_archive_stream(AddArchiveStream::new("a", "x")) once => [
            404 NotFound ArchiveOrStreamNotFound, 405 Conflict StreamModeIsAuto
        ];
        remove_archive_stream(RemoveArchiveStream::new("a", "x")) once => [
            404 NotFound ArchiveOrStreamNotFound, 405 Conflict StreamModeIsAuto
        ];
        set_archive_storage(SetArchiveStorage::new("s3", StorageConfig::s3("a", "s", "b"))) once => [];
        delete_archive_storage(DeleteArchiveStorage::new()) again => [];
    }
}

#[tokio::test]
async fn broadcasts() {
    let start = || StartBroadcast::new("s", Outputs::new().hls(HlsOutput::new()));
    table! {
        start_broadcast(start()) once => [404 NotFound SessionNotFound, 409 Conflict AlreadyStarted];
        get_broadcast(GetBroadcast::new("b")) again => [404 NotFound BroadcastNotFound];
        list_broadcasts(ListBroadcasts::new()) again => [];
        stop_broadcast(StopBroadcast::new("b")) once => [
            404 NotFound BroadcastNotFound, 409 Conflict Conflict
        ];
        set_broadcast_layout(SetBroadcastLayout::new("b", "pip")) once => [404 NotFound BroadcastNotFound];
        add_broadcast_stream(AddBroadcastStream::new("b", "x")) once => [
            404 NotFound BroadcastOrStreamNotFound, 405 Conflict StreamModeIsAuto
        ];
        remove_broadcast_stream(RemoveBroadcastStream::new("b", "x")) once => [
            404 NotFound BroadcastOrStreamNotFound, 405 Conflict StreamModeIsAuto
        ];
    }
}

#[tokio::test]
async fn streams_and_connections() {
    let classes = || SetStreamLayoutClasses::new("s", [StreamClasses::new("x", ["a"])]);
    table! {
        get_stream(GetStream::new("s", "x")) again => [
            404 NotFound StreamNotFound, 408 InvalidInput InvalidStreamId
        ];
        list_streams(ListStreams::new("s")) again => [404 NotFound SessionNotFound];
        set_stream_layout_classes(classes()) once => [404 NotFound StreamNotFound];
        list_connections(ListConnections::new("s")) again => [404 NotFound SessionNotFound];
        force_disconnect(ForceDisconnect::new("s", "c")) again => [404 NotFound ConnectionNotFound];
        force_mute_stream(ForceMuteStream::new("s", "x")) once => [
            404 NotFound StreamNotFound, 408 InvalidInput InvalidStreamId
        ];
        force_mute_all(ForceMuteAll::new("s")) once => [404 NotFound SessionNotFound];
        disable_force_mute(DisableForceMute::new("s")) once => [404 NotFound SessionNotFound];
        signal_session(SignalSession::new("s", "t", "d")) once => [
            404 NotFound SessionNotFound, 413 InvalidInput TooLarge
        ];
        signal_connection(SignalConnection::new("s", "c", "t", "d")) once => [
            404 NotFound ConnectionNotFound, 413 InvalidInput TooLarge
        ];
    }
}

#[tokio::test]
async fn what_joins_a_session() {
    let dial = || DialSip::new("s", "t", Sip::new("sip:a@b"));
    let audio = || StartAudioConnector::new("s", "t", AudioConnectorWebsocket::new("wss://example.com/a"));
    table! {
        play_dtmf(PlayDtmf::new("s", "1")) once => [404 NotFound SessionNotFound];
        play_dtmf_to_connection(PlayDtmfToConnection::new("s", "c", "1")) once => [
            404 NotFound ConnectionNotFound
        ];
        dial_sip(dial()) once => [404 NotFound SessionNotFound, 409 Conflict SessionIsRelayed];
        start_audio_connector(audio()) once => [
            404 NotFound SessionNotFound, 409 Conflict SessionIsRelayed
        ];
        stop_audio_connector(StopAudioConnector::new("k")) once => [404 NotFound ConnectionNotFound];
        start_captions(StartCaptions::new("s", "t")) once => [409 Conflict AlreadyStarted];
        stop_captions(StopCaptions::new("c")) once => [404 NotFound CaptionsNotFound];
        get_captions(GetCaptions::new("c")) again => [404 NotFound CaptionsNotFound];
        start_render(StartRender::new("s", "t", "https://example.com")) once => [
            404 NotFound SessionNotFound
        ];
        get_render(GetRender::new("r")) again => [404 NotFound RenderNotFound];
        list_renders(ListRenders::new()) again => [];
        stop_render(StopRender::new("r")) again => [404 NotFound RenderNotFound];
    }
}

#[tokio::test]
async fn callbacks_and_projects() {
    table! {
        register_callback(RegisterCallback::new("g", "e", "https://example.com")) once => [];
        list_callbacks(ListCallbacks::new()) again => [];
        unregister_callback(UnregisterCallback::new("h")) again => [404 NotFound NotFound];
        create_project(CreateProject::new()) once => [];
        list_projects(ListProjects::new()) again => [];
        get_project(GetProject::new("7")) again => [404 NotFound NotFound];
        set_project_status(SetProjectStatus::new("7", "ACTIVE")) once => [404 NotFound NotFound];
        refresh_project_secret(RefreshProjectSecret::new("7")) once => [404 NotFound NotFound];
        delete_project(DeleteProject::new("7")) again => [404 NotFound NotFound];
    }
}

#[tokio::test]
async fn a_body_that_is_long_or_holds_a_credential() {
    let token = format!("eyJ{}.{}.sig", "a".repeat(40), "b".repeat(40));
    let body = format!(r#"{{"code":"404","message":"no {token} {}"}}"#, "é".repeat(5000));
    let (client, _) = refused(404, &body);
    let error = client.get_render(GetRender::new("r")).await.unwrap_err();
    let Some(OpenTokError::Api { body, message, code, .. }) = error.service() else { unreachable!() };
    assert_eq!(*code, Some(404), "a code may come as a text");
    for text in [body, message] {
        assert!(text.len() <= 2048 && text.contains("[redacted]") && !text.contains("aaaa"), "{text}");
        assert!(text.ends_with('é'), "cut at a letter");
    }
}

#[tokio::test]
async fn an_account_call_without_an_account() {
    let transport = ScriptedTransport::new();
    let client = Client::builder(Credentials::new(KEY, SECRET)).transport(transport.clone());
    let error = client.build().unwrap().list_projects(ListProjects::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false));
    assert!(error.to_string().contains("ClientBuilder::account"), "what to do: {error}");
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn an_account_without_a_project() {
    let transport = ScriptedTransport::new().json(200, "[]");
    let builder = Client::builder(Credentials::new("", "")).account(Credentials::new("777", SECRET));
    let client = builder.transport(transport.clone()).build().unwrap();
    assert!(client.list_projects(ListProjects::new()).await.unwrap().is_empty());
    let error = client.get_archive(GetArchive::new("a")).await.unwrap_err();
    assert!(error.to_string().contains("the API key is empty") && !error.was_sent(), "{error}");
    assert_eq!(transport.requests().len(), 1);
}
