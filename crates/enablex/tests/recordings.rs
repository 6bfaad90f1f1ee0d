//! Downloads: credentials and hosts, heads, and going on after a lost connection.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "common/doc.rs"]
#[allow(dead_code, unreachable_pub, reason = "the scene of the examples has more")]
mod doc;

use std::time::Duration;

use enablex::{
    Client, CreateRoom, Credentials, DownloadRecording, Error, ErrorKind, RecordingAccess, RecordingDownload,
    Result, RoomSettings,
};
use rtc_core::RetryPolicy;
use rtc_core::http::Response;
use rtc_core::testing::ScriptedTransport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const URL: &str = "https://files.portal.example/r/c/file.mp4";

fn access() -> RecordingAccess {
    RecordingAccess::new("username", "password").allow_host("portal.example")
}

fn builder() -> enablex::ClientBuilder {
    Client::builder(Credentials::new("APP", "KEY")).recordings(access()).retry(RetryPolicy::none())
}

fn client(transport: &ScriptedTransport) -> Client {
    builder().transport(transport.clone()).build().unwrap()
}

fn answer(status: u16, range: &str, body: &'static str) -> Response<&'static str> {
    let mut response = Response::builder().status(status).header("content-type", "video/mp4");
    if status == 200 {
        response = response.header("content-length", body.len());
    }
    if !range.is_empty() {
        response = response.header("content-range", range);
    }
    response.body(body).unwrap()
}

/// All that comes, or what came before the error.
async fn all(download: &mut RecordingDownload) -> (Vec<u8>, Option<Error>) {
    let mut bytes = Vec::new();
    loop {
        match download.next().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => return (bytes, None),
            Err(error) => return (bytes, Some(error)),
        }
    }
}

#[tokio::test]
async fn the_request() {
    let transport = ScriptedTransport::new().answer(answer(200, "", "content"));
    let head = client(&transport).download_recording(DownloadRecording::new(URL)).await.unwrap();
    assert_eq!((head.offset, head.length, head.total), (0, Some(7), Some(7)));
    assert_eq!(head.content_type.as_deref(), Some("video/mp4"));
    let request = &transport.requests()[0];
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", URL.to_owned()));
    assert_eq!(request.headers()["authorization"], "Basic dXNlcm5hbWU6cGFzc3dvcmQ=");
    assert!(request.headers().get("range").is_none() && request.body().is_empty());
}

#[tokio::test]
async fn only_allowed_hosts_see_the_credentials() {
    for (url, named) in [
        ("https://portal.example.evil.example/f", "portal.example.evil.example"),
        ("https://evilportal.example/f", "evilportal.example"),
        ("https://203.0.113.7/f", "203.0.113.7"),
        ("https://u:p@files.portal.example/f", "credentials"),
        ("https://files.portal.example/f#x", "fragment"),
        ("https:///f", "f may not see"),
        ("/r/c/file.mp4", "URL"),
        ("ftp://files.portal.example/f", "http"),
        ("", "URL"),
    ] {
        let transport = ScriptedTransport::new();
        let client = client(&transport);
        for result in [
            client.download_recording(DownloadRecording::new(url)).await.map(drop),
            client.open_recording(DownloadRecording::new(url)).await.map(drop),
        ] {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false), "{url}: {error}");
            assert!(error.to_string().contains(named), "{url}: {error}");
        }
        assert!(transport.requests().is_empty(), "{url}");
    }
}

