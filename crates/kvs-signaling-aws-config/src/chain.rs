//! The chain, as a provider of credentials.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider as Provider};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use kvs_signaling::rtc_core::AuthError;
use kvs_signaling::{Credentials, CredentialsProvider, SharedCredentialsProvider};
use tokio::sync::Mutex;

use crate::cache::Kept;
use crate::failure::told;

/// The default credential chain of the AWS SDKs, for a [`kvs_signaling::Client`].
///
/// It is asked for every attempt of a call. Credentials that end are kept until a minute before that; all others
/// for a minute, after which the environment and the files are read again, so that what another program writes
/// into a profile is noticed. While new ones cannot be had, the kept ones serve until their end. Concurrent calls
/// share one request.
///
/// Give the client a clone of it as it is: the clones share what is kept.
#[derive(Clone)]
pub struct Chain(Arc<Shared>);

struct Shared {
    source: Source,
    region: Option<Region>,
    state: Mutex<State>,
}

enum Source {
    /// Loaded again when it failed or when what it gave may have changed.
    Default(ChainLoader),
    Given(Provider),
}

#[derive(Default)]
struct State {
    loaded: Option<Provider>,
    kept: Option<Kept>,
}

/// What a [`Chain`] is loaded with.
#[derive(Debug, Clone, Default)]
#[must_use = "a loader does nothing until it loads"]
pub struct ChainLoader {
    profile: Option<String>,
    region: Option<String>,
}

impl ChainLoader {
    /// The profile of the shared configuration files; without it `AWS_PROFILE`, or `default`.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// The region in which SSO and STS are asked for credentials. Without it the chain finds one: in `AWS_REGION`,
    /// in the profile, or by asking the machine that it runs on, which takes seconds where there is nobody to ask.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Reads the environment and the shared configuration files. What is wrong there is told by the calls.
    pub async fn load(self) -> Chain {
        let mut config = self.config();
        if let Some(region) = &self.region {
            config = config.region(Region::new(region.clone()));
        }
        let loaded = config.load().await;
        let state = State { loaded: loaded.credentials_provider(), kept: None };
        Chain::with(Source::Default(self), loaded.region().cloned(), state)
    }

    /// The settings of the chain, but for the region.
    fn config(&self) -> ConfigLoader {
        let config = aws_config::defaults(BehaviorVersion::latest());
        let config = match &self.profile {
            Some(profile) => config.profile_name(profile),
            None => config,
        };
        config.http_client(http_client())
    }
}

/// One TLS for all: the back end that kvs-signaling is built with.
fn http_client() -> SharedHttpClient {
    #[cfg(feature = "rustls-ring")]
    let mode = CryptoMode::Ring;
    #[cfg(not(feature = "rustls-ring"))]
    let mode = CryptoMode::AwsLc;
    aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(mode)).build_https()
}

impl Chain {
    /// The default chain: environment, shared configuration files (static keys, assumed roles, SSO, processes),
    /// web identity, the container's endpoint, the machine's metadata, in this order.
    pub async fn load() -> Self {
        Self::loader().load().await
    }

    /// Starts to configure the default chain.
    pub fn loader() -> ChainLoader {
        ChainLoader::default()
    }

    /// Any provider of the AWS SDK, such as an `AssumeRoleProvider`.
    pub fn new(provider: impl ProvideCredentials + 'static) -> Self {
        Self::with(Source::Given(Provider::new(provider)), None, State::default())
    }

    /// The credentials and the region of a configuration that was loaded for the AWS SDK; none if it has no
    /// credentials.
    #[must_use]
    pub fn from_sdk_config(config: &SdkConfig) -> Option<Self> {
        let source = Source::Given(config.credentials_provider()?);
        Some(Self::with(source, config.region().cloned(), State::default()))
    }

    fn with(source: Source, region: Option<Region>, state: State) -> Self {
        Self(Arc::new(Shared { source, region, state: Mutex::new(state) }))
    }

    /// The region that was found, for `ClientBuilder::region`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_ref().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl From<Chain> for SharedCredentialsProvider {
    fn from(chain: Chain) -> Self {
        Self::new(chain)
    }
}

impl CredentialsProvider for Chain {
    async fn provide(&self) -> Result<Arc<Credentials>, AuthError> {
        // Who waits for the lock finds what the one before has brought.
        let mut state = self.0.state.lock().await;
        let now = SystemTime::now();
        if let Some(kept) = state.kept.as_ref().filter(|kept| kept.is_fresh(now)) {
            return Ok(kept.credentials());
        }
        match self.0.ask(&mut state.loaded).await {
            Ok(kept) => Ok(state.kept.insert(kept).credentials()),
            Err(error) => match state.kept.as_ref().filter(|kept| kept.is_usable(SystemTime::now())) {
                Some(kept) => Ok(kept.credentials()),
                None => Err(error),
            },
        }
    }
}

impl Shared {
    async fn ask(&self, loaded: &mut Option<Provider>) -> Result<Kept, AuthError> {
        let provider = match &self.source {
            Source::Given(provider) => provider.clone(),
            Source::Default(loader) => match loaded.take() {
                Some(provider) => provider,
                None => self.reload(loader).await?,
            },
        };
        let credentials = provider.provide_credentials().await.map_err(|error| told(&error))?;
        // What ends is renewed by the provider itself, which remembers how. Anything else may have changed in
        // the files, which the provider reads once; a failed one is not kept either.
        if credentials.expiry().is_some() {
            *loaded = Some(provider);
        }
        Ok(Kept::new(&credentials, SystemTime::now()))
    }

    /// The chain anew, in the region of the first time.
    async fn reload(&self, loader: &ChainLoader) -> Result<Provider, AuthError> {
        let loaded = loader.config().region(self.region.clone()).load().await;
        loaded.credentials_provider().ok_or_else(|| AuthError::new("the AWS credential chain is empty"))
    }
}
