//! What follows on an event: the acknowledgement, what others are told, who is disconnected.

use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};

/// What is to be sent to whom: the event and its argument; null stands for none.
pub(super) type Notice = (SocketRef, &'static str, Value);

/// All that one event leads to. It is put together under the lock and performed without it, because the end of a
/// connection asks for the lock.
#[derive(Default)]
pub(super) struct Turn {
    ack: Option<Value>,
    notices: Vec<Notice>,
    closing: Vec<SocketRef>,
    over: Option<String>,
}

impl Turn {
    /// One that is acknowledged.
    pub(super) fn ack(content: Value) -> Self {
        Self { ack: Some(content), ..Self::default() }
    }

    /// One that only tells something.
    pub(super) fn telling(notices: impl IntoIterator<Item = Notice>) -> Self {
        let mut turn = Self::default();
        turn.tell(notices);
        turn
    }

    pub(super) fn tell(&mut self, notices: impl IntoIterator<Item = Notice>) {
        self.notices.extend(notices);
    }

    /// Disconnects, after everything was sent.
    pub(super) fn close(&mut self, socket: &SocketRef) {
        self.closing.push(socket.clone());
    }

    /// Ends a room of the cloud.
    pub(super) fn end(&mut self, room: &str) {
        self.over = Some(room.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ack.is_none() && self.notices.is_empty() && self.closing.is_empty()
    }

    /// Does it all. What it gives is the room of the cloud that is over now.
    pub(super) fn perform(self, ack: Option<AckSender>) -> Option<String> {
        // Whoever has gone gets nothing: failures are of no interest here.
        if let (Some(ack), Some(content)) = (ack, &self.ack) {
            let _ = ack.send(content);
        }
        for (socket, event, content) in self.notices {
            // The library takes a tuple, and an array is one, for a list of arguments.
            let _ =
                if content.is_null() { socket.emit(event, &[0; 0]) } else { socket.emit(event, &content) };
        }
        for socket in self.closing {
            let _ = socket.disconnect();
        }
        self.over
    }
}
