//! Kinesis Video Streams WebRTC signaling: endpoints and TURN servers of channels so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::credentials::{KVS_CHANNEL_ARN, KVS_REGION};
use crate::generated::kvs_signaling::ROUTES;
use crate::pattern::pattern;
use crate::provider::{BoxFuture, Exchange, Provider, json};
use crate::shared::Shared;
use crate::spec::Route;
use crate::time::{unix_millis, unix_seconds};

mod signature;

/// The documented quota of `GetIceServerConfig` for one channel.
const ICE_CALLS: usize = 5;
const ICE_WINDOW: Duration = Duration::from_secs(1);
/// The documented life of TURN credentials, in seconds.
const TURN_TTL: u64 = 300;
/// How many TURN servers a channel is told.
const TURN_SERVERS: usize = 2;

/// The emulated service.
pub(crate) struct KvsSignaling {
    shared: Arc<Shared>,
    channels: Mutex<BTreeMap<String, Channel>>,
}

#[derive(Default)]
struct Channel {
    /// Whether it may be asked for its storage endpoint.
    ingestion: bool,
    /// When TURN servers were asked for, within the window of the quota.
    ice_calls: VecDeque<SystemTime>,
    /// How often they were given.
    ice_answers: u64,
}

/// A refusal as the service words it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgumentException", message)
    }
}

type Answer = Result<Value, Refusal>;

impl KvsSignaling {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), channels: Mutex::new(initial()) }
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, exchange: &Exchange) -> Answer {
        signature::verify(&exchange.parts, &exchange.body, exchange.now)?;
        let body = exchange.value().map_err(|message| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "SerializationException",
                format!("the body is not JSON: {message}"),
            )
        })?;
        if let Some(broken) = exchange.check(&body).first() {
            return Err(Refusal::invalid(format!("1 validation error detected: {}", broken.message)));
        }
        match exchange.operation {
            "get_signaling_channel_endpoint" => self.endpoints(exchange, &body),
            "get_ice_server_config" => self.ice_servers(exchange, &body),
            other => Err(Refusal::invalid(format!("the emulator does not know {other}"))),
        }
    }

    /// Does something with the channel that the request names.
    fn with_channel<T>(
        &self,
        body: &Value,
        act: impl FnOnce(&mut Channel) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let arn = body.get("ChannelARN").and_then(Value::as_str).unwrap_or_default();
        match self.channels().get_mut(arn) {
            Some(channel) => act(channel),
            None => Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFoundException",
                "The requested channel is not found or not active.",
            )),
        }
    }

    fn endpoints(&self, exchange: &Exchange, body: &Value) -> Answer {
        let wanted = body.get("SingleMasterChannelEndpointConfiguration");
        let named = wanted.and_then(|w| w.get("Protocols")).and_then(Value::as_array);
        let protocols: Vec<&str> =
            named.map_or(vec!["HTTPS", "WSS"], |list| list.iter().filter_map(Value::as_str).collect());
        let ingestion = self.with_channel(body, |channel| Ok(channel.ingestion))?;
        if protocols.contains(&"WEBRTC") && !ingestion {
            return Err(Refusal::invalid("The channel is not configured for media storage."));
        }
        let role = wanted.and_then(|w| w.get("Role")).and_then(Value::as_str).unwrap_or("MASTER");
        let base = self.base(exchange);
        let socket =
            format!("{}/kvs-signaling/{}", base.replacen("http", "ws", 1), role.to_ascii_lowercase());
        let list: Vec<_> = protocols
            .iter()
            .map(|protocol| {
                let url = if *protocol == "WSS" { &socket } else { base };
                json!({ "Protocol": protocol, "ResourceEndpoint": url })
            })
            .collect();
        Ok(json!({ "ResourceEndpointList": list }))
    }

    /// The listener that the request came to.
    fn base(&self, exchange: &Exchange) -> &str {
        let host = exchange.header("host").unwrap_or_default();
        let secure =
            self.shared.tls_url().filter(|url| url.split_once("://").is_some_and(|(_, own)| own == host));
        secure.unwrap_or_else(|| self.shared.url())
    }

    fn ice_servers(&self, exchange: &Exchange, body: &Value) -> Answer {
        let quotas = self.shared.quotas();
        let now = exchange.now;
        self.with_channel(body, |channel| {
            channel.ice_calls.retain(|at| now.duration_since(*at).is_ok_and(|age| age < ICE_WINDOW));
            if quotas && channel.ice_calls.len() >= ICE_CALLS {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "ClientLimitExceededException",
                    "Rate exceeded: 5 GetIceServerConfig calls per second for a channel.",
                ));
            }
            channel.ice_calls.push_back(now);
            channel.ice_answers += 1;
            Ok(())
        })?;
        let servers: Vec<_> = (0..TURN_SERVERS).map(|_| self.turn_server(now)).collect();
        Ok(json!({ "IceServerList": servers }))
    }

    /// A TURN server; its user name is wider than the documented pattern, as the real ones are.
    fn turn_server(&self, now: SystemTime) -> Value {
        let ids = &self.shared.ids;
        let host = format!("127-0-0-1.t-{}.kinesisvideo.{KVS_REGION}.amazonaws.com:443", ids.hex(8));
        json!({
            "Uris": [
                format!("turn:{host}?transport=udp"),
                format!("turns:{host}?transport=udp"),
                format!("turns:{host}?transport=tcp"),
            ],
            "Username": format!("{}:{}==", unix_seconds(now) + TURN_TTL, ids.alnum(42)),
            "Password": format!("{}=", ids.alnum(43)),
            "Ttl": TURN_TTL,
        })
    }

    fn add(&self, channel: &Value) -> Result<String, String> {
        let member = |name: &str| channel.get(name).and_then(Value::as_str);
        let arn = match (member("channel_arn"), member("channel_name")) {
            (Some(arn), _) => arn.to_owned(),
            (None, Some(name)) => {
                let created = unix_millis(self.shared.clock.now());
                format!("arn:aws:kinesisvideo:{KVS_REGION}:123456789012:channel/{name}/{created}")
            }
            (None, None) => return Err("give channel_arn or channel_name".into()),
        };
        if !pattern("channel_arn", &arn) {
            return Err(format!("{arn:?} is no ARN of a channel"));
        }
        let ingestion = channel.get("ingestion").and_then(Value::as_bool).unwrap_or(false);
        self.channels().insert(arn.clone(), Channel { ingestion, ..Channel::default() });
        Ok(arn)
    }
}

