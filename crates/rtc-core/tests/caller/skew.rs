//! A provider that finds our clock wrong.

use std::time::{Duration, SystemTime};

use rtc_core::testing::ScriptedTransport;
use rtc_core::{Body, Bytes, ErrorKind, Limits, RetryPolicy, Transport, TransportError, unix_seconds};

use crate::fake::{Make, NOW, Read, answer, caller, caller_of, config};

const AHEAD: &str = "Sun, 06 Nov 1994 09:49:37 GMT";
const BEHIND: &str = "Sun, 06 Nov 1994 07:49:37 GMT";

/// The times that the requests were signed with, as seconds from now.
fn times(transport: &ScriptedTransport) -> Vec<i64> {
    let seconds = |r: &http::Request<_>| r.headers()["x-now"].to_str().unwrap().parse::<i64>().unwrap();
    transport.requests().iter().map(|r| seconds(r) - NOW as i64).collect()
}

#[tokio::test]
async fn the_date_of_the_refusal_corrects_the_clock() {
    for (date, skew) in [(AHEAD, 3600), (BEHIND, -3600)] {
        let transport = ScriptedTransport::new()
            .answer(answer(418, &[("date", date)], "{}"))
            .json(200, "fine")
            .json(200, "fine");
        let (caller, clock) = caller(&transport);
        // Once more, though it must not be replayed: it was refused.
        caller.call(Make::new("a")).await.unwrap();
        assert_eq!(times(&transport), [0, skew]);
        assert_eq!(clock.passed(), Duration::ZERO, "at once");
        let provider = unix_seconds(caller.provider_now()) as i64;
        assert_eq!(provider - NOW as i64, skew);
        caller.clone().call(Make::new("a")).await.unwrap();
        assert_eq!(times(&transport), [0, skew, skew], "the clones remember");
    }
}

#[tokio::test]
async fn exactly_one_attempt_means_one() {
    let transport = ScriptedTransport::new().answer(answer(418, &[("date", AHEAD)], "{}")).json(200, "fine");
    let (caller, _) = caller(&transport);
    let error = caller.call(Read::new("a")).retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!((error.attempts(), error.is_retryable()), (1, true));
    caller.call(Read::new("a")).await.unwrap();
    assert_eq!(times(&transport), [0, 3600], "what was learnt is kept");
}

/// Holds the first two requests until both are there, and refuses both.
#[derive(Debug)]
struct Meeting(tokio::sync::Barrier, std::sync::atomic::AtomicUsize, ScriptedTransport);

impl Transport for Meeting {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Body>, TransportError> {
        if self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 {
            self.0.wait().await;
            return Ok(answer(418, &[("date", AHEAD)], "{}").map(Body::full));
        }
        self.2.send(request, limits).await
    }
}

#[tokio::test]
async fn calls_that_were_signed_with_the_old_time_all_try_again() {
    let script = ScriptedTransport::new().json(200, "fine").json(200, "fine");
    let (mut config, _) = config(&script);
    config.set_transport(Meeting(tokio::sync::Barrier::new(2), 0.into(), script.clone()));
    let caller = caller_of(config);
    let (first, second) =
        tokio::join!(caller.call(Read::new("a")).reply(), caller.call(Read::new("b")).reply());
    assert_eq!((first.unwrap().attempts, second.unwrap().attempts), (2, 2));
}

#[tokio::test]
async fn exactly_once() {
    // Also if each refusal tells another time.
    for second in [AHEAD, BEHIND] {
        let transport = ScriptedTransport::new()
            .answer(answer(418, &[("date", AHEAD)], "{}"))
            .answer(answer(418, &[("date", second)], "{}"))
            .json(200, "fine");
        let error = caller(&transport).0.call(Read::new("a")).await.unwrap_err();
        assert_eq!((error.attempts(), transport.requests().len()), (2, 2), "{second}");
        assert_eq!(error.kind(), ErrorKind::Other);
    }
}

#[tokio::test]
async fn a_refusal_that_tells_nothing_new_is_final() {
    // No date, no date at all, the time that we have, one second off.
    let same = "Sun, 06 Nov 1994 08:49:37 GMT";
    let near = "Sun, 06 Nov 1994 08:49:38 GMT";
    for headers in [&[][..], &[("date", "yesterday")], &[("date", same)], &[("date", near)]] {
        let transport = ScriptedTransport::new().answer(answer(418, headers, "{}")).json(200, "fine");
        let error = caller(&transport).0.call(Read::new("a")).await.unwrap_err();
        assert_eq!((error.attempts(), error.is_retryable()), (1, false), "{headers:?}");
    }
}

#[tokio::test]
async fn the_wall_clock_of_others_is_left_alone() {
    let transport = ScriptedTransport::new().answer(answer(418, &[("date", AHEAD)], "{}")).json(200, "fine");
    let (caller, _) = caller(&transport);
    caller.call(Read::new("a")).await.unwrap();
    let now = rtc_core::Clock::now(caller.clock());
    assert_eq!(now, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
}
