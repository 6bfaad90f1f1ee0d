//! Requests and URLs that are signed to be sent by somebody else.

use std::borrow::Cow;
use std::time::SystemTime;

use rtc_core::http::HeaderName;
use rtc_core::validate::{Checks, Field};
use rtc_core::{AuthError, EndpointPolicy, Rule, Secret, Trust, Url};
use serde::Serialize;

use crate::canonical::{self, AmzDate, Parameter};
use crate::credentials::Credentials;
use crate::operation::{
    ConnectAsMaster, ConnectAsViewer, NameValue, PresignConnectAsMaster, PresignConnectAsViewer, SignRequest,
    SigningMode,
};
use crate::sigv4::{ALGORITHM, DayKey, Signer, push_authorization, without_default_port};

/// For how many seconds a URL to connect with is valid, as in the JavaScript SDK.
const EXPIRES: u32 = 299;

/// A signature with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Signed {
    /// The canonical request, which may hold the session token.
    pub canonical_request: Secret,
    /// What was signed.
    pub string_to_sign: String,
    /// The signature in lower-case hexadecimal digits.
    pub signature: Secret,
    /// The names of the signed headers between semicolons.
    pub signed_headers: String,
    /// The time of the signature, `20230724T080702Z`.
    pub amz_date: String,
    /// The day of the signature, `20230724`.
    pub date: String,
    /// The value of the `Authorization` header, in the mode header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Secret>,
    /// The presigned URL, in the mode query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
}

/// What [`Client::sign_request`](crate::Client::sign_request) gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SignedRequest {
    /// Of the modes header and query.
    One(Signed),
    /// Of the mode both.
    Both {
        /// The signature over headers.
        header: Signed,
        /// The presigned URL.
        query: Signed,
    },
    /// Of the mode string.
    Text {
        /// The signing key in lower-case hexadecimal digits.
        signing_key_hex: Secret,
        /// The signature in lower-case hexadecimal digits.
        signature: Secret,
    },
}

const URL: Field = Field::new("url", "url");
const QUERY: Field = Field::new("query", "query");
const HEADERS: Field = Field::new("headers", "headers");
pub(crate) const ENDPOINT: Field = Field::new("endpoint", "endpoint");
/// The parameters that a presigned URL gets from the signer.
const OWN: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];
const CHANNEL: [&str; 2] = ["X-Amz-ChannelARN", "X-Amz-ClientId"];
/// The headers that the signer writes.
const OWN_HEADERS: [&str; 5] =
    ["host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "authorization"];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

pub(crate) fn check_master(request: &PresignConnectAsMaster, checks: &mut Checks) {
    check_connect(request.endpoint.as_deref(), &request.query, checks);
}

pub(crate) fn check_viewer(request: &PresignConnectAsViewer, checks: &mut Checks) {
    check_connect(request.endpoint.as_deref(), &request.query, checks);
}

pub(crate) fn check_connect_as_master(request: &ConnectAsMaster, checks: &mut Checks) {
    check_connect(request.endpoint.as_deref(), &[], checks);
}

pub(crate) fn check_connect_as_viewer(request: &ConnectAsViewer, checks: &mut Checks) {
    check_connect(request.endpoint.as_deref(), &[], checks);
}

fn check_connect(endpoint: Option<&str>, query: &[NameValue], checks: &mut Checks) {
    // What no client allows by itself; the client asks its own policy, too.
    let policy = EndpointPolicy::default();
    if let Some(Err(error)) = endpoint.map(|text| policy.parse_websocket(text, Trust::Configured)) {
        let violation = error.to_violation(ENDPOINT);
        checks.report(ENDPOINT, violation.rule, None, violation.message);
    }
    if query.iter().any(|p| is_one_of(&p.name, &OWN) || is_one_of(&p.name, &CHANNEL)) {
        checks.report(QUERY, Rule::Forbidden, None, "must not hold a parameter that signing itself writes");
    }
}

pub(crate) fn check_sign_request(request: &SignRequest, checks: &mut Checks) {
    if request.mode == SigningMode::Text {
        if request.string_to_sign.is_none() {
            let field = Field::new("string_to_sign", "string_to_sign");
            checks.report(field, Rule::Required, None, "is required in the mode string");
        }
        return;
    }
    let Some(url) = &request.url else {
        return checks.report(URL, Rule::Required, None, "is required");
    };
    match Place::read(url.expose()) {
        Err((rule, message)) => checks.report(URL, rule, None, message),
        Ok(_) if request.mode != SigningMode::Header => check_query(url.expose(), &request.query, checks),
        Ok(_) => {}
    }
    let name = |h: &NameValue| HeaderName::from_bytes(h.name.as_bytes()).is_ok();
    if !request.headers.iter().all(name) {
        checks.report(HEADERS, Rule::Pattern, None, "must have names that HTTP allows");
    } else if request.headers.iter().any(|h| is_one_of(&h.name, &OWN_HEADERS)) {
        checks.report(HEADERS, Rule::Forbidden, None, "must not hold a header that signing itself writes");
    }
}

fn check_query(url: &str, more: &[NameValue], checks: &mut Checks) {
    let parsed = Url::parse(url).ok();
    // Decoded, as the service reads them.
    let names: Vec<_> = parsed.iter().flat_map(Url::query_pairs).map(|(name, _)| name).collect();
    let all = || names.iter().map(AsRef::as_ref).chain(more.iter().map(|p| p.name.as_str()));
    let twice = |known: &str| all().filter(|name| name.eq_ignore_ascii_case(known)).count() > 1;
    if all().any(|name: &str| is_one_of(name, &OWN)) || CHANNEL.iter().any(|known| twice(known)) {
        let message = "must not hold a parameter that signing itself writes, nor a second X-Amz-ChannelARN or X-Amz-ClientId";
        checks.report(QUERY, Rule::Forbidden, None, message);
    }
}

/// The parts of a URL as they were written: parsing it as browsers do would already change its path.
struct Place<'a> {
    scheme: &'a str,
    /// Lower case, without the scheme's own port.
    host: String,
    path: &'a str,
    query: &'a str,
}

