//! How single members are read: numbers and booleans may come as text, and what matters little may be malformed.

use rtc_core::wire::{As, Items, Lenient, Same};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::people::AwaitedUser;
use crate::model::whole_number;

pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    As::<Option<Lenient>>::deserialize(deserializer)
}

pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    As::<Option<Lenient>>::deserialize(deserializer)
}

pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number: Option<f64> = As::<Option<Lenient>>::deserialize(deserializer)?;
    Ok(number.filter(|number| number.is_finite()))
}

pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    // By id, as some members have it: what is asked for are the values.
    let list = match Value::deserialize(deserializer)? {
        Value::Object(members) => members.into_iter().map(|(_, value)| value).collect(),
        value => value,
    };
    As::<Items<Same>>::deserialize(list).map_err(serde::de::Error::custom)
}

/// A list that may be missing: then it tells nothing, and not that there is nobody.
pub(super) fn told<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let items: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(items.map(|items| items.into_iter().flatten().collect()))
}

/// A member whose fault must not cost the rest of the event.
pub(super) fn soft<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

/// The same for a whole number.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(whole_number(&value).and_then(|number| u32::try_from(number).ok()))
}

/// Who waits: an object by client id, or a list.
pub(super) fn awaited<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<AwaitedUser>>, D::Error> {
    let named = |(id, value): (String, Value)| {
        let user = AwaitedUser::deserialize(value).ok()?;
        Some(AwaitedUser { client_id: user.client_id.or(Some(id)), ..user })
    };
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(users) => Some(users.into_iter().filter_map(named).collect()),
        Value::Array(users) => {
            Some(users.into_iter().filter_map(|user| AwaitedUser::deserialize(user).ok()).collect())
        }
        _ => None,
    })
}
