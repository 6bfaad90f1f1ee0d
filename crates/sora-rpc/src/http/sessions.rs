//! Sessions, recordings, statistics, and everything else.

use super::Call;
use super::HttpClient;
use crate::generated_http::{
    GetSession, GetStatsAllConnections, ListSessions, RawRequest, StartRecording, StopRecording,
    TerminateSession,
};

impl HttpClient {
    /// Tells of the session of a channel what the session webhook tells, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::GetSession;
    ///
    /// let session = client.get_session(GetSession::new(&channel)).await?;
    /// assert_eq!(session["channel_id"], channel.as_str());
    /// # Ok(()) });
    /// ```
    pub fn get_session(&self, request: GetSession) -> Call<GetSession> {
        self.caller.call(request)
    }

    /// Lists the sessions of the server, each as [`get_session`](Self::get_session) tells it.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::ListSessions;
    ///
    /// assert_eq!(client.list_sessions(ListSessions::new()).await?.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn list_sessions(&self, request: ListSessions) -> Call<ListSessions> {
        self.caller.call(request)
    }

    /// Ends a session and all its connections. It has ended when the session webhook tells so.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::TerminateSession;
    ///
    /// client.terminate_session(TerminateSession::new(&channel)).await?;
    /// # Ok(()) });
    /// ```
    pub fn terminate_session(&self, request: TerminateSession) -> Call<TerminateSession> {
        self.caller.call(request)
    }

    /// Starts to record the session of a channel. The answer is the server's, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::StartRecording;
    ///
    /// client.start_recording(StartRecording::new(&channel).expire_time(3_600)).await?;
    /// # Ok(()) });
    /// ```
    pub fn start_recording(&self, request: StartRecording) -> Call<StartRecording> {
        self.caller.call(request)
    }

    /// Ends the recording of the session of a channel. The answer is the server's, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::StopRecording;
    ///
    /// # client.start_recording(sora_rpc::http::StartRecording::new(&channel)).await?;
    /// client.stop_recording(StopRecording::new(&channel)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_recording(&self, request: StopRecording) -> Call<StopRecording> {
        self.caller.call(request)
    }

    /// Tells the statistics of all connections of the server. The answer is the server's, as JSON.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use sora_rpc::http::GetStatsAllConnections;
    ///
    /// let stats = client.get_stats_all_connections(GetStatsAllConnections::new()).await?;
    /// println!("{} bytes", stats.to_string().len());
    /// # Ok(()) });
    /// ```
    pub fn get_stats_all_connections(&self, request: GetStatsAllConnections) -> Call<GetStatsAllConnections> {
        self.caller.call(request)
    }

    /// Calls any target of the HTTP API. It is not repeated when it may have reached the server.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, channel, me| {
    /// use serde_json::json;
    /// use sora_rpc::http::RawRequest;
    ///
    /// let request = RawRequest::new("Sora_20201013.ListChannelConnections").body(json!({ "channel_id": channel }));
    /// assert!(client.request(request).await?.is_array());
    /// # Ok(()) });
    /// ```
    pub fn request(&self, request: RawRequest) -> Call<RawRequest> {
        self.caller.call(request)
    }
}
