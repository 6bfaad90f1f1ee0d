//! Answers over HTTP: every operation of every provider through its client, from the credentials to the output.
//!
//! The first byte of an input is the operation, the second the status; header lines, an empty line and the body follow.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use rtc_core::http::{HeaderName, HeaderValue, Request, Response};
use rtc_core::testing::ManualClock;
use rtc_core::{
    Body, BoxFuture, Bytes, Call, Limits, Operation, RetryPolicy, Service, Transport, TransportError, http,
};

use crate::cases;
use crate::generated;

/// The secrets of all credentials, and of inputs that have one.
pub(crate) const CANARY: &str = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77";
/// What statuses an answer may have: the second byte is the place here.
const STATUSES: &[u16] =
    &[200, 201, 204, 206, 307, 400, 401, 403, 404, 408, 409, 410, 413, 429, 500, 502, 503, 504];

/// What came of a call: its output, or its error in all its forms and whether it was sent.
pub(crate) type Told = BoxFuture<'static, Result<String, (String, bool)>>;

/// Makes a call and writes down what comes of it.
pub(crate) fn tell<S: Service, O: Operation<S> + 'static>(call: Call<S, O>) -> Told
where
    O::Output: Debug,
{
    Box::pin(async move {
        let outcome = call.await;
        outcome.map(|output| format!("{output:?}")).map_err(|error| {
            let sources = std::iter::successors(std::error::Error::source(&error), |source| source.source());
            let sources: String = sources.map(|source| format!(" {source} {source:?}")).collect();
            (format!("{error} {error:?} {:?}{sources}", error.kind()), error.was_sent())
        })
    })
}

/// Gives the same answer to all requests, and notes whether a secret was sent that it could repeat.
#[derive(Clone, Debug)]
struct Always {
    parts: http::response::Parts,
    body: Bytes,
    secret: Arc<AtomicBool>,
}

impl Transport for Always {
    async fn send(&self, request: Request<Bytes>, _: Limits) -> Result<Response<Body>, TransportError> {
        let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        let shown = |value: &HeaderValue| holds(value.as_bytes()) || value.as_bytes().starts_with(b"Basic ");
        if holds(request.body()) || request.headers().values().any(shown) {
            self.secret.store(true, Ordering::Relaxed);
        }
        Ok(Response::from_parts(self.parts.clone(), Body::full(self.body.clone())))
    }
}

/// An answer and the operation that it is for.
fn read(data: &[u8]) -> Option<(usize, Always)> {
    let [operation, status, rest @ ..] = data else { return None };
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((&[][..], rest), |end| (&rest[..end], &rest[end + 2..]));
    let mut parts = Response::new(()).into_parts().0;
    parts.status = http::StatusCode::from_u16(STATUSES[usize::from(*status) % STATUSES.len()]).ok()?;
    for line in head.split(|byte| *byte == b'\n').take(16) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            parts.headers.append(name, value);
        }
    }
    let always = Always { parts, body: Bytes::copy_from_slice(body), secret: Arc::default() };
    Some((usize::from(*operation), always))
}

/// Runs a call that waits for nobody: it ends with as many wake-ups as it makes itself.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for something that never comes");
}

fn judge(told: Told, secret: &AtomicBool) {
    match at_once(told) {
        Ok(output) => assert!(!output.is_empty()),
        Err((error, sent)) => {
            assert!(sent, "no answer was looked at: {error}");
            let leaks = secret.load(Ordering::Relaxed) && error.contains(CANARY);
            assert!(!leaks, "an error tells a secret: {error}");
            assert!(error.len() < 64 * 1024, "an error of {} bytes", error.len());
        }
    }
}

pub(crate) fn clock() -> ManualClock {
    // Waiting would be for ever, so it takes no time.
    ManualClock::jumping(SystemTime::UNIX_EPOCH + Duration::from_secs(1_785_585_600))
}

macro_rules! answers {
    ($run:ident, $seeds:ident, $module:ident, $provider:literal, $more:expr, |$transport:ident| $client:expr) => {
        pub(crate) fn $run(data: &[u8]) {
            if let Some((operation, $transport)) = read(data) {
                let secret = Arc::clone(&$transport.secret);
                let client = $client.expect("the client is fine");
                judge(generated::$module::call(&client, operation), &secret);
            }
        }

        pub(crate) fn $seeds() -> Vec<Vec<u8>> {
            seeds($provider, generated::$module::CALLS, $more)
        }
    };
}

