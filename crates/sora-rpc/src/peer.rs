//! JSON-RPC 2.0 from the client's side, without I/O: it writes messages, reads answers, and knows what waits.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use rtc_core::validate::{Rule, Violation, Violations};
use rtc_core::{Bytes, Reason};

use crate::error::{Error, Result, SoraError};
use crate::methods::Message;
use crate::options::{CallOptions, PeerOptions};
use crate::response::{Dropped, envelope};

/// What a peer has counted since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that were given an id.
    pub calls: u64,
    /// Notifications.
    pub notifications: u64,
    /// Calls that ended with a result or with an error of the server's.
    pub answered: u64,
    /// Calls that ended with an answer that is no JSON-RPC 2.0 response.
    pub violations: u64,
    /// Calls that ended because their time ran out.
    pub timed_out: u64,
    /// Calls that were given up.
    pub cancelled: u64,
    /// Calls that ended with the connection, or with its RPC.
    pub lost: u64,
    /// Messages dropped because they are not UTF-8, not JSON or no object.
    pub dropped_malformed: u64,
    /// Messages dropped because their id is missing, there twice, or none that a call can have. Pushes and
    /// requests of the server's are among them.
    pub dropped_without_id: u64,
    /// Answers dropped because the call has ended: late or second ones.
    pub dropped_late: u64,
    /// Answers dropped because there never was such a call.
    pub dropped_unknown: u64,
}

/// The end of a call. `T` is what the call was made with, `'m` the message that ended it.
#[non_exhaustive]
pub struct Answer<'m, T> {
    /// The id of the call.
    pub id: u64,
    /// What the call was made with.
    pub token: T,
    /// The result as JSON text, a part of the message; or why there is none.
    pub outcome: Result<&'m str>,
}

impl<T: fmt::Debug> fmt::Debug for Answer<'_, T> {
    // A result is the user's data, as parameters are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.outcome.as_ref().map(|text| text.len());
        f.debug_struct("Answer")
            .field("id", &self.id)
            .field("token", &self.token)
            .field("outcome", &outcome)
            .finish()
    }
}

#[derive(Debug)]
struct Pending<T> {
    token: T,
    timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    NotOpen,
    Open,
    Disconnected,
    Redirected,
}

/// The state machine of one `rpc` data channel. `T` is any value to find the caller by.
///
/// It starts open and with no permitted methods: [`Peer::offer`] tells them.
///
/// ```
/// use std::time::{Duration, Instant};
/// use sora_rpc::{CallOptions, Message, Peer, PeerOptions};
///
/// let mut peer = Peer::new(PeerOptions::new());
/// assert!(peer.offer(true, ["2025.2.0/ResetSpotlightRid"]).is_empty());
/// let now = Instant::now();
/// let message = Message::raw("2025.2.0/ResetSpotlightRid", None)?;
/// let (id, bytes) = peer.call(message, &CallOptions::new(), now, "the caller")?;
/// assert_eq!(bytes, r#"{"jsonrpc":"2.0","method":"2025.2.0/ResetSpotlightRid","id":1}"#);
///
/// let answer = peer.receive(br#"{"jsonrpc":"2.0","id":1,"result":{"channel_id":"sora"}}"#).unwrap();
/// assert_eq!((answer.id, answer.token), (id, "the caller"));
/// assert_eq!(answer.outcome?, r#"{"channel_id":"sora"}"#);
/// assert_eq!(peer.pending(), 0);
/// assert!(peer.expire(now + Duration::from_secs(5)).is_none());
/// # Ok::<(), sora_rpc::Error>(())
/// ```
#[derive(Debug)]
pub struct Peer<T> {
    options: PeerOptions,
    /// None once the last id has been used.
    next_id: Option<u64>,
    pending: HashMap<u64, Pending<T>>,
    /// Of pending calls, and of some that have ended: these are skipped when their time comes.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    line: Line,
    rpc: bool,
    methods: Vec<String>,
    stats: Stats,
}

impl<T> Peer<T> {
    /// A peer of an open channel.
    #[must_use]
    pub fn new(options: PeerOptions) -> Self {
        Self {
            options,
            next_id: Some(options.first_id),
            pending: HashMap::new(),
            deadlines: BinaryHeap::new(),
            line: Line::Open,
            rpc: false,
            methods: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Takes in an offer or a new one: whether it lists the data channel `rpc`, and its `rpc_methods`. Where
    /// there is no RPC any more, the pending calls end with [`SoraError::NotAvailable`].
    #[must_use]
    pub fn offer(
        &mut self,
        rpc: bool,
        methods: impl IntoIterator<Item = impl Into<String>>,
    ) -> Vec<Answer<'static, T>> {
        self.rpc = rpc;
        self.methods = methods.into_iter().map(Into::into).collect();
        if self.is_available() { Vec::new() } else { self.lose(|| SoraError::NotAvailable) }
    }

    /// Tells whether the data channel is open. Pending calls stay: their answers may come once it is again.
    pub fn set_open(&mut self, open: bool) {
        if matches!(self.line, Line::Open | Line::NotOpen) {
            self.line = if open { Line::Open } else { Line::NotOpen };
        }
    }

    /// The connection has ended: every pending call ends with [`SoraError::Disconnected`], as does every
    /// later one.
    #[must_use]
    pub fn disconnect(&mut self) -> Vec<Answer<'static, T>> {
        self.line = Line::Disconnected;
        self.lose(|| SoraError::Disconnected)
    }