impl<'a> Place<'a> {
    fn read(url: &'a str) -> Result<Self, (Rule, &'static str)> {
        const FORM: (Rule, &str) = (Rule::Pattern, "must be a URL such as https://host/path");
        if url.contains(char::is_control) {
            return Err((Rule::Pattern, "must not hold control characters"));
        }
        let parsed = Url::parse(url).map_err(|_| FORM)?;
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
            return Err((Rule::Query, "must not have user information or a fragment"));
        }
        // A parser repairs `https:/host`; the next `://` would then be found further on.
        let is_scheme = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case(parsed.scheme());
        let (scheme, rest) = url.split_once("://").filter(is_scheme).ok_or(FORM)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at_checked(end).ok_or(FORM)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let host = host.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        if host.is_empty() || !host.bytes().all(plain) {
            return Err((Rule::Pattern, "must have a host in ASCII"));
        }
        let host = without_default_port(&scheme.to_ascii_lowercase(), &host).to_owned();
        Ok(Self { scheme, host, path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// What is signed, however it is signed.
struct Subject<'a> {
    method: &'a str,
    place: Place<'a>,
    query: Vec<Parameter<'a>>,
    /// Sorted, in canonical form, without those that signing writes.
    headers: Vec<(String, String)>,
    body: &'a [u8],
    expires: u32,
    normalize: bool,
    sign_body: bool,
    omit_session_token: bool,
}

/// How it is signed.
struct Pen<'a> {
    key: &'a DayKey,
    date: AmzDate,
    token: Option<Cow<'a, str>>,
}

impl Pen<'_> {
    fn sign(&self, subject: &Subject<'_>, query: &str, headers: &[(&str, &str)]) -> (Signed, [u8; 32]) {
        let mut canonical_request = String::with_capacity(512 + query.len());
        canonical::Request {
            method: subject.method,
            path: &canonical::path(subject.place.path, subject.normalize),
            query,
            headers,
            payload: subject.body,
        }
        .write(&mut canonical_request);
        let mut string_to_sign = String::with_capacity(192);
        let hash = canonical::sha256(canonical_request.as_bytes());
        self.key.push_string_to_sign(&mut string_to_sign, &self.date, &hash);
        let signature = self.key.mac(&string_to_sign);
        let signed = Signed {
            canonical_request: canonical_request.into(),
            string_to_sign,
            signature: canonical::hex(&signature).into(),
            signed_headers: names(headers),
            amz_date: self.date.as_str().to_owned(),
            date: self.date.date().to_owned(),
            authorization: None,
            url: None,
        };
        (signed, signature)
    }

    fn header(&self, subject: &Subject<'_>) -> Signed {
        let hash = canonical::hex(&canonical::sha256(subject.body));
        let mut headers: Vec<(&str, &str)> =
            subject.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        headers.push(("host", &subject.place.host));
        headers.push(("x-amz-date", self.date.as_str()));
        if let Some(token) = self.token.as_deref().filter(|_| !subject.omit_session_token) {
            headers.push(("x-amz-security-token", token));
        }
        if subject.sign_body {
            headers.push(("x-amz-content-sha256", &hash));
        }
        headers.sort_unstable();
        let query = canonical::query(&mut subject.query.clone());
        let (mut signed, signature) = self.sign(subject, &query, &headers);
        let mut authorization = String::with_capacity(256);
        push_authorization(&mut authorization, self.key, &headers, &signature);
        signed.authorization = Some(authorization.into());
        signed
    }

