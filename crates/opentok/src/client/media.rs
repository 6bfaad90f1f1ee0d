//! What joins a session besides people: telephones, audio servers, captions, web pages.

use super::Client;
use crate::operation::{
    Call, DialSip, GetCaptions, GetRender, ListRenders, PlayDtmf, PlayDtmfToConnection, StartAudioConnector,
    StartCaptions, StartRender, StopAudioConnector, StopCaptions, StopRender,
};

impl Client {
    /// Calls a SIP address and lets it join a routed session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{DialSip, GenerateToken, Sip, SipAuth};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let desk = Sip::new("sip:desk@sip.example.com;transport=tls")
    ///     .auth(SipAuth::new("desk", "the password"))
    ///     .headers([("X-Department", "sales")]);
    /// let call = client.dial_sip(DialSip::new(&session, token.expose(), desk)).await?;
    /// assert_eq!(call.session_id, Some(session));
    /// # Ok(()) });
    /// ```
    pub fn dial_sip(&self, request: DialSip) -> Call<DialSip> {
        self.caller.call(request)
    }

    /// Plays DTMF tones to all SIP clients of a session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{DialSip, GenerateToken, PlayDtmf, Sip};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let sip = Sip::new("sip:desk@sip.example.com");
    /// client.dial_sip(DialSip::new(&session, token.expose(), sip)).await?;
    /// client.play_dtmf(PlayDtmf::new(&session, "1p42#")).await?;
    /// # Ok(()) });
    /// ```
    pub fn play_dtmf(&self, request: PlayDtmf) -> Call<PlayDtmf> {
        self.caller.call(request)
    }

    /// Plays DTMF tones to one client.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ListConnections, PlayDtmfToConnection};
    ///
    /// for connection in client.list_connections(ListConnections::new(&session)).await?.items {
    ///     let tones = PlayDtmfToConnection::new(&session, connection.connection_id, "42#");
    ///     client.play_dtmf_to_connection(tones).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn play_dtmf_to_connection(&self, request: PlayDtmfToConnection) -> Call<PlayDtmfToConnection> {
        self.caller.call(request)
    }

    /// Sends the audio of a routed session to a WebSocket server.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{AudioConnectorWebsocket, GenerateToken, StartAudioConnector};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let server = AudioConnectorWebsocket::new("wss://audio.example.com/transcribe").audio_rate(16_000);
    /// let connection = client.start_audio_connector(StartAudioConnector::new(&session, token.expose(), server)).await?;
    /// assert!(connection.connection_id.is_some());
    /// # Ok(()) });
    /// ```
    pub fn start_audio_connector(&self, request: StartAudioConnector) -> Call<StartAudioConnector> {
        self.caller.call(request)
    }

    /// Ends an audio connector.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{AudioConnectorWebsocket, GenerateToken, StartAudioConnector, StopAudioConnector};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let server = AudioConnectorWebsocket::new("wss://audio.example.com/transcribe");
    /// let connection = client.start_audio_connector(StartAudioConnector::new(&session, token.expose(), server)).await?;
    /// client.stop_audio_connector(StopAudioConnector::new(connection.id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_audio_connector(&self, request: StopAudioConnector) -> Call<StopAudioConnector> {
        self.caller.call(request)
    }

    /// Starts live captions of a routed session.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GenerateToken, Role, StartCaptions};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session).role(Role::Moderator))?;
    /// let captions = StartCaptions::new(&session, token.expose()).language_code("de-DE");
    /// let captions = client.start_captions(captions).await?;
    /// assert!(!captions.captions_id.is_empty());
    /// # Ok(()) });
    /// ```
    pub fn start_captions(&self, request: StartCaptions) -> Call<StartCaptions> {
        self.caller.call(request)
    }

    /// Ends live captions.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GenerateToken, Role, StartCaptions, StopCaptions};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session).role(Role::Moderator))?;
    /// let captions = client.start_captions(StartCaptions::new(&session, token.expose())).await?;
    /// client.stop_captions(StopCaptions::new(captions.captions_id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_captions(&self, request: StopCaptions) -> Call<StopCaptions> {
        self.caller.call(request)
    }

    /// Tells about live captions. Only the unified environment is known to answer it.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{CaptionsStatus, GenerateToken, GetCaptions, Role, StartCaptions};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session).role(Role::Moderator))?;
    /// let captions = client.start_captions(StartCaptions::new(&session, token.expose())).await?;
    /// let captions = client.get_captions(GetCaptions::new(captions.captions_id)).await?;
    /// assert_eq!(captions.status, Some(CaptionsStatus::Started));
    /// # Ok(()) });
    /// ```
    pub fn get_captions(&self, request: GetCaptions) -> Call<GetCaptions> {
        self.caller.call(request)
    }

    /// Loads a web page and publishes it as a stream (Experience Composer).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GenerateToken, RenderProperties, StartRender};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let page = StartRender::new(&session, token.expose(), "https://example.com/scoreboard");
    /// let render = client.start_render(page.properties(RenderProperties::new().name("scores"))).await?;
    /// assert_eq!(render.session_id, Some(session));
    /// # Ok(()) });
    /// ```
    pub fn start_render(&self, request: StartRender) -> Call<StartRender> {
        self.caller.call(request)
    }

    /// Tells about a render.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GenerateToken, GetRender, StartRender};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let page = StartRender::new(&session, token.expose(), "https://example.com/scoreboard");
    /// let render = client.start_render(page).await?;
    /// let render = client.get_render(GetRender::new(render.id)).await?;
    /// println!("{:?}", render.status);
    /// # Ok(()) });
    /// ```
    pub fn get_render(&self, request: GetRender) -> Call<GetRender> {
        self.caller.call(request)
    }

    /// Lists the renders of the project: one page of them.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::ListRenders;
    ///
    /// let mut renders = client.list_renders(ListRenders::new()).items();
    /// while let Some(render) = renders.next().await {
    ///     println!("{}", render?.id);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_renders(&self, request: ListRenders) -> Call<ListRenders> {
        self.caller.call(request)
    }

    /// Ends a render.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{GenerateToken, StartRender, StopRender};
    ///
    /// let token = client.generate_token(GenerateToken::new(&session))?;
    /// let page = StartRender::new(&session, token.expose(), "https://example.com/scoreboard");
    /// let render = client.start_render(page).await?;
    /// client.stop_render(StopRender::new(render.id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_render(&self, request: StopRender) -> Call<StopRender> {
        self.caller.call(request)
    }
}
