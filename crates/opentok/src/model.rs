//! Values that the specification cannot describe alone.

use rtc_core::validate::{Checks, Field};
use rtc_core::wire::{As, Lenient};
use rtc_core::{Rule, Secret};
use serde::{Deserialize, Serialize};

use crate::operation::{
    DeleteArchive, DialSip, ProjectStatus, SetArchiveStorage, SetProjectStatus, StartAudioConnector,
    StartBroadcast, StorageConfig, StorageType,
};
use crate::session_id::SessionId;

/// A session that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// Its id: what tokens and all other calls refer to.
    pub session_id: String,
    /// The project, which is the API key.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub project_id: Option<String>,
    /// The same, under its older name.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub partner_id: Option<String>,
    /// The application, in the unified environment.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub application_id: Option<String>,
    /// When it was created, in the service's own words.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub create_dt: Option<String>,
    /// The media server, where the service names one.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub media_server_url: Option<String>,
}

impl Session {
    /// The id, typed.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::new(&self.session_id)
    }
}

impl StorageConfig {
    /// Access to a bucket of Amazon S3.
    pub fn s3(
        access_key: impl Into<Secret>,
        secret_key: impl Into<Secret>,
        bucket: impl Into<String>,
    ) -> Self {
        Self::new().access_key(access_key).secret_key(secret_key).bucket(bucket)
    }

    /// Access to a container of Azure.
    pub fn azure(
        account_name: impl Into<String>,
        account_key: impl Into<Secret>,
        container: impl Into<String>,
    ) -> Self {
        Self::new().account_name(account_name).account_key(account_key).container(container)
    }
}

/// The path of an archive of this name is that of the storage, which would be taken away instead.
pub(crate) fn check_archive_id(request: &DeleteArchive, checks: &mut Checks) {
    if request.archive_id == "storage" {
        let field = Field::new("archive_id", "archiveId");
        checks.report(field, Rule::Pattern, None, "must be the id of an archive: `storage` is none");
    }
}

/// `VALID` is a word of answers only.
pub(crate) fn check_project_status(request: &SetProjectStatus, checks: &mut Checks) {
    if request.status == ProjectStatus::Valid {
        checks.report(Field::new("status", "status"), Rule::OneOf, None, "must be ACTIVE or SUSPENDED");
    }
}

/// The headers of an INVITE must stay headers.
pub(crate) fn check_sip(request: &DialSip, checks: &mut Checks) {
    let mark = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    let good = |(name, value): (&String, &Secret)| {
        !name.is_empty() && name.bytes().all(mark) && !value.expose().contains(char::is_control)
    };
    if !request.sip.headers.iter().flatten().all(good) {
        let field = Field::new("sip.headers", "sip.headers");
        let message =
            "must hold names of letters, digits and -.!%*_+`'~, and values without control characters";
        checks.report(field, Rule::Pattern, None, message);
    }
}

/// Each kind of storage needs its own members.
pub(crate) fn check_storage(request: &SetArchiveStorage, checks: &mut Checks) {
    let config = &request.config;
    let secret = |value: &Option<Secret>| value.as_ref().is_some_and(|v| !v.is_empty());
    let text = |value: &Option<String>| value.as_ref().is_some_and(|v| !v.is_empty());
    let members = match request.storage_type {
        StorageType::S3 => [
            ("config.access_key", "config.accessKey", secret(&config.access_key)),
            ("config.secret_key", "config.secretKey", secret(&config.secret_key)),
            ("config.bucket", "config.bucket", text(&config.bucket)),
        ],
        StorageType::Azure => [
            ("config.account_name", "config.accountName", text(&config.account_name)),
            ("config.account_key", "config.accountKey", secret(&config.account_key)),
            ("config.container", "config.container", text(&config.container)),
        ],
        StorageType::Other(_) => return,
    };
    for (name, wire, _) in members.into_iter().filter(|(_, _, set)| !set) {
        checks.report(Field::new(name, wire), Rule::Required, None, "is required for this type of storage");
    }
}

/// A broadcast goes somewhere.
pub(crate) fn check_outputs(request: &StartBroadcast, checks: &mut Checks) {
    if request.outputs.hls.is_none() && request.outputs.rtmp.is_empty() {
        let field = Field::new("outputs", "outputs");
        checks.report(field, Rule::Required, None, "needs an HLS output or at least one RTMP output");
    }
}

/// The most that the headers of an audio connector may hold, in bytes of names and values together.
const MAX_HEADER_BYTES: usize = 512;

/// What the tables cannot say of an audio connector.
pub(crate) fn check_audio_connector(request: &StartAudioConnector, checks: &mut Checks) {
    let websocket = &request.websocket;
    if websocket.audio_rate.is_some_and(|rate| !matches!(rate, 8_000 | 16_000 | 24_000)) {
        let field = Field::new("websocket.audio_rate", "websocket.audioRate");
        checks.report(field, Rule::OneOf, None, "must be 8000, 16000 or 24000");
    }
    let bytes = |(name, value): (&String, &Secret)| name.len() + value.expose().len();
    if websocket.headers.iter().flatten().map(bytes).sum::<usize>() > MAX_HEADER_BYTES {
        let field = Field::new("websocket.headers", "websocket.headers");
        checks.report(field, Rule::Length, None, "must be at most 512 bytes in all");
    }
}
