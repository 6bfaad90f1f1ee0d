//! Broadcasts over HLS and RTMP.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::recordings::{check_free, map, owner_facts, set};
use super::reply::{Outcome, conflict, ok, refuse};
use super::state::{Kind, Record, World};

/// How long a broadcast lasts when nothing was said, in seconds.
const MAX_DURATION: u64 = 14_400;

impl World<'_> {
    /// A broadcast as it is just after its start; `input` is the body of the call.
    pub(super) fn fresh_broadcast(&self, project: &str, session_id: &str, input: &Value) -> Record {
        let given = |name: &str| input.get(name).cloned();
        let or = |name: &str, default: Value| given(name).unwrap_or(default);
        let id = self.shared.ids.uuid();
        let mut facts = owner_facts(project);
        facts.extend(map(json!({
            "id": id, "sessionId": session_id, "createdAt": self.now, "updatedAt": self.now,
            "status": "started", "maxDuration": or("maxDuration", MAX_DURATION.into()),
            "resolution": or("resolution", "640x480".into()), "streamMode": or("streamMode", "auto".into()),
            "hasAudio": or("hasAudio", true.into()), "hasVideo": or("hasVideo", true.into()),
            "streams": [], "event": "broadcast",
        })));
        let kept = ["maxBitrate", "multiBroadcastTag"];
        facts.extend(kept.into_iter().filter_map(|name| Some((name.to_owned(), given(name)?))));
        let (mut urls, mut settings) = (json!({}), json!({}));
        if let Some(hls) = input.pointer("/outputs/hls") {
            let flag = |name: &str| hls.get(name).and_then(Value::as_bool).unwrap_or(false);
            set(&mut urls, "hls", format!("https://broadcasts.emulator.invalid/{id}/playlist.m3u8"));
            set(&mut urls, "hlsStatus", "connecting");
            set(&mut settings, "hls", json!({ "lowLatency": flag("lowLatency"), "dvr": flag("dvr") }));
        }
        let rtmp = match input.pointer("/outputs/rtmp") {
            Some(Value::Array(targets)) => targets.clone(),
            // A single one is also allowed.
            Some(target @ Value::Object(_)) => vec![target.clone()],
            _ => Vec::new(),
        };
        if !rtmp.is_empty() {
            let told = |target: &Value| {
                let mut target = target.clone();
                if target.get("id").is_none() {
                    set(&mut target, "id", self.shared.ids.uuid());
                }
                set(&mut target, "status", "connecting");
                target
            };
            set(
                &mut urls,
                "rtmp",
                rtmp.iter().filter(|target| target.is_object()).map(told).collect::<Vec<_>>(),
            );
        }
        facts.insert("broadcastUrls".into(), urls);
        facts.insert("settings".into(), settings);
        let tag = given("multiBroadcastTag").and_then(|tag| tag.as_str().map(str::to_owned));
        Record { project: project.to_owned(), tag, layout: given("layout"), facts, ..Record::default() }
    }

    /// After the start the outputs come up.
    fn go_live(&mut self, id: &str) {
        let Some(record) = self.state.broadcasts.iter().rev().find(|record| record.id() == id) else {
            return;
        };
        let mut urls = record.facts.get("broadcastUrls").cloned().unwrap_or_default();
        if urls.get("hls").is_some() {
            set(&mut urls, "hlsStatus", "live");
        }
        for target in urls.get_mut("rtmp").and_then(Value::as_array_mut).into_iter().flatten() {
            set(target, "status", "live");
        }
        self.change(Kind::Broadcast, id, json!({ "broadcastUrls": urls }));
    }
}

pub(super) fn start_broadcast(call: &mut Call<'_, '_>) -> Outcome {
    let session = check_free(call, Kind::Broadcast, "multiBroadcastTag")?;
    if call.world.state.session(&call.project, &session)?.connections.is_empty() {
        return Err(refuse(StatusCode::NOT_FOUND, "no client is connected to the session"));
    }
    let record = call.world.fresh_broadcast(&call.project, &session, &call.body);
    let (id, told) = (record.id().to_owned(), record.told());
    call.world.begin(Kind::Broadcast, record);
    call.world.go_live(&id);
    ok(told)
}

pub(super) fn stop_broadcast(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::Broadcast)?;
    if !record.is_active() {
        return Err(conflict("the broadcast is not going on: it has stopped"));
    }
    let id = record.id().to_owned();
    call.world.stop(Kind::Broadcast, &id, "user initiated");
    ok(call.record(Kind::Broadcast)?.told())
}
