//! What goes to the endpoints of a channel itself: Alexa offers, storage sessions.

use super::Client;
use crate::operation::{Call, JoinStorageSession, JoinStorageSessionAsViewer, SendAlexaOfferToMaster};

impl Client {
    /// Sends an SDP offer of an Alexa device to the master and waits for its answer. Send it to the channel's HTTPS endpoint; it takes as long as a message may wait (5 to 120 seconds), so its own time limit is 130 s.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::{ErrorKind, SendAlexaOfferToMaster};
    ///
    /// let request = SendAlexaOfferToMaster::new(arn, "alexa", "b2ZmZXI=");
    /// // Nobody is there to answer.
    /// let error = client.send_alexa_offer_to_master(request).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(()) });
    /// ```
    pub fn send_alexa_offer_to_master(
        &self,
        request: SendAlexaOfferToMaster,
    ) -> Call<SendAlexaOfferToMaster> {
        self.call(request)
    }

    /// Has the storage session join a channel: it sends an offer to the connected master. Send it to the channel's WEBRTC endpoint; `Channel::join_storage_session` finds that. At most 2 calls per second and channel.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::JoinStorageSession;
    ///
    /// # let stream = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";
    /// # let settings = kvs_signaling::MediaStorageSettings::new("ENABLED").stream_arn(stream);
    /// # client.update_media_storage_configuration(kvs_signaling::UpdateMediaStorageConfiguration::new(arn, settings)).await?;
    /// // With a channel's WEBRTC endpoint; `client.channel(arn).join_storage_session()` finds it by itself.
    /// client.join_storage_session(JoinStorageSession::new(arn)).await?;
    /// # Ok(()) });
    /// ```
    pub fn join_storage_session(&self, request: JoinStorageSession) -> Call<JoinStorageSession> {
        self.call(request)
    }

    /// Has the storage session join a channel as the peer of a viewer: it sends an offer to that viewer. Send it to the channel's WEBRTC endpoint; `Channel::join_storage_session_as_viewer` finds that.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::JoinStorageSessionAsViewer;
    ///
    /// # let stream = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";
    /// # let settings = kvs_signaling::MediaStorageSettings::new("ENABLED").stream_arn(stream);
    /// # client.update_media_storage_configuration(kvs_signaling::UpdateMediaStorageConfiguration::new(arn, settings)).await?;
    /// client.join_storage_session_as_viewer(JoinStorageSessionAsViewer::new(arn, "viewer-1")).await?;
    /// # Ok(()) });
    /// ```
    pub fn join_storage_session_as_viewer(
        &self,
        request: JoinStorageSessionAsViewer,
    ) -> Call<JoinStorageSessionAsViewer> {
        self.call(request)
    }
}
