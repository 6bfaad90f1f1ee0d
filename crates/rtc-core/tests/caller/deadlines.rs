//! Time limits: of a call, of an attempt, of an operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::transport::{Body, Limits, Transport, TransportError};
use rtc_core::{BoxFuture, Caller, ErrorKind, Gate, Permit, Reason};

use crate::fake::{Brief, Door, Error, Fake, Make, Read, Refused, answer, caller_of, config};
use crate::order::Silent;

fn silent() -> (Caller<Fake>, ManualClock) {
    let (mut config, clock) = config(&ScriptedTransport::new());
    config.set_transport(Silent);
    (caller_of(config), clock)
}

#[tokio::test]
async fn the_total_deadline() {
    let (caller, clock) = silent();
    let error = caller.call(Make::new("a")).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(after) if after.as_secs() == 20), "{error:?}");
    assert_eq!((error.kind(), error.attempts(), error.was_sent()), (ErrorKind::Timeout, 1, true));
    assert!(!error.is_retryable(), "it may have happened");
    assert_eq!(clock.passed(), Duration::from_secs(20));
    assert_eq!(clock.sleepers(), 0, "nothing stays behind");
    let error = caller.call(Read::new("a")).await.unwrap_err();
    assert!(error.was_sent() && error.is_retryable());
}

#[tokio::test]
async fn the_nearest_setting_wins() {
    let (caller, clock) = silent();
    caller.call(Brief::new("a")).await.unwrap_err();
    assert_eq!(clock.passed(), Duration::from_secs(3), "the operation's before the client's");
    caller.call(Brief::new("a")).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(clock.passed(), Duration::from_secs(4), "the call's before the operation's");
}

#[tokio::test]
async fn the_deadline_gives_the_permit_back() {
    let (caller, _) = silent();
    let door = Arc::new(Door::default());
    let trace = door.trace.clone();
    caller.call(Make::new("a")).gate(door).await.unwrap_err();
    assert_eq!(trace.all(), ["look", "enter", "release"]);
}

#[tokio::test]
async fn a_body_that_never_ends_counts() {
    let transport = ScriptedTransport::new()
        .step(|_| Ok(Response::new(Body::stream(futures_util::stream::pending(), Some(5)))));
    let (config, clock) = config(&transport);
    let error = caller_of(config).call(Make::new("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    assert_eq!(clock.passed(), Duration::from_secs(20));
}

/// Does not answer the first requests, however long one waits.
#[derive(Debug, Clone, Default)]
struct Sleepy {
    asleep: u32,
    seen: Arc<AtomicU32>,
}

impl Transport for Sleepy {
    async fn send(&self, _: Request<Bytes>, _: Limits) -> Result<Response<Body>, TransportError> {
        if self.seen.fetch_add(1, Ordering::Relaxed) < self.asleep {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(Body::full("fine")))
    }
}

#[tokio::test]
async fn the_time_of_an_attempt() {
    let transport = Sleepy { asleep: 2, ..Sleepy::default() };
    let (mut config, clock) = config(&ScriptedTransport::new());
    config.set_transport(transport.clone());
    config.attempt_timeout = Some(Duration::from_secs(4));
    let caller = caller_of(config);
    let reply = caller.call(Read::new("a")).reply().await.unwrap();
    assert_eq!((reply.attempts, reply.output.as_str()), (3, "fine"));
    assert!((Duration::from_secs(8)..Duration::from_secs(9)).contains(&clock.passed()));

    transport.seen.store(0, Ordering::Relaxed);
    let error = caller.call(Make::new("a")).attempt_timeout(Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(after) if after.as_secs() == 1), "the call's own");
    assert_eq!((error.kind(), error.attempts(), error.was_sent()), (ErrorKind::Timeout, 1, true));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn the_total_deadline_ends_an_attempt() {
    let (caller, clock) = silent();
    let call = caller.call(Read::new("a")).attempt_timeout(Duration::from_secs(8));
    let error = call.timeout(Duration::from_secs(10)).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(after) if after.as_secs() == 10), "{error:?}");
    assert_eq!((error.attempts(), clock.passed()), (2, Duration::from_secs(10)));
}

/// A gate that takes its time on this clock.
struct Slow(ManualClock, Duration);

impl Gate<Refused> for Slow {
    fn look(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error>> {
        Box::pin(async {
            rtc_core::Clock::sleep(&self.0, self.1).await;
            Door::default().enter().await
        })
    }
}

#[tokio::test]
async fn time_at_the_gate_counts() {
    let transport = ScriptedTransport::new().answer(answer(429, &[("retry-after", "10")], "{}"));
    let (config, clock) = config(&transport);
    let caller = caller_of(config);
    let gate = |seconds| Arc::new(Slow(clock.clone(), Duration::from_secs(seconds)));
    // 15 s at the gate leave 5: the throttle's 10 do not fit, so its error comes at once.
    let error = caller.call(Make::new("a")).gate(gate(15)).await.unwrap_err();
    assert_eq!((error.kind(), clock.passed()), (ErrorKind::RateLimited, Duration::from_secs(15)));
    let error = caller.call(Make::new("a")).gate(gate(21)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 0));
    assert!(!error.was_sent() && error.is_retryable(), "nothing was sent");
}

#[tokio::test]
async fn a_limit_beyond_all_time_is_none() {
    let transport =
        ScriptedTransport::new().answer(answer(429, &[("retry-after", "86400")], "{}")).json(200, "fine");
    let (config, clock) = config(&transport);
    caller_of(config).call(Make::new("a")).timeout(Duration::MAX).await.unwrap();
    assert!(clock.passed() >= Duration::from_secs(86_400));
}

#[tokio::test]
async fn a_clock_that_is_moved_by_hand() {
    let (mut config, _) = config(&ScriptedTransport::new());
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    config.set_clock(clock.clone());
    config.set_transport(Silent);
    let call = tokio::spawn(caller_of(config).call(Make::new("a")).into_future());
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(19_999));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    clock.advance(Duration::from_millis(1));
    assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
}
