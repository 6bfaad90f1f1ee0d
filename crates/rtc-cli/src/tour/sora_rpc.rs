//! Connect over real data channels, call, see others come, be told what is not permitted, and how a connection ends.

use rtc_core::ErrorKind;
use serde_json::json;
use sora_rpc::http::{DisconnectConnection, HttpClient};
use sora_rpc::signaling::{End, EndClass, Notice};
use sora_rpc::webhook::AuthReply;
use sora_rpc::{
    Client, Connection, ConnectionEvent, ConnectionEvents, PutSignalingNotifyMetadata, RequestSimulcastRid,
    ResetSpotlightRid, Rid, SoraError,
};

use super::{Failed, Stage};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let (connection, mut events) = enter(stage).await?;
    let methods = connection.rpc().rpc_methods().len();
    stage.tell("connect over real data channels", format!("{methods} methods permitted"))?;
    speak(stage, &connection.rpc()).await?;
    refuse(stage, &connection.rpc()).await?;
    others(stage, &mut events).await?;
    let reply = AuthReply::allow().audio_bit_rate(5).simulcast_request_rid("r9");
    let refused = reply.to_json().err().ok_or("it was written")?;
    let count = refused.violations().map_or(0, |violations| violations.iter().count());
    stage.require(count == 3, "all of the reply is looked at")?;
    stage.tell("refuse a faulty reply to the auth webhook", format!("{count} violations at once"))?;
    end(stage, connection, events).await
}

async fn enter(stage: &Stage<'_>) -> Result<(Connection, ConnectionEvents), Failed> {
    let sora = stage.emulator.sora();
    Ok(Connection::builder([sora.signaling_url()], sora.channel_id()).connect().await?)
}

async fn speak(stage: &mut Stage<'_>, rpc: &Client) -> Result<(), Failed> {
    let asked = rpc.request_simulcast_rid(RequestSimulcastRid::new(Rid::R1)).await?;
    stage.require(asked.rid == Rid::R1, "the server switched to r1")?;
    stage.tell("ask for a smaller encoding", format!("now {}", asked.rid))?;

    let calls = (0..200).map(|_| rpc.reset_spotlight_rid(ResetSpotlightRid::new()).into_future());
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        call.await??;
    }
    stage.require(rpc.pending() == 0, "nothing is pending")?;
    stage.tell("two hundred calls at once", "each with its own answer")
}

async fn refuse(stage: &mut Stage<'_>, rpc: &Client) -> Result<(), Failed> {
    let error =
        rpc.call("RequestSimulcastRid", json!({ "rid": "r0" })).await.err().ok_or("it was permitted")?;
    stage.require(error.kind() == ErrorKind::PermissionDenied && !error.was_sent(), "it is not sent")?;
    stage.tell("refuse a method that is not permitted", "with a hint of the right name")?;

    let error =
        rpc.request_simulcast_rid(RequestSimulcastRid::new("r9")).await.err().ok_or("r9 was accepted")?;
    stage
        .require(error.kind() == ErrorKind::InvalidInput && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", "1 violation")
}

/// Somebody else comes, shares metadata, and takes leave.
async fn others(stage: &mut Stage<'_>, events: &mut ConnectionEvents) -> Result<(), Failed> {
    let (other, _) = enter(stage).await?;
    let id = other.offer().connection_id.clone();
    let of_other = |notice: Option<&str>| notice.is_some() && notice == id.as_deref();
    until(events, |event| match event {
        ConnectionEvent::Notify(notify) => match &notify.content {
            Notice::ConnectionCreated(notice) => of_other(notice.connection_id.as_deref()).then_some(()),
            _ => None,
        },
        _ => None,
    })
    .await?;
    stage.tell("see a second member come", "connection.created")?;

    let shared = PutSignalingNotifyMetadata::new(json!({ "name": "Ada" })).push(true);
    other.rpc().put_signaling_notify_metadata(shared).await?;
    until(events, |event| matches!(event, ConnectionEvent::Push(_)).then_some(())).await?;
    stage.tell("be told what it shares", "push")?;

    other.disconnect().await?;
    stage.tell("take leave of the server", "and it of us")
}

/// The server ends the connection: by its HTTP API, as a moderator would.
async fn end(
    stage: &mut Stage<'_>,
    connection: Connection,
    mut events: ConnectionEvents,
) -> Result<(), Failed> {
    let sora = stage.emulator.sora();
    let id = connection.offer().connection_id.clone().ok_or("the connection has no id")?;
    let api = HttpClient::new(sora.api_url())?;
    api.disconnect_connection(DisconnectConnection::new(sora.channel_id(), id)).await?;
    let End { class, reason, .. } = until(&mut events, |event| match event {
        ConnectionEvent::Ended(end) => Some(end),
        _ => None,
    })
    .await?;
    stage.require(class == EndClass::ServerClose, "it was the server's end")?;
    stage.tell("send somebody out over the HTTP API", reason)?;

    let error =
        connection.rpc().reset_spotlight_rid(ResetSpotlightRid::new()).await.err().ok_or("it was sent")?;
    stage.require(matches!(error.service(), Some(SoraError::Disconnected)), "the connection has ended")?;
    stage.tell("end every call when the connection ends", &error)
}

/// The first event that fits.
async fn until<T>(
    events: &mut ConnectionEvents,
    fits: impl Fn(ConnectionEvent) -> Option<T>,
) -> Result<T, Failed> {
    while let Some(event) = events.next().await {
        if let Some(found) = fits(event) {
            return Ok(found);
        }
    }
    Err("the connection ended before it was told".into())
}
