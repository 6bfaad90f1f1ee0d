//! The spec's named patterns, written here a second time so that the clients' mistakes are not shared.

use std::net::Ipv4Addr;

use crate::time::{is_date, is_time, triple};

/// Every name [`pattern`] knows.
pub const PATTERNS: &[&str] = &[
    "alphanumeric",
    "digits",
    "name",
    "visible_ascii",
    "not_blank",
    "printable",
    "ipv4",
    "segment",
    "no_white_space",
    "dtmf",
    "language_tag",
    "http_url",
    "ws_url",
    "rtmp_url",
    "sip_uri",
    "e164",
    "sip_call_id",
    "sdp",
    "data_channel_label",
    "date",
    "date_time",
    "base64_text",
    "tag_text",
    "channel_arn",
];

/// Whether `text` as a whole is what `name` says. An unknown name is a bug of the tables, which a unit
/// test finds; at run time it accepts everything.
pub fn pattern(name: &str, text: &str) -> bool {
    let every = |allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    match name {
        "alphanumeric" => every(|b| b.is_ascii_alphanumeric()),
        "digits" => every(|b| b.is_ascii_digit()),
        "name" => every(is_name),
        "visible_ascii" => every(|b| b.is_ascii_graphic()),
        "not_blank" => !text.trim().is_empty(),
        "printable" => !text.chars().any(char::is_control),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        // What can stand as one segment of a path without changing which path it is.
        "segment" => {
            !matches!(text, "" | "." | "..")
                && !text.contains(['/', '\\'])
                && !text.chars().any(char::is_control)
        }
        "no_white_space" => !text.chars().any(char::is_whitespace),
        "dtmf" => every(|b| b"0123456789*#p".contains(&b)),
        "language_tag" => language_tag(text),
        "http_url" => address(text, &["http", "https"], "://"),
        "ws_url" => address(text, &["ws", "wss"], "://"),
        "rtmp_url" => address(text, &["rtmp", "rtmps"], "://"),
        "sip_uri" => address(text, &["sip", "sips"], ":"),
        "e164" => {
            let rest = text.trim_start_matches('+');
            text.len() - rest.len() <= 1
                && matches!(rest.as_bytes(), [b'1'..=b'9', more @ ..]
                    if matches!(more.len(), 1..=14) && more.iter().all(u8::is_ascii_digit))
        }
        "sip_call_id" => every(|b| b.is_ascii_graphic()) && text != "." && text != "..",
        "sdp" => text.starts_with("v=0"),
        "data_channel_label" => {
            matches!(text.as_bytes(), [b'#', first, more @ ..]
                if first.is_ascii_alphanumeric() && matches!(more.len(), 1..=30)
                    && more.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'))
        }
        "date" => date(text),
        "date_time" => text.split_once(' ').is_some_and(|(day, time)| {
            date(day) && time.len() == 8 && triple(time, ':').is_some_and(|(h, m, s)| is_time(h, m, s))
        }),
        "base64_text" => text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)),
        "tag_text" => {
            let fits = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
            text.chars().all(|c| fits(c) && !c.is_control())
        }
        "channel_arn" => channel_arn(text).is_some(),
        _ => true,
    }
}

