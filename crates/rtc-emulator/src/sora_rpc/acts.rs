//! What RPC methods and their twins of the HTTP API do alike: to one connection of a channel.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::{
    hub::Event,
    members::{Channel, EVERYBODY, Member},
    notify,
};

/// Why not.
pub(super) struct Wrong(pub(super) &'static str);

/// Does it and gives the result. What members are told of it waits in their inboxes.
pub(super) fn act(
    operation: &str,
    (channel_id, channel): (&str, &mut Channel),
    id: &str,
    params: &Map<String, Value>,
    now: SystemTime,
) -> Result<Value, Wrong> {
    let member = channel.members.get_mut(id).ok_or(Wrong("there is no such connection"))?;
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    match operation {
        "request_simulcast_rid" => {
            request_simulcast(member, text("sender_connection_id"), text("rid").unwrap_or_default(), now);
            Ok(echo(params, json!({ "channel_id": channel_id, "receiver_connection_id": id })))
        }
        "request_spotlight_rid" => {
            let rids =
                ["spotlight_focus_rid", "spotlight_unfocus_rid"].map(|name| text(name).unwrap_or_default());
            let sender = text("send_connection_id").unwrap_or(EVERYBODY);
            member.spotlight.insert(sender.to_owned(), rids.map(str::to_owned));
            Ok(echo(params, json!({ "channel_id": channel_id, "recv_connection_id": id })))
        }
        "reset_spotlight_rid" => {
            match text("send_connection_id") {
                Some(sender) => drop(member.spotlight.remove(sender)),
                None => member.spotlight.clear(),
            }
            Ok(json!({ "channel_id": channel_id, "recv_connection_id": id }))
        }
        "put_signaling_notify_metadata" => {
            member.profile.metadata = params.get("metadata").cloned().unwrap_or_default();
            Ok(tell(channel, id, "PutSignalingNotifyMetadata", params))
        }
        "put_signaling_notify_metadata_item" => {
            let key = text("key").unwrap_or_default().to_owned();
            let value = params.get("value").cloned().unwrap_or_default();
            match &mut member.profile.metadata {
                Value::Object(metadata) => drop(metadata.insert(key, value)),
                metadata => *metadata = json!({ key: value }),
            }
            Ok(tell(channel, id, "PutSignalingNotifyMetadataItem", params))
        }
        _ => Err(Wrong("this is nothing that can be done")),
    }
}

/// Whoever asks for another encoding than the present one is told of the switch.
// There are no media here: every sender sends all encodings.
fn request_simulcast(member: &mut Member, sender: Option<&str>, rid: &str, now: SystemTime) {
    let known = member.rids.get(sender.unwrap_or(EVERYBODY)).or_else(|| member.rids.get(EVERYBODY));
    let before = known.unwrap_or(&member.profile.simulcast_request_rid).clone();
    if sender.is_none() {
        // For everybody: what was said of one of them is over.
        member.rids.clear();
    }
    member.rids.insert(sender.unwrap_or(EVERYBODY).to_owned(), rid.to_owned());
    if before != rid {
        let told = notify::switched(sender, member, &before, rid, now);
        member.tell(Event::Notify(told));
    }
}

/// The parameters that were asked with; the ids that the server adds stay as they are.
fn echo(params: &Map<String, Value>, mut result: Value) -> Value {
    if let Value::Object(members) = &mut result {
        for (name, value) in params {
            members.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    result
}

/// Pushes the metadata to the channel where that was asked for, and gives it. The shape of the push is assumed.
fn tell(channel: &mut Channel, id: &str, action: &str, params: &Map<String, Value>) -> Value {
    let metadata = channel.members.get(id).map(|member| member.profile.metadata.clone()).unwrap_or_default();
    if params.get("push") == Some(&Value::Bool(true)) {
        let data = json!({ "action": action, "connection_id": id, "metadata": metadata });
        channel.tell(&Event::Push(notify::push(&data)));
    }
    metadata
}
