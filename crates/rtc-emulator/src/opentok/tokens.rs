//! The client tokens that calls hand on: what looks like one is held against the project and the session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use super::Call;
use super::auth::{verify_application, verify_project};
use super::reply::{Refusal, bad};
use crate::routing::pairs;

/// What matters of a token.
struct Token {
    session: String,
    role: String,
    /// Seconds since 1970; none is a day after its making, which nobody waits for here.
    expires: Option<u64>,
}

/// Refuses a token of another project or session, one that is over, and one whose role is not among `roles`.
/// A text that is no token at all passes: the official SDKs' own examples use such.
pub(super) fn check_token(call: &Call<'_, '_>, session: &str, roles: &[&str]) -> Result<(), Refusal> {
    let text = call.text("token");
    let token = if let Some(encoded) = text.strip_prefix("T1==") {
        read_t1(call, encoded)
    } else if text.starts_with("eyJ") {
        read_jwt(call, text)
    } else {
        return Ok(());
    };
    let token = token.map_err(|what| bad(format!("the token is not valid: {what}")))?;
    let now = call.world.now / 1000;
    if token.session != session {
        return Err(bad("the token is for another session"));
    }
    if token.expires.is_some_and(|expires| expires < now) {
        return Err(bad("the token has expired"));
    }
    if !roles.contains(&token.role.as_str()) {
        return Err(bad(format!("the token's role is {}, not {}", token.role, roles.join(" or "))));
    }
    Ok(())
}

fn secret<'a>(call: &'a Call<'_, '_>) -> &'a str {
    call.world.state.projects.get(&call.project).map_or("", |project| project.secret.as_str())
}

fn read_jwt(call: &Call<'_, '_>, text: &str) -> Result<Token, String> {
    let claims =
        if call.is_application() { verify_application(text)? } else { verify_project(text, secret(call))? };
    let name = if call.is_application() { "application_id" } else { "iss" };
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if claim(name) != call.project {
        return Err("it is another project's".into());
    }
    let expires = claims.get("exp").and_then(Value::as_u64);
    Ok(Token { session: claim("session_id"), role: or_publisher(claim("role")), expires })
}

fn read_t1(call: &Call<'_, '_>, encoded: &str) -> Result<Token, String> {
    if call.is_application() {
        return Err("applications have none of the old form".into());
    }
    // One SDK writes the other alphabet.
    let text = STANDARD.decode(encoded.replace('-', "+").replace('_', "/")).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok()).ok_or("it is no base64")?;
    let (head, data) = text.split_once(':').ok_or("it has no data")?;
    let head = pairs(head);
    let of = |pairs: &[(String, String)], name: &str| {
        pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if of(&head, "partner_id") != call.project {
        return Err("it is another project's".into());
    }
    let signature = of(&head, "sig");
    let digits: Vec<char> = signature.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let signature: Vec<u8> =
        digits.chunks(2).map(byte).collect::<Option<_>>().ok_or("its signature is not hex")?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret(call).as_bytes());
    hmac::verify(&key, data.as_bytes(), &signature).map_err(|_| "invalid signature")?;
    let data = pairs(data);
    let expires = of(&data, "expire_time").parse().ok();
    Ok(Token { session: of(&data, "session_id"), role: or_publisher(of(&data, "role")), expires })
}

fn or_publisher(role: String) -> String {
    if role.is_empty() { "publisher".to_owned() } else { role }
}
