//! One channel: the calls that find their way by themselves.

use std::sync::Arc;
use std::time::Duration;

use rtc_core::{Clock as _, ErrorKind, Reason};

use crate::channel::ChannelInfo;
use crate::client::Client;
use crate::discovery::may_have_moved;
use crate::error::{Error, Result};
use crate::ice::IceServer;
use crate::operation::{
    ChannelRole, ChannelStatus, DescribeSignalingChannel, IceServers, JoinStorageSession,
    JoinStorageSessionAsViewer, Protocol,
};

/// How often a channel is looked at while something is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// One channel of a client: knows its ARN and finds its endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channel {
    client: Client,
    arn: Arc<str>,
}

/// As whom a channel is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// As its master.
    Master,
    /// As a viewer with this client id.
    Viewer(String),
}

/// A text is the client id of a viewer.
impl From<&str> for Peer {
    fn from(client_id: &str) -> Self {
        Self::Viewer(client_id.to_owned())
    }
}

impl From<String> for Peer {
    fn from(client_id: String) -> Self {
        Self::Viewer(client_id)
    }
}

impl Client {
    /// One channel, by its ARN. Sends nothing; a bad ARN is told by the calls.
    pub fn channel(&self, arn: impl Into<String>) -> Channel {
        Channel { client: self.clone(), arn: arn.into().into() }
    }
}

impl Channel {
    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    #[cfg(feature = "websocket")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Gives the ICE servers of the channel: STUN first, then TURN with credentials, as
    /// [`Client::ice_servers`] does.
    ///
    /// # Errors
    /// As [`Client::ice_servers`].
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::Peer;
    ///
    /// let channel = client.channel(arn);
    /// let for_viewer = channel.ice_servers("viewer-1").await?;
    /// let for_master = channel.ice_servers(Peer::Master).await?;
    /// assert!(for_viewer[0].urls[0].starts_with("stun:") && for_master.len() > 1);
    /// # Ok(()) });
    /// ```
    pub async fn ice_servers(&self, peer: impl Into<Peer>) -> Result<Arc<[IceServer]>> {
        let request = IceServers::new(self.arn());
        self.client
            .ice_servers(match peer.into() {
                Peer::Master => request.role(ChannelRole::Master),
                Peer::Viewer(client_id) => request.role(ChannelRole::Viewer).client_id(client_id),
            })
            .await
    }

    /// Has the storage session join the channel: it sends an offer to the connected master. The offer takes
    /// a while and may not come: AWS calls again about every six seconds until it does. The latest call wins.
    ///
    /// # Errors
    /// [`NoEndpoint`](crate::KvsError::NoEndpoint) or `InvalidArgumentException` for a channel whose media is
    /// not stored; `ClientLimitExceededException`, which here can also mean too many viewers.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// # let stream = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";
    /// # let settings = kvs_signaling::MediaStorageSettings::new("ENABLED").stream_arn(stream);
    /// # client.update_media_storage_configuration(kvs_signaling::UpdateMediaStorageConfiguration::new(arn, settings)).await?;
    /// client.channel(arn).join_storage_session().await?;
    /// # Ok(()) });
    /// ```
    pub async fn join_storage_session(&self) -> Result<()> {
        let request = JoinStorageSession::new(self.arn());
        request.validate()?;
        let mut call = self.client.join_storage_session(request);
        if !self.client.shared().storage_is_given {
            call = call.discovered_endpoint(self.storage_endpoint(ChannelRole::Master).await?);
        }
        self.joined(call.await)
    }

    /// Has the storage session join the channel as the peer of a viewer: it sends an offer to that viewer.
    ///
    /// # Errors
    /// As [`join_storage_session`](Self::join_storage_session).
    pub async fn join_storage_session_as_viewer(&self, client_id: impl Into<String>) -> Result<()> {
        let request = JoinStorageSessionAsViewer::new(self.arn(), client_id);
        request.validate()?;
        let mut call = self.client.join_storage_session_as_viewer(request);
        if !self.client.shared().storage_is_given {
            call = call.discovered_endpoint(self.storage_endpoint(ChannelRole::Viewer).await?);
        }
        self.joined(call.await)
    }

    /// What joining came to; a place where the channel may not be any more is forgotten.
    fn joined(&self, outcome: Result<()>) -> Result<()> {
        if outcome.as_ref().is_err_and(may_have_moved) {
            self.client.forget_endpoints(self.arn());
        }
        outcome
    }

    async fn storage_endpoint(&self, role: ChannelRole) -> Result<String> {
        self.client.endpoint_of(self.arn(), &role, Protocol::Webrtc).await
    }

    /// Waits until the channel can be used, and tells about it.
    ///
    /// # Errors
    /// A timeout after `limit`; what `describe_signaling_channel` fails with, also that there is no such channel.
    pub async fn wait_until_active(&self, limit: Duration) -> Result<ChannelInfo> {
        self.wait(limit, |seen| match seen {
            Ok(info) if info.channel_status == Some(ChannelStatus::Active) => Some(Ok(info)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .await
    }

    /// Waits until the channel is gone.
    ///
    /// # Errors
    /// A timeout after `limit`; what `describe_signaling_channel` fails with.
    pub async fn wait_until_deleted(&self, limit: Duration) -> Result<()> {
        self.wait(limit, |seen| match seen {
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Ok(())),
            Err(error) => Some(Err(error)),
        })
        .await
    }

    /// Looks at the channel until `judge` has seen enough.
    async fn wait<T>(
        &self,
        limit: Duration,
        judge: impl Fn(Result<ChannelInfo>) -> Option<Result<T>>,
    ) -> Result<T> {
        let clock = self.client.caller().clock();
        let looking = async {
            loop {
                let request = DescribeSignalingChannel::new().channel_arn(self.arn());
                let seen = self.client.describe_signaling_channel(request).await.map(|d| d.channel_info);
                if let Some(enough) = judge(seen) {
                    return enough;
                }
                clock.sleep(LOOK).await;
            }
        };
        let seen = rtc_core::timeout(clock, limit, looking).await;
        seen.unwrap_or_else(|| Err(Error::new(Reason::Timeout(limit))))
    }
}