answers!(opentok, opentok_seeds, opentok, "opentok", OPENTOK, |transport| {
    let credentials = || opentok::Credentials::new("700100", CANARY);
    opentok::Client::builder(credentials())
        .account(credentials())
        .retry(RetryPolicy::none())
        .clock(clock())
        .transport(transport)
        .build()
});
answers!(mediasfu, mediasfu_seeds, mediasfu, "mediasfu", MEDIASFU, |transport| {
    mediasfu::Client::builder(mediasfu::Credentials::new("quietowl7", CANARY))
        .retry(RetryPolicy::none())
        .clock(clock())
        .transport(transport)
        .build()
});
answers!(enablex, enablex_seeds, enablex, "enablex", ENABLEX, |transport| {
    enablex::Client::builder(enablex::Credentials::new("harbour", CANARY))
        .recordings(enablex::RecordingAccess::new("reader", CANARY).allow_host("rtc.example.com"))
        .retry(RetryPolicy::none())
        .clock(clock())
        .transport(transport)
        .build()
});
answers!(kvs, kvs_seeds, kvs_signaling, "kvs-signaling", KVS, |transport| {
    let credentials = kvs_signaling::Credentials::new("AKIDHARBOUR7", "key").with_session_token(CANARY);
    kvs_signaling::Client::builder(credentials)
        .region("us-west-2")
        .signaling_endpoint("https://rtc.example.com")
        .storage_endpoint("https://rtc.example.com")
        .retry(RetryPolicy::none())
        .clock(clock())
        .transport(transport)
        .build()
});
answers!(sora, sora_seeds, sora_rpc_http, "sora-rpc", SORA, |transport| {
    sora_rpc::HttpClient::builder()
        .endpoint("https://rtc.example.com")
        .header("authorization", CANARY)
        .retry(RetryPolicy::none())
        .clock(clock())
        .transport(transport)
        .build()
});

/// Answers that are read by hand, by operation.
type More = &'static [(&'static str, &'static str)];
const OPENTOK: More = &[
    (
        "create_session",
        "\n\n[{\"session_id\":\"2_MX4\",\"project_id\":\"1\",\"create_dt\":\"Tue Feb 03 04:05:06 PST 2026\"}]",
    ),
    (
        "create_session",
        "content-type:text/xml\n\n<sessions><Session><session_id>2_MX4</session_id></Session></sessions>",
    ),
    (
        "list_callbacks",
        "\n\n[{\"id\":\"a\",\"group\":\"connection\",\"event\":\"created\",\"url\":\"https://a.example\"}]",
    ),
];
const MEDIASFU: More = &[
    (
        "create_room",
        "\n\n{\"message\":\"made\",\"roomName\":\"s1\",\"secureCode\":\"t\",\"publicURL\":\"https://a.example/meet/s1/k\",\"link\":\"https://a.example\",\"secret\":\"9\",\"success\":true}",
    ),
    ("list_rooms", "\n\n{\"success\":true,\"data\":[{\"roomName\":\"s1\"}]}"),
    ("publish_whip", "location:/r/1\netag:\"a\"\nlink:<stun:stun.example>; rel=\"ice-server\"\n\nv=0\r\n"),
    ("get_whep_profile", "x-mediasfu-rtp-payload-types:audio/opus=111,video/vp8=96\n\n"),
    (
        "get_external_session",
        "\n\n{\"success\":true,\"sessionID\":\"s\",\"state\":\"active\",\"producers\":[{\"kind\":\"audio\"}]}",
    ),
];
const ENABLEX: More = &[
    (
        "create_room",
        "\n\n{\"result\":0,\"room\":{\"room_id\":\"r\",\"name\":\"n\",\"owner_ref\":\"o\",\"settings\":{\"participants\":\"2\",\"mode\":\"group\",\"scheduled\":false},\"sip\":{\"enabled\":true,\"pin\":\"1\"},\"created\":\"2026-01-01T00:00:00Z\"}}",
    ),
    ("create_token", "\n\n{\"result\":\"0\",\"token\":\"eyJob3N0IjoicnRjLmV4YW1wbGUuY29tIn0=\"}"),
    (
        "download_recording",
        "content-type:video/x-matroska\ncontent-length:4\ncontent-range:bytes 0-3/4\naccept-ranges:bytes\netag:\"a\"\n\nfilm",
    ),
];
const KVS: More = &[
    (
        "get_ice_server_config",
        "x-amzn-requestid:1\n\n{\"IceServerList\":[{\"Username\":\"1785585900:cXVheQ==\",\"Password\":\"b2FyPQ==\",\"Ttl\":300,\"Uris\":[\"turn:198.51.100.7:443?transport=udp\"]}]}",
    ),
    (
        "get_signaling_channel_endpoint",
        "\n\n{\"ResourceEndpointList\":[{\"Protocol\":\"WSS\",\"ResourceEndpoint\":\"wss://a.kinesisvideo.us-west-2.amazonaws.com\"}]}",
    ),
    (
        "describe_signaling_channel",
        "\n\n{\"ChannelInfo\":{\"ChannelName\":\"ch\",\"ChannelARN\":\"arn\",\"ChannelStatus\":\"ACTIVE\",\"ChannelType\":\"SINGLE_MASTER\",\"CreationTime\":1.7e9,\"Version\":\"V\",\"SingleMasterConfiguration\":{\"MessageTtlSeconds\":60}}}",
    ),
    ("list_signaling_channels", "\n\n{\"ChannelInfoList\":[{\"ChannelName\":\"ch\"}],\"NextToken\":\"n\"}"),
    ("list_tags_for_resource", "\n\n{\"NextToken\":\"n\",\"Tags\":{\"a\":\"b\"}}"),
    ("send_alexa_offer_to_master", "\n\n{\"Answer\":\"e30=\"}"),
];
const SORA: More = &[
    ("list_connections", "\n\n[{\"channel_id\":\"c\",\"connection_id\":\"d\"}]"),
    ("reset_spotlight_rid", "\n\n{\"channel_id\":\"c\",\"recv_connection_id\":\"d\"}"),
];

