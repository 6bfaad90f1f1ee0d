//! What the control plane tells about channels.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rtc_core::Rule;
use rtc_core::Secret;
use rtc_core::validate::{Checks, Field};
use rtc_core::wire::{As, Items, Lenient};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_with::Same;

use crate::instant::{instant, rfc3339_millis};
use crate::model::Object;
use crate::operation::{ChannelStatus, ChannelType, MediaStorageStatus, UntagResource};

/// A channel that was asked to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreatedChannel {
    /// Its ARN.
    #[serde(rename(deserialize = "ChannelARN"))]
    pub channel_arn: String,
}

/// How messages wait in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageSettings {
    /// For how long a message waits for its receiver, in seconds.
    #[serde(
        rename(deserialize = "MessageTtlSeconds"),
        default,
        deserialize_with = "As::<Option<Lenient>>::deserialize"
    )]
    pub message_ttl_seconds: Option<u64>,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Its name.
    #[serde(rename(deserialize = "ChannelName"), default)]
    pub channel_name: Option<String>,
    /// Its ARN.
    #[serde(rename(deserialize = "ChannelARN"), default)]
    pub channel_arn: Option<String>,
    /// Its kind.
    #[serde(rename(deserialize = "ChannelType"), default)]
    pub channel_type: Option<ChannelType>,
    /// How far it is.
    #[serde(rename(deserialize = "ChannelStatus"), default)]
    pub channel_status: Option<ChannelStatus>,
    /// When it was created.
    #[serde(
        rename(deserialize = "CreationTime"),
        default,
        deserialize_with = "read_instant",
        serialize_with = "write_instant"
    )]
    pub creation_time: Option<SystemTime>,
    /// How messages wait.
    #[serde(
        rename(deserialize = "SingleMasterConfiguration"),
        default,
        deserialize_with = "As::<Option<Object>>::deserialize"
    )]
    pub single_master_configuration: Option<MessageSettings>,
    /// Its version, which a change must name.
    #[serde(rename(deserialize = "Version"), default)]
    pub version: Option<String>,
}

/// What is told about one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DescribedChannel {
    /// The channel.
    #[serde(rename(deserialize = "ChannelInfo"), deserialize_with = "As::<Object>::deserialize")]
    pub channel_info: ChannelInfo,
}

/// A page of channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChannelList {
    /// The channels of this page.
    #[serde(
        rename(deserialize = "ChannelInfoList"),
        default,
        deserialize_with = "As::<Items<Object>>::deserialize"
    )]
    pub channel_info_list: Vec<ChannelInfo>,
    /// Where the list goes on.
    #[serde(rename(deserialize = "NextToken"), default)]
    pub next_token: Option<String>,
}

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TagList {
    /// The tags, by key.
    #[serde(rename(deserialize = "Tags"), default, deserialize_with = "read_tags")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Where the list goes on.
    #[serde(rename(deserialize = "NextToken"), default)]
    pub next_token: Option<String>,
}

/// Whether and where media is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaStorage {
    /// Whether it is stored.
    #[serde(rename(deserialize = "Status"), default)]
    pub status: Option<MediaStorageStatus>,
    /// The stream that it is stored in.
    #[serde(rename(deserialize = "StreamARN"), default)]
    pub stream_arn: Option<String>,
}

/// What is told about the storage of a channel's media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DescribedMediaStorage {
    /// Whether and where media is stored.
    #[serde(
        rename(deserialize = "MediaStorageConfiguration"),
        default,
        deserialize_with = "As::<Option<Object>>::deserialize"
    )]
    pub media_storage_configuration: Option<MediaStorage>,
}

/// A channel that stores its media in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MappedResource {
    /// What it is.
    #[serde(rename(deserialize = "Type", serialize = "type"), default)]
    pub resource_type: Option<String>,
    /// Its ARN.
    #[serde(rename(deserialize = "ARN"), default)]
    pub arn: Option<String>,
}

/// A page of channels that store their media in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MappedResources {
    /// The channels of this page.
    #[serde(
        rename(deserialize = "MappedResourceConfigurationList"),
        default,
        deserialize_with = "As::<Items<Object>>::deserialize"
    )]
    pub mapped_resource_configuration_list: Vec<MappedResource>,
    /// Where the list goes on.
    #[serde(rename(deserialize = "NextToken"), default)]
    pub next_token: Option<String>,
}

/// The master's answer to an Alexa device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlexaAnswer {
    /// The SDP answer in base64. A secret: it holds the password of an ICE session.
    #[serde(rename(deserialize = "Answer"), default)]
    pub answer: Option<Secret>,
}

/// Reads tags; one without a value is none.
fn read_tags<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let tags: Option<BTreeMap<String, Option<String>>> =
        As::<Option<BTreeMap<Same, Option<Lenient>>>>::deserialize(deserializer)?;
    Ok(tags.map(|tags| tags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
}

/// The length of a tag's key, in characters.
const TAG_KEY: std::ops::RangeInclusive<usize> = 1..=128;

/// What the table cannot say of the elements of a list.
pub(crate) fn check_tag_keys(request: &UntagResource, checks: &mut Checks) {
    for (index, key) in request.tag_key_list.iter().enumerate() {
        if !TAG_KEY.contains(&key.chars().count()) {
            let field = Field::new("tag_key_list", "TagKeyList");
            checks.report_item(field, index, Rule::Length, None, "must be 1 to 128 characters long");
        }
    }
}

/// Reads an instant: seconds since 1970 as a number or as text, or RFC 3339. What is none of them is none.
fn read_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let since_1970 = |seconds: f64| {
        let seconds = Duration::try_from_secs_f64(seconds).ok()?;
        // The service tells milliseconds; more is the noise of its floating point.
        let millis = u64::try_from((seconds + Duration::from_micros(500)).as_millis()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
    };
    Ok(match Option::<Value>::deserialize(deserializer)? {
        Some(Value::Number(number)) => number.as_f64().and_then(since_1970),
        Some(Value::String(text)) => text.parse().ok().and_then(since_1970).or_else(|| instant(&text)),
        _ => None,
    })
}

#[allow(clippy::ref_option)]
fn write_instant<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339_millis).serialize(serializer)
}
