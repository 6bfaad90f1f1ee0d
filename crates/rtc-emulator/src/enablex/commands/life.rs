//! Extending the session. Unsure: the code of the refusal outside the windows, and the name of the event that tells of an
//! extension.

use std::time::Duration;

use serde_json::json;

use super::{Order, Outcome, refuse};
use crate::enablex::lifetime::WINDOWS;

/// Anybody may, in the last ten minutes. That closes the window: it opens again before the new end.
pub(super) fn extend(order: &mut Order<'_>) -> Outcome {
    let opens = WINDOWS.first().copied().unwrap_or_default();
    let end = order.room.session.ends;
    let left = end.and_then(|end| end.duration_since(order.now).ok());
    let (Some(end), true) = (end, left.is_some_and(|left| left <= opens)) else {
        return refuse(1140, "No window for an extension is open");
    };
    let minutes = order.extension;
    let later = end.checked_add(Duration::from_secs(minutes * 60));
    order.room.session.ends = later;
    order.room.session.windows = 0;
    if order.room.until.is_some() {
        order.room.until = later;
    }
    let left = left.unwrap_or_default().as_secs_f64() / 60.0 + minutes as f64;
    let content = json!({ "extendedTime": minutes, "timeLeft": left.ceil() as u64, "clientId": order.me });
    order.announce("conference-extended", &content);
    Ok(json!({ "result": 0, "msg": "success", "extendedTime": minutes }))
}
