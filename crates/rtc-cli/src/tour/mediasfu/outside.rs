//! Who takes part from outside: a telephone, a camera, and a program with a key of its own.

use mediasfu::{
    CheckSession, Client, CreateExternalSession, Credentials, DeleteExternalSession, DeleteMediaResource,
    DeleteRoom, EndSipCall, ExternalRole, GetExternalSession, GetSipCallState, HoldSipCall, Ingest,
    KeyAction, ListSipCalls, ManageDisposableKey, PublishWhip, Room, ServerKind, StartSipCall, TrackKind,
};
use rtc_core::ErrorKind;
use serde_json::json;

use super::super::{Failed, Stage};

/// What a camera offers to send.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 125\r\n";

pub(super) async fn play(stage: &mut Stage<'_>, client: &Client, room: &Room) -> Result<(), Failed> {
    telephone(stage, client, room).await?;
    camera(stage, client, room).await?;
    program(stage, client, room).await
}

async fn telephone(stage: &mut Stage<'_>, client: &Client, room: &Room) -> Result<(), Failed> {
    let call = StartSipCall::new("+15551234567", "+15557654321", &room.room_name, "hostUser");
    client.start_sip_call(call.call_purpose("Is dinner ready?")).await?;
    let calls = client.list_sip_calls(ListSipCalls::new().room_name(&room.room_name)).await?.calls;
    let id = calls.into_iter().next().and_then(|call| call.sip_call_id).ok_or("nobody is called")?;
    client.hold_sip_call(HoldSipCall::new(&id).with_message("One moment").pause_recording(true)).await?;
    client.end_sip_call(EndSipCall::new(&id).reason("Dinner is ready")).await?;
    let call = client.get_sip_call_state(GetSipCallState::new(id)).await?;
    let status = call.status.as_ref().map_or("unknown", |status| status.as_str());
    stage.require(status == "ended", "nobody talks any more")?;
    stage.tell("telephone, put on hold, hang up", format!("the call has {status}"))
}

async fn camera(stage: &mut Stage<'_>, client: &Client, room: &Room) -> Result<(), Failed> {
    let ingest = Ingest::new([TrackKind::Audio, TrackKind::Video]);
    let source = CreateExternalSession::new(&room.room_name, "camera1", ExternalRole::Participant, ingest);
    let source = client.create_external_session(source).await?;
    let (url, token) = (&source.ingest.url, &source.ingest.token);
    let media = client.publish_whip(PublishWhip::new(url, token.clone(), OFFER)).await?;
    let state = GetExternalSession::new(&room.room_name, &source.session_id);
    let state = client.get_external_session(state).await?;
    stage.require(state.active_kinds == ["video"], "what was offered is sent")?;
    client.delete_media_resource(DeleteMediaResource::new(media.resource_url, token.clone())).await?;
    client.delete_external_session(DeleteExternalSession::new(&room.room_name, source.session_id)).await?;
    stage.tell("take a camera in over WHIP, and out again", format!("it was {}", state.state))
}

async fn program(stage: &mut Stage<'_>, client: &Client, room: &Room) -> Result<(), Failed> {
    let limits = json!({ "name": "tour", "allowedOperations": ["createRoom"] });
    let made =
        client.manage_disposable_key(ManageDisposableKey::new(KeyAction::Create).members(limits)).await?;
    let key = made.pointer("/key").and_then(|key| key.as_str()).ok_or("there is no key in the answer")?;
    let credentials = Credentials::new(client.api_user_name(), key);
    let program =
        Client::builder(credentials).endpoint(client.endpoint()).server(ServerKind::Cloud).build()?;
    let allowed = program.check_session(CheckSession::new()).await?.allowed_operations;
    let error = program.delete_room(DeleteRoom::new(&room.room_name)).await;
    let error = error.err().ok_or("a key did what it must not")?;
    stage.require(error.kind() == ErrorKind::PermissionDenied, "the key may not delete")?;
    let told = format!("{} yes, deleteRoom no", allowed.join(", "));
    stage.tell("make a disposable key that can do one thing", told)
}
