//! The named forms that specifications refer to. Every one looks at the whole text.

/// Letters and digits of ASCII.
#[must_use]
pub fn alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Decimal digits of ASCII.
#[must_use]
pub fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// ASCII letters, digits, `_`, `.` and `-`.
#[must_use]
pub fn name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Visible ASCII, no space (0x21 to 0x7E).
#[must_use]
pub fn visible_ascii(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

/// At least one character that is not white space.
#[must_use]
pub fn not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

/// No control characters.
#[must_use]
pub fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// A dotted-quad IPv4 address without leading zeros.
#[must_use]
pub fn ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// A telephone number in E.164 form, with or without its plus sign: 2 to 15 digits, the first not 0.
#[must_use]
pub fn e164(text: &str) -> bool {
    let number = text.strip_prefix('+').unwrap_or(text);
    (2..=15).contains(&number.len()) && digits(number) && !number.starts_with('0')
}

/// One path segment: not empty, neither `.` nor `..`.
#[must_use]
pub fn segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

/// No white space.
#[must_use]
pub fn no_white_space(text: &str) -> bool {
    !text.contains(char::is_whitespace)
}

/// What DTMF can play: digits, `*`, `#`, and `p` for a pause.
#[must_use]
pub fn dtmf(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#' | b'p'))
}

/// The form of a language tag (BCP 47): `en`, `en-US`.
#[must_use]
pub fn language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    matches!(first.len(), 2..=8)
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| matches!(part.len(), 1..=8) && alphanumeric(part))
}

/// An `http` or `https` URL, as far as its beginning tells.
#[must_use]
pub fn http_url(text: &str) -> bool {
    after(text, &["http://", "https://"])
}

/// A `ws` or `wss` URL, as far as its beginning tells.
#[must_use]
pub fn ws_url(text: &str) -> bool {
    after(text, &["ws://", "wss://"])
}

/// An `rtmp` or `rtmps` URL, as far as its beginning tells.
#[must_use]
pub fn rtmp_url(text: &str) -> bool {
    after(text, &["rtmp://", "rtmps://"])
}

/// A `sip` or `sips` URI, as far as its beginning tells.
#[must_use]
pub fn sip_uri(text: &str) -> bool {
    after(text, &["sip:", "sips:"])
}

/// One of the beginnings in any case, then something without white space and control characters.
fn after(text: &str, beginnings: &[&str]) -> bool {
    let rest = beginnings.iter().find_map(|beginning| {
        let (head, rest) = text.split_at_checked(beginning.len())?;
        head.eq_ignore_ascii_case(beginning).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.is_empty() && no_white_space(rest) && printable(rest))
}

/// A calendar date `YYYY-MM-DD`.
#[must_use]
pub fn date(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 10 && ymd(b).is_some()
}

/// A date and time `YYYY-MM-DD HH:MM:SS`.
#[must_use]
pub fn date_time(text: &str) -> bool {
    let b = text.as_bytes();
    let number =
        |range: std::ops::Range<usize>| b.get(range).filter(|d| d.iter().all(u8::is_ascii_digit)).map(two);
    b.len() == 19
        && ymd(b).is_some()
        && b.get(10) == Some(&b' ')
        && b.get(13) == Some(&b':')
        && b.get(16) == Some(&b':')
        && number(11..13).is_some_and(|h| h < 24)
        && number(14..16).is_some_and(|m| m < 60)
        && number(17..19).is_some_and(|s| s < 60)
}

fn two(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'))
}

fn ymd(b: &[u8]) -> Option<()> {
    let number =
        |range: std::ops::Range<usize>| b.get(range).filter(|d| d.iter().all(u8::is_ascii_digit)).map(two);
    if b.get(4) != Some(&b'-') || b.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(())
}
