//! The decoders of what comes from outside, as functions of some bytes: each must not panic on any, and keeps the
//! promises that it asserts. [`TARGETS`] is all of them; `cargo xtask fuzz` runs them.

mod answers;
mod cases;
mod core;
mod emulator;
#[rustfmt::skip]
mod generated;
mod kvs;
mod mutate;
mod rooms;
mod socketio;
mod sora;
mod tokens;
mod turn;

pub use mutate::Mutator;

/// One decoder.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Feeds it. A panic is a finding.
    pub run: fn(&[u8]),
    /// Inputs to begin with: at least one that goes through whole.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// To add one: a function of bytes and its seeds, and a line here.
pub const TARGETS: &[Target] = &[
    Target { name: "opentok_answer", run: answers::opentok, seeds: answers::opentok_seeds },
    Target { name: "mediasfu_answer", run: answers::mediasfu, seeds: answers::mediasfu_seeds },
    Target { name: "enablex_answer", run: answers::enablex, seeds: answers::enablex_seeds },
    Target { name: "kvs_answer", run: answers::kvs, seeds: answers::kvs_seeds },
    Target { name: "sora_answer", run: answers::sora, seeds: answers::sora_seeds },
    Target { name: "opentok_token", run: tokens::opentok_token, seeds: tokens::opentok_token_seeds },
    Target { name: "opentok_webhook", run: tokens::opentok_webhook, seeds: tokens::opentok_webhook_seeds },
    Target { name: "mediasfu_webhook", run: tokens::mediasfu_webhook, seeds: tokens::mediasfu_webhook_seeds },
    Target { name: "enablex_token", run: tokens::enablex_token, seeds: tokens::enablex_token_seeds },
    Target { name: "enablex_webhook", run: tokens::enablex_webhook, seeds: tokens::enablex_webhook_seeds },
    Target { name: "mediasfu_event", run: rooms::mediasfu_event, seeds: rooms::mediasfu_event_seeds },
    Target { name: "enablex_event", run: rooms::enablex_event, seeds: rooms::enablex_event_seeds },
    Target { name: "socketio_frames", run: socketio::frames, seeds: socketio::frames_seeds },
    Target { name: "kvs_frame", run: kvs::frame, seeds: kvs::frame_seeds },
    Target { name: "kvs_signature", run: kvs::sign, seeds: kvs::sign_seeds },
    Target { name: "sora_response", run: sora::response, seeds: sora::response_seeds },
    Target { name: "sora_inflate", run: sora::inflate, seeds: sora::inflate_seeds },
    Target { name: "sora_offer", run: sora::offer, seeds: sora::offer_seeds },
    Target { name: "sora_message", run: sora::message, seeds: sora::message_seeds },
    Target { name: "sora_signaling", run: sora::signaling, seeds: sora::signaling_seeds },
    Target { name: "sora_close", run: sora::close, seeds: sora::close_seeds },
    Target { name: "sora_webhook", run: sora::webhook, seeds: sora::webhook_seeds },
    Target { name: "turn_server", run: turn::server, seeds: turn::server_seeds },
    Target { name: "turn_stream", run: turn::stream, seeds: turn::stream_seeds },
    Target { name: "ice_candidates", run: turn::offer, seeds: turn::offer_seeds },
    Target { name: "endpoint", run: core::endpoint, seeds: core::endpoint_seeds },
    Target { name: "time", run: core::time, seeds: core::time_seeds },
    Target { name: "store_file", run: core::store_file, seeds: core::store_file_seeds },
    Target { name: "emulator_http", run: emulator::http, seeds: emulator::http_seeds },
    Target { name: "emulator_request", run: emulator::request, seeds: emulator::request_seeds },
    Target { name: "emulator_socket", run: emulator::socket, seeds: emulator::socket_seeds },
    Target { name: "emulator_manage", run: emulator::manage, seeds: emulator::manage_seeds },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// Errors are shown to people: that must work for all of them.
fn show(value: &impl std::fmt::Debug) {
    assert!(!format!("{value:?}").is_empty());
}

fn bytes(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}
