//! The HTTP API of a server: what moderates, records and asks from outside of connections.
//!
//! Every operation is one `POST` with the header `x-sora-target`. There is no authentication: the port of the API must
//! be open to the server's own machines only.

mod connections;
mod messages;
mod sessions;

use std::time::Duration;

use rtc_core::validate::{Checks, Field, Rule};
use rtc_core::{Caller, ClientConfig, env};
use serde_json::Value;

use crate::credentials::SoraApi;
use crate::error::Result;

pub use crate::generated_http::*;

/// A call of the HTTP API that is sent when it is awaited.
pub type Call<O> = rtc_core::Call<SoraApi, O>;

/// The name and version in the User-Agent.
const AGENT: &str = concat!("rtc-sora/", env!("CARGO_PKG_VERSION"));
/// The address in a default installation.
const DEFAULT: &str = "http://127.0.0.1:3000";

/// A client of the HTTP API of one server. Cheap to clone; the clones share connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    caller: Caller<SoraApi>,
}

/// Configures an [`HttpClient`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct HttpClientBuilder {
    config: ClientConfig,
}

impl HttpClientBuilder {
    rtc_core::config_setters!();

    /// The client.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used.
    pub fn build(self) -> Result<HttpClient> {
        Ok(HttpClient { caller: self.config.caller(SoraApi, DEFAULT, AGENT)? })
    }
}

impl HttpClient {
    /// A client of the server at this address, with the default settings.
    ///
    /// # Errors
    /// When the address cannot be used, or the built-in transport cannot be set up.
    pub fn new(endpoint: impl Into<String>) -> Result<Self> {
        Self::builder().endpoint(endpoint).build()
    }

    /// Starts to configure a client, of `http://127.0.0.1:3000` unless told. Total time limit 15 s, connect 5 s, answers
    /// up to 1 MiB.
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder { config: ClientConfig::new(Duration::from_secs(15)) }
    }

    /// A client of `SORA_API_URL`, or of `http://127.0.0.1:3000` where it is not set.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn from_env() -> Result<Self> {
        Self::new(env("SORA_API_URL").unwrap_or_else(|| DEFAULT.to_owned()))
    }
}

pub(crate) fn check_request(request: &RawRequest, checks: &mut Checks) {
    if !matches!(request.body, None | Some(Value::Object(_))) {
        checks.report(Field::new("body", "body"), Rule::Pattern, None, "must be an object");
    }
}
