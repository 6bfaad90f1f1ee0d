//! The one connection of a store: made when it is needed, shared by all calls, made anew when it broke.
//!
//! The connection manager of the Redis client is not used: it keeps an answer such as "wrong password" or "still
//! loading" for ever, keeps a connection on which nothing answers any more, and knows nothing of Sentinel.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use rtc_core::{StoreError, timeout};
use tokio::sync::watch;

use crate::address::{Address, Connection};
use crate::failure::{Failure, is_fatal, is_over};
use crate::options::RedisOptions;
use crate::script::Invocation;

pub(crate) struct Link {
    address: Address,
    pub(crate) options: RedisOptions,
    slot: Mutex<Slot>,
}

/// The outcome of an attempt to connect, once there is one.
type Outcome = Option<Result<Open, Failure>>;

#[derive(Clone)]
struct Open {
    connection: Connection,
    /// Counts the connections: who saw one break does not close the next.
    number: u64,
}

#[derive(Default)]
struct Slot {
    state: State,
    number: u64,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    /// Under way in a task of its own, so that a call that gives up does not end it for the others.
    Opening(watch::Receiver<Outcome>),
    Open(Open),
}

/// Why one attempt of a call failed.
enum Attempt {
    /// There is no connection, or none that answers in time.
    Connect(Failure),
    /// The command failed.
    Command(RedisError),
}

impl Link {
    pub(crate) fn new(address: Address, options: RedisOptions) -> Arc<Self> {
        Arc::new(Self { address, options, slot: Mutex::default() })
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Every step leaves the slot whole.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command within the time limit. `what` names it for people.
    pub(crate) async fn run(self: &Arc<Self>, what: &str, command: &Cmd) -> Result<Value, StoreError> {
        self.limited(what, self.attempts(command)).await
    }

    /// Runs a script within the time limit.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        what: &str,
        script: Invocation<'_>,
    ) -> Result<Value, StoreError> {
        let calls = async {
            match self.attempts(&script.by_hash()).await {
                // The server was started anew, or never saw it.
                Err(Attempt::Command(error))
                    if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) =>
                {
                    self.attempts(&script.whole()).await
                }
                other => other,
            }
        };
        self.limited(what, calls).await
    }

    /// Makes the connection if there is none, within the time limit for connecting.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<(), StoreError> {
        // The task that connects keeps the limit.
        self.connection().await.map(|_| ()).map_err(|why| self.unavailable("connecting", why))
    }

    fn unavailable(&self, what: &str, why: Failure) -> StoreError {
        StoreError::unavailable(format!("{what} at {}", self.address), why)
    }

    async fn limited(
        self: &Arc<Self>,
        what: &str,
        calls: impl Future<Output = Result<Value, Attempt>>,
    ) -> Result<Value, StoreError> {
        let limit = self.options.timeout;
        let seen = self.slot().number;
        let why = match timeout(&self.options.clock, limit, calls).await {
            Some(Ok(value)) => return Ok(value),
            Some(Err(Attempt::Connect(why))) => why,
            Some(Err(Attempt::Command(error))) => Failure::from(error),
            None => {
                // It may be dead without a word. Calls that still wait on it keep it until they end.
                self.leave(seen);
                Failure::new(format!("no answer within {limit:?}"))
            }
        };
        Err(self.unavailable(what, why))
    }

    /// Runs a command, and once again when its connection turned out to be broken: all our commands may be
    /// repeated, and an idle connection often breaks unseen.
    async fn attempts(self: &Arc<Self>, command: &Cmd) -> Result<Value, Attempt> {
        let mut last = false;
        loop {
            let mut open = self.connection().await.map_err(Attempt::Connect)?;
            let error = match open.connection.query(command).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let over = if open.connection.heals() { is_over(&error) } else { is_fatal(&error) };
            if !over {
                return Err(Attempt::Command(error));
            }
            self.close(open.number);
            if last {
                return Err(Attempt::Command(error));
            }
            last = true;
        }
    }

    /// Lets the next call make a new connection, if the present one is this one.
    fn close(&self, number: u64) {
        self.close_if(|open| open.number == number);
    }

    /// The same, but one that repairs itself stays.
    fn leave(&self, number: u64) {
        self.close_if(|open| open.number == number && !open.connection.heals());
    }

    fn close_if(&self, useless: impl FnOnce(&Open) -> bool) {
        let mut slot = self.slot();
        if matches!(&slot.state, State::Open(open) if useless(open)) {
            slot.state = State::Closed;
        }
    }

    async fn connection(self: &Arc<Self>) -> Result<Open, Failure> {
        let mut outcome = {
            let mut slot = self.slot();
            match &slot.state {
                State::Open(open) => return Ok(open.clone()),
                State::Opening(outcome) if outcome.has_changed().is_ok() || outcome.borrow().is_some() => {
                    outcome.clone()
                }
                // None yet, or the runtime of the task that was to make it is gone.
                _ => {
                    let (sender, outcome) = watch::channel(None);
                    slot.number += 1;
                    slot.state = State::Opening(outcome.clone());
                    tokio::spawn(self.clone().opening(slot.number, sender));
                    outcome
                }
            }
        };
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        ended.unwrap_or_else(|| Err(Failure::new("the runtime ended while connecting")))
    }

    async fn opening(self: Arc<Self>, number: u64, sender: watch::Sender<Outcome>) {
        let limit = self.options.connect_timeout;
        let outcome = match timeout(&self.options.clock, limit, self.address.connect()).await {
            Some(Ok(connection)) => Ok(Open { connection, number }),
            Some(Err(error)) => Err(Failure::from(error)),
            None => Err(Failure::new(format!("no connection within {limit:?}"))),
        };
        {
            let mut slot = self.slot();
            slot.state = outcome.clone().map_or(State::Closed, State::Open);
        }
        // Nobody may wait any more.
        let _ = sender.send(Some(outcome));
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &format_args!("{}", self.address)).finish_non_exhaustive()
    }
}
