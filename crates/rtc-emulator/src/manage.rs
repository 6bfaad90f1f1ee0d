//! The management API under `/_emulator/`. Its calls are neither logged nor faulted.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Method, Response, StatusCode, request::Parts};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    faults::Fault,
    provider::json as answer,
    routing::{decode, pairs},
    server::Server,
    time::{parse_rfc3339, rfc3339},
};

type Answer = Result<Value, (StatusCode, String)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance_ms: Option<u64>,
    set: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

impl Server {
    pub(crate) fn manage(&self, parts: &Parts, path: &str, body: &Bytes) -> Response<Full<Bytes>> {
        if let Some(reason) = crate::visitor::refused(parts, self.shared.loopback) {
            return refuse(StatusCode::FORBIDDEN, reason);
        }
        if let Some(response) = self.inspect(parts, path) {
            return response;
        }
        let body = match serde_json::from_slice::<Value>(body) {
            Ok(value) => value,
            Err(_) if body.trim_ascii().is_empty() => Value::Null,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &format!("the body is no JSON: {error}")),
        };
        // A provider's own calls first: their status is their own.
        let (head, rest) = path.split_once('/').unwrap_or((path, ""));
        if let Some(provider) = self.providers.iter().find(|provider| provider.name() == head)
            && let Some((status, value)) = provider.manage(&parts.method, rest, &body)
        {
            return answer(status, &value);
        }
        match self.call(parts, path, body) {
            Ok(value) => answer(StatusCode::OK, &value),
            Err((status, message)) => refuse(status, &message),
        }
    }

    fn call(&self, parts: &Parts, path: &str, body: Value) -> Answer {
        let shared = &self.shared;
        let query = pairs(parts.uri.query().unwrap_or(""));
        let query =
            |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (&parts.method, path) {
            (&Method::GET, "health") => Ok(json!({
                "status": "ok",
                "version": env!("CARGO_PKG_VERSION"),
                "providers": self.providers.iter().map(|p| p.name()).collect::<Vec<_>>(),
                "quotas": shared.quotas(),
                "loopback": shared.loopback,
                "seed": shared.seed,
            })),
            (&Method::GET, "state") => Ok(self.state()),
            (&Method::POST, "reset") => {
                self.reset();
                Ok(json!({}))
            }
            (&Method::POST, "seed") => self.seed(body).map(|()| json!({})).map_err(bad),
            (&Method::GET, "log") => {
                let since = query("since").unwrap_or("0").parse().map_err(|_| bad("since is no number"))?;
                Ok(json!({ "entries": shared.log.entries(since, query("operation")) }))
            }
            (&Method::DELETE, "log") => {
                shared.log.clear();
                Ok(json!({}))
            }
            (&Method::GET, "faults") => Ok(json!({ "faults": shared.faults.list() })),
            (&Method::POST, "faults") => self.add_faults(body).map(|ids| json!({ "ids": ids })).map_err(bad),
            (&Method::DELETE, "faults") => {
                shared.faults.clear();
                Ok(json!({}))
            }
            (&Method::GET, "clock") => Ok(self.clock()),
            (&Method::POST, "clock") => {
                self.move_clock(body).map_err(bad)?;
                Ok(self.clock())
            }
            (&Method::GET, "quotas") => Ok(json!({ "on": shared.quotas() })),
            (&Method::POST, "quotas") => {
                let Switch { on } = serde_json::from_value(body).map_err(|error| bad(error.to_string()))?;
                shared.quotas.store(on, Ordering::Relaxed);
                Ok(json!({ "on": on }))
            }
            (&Method::DELETE, path) => {
                let id = path.strip_prefix("faults/").map(|id| decode(id, false));
                match id {
                    Some(id) if shared.faults.remove(&id) => Ok(json!({})),
                    Some(id) => Err((StatusCode::NOT_FOUND, format!("there is no fault {id:?}"))),
                    None => Err(unknown(parts)),
                }
            }
            _ => Err(unknown(parts)),
        }
    }

    pub(crate) fn state(&self) -> Value {
        self.providers.iter().map(|p| (p.name().to_owned(), p.state())).collect::<Map<_, _>>().into()
    }

    pub(crate) fn reset(&self) {
        self.providers.iter().for_each(|provider| provider.reset());
        self.shared.faults.clear();
        self.shared.log.clear();
        self.shared.quotas.store(self.quotas, Ordering::Relaxed);
        self.shared.clock.reset();
        self.shared.reseed();
    }

    pub(crate) fn seed(&self, seed: Value) -> Result<(), String> {
        let Value::Object(members) = seed else { return Err("a seed is an object of provider names".into()) };
        // All names first: a seed is not taken by halves for a mistyped one.
        let find = |name: &str| self.providers.iter().find(|provider| provider.name() == name);
        if let Some(name) = members.keys().find(|name| find(name).is_none()) {
            return Err(format!("there is no provider {name:?}"));
        }
        for (name, state) in members {
            if let Some(provider) = find(&name) {
                provider.seed(state).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Takes one rule or a list of them: all, or none when one is wrong.
    pub(crate) fn add_faults(&self, body: Value) -> Result<Vec<String>, String> {
        let rules = if let Value::Array(rules) = body { rules } else { vec![body] };
        let rules: Result<Vec<Fault>, _> = rules.into_iter().map(serde_json::from_value).collect();
        self.shared.faults.add_all(rules.map_err(|error| error.to_string())?)
    }

    fn clock(&self) -> Value {
        json!({ "now": rfc3339(self.shared.clock.now()), "manual": self.shared.clock.is_manual() })
    }

    fn move_clock(&self, body: Value) -> Result<(), String> {
        match serde_json::from_value(body).map_err(|error| error.to_string())? {
            Move { advance_ms: Some(ms), set: None } => self.shared.clock.advance(Duration::from_millis(ms)),
            Move { advance_ms: None, set: Some(text) } => {
                let at = parse_rfc3339(&text).ok_or_else(|| format!("{text:?} is no RFC 3339 instant"))?;
                self.shared.clock.set(at);
            }
            _ => return Err("give either advance_ms or set".into()),
        }
        Ok(())
    }
}

fn bad(message: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message.into())
}

fn unknown(parts: &Parts) -> (StatusCode, String) {
    const KNOWN: &str = "GET health, GET state, POST reset, POST seed, GET|DELETE log, GET|POST|DELETE faults, \
                         DELETE faults/{id}, GET|POST clock, GET|POST quotas, <provider>/..., and \
                         the page at GET /_emulator/";
    (
        StatusCode::NOT_FOUND,
        format!("{} {} is no management call; there are: {KNOWN}", parts.method, parts.uri.path()),
    )
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    answer(status, &json!({ "error": { "message": message } }))
}
