//! What archives and broadcasts have in common, and the lists of all records.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Call;
use super::reply::{Outcome, Refusal, bad, conflict, done, missing, ok, refuse};
use super::state::{Kind, Record, World};

/// How long the clients of a session may be away before what records it stops or, without a stream, pauses.
const IDLE_MS: u64 = 60_000;
/// How long an archive lasts at most. Older documents say two hours.
const LONGEST_ARCHIVE_MS: u64 = 4 * 3_600_000;
/// How long the service keeps an archive for which no storage was set.
const KEPT_MS: u64 = 72 * 3_600_000;

/// The identifiers of the project in an archive or a broadcast: numbers, or the application's id.
pub(super) fn owner_facts(project: &str) -> Map<String, Value> {
    let facts = match project.parse::<u64>() {
        Ok(number) => json!({ "projectId": number, "partnerId": number }),
        Err(_) => json!({ "applicationId": project }),
    };
    map(facts)
}

/// The same in everything else: a text.
pub(super) fn owner_text(project: &str) -> Map<String, Value> {
    let member = if project.parse::<u64>().is_ok() { "projectId" } else { "applicationId" };
    Map::from_iter([(member.to_owned(), project.into())])
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// Sets a member of an object; what is no object stays as it is.
pub(super) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}

impl World<'_> {
    /// Changes what is told of a record, and tells who wants to hear.
    pub(super) fn change(&mut self, kind: Kind, id: &str, changes: Value) {
        let now = self.now;
        let Some(record) = self.state.records_mut(kind).iter_mut().rev().find(|record| record.id() == id)
        else {
            return;
        };
        record.facts.extend(map(changes));
        record.facts.insert("updatedAt".into(), now.into());
        settle_urls(kind, record);
        let record = record.clone();
        self.record_event(kind, &record);
    }

    /// Does what time has done since the last call: archives that nobody stopped, renders that ran out.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        let next = |world: &Self| {
            let all = Kind::LIVING.into_iter().flat_map(|kind| {
                world.state.records(kind).iter().filter_map(move |record| {
                    let (at, step) = world.due(kind, record)?;
                    (at <= now).then_some((at, kind, record, step))
                })
            });
            let (at, kind, record, step) = all.min_by_key(|(at, ..)| *at)?;
            Some((at, kind, record.id().to_owned(), step))
        };
        while let Some((at, kind, id, step)) = next(self) {
            // It happened when it was due, not when somebody looked.
            self.now = at;
            match step {
                Step::Pause => self.change(kind, &id, json!({ "status": "paused" })),
                Step::Expire => self.change(kind, &id, json!({ "status": "expired" })),
                Step::Stop(reason) => self.stop(kind, &id, reason),
            }
        }
        self.now = now;
    }

    /// What will become of a record by itself, and when.
    fn due(&self, kind: Kind, record: &Record) -> Option<(u64, Step)> {
        let created = record.number("createdAt");
        if !record.is_active() {
            let kept = kind == Kind::Archive && record.text("status") == "available";
            return kept.then(|| (record.number("updatedAt").saturating_add(KEPT_MS), Step::Expire));
        }
        let longest = match (kind, record.number("maxDuration")) {
            (Kind::Archive, _) => LONGEST_ARCHIVE_MS,
            (_, 0) => u64::MAX,
            (_, seconds) => seconds.saturating_mul(1000),
        };
        let end = (created.saturating_add(longest), Step::Stop("maximum duration exceeded"));
        if !matches!(kind, Kind::Archive | Kind::Broadcast) {
            return Some(end);
        }
        let session = self.state.sessions.get(record.text("sessionId"));
        let idle = |since: Option<u64>| Some(since?.max(created).saturating_add(IDLE_MS));
        let empty = session.and_then(|s| idle(s.empty_since)).map(|at| (at, Step::Stop("session ended")));
        let pauses = kind == Kind::Archive && record.text("status") == "started";
        let silent =
            session.filter(|_| pauses).and_then(|s| idle(s.silent_since)).map(|at| (at, Step::Pause));
        // Of two at once the end: it is the first of the list.
        [Some(end), empty, silent].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Ends a record.
    pub(super) fn stop(&mut self, kind: Kind, id: &str, reason: &str) {
        match kind {
            Kind::Archive => self.stop_archive(id, reason),
            Kind::Render => self.stop_render(id, reason),
            _ => self.change(kind, id, json!({ "status": "stopped" })),
        }
    }
}

