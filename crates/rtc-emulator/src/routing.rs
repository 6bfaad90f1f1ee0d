//! From a method and a path to a documented operation.

use std::borrow::Cow;

use crate::spec::Route;

/// The parameters of a matched path, decoded, in the order of the template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    /// The parameter `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// The route for a method and a raw path. Segments are compared after percent-decoding, so `%2F` never
/// splits one; of two matching templates the one with more fixed segments wins.
pub fn match_route<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<(&'a Route, Params)> {
    let mut best: Option<(usize, &Route, Params)> = None;
    for route in routes.iter().filter(|route| route.method == method) {
        let Some((fixed, params)) = match_path(route.path, path) else { continue };
        if best.as_ref().is_none_or(|(most, ..)| fixed > *most) {
            best = Some((fixed, route, params));
        }
    }
    best.map(|(_, route, params)| (route, params))
}

fn match_path(template: &'static str, path: &str) -> Option<(usize, Params)> {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    let (mut fixed, mut params) = (0, Params::default());
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some((fixed, params)),
            (Some(wanted), Some(found)) => {
                let found = decoded(found, false);
                if let Some((before, name, after)) = parameter(wanted) {
                    let value = found.strip_prefix(before)?.strip_suffix(after)?;
                    if value.is_empty() {
                        return None;
                    }
                    params.0.push((name, value.to_owned()));
                } else if wanted == found {
                    fixed += 1;
                } else {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

fn parameter(segment: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = segment.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The documented route that is most like a request nobody knows.
pub fn nearest<'a>(routes: impl Iterator<Item = &'a Route>, method: &str, path: &str) -> Option<&'a Route> {
    // Long enough for any documented path, short enough that a hostile one costs nothing.
    let path = path.get(..path.floor_char_boundary(200)).unwrap_or(path);
    let (mut filled, mut row) = (String::new(), Vec::new());
    let mut best: Option<(usize, &Route)> = None;
    for route in routes {
        let other = usize::from(route.method != method);
        // Of equals the first: one that is to be better has to be this near.
        let most = match best {
            Some((least, _)) if least <= other => continue,
            Some((least, _)) => (least - other - 1) / 2,
            None => usize::MAX,
        };
        fill(route.path, path, &mut filled);
        if let Some(distance) = distance(&filled, path, most, &mut row) {
            best = Some((distance * 2 + other, route));
        }
    }
    best.map(|(_, route)| route)
}

/// The template with its parameters taken from the path, so that they cost no distance.
fn fill(template: &str, path: &str, filled: &mut String) {
    filled.clear();
    let mut found = path.split('/');
    for (at, wanted) in template.split('/').enumerate() {
        let fits = |(before, _, after): (&str, &str, &str), found: &str| {
            found.len() > before.len() + after.len() && found.starts_with(before) && found.ends_with(after)
        };
        let found = found.next().filter(|found| parameter(wanted).is_some_and(|p| fits(p, found)));
        if at > 0 {
            filled.push('/');
        }
        filled.push_str(found.unwrap_or(wanted));
    }
}

/// Edit distance in bytes, one row at a time; none as soon as it is sure to be more than `most`.
fn distance(a: &str, b: &str, most: usize, row: &mut Vec<usize>) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    row.clear();
    row.extend(0..=b.len());
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut least = left;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let here = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, here);
            left = here;
            least = least.min(here);
        }
        if least > most {
            return None;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}

/// Percent-decodes; what is no valid escape stays as it is, what is no UTF-8 is replaced.
pub fn decode(text: &str, plus_is_space: bool) -> String {
    decoded(text, plus_is_space).into_owned()
}

fn decoded(text: &str, plus_is_space: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || (byte == b'+' && plus_is_space)) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let escape = escaped(&bytes);
        match (byte, escape) {
            (b'%', Some(value)) => {
                bytes.nth(1);
                out.push(value);
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The byte of the next two hexadecimal digits, without taking them.
fn escaped(bytes: &std::str::Bytes<'_>) -> Option<u8> {
    let mut ahead = bytes.clone().map(|byte| char::from(byte).to_digit(16));
    u8::try_from(ahead.next()?? * 16 + ahead.next()??).ok()
}

/// The pairs of a query or a form, decoded, in order.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::BodyKind;

    const fn route(operation: &'static str, method: &'static str, path: &'static str) -> Route {
        Route { provider: "fake", operation, method, path, body: BodyKind::None, fields: &[], rules: &[] }
    }

    const ROUTES: &[Route] = &[
        route("get", "GET", "/rooms/{room_id}"),
        route("list", "GET", "/rooms/all"),
        route("token", "POST", "/rooms/{room_id}/tokens"),
        route("export", "GET", "/rooms/{room_id}/log-{day}.json"),
    ];

    #[test]
    fn matches_segment_by_segment() {
        let cases = [
            ("GET", "/rooms/1", Some(("get", "1"))),
            ("GET", "/rooms/a%2Fb%20c", Some(("get", "a/b c"))),
            ("GET", "/%72ooms/x+y", Some(("get", "x+y"))),
            ("GET", "/rooms/%zz", Some(("get", "%zz"))),
            ("POST", "/rooms/%E3%81%82/tokens", Some(("token", "あ"))),
            ("GET", "/rooms/", None),
            ("GET", "/rooms/1/", None),
            ("GET", "/rooms", None),
            ("PUT", "/rooms/1", None),
        ];
        for (method, path, expected) in cases {
            let found = match_route(ROUTES, method, path);
            let found = found.as_ref().map(|(r, p)| (r.operation, p.get("room_id").unwrap_or("")));
            assert_eq!(found, expected, "{method} {path}");
        }
        assert_eq!(match_route(ROUTES, "GET", "/rooms/all").unwrap().0.operation, "list");
        let (_, params) = match_route(ROUTES, "GET", "/rooms/1/log-2024.json").unwrap();
        assert_eq!(params.get("day"), Some("2024"));
    }

    #[test]
    fn the_nearest_route_is_a_good_guess() {
        let guess = |method, path| nearest(ROUTES.iter(), method, path).unwrap().operation;
        assert_eq!(guess("POST", "/room/77/token"), "token");
        assert_eq!(guess("PUT", "/rooms/1"), "get");
        assert_eq!(guess("GET", "/rooms/al"), "get");
    }

    #[test]
    fn what_is_left_out_of_the_search_is_never_the_nearest() {
        // The whole table, without any short cut.
        let plainly = |a: &str, b: &str| {
            let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
            for (i, x) in a.bytes().enumerate() {
                let mut row = vec![i + 1];
                for (j, y) in b.bytes().enumerate() {
                    let kept = rows[i][j] + usize::from(x != y);
                    row.push(kept.min(rows[i][j + 1] + 1).min(row[j] + 1));
                }
                rows.push(row);
            }
            rows[a.len()][b.len()]
        };
        let words =
            ["", "/", "/rooms", "/roms", "/rooms/1/tokens", "/mooring", "/a/rooms/b", "/zzzzzzzzzzzzzzzz"];
        for (a, b) in words.iter().flat_map(|a| words.iter().map(move |b| (a, b))) {
            let wanted = plainly(a, b);
            for most in 0..20 {
                let found = distance(a, b, most, &mut Vec::new());
                assert_eq!(found, Some(wanted).filter(|wanted| *wanted <= most), "{a} {b} {most}");
            }
        }
    }

    #[test]
    fn pairs_are_decoded_in_order() {
        assert_eq!(
            pairs("a=1+2&a=%26&&b"),
            [("a", "1 2"), ("a", "&"), ("b", "")].map(|(k, v)| (k.into(), v.into()))
        );
    }
}
