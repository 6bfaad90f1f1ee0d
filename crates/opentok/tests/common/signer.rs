//! A second signer of tokens, and a client to judge them.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use opentok::{Client, Credentials, OpenTokError, TokenFault, VerifiedToken, VerifyToken};
use serde_json::json;
use sha1::Sha1;
use sha2::Sha256;

use super::{KEY, NOW, SECRET, session};

pub fn mac<M: Mac + KeyInit>(secret: &str, data: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The inside of a T1 token.
pub fn t1_text(key: &str, secret: &str, data: &str) -> String {
    format!("partner_id={key}&sig={}:{data}", hex(&mac::<Hmac<Sha1>>(secret, data)))
}

pub fn t1(data: &str) -> String {
    format!("T1=={}", STANDARD.encode(t1_text(KEY, SECRET, data)))
}

pub fn jwt_of(header: &str, claims: &str, secret: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac::<Hmac<Sha256>>(secret, &signed));
    format!("{signed}.{signature}")
}

pub const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub fn jwt(claims: &serde_json::Value) -> String {
    jwt_of(HEADER, &claims.to_string(), SECRET)
}

pub fn data(extra: &str) -> String {
    format!("session_id={}&create_time={NOW}&role=publisher{extra}", session())
}

pub fn claims() -> serde_json::Value {
    json!({"iss": KEY, "iat": NOW, "exp": NOW + 60, "session_id": session(), "role": "moderator"})
}

/// A client at this time.
pub fn at(seconds: u64) -> Client {
    let clock = rtc_core::testing::ManualClock::new(
        SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 999),
    );
    Client::builder(Credentials::new(KEY, SECRET)).clock(clock).build().unwrap()
}

pub fn verify_at(seconds: u64, token: &str) -> Result<VerifiedToken, TokenFault> {
    at(seconds).verify_token(VerifyToken::new(token)).map_err(|error| match error.service() {
        Some(OpenTokError::Token(fault)) if !error.was_sent() => *fault,
        _ => unreachable!("{error:?}"),
    })
}

pub fn verify(token: &str) -> Result<VerifiedToken, TokenFault> {
    verify_at(NOW, token)
}
