//! Acknowledgements.

use rtc_core::Secret;
use rtc_core::wire::{As, Lenient};
use rtc_core::{DecodeError, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, MediaSfuError, Result};
use crate::model::said;

/// What a command is acknowledged with.
pub trait Answer: Sized + Send {
    /// Whether the server acknowledges the command at all.
    const AWAITED: bool = true;

    /// Reads the arguments of the acknowledgement of `operation`.
    ///
    /// # Errors
    /// The server refused the command, or the acknowledgement is not of the known form.
    fn read(operation: &'static str, args: &[Value]) -> Result<Self>;

    /// Whether it lets into the event that the command names, which later commands are about then.
    fn enters(&self) -> bool {
        false
    }
}

/// Of commands that are not acknowledged.
impl Answer for () {
    const AWAITED: bool = false;

    fn read(_operation: &'static str, _args: &[Value]) -> Result<Self> {
        Ok(())
    }
}

/// What became of a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordAck {
    /// Whether it was done: always true here, a refusal is an error.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub success: bool,
    /// The server's words.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub reason: Option<String>,
    /// How far the recording is now.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub record_state: Option<String>,
    /// How often it was paused.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub pause_count: Option<u32>,
}

/// What became of creating or joining an event. A refusal is no error: look at [`success`](Self::success), or use
/// [`entered`](Self::entered).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "the server may have refused"]
#[non_exhaustive]
pub struct EventRoom {
    /// Whether it was done.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub success: bool,
    /// The server's words, also about a refusal.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub reason: Option<String>,
    /// The token that lets in.
    pub secret: Option<Secret>,
    /// The page of the event; it ends with the token.
    #[serde(deserialize_with = "page")]
    pub url: Option<Secret>,
    /// What it answers.
    #[serde(skip)]
    operation: Option<&'static str>,
}

/// The server says `false` where there is none.
fn page<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Secret>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().map(Secret::from))
}

impl EventRoom {
    /// The same, with a refusal as an error.
    ///
    /// # Errors
    /// [`MediaSfuError::Meeting`] with the server's words.
    pub fn entered(self) -> Result<Self> {
        let operation = self.operation.unwrap_or("join_event_room");
        if self.success { Ok(self) } else { Err(refused(operation, self.reason)) }
    }
}

impl Answer for RecordAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let ack: Self = content(args)?;
        if ack.success { Ok(ack) } else { Err(refused(operation, ack.reason)) }
    }
}

impl Answer for EventRoom {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        Ok(Self { operation: Some(operation), ..content(args)? })
    }

    fn enters(&self) -> bool {
        self.success
    }
}

pub(super) fn refused(operation: &'static str, reason: Option<String>) -> Error {
    let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| "it did not say why".into());
    let reason = said(&reason);
    Error::new(Reason::Service(MediaSfuError::Meeting { operation, reason })).with_exchange(1, true)
}

/// The object of an acknowledgement.
pub(super) fn content<T: for<'de> Deserialize<'de>>(args: &[Value]) -> Result<T> {
    let unknown = |error: DecodeError| Error::new(Reason::Decode(error)).with_exchange(1, true);
    match args.first() {
        Some(object @ Value::Object(_)) => {
            T::deserialize(object).map_err(|error| unknown(DecodeError::json(&error)))
        }
        _ => Err(unknown(DecodeError::new("the acknowledgement is not of the known form"))),
    }
}
