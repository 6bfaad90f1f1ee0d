//! Which failures are repeated, how often, and after which pause.

use std::time::Duration;

use rtc_core::testing::ScriptedTransport;
use rtc_core::transport::TransportErrorKind as Transport;
use rtc_core::{Error, ErrorKind, RetryPolicy};

use crate::fake::{Keyed, Make, Read, Refused, Twice, answer, caller, caller_of, config, failure};

/// A fault that comes at every attempt.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Unsent,
    ConnectTimeout,
    Canceled,
    Throttled,
    Unavailable,
    Interrupted,
    Nonsense,
    Refused,
}

impl Fault {
    fn script(self) -> ScriptedTransport {
        (0..5).fold(ScriptedTransport::new(), |script, _| match self {
            Self::Unsent => script.fail(failure(Transport::Connect)),
            Self::ConnectTimeout => script.fail(failure(Transport::ConnectTimeout)),
            Self::Canceled => script.fail(failure(Transport::Interrupted).with_unsent(true)),
            Self::Interrupted => script.fail(failure(Transport::Interrupted)),
            Self::Throttled => script.json(429, "{}"),
            Self::Unavailable => script.json(503, "{}"),
            Self::Nonsense => script.json(200, "nonsense"),
            Self::Refused => script.json(400, "{}"),
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Safe,
    Never,
    WithKey,
    WithoutKey,
}

async fn run(fault: Fault, which: Which) -> (usize, Error<Refused>) {
    let transport = fault.script();
    let (caller, _) = caller(&transport);
    let result = match which {
        Which::Safe => caller.call(Read::new("a")).await,
        Which::Never => caller.call(Make::new("a")).await,
        Which::WithKey => caller.call(Keyed::new("a").key("k")).await,
        Which::WithoutKey => caller.call(Keyed::new("a")).await,
    };
    (transport.requests().len(), result.unwrap_err())
}

#[tokio::test]
async fn what_is_repeated() {
    use Which::{Never, Safe, WithKey, WithoutKey};
    let all = &[Safe, Never, WithKey, WithoutKey][..];
    let (replayable, others) = (&[Safe, WithKey][..], &[Never, WithoutKey][..]);
    for (fault, operations, requests, kind, sent, retryable) in [
        (Fault::Unsent, all, 3, ErrorKind::Connection, false, true),
        (Fault::ConnectTimeout, all, 3, ErrorKind::Timeout, false, true),
        (Fault::Canceled, all, 3, ErrorKind::Connection, false, true),
        (Fault::Throttled, all, 3, ErrorKind::RateLimited, true, true),
        (Fault::Unavailable, replayable, 3, ErrorKind::Unavailable, true, true),
        (Fault::Unavailable, others, 1, ErrorKind::Unavailable, true, false),
        (Fault::Interrupted, replayable, 3, ErrorKind::Connection, true, true),
        (Fault::Interrupted, others, 1, ErrorKind::Connection, true, false),
        (Fault::Nonsense, all, 1, ErrorKind::Protocol, true, false),
        (Fault::Refused, all, 1, ErrorKind::InvalidInput, true, false),
    ] {
        for &operation in operations {
            let (count, error) = run(fault, operation).await;
            let found =
                (count, error.kind(), error.was_sent(), error.attempts() as usize, error.is_retryable());
            assert_eq!(found, (requests, kind, sent, requests, retryable), "{fault:?} {operation:?}");
        }
    }
}

#[tokio::test]
async fn failures_that_are_no_accident_are_not_repeated() {
    for kind in [
        Transport::Protocol,
        Transport::Closed,
        Transport::TooLarge { limit: 1 },
        Transport::Setup("no certificate".into()),
    ] {
        let transport = ScriptedTransport::new().fail(failure(kind)).json(200, "fine");
        let error = caller(&transport).0.call(Read::new("a")).await.unwrap_err();
        assert_eq!((transport.requests().len(), error.attempts()), (1, 1), "{error:?}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_forgotten() {
    let transport =
        ScriptedTransport::new().fail(failure(Transport::Interrupted)).json(503, "{}").json(200, "fine");
    let reply = caller(&transport).0.call(Read::new("a")).reply().await.unwrap();
    assert_eq!((reply.output.as_str(), reply.attempts), ("fine", 3));
}

#[tokio::test]
async fn once_sent_stays_sent() {
    let transport = ScriptedTransport::new()
        .json(429, "{}")
        .fail(failure(Transport::Connect))
        .fail(failure(Transport::Connect));
    let error = caller(&transport).0.call(Make::new("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.was_sent()), (ErrorKind::Connection, 3, true));
}

#[tokio::test]
async fn every_attempt_carries_the_same_key() {
    let transport = ScriptedTransport::new().json(503, "{}").json(200, "fine");
    caller(&transport).0.call(Keyed::new("a").key("k-1")).await.unwrap();
    let keys: Vec<_> = transport.requests().iter().map(|r| r.headers()["idempotency-key"].clone()).collect();
    assert_eq!(keys, ["k-1", "k-1"]);
    let transport = ScriptedTransport::new().json(200, "fine");
    caller(&transport).0.call(Keyed::new("a")).await.unwrap();
    assert!(!transport.requests()[0].headers().contains_key("idempotency-key"));
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_is_not_sent() {
    let transport = ScriptedTransport::new().json(200, "fine");
    let error = caller(&transport).0.call(Keyed::new("a").key("canary\n")).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false));
    assert!(transport.requests().is_empty() && !error.to_string().contains("canary"));
}

#[tokio::test]
async fn pauses_grow_within_their_bounds() {
    let policy = RetryPolicy::default()
        .with_max_attempts(5)
        .with_base(Duration::from_secs(1))
        .with_cap(Duration::from_secs(2));
    let (caller, clock) = caller(&Fault::Unavailable.script());
    let error = caller.call(Read::new("a")).retry(policy).await.unwrap_err();
    assert_eq!(error.attempts(), 5);
    // At most 1 + 2 + 2 + 2.
    assert!(clock.passed() > Duration::ZERO && clock.passed() <= Duration::from_secs(7));
}

#[tokio::test]
async fn retry_after_is_a_floor() {
    // The clock shows 08:49:37.
    for value in ["10", " 10 ", "Sun, 06 Nov 1994 08:49:47 GMT"] {
        let headers = [("retry-after", value)];
        let transport = ScriptedTransport::new().answer(answer(429, &headers, "{}")).json(200, "fine");
        let (caller, clock) = caller(&transport);
        caller.call(Make::new("a")).await.unwrap();
        let (low, high) = (Duration::from_secs(10), Duration::from_millis(10_100));
        assert!((low..=high).contains(&clock.passed()), "{value}: {:?}", clock.passed());
    }
}

#[tokio::test]
async fn a_retry_after_that_is_none_is_ignored() {
    for value in ["soon", "-1", "1.5", "Sun, 06 Nov 1993 08:49:47 GMT"] {
        let headers = [("retry-after", value)];
        let transport = ScriptedTransport::new().answer(answer(503, &headers, "{}")).json(200, "fine");
        let (caller, clock) = caller(&transport);
        caller.call(Read::new("a")).await.unwrap();
        assert!(clock.passed() <= Duration::from_millis(100), "{value}: {:?}", clock.passed());
    }
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_ends_the_call_at_once() {
    for value in ["20", "99999999999999999999", "Sun, 06 Nov 1994 08:59:37 GMT"] {
        let headers = [("retry-after", value)];
        let transport = ScriptedTransport::new().answer(answer(429, &headers, "{}")).json(200, "fine");
        let (caller, clock) = caller(&transport);
        let error = caller.call(Read::new("a")).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1), "{value}");
        assert!(error.is_retryable() && error.retry_after().is_some());
        assert_eq!((transport.requests().len(), clock.passed()), (1, Duration::ZERO), "{value}");
    }
}

#[tokio::test]
async fn the_budget_of_repeats_runs_out() {
    let transport = (0..20).fold(ScriptedTransport::new(), |script, _| script.json(503, "{}"));
    let (mut config, _) = config(&transport);
    config.retry = RetryPolicy::default().with_budget(3);
    let caller = caller_of(config);
    let attempts = async |caller: &rtc_core::Caller<_>| {
        let error = caller.call(Read::new("a")).await.unwrap_err();
        assert!(error.is_retryable());
        error.attempts()
    };
    // Clones share the budget.
    assert_eq!(
        [attempts(&caller).await, attempts(&caller.clone()).await, attempts(&caller).await],
        [3, 2, 1]
    );
}

#[tokio::test]
async fn successes_fill_the_budget() {
    let script = |script: ScriptedTransport| script.json(503, "{}").json(503, "{}");
    let full = script(ScriptedTransport::new());
    let transport = script((0..10).fold(full, |script, _| script.json(200, "fine")));
    let (mut config, _) = config(&transport);
    config.retry = RetryPolicy::default().with_budget(1);
    let caller = caller_of(config);
    assert_eq!(caller.call(Read::new("a")).await.unwrap_err().attempts(), 2);
    for _ in 0..10 {
        caller.call(Read::new("a")).await.unwrap();
    }
    assert_eq!(caller.call(Read::new("a")).await.unwrap_err().attempts(), 2);
}

#[tokio::test]
async fn the_lowest_number_of_attempts_wins() {
    let policy = |attempts| RetryPolicy::default().with_max_attempts(attempts);
    let (caller, _) = caller(&(0..4).fold(ScriptedTransport::new(), |s, _| s.json(503, "{}")));
    let error = caller.call(Twice::new("a")).retry(policy(5)).await.unwrap_err();
    assert_eq!(error.attempts(), 2, "the operation's");
    let error = caller.call(Twice::new("a")).retry(policy(1)).await.unwrap_err();
    assert_eq!(error.attempts(), 1, "the call's");
    assert_eq!(policy(0).max_attempts, 1);
    let error = caller.call(Read::new("a")).retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
}
