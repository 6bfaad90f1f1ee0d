//! Client tokens: JWT and the legacy T1 form, made, verified and read.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rtc_core::validate::{Checks, Field};
use rtc_core::{Rule, Secret, constant_time_eq, unix_seconds};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::credentials::{OpenTok, random};
use crate::error::{Error, OpenTokError, Result, TokenFault};
use crate::operation::{GenerateToken, Role, TokenFormat};
use crate::session_id;

/// Tokens live for a day unless told otherwise, and for 30 days at most.
const DEFAULT_SECONDS: u64 = 24 * 60 * 60;
const MAX_SECONDS: u64 = 30 * 24 * 60 * 60;
/// The layout classes, joined, in characters.
const MAX_CLASSES: usize = 1000;

/// A client token. It opens a session to whoever holds it, so it is treated as a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Token(Secret);

impl Token {
    /// The token's text, to be handed to the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A token whose signature, issuer and expiry were found good.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VerifiedToken {
    /// Its form.
    pub format: TokenFormat,
    /// The API key that it was made with.
    pub partner_id: String,
    /// The header of a JWT; empty for T1.
    pub header: Map<String, Value>,
    /// The claims of a JWT; empty for T1.
    pub claims: Map<String, Value>,
    /// The fields of a T1 token; empty for a JWT.
    pub fields: Map<String, Value>,
    /// The names of the T1 fields in their order; empty for a JWT.
    pub field_order: Vec<String>,
}

impl VerifiedToken {
    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).or_else(|| self.fields.get(name))?.as_str()
    }

    /// The session that it opens.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.text("session_id")
    }

    /// What its holder may do.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.text("role").map(Role::from)
    }

    /// The data that other clients can read.
    #[must_use]
    pub fn connection_data(&self) -> Option<&str> {
        self.text("connection_data")
    }

    /// The layout classes of the holder's streams.
    #[must_use]
    pub fn initial_layout_class_list(&self) -> Vec<&str> {
        self.text("initial_layout_class_list").unwrap_or_default().split_whitespace().collect()
    }

    /// When it expires. A token that does not say so lives for a day.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        let number = |value: &Value| {
            value
                .as_u64()
                .or_else(|| value.as_f64().map(|f| f as u64))
                .or_else(|| value.as_str()?.parse().ok())
        };
        // Some SDKs write null or nothing for what is not set. Anything else must be readable: no token
        // may live longer because its expiry makes no sense.
        let set = |value: &&Value| !value.is_null() && value.as_str() != Some("");
        let of = |name: &str| self.claims.get(name).or_else(|| self.fields.get(name)).filter(set);
        let seconds = match of("exp").or_else(|| of("expire_time")) {
            Some(expires) => number(expires)?,
            None => of("iat").or_else(|| of("create_time")).and_then(number)?.saturating_add(DEFAULT_SECONDS),
        };
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

/// Makes a token; `now` is in seconds since 1970.
pub(crate) fn generate(service: &OpenTok, request: &GenerateToken, now: u64) -> Result<Token> {
    service.checked()?;
    let mut checks = Checks::new();
    context_checks(service, request, now, &mut checks);
    let own = request.validate().err().map(|v| v.into_iter().collect()).unwrap_or_default();
    rtc_core::validate::merge(own, checks.finish())?;
    let expires = request.expire_time.unwrap_or(now + DEFAULT_SECONDS);
    let nonce = match &request.nonce {
        Some(nonce) => nonce.clone(),
        None => {
            let mut bytes = [0; 8];
            random(&mut bytes)?;
            u64::from_ne_bytes(bytes).to_string()
        }
    };
    let parts =
        Parts { request, nonce: &nonce, now, expires, classes: request.initial_layout_class_list.join(" ") };
    let text = if request.token_type == TokenFormat::T1 { parts.t1(service) } else { parts.jwt(service) };
    Ok(Token(text.into()))
}

/// The checks that need the API key and the time.
fn context_checks(service: &OpenTok, request: &GenerateToken, now: u64, checks: &mut Checks) {
    // An empty one is reported as missing, so there is nothing to say about its owner.
    let owner = Some(&request.session_id).filter(|id| !id.is_empty());
    if let Some((rule, message)) = owner.and_then(|id| session_id::ownership(id, service.api_key())) {
        checks.report(session_id::FIELD, rule, None, message);
    }
    if request.expire_time.is_some_and(|at| at < now || at > now + MAX_SECONDS) {
        let field = Field::new("expire_time", "expire_time");
        checks.report(
            field,
            Rule::Range,
            None,
            "must lie between now and 30 days ahead, in seconds since 1970",
        );
    }
    let classes = &request.initial_layout_class_list;
    let field = Field::new("initial_layout_class_list", "initial_layout_class_list");
    if classes.iter().any(|class| class.is_empty() || class.contains(char::is_whitespace)) {
        checks.report(field, Rule::Pattern, None, "must hold names without white space");
    } else if classes.iter().map(|class| class.chars().count() + 1).sum::<usize>() > MAX_CLASSES + 1 {
        checks.report(
            field,
            Rule::Length,
            None,
            "must be at most 1000 characters long when joined by spaces",
        );
    }
}

