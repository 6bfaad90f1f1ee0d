//! A message on its way out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rtc_core::{Reason, TransportError, TransportErrorKind};
use tokio::sync::oneshot;

use super::event::StatusResponse;
use super::message::Outgoing;
use super::shared::Ticket;
use crate::error::{Error, Result};

/// A message on its way out.
pub(super) struct Queued {
    pub(super) message: Outgoing,
    /// Told once the connection has taken it.
    pub(super) written: Option<oneshot::Sender<Result<()>>>,
    /// Told what became of it.
    pub(super) watch: Option<oneshot::Sender<Result<()>>>,
    /// Whether a byte of it may have been sent.
    pub(super) started: Arc<AtomicBool>,
    /// Counts it among the pending ones until it is dropped.
    pub(super) _ticket: Ticket,
}

impl Queued {
    pub(super) fn is_abandoned(&self) -> bool {
        self.written.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    pub(super) fn is_named(&self, status: &StatusResponse) -> bool {
        self.watch.is_some() && self.message.correlation_id.as_deref() == Some(&status.correlation_id)
    }

    /// Tells the one who watches.
    pub(super) fn finish(mut self, result: Result<()>) {
        if let Some(watch) = self.watch.take() {
            let _ = watch.send(result);
        }
    }
}

/// The end of a message that was sent by a client that is closed.
pub(super) fn closed() -> Error {
    Error::new(Reason::Closed).with_exchange(1, true)
}

/// The end of a message that may have been lost.
pub(super) fn undelivered() -> Error {
    let error = TransportError::new(TransportErrorKind::Interrupted);
    let error = error.with_source("the connection was lost before it was known what became of the message");
    Error::new(Reason::Transport(error)).with_exchange(1, true)
}
