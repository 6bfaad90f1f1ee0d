//! Recording the session, and recording it live as one composed picture.

use serde_json::{Value, json};

use super::{Order, Outcome, Refused, done, refuse};
use crate::enablex::{
    live::{Live, Next, WAIT, status},
    room::To,
    turn::Step,
};

pub(super) fn start(order: &mut Order<'_>) -> Outcome {
    if order.room.session.recording {
        return refuse(5034, "Session is being recorded");
    }
    order.room.session.recording = true;
    order.tell(To::All, "room-record-on", &json!({ "moderatorId": order.me }));
    done()
}

/// Stops what began by itself as well, also a live recording.
pub(super) fn stop(order: &mut Order<'_>) -> Outcome {
    let automatic = matches!(&order.room.session.live, Live::On { by } if by.is_empty());
    if !order.room.session.recording && !automatic {
        return refuse(5036, "Session is not being recorded");
    }
    if order.room.session.recording {
        end_recording(order);
    }
    if automatic {
        end_live(order);
    }
    done()
}

fn end_recording(order: &mut Order<'_>) {
    order.room.session.recording = false;
    order.room.cut(order.room_id);
    order.tell(To::All, "room-record-off", &json!({ "moderatorId": order.me }));
}

fn end_live(order: &mut Order<'_>) {
    order.room.session.live = Live::Off;
    order.room.cut_live(order.room_id);
    let content = json!({ "status": status(0, true, ""), "stoppedBy": order.me });
    order.tell(To::All, "room-live-recording-off", &content);
}

pub(super) fn fail(code: i64, words: &str) -> Outcome {
    Err(Refused::Live(code, words.to_owned()))
}

/// An acknowledgement of a start or a stop.
pub(super) fn told(code: i64, words: &str, who: &str, me: &str) -> Value {
    json!({ "status": status(code, true, words), (who): me })
}

/// Has the clock look after a request in the queue.
pub(super) fn watch(order: &mut Order<'_>) {
    let (room_id, conf_num) = (order.room_id.to_owned(), order.room.session.conf_num.clone());
    order.steps.push(Step::Watch { room_id, conf_num });
}

pub(super) fn start_live(order: &mut Order<'_>) -> Outcome {
    let by = order.me.to_owned();
    match order.room.session.live {
        Live::Off => {}
        Live::Queued { .. } => return fail(7012, "Live Recording request is in process."),
        _ => return fail(7019, "Live Recording is already running."),
    }
    let next = order.next_live.take().unwrap_or(Next::Started);
    Ok(match next {
        Next::Failed { code } => return fail(code.unwrap_or(7011), "Live Recording could not be started."),
        Next::Running => return fail(7019, "Live Recording is already running."),
        Next::Fallback if order.room.session.recording => {
            return fail(7205, "The older recording, tried instead, is running already.");
        }
        Next::Fallback => {
            order.room.session.live = Live::Fallback { by };
            order.room.session.recording = true;
            order.tell(To::All, "room-record-on", &json!({ "moderatorId": order.me }));
            told(7014, "The recording will be there after the session.", "startedBy", order.me)
        }
        Next::Queued | Next::QueuedThenFailed => {
            let at = order.now.checked_add(WAIT).unwrap_or(order.now);
            order.room.session.live = Live::Queued { by, at, fails: next == Next::QueuedThenFailed };
            watch(order);
            told(7207, "The request waits and will be started soon.", "startedBy", order.me)
        }
        Next::Started => {
            order.room.session.live = Live::On { by };
            let content = told(0, "", "startedBy", order.me);
            order.tell(To::All, "room-live-recording-on", &content);
            content
        }
    })
}

pub(super) fn stop_live(order: &mut Order<'_>) -> Outcome {
    Ok(match order.room.session.live {
        Live::Off => return fail(5140, "Live Recording is not running."),
        Live::Queued { .. } => {
            order.room.session.live = Live::Off;
            told(7039, "The request was removed from the queue.", "stoppedBy", order.me)
        }
        Live::Fallback { .. } => {
            order.room.session.live = Live::Off;
            if order.room.session.recording {
                end_recording(order);
            }
            told(7034, "The older recording was stopped.", "stoppedBy", order.me)
        }
        Live::On { .. } => {
            end_live(order);
            told(0, "", "stoppedBy", order.me)
        }
    })
}

pub(super) fn update_live(order: &mut Order<'_>) -> Outcome {
    if !matches!(order.room.session.live, Live::On { .. }) {
        return fail(7074, "Live Recording is not running.");
    }
    let content = told(0, "", "startedBy", order.me);
    order.tell(To::All, "room-live-recording-updated", &content);
    Ok(content)
}
