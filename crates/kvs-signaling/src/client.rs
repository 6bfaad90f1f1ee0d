//! The client: one short method per operation.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rtc_core::{
    AuthError, Caller, Clock as _, ErrorKind, Operation, Reason, Service as _, Trust, Violations, timeout,
};

use crate::credentials::{Credentials, Kvs, SharedCredentialsProvider};
use crate::discovery::{Endpoints, Trusted, may_have_moved};
use crate::endpoint::{self, ResolvedUrl};
use crate::environment;
use crate::error::{Error, Result};
use crate::ice::{Fetched, IceCache, IceKey, IceServer};
use crate::operation::{
    Call, ChannelRole, GetIceServerConfig, GetSignalingChannelEndpoint, IceServers, NameValue,
    PresignConnectAsMaster, PresignConnectAsViewer, Protocol, ResolveEndpoint, SignRequest, StunUrl,
};
use crate::pace::{Limited, Limits};
use crate::presign::{self, Signed, SignedRequest};

mod builder;
mod control;
#[cfg(feature = "websocket")]
mod signaling;
mod storage;

pub use builder::ClientBuilder;

/// The name and version in the User-Agent.
const AGENT: &str = concat!("rtc-kvs-signaling/", env!("CARGO_PKG_VERSION"));

/// A client of Kinesis Video Streams signaling in one region. Cheap to clone; the clones share connections,
/// caches and the signing key of the day.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Caller<Kvs>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    ice: IceCache,
    limits: Option<Limits>,
    pub(crate) endpoints: Endpoints,
    stun: String,
    pub(crate) trusted: Trusted,
    /// The total time limit, for what is no call of the caller.
    pub(crate) limit: Duration,
    /// The data plane is where the user said: it need not be found.
    data_is_given: bool,
    /// The same of the storage sessions.
    pub(crate) storage_is_given: bool,
    #[cfg(feature = "websocket")]
    connectors: crate::signaling::Connectors,
}

