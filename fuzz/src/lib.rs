//! The decoders of what comes from outside, as functions of some bytes: each must not panic on any, and keeps the
//! promises that it asserts. [`TARGETS`] is all of them; `cargo xtask fuzz` runs them.

mod mutate;
mod others;
mod sora;

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
    Target { name: "sora_response", run: sora::response, seeds: sora::response_seeds },
    Target { name: "sora_inflate", run: sora::inflate, seeds: sora::inflate_seeds },
    Target { name: "sora_offer", run: sora::offer, seeds: sora::offer_seeds },
    Target { name: "sora_message", run: sora::message, seeds: sora::message_seeds },
    Target { name: "sora_signaling", run: sora::signaling, seeds: sora::signaling_seeds },
    Target { name: "sora_close", run: sora::close, seeds: sora::close_seeds },
    Target { name: "sora_webhook", run: sora::webhook, seeds: sora::webhook_seeds },
    Target { name: "opentok_token", run: others::opentok_token, seeds: others::opentok_token_seeds },
    Target { name: "opentok_webhook", run: others::opentok_webhook, seeds: others::opentok_webhook_seeds },
    Target { name: "mediasfu_event", run: others::mediasfu_event, seeds: others::mediasfu_event_seeds },
    Target { name: "kvs_frame", run: others::kvs_frame, seeds: others::kvs_frame_seeds },
    Target { name: "enablex_token", run: others::enablex_token, seeds: others::enablex_token_seeds },
    Target { name: "enablex_webhook", run: others::enablex_webhook, seeds: others::enablex_webhook_seeds },
    Target { name: "enablex_event", run: others::enablex_event, seeds: others::enablex_event_seeds },
    Target { name: "socketio_frames", run: others::socketio_frames, seeds: others::socketio_frames_seeds },
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
