//! What goes wrong, as bytes on the wire.

use std::time::{Duration, SystemTime};

use crate::operations::Good;
use crate::server::{End, Script};
use crate::tls::Certificate;

/// One thing that goes wrong, every time until it is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refused,
    ResetAtOnce,
    ClosedUnanswered,
    ResetUnanswered,
    ClosedInHead,
    ResetInHead,
    ClosedInBody,
    ResetInBody,
    ChunkCut,
    ResetAfter,
    Unanswered,
    StalledHead,
    StalledBody,
    SlowHead,
    SlowBody,
    NotHttp,
    HeadTooLarge,
    TwoLengths,
    ClaimedTooLarge,
    TooLarge,
    Garbage,
    Html,
    HtmlBadGateway,
    Empty,
    CutJson,
    DeepJson,
    WrongType,
    Bom,
    TwiceHeaders,
    WrongDate,
    ErrorInside,
    Echo,
    Status(u16),
    RetryAfter(u16, After),
    Redirect { status: u16, other: bool },
    ClockSkew,
    Tls(Certificate),
}

/// How long to wait, as an answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// 0.
    Now,
    /// 3600.
    Hour,
    /// An HTTP date that was an hour ago.
    Past,
    /// An HTTP date in an hour.
    Future,
    /// More seconds than a number holds.
    Absurd,
    /// No form of it at all.
    Unreadable,
}

use Fault::*;

pub(crate) const ALL: &[Fault] = &[
    Refused,
    ResetAtOnce,
    ClosedUnanswered,
    ResetUnanswered,
    ClosedInHead,
    ResetInHead,
    ClosedInBody,
    ResetInBody,
    ChunkCut,
    ResetAfter,
    Unanswered,
    StalledHead,
    StalledBody,
    SlowHead,
    SlowBody,
    NotHttp,
    HeadTooLarge,
    TwoLengths,
    ClaimedTooLarge,
    TooLarge,
    Garbage,
    Html,
    HtmlBadGateway,
    Empty,
    CutJson,
    DeepJson,
    WrongType,
    Bom,
    TwiceHeaders,
    WrongDate,
    ErrorInside,
    Echo,
    Status(400),
    Status(401),
    Status(403),
    Status(404),
    Status(409),
    Status(429),
    Status(500),
    Status(502),
    Status(503),
    Status(504),
    RetryAfter(429, After::Now),
    RetryAfter(429, After::Hour),
    RetryAfter(429, After::Past),
    RetryAfter(429, After::Future),
    RetryAfter(429, After::Absurd),
    RetryAfter(429, After::Unreadable),
    RetryAfter(503, After::Now),
    RetryAfter(503, After::Hour),
    Redirect { status: 302, other: false },
    Redirect { status: 307, other: false },
    Redirect { status: 302, other: true },
    Redirect { status: 308, other: true },
    ClockSkew,
    Tls(Certificate::Good),
    Tls(Certificate::WrongName),
    Tls(Certificate::Expired),
    Tls(Certificate::UnknownAuthority),
];

