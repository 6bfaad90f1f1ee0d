//! Reads responses strictly: every control member once, ids and codes by their digits, not by their value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::SoraError;

/// Why a message has no bearing on any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Not UTF-8, not JSON, or no object.
    Malformed,
    /// No id that a call can have.
    NoId,
}

/// A control member of an object.
#[derive(Debug, Clone, Copy)]
enum Slot<'m> {
    Missing,
    Once(&'m RawValue),
    Twice,
}

impl<'m> Slot<'m> {
    /// The value; none when it is missing or there twice.
    fn once(self) -> Option<&'m str> {
        if let Self::Once(value) = self { Some(value.get()) } else { None }
    }
}

/// A response whose id is good; the rest is not judged yet.
#[derive(Debug)]
pub(crate) struct Envelope<'m> {
    pub(crate) id: u64,
    jsonrpc: Slot<'m>,
    result: Slot<'m>,
    error: Slot<'m>,
}

/// Reads a message as far as its id.
pub(crate) fn envelope(message: &[u8]) -> Result<Envelope<'_>, Dropped> {
    let text = std::str::from_utf8(message).map_err(|_| Dropped::Malformed)?;
    let members = members(text, ["id", "jsonrpc", "result", "error"]).ok_or(Dropped::Malformed)?;
    let [id, jsonrpc, result, error] = members;
    let id = id.once().and_then(unsigned).ok_or(Dropped::NoId)?;
    Ok(Envelope { id, jsonrpc, result, error })
}

impl<'m> Envelope<'m> {
    /// The result as JSON text, the server's error, or the violation that the response is.
    pub(crate) fn outcome(self) -> Result<&'m str, SoraError> {
        let violation = SoraError::ProtocolViolation { id: self.id };
        if self.jsonrpc.once().and_then(text).as_deref() != Some("2.0") {
            return Err(violation);
        }
        match (self.result, self.error) {
            (Slot::Once(result), Slot::Missing) => Ok(result.get()),
            (Slot::Missing, Slot::Once(error)) => Err(remote(error.get()).unwrap_or(violation)),
            _ => Err(violation),
        }
    }
}

fn remote(error: &str) -> Option<SoraError> {
    let [code, message, data] = members(error, ["code", "message", "data"])?;
    let data = match data {
        Slot::Missing => None,
        Slot::Once(data) => Some(serde_json::from_str(data.get()).ok()?),
        Slot::Twice => return None,
    };
    let code = signed(code.once()?)?;
    let message = text(message.once()?)?.into_owned();
    Some(SoraError::Remote { code, message, data })
}

/// An integer written as digits only: `1e2` and `1.0` are none.
fn unsigned(number: &str) -> Option<u64> {
    number.parse().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()))
}

fn signed(number: &str) -> Option<i32> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    number.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn text(json: &str) -> Option<Cow<'_, str>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let text = Text.deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| text)
}

/// The named members of an object; none when the text is not exactly one JSON object.
fn members<'m, const N: usize>(json: &'m str, names: [&'static str; N]) -> Option<[Slot<'m>; N]> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let found = Members(names).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| found)
}

struct Members<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Members<N> {
    type Value = [Slot<'de>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    type Value = [Slot<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [Slot::Missing; N];
        // Names are compared as they read, so an escape cannot hide a duplicate.
        while let Some(name) = map.next_key_seed(Text)? {
            let value: &'de RawValue = map.next_value()?;
            if let Some((slot, _)) = found.iter_mut().zip(self.0).find(|(_, known)| *known == name) {
                *slot = if matches!(slot, Slot::Missing) { Slot::Once(value) } else { Slot::Twice };
            }
        }
        Ok(found)
    }
}

/// A text, borrowed where it holds no escape.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
