//! What the service answers, and the forms of its values.

use std::fmt;

use rtc_core::encode::{decode_json, without_bom};
use rtc_core::http::{Response, Uri};
use rtc_core::validate::{Checks, Field, Unit, Violations};
use rtc_core::wire::{As, Items, Lenient};
use rtc_core::{Bytes, DecodeError, Secret};
use serde::de::DeserializeOwned;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use serde_with::{DeserializeAs, Same};

use crate::operation::Protocol;

/// The forms that only this provider has.
pub(crate) mod pattern {
    use rtc_core::validate::pattern::name;

    /// `arn:aws[a-z-]*:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+`, as a whole.
    pub(crate) fn channel_arn(text: &str) -> bool {
        super::ArnParts::read(text).is_some()
    }

    /// The id of a viewer; the prefix `AWS_` is reserved in any case.
    pub(crate) fn viewer_id(text: &str) -> bool {
        name(text) && !text.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws_"))
    }

    /// The characters of base64.
    pub(crate) fn base64_text(text: &str) -> bool {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    }

    /// What the key or the value of a tag may hold.
    pub(crate) fn tag_text(text: &str) -> bool {
        // Whitespace but for the control characters is what Unicode calls separators.
        let separator = |c: char| c.is_whitespace() && !c.is_control();
        text.chars().all(|c| c.is_alphanumeric() || separator(c) || "_.:/=+-@".contains(c))
    }

    /// A region: words of lower-case letters and digits between hyphens, so that it stays one label of a host.
    pub(crate) fn region(text: &str) -> bool {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        text.split('-').all(word)
    }
}

struct ArnParts<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    kind: &'a str,
    name: &'a str,
    created: &'a str,
}

impl<'a> ArnParts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let all = |part: &str, allowed: fn(u8) -> bool| !part.is_empty() && part.bytes().all(allowed);
        let rest = text.strip_prefix("arn:")?;
        let (partition, rest) = rest.split_once(':')?;
        let (region, rest) = rest.strip_prefix("kinesisvideo:")?.split_once(':')?;
        let (account, resource) = rest.split_once(':')?;
        let (kind, rest) = resource.split_once('/')?;
        let (name, created) = rest.split_once('/')?;
        let good = partition
            .strip_prefix("aws")
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
            && all(region, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && all(account, |b| b.is_ascii_digit())
            && all(kind, |b| b.is_ascii_lowercase())
            && all(name, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            && all(created, |b| b.is_ascii_digit());
        good.then_some(Self { partition, region, account, kind, name, created })
    }
}

/// The ARN of a signaling channel, `arn:aws:kinesisvideo:region:account:channel/name/time`.
///
/// ```
/// let arn = kvs_signaling::ChannelArn::parse("arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123")?;
/// assert_eq!((arn.region(), arn.channel_name()), ("us-west-2", "demo"));
/// # Ok::<(), kvs_signaling::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelArn(String);

impl ChannelArn {
    /// Reads an ARN: 1 to 1024 characters.
    ///
    /// # Errors
    /// Validation: it is too long, or not the ARN of a channel.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violations> {
        let text = text.into();
        let mut checks = Checks::new();
        checks
            .text(Field::new("channel_arn", "ChannelARN"), &text)
            .length(Unit::Chars, Some(1), Some(1024))
            .pattern(
                pattern::channel_arn,
                "an ARN of a signaling channel (arn:aws:kinesisvideo:region:account:channel/name/time)",
            )
            .done();
        checks.finish()?;
        Ok(Self(text))
    }

    fn part(&self, part: fn(ArnParts<'_>) -> &str) -> &str {
        // It was read once, so it can be read again.
        ArnParts::read(&self.0).map(part).unwrap_or_default()
    }

    /// The partition: `aws`, `aws-cn`, `aws-us-gov` and so on.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(|p| p.partition)
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(|p| p.region)
    }

    /// The account that owns the channel.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(|p| p.account)
    }

    /// The kind of resource, `channel`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.part(|p| p.kind)
    }

    /// The name of the channel.
    #[must_use]
    pub fn channel_name(&self) -> &str {
        self.part(|p| p.name)
    }

    /// The time of creation as the service writes it: milliseconds since 1970.
    #[must_use]
    pub fn created(&self) -> &str {
        self.part(|p| p.created)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ChannelArn> for String {
    fn from(arn: ChannelArn) -> Self {
        arn.0
    }
}

/// Reads an object only from an object, and of a member that stands twice the last one.
pub(crate) struct Object;

impl<'de, T: DeserializeOwned> DeserializeAs<'de, T> for Object {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        rtc_core::wire::last_wins(deserializer)
    }
}

fn decode_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let members: Map<String, Value> = decode_json(body)?;
    serde_json::from_value(Value::Object(members)).map_err(|e| DecodeError::json(&e))
}

