//! Who is in a session and what they may do: streams, connections, mute, signals.

use super::Client;
use crate::operation::{
    Call, DisableForceMute, ForceDisconnect, ForceMuteAll, ForceMuteStream, GetStream, ListConnections,
    ListStreams, SetStreamLayoutClasses, SignalConnection, SignalSession,
};

impl Client {
    /// Tells about a stream of a session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GetStream, ListStreams, VideoType};
    ///
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// for stream in streams.items {
    ///     let stream = client.get_stream(GetStream::new(&session, stream.id)).await?;
    ///     assert_eq!(stream.video_type, Some(VideoType::Camera));
    /// }
    /// # Ok(()) });
    /// ```
    pub fn get_stream(&self, request: GetStream) -> Call<GetStream> {
        self.caller.call(request)
    }

    /// Lists the streams of a session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::ListStreams;
    ///
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// assert_eq!(streams.items.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn list_streams(&self, request: ListStreams) -> Call<ListStreams> {
        self.caller.call(request)
    }

    /// Sets the layout classes of streams, which archives and broadcasts are laid out by.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ListStreams, SetStreamLayoutClasses, StreamClasses};
    ///
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// let focus = streams.items.into_iter().map(|stream| StreamClasses::new(stream.id, ["focus", "full"]));
    /// client.set_stream_layout_classes(SetStreamLayoutClasses::new(&session, focus)).await?;
    /// # Ok(()) });
    /// ```
    pub fn set_stream_layout_classes(&self, request: SetStreamLayoutClasses) -> Call<SetStreamLayoutClasses> {
        self.caller.call(request)
    }

    /// Lists the clients that are connected to a session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ConnectionState, ListConnections};
    ///
    /// let connections = client.list_connections(ListConnections::new(&session)).await?;
    /// assert_eq!(connections.items[0].connection_state, Some(ConnectionState::Connected));
    /// # Ok(()) });
    /// ```
    pub fn list_connections(&self, request: ListConnections) -> Call<ListConnections> {
        self.caller.call(request)
    }

    /// Disconnects a client.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ForceDisconnect, ListConnections};
    ///
    /// for connection in client.list_connections(ListConnections::new(&session)).await?.items {
    ///     client.force_disconnect(ForceDisconnect::new(&session, connection.connection_id)).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn force_disconnect(&self, request: ForceDisconnect) -> Call<ForceDisconnect> {
        self.caller.call(request)
    }

    /// Mutes the audio of one stream. Its client may unmute it again.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ForceMuteStream, ListStreams};
    ///
    /// for stream in client.list_streams(ListStreams::new(&session)).await?.items {
    ///     client.force_mute_stream(ForceMuteStream::new(&session, stream.id)).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn force_mute_stream(&self, request: ForceMuteStream) -> Call<ForceMuteStream> {
        self.caller.call(request)
    }

    /// Mutes the audio of all streams but the excluded ones, and of those that come later.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ForceMuteAll, ListStreams};
    ///
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// let host = streams.items.into_iter().take(1).map(|stream| stream.id);
    /// client.force_mute_all(ForceMuteAll::new(&session).excluded_stream_ids(host)).await?;
    /// # Ok(()) });
    /// ```
    pub fn force_mute_all(&self, request: ForceMuteAll) -> Call<ForceMuteAll> {
        self.caller.call(request)
    }

    /// Ends the mute of all: streams that come later are not muted any more.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::DisableForceMute;
    ///
    /// client.disable_force_mute(DisableForceMute::new(&session)).await?;
    /// # Ok(()) });
    /// ```
    pub fn disable_force_mute(&self, request: DisableForceMute) -> Call<DisableForceMute> {
        self.caller.call(request)
    }

    /// Sends a signal to all clients of a session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::SignalSession;
    ///
    /// client.signal_session(SignalSession::new(&session, "chat", "The lesson starts.")).await?;
    /// # Ok(()) });
    /// ```
    pub fn signal_session(&self, request: SignalSession) -> Call<SignalSession> {
        self.caller.call(request)
    }

    /// Sends a signal to one client.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ListConnections, SignalConnection};
    ///
    /// for connection in client.list_connections(ListConnections::new(&session)).await?.items {
    ///     let signal = SignalConnection::new(&session, connection.connection_id, "chat", "You are next.");
    ///     client.signal_connection(signal).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn signal_connection(&self, request: SignalConnection) -> Call<SignalConnection> {
        self.caller.call(request)
    }
}
