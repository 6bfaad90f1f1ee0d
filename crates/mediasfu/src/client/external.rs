//! External sources and viewers, and their media legs over WHIP and WHEP.

use super::Client;
use rtc_core::{Operation, origin};

use crate::credentials::MediaSfu;
use crate::media::Addressed;
use crate::operation::{
    Call, CreateExternalSession, CreatePlayback, DeleteExternalSession, DeleteMediaResource, DeletePlayback,
    GetExternalSession, GetWhepProfile, PlayWhep, PublishWhip,
};

impl Client {
    /// Lets an external source send its media into a meeting. [`publish_whip`](Self::publish_whip) is the next step.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{CreateExternalSession, ExternalRole, Ingest, TrackKind};
    ///
    /// let ingest = Ingest::new([TrackKind::Audio, TrackKind::Video]);
    /// let request = CreateExternalSession::new(&room.room_name, "camera1", ExternalRole::Participant, ingest);
    /// let session = client.create_external_session(request).await?;
    /// assert!(session.session_id.starts_with("ems_"));
    /// # Ok(()) });
    /// ```
    pub fn create_external_session(&self, request: CreateExternalSession) -> Call<CreateExternalSession> {
        self.caller.call(request)
    }

    /// Tells how far an external source is.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{GetExternalSession, PublishWhip};
    ///
    /// # let session = doc::external_session(&client, &room).await;
    /// # let sdp = "v=0\r\n";
    /// client.publish_whip(PublishWhip::new(session.ingest.url, session.ingest.token, sdp)).await?;
    /// let state = client.get_external_session(GetExternalSession::new(&room.room_name, session.session_id)).await?;
    /// assert_eq!(state.ready_for.get("audio"), Some(&true));
    /// # Ok(()) });
    /// ```
    pub fn get_external_session(&self, request: GetExternalSession) -> Call<GetExternalSession> {
        self.caller.call(request)
    }

    /// Takes an external source away. Its playbacks go first, the room last.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::DeleteExternalSession;
    ///
    /// # let session = doc::external_session(&client, &room).await;
    /// client.delete_external_session(DeleteExternalSession::new(&room.room_name, session.session_id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_external_session(&self, request: DeleteExternalSession) -> Call<DeleteExternalSession> {
        self.caller.call(request)
    }

    /// Lets an external viewer watch an external source. [`play_whep`](Self::play_whep) is the next step.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{CreatePlayback, TrackKind};
    ///
    /// # let session = doc::external_session(&client, &room).await;
    /// let request = CreatePlayback::new(&room.room_name, session.session_id, [TrackKind::Audio]);
    /// let playback = client.create_playback(request).await?;
    /// assert!(playback.playback_id.starts_with("emp_"));
    /// # Ok(()) });
    /// ```
    pub fn create_playback(&self, request: CreatePlayback) -> Call<CreatePlayback> {
        self.caller.call(request)
    }

    /// Takes an external viewer away.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::DeletePlayback;
    ///
    /// # let playback = doc::playback(&client, &room).await;
    /// client.delete_playback(DeletePlayback::new(&room.room_name, playback.playback_id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_playback(&self, request: DeletePlayback) -> Call<DeletePlayback> {
        self.caller.call(request)
    }

    /// Offers media to the WHIP address of an external source. The address comes from an answer: a private one is refused
    /// unless the client's endpoint is private. Neither the account's key nor the client's own headers are sent there. It is
    /// not repeated after a lost answer.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{DeleteMediaResource, PublishWhip};
    ///
    /// # let session = doc::external_session(&client, &room).await;
    /// # let offer = "v=0\r\n";
    /// let ingest = session.ingest;
    /// let media = client.publish_whip(PublishWhip::new(&ingest.url, ingest.token.clone(), offer)).await?;
    /// println!("the answer is {}", media.sdp);
    /// client.delete_media_resource(DeleteMediaResource::new(media.resource_url, ingest.token)).await?;
    /// # Ok(()) });
    /// ```
    pub fn publish_whip(&self, request: PublishWhip) -> Call<PublishWhip> {
        self.addressed(request)
    }

    /// Offers to receive media from the WHEP address of an external viewer. What [`publish_whip`](Self::publish_whip) says of
    /// addresses holds here, too.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{GetWhepProfile, PlayWhep};
    ///
    /// # let playback = doc::playback(&client, &room).await;
    /// # let offer = "v=0\r\n";
    /// let profile = client.get_whep_profile(GetWhepProfile::new(&playback.endpoint_url)).await?.profile;
    /// println!("Opus has the payload type {:?}", profile.get("audio/opus"));
    /// let media = client.play_whep(PlayWhep::new(playback.endpoint_url, playback.playback_token, offer)).await?;
    /// println!("the answer is {}", media.sdp);
    /// # Ok(()) });
    /// ```
    pub fn play_whep(&self, request: PlayWhep) -> Call<PlayWhep> {
        self.addressed(request)
    }

    /// Tells which payload types a WHEP address uses, so that an offer can use the same. Sends no credentials.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::GetWhepProfile;
    ///
    /// # let playback = doc::playback(&client, &room).await;
    /// let profile = client.get_whep_profile(GetWhepProfile::new(playback.endpoint_url)).await?.profile;
    /// assert_eq!(profile.get("audio/opus"), Some(&111));
    /// # Ok(()) });
    /// ```
    pub fn get_whep_profile(&self, request: GetWhepProfile) -> Call<GetWhepProfile> {
        self.addressed(request)
    }

    /// Ends what [`publish_whip`](Self::publish_whip) or [`play_whep`](Self::play_whep) began.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{DeleteMediaResource, PublishWhip};
    ///
    /// # let ingest = doc::external_session(&client, &room).await.ingest;
    /// # let offer = "v=0\r\n";
    /// let media = client.publish_whip(PublishWhip::new(&ingest.url, ingest.token.clone(), offer)).await?;
    /// client.delete_media_resource(DeleteMediaResource::new(media.resource_url, ingest.token)).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_media_resource(&self, request: DeleteMediaResource) -> Call<DeleteMediaResource> {
        self.addressed(request)
    }
}

impl Client {
    /// A call to the address in its request, which an answer gave.
    fn addressed<O: Addressed + Operation<MediaSfu>>(&self, request: O) -> rtc_core::Call<MediaSfu, O> {
        let origin = origin(request.url());
        self.caller.call(request).discovered_endpoint(origin)
    }
}
