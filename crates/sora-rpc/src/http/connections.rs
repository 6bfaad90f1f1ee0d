//! Connections, and what they receive.

use super::Call;
use super::HttpClient;
use crate::generated_http::{
    DisconnectChannel, DisconnectChannelByRole, DisconnectClient, DisconnectConnection,
    ListChannelConnections, ListConnections, RequestKeyFrame, RequestSimulcastRid, RequestSpotlightRid,
    ResetSpotlightRid,
};

impl HttpClient {
    /// Ends all connections of a channel: each is told `DISCONNECTED-API`.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::DisconnectChannel;
    ///
    /// client.disconnect_channel(DisconnectChannel::new(&channel)).await?;
    /// # Ok(()) });
    /// ```
    pub fn disconnect_channel(&self, request: DisconnectChannel) -> Call<DisconnectChannel> {
        self.caller.call(request)
    }

    /// Ends all connections of a client in a channel.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::DisconnectClient;
    ///
    /// client.disconnect_client(DisconnectClient::new(&channel, &me)).await?;
    /// # Ok(()) });
    /// ```
    pub fn disconnect_client(&self, request: DisconnectClient) -> Call<DisconnectClient> {
        self.caller.call(request)
    }

    /// Ends one connection.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::DisconnectConnection;
    ///
    /// let reason = json!({ "by": "moderator" });
    /// client.disconnect_connection(DisconnectConnection::new(&channel, &me).reason(reason)).await?;
    /// # Ok(()) });
    /// ```
    pub fn disconnect_connection(&self, request: DisconnectConnection) -> Call<DisconnectConnection> {
        self.caller.call(request)
    }

    /// Ends the connections of a channel that have a role.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::Role;
    /// use sora_rpc::http::DisconnectChannelByRole;
    ///
    /// client.disconnect_channel_by_role(DisconnectChannelByRole::new(&channel, Role::SendOnly)).await?;
    /// # Ok(()) });
    /// ```
    pub fn disconnect_channel_by_role(
        &self,
        request: DisconnectChannelByRole,
    ) -> Call<DisconnectChannelByRole> {
        self.caller.call(request)
    }

    /// Lists all connections of the server, each as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::ListConnections;
    ///
    /// let all = client.list_connections(ListConnections::new()).await?;
    /// assert!(all.iter().any(|connection| connection["connection_id"] == me.as_str()));
    /// # Ok(()) });
    /// ```
    pub fn list_connections(&self, request: ListConnections) -> Call<ListConnections> {
        self.caller.call(request)
    }

    /// Lists the connections of a channel, each as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::ListChannelConnections;
    ///
    /// let members = client.list_channel_connections(ListChannelConnections::new(&channel)).await?;
    /// assert_eq!(members.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn list_channel_connections(&self, request: ListChannelConnections) -> Call<ListChannelConnections> {
        self.caller.call(request)
    }

    /// Asks the sender of a connection for a key frame.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::RequestKeyFrame;
    ///
    /// client.request_key_frame(RequestKeyFrame::new(&channel, &me)).await?;
    /// # Ok(()) });
    /// ```
    pub fn request_key_frame(&self, request: RequestKeyFrame) -> Call<RequestKeyFrame> {
        self.caller.call(request)
    }

    /// Asks for an encoding of the simulcast video of one sender or of all, for a receiver.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::Rid;
    /// use sora_rpc::http::RequestSimulcastRid;
    ///
    /// let asked = client.request_simulcast_rid(RequestSimulcastRid::new(&channel, &me, Rid::R1)).await?;
    /// assert_eq!(asked.rid, Rid::R1);
    /// # Ok(()) });
    /// ```
    pub fn request_simulcast_rid(&self, request: RequestSimulcastRid) -> Call<RequestSimulcastRid> {
        self.caller.call(request)
    }

    /// Asks for the encodings of the spotlight for a receiver: one for those in focus, one for the others.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::Rid;
    /// use sora_rpc::http::RequestSpotlightRid;
    ///
    /// let request = RequestSpotlightRid::new(&channel, &me, Rid::R2, Rid::None);
    /// assert_eq!(client.request_spotlight_rid(request).await?.spotlight_focus_rid, Rid::R2);
    /// # Ok(()) });
    /// ```
    pub fn request_spotlight_rid(&self, request: RequestSpotlightRid) -> Call<RequestSpotlightRid> {
        self.caller.call(request)
    }

    /// Leaves the encodings of the spotlight to the server again.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::Rid;
    /// use sora_rpc::http::ResetSpotlightRid;
    ///
    /// client.reset_spotlight_rid(ResetSpotlightRid::new(&channel, &me)).await?;
    /// # Ok(()) });
    /// ```
    pub fn reset_spotlight_rid(&self, request: ResetSpotlightRid) -> Call<ResetSpotlightRid> {
        self.caller.call(request)
    }
}
