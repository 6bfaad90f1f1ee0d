//! Where requests may go.

use rtc_core::testing::ScriptedTransport;
use rtc_core::{Call, ErrorKind, Reason, Rule};

use crate::fake::{Fake, Read, caller_of, config};

/// Calls with an endpoint of its own, from a client with this base.
async fn send(
    base: &str,
    endpoint: impl FnOnce(Call<Fake, Read>) -> Call<Fake, Read>,
) -> Result<String, rtc_core::Error<crate::fake::Refused>> {
    let transport = ScriptedTransport::new().json(200, "fine");
    let (mut config, _) = config(&transport);
    config.endpoint = Some(base.into());
    let result = endpoint(caller_of(config).call(Read::new("a"))).await;
    if let Err(error) = &result {
        assert!(matches!(error.reason(), Reason::Endpoint(_)), "{error:?}");
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidInput, 0));
        assert!(!error.was_sent() && !error.is_retryable() && transport.requests().is_empty());
        assert!(!error.to_string().contains("canary") && !format!("{error:?}").contains("canary"));
    }
    result.map(|_| transport.requests()[0].uri().to_string())
}

fn rule(error: &rtc_core::Error<crate::fake::Refused>) -> Rule {
    match error.reason() {
        Reason::Endpoint(error) => error.rule(),
        other => unreachable!("{other:?}"),
    }
}

const PUBLIC: &str = "https://api.example.com";
const PRIVATE: &str = "https://10.1.2.3";

#[tokio::test]
async fn an_endpoint_of_the_call() {
    for (url, uri) in [
        ("https://eu.example.com/x/", "https://eu.example.com/x/a"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/a"),
        ("http://localhost:8080", "http://localhost:8080/a"),
        ("https://192.168.1.1", "https://192.168.1.1/a"),
    ] {
        assert_eq!(send(PUBLIC, |call| call.endpoint(url)).await.unwrap(), uri);
    }
}

#[tokio::test]
async fn endpoints_that_are_refused() {
    for (url, broken) in [
        ("https://user:canary@eu.example.com", Rule::Query),
        ("https://canary@eu.example.com", Rule::Query),
        ("https://eu.example.com?key=canary", Rule::Query),
        ("https://eu.example.com?", Rule::Query),
        ("https://eu.example.com#canary", Rule::Query),
        ("http://eu.example.com", Rule::Scheme),
        ("http://10.0.0.1", Rule::Scheme),
        ("ftp://eu.example.com", Rule::Scheme),
        ("https://169.254.169.254", Rule::Forbidden),
        ("https://169.254.1.1", Rule::Forbidden),
        ("https://[fe80::1]", Rule::Forbidden),
        ("https://[::ffff:169.254.169.254]", Rule::Forbidden),
        ("https://0.0.0.0", Rule::Forbidden),
        ("not a url", Rule::Pattern),
        ("", Rule::Pattern),
    ] {
        for discovered in [false, true] {
            let error =
                send(
                    PUBLIC,
                    |call| {
                        if discovered { call.discovered_endpoint(url) } else { call.endpoint(url) }
                    },
                )
                .await
                .expect_err(url);
            assert_eq!(rule(&error), broken, "{url}");
        }
    }
}

#[tokio::test]
async fn discovered_private_endpoints_need_a_private_base() {
    for url in ["https://10.0.0.7", "https://127.0.0.1", "http://localhost:1", "https://[fd00::1]"] {
        let error = send(PUBLIC, |call| call.discovered_endpoint(url)).await.expect_err(url);
        assert_eq!(rule(&error), Rule::Forbidden, "{url}");
        for base in [PRIVATE, "http://127.0.0.1:9"] {
            send(base, |call| call.discovered_endpoint(url)).await.expect(url);
        }
    }
    send(PUBLIC, |call| call.discovered_endpoint("https://edge.example.net")).await.unwrap();
    let metadata = "https://169.254.169.254";
    send(PRIVATE, |call| call.discovered_endpoint(metadata)).await.expect_err("never");
}

#[tokio::test]
async fn the_transport_learns_how_far_an_address_is_trusted() {
    use bytes::Bytes;
    use http::{Request, Response};
    use rtc_core::transport::{Body, Limits, Transport, TransportError};

    #[derive(Debug)]
    struct Trusting;
    impl Transport for Trusting {
        async fn send(&self, _: Request<Bytes>, limits: Limits) -> Result<Response<Body>, TransportError> {
            Ok(Response::new(Body::full(format!("{:?}", limits.trust))))
        }
    }
    let (mut config, _) = config(&ScriptedTransport::new());
    config.set_transport(Trusting);
    let caller = caller_of(config);
    let call = || caller.call(Read::new("a"));
    assert_eq!(call().await.unwrap(), "Configured");
    assert_eq!(call().endpoint("https://b.example.com").await.unwrap(), "Configured");
    assert_eq!(call().discovered_endpoint("https://b.example.com").await.unwrap(), "Discovered");
}

#[test]
fn a_base_that_is_refused_makes_no_client() {
    for base in ["http://api.example.com", "https://a:canary@api.example.com", "https://169.254.169.254"] {
        let (mut config, _) = config(&ScriptedTransport::new());
        config.endpoint = Some(base.into());
        let error = config.caller(Fake::default(), PUBLIC, "rtc-fake/1.0").unwrap_err();
        assert!(matches!(error.reason(), Reason::Endpoint(_)) && !error.to_string().contains("canary"));
    }
}

#[tokio::test]
async fn extra_headers_are_not_for_discovered_hosts() {
    let transport = ScriptedTransport::new().json(200, "fine").json(200, "fine");
    let (mut config, _) = config(&transport);
    config.headers.push(("x-gateway-key".into(), "canary".into()));
    let caller = caller_of(config);
    caller.call(Read::new("a")).endpoint("https://eu.example.com").await.unwrap();
    caller.call(Read::new("a")).discovered_endpoint("https://found.example.net").await.unwrap();
    let sent = transport.requests();
    assert_eq!(sent[0].headers()["x-gateway-key"], "canary");
    assert!(!sent[1].headers().contains_key("x-gateway-key"));
}
