//! The client: one short method per operation.

use std::time::Duration;

use rtc_core::{Caller, ClientConfig, Pace, Rule, Store, Url, Violation, Violations, env};

use crate::credentials::{Credentials, MediaSfu};
use crate::endpoint::{CLOUD, ServerKind, account_base, choose_endpoint, is_cloud};
use crate::error::{Error, Result};
#[cfg(feature = "socketio")]
use crate::limiter::AttemptLimiter;
#[cfg(feature = "socketio")]
use crate::meeting::MeetingOptions;
use crate::operation::{Call, ChooseEndpoint, CreateRoom, JoinRoom};
use crate::pace;
use crate::pending::{Guard, StoreFailure};

mod external;
mod keys;
#[cfg(feature = "socketio")]
mod meeting;
mod rooms;
mod settings;
mod sip;

/// The name and version in the User-Agent.
const AGENT: &str = concat!("rtc-mediasfu/", env!("CARGO_PKG_VERSION"));

/// A client of one MediaSFU account, in the cloud or on a Community Edition server. Cheap to clone; the clones
/// share connections and the guard against duplicate calls.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Caller<MediaSfu>,
    guard: Option<Guard>,
    pace: Option<Pace>,
    #[cfg(feature = "socketio")]
    meetings: MeetingOptions,
}

/// Configures a [`Client`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    credentials: Credentials,
    config: ClientConfig,
    server: Option<ServerKind>,
    guarded: bool,
    scope: String,
    failure: StoreFailure,
    keyed: bool,
    paced: bool,
    slash: bool,
}

impl ClientBuilder {
    rtc_core::config_setters!();

    /// Says which kind of server the endpoint is. Unset, the host tells: `mediasfu.com` and the names below it are
    /// the cloud, all others are Community Editions. For the cloud behind a proxy, and for the emulator. An address
    /// that only looks like the cloud's (`https://mediasfu.com.example`, `https://example.com/mediasfu.com`) gets no
    /// key unless this is said.
    pub fn server(mut self, kind: ServerKind) -> Self {
        self.server = Some(kind);
        self
    }

    /// Whether a `create_room` call is refused while the same one is under way; on by default. See
    /// [`pending`](crate::pending).
    pub fn duplicate_guard(mut self, on: bool) -> Self {
        self.guarded = on;
        self
    }

    /// Keeps the calls of this client apart from those of another scope: calls that look alike but are not (those
    /// of two tenants, say) do not refuse each other.
    pub fn duplicate_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Whether calls to the cloud that understand one get an idempotency key by themselves, so that they can be
    /// repeated after a lost answer; on by default. A key of the request always comes first. One that was made ends
    /// with its call: a second call has another one.
    pub fn idempotency_keys(mut self, on: bool) -> Self {
        self.keyed = on;
        self
    }

    /// Whether the cloud's address of rooms ends with a slash (`/v1/rooms/`), as most official SDKs write it; on by
    /// default. The service takes both; a proxy in front of it may not.
    pub fn trailing_slash(mut self, on: bool) -> Self {
        self.slash = on;
        self
    }

    /// Whether `list_sip_calls` waits until the service takes the next one (once in 5 s per account); on by
    /// default. Clients that share a store take turns.
    pub fn paced(mut self, on: bool) -> Self {
        self.paced = on;
        self
    }

    /// Keeps the claims of the guard in this store; in this process only when not given.
    pub fn store(mut self, store: impl Store) -> Self {
        self.config.set_store(store);
        self
    }

    /// Says what happens to a `create_room` call when the store fails; it is refused when not given.
    pub fn store_failure(mut self, then: StoreFailure) -> Self {
        self.failure = then;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When the endpoint, a header, a certificate or the proxy cannot be used. Credentials are checked with
    /// the first call.
    pub fn build(mut self) -> Result<Client> {
        // An empty address means the cloud, as in the official SDKs.
        self.config.endpoint = self.config.endpoint.filter(|link| !is_cloud(link));
        self.config.endpoint = self.config.endpoint.map(|link| account_base(link, self.server));
        let (store, quotas) = (self.config.store(), self.config.quotas());
        let account = self.credentials.api_user_name().to_owned();
        #[cfg(feature = "socketio")]
        let meetings = self.meetings(&account)?;
        let mut service = MediaSfu::new(self.credentials, self.server);
        (service.keyed, service.slash) = (self.keyed, self.slash);
        let caller = self.config.caller(service, CLOUD, AGENT)?;
        let pace = self.paced.then(|| pace::of_lists(&quotas, &account, caller.base()));
        let guard =
            self.guarded.then(|| Guard::new(store, &account, caller.base(), &self.scope, self.failure));
        Ok(Client {
            caller,
            guard,
            pace,
            #[cfg(feature = "socketio")]
            meetings,
        })
    }

    /// How its clients connect to meetings. They share what is learnt of the endpoint's address.
    #[cfg(feature = "socketio")]
    fn meetings(&mut self, account: &str) -> Result<MeetingOptions> {
        let base = self.config.base(CLOUD)?;
        self.config.policy = self.config.policy.for_base(&base);
        let limiter = AttemptLimiter::new().with_clock(self.config.clock.clone());
        let options = MeetingOptions::from_config(self.config.clone()).endpoint(base);
        Ok(options.account(account).limiter(limiter))
    }
}

impl Client {
    /// A client of the cloud with the default settings.
    ///
    /// # Errors
    /// When the built-in transport cannot be set up.
    pub fn new(credentials: Credentials) -> Result<Self> {
        Self::builder(credentials).build()
    }

