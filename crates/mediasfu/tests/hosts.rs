//! Addresses that are not what they seem: no credential leaves the process.
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

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use common::{KEY, OFFER, ROOM, USER, room};
use every::{Always, every};
use mediasfu::*;
use rtc_core::http::{Request, Response};
use rtc_core::transport::reqwest::HttpTransport;
use rtc_core::{Bytes, RetryPolicy};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Operations that go to addresses of their own.
const MEDIA: [&str; 4] = ["delete_media_resource", "get_whep_profile", "play_whep", "publish_whip"];

fn holds_key(request: &Request<Bytes>) -> bool {
    let text = format!("{} {:?} {:?}", request.uri(), request.headers(), request.body());
    let headers = request
        .headers()
        .values()
        .any(|value| String::from_utf8_lossy(value.as_bytes()).contains(&KEY[..16]));
    headers || text.contains(&KEY[..16]) || text.contains(USER)
}

const LOOK_ALIKES: [&str; 6] = [
    "https://evil.example/mediasfu.com",
    "https://evil.example/x/MediaSFU.com/v1/rooms",
    "https://evil.example:8443/mediasfu.com/",
    "https://mediasfu.com.evil.example",
    "https://api.MEDIASFU.com.evil.example/v1/rooms",
    "https://mediasfu.com.evil.example.",
];

#[tokio::test]
async fn what_looks_like_the_cloud_gets_no_key() {
    for endpoint in LOOK_ALIKES {
        let server = Always::json(200, ROOM);
        let client = server.builder().endpoint(endpoint).build().unwrap();
        for (operation, outcome) in every(&client).await {
            if MEDIA.contains(&operation) {
                continue;
            }
            let error = outcome.unwrap_err();
            let told = (error.kind(), error.was_sent(), error.attempts());
            assert_eq!(told, (ErrorKind::Unauthenticated, false, 0), "{operation} {endpoint}");
            assert!(error.to_string().contains("looks like mediasfu.com"), "{error}");
        }
        let sent = server.requests();
        assert!(!sent.iter().any(holds_key), "{endpoint}");
        assert_eq!(sent.len(), MEDIA.len(), "nothing went to {endpoint}");
    }
}

#[tokio::test]
async fn nor_does_an_endpoint_of_one_call() {
    let server = Always::json(200, ROOM);
    let client = server.client();
    for endpoint in LOOK_ALIKES {
        let error = client.create_room(room()).endpoint(endpoint).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false), "{endpoint}");
        let error = client.create_room(room()).discovered_endpoint(endpoint).await.unwrap_err();
        assert!(!error.was_sent(), "{endpoint}");
    }
    assert!(server.requests().is_empty());
    client.create_room(room()).await.unwrap();
}

/// Who names the kind of server means it; other names are Community Editions, by their whole host.
#[tokio::test]
async fn what_is_meant_is_done() {
    for (endpoint, kind, url) in [
        (LOOK_ALIKES[0], Some(ServerKind::Community), "https://evil.example/mediasfu.com/createRoom"),
        (LOOK_ALIKES[3], Some(ServerKind::Cloud), "https://mediasfu.com.evil.example/v1/rooms/"),
        // With a dot at its end it is the cloud's own name.
        ("https://mediasfu.com.", None, "https://mediasfu.com./v1/rooms/"),
        ("https://notmediasfu.com", None, "https://notmediasfu.com/createRoom"),
        ("https://mediasfu.company", None, "https://mediasfu.company/createRoom"),
        ("https://ce.example.com/mediasfu", None, "https://ce.example.com/mediasfu/createRoom"),
    ] {
        let server = Always::json(200, ROOM);
        let builder = server.builder().endpoint(endpoint);
        let builder = if let Some(kind) = kind { builder.server(kind) } else { builder };
        builder.build().unwrap().create_room(room()).await.unwrap();
        assert_eq!(server.requests()[0].uri(), url);
        assert!(holds_key(&server.requests()[0]), "what the other tests look for");
    }
}

#[tokio::test]
async fn addresses_that_are_refused_outright() {
    let server = Always::json(200, ROOM);
    for endpoint in [
        "https://mediasfu.com@evil.example",
        "https://mediasfu.com:x@evil.example",
        "https://mediasfu.com%40evil.example",
        "https:\\\\evil.example",
        "https:///evil.example",
        "http://mediasfu.com",
        "http://evil.example",
        "http://10.0.0.1",
        "https://169.254.169.254",
        "https://[::ffff:169.254.169.254]",
        "https://0xA9FEA9FE",
        "https://2852039166",
        "https://[fd00:ec2::254]",
        "https://0.0.0.0",
        "https://mediasfu.com?@evil.example",
        "https://mediasfu.com#@evil.example",
        "https://mediasfu.com\t.evil.example",
        "file:///mediasfu.com",
    ] {
        let error = server.builder().endpoint(endpoint).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{endpoint}: {error}");
        let error = server.client().create_room(room()).endpoint(endpoint).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false), "{endpoint}");
        let link = ChooseEndpoint::new().local_link(endpoint);
        assert!(Client::choose_endpoint(link).is_err(), "{endpoint}");
    }
    assert!(server.requests().is_empty());
}

