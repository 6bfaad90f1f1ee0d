//! The WebSocket of signaling: opened at one of several URLs, and driven beside everything else.

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use rtc_core::transport::channel::{BoxChannel, Channel as _, Connect as _, ConnectError, Frame};
use rtc_core::{BoxFuture, ClientConfig, ErrorKind, TransportError, TransportErrorKind, Trust, Url};
use tokio::sync::mpsc;

use crate::error::{Error, Result, SoraError, Stage};

/// How many messages wait for a server that does not read. Signaling has few.
const QUEUE: usize = 64;

/// The code of a WebSocket that was lost without a word (RFC 6455, section 7.4.1).
pub(super) const LOST: u16 = 1006;

/// Opens the first of the URLs that can be; gives which one it is, too. Each has the connect limit of the settings.
pub(super) async fn open(urls: Vec<Url>, trust: Trust, config: ClientConfig) -> Result<(BoxChannel, Url)> {
    let connector = config.connector()?;
    let limits = config.limits.with_trust(trust);
    let mut failures = Vec::new();
    for url in urls {
        let handshake = rtc_core::http::Request::get(url.as_str()).body(());
        let opened = match handshake {
            Ok(handshake) => {
                rtc_core::timeout(&config.clock, limits.connect, connector.connect(handshake, limits)).await
            }
            Err(_) => Some(Err(ConnectError::Transport(TransportError::new(TransportErrorKind::Setup(
                "the URL cannot be put into a request".into(),
            ))))),
        };
        let (kind, cause) = match opened {
            Some(Ok(channel)) => return Ok((channel, url)),
            Some(Err(error)) => told(&error),
            None => (ErrorKind::Timeout, format!("no connection within {:?}", limits.connect)),
        };
        failures.push((kind, shown(&url), cause));
    }
    Err(Error::refused(failed(failures)))
}

/// What is told of a URL: neither its query nor anything else that may be secret.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}

fn told(error: &ConnectError) -> (ErrorKind, String) {
    let error = match error {
        ConnectError::Transport(error) => error,
        ConnectError::Refused(response) => {
            let status = response.status();
            return (
                ErrorKind::from_status(status),
                format!("the server refused it with status {}", status.as_u16()),
            );
        }
        _ => return (ErrorKind::Connection, "it could not be opened".into()),
    };
    let cause = with_source(error);
    let kind = match error.kind() {
        TransportErrorKind::Blocked(_) => ErrorKind::InvalidInput,
        TransportErrorKind::ConnectTimeout => ErrorKind::Timeout,
        TransportErrorKind::Protocol | TransportErrorKind::TooLarge { .. } => ErrorKind::Protocol,
        TransportErrorKind::Setup(_) => ErrorKind::Other,
        _ => ErrorKind::Connection,
    };
    (kind, cause)
}

/// What failed. The system's words are below ours: connection refused, name not found, unknown issuer.
pub(super) fn with_source(error: &TransportError) -> String {
    let mut cause = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        let _ = write!(cause, ": {source}");
    }
    cause
}

/// One error for all the URLs that failed. The last one names it.
fn failed(mut failures: Vec<(ErrorKind, String, String)>) -> SoraError {
    let last = failures.pop();
    let (kind, url, mut cause) = match last {
        Some((kind, url, cause)) => (kind, Some(url), cause),
        None => (ErrorKind::InvalidInput, None, "there is no URL".into()),
    };
    for (_, url, earlier) in failures {
        let _ = write!(cause, "; before that {url}: {earlier}");
    }
    SoraError::NotConnected { stage: Stage::WebSocket, url, kind, cause }
}

/// What a WebSocket told.
pub(super) enum Told {
    Text(String),
    Closed { code: u16, reason: String },
}

/// An open WebSocket. Its own future moves the messages, so that neither a server that does not read nor one that does
/// not write holds anything else up.
pub(super) struct Web {
    /// None once it has ended.
    pump: Option<BoxFuture<'static, ()>>,
    /// None once it is to end.
    to: Option<mpsc::Sender<Frame>>,
    from: mpsc::Receiver<Told>,
}

impl Web {
    pub(super) fn new(channel: BoxChannel) -> Self {
        let (to, outgoing) = mpsc::channel(QUEUE);
        let (incoming, from) = mpsc::channel(1);
        Self { pump: Some(Box::pin(pump(channel, outgoing, incoming))), to: Some(to), from }
    }

    /// Queues a message. `false`: the server has not read for too long.
    pub(super) fn send(&self, frame: Frame) -> bool {
        self.to.as_ref().is_some_and(|to| to.try_send(frame).is_ok())
    }

    /// Ends it after what is queued.
    pub(super) fn close(&mut self) {
        self.to = None;
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        if let Some(pump) = &mut self.pump
            && pump.as_mut().poll(cx).is_ready()
        {
            self.pump = None;
        }
        self.from.poll_recv(cx)
    }

    /// Sees it to its end. What still comes is dropped.
    pub(super) async fn finish(mut self) {
        self.close();
        while poll_fn(|cx| self.poll(cx)).await.is_some() {}
    }
}

async fn pump(mut channel: BoxChannel, mut outgoing: mpsc::Receiver<Frame>, incoming: mpsc::Sender<Told>) {
    loop {
        let told = match next(&mut channel, &mut outgoing).await {
            Next::Outgoing(Some(frame)) => match channel.send(frame).await {
                Ok(()) => continue,
                Err(_) => Told::Closed { code: LOST, reason: String::new() },
            },
            Next::Outgoing(None) => {
                let _ = channel.send(Frame::Close { code: 1000, reason: String::new() }).await;
                return;
            }
            Next::Incoming(Some(Ok(Frame::Text(text)))) => Told::Text(text),
            Next::Incoming(Some(Ok(Frame::Binary(bytes)))) => match String::from_utf8(bytes.into()) {
                Ok(text) => Told::Text(text),
                Err(_) => continue,
            },
            Next::Incoming(Some(Ok(Frame::Close { code, reason }))) => Told::Closed { code, reason },
            Next::Incoming(Some(Err(_)) | None) => Told::Closed { code: LOST, reason: String::new() },
            // Probes of liveness are answered below.
            Next::Incoming(Some(Ok(_))) => continue,
        };
        let last = matches!(told, Told::Closed { .. });
        if incoming.send(told).await.is_err() || last {
            return;
        }
    }
}

enum Next {
    Incoming(Option<std::result::Result<Frame, TransportError>>),
    Outgoing(Option<Frame>),
}

async fn next(channel: &mut BoxChannel, outgoing: &mut mpsc::Receiver<Frame>) -> Next {
    let mut frame = pin!(channel.recv());
    poll_fn(|cx| {
        // First, as the end is told there: a server that never pauses must not hold it up.
        if let Poll::Ready(frame) = outgoing.poll_recv(cx) {
            return Poll::Ready(Next::Outgoing(frame));
        }
        frame.as_mut().poll(cx).map(Next::Incoming)
    })
    .await
}
