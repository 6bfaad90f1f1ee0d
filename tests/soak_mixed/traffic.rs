//! The clients, and what they call.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use enablex::{CreateRoom as CreateSession, CreateToken, GetRoom, Role, RoomSettings};
use kvs_signaling::{CreateSignalingChannel, DescribeSignalingChannel, GetIceServerConfig};
use mediasfu::{CreateRoom, ListRooms, ServerKind};
use opentok::{ArchiveMode, ListArchives, MediaMode};
use rtc_core::{RetryPolicy, ServiceError};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::http::{ListChannelConnections, PushChannel};
use sora_rpc::{ClientOptions, PutSignalingNotifyMetadata, ResetSpotlightRid};

use crate::Failed;

/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(1);
/// How a mark begins; eight digits follow. Short and plain enough for every field it is put into.
pub(crate) const MARK: &str = "sk";
/// Connections over which Sora's methods are called.
const SOCKETS: usize = 4;

/// What of a call with a mark may happen once only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replay {
    /// The request, unless it was refused without effect.
    Never,
    /// Its effect: requests carry an idempotency key.
    Keyed,
}

/// How a call has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) provider: &'static str,
    pub(crate) mark: Option<String>,
    pub(crate) replay: Replay,
    pub(crate) error: Option<Told>,
    pub(crate) stuck: bool,
}

/// An error, in every form it is printed in.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Told {
    fn of<E: ServiceError>(error: &rtc_core::Error<E>) -> Self {
        let mut text = format!("{error} {error:?}");
        let mut source = StdError::source(error);
        while let Some(cause) = source {
            let _ = write!(text, " {cause} {cause:?}");
            source = cause.source();
        }
        Self { kind: format!("{:?}", error.kind()), text }
    }
}

impl End {
    fn new<T, E: ServiceError>(provider: &'static str, outcome: Result<T, rtc_core::Error<E>>) -> Self {
        let error = outcome.err().map(|error| Told::of(&error));
        Self { provider, mark: None, replay: Replay::Never, error, stuck: false }
    }

    fn marked(self, mark: String, replay: Replay) -> Self {
        Self { mark: Some(mark), replay, ..self }
    }

    /// Of a call that did not come back.
    pub(crate) fn stuck(index: u64) -> Self {
        let error = Some(Told { kind: "stuck".into(), text: format!("call {index}") });
        Self { provider: "any", mark: None, replay: Replay::Never, error, stuck: true }
    }
}

/// Ends that must not be, to see that they are found.
impl End {
    pub(crate) fn telling(provider: &'static str, secret: &str) -> Self {
        let error = Some(Told { kind: "any".into(), text: format!("refused: {secret}") });
        Self { provider, mark: None, replay: Replay::Never, error, stuck: false }
    }

    pub(crate) fn unasked(mark: &str) -> Self {
        Self { provider: "any", mark: Some(mark.into()), replay: Replay::Never, error: None, stuck: false }
    }
}

/// One client of each, for the whole soak.
pub(crate) struct World {
    opentok: opentok::Client,
    cloud: mediasfu::Client,
    community: mediasfu::Client,
    kvs: kvs_signaling::Client,
    enablex: enablex::Client,
    sora: sora_rpc::HttpClient,
}

/// What there is for a round only.
pub(crate) struct Scene {
    room_id: String,
    arn: &'static str,
    channel_id: &'static str,
    members: Vec<Member>,
}

/// A connection of Sora's and the calls that were made over it.
struct Member {
    client: sora_rpc::Client,
    connection_id: String,
    calls: AtomicU64,
}

impl World {
    pub(crate) fn new(emulator: &Emulator) -> Result<Self, Failed> {
        let policy = || RetryPolicy::default().with_base(Duration::from_millis(1));
        let opentok = emulator.opentok();
        let credentials = opentok::Credentials::new(opentok.api_key(), opentok.api_secret());
        let opentok = opentok::Client::builder(credentials).endpoint(opentok.url());
        let mediasfu = emulator.mediasfu();
        let credentials = mediasfu::Credentials::new(mediasfu.api_user_name(), mediasfu.api_key());
        let mediasfu = mediasfu::Client::builder(credentials).endpoint(mediasfu.url());
        let mediasfu = mediasfu.timeout(DEADLINE).retry(policy());
        let kvs = emulator.kvs();
        let credentials = kvs_signaling::Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
        let kvs = kvs_signaling::Client::builder(credentials).region(kvs.region()).endpoint(kvs.url());
        // The quotas are off: all of it in a minute, not in hours.
        let kvs = kvs.paced(false);
        let enablex = emulator.enablex();
        let credentials = enablex::Credentials::new(enablex.app_id(), enablex.app_key());
        let enablex = enablex::Client::builder(credentials).endpoint(enablex.url()).paced(false);
        let sora = sora_rpc::HttpClient::builder().endpoint(emulator.sora().api_url());
        Ok(Self {
            opentok: opentok.timeout(DEADLINE).retry(policy()).build()?,
            cloud: mediasfu.clone().server(ServerKind::Cloud).build()?,
            community: mediasfu.build()?,
            kvs: kvs.timeout(DEADLINE).retry(policy()).build()?,
            enablex: enablex.timeout(DEADLINE).retry(policy()).build()?,
            sora: sora.timeout(DEADLINE).retry(policy()).build()?,
        })
    }