    /// The server sent the client elsewhere: every pending call ends with [`SoraError::Redirected`], as does
    /// every later one. The peer of the new connection goes on with [`Peer::next_id`].
    #[must_use]
    pub fn redirect(&mut self) -> Vec<Answer<'static, T>> {
        self.line = Line::Redirected;
        self.lose(|| SoraError::Redirected)
    }

    /// Registers a call and gives its id and its message, which is to be sent now. `token` comes back with
    /// the answer.
    ///
    /// # Errors
    /// Nothing is registered: validation (the time limit is zero or beyond the clock's end),
    /// [`SoraError::NotAvailable`], [`SoraError::ChannelNotOpen`], [`SoraError::MethodNotPermitted`],
    /// [`SoraError::TooManyPending`], [`SoraError::TooLarge`], or that the connection has ended.
    pub fn call(
        &mut self,
        message: Message,
        options: &CallOptions,
        now: Instant,
        token: T,
    ) -> Result<(u64, Bytes)> {
        self.call_packed(message, options, now, token, Bytes::from)
    }

    /// As [`Peer::call`]; `pack` makes the frame of the message. The size that is checked is the frame's: that is
    /// what the other end of a data channel limits.
    pub(crate) fn call_packed(
        &mut self,
        message: Message,
        options: &CallOptions,
        now: Instant,
        token: T,
        pack: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> Result<(u64, Bytes)> {
        let deadline = options.timeout.map(|timeout| deadline(now, timeout)).transpose()?;
        self.check(&message, options.unchecked)?;
        let limit = self.options.max_pending;
        let id = self.next_id.filter(|_| self.pending.len() < limit);
        let id = id.ok_or_else(|| Error::refused(SoraError::TooManyPending { limit }))?;
        let bytes = self.written(message, Some(id), pack)?;
        self.next_id = id.checked_add(1);
        self.stats.calls += 1;
        self.pending.insert(id, Pending { token, timeout: options.timeout });
        if let Some(deadline) = deadline {
            self.add_deadline(deadline, id);
        }
        Ok((id, bytes))
    }

    /// Gives the message of a notification, which is to be sent now. It uses no id, and nothing answers it.
    ///
    /// # Errors
    /// As [`Peer::call`], but for what concerns waiting.
    pub fn notify(&mut self, message: Message, options: &CallOptions) -> Result<Bytes> {
        self.notify_packed(message, options, Bytes::from)
    }

    /// As [`Peer::notify`]; `pack` makes the frame of the message.
    pub(crate) fn notify_packed(
        &mut self,
        message: Message,
        options: &CallOptions,
        pack: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> Result<Bytes> {
        self.check(&message, options.unchecked)?;
        let bytes = self.written(message, None, pack)?;
        self.stats.notifications += 1;
        Ok(bytes)
    }

    /// Takes in a message: the end of a call, or none where it is dropped and counted.
    pub fn receive<'m>(&mut self, message: &'m [u8]) -> Option<Answer<'m, T>> {
        let envelope = match envelope(message) {
            Ok(envelope) => envelope,
            Err(Dropped::Malformed) => return dropped(&mut self.stats.dropped_malformed, "malformed"),
            Err(Dropped::NoId) => return dropped(&mut self.stats.dropped_without_id, "without an id"),
        };
        let id = envelope.id;
        let Some(pending) = self.pending.remove(&id) else {
            let used = id >= self.options.first_id && self.next_id.is_none_or(|next| id < next);
            return if used {
                dropped(&mut self.stats.dropped_late, "late")
            } else {
                dropped(&mut self.stats.dropped_unknown, "of no call")
            };
        };
        let outcome = envelope.outcome();
        match outcome {
            Err(SoraError::ProtocolViolation { .. }) => self.stats.violations += 1,
            _ => self.stats.answered += 1,
        }
        Some(Answer { id, token: pending.token, outcome: outcome.map_err(SoraError::sent) })
    }

    /// When [`Peer::expire`] is to be called next, if ever.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, id))) = self.deadlines.peek() {
            if self.pending.contains_key(id) {
                return Some(*at);
            }
            self.deadlines.pop();
        }
        None
    }

    /// Ends one call whose time has run out by `now`. To be called until it gives none.
    pub fn expire(&mut self, now: Instant) -> Option<Answer<'static, T>> {
        self.next_deadline().filter(|at| *at <= now)?;
        let Reverse((_, id)) = self.deadlines.pop()?;
        let pending = self.pending.remove(&id)?;
        self.stats.timed_out += 1;
        let reason = Reason::Timeout(pending.timeout.unwrap_or_default());
        Some(Answer { id, token: pending.token, outcome: Err(Error::new(reason).with_exchange(1, true)) })
    }

    /// Gives a call up; its answer will be dropped. None when it has ended already.
    pub fn cancel(&mut self, id: u64) -> Option<T> {
        let pending = self.pending.remove(&id)?;
        self.stats.cancelled += 1;
        Some(pending.token)
    }

    /// How many calls wait for their answers.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The methods that the server permits.
    #[must_use]
    pub fn rpc_methods(&self) -> &[String] {
        &self.methods
    }

    /// The id of the next call; none once all have been used.
    #[must_use]
    pub fn next_id(&self) -> Option<u64> {
        self.next_id
    }

    /// Goes on counting at `id`, if that is not behind.
    pub fn skip_to(&mut self, id: u64) {
        self.next_id = self.next_id.map(|next| next.max(id));
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether RPC can be used now: the offer lists the data channel `rpc` and at least one method, and the channel
    /// is open.
    ///
    /// # Errors
    /// What a call would be refused with: [`SoraError::NotAvailable`] or [`SoraError::ChannelNotOpen`], which may
    /// pass; [`SoraError::Disconnected`] or [`SoraError::Redirected`], which do not.
    pub fn ready(&self) -> Result<()> {
        self.usable(false).map_err(Error::refused)
    }

    fn is_available(&self) -> bool {
        self.rpc && !self.methods.is_empty()
    }

    /// Whether a message may go out now.
    fn check(&self, message: &Message, unchecked: bool) -> Result<()> {
        self.usable(unchecked).map_err(Error::refused)?;
        if unchecked || self.methods.iter().any(|known| known == message.method()) {
            return Ok(());
        }
        Err(Error::refused(not_permitted(message.method(), &self.methods)))
    }

    fn usable(&self, unchecked: bool) -> std::result::Result<(), SoraError> {
        match self.line {
            Line::Disconnected => Err(SoraError::Disconnected),
            Line::Redirected => Err(SoraError::Redirected),
            _ if !unchecked && !self.is_available() => Err(SoraError::NotAvailable),
            Line::NotOpen => Err(SoraError::ChannelNotOpen),
            Line::Open => Ok(()),
        }
    }

    fn written(
        &self,
        message: Message,
        id: Option<u64>,
        pack: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> Result<Bytes> {
        let bytes = pack(message.finish(id));
        let (size, limit) = (bytes.len(), self.options.max_message);
        if size > limit {
            return Err(Error::refused(SoraError::TooLarge { size, limit }));
        }
        Ok(bytes)
    }

    fn add_deadline(&mut self, deadline: Instant, id: u64) {
        // Calls that were answered in time leave theirs behind: swept once they are the most.
        if self.deadlines.len() > 64 + 2 * self.pending.len() {
            self.deadlines.retain(|Reverse((_, id))| self.pending.contains_key(id));
        }
        self.deadlines.push(Reverse((deadline, id)));
    }

    fn lose(&mut self, error: impl Fn() -> SoraError) -> Vec<Answer<'static, T>> {
        self.deadlines.clear();
        self.stats.lost += self.pending.len() as u64;
        let lost = |(id, pending): (u64, Pending<T>)| Answer {
            id,
            token: pending.token,
            outcome: Err(error().sent()),
        };
        self.pending.drain().map(lost).collect()
    }
}

