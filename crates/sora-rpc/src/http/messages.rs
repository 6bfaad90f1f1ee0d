//! What connections are told, and what is told of them.

use super::Call;
use super::HttpClient;
use crate::generated_http::{
    GetSignalingNotifyMetadata, ListSignalingNotifyMetadata, PushChannel, PushClient, PushConnection,
    PutSignalingNotifyMetadata, PutSignalingNotifyMetadataItem,
};

impl HttpClient {
    /// Tells all connections of a channel something: each gets a message of type `push`.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::PushChannel;
    ///
    /// client.push_channel(PushChannel::new(&channel, json!({ "lights": "off" }))).await?;
    /// # Ok(()) });
    /// ```
    pub fn push_channel(&self, request: PushChannel) -> Call<PushChannel> {
        self.caller.call(request)
    }

    /// Tells all connections of a client something.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::PushClient;
    ///
    /// client.push_client(PushClient::new(&channel, &me, json!("hello"))).await?;
    /// # Ok(()) });
    /// ```
    pub fn push_client(&self, request: PushClient) -> Call<PushClient> {
        self.caller.call(request)
    }

    /// Tells one connection something.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::PushConnection;
    ///
    /// client.push_connection(PushConnection::new(&channel, &me, json!("hello"))).await?;
    /// # Ok(()) });
    /// ```
    pub fn push_connection(&self, request: PushConnection) -> Call<PushConnection> {
        self.caller.call(request)
    }

    /// Lists what others are told of the connections of a channel, in no order.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::ListSignalingNotifyMetadata;
    ///
    /// let list = client.list_signaling_notify_metadata(ListSignalingNotifyMetadata::new(&channel)).await?;
    /// assert_eq!(list[0].connection_id, me);
    /// # Ok(()) });
    /// ```
    pub fn list_signaling_notify_metadata(
        &self,
        request: ListSignalingNotifyMetadata,
    ) -> Call<ListSignalingNotifyMetadata> {
        self.caller.call(request)
    }

    /// Tells what others are told of a connection.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::GetSignalingNotifyMetadata;
    ///
    /// let metadata = client.get_signaling_notify_metadata(GetSignalingNotifyMetadata::new(&channel, &me)).await?;
    /// println!("{} bytes", metadata.to_string().len());
    /// # Ok(()) });
    /// ```
    pub fn get_signaling_notify_metadata(
        &self,
        request: GetSignalingNotifyMetadata,
    ) -> Call<GetSignalingNotifyMetadata> {
        self.caller.call(request)
    }

    /// Replaces what others are told of a connection. The answer is the server's, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::PutSignalingNotifyMetadata;
    ///
    /// let request = PutSignalingNotifyMetadata::new(&channel, &me, json!({ "name": "Ada" })).push(true);
    /// client.put_signaling_notify_metadata(request).await?;
    /// # Ok(()) });
    /// ```
    pub fn put_signaling_notify_metadata(
        &self,
        request: PutSignalingNotifyMetadata,
    ) -> Call<PutSignalingNotifyMetadata> {
        self.caller.call(request)
    }

    /// Sets one item of what others are told of a connection. The answer is the server's, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::PutSignalingNotifyMetadataItem;
    ///
    /// let request = PutSignalingNotifyMetadataItem::new(&channel, &me, "name", "Ada");
    /// client.put_signaling_notify_metadata_item(request).await?;
    /// # Ok(()) });
    /// ```
    pub fn put_signaling_notify_metadata_item(
        &self,
        request: PutSignalingNotifyMetadataItem,
    ) -> Call<PutSignalingNotifyMetadataItem> {
        self.caller.call(request)
    }
}