    /// Sets a round up, before there are faults.
    pub(crate) async fn prepare(&self, emulator: &Emulator) -> Result<Scene, Failed> {
        let room =
            self.enablex.create_room(CreateSession::new("Round", "soak", RoomSettings::new(2))).await?;
        let mut members = Vec::new();
        for _ in 0..SOCKETS {
            let url = emulator.sora().rpc_url();
            let client = sora_rpc::Client::connect_websocket(&url, ClientOptions::new()).await?;
            let me = client.reset_spotlight_rid(ResetSpotlightRid::new()).await?;
            members.push(Member { client, connection_id: me.recv_connection_id, calls: AtomicU64::new(1) });
        }
        let (arn, channel_id) = (emulator.kvs().channel_arn(), emulator.sora().channel_id());
        Ok(Scene { room_id: room.room_id, arn, channel_id, members })
    }

    /// Makes the call of this number and waits for its end.
    pub(crate) async fn call(&self, scene: &Scene, number: u64) -> End {
        let mark = format!("{MARK}{number:08}");
        match number % 14 {
            0 => {
                let request = opentok::CreateSession::new().media_mode(MediaMode::Routed);
                let request = request.archive_mode(ArchiveMode::Always).archive_name(&mark);
                End::new("opentok", self.opentok.create_session(request).await).marked(mark, Replay::Never)
            }
            1 => End::new("opentok", self.opentok.list_archives(ListArchives::new()).await),
            2 => {
                let request = CreateRoom::new(&mark, 60, 10);
                End::new("mediasfu", self.cloud.create_room(request).await).marked(mark, Replay::Keyed)
            }
            3 => {
                let request = CreateRoom::new(&mark, 60, 10);
                End::new("mediasfu", self.community.create_room(request).await).marked(mark, Replay::Never)
            }
            4 => End::new("mediasfu", self.cloud.list_rooms(ListRooms::new()).await),
            5 => {
                let request = CreateSignalingChannel::new(&mark);
                End::new("kvs-signaling", self.kvs.create_signaling_channel(request).await)
                    .marked(mark, Replay::Never)
            }
            6 => {
                let request = DescribeSignalingChannel::new().channel_arn(scene.arn);
                End::new("kvs-signaling", self.kvs.describe_signaling_channel(request).await)
            }
            7 => {
                let request = GetIceServerConfig::new(scene.arn);
                End::new("kvs-signaling", self.kvs.get_ice_server_config(request).await)
            }
            8 => {
                let request = CreateSession::new(&mark, "soak", RoomSettings::new(2));
                End::new("enablex", self.enablex.create_room(request).await).marked(mark, Replay::Never)
            }
            9 => {
                let request = CreateToken::new(&scene.room_id, &mark, Role::Participant, "soak");
                End::new("enablex", self.enablex.create_token(request).await).marked(mark, Replay::Never)
            }
            10 => End::new("enablex", self.enablex.get_room(GetRoom::new(&scene.room_id)).await),
            11 => {
                let request = PushChannel::new(scene.channel_id, json!({ "mark": mark }));
                End::new("sora-rpc", self.sora.push_channel(request).await).marked(mark, Replay::Never)
            }
            12 => {
                let request = ListChannelConnections::new(scene.channel_id);
                End::new("sora-rpc", self.sora.list_channel_connections(request).await)
            }
            _ => scene.rpc(number, &mark).await,
        }
    }
}

impl Scene {
    async fn rpc(&self, number: u64, mark: &str) -> End {
        let at = usize::try_from(number / 14).unwrap_or(0) % self.members.len();
        let member = &self.members[at];
        member.calls.fetch_add(1, Ordering::Relaxed);
        let request = PutSignalingNotifyMetadata::new(json!({ "mark": mark }));
        End::new("sora-rpc over WebSocket", member.client.put_signaling_notify_metadata(request).await)
    }

    /// As if a call over a WebSocket had not been made.
    pub(crate) fn forget_one_call(&self) {
        if let Some(member) = self.members.first() {
            member.calls.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Calls that came in and calls that went out, by connection.
    pub(crate) fn rpc_counts(&self, state: &Value) -> Vec<(u64, u64)> {
        let members = &state["sora-rpc"]["channels"][self.channel_id];
        let came = |member: &Member| {
            members[&member.connection_id]["counters"]["rpc_requests"].as_u64().unwrap_or(0)
        };
        self.members.iter().map(|member| (came(member), member.calls.load(Ordering::Relaxed))).collect()
    }

    /// Closes its connections.
    pub(crate) fn leave(&self) {
        self.members.iter().for_each(|member| member.client.disconnect());
    }
}
