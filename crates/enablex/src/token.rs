//! Room tokens: opaque to the Server API, read only to find the room's server.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
#[cfg(feature = "socketio")]
use rtc_core::encode::json_value;
use rtc_core::validate::{Field, Violation};
use rtc_core::wire::{As, Lenient};
use rtc_core::{Rule, Url, Violations};
#[cfg(feature = "socketio")]
use rtc_core::{Secret, Sent};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::operation::{DecodeToken, Quality, RoomMode};

/// The largest token that is read, in bytes.
const MAX_TOKEN: usize = 64 * 1024;

const FIELD: Field = Field::new("token", "token");

/// Padding is optional: the vendor's own libraries do not insist on it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What a room token says. Nothing of it is verified: only the room's server can do that.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenContent {
    /// The room's server, `host` or `host:port`.
    pub host: String,
    /// Whether the server wants TLS.
    pub secure: bool,
    /// A server in front of it, which then takes the connection.
    pub gateway: Option<String>,
    /// The id of the session in the service's logs.
    pub log_id: Option<String>,
    /// Whether the holder is a streaming client of the service itself.
    pub is_streaming_client: Option<bool>,
    /// What the token says of the room.
    pub room_meta: TokenMeta,
    /// Where to connect with the older protocol generation.
    pub ws_url_v2: String,
    /// Where to connect with the newer one.
    pub ws_url_v3: String,
    /// All of it: what the server wants back.
    #[serde(skip)]
    #[cfg_attr(not(feature = "socketio"), allow(dead_code))]
    pub(crate) members: Map<String, Value>,
}

impl fmt::Debug for TokenContent {
    // The members are the token in clear.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenContent")
            .field("host", &self.host)
            .field("secure", &self.secure)
            .field("gateway", &self.gateway)
            .field("log_id", &self.log_id)
            .field("room_meta", &self.room_meta)
            .finish_non_exhaustive()
    }
}

/// What a token says of its room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TokenMeta {
    /// The room's settings, some of them.
    pub settings: TokenSettings,
}

/// The settings of a room that its tokens carry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TokenSettings {
    /// The highest video quality.
    pub quality: Option<Quality>,
    /// How many participants there can be.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub participants: Option<u32>,
    /// How people talk.
    pub mode: Option<RoomMode>,
    /// The service's own media settings, as they come.
    pub media_configuration: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    host: String,
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    secure: Option<bool>,
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    log_id: Option<String>,
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    is_streaming_client: Option<bool>,
    #[serde(default)]
    room_meta: Option<TokenMeta>,
}

/// Reads where a room is from its token. Sends nothing, verifies nothing.
///
/// # Errors
/// Validation: the token is larger than 64 KiB, is not base64 of a JSON object, or names no plain host.
///
/// ```
/// use enablex::{DecodeToken, decode_token};
///
/// // {"host":"rtc.example.com:8443","secure":true}
/// let token = "eyJob3N0IjoicnRjLmV4YW1wbGUuY29tOjg0NDMiLCJzZWN1cmUiOnRydWV9";
/// let content = decode_token(DecodeToken::new(token))?;
/// assert_eq!(content.ws_url_v3, "wss://rtc.example.com:8443/v3/socket.io/?EIO=4&transport=websocket");
/// # Ok::<(), enablex::Error>(())
/// ```
pub fn decode_token(request: DecodeToken) -> Result<TokenContent> {
    request.validate()?;
    decode(request.token.expose()).map_err(|message| {
        Violations::from(Violation::new(FIELD.name, FIELD.wire, Rule::Pattern, message)).into()
    })
}

