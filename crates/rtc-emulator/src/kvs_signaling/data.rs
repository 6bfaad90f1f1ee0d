//! The data plane and the storage sessions.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::frame::{Kind, storage_offer};
use super::refusal::Refusal;
use super::relay::Party;
use super::state::World;
use super::{Answer, Call};
use crate::credentials::KVS_REGION;

/// How many TURN servers a channel is told.
const TURN_SERVERS: usize = 2;

pub(super) fn ice_servers(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ChannelARN")?;
    call.world.active(&arn)?.ice_answers += 1;
    let servers: Vec<_> = (0..TURN_SERVERS).map(|_| turn_server(call.world)).collect();
    Ok(json!({ "IceServerList": servers }))
}

/// A TURN server; its user name is wider than the documented pattern, as the real ones are.
fn turn_server(world: &World<'_>) -> Value {
    let (ids, quirks) = (&world.shared.ids, &world.state.quirks);
    let host = format!("127-0-0-1.t-{}.kinesisvideo.{KVS_REGION}.amazonaws.com:443", ids.hex(8));
    let expiry = (world.now / 1000).saturating_add(quirks.turn_ttl_seconds);
    json!({
        "Uris": [
            format!("turn:{host}?transport=udp"),
            format!("turns:{host}?transport=udp"),
            format!("turns:{host}?transport=tcp"),
        ],
        "Username": format!("{expiry}:{}==", ids.alnum(42)),
        "Password": format!("{}=", ids.alnum(43)),
        "Ttl": quirks.seconds(quirks.turn_ttl_seconds),
    })
}

/// Has the storage session send its offer to the master, or to the viewer that is named. What it sent before and
/// nobody took is overwritten: the latest call wins.
pub(super) fn join_storage(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("channelArn")?;
    let viewer = call.text("clientId").to_owned();
    let channel = call.world.active(&arn)?;
    if !channel.ingestion {
        return Err(Refusal::invalid("The channel is not configured for media storage."));
    }
    channel.storage_joins += 1;
    let to = if viewer.is_empty() { Party::Master } else { Party::Viewer(viewer) };
    let offer = storage_offer(&call.world.shared.ids.digits(16));
    call.world.pass_on(&arn, Party::Storage, to, Kind::SdpOffer, offer);
    // The answer has no body.
    Ok(Value::Null)
}

/// An Alexa offer that the master was sent, or waits for it.
pub(super) struct Asked {
    pub(super) answer: oneshot::Receiver<String>,
    pub(super) ttl_seconds: u64,
}

/// Sends the offer of an Alexa device to the master.
pub(super) fn alexa(call: &mut Call<'_, '_>) -> Result<Asked, Refusal> {
    let arn = call.rated("ChannelARN")?;
    let (sender, payload) = (call.text("SenderClientId").to_owned(), call.text("MessagePayload").to_owned());
    let ttl_seconds = call.world.active(&arn)?.message_ttl_seconds;
    if call.world.connection(&arn, &Party::Master).is_none() && !call.world.state.quirks.alexa_waits {
        return Err(Refusal::missing("No master is connected to the channel."));
    }
    let (answered, answer) = oneshot::channel();
    // Who asked before under this id is told that nobody answers.
    call.world.state.alexa.insert((arn.clone(), sender.clone()), answered);
    call.world.pass_on(&arn, Party::Alexa(sender), Party::Master, Kind::SdpOffer, payload);
    Ok(Asked { answer, ttl_seconds })
}

/// What an Alexa device is told when its offer expired.
pub(super) fn unanswered(seconds: u64) -> Refusal {
    Refusal::missing(format!("The master did not answer within the {seconds} seconds that a message lives."))
}
