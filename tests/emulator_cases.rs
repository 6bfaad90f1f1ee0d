//! The other side of the case files: what the clients send for a good input, the emulator takes as that operation; what
//! they refuse before sending, the emulator refuses as well when it comes from somebody who does not check. The two have
//! their rules from one specification but check them with code of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too"
)]

use std::time::SystemTime;

use base64::Engine as _;
use bytes::Bytes;
use http::Request;
use kvs_signaling::Signer;
use rtc_cli::Run;
use rtc_cli::catalogue::{OperationDoc, find};
use rtc_core::testing::ScriptedTransport;
use rtc_emulator::Emulator;
use rtc_tests::case::{Case, files, folders, read};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The providers whose emulator is complete.
const PROVIDERS: &[&str] = &["enablex", "kvs-signaling", "mediasfu", "opentok"];

/// A disposable key that the emulated MediaSFU is given.
const DISPOSABLE: &str = "tempsand00000000000000000000000000000000000000000000000000000000";

fn cases(kind: &str) -> Vec<(Case, &'static OperationDoc)> {
    let all = folders().into_iter().flat_map(|folder| files(&folder)).flat_map(|file| read(&file).unwrap());
    let of_kind = all.filter(|case| PROVIDERS.contains(&case.provider.as_str()) && case.kind == kind);
    let known = of_kind.filter_map(|case| {
        let operation = find(&case.provider, &case.operation).filter(|o| o.kind == "http")?;
        // The file of a case is none of the emulator's.
        (operation.name != "download_recording").then_some((case, operation))
    });
    known.collect()
}

/// An emulator with quotas off, and a run with its credentials.
async fn world(case: &Case) -> (Emulator, Run) {
    let emulator = Emulator::start().await.unwrap();
    emulator.set_quotas(false);
    // Scheduled rooms are about a time; requests that are signed bear the runner's own.
    if let Some(now) = case.given["now"].as_str().filter(|_| case.provider == "enablex") {
        emulator.clock().set(rtc_emulator::time::parse_rfc3339(now).unwrap());
    }
    let (opentok, kvs, mediasfu, enablex) =
        (emulator.opentok(), emulator.kvs(), emulator.mediasfu(), emulator.enablex());
    let credentials: &[(&str, &str)] = match case.provider.as_str() {
        "enablex" => &[("app_id", enablex.app_id()), ("app_key", enablex.app_key())],
        "mediasfu" => &[("api_user_name", mediasfu.api_user_name()), ("api_key", mediasfu.api_key())],
        "opentok" => &[("api_key", opentok.api_key()), ("api_secret", opentok.api_secret())],
        _ => &[
            ("access_key_id", kvs.access_key_id()),
            ("secret_access_key", kvs.secret_access_key()),
            ("region", kvs.region()),
        ],
    };
    let mut run = Run::default();
    for (name, value) in credentials {
        run.credentials.insert((*name).into(), (*value).into());
    }
    run.endpoint = Some(if case.provider == "enablex" { enablex.url() } else { opentok.url() });
    run.no_retry = true;
    if case.provider == "mediasfu" {
        run.options.insert("server".into(), "cloud".into());
        let key = json!({ "name": "case", "key": DISPOSABLE, "allowed_operations": ["createRoom"] });
        emulator.seed(json!({ "mediasfu": { "disposable_keys": { "case": key } } })).unwrap();
    }
    (emulator, run)
}

/// The input of a case, with the emulator in the place of the host it names.
fn input(case: &Case, emulator: &Emulator) -> Value {
    let mut input = case.given["input"].clone();
    if let Some(url) = input.get_mut("url").filter(|_| case.provider == "mediasfu") {
        let path = url
            .as_str()
            .and_then(|url| url.split_once("://")?.1.split_once('/'))
            .map_or("", |(_, path)| path);
        *url = format!("{}/{path}", emulator.url()).into();
    }
    input
}

#[tokio::test]
async fn what_a_client_sends_is_taken_as_that_operation() {
    let mut bad = Vec::new();
    let mut cases = cases("request");
    // Of some it is recommended that nothing is sent.
    cases.retain(|(case, _)| case.expect.get("request").is_some());
    for (case, operation) in &cases {
        let (emulator, mut run) = world(case).await;
        if let Some(session) = case.given["input"]["session_id"].as_str() {
            emulator.opentok().join(session);
        }
        // It is about the key itself, and the account's is none of that kind.
        if operation.name == "check_session" {
            run.credentials.insert("api_key".into(), DISPOSABLE.into());
        }
        emulator.clear_log();
        rtc_cli::batch::run(&case.provider, operation.name, input(case, &emulator), &run).await;
        let log = emulator.log();
        let [entry] = log.as_slice() else {
            bad.push(format!("{}: {} requests arrived", case.id, log.len()));
            continue;
        };
        // What the call is about need not be there (408 is how a stream that is none is told); the emulator must know
        // what was asked, and find no fault with it.
        let taken = matches!(entry.status, Some(200..=299 | 404 | 408));
        if entry.operation.as_deref() != Some(operation.name) || !taken {
            bad.push(format!("{}: {:?} {:?} {:?}", case.id, entry.operation, entry.status, entry.answer));
        }
    }
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), cases.len(), bad.join("\n"));
    println!("{} requests taken", cases.len());
}

