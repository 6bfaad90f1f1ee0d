//! What happens in which order, gates, answers and bodies.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use http::Response;
use rtc_core::testing::ScriptedTransport;
use rtc_core::transport::{Body, Limits, Transport, TransportError, TransportErrorKind};
use rtc_core::{Call, Caller, ErrorKind, Reason, Rule};

use crate::fake::{Door, Fake, Make, NOW, Open, Read, Stream, Trace, answer, caller, caller_of, config};

fn traced(transport: &ScriptedTransport, locked: bool) -> (Caller<Fake>, Trace) {
    let trace = Trace::default();
    let service = Fake { trace: trace.clone(), locked, ..Fake::default() };
    (config(transport).0.caller(service, crate::fake::BASE, "rtc-fake/1.0").unwrap(), trace)
}

/// A script of one answer that notes when it is asked.
fn noting(trace: &Trace) -> ScriptedTransport {
    let trace = trace.clone();
    ScriptedTransport::new().step(move |_| {
        trace.note("send");
        Ok(Response::new(Body::full("fine")))
    })
}

#[tokio::test]
async fn a_call_without_a_gate() {
    let trace = Trace::default();
    let transport = noting(&trace);
    let service = Fake { trace: trace.clone(), ..Fake::default() };
    let caller = config(&transport).0.caller(service, crate::fake::BASE, "rtc-fake/1.0").unwrap();
    assert_eq!(caller.call(Make::new("a").trace(&trace)).await.unwrap(), "fine");
    let order = ["validate", "credentials", "encode", "authorize", "send", "reject", "decode"];
    assert_eq!(trace.all(), order);
}

#[tokio::test]
async fn a_gated_call_looks_at_gate_and_credentials_first() {
    let trace = Trace::default();
    let transport = noting(&trace);
    let service = Fake { trace: trace.clone(), ..Fake::default() };
    let caller = config(&transport).0.caller(service, crate::fake::BASE, "rtc-fake/1.0").unwrap();
    let door = Arc::new(Door { trace: trace.clone(), shut: false });
    caller.call(Make::new("a").trace(&trace)).gate(door).await.unwrap();
    let order = [
        "look",
        "credentials",
        "validate",
        "enter",
        "credentials",
        "encode",
        "authorize",
        "send",
        "reject",
        "decode",
        "release",
    ];
    assert_eq!(trace.all(), order);
}

#[tokio::test]
async fn what_is_refused_before_sending_sends_nothing() {
    let door = |trace: &Trace, shut| Arc::new(Door { trace: trace.clone(), shut });
    // (credentials unusable, gate: none / open / shut, name) -> kind, trace
    for (locked, gate, name, kind, order) in [
        (false, None, "", ErrorKind::InvalidInput, &["validate"][..]),
        (true, None, "", ErrorKind::InvalidInput, &["validate"]),
        (true, None, "a", ErrorKind::Unauthenticated, &["validate", "credentials"]),
        (true, Some(true), "", ErrorKind::Conflict, &["look"]),
        (true, Some(false), "", ErrorKind::Unauthenticated, &["look", "credentials"]),
        (false, Some(false), "", ErrorKind::InvalidInput, &["look", "credentials", "validate"]),
    ] {
        let transport = ScriptedTransport::new();
        let (caller, trace) = traced(&transport, locked);
        let mut call = caller.call(Make::new(name).trace(&trace));
        if let Some(shut) = gate {
            call = call.gate(door(&trace, shut));
        }
        let error = call.await.unwrap_err();
        let case = (locked, gate, name);
        assert_eq!(error.kind(), kind, "{case:?}");
        assert_eq!(trace.all(), order, "{case:?}");
        assert!(!error.was_sent() && error.attempts() == 0 && !error.is_retryable(), "{case:?} {error:?}");
        assert!(transport.requests().is_empty(), "{case:?}");
    }
}

#[tokio::test]
async fn validation_names_field_and_rule() {
    let (caller, _) = caller(&ScriptedTransport::new());
    let error = caller.call(Read::new("")).await.unwrap_err();
    let violation = error.violations().unwrap().first().unwrap();
    assert_eq!((&*violation.field, &*violation.wire, violation.rule), ("name", "Name", Rule::Required));
}

#[tokio::test]
async fn operations_without_credentials_ask_for_none() {
    let transport = ScriptedTransport::new().json(200, "fine");
    let (caller, trace) = traced(&transport, true);
    let door = Arc::new(Door { trace: trace.clone(), shut: false });
    caller.call(Open::new("a")).gate(door).await.unwrap();
    assert_eq!(trace.all(), ["look", "enter", "reject", "release"]);
    assert!(!transport.requests()[0].headers().contains_key("x-now"));
}

#[tokio::test]
async fn a_failed_call_releases_its_permit() {
    let (caller, trace) = traced(&ScriptedTransport::new().json(400, "{}"), false);
    let door = Arc::new(Door { trace: trace.clone(), shut: false });
    caller.call(Make::new("a")).gate(door).await.unwrap_err();
    assert_eq!(trace.all().last(), Some(&"release"));
}

#[tokio::test]
async fn a_dropped_call_abandons_its_permit() {
    let (mut config, _) = config(&ScriptedTransport::new());
    config.set_transport(Silent);
    let caller = caller_of(config);
    let door = Arc::new(Door::default());
    let trace = door.trace.clone();
    {
        let mut call = pin!(caller.call(Make::new("a")).gate(door).into_future());
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(trace.all(), ["look", "enter"]);
    }
    assert_eq!(trace.all(), ["look", "enter", "abandon"]);
}

