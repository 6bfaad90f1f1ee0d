//! The task that owns the channel of a connection.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::machine::{Machine, Step};
use super::shared::Shared;
use super::{Command, OURS, SocketError, closed};
use crate::clock::{BoxFuture, Clock, SharedClock, timeout};
use crate::transport::TransportError;
use crate::transport::channel::{Channel, Frame};

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

enum Wake {
    Frame(Option<Result<Frame, TransportError>>),
    Command(Option<Command>),
    Tick,
}

struct Driver<C> {
    channel: C,
    machine: Machine,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    clock: SharedClock,
    ready: Option<oneshot::Sender<Result<(), SocketError>>>,
    timer: Option<(Instant, BoxFuture<'static, ()>)>,
    commands_first: bool,
}

/// Ends the handles even where the runtime drops the task.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close("the connection's task ended");
    }
}

/// Runs a connection until it ends; `ready` learns how joining went.
pub(super) async fn run<C: Channel>(
    channel: C,
    machine: Machine,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    clock: SharedClock,
    ready: oneshot::Sender<Result<(), SocketError>>,
) {
    let _ending = Ending(Arc::clone(&shared));
    let ready = Some(ready);
    let mut driver =
        Driver { channel, machine, commands, shared, clock, ready, timer: None, commands_first: false };
    let end = loop {
        let wake = driver.wake().await;
        match driver.react(wake).await {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
    };
    let reason = match &end {
        None => OURS.to_owned(),
        Some(SocketError::Closed { reason }) => reason.clone(),
        Some(error) => error.to_string(),
    };
    // First the callers, then the courtesy: a peer that hangs must not hold up the former.
    driver.shared.close(&reason);
    let ours = end.is_none();
    if let Some(ready) = driver.ready.take() {
        let _ = ready.send(Err(end.unwrap_or_else(|| closed(OURS))));
    }
    if ours {
        let clock = driver.clock.clone();
        timeout(&clock, GOODBYE, driver.goodbye()).await;
    }
}

impl<C: Channel> Driver<C> {
    /// Waits for whatever comes first.
    async fn wake(&mut self) -> Wake {
        let deadline = self.machine.deadline();
        if self.timer.as_ref().map(|(at, _)| *at) != deadline {
            self.timer = deadline.map(|at| {
                let left = at.saturating_duration_since(self.clock.monotonic());
                (at, self.clock.sleep(left))
            });
        }
        // In turns, so that neither a flood of frames nor one of commands starves the other.
        self.commands_first = !self.commands_first;
        let commands_first = self.commands_first;
        let (commands, timer) = (&mut self.commands, &mut self.timer);
        let mut frame = pin!(self.channel.recv());
        poll_fn(|cx| {
            if commands_first && let Poll::Ready(command) = commands.poll_recv(cx) {
                return Poll::Ready(Wake::Command(command));
            }
            // Before the timer: a pong that has arrived counts, however late this task runs.
            if let Poll::Ready(frame) = frame.as_mut().poll(cx) {
                return Poll::Ready(Wake::Frame(frame));
            }
            if !commands_first && let Poll::Ready(command) = commands.poll_recv(cx) {
                return Poll::Ready(Wake::Command(command));
            }
            if let Some((_, sleep)) = timer
                && sleep.as_mut().poll(cx).is_ready()
            {
                *timer = None;
                return Poll::Ready(Wake::Tick);
            }
            Poll::Pending
        })
        .await
    }

    /// `false` means that this side wants to end the connection.
    async fn react(&mut self, wake: Wake) -> Result<bool, SocketError> {
        let now = self.clock.monotonic();
        let step = match wake {
            Wake::Command(Some(Command::Send(text))) => Step::Send(text),
            Wake::Command(Some(Command::Close) | None) => return Ok(false),
            Wake::Tick => self.machine.tick(now),
            Wake::Frame(Some(Ok(Frame::Text(text)))) => self.machine.frame(&text, now),
            Wake::Frame(Some(Ok(Frame::Binary(_)))) => Step::Dropped,
            Wake::Frame(Some(Ok(Frame::Ping(_) | Frame::Pong(_)))) => Step::Nothing,
            Wake::Frame(Some(Ok(Frame::Close { code, reason }))) => {
                Step::End(closed(format!("the server closed the connection ({code} {reason})")))
            }
            Wake::Frame(Some(Err(error))) => Step::End(closed(error.to_string())),
            Wake::Frame(None) => Step::End(closed("the connection was lost")),
        };
        match step {
            Step::Nothing => {}
            Step::Dropped => self.shared.count_dropped_packet(),
            Step::Send(text) => self.send(text).await?,
            Step::Event(event) => {
                // Of one read many frames can come, and none of them waits: nobody else would run before all are queued.
                if self.shared.push(event) {
                    tokio::task::yield_now().await;
                }
            }
            Step::Ack(id, answer) => {
                if answer.is_err() {
                    self.shared.count_dropped_packet();
                }
                self.shared.answer(id, answer);
            }
            Step::Joined => {
                if let Some(ready) = self.ready.take() {
                    let _ = ready.send(Ok(()));
                }
            }
            Step::End(error) => return Err(error),
        }
        Ok(true)
    }

    async fn send(&mut self, text: String) -> Result<(), SocketError> {
        // While sending nothing is received, so a peer that takes nothing would never be found dead.
        let patience = self.machine.patience();
        match timeout(&self.clock, patience, self.channel.send(Frame::Text(text))).await {
            Some(sent) => sent.map_err(|error| closed(error.to_string())),
            None => Err(closed("the server stopped reading")),
        }
    }

    async fn goodbye(&mut self) {
        let leave = Frame::Text(self.machine.leave());
        let close = Frame::Close { code: 1000, reason: String::new() };
        if self.channel.send(leave).await.is_ok() && self.channel.send(close).await.is_ok() {
            // Until the peer has answered: unread input would make the system reset the connection and
            // may take the goodbye with it.
            while let Some(Ok(_)) = self.channel.recv().await {}
        }
    }
}
