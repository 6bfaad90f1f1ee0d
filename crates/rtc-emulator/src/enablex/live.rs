//! Live recordings and streams: both run once in a session, may have to wait, and can fail.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

/// How long a request waits in the queue.
pub(super) const WAIT: Duration = Duration::from_secs(120);

/// A live recording, or a stream.
#[derive(Clone, Default, PartialEq)]
pub(super) enum Live {
    #[default]
    Off,
    /// It is to start then, or to fail.
    Queued { by: String, at: SystemTime, fails: bool },
    /// It was begun by somebody, or by itself.
    On { by: String },
    /// The older recording runs in place of it.
    Fallback { by: String },
}

impl Live {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Queued { .. } => "queued",
            Self::On { .. } => "on",
            Self::Fallback { .. } => "fallback",
        }
    }
}

/// What becomes of the next start.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "next", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Next {
    /// It works at once, as always.
    Started,
    /// It waits, and works.
    Queued,
    /// It waits, and then it fails.
    QueuedThenFailed,
    /// The session is recorded in the older way.
    Fallback,
    /// It is refused with this code: the first one of its table if none is given.
    Failed {
        #[serde(default)]
        code: Option<i64>,
    },
    /// It is told to be running already.
    Running,
}

/// The state of a live recording or stream, as acknowledgements and events carry it.
pub(super) fn status(code: i64, success: bool, words: &str) -> Value {
    let error = json!({ "errorCode": code, "errorDesc": words });
    json!({ "resultCode": code, "success": success, "error": error })
}
