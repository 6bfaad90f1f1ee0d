//! The emulator, over pipes instead of sockets: bytes of anybody, requests that are signed as they should be, frames of
//! live connections, and what its management takes.

use std::sync::LazyLock;
use std::time::Duration;

use rtc_core::http::{HeaderValue, Request, Response, StatusCode, header};
use rtc_core::{Body, Bytes, Clock as _, Limits, RetryPolicy, Transport, TransportError, TransportErrorKind};
use rtc_emulator::{Emulator, EmulatorClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::answers::{Told, clock};
use crate::generated;
use crate::{bytes, show};

/// What nobody may need to answer: an input is a few requests.
const PATIENCE: Duration = Duration::from_secs(5);
/// What fits into the pipes; the emulator's answers are shorter unless it is told to make huge ones.
const PIPE: usize = 4 << 20;

struct World {
    runtime: Runtime,
    emulator: Emulator,
}

/// One emulator for all inputs: each finds it as it was at the start. Its time stands still.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let time = EmulatorClock::manual(clock().now());
    let emulator = Emulator::builder().clock(time).patience(2 * PATIENCE).log_capacity(16);
    let emulator = runtime.block_on(emulator.start()).expect("a port of this machine");
    World { runtime, emulator }
});

/// After so many turns in which nothing came, nothing will: nobody waits for anything but this.
const QUIET: u32 = 64;

/// Writes it all, reads what comes, and hangs up when there is no more.
async fn exchange(input: &[u8]) -> Vec<u8> {
    let (mut ours, theirs) = tokio::io::duplex(PIPE);
    let served = WORLD.emulator.serve(theirs);
    let talk = async {
        // It may hang up before it has read everything.
        let _ = ours.write_all(input).await;
        let (mut answer, mut quiet) = (Vec::new(), 0);
        while quiet < QUIET {
            tokio::select! {
                biased;
                read = ours.read_buf(&mut answer) => match read {
                    Ok(1..) => quiet = 0,
                    _ => return answer,
                },
                () = tokio::task::yield_now() => quiet += 1,
            }
        }
        let _ = ours.shutdown().await;
        let _ = ours.read_to_end(&mut answer).await;
        answer
    };
    let both = async { tokio::join!(served, talk).1 };
    tokio::time::timeout(PATIENCE, both).await.expect("an answer, or the end of the connection")
}

fn anew(run: impl Future<Output = ()>) {
    let run = async {
        WORLD.emulator.reset();
        run.await;
    };
    WORLD.runtime.block_on(run);
}

/// Bytes of anybody. The management of faults can make it wait for ever, so it is left out: see [`manage`].
pub(crate) fn http(data: &[u8]) {
    if data.windows(9).any(|part| part == b"_emulator") {
        return;
    }
    anew(async {
        let answer = exchange(data).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "that is not HTTP");
        assert!(!answer.starts_with(b"HTTP/1.1 500"), "{}", String::from_utf8_lossy(&answer));
    });
}

pub(crate) fn http_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "GET /video/v2/rooms HTTP/1.1\r\nhost: a\r\nauthorization: Basic NWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1OmVtdWxhdG9yQXBwbGljYXRpb25LZXlFbXVsYXRvcjAwMA==\r\n\r\n",
        "POST /session/create HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n5\r\na=b&c\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /v1/rooms/ HTTP/1.1\r\nhost: a\r\nauthorization: Bearer emulator:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\ncontent-type: application/json\r\ncontent-length: 59\r\n\r\n{\"action\":\"create\",\"duration\":30,\"capacity\":2,\"userName\":\"ab\"}",
        "POST / HTTP/1.1\r\nhost: a\r\nx-sora-target: Sora_20201013.ListConnections\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n{}",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260801T120000Z&X-Amz-Signature=0 HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    ])
}

/// Sends what a client has made, but to another path and with another body, and signs it anew where that matters.
#[derive(Clone, Debug)]
struct Changed {
    path: String,
    body: Bytes,
}

impl Transport for Changed {
    async fn send(&self, mut request: Request<Bytes>, _: Limits) -> Result<Response<Body>, TransportError> {
        let nothing = || TransportError::new(TransportErrorKind::Connect);
        let uri = format!("{}{}", request.uri(), self.path);
        *request.uri_mut() = uri.parse().map_err(|_| nothing())?;
        if !self.body.is_empty() {
            *request.body_mut() = self.body.clone();
        }
        let signed = request.headers().contains_key("x-amz-date");
        if signed {
            sign(&mut request);
        }
        let answer = exchange(&written(&request)).await;
        let response =
            read(&answer).unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&answer)));
        let text = String::from_utf8_lossy(response.body());
        assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{text}");
        let refused = text.contains("InvalidSignature");
        assert!(!(signed && refused), "the client and the emulator sign {} otherwise: {text}", request.uri());
        Ok(response.map(Body::full))
    }
}

