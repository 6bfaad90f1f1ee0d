//! The control plane: channels, their tags and their storage.

use super::Client;
use crate::operation::{
    Call, CreateSignalingChannel, DeleteSignalingChannel, DescribeMappedResourceConfiguration,
    DescribeMediaStorageConfiguration, DescribeSignalingChannel, ListSignalingChannels, ListTagsForResource,
    TagResource, UntagResource, UpdateMediaStorageConfiguration, UpdateSignalingChannel,
};

impl Client {
    /// Creates a channel. It can be used once its status is ACTIVE: `wait_until_active` waits for that.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use std::time::Duration;
    ///
    /// use kvs_signaling::{CreateSignalingChannel, Tag};
    ///
    /// let request = CreateSignalingChannel::new("front-door").tags([Tag::new("site", "home")]);
    /// let created = client.create_signaling_channel(request).await?;
    /// let channel = client.channel(created.channel_arn).wait_until_active(Duration::from_secs(30)).await?;
    /// assert_eq!(channel.channel_name.as_deref(), Some("front-door"));
    /// # Ok(()) });
    /// ```
    pub fn create_signaling_channel(&self, request: CreateSignalingChannel) -> Call<CreateSignalingChannel> {
        self.call(request)
    }

    /// Tells about a channel, by its name or its ARN.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{ChannelStatus, DescribeSignalingChannel};
    ///
    /// let described = client.describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(arn)).await?;
    /// assert_eq!(described.channel_info.channel_status, Some(ChannelStatus::Active));
    /// # Ok(()) });
    /// ```
    pub fn describe_signaling_channel(
        &self,
        request: DescribeSignalingChannel,
    ) -> Call<DescribeSignalingChannel> {
        self.call(request)
    }

    /// Lists the channels of the account in the region: one page of them.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{ChannelNameCondition, ComparisonOperator, ListSignalingChannels};
    ///
    /// let condition = ChannelNameCondition::new()
    ///     .comparison_operator(ComparisonOperator::BeginsWith)
    ///     .comparison_value("emu");
    /// let request = ListSignalingChannels::new().channel_name_condition(condition);
    /// let mut channels = client.list_signaling_channels(request).items();
    /// while let Some(channel) = channels.next().await {
    ///     println!("{:?}", channel?.channel_arn);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_signaling_channels(&self, request: ListSignalingChannels) -> Call<ListSignalingChannels> {
        self.call(request)
    }

    /// Changes how messages wait in a channel.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{DescribeSignalingChannel, SingleMasterConfiguration, UpdateSignalingChannel};
    ///
    /// let described = client.describe_signaling_channel(DescribeSignalingChannel::new().channel_arn(arn)).await?;
    /// let version = described.channel_info.version.unwrap_or_default();
    /// let settings = SingleMasterConfiguration::new().message_ttl_seconds(30);
    /// let request = UpdateSignalingChannel::new(arn, version).single_master_configuration(settings);
    /// client.update_signaling_channel(request).await?;
    /// # Ok(()) });
    /// ```
    pub fn update_signaling_channel(&self, request: UpdateSignalingChannel) -> Call<UpdateSignalingChannel> {
        self.call(request)
    }

    /// Deletes a channel. `wait_until_deleted` waits until it is gone.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use std::time::Duration;
    ///
    /// use kvs_signaling::DeleteSignalingChannel;
    ///
    /// client.delete_signaling_channel(DeleteSignalingChannel::new(arn)).await?;
    /// client.channel(arn).wait_until_deleted(Duration::from_secs(30)).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_signaling_channel(&self, request: DeleteSignalingChannel) -> Call<DeleteSignalingChannel> {
        self.call(request)
    }

    /// Adds tags to a channel, or changes their values.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{Tag, TagResource};
    ///
    /// client.tag_resource(TagResource::new(arn, [Tag::new("site", "home")])).await?;
    /// # Ok(()) });
    /// ```
    pub fn tag_resource(&self, request: TagResource) -> Call<TagResource> {
        self.call(request)
    }

    /// Takes tags away from a channel.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::UntagResource;
    ///
    /// client.untag_resource(UntagResource::new(arn, ["site"])).await?;
    /// # Ok(()) });
    /// ```
    pub fn untag_resource(&self, request: UntagResource) -> Call<UntagResource> {
        self.call(request)
    }

    /// Lists the tags of a channel: one page of them.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{ListTagsForResource, Tag, TagResource};
    ///
    /// client.tag_resource(TagResource::new(arn, [Tag::new("site", "home")])).await?;
    /// let tags = client.list_tags_for_resource(ListTagsForResource::new(arn)).await?.tags.unwrap_or_default();
    /// assert_eq!(tags.get("site").map(String::as_str), Some("home"));
    /// # Ok(()) });
    /// ```
    pub fn list_tags_for_resource(&self, request: ListTagsForResource) -> Call<ListTagsForResource> {
        self.call(request)
    }

    /// Tells whether and where the media of a channel is stored.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{DescribeMediaStorageConfiguration, MediaStorageStatus};
    ///
    /// let request = DescribeMediaStorageConfiguration::new().channel_arn(arn);
    /// let storage = client.describe_media_storage_configuration(request).await?.media_storage_configuration;
    /// assert_eq!(storage.and_then(|s| s.status), Some(MediaStorageStatus::Disabled));
    /// # Ok(()) });
    /// ```
    pub fn describe_media_storage_configuration(
        &self,
        request: DescribeMediaStorageConfiguration,
    ) -> Call<DescribeMediaStorageConfiguration> {
        self.call(request)
    }

    /// Has the media of a channel stored in a stream, or no longer.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{MediaStorageSettings, MediaStorageStatus, UpdateMediaStorageConfiguration};
    ///
    /// let stream = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";
    /// let settings = MediaStorageSettings::new(MediaStorageStatus::Enabled).stream_arn(stream);
    /// client.update_media_storage_configuration(UpdateMediaStorageConfiguration::new(arn, settings)).await?;
    /// # Ok(()) });
    /// ```
    pub fn update_media_storage_configuration(
        &self,
        request: UpdateMediaStorageConfiguration,
    ) -> Call<UpdateMediaStorageConfiguration> {
        self.call(request)
    }

    /// Tells which channel stores its media in a stream.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::DescribeMappedResourceConfiguration;
    ///
    /// # let stream = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";
    /// # let settings = kvs_signaling::MediaStorageSettings::new("ENABLED").stream_arn(stream);
    /// # client.update_media_storage_configuration(kvs_signaling::UpdateMediaStorageConfiguration::new(arn, settings)).await?;
    /// let request = DescribeMappedResourceConfiguration::new().stream_name("recordings");
    /// let mapped = client.describe_mapped_resource_configuration(request).await?;
    /// assert_eq!(mapped.mapped_resource_configuration_list[0].arn.as_deref(), Some(arn));
    /// # Ok(()) });
    /// ```
    pub fn describe_mapped_resource_configuration(
        &self,
        request: DescribeMappedResourceConfiguration,
    ) -> Call<DescribeMappedResourceConfiguration> {
        self.caller.call(request)
    }
}