impl Fault {
    /// As the table names it.
    pub(crate) fn name(self) -> String {
        let text = match self {
            Refused => "connection refused",
            ResetAtOnce => "reset before the request is read",
            ClosedUnanswered => "closed without an answer",
            ResetUnanswered => "reset without an answer",
            ClosedInHead => "closed in the middle of the head",
            ResetInHead => "reset in the middle of the head",
            ClosedInBody => "closed in the middle of the body",
            ResetInBody => "reset in the middle of the body",
            ChunkCut => "closed in the middle of a chunk",
            ResetAfter => "reset after the whole answer",
            Unanswered => "read and never answered",
            StalledHead => "stalled in the head",
            StalledBody => "stalled in the body",
            SlowHead => "head in slow bytes without an end",
            SlowBody => "body in slow bytes without an end",
            NotHttp => "bytes that are not HTTP",
            HeadTooLarge => "head of 2 MiB",
            TwoLengths => "two different lengths",
            ClaimedTooLarge => "a length of 1 TiB",
            TooLarge => "a body without an end",
            Garbage => "200 with garbage",
            Html => "200 with the HTML of a portal",
            HtmlBadGateway => "502 with the HTML of a proxy",
            Empty => "200 without a body",
            CutJson => "200 with JSON that breaks off",
            DeepJson => "200 with JSON 100,000 deep",
            WrongType => "good answer of a wrong type",
            Bom => "good answer with a BOM",
            TwiceHeaders => "good answer with headers twice",
            WrongDate => "good answer, an hour off by its date",
            ErrorInside => "200 with an error inside",
            Echo => "400 that repeats the whole request",
            ClockSkew => "refused for a clock an hour off",
            Status(status) => return format!("status {status}"),
            RetryAfter(status, after) => {
                let value = match after {
                    After::Now => "0",
                    After::Hour => "an hour",
                    After::Past => "a date that is past",
                    After::Future => "a date in an hour",
                    After::Absurd => "30 digits",
                    After::Unreadable => "\"soon\"",
                };
                return format!("status {status}, Retry-After {value}");
            }
            Redirect { status, other } => {
                return format!(
                    "redirect {status} to {}",
                    if other { "another host" } else { "the same host" }
                );
            }
            Tls(Certificate::Good) => "TLS, nothing wrong (control)",
            Tls(Certificate::WrongName) => "TLS, certificate of another name",
            Tls(Certificate::Expired) => "TLS, certificate expired",
            Tls(Certificate::UnknownAuthority) => "TLS, unknown authority",
        };
        text.into()
    }

    /// Whether only the deadline ends it.
    pub(crate) fn hangs(self) -> bool {
        matches!(self, Unanswered | StalledHead | StalledBody | SlowHead | SlowBody)
    }

