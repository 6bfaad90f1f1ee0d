//! Members that go by more than one name, of which an answer may hold several at once.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;

/// Reads an object as `read` does, other names of a member taken for its own: the first one that is not null
/// counts. `aliases` are pairs of another name and the own one.
///
/// The derived way refuses an object in which a member stands under two of its names.
///
/// # Errors
/// When it is not an object, or `read` refuses it.
pub fn with_aliases<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    aliases: &'static [(&'static str, &'static str)],
    read: fn(Renamed<'de, D>) -> Result<T, D::Error>,
) -> Result<T, D::Error> {
    read(Renamed { deserializer, aliases, lifetime: PhantomData })
}

/// A deserializer whose objects have each aliased member once, under its own name.
pub struct Renamed<'de, D> {
    deserializer: D,
    aliases: &'static [(&'static str, &'static str)],
    lifetime: PhantomData<&'de ()>,
}

impl<D> fmt::Debug for Renamed<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renamed").field("aliases", &self.aliases).finish_non_exhaustive()
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Renamed<'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserializer.deserialize_map(Object { visitor, aliases: self.aliases })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Object<V> {
    visitor: V,
    aliases: &'static [(&'static str, &'static str)],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Members { map, aliases: self.aliases, seen: Vec::new(), value: None })
    }
}

struct Members<A> {
    map: A,
    aliases: &'static [(&'static str, &'static str)],
    seen: Vec<&'static str>,
    /// The value of an aliased member whose name was just given out.
    value: Option<Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            let aliased = self.aliases.iter().find(|(other, own)| name == *other || name == *own);
            let Some((_, own)) = aliased else {
                return seed.deserialize(name.into_deserializer()).map(Some);
            };
            let value: Value = self.map.next_value()?;
            if !value.is_null() && !self.seen.contains(own) {
                self.seen.push(own);
                self.value = Some(value);
                return seed.deserialize((*own).into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<W: DeserializeSeed<'de>>(&mut self, seed: W) -> Result<W::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.map.next_value_seed(seed),
        }
    }
}

/// Writes and reads a type that derives both with `#[serde(remote = "Self")]`, its members' other names
/// included.
#[macro_export]
macro_rules! aliases {
    ($name:ident { $($other:literal = $own:literal),* $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::wire::with_aliases(deserializer, &[$(($other, $own)),*], |renamed| Self::deserialize(renamed))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::wire::{As, Lenient};

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    #[serde(remote = "Self")]
    struct Answer {
        #[serde(
            rename(deserialize = "maxBitrate"),
            default,
            deserialize_with = "As::<Option<Lenient>>::deserialize"
        )]
        max: Option<u32>,
        #[serde(default)]
        name: Option<String>,
    }
    crate::aliases!(Answer { "maxBitRate" = "maxBitrate", "rate" = "maxBitrate" });

    #[test]
    fn the_first_name_that_holds_something_counts() {
        for (text, max) in [
            (r#"{"maxBitrate":1,"name":"n"}"#, Some(1)),
            (r#"{"maxBitRate":"1","name":"n"}"#, Some(1)),
            (r#"{"maxBitRate":1,"name":"n","maxBitrate":2,"rate":3}"#, Some(1)),
            (r#"{"maxBitrate":null,"rate":1,"maxBitRate":2,"x":[{}],"name":"n"}"#, Some(1)),
            (r#"{"maxBitrate":null,"maxBitRate":null,"name":"n"}"#, None),
            (r#"{"name":"n"}"#, None),
        ] {
            let answer: Answer = serde_json::from_str(text).unwrap();
            assert_eq!(answer, Answer { max, name: Some("n".into()) }, "{text}");
        }
        assert_eq!(
            serde_json::to_string(&[Answer { max: Some(1), name: None }]).unwrap(),
            r#"[{"max":1,"name":null}]"#
        );
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for text in [r#"{"rate":"x"}"#, r#"{"rate":-1}"#, "[1,null]", "[]", "7", "null", r#"{"name":7}"#] {
            assert!(serde_json::from_str::<Answer>(text).is_err(), "{text}");
        }
    }
}