/// As the client did, with the same credentials.
fn sign(request: &mut Request<Bytes>) {
    let kvs = WORLD.emulator.kvs();
    let credentials = kvs_signaling::Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
    let signer = kvs_signaling::Signer::new(kvs.region(), "kinesisvideo");
    signer.sign(&credentials, request, clock().now()).expect("it can be signed");
}

fn written(request: &Request<Bytes>) -> Vec<u8> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let mut out =
        format!("{} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", request.method()).into_bytes();
    let length = HeaderValue::from(request.body().len());
    let own = [header::HOST, header::CONTENT_LENGTH, header::CONNECTION];
    let headers = request.headers().iter().filter(|(name, _)| !own.contains(name));
    for (name, value) in headers.chain([(&header::CONTENT_LENGTH, &length)]) {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(request.body());
    out
}

/// Enough of HTTP for the emulator's answers, which have a length.
fn read(answer: &[u8]) -> Option<Response<Bytes>> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut response = Response::builder().status(head.get(9..12)?);
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ")?;
        response = response.header(name, value);
    }
    response.body(Bytes::copy_from_slice(&answer[end + 4..])).ok()
}

/// The first byte is the provider, the second the operation; a line is put behind the path, and the rest is the body.
pub(crate) fn request(data: &[u8]) {
    let [provider, operation, rest @ ..] = data else { return };
    let (path, body) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or_default());
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let changed =
        Changed { path: String::from_utf8_lossy(path).into_owned(), body: Bytes::copy_from_slice(body) };
    anew(async {
        match call(*provider, usize::from(*operation), changed).await {
            Ok(output) => show(&output),
            Err(error) => show(&error),
        }
    });
}

fn call(provider: u8, operation: usize, changed: Changed) -> Told {
    let emulator = &WORLD.emulator;
    let time = rtc_core::testing::ManualClock::new(clock().now());
    macro_rules! built {
        ($builder:expr) => {
            $builder.retry(RetryPolicy::none()).clock(time).transport(changed).build().expect("a client")
        };
    }
    match provider % 5 {
        0 => {
            let access = emulator.opentok();
            let project = opentok::Credentials::new(access.api_key(), access.api_secret());
            let account = opentok::Credentials::new(access.account_key(), access.account_secret());
            let client = opentok::Client::builder(project).account(account).endpoint(access.url());
            generated::opentok::call(&built!(client), operation)
        }
        1 => {
            let access = emulator.mediasfu();
            let credentials = mediasfu::Credentials::new(access.api_user_name(), access.api_key());
            let client = mediasfu::Client::builder(credentials).endpoint(access.url());
            generated::mediasfu::call(&built!(client), operation)
        }
        2 => {
            let access = emulator.enablex();
            let credentials = enablex::Credentials::new(access.app_id(), access.app_key());
            let recordings =
                enablex::RecordingAccess::new(access.recording_user(), access.recording_password());
            let client = enablex::Client::builder(credentials).endpoint(access.url()).recordings(recordings);
            generated::enablex::call(&built!(client), operation)
        }
        3 => {
            let access = emulator.kvs();
            let credentials =
                kvs_signaling::Credentials::new(access.access_key_id(), access.secret_access_key());
            let client =
                kvs_signaling::Client::builder(credentials).region(access.region()).endpoint(access.url());
            generated::kvs_signaling::call(&built!(client), operation)
        }
        _ => {
            let client = sora_rpc::HttpClient::builder().endpoint(emulator.sora().api_url());
            generated::sora_rpc_http::call(&built!(client), operation)
        }
    }
}

/// Every operation as the client has it; some with more behind the path, or another body.
pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    let calls = [
        generated::opentok::CALLS.len(),
        generated::mediasfu::CALLS.len(),
        generated::enablex::CALLS.len(),
        generated::kvs_signaling::CALLS.len(),
        generated::sora_rpc_http::CALLS.len(),
    ];
    let mut seeds = Vec::new();
    for (provider, calls) in (0..).zip(calls) {
        seeds.extend(
            (0..u8::try_from(calls).expect("they are few")).map(|operation| vec![provider, operation]),
        );
    }
    let more: &[(u8, u8, &str)] = &[
        (0, 0, "?x=1\narchiveMode=always&p2p.preference=disabled&e2ee=true"),
        (
            0,
            1,
            "\n{\"sessionId\":\"s\",\"name\":\"n\",\"resolution\":\"640x480\",\"layout\":{\"type\":\"custom\",\"stylesheet\":\"a\"}}",
        ),
        (
            1,
            0,
            "\n{\"action\":\"create\",\"duration\":30,\"capacity\":2,\"userName\":\"ab\",\"eventType\":\"chat\"}",
        ),
        (
            2,
            0,
            "\n{\"name\":\"n\",\"owner_ref\":\"o\",\"settings\":{\"participants\":\"2\",\"mode\":\"group\"},\"sip\":{\"enabled\":false}}",
        ),
        (
            3,
            0,
            "?b=2&a=%7E+1\n{\"ChannelName\":\"c\",\"ChannelType\":\"SINGLE_MASTER\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}",
        ),
        (
            3,
            11,
            "/../a//b\n{\"ChannelARN\":\"arn:aws:kinesisvideo:us-west-2:111122223333:channel/ch/1\",\"SenderClientId\":\"a\",\"MessagePayload\":\"e30=\"}",
        ),
        (4, 10, "\n{\"channel_id\":\"emulator\",\"receiver_connection_id\":\"a\",\"rid\":\"r0\"}"),
    ];
    seeds.extend(more.iter().map(|(p, o, rest)| [&[*p, *o], rest.as_bytes()].concat()));
    seeds
}

