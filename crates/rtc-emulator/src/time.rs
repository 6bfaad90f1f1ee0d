//! Instants as text: RFC 3339 in UTC, both ways.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05.678Z`; an instant before 1970 is told as 1970.
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        since.subsec_millis()
    )
}

/// Reads RFC 3339 from 1970 on, with a fraction and an offset; `None` for anything else.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (year, month, day) = triple(date, '-')?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(zone)?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let (hour, minute, second) = triple(whole, ':')?;
    if !is_date(year, month, day) || !is_time(hour, minute, second) || date.len() != 10 || whole.len() != 8 {
        return None;
    }
    let nanos: u32 = format!("{:0<9.9}", digits(fraction)?).parse().ok()?;
    let secs = days(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    let at = UNIX_EPOCH.checked_add(Duration::new(secs, nanos))?;
    if zone.eq_ignore_ascii_case("z") {
        return Some(at);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (digits(hours)?.parse().ok()?, digits(minutes)?.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    if zone.starts_with('+') { at.checked_sub(offset) } else { at.checked_add(offset) }
}

/// Milliseconds since 1970; 0 before that.
#[allow(dead_code, reason = "each provider is a feature, and not every one counts so")]
pub(crate) fn unix_millis(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since 1970; 0 before that.
#[allow(dead_code, reason = "each provider is a feature, and not every one counts so")]
pub(crate) fn unix_seconds(at: SystemTime) -> u64 {
    unix_millis(at) / 1000
}

/// Whether this is a day of the calendar.
pub(crate) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year <= 9999 && (1..=last).contains(&day)
}

/// Whether this is a time of day, without leap seconds.
pub(crate) fn is_time(hour: u64, minute: u64, second: u64) -> bool {
    hour < 24 && minute < 60 && second < 60
}

/// Three numbers of digits only, between two separators.
pub(crate) fn triple(text: &str, separator: char) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(separator).map(|part| digits(part)?.parse::<u64>().ok());
    let found = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(found)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

/// The day of the calendar `days` after 1970-01-01. Counted in years that begin in March: the leap day is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 31, 30, 31, 30, 31 days, and again.
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, of_month)
}

/// Days from 1970-01-01 to a valid date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let past = year.checked_sub(1970)?;
    // Leap days in the years before this one, less those before 1970.
    let leaps = |y: u64| y / 4 - y / 100 + y / 400;
    let leap_days = leaps(year - 1).checked_sub(leaps(1969))?;
    let in_year: u64 = (1..month).map(|m| (29..=31).rev().find(|d| is_date(year, m, *d)).unwrap_or(28)).sum();
    Some(past * 365 + leap_days + in_year + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut expected = (1970, 1, 1);
        for day in 0..146_097 {
            let (year, month, of_month) = civil(day);
            assert_eq!((year, month, of_month), expected, "{day}");
            expected = match (is_date(year, month, of_month + 1), month) {
                (true, _) => (year, month, of_month + 1),
                (false, 12) => (year + 1, 1, 1),
                (false, _) => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn round_trips_and_refusals() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "1999-12-31T00:00:00.000Z",
            "2000-01-01T00:00:00.000Z",
            "2000-03-01T00:00:00.000Z",
            "2100-02-28T00:00:00.000Z",
            "2400-02-29T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2026-12-31T12:00:00.120Z",
            "2100-03-01T00:00:00.000Z",
            "9999-12-31T23:59:59.000Z",
        ] {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some(text));
        }
        let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        assert_eq!(parse_rfc3339("2026-01-01T00:00:00Z"), Some(at));
        assert_eq!(parse_rfc3339("2026-01-01T09:00:00+09:00"), Some(at));
        for bad in ["", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-1-1T00:00:00Z"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }
}
