//! Targets of the HTTP API that clients call by name: statistics, the spotlight and many requests at once.

use std::{sync::Arc, time::SystemTime};

use serde_json::{Map, Value, json};

use super::{
    http::{Answer, act, push, summary, with_member},
    hub::{Data, Event, Hub},
    members::{Channel, Member},
    notify::micros,
    webhook,
};

/// What was found in no table: some targets, each with the members that the documents name.
pub(super) fn call(hub: &Arc<Hub>, target: &str, body: &Map<String, Value>) -> Answer {
    let (_, name) = target.split_once('.').ok_or("UNKNOWN-TARGET")?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match target {
        "Sora_20201120.PushChannelByRole" => {
            require(body, &["channel_id", "role", "data"])?;
            push(hub, body)
        }
        "Sora_20170529.GetStatsConnection" => {
            let data = hub.lock();
            let found = all_stats(&data, hub.now());
            let fits = |stats: &&Value| {
                ["channel_id", "connection_id"]
                    .into_iter()
                    .all(|name| stats.get(name).and_then(Value::as_str) == text(name))
            };
            found.as_array().and_then(|all| all.iter().find(fits)).cloned().ok_or("CONNECTION-NOT-FOUND")
        }
        "Sora_20170529.GetStatsClient" => {
            let fits = |stats: &&Value| {
                ["channel_id", "client_id"]
                    .into_iter()
                    .all(|name| stats.get(name).and_then(Value::as_str) == text(name))
            };
            let all = all_stats(&hub.lock(), hub.now());
            Ok(all.as_array().into_iter().flatten().filter(fits).cloned().collect())
        }
        "Sora_20211215.ListRtcStats" | "Sora_20211215.ListChannelRtcStats" => {
            Ok(reported(&hub.lock(), text("channel_id")))
        }
        "Sora_20211215.GetRtcStats" => with_member(hub, body, |member| Ok(member.reported.clone())),
        "Sora_20211215.BatchRequestSpotlightRid" => batch(hub, body),
        "Sora_20200807.FocusSpotlightFixed"
        | "Sora_20200807.FocusSpotlight"
        | "Sora_20200807.UnfocusSpotlight" => focus(hub, name, body),
        "Sora_20200807.ChangeSpotlightNumber" => change_number(hub, body),
        _ => Err("UNKNOWN-TARGET"),
    }
}

fn require(body: &Map<String, Value>, names: &[&str]) -> Result<(), &'static str> {
    if names.iter().all(|name| body.contains_key(*name)) { Ok(()) } else { Err("INVALID-PARAMETER") }
}

/// The counters of every connection; what the media would count is not there.
pub(super) fn all_stats(data: &Data, now: SystemTime) -> Value {
    let of = |(channel_id, channel): (&String, &Channel)| -> Vec<Value> {
        channel.up().map(|(id, member)| stats(channel_id, channel, id, member, now)).collect()
    };
    data.channels.iter().flat_map(of).collect()
}

fn stats(channel_id: &str, channel: &Channel, id: &str, member: &Member, now: SystemTime) -> Value {
    let mut stats = summary(channel_id, channel, id, member, now);
    if let (Value::Object(stats), Ok(Value::Object(counters))) =
        (&mut stats, serde_json::to_value(&member.counters))
    {
        stats.insert("timestamp".into(), micros(now).into());
        stats.extend(counters);
    }
    stats
}

/// What the clients themselves reported.
fn reported(data: &Data, channel_id: Option<&str>) -> Value {
    let wanted = data.channels.iter().filter(|(id, _)| channel_id.is_none_or(|wanted| wanted == *id));
    let of = |(channel_id, channel): (&String, &Channel)| -> Vec<Value> {
        let of = |(id, member): (&String, &Member)| json!({ "channel_id": channel_id, "connection_id": id, "rtc_stats": member.reported });
        channel.up().map(of).collect()
    };
    wanted.flat_map(of).collect()
}

/// All or what is left of them: a request that fails is told in its place.
fn batch(hub: &Hub, body: &Map<String, Value>) -> Answer {
    let items = body.get("item_list").and_then(Value::as_array).ok_or("INVALID-PARAMETER")?;
    let one = |item: &Value| {
        let mut params = item.as_object().cloned().unwrap_or_default();
        if let Some(channel_id) = body.get("channel_id") {
            params.entry("channel_id").or_insert_with(|| channel_id.clone());
        }
        act(hub, "request_spotlight_rid", "recv_connection_id", &params)
            .unwrap_or_else(|kind| json!({ "error_type": kind }))
    };
    Ok(items.iter().map(one).collect())
}

/// Puts a connection into the focus of the spotlight, or out of it, and tells everybody.
fn focus(hub: &Hub, name: &str, body: &Map<String, Value>) -> Answer {
    let event = if name == "UnfocusSpotlight" { "spotlight.unfocused" } else { "spotlight.focused" };
    let told = with_member(hub, body, |member| {
        Ok(json!({
            "type": "notify", "event_type": event, "timestamp": micros(hub.now()),
            "client_id": member.profile.client_id, "connection_id": body.get("connection_id"),
            "audio": member.profile.audio, "video": member.profile.video, "fixed": name == "FocusSpotlightFixed",
        }))
    })?;
    let channel_id = body.get("channel_id").and_then(Value::as_str).unwrap_or_default();
    let mut data = hub.lock();
    if let Some(channel) = data.channels.get_mut(channel_id) {
        channel.tell(&Event::Notify(told.clone()));
    }
    if let (Some(channel), Value::Object(mut more)) = (data.channels.get(channel_id), told) {
        for known in ["type", "event_type", "timestamp"] {
            more.remove(known);
        }
        hub.post(webhook::of_channel(hub, &data, event, (channel_id, channel), &more));
    }
    Ok(Value::Object(body.clone()))
}

fn change_number(hub: &Hub, body: &Map<String, Value>) -> Answer {
    let number =
        body.get("spotlight_number").and_then(Value::as_u64).filter(|number| (1..=8).contains(number));
    let channel_id = body.get("channel_id").and_then(Value::as_str).unwrap_or_default();
    let mut data = hub.lock();
    let channel = data.channels.get_mut(channel_id).ok_or("CHANNEL-NOT-FOUND")?;
    channel.session.spotlight_number = Some(number.ok_or("INVALID-PARAMETER")?);
    Ok(Value::Object(body.clone()))
}