fn decode(token: &str) -> std::result::Result<TokenContent, &'static str> {
    let token = token.trim();
    if token.len() > MAX_TOKEN {
        return Err("must be at most 64 KiB long");
    }
    let bytes = STANDARD.decode(token).or_else(|_| URL_SAFE.decode(token)).map_err(|_| "must be base64")?;
    let no_object = "must be a JSON object in base64; give the token just as the service made it";
    let members: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| no_object)?;
    let wire: Wire = serde_json::from_value(Value::Object(members.clone()))
        .map_err(|_| "must name its server (host) and hold members of the expected types")?;
    let secure = wire.secure.unwrap_or(true);
    let scheme = if secure { "wss" } else { "ws" };
    let gateway = wire.gateway.filter(|gateway| !gateway.is_empty());
    let not_plain = "must name its server as HOST or HOST:PORT and nothing else";
    let forwarded = authority(scheme, &wire.host).ok_or(not_plain)?;
    let mut url = match &gateway {
        Some(gateway) => authority(scheme, gateway).ok_or(not_plain)?,
        None => forwarded,
    };
    let mut at = |path: &str, generation: &str| {
        url.set_path(path);
        url.set_query(None);
        let mut query = url.query_pairs_mut();
        query.append_pair("EIO", generation).append_pair("transport", "websocket");
        if gateway.is_some() {
            query.append_pair("X-Forwarded-Host", &wire.host);
        }
        drop(query);
        url.to_string()
    };
    Ok(TokenContent {
        ws_url_v2: at("/socket.io/", "3"),
        ws_url_v3: at("/v3/socket.io/", "4"),
        host: wire.host,
        secure,
        gateway,
        log_id: wire.log_id,
        is_streaming_client: wire.is_streaming_client,
        room_meta: wire.room_meta.unwrap_or_default(),
        members,
    })
}

/// The URL of `host[:port]`; `None` for anything that holds more than that.
fn authority(scheme: &str, host: &str) -> Option<Url> {
    if host.is_empty()
        || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/\\?#@%".contains(c))
    {
        return None;
    }
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    (url.has_host() && url.path() == "/" && url.query().is_none()).then_some(url)
}

#[cfg(feature = "socketio")]
impl TokenContent {
    /// What must not be told of it: everything that this crate does not know, since it opens the room.
    pub(crate) fn secrets(&self) -> Sent {
        const KNOWN: [&str; 3] = ["host", "gateway", "logId"];
        let unknown = self.members.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        let texts: Vec<Secret> = unknown.filter_map(|(_, value)| value.as_str()).map(Secret::from).collect();
        Sent::during(|| json_value(&texts)).1
    }

    /// The server that takes the connection, and what a gateway is told of the one behind it.
    pub(crate) fn server(&self) -> (String, Vec<(String, String)>) {
        let scheme = if self.secure { "wss" } else { "ws" };
        match &self.gateway {
            Some(gateway) => {
                (format!("{scheme}://{gateway}"), vec![("X-Forwarded-Host".into(), self.host.clone())])
            }
            None => (format!("{scheme}://{}", self.host), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<TokenContent> {
        decode_token(DecodeToken::new(STANDARD.encode(json)))
    }

    #[test]
    fn a_gateway_takes_the_connection() {
        let content =
            read(r#"{"host":"a.example:1","secure":true,"gateway":"g.example","tokenId":"canary"}"#).unwrap();
        let query = "transport=websocket&X-Forwarded-Host=a.example%3A1";
        assert_eq!(content.ws_url_v2, format!("wss://g.example/socket.io/?EIO=3&{query}"));
        assert_eq!(content.ws_url_v3, format!("wss://g.example/v3/socket.io/?EIO=4&{query}"));
        assert!(!format!("{content:?}").contains("canary"));
    }

    #[test]
    fn tls_unless_told_otherwise() {
        assert!(read(r#"{"host":"a"}"#).unwrap().ws_url_v3.starts_with("wss://a/"));
        assert!(
            read(r#"{"host":"[::1]:8","secure":"false"}"#).unwrap().ws_url_v3.starts_with("ws://[::1]:8/")
        );
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let hosts = ["", "a/b", "u@a", "a:b", "a:1:2", "https://a", "a b", "a?x", "a#x", "a%2f", "a\\b"];
        let bodies = hosts.map(|host| format!("{{\"host\":{}}}", Value::from(host)));
        for body in bodies.iter().map(String::as_str).chain([
            "",
            "notjson",
            "[]",
            "{}",
            r#"{"host":7}"#,
            r#"{"host":"a","secure":2}"#,
        ]) {
            let error = read(body).unwrap_err();
            assert_eq!(error.violations().unwrap().first().unwrap().field, "token", "{body}");
        }
        for token in ["", "%%%", "é", &"A".repeat(MAX_TOKEN + 4)] {
            let error = decode_token(DecodeToken::new(token)).unwrap_err();
            assert!(error.violations().is_some() && !error.was_sent());
        }
    }
}
