//! Candidates that arrive before their peer's offer or answer: of no use yet, and lost if they were passed on.

use std::collections::{HashMap, VecDeque};

use super::event::{Event, PeerMessage};

/// How much is held back. Peers choose their ids and may send what they like, so all of it is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferLimits {
    /// Candidates of one peer (at least 1).
    pub per_peer: usize,
    /// Peers that are remembered (at least 1).
    pub peers: usize,
    /// Bytes of all ids and candidates together.
    pub bytes: usize,
}

impl Default for BufferLimits {
    /// 64 candidates of each of 1,024 peers, 16 MiB in all.
    fn default() -> Self {
        Self { per_peer: 64, peers: 1024, bytes: 16 * 1024 * 1024 }
    }
}

/// Holds early candidates back, each peer's by itself: until its offer or answer has come, or in the explicit mode
/// until they are asked for. From then on its candidates pass.
#[derive(Debug, Clone)]
pub struct EarlyCandidates {
    limits: BufferLimits,
    explicit: bool,
    /// By client id; empty for the master.
    peers: HashMap<String, Peer>,
    held: usize,
    bytes: usize,
    /// Counts uses, so that the peer that was quiet for longest is known.
    turn: u64,
}

#[derive(Debug, Clone)]
struct Peer {
    used: u64,
    /// None: they pass.
    waiting: Option<VecDeque<PeerMessage>>,
}

impl Default for EarlyCandidates {
    fn default() -> Self {
        Self::new(BufferLimits::default(), false)
    }
}

impl EarlyCandidates {
    /// Nothing held back yet. `explicit`: candidates wait for [`drain`](Self::drain), whatever comes before.
    #[must_use]
    pub fn new(limits: BufferLimits, explicit: bool) -> Self {
        let limits = BufferLimits { per_peer: limits.per_peer.max(1), peers: limits.peers.max(1), ..limits };
        Self { limits, explicit, peers: HashMap::new(), held: 0, bytes: 0, turn: 0 }
    }

    /// How many candidates are held back.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes in a candidate: it passes, or is held back.
    pub fn candidate(&mut self, message: PeerMessage, out: &mut Vec<Event>) {
        let id = message.sender_client_id.clone().unwrap_or_default();
        let peer = self.peer(&id, out);
        let Some(waiting) = &mut peer.waiting else {
            out.push(Event::IceCandidate(message));
            return;
        };
        let bytes = size(&message);
        waiting.push_back(message);
        self.held += 1;
        self.bytes += bytes;
        self.shrink(&id, out);
    }

    /// Takes note of an offer or answer of a peer: its candidates follow, unless they wait to be asked for.
    pub fn described(&mut self, sender: Option<&str>, out: &mut Vec<Event>) {
        if self.explicit {
            self.peer(sender.unwrap_or_default(), out);
        } else {
            self.drain(sender, out);
        }
    }

    /// Gives the candidates of a peer (none: the master), oldest first, and tells how many. From now on they pass.
    pub fn drain(&mut self, sender: Option<&str>, out: &mut Vec<Event>) -> usize {
        let waiting = self.peer(sender.unwrap_or_default(), out).waiting.take().unwrap_or_default();
        let count = waiting.len();
        self.held -= count;
        self.bytes -= waiting.iter().map(size).sum::<usize>();
        out.extend(waiting.into_iter().map(Event::IceCandidate));
        count
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.peers.clear();
        (self.held, self.bytes) = (0, 0);
    }

    /// The peer of this id, made if need be.
    fn peer(&mut self, id: &str, out: &mut Vec<Event>) -> &mut Peer {
        self.turn += 1;
        let turn = self.turn;
        if !self.peers.contains_key(id) {
            if self.peers.len() >= self.limits.peers {
                self.forget_quietest(id, out);
            }
            self.bytes += id.len();
        }
        let peer = self
            .peers
            .entry(id.to_owned())
            .or_insert_with(|| Peer { used: turn, waiting: Some(VecDeque::new()) });
        peer.used = turn;
        peer
    }

    /// Makes room until the limits hold again.
    fn shrink(&mut self, id: &str, out: &mut Vec<Event>) {
        while self.bytes > self.limits.bytes && self.forget_quietest(id, out) {}
        let (per_peer, bytes) = (self.limits.per_peer, self.limits.bytes);
        let Some(waiting) = self.peers.get_mut(id).and_then(|peer| peer.waiting.as_mut()) else { return };
        let mut count = 0;
        while waiting.len() > per_peer || (self.bytes > bytes && !waiting.is_empty()) {
            if let Some(oldest) = waiting.pop_front() {
                self.bytes -= size(&oldest);
                count += 1;
            }
        }
        self.held -= count;
        tell(id, count, out);
    }

    /// Forgets the peer that was quiet for longest, other than this one.
    fn forget_quietest(&mut self, but: &str, out: &mut Vec<Event>) -> bool {
        let others = self.peers.iter().filter(|(id, _)| *id != but);
        let Some(id) = others.min_by_key(|(_, peer)| peer.used).map(|(id, _)| id.clone()) else {
            return false;
        };
        let waiting = self.peers.remove(&id).and_then(|peer| peer.waiting).unwrap_or_default();
        self.held -= waiting.len();
        self.bytes -= id.len() + waiting.iter().map(size).sum::<usize>();
        tell(&id, waiting.len(), out);
        true
    }
}

/// What a message takes: it keeps the id of its sender, too.
fn size(message: &PeerMessage) -> usize {
    message.sender_client_id.as_ref().map_or(0, String::len) + message.payload.raw().len()
}

fn tell(id: &str, count: usize, out: &mut Vec<Event>) {
    if count > 0 {
        let sender_client_id = Some(id).filter(|id| !id.is_empty()).map(str::to_owned);
        out.push(Event::CandidatesDropped { sender_client_id, count });
    }
}
