//! Which addresses a client may talk to.
//!
//! A policy is asked twice: once about the URL ([`EndpointPolicy::check`]) and once about every address
//! its host resolves to, before connecting ([`EndpointPolicy::check_address`]); a name that passes the
//! first and points into the own network is caught by the second. Behind a proxy the proxy resolves the
//! names, so only the first question is asked there.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use ipnet::IpNet;
use url::{Host, Url};

use crate::validate::{Field, Rule, Violation};

mod ranges;
#[cfg(test)]
mod tests;

use ranges::{Class, class_of, unwrap_embedded};

/// How far an address is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// The user configured it: it may lie in a private network (a VPC endpoint, a self-hosted server).
    Configured,
    /// It was found in an answer, a token or a redirect: private ranges are refused too.
    Discovered,
}

/// Why the endpoint policy refuses an address. The message names the host, never the user information,
/// path or query of the URL, and the setting that would allow the address, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EndpointError {
    pub(crate) rule: Rule,
    pub(crate) message: String,
}

impl EndpointError {
    fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }

    /// The rule that was broken: [`Rule::Scheme`] (not an allowed scheme, or plain text to a remote host),
    /// [`Rule::Query`] (user information, query or fragment), [`Rule::Forbidden`] (the host or the range of
    /// its address) or [`Rule::Pattern`] (not a URL).
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The same as a violation of the field that held the URL.
    #[must_use]
    pub fn to_violation(&self, field: Field) -> Violation {
        Violation::new(field.name, field.wire, self.rule, self.message.clone())
    }
}

/// The rules for endpoints.
///
/// Without any setting:
///
/// - `https` and `wss` go anywhere below; `http` and `ws` only to loopback (`127.0.0.0/8`, `::1`,
///   `localhost`, `*.localhost`).
/// - [`Trust::Configured`] URLs may lie in the internet, in private ranges (RFC 1918, unique local IPv6,
///   carrier-grade NAT) and on loopback. [`Trust::Discovered`] ones only in the internet, unless a declared
///   base ([`for_base`](Self::for_base)) is itself private or loopback.
/// - Link-local, documentation and reserved ranges are refused unless
///   [`allow_net`](Self::allow_net) lists them.
/// - Cloud metadata services, unspecified (`0.0.0.0/8`, `::`), broadcast and multicast addresses are
///   refused whatever is allowed.
/// - An IPv6 address that embeds an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo)
///   counts as what it embeds.
/// - What is denied stays denied even if it is allowed too.
///
/// ```
/// # use rtc_core::{EndpointPolicy, Trust};
/// let policy = EndpointPolicy::default();
/// let base = policy.parse(" https://rtc.example.com/v1/ ", Trust::Configured)?;
/// assert_eq!(base.as_str(), "https://rtc.example.com/v1");
/// assert!(policy.parse("http://rtc.example.com", Trust::Configured).is_err());
/// assert!(policy.allow_insecure(true).parse("http://rtc.example.com", Trust::Configured).is_ok());
/// # Ok::<(), rtc_core::EndpointError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct EndpointPolicy {
    insecure: bool,
    private_discovery: bool,
    allow_nets: Vec<IpNet>,
    deny_nets: Vec<IpNet>,
    allow_hosts: Vec<String>,
    deny_hosts: Vec<String>,
    bases: Vec<Arc<Base>>,
}

/// A declared base. Clones of a policy share it: what one connection learns, all know.
#[derive(Debug)]
struct Base {
    host: String,
    private: AtomicBool,
}