/// A transport that never answers.
#[derive(Debug)]
pub struct Silent;

impl Transport for Silent {
    async fn send(&self, _: http::Request<Bytes>, _: Limits) -> Result<Response<Body>, TransportError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_reply_tells_of_the_exchange() {
    let transport = ScriptedTransport::new().json(503, "{}").answer(answer(
        201,
        &[("x-request-id", "r-7"), ("x-a", "b")],
        "fine",
    ));
    let (caller, _) = caller(&transport);
    let reply = caller.call(Read::new("a")).reply().await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.attempts, reply.output.as_str()), (201, 2, "fine"));
    assert_eq!(reply.request_id.as_deref(), Some("r-7"));
    assert_eq!(reply.headers["x-a"], "b");
    assert_eq!(&reply.body.collect(100).await.unwrap()[..], b"fine", "the answer as it came");
}

#[tokio::test]
async fn an_error_tells_of_the_exchange() {
    let headers = [("x-request-id", "r-8"), ("retry-after", "90")];
    let (caller, _) = caller(&ScriptedTransport::new().answer(answer(404, &headers, "{}")));
    let error = caller.call(Read::new("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::NotFound, 404));
    assert_eq!((error.request_id(), error.code().as_deref()), (Some("r-8"), Some("404")));
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(90)));
}

#[tokio::test]
async fn bodies_are_read_up_to_the_limit() {
    let pieces = |length| {
        let pieces = [Ok(Bytes::from("1234")), Ok(Bytes::from("5678"))];
        Response::new(Body::stream(futures_util::stream::iter(pieces), length))
    };
    for (limit, announced, fits) in
        [(8, Some(8), true), (8, None, true), (7, Some(8), false), (7, None, false)]
    {
        let transport = ScriptedTransport::new().step(move |_| Ok(pieces(announced)));
        let (mut config, _) = config(&transport);
        config.limits = config.limits.with_body(limit);
        let result = caller_of(config).call(Read::new("a")).await;
        if fits {
            assert_eq!(result.unwrap(), "12345678");
            continue;
        }
        let error = result.unwrap_err();
        assert!(
            matches!(error.reason(), Reason::Transport(e)
                if matches!(e.kind(), TransportErrorKind::TooLarge { limit: 7 })),
            "{error:?}"
        );
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1));
        assert!(error.was_sent() && !error.is_retryable());
    }
}

#[tokio::test]
async fn streamed_answers_pass_the_limit_by_but_refusals_are_collected() {
    let transport = ScriptedTransport::new().json(200, "0123456789").json(404, "{}").json(404, "0123456789");
    let (mut config, _) = config(&transport);
    config.limits = config.limits.with_body(4);
    let caller = caller_of(config);
    let reply = caller.call(Stream::new("a")).reply().await.unwrap();
    assert_eq!(reply.output, "", "only the head is decoded");
    assert_eq!(reply.body.collect(10).await.unwrap(), "0123456789");
    assert_eq!(caller.call(Stream::new("a")).await.unwrap_err().kind(), ErrorKind::NotFound);
    let error = caller.call(Stream::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "a refusal is read under the limit");
}

#[tokio::test]
async fn extra_headers_are_there_before_the_request_is_signed() {
    let transport = ScriptedTransport::new().json(200, "").json(200, "");
    let (mut config, _) = config(&transport);
    config.headers = vec![
        ("X-Extra".into(), "one".into()),
        ("accept".into(), "text/plain".into()),
        ("user-agent".into(), "nobody".into()),
    ];
    config.application = Some("shop/2.1".into());
    let caller = caller_of(config);
    caller.call(Read::new("a")).await.unwrap();
    let request = &transport.requests()[0];
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("x-extra").as_str(), header("x-signed-extra").as_str()), ("one", "1"));
    assert_eq!(header("accept"), "application/json", "the operation's own header wins");
    assert_eq!(header("user-agent"), "shop/2.1 rtc-fake/1.0");
    assert_eq!(header("x-now"), NOW.to_string());
    assert_eq!(request.uri(), "https://api.example.com/v1/a");
}

#[test]
fn headers_that_are_none_are_refused_when_the_client_is_built() {
    for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d")] {
        let (mut config, _) = config(&ScriptedTransport::new());
        config.headers = vec![(name.into(), value.into())];
        let error = config.caller(Fake::default(), crate::fake::BASE, "rtc-fake/1.0").unwrap_err();
        assert!(matches!(error.reason(), Reason::Transport(_)), "{name:?}");
        assert!(!error.to_string().contains(value) || value.len() == 1, "{error}");
    }
    let (mut config, _) = config(&ScriptedTransport::new());
    config.application = Some("a\nb".into());
    assert!(config.caller(Fake::default(), crate::fake::BASE, "rtc-fake/1.0").is_err());
}

#[test]
fn types_can_be_shared_and_sent() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sendable<T: Send + 'static>(_: &T) {}
    shared::<Caller<Fake>>();
    shared::<ScriptedTransport>();
    shared::<rtc_core::ClientConfig>();
    let (caller, _) = caller(&ScriptedTransport::new());
    let call: Call<Fake, Make> = caller.call(Make::new("a"));
    sendable(&call);
    sendable(&call.into_future());
    sendable(&caller.call(Make::new("a")).reply());
}
