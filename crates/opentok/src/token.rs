//! Client tokens: JWT and the legacy T1 form, made, verified and read.

use std::time::{Duration, SystemTime};

use rtc_core::validate::{Checks, Field};
use rtc_core::{Rule, Secret};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::credentials::OpenTok;
use crate::error::Result;
use crate::operation::{GenerateToken, Role, TokenFormat};
use crate::session_id;
use crate::signer::Signer;

mod verify;
mod write;

pub(crate) use verify::{read_jwt, verify};

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
    /// The API key that it was made with; the application id in the unified environment.
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
    let parts = write::Parts { project: service.project(), request, now, expires };
    let text = match service.signer() {
        Signer::Secret(key) if request.token_type == TokenFormat::T1 => parts.t1(key),
        signer => parts.jwt(signer),
    }?;
    Ok(Token(text.into()))
}

/// The checks that need the credentials and the time.
fn context_checks(service: &OpenTok, request: &GenerateToken, now: u64, checks: &mut Checks) {
    // An empty one is reported as missing, so there is nothing to say about its owner.
    let owner = Some(&request.session_id).filter(|id| !id.is_empty());
    if let Some((rule, message)) = owner.and_then(|id| session_id::ownership(id, service.project())) {
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
    #[cfg(feature = "unified")]
    if request.token_type == TokenFormat::T1 && matches!(service.signer(), Signer::Rsa(_)) {
        checks.report(
            Field::new("token_type", "token_type"),
            Rule::Conflict,
            None,
            "must be JWT: T1 is signed with an API secret, which an application does not have",
        );
    }
}
