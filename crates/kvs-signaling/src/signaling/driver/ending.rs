//! How connections end: lost, left, or closed.

use rtc_core::Clock as _;
use rtc_core::timeout;
use rtc_core::transport::channel::{Channel as _, Frame};

use super::{Conn, Driver, GOODBYE, Listening};
use crate::signaling::event::{Event, ReconnectReason};
use crate::signaling::queued::{closed, undelivered};

impl Driver {
    /// The connection is gone.
    pub(super) fn lose(&mut self, reason: ReconnectReason) {
        let Some(conn) = self.current.take() else { return };
        self.shared.disconnected();
        let age = self.clock.monotonic().saturating_duration_since(conn.opened);
        self.failures = if age < self.options.reconnect.cap { self.failures.saturating_add(1) } else { 0 };
        let was_opening = self.opening.is_some();
        // Whoever closes in order has said before what there was to say.
        self.lost_with(conn, matches!(reason, ReconnectReason::Lost { code: Some(_) }));
        if !was_opening {
            self.shared.push(Event::Reconnecting { reason });
            let pause = self.pause();
            self.open(pause);
        }
    }

    /// Tells what the end of a connection has taken along: messages that may not have arrived, and unless it was
    /// heard out, refusals of those that have.
    fn lost_with(&mut self, conn: Conn, heard_out: bool) {
        let is_over = |listening: &mut Listening| !heard_out && listening.number == conn.number;
        for listening in self.listening.extract_if(.., is_over) {
            listening.message.finish(Err(undelivered()));
        }
        for message in conn.link.into_unconfirmed() {
            self.shared.push(Event::Undelivered(message.message.clone()));
            message.finish(Err(undelivered()));
        }
    }

    /// The connection that was replaced is gone.
    pub(super) fn left(&mut self, heard_out: bool) {
        if let Some((conn, _)) = self.old.take() {
            self.lost_with(conn, heard_out);
        }
    }

    /// Leaves the connection that was replaced.
    pub(super) async fn leave(&mut self) {
        if let Some((conn, _)) = &mut self.old {
            let _ = timeout(&self.clock, GOODBYE, conn.channel.send(close_frame())).await;
            self.left(true);
        }
    }

    /// Ends everything: first the messages that were not sent, then the connections.
    pub(super) async fn finish(&mut self) {
        self.opening = None;
        self.head = None;
        self.messages.close();
        while self.messages.try_recv().is_ok() {}
        self.leave().await;
        let Some(mut conn) = self.current.take() else { return self.close_listeners() };
        self.shared.disconnected();
        let clock = self.clock.clone();
        let goodbye = self.goodbye(&mut conn);
        if timeout(&clock, GOODBYE, goodbye).await == Some(true) {
            // The peer's goodbye follows everything that it has read.
            for message in conn.link.into_unconfirmed() {
                message.finish(Err(closed()));
            }
        } else {
            self.lost_with(conn, false);
        }
        self.close_listeners();
    }

    fn close_listeners(&mut self) {
        for listening in self.listening.drain(..) {
            listening.message.finish(Err(closed()));
        }
    }

    /// Closes a connection; what arrives until then is still told. `true` when the peer has answered.
    async fn goodbye(&mut self, conn: &mut Conn) -> bool {
        if conn.channel.send(close_frame()).await.is_err() {
            return false;
        }
        loop {
            match conn.channel.recv().await {
                // An end without an error follows the peer's answer, too.
                Some(Ok(Frame::Close { .. })) | None => return true,
                Some(Ok(Frame::Text(text))) => {
                    self.shared.receive(&text, conn.number, self.clock.monotonic(), |_| false);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
            }
        }
    }
}

fn close_frame() -> Frame {
    Frame::Close { code: 1000, reason: String::new() }
}
