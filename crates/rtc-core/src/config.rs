//! What every client can be configured with.

pub(crate) mod setters;

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::caller::{Caller, Shared};
use crate::clock::{Clock, SharedClock};
use crate::endpoint::{EndpointPolicy, Trust, is_host_within};
use crate::error::Error;
use crate::operation::Service;
use crate::pace::Quotas;
use crate::retry::{RetryBudget, RetryPolicy};
use crate::secret::Secret;
use crate::store::{MemoryStore, SharedStore, Store};
use crate::transport::channel::{Connect, SharedConnect};
use crate::transport::{Limits, SharedTransport, Transport, TransportError, TransportErrorKind};

/// The settings that all clients share; provider builders hold one and offer its setters through
/// [`config_setters!`](crate::config_setters).
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The base URL, where it is not the provider's own.
    pub endpoint: Option<String>,
    /// The total time limit of a call.
    pub timeout: Duration,
    /// The time limit of each attempt.
    pub attempt_timeout: Option<Duration>,
    /// Connect time, body size.
    pub limits: Limits,
    /// When and how often failed attempts are repeated.
    pub retry: RetryPolicy,
    /// Which addresses may be talked to.
    pub policy: EndpointPolicy,
    /// Certificates trusted besides the platform's, as PEM.
    pub root_certificates: Vec<Vec<u8>>,
    /// The client's certificate chain and key, as one PEM.
    pub client_identity: Option<Secret>,
    /// The proxy. `None`: as the environment says; `Some("")`: none at all.
    pub proxy: Option<Secret>,
    /// The application's name in the User-Agent.
    pub application: Option<String>,
    /// Headers added to every request. Their values may be credentials of a gateway.
    pub headers: Vec<(String, Secret)>,
    /// Whether the built-in transport speaks HTTP/1.1 only; `false` unless set.
    pub http1_only: bool,
    /// The clock.
    pub clock: SharedClock,
    /// The store of claims, quotas and shared values, where it is not [one in memory](Self::store).
    pub store: Option<SharedStore>,
    /// The transport, where it is not the built-in one.
    pub transport: Option<SharedTransport>,
    /// The connector of WebSockets, where it is not the built-in one.
    pub connector: Option<SharedConnect>,
}

/// Shows no credentials: of the endpoint only the host, of headers only the names.
impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |url: &String| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        f.debug_struct("ClientConfig")
            .field("endpoint_host", &self.endpoint.as_ref().map(|url| host(url).unwrap_or("?".to_owned())))
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("limits", &self.limits)
            .field("retry", &self.retry)
            .field("policy", &self.policy)
            .field("root_certificates", &self.root_certificates.len())
            .field("client_identity", &self.client_identity)
            .field("proxy", &self.proxy)
            .field("application", &self.application)
            .field("headers", &self.headers)
            .field("http1_only", &self.http1_only)
            .field("clock", &self.clock)
            .field("store", &self.store)
            .field("transport", &self.transport)
            .field("connector", &self.connector)
            .finish()
    }
}

/// The environment variable of this name; `None` where it is unset, empty or not Unicode.
#[must_use]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn setup(message: impl Into<String>) -> TransportError {
    TransportError::new(TransportErrorKind::Setup(message.into()))
}

