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

/// One path segment: not empty, neither `.` nor `..`.
#[must_use]
pub fn segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
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