/// One endpoint of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChannelEndpoint {
    /// The protocol, kept as it came if unknown.
    #[serde(rename(deserialize = "Protocol"), default, deserialize_with = "As::<Option<Same>>::deserialize")]
    pub protocol: Option<Protocol>,
    /// The URL.
    #[serde(
        rename(deserialize = "ResourceEndpoint"),
        default,
        deserialize_with = "As::<Option<Lenient>>::deserialize"
    )]
    pub resource_endpoint: Option<String>,
}

/// The endpoints of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ChannelEndpoints {
    /// All of them, in the service's order, those of unknown protocols included.
    #[serde(rename = "ResourceEndpointList", default, deserialize_with = "As::<Items<Object>>::deserialize")]
    pub resource_endpoint_list: Vec<ChannelEndpoint>,
}

impl ChannelEndpoints {
    /// The endpoint of a protocol, whatever the case it was written in.
    fn of(&self, protocol: &Protocol) -> Option<&str> {
        let same = |e: &&ChannelEndpoint| {
            e.protocol.as_ref().is_some_and(|p| p.as_str().eq_ignore_ascii_case(protocol.as_str()))
        };
        self.resource_endpoint_list.iter().filter(same).find_map(|e| e.resource_endpoint.as_deref())
    }

    /// The endpoint of the data plane.
    #[must_use]
    pub fn https(&self) -> Option<&str> {
        self.of(&Protocol::Https)
    }

    /// The endpoint of the signaling WebSocket.
    #[must_use]
    pub fn wss(&self) -> Option<&str> {
        self.of(&Protocol::Wss)
    }

    /// The endpoint of the storage session.
    #[must_use]
    pub fn webrtc(&self) -> Option<&str> {
        self.of(&Protocol::Webrtc)
    }
}

impl Serialize for ChannelEndpoints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("ChannelEndpoints", 4)?;
        out.serialize_field("resource_endpoint_list", &self.resource_endpoint_list)?;
        out.serialize_field("https", &self.https())?;
        out.serialize_field("wss", &self.wss())?;
        out.serialize_field("webrtc", &self.webrtc())?;
        out.end()
    }
}

/// Reads the answer of a call that tells nothing: no body, or an object. The service answers in objects only, so this is
/// stricter than what all providers have in common.
pub(crate) fn decode_nothing<O>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<(), DecodeError> {
    if without_bom(response.body()).trim_ascii().is_empty() {
        return Ok(());
    }
    decode_json::<Map<String, Value>>(response.body()).map(|_| ())
}

/// Reads any answer of this service: an object, leniently inside.
pub(crate) fn decode<O, T: DeserializeOwned>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<T, DecodeError> {
    decode_object(response.body())
}

/// The TURN servers of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IceServerConfig {
    /// The servers; there may be none.
    #[serde(
        rename(deserialize = "IceServerList"),
        default,
        deserialize_with = "As::<Items<Object>>::deserialize"
    )]
    pub ice_server_list: Vec<TurnServer>,
}

/// A TURN server with credentials. Nothing of it is checked: real user names and passwords hold more
/// characters than the documented form allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TurnServer {
    /// The URLs, `turn:` and `turns:`.
    #[serde(rename = "Uris", default, deserialize_with = "As::<Items<Lenient>>::deserialize")]
    pub uris: Vec<String>,
    /// The user name.
    #[serde(rename = "Username", default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub username: Option<String>,
    /// The password.
    #[serde(rename = "Password", default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub password: Option<Secret>,
    /// For how many seconds the credentials are valid.
    #[serde(rename = "Ttl", default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub ttl: Option<u64>,
}

impl TurnServer {
    /// Whether the life of the credentials is within the documented 30 to 86,400 seconds; `None` without one.
    #[must_use]
    pub fn ttl_in_documented_range(&self) -> Option<bool> {
        self.ttl.map(|ttl| (30..=86_400).contains(&ttl))
    }

    /// The number before the first `:` of the user name: most likely when it expires, in seconds since 1970.
    #[must_use]
    pub fn username_expiry_epoch(&self) -> Option<u64> {
        let (number, _) = self.username.as_deref()?.split_once(':')?;
        number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())?
    }
}

impl Serialize for TurnServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("TurnServer", 6)?;
        out.serialize_field("uris", &self.uris)?;
        out.serialize_field("username", &self.username)?;
        out.serialize_field("password", &self.password)?;
        out.serialize_field("ttl", &self.ttl)?;
        out.serialize_field("ttl_in_documented_range", &self.ttl_in_documented_range())?;
        out.serialize_field("username_expiry_epoch", &self.username_expiry_epoch())?;
        out.end()
    }
}