    /// What the server does. `elsewhere` is where a redirect to another host leads.
    pub(crate) fn script(self, provider: &str, good: &Good, elsewhere: &str) -> Script {
        let whole = answer(200, &good.head, good.content_type, &good.body);
        let long = answer(200, &good.head, good.content_type, &format!("{:64}", good.body));
        let start = |length: u64| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\n{}", good.content_type, good.head);
            format!("{head}content-length: {length}\r\n\r\n").into_bytes()
        };
        let chunked = |rest: &str| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\n{}", good.content_type, good.head);
            format!("{head}transfer-encoding: chunked\r\n\r\n{rest}").into_bytes()
        };
        let part = |bytes: &[u8], drop: usize| bytes[..bytes.len() - drop].to_vec();
        let json = |body: &str| answer(200, &good.head, "application/json", body);
        let (bytes, end) = match self {
            Refused | Tls(_) => (whole, End::Close),
            ResetAtOnce => return Script::ResetAtOnce,
            Echo => return Script::Echo,
            ClosedUnanswered => (Vec::new(), End::Close),
            ResetUnanswered => (Vec::new(), End::Reset),
            ClosedInHead => (whole[..23].to_vec(), End::Close),
            ResetInHead => (whole[..23].to_vec(), End::Reset),
            ClosedInBody => (part(&long, 32), End::Close),
            ResetInBody => (part(&long, 32), End::Reset),
            ChunkCut => (chunked("40\r\n{"), End::Close),
            ResetAfter => (whole, End::Reset),
            Unanswered => (Vec::new(), End::Hold),
            StalledHead => (whole[..23].to_vec(), End::Hold),
            StalledBody => (part(&long, 32), End::Hold),
            SlowHead => (whole[..23].to_vec(), End::Drip),
            SlowBody => (start(1 << 20), End::Drip),
            NotHttp => (b"\x16\x03\x01 this is no answer\r\n\r\n".to_vec(), End::Close),
            HeadTooLarge => {
                let field = format!("x-filler: {}\r\n", "x".repeat(2 << 20));
                (answer(200, &format!("{}{field}", good.head), good.content_type, &good.body), End::Close)
            }
            TwoLengths => {
                let field = format!("{}content-length: 7\r\n", good.head);
                (answer(200, &field, good.content_type, &good.body), End::Close)
            }
            ClaimedTooLarge => (start(1 << 40), End::Hold),
            TooLarge => (chunked(""), End::Flood),
            Garbage => (json("\u{1}\u{2} neither \u{7f} nor"), End::Close),
            Html => (answer(200, &good.head, "text/html", PAGE), End::Close),
            HtmlBadGateway => (answer(502, "", "text/html", PAGE), End::Close),
            Empty => (answer(200, &good.head, good.content_type, ""), End::Close),
            CutJson => (json("{\"id\":\"i"), End::Close),
            DeepJson => (json(&("[".repeat(100_000) + &"]".repeat(100_000))), End::Close),
            WrongType => (answer(200, &good.head, "image/png", &good.body), End::Close),
            Bom => {
                (answer(200, &good.head, good.content_type, &format!("\u{feff}{}", good.body)), End::Close)
            }
            TwiceHeaders => {
                let fields =
                    "x-request-id: a\r\nx-request-id: b\r\ndate: x\r\ndate: y\r\ncontent-type: a/b\r\n";
                (answer(200, &format!("{}{fields}", good.head), good.content_type, &good.body), End::Close)
            }
            WrongDate => {
                let field = format!("{}date: {}\r\n", good.head, date(HOUR, true));
                (answer(200, &field, good.content_type, &good.body), End::Close)
            }
            ErrorInside => (error_inside(provider, good), End::Close),
            Status(status) => (answer(status, "", "application/json", "{}"), End::Close),
            RetryAfter(status, after) => {
                let value = match after {
                    After::Now => "0".into(),
                    After::Hour => "3600".into(),
                    After::Past => date(HOUR, false),
                    After::Future => date(HOUR, true),
                    After::Absurd => "9".repeat(30),
                    After::Unreadable => "soon".into(),
                };
                let field = format!("retry-after: {value}\r\n");
                (answer(status, &field, "application/json", "{}"), End::Close)
            }
            Redirect { status, other } => {
                let to = if other { format!("{elsewhere}/there") } else { "/there".into() };
                (answer(status, &format!("location: {to}\r\n"), "text/plain", ""), End::Close)
            }
            ClockSkew => {
                let fields =
                    format!("x-amzn-errortype: InvalidSignatureException\r\ndate: {}\r\n", date(HOUR, true));
                let body = r#"{"message":"Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"}"#;
                (answer(403, &fields, "application/json", body), End::Close)
            }
        };
        Script::Answer(bytes, end)
    }
}

/// The good answer itself.
pub(crate) fn good(good: &Good) -> Script {
    Script::Answer(answer(200, &good.head, good.content_type, &good.body), End::Close)
}

const HOUR: Duration = Duration::from_secs(3600);
const PAGE: &str = "<!DOCTYPE html><html><body><h1>It works, but not as you think</h1></body></html>";

fn date(off: Duration, ahead: bool) -> String {
    let now = SystemTime::now();
    httpdate::fmt_http_date(if ahead { now + off } else { now - off })
}

fn answer(status: u16, fields: &str, content_type: &str, body: &str) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status} So\r\nconnection: close\r\n{fields}content-type: {content_type}\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The way in which a provider says no under a success.
fn error_inside(provider: &str, good: &Good) -> Vec<u8> {
    match provider {
        "enablex" => answer(200, "", "application/json", r#"{"result":987654,"error":"no such thing"}"#),
        "mediasfu" => answer(200, &good.head, "application/json", r#"{"success":false,"error":"no"}"#),
        _ => answer(200, "", "text/xml", r#"<error code="403"><x message="no"/></error>"#),
    }
}
