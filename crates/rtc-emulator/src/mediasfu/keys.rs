//! Disposable keys. The names of the members are not documented: they are the plainest ones here.
//!
//! `create`: `name` (unique), `allowedOperations`, `environment` (`sandbox`, the default, or `production`), `domains`
//! (required for production), `expiresAt` (milliseconds since 1970; never when not given). `update` and `revoke` find the
//! key by `keyId` or `name`. Members that are none of these are ignored, as the service's clients may know more.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Call;
use super::access::{Caller, permission};
use super::reply::{Outcome, Reply, bad, conflict, created, missing, ok, refuse};
use crate::provider::Exchange;
use crate::time::unix_millis;

/// What a key can be allowed.
const OPERATIONS: [&str; 10] = [
    "createRoom",
    "deleteRoom",
    "createEventSettings",
    "updateEventSettings",
    "initiateCalls",
    "sipCallList",
    "sipCallSummary",
    "sipCallState",
    "sipCallEnd",
    "sipCallControl",
];
/// How many keys an account has at once; enforced with the quotas.
const QUOTA: usize = 100;
/// The length of a key.
const LENGTH: usize = 64;

/// A key, revoked ones included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DisposableKey {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) production: bool,
    /// Where production keys work: hosts, by the Origin header.
    pub(super) domains: Vec<String>,
    pub(super) allowed_operations: Vec<String>,
    /// Milliseconds since 1970; none for never.
    pub(super) expires_at: Option<u64>,
    pub(super) revoked: bool,
    /// How often each operation was asked for.
    pub(super) usage: BTreeMap<String, u64>,
}

impl DisposableKey {
    /// Lets a request in and counts it, or says why not.
    pub(super) fn admit(&mut self, exchange: &Exchange) -> Result<(), Reply> {
        let unauthorised = |text: &str| Err(refuse(StatusCode::UNAUTHORIZED, text));
        if self.revoked {
            return unauthorised("The key was revoked");
        }
        if self.expires_at.is_some_and(|at| at <= unix_millis(exchange.now)) {
            return unauthorised("The key has expired");
        }
        if self.production && !self.is_at_home(exchange.header("origin")) {
            return Err(refuse(StatusCode::FORBIDDEN, "Forbidden domain"));
        }
        let wanted = permission(exchange.operation);
        let allowed = wanted.is_some_and(|wanted| self.allowed_operations.iter().any(|name| name == wanted));
        if !allowed && exchange.operation != "check_session" {
            return Err(refuse(StatusCode::FORBIDDEN, "Operation not allowed"));
        }
        *self.usage.entry(wanted.unwrap_or("session").to_owned()).or_default() += 1;
        Ok(())
    }

    fn is_at_home(&self, origin: Option<&str>) -> bool {
        let rest = origin.and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        let host = rest.map(|rest| rest.split([':', '/']).next().unwrap_or_default());
        host.is_some_and(|host| self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host)))
    }

    fn status(&self, now: u64) -> &'static str {
        match (self.revoked, self.expires_at.is_some_and(|at| at <= now)) {
            (true, _) => "revoked",
            (false, true) => "expired",
            (false, false) => "active",
        }
    }

    fn told(&self, id: &str, now: u64) -> Map<String, Value> {
        let told = json!({
            "keyId": id, "name": self.name, "status": self.status(now),
            "environment": if self.production { "production" } else { "sandbox" },
            "domains": self.domains, "allowedOperations": self.allowed_operations, "expiresAt": self.expires_at,
        });
        if let Value::Object(members) = told { members } else { Map::new() }
    }

    fn used(&self, id: &str) -> Value {
        let total: u64 = self.usage.values().sum();
        json!({ "success": true, "keyId": id, "name": self.name, "total": total, "operations": self.usage })
    }

    /// Takes over what a request says.
    fn take(&mut self, body: &Value) -> Result<(), Reply> {
        if let Some(names) = texts(body, "allowedOperations")? {
            if let Some(odd) = names.iter().find(|name| !OPERATIONS.contains(&name.as_str())) {
                return Err(bad(format!("allowedOperations: there is no operation {odd}")));
            }
            self.allowed_operations = names;
        }
        if let Some(domains) = texts(body, "domains")? {
            self.domains = domains;
        }
        match body.get("expiresAt") {
            None | Some(Value::Null) => {}
            Some(Value::Number(at)) if at.is_u64() => self.expires_at = at.as_u64(),
            Some(_) => return Err(bad("expiresAt must be milliseconds since 1970")),
        }
        if self.allowed_operations.is_empty() {
            return Err(bad("allowedOperations must name an operation"));
        }
        if self.production && self.domains.is_empty() {
            return Err(bad("domains must name one: production keys work from registered domains only"));
        }
        Ok(())
    }
}

