//! Signature Version 4 against vectors of others: the public test suite, botocore, the JavaScript SDK, samples.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::time::{Duration, SystemTime};

use kvs_signaling::rtc_core::testing::ManualClock;
use kvs_signaling::rtc_core::{Bytes, Revealed, Rule, http::Request};
use kvs_signaling::{
    ChannelArn, Client, Credentials, NameValue, PresignConnectAsMaster, PresignConnectAsViewer,
    ResolveEndpoint, SignRequest, Signer,
};
use proptest::prelude::*;
use serde_json::Value;

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// RFC 3339 with whole or broken seconds, in UTC.
fn instant(text: &str) -> SystemTime {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let years: u64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = years + lengths[..usize::try_from(month - 1).unwrap()].iter().sum::<u64>() + day - 1;
    let seconds = days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + if text.contains('.') { 999 } else { 0 })
}

fn client(credentials: &Value, now: &str) -> Client {
    let region =
        if text(credentials, "region").is_empty() { "us-west-2" } else { text(credentials, "region") };
    let own = Credentials::new(text(credentials, "access_key_id"), text(credentials, "secret_access_key"))
        .with_session_token(text(credentials, "session_token"));
    let own =
        if text(credentials, "secret_access_key").is_empty() { Credentials::new("A", "B") } else { own };
    Client::builder(own).region(region).clock(ManualClock::new(instant(now))).build().unwrap()
}

fn sign_request(input: &Value) -> SignRequest {
    let mut request = SignRequest::new();
    if let Some(mode) = input["mode"].as_str() {
        request = request.mode(mode);
    }
    for (name, value) in input["query"].as_object().into_iter().flatten() {
        request.query.push(NameValue::new(name.as_str(), value.as_str().unwrap()));
    }
    for pair in input["headers"].as_array().into_iter().flatten() {
        request.headers.push(NameValue::new(pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
    }
    if let Some(method) = input["method"].as_str() {
        request = request.method(method);
    }
    request.url = input["url"].as_str().map(Into::into);
    request.body_text = input["body_text"].as_str().map(Into::into);
    request.string_to_sign = input["string_to_sign"].as_str().map(Into::into);
    request = request.service(text(input, "service"));
    request.expires = input["expires"].as_u64().map_or(299, |n| n.try_into().unwrap());
    let flag = |name: &str| input[name].as_bool().unwrap_or(false);
    request
        .normalize(flag("normalize"))
        .sign_body(flag("sign_body"))
        .omit_session_token(flag("omit_session_token"))
}

/// The parameters of a presigned URL in a fixed order; everything else stays as it is.
fn sorted(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap();
    let mut query: Vec<_> = query.split('&').collect();
    query.sort_unstable();
    format!("{base}?{}", query.join("&"))
}

#[tokio::test]
async fn vectors() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("data/sigv4.json")).unwrap();
    assert!(vectors.len() >= 20);
    for vector in vectors {
        let client = client(&vector["credentials"], text(&vector, "now"));
        let input = &vector["input"];
        let (arn, endpoint) = (text(input, "channel_arn"), text(&vector, "endpoint"));
        let output = match text(&vector, "operation") {
            "presign_connect_as_master" => {
                let request = PresignConnectAsMaster::new(arn).endpoint(endpoint);
                serde_json::to_value(Revealed(&client.presign_connect_as_master(request).await.unwrap()))
            }
            "presign_connect_as_viewer" => {
                let request = PresignConnectAsViewer::new(arn, text(input, "client_id")).endpoint(endpoint);
                serde_json::to_value(Revealed(&client.presign_connect_as_viewer(request).await.unwrap()))
            }
            _ => serde_json::to_value(Revealed(&client.sign_request(sign_request(input)).await.unwrap())),
        };
        let output = output.unwrap();
        for (path, expected) in vector["expect"].as_object().unwrap() {
            let found =
                path.split('.').fold(&output, |value, name| &value[name]).as_str().unwrap_or_default();
            let expected = expected.as_str().unwrap();
            let same = if path == "url" { sorted(found) == sorted(expected) } else { found == expected };
            assert!(same, "{} {path}:\n{found}\n{expected}", vector["name"]);
        }
    }
}

/// The signer of requests and the one that explains itself agree, also over ports, tokens and odd paths.
#[tokio::test]
async fn both_signers_agree() {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret").with_session_token("to+ken/==");
    let now = "2023-07-24T08:07:02Z";
    let client =
        Client::builder(credentials.clone()).region("us-west-2").clock(ManualClock::new(instant(now)));
    let client = client.build().unwrap();
    let signer = Signer::new("us-west-2", "kinesisvideo");
    for url in [
        "https://example.com/v1/x",
        "https://example.com:443/v1/x",
        "http://127.0.0.1:8181/v1//x/../y",
        "http://example.com:80/a%20b?z=1&a=%2F&b",
        "http://[::1]:8080/",
    ] {
        let mut request =
            Request::post(url).header("content-type", "application/json").body(Bytes::from("{}")).unwrap();
        signer.sign(&credentials, &mut request, instant(now)).unwrap();
        let explained = SignRequest::new()
            .method("POST")
            .url(url)
            .headers([NameValue::new("Content-Type", "application/json")])
            .body_text("{}")
            .normalize(true);
        let output = serde_json::to_value(Revealed(&client.sign_request(explained).await.unwrap())).unwrap();
        assert_eq!(request.headers()["authorization"], output["authorization"].as_str().unwrap(), "{url}");
        assert_eq!(request.headers()["x-amz-security-token"], "to+ken/==");
    }
}

