//! Calls and notifications before they are sent: await them, or set their knobs first.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rtc_core::{BoxFuture, Bytes, DecodeError, Reason};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::client::Handle;
use crate::error::{Error, Result, SoraError};
use crate::methods::Message;
use crate::options::CallOptions;

/// A call that is sent when it is awaited. Dropping the future gives the call up; its answer is dropped then.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<O = Value> {
    request: Request,
    output: PhantomData<fn() -> O>,
}

/// A notification that is sent when it is awaited; the end tells that the channel has taken it.
#[must_use = "a notification does nothing until it is awaited"]
#[derive(Debug)]
pub struct Notification(Request);

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) handle: Arc<Handle>,
    pub(crate) message: Result<Message>,
    pub(crate) options: CallOptions,
}

impl<O> Call<O> {
    pub(crate) fn new(request: Request) -> Self {
        Self { request, output: PhantomData }
    }

    /// Sets how long to wait for the answer; the client's limit (5 s) when not set. Zero is refused.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.options = self.request.options.timeout(timeout);
        self
    }

    /// Waits as long as the connection lasts.
    pub fn no_timeout(mut self) -> Self {
        self.request.options = self.request.options.no_timeout();
        self
    }

    /// Sends the method even if `rpc_methods` of the offer does not name it.
    pub fn unchecked(mut self) -> Self {
        self.request.options = self.request.options.unchecked();
        self
    }

    /// Reads the result as another type.
    pub fn output<T: DeserializeOwned>(self) -> Call<T> {
        Call::new(self.request)
    }
}

impl Notification {
    pub(crate) fn new(request: Request) -> Self {
        Self(request)
    }

    /// Sends the method even if `rpc_methods` of the offer does not name it.
    pub fn unchecked(mut self) -> Self {
        self.0.options = self.0.options.unchecked();
        self
    }
}

impl<O> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}

impl<O: DeserializeOwned + 'static> IntoFuture for Call<O> {
    type Output = Result<O>;
    type IntoFuture = BoxFuture<'static, Result<O>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(Running { step: Step::Start(self.request), output: self.output })
    }
}

/// A call that is sent when it is first polled. Written by hand, as an async block would keep the room of the
/// request all the time that it waits for the answer.
struct Running<O> {
    step: Step,
    output: PhantomData<fn() -> O>,
}

enum Step {
    Start(Request),
    Waiting(Ticket),
    Ended,
}

impl<O: DeserializeOwned> Future for Running<O> {
    type Output = Result<O>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<O>> {
        loop {
            match &mut self.step {
                Step::Waiting(ticket) => {
                    let answer = ready!(Pin::new(&mut ticket.answer).poll(cx));
                    self.step = Step::Ended;
                    return Poll::Ready(read(answer.unwrap_or_else(|_| Err(SoraError::Disconnected.sent()))));
                }
                step => match mem::replace(step, Step::Ended) {
                    Step::Start(request) => *step = Step::Waiting(request.call()?),
                    // Polled again after its end: nothing will come.
                    _ => return Poll::Pending,
                },
            }
        }
    }
}

fn read<O: DeserializeOwned>(answer: Result<Bytes>) -> Result<O> {
    serde_json::from_slice(&answer?)
        .map_err(|e| Error::new(Reason::Decode(DecodeError::json(&e))).with_exchange(1, true))
}

impl IntoFuture for Notification {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.notify())
    }
}

impl Request {
    fn call(self) -> Result<Ticket> {
        let (waiter, answer) = oneshot::channel();
        let id = self.handle.shared().call(self.message?, &self.options, waiter)?;
        Ok(Ticket { handle: self.handle, id, answer })
    }

    async fn notify(self) -> Result<()> {
        let (written, answer) = oneshot::channel();
        self.handle.shared().notify(self.message?, &self.options, written)?;
        answer.await.map_err(|_| SoraError::Disconnected.sent())
    }
}

/// A call that waits for its answer, as JSON text. Frees its entry when the future is dropped.
struct Ticket {
    handle: Arc<Handle>,
    id: u64,
    answer: oneshot::Receiver<Result<Bytes>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.handle.shared().state().peer.cancel(self.id);
    }
}
