//! What the TURN server says, where turn-client-proto 0.7.3 keeps it for itself.

use turn_client_proto::types::attribute::Lifetime;
use turn_client_proto::types::message::{ALLOCATE, CREATE_PERMISSION, REFRESH};
use turn_client_proto::types::stun::attribute::ErrorCode;
use turn_client_proto::types::stun::message::{Message, MessageClass, TransactionId};

/// The shortest lifetime that turn-client-proto 0.7.3 takes from a refresh, in seconds. It ignores shorter ones, and
/// its allocation then ends when the lifetime before that one is over. RFC 8656 (7.2) lets a server grant no less
/// unless it is asked for less, and it is asked for 1,800.
const SHORTEST: u32 = 600;

/// Data indications: all that comes but for a few answers.
const DATA: [u8; 2] = [0x00, 0x17];

/// Refusals, read from the answers as they pass.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The question for credentials, which every allocation begins with.
    challenge: Option<TransactionId>,
    allocation: Option<u16>,
    permission: Option<u16>,
    lifetime: Option<u32>,
}

impl Verdict {
    /// Looks at a message of the server.
    pub(super) fn note(&mut self, message: &[u8]) {
        if message.starts_with(&DATA) {
            return;
        }
        let Ok(message) = Message::from_bytes(message) else { return };
        let refusal = message.attribute::<ErrorCode>().ok().map(|error| error.code());
        match (message.method(), message.class(), refusal) {
            // Asked for once; with a stale nonce, a repeated answer or credentials given, not a refusal.
            (ALLOCATE, MessageClass::Error, Some(401))
                if *self.challenge.get_or_insert(message.transaction_id()) == message.transaction_id() => {}
            (_, MessageClass::Error, Some(438)) => {}
            (ALLOCATE, MessageClass::Error, refusal) => self.allocation = refusal.or(Some(0)),
            (CREATE_PERMISSION, MessageClass::Error, refusal) => self.permission = refusal.or(Some(0)),
            (REFRESH, MessageClass::Success, _) => {
                let lifetime = message.attribute::<Lifetime>().ok().map(|lifetime| lifetime.seconds());
                self.lifetime = lifetime.filter(|seconds| (1..SHORTEST).contains(seconds)).or(self.lifetime);
            }
            _ => {}
        }
    }

    /// Whether no allocation will come of it.
    pub(super) fn is_refused(&self) -> bool {
        self.allocation.is_some()
    }

    /// Whether the credentials are at fault.
    pub(super) fn is_unauthenticated(&self) -> bool {
        matches!(self.allocation, Some(401 | 441))
    }

    /// Why there is no allocation, or not any more, or none that reaches the peer: as far as the server said.
    pub(super) fn reason(&self) -> String {
        match (self.allocation.or(self.permission), self.lifetime) {
            (Some(code), _) => meaning(code),
            (None, Some(seconds)) => format!(
                "it keeps allocations for {seconds} s only, and {SHORTEST} s is the least that is supported: \
                 raise its limit (max-allocate-lifetime of coturn)"
            ),
            (None, None) => "it does not answer any more, or not understandably".to_owned(),
        }
    }
}

/// The codes of RFC 8489 (14.8), RFC 8656 (19) and RFC 6156.
fn meaning(code: u16) -> String {
    let meaning = match code {
        300 => "wants another server to be used, which is not supported",
        400 => "finds the request malformed",
        401 | 441 => {
            "refuses the credentials: username or credential of iceServers are wrong or have run out"
        }
        403 => {
            "forbids relaying to the address of the peer (denied-peer-ip or allow-loopback-peers of coturn)"
        }
        437 => "knows no such allocation (any more)",
        440 => "has no relayed address of the wanted family (IPv4 or IPv6)",
        442 => "relays no UDP",
        443 => "cannot relay to a peer of that family (IPv4 or IPv6)",
        486 => "has given these credentials all the allocations that they may have",
        500 => "has an error of its own",
        508 => "has no relayed address left",
        _ => "refuses",
    };
    if code == 0 { format!("it {meaning}, without a code") } else { format!("it {meaning} ({code})") }
}
