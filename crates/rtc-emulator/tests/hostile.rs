//! What only an attacker or a broken client sends: it is answered or cut off within limits, and nobody else notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests, shared by several files"
)]

mod common;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use common::{body, builder, connect, make, manage, raw, request};
use rtc_emulator::Emulator;
use serde_json::{Map, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What clients are given where a test waits for the end of it.
const BRIEF: Duration = Duration::from_millis(100);
/// What no answer takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(20);

async fn impatient() -> Emulator {
    builder().patience(BRIEF).start().await.unwrap()
}

/// Sends what is accepted of it, and reads until the server closes.
async fn provoke(emulator: &Emulator, bytes: &[u8]) -> String {
    let (mut reader, mut writer) = connect(emulator).await.into_split();
    let answer = async {
        let mut answer = Vec::new();
        // A server that closes before it has read all resets the connection; what it said may have come before.
        let _ = reader.read_to_end(&mut answer).await;
        answer
    };
    let send = async {
        // The half stays open: a client that waits, not one that has left.
        let _ = writer.write_all(bytes).await;
    };
    let both = async { tokio::join!(answer, send).0 };
    let answer = tokio::time::timeout(LONG, both).await.expect("neither answered nor cut off");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("cut")
}

async fn assert_well(emulator: &Emulator) {
    let answer = tokio::time::timeout(LONG, make(emulator)).await.expect("the emulator hangs");
    assert_eq!(status(&answer), "200");
}

#[tokio::test]
async fn heads_have_limits() {
    let emulator = impatient().await;
    let many: String = (0..200).fold(String::new(), |mut text, n| {
        let _ = write!(text, "x-{n}: y\r\n");
        text
    });
    for (head, wanted) in [
        (
            format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)),
            &["431", "cut"][..],
        ),
        (format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"), &["431"]),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20)), &["414", "431", "cut"]),
        ("GET / HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n".into(), &["400"]),
        ("GET / HTTP/9.9\r\nhost: localhost\r\n\r\n".into(), &["400", "cut"]),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".into(), &["400", "cut"]),
    ] {
        let answer = provoke(&emulator, head.as_bytes()).await;
        assert!(wanted.contains(&status(&answer)), "{:?}: {answer:?}", head.get(..40));
    }
    // As large as is allowed: it is read, and kept cut.
    let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(60_000));
    assert_eq!(status(&provoke(&emulator, head.as_bytes()).await), "404");
    let kept = emulator.log().pop().unwrap();
    assert!(kept.headers.iter().all(|(_, value)| value.len() <= 4096));
    assert_well(&emulator).await;
}

