//! HTTP over the network, through reqwest: the only file that names it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response, Uri};
use http_body::Body as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::tls::{self, Lazy, TlsOptions};
use super::{Body, Limits, Transport, TransportError, TransportErrorKind};
use crate::Secret;
use crate::endpoint::{EndpointError, EndpointPolicy, Trust};

const URL_WANTED: &str = "a request needs an absolute http or https URL";

/// HTTP over the network.
///
/// Clones are cheap and share their connections. Redirects are not followed, requests are not repeated
/// (but for one that was put on a kept connection which turned out to be closed before anything was
/// written), the total time is not limited: that is the business of the caller. [`Limits::connect`] is not
/// looked at, see [`HttpTransportBuilder::connect_timeout`]; [`Limits::body`] is for whoever reads the body.
///
/// Every URL and every address that its host resolves to is checked against the [`EndpointPolicy`]. Behind a
/// proxy it is the proxy that resolves names, so there only the URL can be checked.
#[derive(Clone)]
pub struct HttpTransport(Arc<Inner>);

struct Inner {
    policy: Arc<EndpointPolicy>,
    tls: TlsOptions,
    /// Without the client's identity: it is not for hosts that an answer named.
    anonymous_tls: TlsOptions,
    proxy: Proxy,
    /// The hosts of the proxies, as URLs spell them: their addresses are the user's own choice.
    proxy_hosts: Arc<[String]>,
    /// Some proxy is itself reached over TLS.
    proxy_over_tls: bool,
    connect_timeout: Duration,
    pool_idle_timeout: Option<Duration>,
    pool_max_idle_per_host: usize,
    http1_only: bool,
    /// Names that the system is not asked for, in tests.
    hosts: Arc<[(String, IpAddr)]>,
    /// By TLS or not, found or configured address, direct or through a proxy: the resolver must know how
    /// far to trust, setting up TLS is slow, and reqwest decides about proxies once for each client.
    clients: Pair<Pair<Pair<Lazy<reqwest::Client>>>>,
    last: Mutex<Option<Known>>,
}

/// Which of the clients.
#[derive(Clone, Copy)]
struct Choice {
    tls: bool,
    trust: Trust,
    direct: bool,
}

/// A URL that was parsed and checked.
struct Known {
    uri: Uri,
    trust: Trust,
    url: Url,
    choice: Choice,
}

struct Pair<T>(T, T);

impl<T> Pair<T> {
    fn at(&self, second: bool) -> &T {
        if second { &self.1 } else { &self.0 }
    }
}

#[derive(Debug, Clone)]
enum Proxy {
    Environment,
    None,
    All(Secret),
}

/// Options of an [`HttpTransport`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpTransportBuilder {
    policy: EndpointPolicy,
    roots_pem: Vec<Vec<u8>>,
    identity_pem: Option<Secret>,
    proxy: Proxy,
    connect_timeout: Duration,
    pool_idle_timeout: Option<Duration>,
    pool_max_idle_per_host: usize,
    http1_only: bool,
    hosts: Vec<(String, IpAddr)>,
}

impl HttpTransportBuilder {
    /// Sets the rules about addresses.
    pub fn policy(mut self, policy: EndpointPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Trusts the root certificates in this PEM text besides the platform's. May be called repeatedly.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots_pem.push(pem.into());
        self
    }

    /// Authenticates this client to servers that ask for it: a certificate chain and its private key,
    /// in one PEM text.
    pub fn client_identity_pem(mut self, pem: impl Into<Secret>) -> Self {
        self.identity_pem = Some(pem.into());
        self
    }

    /// Sends everything through this proxy (`http://` or `https://`, with user and password if it asks for
    /// them) but for `localhost` and loopback addresses. Replaces the proxies of the environment.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.proxy = Proxy::All(url.into());
        self
    }

    /// Uses no proxy. Without this and without [`proxy`](Self::proxy), the environment decides
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, the settings of macOS and Windows), but never
    /// for `localhost` and loopback addresses.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::None;
        self
    }

    /// How long establishing a connection may take, TLS included; 5 s unless set. It belongs to the
    /// transport, as connections are shared between requests.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long an unused connection is kept; `None` is without end. 90 s unless set.
    pub fn pool_idle_timeout(mut self, limit: Option<Duration>) -> Self {
        self.pool_idle_timeout = limit;
        self
    }

    /// How many unused connections to one host are kept; 0 keeps none. Without bound unless set.
    pub fn pool_max_idle_per_host(mut self, limit: usize) -> Self {
        self.pool_max_idle_per_host = limit;
        self
    }

    /// Speaks HTTP/1.1 only, also where feature `http2` is on.
    pub fn http1_only(mut self, only: bool) -> Self {
        self.http1_only = only;
        self
    }

    /// Resolves this name to this address instead of asking the system; the policy judges it as any other.
    #[cfg(feature = "testing")]
    pub fn resolve(mut self, host: impl Into<String>, address: IpAddr) -> Self {
        self.hosts.push((host.into(), address));
        self
    }

    /// Checks the options. Nothing is connected yet, nor are the platform's root certificates read.
    ///
    /// # Errors
    /// [`TransportErrorKind::Setup`] if a certificate, key or proxy cannot be used.
    pub fn build(self) -> Result<HttpTransport, TransportError> {
        let tls = TlsOptions::new(&self.roots_pem, self.identity_pem.as_ref()).map_err(setup)?;
        let anonymous_tls = match self.identity_pem {
            Some(_) => TlsOptions::new(&self.roots_pem, None).map_err(setup)?,
            None => tls.clone(),
        };
        let proxies = match &self.proxy {
            Proxy::None => Vec::new(),
            Proxy::Environment => environment_proxies(),
            Proxy::All(url) => {
                let known = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
                let url = Url::parse(url.expose()).ok().filter(known);
                vec![url.ok_or_else(|| setup("proxy: give a URL like http://host:port"))?]
            }
        };
        Ok(HttpTransport(Arc::new(Inner {
            policy: Arc::new(self.policy),
            tls,
            anonymous_tls,
            proxy: self.proxy,
            proxy_hosts: proxies.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect(),
            proxy_over_tls: proxies.iter().any(|url| url.scheme() == "https"),
            connect_timeout: self.connect_timeout,
            pool_idle_timeout: self.pool_idle_timeout,
            pool_max_idle_per_host: self.pool_max_idle_per_host,
            http1_only: self.http1_only,
            hosts: self.hosts.into(),
            clients: pair(|| pair(|| pair(Lazy::new))),
            last: Mutex::new(None),
        })))
    }
}

