//! Instants as text: RFC 3339, both ways, from 1970 to 9999.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;
/// The first second of the year 10000.
const END: u64 = 253_402_300_800;

/// The calendar day that is `days` after 1970-01-01 (proleptic Gregorian, by eras of 400 years from a March).
#[must_use]
pub fn civil(days: u64) -> (u64, u64, u64) {
    let z = days.saturating_add(719_468);
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// An instant in UTC, with milliseconds where it has some: `2021-05-25T00:20:30Z`, `2021-05-25T00:20:30.851Z`. One
/// before 1970 is told as 1970.
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, rest) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let fraction = match since.subsec_millis() {
        0 => String::new(),
        millis => format!(".{millis:03}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads RFC 3339 with or without a fraction, in UTC or with an offset; `None` for anything else, and for what lies
/// before 1970 or after 9999.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, zone) = time.split_at_checked(time.find(['Z', 'z', '+', '-'])?)?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-', 4)?, numbers(whole, ':', 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    let nanos: u32 = format!("{:0<9.9}", digits(fraction)?).parse().ok()?;
    let local = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))?;
    let (sign, offset) = zone.split_at_checked(1)?;
    if offset.is_empty() {
        return sign.eq_ignore_ascii_case("z").then_some(local);
    }
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes): (u64, u64) = (digits(hours)?.parse().ok()?, digits(minutes)?.parse().ok()?);
    let offset = Duration::from_secs((hours < 24 && minutes < 60).then(|| hours * 3600 + minutes * 60)?);
    let at = match sign {
        "+" => local.checked_sub(offset),
        "-" => local.checked_add(offset),
        _ => None,
    };
    at.filter(|at| at.duration_since(UNIX_EPOCH).is_ok())
}

/// The instant that is this many seconds after 1970, up to the year 9999.
#[must_use]
pub fn from_unix_seconds(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).filter(|_| seconds < END)
}

/// Days from 1970-01-01 to a day of the calendar, up to 9999.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The inverse of `civil`.
    let (y, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (y / 400, y % 400);
    let of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * from_march + 2) / 5 + day - 1;
    let days = (era * 146_097 + of_era).checked_sub(719_468)?;
    // 30 February would come out as a day of March.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Three numbers: the first of `first` digits, the others of two.
fn numbers(text: &str, separator: char, first: usize) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut number = |length: usize| {
        parts.next().filter(|part| part.len() == length).and_then(digits)?.parse::<u64>().ok()
    };
    let found = [number(first)?, number(2)?, number(2)?];
    parts.next().is_none().then_some(found)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999Z",
            "2021-05-25T00:20:30Z",
            "2100-03-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some(text));
        }
        for (text, same) in [
            ("2026-01-01T09:00:00+09:00", "2026-01-01T00:00:00Z"),
            ("2025-12-31 19:00:00-05:00", "2026-01-01T00:00:00Z"),
            ("2021-05-25t00:20:30.8514999999z", "2021-05-25T00:20:30.851Z"),
        ] {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some(same), "{text}");
        }
    }

    #[test]
    fn every_day_is_itself() {
        for day in 0..END / DAY {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), Some(day));
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-02-30T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-1-1T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+25:00",
            "2026-01-01T00:00:00+01:5555555555555555590",
            "2026-01-01T00:00:00Z+",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        assert_eq!(from_unix_seconds(END), None);
        assert_eq!(from_unix_seconds(END - 1).map(rfc3339).as_deref(), Some("9999-12-31T23:59:59Z"));
    }
}
