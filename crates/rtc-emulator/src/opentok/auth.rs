//! Who asks: request tokens of projects (HS256), of the account, and of applications (RS256).

use std::sync::LazyLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::reply::{Refusal, refuse};
use super::state::State;
use crate::credentials::{OPENTOK_ACCOUNT_KEY, OPENTOK_ACCOUNT_SECRET, OPENTOK_PRIVATE_KEY};
use crate::provider::Exchange;
use crate::time::unix_seconds;

/// The longest time between `iat` and `exp` of a request token, and how far clocks may differ, in seconds.
const MAX_LIFETIME: u64 = 300;
const SKEW: u64 = 30;
/// The same for the tokens of applications.
const MAX_APPLICATION_LIFETIME: u64 = 86_400;

/// What a request token says, once it was found good.
#[derive(Debug, Clone, PartialEq)]
pub struct RestToken {
    /// The JOSE header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Checks the token of a request as the service does: HS256 with the secret, `iss` = key, `ist` in claims or
/// header (the Ruby SDK puts it there), a life of at most five minutes, 30 s of clock skew.
///
/// # Errors
/// Says what is wrong with the token.
pub fn verify_rest_token(
    token: &str,
    key: &str,
    secret: &str,
    scope: &str,
    now: SystemTime,
) -> Result<RestToken, String> {
    let parts = Parts::read(token, "HS256")?;
    parts.check_secret(secret)?;
    if parts.issuer().as_deref() != Some(key) {
        return Err("Issuer not found".into());
    }
    let ist = parts.claims.get("ist").or_else(|| parts.header.get("ist")).and_then(Value::as_str);
    if ist != Some(scope) {
        return Err(format!("ist must be {scope}"));
    }
    parts.check_times(MAX_LIFETIME, "five minutes", now)?;
    parts.check_use()?;
    Ok(RestToken { header: parts.header, claims: parts.claims })
}

/// The claims of a JWT that the secret signed, whatever they say.
pub(super) fn verify_project(token: &str, secret: &str) -> Result<Map<String, Value>, String> {
    let parts = Parts::read(token, "HS256")?;
    parts.check_secret(secret)?;
    Ok(parts.claims)
}

/// The claims of a JWT that the demo key signed, whatever they say.
pub(super) fn verify_application(token: &str) -> Result<Map<String, Value>, String> {
    let parts = Parts::read(token, "RS256")?;
    parts.check_demo_key()?;
    Ok(parts.claims)
}

/// The application that a request token of the unified environment was signed for.
fn verify_application_token(token: &str, now: SystemTime) -> Result<String, String> {
    let parts = Parts::read(token, "RS256")?;
    parts.check_demo_key()?;
    parts.check_times(MAX_APPLICATION_LIFETIME, "a day", now)?;
    parts.check_use()?;
    let application = parts.claims.get("application_id").and_then(Value::as_str);
    application.map(str::to_owned).ok_or_else(|| "application_id is missing".into())
}

/// A JWT, taken apart but not yet believed.
struct Parts<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str, algorithm: &str) -> Result<Self, String> {
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let cut =
            token.rsplit_once('.').and_then(|(signed, last)| Some((signed, signed.split_once('.')?, last)));
        let Some((signed, (head, body), signature)) = cut.filter(|(_, (_, body), _)| !body.contains('.'))
        else {
            return Err("the token has not three parts".into());
        };
        let header = object(head).ok_or("the header of the token is not JSON")?;
        let claims = object(body).ok_or("the claims of the token are not JSON")?;
        if header.get("alg").and_then(Value::as_str) != Some(algorithm) {
            return Err(format!("the algorithm of the token is not {algorithm}"));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is not base64")?;
        Ok(Self { header, claims, signed, signature })
    }

    /// A client token is signed with the same key as a request token, but must not open the API.
    fn check_use(&self) -> Result<(), String> {
        match self.claims.get("scope").and_then(Value::as_str) {
            Some("session.connect") => Err("a client token does not authorise requests".into()),
            _ => Ok(()),
        }
    }

    fn check_secret(&self, secret: &str) -> Result<(), String> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| "the secret cannot be a key")?;
        mac.update(self.signed.as_bytes());
        // Constant time.
        mac.verify_slice(&self.signature).map_err(|_| "Invalid signature".into())
    }

    fn check_demo_key(&self) -> Result<(), String> {
        static PUBLIC_KEY: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
            let base64: String =
                OPENTOK_PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
            let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).ok()?).ok()?;
            Some(pair.public_key().as_ref().to_vec())
        });
        let key = PUBLIC_KEY.as_ref().ok_or("the emulator's own key is damaged")?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| "Invalid signature".into())
    }

    fn issuer(&self) -> Option<String> {
        self.claims.get("iss").map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned))
    }

    fn check_times(&self, longest: u64, told: &str, now: SystemTime) -> Result<(), String> {
        let number = |name: &str| self.claims.get(name).and_then(Value::as_u64);
        let (Some(iat), Some(exp)) = (number("iat"), number("exp")) else {
            return Err("iat or exp is missing".into());
        };
        let now = unix_seconds(now);
        if exp.checked_sub(iat).is_none_or(|life| life > longest) {
            return Err(format!("the token lives longer than {told}"));
        }
        if now > exp.saturating_add(SKEW) || now + SKEW < iat {
            return Err("the token is not valid now".into());
        }
        Ok(())
    }
}

/// Lets a request in and says for which project: the one in the path, or the token's own for
/// `POST /session/create`. Of account calls it is the account.
pub(super) fn authorise(state: &State, exchange: &Exchange, account: bool) -> Result<String, Refusal> {
    let no = |message: String| refuse(StatusCode::FORBIDDEN, message);
    let token = exchange.header("x-opentok-auth");
    if account {
        let token = token.unwrap_or_default();
        verify_rest_token(token, OPENTOK_ACCOUNT_KEY, OPENTOK_ACCOUNT_SECRET, "account", exchange.now)
            .map_err(no)?;
        return Ok(OPENTOK_ACCOUNT_KEY.to_owned());
    }
    let path = exchange.params.get("project");
    let project = if let Some(token) = token {
        // The token is not believed for the key that it names: that key's secret must have signed it.
        let named = || Parts::read(token, "HS256").map(|parts| parts.issuer().unwrap_or_default());
        let key = path.map_or_else(named, |path| Ok(path.to_owned())).map_err(no)?;
        let project = state.projects.get(&key).filter(|project| !project.application);
        let project = project.ok_or_else(|| no("Issuer not found".into()))?;
        verify_rest_token(token, &key, &project.secret, "project", exchange.now).map_err(no)?;
        key
    } else if let Some(token) =
        exchange.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    {
        let application = verify_application_token(token, exchange.now).map_err(no)?;
        if path.is_some_and(|path| path != application) {
            return Err(no("the token is for another application than the path".into()));
        }
        // Everybody has the demo key: it opens no project that has a secret.
        if state.projects.get(&application).is_some_and(|found| !found.application) {
            return Err(no("the token names a project with an API key, which is no application".into()));
        }
        application
    } else {
        return Err(no(
            "authentication is missing: X-OPENTOK-AUTH, or Authorization: Bearer of an application".into(),
        ));
    };
    match state.projects.get(&project) {
        None => Err(no("Invalid partner".into())),
        Some(found) if found.status == "SUSPENDED" => Err(no("the project is suspended".into())),
        Some(_) => Ok(project),
    }
}
