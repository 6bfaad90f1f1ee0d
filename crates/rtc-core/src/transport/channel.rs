//! The seam between message protocols and the network: an upgrade request in, frames both ways.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::mpsc;

use super::{Limits, TransportError, TransportErrorKind};
use crate::clock::BoxFuture;

/// One message of a channel.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// A liveness probe. A WebSocket has already answered it; a data channel drops it.
    Ping(Bytes),
    /// The answer to a liveness probe.
    Pong(Bytes),
    /// The end of the conversation.
    Close {
        /// The WebSocket close code; 1005 where the peer gave none.
        code: u16,
        /// The reason, which may be empty.
        reason: String,
    },
}

impl fmt::Debug for Frame {
    // Messages carry tokens and keys: tell their kind and size only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Ping(bytes) => write!(f, "Ping({} bytes)", bytes.len()),
            Self::Pong(bytes) => write!(f, "Pong({} bytes)", bytes.len()),
            Self::Close { code, .. } => write!(f, "Close({code})"),
        }
    }
}

/// A duplex stream of frames with one owner. [`Channel::recv`] is cancel-safe, so its owner can wait for
/// a frame and for commands at once, drop the wait, and send in between.
pub trait Channel: Send + 'static {
    /// Sends a frame. A [`Frame::Close`] is the last one that can be sent.
    ///
    /// Dropping the future may leave a frame half sent: the channel is of no use after that.
    fn send(&mut self, frame: Frame) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// The next frame; `None` after the end. Dropping the future loses no frame.
    fn recv(&mut self) -> impl Future<Output = Option<Result<Frame, TransportError>>> + Send;
}

/// Opens channels.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// What a successful handshake gives.
    type Channel: Channel;

    /// Opens a channel with the URL, the headers and the subprotocols of `handshake`.
    fn connect(
        &self,
        handshake: Request<()>,
        limits: Limits,
    ) -> impl Future<Output = Result<Self::Channel, ConnectError>> + Send;
}

/// Why no channel was opened.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server was not reached, or broke the protocol.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server answered, but not with a channel. The body may be cut short.
    #[error("the server refused the connection with status {}", .0.status().as_u16())]
    Refused(Box<Response<Bytes>>),
}

impl fmt::Debug for ConnectError {
    // The refusal's headers and body may hold cookies and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => f.debug_tuple("Transport").field(error).finish(),
            Self::Refused(response) => f.debug_tuple("Refused").field(&response.status()).finish(),
        }
    }
}

trait DynChannel: Send {
    fn send_boxed(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>>;
    fn recv_boxed(&mut self) -> BoxFuture<'_, Option<Result<Frame, TransportError>>>;
}

impl<T: Channel> DynChannel for T {
    fn send_boxed(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.send(frame))
    }

    fn recv_boxed(&mut self) -> BoxFuture<'_, Option<Result<Frame, TransportError>>> {
        Box::pin(self.recv())
    }
}

/// A channel of any kind.
pub struct BoxChannel(Box<dyn DynChannel>);

impl BoxChannel {
    /// Boxes a channel.
    pub fn new(channel: impl Channel) -> Self {
        Self(Box::new(channel))
    }
}

impl fmt::Debug for BoxChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxChannel").finish_non_exhaustive()
    }
}

impl Channel for BoxChannel {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.0.send_boxed(frame).await
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        self.0.recv_boxed().await
    }
}

trait DynConnect: fmt::Debug + Send + Sync {
    fn connect_boxed(
        &self,
        handshake: Request<()>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<BoxChannel, ConnectError>>;
}

impl<T: Connect> DynConnect for T {
    fn connect_boxed(
        &self,
        handshake: Request<()>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<BoxChannel, ConnectError>> {
        Box::pin(async move { self.connect(handshake, limits).await.map(BoxChannel::new) })
    }
}

/// A cheap handle to a connector.
#[derive(Clone)]
pub struct SharedConnect(Arc<dyn DynConnect>);

impl SharedConnect {
    /// Shares a connector.
    pub fn new(connect: impl Connect) -> Self {
        Self(Arc::new(connect))
    }
}

impl fmt::Debug for SharedConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Connect for SharedConnect {
    type Channel = BoxChannel;

    async fn connect(&self, handshake: Request<()>, limits: Limits) -> Result<BoxChannel, ConnectError> {
        self.0.connect_boxed(handshake, limits).await
    }
}

/// How many frames wait in each direction of a [`pair`] before sending waits.
const QUEUE: usize = 64;

/// Two ends of a channel inside this process. Closing or dropping one end ends the other.
#[must_use]
pub fn pair() -> (LoopChannel, LoopChannel) {
    let (a, from_a) = mpsc::channel(QUEUE);
    let (b, from_b) = mpsc::channel(QUEUE);
    (LoopChannel { to: Some(a), from: from_b }, LoopChannel { to: Some(b), from: from_a })
}

/// One end of a [`pair`].
pub struct LoopChannel {
    to: Option<mpsc::Sender<Frame>>,
    from: mpsc::Receiver<Frame>,
}

impl fmt::Debug for LoopChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopChannel").field("closed", &self.to.is_none()).finish_non_exhaustive()
    }
}

impl Channel for LoopChannel {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let last = matches!(frame, Frame::Close { .. });
        let sent = match &self.to {
            Some(to) => to.send(frame).await.is_ok(),
            None => false,
        };
        if last || !sent {
            self.to = None;
        }
        if sent { Ok(()) } else { Err(TransportError::new(TransportErrorKind::Closed)) }
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        let frame = self.from.recv().await;
        if matches!(frame, None | Some(Frame::Close { .. })) {
            // Like the answer to a WebSocket's Close: neither end can send from here on.
            self.to = None;
            self.from.close();
        }
        frame.map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_carries_frames_and_ends_with_a_close() {
        let (mut a, b) = pair();
        let mut b = BoxChannel::new(b);
        a.send(Frame::Text("hi".into())).await.unwrap();
        assert_eq!(b.recv().await.unwrap().unwrap(), Frame::Text("hi".into()));
        b.send(Frame::Binary(Bytes::from_static(b"x"))).await.unwrap();
        b.send(Frame::Close { code: 1000, reason: "bye".into() }).await.unwrap();
        assert!(b.send(Frame::Text("late".into())).await.is_err());
        assert_eq!(a.recv().await.unwrap().unwrap(), Frame::Binary(Bytes::from_static(b"x")));
        assert!(matches!(a.recv().await, Some(Ok(Frame::Close { code: 1000, .. }))));
        assert!(a.recv().await.is_none());
        assert!(b.recv().await.is_none());
        assert!(matches!(
            a.send(Frame::Text("late".into())).await.unwrap_err().kind(),
            TransportErrorKind::Closed
        ));
    }

    #[tokio::test]
    async fn dropping_one_end_ends_the_other() {
        let (mut a, b) = pair();
        drop(b);
        assert!(a.recv().await.is_none());
        assert!(a.send(Frame::Text(String::new())).await.is_err());
    }

    #[test]
    fn debug_tells_no_content() {
        let refused = Response::builder().status(403).header("set-cookie", "canary");
        let error = ConnectError::Refused(Box::new(refused.body(Bytes::from_static(b"canary")).unwrap()));
        let frames = [Frame::Text("canary".into()), Frame::Close { code: 1008, reason: "canary".into() }];
        assert!(!format!("{frames:?} {error:?} {error}").contains("canary"));
    }
}
