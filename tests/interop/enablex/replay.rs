//! Requests as the vendor's sample servers make them, byte for byte, to the emulator.
//!
//! Those of our own are enough for the shapes. The captured ones, which are not part of this repository, are sent as they
//! are but for the host, the credentials, and one path: `/v1` of the older samples belongs to another provider on the
//! emulator's port, and is `/video/v1` there.

use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::node::LIMIT;
use crate::{Found, captures, same};

/// The room that the captured requests are about.
const ROOM: &str = "5f01";
const CAPTURES: [(&str, usize); 2] =
    [("official-node-sample.http.txt", 4), ("official-python-sample.http.txt", 3)];
/// Stands between two requests of a file.
const RULE: &str = "-----";

/// In the shapes of the samples: numbers as texts, settings of the older version, a trailing slash, a body type without
/// a body, a member that the route does not know.
const OWN: [&str; 5] = [
    "POST /video/v1/rooms/ HTTP/1.1\nContent-Type: application/json\n\n\
     {\"name\":\"stand-up: daily\",\"owner_ref\":\"team seven\",\"settings\":{\"description\":\"d\",\"scheduled\":false,\
     \"adhoc\":true,\"moderators\":\"1\",\"participants\":\"1\",\"duration\":\"30\",\"quality\":\"SD\",\
     \"auto_recording\":false}}",
    "POST /video/v2/rooms HTTP/1.1\nContent-Type: application/json\n\n\
     {\"name\": \"Room: 7\", \"owner_ref\": \"7\", \"settings\": {\"description\": \"\", \"mode\": \"group\", \
     \"participants\": \"2\", \"duration\": \"60\", \"active_talker\": true, \"wait_moderator\": false}, \
     \"sip\": {\"enabled\": false}}",
    "GET /video/v1/rooms/ HTTP/1.1\nContent-Type: application/json\n\n",
    "GET /video/v2/rooms/5f01 HTTP/1.1\nContent-Type: application/json\n\n",
    "POST /video/v1/rooms/5f01/tokens HTTP/1.1\nContent-Type: application/json\n\n\
     {\"name\":\"n\",\"role\":\"participant\",\"user_ref\":\"u\",\"roomId\":\"5f01\"}",
];

pub(crate) async fn run(found: &mut Found) {
    println!("\nrequests in the shape of the vendor's sample servers");
    for request in OWN {
        found.check(line(request), send(request).await);
    }
    let Some(folder) = captures() else {
        return found.skip("the captured requests of the vendor's sample servers: ../shared is not there");
    };
    for (file, count) in CAPTURES {
        println!("\n{file}");
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let requests: Vec<&str> =
            text.split(RULE).map(str::trim_start).filter(|text| !text.is_empty()).collect();
        found.check("the number of requests", same("requests", &json!(requests.len()), &json!(count)));
        for request in requests {
            found.check(line(request), send(request).await);
        }
    }
}

fn line(request: &str) -> &str {
    request.lines().next().unwrap_or_default().trim()
}

async fn send(request: &str) -> Result<(), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let room = json!({ "room_id": ROOM, "name": "n", "owner_ref": "o", "settings": { "participants": "5" } });
    emulator.seed(json!({ "enablex": { "rooms": [room] } })).map_err(|e| e.to_string())?;
    let exchanged = tokio::time::timeout(LIMIT, exchange(&emulator, request)).await;
    let (status, answer) = exchanged.map_err(|_| "no answer came")?.map_err(|e| e.to_string())?;
    same("the status", &json!(status), &json!(200)).map_err(|e| format!("{e}: {answer}"))?;
    same("the result", &answer["result"], &json!(0)).map_err(|e| format!("{e}: {answer}"))?;
    let line = line(request);
    let wanted: &[&str] = match (line.starts_with("POST"), line.contains("/tokens")) {
        (true, true) => &["/token"],
        (true, false) => &["/room/room_id", "/room/created"],
        _ if line.contains(ROOM) => &["/room/settings"],
        _ => &["/rooms/0/room_id"],
    };
    let absent: Vec<_> =
        wanted.iter().filter(|path| answer.pointer(path).is_none_or(Value::is_null)).collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("{absent:?} are not in {answer}")) }
}

/// The request as it goes over the wire.
fn addressed(emulator: &Emulator, request: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines = request.replace("\r\n", "\n");
    let (head, body) = lines.split_once("\n\n").unwrap_or((&lines, ""));
    let access = emulator.enablex();
    let basic =
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", access.app_id(), access.app_key()));
    let mut sent = String::new();
    let mut length = body.len();
    for line in head.lines() {
        match line.split_once(": ") {
            Some(("Host" | "Authorization", _)) => continue,
            Some(("Content-Length", number)) => length = number.parse().unwrap_or(length),
            _ => {}
        }
        sent += &format!("{}\r\n", line.replacen(" /v1/", " /video/v1/", 1));
    }
    if !head.contains("Content-Length") && length > 0 {
        sent += &format!("Content-Length: {length}\r\n");
    }
    let host = emulator.url().trim_start_matches("http://");
    sent += &format!("Host: {host}\r\nAuthorization: Basic {basic}\r\n\r\n");
    // What follows the body in a file is not a part of it.
    sent += body.get(..length).unwrap_or(body);
    sent.into_bytes()
}

/// By hand: a client library would write the head in its own way.
async fn exchange(emulator: &Emulator, request: &str) -> std::io::Result<(u16, Value)> {
    let host = emulator.url().trim_start_matches("http://");
    let mut stream = BufReader::new(TcpStream::connect(host).await?);
    stream.write_all(&addressed(emulator, request)).await?;
    let (mut status, mut length) = (0, 0);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("http/1.1 ") {
            status = number.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        } else if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
