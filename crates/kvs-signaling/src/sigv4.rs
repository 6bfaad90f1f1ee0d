//! AWS Signature Version 4, over the header and in the query of a URL.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use rtc_core::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use rtc_core::http::uri::{Authority, Uri};
use rtc_core::http::{HeaderMap, Request};
use rtc_core::{AuthError, Bytes, Secret};
use sha2::Sha256;

use crate::canonical::{self, AmzDate};
use crate::credentials::Credentials;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Signs requests for one service in one region. Keeps the signing key of the day, which is derived from the
/// credentials once. Share one signer: it has no other state.
///
/// ```
/// use kvs_signaling::rtc_core::{Bytes, http::Request};
/// use kvs_signaling::{Credentials, Signer};
///
/// let signer = Signer::new("us-west-2", "kinesisvideo");
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let mut request = Request::post("https://kinesisvideo.us-west-2.amazonaws.com/x").body(Bytes::from("{}"))?;
/// signer.sign(&credentials, &mut request, std::time::SystemTime::now())?;
/// assert!(request.headers().contains_key("authorization"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signer {
    region: String,
    service: String,
    /// The latest key. One slot is enough: a client has one set of credentials at a time.
    slot: Mutex<Option<Arc<DayKey>>>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// The signing key of one day, with the texts that hold as long as it does.
pub(crate) struct DayKey {
    day: u64,
    access_key_id: String,
    secret: Secret,
    /// `AKID/20230724/us-west-2/kinesisvideo/aws4_request`.
    credential: String,
    key: [u8; 32],
    mac: Hmac<Sha256>,
}

impl DayKey {
    /// `AKID/scope`.
    pub(crate) fn credential(&self) -> &str {
        &self.credential
    }

