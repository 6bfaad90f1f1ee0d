//! What tests of the REST calls share: a client whose answers are scripted.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::http::Response;
use kvs_signaling::rtc_core::testing::{ManualClock, ScriptedTransport};
use kvs_signaling::{Client, ClientBuilder, Credentials};
use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::json;

pub(crate) const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";
pub(crate) const STREAM: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000000";

/// 2023-07-24T08:07:02Z.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_690_186_022)
}

/// A client on this transport; waits cost no time.
pub(crate) fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
        .region("us-west-2")
        .transport(transport.clone())
        .clock(ManualClock::jumping(now()))
}

pub(crate) fn scripted(transport: &ScriptedTransport) -> Client {
    builder(transport).build().unwrap()
}

/// A refusal by this name.
pub(crate) fn refusal(status: u16, name: &str) -> Response<String> {
    let body = json!({ "__type": name, "Message": "no such thing" }).to_string();
    Response::builder().status(status).header("x-amzn-requestid", "req-1").body(body).unwrap()
}

/// An emulator whose time stands still, and a client whose time does, too.
pub(crate) async fn still() -> (Emulator, Client, ManualClock) {
    let emulator = Emulator::builder().clock(EmulatorClock::manual(now())).start().await.unwrap();
    let clock = ManualClock::new(now());
    let client = at(&emulator).clock(clock.clone()).build().unwrap();
    (emulator, client, clock)
}

pub(crate) fn at(emulator: &Emulator) -> ClientBuilder {
    let kvs = emulator.kvs();
    let credentials = Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
    Client::builder(credentials).region(kvs.region()).endpoint(kvs.url())
}
