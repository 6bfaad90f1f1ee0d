//! The credentials of a project, and how requests are authorised with them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

#[cfg(feature = "unified")]
use rtc_core::RsaKey;
use rtc_core::http::{HeaderName, HeaderValue, Request, Response};
use rtc_core::{Auth, AuthError, Bytes, Meta, Secret, Service, unix_seconds};

use crate::error::OpenTokError;
use crate::signer::{SecretKey, Signer};
use crate::{answer, nonce};

/// What a project is known by, and what proves it: an API key and its secret, or, in the unified environment
/// (feature `unified`), an application id and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Project {
        api_key: String,
        api_secret: Secret,
    },
    #[cfg(feature = "unified")]
    Application {
        application_id: String,
        private_key: Secret,
    },
}

impl Credentials {
    /// The key (decimal digits) and the secret (40 hexadecimal digits) from the account page. They are
    /// checked when they are used.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<Secret>) -> Self {
        Self(Kind::Project { api_key: api_key.into(), api_secret: api_secret.into() })
    }

    /// The id (a UUID) of an application of the unified environment, and its private RSA key: the text of the
    /// PEM file (`BEGIN PRIVATE KEY`) that was downloaded when the application was made. The key is read when
    /// the client is built, the id is checked when it is used.
    ///
    /// Requests go to `https://video.api.vonage.com` unless another endpoint is set; client tokens are JWTs
    /// only. Source: Vonage Video API, authentication.
    #[cfg(feature = "unified")]
    #[cfg_attr(docsrs, doc(cfg(feature = "unified")))]
    pub fn application(application_id: impl Into<String>, private_key_pem: impl Into<Secret>) -> Self {
        Self(Kind::Application { application_id: application_id.into(), private_key: private_key_pem.into() })
    }

    /// The API key, or the application id: what stands for the project in the paths of requests.
    #[must_use]
    pub fn project(&self) -> &str {
        match &self.0 {
            Kind::Project { api_key, .. } => api_key,
            #[cfg(feature = "unified")]
            Kind::Application { application_id, .. } => application_id,
        }
    }

    /// The service's own address for these credentials.
    pub(crate) fn base(&self) -> &'static str {
        match self.0 {
            Kind::Project { .. } => "https://api.opentok.com",
            #[cfg(feature = "unified")]
            Kind::Application { .. } => "https://video.api.vonage.com",
        }
    }

    fn signer(&self) -> Result<Signer, AuthError> {
        match &self.0 {
            Kind::Project { api_secret, .. } => Ok(Signer::Secret(Box::new(SecretKey::new(api_secret)?))),
            #[cfg(feature = "unified")]
            Kind::Application { private_key, .. } => RsaKey::from_pem(private_key).map(Signer::Rsa),
        }
    }

    fn check(&self) -> Result<(), AuthError> {
        let (name, no_secret) = match &self.0 {
            Kind::Project { api_secret, .. } => ("API key", api_secret.is_empty()),
            #[cfg(feature = "unified")]
            Kind::Application { .. } => ("application id", false),
        };
        if self.project().is_empty() {
            return Err(AuthError::new(format!("the {name} is empty: set it to the project's")));
        }
        if !self.project().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(AuthError::new(format!("the {name} holds characters that none has: copy it anew")));
        }
        if no_secret {
            return Err(AuthError::new("the API secret is empty: set it to the project's secret"));
        }
        Ok(())
    }
}

/// How OpenTok authorises: a short-lived JWT per request.
#[derive(Clone)]
pub struct OpenTok {
    credentials: Arc<Credentials>,
    signer: Signer,
    /// What the project-management calls are authorised with.
    account: Option<Arc<(Credentials, Signer)>>,
}

impl fmt::Debug for OpenTok {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTok").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// The scope of calls that manage the projects of an account.
const ACCOUNT: &str = "account";
/// How long the token of a request is valid, in seconds. The service allows at most 300.
const REQUEST_TOKEN_SECONDS: u64 = 180;

impl OpenTok {
    /// Prepares the keys. `account` authorises the calls that manage projects.
    pub(crate) fn new(credentials: Credentials, account: Option<Credentials>) -> Result<Self, AuthError> {
        let signer = credentials.signer()?;
        let account = account.map(|account| match account.signer()? {
            signer @ Signer::Secret(_) => Ok(Arc::new((account, signer))),
            #[cfg(feature = "unified")]
            Signer::Rsa(_) => Err(AuthError::new(
                "an application cannot manage projects: give `ClientBuilder::account` an API key and secret",
            )),
        });
        Ok(Self { credentials: Arc::new(credentials), signer, account: account.transpose()? })
    }

    /// The project segment of request paths: the API key or the application id.
    pub(crate) fn project(&self) -> &str {
        self.credentials.project()
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(crate) fn checked(&self) -> Result<(), AuthError> {
        self.credentials.check()
    }

    /// The credentials for calls of this scope, checked.
    fn of(&self, scope: &str) -> Result<(&Credentials, &Signer), AuthError> {
        if scope != ACCOUNT {
            self.checked()?;
            return Ok((&self.credentials, &self.signer));
        }
        let account = self.account.as_deref().ok_or_else(|| {
            AuthError::new(
                "this call manages the projects of an account and needs the account's key: set it with \
                 `ClientBuilder::account`, or OPENTOK_ACCOUNT_KEY and OPENTOK_ACCOUNT_SECRET in the environment",
            )
        })?;
        account.0.check()?;
        Ok((&account.0, &account.1))
    }
}

/// The header that carries the token of a request, and its value.
fn authorization(
    credentials: &Credentials,
    signer: &Signer,
    scope: &str,
    now: SystemTime,
) -> Result<(HeaderName, String), AuthError> {
    let (issuer, name, prefix) = match signer {
        Signer::Secret(_) => ("iss", HeaderName::from_static("x-opentok-auth"), ""),
        #[cfg(feature = "unified")]
        Signer::Rsa(_) => ("application_id", rtc_core::http::header::AUTHORIZATION, "Bearer "),
    };
    let iat = unix_seconds(now);
    // The key was checked: nothing in it needs escaping.
    let claims = format!(
        r#"{{"{issuer}":"{}","ist":"{scope}","iat":{iat},"exp":{},"jti":"{}"}}"#,
        credentials.project(),
        iat + REQUEST_TOKEN_SECONDS,
        nonce::uuid()?
    );
    Ok((name, format!("{prefix}{}", signer.jwt(claims.as_bytes())?)))
}

impl Service for OpenTok {
    type Error = OpenTokError;
    type Credentials = Credentials;

    /// Unchecked: only the scope of a call tells which it needs, the project's or the account's, and
    /// `authorize` checks those. So whoever has but an account can create the first project.
    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        Ok(Arc::clone(&self.credentials))
    }

    fn authorize(
        &self,
        _credentials: &Credentials,
        meta: &Meta,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let Auth::Service(scope) = meta.auth else { return Ok(()) };
        let (credentials, signer) = self.of(scope)?;
        let (name, value) = authorization(credentials, signer, scope, now)?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| AuthError::new("the API key holds characters that no header may hold"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
        Ok(())
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<OpenTokError> {
        answer::refusal(meta.name, response)
    }
}
