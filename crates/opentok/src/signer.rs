//! What signs: the API secret (HMAC), or an application's private key (RSA).

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
#[cfg(feature = "unified")]
use rtc_core::RsaKey;
use rtc_core::{AuthError, Secret, constant_time_eq};
use sha1::Sha1;
use sha2::Sha256;

#[derive(Clone)]
pub(crate) enum Signer {
    Secret(Box<SecretKey>),
    #[cfg(feature = "unified")]
    Rsa(RsaKey),
}

/// The secret's key schedules, prepared once.
#[derive(Clone)]
pub(crate) struct SecretKey {
    sha256: Hmac<Sha256>,
    sha1: Hmac<Sha1>,
}

impl SecretKey {
    pub(crate) fn new(secret: &Secret) -> Result<Self, AuthError> {
        let key = secret.expose().as_bytes();
        // HMAC takes keys of any length, so neither of these fails.
        let refused = |_| AuthError::new("the API secret cannot be a key");
        Ok(Self {
            sha256: Hmac::new_from_slice(key).map_err(refused)?,
            sha1: Hmac::new_from_slice(key).map_err(refused)?,
        })
    }

    fn hmac_sha256(&self, data: &[u8]) -> [u8; 32] {
        let mut mac = self.sha256.clone();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    /// The signature of a T1 token, in hexadecimal digits.
    pub(crate) fn t1(&self, data: &[u8]) -> [u8; 40] {
        let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
        let mut mac = self.sha1.clone();
        mac.update(data);
        let bytes = mac.finalize().into_bytes();
        let mut text = [0; 40];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        text
    }
}

impl Signer {
    /// The name of the algorithm in the header of a JWT.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            #[cfg(feature = "unified")]
            Self::Rsa(_) => "RS256",
        }
    }

    /// Signs claims as a JWT.
    pub(crate) fn jwt(&self, claims: &[u8]) -> Result<String, AuthError> {
        let header = match self {
            // {"typ":"JWT","alg":"HS256"}
            Self::Secret(_) => b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
            // {"typ":"JWT","alg":"RS256"}
            #[cfg(feature = "unified")]
            Self::Rsa(_) => b"eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.",
        };
        let mut token = Vec::with_capacity(header.len() + claims.len() * 4 / 3 + 48);
        token.extend_from_slice(header);
        base64(&URL_SAFE_NO_PAD, claims, &mut token);
        let end = |mut token: Vec<u8>, signature: &[u8]| {
            token.push(b'.');
            base64(&URL_SAFE_NO_PAD, signature, &mut token);
            text(token)
        };
        match self {
            Self::Secret(key) => {
                let signature = key.hmac_sha256(&token);
                Ok(end(token, &signature))
            }
            #[cfg(feature = "unified")]
            Self::Rsa(key) => {
                let signature = key.sign(&token)?;
                Ok(end(token, &signature))
            }
        }
    }

    /// Whether the signature of a JWT was made by this key.
    pub(crate) fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => constant_time_eq(&key.hmac_sha256(signed), signature),
            #[cfg(feature = "unified")]
            Self::Rsa(key) => key.verify(signed, signature),
        }
    }
}

/// Appends bytes as base64. In place: `encode_string` copies through a buffer of its own.
pub(crate) fn base64(engine: &GeneralPurpose, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let space = out.get_mut(start..).unwrap_or_default();
    // There is room for the padded form, so this does not fail.
    let written = engine.encode_slice(bytes, space).unwrap_or_default();
    out.truncate(start + written);
}

/// The text that base64 and dots are.
pub(crate) fn text(token: Vec<u8>) -> String {
    String::from_utf8(token).unwrap_or_default()
}