struct Parts<'a> {
    request: &'a GenerateToken,
    nonce: &'a str,
    now: u64,
    expires: u64,
    classes: String,
}

impl Parts<'_> {
    fn jwt(&self, service: &OpenTok) -> String {
        let text = |value: &str| Value::from(value).to_string();
        let mut claims = format!(
            r#"{{"iss":{},"ist":"project","iat":{},"exp":{},"nonce":{},"role":{},"scope":"session.connect","session_id":{}"#,
            text(service.api_key()),
            self.now,
            self.expires,
            text(self.nonce),
            text(self.request.role.as_str()),
            text(&self.request.session_id),
        );
        if !self.classes.is_empty() {
            let _ = write!(claims, r#","initial_layout_class_list":{}"#, text(&self.classes));
        }
        if let Some(data) = &self.request.connection_data {
            let _ = write!(claims, r#","connection_data":{}"#, text(data));
        }
        claims.push('}');
        service.jwt(claims.as_bytes())
    }

    fn t1(&self, service: &OpenTok) -> String {
        let mut data = url::form_urlencoded::Serializer::new(String::new());
        data.append_pair("session_id", &self.request.session_id)
            .append_pair("create_time", &self.now.to_string())
            .append_pair("expire_time", &self.expires.to_string())
            .append_pair("role", self.request.role.as_str())
            .append_pair("nonce", self.nonce);
        if !self.classes.is_empty() {
            data.append_pair("initial_layout_class_list", &self.classes);
        }
        if let Some(connection_data) = &self.request.connection_data {
            data.append_pair("connection_data", connection_data);
        }
        let data = data.finish();
        let signature = hex(&service.hmac_sha1(data.as_bytes()));
        let inner = format!("partner_id={}&sig={signature}:{data}", service.api_key());
        format!("T1=={}", STANDARD.encode(inner))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Checks a token against the credentials and the time. Valid while `now <= expiry`.
pub(crate) fn verify(service: &OpenTok, token: &str, now: SystemTime) -> Result<VerifiedToken> {
    service.checked()?;
    let fault = |fault| Error::refused(OpenTokError::Token(fault));
    let verified = match token.strip_prefix("T1==") {
        Some(rest) => verify_t1(service, rest),
        None => verify_jwt(service, token),
    }
    .map_err(fault)?;
    if verified.partner_id != service.api_key() {
        return Err(fault(TokenFault::Issuer));
    }
    match verified.expires_at() {
        Some(at) if unix_seconds(now) <= unix_seconds(at) => Ok(verified),
        Some(_) => Err(fault(TokenFault::Expired)),
        None => Err(fault(TokenFault::Malformed)),
    }
}

fn verify_t1(service: &OpenTok, rest: &str) -> std::result::Result<VerifiedToken, TokenFault> {
    // Both alphabets are in use, but never in one token. Both engines refuse non-canonical forms.
    let bytes =
        STANDARD.decode(rest).or_else(|_| URL_SAFE.decode(rest)).map_err(|_| TokenFault::Malformed)?;
    let text = String::from_utf8(bytes).map_err(|_| TokenFault::Malformed)?;
    let (head, data) = text.split_once(':').ok_or(TokenFault::Malformed)?;
    let (partner_id, signature) = head
        .strip_prefix("partner_id=")
        .and_then(|rest| rest.split_once("&sig="))
        .ok_or(TokenFault::Malformed)?;
    // The signature covers the data as it stands, so nothing is decoded before it is checked.
    let expected = hex(&service.hmac_sha1(data.as_bytes()));
    if !constant_time_eq(expected.as_bytes(), signature.as_bytes()) {
        return Err(TokenFault::Signature);
    }
    let mut fields = Map::new();
    let mut field_order = Vec::new();
    for (name, value) in url::form_urlencoded::parse(data.as_bytes()) {
        field_order.push(name.clone().into_owned());
        fields.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    if !fields.contains_key("session_id") || !fields.contains_key("create_time") {
        return Err(TokenFault::Malformed);
    }
    Ok(VerifiedToken {
        format: TokenFormat::T1,
        partner_id: partner_id.to_owned(),
        header: Map::new(),
        claims: Map::new(),
        fields,
        field_order,
    })
}

fn verify_jwt(service: &OpenTok, token: &str) -> std::result::Result<VerifiedToken, TokenFault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
    let object = |text: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    };
    let header = object(header).ok_or(TokenFault::Malformed)?;
    // The algorithm is fixed: a token cannot choose a weaker one.
    if header.get("alg").and_then(Value::as_str) != Some("HS256") {
        return Err(TokenFault::Malformed);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
    if !constant_time_eq(&service.hmac_sha256(signed.as_bytes()), &signature) {
        return Err(TokenFault::Signature);
    }
    let claims = object(claims).ok_or(TokenFault::Malformed)?;
    let partner_id = match claims.get("iss") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(TokenFault::Malformed),
    };
    if claims.get("session_id").and_then(Value::as_str).is_none() {
        return Err(TokenFault::Malformed);
    }
    Ok(VerifiedToken {
        format: TokenFormat::Jwt,
        partner_id,
        header,
        claims,
        fields: Map::new(),
        field_order: Vec::new(),
    })
}