    /// Starts to configure a client. Total time limit 15 s, connect 5 s, answers up to 1 MiB.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder {
            credentials,
            config: ClientConfig::new(Duration::from_secs(15)),
            server: None,
            guarded: true,
            scope: String::new(),
            failure: StoreFailure::default(),
            keyed: true,
            paced: true,
            slash: true,
        }
    }

    /// A client from `MEDIASFU_API_USER_NAME`, `MEDIASFU_API_KEY` and, if set, `MEDIASFU_ENDPOINT`,
    /// `MEDIASFU_SERVER` (`cloud` or `community`) and `MEDIASFU_ORIGIN` (the origin that a domain-bound key is
    /// registered for).
    ///
    /// # Errors
    /// As [`Client::new`], and when `MEDIASFU_SERVER` is neither. Credentials that are not set count as empty,
    /// which the first call reports.
    pub fn from_env() -> Result<Self> {
        let credential = |name| env(name).unwrap_or_default();
        let credentials =
            Credentials::new(credential("MEDIASFU_API_USER_NAME"), credential("MEDIASFU_API_KEY"));
        let mut builder = Self::builder(credentials);
        if let Some(endpoint) = env("MEDIASFU_ENDPOINT") {
            builder = builder.endpoint(endpoint);
        }
        if let Some(name) = env("MEDIASFU_SERVER") {
            builder = builder.server(ServerKind::from_name(&name).ok_or_else(unknown_server)?);
        }
        if let Some(origin) = env("MEDIASFU_ORIGIN") {
            builder = builder.header("origin", origin);
        }
        builder.build()
    }

    /// The user name of the account.
    #[must_use]
    pub fn api_user_name(&self) -> &str {
        self.caller.service().credentials.api_user_name()
    }

    /// The base URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.caller.base().as_str()
    }

    /// Creates a room. While the same call is under way, it is refused with
    /// [`MediaSfuError::InProgress`](crate::MediaSfuError::InProgress) and not sent, see [`pending`](crate::pending).
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (user, key, url) = (emulator.mediasfu().api_user_name(), emulator.mediasfu().api_key(), emulator.mediasfu().url());
    /// use mediasfu::{Client, CreateRoom, Credentials, EventType, ServerKind};
    ///
    /// let client = Client::builder(Credentials::new(user, key)).endpoint(url).server(ServerKind::Cloud).build()?;
    /// let room = client.create_room(CreateRoom::new("hostUser", 60, 10).event_type(EventType::Webinar)).await?;
    /// assert!(room.room_name.starts_with('s'));
    /// # Ok(()) }
    /// ```
    pub fn create_room(&self, request: CreateRoom) -> Call<CreateRoom> {
        let gate = self.guard.as_ref().map(|guard| guard.gate(&request));
        let call = self.caller.call(request);
        match gate {
            Some(gate) => call.gate(gate),
            None => call,
        }
    }

    /// The key under which the store keeps the claim of this call while it is under way, to look at it or to
    /// free it by hand; `None` when the guard is off. It is a hash and shows nothing of the call.
    #[must_use]
    pub fn pending_key(&self, request: &CreateRoom) -> Option<String> {
        self.guard.as_ref().map(|guard| guard.key(request))
    }

    /// Joins a room.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let (user, key, url) = (emulator.mediasfu().api_user_name(), emulator.mediasfu().api_key(), emulator.mediasfu().community_url());
    /// use mediasfu::{Client, CreateRoom, Credentials, JoinRoom};
    ///
    /// // On a Community Edition server.
    /// let client = Client::builder(Credentials::new(user, key)).endpoint(url).build()?;
    /// let room = client.create_room(CreateRoom::new("hostUser", 60, 10)).await?;
    /// let joined = client.join_room(JoinRoom::new(&room.room_name, "guest1")).await?;
    /// assert_eq!(joined.room_name, room.room_name);
    /// # Ok(()) }
    /// ```
    pub fn join_room(&self, request: JoinRoom) -> Call<JoinRoom> {
        self.caller.call(request)
    }

    /// Tells the URL that a link stands for, as a client with this endpoint would use it. Sends nothing and needs
    /// no client.
    ///
    /// An empty or blank link is the cloud. Slashes at its end are dropped.
    ///
    /// # Errors
    /// Validation or endpoint: the action is unknown; the link is not a full `https` URL (`http` only for this
    /// machine), or has user information, a query or a fragment.
    ///
    /// ```
    /// use mediasfu::{ChooseEndpoint, Client, RoomAction};
    ///
    /// let link = |link| Client::choose_endpoint(ChooseEndpoint::new().local_link(link).action(RoomAction::Join));
    /// assert_eq!(link("")?.as_str(), "https://mediasfu.com/v1/rooms/");
    /// assert_eq!(link("https://rtc.example.com/")?.as_str(), "https://rtc.example.com/joinRoom");
    /// // The host decides: this is not the cloud, whatever its path says.
    /// assert_eq!(link("https://evil.example/mediasfu.com")?.as_str(), "https://evil.example/mediasfu.com/joinRoom");
    /// # Ok::<(), mediasfu::Error>(())
    /// ```
    #[allow(clippy::needless_pass_by_value, reason = "every operation takes its request by value")]
    pub fn choose_endpoint(request: ChooseEndpoint) -> Result<Url> {
        choose_endpoint(&request)
    }
}

fn unknown_server() -> Error {
    let violation =
        Violation::new("server", "MEDIASFU_SERVER", Rule::OneOf, "must be one of cloud, community");
    Error::from(Violations::from(violation))
}
