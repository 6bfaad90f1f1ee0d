//! Webhooks: what the service posts to your server when a session is over or its files are ready.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_core::encode::{decode_json, without_bom};
use rtc_core::time::{from_unix_seconds, parse_rfc3339, rfc3339};
use rtc_core::{AuthError, Bytes, Reason, Secret, constant_time_eq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::file_urls;
use crate::operation::ParseWebhook;

/// How long the service keeps the files of a session.
const KEPT: Duration = Duration::from_secs(72 * 3600);
/// A time from here on is in milliseconds: in seconds it would be in the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// The members that name files.
const FILES: &[&str] = &["recording", "transcoded", "chatdata", "files"];

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebhookKind {
    /// `roomdrop`: the session is over.
    RoomDrop,
    /// `recording`: the recordings of single users are ready.
    Recording,
    /// `transcoded`: the composed recording is ready.
    Transcoded,
    /// `chatdata`: the chat is ready.
    ChatData,
    /// `file-transfer`: files were transferred to your own storage.
    FileTransfer,
    /// A type that this version does not know; empty where the webhook has none.
    Unknown(String),
}

impl WebhookKind {
    fn read(text: &str) -> Self {
        match text {
            "roomdrop" => Self::RoomDrop,
            "recording" => Self::Recording,
            "transcoded" => Self::Transcoded,
            "chatdata" => Self::ChatData,
            "file-transfer" => Self::FileTransfer,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Its name in snake case; an unknown one as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::RoomDrop => "roomdrop",
            Self::Recording => "recording",
            Self::Transcoded => "transcoded",
            Self::ChatData => "chatdata",
            Self::FileTransfer => "file_transfer",
            Self::Unknown(name) => name,
        }
    }
}

/// Where files were transferred to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookDestination {
    /// The kind of storage: `awss3`, `ftp`, `sftp`, `ssh`.
    pub name: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// The account there.
    pub account: Option<String>,
}

/// A webhook. Members that are missing, or not what they should be, are `None`: the service documents each type in two
/// forms. How often it repeats a webhook, and in which order they come, is not documented: expect both.
///
/// Serialised: `type`, `trans_date` and `expires_at` in RFC 3339, and all other members but `raw`.
///
/// Source: EnableX Video, notification webhooks.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Webhook {
    /// What it is about.
    pub kind: WebhookKind,
    /// When it happened. Read from seconds or milliseconds since 1970, and from a date with time (UTC unless it says
    /// otherwise).
    pub trans_date: Option<SystemTime>,
    /// The application.
    pub app_id: Option<String>,
    /// The room.
    pub room_id: Option<String>,
    /// The session.
    pub conf_num: Option<String>,
    /// The addresses of all files, for [`Client::open_recording`](crate::Client::open_recording). Whoever can reach
    /// your server can post some: only [allowed hosts](crate::RecordingAccess::allow_host) see credentials.
    pub urls: Vec<String>,
    /// `file-transfer`: where the files were transferred to.
    pub destination: Option<WebhookDestination>,
    /// `transcoded`: how far it is.
    pub stage: Option<String>,
    /// `transcoded`: the size of the file, as the service writes it; its unit is not documented.
    pub file_size: Option<String>,
    /// The body as it came, with what this version does not know.
    pub raw: Map<String, Value>,
}

impl Webhook {
    fn read(body: &[u8]) -> Result<Self> {
        let body = Bytes::copy_from_slice(without_bom(body));
        let raw: Map<String, Value> = decode_json(&body).map_err(|e| Error::new(Reason::Decode(e)))?;
        let text = |name: &str| raw.get(name).and_then(scalar);
        Ok(Self {
            kind: WebhookKind::read(&text("type").unwrap_or_default()),
            trans_date: raw.get("trans_date").and_then(instant),
            app_id: text("app_id"),
            room_id: text("room_id"),
            conf_num: text("conf_num"),
            urls: urls(&raw),
            destination: raw.get("destination").and_then(Value::as_object).map(destination),
            stage: text("stage"),
            file_size: text("file_size"),
            raw,
        })
    }

    /// When the service deletes the files: 72 hours after `trans_date`. `None` where there are none, or no date.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.trans_date.filter(|_| !self.urls.is_empty())?.checked_add(KEPT)
    }

    /// Whether the files are gone by now. Nothing keeps you from trying.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }
}

/// A text; numbers and booleans as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn destination(members: &Map<String, Value>) -> WebhookDestination {
    let text = |name: &str| members.get(name).and_then(scalar);
    WebhookDestination { name: text("name"), host: text("host"), account: text("account") }
}

/// All files, each once.
fn urls(raw: &Map<String, Value>) -> Vec<String> {
    let named = FILES.iter().filter_map(|name| raw.get(*name));
    // Anybody can post a great many.
    let mut seen = HashSet::new();
    named
        .flat_map(|value| file_urls(value).unwrap_or_default())
        .filter(|url| seen.insert(url.clone()))
        .collect()
}

fn instant(value: &Value) -> Option<SystemTime> {
    let text = scalar(value)?;
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(millis) if millis >= MILLISECONDS_FROM => {
            from_unix_seconds(millis / 1000)?;
            UNIX_EPOCH.checked_add(Duration::from_millis(millis))
        }
        Ok(seconds) => from_unix_seconds(seconds),
        Err(_) => parse_rfc3339(text).or_else(|| parse_rfc3339(&format!("{text}Z"))),
    }
}

