//! How a client is configured.

use std::sync::Arc;
use std::time::Duration;

use rtc_core::{ClientConfig, Store, Trust};

use super::{AGENT, Client, Shared};
use crate::credentials::{Bases, Kvs, SharedCredentialsProvider};
use crate::discovery::{Endpoints, Trusted};
use crate::endpoint;
use crate::error::Result;
use crate::ice::IceCache;
use crate::operation::{ResolveEndpoint, StunUrl};
use crate::pace::Limits;

/// Configures a [`Client`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    credentials: SharedCredentialsProvider,
    region: Option<String>,
    use_fips: bool,
    use_dual_stack: bool,
    control_endpoint: Option<String>,
    signaling_endpoint: Option<String>,
    storage_endpoint: Option<String>,
    trusted_hosts: Vec<String>,
    paced: bool,
    ice: Option<IceCache>,
    pub(super) config: ClientConfig,
}

impl ClientBuilder {
    pub(super) fn new(credentials: SharedCredentialsProvider) -> Self {
        let mut config = ClientConfig::new(Duration::from_secs(15));
        // The service speaks HTTP/1.1 only: there is nothing to negotiate.
        config.http1_only = true;
        Self {
            credentials,
            region: None,
            use_fips: false,
            use_dual_stack: false,
            control_endpoint: None,
            signaling_endpoint: None,
            storage_endpoint: None,
            trusted_hosts: Vec::new(),
            paced: true,
            ice: None,
            config,
        }
    }

    rtc_core::config_setters!();

    /// The region of the channels, such as `us-west-2`. Needed: every signature names it.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Uses the addresses with FIPS 140 validated cryptography. Not together with an endpoint of your own.
    pub fn use_fips(mut self, on: bool) -> Self {
        self.use_fips = on;
        self
    }

    /// Uses the addresses that IPv6 reaches, too. Not together with an endpoint of your own.
    pub fn use_dual_stack(mut self, on: bool) -> Self {
        self.use_dual_stack = on;
        self
    }

    /// Sends the calls of the control plane to this base URL; wins over `endpoint`.
    pub fn control_endpoint(mut self, url: impl Into<String>) -> Self {
        self.control_endpoint = Some(url.into());
        self
    }

    /// Sends the calls of the data plane to this base URL; wins over `endpoint` and over the channel's own.
    pub fn signaling_endpoint(mut self, url: impl Into<String>) -> Self {
        self.signaling_endpoint = Some(url.into());
        self
    }

    /// Sends the calls about storage sessions to this base URL; wins over `endpoint` and over the channel's own.
    pub fn storage_endpoint(mut self, url: impl Into<String>) -> Self {
        self.storage_endpoint = Some(url.into());
        self
    }

    /// Also trusts endpoints within this domain when the service names them. Without it they must lie in
    /// `kinesisvideo.<region>.<domain of the partition>`, or an endpoint of your own must be set.
    pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
        self.trusted_hosts.push(domain.into());
        self
    }

    /// Whether calls wait so that the documented quotas are kept: those of a channel (5 per second of most calls), and those of
    /// the account in the region (50 per second of most calls); on by default. Waiting is part of a call and ends with its
    /// time limit. Off, the service throttles, and throttles are repeated by the retry policy.
    pub fn paced(mut self, on: bool) -> Self {
        self.paced = on;
        self
    }

    /// Keeps the quotas in this store; in this client only when not given. Clients that share one keep the quotas of a
    /// channel and of the account together. The client does not know the account: give each account a store, or a prefix of
    /// it, of its own. A call asks the store once or twice before each attempt, which with a store on the network is
    /// as many round trips; when the store is away, calls go on without it.
    pub fn store(mut self, store: impl Store) -> Self {
        self.config.set_store(store);
        self
    }

    /// Keeps ICE servers in this cache, on its own clock; in one of this client only when not given. Clients that are
    /// given clones of one cache share it, and need the same rights, region and endpoints.
    pub fn ice_cache(mut self, cache: IceCache) -> Self {
        self.ice = Some(cache);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// Validation: the region is missing or not one, or FIPS or dual-stack meets an endpoint of your own.
    /// Also when an endpoint, a header, a certificate or the proxy cannot be used. Credentials are checked
    /// with the first call.
    pub fn build(mut self) -> Result<Client> {
        let region = self.region.clone().unwrap_or_default();
        let mut resolve = ResolveEndpoint::new().use_fips(self.use_fips).use_dual_stack(self.use_dual_stack);
        resolve.region = self.region.take();
        let default = endpoint::resolve(&resolve)?.url;
        let control = self.control_endpoint.take().or_else(|| self.config.endpoint.clone());
        let data_is_given = self.signaling_endpoint.is_some();
        let data = self.signaling_endpoint.take().or_else(|| self.config.endpoint.clone());
        let storage_is_given = self.storage_endpoint.is_some();
        let storage = self.storage_endpoint.take().or_else(|| self.config.endpoint.clone());
        resolve.endpoint = control.clone().or_else(|| data.clone()).or_else(|| storage.clone());
        resolve.validate()?;
        let policy = &self.config.policy;
        let parse = |url: Option<&String>| policy.parse(url.unwrap_or(&default), Trust::Configured);
        let bases = Bases {
            control: parse(control.as_ref())?,
            data: parse(data.as_ref())?,
            storage: parse(storage.as_ref())?,
        };
        let policy = policy.for_base(&bases.control).for_base(&bases.data).for_base(&bases.storage);
        self.config.policy = policy;
        let stun = StunUrl::new(region.as_str()).use_fips(self.use_fips).use_dual_stack(self.use_dual_stack);
        let domains =
            control.is_none().then(|| endpoint::channel_domains(&region).chain(self.trusted_hosts).collect());
        let shared = Shared {
            ice: self.ice.take().unwrap_or_else(|| IceCache::new(self.config.clock.clone())),
            limits: self.paced.then(|| Limits::new(self.config.quotas(), &region)),
            endpoints: Endpoints::default(),
            stun: endpoint::stun(&stun)?.url,
            trusted: Trusted { domains },
            limit: self.config.timeout,
            data_is_given,
            storage_is_given,
            #[cfg(feature = "websocket")]
            connectors: crate::signaling::Connectors::new(&self.config)?,
        };
        let service = Kvs::new(self.credentials, region, bases);
        Ok(Client { caller: self.config.caller(service, &default, AGENT)?, shared: Arc::new(shared) })
    }
}
