//! A call and its knobs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Caller;
use crate::endpoint::Trust;
use crate::gate::Gate;
use crate::operation::{Operation, Service};
use crate::pace::Pace;
use crate::paging::{Items, Paged, Pages};
use crate::retry::RetryPolicy;

#[derive(Clone, Default)]
pub(super) struct CallOptions {
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) endpoint: Option<(String, Trust)>,
    pub(super) retry: Option<RetryPolicy>,
}

/// A call that is ready to run: await it, or set its knobs first.
///
/// Dropping the future cancels the call: claims are released, nothing stays behind.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<S: Service, O> {
    pub(super) caller: Caller<S>,
    pub(super) operation: O,
    pub(super) options: CallOptions,
    pub(super) gate: Option<Arc<dyn Gate<S::Error>>>,
    pub(super) pace: Option<Pace>,
}

impl<S: Service, O: fmt::Debug> fmt::Debug for Call<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl<S: Service, O: Clone> Clone for Call<S, O> {
    fn clone(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            operation: self.operation.clone(),
            options: self.options.clone(),
            gate: self.gate.clone(),
            pace: self.pace.clone(),
        }
    }
}

impl<S: Service, O: Paged<S>> Call<S, O> {
    /// The pages of the list from this one on; the call's knobs hold for each.
    pub fn pages(self) -> Pages<S, O> {
        Pages::new(self)
    }

    /// The elements of the list from this page on; the call's knobs hold for each page.
    pub fn items(self) -> Items<S, O> {
        Items::new(self)
    }

    /// The same call of another request, if there is one.
    pub(crate) fn try_map(self, map: impl FnOnce(O) -> Option<O>) -> Option<Self> {
        let Self { caller, operation, options, gate, pace } = self;
        Some(Self { caller, operation: map(operation)?, options, gate, pace })
    }
}

impl<S: Service, O: Operation<S>> Call<S, O> {
    /// Limits the total time, all attempts and pauses included.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.options.timeout = Some(total);
        self
    }

    /// Limits the time of each attempt.
    pub fn attempt_timeout(mut self, each: Duration) -> Self {
        self.options.attempt_timeout = Some(each);
        self
    }

    /// Sends this call to another base URL, which counts as configured by you.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.options.endpoint = Some((url.into(), Trust::Configured));
        self
    }

    /// Sends this call to a base URL that was found in an answer: private addresses are refused unless the
    /// client's own endpoint is private.
    pub fn discovered_endpoint(mut self, url: impl Into<String>) -> Self {
        self.options.endpoint = Some((url.into(), Trust::Discovered));
        self
    }

    /// Repeats failed attempts by this policy.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = Some(policy);
        self
    }

    /// Guards the call with a gate.
    pub fn gate(mut self, gate: Arc<dyn Gate<S::Error>>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Waits before each attempt, within the time limit of the call, until the provider may be called; `None`: without.
    pub fn pace(mut self, pace: impl Into<Option<Pace>>) -> Self {
        self.pace = pace.into();
        self
    }

    /// The operation.
    pub fn operation(&self) -> &O {
        &self.operation
    }
}