#[tokio::test]
async fn bodies_have_limits() {
    let emulator = impatient().await;
    let post = "POST /fake/a/things HTTP/1.1\r\nhost: localhost\r\n";
    let megabytes = "a".repeat(3 << 20);
    let chunk = format!("{post}transfer-encoding: chunked\r\n\r\n");
    for (sent, wanted) in [
        (format!("{post}content-length: {}\r\n\r\n{megabytes}", 1_u64 << 40), &["413", "cut"][..]),
        (format!("{chunk}{:x}\r\n{megabytes}\r\n", megabytes.len()), &["413", "cut"]),
        (format!("{chunk}ffffffffffffffffff\r\nabc"), &["400", "cut"]),
        (format!("{chunk}zz\r\nabc"), &["400", "cut"]),
        (format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nabcde"), &["400", "cut"]),
        (format!("{post}content-length: -1\r\n\r\nabcde"), &["400", "cut"]),
        // Neither comes to an end.
        (format!("{post}content-length: 10\r\n\r\nabc"), &["408"]),
        (format!("{chunk}3\r\nabc\r\n"), &["408"]),
    ] {
        let answer = provoke(&emulator, sent.as_bytes()).await;
        assert!(wanted.contains(&status(&answer)), "{:?}: {answer:?}", sent.get(..90));
    }
    assert_eq!(
        status(&raw(&emulator, &request("POST", "/fake/a/things", &"[".repeat(100_000))).await),
        "400"
    );
    assert_well(&emulator).await;
}

#[tokio::test]
async fn slow_and_silent_clients_are_given_up() {
    let emulator = impatient().await;
    for sent in ["", "G", "GET / HTTP/1.1\r\nhost: localhost\r\nx-slow:"] {
        let answer = provoke(&emulator, sent.as_bytes()).await;
        assert!(matches!(status(&answer), "cut" | "408"), "{answer}");
    }
    // One byte now and then gives no more time.
    let mut stream = connect(&emulator).await;
    let head =
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ".iter().copied().chain(std::iter::repeat(b'a'));
    let mut tick = tokio::time::interval(BRIEF / 20);
    let begun = Instant::now();
    for byte in head {
        tick.tick().await;
        let mut buffer = [0; 1];
        let cut = matches!(stream.try_read(&mut buffer), Ok(0)) || stream.write_all(&[byte]).await.is_err();
        if cut {
            break;
        }
        assert!(begun.elapsed() < LONG, "a slow client is waited for");
    }
    assert_well(&emulator).await;
}

#[tokio::test]
async fn who_does_not_read_does_not_hold_an_answer_for_ever() {
    let emulator = impatient().await;
    manage(&emulator, "POST", "faults", r#"{"times":1,"action":{"kind":"huge","bytes":1000000000}}"#).await;
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let mut stream = connect(&emulator).await;
    stream.write_all(request("POST", "/fake/a/things", r#"{"name":"n"}"#).as_bytes()).await.unwrap();
    // The answer has begun; all of it is left where it is.
    stream.peek(&mut [0; 1]).await.unwrap();
    assert!(tasks.num_alive_tasks() > before);
    let mut look = tokio::time::interval(Duration::from_millis(5));
    let given_up = async {
        while tasks.num_alive_tasks() > before {
            look.tick().await;
        }
    };
    tokio::time::timeout(LONG, given_up).await.expect("the connection is held");
    assert_well(&emulator).await;
}

#[tokio::test]
async fn silent_connections_are_in_nobodys_way() {
    let emulator = builder().start().await.unwrap();
    let mut held = Vec::new();
    for n in 0..400 {
        let mut stream = connect(&emulator).await;
        if n % 2 == 0 {
            stream
                .write_all(b"POST /fake/a/things HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
                .await
                .unwrap();
        }
        held.push(stream);
    }
    for _ in 0..20 {
        assert_well(&emulator).await;
    }
}

#[tokio::test]
async fn there_is_no_way_out_of_the_paths() {
    let emulator = builder().start().await.unwrap();
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/fake/../../etc/passwd",
        "/_emulator/../../../etc/passwd",
        "/_emulator/inspector/state/..%2f..%2f..%2fetc%2fpasswd",
        "/_emulator/inspector/../../../etc/passwd",
        "/_emulator/enablex/files/..%2f..%2f..%2fetc%2fpasswd",
        "/meet/..%2f..%2fetc%2fpasswd/x",
        "//etc/passwd",
        "/%00",
        "/\\..\\..\\etc\\passwd",
    ] {
        let answer = raw(&emulator, &request("GET", path, "")).await;
        assert!(matches!(status(&answer), "400" | "401" | "403" | "404"), "{path}: {answer}");
        assert!(!answer.contains("root:"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_log_has_a_size_and_a_weight() {
    let emulator = builder().log_capacity(100).start().await.unwrap();
    // One connection, its requests one after another without waiting.
    let one = "GET /nobody HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(999);
    let answers = provoke(&emulator, format!("{one}{}", request("GET", "/nobody", "")).as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 1000);
    let log = emulator.log();
    assert_eq!((log.len(), log[0].seq, log[99].status), (100, 901, Some(404)));

    // What is kept of a head weighs up to 64 KB: of 1,200 such there is no room for all.
    let emulator = builder().start().await.unwrap();
    let headers: String = (0..15).fold(String::new(), |mut text, n| {
        let _ = write!(text, "x-{n}: {}\r\n", "a".repeat(4000));
        text
    });
    let heavy = format!("GET /nobody HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").repeat(1200);
    provoke(&emulator, format!("{heavy}{}", request("GET", "/nobody", "")).as_bytes()).await;
    let log = emulator.log();
    let weight: usize = log.iter().flat_map(|e| &e.headers).map(|(_, value)| value.len()).sum();
    assert!(log.len() > 900 && weight < 64 << 20, "{} entries, {weight} bytes", log.len());
    assert_eq!(log.last().unwrap().seq, 1201);
}

/// One call of the Server API.
async fn enablex(emulator: &Emulator, path: &str) -> String {
    use base64::Engine as _;
    let access = emulator.enablex();
    let pair = format!("{}:{}", access.app_id(), access.app_key());
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Basic {basic}\r\n\r\n"
    );
    raw(emulator, &head).await
}

#[tokio::test]
async fn a_hundred_thousand_rooms() {
    let emulator = Emulator::builder().quotas(false).start().await.unwrap();
    let rooms: Map<_, _> = (0..100_000_u64)
        .map(|n| (format!("s{n}"), json!({ "input": { "userName": "host" }, "ends_at": u64::MAX >> 12 })))
        .collect();
    emulator.seed(json!({ "mediasfu": { "rooms": rooms } })).unwrap();
    let begun = Instant::now();
    let join = r#"{"action":"join","meetingID":"s99999","userName":"guest1"}"#;
    for _ in 0..5 {
        let head = format!(
            "authorization: Bearer {}:{}",
            emulator.mediasfu().api_user_name(),
            emulator.mediasfu().api_key()
        );
        let length = join.len();
        let sent = format!(
            "POST /v1/rooms/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{join}"
        );
        let answer = raw(&emulator, &sent).await;
        assert_eq!(status(&answer), "200", "{answer}");
    }
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    let answer = raw(&emulator, &request("GET", "/_emulator/inspector/state/mediasfu", "")).await;
    assert!(answer.len() < 1 << 20, "{} bytes for a person to look at", answer.len());
    assert!(body(&answer).contains("99900 more"));
    let (_, numbers) = manage(&emulator, "GET", "inspector/state", "").await;
    assert_eq!(numbers["mediasfu"]["rooms"], 100_000);

    let sessions: Map<_, _> =
        (0..100_000).map(|n| (format!("s{n}"), json!({ "project": emulator.opentok().api_key() }))).collect();
    let rooms: Vec<_> =
        (0..100_000).map(|n| json!({ "room_id": format!("r{n}"), "settings": { "duration": 60 } })).collect();
    emulator.seed(json!({ "opentok": { "sessions": sessions }, "enablex": { "rooms": rooms } })).unwrap();
    let begun = Instant::now();
    for _ in 0..5 {
        assert_ne!(emulator.opentok().join("s99999").stream_id, "");
        assert!(emulator.enablex().join("r99999", "n", "participant").is_some());
        assert_eq!(status(&enablex(&emulator, "/video/v2/rooms/r99999/users").await), "200");
    }
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

/// A place where connections come about, and nobody takes them.
async fn hanging() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn opentok_callbacks_that_nobody_takes_are_dropped() {
    let emulator = Emulator::start().await.unwrap();
    let (_listener, url) = hanging().await;
    let project = emulator.opentok().api_key();
    let callback =
        json!({ "project": project, "id": "c", "group": "connection", "event": "created", "url": url });
    let state = json!({ "callbacks": [callback], "sessions": { "s": { "project": project } } });
    emulator.seed(json!({ "opentok": state })).unwrap();
    for _ in 0..600 {
        emulator.opentok().join("s");
    }
    let deliveries = emulator.state()["opentok"]["deliveries"].clone();
    let of = |status: &str| deliveries.as_array().unwrap().iter().filter(|d| d["status"] == status).count();
    assert_eq!((of("pending"), of("dropped")), (500, 100));
    assert_well_enough(&emulator).await;
}

#[tokio::test]
async fn enablex_webhooks_that_nobody_takes_are_dropped() {
    let emulator = Emulator::start().await.unwrap();
    let (_listener, url) = hanging().await;
    assert!(emulator.enablex().send_webhooks(&url, false));
    emulator.seed(json!({ "enablex": { "rooms": [{ "room_id": "r", "settings": {} }] } })).unwrap();
    let dropped =
        || emulator.state()["enablex"]["deliveries"].to_string().contains("500 reports wait already");
    for n in 0..5_000 {
        // The last one to go ends the session, which is told.
        let id = emulator.enablex().join("r", "n", "participant").unwrap();
        manage(&emulator, "DELETE", &format!("enablex/rooms/r/users/{id}"), "").await;
        if n > 510 && dropped() {
            break;
        }
    }
    assert!(dropped(), "{}", emulator.state()["enablex"]["deliveries"]);
    assert_well_enough(&emulator).await;
}

async fn assert_well_enough(emulator: &Emulator) {
    assert_eq!(manage(emulator, "GET", "health", "").await.1["status"], "ok");
}

#[tokio::test]
async fn it_says_who_can_reach_it() {
    let emulator = Emulator::start().await.unwrap();
    assert!(emulator.is_loopback() && emulator.url().starts_with("http://127.0.0.1:"));
    assert_eq!(manage(&emulator, "GET", "health", "").await.1["loopback"], true);
    let open = Emulator::builder().bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).start().await.unwrap();
    assert!(!open.is_loopback());
    assert_eq!(manage(&open, "GET", "health", "").await.1["loopback"], false);
}