/// `scheme`, `separator`, then something that can stand in an address.
fn address(text: &str, schemes: &[&str], separator: &str) -> bool {
    text.split_once(separator).is_some_and(|(scheme, rest)| {
        schemes.contains(&scheme.to_ascii_lowercase().as_str())
            && !rest.is_empty()
            && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

fn language_tag(text: &str) -> bool {
    text.split('-').enumerate().all(|(at, part)| {
        let letters = part.bytes().all(|b| b.is_ascii_alphabetic());
        let allowed = part.bytes().all(|b| b.is_ascii_alphanumeric());
        if at == 0 {
            letters && (2..=8).contains(&part.len())
        } else {
            allowed && (1..=8).contains(&part.len())
        }
    })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn date(text: &str) -> bool {
    let shape = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
    shape && triple(text, '-').is_some_and(|(y, m, d)| is_date(y, m, d))
}

/// `arn:aws[a-z-]*:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+`
fn channel_arn(text: &str) -> Option<()> {
    let some = |part: &str, allowed: fn(u8) -> bool| !part.is_empty() && part.bytes().all(allowed);
    let mut parts = text.split(':');
    let mut next = || parts.next();
    let arn = next()? == "arn";
    let partition = next()?.strip_prefix("aws")?.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let service = next()? == "kinesisvideo";
    let region = some(next()?, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let account = some(next()?, |b| b.is_ascii_digit());
    let mut resource = next()?.split('/');
    let kind = some(resource.next()?, |b| b.is_ascii_lowercase());
    let name = some(resource.next()?, is_name);
    let created = some(resource.next()?, |b| b.is_ascii_digit());
    let whole = resource.next().is_none() && next().is_none();
    (arn && partition && service && region && account && kind && name && created && whole).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let arn = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/a_.-1/1";
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("alphanumeric", &["aZ9"], &["", "a b", "é", "a_"]),
            ("digits", &["0123"], &["", "1.0", "-1", "١"]),
            ("name", &["a_.-Z0"], &["", "a b", "a/b"]),
            ("visible_ascii", &["!~"], &["", "a b", "é"]),
            ("not_blank", &["a", " a "], &["", " \t\n", "\u{3000}"]),
            ("printable", &["", "é a"], &["a\n", "\u{7f}", "\u{85}"]),
            ("ipv4", &["127.0.0.1"], &["", "1.2.3", "256.1.1.1", "01.2.3.4", "::1"]),
            ("segment", &["a b", "..."], &["", ".", "..", "a/b", "a\\b", "a\0"]),
            ("no_white_space", &["", "a-1"], &[" ", "a b", "\u{3000}"]),
            ("dtmf", &["0123456789*#p"], &["", "a", "1 2"]),
            ("language_tag", &["en", "en-US", "zh-Hant-TW"], &["", "e", "en-", "en_US", "12"]),
            ("http_url", &["https://a", "HTTP://a/b"], &["", "http://", "ftp://a", "http://a b", "http:a"]),
            ("ws_url", &["wss://a"], &["https://a", "ws://"]),
            ("rtmp_url", &["rtmps://a"], &["rtmpx://a"]),
            ("sip_uri", &["sip:a@b;transport=tls", "sips:a"], &["sip:", "tel:1", "sip:a b"]),
            (
                "e164",
                &["+15551234567", "15551234567", "12"],
                &["", "+", "+0555", "1", "++12", "+1555abc", "1234567890123456"],
            ),
            ("sip_call_id", &["abc/de@10.0.0.1", "..."], &["", ".", "..", "a b", "a\n", "é"]),
            ("sdp", &["v=0\r\n"], &["", " v=0", "o=-"]),
            ("data_channel_label", &["#ab", "#spam-egg"], &["", "#", "#a", "ab", "#-a", "#a_b"]),
            ("date", &["2024-02-29"], &["2023-02-29", "2024-13-01", "24-01-01", "2024-1-01", "2024-01-001"]),
            (
                "date_time",
                &["2024-02-29 23:59:59"],
                &["2024-02-29", "2024-02-29T23:59:59", "2024-02-29 24:00:00"],
            ),
            ("base64_text", &["", "aZ09+/=="], &["a b", "a-b"]),
            ("tag_text", &["", "a é_.:/=+-@1", "a\u{a0}b"], &["a\0", "a;", "a\nb", "a\tb"]),
            ("channel_arn", &[arn, "arn:aws-cn:kinesisvideo:cn-north-1:1:channel/x/12"], &["", "arn"]),
        ];
        assert_eq!(cases.iter().map(|case| case.0).collect::<Vec<_>>(), PATTERNS);
        for (name, good, bad) in cases {
            good.iter().for_each(|text| assert!(pattern(name, text), "{name} {text:?}"));
            bad.iter().for_each(|text| assert!(!pattern(name, text), "{name} {text:?}"));
        }
        for broken in [format!("{arn}/2"), format!("{arn}:1"), format!("{arn}\n"), arn.replace("aws", "AWS")]
        {
            assert!(!pattern("channel_arn", &broken), "{broken}");
        }
    }
}