enum Step {
    Pause,
    Expire,
    Stop(&'static str),
}

/// Keeps the addresses of a record in step with its status.
pub(super) fn settle_urls(kind: Kind, record: &mut Record) {
    let (id, project) = (record.id().to_owned(), record.project.clone());
    let status = record.text("status").to_owned();
    match kind {
        Kind::Archive if status != "available" => {
            record.facts.insert("url".into(), Value::Null);
        }
        Kind::Archive if record.text("url").is_empty() => {
            let url = format!("https://archives.emulator.invalid/{project}/{id}/archive.mp4");
            record.facts.insert("url".into(), url.into());
        }
        Kind::Broadcast if status == "stopped" => {
            record.facts.insert("broadcastUrls".into(), Value::Null);
        }
        _ => {}
    }
}

/// What must hold before a session is archived or broadcast.
pub(super) fn check_free(call: &Call<'_, '_>, kind: Kind, tag: &str) -> Result<String, Refusal> {
    let id = call.text("sessionId");
    if call.world.state.session(&call.project, id)?.is_relayed() {
        return Err(conflict(format!("a relayed session has no {}", kind.name())));
    }
    let tag = call.body.get(tag).and_then(Value::as_str);
    let same = |r: &&Record| r.is_active() && r.text("sessionId") == id && r.tag.as_deref() == tag;
    if let Some(other) = call.world.state.records(kind).iter().find(same) {
        return Err(conflict(format!("the session has the {} {} already", kind.name(), other.id())));
    }
    Ok(id.to_owned())
}

/// One page of the records of a project, the newest first; `count` is that of all pages.
pub(super) fn list(call: &Call<'_, '_>, kind: Kind) -> Outcome {
    let number = |name: &str| call.exchange.query(name).and_then(|text| text.parse::<usize>().ok());
    let session = call.exchange.query("sessionId");
    let wanted = |record: &&Record| {
        record.project == call.project
            && record.text("status") != "deleted"
            // Of broadcasts only those on the air are listed.
            && (kind != Kind::Broadcast || record.is_active())
            && session.is_none_or(|session| record.text("sessionId") == session)
    };
    let all: Vec<&Record> = call.world.state.records(kind).iter().rev().filter(wanted).collect();
    let page = all.iter().skip(number("offset").unwrap_or(0)).take(number("count").unwrap_or(50));
    let items: Vec<Value> = page.map(|record| record.told()).collect();
    ok(json!({ "count": all.len(), "items": items }))
}

/// The record that the path names.
pub(super) fn get(call: &Call<'_, '_>, kind: Kind) -> Outcome {
    ok(call.record(kind)?.told())
}

pub(super) fn set_layout(call: &mut Call<'_, '_>, kind: Kind) -> Outcome {
    let layout = call.body.clone();
    let record = call.record_mut(kind)?;
    if !record.is_active() || record.text("outputMode") == "individual" {
        return Err(bad(format!("only a composed {} that goes on has a layout", kind.name())));
    }
    record.layout = Some(layout);
    ok(record.told())
}

/// Both ways to change the streams of a recording in manual mode; the body tells which.
pub(super) fn change_streams(call: &mut Call<'_, '_>, kind: Kind) -> Outcome {
    let (adds, removes) = (call.text("addStream").to_owned(), call.text("removeStream").to_owned());
    let flag = |name: &str| call.body.get(name).and_then(Value::as_bool).unwrap_or(true);
    let entry = json!({ "streamId": adds, "hasAudio": flag("hasAudio"), "hasVideo": flag("hasVideo") });
    let record = call.record(kind)?;
    if record.text("streamMode") != "manual" {
        let message = format!("the {} takes its streams by itself: its stream mode is auto", kind.name());
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    if !record.is_active() {
        return Err(bad(format!("the {} is over", kind.name())));
    }
    let session = call.world.state.session(&call.project, record.text("sessionId"))?;
    if !adds.is_empty() && !session.streams.iter().any(|stream| stream.id == adds) {
        return Err(missing("stream", &adds));
    }
    let streams = call.record_mut(kind)?.facts.entry("streams").or_insert_with(|| json!([]));
    let Value::Array(streams) = streams else { return Err(bad("the seeded streams are no list")) };
    let id = if adds.is_empty() { &removes } else { &adds };
    let before = streams.len();
    streams.retain(|known| known.get("streamId").and_then(Value::as_str) != Some(id));
    if adds.is_empty() && streams.len() == before {
        return Err(missing("stream", &removes));
    }
    if !adds.is_empty() {
        streams.push(entry);
    }
    done()
}
