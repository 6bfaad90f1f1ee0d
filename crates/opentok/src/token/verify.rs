//! Checks and reads client tokens.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rtc_core::{constant_time_eq, unix_seconds};
use serde_json::{Map, Value};

use super::VerifiedToken;
use crate::credentials::OpenTok;
use crate::error::{Error, OpenTokError, Result, TokenFault};
use crate::operation::TokenFormat;
use crate::signer::Signer;

type Object = Map<String, Value>;
type Read = std::result::Result<VerifiedToken, TokenFault>;

/// Checks a token against the credentials and the time. Valid while `now <= expiry`.
pub(crate) fn verify(service: &OpenTok, token: &str, now: SystemTime) -> Result<VerifiedToken> {
    service.checked()?;
    let fault = |fault| Error::refused(OpenTokError::Token(fault));
    let verified = match token.strip_prefix("T1==") {
        Some(rest) => t1(service.signer(), rest),
        None => jwt(service.signer(), token),
    }
    .map_err(fault)?;
    if verified.partner_id != service.project() {
        return Err(fault(TokenFault::Issuer));
    }
    match verified.expires_at() {
        Some(at) if unix_seconds(now) <= unix_seconds(at) => Ok(verified),
        Some(_) => Err(fault(TokenFault::Expired)),
        None => Err(fault(TokenFault::Malformed)),
    }
}

fn t1(signer: &Signer, rest: &str) -> Read {
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
    let signed = match signer {
        Signer::Secret(key) => constant_time_eq(&key.t1(data.as_bytes()), signature.as_bytes()),
        // An application has no API secret, so it has made no T1 token.
        #[cfg(feature = "unified")]
        Signer::Rsa(_) => false,
    };
    if !signed {
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

/// The header and the claims of a JWT that this key signed.
pub(crate) fn read_jwt(signer: &Signer, token: &str) -> std::result::Result<(Object, Object), TokenFault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
    let object =
        |text: &str| -> Option<Object> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let header = object(header).ok_or(TokenFault::Malformed)?;
    // The algorithm is fixed: a token cannot choose a weaker one.
    if header.get("alg").and_then(Value::as_str) != Some(signer.algorithm()) {
        return Err(TokenFault::Malformed);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
    if !signer.verify(signed.as_bytes(), &signature) {
        return Err(TokenFault::Signature);
    }
    Ok((header, object(claims).ok_or(TokenFault::Malformed)?))
}

fn jwt(signer: &Signer, token: &str) -> Read {
    let (header, claims) = read_jwt(signer, token)?;
    let issuer = match signer {
        Signer::Secret(_) => "iss",
        #[cfg(feature = "unified")]
        Signer::Rsa(_) => "application_id",
    };
    let partner_id = match claims.get(issuer) {
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
