//! Ask for an encoding, share metadata, be told what is not permitted, survive a lost connection.

use rtc_core::ErrorKind;
use serde_json::json;
use sora_rpc::{Client, ClientOptions, PutSignalingNotifyMetadata, RequestSimulcastRid, Rid, SoraError};

use super::{Failed, Stage};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let url = stage.emulator.sora().rpc_url();
    let client = Client::connect_websocket(&url, ClientOptions::new()).await?;
    stage.tell("open the rpc channel", format!("{} methods permitted", client.rpc_methods().len()))?;

    let asked = client.request_simulcast_rid(RequestSimulcastRid::new(Rid::R1)).await?;
    stage.require(asked.rid == Rid::R1, "the server switched to r1")?;
    stage.tell("ask for a smaller encoding", format!("now {}", asked.rid))?;

    client
        .put_signaling_notify_metadata(PutSignalingNotifyMetadata::new(json!({ "name": "Ada" })).push(true))
        .await?;
    stage.tell("share metadata with the channel", "pushed")?;

    let calls =
        (0..200).map(|_| client.reset_spotlight_rid(sora_rpc::ResetSpotlightRid::new()).into_future());
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        call.await??;
    }
    stage.require(client.pending() == 0, "nothing is pending")?;
    stage.tell("two hundred calls at once", "each with its own answer")?;

    let error =
        client.call("RequestSimulcastRid", json!({ "rid": "r0" })).await.err().ok_or("it was permitted")?;
    stage.require(error.kind() == ErrorKind::PermissionDenied && !error.was_sent(), "it is not sent")?;
    stage.tell("refuse a method that is not permitted", "with a hint of the right name")?;

    let error =
        client.request_simulcast_rid(RequestSimulcastRid::new("r9")).await.err().ok_or("r9 was accepted")?;
    stage
        .require(error.kind() == ErrorKind::InvalidInput && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", "1 violation")?;

    client.disconnect();
    let error =
        client.reset_spotlight_rid(sora_rpc::ResetSpotlightRid::new()).await.err().ok_or("it was sent")?;
    stage.require(matches!(error.service(), Some(SoraError::Disconnected)), "the connection has ended")?;
    stage.tell("end every call when the connection ends", &error)
}