impl EndpointPolicy {
    /// Whether `http` and `ws` may leave this machine. Credentials then travel readable for everyone on
    /// the way; off by default.
    #[must_use]
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.insecure = allow;
        self
    }

    /// Whether addresses found in answers may be private or loopback whatever the base is. Off by default;
    /// [`for_base`](Self::for_base) is the narrower way.
    #[must_use]
    pub fn with_private_discovery(mut self, allow: bool) -> Self {
        self.private_discovery = allow;
        self
    }

    /// This policy for a client with this base URL. If its host is private or loopback, what is found in
    /// answers may be so too: a self-hosted server names its neighbours. For a host name this is learnt when
    /// [`check_address`](Self::check_address) sees it resolve to such an address as [`Trust::Configured`],
    /// and kept from then on, in all clones of the returned policy: give the same one to the transport. May be
    /// called for several bases; for one that is known already it changes nothing.
    #[must_use]
    pub fn for_base(&self, base: &Url) -> Self {
        let mut policy = self.clone();
        let host = bare(base.host_str().unwrap_or_default());
        if policy.bases.iter().any(|known| known.host == host) {
            return policy;
        }
        let private = match base.host() {
            Some(Host::Domain(name)) => is_localhost(name),
            Some(Host::Ipv4(ip)) => is_private_or_loopback(ip.into()),
            Some(Host::Ipv6(ip)) => is_private_or_loopback(ip.into()),
            None => false,
        };
        policy.bases.push(Arc::new(Base { host: host.to_owned(), private: private.into() }));
        policy
    }

    /// Allows a network that the ranges would refuse, for both levels of trust. Metadata, unspecified,
    /// broadcast and multicast addresses inside it stay refused, and it does not allow plain `http`.
    #[must_use]
    pub fn allow_net(mut self, net: impl Into<IpNet>) -> Self {
        self.allow_nets.push(net.into());
        self
    }

    /// Refuses a network, for both levels of trust and whatever is allowed.
    #[must_use]
    pub fn deny_net(mut self, net: impl Into<IpNet>) -> Self {
        self.deny_nets.push(net.into());
        self
    }

    /// Lets a host (and all names below it) be private or loopback even when it was found in an answer.
    /// It opens nothing else: a name's owner must not be able to point it at a link-local service.
    #[must_use]
    pub fn allow_host(mut self, suffix: impl Into<String>) -> Self {
        self.allow_hosts.push(suffix.into());
        self
    }

    /// Refuses a host and all names below it, for both levels of trust and whatever is allowed.
    #[must_use]
    pub fn deny_host(mut self, suffix: impl Into<String>) -> Self {
        self.deny_hosts.push(suffix.into());
        self
    }

    /// Parses and checks a base URL: `https`, or `http` as far as it is allowed. White space around it and
    /// slashes at its end are dropped, a path prefix is kept.
    ///
    /// # Errors
    /// It is not a URL with a host, has another scheme, has user information, a query (even an empty one)
    /// or a fragment, or [`check`](Self::check) refuses it.
    pub fn parse(&self, text: &str, trust: Trust) -> Result<Url, EndpointError> {
        self.parse_base(text, trust, ["https", "http"])
    }

    /// Parses and checks a base URL as [`parse`](Self::parse) does, but for `wss` and `ws`.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn parse_websocket(&self, text: &str, trust: Trust) -> Result<Url, EndpointError> {
        self.parse_base(text, trust, ["wss", "ws"])
    }

    fn parse_base(&self, text: &str, trust: Trust, schemes: [&str; 2]) -> Result<Url, EndpointError> {
        let [secure, plain] = schemes;
        let text = text.trim();
        // The URL parser repairs these silently, into a host that nobody meant.
        let mut parts = text.splitn(2, "://");
        let host_follows = |rest: &str| !rest.is_empty() && !rest.starts_with(['/', '\\', '?', '#']);
        if parts.next().is_none_or(str::is_empty) || !parts.next().is_some_and(host_follows) {
            let message =
                format!("the endpoint is not a full URL; write {secure}://HOST, with the host's name");
            return Err(EndpointError::new(Rule::Pattern, message));
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = "the endpoint has white space or a control character in it; remove it";
            return Err(EndpointError::new(Rule::Pattern, message));
        }
        let mut url = Url::parse(text).map_err(|e| {
            EndpointError::new(Rule::Pattern, format!("the endpoint is not a valid URL: {e}"))
        })?;
        if !schemes.contains(&url.scheme()) {
            let message = format!(
                "the endpoint must start with {secure}:// (or {plain}:// for a server on this machine)"
            );
            return Err(EndpointError::new(Rule::Scheme, message));
        }
        self.check(&url, trust)?;
        if url.query().is_some() {
            let message =
                format!("{}: a base URL must not have a query; remove `?` and what follows", Shown(&url));
            return Err(EndpointError::new(Rule::Query, message));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// Checks a URL before it is used: scheme (`https`, `wss`, `http`, `ws`), no user information, no
    /// fragment, and the host, by name or by literal address. A query is fine here. The names are not
    /// resolved: see [`check_address`](Self::check_address).
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, url: &Url, trust: Trust) -> Result<(), EndpointError> {
        let fail = |rule, what: &str| Err(EndpointError::new(rule, format!("{}: {what}", Shown(url))));
        let secure = match url.scheme() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => {
                let message = "the URL must start with https://, wss://, http:// or ws://";
                return Err(EndpointError::new(Rule::Scheme, message));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return fail(Rule::Query, "must not have user information; remove what is before `@`");
        }
        if url.fragment().is_some() {
            return fail(Rule::Query, "must not have a fragment; remove `#` and what follows");
        }
        let Some(host) = url.host() else {
            return fail(Rule::Pattern, "has no host");
        };
        if !secure && !self.insecure && !is_loopback_url(url) {
            let what = format!(
                "plain {scheme} would show credentials to everyone on the way; use {scheme}s, or allow it with \
                 EndpointPolicy::allow_insecure(true)",
                scheme = url.scheme()
            );
            return fail(Rule::Scheme, &what);
        }
        match host {
            Host::Ipv4(ip) => self.judge(url.host_str().unwrap_or_default(), ip.into(), trust),
            Host::Ipv6(ip) => self.judge(url.host_str().unwrap_or_default(), ip.into(), trust),
            Host::Domain(name) => {
                self.check_denied(name)?;
                if is_localhost(name) && trust == Trust::Discovered && !self.private_allowed(name) {
                    return Err(discovered(name, "the loopback host"));
                }
                Ok(())
            }
        }
    }

    /// Checks one address that `host` resolved to; to be called with every one before connecting to it.
    /// `localhost` and `*.localhost` must resolve to loopback.
    ///
    /// # Errors
    /// The host or the address is refused.
    pub fn check_address(&self, host: &str, address: IpAddr, trust: Trust) -> Result<(), EndpointError> {
        if is_localhost(host) && !is_loopback(address) {
            let message = format!(
                "{host} resolves to {address}, which is not this machine; repair the hosts file or the DNS, or \
                 write 127.0.0.1"
            );
            return Err(EndpointError::new(Rule::Forbidden, message));
        }
        self.judge(host, address, trust)
    }

    fn judge(&self, host: &str, address: IpAddr, trust: Trust) -> Result<(), EndpointError> {
        self.check_denied(host)?;
        let inner = unwrap_embedded(address);
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address) || net.contains(&inner));
        let shown = Address { host: bare(host), address, inner };
        let refuse = |message| Err(EndpointError::new(Rule::Forbidden, message));
        if within(&self.deny_nets) {
            return refuse(format!("{shown} is refused by EndpointPolicy::deny_net"));
        }
        let class = class_of(inner);
        if let Class::Never(what) = class {
            return refuse(format!(
                "{shown} is {what}, which is never allowed; correct the URL or the DNS entry"
            ));
        }
        if within(&self.allow_nets) {
            return Ok(());
        }
        match class {
            Class::Public => Ok(()),
            Class::Loopback(_) | Class::Private(_) if trust == Trust::Configured => {
                for base in self.bases.iter().filter(|base| base.host.eq_ignore_ascii_case(bare(host))) {
                    base.private.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
            Class::Loopback(_) | Class::Private(_) if self.private_allowed(host) => Ok(()),
            Class::Loopback(what) | Class::Private(what) => Err(discovered(&shown, what)),
            Class::Special(what) | Class::Never(what) => refuse(format!(
                "{shown} is {what}; if that is meant, allow it with EndpointPolicy::allow_net"
            )),
        }
    }

    fn check_denied(&self, host: &str) -> Result<(), EndpointError> {
        if self.deny_hosts.iter().any(|suffix| is_host_within(host, suffix)) {
            let message = format!("{host} is refused by EndpointPolicy::deny_host");
            return Err(EndpointError::new(Rule::Forbidden, message));
        }
        Ok(())
    }

    fn private_allowed(&self, host: &str) -> bool {
        self.private_discovery
            || self.bases.iter().any(|base| base.private.load(Ordering::Relaxed))
            || self.allow_hosts.iter().any(|suffix| is_host_within(host, suffix))
    }
}