impl Client {
    /// A client of a region with the default settings.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(credentials: impl Into<SharedCredentialsProvider>, region: impl Into<String>) -> Result<Self> {
        Self::builder(credentials).region(region).build()
    }

    /// Starts to configure a client. Total time limit 15 s, connect 5 s, answers up to 1 MiB.
    pub fn builder(credentials: impl Into<SharedCredentialsProvider>) -> ClientBuilder {
        ClientBuilder::new(credentials.into())
    }

    /// A client from the environment: the credentials of [`Environment`](crate::Environment), `AWS_REGION` (or
    /// `AWS_DEFAULT_REGION`) and, if set, `AWS_ENDPOINT_URL_KINESIS_VIDEO`,
    /// `AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING`, `AWS_ENDPOINT_URL_KINESIS_VIDEO_WEBRTC_STORAGE`, `AWS_ENDPOINT_URL`, `AWS_USE_FIPS_ENDPOINT`,
    /// `AWS_USE_DUALSTACK_ENDPOINT` (`true`) and `AWS_CA_BUNDLE` (a PEM file).
    ///
    /// # Errors
    /// As [`ClientBuilder::build`], and when the file of `AWS_CA_BUNDLE` cannot be read.
    pub fn from_env() -> Result<Self> {
        environment::builder(|name| std::env::var(name).ok())?.build()
    }

    /// Tells the endpoints of a channel.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let kvs = emulator.kvs();
    /// # let (key, secret, region, url) = (kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.url());
    /// # let arn = kvs.channel_arn();
    /// use kvs_signaling::{ChannelEndpointConfiguration, ChannelRole, Client, Credentials, GetSignalingChannelEndpoint, Protocol};
    ///
    /// let client = Client::builder(Credentials::new(key, secret)).region(region).endpoint(url).build()?;
    /// let wanted = ChannelEndpointConfiguration::new().protocols([Protocol::Wss]).role(ChannelRole::Viewer);
    /// let request = GetSignalingChannelEndpoint::new(arn).single_master_channel_endpoint_configuration(wanted);
    /// let endpoints = client.get_signaling_channel_endpoint(request).await?;
    /// assert!(endpoints.wss().is_some() && endpoints.https().is_none());
    /// # Ok(()) }
    /// ```
    pub fn get_signaling_channel_endpoint(
        &self,
        request: GetSignalingChannelEndpoint,
    ) -> Call<GetSignalingChannelEndpoint> {
        self.call(request)
    }

    /// Gets TURN servers of a channel. Give the call the channel's HTTPS endpoint, or use
    /// [`ice_servers`](Self::ice_servers), which finds it by itself.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let kvs = emulator.kvs();
    /// # let (key, secret, region, url) = (kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.url());
    /// # let (arn, https_endpoint) = (kvs.channel_arn(), kvs.url());
    /// use kvs_signaling::{Client, Credentials, GetIceServerConfig};
    ///
    /// let client = Client::builder(Credentials::new(key, secret)).region(region).endpoint(url).build()?;
    /// let request = GetIceServerConfig::new(arn).client_id("viewer-1");
    /// let config = client.get_ice_server_config(request).discovered_endpoint(https_endpoint).await?;
    /// assert_eq!(config.ice_server_list[0].ttl, Some(300));
    /// # Ok(()) }
    /// ```
    pub fn get_ice_server_config(&self, request: GetIceServerConfig) -> Call<GetIceServerConfig> {
        self.call(request)
    }

    /// Gives the ICE servers of a channel: STUN first, then TURN with credentials. Endpoints and servers are
    /// cached (see [`IceCache`]), and concurrent calls share one request. The total time limit holds for the two
    /// calls and the wait for their turn together, and as long at most is waited for the request of another call.
    /// A refusal for want of rights drops what is cached for the channel.
    ///
    /// # Errors
    /// Those of the two calls it is made of; [`NoEndpoint`](crate::KvsError::NoEndpoint),
    /// [`UntrustedEndpoint`](crate::KvsError::UntrustedEndpoint) and
    /// [`RefusedEndpoint`](crate::KvsError::RefusedEndpoint) for the endpoint that was found;
    /// [`Shared`](crate::KvsError::Shared) if the request of another call failed.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let kvs = emulator.kvs();
    /// # let (key, secret, region, url) = (kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.url());
    /// # let arn = kvs.channel_arn();
    /// use kvs_signaling::{Client, Credentials, IceServers};
    ///
    /// let client = Client::builder(Credentials::new(key, secret)).region(region).endpoint(url).build()?;
    /// let servers = client.ice_servers(IceServers::new(arn).client_id("viewer-1")).await?;
    /// assert!(servers[0].urls[0].starts_with("stun:") && servers[1].credential.is_some());
    /// # Ok(()) }
    /// ```
    pub async fn ice_servers(&self, request: IceServers) -> Result<Arc<[IceServer]>> {
        let key = IceKey::from(request);
        // What is held came of a valid request, and the key is all of it. No timer: it would cost more than this.
        if let Some(servers) = self.shared.ice.held(&key) {
            return Ok(servers);
        }
        // Before the flight, so that faulty input is told to each caller in full.
        let request = IceServers::from(key.clone());
        request.validate()?;
        let limit = Some(self.shared.limit);
        // In a box: who finds the servers held need not carry all of this.
        Box::pin(self.shared.ice.get_within(&key, limit, || self.fetch_in_time(request))).await
    }

    /// The cache behind [`ice_servers`](Self::ice_servers), to invalidate what a TURN server refuses.
    #[must_use]
    pub fn ice_cache(&self) -> &IceCache {
        &self.shared.ice
    }

    /// Forgets where a channel is, for both roles: the next call that needs it asks again. What was found is
    /// remembered for ten minutes at most, and forgotten by itself when ICE servers cannot be had there. To be
    /// used when a presigned URL leads nowhere, or after the channel was deleted and created again.
    pub fn forget_endpoints(&self, channel_arn: &str) {
        self.shared.endpoints.forget(channel_arn);
    }

    /// Makes the signed WebSocket URL of the master, valid for 299 seconds. Sends nothing if the request names
    /// the endpoint.
    ///
    /// # Errors
    /// Validation, an endpoint that the client's policy refuses, credentials that cannot be used or had in
    /// time, and what finding the endpoint fails with.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kvs_signaling::{Client, Credentials, PresignConnectAsMaster};
    ///
    /// let client = Client::new(Credentials::new("AKIDEXAMPLE", "secret"), "us-west-2")?;
    /// let request = PresignConnectAsMaster::new("arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123")
    ///     .endpoint("wss://m-a1b2c3d4.kinesisvideo.us-west-2.amazonaws.com");
    /// let signed = client.presign_connect_as_master(request).await?;
    /// assert!(signed.url.unwrap().expose().contains("X-Amz-Signature="));
    /// # Ok(()) }
    /// ```
    pub async fn presign_connect_as_master(&self, request: PresignConnectAsMaster) -> Result<Signed> {
        request.validate()?;
        let PresignConnectAsMaster { channel_arn, endpoint, query, .. } = request;
        self.presign(&channel_arn, None, endpoint, &query).await
    }

    /// Makes the signed WebSocket URL of a viewer, valid for 299 seconds. Sends nothing if the request names
    /// the endpoint.
    ///
    /// # Errors
    /// Validation, an endpoint that the client's policy refuses, credentials that cannot be used or had in
    /// time, and what finding the endpoint fails with.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let kvs = emulator.kvs();
    /// # let (key, secret, region, url) = (kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.url());
    /// # let arn = kvs.channel_arn();
    /// use kvs_signaling::{Client, Credentials, PresignConnectAsViewer};
    ///
    /// let client = Client::builder(Credentials::new(key, secret)).region(region).endpoint(url).build()?;
    /// let signed = client.presign_connect_as_viewer(PresignConnectAsViewer::new(arn, "viewer-1")).await?;
    /// assert!(signed.url.unwrap().expose().starts_with("ws://127.0.0.1"));
    /// # Ok(()) }
    /// ```
    pub async fn presign_connect_as_viewer(&self, request: PresignConnectAsViewer) -> Result<Signed> {
        request.validate()?;
        let PresignConnectAsViewer { channel_arn, client_id, endpoint, query, .. } = request;
        self.presign(&channel_arn, Some(&client_id), endpoint, &query).await
    }

    /// Signs any request. Sends nothing.
    ///
    /// # Errors
    /// Validation, and credentials that cannot be used or had in time.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kvs_signaling::{Client, Credentials, SignRequest, SignedRequest};
    ///
    /// let client = Client::new(Credentials::new("AKIDEXAMPLE", "secret"), "us-west-2")?;
    /// let request = SignRequest::new().method("POST").url("https://kinesisvideo.us-west-2.amazonaws.com/").body_text("{}");
    /// let SignedRequest::One(signed) = client.sign_request(request).await? else { unreachable!() };
    /// assert_eq!(signed.signed_headers, "host;x-amz-date");
    /// # Ok(()) }
    /// ```
    pub async fn sign_request(&self, request: SignRequest) -> Result<SignedRequest> {
        request.validate()?;
        let service = self.caller.service();
        let credentials = self.within_limit(service.provided()).await?;
        Ok(presign::sign_request(
            &request,
            service.signer().region(),
            &credentials,
            self.caller.provider_now(),
        )?)
    }

    /// Tells the address of the service in a region. Sends nothing.
    ///
    /// # Errors
    /// Validation: the region is missing, or FIPS or dual-stack meets an endpoint of your own.
    ///
    /// ```
    /// use kvs_signaling::{Client, ResolveEndpoint};
    ///
    /// let resolved = Client::resolve_endpoint(ResolveEndpoint::new().region("cn-north-1"))?;
    /// assert_eq!(resolved.url, "https://kinesisvideo.cn-north-1.amazonaws.com.cn");
    /// # Ok::<(), kvs_signaling::Error>(())
    /// ```
    pub fn resolve_endpoint(request: ResolveEndpoint) -> Result<ResolvedUrl> {
        endpoint::resolve(&request)
    }

    /// Tells the STUN server of a region. Sends nothing.
    ///
    /// # Errors
    /// Validation: the region is not one.
    ///
    /// ```
    /// use kvs_signaling::{Client, StunUrl};
    ///
    /// let resolved = Client::stun_url(StunUrl::new("us-west-2"))?;
    /// assert_eq!(resolved.url, "stun:stun.kinesisvideo.us-west-2.amazonaws.com:443");
    /// # Ok::<(), kvs_signaling::Error>(())
    /// ```
    pub fn stun_url(request: StunUrl) -> Result<ResolvedUrl> {
        endpoint::stun(&request)
    }
}