fn dropped<T>(counter: &mut u64, why: &'static str) -> Option<T> {
    *counter += 1;
    #[cfg(feature = "tracing")]
    tracing::debug!(why, "dropped a message");
    #[cfg(not(feature = "tracing"))]
    let _ = why;
    None
}

/// When a call made now ends without an answer.
fn deadline(now: Instant, timeout: Duration) -> Result<Instant> {
    let deadline = now.checked_add(timeout).filter(|_| !timeout.is_zero());
    deadline.ok_or_else(|| {
        let message = "must be longer than zero and end within the clock's range; see no_timeout()";
        Violations::from(Violation::new("timeout", "timeout", Rule::Range, message)).into()
    })
}

fn not_permitted(method: &str, allowed: &[String]) -> SoraError {
    SoraError::MethodNotPermitted {
        method: method.to_owned(),
        allowed: allowed.to_vec(),
        hint: closest(method, allowed).map(str::to_owned),
    }
}

/// The permitted method that was most likely meant: the same name in another version or without one, or a
/// few slips of the pen away.
fn closest<'a>(method: &str, allowed: &'a [String]) -> Option<&'a str> {
    const SLIPS: usize = 3;
    let name = |method: &str| method.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = name(method);
    let distances = allowed.iter().map(|known| (distance(&wanted, &name(known)), known));
    distances
        .filter(|(slips, _)| *slips <= SLIPS)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known.as_str())
}

/// Edit distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let here = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
