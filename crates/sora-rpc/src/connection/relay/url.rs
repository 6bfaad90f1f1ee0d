//! URLs of TURN servers (RFC 7065).

use std::fmt;
use std::net::Ipv6Addr;

/// What runs between the client and the TURN server, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Carrier {
    Udp,
    Tcp,
    Tls,
}

/// A TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) carrier: Carrier,
    /// A name or an address; IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Server {
    /// Reads `turn:` and `turns:` URLs. None for all else: `stun:` servers relay nothing, DTLS is not spoken.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.trim().split_once(':')?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = match query.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("transport") => value.to_ascii_lowercase(),
            _ => String::new(),
        };
        let carrier = match (scheme.to_ascii_lowercase().as_str(), transport.as_str()) {
            ("turn", "" | "udp") => Carrier::Udp,
            ("turn", "tcp") => Carrier::Tcp,
            ("turns", "" | "tcp") => Carrier::Tls,
            _ => return None,
        };
        let (host, port) = split(authority)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if carrier == Carrier::Tls => 5349,
            None => 3478,
        };
        Some(Self { carrier, host: host.to_owned(), port })
    }
}

/// Host and port as they are written.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return if after.is_empty() {
            Some((host, None))
        } else {
            Some((host, Some(after.strip_prefix(':')?)))
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_name =
        |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    (!host.is_empty() && is_name(host)).then_some((host, port))
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carrier = match self.carrier {
            Carrier::Udp => "UDP",
            Carrier::Tcp => "TCP",
            Carrier::Tls => "TLS",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{} over {carrier}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, expected) in [
            ("turn:turn.example", Some("turn.example:3478 over UDP")),
            ("TURN:192.0.2.1:19302?transport=udp", Some("192.0.2.1:19302 over UDP")),
            ("turn:turn.example:443?transport=TCP", Some("turn.example:443 over TCP")),
            ("turns:turn.example", Some("turn.example:5349 over TLS")),
            ("turns:turn.example:443?transport=tcp", Some("turn.example:443 over TLS")),
            ("turn:[2001:db8::1]:3479", Some("[2001:db8::1]:3479 over UDP")),
            ("turns:[::1]", Some("[::1]:5349 over TLS")),
            ("turns:turn.example?transport=udp", None),
            ("stun:turn.example", None),
            ("stuns:turn.example", None),
            ("turn:", None),
            ("turn", None),
            ("turn::3478", None),
            ("turn:user@turn.example", None),
            ("turn://turn.example", None),
            ("turn:turn.example:0", None),
            ("turn:turn.example:65536", None),
            ("turn:turn.example:", None),
            ("turn:[::1", None),
            ("turn:[::1]3478", None),
            ("turn:[turn.example]", None),
            ("turn:turn.example?transport=sctp", None),
        ] {
            assert_eq!(Server::parse(url).map(|server| server.to_string()).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn udp_comes_before_tcp_and_tls() {
        assert!(Carrier::Udp < Carrier::Tcp && Carrier::Tcp < Carrier::Tls);
    }
}