/// The first byte is the kind of connection; each line is a frame, a binary one where it begins with `~`.
pub(crate) fn socket(data: &[u8]) {
    let [kind, rest @ ..] = data else { return };
    let emulator = &WORLD.emulator;
    anew(async {
        let path = match kind % 5 {
            0 => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            1 => "/socket.io/?EIO=3&transport=websocket".to_owned(),
            2 => "/v3/socket.io/?EIO=4&transport=websocket".to_owned(),
            3 => path_of(&emulator.sora().rpc_url()),
            _ => path_of(&presigned().await),
        };
        let host = path_host(emulator.url());
        let mut input = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        .into_bytes();
        for line in rest.split(|byte| *byte == b'\n').take(32) {
            match line.strip_prefix(b"~") {
                Some(line) => frame(&mut input, 2, line),
                None => frame(&mut input, 1, line),
            }
        }
        let answer = exchange(&input).await;
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    });
}

/// A frame whose mask changes nothing (RFC 6455, 5.2).
fn frame(out: &mut Vec<u8>, opcode: u8, content: &[u8]) {
    out.push(0x80 | opcode);
    match u8::try_from(content.len()) {
        Ok(length) if length < 126 => out.push(0x80 | length),
        _ => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(content.iter().take(usize::from(u16::MAX)));
}

async fn presigned() -> String {
    let access = WORLD.emulator.kvs();
    let credentials = kvs_signaling::Credentials::new(access.access_key_id(), access.secret_access_key());
    let client = kvs_signaling::Client::builder(credentials).region(access.region()).endpoint(access.url());
    let nobody = rtc_core::testing::ScriptedTransport::new();
    let client = client.clock(clock()).transport(nobody).build().expect("a client");
    let endpoint = access.url().replace("http", "ws");
    let request = kvs_signaling::PresignConnectAsMaster::new(access.channel_arn()).endpoint(endpoint);
    let signed = client.presign_connect_as_master(request).await.expect("it can be signed");
    signed.url.expect("a URL").expose().to_owned()
}

/// Path and query of a URL.
fn path_of(url: &str) -> String {
    url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default()
}

fn path_host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

pub(crate) fn socket_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "\x00401\n40/media,\n40\n2\n3probe\n420[\"joinRoom\",{\"roomName\":\"s1\",\"islevel\":\"2\",\"member\":\"ab\"}]\n41",
        "\x0140\n420[\"token\",{\"token\":\"x\"}]\n2\n451-[\"b\",{\"_placeholder\":true,\"num\":0}]\n~abc",
        "\x0240\n420[\"token\",{\"token\":\"x\"}]",
        "\x03{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"2025.2.0/RequestSimulcastRid\",\"params\":{\"rid\":\"r0\"}}\n{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n~[{}]",
        "\x04{\"action\":\"SDP_OFFER\",\"recipientClientId\":\"v\",\"messagePayload\":\"e30=\",\"correlationId\":\"c\"}\n{\"action\":\"ICE_CANDIDATE\",\"messagePayload\":\"e30=\"}\nx",
    ])
}

/// What a test tells the emulator: the first byte says whether it is a rule of a fault or a state.
pub(crate) fn manage(data: &[u8]) {
    let [what, rest @ ..] = data else { return };
    let Ok(value) = serde_json::from_slice(rest) else { return };
    anew(async {
        let emulator = &WORLD.emulator;
        match what % 2 {
            0 => match emulator.add_faults(value) {
                Ok(ids) => show(&ids),
                Err(message) => assert!(!message.is_empty()),
            },
            _ => match emulator.seed(value) {
                Ok(()) => {
                    // What it says of itself it takes back.
                    emulator.seed(emulator.state()).expect("its own state");
                }
                Err(message) => assert!(!message.is_empty()),
            },
        }
        emulator.reset();
    });
}

pub(crate) fn manage_seeds() -> Vec<Vec<u8>> {
    let mut seeds = bytes(&[
        "\x00[{\"provider\":\"enablex\",\"operation\":\"get_room\",\"times\":2,\"action\":{\"status\":{\"status\":503,\"retry_after\":1}}}]",
        "\x00{\"probability\":0.5,\"action\":{\"drop\":{\"when\":\"before\"}}}",
        "\x00{\"action\":{\"truncate\":{\"bytes\":3}}}",
        "\x01{\"opentok\":{\"sessions\":{}},\"enablex\":{\"rooms\":{}}}",
    ]);
    let state = serde_json::to_vec(&WORLD.emulator.state()).expect("JSON");
    seeds.push([&[1], state.as_slice()].concat());
    seeds
}
