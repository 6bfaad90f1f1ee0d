//! The client: one short method per operation.

use std::time::Duration;

use rtc_core::{Caller, ClientConfig, Operation, Pace, Store};

use crate::credentials::{Credentials, EnableX, RecordingAccess};
use crate::error::Result;
use crate::operation::{Call, CreateRoom, CreateToken};
use crate::pace;
#[cfg(feature = "socketio")]
use crate::{
    operation::ConnectRoom,
    room::{self, Room, RoomEvents, RoomOptions},
};

mod files;
mod reports;
mod rooms;

/// The limits of a call of the Server API unless told otherwise.
const TOTAL_TIME: Duration = Duration::from_secs(15);
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Stands for a limit that the user did not set: the Server API and rooms have different ones then. A value that
/// nobody sets.
const UNSET: Duration = Duration::new(u64::MAX, 1);
/// The service's own address.
const BASE: &str = "https://api.enablex.io/video/v2";
/// The name and version in the User-Agent.
pub(crate) const AGENT: &str = concat!("rtc-enablex/", env!("CARGO_PKG_VERSION"));

/// A client of one EnableX application. Cheap to clone; the clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Caller<EnableX>,
    pace: Option<Pace>,
    #[cfg(feature = "socketio")]
    rooms: RoomOptions,
}

/// Configures a [`Client`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    credentials: Credentials,
    recordings: Option<RecordingAccess>,
    config: ClientConfig,
    rate: Option<(u32, Duration)>,
    paced: bool,
}

impl ClientBuilder {
    rtc_core::config_setters!();

    /// Sets the credentials for recordings and the hosts that may see them.
    pub fn recordings(mut self, access: RecordingAccess) -> Self {
        self.recordings = Some(access);
        self
    }

    /// Keeps `calls` (at least 1) in any stretch of `per` of all calls of the Server API, by all clients of the application
    /// that share a [`store`](Self::store). The vendor documents no number; without this nothing is waited for until the
    /// service refuses a call for calling too often (429).
    pub fn rate(mut self, calls: u32, per: Duration) -> Self {
        self.rate = Some((calls, per));
        self
    }

    /// Whether calls of the Server API keep the [`rate`](Self::rate) and hold off after a refusal for calling too often (429);
    /// on by default. They hold off for as long as the service says, at most a minute, or for the pause of the retry
    /// policy; all clients of the application that share a store do so, within the time limits of their calls.
    pub fn paced(mut self, on: bool) -> Self {
        self.paced = on;
        self
    }

    /// Keeps rate and pauses in this store; in this client only when not given. Each call then asks the store once, and
    /// once more where there is a rate. When it is away, calls go on without it.
    pub fn store(mut self, store: impl Store) -> Self {
        self.config.set_store(store);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used. Credentials are checked with
    /// the first call.
    pub fn build(self) -> Result<Client> {
        let quotas = self.paced.then(|| self.config.quotas());
        let app_id = self.credentials.app_id().to_owned();
        let service = EnableX::new(self.credentials, self.recordings);
        let caller =
            with_limits(self.config.clone(), TOTAL_TIME, CONNECT_TIME).caller(service, BASE, AGENT)?;
        Ok(Client {
            pace: quotas.map(|quotas| pace::of_application(&quotas, self.rate, &app_id, caller.base())),
            caller,
            #[cfg(feature = "socketio")]
            rooms: RoomOptions::from_config(with_limits(self.config, room::ANSWER_TIME, room::CONNECT_TIME)),
        })
    }
}

/// The settings with these limits where the user set none.
fn with_limits(mut config: ClientConfig, total: Duration, connect: Duration) -> ClientConfig {
    if config.timeout == UNSET {
        config.timeout = total;
    }
    if config.limits.connect == UNSET {
        config.limits = config.limits.with_connect(connect);
    }
    config
}

impl Client {
    /// A client with the default settings.
    ///
    /// # Errors
    /// When the built-in transport cannot be set up.
    pub fn new(credentials: Credentials) -> Result<Self> {
        Self::builder(credentials).build()
    }

    /// Starts to configure a client. Total time limit 15 s, connect 5 s, answers up to 1 MiB. For its rooms: 8 s to
    /// connect, 10 s for each answer; limits that are set count for both.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        let mut config = ClientConfig::new(UNSET);
        config.limits = config.limits.with_connect(UNSET);
        ClientBuilder { credentials, recordings: None, config, rate: None, paced: true }
    }

