//! The canonical forms of Signature Version 4: time, path, query, headers, hashes as text.
//!
//! Source: AWS General Reference, "Create a canonical request", and the public signing test suite.

use std::borrow::Cow;
use std::time::SystemTime;

use rtc_core::time::civil;
use rtc_core::unix_seconds;
use sha2::{Digest, Sha256};

/// An instant as signatures write it, cut to whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AmzDate {
    /// Days since 1970-01-01: what a signing key is derived for.
    pub(crate) day: u64,
    text: [u8; 16],
}

impl AmzDate {
    pub(crate) fn new(at: SystemTime) -> Self {
        let seconds = unix_seconds(at);
        let (day, rest) = (seconds / 86_400, seconds % 86_400);
        let (year, month, date) = civil(day);
        let d = |n: u64| b'0' + u8::try_from(n % 10).unwrap_or(0);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        #[rustfmt::skip]
        let text = [
            d(year / 1000), d(year / 100), d(year / 10), d(year), d(month / 10), d(month), d(date / 10), d(date), b'T',
            d(hour / 10), d(hour), d(minute / 10), d(minute), d(second / 10), d(second), b'Z',
        ];
        Self { day, text }
    }

    /// `20230724T080702Z`.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `20230724`.
    pub(crate) fn date(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }
}

/// The instant as RFC 3339 in UTC, cut to whole seconds.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let date = AmzDate::new(at);
    let part = |range| date.as_str().get(range).unwrap_or_default();
    format!("{}-{}-{}T{}:{}:{}Z", part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15))
}

/// Appends bytes as lower-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    push_hex(&mut out, bytes);
    out
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn push_encoded(out: &mut String, byte: u8) {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'A' + n - 10 });
    out.push('%');
    out.push(digit(byte >> 4));
    out.push(digit(byte & 15));
}

/// Encodes everything but the unreserved characters of RFC 3986.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unreserved) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for byte in text.bytes() {
        if is_unreserved(byte) { out.push(char::from(byte)) } else { push_encoded(&mut out, byte) }
    }
    Cow::Owned(out)
}

/// Encodes what a URL may not hold as it is; what is encoded already stays as it is.
pub(crate) fn encode_once<'a>(text: &'a str, also: &str) -> Cow<'a, str> {
    let plain = |b: u8| is_unreserved(b) || also.as_bytes().contains(&b);
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    let bytes = text.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        let escape = *byte == b'%'
            && matches!(bytes.get(i + 1..i + 3), Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        if plain(*byte) || escape { out.push(char::from(*byte)) } else { push_encoded(&mut out, *byte) }
    }
    Cow::Owned(out)
}

/// The path as it is signed: every octet but the unreserved ones and `/` encoded (again), with `normalize`
/// without dot segments and doubled slashes.
pub(crate) fn path(path: &str, normalize: bool) -> Cow<'_, str> {
    let path = if path.is_empty() { "/" } else { path };
    let needs_care = normalize && (path.contains("//") || path.contains("/."));
    let path = if needs_care { Cow::Owned(normalized(path)) } else { Cow::Borrowed(path) };
    if path.bytes().all(|b| is_unreserved(b) || b == b'/') {
        return path;
    }
    let mut out = String::with_capacity(path.len() + 32);
    for byte in path.bytes() {
        if is_unreserved(byte) || byte == b'/' {
            out.push(char::from(byte))
        } else {
            push_encoded(&mut out, byte)
        }
    }
    Cow::Owned(out)
}

fn normalized(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// A query parameter, encoded.
pub(crate) type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Writes the digits of what is encoded in upper case, as the service does before it signs.
fn upper_escapes(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('%') {
        return text;
    }
    let mut digits = 0_u8;
    let upper = text.chars().map(|c| {
        let is_digit = digits > 0;
        digits = if c == '%' { 2 } else { digits.saturating_sub(1) };
        if is_digit { c.to_ascii_uppercase() } else { c }
    });
    Cow::Owned(upper.collect())
}

/// The parameters of a raw query, each octet encoded at most once.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (upper_escapes(encode_once(name, "")), upper_escapes(encode_once(value, "")))
    })
}

/// The canonical query: sorted by name, then by value.
pub(crate) fn query(parameters: &mut [Parameter<'_>]) -> String {
    parameters.sort_unstable();
    let mut out = String::with_capacity(parameters.iter().map(|(n, v)| n.len() + v.len() + 2).sum());
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// A header's value: no white space around it, one space for each run inside.
pub(crate) fn header_value(value: &str) -> Cow<'_, str> {
    let trimmed = value.trim_ascii();
    if !trimmed.contains("  ") && !trimmed.contains(['\t', '\r', '\n', '\x0c']) {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(trimmed.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// The parts of a canonical request; `headers` are sorted and in canonical form.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) payload: &'a [u8],
}

impl Request<'_> {
    /// Appends the canonical request.
    pub(crate) fn write(&self, out: &mut String) {
        for part in [self.method, "\n", self.path, "\n", self.query, "\n"] {
            out.push_str(part);
        }
        for (name, value) in self.headers {
            for part in [*name, ":", *value, "\n"] {
                out.push_str(part);
            }
        }
        out.push('\n');
        push_names(out, self.headers, ";");
        out.push('\n');
        push_hex(out, &sha256(self.payload));
    }
}

/// Appends the names of the headers.
pub(crate) fn push_names(out: &mut String, headers: &[(&str, &str)], separator: &str) {
    for (i, (name, _)) in headers.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn instants() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_690_186_022, "20230724T080702Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            let date = AmzDate::new(SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 999));
            assert_eq!((date.as_str(), date.date()), (text, &text[..8]));
        }
        assert_eq!(
            rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(1_690_186_022)),
            "2023-07-24T08:07:02Z"
        );
    }

    #[test]
    fn paths() {
        for (raw, plain, normal) in [
            ("", "/", "/"),
            ("//example//", "//example//", "/example/"),
            ("/example/..", "/example/..", "/"),
            ("/a/b/../..", "/a/b/../..", "/"),
            ("/./", "/./", "/"),
            ("/./example", "/./example", "/example"),
            ("/../..", "/../..", "/"),
            ("/a b/ሴ", "/a%20b/%E1%88%B4", "/a%20b/%E1%88%B4"),
            ("/a%20b", "/a%2520b", "/a%2520b"),
        ] {
            assert_eq!((&*path(raw, false), &*path(raw, true)), (plain, normal), "{raw}");
        }
    }

    #[test]
    fn queries() {
        for (raw, expected) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=b&a=A&a", "a=&a=A&a=b"),
            ("a=1&a-b=1", "a=1&a-b=1"),
            ("a%20b=%2fab&c=+ ሴ%", "a%20b=%2Fab&c=%2B%20%E1%88%B4%25"),
            ("%c3%a9c=%2f%", "%C3%A9c=%2F%25"),
            ("a=b=c", "a=b%3Dc"),
        ] {
            assert_eq!(query(&mut parameters(raw).collect::<Vec<_>>()), expected, "{raw}");
        }
    }

    #[test]
    fn header_values() {
        for (raw, expected) in [(" a ", "a"), ("\"a   b\"", "\"a b\""), ("a\n  b\tc", "a b c"), ("", "")] {
            assert_eq!(header_value(raw), expected);
        }
    }
}
