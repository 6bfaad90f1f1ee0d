//! ICE servers in the form of a peer connection, and what distinguishes the answers they come from.

use std::time::{Duration, SystemTime};

use rtc_core::Secret;
use serde::{Serialize, Serializer};

use crate::canonical::rfc3339;
use crate::model::TurnServer;
use crate::operation::{ChannelRole, IceServers, IceService};

/// One server of `RTCConfiguration.iceServers` (W3C WebRTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IceServer {
    /// The URLs: `stun:`, `stuns:`, `turn:`, `turns:`.
    pub urls: Vec<String>,
    /// The user name; none of a STUN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password; none of a STUN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Secret>,
    /// When the credentials end; none of a STUN server. They are needed to allocate and to refresh.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_rfc3339")]
    pub expires_at: Option<SystemTime>,
}

#[allow(clippy::ref_option)]
fn as_rfc3339<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

impl IceServer {
    pub(crate) fn stun(url: String) -> Self {
        Self { urls: vec![url], username: None, credential: None, expires_at: None }
    }

    /// A TURN server as it was answered to a request sent at `asked`.
    pub(crate) fn turn(server: TurnServer, asked: SystemTime) -> Self {
        let ttl = server.ttl.map(Duration::from_secs);
        Self {
            urls: server.uris,
            username: server.username,
            credential: server.password,
            expires_at: ttl.and_then(|ttl| asked.checked_add(ttl)),
        }
    }
}

/// What distinguishes the answers of `GetIceServerConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IceKey {
    /// The channel.
    pub channel_arn: String,
    /// The role, as each has an endpoint of its own.
    pub role: ChannelRole,
    /// The viewer.
    pub client_id: Option<String>,
    /// The service.
    pub service: Option<IceService>,
    /// The id in the TURN user name.
    pub username: Option<String>,
}

impl IceKey {
    /// The key of a channel, asked for as a viewer without a client id, a service or a user name.
    #[must_use]
    pub fn new(channel_arn: impl Into<String>) -> Self {
        Self::from(&IceServers::new(channel_arn))
    }
}

impl From<IceServers> for IceKey {
    fn from(request: IceServers) -> Self {
        let IceServers { channel_arn, role, client_id, service, username } = request;
        Self { channel_arn, role, client_id, service, username }
    }
}

/// The request again: the key is all of it.
impl From<IceKey> for IceServers {
    fn from(key: IceKey) -> Self {
        let IceKey { channel_arn, role, client_id, service, username } = key;
        Self { channel_arn, role, client_id, service, username }
    }
}

impl From<&IceServers> for IceKey {
    fn from(request: &IceServers) -> Self {
        request.clone().into()
    }
}