impl ClientConfig {
    /// The defaults with this total time limit.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            endpoint: None,
            timeout,
            attempt_timeout: None,
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            policy: EndpointPolicy::default(),
            root_certificates: Vec::new(),
            client_identity: None,
            proxy: None,
            application: None,
            headers: Vec::new(),
            http1_only: false,
            clock: SharedClock::default(),
            store: None,
            transport: None,
            connector: None,
        }
    }

    /// The base URL, checked: the configured one, or the provider's own.
    ///
    /// # Errors
    /// When the endpoint policy refuses it.
    pub fn base<E>(&self, default: &str) -> Result<Url, Error<E>> {
        Ok(self.policy.parse(self.endpoint.as_deref().unwrap_or(default), Trust::Configured)?)
    }

    /// The store: the given one, or a new one in memory on the clock of this configuration.
    #[must_use]
    pub fn store(&self) -> SharedStore {
        self.store.clone().unwrap_or_else(|| SharedStore::new(MemoryStore::new(self.clock.clone())))
    }

    /// Quotas over this store, on this clock.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        Quotas::new(self.store(), self.clock.clone())
    }

    /// The transport: the given one, or the built-in one.
    ///
    /// # Errors
    /// When a certificate, a proxy or the feature set does not allow one.
    pub fn transport(&self) -> Result<SharedTransport, TransportError> {
        match &self.transport {
            Some(transport) => Ok(transport.clone()),
            None => self.built_in(),
        }
    }

    #[cfg(feature = "_reqwest")]
    fn built_in(&self) -> Result<SharedTransport, TransportError> {
        let mut builder = crate::transport::reqwest::HttpTransport::builder()
            .policy(self.policy.clone())
            .connect_timeout(self.limits.connect)
            .http1_only(self.http1_only);
        for pem in &self.root_certificates {
            builder = builder.root_certificate_pem(pem.clone());
        }
        if let Some(identity) = &self.client_identity {
            builder = builder.client_identity_pem(identity.clone());
        }
        builder = match &self.proxy {
            Some(proxy) if proxy.is_empty() => builder.no_proxy(),
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        };
        Ok(SharedTransport::new(builder.build()?))
    }

    #[cfg(not(feature = "_reqwest"))]
    fn built_in(&self) -> Result<SharedTransport, TransportError> {
        Err(setup(
            "there is no HTTP transport: turn on the feature `rustls` (or `rustls-ring`), or give the builder a transport",
        ))
    }

    /// The connector of WebSockets: the given one, or the built-in one.
    ///
    /// # Errors
    /// When a certificate, a header or the proxy cannot be used.
    #[cfg(feature = "websocket")]
    pub fn connector(&self) -> Result<SharedConnect, TransportError> {
        match &self.connector {
            Some(connector) => Ok(connector.clone()),
            None => crate::transport::websocket::WebSocketConnector::of(self).map(SharedConnect::new),
        }
    }

    pub(crate) fn header_map(&self) -> Result<HeaderMap, TransportError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose()));
            let (Ok(key), Ok(mut value)) = parsed else {
                return Err(setup(format!("the extra header {name:?} is not a valid header")));
            };
            value.set_sensitive(true);
            headers.append(key, value);
        }
        Ok(headers)
    }

    /// A caller of `service` with these settings. `agent` names the SDK and its version.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used.
    pub fn caller<S: Service>(
        mut self,
        service: S,
        default_base: &str,
        agent: &str,
    ) -> Result<Caller<S>, Error<S::Error>> {
        let base = self.base(default_base)?;
        // From here on the policy knows whether the user's own endpoint is private.
        self.policy = self.policy.for_base(&base);
        let transport = self.transport()?;
        let headers = self.header_map()?;
        let user_agent = match &self.application {
            Some(application) => format!("{application} {agent}"),
            None => agent.to_owned(),
        };
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| setup("the application name holds a character that no header may hold"))?;
        Ok(Caller::new(Shared {
            service,
            base,
            transport,
            clock: self.clock,
            policy: self.policy,
            budget: RetryBudget::new(self.retry.budget),
            retry: self.retry,
            timeout: self.timeout,
            attempt_timeout: self.attempt_timeout,
            limits: self.limits,
            headers,
            user_agent,
            skew_ms: 0.into(),
        }))
    }

    /// Uses this clock.
    pub fn set_clock(&mut self, clock: impl Clock) {
        self.clock = SharedClock::new(clock);
    }

    /// Uses this store.
    pub fn set_store(&mut self, store: impl Store) {
        self.store = Some(SharedStore::new(store));
    }

    /// Opens WebSockets with this connector.
    pub fn set_connector(&mut self, connector: impl Connect) {
        self.connector = Some(SharedConnect::new(connector));
    }

    /// Uses this transport.
    pub fn set_transport(&mut self, transport: impl Transport) {
        self.transport = Some(SharedTransport::new(transport));
    }
}

impl ClientConfig {
    /// Takes what identifies the user (extra headers, the client's certificate) out of the settings unless the server at
    /// `url`, which an answer or a token named, may see it: it is on the host of the endpoint (over TLS, if the endpoint
    /// is), or within one of these domains.
    pub fn keep_identity_to(&mut self, url: &Url, trusted: &[String]) {
        let endpoint = self.endpoint.as_deref().and_then(|text| Url::parse(text.trim()).ok());
        let is_endpoint = endpoint.is_some_and(|own| {
            own.host_str() == url.host_str()
                && (own.scheme() != "https" || matches!(url.scheme(), "https" | "wss"))
        });
        let host = url.host_str().unwrap_or_default();
        if !is_endpoint && !trusted.iter().any(|domain| is_host_within(host, domain)) {
            self.headers.clear();
            self.client_identity = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::ManualClock;
    use crate::store::{Rate, Taken};

    #[test]
    fn debug_shows_no_credentials() {
        let mut config = ClientConfig::new(Duration::from_secs(1));
        config.proxy = Some("http://user:canary@proxy.example".into());
        config.client_identity = Some("canary".into());
        config.headers = vec![("x-gateway".into(), "canary".into())];
        config.root_certificates = vec![b"canary".to_vec()];
        for endpoint in
            ["https://canary:canary@host.example/canary?canary#canary", "canary:canary@host", "canary"]
        {
            config.endpoint = Some(endpoint.into());
            let text = format!("{config:?}");
            assert!(!text.contains("canary") && !text.contains("99, 97, 110"), "{text}");
            assert!(text.contains("x-gateway"), "{text}");
        }
        config.endpoint = Some("https://canary@host.example/".into());
        assert!(format!("{config:?}").contains(r#"Some("host.example")"#));
    }

    #[tokio::test]
    async fn a_store_of_its_own_follows_the_clock() {
        let clock = ManualClock::new();
        let mut config = ClientConfig::new(Duration::from_secs(1));
        config.set_clock(clock.clone());
        let (own, rate) = (config.store(), Rate::per_second(1));
        assert_eq!(own.take("k", rate, 1, 1).await.unwrap(), Taken::Granted);
        clock.advance(Duration::from_secs(1));
        assert_eq!(own.take("k", rate, 1, 1).await.unwrap(), Taken::Granted);
        // A given one is always the same.
        config.set_store(own);
        assert!(matches!(config.store().take("k", rate, 1, 1).await.unwrap(), Taken::Wait(_)));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        // Cargo sets these two for every test.
        assert_eq!(env("CARGO_PKG_NAME").as_deref(), Some("rtc-core"));
        assert_eq!(env("CARGO_PKG_VERSION_PRE"), None);
        assert_eq!(env("RTC_CORE_THIS_IS_NOT_SET"), None);
    }
}