#[tokio::test]
async fn plain_http_and_private_hosts_are_refused() {
    let access = RecordingAccess::new("u", "p").allow_host("portal.example").allow_host("10.0.0.1");
    for url in ["http://files.portal.example/f", "https://10.0.0.1/f"] {
        let transport = ScriptedTransport::new();
        let client = builder().recordings(access.clone()).transport(transport.clone()).build().unwrap();
        let error = client.download_recording(DownloadRecording::new(url)).await.unwrap_err();
        assert_eq!(
            (error.kind(), transport.requests().len()),
            (ErrorKind::InvalidInput, 0),
            "{url}: {error}"
        );
    }
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong() {
    let transport = ScriptedTransport::new();
    let bare = Client::builder(Credentials::new("APP", "KEY")).transport(transport.clone()).build().unwrap();
    let error = bare.download_recording(DownloadRecording::new(URL)).await.unwrap_err();
    assert_eq!((error.kind(), transport.requests().len()), (ErrorKind::Unauthenticated, 0));
    assert!(error.to_string().contains("ClientBuilder::recordings"), "{error}");

    let transport = ScriptedTransport::new().json(403, "");
    let error = client(&transport).download_recording(DownloadRecording::new(URL)).await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::PermissionDenied, 403));
    assert!(error.to_string().contains("not APP_ID"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved =
        Response::builder().status(302).header("location", "https://evil.example/f").body("").unwrap();
    let transport = ScriptedTransport::new().answer(moved);
    let error = client(&transport).open_recording(DownloadRecording::new(URL)).await.unwrap_err();
    assert_eq!((error.kind(), transport.requests().len()), (ErrorKind::Protocol, 1));
}

#[tokio::test]
async fn it_begins_in_the_middle_where_the_server_can() {
    let request = || DownloadRecording::new(URL).offset(3);
    let transport = ScriptedTransport::new().answer(answer(206, "bytes 3-6/7", "tent"));
    let mut download = client(&transport).open_recording(request()).await.unwrap();
    assert_eq!((download.position(), download.received(), download.total()), (3, 0, Some(7)));
    assert_eq!(all(&mut download).await.0, b"tent");
    assert_eq!((download.position(), download.received()), (7, 4));
    assert_eq!(transport.requests()[0].headers()["range"], "bytes=3-");

    let transport = ScriptedTransport::new().answer(answer(200, "", "content"));
    let mut download = client(&transport).open_recording(request()).await.unwrap();
    assert_eq!((download.head().offset, download.received()), (0, 0));
    assert_eq!(all(&mut download).await.0, b"content");

    for range in ["", "bytes 2-6/7", "bytes */7"] {
        let transport = ScriptedTransport::new().answer(answer(206, range, "tent"));
        let error = client(&transport).open_recording(request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{range}");
    }
}

/// Answers one request per connection, and closes it; gives the ranges that were asked for.
async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f.mp4", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut ranges = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (mut head, mut buffer) = (String::new(), [0; 4096]);
            while !head.contains("\r\n\r\n") {
                let read = socket.read(&mut buffer).await.unwrap();
                head.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let range = head.lines().find_map(|line| line.strip_prefix("range: ")).unwrap_or("-");
            ranges.push(range.to_owned());
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        ranges
    });
    (url, served)
}

fn local(url: &str) -> Client {
    let access = RecordingAccess::new("u", "p").allow_host("127.0.0.1");
    builder().recordings(access).endpoint(url).build().unwrap()
}

/// `announced` may be more than comes.
fn whole(announced: usize, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {announced}\r\n\r\n{body}")
}

