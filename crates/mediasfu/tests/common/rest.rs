//! What the tests of the REST part share.

use std::time::{Duration, SystemTime};

use mediasfu::{Client, ClientBuilder, CreateRoom, Credentials};
use rtc_core::testing::{ManualClock, ScriptedTransport};

pub const USER: &str = "apiUser123";
pub const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub const ROOM: &str = r#"{"roomName":"s1","link":"https://x.mediasfu.com","secret":"tok","success":true}"#;
pub const WHIP: &str = "https://edge.mediasfu.com/whip/s1/ems_1";
pub const WHEP: &str = "https://edge.mediasfu.com/whep/s1/emp_1";
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n";

/// 2026-01-01T00:00:00Z; pauses pass at once.
pub fn clock() -> ManualClock {
    ManualClock::jumping(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
}

pub fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(Credentials::new(USER, KEY)).transport(transport.clone()).clock(clock())
}

/// A client of the cloud that follows this script.
pub fn scripted(transport: &ScriptedTransport) -> Client {
    builder(transport).build().unwrap()
}

pub fn room() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}
