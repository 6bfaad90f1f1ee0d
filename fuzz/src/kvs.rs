//! Signaling of Kinesis Video Streams: frames, payloads, names of channels, and what is signed.

use std::time::{Duration, Instant};

use kvs_signaling::signaling::{Inbox, Payload, decode};
use kvs_signaling::{ChannelArn, Client, Credentials, SignRequest, SignedRequest, SigningMode};
use rtc_core::testing::ScriptedTransport;

use crate::answers::{CANARY, at_once, clock};
use crate::{bytes, cases, show};

/// Lines are frames, each of another connection than the one before.
pub(crate) fn frame(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    show(&decode(text));
    if let Ok(arn) = ChannelArn::parse(text) {
        assert_eq!(ChannelArn::parse(arn.as_str()).ok().as_ref(), Some(&arn));
        show(&(arn.partition(), arn.region(), arn.account(), arn.kind(), arn.channel_name(), arn.created()));
    }
    if let Ok(payload) = Payload::from_base64(text) {
        show(&(payload.session_description(), payload.candidate(), payload.raw().len()));
        assert!(payload.is_latin1() || payload.text().as_bytes() == payload.raw());
    }
    let begun = Instant::now();
    let mut inbox = Inbox::default();
    let mut events = 0;
    for (n, line) in (0..).zip(text.split('\n').take(64)) {
        events += inbox.receive(line, n, begun + Duration::from_secs(n)).len();
    }
    events += inbox.drain(None).len() + inbox.buffered();
    assert!(events <= 64, "more came out than went in");
}

pub(crate) fn frame_seeds() -> Vec<Vec<u8>> {
    let mut seeds = bytes(&[
        r#"{"messageType":"SDP_OFFER","messagePayload":"eyJ0eXBlIjoib2ZmZXIiLCJzZHAiOiJ2PTAifQ==","senderClientId":"a"}"#,
        r#"{"messageType":"ICE_CANDIDATE","messagePayload":"eyJjYW5kaWRhdGUiOiJjIiwic2RwTWlkIjoiMCJ9"}"#,
        r#"{"messageType":"STATUS_RESPONSE","statusResponse":{"correlationId":"c","success":false,"errorType":"InvalidArgument","statusCode":"400","description":"d"}}"#,
        r#"{"messageType":"GO_AWAY"}"#,
        "arn:aws:kinesisvideo:us-west-2:123456789012:channel/name/1234567890123",
        "eyJ0eXBlIjoib2ZmZXIiLCJzZHAiOiJ2PTAifQ==",
    ]);
    seeds.extend(cases::inputs("kvs-signaling", "parse_event", "frame"));
    seeds
}

/// Lines: method, URL, then headers up to an empty line, then the body. Signing must not fail later than its check, nor
/// depend on what is no part of the request: the order of the parameters, and whether it was signed before.
pub(crate) fn sign(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.split('\n');
    let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut request = SignRequest::new().method(method).url(url).body_text(body).mode(SigningMode::Both);
    for line in lines.take(8) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        request.headers.push(kvs_signaling::NameValue::new(name, value));
    }
    request.normalize = body.len() % 2 == 0;
    request.sign_body = body.len() % 3 == 0;
    let credentials = Credentials::new("AKIDHARBOUR7", CANARY).with_session_token("own+session/token==");
    let client =
        Client::builder(credentials).region("us-west-2").clock(clock()).transport(ScriptedTransport::new());
    let client = client.build().expect("a client");
    let sign = |request: SignRequest| at_once(client.sign_request(request));
    let Ok(signed) = sign(request.clone()) else { return };
    assert!(!format!("{signed:?}").contains(CANARY));
    let SignedRequest::Both { header, query } = &signed else { panic!("both were asked for") };
    for signed in [header, query] {
        assert_eq!(signed.signature.expose().len(), 64);
        assert!(signed.canonical_request.expose().contains(&signed.signed_headers));
        assert!(signed.string_to_sign.lines().count() == 4, "the string to sign has four lines");
    }
    assert_eq!(Some(&signed), sign(request.clone()).ok().as_ref(), "the same request, another signature");
    // The order of parameters does not count.
    if let Some((base, parameters)) = url.split_once('?')
        && !parameters.contains('#')
    {
        let mut turned: Vec<_> = parameters.split('&').collect();
        turned.reverse();
        let turned = sign(request.url(format!("{base}?{}", turned.join("&")))).expect("it is as good");
        let SignedRequest::Both { header: other, .. } = &turned else { panic!("both were asked for") };
        assert_eq!(header.signature, other.signature, "the order of parameters counts");
    }
}

pub(crate) fn sign_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "GET\nhttps://kinesisvideo.us-west-2.amazonaws.com/describeSignalingChannel\ncontent-type:application/json\n\n{}",
        "POST\nhttps://a.example:443/a//b/../c%20d/%e4?b=2&a=1&a=%7E+x\nx-custom: a   b \nhost:x\n\nbody",
        "GET\nwss://v.kinesisvideo.us-west-2.amazonaws.com/?X-Amz-ChannelARN=arn%3Aaws&X-Amz-ClientId=a\n\n",
    ])
}
