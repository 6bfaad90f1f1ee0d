//! Broadcasts: sessions that are streamed to many.

use super::Client;
use crate::operation::{
    AddBroadcastStream, Call, GetBroadcast, ListBroadcasts, RemoveBroadcastStream, SetBroadcastLayout,
    StartBroadcast, StopBroadcast,
};

impl Client {
    /// Streams a session to many: as HLS, to RTMP servers, or both. Somebody must be connected to it, and it must be routed.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{HlsOutput, Outputs, RtmpOutput, StartBroadcast};
    ///
    /// let youtube = RtmpOutput::new("rtmp://rtmp.example.com/live2", "the stream key").id("youtube");
    /// let outputs = Outputs::new().hls(HlsOutput::new().low_latency(true)).rtmp([youtube]);
    /// let broadcast = client.start_broadcast(StartBroadcast::new(&session, outputs)).await?;
    /// assert!(broadcast.broadcast_urls.is_some_and(|urls| urls.hls.is_some() && urls.rtmp.len() == 1));
    /// # Ok(()) });
    /// ```
    pub fn start_broadcast(&self, request: StartBroadcast) -> Call<StartBroadcast> {
        self.caller.call(request)
    }

    /// Ends a broadcast.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{BroadcastStatus, HlsOutput, Outputs, StartBroadcast, StopBroadcast};
    ///
    /// let outputs = Outputs::new().hls(HlsOutput::new());
    /// let broadcast = client.start_broadcast(StartBroadcast::new(&session, outputs)).await?;
    /// let broadcast = client.stop_broadcast(StopBroadcast::new(broadcast.id)).await?;
    /// assert_eq!(broadcast.status, Some(BroadcastStatus::Stopped));
    /// # Ok(()) });
    /// ```
    pub fn stop_broadcast(&self, request: StopBroadcast) -> Call<StopBroadcast> {
        self.caller.call(request)
    }

    /// Tells about a broadcast that is on the air.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{BroadcastStatus, GetBroadcast, HlsOutput, Outputs, StartBroadcast};
    ///
    /// let outputs = Outputs::new().hls(HlsOutput::new());
    /// let broadcast = client.start_broadcast(StartBroadcast::new(&session, outputs)).await?;
    /// let broadcast = client.get_broadcast(GetBroadcast::new(broadcast.id)).await?;
    /// assert_eq!(broadcast.status, Some(BroadcastStatus::Started));
    /// # Ok(()) });
    /// ```
    pub fn get_broadcast(&self, request: GetBroadcast) -> Call<GetBroadcast> {
        self.caller.call(request)
    }

    /// Lists the broadcasts that are on the air: one page of them.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::ListBroadcasts;
    ///
    /// let mut broadcasts = client.list_broadcasts(ListBroadcasts::new()).items();
    /// while let Some(broadcast) = broadcasts.next().await {
    ///     println!("{}", broadcast?.id);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_broadcasts(&self, request: ListBroadcasts) -> Call<ListBroadcasts> {
        self.caller.call(request)
    }

    /// Changes the layout of a broadcast.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{HlsOutput, LayoutType, Outputs, SetBroadcastLayout, StartBroadcast};
    ///
    /// let outputs = Outputs::new().hls(HlsOutput::new());
    /// let broadcast = client.start_broadcast(StartBroadcast::new(&session, outputs)).await?;
    /// let layout = SetBroadcastLayout::new(broadcast.id, LayoutType::Custom);
    /// client.set_broadcast_layout(layout.stylesheet("stream.host { width: 100% }")).await?;
    /// # Ok(()) });
    /// ```
    pub fn set_broadcast_layout(&self, request: SetBroadcastLayout) -> Call<SetBroadcastLayout> {
        self.caller.call(request)
    }

    /// Takes a stream into a broadcast with stream mode manual.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{AddBroadcastStream, HlsOutput, ListStreams, Outputs, StartBroadcast, StreamMode};
    ///
    /// let outputs = Outputs::new().hls(HlsOutput::new());
    /// let broadcast = StartBroadcast::new(&session, outputs).stream_mode(StreamMode::Manual);
    /// let broadcast = client.start_broadcast(broadcast).await?;
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// for stream in streams.items {
    ///     client.add_broadcast_stream(AddBroadcastStream::new(&broadcast.id, stream.id)).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn add_broadcast_stream(&self, request: AddBroadcastStream) -> Call<AddBroadcastStream> {
        self.caller.call(request)
    }

    /// Takes a stream out of a broadcast with stream mode manual.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ErrorKind, HlsOutput, Outputs, RemoveBroadcastStream, StartBroadcast};
    ///
    /// let outputs = Outputs::new().hls(HlsOutput::new());
    /// let broadcast = client.start_broadcast(StartBroadcast::new(&session, outputs)).await?;
    /// // This broadcast takes in all streams by itself.
    /// let request = RemoveBroadcastStream::new(broadcast.id, "8b732909-0a06-46a2-8ea8-074e64d43422");
    /// assert_eq!(client.remove_broadcast_stream(request).await.unwrap_err().kind(), ErrorKind::Conflict);
    /// # Ok(()) });
    /// ```
    pub fn remove_broadcast_stream(&self, request: RemoveBroadcastStream) -> Call<RemoveBroadcastStream> {
        self.caller.call(request)
    }
}
