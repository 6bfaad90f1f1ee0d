//! How a connection ends.

use std::time::Duration;

use serde_json::json;

use super::wire::Wire;
use super::{Connection, End};
use crate::sora_rpc::link::{Happening, Link};

/// How long a client may take to end its side, of real time.
const GOODBYE: Duration = Duration::from_secs(2);

impl Wire {
    /// Ends a WebSocket that no connection came of.
    pub(super) async fn finish(mut self, end: End) {
        let goodbye = async {
            match end {
                End::Closed { code, reason } => self.close(code, &reason).await,
                End::Disconnect => self.close(1000, "TYPE-DISCONNECT").await,
                End::Redirect(location) => {
                    self.send(&json!({ "type": "redirect", "location": location })).await;
                    // Some SDKs leave the closing to the server.
                    self.close(1000, "").await;
                }
                End::Gone | End::Cut => {}
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

impl Connection {
    /// Takes the connection out at once, and sees the client off.
    pub(super) async fn finish(mut self, end: End) {
        self.hub.leave(&self.id, self.generation, reason(&end));
        let wire = std::mem::take(&mut self.wire);
        if let (End::Closed { code, reason }, true) = (&end, self.switched) {
            self.tell("signaling", &json!({ "type": "close", "code": code, "reason": reason })).await;
        }
        if matches!(end, End::Cut) {
            return;
        }
        let orderly = self.switched && matches!(end, End::Closed { .. } | End::Disconnect);
        tokio::join!(wire.finish(end), see_off(&mut self.link, orderly));
    }
}

/// Closes the data channels one by one and then the rest, or the whole at once.
async fn see_off(link: &mut Link, orderly: bool) {
    if orderly {
        let _ = tokio::time::timeout(GOODBYE, close_lanes(link)).await;
    }
    let _ = tokio::time::timeout(GOODBYE, link.shut_down()).await;
}

/// Closes the data channels once the client has got everything, and waits for it to end the rest.
async fn close_lanes(link: &mut Link) {
    while !link.is_drained() {
        if matches!(link.next().await, Happening::Gone) {
            return;
        }
    }
    link.close_lanes();
    while !matches!(link.next().await, Happening::Gone) {}
}

/// What the others are told.
fn reason(end: &End) -> &str {
    match end {
        End::Closed { reason, .. } => reason,
        End::Disconnect => "TYPE-DISCONNECT",
        End::Redirect(_) => "REDIRECTED",
        End::Gone | End::Cut => "CONNECTION-LOST",
    }
}
