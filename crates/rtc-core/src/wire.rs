//! What several providers' JSON has in common: numbers in strings, strings in numbers, nulls, open enums.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use serde_with::de::DeserializeAsWrap;
use serde_with::{DeserializeAs, SerializeAs};

pub use serde_with::{As, Same};

use crate::secret::Secret;

mod aliases;
mod objects;

pub use aliases::{Renamed, with_aliases};
pub(crate) use objects::Objects;

/// Reads a text from a string, number or boolean, and a number or boolean from itself or a string.
///
/// A boolean is also read from 1 and 0, as a number or a text, and from `true` and `false` in any case.
///
/// For use with [`As`]: `#[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]`.
#[derive(Debug)]
pub struct Lenient;

/// Writes and reads a number as text.
#[derive(Debug)]
pub struct NumberAsText;

/// Reads a list whose null elements are dropped; `T` says how an element is read. Null is an empty list.
#[derive(Debug)]
pub struct Items<T>(PhantomData<T>);

struct Scalar<T>(PhantomData<T>);

impl<T: FromStr> Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.trim().parse().map_err(|_| E::custom("the text does not hold a value of the expected type"))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<T, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<T, E> {
        // 60.0 is sixty for a whole number, too.
        self.visit_str(&value.to_string())
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }
}

impl<'de> DeserializeAs<'de, String> for Lenient {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> DeserializeAs<'de, Secret> for Lenient {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Secret::from)
    }
}

macro_rules! lenient {
    ($($t:ty),*) => {$(
        impl<'de> DeserializeAs<'de, $t> for Lenient {
            fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<$t, D::Error> {
                deserializer.deserialize_any(Scalar(PhantomData))
            }
        }
    )*};
}
lenient!(u32, u64, i64, f64);

/// A boolean in the spellings that servers use for it.
struct Flag(bool);

impl FromStr for Flag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "1" => Ok(Self(true)),
            "0" => Ok(Self(false)),
            _ if text.eq_ignore_ascii_case("true") => Ok(Self(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

impl<'de> DeserializeAs<'de, bool> for Lenient {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(Scalar::<Flag>(PhantomData)).map(|flag| flag.0)
    }
}

impl<T: fmt::Display> SerializeAs<T> for NumberAsText {
    fn serialize_as<S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
}

impl<'de, T, U> DeserializeAs<'de, Vec<T>> for Items<U>
where
    U: DeserializeAs<'de, T>,
{
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let items = Option::<Vec<Option<DeserializeAsWrap<T, U>>>>::deserialize(deserializer)?;
        Ok(items.unwrap_or_default().into_iter().flatten().map(DeserializeAsWrap::into_inner).collect())
    }
}

/// Reads an object whose members may stand twice: the last one wins, as most servers do.
///
/// # Errors
/// When the text is not a JSON object of this shape.
pub fn last_wins<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let map = serde_json::Map::deserialize(deserializer)?;
    serde_json::from_value(serde_json::Value::Object(map)).map_err(D::Error::custom)
}

/// Implements what an open string enum needs: text in and out, unknown values kept in `Other`.
#[macro_export]
macro_rules! string_enum {
    ($name:ident { $($variant:ident = $wire:literal $(/ $input:literal)?),* $(,)? }) => {
        impl $name {
            /// The value as it goes over the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Other(text) => text,
                }
            }

            /// Whether this is one of the documented values.
            #[must_use]
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($wire $(| $input)? => Self::$variant,)*
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::encode::WireText for $name {
            fn wire_text(&self) -> String {
                self.as_str().to_owned()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Answer {
        #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
        id: Option<String>,
        #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
        ttl: Option<u64>,
        #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
        on: Option<bool>,
        #[serde(deserialize_with = "As::<Items<Lenient>>::deserialize")]
        uris: Vec<String>,
    }

    #[test]
    fn lenient_scalars_strict_structure() {
        let read = serde_json::from_str::<Answer>;
        let full = Answer {
            id: Some("7".into()),
            ttl: Some(60),
            on: Some(true),
            uris: vec!["a".into(), "1".into()],
        };
        assert_eq!(read(r#"{"id":7,"ttl":"60","on":"true","uris":["a",null,1]}"#).unwrap(), full);
        assert_eq!(read(r#"{"id":"7","ttl":60.0,"on":true,"uris":["a",1]}"#).unwrap(), full);
        assert_eq!(read(r#"{"id":null,"ttl":null,"uris":null}"#).unwrap(), Answer::default());
        assert!(
            read(r#"{"uris":{}}"#).is_err()
                && read(r#"{"ttl":-1}"#).is_err()
                && read(r#"{"id":{}}"#).is_err()
        );
    }

    #[test]
    fn booleans_in_every_spelling() {
        let read = |value: &str| {
            serde_json::from_str::<Answer>(&format!(r#"{{"on":{value}}}"#)).map(|answer| answer.on)
        };
        for (on, spellings) in [
            (true, ["true", r#""true""#, r#""True""#, r#"" TRUE ""#, "1", "1.0", r#""1""#]),
            (false, ["false", r#""false""#, r#""False""#, r#""FALSE""#, "0", "0.0", r#""0""#]),
        ] {
            for value in spellings {
                assert_eq!(read(value).unwrap(), Some(on), "{value}");
            }
        }
        for value in ["2", "-1", "0.5", r#""yes""#, r#""""#, "[]", "{}"] {
            assert!(read(value).is_err(), "{value}");
        }
    }

    /// As the macro is used beside a provider's own `Result`.
    #[allow(dead_code, unreachable_pub)]
    mod aliased {
        type Result<T> = std::result::Result<T, ()>;

        #[derive(Debug, PartialEq)]
        pub(super) enum Mode {
            On,
            Other(String),
        }
        crate::string_enum!(Mode { On = "on" });
    }

    #[test]
    fn open_enums_beside_an_alias_of_result() {
        use aliased::Mode;
        let modes: Vec<Mode> = serde_json::from_str(r#"["on","new"]"#).unwrap();
        assert_eq!(modes, [Mode::On, Mode::Other("new".into())]);
        assert_eq!(serde_json::to_string(&modes).unwrap(), r#"["on","new"]"#);
    }
}
