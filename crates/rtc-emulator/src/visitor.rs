//! Who may use the management API: programs, and pages of the emulator itself. A page of some website that a developer has
//! open could otherwise change the emulator beside it, or read it under a name that it made point to loopback.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

/// Why a request to the management API is refused; none where it is served.
pub(crate) fn refused(parts: &Parts, loopback: bool) -> Option<&'static str> {
    // What is no text is nobody's own address.
    let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = header(HOST).or_else(|| parts.uri.authority().map(Authority::as_str));
    if loopback && host.is_some_and(|host| !is_loopback(host)) {
        return Some("this emulator serves loopback only: ask for it by localhost or 127.0.0.1");
    }
    let own = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) == host;
    let foreign = header(ORIGIN).is_some_and(|origin| !own(origin));
    foreign.then_some("pages of other origins may not use the management API")
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_served() {
        for (loopback, host, origin, served) in [
            (true, "127.0.0.1:4010", None, true),
            (true, "LocalHost:4010", None, true),
            (true, "[::1]:4010", Some("http://[::1]:4010"), true),
            (true, "emulator.localhost", Some("https://emulator.localhost"), true),
            (true, "127.0.0.1:4010", Some("http://127.0.0.1:4010"), true),
            (true, "127.0.0.1:4010", Some("http://127.0.0.1:4011"), false),
            (true, "127.0.0.1:4010", Some("https://example.com"), false),
            (true, "127.0.0.1:4010", Some("null"), false),
            (true, "rebound.example.com:4010", None, false),
            (true, "localhost.example.com", None, false),
            (true, "", None, false),
            (false, "emulator:4010", None, true),
            (false, "emulator:4010", Some("http://emulator:4010"), true),
            (false, "emulator:4010", Some("https://example.com"), false),
        ] {
            let mut request = http::Request::builder().uri("/_emulator/reset").header(HOST, host);
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(refused(&parts, loopback).is_none(), served, "{loopback} {host} {origin:?}");
        }
    }
}
