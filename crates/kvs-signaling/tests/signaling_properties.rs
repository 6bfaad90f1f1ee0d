//! Whatever arrives and whatever is sent: nothing panics, and nothing grows without bounds.

use std::time::Instant;

use kvs_signaling::signaling::{BufferLimits, Event, Inbox, MAX_PAYLOAD, Outgoing, Payload, decode};
use kvs_signaling::{Peer, SendIceCandidate, SendOffer};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;

/// Frames like those of the service, good and bad.
fn frame() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("SDP_OFFER".to_owned()),
        Just("SDP_ANSWER".to_owned()),
        Just("ICE_CANDIDATE".to_owned()),
        Just("STATUS_RESPONSE".to_owned()),
        Just("GO_AWAY".to_owned()),
        "[A-Z_]{0,12}",
    ];
    let payload = prop_oneof!["[A-Za-z0-9+/]{0,40}={0,2}", ".{0,20}"];
    (kind, "[a-c]{0,2}", payload).prop_map(|(kind, sender, payload)| {
        json!({ "messageType": kind, "senderClientId": sender, "messagePayload": payload,
            "statusResponse": { "correlationId": sender, "statusCode": payload } })
        .to_string()
    })
}

proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,400}") {
        prop_assert_eq!(decode(&text).is_none(), text.is_empty());
    }

    #[test]
    fn any_frame_is_read(text in frame()) {
        prop_assert!(!matches!(decode(&text), None | Some(Event::Connected)));
    }

    #[test]
    fn any_payload_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let payload = Payload::from(bytes.clone());
        prop_assert_eq!(payload.raw(), &bytes[..]);
        let _ = (payload.session_description(), payload.candidate());
    }

    #[test]
    fn what_is_sent_can_be_read(sdp in ".{1,200}", mid in "[0-9a-z]{0,4}", line in 0u32..65_536) {
        for message in [
            Outgoing::checked(SendOffer::new(sdp.as_str()), &Peer::from("v"), MAX_PAYLOAD),
            Outgoing::checked(
                SendIceCandidate::new(sdp.as_str()).sdp_mid(mid.as_str()).sdp_m_line_index(line),
                &Peer::from("v"),
                MAX_PAYLOAD,
            ),
        ] {
            let sent: serde_json::Value = serde_json::from_str(&message.unwrap().encode()).unwrap();
            let payload = Payload::from_base64(sent["messagePayload"].as_str().unwrap()).unwrap();
            let (said, mid_said) = match payload.candidate() {
                Ok(candidate) => {
                    prop_assert_eq!(candidate.sdp_m_line_index, Some(line));
                    (candidate.candidate, candidate.sdp_mid)
                }
                Err(_) => (payload.session_description().unwrap().sdp, Some(mid.clone())),
            };
            prop_assert_eq!((said.expose(), mid_said), (sdp.as_str(), Some(mid.clone())));
        }
    }

    /// Every candidate is told, held back, told as dropped, or not understood: none is lost silently.
    #[test]
    fn candidates_are_accounted_for(
        frames in proptest::collection::vec((frame(), 1u64..3), 0..80),
        per_peer in 0usize..4,
        peers in 0usize..4,
        bytes in 0usize..200,
        explicit in any::<bool>(),
    ) {
        let mut limits = BufferLimits::default();
        (limits.per_peer, limits.peers, limits.bytes) = (per_peer, peers, bytes);
        let mut inbox = Inbox::new(limits, explicit);
        let (mut came, mut told, mut dropped) = (0u64, 0, 0);
        let mut count = |events: Vec<Event>| {
            for event in events {
                match event {
                    Event::SdpOffer(_) | Event::SdpAnswer(_) | Event::IceCandidate(_) => told += 1,
                    Event::CandidatesDropped { count, .. } => dropped += count as u64,
                    _ => {}
                }
            }
        };
        for (text, connection) in frames {
            let is_message = matches!(
                decode(&text),
                Some(Event::SdpOffer(_) | Event::SdpAnswer(_) | Event::IceCandidate(_))
            );
            came += u64::from(is_message);
            count(inbox.receive(&text, connection, Instant::now()));
            prop_assert!(inbox.buffered() <= per_peer.max(1) * peers.max(1));
        }
        for sender in ["", "a", "b", "c", "aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc"] {
            count(inbox.drain(Some(sender)));
        }
        prop_assert_eq!(inbox.buffered(), 0);
        prop_assert_eq!(came, told + dropped + inbox.repeated());
    }
}
