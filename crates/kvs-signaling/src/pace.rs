//! The documented limits of calls, kept instead of hit.

use std::time::Duration;

use rtc_core::{Pace, Quota, Quotas, stable_hash};

use crate::operation as op;

/// A second, and what the network may hold up calls by: two bursts that come closer to each other than they were
/// sent must not be one.
const WINDOW: Duration = Duration::from_millis(1100);

/// Operation, calls per second of an account in a region, and of one channel where that is documented.
/// Source: quotas of Kinesis Video Streams WebRTC.
const LIMITS: &[(&str, u32, Option<u32>)] = &[
    ("create_signaling_channel", 50, None),
    ("describe_signaling_channel", 300, Some(5)),
    ("list_signaling_channels", 50, None),
    ("update_signaling_channel", 50, Some(5)),
    ("delete_signaling_channel", 50, Some(5)),
    ("tag_resource", 50, Some(5)),
    ("untag_resource", 50, Some(5)),
    ("list_tags_for_resource", 50, Some(5)),
    ("get_signaling_channel_endpoint", 300, None),
    ("describe_media_storage_configuration", 50, Some(5)),
    ("update_media_storage_configuration", 10, Some(5)),
    ("get_ice_server_config", 100, Some(5)),
    ("send_alexa_offer_to_master", 100, Some(5)),
    ("join_storage_session", 50, Some(2)),
    ("join_storage_session_as_viewer", 50, Some(2)),
];

/// The limits of an account in a region.
#[derive(Debug)]
pub(crate) struct Limits {
    quotas: Quotas,
    region: String,
}

impl Limits {
    pub(crate) fn new(quotas: Quotas, region: &str) -> Self {
        Self { quotas, region: region.to_owned() }
    }

    /// What a call of an operation waits for; none where no limit is documented.
    pub(crate) fn pace(&self, operation: &str, channel: Option<&str>) -> Option<Pace> {
        let (_, account, one) = LIMITS.iter().find(|(name, ..)| *name == operation)?;
        let key = format!("kvs:{}:{operation}", self.region);
        let channel = one.zip(channel).map(|(count, channel)| {
            (format!("{key}:{:032x}", stable_hash(name_of(channel).as_bytes())), quota(count))
        });
        Some(self.quotas.pace(channel.into_iter().chain([(key, quota(*account))])))
    }
}

fn quota(per_second: u32) -> Quota {
    Quota::new(per_second, WINDOW)
}

/// The name of a channel, as it stands in its ARN, too: calls by either are calls about the same channel.
fn name_of(channel: &str) -> &str {
    let name = channel.split_once(":channel/").and_then(|(_, rest)| rest.split('/').next());
    name.unwrap_or(channel)
}

/// A request that has a limit.
pub(crate) trait Limited {
    /// The channel that it is about, by ARN or name.
    fn channel(&self) -> Option<&str>;
}

macro_rules! limited {
    ($($operation:ident: |$request:ident| $channel:expr;)+) => {$(
        impl Limited for op::$operation {
            fn channel(&self) -> Option<&str> {
                let $request = self;
                $channel
            }
        }
    )+};
}

limited! {
    CreateSignalingChannel: |_r| None;
    DescribeSignalingChannel: |r| r.channel_arn.as_deref().or(r.channel_name.as_deref());
    ListSignalingChannels: |_r| None;
    UpdateSignalingChannel: |r| Some(&r.channel_arn);
    DeleteSignalingChannel: |r| Some(&r.channel_arn);
    TagResource: |r| Some(&r.resource_arn);
    UntagResource: |r| Some(&r.resource_arn);
    ListTagsForResource: |r| Some(&r.resource_arn);
    GetSignalingChannelEndpoint: |r| Some(&r.channel_arn);
    DescribeMediaStorageConfiguration: |r| r.channel_arn.as_deref().or(r.channel_name.as_deref());
    UpdateMediaStorageConfiguration: |r| Some(&r.channel_arn);
    GetIceServerConfig: |r| Some(&r.channel_arn);
    SendAlexaOfferToMaster: |r| Some(&r.channel_arn);
    JoinStorageSession: |r| Some(&r.channel_arn);
    JoinStorageSessionAsViewer: |r| Some(&r.channel_arn);
}

#[cfg(test)]
mod tests {
    use rtc_core::{Operation, SharedClock, SharedStore};

    use super::*;

    #[test]
    fn the_table_names_operations_that_exist() {
        let names = [
            op::CreateSignalingChannel::META.name,
            op::DescribeSignalingChannel::META.name,
            op::ListSignalingChannels::META.name,
            op::UpdateSignalingChannel::META.name,
            op::DeleteSignalingChannel::META.name,
            op::TagResource::META.name,
            op::UntagResource::META.name,
            op::ListTagsForResource::META.name,
            op::GetSignalingChannelEndpoint::META.name,
            op::DescribeMediaStorageConfiguration::META.name,
            op::UpdateMediaStorageConfiguration::META.name,
            op::GetIceServerConfig::META.name,
            op::SendAlexaOfferToMaster::META.name,
            op::JoinStorageSession::META.name,
            op::JoinStorageSessionAsViewer::META.name,
        ];
        assert_eq!(LIMITS.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), names);
        let limits = Limits::new(Quotas::new(SharedStore::default(), SharedClock::default()), "us-west-2");
        assert!(limits.pace("describe_mapped_resource_configuration", None).is_none());
    }

    #[test]
    fn a_channel_is_the_same_by_its_name_and_its_arn() {
        assert_eq!(name_of("arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123"), "demo");
        assert_eq!(name_of("demo"), "demo");
    }
}