    /// `date/region/service/aws4_request`.
    fn scope(&self) -> &str {
        self.credential.get(self.access_key_id.len() + 1..).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Appends the string to sign of a canonical request.
    pub(crate) fn push_string_to_sign(&self, out: &mut String, date: &AmzDate, canonical: &[u8; 32]) {
        for part in [ALGORITHM, "\n", date.as_str(), "\n", self.scope(), "\n"] {
            out.push_str(part);
        }
        canonical::push_hex(out, canonical);
    }

    pub(crate) fn mac(&self, text: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, AuthError> {
    // HMAC takes keys of any length, so this does not fail.
    Hmac::new_from_slice(key).map_err(|_| AuthError::new("the secret access key cannot be a key"))
}

fn derive(key: &[u8], data: &str) -> Result<[u8; 32], AuthError> {
    let mut mac = keyed(key)?;
    mac.update(data.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

impl Signer {
    /// A signer for a region and the service's signing name, which is `kinesisvideo` for all of Kinesis Video
    /// Streams.
    #[must_use]
    pub fn new(region: impl Into<String>, service: impl Into<String>) -> Self {
        Self { region: region.into(), service: service.into(), slot: Mutex::new(None) }
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Adds `authorization`, `x-amz-date` and, for temporary credentials, `x-amz-security-token`. Signed are
    /// `content-type` (if there), `host` (the default port is dropped) and the two last ones.
    ///
    /// # Errors
    /// The credentials cannot be in a header, or the URI has no host.
    pub fn sign(
        &self,
        credentials: &Credentials,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let date = AmzDate::new(now);
        let key = self.day_key(credentials, &date)?;
        let authorization = self.authorization(&key, credentials, request, &date)?;
        let headers = request.headers_mut();
        headers.insert(X_AMZ_DATE, header(date.as_str().to_owned(), false)?);
        match credentials.session_token() {
            Some(token) => headers.insert(X_AMZ_SECURITY_TOKEN, header(token.expose().to_owned(), true)?),
            None => headers.remove(X_AMZ_SECURITY_TOKEN),
        };
        headers.insert(AUTHORIZATION, header(authorization, true)?);
        Ok(())
    }

    /// The value of `authorization`. One buffer serves for the canonical request, the string to sign and the
    /// result.
    fn authorization(
        &self,
        key: &DayKey,
        credentials: &Credentials,
        request: &Request<Bytes>,
        date: &AmzDate,
    ) -> Result<String, AuthError> {
        let uri = request.uri();
        let host = host(uri).ok_or_else(|| AuthError::new("the URI to sign has no host"))?;
        let token = credentials.session_token().map(|t| canonical::header_value(t.expose()));
        let content_type = content_type(request.headers())?.map(canonical::header_value);
        // The four headers in their order; what is not there is cut off at either end.
        let all = [
            ("content-type", content_type.as_deref().unwrap_or_default()),
            ("host", host),
            ("x-amz-date", date.as_str()),
            ("x-amz-security-token", token.as_deref().unwrap_or_default()),
        ];
        let from = usize::from(content_type.is_none());
        let headers = all.get(from..if token.is_some() { 4 } else { 3 }).unwrap_or_default();
        let query = match uri.query() {
            Some(query) => canonical::query(&mut canonical::parameters(query).collect::<Vec<_>>()),
            None => String::new(),
        };
        let size: usize = headers.iter().map(|(n, v)| 2 * n.len() + v.len() + 3).sum();
        let mut buffer = String::with_capacity((256 + size + uri.path().len() + query.len()).max(384));
        canonical::Request {
            method: request.method().as_str(),
            path: &canonical::path(uri.path(), true),
            query: &query,
            headers,
            payload: request.body(),
        }
        .write(&mut buffer);
        let hash = canonical::sha256(buffer.as_bytes());
        buffer.clear();
        key.push_string_to_sign(&mut buffer, date, &hash);
        let signature = key.mac(&buffer);
        buffer.clear();
        push_authorization(&mut buffer, key, headers, &signature);
        Ok(buffer)
    }

    /// The key of the day for these credentials.
    pub(crate) fn day_key(
        &self,
        credentials: &Credentials,
        date: &AmzDate,
    ) -> Result<Arc<DayKey>, AuthError> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |key: &&Arc<DayKey>| {
            key.day == date.day
                && key.access_key_id == credentials.access_key_id()
                && key.secret == *credentials.secret_access_key()
        };
        if let Some(key) = slot.as_ref().filter(fits) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.derive(credentials, date)?);
        *slot = Some(Arc::clone(&key));
        Ok(key)
    }

    fn derive(&self, credentials: &Credentials, date: &AmzDate) -> Result<DayKey, AuthError> {
        let first = Secret::new(format!("AWS4{}", credentials.secret_access_key().expose()));
        let mut key = derive(first.expose().as_bytes(), date.date())?;
        for part in [self.region.as_str(), &self.service, "aws4_request"] {
            key = derive(&key, part)?;
        }
        let access_key_id = credentials.access_key_id().to_owned();
        Ok(DayKey {
            day: date.day,
            credential: format!(
                "{access_key_id}/{}/{}/{}/aws4_request",
                date.date(),
                self.region,
                self.service
            ),
            access_key_id,
            secret: credentials.secret_access_key().clone(),
            key,
            mac: keyed(&key)?,
        })
    }
}

/// Appends the value of `authorization`.
pub(crate) fn push_authorization(
    out: &mut String,
    key: &DayKey,
    headers: &[(&str, &str)],
    signature: &[u8; 32],
) {
    for part in [ALGORITHM, " Credential=", key.credential(), ", SignedHeaders="] {
        out.push_str(part);
    }
    canonical::push_names(out, headers, ";");
    out.push_str(", Signature=");
    canonical::push_hex(out, signature);
}

fn header(text: String, sensitive: bool) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(text))
        .map_err(|_| AuthError::new("the credentials hold characters that no header may hold"))?;
    value.set_sensitive(sensitive);
    Ok(value)
}

fn content_type(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let text = |v: &HeaderValue| v.to_str().is_ok();
    match headers.get(CONTENT_TYPE) {
        Some(value) if !text(value) => Err(AuthError::new("the content type to sign is not text")),
        value => Ok(value.and_then(|v| v.to_str().ok())),
    }
}

/// The host as the Host header has it: with the port unless it is the scheme's own.
fn host(uri: &Uri) -> Option<&str> {
    let authority = uri.authority().map(Authority::as_str)?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(without_default_port(uri.scheme_str().unwrap_or_default(), authority))
}

/// `host:443` of https and wss, `host:80` of http and ws lose their port.
pub(crate) fn without_default_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let port = match scheme {
        "https" | "wss" => ":443",
        "http" | "ws" => ":80",
        _ => return host,
    };
    host.strip_suffix(port).unwrap_or(host)
}
