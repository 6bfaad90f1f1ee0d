//! The documented quotas: calls per second, of the account and of one channel.
//!
//! Source: service quotas of Kinesis Video Streams with WebRTC.

use std::collections::{BTreeMap, VecDeque};

const WINDOW_MS: u64 = 1000;
/// How many windows are kept before the empty ones are forgotten.
const KEPT: usize = 1000;

/// The SDP messages and the ICE candidates that one connection may send in a second.
pub(super) const SDP_PER_SECOND: usize = 5;
pub(super) const ICE_PER_SECOND: usize = 20;
/// The viewers of one channel.
pub(super) const VIEWERS: usize = 10;

/// Calls per second that the account and one channel may make; none where none is documented.
pub(super) fn rates(operation: &str) -> (Option<usize>, Option<usize>) {
    match operation {
        "create_signaling_channel" | "list_signaling_channels" => (Some(50), None),
        "get_signaling_channel_endpoint" => (Some(300), None),
        "describe_signaling_channel" => (Some(300), Some(5)),
        "delete_signaling_channel"
        | "update_signaling_channel"
        | "describe_media_storage_configuration"
        | "tag_resource"
        | "untag_resource"
        | "list_tags_for_resource" => (Some(50), Some(5)),
        "update_media_storage_configuration" => (Some(10), Some(5)),
        "get_ice_server_config" | "send_alexa_offer_to_master" => (Some(100), Some(5)),
        "join_storage_session" | "join_storage_session_as_viewer" => (Some(50), Some(2)),
        "connect_as_master" | "connect_as_viewer" => (None, Some(3)),
        _ => (None, None),
    }
}

/// What was called within the last second.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<String, VecDeque<u64>>);

impl Limits {
    /// Counts a call at `now` (in milliseconds), or refuses it without counting.
    pub(super) fn take(&mut self, key: String, per_second: usize, now: u64) -> bool {
        let recent = |at: &u64| now.checked_sub(*at).is_some_and(|age| age < WINDOW_MS);
        if self.0.len() >= KEPT {
            self.0.retain(|_, calls| calls.iter().any(recent));
        }
        let calls = self.0.entry(key).or_default();
        calls.retain(recent);
        let free = calls.len() < per_second;
        if free {
            calls.push_back(now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides_and_a_refusal_does_not_count() {
        let mut limits = Limits::default();
        let mut take = |now| limits.take("key".into(), 2, now);
        assert_eq!([0, 500, 999, 1000, 1499, 1500].map(&mut take), [true, true, false, true, false, true]);
        assert!(take(10), "a clock that went back starts anew");
    }
}
