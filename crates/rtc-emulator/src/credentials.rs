//! The test credentials every emulator accepts. They are the same in every run and no secrets.

#[cfg(feature = "mediasfu")]
use std::{fmt, sync::Arc};

#[cfg(feature = "mediasfu")]
use http::Method;
#[cfg(feature = "mediasfu")]
use serde_json::json;

#[cfg(feature = "mediasfu")]
use crate::provider::Provider;

/// OpenTok project API key.
pub const OPENTOK_API_KEY: &str = "123456";
/// OpenTok project secret: 40 hexadecimal digits.
pub const OPENTOK_API_SECRET: &str = "0123456789abcdef0123456789abcdef01234567";
/// OpenTok account key, for the management of projects.
pub const OPENTOK_ACCOUNT_KEY: &str = "900001";
/// OpenTok account secret: 40 hexadecimal digits.
pub const OPENTOK_ACCOUNT_SECRET: &str = "89abcdef0123456789abcdef0123456789abcdef";
/// OpenTok application of the unified environment: a UUID.
pub const OPENTOK_APPLICATION_ID: &str = "00000000-0000-4000-8000-000000123456";
/// Private key of that application, PEM. It was made for the emulator and opens nothing else.
pub const OPENTOK_PRIVATE_KEY: &str = include_str!("opentok/demo_key.pem");
/// MediaSFU user name.
pub const MEDIASFU_API_USER_NAME: &str = "emulator";
/// MediaSFU API key: 64 characters.
pub const MEDIASFU_API_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// AWS access key id.
pub const KVS_ACCESS_KEY_ID: &str = "AKIAEMULATOREXAMPLE0";
/// AWS secret access key: 40 characters.
pub const KVS_SECRET_ACCESS_KEY: &str = "emulatorSecretAccessKeyEmulatorSecret000";
/// AWS region.
pub const KVS_REGION: &str = "us-west-2";
/// ARN of a signaling channel that always exists.
pub const KVS_CHANNEL_ARN: &str =
    "arn:aws:kinesisvideo:us-west-2:123456789012:channel/emulator/1700000000000";
/// EnableX application id: 24 hexadecimal digits.
pub const ENABLEX_APP_ID: &str = "5f0123456789abcdef012345";
/// EnableX application key.
pub const ENABLEX_APP_KEY: &str = "emulatorApplicationKeyEmulator000";
/// EnableX user for the download of recordings.
pub const ENABLEX_RECORDING_USER: &str = "recordings";
/// EnableX password for the download of recordings.
pub const ENABLEX_RECORDING_PASSWORD: &str = "emulatorRecordingPassword";
/// EnableX user of webhooks.
pub const ENABLEX_WEBHOOK_USER: &str = "webhooks";
/// EnableX password of webhooks.
pub const ENABLEX_WEBHOOK_PASSWORD: &str = "emulatorWebhookPassword";
/// Sora channel that always exists.
pub const SORA_CHANNEL_ID: &str = "emulator";

#[cfg(feature = "enablex")]
pub use crate::enablex::EnablexAccess;
#[cfg(feature = "sora-rpc")]
pub use crate::sora_rpc::SoraAccess;

/// How to reach the emulated MediaSFU cloud and Community Edition.
#[cfg(feature = "mediasfu")]
#[derive(Clone)]
pub struct MediasfuAccess {
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) provider: Option<Arc<dyn Provider>>,
}

#[cfg(feature = "mediasfu")]
impl MediasfuAccess {
    /// Base URL of the plain listener.
    pub fn url(&self) -> String {
        self.http.clone()
    }

    /// Base URL of the TLS listener, if one was asked for.
    pub fn tls_url(&self) -> Option<String> {
        self.https.clone()
    }

    /// Base URL of the Community Edition: the same listener, its paths (`/createRoom`) are its own.
    pub fn community_url(&self) -> String {
        self.http.clone()
    }

    /// API user name.
    pub fn api_user_name(&self) -> &'static str {
        MEDIASFU_API_USER_NAME
    }

    /// API key.
    pub fn api_key(&self) -> &'static str {
        MEDIASFU_API_KEY
    }

    /// Has those who come into a room of the cloud wait until the host lets them in, or not any more. False if there is no
    /// such room.
    pub fn waiting_room(&self, room_name: &str, on: bool) -> bool {
        let body = json!({ "room": room_name, "on": on });
        let answer = self.provider.as_ref().and_then(|p| p.manage(&Method::POST, "waiting-room", &body));
        answer.is_some_and(|(status, _)| status.is_success())
    }
}

#[cfg(feature = "mediasfu")]
impl fmt::Debug for MediasfuAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediasfuAccess")
            .field("url", &self.http)
            .field("tls_url", &self.https)
            .finish_non_exhaustive()
    }
}
