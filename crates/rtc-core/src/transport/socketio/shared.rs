//! What the handles and the task of a connection share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::{Ack, Event, SocketError, closed};

type Answer = Result<Ack, SocketError>;

pub(super) struct Shared {
    state: Mutex<State>,
    arrived: Notify,
    queue: usize,
    max_pending: usize,
}

#[derive(Default)]
struct State {
    reason: Option<String>,
    events: VecDeque<Event>,
    unread: bool,
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    next_id: u64,
    /// How many events have come.
    arrived: u64,
    dropped_events: u64,
    dropped_packets: u64,
}

impl Shared {
    pub(super) fn new(queue: usize, max_pending: usize) -> Self {
        Self { state: Mutex::default(), arrived: Notify::new(), queue: queue.max(1), max_pending }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; and if it did, the state would still be usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    pub(super) fn closed_error(&self) -> SocketError {
        closed(self.reason().unwrap_or_else(|| "the connection's task ended".into()))
    }

    pub(super) fn dropped_events(&self) -> u64 {
        self.state().dropped_events
    }

    pub(super) fn dropped_packets(&self) -> u64 {
        self.state().dropped_packets
    }

    pub(super) fn count_dropped_packet(&self) {
        self.state().dropped_packets += 1;
    }

    /// Queues an event, and tells whether so many wait that their reader should have a turn.
    pub(super) fn push(&self, mut event: Event) -> bool {
        let mut state = self.state();
        event.position = state.arrived;
        state.arrived += 1;
        if state.unread {
            return false;
        }
        if state.events.len() >= self.queue {
            state.events.pop_front();
            state.dropped_events += 1;
        }
        state.events.push_back(event);
        let many = state.events.len() > self.queue / 2;
        drop(state);
        self.arrived.notify_one();
        many
    }

    pub(super) async fn next_event(&self) -> Option<Event> {
        loop {
            {
                let mut state = self.state();
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                if state.reason.is_some() {
                    return None;
                }
            }
            // There is one reader, so a notification between the look and this wait is kept for it.
            self.arrived.notified().await;
        }
    }

    /// Nobody reads events any more.
    pub(super) fn discard_events(&self) {
        let mut state = self.state();
        state.unread = true;
        state.events = VecDeque::new();
    }

    pub(super) fn answer(&self, id: u64, answer: Result<Vec<Value>, SocketError>) {
        let (waiting, position) = {
            let mut state = self.state();
            (state.pending.remove(&id), state.arrived)
        };
        if let Some(waiting) = waiting {
            // Whoever gave up waiting does not miss it.
            let _ = waiting.send(answer.map(|args| Ack { args, position }));
        }
    }

    /// Ends the connection for all handles; only the first reason counts.
    pub(super) fn close(&self, reason: &str) {
        let mut state = self.state();
        state.reason.get_or_insert_with(|| reason.to_owned());
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        for waiting in pending.into_values() {
            let _ = waiting.send(Err(self.closed_error()));
        }
        self.arrived.notify_one();
    }

    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.state().pending.len()
    }
}

/// A wait for an acknowledgement; dropping it frees its entry.
pub(super) struct Pending<'a> {
    shared: &'a Shared,
    id: u64,
}

impl<'a> Pending<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Result<(Self, oneshot::Receiver<Answer>), SocketError> {
        let mut state = shared.state();
        if let Some(reason) = &state.reason {
            return Err(closed(reason));
        }
        if state.pending.len() >= shared.max_pending {
            return Err(SocketError::TooManyPending);
        }
        let id = state.next_id;
        state.next_id += 1;
        let (waiting, answer) = oneshot::channel();
        state.pending.insert(id, waiting);
        Ok((Self { shared, id }, answer))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.shared.state().pending.remove(&self.id);
    }
}