    /// A client from `ENABLEX_APP_ID`, `ENABLEX_APP_KEY` and, if set, `ENABLEX_ENDPOINT`.
    ///
    /// # Errors
    /// As [`Client::new`]. An empty variable counts as not set; missing credentials are reported by the first call.
    pub fn from_env() -> Result<Self> {
        let var = |name| rtc_core::env(name).unwrap_or_default();
        let mut builder = Self::builder(Credentials::new(var("ENABLEX_APP_ID"), var("ENABLEX_APP_KEY")));
        if let Some(endpoint) = rtc_core::env("ENABLEX_ENDPOINT") {
            builder = builder.endpoint(endpoint);
        }
        builder.build()
    }

    /// Creates a room.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let access = emulator.enablex();
    /// # let (id, key, url) = (access.app_id(), access.app_key(), access.url());
    /// use enablex::{Client, CreateRoom, Credentials, Quality, RoomSettings};
    ///
    /// let client = Client::builder(Credentials::new(id, key)).endpoint(url).build()?;
    /// let settings = RoomSettings::new(5).moderators(2).quality(Quality::Hd);
    /// let room = client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await?;
    /// assert_eq!(room.settings.participants, Some(5));
    /// # Ok(()) }
    /// ```
    pub fn create_room(&self, request: CreateRoom) -> Call<CreateRoom> {
        self.call(request)
    }

    /// Creates a token with which one user can enter a room once, within 15 minutes.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let access = emulator.enablex();
    /// # let (id, key, url) = (access.app_id(), access.app_key(), access.url());
    /// use enablex::{Client, CreateRoom, CreateToken, Credentials, DecodeToken, Role, RoomSettings, decode_token};
    ///
    /// let client = Client::builder(Credentials::new(id, key)).endpoint(url).build()?;
    /// let room = client.create_room(CreateRoom::new("Stand-up", "team-7", RoomSettings::new(5))).await?;
    /// let request = CreateToken::new(room.room_id, "Ada", Role::Moderator, "user-1");
    /// let token = client.create_token(request).await?.token;
    /// // The token goes to the user's device. It is opaque but for where the room is:
    /// println!("the room is at {}", decode_token(DecodeToken::new(token))?.host);
    /// # Ok(()) }
    /// ```
    pub fn create_token(&self, request: CreateToken) -> Call<CreateToken> {
        self.call(request)
    }

    /// Enters a room with this client's settings. [`Room::connect`] does it without a client. Extra headers and the
    /// client's certificate are shown to the room's server only if it is on the endpoint's host: see
    /// [`RoomOptions::trusted_host`].
    ///
    /// # Errors
    /// See [`Room::connect`].
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let access = emulator.enablex();
    /// # let (id, key, url) = (access.app_id(), access.app_key(), access.url());
    /// use enablex::{Client, ConnectRoom, CreateRoom, CreateToken, Credentials, Role, RoomEvent, RoomSettings};
    ///
    /// let client = Client::builder(Credentials::new(id, key)).endpoint(url).build()?;
    /// let room = client.create_room(CreateRoom::new("Stand-up", "team-7", RoomSettings::new(5))).await?;
    /// let request = CreateToken::new(room.room_id, "Moderator", Role::Moderator, "backend");
    /// let token = client.create_token(request).await?.token;
    /// let (room, mut events) = client.connect_room(ConnectRoom::new(token)).await?;
    /// room.lock_room().await?;
    /// while let Some(event) = events.next().await {
    ///     if let RoomEvent::RoomLocked(_) = event {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(room.state().locked, Some(true));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "socketio")]
    pub async fn connect_room(&self, request: ConnectRoom) -> Result<(Room, RoomEvents)> {
        request.validate()?;
        Room::connect(request.token, self.rooms.clone()).await
    }

    /// How this client connects to rooms, to be changed for [`Room::connect`].
    #[cfg(feature = "socketio")]
    pub fn room_options(&self) -> RoomOptions {
        self.rooms.clone()
    }

    /// A call of the Server API, at its pace.
    fn call<O: Operation<EnableX>>(&self, request: O) -> Call<O> {
        self.caller.call(request).pace(self.pace.clone())
    }
}