/// For each operation an answer as its specification has it, and one that repeats a secret; those that are read by hand;
/// refusals; and the case files'.
fn seeds(provider: &str, calls: &[(&str, &str)], more: More) -> Vec<Vec<u8>> {
    const REFUSED: &[(u8, &str)] = &[
        (
            5,
            "\n\n{\"code\":-1,\"message\":\"no\",\"description\":\"d\",\"error\":\"e\",\"success\":false,\"result\":4001,\"desc\":\"d\"}",
        ),
        (
            7,
            "x-amzn-errortype:AccessDeniedException:http://a\ndate:Sat, 01 Aug 2026 12:00:00 GMT\n\n{\"__type\":\"ServiceException\",\"Message\":\"no\"}",
        ),
        (13, "retry-after:Sat, 01 Aug 2026 12:00:00 GMT\n\n<html>slow down</html>"),
        (16, "retry-after:7\n\n{\"error_type\":\"NOT-FOUND\",\"error_reason\":\"r\"}"),
    ];
    let at =
        |name: &str| calls.iter().position(|(known, _)| *known == name).and_then(|n| u8::try_from(n).ok());
    let seed = |operation: u8, status: u8, rest: &str| [&[operation, status], rest.as_bytes()].concat();
    let mut seeds: Vec<_> =
        (0..).zip(calls).map(|(n, (_, body))| seed(n, 0, &format!("\n\n{body}"))).collect();
    seeds.extend(more.iter().map(|(name, rest)| seed(at(name).expect("it is an operation"), 0, rest)));
    seeds.extend(REFUSED.iter().map(|(status, rest)| seed(0, *status, rest)));
    let repeats = format!("\n\n{{\"message\":\"{CANARY} is wrong\"}}");
    seeds.extend((0..).zip(calls).map(|(n, _)| seed(n, 6, &repeats)));
    for (operation, answer) in cases::answers(provider) {
        let status = answer["status"].as_u64().unwrap_or(200);
        let status = STATUSES.iter().position(|known| u64::from(*known) == status).unwrap_or(0);
        if let (Some(operation), Ok(status)) = (at(&operation), u8::try_from(status)) {
            seeds.push(seed(operation, status, &format!("\n\n{}", answer["body"])));
        }
    }
    seeds
}
