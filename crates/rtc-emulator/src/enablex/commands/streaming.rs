//! Streaming the session to RTMP addresses. What everybody is told has the names of the vendor's documented events:
//! `streaming-started`, `streaming-stopped`, `streaming-updated`, `streaming-failed`.

use serde_json::{Value, json};

use super::{
    Order, Outcome,
    recording::{fail, told, watch},
};
use crate::enablex::{
    live::{Live, Next, WAIT},
    room::To,
};

/// To how many addresses a session can be streamed at once.
const ADDRESSES: usize = 3;

fn notify(order: &mut Order<'_>, kind: &str, data: &Value) {
    let content = json!({ "type": kind, "data": data });
    order.tell(To::All, "onStreamingNotification", &content);
}

pub(super) fn start(order: &mut Order<'_>) -> Outcome {
    let addresses = order.given.pointer("/rtmpDetails/rtmpUrl").and_then(Value::as_str).unwrap_or_default();
    if addresses.split(',').count() > ADDRESSES {
        return fail(7101, "rtmpUrl must not have more than 3 addresses.");
    }
    let is_rtmp = |url: &str| {
        let rest = url.trim().strip_prefix("rtmp://").or_else(|| url.trim().strip_prefix("rtmps://"));
        rest.is_some_and(|rest| !rest.is_empty())
    };
    if !addresses.split(',').all(is_rtmp) {
        return fail(7102, "Invalid format of an RTMP address.");
    }
    if order.room.session.streaming != Live::Off {
        return fail(7002, "Streaming is in process.");
    }
    let by = order.me.to_owned();
    let next = order.next_live.take().unwrap_or(Next::Started);
    Ok(match next {
        Next::Failed { code } => return fail(code.unwrap_or(7001), "Streaming could not be started."),
        Next::Running => return fail(7002, "Streaming is in process."),
        Next::Queued | Next::QueuedThenFailed => {
            let at = order.now.checked_add(WAIT).unwrap_or(order.now);
            order.room.session.streaming = Live::Queued { by, at, fails: next == Next::QueuedThenFailed };
            watch(order);
            told(7104, "The request waits and will be started soon.", "startedBy", order.me)
        }
        // There is no other way to stream.
        Next::Started | Next::Fallback => {
            order.room.session.streaming = Live::On { by };
            let content = told(0, "", "startedBy", order.me);
            notify(order, "streaming-started", &content);
            content
        }
    })
}

/// The library sends invented details with it; they are not looked at.
pub(super) fn stop(order: &mut Order<'_>) -> Outcome {
    let content = match order.room.session.streaming {
        Live::Off => return fail(5124, "Streaming is not running."),
        Live::Queued { .. } => told(7046, "The request was removed from the queue.", "stoppedBy", order.me),
        _ => {
            let content = told(0, "", "stoppedBy", order.me);
            notify(order, "streaming-stopped", &content);
            content
        }
    };
    order.room.session.streaming = Live::Off;
    Ok(content)
}

pub(super) fn update(order: &mut Order<'_>) -> Outcome {
    if !matches!(order.room.session.streaming, Live::On { .. }) {
        return fail(7074, "Streaming is not running.");
    }
    let content = told(0, "", "startedBy", order.me);
    notify(order, "streaming-updated", &content);
    Ok(content)
}
