//! Writes client tokens: each into one buffer, since a server may make very many of them.

use base64::engine::general_purpose::STANDARD;
use rtc_core::AuthError;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::nonce;
use crate::operation::GenerateToken;
use crate::signer::{SecretKey, Signer, base64, text};

/// What a token is made of; all of it was checked.
pub(super) struct Parts<'a> {
    pub(super) project: &'a str,
    pub(super) request: &'a GenerateToken,
    pub(super) now: u64,
    pub(super) expires: u64,
}

/// Room for a token with a short text in it, so that the buffer seldom grows.
const USUAL: usize = 512;

/// How many bits of a whole number every JSON reader keeps.
const EXACT_BITS: u32 = 53;

impl Parts<'_> {
    pub(super) fn jwt(&self, signer: &Signer) -> Result<String, AuthError> {
        let request = self.request;
        let mut claims = Vec::with_capacity(USUAL);
        match signer {
            Signer::Secret(_) => {
                put(&mut claims, r#"{"ist":"project","iss":""#);
                put(&mut claims, self.project);
                put(&mut claims, r#"","nonce":"#);
                // A number, as all official SDKs write it; of a size that every JSON reader keeps.
                match &request.nonce {
                    Some(nonce) => match exact(nonce) {
                        Some(value) => number(&mut claims, value),
                        None => json(&mut claims, nonce),
                    },
                    None => number(&mut claims, nonce::number()? >> (u64::BITS - EXACT_BITS)),
                }
            }
            #[cfg(feature = "unified")]
            Signer::Rsa(_) => {
                put(&mut claims, r#"{"sub":"video","acl":{"paths":{"/session/**":{}}},"application_id":""#);
                put(&mut claims, self.project);
                put(&mut claims, r#"","jti":"#);
                json(&mut claims, &request.nonce.clone().map_or_else(nonce::uuid, Ok)?);
            }
        }
        put(&mut claims, r#","iat":"#);
        number(&mut claims, self.now);
        put(&mut claims, r#","exp":"#);
        number(&mut claims, self.expires);
        put(&mut claims, r#","role":""#);
        put(&mut claims, request.role.as_str());
        put(&mut claims, r#"","scope":"session.connect","session_id":"#);
        json(&mut claims, &request.session_id);
        if !request.initial_layout_class_list.is_empty() {
            put(&mut claims, r#","initial_layout_class_list":"#);
            json(&mut claims, &request.initial_layout_class_list.join(" "));
        }
        if let Some(data) = &request.connection_data {
            put(&mut claims, r#","connection_data":"#);
            json(&mut claims, data);
        }
        claims.push(b'}');
        signer.jwt(&claims)
    }

    pub(super) fn t1(&self, key: &SecretKey) -> Result<String, AuthError> {
        let request = self.request;
        let mut inner = Vec::with_capacity(USUAL);
        put(&mut inner, "partner_id=");
        put(&mut inner, self.project);
        put(&mut inner, "&sig=");
        // The signature's place, until all that it covers is there.
        let signature = inner.len();
        inner.extend_from_slice(&[b'0'; 40]);
        inner.push(b':');
        let signed = inner.len();
        put(&mut inner, "session_id=");
        form(&mut inner, &request.session_id);
        put(&mut inner, "&create_time=");
        number(&mut inner, self.now);
        put(&mut inner, "&expire_time=");
        number(&mut inner, self.expires);
        put(&mut inner, "&role=");
        put(&mut inner, request.role.as_str());
        put(&mut inner, "&nonce=");
        match &request.nonce {
            Some(nonce) => form(&mut inner, nonce),
            None => number(&mut inner, nonce::number()?),
        }
        if !request.initial_layout_class_list.is_empty() {
            put(&mut inner, "&initial_layout_class_list=");
            form(&mut inner, &request.initial_layout_class_list.join(" "));
        }
        if let Some(data) = &request.connection_data {
            put(&mut inner, "&connection_data=");
            form(&mut inner, data);
        }
        let digits = key.t1(inner.get(signed..).unwrap_or_default());
        if let Some(place) = inner.get_mut(signature..).and_then(|rest| rest.first_chunk_mut()) {
            *place = digits;
        }
        let mut token = Vec::with_capacity(4 + inner.len().div_ceil(3) * 4);
        put(&mut token, "T1==");
        base64(&STANDARD, &inner, &mut token);
        Ok(text(token))
    }
}

/// The number that a nonce of the caller's is, if it can go as one without a change.
fn exact(nonce: &str) -> Option<u64> {
    let value: u64 = nonce.parse().ok().filter(|value| value >> EXACT_BITS == 0)?;
    // Neither a sign nor leading zeros.
    (value.to_string() == nonce).then_some(value)
}

/// Appends a text as it is. Inlined, so that fixed texts are stored and not copied.
#[inline(always)]
fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends a number; faster than `write!`.
fn number(out: &mut Vec<u8>, value: u64) {
    // Writing into memory does not fail.
    let _ = serde_json::to_writer(out, &value);
}

/// Appends a text as a JSON string.
fn json(out: &mut Vec<u8>, text: &str) {
    // Without a branch per byte, so that the compiler looks at many bytes in one step.
    if text.bytes().fold(false, |any, b| any | (b < b' ') | (b == b'"') | (b == b'\\')) {
        put(out, &Value::from(text).to_string());
    } else {
        out.push(b'"');
        put(out, text);
        out.push(b'"');
    }
}

/// Appends the value of a form field.
fn form(out: &mut Vec<u8>, text: &str) {
    if text.bytes().fold(true, |all, b| all & LETTERS.get(usize::from(b)).is_some_and(|letter| *letter)) {
        put(out, text);
    } else {
        byte_serialize(text.as_bytes()).for_each(|piece| put(out, piece));
    }
}

/// The bytes that a form field holds as they are; all that session ids are usually made of.
const LETTERS: [bool; 256] = {
    let mut letters = [false; 256];
    let (mut rest, mut byte): (&mut [bool], u8) = (&mut letters, 0);
    while let [letter, more @ ..] = rest {
        *letter = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        (rest, byte) = (more, byte.wrapping_add(1));
    }
    letters
};
