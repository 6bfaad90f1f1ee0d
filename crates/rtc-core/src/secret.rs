//! A text that is wiped from memory when dropped and never printed by accident.

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A secret text: `Debug`, `Display` and `Serialize` print `[redacted]`, equality takes constant time,
/// memory is wiped on drop. [`Secret::expose`] is the only way to its content; [`Revealed`] is the only
/// way to serialise it.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The content. Do not print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    /// Wipes the whole allocation at the speed of `memset`; `zeroize` writes byte by byte, which took a sixth of
    /// the time of making a client token.
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.clear();
        bytes.resize(bytes.capacity(), 0);
        // Without it the compiler would see that nobody reads the zeros, and leave them out.
        zeroize::optimization_barrier(bytes.as_slice());
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !REVEAL.get() {
            return serializer.serialize_str(REDACTED);
        }
        crate::echo::note(self);
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Compares two byte strings without telling by its duration where they differ.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0u8, |acc, (x, y)| std::hint::black_box(acc | (x ^ y)));
    std::hint::black_box(difference) == 0
}

thread_local! {
    static REVEAL: Cell<bool> = const { Cell::new(false) };
}

/// Serialises the wrapped value with its secrets in clear: the one explicit way to write them out,
/// for request bodies and for callers who store a result.
///
/// ```
/// use rtc_core::{Revealed, Secret};
/// let secret = Secret::new("s3cr3t");
/// assert_eq!(serde_json::to_string(&secret)?, r#""[redacted]""#);
/// assert_eq!(serde_json::to_string(&Revealed(&secret))?, r#""s3cr3t""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Revealed<'a, T: ?Sized>(pub &'a T);

impl<T: ?Sized> fmt::Debug for Revealed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Serialize + ?Sized> Serialize for Revealed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Restores the flag even if a `Serialize` implementation panics.
        struct Restore(bool);
        impl Drop for Restore {
            fn drop(&mut self) {
                REVEAL.set(self.0);
            }
        }
        let _restore = Restore(REVEAL.replace(true));
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_the_content() {
        let secret = Secret::new("canary");
        assert_eq!(format!("{secret:?} {secret} {secret:#?}"), "[redacted] [redacted] [redacted]");
        assert_eq!(serde_json::to_string(&Revealed(&[&secret])).unwrap(), r#"["canary"]"#);
        assert_eq!(serde_json::to_string(&[&secret]).unwrap(), r#"["[redacted]"]"#);
    }

    #[test]
    fn equality() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_ne!(Secret::new("a"), Secret::new("aa"));
    }
}
