//! Instants as answers write them.

use std::time::{Duration, SystemTime};

use crate::canonical::rfc3339;

/// Reads RFC 3339, `2022-01-07T05:43:47.75Z` or with an offset such as `+01:00`. Fractions are cut to
/// milliseconds; what lies before 1970 or is no instant is none.
pub(crate) fn instant(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|(at, mark)| text.as_bytes().get(*at) == Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !real {
        return None;
    }
    let days = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum::<u64>()
        + (1..month).map(|m| days_of(year, m)).sum::<u64>()
        + day
        - 1;
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').map_or(0, |d| d.bytes().take_while(u8::is_ascii_digit).count());
    let millis: u64 = match digits {
        0 if rest.starts_with('.') => return None,
        0 => 0,
        _ => format!("{:0<3}", rest.get(1..=digits.min(3))?).parse().ok()?,
    };
    let zone = rest.get(if digits == 0 { 0 } else { digits + 1 }..)?;
    let at = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second))?
        .checked_add(Duration::from_millis(millis))?;
    shifted(at, zone)
}

/// An instant of local time as the one it is: `Z`, `+01:00`, `-05:30`.
fn shifted(at: SystemTime, zone: &str) -> Option<SystemTime> {
    if matches!(zone, "Z" | "z") {
        return Some(at);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok())?.map(u64::from);
    let by = Duration::from_secs(number(hours)? * 3600 + number(minutes)? * 60);
    match sign {
        "+" => at.checked_sub(by),
        "-" => at.checked_add(by),
        _ => None,
    }
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The instant as RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339_millis(at: SystemTime) -> String {
    let millis = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.subsec_millis());
    let seconds = rfc3339(at);
    format!("{}.{millis:03}Z", seconds.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_instant() {
        for (text, shown) in [
            ("2022-01-07T05:43:47.750Z", "2022-01-07T05:43:47.750Z"),
            ("2022-01-07T05:43:47Z", "2022-01-07T05:43:47.000Z"),
            ("2022-01-07T06:43:47.75+01:00", "2022-01-07T05:43:47.750Z"),
            ("2022-01-06T23:43:47.7501234-06:00", "2022-01-07T05:43:47.750Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(instant(text).map(rfc3339_millis).as_deref(), Some(shown), "{text}");
        }
        for bad in [
            "",
            "2022-01-07",
            "2022-01-07T05:43:47",
            "2022-13-07T05:43:47Z",
            "2023-02-29T00:00:00Z",
            "2022-01-07T24:00:00Z",
            "2022-01-07T05:43:47.Z",
            "2022-01-07T05:43:47+1:00",
            "é022-01-07T05:43:47Z",
            "1969-12-31T23:59:59Z",
            "2022-01-07 05:43:47Z",
            "2022-01-07T05:43:47.5é",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }
}
