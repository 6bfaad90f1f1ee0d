//! The media legs: what is made of the answers to offers, and which addresses an answer may name.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use common::{KEY, OFFER, WHEP, WHIP, builder};
use mediasfu::*;
use rtc_core::http::Response;
use rtc_core::testing::ScriptedTransport;
use rtc_core::{Reason, Rule};
use serde_json::json;

const ANSWER: &str = "v=0\r\no=- 2 2 IN IP4 0.0.0.0\r\n";

fn answer(location: Option<&str>, kind: &str, body: &str) -> Response<String> {
    let builder = Response::builder().status(201).header("content-type", kind);
    let builder = if let Some(location) = location { builder.header("location", location) } else { builder };
    builder.body(body.to_owned()).unwrap()
}

async fn publish(url: &str, answer: Response<String>) -> Result<MediaResource> {
    let client = builder(&ScriptedTransport::new().answer(answer)).build().unwrap();
    client.publish_whip(PublishWhip::new(url, "t", OFFER)).await
}

#[tokio::test]
async fn where_the_media_is_ended() {
    for (url, location, resource) in [
        (WHIP, "https://other.example/r/1?x=2", "https://other.example/r/1?x=2"),
        (WHIP, "/whip/r1", "https://edge.mediasfu.com/whip/r1"),
        (WHIP, "r1", "https://edge.mediasfu.com/whip/s1/r1"),
        (WHIP, "./ems_1/r1", "https://edge.mediasfu.com/whip/s1/ems_1/r1"),
        (WHIP, "?id=r1", "https://edge.mediasfu.com/whip/s1/ems_1?id=r1"),
        (WHIP, "//cdn.example/r1", "https://cdn.example/r1"),
        (WHIP, "../../../../r1", "https://edge.mediasfu.com/r1"),
        ("https://edge.mediasfu.com/whip/s1/", "r1", "https://edge.mediasfu.com/whip/s1/r1"),
        ("https://edge.mediasfu.com/w?t=1", "/r1", "https://edge.mediasfu.com/r1"),
    ] {
        let media = publish(url, answer(Some(location), "application/sdp", ANSWER)).await.unwrap();
        assert_eq!((media.resource_url.as_str(), media.sdp.as_str()), (resource, ANSWER), "{url} {location}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none() {
    let sdp = "application/sdp";
    for (answer, says) in [
        (answer(None, sdp, ANSWER), "no Location"),
        (answer(Some("https://"), sdp, ANSWER), "no URL"),
        (answer(Some("/r"), sdp, ""), "no session description"),
        (answer(Some("/r"), "text/html", "<html>"), "no session description"),
        (answer(Some("/r"), sdp, r#"{"sdp":"v=0"}"#), "no session description"),
        (answer(Some("/r"), "", "V=0"), "no session description"),
    ] {
        let error = publish(WHIP, answer).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Protocol, false), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
    // The content type is not what counts.
    for kind in ["", "text/plain", "application/sdp; charset=utf-8"] {
        publish(WHIP, answer(Some("/r"), kind, &format!("\u{feff}{ANSWER}"))).await.unwrap();
    }
    let no = json!({"success": false, "error": "no such session"}).to_string();
    let error = publish(WHIP, answer(Some("/r"), "application/json", &no)).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::Other, Some("no such session")));
}

#[tokio::test]
async fn an_offer_is_sent_once_and_its_end_again() {
    let transport = ScriptedTransport::new().json(503, "").json(503, "").json(503, "").json(204, "");
    let client = builder(&transport).build().unwrap();
    let error = client.publish_whip(PublishWhip::new(WHIP, "t", OFFER)).await.unwrap_err();
    assert_eq!((error.attempts(), error.is_retryable()), (1, false), "it may have begun");
    let end = DeleteMediaResource::new(format!("{WHIP}/r"), "t");
    assert_eq!(client.delete_media_resource(end).reply().await.unwrap().attempts, 3);
    // What is gone is told: the caller decides whether that is good.
    let gone = builder(&ScriptedTransport::new().json(404, "")).build().unwrap();
    let error = gone.delete_media_resource(DeleteMediaResource::new(WHIP, "t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn payload_types() {
    let profile = async |header: Option<&str>| {
        let builder = Response::builder();
        let builder = if let Some(text) = header {
            builder.header("x-mediasfu-rtp-payload-types", text)
        } else {
            builder
        };
        let transport = ScriptedTransport::new().answer(builder.body("whatever").unwrap());
        self::builder(&transport).build().unwrap().get_whep_profile(GetWhepProfile::new(WHEP)).await
    };
    let whole = profile(Some("Audio/OPUS=111 , video/h264=125,video/rtx=0")).await.unwrap();
    assert_eq!(json!(whole.profile), json!({"audio/opus": 111, "video/h264": 125, "video/rtx": 0}));
    for bad in
        ["", ",", "audio/opus", "audio/opus=", "audio/opus=-1", "audio/opus=300", "audio=1", "a/b=1;c/d=2"]
    {
        assert_eq!(profile(Some(bad)).await.unwrap_err().kind(), ErrorKind::Protocol, "{bad}");
    }
    assert!(profile(None).await.unwrap_err().to_string().contains("x-mediasfu-rtp-payload-types"));
}

/// Every operation with an address of its own, at this address; what each came to.
async fn at(client: &Client, url: &str) -> Vec<Result<()>> {
    vec![
        client.publish_whip(PublishWhip::new(url, "media-token", OFFER)).await.map(drop),
        client.play_whep(PlayWhep::new(url, "media-token", OFFER)).await.map(drop),
        client.get_whep_profile(GetWhepProfile::new(url)).await.map(drop),
        client.delete_media_resource(DeleteMediaResource::new(url, "media-token")).await,
    ]
}

fn endpoint_rule(error: &Error) -> Option<Rule> {
    match error.reason() {
        Reason::Endpoint(error) => Some(error.rule()),
        _ => None,
    }
}

#[tokio::test]
async fn addresses_that_an_answer_may_not_name() {
    for (url, rule) in [
        ("https://169.254.169.254/whip", Rule::Forbidden),
        ("https://[::ffff:169.254.169.254]/whip", Rule::Forbidden),
        ("https://[fd00:ec2::254]/whip", Rule::Forbidden),
        ("https://0xa9fea9fe/whip", Rule::Forbidden),
        ("https://127.0.0.1/whip", Rule::Forbidden),
        ("http://127.0.0.1:1/whip", Rule::Forbidden),
        ("https://localhost/whip", Rule::Forbidden),
        ("https://10.0.0.7:8443/whip", Rule::Forbidden),
        ("https://192.168.1.1/whip", Rule::Forbidden),
        ("https://[fd00::1]/whip", Rule::Forbidden),
        ("https://0.0.0.0/whip", Rule::Forbidden),
        ("http://edge.mediasfu.com/whip", Rule::Scheme),
        ("https://edge.mediasfu.com@evil.example/whip", Rule::Query),
        ("https://u:p@edge.mediasfu.com/whip", Rule::Query),
    ] {
        let transport = ScriptedTransport::new();
        let client = builder(&transport).build().unwrap();
        for result in at(&client, url).await {
            let error = result.unwrap_err();
            assert_eq!(endpoint_rule(&error), Some(rule), "{url}: {error:?}");
            assert!(!error.was_sent() && !error.to_string().contains("media-token"), "{error}");
        }
        assert!(transport.requests().is_empty(), "{url}");
    }
}

#[tokio::test]
async fn beside_a_private_server_private_addresses_are_fine_and_metadata_is_not() {
    for base in ["https://10.0.0.5", "http://127.0.0.1:3000"] {
        let transport = ScriptedTransport::new();
        let client = builder(&transport).endpoint(base).build().unwrap();
        for url in ["https://10.0.0.7/whip", "http://127.0.0.1:1/whip", "https://[fd00::1]/whip"] {
            for result in at(&client, url).await {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::Connection, "{url}: it was tried");
            }
        }
        let tried = transport.requests().len();
        assert!(tried > 0);
        for url in
            ["https://169.254.169.254/whip", "https://[::ffff:169.254.169.254]/w", "http://10.0.0.7/whip"]
        {
            for result in at(&client, url).await {
                assert!(endpoint_rule(&result.unwrap_err()).is_some(), "{url}");
            }
        }
        assert_eq!(transport.requests().len(), tried);
        let mut values = transport.requests().into_iter().flat_map(|request| request.headers().clone());
        assert!(values.all(|(_, value)| !value.to_str().unwrap().contains(KEY)));
    }
}

/// The way from an answer to the address in it.
#[tokio::test]
async fn an_answer_that_leads_astray() {
    let session =
        json!({"sessionID": "e", "ingest": {"url": "https://169.254.169.254/latest", "token": "t"}});
    let location = answer(Some("http://169.254.169.254/latest"), "application/sdp", ANSWER);
    let transport = ScriptedTransport::new().json(201, session.to_string()).answer(location);
    let client = builder(&transport).build().unwrap();
    let new = CreateExternalSession::new("s1", "cam", "host", Ingest::new(["audio"]));
    let ingest = client.create_external_session(new).await.unwrap().ingest;
    let error = client.publish_whip(PublishWhip::new(ingest.url, ingest.token, OFFER)).await.unwrap_err();
    assert_eq!(endpoint_rule(&error), Some(Rule::Forbidden));
    let media = client.publish_whip(PublishWhip::new(WHIP, "t", OFFER)).await.unwrap();
    let error =
        client.delete_media_resource(DeleteMediaResource::new(media.resource_url, "t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(transport.requests().len(), 2);
}