#[test]
fn the_key_follows_the_day_and_the_credentials() {
    let signer = Signer::new("us-west-2", "kinesisvideo");
    let sign = |signer: &Signer, secret: &str, now: &str| {
        let mut request = Request::post("https://example.com/").body(Bytes::new()).unwrap();
        signer.sign(&Credentials::new("AKIDEXAMPLE", secret), &mut request, instant(now)).unwrap();
        request.headers()["authorization"].clone()
    };
    for (secret, now) in [
        ("a", "2023-07-24T08:07:02Z"),
        ("b", "2023-07-24T08:07:02Z"),
        ("b", "2023-07-25T08:07:02Z"),
        ("a", "2023-07-24T08:07:02Z"),
    ] {
        let fresh = Signer::new("us-west-2", "kinesisvideo");
        assert_eq!(sign(&signer, secret, now), sign(&fresh, secret, now));
    }
}

#[tokio::test]
async fn what_cannot_be_signed() {
    let client = client(&Value::Null, "2023-07-24T08:07:02Z");
    let base = || SignRequest::new().mode("query").url("https://example.com/");
    for (request, field, rule) in [
        (SignRequest::new(), "url", Rule::Required),
        (SignRequest::new().mode("string"), "string_to_sign", Rule::Required),
        (SignRequest::new().mode("other").url("https://x"), "mode", Rule::OneOf),
        (SignRequest::new().url("nonsense"), "url", Rule::Pattern),
        (SignRequest::new().url("https:/example.com/?next=://other"), "url", Rule::Pattern),
        (SignRequest::new().url("https://u:p@example.com/"), "url", Rule::Query),
        (SignRequest::new().url("https://example.com/#x"), "url", Rule::Query),
        (SignRequest::new().url("https://example.com/\r\nx"), "url", Rule::Pattern),
        (base().method("GET\nX"), "method", Rule::Pattern),
        (base().expires(0), "expires", Rule::Range),
        (base().expires(604_801), "expires", Rule::Range),
        (base().query([NameValue::new("x-amz-date", "1")]), "query", Rule::Forbidden),
        (base().url("https://example.com/?X-Amz-Signature=1"), "query", Rule::Forbidden),
        (base().url("https://example.com/?X-Amz-ClientId=1&X-Amz-ClientId=2"), "query", Rule::Forbidden),
        (base().url("https://example.com/?X%2DAmz%2dSignature=1"), "query", Rule::Forbidden),
        (base().url("https://example.com/?X-Amz-ClientId=1&X-Amz-Client%49d=2"), "query", Rule::Forbidden),
        (base().headers([NameValue::new("Host", "x")]), "headers", Rule::Forbidden),
        (base().headers([NameValue::new("a b", "x")]), "headers", Rule::Pattern),
    ] {
        let error = client.sign_request(request.clone()).await.unwrap_err();
        let violations: Vec<_> =
            error.violations().unwrap().iter().map(|v| (v.field.as_ref(), v.rule)).collect();
        assert_eq!(violations, [(field, rule)], "{request:?}");
    }
    let own = base().query([NameValue::new("X-Amz-ChannelARN", ARN), NameValue::new("X-Amz-Other", "1")]);
    assert!(client.sign_request(own).await.is_ok());
}

proptest! {
    #[test]
    fn no_input_makes_the_signers_panic(
        url in "(https?|wss?)://[a-z.:@\\[\\]0-9]{0,12}[/?#&=%.a-zé+ -]{0,24}|\\PC{0,40}",
        name in "\\PC{0,8}", value in "\\PC{0,16}", token in "\\PC{0,12}", mode in "header|query|both|string",
        seconds in 0u64..300_000_000_000,
    ) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let credentials = Credentials::new("AKID", value.as_str()).with_session_token(token.as_str());
        let client = Client::builder(credentials.clone()).region("us-west-2").clock(ManualClock::new(now)).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pair = || [NameValue::new(name.as_str(), value.as_str())];
        let request = SignRequest::new().mode(mode).url(url.as_str()).query(pair()).headers(pair()).string_to_sign(value.as_str());
        let _ = runtime.block_on(client.sign_request(request));
        let viewer = PresignConnectAsViewer::new(ARN, name.as_str()).endpoint(url.as_str()).query(pair());
        let _ = runtime.block_on(client.presign_connect_as_viewer(viewer));
        if let Ok(mut request) = Request::post(url.as_str()).header("content-type", "x").body(Bytes::from(value)) {
            let _ = Signer::new("r", "s").sign(&credentials, &mut request, now);
        }
    }

    #[test]
    fn no_text_makes_the_arn_and_the_endpoints_panic(text in "\\PC{0,60}|arn:aws[a-z:/0-9.-]{0,60}") {
        if let Ok(arn) = ChannelArn::parse(text.as_str()) {
            let parts = (arn.partition(), arn.region(), arn.account(), arn.kind(), arn.channel_name(), arn.created());
            let (p, r, a, k, n, c) = parts;
            prop_assert_eq!(format!("arn:{p}:kinesisvideo:{r}:{a}:{k}/{n}/{c}"), text.clone());
        }
        if let Ok(resolved) = Client::resolve_endpoint(ResolveEndpoint::new().region(text.as_str())) {
            prop_assert!(rtc_core::Url::parse(&resolved.url).is_ok());
        }
        let _ = Client::resolve_endpoint(ResolveEndpoint::new().endpoint(text.as_str()));
    }
}