/// Without `raw`, which may hold anything.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("kind", &self.kind)
            .field("trans_date", &self.trans_date.map(rfc3339))
            .field("app_id", &self.app_id)
            .field("room_id", &self.room_id)
            .field("conf_num", &self.conf_num)
            .field("urls", &self.urls)
            .field("destination", &self.destination)
            .field("stage", &self.stage)
            .field("file_size", &self.file_size)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    r#type: &'a str,
    trans_date: Option<String>,
    app_id: Option<&'a str>,
    room_id: Option<&'a str>,
    conf_num: Option<&'a str>,
    urls: &'a [String],
    expires_at: Option<String>,
    destination: Option<&'a WebhookDestination>,
    stage: Option<&'a str>,
    file_size: Option<&'a str>,
}

impl Serialize for Webhook {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Shown {
            r#type: self.kind.as_str(),
            trans_date: self.trans_date.map(rfc3339),
            app_id: self.app_id.as_deref(),
            room_id: self.room_id.as_deref(),
            conf_num: self.conf_num.as_deref(),
            urls: &self.urls,
            expires_at: self.expires_at().map(rfc3339),
            destination: self.destination.as_ref(),
            stage: self.stage.as_deref(),
            file_size: self.file_size.as_deref(),
        }
        .serialize(serializer)
    }
}

/// Reads webhooks, after checking their credentials. Make one at the start and keep it.
///
/// Webhooks are not signed. All that the service offers is HTTP Basic, with credentials that are set in the portal:
/// without them anybody who finds your address can post. Take webhooks over TLS only.
///
/// ```
/// use enablex::{WebhookKind, WebhookReader};
///
/// # fn handle(authorization: Option<&str>, body: &[u8]) -> u16 {
/// let reader = WebhookReader::new().credentials("hooks", "the password of the portal");
/// match reader.read(authorization, body) {
///     Ok(webhook) if webhook.kind == WebhookKind::Recording => println!("to download: {:?}", webhook.urls),
///     Ok(webhook) => println!("{}", webhook.kind.as_str()),
///     Err(error) => {
///         eprintln!("{error}");
///         return 401;
///     }
/// }
/// # 200 }
/// # assert_eq!(handle(None, b"{}"), 401);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookReader {
    expected: Option<Secret>,
}

impl WebhookReader {
    /// Takes webhooks from anybody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes webhooks with these credentials only, as they were set in the portal.
    #[must_use]
    pub fn credentials(mut self, user: impl AsRef<str>, password: impl Into<Secret>) -> Self {
        self.expected = Some(Secret::new(format!("{}:{}", user.as_ref(), password.into().expose())));
        self
    }

    /// Reads the body of a webhook, byte for byte as it came. `authorization` is its header of that name.
    ///
    /// # Errors
    /// Kind [`Unauthenticated`](crate::ErrorKind::Unauthenticated): there are credentials to check, and they are
    /// missing or wrong: answer 401. Kind [`Protocol`](crate::ErrorKind::Protocol): it is no JSON object. A type that
    /// is not known is no error.
    pub fn read(&self, authorization: Option<&str>, body: &[u8]) -> Result<Webhook> {
        self.check(authorization)?;
        Webhook::read(body)
    }

    fn check(&self, authorization: Option<&str>) -> std::result::Result<(), AuthError> {
        let Some(expected) = self.expected.as_ref().map(Secret::expose) else { return Ok(()) };
        // Anybody could guess what an unset variable leaves.
        if expected.split_once(':').is_none_or(|(user, password)| user.is_empty() || password.is_empty()) {
            return Err(AuthError::new("the user name or the password for webhooks is empty"));
        }
        let given = authorization.ok_or_else(|| AuthError::new("the webhook has no Authorization header"))?;
        let pair =
            basic(given).ok_or_else(|| AuthError::new("the webhook's Authorization is not HTTP Basic"))?;
        if constant_time_eq(&pair, expected.as_bytes()) {
            return Ok(());
        }
        Err(AuthError::new("the webhook's user name or password is wrong: see the credentials in the portal"))
    }
}

/// The user name and the password of a header, with the colon between them.
fn basic(header: &str) -> Option<Vec<u8>> {
    let (scheme, content) = header.trim().split_once(' ')?;
    let content = scheme.eq_ignore_ascii_case("basic").then(|| content.trim())?;
    STANDARD.decode(content).ok()
}

/// Reads the body of a webhook without checking who posted it: see [`WebhookReader`].
///
/// # Errors
/// Kind [`Protocol`](crate::ErrorKind::Protocol): it is no JSON object. A type that is not known is no error.
///
/// ```
/// use enablex::{ParseWebhook, WebhookKind, parse_webhook};
///
/// let body = r#"{ "type": "recording", "trans_date": "1621902030", "recording": ["https://files.example/a.mkv"] }"#;
/// let webhook = parse_webhook(ParseWebhook::new(body))?;
/// assert_eq!(webhook.kind, WebhookKind::Recording);
/// assert_eq!(webhook.urls, ["https://files.example/a.mkv"]);
/// assert!(webhook.expired(std::time::SystemTime::now()));
/// # Ok::<(), enablex::Error>(())
/// ```
pub fn parse_webhook(request: ParseWebhook) -> Result<Webhook> {
    WebhookReader::new().parse(request)
}

impl WebhookReader {
    /// Reads a webhook, as [`read`](Self::read) does, from one value.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(&self, request: ParseWebhook) -> Result<Webhook> {
        self.read(request.authorization.as_ref().map(Secret::expose), request.body.as_bytes())
    }
}
