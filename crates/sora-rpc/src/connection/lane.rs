//! The data channel `rpc`, between the connection and its client.

use rtc_core::transport::channel::{Channel, Frame};
use rtc_core::{Bytes, TransportError, TransportErrorKind};
use tokio::sync::mpsc;

/// How many messages the client has under way before its sending waits.
const OUTGOING: usize = 16;

/// The connection's end.
pub(super) struct Lane {
    pub(super) outgoing: mpsc::Receiver<Bytes>,
    incoming: mpsc::Sender<Frame>,
}

/// The client's end.
pub(super) struct RpcChannel {
    to: mpsc::Sender<Bytes>,
    from: mpsc::Receiver<Frame>,
}

/// Two ends. `answers`: how many messages may wait for the client to take them, which are more than it can have calls.
pub(super) fn lane(answers: usize) -> (Lane, RpcChannel) {
    let (to, outgoing) = mpsc::channel(OUTGOING);
    let (incoming, from) = mpsc::channel(answers.clamp(1, tokio::sync::Semaphore::MAX_PERMITS));
    (Lane { outgoing, incoming }, RpcChannel { to, from })
}

impl Lane {
    /// Hands a message to the client. `false`: there are more than it can have asked for, and this one is lost.
    pub(super) fn deliver(&self, frame: Frame) -> bool {
        !matches!(self.incoming.try_send(frame), Err(mpsc::error::TrySendError::Full(_)))
    }
}

impl Channel for RpcChannel {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let message = match frame {
            Frame::Binary(bytes) => bytes,
            Frame::Text(text) => text.into(),
            _ => return Ok(()),
        };
        self.to.send(message).await.map_err(|_| TransportError::new(TransportErrorKind::Closed))
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        self.from.recv().await.map(Ok)
    }
}