/// Scheme, user information, host and port of an address, as the policy judges them; path, query and fragment are left
/// out. What is no URL is given back, for the policy to say so.
#[must_use]
pub fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url[..url::Position::BeforePath].to_owned())
}

/// Whether an address is private (RFC 1918, unique local IPv6, carrier-grade NAT) or loopback, also when it
/// is embedded in an IPv6 address.
#[must_use]
pub fn is_private_or_loopback(address: IpAddr) -> bool {
    matches!(class_of(unwrap_embedded(address)), Class::Private(_) | Class::Loopback(_))
}

/// Whether a URL names this machine: `localhost`, `*.localhost` or a literal loopback address.
#[must_use]
pub fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(ip)) => is_loopback(ip.into()),
        Some(Host::Ipv6(ip)) => is_loopback(ip.into()),
        None => false,
    }
}

/// Whether `host` is `suffix` or a name below it, label by label (`notexample.com` is not within
/// `example.com`). Case, a dot at the end and a leading `.` or `*.` of the suffix do not matter; nothing is
/// within an empty suffix.
#[must_use]
pub fn is_host_within(host: &str, suffix: &str) -> bool {
    let (host, suffix) = (bare(host), bare(suffix.trim_start_matches('*').trim_start_matches('.')));
    let Some(split) = host.len().checked_sub(suffix.len()) else { return false };
    let (Some(start), Some(end)) = (host.get(..split), host.get(split..)) else { return false };
    !suffix.is_empty() && end.eq_ignore_ascii_case(suffix) && (start.is_empty() || start.ends_with('.'))
}

fn is_loopback(address: IpAddr) -> bool {
    matches!(class_of(unwrap_embedded(address)), Class::Loopback(_))
}

fn is_localhost(host: &str) -> bool {
    is_host_within(host, "localhost")
}

/// A host without the brackets of an IPv6 literal and the dot at the end of a full name.
fn bare(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

fn discovered(shown: impl fmt::Display, what: &str) -> EndpointError {
    let message = format!(
        "{shown} is {what} and was found in an answer; if that is meant, allow it with EndpointPolicy::allow_net, \
         allow_host or with_private_discovery(true)"
    );
    EndpointError::new(Rule::Forbidden, message)
}

/// The part of a URL that may be shown: user information, path and query may be secret.
struct Shown<'a>(&'a Url);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A host, the address it stands for and the address embedded in that, each only if it says more.
struct Address<'a> {
    host: &'a str,
    address: IpAddr,
    inner: IpAddr,
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.inner != self.address {
            write!(f, " (which stands for {})", self.inner)?;
        }
        let literal = self.host.parse::<IpAddr>().is_ok();
        if literal { Ok(()) } else { write!(f, ", to which {} resolves,", self.host) }
    }
}
