//! The client: one short method per operation.

use std::time::Duration;

use rtc_core::{Caller, ClientConfig, Clock as _, env};

use crate::credentials::{Credentials, OpenTok};
use crate::error::Result;
use crate::operation::{
    Call, CreateSession, DecodeSessionId, GenerateToken, ParseWebhook, VerifyToken, VerifyWebhook,
};
use crate::session_id::{SessionId, SessionIdParts};
use crate::token::{self, Token, VerifiedToken};
use crate::webhook::{WebhookEvent, WebhookVerifier};

mod account;
mod archives;
mod broadcasts;
mod media;
mod moderation;

/// The largest answer, in bytes: a page of 1000 archives with long signed URLs takes some 2 MiB.
const LARGEST_ANSWER: u64 = 8 * 1024 * 1024;
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
    account: Option<Credentials>,
    config: ClientConfig,
}

impl ClientBuilder {
    rtc_core::config_setters!();

    /// The account's own key and secret, which the calls about projects are made with.
    pub fn account(mut self, account: Credentials) -> Self {
        self.account = Some(account);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used. Credentials are checked with
    /// the first call.
    pub fn build(self) -> Result<Client> {
        let base = self.credentials.base();
        let service = OpenTok::new(self.credentials, self.account)?;
        Ok(Client { caller: self.config.caller(service, base, AGENT)? })
    }
}

/// The application that the environment names, if it names one.
fn application_from_env() -> Result<Option<Credentials>> {
    #[cfg(feature = "unified")]
    if let Some(id) = env("OPENTOK_APPLICATION_ID") {
        let path = env("OPENTOK_PRIVATE_KEY_FILE").ok_or_else(|| {
            rtc_core::AuthError::new(
                "OPENTOK_APPLICATION_ID is set, but OPENTOK_PRIVATE_KEY_FILE is not: it names the file of the \
                 application's private key",
            )
        })?;
        let key = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("the file that OPENTOK_PRIVATE_KEY_FILE names cannot be read: {error}");
            rtc_core::AuthError::new(message)
        })?;
        return Ok(Some(Credentials::application(id, key)));
    }
    Ok(None)
}

impl Client {
    /// A client with the default settings.
    ///
    /// # Errors
    /// When the built-in transport cannot be set up.
    pub fn new(credentials: Credentials) -> Result<Self> {
        Self::builder(credentials).build()
    }

    /// Starts to configure a client. Total time limit 20 s, connect 5 s, answers up to 8 MiB.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        let config = ClientConfig::new(Duration::from_secs(20));
        ClientBuilder { credentials, account: None, config }.body_limit(LARGEST_ANSWER)
    }

    /// A client from the environment: `OPENTOK_API_KEY` and `OPENTOK_API_SECRET`, or with the feature `unified`
    /// `OPENTOK_APPLICATION_ID` and `OPENTOK_PRIVATE_KEY_FILE` (which come first); then, if set,
    /// `OPENTOK_ACCOUNT_KEY` with `OPENTOK_ACCOUNT_SECRET`, and `OPENTOK_ENDPOINT`. A variable that is empty
    /// counts as not set.
    ///
    /// # Errors
    /// As [`Client::new`]; the file of the private key is not named or cannot be read. Credentials that are not
    /// set count as empty, which the first call that needs them reports.
    pub fn from_env() -> Result<Self> {
        let pair =
            |key, secret| Credentials::new(env(key).unwrap_or_default(), env(secret).unwrap_or_default());
        let credentials = match application_from_env()? {
            Some(application) => application,
            None => pair("OPENTOK_API_KEY", "OPENTOK_API_SECRET"),
        };
        let mut builder = Self::builder(credentials);
        if env("OPENTOK_ACCOUNT_KEY").is_some() {
            builder = builder.account(pair("OPENTOK_ACCOUNT_KEY", "OPENTOK_ACCOUNT_SECRET"));
        }
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

    /// Reads the body of a webhook. Sends nothing and needs no client. As [`WebhookEvent::parse`], which takes
    /// bytes.
    ///
    /// # Errors
    /// [`OpenTokError::Webhook`](crate::OpenTokError::Webhook) if it is not the body of a webhook. An event that
    /// this version does not know is no error.
    ///
    /// ```
    /// use opentok::{Client, ParseWebhook, WebhookEvent};
    ///
    /// let body = r#"{ "event": "sessionCreated", "sessionId": "1_MX4", "timestamp": 1470257688309 }"#;
    /// let WebhookEvent::SessionCreated(event) = Client::parse_webhook(ParseWebhook::new(body))? else { panic!() };
    /// assert_eq!(event.timestamp, Some(1_470_257_688_309));
    /// # Ok::<(), opentok::Error>(())
    /// ```
    pub fn parse_webhook(request: ParseWebhook) -> Result<WebhookEvent> {
        request.validate()?;
        WebhookEvent::parse(request.body.as_bytes())
    }

    /// Checks the signature of a webhook by the system's clock, then reads it. Sends nothing and needs no client.
    /// A server keeps a [`WebhookVerifier`] instead, which prepares the secret once.
    ///
    /// # Errors
    /// [`OpenTokError::Webhook`](crate::OpenTokError::Webhook) says what is wrong.
    ///
    /// ```
    /// use opentok::{Client, ErrorKind, VerifyWebhook};
    ///
    /// let error = Client::verify_webhook(VerifyWebhook::new("Bearer e30.e30.e30", "{}", "signature secret"));
    /// assert_eq!(error.unwrap_err().kind(), ErrorKind::Unauthenticated);
    /// ```
    pub fn verify_webhook(request: VerifyWebhook) -> Result<WebhookEvent> {
        request.validate()?;
        WebhookVerifier::new(request.secret)?.verify(request.authorization.expose(), request.body.as_bytes())
    }
}