    fn query(&self, subject: &Subject<'_>) -> Signed {
        let mut headers: Vec<(&str, &str)> =
            subject.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        headers.push(("host", &subject.place.host));
        headers.sort_unstable();
        let signed_headers = names(&headers);
        let expires = subject.expires.to_string();
        let mut query = subject.query.clone();
        let mut add = |name: &'static str, value: &str| {
            query.push((name.into(), canonical::encode(value).into_owned().into()))
        };
        add("X-Amz-Algorithm", ALGORITHM);
        add("X-Amz-Credential", self.key.credential());
        add("X-Amz-Date", self.date.as_str());
        add("X-Amz-Expires", &expires);
        add("X-Amz-SignedHeaders", &signed_headers);
        if let Some(token) = self.token.as_deref().filter(|_| !subject.omit_session_token) {
            add("X-Amz-Security-Token", token);
        }
        let query = canonical::query(&mut query);
        let (mut signed, _) = self.sign(subject, &query, &headers);
        signed.url = Some(self.url(subject, &query, signed.signature.expose()).into());
        signed
    }

    fn url(&self, subject: &Subject<'_>, query: &str, signature: &str) -> String {
        let place = &subject.place;
        let path = canonical::encode_once(place.path, "/!$&'()*+,;=:@");
        let mut url = format!("{}://{}{path}?{query}&X-Amz-Signature={signature}", place.scheme, place.host);
        if let Some(token) = self.token.as_deref().filter(|_| subject.omit_session_token) {
            url.push_str("&X-Amz-Security-Token=");
            url.push_str(&canonical::encode(token));
        }
        url
    }
}

fn names(headers: &[(&str, &str)]) -> String {
    let mut out = String::new();
    canonical::push_names(&mut out, headers, ";");
    out
}

fn encoded(parameters: &[NameValue]) -> impl Iterator<Item = Parameter<'_>> {
    parameters.iter().map(|p| (canonical::encode(&p.name), canonical::encode(p.value.expose())))
}

/// Lower-case names, values of the same name joined in their order.
fn canonical_headers(headers: &[NameValue]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::with_capacity(headers.len() + 4);
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        let value = canonical::header_value(header.value.expose());
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => out.push((name, value.into_owned())),
        }
    }
    out
}

fn place(url: &str) -> Result<Place<'_>, AuthError> {
    // Validation has read it before.
    Place::read(url).map_err(|(_, message)| AuthError::new(format!("the URL {message}")))
}

/// Signs a request that has been validated.
pub(crate) fn sign_request(
    request: &SignRequest,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<SignedRequest, AuthError> {
    let signer = Signer::new(region, request.service.as_str());
    let date = AmzDate::new(now);
    if request.mode == SigningMode::Text {
        credentials.check_secret()?;
        let key = signer.day_key(credentials, &date)?;
        let signature = key.mac(request.string_to_sign.as_deref().unwrap_or_default());
        return Ok(SignedRequest::Text {
            signing_key_hex: canonical::hex(key.key()).into(),
            signature: canonical::hex(&signature).into(),
        });
    }
    credentials.check()?;
    let place = place(request.url.as_ref().map_or("", Secret::expose))?;
    let query = canonical::parameters(place.query).chain(encoded(&request.query)).collect();
    let subject = Subject {
        method: &request.method,
        place,
        query,
        headers: canonical_headers(&request.headers),
        body: request.body_text.as_ref().map(Secret::expose).unwrap_or_default().as_bytes(),
        expires: request.expires,
        normalize: request.normalize,
        sign_body: request.sign_body,
        omit_session_token: request.omit_session_token,
    };
    let key = signer.day_key(credentials, &date)?;
    let pen = Pen { key: &key, date, token: token(credentials) };
    Ok(match request.mode {
        SigningMode::Query => SignedRequest::One(pen.query(&subject)),
        SigningMode::Both => SignedRequest::Both { header: pen.header(&subject), query: pen.query(&subject) },
        _ => SignedRequest::One(pen.header(&subject)),
    })
}

fn token(credentials: &Credentials) -> Option<Cow<'_, str>> {
    credentials.session_token().map(|token| canonical::header_value(token.expose()))
}

/// Signs a URL to connect with: as a viewer if there is a client id, as the master otherwise.
pub(crate) fn connect(
    signer: &Signer,
    credentials: &Credentials,
    endpoint: &str,
    channel_arn: &str,
    client_id: Option<&str>,
    more: &[NameValue],
    now: SystemTime,
) -> Result<Signed, AuthError> {
    let mut query: Vec<Parameter<'_>> = encoded(more).collect();
    query.push(("X-Amz-ChannelARN".into(), canonical::encode(channel_arn)));
    query.extend(client_id.map(|id| ("X-Amz-ClientId".into(), canonical::encode(id))));
    let subject = Subject {
        method: "GET",
        place: place(endpoint)?,
        query,
        headers: Vec::new(),
        body: b"",
        expires: EXPIRES,
        normalize: false,
        sign_body: false,
        omit_session_token: false,
    };
    let date = AmzDate::new(now);
    let key = signer.day_key(credentials, &date)?;
    Ok(Pen { key: &key, date, token: token(credentials) }.query(&subject))
}
