//! What the emulator holds before each call, and the names by which calls speak of it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rtc_cli::Run;
use rtc_emulator::Emulator;
use serde_json::{Map, Value};

/// An environment of the service: who signs in how, and what there is.
#[derive(Debug)]
pub(crate) struct World {
    /// Behind the SDK's name in the tables.
    pub(crate) suffix: &'static str,
    /// API key or application id.
    pub(crate) project: String,
    /// API secret or private key.
    pub(crate) secret: String,
    /// The state of the emulator.
    pub(crate) seed: Value,
    names: Map<String, Value>,
    /// Whether it is the environment of applications.
    pub(crate) unified: bool,
}

impl World {
    /// The environment of API keys, and the unified one.
    pub(crate) fn all(emulator: &Emulator, folder: &Path) -> Result<Vec<Self>, String> {
        let access = emulator.opentok();
        let template = json(&folder.join("world.json"))?;
        let make = |suffix, project: &str, secret: &str, unified| {
            let names = names(project);
            let seed = substitute(&names, &template);
            Self { suffix, project: project.into(), secret: secret.into(), seed, names, unified }
        };
        Ok(vec![
            make("", access.api_key(), access.api_secret(), false),
            make(", unified", access.application_id(), access.private_key(), true),
        ])
    }

    /// One more thing to be named.
    pub(crate) fn add(&mut self, name: &str, thing: Value) {
        self.names.insert(name.to_owned(), thing);
    }

    /// An input with the things that it names.
    pub(crate) fn named(&self, input: &Value) -> Value {
        substitute(&self.names, input)
    }

    /// How our crate calls the service at `url` here.
    pub(crate) fn run(&self, url: &str) -> Run {
        let names = if self.unified { ["application_id", "private_key"] } else { ["api_key", "api_secret"] };
        let mut run = Run::default();
        run.credentials =
            names.map(str::to_owned).into_iter().zip([self.project.clone(), self.secret.clone()]).collect();
        run.endpoint = Some(url.to_owned());
        run.no_retry = true;
        run
    }

    /// Whether a fact is compared here. The unified environment only signs in otherwise: what else differs has
    /// been told already.
    pub(crate) fn compares(&self, place: &str) -> bool {
        !self.unified || ["auth", "claims", "header", "path"].iter().any(|part| place.starts_with(part))
    }
}

/// Reads a file.
pub(crate) fn json(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The things of a project, the same in every run but for the time.
fn names(project: &str) -> Map<String, Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let session = |nonce| {
        let fields = format!("1~{project}~~1700000000000~{nonce}~");
        Value::from(format!("2_{}", URL_SAFE_NO_PAD.encode(fields)))
    };
    let mut names = Map::from_iter([
        ("$project".to_owned(), project.into()),
        ("$session".to_owned(), session("interop")),
        ("$busy".to_owned(), session("busy")),
        ("$in_an_hour".to_owned(), (now + 3600).into()),
        ("$now_ms".to_owned(), (now * 1000).into()),
    ]);
    let things = [
        "connection",
        "stream",
        "busy_connection",
        "busy_stream",
        "archive",
        "finished",
        "broadcast",
        "finished_broadcast",
        "render",
        "finished_render",
        "captions",
        "callback",
    ];
    for (number, thing) in things.iter().enumerate() {
        names.insert(format!("${thing}"), format!("00000000-0000-4000-8000-{number:012}").into());
    }
    names
}

/// Puts the things in place of their names, which also are keys of objects.
fn substitute(names: &Map<String, Value>, value: &Value) -> Value {
    match value {
        Value::String(text) => names.get(text).unwrap_or(value).clone(),
        Value::Array(items) => items.iter().map(|item| substitute(names, item)).collect(),
        Value::Object(members) => {
            let key = |name: &String| names.get(name).and_then(Value::as_str).unwrap_or(name).to_owned();
            members.iter().map(|(name, member)| (key(name), substitute(names, member))).collect()
        }
        other => other.clone(),
    }
}
