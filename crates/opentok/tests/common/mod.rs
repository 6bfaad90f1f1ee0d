//! What the tests share.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentok::rtc_core::testing::{ManualClock, ScriptedTransport};
use opentok::{Client, Credentials};
use serde_json::{Map, Value};

pub mod signer;

pub const KEY: &str = "123456";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef01234567";
/// 2026-01-01T00:00:00Z.
pub const NOW: u64 = 1_767_225_600;

/// A session id of this key.
pub fn session_of(key: &str) -> String {
    format!("2_{}", URL_SAFE_NO_PAD.encode(format!("1~{key}~~1767225600000~nonce~")))
}

pub fn session() -> String {
    session_of(KEY)
}

pub fn clock() -> ManualClock {
    ManualClock::jumping(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

/// A client that follows this script, at `NOW`.
pub fn scripted(transport: &ScriptedTransport) -> Client {
    let credentials = Credentials::new(KEY, SECRET);
    Client::builder(credentials).transport(transport.clone()).clock(clock()).build().unwrap()
}

/// A client that cannot send anything.
pub fn local() -> Client {
    scripted(&ScriptedTransport::new())
}

/// The JSON object in a part of a JWT.
pub fn object(part: &str) -> Map<String, Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