fn initial() -> BTreeMap<String, Channel> {
    BTreeMap::from([(KVS_CHANNEL_ARN.to_owned(), Channel::default())])
}

impl Provider for KvsSignaling {
    fn name(&self) -> &'static str {
        "kvs-signaling"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            let mut response = match self.answer(&exchange) {
                Ok(body) => json(StatusCode::OK, &body),
                Err(refusal) => {
                    let mut response = json(refusal.status, &json!({ "Message": refusal.message }));
                    // The service appends where the type is defined.
                    let name =
                        format!("{}:http://internal.amazon.com/coral/com.amazon.kinesisvideo/", refusal.name);
                    insert(&mut response, "x-amzn-errortype", &name);
                    response
                }
            };
            insert(&mut response, "x-amzn-requestid", &self.shared.ids.uuid());
            response
        })
    }

    fn state(&self) -> Value {
        let channels = self.channels();
        let list: Vec<_> = channels
            .iter()
            .map(|(arn, channel)| {
                json!({ "channel_arn": arn, "ingestion": channel.ingestion, "ice_answers": channel.ice_answers })
            })
            .collect();
        json!({ "channels": list })
    }

    fn reset(&self) {
        *self.channels() = initial();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        let list = state.get("channels").and_then(Value::as_array).ok_or("give a list named channels")?;
        list.iter().try_for_each(|channel| self.add(channel).map(drop))
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        match (method, path) {
            (&Method::GET, "channels") => Some((StatusCode::OK, self.state())),
            (&Method::POST, "channels") => Some(match self.add(body) {
                Ok(arn) => (StatusCode::OK, json!({ "channel_arn": arn })),
                Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": { "message": error } })),
            }),
            _ => None,
        }
    }
}

fn insert(response: &mut Response<Full<Bytes>>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