#[tokio::test]
async fn what_a_client_refuses_is_refused_from_others_too() {
    let mut bad = Vec::new();
    let mut refused = 0;
    for (case, operation) in cases("validation") {
        if case.expect["error"]["kind"] != "invalid_input" || case.given.get("endpoint").is_some() {
            continue;
        }
        // With an empty id it is another path, with an operation of its own.
        if case.provider == "enablex" && case.given["input"]["room_id"] == "" {
            continue;
        }
        let (emulator, run) = world(&case).await;
        if let Some(session) = case.given["input"]["session_id"].as_str() {
            emulator.opentok().join(session);
        }
        let input = case.given["input"].as_object().cloned().unwrap_or_default();
        let (status, answer) = send(&emulator, &run, operation, &case.provider, &input).await;
        // EnableX refuses with a number and status 200, or with a name.
        let refusal = match case.provider.as_str() {
            "enablex" if status == 200 => answer["result"] != 0,
            "enablex" => matches!(status, 404 | 422),
            _ => matches!(status, 400 | 413),
        };
        if refusal { refused += 1 } else { bad.push(format!("{}: {status}", case.id)) }
    }
    assert!(bad.is_empty(), "not refused:\n{}", bad.join("\n"));
    assert!(refused > 0 || files(&folders()[0]).is_empty());
    println!("{refused} faulty requests refused");
}

/// Sends the input as a peer does that checks nothing, with good credentials; gives the status and the answer.
async fn send(
    emulator: &Emulator,
    run: &Run,
    operation: &OperationDoc,
    provider: &str,
    input: &Map<String, Value>,
) -> (u16, Value) {
    let address = run.endpoint.clone().unwrap();
    let (path, mut wire) =
        wired(operation, input, &run.credentials.get("api_key").cloned().unwrap_or_default());
    if let ("mediasfu", Some(action)) = (provider, operation.name.strip_suffix("_room")) {
        wire.insert("action".into(), action.into());
    }
    let idempotency_key = wire.remove("Idempotency-Key").or_else(|| input.get("idempotency_key").cloned());
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &wire {
        pairs.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let (target, kind, body) = match operation.method {
        "GET" | "DELETE" => {
            (format!("{address}{path}?{}", pairs.finish()), "application/json", String::new())
        }
        _ if operation.name == "create_session" => {
            (format!("{address}{path}"), "application/x-www-form-urlencoded", pairs.finish())
        }
        _ => (format!("{address}{path}"), "application/json", Value::Object(wire).to_string()),
    };
    let request = Request::builder().method(operation.method).uri(&target).header("content-type", kind);
    let mut request = request.body(Bytes::from(body)).unwrap();
    if let Some(key) = idempotency_key {
        request.headers_mut().insert("idempotency-key", key.as_str().unwrap().parse().unwrap());
    }
    if provider == "enablex" {
        let pair = format!("{}:{}", emulator.enablex().app_id(), emulator.enablex().app_key());
        let pair = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        request.headers_mut().insert("authorization", pair.parse().unwrap());
    } else if provider == "opentok" {
        request.headers_mut().insert("x-opentok-auth", request_token(emulator).await);
    } else if provider == "mediasfu" {
        let access = emulator.mediasfu();
        let bearer = format!("Bearer {}:{}", access.api_user_name(), access.api_key());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
    } else {
        let kvs = emulator.kvs();
        let keys = kvs_signaling::Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
        Signer::new(kvs.region(), "kinesisvideo").sign(&keys, &mut request, SystemTime::now()).unwrap();
    }
    exchange(&request).await
}

/// The path, and the members of body or query by their names on the wire.
fn wired(
    operation: &OperationDoc,
    input: &Map<String, Value>,
    project: &str,
) -> (String, Map<String, Value>) {
    let mut path = operation.path.replace("{project}", project);
    let mut wire = Map::new();
    for field in operation.fields.iter().filter(|field| !field.name.contains('.')) {
        let Some(value) = input.get(field.name).or_else(|| input.get(field.wire)) else { continue };
        let place = format!("{{{}}}", field.name);
        if path.contains(&place) {
            path = path.replace(&place, value.as_str().unwrap_or_default());
        } else {
            wire.insert(field.wire.to_owned(), renamed(operation, field.name, value));
        }
    }
    (path, wire)
}

/// A value with the names of its members as on the wire; enums by theirs.
fn renamed(operation: &OperationDoc, path: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let path = format!("{path}.{name}");
                let field = operation.fields.iter().find(|field| field.name == path);
                let wire = field.and_then(|f| f.wire.rsplit('.').next()).unwrap_or(name);
                (wire.to_owned(), renamed(operation, &path, value))
            };
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(|item| renamed(operation, path, item)).collect(),
        Value::String(text) if path == "media_mode" => match text.as_str() {
            "relayed" => json!("enabled"),
            "routed" => json!("disabled"),
            other => json!(other),
        },
        other => other.clone(),
    }
}

/// A good token for a request, taken from one that a client made.
async fn request_token(emulator: &Emulator) -> http::HeaderValue {
    let access = emulator.opentok();
    let transport = ScriptedTransport::new().json(200, "{}");
    let credentials = opentok::Credentials::new(access.api_key(), access.api_secret());
    let client = opentok::Client::builder(credentials).transport(transport.clone()).build().unwrap();
    let _ = client.list_archives(opentok::ListArchives::new()).await;
    transport.requests()[0].headers()["x-opentok-auth"].clone()
}

async fn exchange(request: &Request<Bytes>) -> (u16, Value) {
    let uri = request.uri();
    let mut stream = TcpStream::connect(uri.authority().unwrap().as_str()).await.unwrap();
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), uri.path_and_query().unwrap());
    text += &format!("host: {}\r\n", uri.authority().unwrap());
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != "host") {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += &format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body().len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(request.body()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_else(|| panic!("{answer}")), serde_json::from_str(body).unwrap_or_default())
}
