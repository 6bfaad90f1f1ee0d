//! What the handles and the task of a connected channel share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::event::{Event, StatusResponse};
use super::inbox::Inbox;
use super::options::SignalingOptions;

/// What concerns the connection itself among what has arrived.
#[derive(Debug)]
pub(super) enum Notice {
    GoAway,
    ReconnectIceServer,
    Status(StatusResponse),
}

pub(super) struct Shared {
    state: Mutex<State>,
    arrived: Notify,
    /// Wakes the task when the connection is to end.
    pub(super) closing: Notify,
    queue: usize,
    pending: Arc<AtomicUsize>,
}

struct State {
    inbox: Inbox,
    events: VecDeque<Event>,
    missed: u64,
    phase: Phase,
    connected: bool,
    /// Nobody reads events any more.
    unread: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Ended,
}

/// Counts a message for as long as its end is not known.
pub(super) struct Ticket(Arc<AtomicUsize>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(options: &SignalingOptions) -> Self {
        let state = State {
            inbox: Inbox::new(options.buffer, options.explicit_drain),
            events: VecDeque::new(),
            missed: 0,
            phase: Phase::Open,
            connected: false,
            unread: false,
        };
        Self {
            state: Mutex::new(state),
            arrived: Notify::new(),
            closing: Notify::new(),
            queue: options.event_queue,
            pending: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; and if it did, the state would still be usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.pending.fetch_add(1, Ordering::Relaxed);
        Ticket(Arc::clone(&self.pending))
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    pub(super) fn buffered(&self) -> usize {
        self.state().inbox.buffered()
    }

    pub(super) fn unread(&self) -> usize {
        self.state().events.len()
    }

    pub(super) fn repeated(&self) -> u64 {
        self.state().inbox.repeated()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state().connected
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().phase != Phase::Open
    }

    /// Asks the task to end the connection.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.closing.notify_one();
    }

    /// Reads a frame: its events are queued, and what concerns the connection is given back. A status for which
    /// `is_awaited` holds is for the one who waits, and no event.
    pub(super) fn receive(
        &self,
        text: &str,
        connection: u64,
        now: Instant,
        is_awaited: impl Fn(&StatusResponse) -> bool,
    ) -> Option<Notice> {
        let mut state = self.state();
        let mut notice = None;
        for event in state.inbox.receive(text, connection, now) {
            match &event {
                Event::GoAway { .. } => notice = Some(Notice::GoAway),
                Event::ReconnectIceServer => notice = Some(Notice::ReconnectIceServer),
                Event::StatusResponse(status) if is_awaited(status) => {
                    notice = Some(Notice::Status(status.clone()));
                    continue;
                }
                _ => {}
            }
            self.queue(&mut state, event);
        }
        drop(state);
        self.arrived.notify_one();
        notice
    }

    /// Queues the candidates of a peer that were held back.
    pub(super) fn drain(&self, sender: Option<&str>) -> usize {
        let mut state = self.state();
        let events = state.inbox.drain(sender);
        let released = events.iter().filter(|event| matches!(event, Event::IceCandidate(_))).count();
        for event in events {
            self.queue(&mut state, event);
        }
        drop(state);
        self.arrived.notify_one();
        released
    }

    pub(super) fn push(&self, event: Event) {
        let mut state = self.state();
        match event {
            Event::Connected => state.connected = true,
            Event::Closed { .. } => state.connected = false,
            _ => {}
        }
        self.queue(&mut state, event);
        drop(state);
        self.arrived.notify_one();
    }

    /// There is no connection for now.
    pub(super) fn disconnected(&self) {
        self.state().connected = false;
    }

    fn queue(&self, state: &mut State, event: Event) {
        if state.unread || state.phase == Phase::Ended {
            return;
        }
        if state.events.len() >= self.queue {
            state.events.pop_front();
            state.missed += 1;
        }
        state.events.push_back(event);
    }

    /// Ends the events: what is queued can still be read.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.phase = Phase::Ended;
        state.connected = false;
        state.inbox.clear();
        drop(state);
        self.arrived.notify_one();
    }

    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut state = self.state();
                if state.missed > 0 {
                    return Some(Event::Missed { events: std::mem::take(&mut state.missed) });
                }
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                if state.phase == Phase::Ended {
                    return None;
                }
            }
            // There is one reader, so a notification between the look and this wait is kept for it.
            self.arrived.notified().await;
        }
    }

    /// Nobody reads events any more.
    pub(super) fn discard(&self) {
        let mut state = self.state();
        state.unread = true;
        state.events = VecDeque::new();
        state.missed = 0;
    }
}