impl HttpTransport {
    /// Starts with: the default [`EndpointPolicy`], the platform's root certificates, the proxies of the
    /// environment, 5 s to connect.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder {
            policy: EndpointPolicy::default(),
            roots_pem: Vec::new(),
            identity_pem: None,
            proxy: Proxy::Environment,
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Some(Duration::from_secs(90)),
            pool_max_idle_per_host: usize::MAX,
            http1_only: false,
            hosts: Vec::new(),
        }
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("tls", &self.0.tls).finish_non_exhaustive()
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Body>, TransportError> {
        let (parts, body) = request.into_parts();
        let (url, client) = self.0.route(&parts.uri, limits.trust)?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.into());
        let response = client.execute(request).await.map_err(sending)?;
        let (mut parts, body) = Response::<reqwest::Body>::from(response).into_parts();
        // What the HTTP stack leaves there is its own affair.
        parts.extensions.clear();
        let length = body.size_hint().exact();
        Ok(Response::from_parts(parts, Body::stream(Pieces(body), length)))
    }
}

impl Inner {
    /// The URL of a request, checked, and the client for it. Many clients call one URL again and again, so the
    /// last one is kept: parsing and checking a URL costs more than all else that is done here.
    fn route(&self, uri: &Uri, trust: Trust) -> Result<(Url, &reqwest::Client), TransportError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, choice) = match last.as_ref().filter(|known| known.trust == trust && known.uri == *uri) {
            Some(known) => (known.url.clone(), known.choice),
            None => {
                let url = Url::parse(&uri.to_string()).map_err(|_| setup(URL_WANTED))?;
                let choice = self.choose(&url, trust)?;
                *last = Some(Known { uri: uri.clone(), trust, url: url.clone(), choice });
                (url, choice)
            }
        };
        drop(last);
        Ok((url, self.lazy(choice).get(|| self.build(choice))?))
    }

    fn lazy(&self, choice: Choice) -> &Lazy<reqwest::Client> {
        self.clients.at(choice.tls).at(choice.trust == Trust::Discovered).at(choice.direct)
    }

    fn choose(&self, url: &Url, trust: Trust) -> Result<Choice, TransportError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(setup(URL_WANTED));
        }
        // Literal addresses never meet the resolver, and names do not where a proxy resolves them.
        self.policy.check(url, trust).map_err(blocked)?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
            None => false,
        };
        // A request to the proxy's own host does not go through it: there the resolver would not look at
        // the address, so that a found URL could reach into the private network.
        let direct = loopback
            || matches!(self.proxy, Proxy::None)
            || self.proxy_hosts.iter().any(|host| url.host_str() == Some(host));
        let tls = url.scheme() == "https" || (self.proxy_over_tls && !direct);
        Ok(Choice { tls, trust, direct })
    }

    fn build(&self, choice: Choice) -> Result<reqwest::Client, TransportError> {
        let Choice { tls, trust, direct } = choice;
        let config = if tls {
            let options = if trust == Trust::Configured { &self.tls } else { &self.anonymous_tls };
            tls::client_config(options, !self.http1_only).map(Arc::unwrap_or_clone)
        } else {
            self.tls.trusting_nobody()
        };
        let exempt = if direct { Arc::default() } else { Arc::clone(&self.proxy_hosts) };
        let resolver =
            Resolver { policy: Arc::clone(&self.policy), trust, exempt, hosts: Arc::clone(&self.hosts) };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(config.map_err(setup)?)
            .dns_resolver(resolver)
            .redirect(reqwest::redirect::Policy::none())
            // With a maximum of 0, reqwest does not even keep a copy of the request.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.pool_idle_timeout)
            .pool_max_idle_per_host(self.pool_max_idle_per_host)
            .tcp_nodelay(true);
        if self.http1_only {
            builder = builder.http1_only();
        }
        if direct {
            builder = builder.no_proxy();
        } else if let Proxy::All(url) = &self.proxy {
            let proxy = reqwest::Proxy::all(url.expose()).map_err(|_| setup("proxy: cannot be used"))?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| setup(chain(&error.without_url())))
    }
}