fn texts(body: &Value, name: &str) -> Result<Option<Vec<String>>, Reply> {
    let given = body.get(name).filter(|value| !value.is_null()).cloned();
    given.map(serde_json::from_value).transpose().map_err(|_| bad(format!("{name} must be a list of texts")))
}

pub(super) fn manage(call: &mut Call<'_>) -> Outcome {
    match call.text("action") {
        "create" => create(call),
        "update" => {
            let now = call.now;
            let body = call.body.clone();
            let (id, key) = find(call)?;
            if key.revoked {
                return Err(conflict("The key was revoked."));
            }
            let mut changed = key.clone();
            changed.take(&body)?;
            *key = changed;
            let mut told = key.told(&id, now);
            told.insert("success".into(), true.into());
            ok(told.into())
        }
        _ => {
            let (id, key) = find(call)?;
            key.revoked = true;
            ok(json!({ "success": true, "keyId": id }))
        }
    }
}

fn create(call: &mut Call<'_>) -> Outcome {
    let name = call.text("name").to_owned();
    if name.trim().is_empty() {
        return Err(bad("name is required"));
    }
    let now = call.now;
    let mut active = call.state.disposable_keys.values().filter(|key| key.status(now) == "active");
    if active.clone().count() >= QUOTA && call.hub.shared.quotas() {
        return Err(refuse(StatusCode::FORBIDDEN, "The account has as many disposable keys as it may."));
    }
    if active.any(|key| key.name == name) {
        return Err(conflict("There is a key of this name."));
    }
    let production = match call.body.get("environment").and_then(Value::as_str) {
        None | Some("sandbox") => false,
        Some("production") => true,
        Some(_) => return Err(bad("environment must be sandbox or production")),
    };
    let prefix = if production { "tempprod" } else { "tempsand" };
    let key = format!("{prefix}{}", call.hub.shared.ids.alnum(LENGTH - prefix.len()));
    let mut made = DisposableKey { name, key: key.clone(), production, ..DisposableKey::default() };
    made.take(&call.body)?;
    let id = call.hub.shared.ids.hex(24);
    let mut told = made.told(&id, now);
    told.insert("success".into(), true.into());
    told.insert("key".into(), key.into());
    call.state.disposable_keys.insert(id, made);
    created(told.into())
}

fn find<'a>(call: &'a mut Call<'_>) -> Result<(String, &'a mut DisposableKey), Reply> {
    let (id, name) = (call.text("keyId").to_owned(), call.text("name").to_owned());
    if id.is_empty() && name.is_empty() {
        return Err(bad("keyId or name is required"));
    }
    let is_it = |known: &str, key: &DisposableKey| if id.is_empty() { key.name == name } else { known == id };
    let found = call.state.disposable_keys.iter_mut().find(|(known, key)| is_it(known, key));
    found.map(|(id, key)| (id.clone(), key)).ok_or_else(unknown)
}

fn unknown() -> Reply {
    missing("The disposable key does not exist.")
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let keys = call.state.disposable_keys.iter().map(|(id, key)| key.told(id, call.now).into());
    let keys: Vec<Value> = keys.collect();
    ok(json!({ "success": true, "keys": keys }))
}

pub(super) fn usage(call: &mut Call<'_>) -> Outcome {
    let (id, name) = (call.param("key_id"), call.exchange.query("name"));
    if id.is_empty() && name.is_none() {
        return Err(bad("name is required"));
    }
    let is_it = |known: &str, key: &DisposableKey| match name {
        Some(name) if id.is_empty() => key.name == name,
        _ => known == id,
    };
    let found = call.state.disposable_keys.iter().find(|(known, key)| is_it(known, key));
    let (id, key) = found.ok_or_else(unknown)?;
    ok(key.used(id))
}

pub(super) fn quota(call: &mut Call<'_>) -> Outcome {
    let used = call.state.disposable_keys.values().filter(|key| key.status(call.now) == "active").count();
    ok(json!({ "success": true, "limit": QUOTA, "used": used, "remaining": QUOTA.saturating_sub(used) }))
}

/// What the disposable key of the request may do.
pub(super) fn session(call: &mut Call<'_>) -> Outcome {
    let Caller::Disposable(id) = &call.caller else {
        return Err(refuse(StatusCode::FORBIDDEN, "A disposable key is needed here"));
    };
    let key = call.state.disposable_keys.get(id).ok_or_else(unknown)?;
    let tools = key.allowed_operations.iter().map(|name| json!({ "name": name, "operation": name }));
    let tools: Vec<Value> = tools.collect();
    ok(json!({
        "success": true, "username": crate::credentials::MEDIASFU_API_USER_NAME,
        "allowedOperations": key.allowed_operations, "actionTools": tools,
    }))
}
