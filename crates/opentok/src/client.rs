//! The client: one short method per operation.

use std::time::Duration;

use rtc_core::{Caller, ClientConfig, Clock as _, env};

use crate::credentials::{Credentials, OpenTok};
use crate::error::Result;
use crate::operation::{Call, CreateSession, DecodeSessionId, GenerateToken, VerifyToken};
use crate::session_id::{SessionId, SessionIdParts};
use crate::token::{self, Token, VerifiedToken};

/// The service's own address.
const BASE: &str = "https://api.opentok.com";
/// The name and version in the User-Agent.
const AGENT: &str = concat!("rtc-opentok/", env!("CARGO_PKG_VERSION"));

/// A client of one OpenTok project. Cheap to clone; the clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Caller<OpenTok>,
}

/// Configures a [`Client`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    credentials: Credentials,
    config: ClientConfig,
}

impl ClientBuilder {
    rtc_core::config_setters!();

    /// The client.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used. Credentials are checked with
    /// the first call.
    pub fn build(self) -> Result<Client> {
        let service = OpenTok::new(self.credentials)?;
        Ok(Client { caller: self.config.caller(service, BASE, AGENT)? })
    }
}

impl Client {
    /// A client with the default settings.
    ///
    /// # Errors
    /// When the built-in transport cannot be set up.
    pub fn new(credentials: Credentials) -> Result<Self> {
        Self::builder(credentials).build()
    }

    /// Starts to configure a client. Total time limit 20 s, connect 5 s, answers up to 1 MiB.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder { credentials, config: ClientConfig::new(Duration::from_secs(20)) }
    }

    /// A client from `OPENTOK_API_KEY`, `OPENTOK_API_SECRET` and, if set, `OPENTOK_ENDPOINT`. A variable that is
    /// empty counts as not set.
    ///
    /// # Errors
    /// As [`Client::new`]. Credentials that are not set count as empty, which the first call reports.
    pub fn from_env() -> Result<Self> {
        let credential = |name| env(name).unwrap_or_default();
        let mut builder =
            Self::builder(Credentials::new(credential("OPENTOK_API_KEY"), credential("OPENTOK_API_SECRET")));
        if let Some(endpoint) = env("OPENTOK_ENDPOINT") {
            builder = builder.endpoint(endpoint);
        }
        builder.build()
    }

    /// Creates a session.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (key, secret, url) = (emulator.opentok().api_key(), emulator.opentok().api_secret(), emulator.opentok().url());
    /// use opentok::{Client, CreateSession, Credentials, MediaMode};
    ///
    /// let client = Client::builder(Credentials::new(key, secret)).endpoint(url).build()?;
    /// let session = client.create_session(CreateSession::new().media_mode(MediaMode::Routed)).await?;
    /// assert_eq!(session.id().decode()?.api_key, key);
    /// # Ok(()) }
    /// ```
    pub fn create_session(&self, request: CreateSession) -> Call<CreateSession> {
        self.caller.call(request)
    }

    /// Makes a client token. Sends nothing.
    ///
    /// # Errors
    /// Validation: the session is not of this API key, the role is unknown, the expiry lies in the past or
    /// more than 30 days ahead, the data or the layout classes are too long.
    ///
    /// ```
    /// use opentok::{Client, Credentials, GenerateToken, Role, VerifyToken};
    ///
    /// let client = Client::new(Credentials::new("123456", "1234567890abcdef1234567890abcdef12345678"))?;
    /// let session = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";
    /// let token = client.generate_token(GenerateToken::new(session).role(Role::Moderator))?;
    /// let verified = client.verify_token(VerifyToken::new(token.expose()))?;
    /// assert_eq!(verified.role(), Some(Role::Moderator));
    /// # Ok::<(), opentok::Error>(())
    /// ```
    pub fn generate_token(&self, request: GenerateToken) -> Result<Token> {
        token::generate(self.caller.service(), &request, self.caller.clock().unix_seconds())
    }

    /// Checks a client token's signature, issuer and expiry, and reads it. Sends nothing.
    ///
    /// # Errors
    /// [`OpenTokError::Token`](crate::OpenTokError::Token) says what is wrong.
    ///
    /// ```
    /// use opentok::{Client, Credentials, OpenTokError, TokenFault, VerifyToken};
    ///
    /// let client = Client::new(Credentials::new("123456", "1234567890abcdef1234567890abcdef12345678"))?;
    /// let error = client.verify_token(VerifyToken::new("T1==garbage")).unwrap_err();
    /// assert!(matches!(error.service(), Some(OpenTokError::Token(TokenFault::Malformed))));
    /// # Ok::<(), opentok::Error>(())
    /// ```
    pub fn verify_token(&self, request: VerifyToken) -> Result<VerifiedToken> {
        request.validate()?;
        token::verify(self.caller.service(), request.token.expose(), self.caller.clock().now())
    }

    /// Reads a session id. Sends nothing and needs no client.
    ///
    /// # Errors
    /// Validation: the text is not a session id.
    ///
    /// ```
    /// use opentok::{Client, DecodeSessionId};
    ///
    /// let parts = Client::decode_session_id(DecodeSessionId::new("2_MX4xMzExMjU3MX5-MTQ3MDI1NzY3OTkxOH45QXRr"))?;
    /// assert_eq!((parts.api_key.as_str(), parts.create_time_ms), ("13112571", Some(1_470_257_679_918)));
    /// # Ok::<(), opentok::Error>(())
    /// ```
    pub fn decode_session_id(request: DecodeSessionId) -> Result<SessionIdParts> {
        request.validate()?;
        Ok(SessionId::new(request.session_id).decode()?)
    }
}
