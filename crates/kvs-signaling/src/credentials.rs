//! The access key, where it comes from, and how requests are authorised with it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use rtc_core::http::{HeaderMap, Request, Response};
use rtc_core::{Auth, AuthError, BoxFuture, Bytes, Meta, Secret, Service, Url};

use crate::error::{KvsError, refusal};
use crate::sigv4::Signer;

/// The scope of the operations that manage channels.
const CONTROL: &str = "control";
/// The scope of the operations about storage sessions.
const STORAGE: &str = "storage";

/// An access key of AWS. Nothing of it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key_id: Secret,
    secret_access_key: Secret,
    session_token: Option<Secret>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// The id and the secret of an access key. They are checked when they are used.
    pub fn new(access_key_id: impl Into<Secret>, secret_access_key: impl Into<Secret>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// Adds the session token of temporary credentials; an empty one is none.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<Secret>) -> Self {
        self.session_token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// The id of the access key.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        self.access_key_id.expose()
    }

    /// The secret of the access key.
    #[must_use]
    pub fn secret_access_key(&self) -> &Secret {
        &self.secret_access_key
    }

    /// The token of temporary credentials.
    #[must_use]
    pub fn session_token(&self) -> Option<&Secret> {
        self.session_token.as_ref()
    }

    pub(crate) fn check(&self) -> Result<(), AuthError> {
        if self.access_key_id.is_empty() {
            return Err(AuthError::new("the access key id is empty: set it (AWS_ACCESS_KEY_ID)"));
        }
        if !self.access_key_id().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(AuthError::new("the access key id holds characters that no id has"));
        }
        self.check_secret()
    }

    pub(crate) fn check_secret(&self) -> Result<(), AuthError> {
        if self.secret_access_key.is_empty() {
            return Err(AuthError::new("the secret access key is empty: set it (AWS_SECRET_ACCESS_KEY)"));
        }
        Ok(())
    }
}

/// Where credentials come from. Asked for every attempt of a call, inside its deadline: an implementation
/// caches what it may and renews what expires.
pub trait CredentialsProvider: fmt::Debug + Send + Sync + 'static {
    /// The credentials to use now.
    fn provide(&self) -> impl Future<Output = Result<Arc<Credentials>, AuthError>> + Send;
}

trait DynProvider: fmt::Debug + Send + Sync {
    fn provide_boxed(&self) -> BoxFuture<'_, Result<Arc<Credentials>, AuthError>>;
}

impl<P: CredentialsProvider> DynProvider for P {
    fn provide_boxed(&self) -> BoxFuture<'_, Result<Arc<Credentials>, AuthError>> {
        Box::pin(CredentialsProvider::provide(self))
    }
}

/// A cheap handle to a [`CredentialsProvider`], or to credentials that never change.
#[derive(Debug, Clone)]
pub struct SharedCredentialsProvider(Source);

#[derive(Debug, Clone)]
enum Source {
    Fixed(Arc<Credentials>),
    Provider(Arc<dyn DynProvider>),
}

impl SharedCredentialsProvider {
    /// Shares a provider.
    pub fn new(provider: impl CredentialsProvider) -> Self {
        Self(Source::Provider(Arc::new(provider)))
    }
}

impl From<Credentials> for SharedCredentialsProvider {
    fn from(credentials: Credentials) -> Self {
        Self(Source::Fixed(Arc::new(credentials)))
    }
}

impl CredentialsProvider for SharedCredentialsProvider {
    async fn provide(&self) -> Result<Arc<Credentials>, AuthError> {
        match &self.0 {
            Source::Fixed(credentials) => Ok(Arc::clone(credentials)),
            Source::Provider(provider) => provider.provide_boxed().await,
        }
    }
}

/// Credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if set, `AWS_SESSION_TOKEN`, read with
/// every call. Variables that are not set count as empty, which the call reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment;

impl CredentialsProvider for Environment {
    async fn provide(&self) -> Result<Arc<Credentials>, AuthError> {
        let var = |name| std::env::var(name).unwrap_or_default();
        let credentials = Credentials::new(var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY"));
        Ok(Arc::new(credentials.with_session_token(var("AWS_SESSION_TOKEN"))))
    }
}

/// How Kinesis Video Streams authorises: Signature Version 4 with the signing name `kinesisvideo`.
#[derive(Debug)]
pub struct Kvs {
    credentials: SharedCredentialsProvider,
    signer: Signer,
    bases: Bases,
}

/// The base URLs of the three services.
#[derive(Debug)]
pub(crate) struct Bases {
    pub(crate) control: Url,
    pub(crate) data: Url,
    pub(crate) storage: Url,
}

impl Kvs {
    pub(crate) fn new(credentials: SharedCredentialsProvider, region: String, bases: Bases) -> Self {
        Self { credentials, signer: Signer::new(region, "kinesisvideo"), bases }
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The credentials of now, not checked.
    pub(crate) async fn provided(&self) -> Result<Arc<Credentials>, AuthError> {
        self.credentials.provide().await
    }
}

impl Service for Kvs {
    type Error = KvsError;
    type Credentials = Credentials;

    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        let credentials = self.provided().await?;
        credentials.check()?;
        Ok(credentials)
    }

    fn authorize(
        &self,
        credentials: &Credentials,
        _meta: &Meta,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        self.signer.sign(credentials, request, now)
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<KvsError> {
        refusal(meta.name, response)
    }

    fn base(&self, meta: &Meta) -> Option<&Url> {
        Some(match meta.auth {
            Auth::Service(CONTROL) => &self.bases.control,
            Auth::Service(STORAGE) => &self.bases.storage,
            _ => &self.bases.data,
        })
    }

    fn request_id<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get("x-amzn-requestid").and_then(|v| v.to_str().ok())
    }
}