fn part(first: usize, total: usize, body: &str) -> String {
    let (last, length) = (total - 1, total - first);
    format!(
        "HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-range: bytes {first}-{last}/{total}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

async fn open(url: &str) -> Result<RecordingDownload> {
    local(url).open_recording(DownloadRecording::new(url)).await
}

#[tokio::test]
async fn a_lost_connection_is_taken_up_again() {
    let (url, served) = serve(vec![whole(10, "0123"), part(4, 10, "45"), part(6, 10, "6789")]).await;
    let mut download = open(&url).await.unwrap();
    let (bytes, error) = all(&mut download).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, b"0123456789");
    assert_eq!((download.received(), download.total()), (10, Some(10)));
    assert!(download.next().await.unwrap().is_none());
    assert_eq!(served.await.unwrap(), ["-", "bytes=4-", "bytes=6-"]);
}

#[tokio::test]
async fn it_goes_on_only_so_often() {
    let (url, served) = serve(vec![whole(10, "0"), part(1, 10, "1"), part(2, 10, "2")]).await;
    let mut download = open(&url).await.unwrap().resumes(2);
    let (bytes, error) = all(&mut download).await;
    assert_eq!((bytes.as_slice(), error.unwrap().kind()), (b"012".as_slice(), ErrorKind::Connection));
    // It stays over.
    assert!(download.next().await.unwrap().is_none());
    assert_eq!(served.await.unwrap().len(), 3);
}

#[tokio::test]
async fn it_does_not_go_on_with_what_does_not_fit() {
    for (second, kind) in [
        // The server cannot begin in the middle.
        (whole(10, "0123456789"), ErrorKind::Connection),
        // The file is another one.
        (part(4, 11, "456789a"), ErrorKind::Protocol),
        // It is gone.
        ("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(), ErrorKind::NotFound),
        ("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(), ErrorKind::PermissionDenied),
        ("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: http://127.0.0.2/\r\ncontent-length: 0\r\n\r\n".into(), ErrorKind::Protocol),
    ] {
        let (url, served) = serve(vec![whole(10, "0123"), second.clone()]).await;
        let (bytes, error) = all(&mut open(&url).await.unwrap()).await;
        assert_eq!((bytes.as_slice(), error.unwrap().kind()), (b"0123".as_slice(), kind), "{second}");
        assert_eq!(served.await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn without_a_length_it_ends_where_the_connection_does() {
    let (url, served) = serve(vec!["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n0123".into()]).await;
    let mut download = open(&url).await.unwrap();
    assert_eq!(download.total(), None);
    assert_eq!(all(&mut download).await.0, b"0123");
    assert_eq!(served.await.unwrap().len(), 1);
}

#[tokio::test]
async fn silence_counts_as_a_lost_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f.mp4", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in [whole(10, "0123"), part(4, 10, "")] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await.unwrap();
            // It stays open.
            socket.write_all(answer.replace("connection: close\r\n", "").as_bytes()).await.unwrap();
            open.push(socket);
        }
        open
    });
    let mut download = open(&url).await.unwrap().resumes(1).quiet_time(Duration::from_millis(100));
    let (bytes, error) = all(&mut download).await;
    let error = error.unwrap();
    assert_eq!(
        (bytes.as_slice(), error.kind(), error.was_sent()),
        (b"0123".as_slice(), ErrorKind::Timeout, true)
    );
    assert_eq!(served.await.unwrap().len(), 2);
}

#[tokio::test]
async fn giving_up_the_wait_does_not_end_the_file() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f.mp4", listener.local_addr().unwrap());
    let (asked, again) = tokio::sync::oneshot::channel();
    let served = tokio::spawn(async move {
        let mut asked = Some(asked);
        for answer in [Some(whole(10, "0123")), None, Some(part(4, 10, "456789"))] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await.unwrap();
            match answer {
                Some(answer) => socket.write_all(answer.as_bytes()).await.unwrap(),
                // It says nothing until the client has gone.
                None => {
                    asked.take().unwrap().send(()).unwrap();
                    while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
                }
            }
        }
    });
    let mut download = open(&url).await.unwrap();
    assert_eq!(download.next().await.unwrap().unwrap(), "0123");
    tokio::select! {
        piece = download.next() => panic!("{piece:?}"),
        told = again => told.unwrap(),
    }
    let (bytes, error) = all(&mut download).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, b"456789");
    served.await.unwrap();
}

#[tokio::test]
async fn the_emulators_recordings_come_whole_and_in_parts() {
    let emulator = rtc_emulator::Emulator::start().await.unwrap();
    let access = emulator.enablex();
    let recordings = RecordingAccess::new(access.recording_user(), access.recording_password());
    let client = Client::builder(Credentials::new(access.app_id(), access.app_key()))
        .recordings(recordings.allow_host("127.0.0.1"))
        .endpoint(access.url())
        .build()
        .unwrap();
    let room = CreateRoom::new("n", "o", RoomSettings::new(2));
    let room = client.create_room(room).await.unwrap().room_id;
    let (client, url) = doc::recorded(&client, &room).await;
    let mut download = client.open_recording(DownloadRecording::new(&url)).await.unwrap();
    let (file, error) = all(&mut download).await;
    assert!(error.is_none() && Some(file.len() as u64) == download.total(), "{error:?}");
    let half = file.len() as u64 / 2;
    let mut download = client.open_recording(DownloadRecording::new(&url).offset(half)).await.unwrap();
    assert_eq!(all(&mut download).await.0, file[file.len() / 2..]);
}

#[test]
fn nothing_shows_the_password() {
    let client = builder().build().unwrap();
    let text =
        format!("{client:?} {:?} {:?}", access(), client.download_recording(DownloadRecording::new(URL)));
    assert!(!text.contains("password\"") && !text.contains("dXNlcm5hbWU6"), "{text}");
}
