//! External sources, and the addresses that telephone calls may come from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rtc_core::encode::decode_json;
use rtc_core::http::{Response, Uri};
use rtc_core::wire::{As, Items, Same};
use rtc_core::{Bytes, DecodeError, IpNet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::operation::{GetExternalSession, Track};

/// How far an external source is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExternalSessionState {
    /// `provisioned`, `active` or another word of the service.
    pub state: String,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// The kinds of the tracks that can be watched: neither closed nor failed, and active.
    pub active_kinds: Vec<String>,
    /// Whether each kind can be watched now: the source is active, and so is its track.
    pub ready_for: BTreeMap<String, bool>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    state: Option<String>,
    #[serde(default, deserialize_with = "As::<Items<Same>>::deserialize")]
    tracks: Vec<Track>,
}

pub(crate) fn decode_external_session(
    _request: &GetExternalSession,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<ExternalSessionState, DecodeError> {
    let Answer { state, tracks } = decode_json(response.body())?;
    let state = state.ok_or_else(|| DecodeError::new("it holds no state"))?;
    let is_active = |track: &&Track| track.state.as_deref() == Some("active");
    let kinds = tracks.iter().filter(is_active).filter_map(|track| track.kind.clone());
    let active_kinds: Vec<String> = kinds.collect();
    let ready = |kind: &String| state == "active" && active_kinds.contains(kind);
    let ready_for =
        tracks.iter().filter_map(|track| Some((track.kind.clone()?, ready(track.kind.as_ref()?))));
    let ready_for = ready_for.collect();
    Ok(ExternalSessionState { state, tracks, active_kinds, ready_for })
}

/// An entry of a list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpRange {
    /// A network, or one address.
    Net(IpNet),
    /// Something that is neither, as it came: what it lets in or keeps out is the service's secret.
    Other(String),
}

impl IpRange {
    /// The network.
    #[must_use]
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::Net(net) => Some(*net),
            Self::Other(_) => None,
        }
    }

    /// Whether an address is in it; `None` when that cannot be told.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> Option<bool> {
        self.net().map(|net| net.contains(&address))
    }
}

impl From<&str> for IpRange {
    fn from(text: &str) -> Self {
        let trimmed = text.trim();
        let address = || trimmed.parse::<IpAddr>().ok().map(IpNet::from);
        let net = trimmed.parse().ok().or_else(address);
        net.map_or_else(|| Self::Other(text.to_owned()), Self::Net)
    }
}

impl<'de> Deserialize<'de> for IpRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Net(net) => serializer.collect_str(net),
            Self::Other(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_what_is_neither() {
        let net = IpRange::from("10.0.0.0/8");
        assert_eq!(net.contains([10, 1, 2, 3].into()), Some(true));
        assert_eq!(net.contains([11, 1, 2, 3].into()), Some(false));
        assert_eq!(IpRange::from(" 192.0.2.7 ").contains([192, 0, 2, 7].into()), Some(true));
        assert_eq!(IpRange::from("2001:db8::/32").net().map(|net| net.prefix_len()), Some(32));
        let other = IpRange::from("sip.example");
        assert_eq!((other.net(), other.contains([10, 0, 0, 1].into())), (None, None));
        assert_eq!(serde_json::to_string(&[net, other]).unwrap(), r#"["10.0.0.0/8","sip.example"]"#);
    }
}
