//! Which proxy, if any, a connection goes through.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::super::TransportError;
use super::setup;
use crate::endpoint::{is_host_within, is_loopback_url};

/// How proxies are chosen. Loopback addresses are always reached directly.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// `HTTPS_PROXY` for `wss`, `HTTP_PROXY` for `ws`, else `ALL_PROXY`; not for the hosts of `NO_PROXY`.
    #[default]
    Environment,
    /// No proxy at all.
    Direct,
    /// This one: `http://[user:password@]host[:port]`.
    Url(Url),
}

impl fmt::Debug for Proxy {
    // The URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            Self::Url(url) => write!(f, "Url({:?})", url.host_str().unwrap_or_default()),
        }
    }
}

impl Proxy {
    /// The proxy for `url`; `env` looks up the environment.
    pub(super) fn choose(
        &self,
        url: &Url,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Url>, TransportError> {
        if *self == Self::Direct || is_loopback_url(url) {
            return Ok(None);
        }
        let proxy = match self {
            Self::Url(proxy) => Some(proxy.clone()),
            _ => from_environment(url, env)?,
        };
        match proxy {
            // Going around a proxy that cannot be used would show the client's address.
            Some(proxy) if proxy.scheme() != "http" => Err(setup("only http:// proxies can be used")),
            proxy => Ok(proxy),
        }
    }
}

fn from_environment(url: &Url, env: impl Fn(&str) -> Option<String>) -> Result<Option<Url>, TransportError> {
    let variable =
        |name: &str| env(name).or_else(|| env(&name.to_uppercase())).filter(|value| !value.is_empty());
    let own = if url.scheme() == "wss" {
        variable("https_proxy")
    } else {
        // In a CGI program HTTP_PROXY is whatever the client's `Proxy` header says.
        env("http_proxy").or_else(|| env("REQUEST_METHOD").is_none().then(|| env("HTTP_PROXY"))?)
    };
    let Some(text) = own.filter(|value| !value.is_empty()).or_else(|| variable("all_proxy")) else {
        return Ok(None);
    };
    if variable("no_proxy").is_some_and(|list| list.split(',').any(|entry| excludes(entry.trim(), url))) {
        return Ok(None);
    }
    let text = if text.contains("://") { text } else { format!("http://{text}") };
    Url::parse(&text).map(Some).map_err(|_| setup("the proxy of the environment is not a URL"))
}

/// Whether an entry of `NO_PROXY` (`*`, a domain, `host:port`, an address, a network) covers the URL.
fn excludes(entry: &str, url: &Url) -> bool {
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return excludes_address(entry, address.into()),
        Some(Host::Ipv6(address)) => return excludes_address(entry, address.into()),
        Some(Host::Domain(name)) => name,
        None => return false,
    };
    let domain = match entry.split_once(':') {
        Some((domain, port)) if port.parse().ok() == url.port_or_known_default() => domain,
        Some(_) => return false,
        None => entry,
    };
    domain == "*" || is_host_within(name, domain)
}

fn excludes_address(entry: &str, address: IpAddr) -> bool {
    entry == "*"
        || entry.parse() == Ok(address)
        || entry.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, env: &[(&str, &str)]) -> Option<String> {
        let look =
            |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxy = Proxy::Environment.choose(&Url::parse(url).unwrap(), look);
        proxy.unwrap_or_else(|e| panic!("{e}")).map(|url| url.to_string())
    }

    #[test]
    fn the_environment() {
        let all = ("ALL_PROXY", "all:1");
        let both = [("https_proxy", "http://s:2"), ("HTTP_PROXY", "http://p:3"), all];
        assert_eq!(chosen("wss://a.example", &both).unwrap(), "http://s:2/");
        assert_eq!(chosen("ws://a.example", &both).unwrap(), "http://p:3/");
        assert_eq!(chosen("wss://a.example", &[all]).unwrap(), "http://all:1/");
        assert_eq!(chosen("ws://a.example", &[("HTTP_PROXY", "p:3"), ("REQUEST_METHOD", "GET")]), None);
        assert_eq!(chosen("wss://a.example", &[]), None);
        for url in [
            "ws://localhost:1",
            "ws://127.0.0.2",
            "ws://[::1]:1",
            "ws://a.localhost",
            "ws://[::ffff:127.0.0.1]",
        ] {
            assert_eq!(chosen(url, &[all]), None, "{url}");
        }
    }

    #[test]
    fn exceptions() {
        for (entry, url, direct) in [
            ("*", "ws://a.example", true),
            ("example", "ws://a.example", true),
            (".EXAMPLE", "ws://a.example", true),
            ("*.example", "ws://a.example", true),
            ("ample", "ws://a.example", false),
            ("x, a.example:80", "ws://a.example", true),
            ("a.example:81", "ws://a.example", false),
            ("", "ws://a.example", false),
            ("10.0.0.0/8", "ws://10.1.2.3", true),
            ("10.1.2.3", "ws://10.1.2.3", true),
            ("10.1.2.4", "ws://10.1.2.3", false),
            ("fd00::/8", "ws://[fd00::1]", true),
        ] {
            let env = [("ALL_PROXY", "all:1"), ("NO_PROXY", entry)];
            assert_eq!(chosen(url, &env).is_none(), direct, "{entry} {url}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_an_error_and_hides_its_password() {
        let url = Url::parse("ws://a.example").unwrap();
        let socks = Proxy::Url(Url::parse("socks5://u:canary@h").unwrap());
        assert!(socks.choose(&url, |_| None).is_err());
        assert!(!format!("{socks:?}").contains("canary"));
        let http = Proxy::Url(Url::parse("http://u:p@h:1").unwrap());
        assert!(http.choose(&url, |_| None).unwrap().is_some());
        assert_eq!(Proxy::Direct.choose(&url, |_| Some("x".into())).unwrap(), None);
    }
}
