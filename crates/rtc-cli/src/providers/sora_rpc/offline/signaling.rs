//! Signaling without a connection: what would be sent, and what a message of the server means.

use rtc_core::transport::channel::Frame;
use rtc_core::{DecodeError, EndpointPolicy, Reason, Trust};
use serde_json::{Map, Value, json};
use sora_rpc::signaling::{End, Incoming, Lane, Signaling, SignalingOptions, parse};
use sora_rpc::{Connect, Error, Offer, Result, Role};

use super::{frame, message};
use crate::generated::sora_rpc as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// The labels that servers offer by themselves.
const LABELS: [&str; 5] = ["signaling", "notify", "push", "stats", "rpc"];

/// Signaling that has sent its first message.
pub(super) fn begun() -> Result<Signaling> {
    let mut signaling = Signaling::new(&Connect::new(Role::RecvOnly, "sora"), SignalingOptions::new())?;
    signaling.websocket_opened();
    transmitted(&mut signaling);
    Ok(signaling)
}

/// Everything that is to be sent now.
pub(super) fn transmitted(signaling: &mut Signaling) -> Vec<Value> {
    std::iter::from_fn(|| signaling.poll_transmit())
        .filter(|transmit| transmit.to == Lane::WebSocket || transmit.to == Lane::Channel("signaling".into()))
        .filter_map(|transmit| match transmit.frame {
            Frame::Text(text) => Some(frame(text.as_bytes())),
            Frame::Binary(bytes) => Some(frame(&bytes)),
            _ => None,
        })
        .collect()
}

/// The flags in force, of the labels that servers have and of those that were offered.
pub(super) fn state(signaling: &Signaling, offered: &[String]) -> Value {
    let labels = LABELS.into_iter().chain(offered.iter().map(String::as_str));
    let flags: Map<String, Value> =
        labels.map(|label| (label.to_owned(), json!(signaling.compress(label)))).collect();
    json!({ "compress": flags, "ready": signaling.is_ready() })
}

pub(in super::super) fn parse_offer(run: &Run) -> Outcome {
    run.local(offered(&message(&run.answer)).map_err(failed).map(|offer| {
        let flags = offer.data_channels.iter().map(|c| (c.label.clone(), json!(c.compress)));
        let flags: Map<String, Value> = flags.collect();
        let mut shown = json!(*offer);
        if let Some(members) = shown.as_object_mut() {
            members.insert("compress".into(), json!(flags));
        }
        shown
    }))
}

fn offered(text: &[u8]) -> std::result::Result<Box<Offer>, DecodeError> {
    match parse(&String::from_utf8_lossy(text))? {
        Incoming::Offer(offer) | Incoming::ReOffer(offer) => Ok(offer),
        _ => Err(DecodeError::new("it is no offer")),
    }
}

fn failed(error: DecodeError) -> Error {
    Error::new(Reason::Decode(error))
}

pub(in super::super) fn parse_event(run: &Run) -> Outcome {
    let code = run.answer.get("close_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    if code.is_some() {
        let reason = run.answer.get("close_reason").and_then(Value::as_str).unwrap_or_default();
        let end = End::classify(code, reason);
        return run.local(Ok::<_, Error>(
            json!({ "class": end.class.as_str(), "code": end.code, "reason": reason }),
        ));
    }
    let text = message(&run.answer);
    run.local(parse(&String::from_utf8_lossy(&text)).map_err(failed))
}

/// Checks a connection and tells its first message.
pub(in super::super) fn connect(run: &Run, mut input: Input) -> Outcome {
    let request = generated::connect(&mut input);
    let checked = input.check(request.validate()).map_err(Error::from).and_then(|()| address(run));
    let begun = checked.and_then(|()| Signaling::new(&request, SignalingOptions::new()));
    match begun {
        Ok(mut signaling) => {
            signaling.websocket_opened();
            told(run, &mut signaling)
        }
        Err(error) => run.failed(&error),
    }
}

fn address(run: &Run) -> Result<()> {
    let Some(endpoint) = &run.endpoint else { return Ok(()) };
    EndpointPolicy::default().parse_websocket(endpoint, Trust::Configured).map(drop).map_err(Error::from)
}

/// Tells what is sent to end a connection.
pub(in super::super) fn disconnect(run: &Run) -> Outcome {
    let offer = json!({ "type": "offer", "sdp": "v=0", "connection_id": "C" }).to_string();
    let begun = begun().map(|mut signaling| {
        signaling.websocket_message(&offer);
        signaling.disconnect("NO-ERROR");
        told(run, &mut signaling)
    });
    begun.unwrap_or_else(|error| run.failed(&error))
}

fn told(run: &Run, signaling: &mut Signaling) -> Outcome {
    let mut outcome = run.done(&Value::Null, None, None, 0);
    outcome.frames = transmitted(signaling);
    outcome
}