/// Resolves names, and keeps the addresses that the policy allows.
struct Resolver {
    policy: Arc<EndpointPolicy>,
    trust: Trust,
    exempt: Arc<[String]>,
    hosts: Arc<[(String, IpAddr)]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy =
            (!self.exempt.iter().any(|host| host == name.as_str())).then(|| Arc::clone(&self.policy));
        let (trust, hosts) = (self.trust, Arc::clone(&self.hosts));
        Box::pin(async move {
            let mut refused = None;
            let mut allowed = |address: &SocketAddr| match &policy {
                Some(policy) => policy
                    .check_address(name.as_str(), address.ip(), trust)
                    .map_err(|error| refused = Some(error))
                    .is_ok(),
                None => true,
            };
            let known = hosts.iter().filter(|(host, _)| host == name.as_str());
            let mut found: Vec<_> = known.map(|(_, address)| SocketAddr::new(*address, 0)).collect();
            if found.is_empty() {
                found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            }
            found.retain(&mut allowed);
            match refused {
                Some(error) if found.is_empty() => Err(error.into()),
                _ => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// The pieces of a body. A body that ends before its announced end is an error of the HTTP stack.
struct Pieces(reqwest::Body);

impl Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match Pin::new(&mut self.0).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    // Trailers: nobody asks for them.
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => {
                    let kind = TransportErrorKind::Interrupted;
                    Poll::Ready(Some(Err(TransportError::new(kind).with_source(error.without_url()))))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            };
        }
    }
}

fn pair<T>(make: impl Fn() -> T) -> Pair<T> {
    Pair(make(), make())
}

/// The proxies that the environment names; which of them is used for what, reqwest knows.
fn environment_proxies() -> Vec<Url> {
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter_map(|text| {
            let url = if text.contains("://") { text } else { format!("http://{text}") };
            Url::parse(&url).ok()
        })
        .collect()
}

fn setup(message: impl Into<String>) -> TransportError {
    TransportError::new(TransportErrorKind::Setup(message.into()))
}

fn blocked(error: EndpointError) -> TransportError {
    TransportError::new(TransportErrorKind::Blocked(error))
}

/// Sorts a failure before the head of the answer.
fn sending(error: reqwest::Error) -> TransportError {
    // The URL may hold secrets in its query.
    let error = error.without_url();
    if error.is_builder() {
        return setup(URL_WANTED).with_source(error);
    }
    if let Some(refused) = find::<EndpointError>(&error) {
        return blocked(refused.clone());
    }
    let http = find::<hyper::Error>(&error);
    let mut unsent = false;
    let kind = if error.is_connect() {
        // TCP, a proxy's tunnel and TLS come before the request.
        unsent = true;
        if error.is_timeout() { TransportErrorKind::ConnectTimeout } else { TransportErrorKind::Connect }
    } else if http.is_some_and(hyper::Error::is_parse) {
        TransportErrorKind::Protocol
    } else {
        // "Canceled" is what hyper says only when it hands the request back untouched.
        unsent = http.is_some_and(hyper::Error::is_canceled);
        TransportErrorKind::Interrupted
    };
    TransportError::new(kind).with_unsent(unsent).with_source(error)
}

/// The first error of this type in the chain of sources, also where an I/O error wraps it.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is that of the error it wraps: the wrapped one itself is left out.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|error| error as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_of_refused_addresses_are_blocked_but_for_the_proxy() {
        let resolve = async |exempt: &[&str]| {
            let exempt = exempt.iter().map(|&host| host.to_owned()).collect();
            let resolver =
                Resolver { policy: Arc::default(), trust: Trust::Discovered, exempt, hosts: Arc::default() };
            resolver.resolve("localhost".parse().unwrap()).await
        };
        let error = resolve(&[]).await.map(|_| ()).unwrap_err();
        assert!(error.is::<EndpointError>(), "{error}");
        assert!(resolve(&["localhost"]).await.unwrap().next().is_some());
    }

    #[tokio::test]
    async fn a_refusal_comes_through() {
        let proxied = HttpTransport::builder().proxy("http://localhost:1");
        for (builder, host) in [
            (HttpTransport::builder(), "localhost"),
            (HttpTransport::builder(), "127.0.0.1"),
            // No hole: the exception is for the way to the proxy, not for requests to its host.
            (proxied, "localhost"),
        ] {
            let request = Request::get(format!("http://{host}:1/?a=b")).body(Bytes::new()).unwrap();
            let limits = Limits::default().with_trust(Trust::Discovered);
            let error = builder.build().unwrap().send(request, limits).await.unwrap_err();
            assert!(matches!(error.kind(), TransportErrorKind::Blocked(_)) && error.is_unsent(), "{error:?}");
        }
    }
}