/// Keeps all bytes that arrive at a port of this machine.
async fn recorder() -> (u16, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<Vec<u8>>>>::default());
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // One piece, then the end: nobody here can speak TLS.
            let mut piece = vec![0; 4096];
            let length = stream.read(&mut piece).await.unwrap_or(0);
            piece.truncate(length);
            kept.lock().unwrap().push(piece);
        }
    });
    (port, heard)
}

/// A client of `endpoint` over real sockets, for which `host` has this address.
fn real(endpoint: &str, host: &str, address: &str) -> ClientBuilder {
    let address: IpAddr = address.parse().unwrap();
    // Nobody is asked for the address of the media legs either.
    let edge = IpAddr::from([127, 0, 0, 1]);
    let transport =
        HttpTransport::builder().no_proxy().resolve(host, address).resolve("edge.mediasfu.com", edge);
    let transport = transport.build().unwrap();
    let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(endpoint).transport(transport);
    builder.retry(RetryPolicy::none()).paced(false)
}

#[tokio::test]
async fn over_sockets_not_even_a_connection_is_made() {
    let (port, heard) = recorder().await;
    for (endpoint, host) in [
        (format!("https://evil.example:{port}/mediasfu.com"), "evil.example"),
        (format!("https://mediasfu.com.evil.example:{port}"), "mediasfu.com.evil.example"),
    ] {
        let client = real(&endpoint, host, "127.0.0.1").build().unwrap();
        for (operation, outcome) in every(&client).await {
            let error = outcome.unwrap_err();
            assert!(!error.was_sent(), "{operation}: {error:?}");
        }
    }
    assert!(heard.lock().unwrap().is_empty());
    // The recorder hears who does come, and all that it hears is the beginning of TLS.
    let client = real(&format!("https://rtc.example:{port}"), "rtc.example", "127.0.0.1").build().unwrap();
    let error = client.create_room(room()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    let text = String::from_utf8_lossy(&heard[0]);
    assert!(text.contains("rtc.example") && !text.contains(USER) && !text.contains(&KEY[..8]));
}

#[tokio::test]
async fn a_name_that_resolves_to_the_metadata_service() {
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "169.254.1.1", "0.0.0.0"] {
        for endpoint in ["https://rebound.example", "https://api.mediasfu.com"] {
            let host = endpoint.trim_start_matches("https://");
            let client = real(endpoint, host, address).build().unwrap();
            for (operation, outcome) in every(&client).await {
                if MEDIA.contains(&operation) {
                    continue;
                }
                let error = outcome.unwrap_err();
                assert!(!error.was_sent() && !error.is_retryable(), "{operation} {address}: {error:?}");
                let text = format!("{error} {error:?}");
                assert!(text.contains(host) && text.contains("resolves"), "{operation} {address}: {text}");
                assert!(!text.contains(USER) && !text.contains(&KEY[..8]), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_media_address_that_resolves_into_the_own_network() {
    let (port, heard) = recorder().await;
    let url = format!("https://edge.example:{port}/whip");
    for address in ["169.254.169.254", "10.0.0.7", "127.0.0.1", "::1", "fd00::1", "192.168.0.1"] {
        let client = real("https://mediasfu.com", "edge.example", address).build().unwrap();
        let publish = client.publish_whip(PublishWhip::new(&url, "media-token", OFFER)).await.map(drop);
        let end = client.delete_media_resource(DeleteMediaResource::new(&url, "media-token")).await;
        let profile = client.get_whep_profile(GetWhepProfile::new(&url)).await.map(drop);
        for error in [publish, end, profile].map(|result| result.unwrap_err()) {
            assert!(!error.was_sent() && !error.is_retryable(), "{address}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("media-token"));
        }
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_operation_follows_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let location =
            Response::builder().status(status).header("location", "https://evil.example/v1/rooms/");
        let server = Always::new(location.body("").unwrap());
        let outcomes = every(&server.client()).await;
        for (operation, outcome) in &outcomes {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!(
                (error.kind(), error.is_retryable()),
                (ErrorKind::Protocol, false),
                "{operation} {status}"
            );
        }
        let sent = server.requests();
        assert_eq!(sent.len(), outcomes.len(), "one request each");
        assert!(sent.iter().all(|request| request.uri().host().unwrap().ends_with("mediasfu.com")));
    }
}

/// The same over sockets, where the HTTP stack could do it by itself; the other host is another port.
#[tokio::test]
async fn over_sockets_no_redirect_is_followed() {
    let (port, heard) = recorder().await;
    for status in [301, 302, 303, 307, 308] {
        let mut server = mockito::Server::new_async().await;
        let to = format!("http://127.0.0.1:{port}/whip");
        let any = server.mock("POST", mockito::Matcher::Any).with_status(status).with_header("location", &to);
        let mock = any.expect(3).create_async().await;
        let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(server.url());
        let client = builder.server(ServerKind::Cloud).build().unwrap();
        let whip = PublishWhip::new(format!("{}/whip", server.url()), "media-token", OFFER);
        for error in [
            client.create_room(room()).await.unwrap_err(),
            client.check_session(CheckSession::new()).await.unwrap_err(),
            client.publish_whip(whip).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1), "{status}");
        }
        mock.assert_async().await;
    }
    assert!(heard.lock().unwrap().is_empty());
}