/// What the operations are made of.
impl Client {
    pub(crate) fn caller(&self) -> &Caller<Kvs> {
        &self.caller
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A call that keeps the documented limits.
    fn call<O: Operation<Kvs> + Limited>(&self, request: O) -> Call<O> {
        let limits = self.shared.limits.as_ref();
        let pace = limits.and_then(|limits| limits.pace(O::META.name, request.channel()));
        self.caller.call(request).pace(pace)
    }

    /// The credentials, unless their provider takes longer than a call may.
    async fn within_limit(
        &self,
        credentials: impl Future<Output = std::result::Result<Arc<Credentials>, AuthError>>,
    ) -> Result<Arc<Credentials>> {
        Ok(self.within(credentials).await??)
    }

    /// What is awaited, unless it takes longer than a call may.
    async fn within<T>(&self, awaited: impl Future<Output = T>) -> Result<T> {
        let limit = self.shared.limit;
        let had = timeout(self.caller.clock(), limit, awaited).await;
        had.ok_or_else(|| Error::new(Reason::Timeout(limit)))
    }

    async fn fetch_in_time(&self, request: IceServers) -> Result<Fetched> {
        let channel_arn = request.channel_arn.clone();
        self.within(Box::pin(self.fetch_ice_servers(request))).await.unwrap_or_else(|late| {
            self.forget_endpoints(&channel_arn);
            // One of the calls may have been on its way.
            Err(late.with_exchange(0, true))
        })
    }

    async fn fetch_ice_servers(&self, request: IceServers) -> Result<Fetched> {
        let IceServers { channel_arn, role, client_id, service, username } = request;
        let mut get = GetIceServerConfig::new(channel_arn.as_str());
        (get.client_id, get.service, get.username) = (client_id, service, username);
        let asked = self.caller.clock().now();
        let mut call = self.get_ice_server_config(get);
        if !self.shared.data_is_given {
            let endpoint = self.endpoint_of(&channel_arn, &role, Protocol::Https).await?;
            call = call.discovered_endpoint(endpoint);
        }
        let config = call.await.inspect_err(|error| {
            if may_have_moved(error) {
                self.forget_endpoints(&channel_arn);
            }
            // Who may not ask any more must not go on with what was given before.
            let auth = matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::PermissionDenied);
            if auth && error.service().is_some() {
                self.shared.ice.invalidate_channel(&channel_arn);
            }
        })?;
        let ttl = config.ice_server_list.iter().map(|s| Duration::from_secs(s.ttl.unwrap_or(300))).min();
        let turn = config.ice_server_list.into_iter().map(|server| IceServer::turn(server, asked));
        Ok((std::iter::once(IceServer::stun(self.shared.stun.clone())).chain(turn).collect(), ttl))
    }

    /// Makes a signed URL of input that has been validated.
    pub(crate) async fn presign(
        &self,
        channel_arn: &str,
        client_id: Option<&str>,
        endpoint: Option<String>,
        query: &[NameValue],
    ) -> Result<Signed> {
        if let Some(endpoint) = &endpoint {
            let checked = self.caller.policy().parse_websocket(endpoint, Trust::Configured);
            checked.map_err(|error| Violations::from(error.to_violation(presign::ENDPOINT)))?;
        }
        let service = self.caller.service();
        let credentials = self.within_limit(service.credentials()).await?;
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => {
                let role = if client_id.is_some() { ChannelRole::Viewer } else { ChannelRole::Master };
                self.endpoint_of(channel_arn, &role, Protocol::Wss).await?
            }
        };
        Ok(presign::connect(
            service.signer(),
            &credentials,
            endpoint.trim(),
            channel_arn,
            client_id,
            query,
            self.caller.provider_now(),
        )?)
    }
}
