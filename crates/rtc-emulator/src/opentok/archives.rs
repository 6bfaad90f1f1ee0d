//! Archives: from the first stream to the last byte.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::recordings::{check_free, map, owner_facts, set};
use super::reply::{Outcome, Reply, bad, conflict, done, ok};
use super::state::{Kind, Record, World};
use crate::bounds::{PAST, latest};

/// What an archive weighs for each second, so that sizes look like sizes.
const BYTES_PER_SECOND: u64 = 62_500;

impl World<'_> {
    /// An archive as it is just after its start; `input` is the body of the call.
    pub(super) fn fresh_archive(&self, project: &str, session_id: &str, input: &Value) -> Record {
        let given = |name: &str| input.get(name).cloned();
        let or = |name: &str, default: Value| given(name).unwrap_or(default);
        let mut facts = owner_facts(project);
        facts.extend(map(json!({
            "id": self.shared.ids.uuid(), "sessionId": session_id, "name": or("name", "".into()),
            "createdAt": self.now, "updatedAt": self.now, "duration": 0, "size": 0, "status": "started",
            "reason": "", "event": "archive", "hasAudio": or("hasAudio", true.into()),
            "hasVideo": or("hasVideo", true.into()), "outputMode": or("outputMode", "composed".into()),
            "streamMode": or("streamMode", "auto".into()), "streams": [], "url": null, "password": "",
            "sha256sum": "", "certificate": "",
        })));
        if given("outputMode") != Some("individual".into()) {
            facts.insert("resolution".into(), or("resolution", "640x480".into()));
        }
        let kept = ["maxBitrate", "quantizationParameter", "hasTranscription"];
        facts.extend(kept.into_iter().filter_map(|name| Some((name.to_owned(), given(name)?))));
        if given("hasTranscription") == Some(true.into()) {
            let mut transcription = map(json!({ "status": "requested", "url": null, "reason": "" }));
            transcription.extend(map(or("transcriptionProperties", json!({}))));
            facts.insert("transcription".into(), transcription.into());
        }
        let tag = given("multiArchiveTag").and_then(|tag| tag.as_str().map(str::to_owned));
        Record { project: project.to_owned(), tag, layout: given("layout"), facts, ..Record::default() }
    }

    pub(super) fn stop_archive(&mut self, id: &str, reason: &str) {
        let Some(record) = self.state.archives.iter().rev().find(|record| record.id() == id) else { return };
        let seconds = self.now.saturating_sub(record.number("createdAt")) / 1000;
        let storage = self.state.projects.get(&record.project).is_some_and(|p| p.storage.is_some());
        let mut end = json!({ "status": if storage { "uploaded" } else { "available" } });
        if let Some(transcription) = record.facts.get("transcription") {
            let mut transcription = transcription.clone();
            set(&mut transcription, "status", "available");
            set(&mut end, "transcription", transcription);
        }
        let size = seconds.saturating_mul(BYTES_PER_SECOND);
        self.change(
            Kind::Archive,
            id,
            json!({ "status": "stopped", "reason": reason, "duration": seconds, "size": size }),
        );
        // The real service takes its time for this; here whoever waits for it need not.
        self.change(Kind::Archive, id, end);
    }

    /// A stream came: a paused archive goes on, and the automatic one begins with the first.
    pub(super) fn archives_hear_of_a_stream(&mut self, session_id: &str) {
        let of_it = |r: &&Record| r.text("sessionId") == session_id && r.text("status") == "paused";
        let paused: Vec<String> =
            self.state.archives.iter().filter(of_it).map(|record| record.id().to_owned()).collect();
        for id in paused {
            self.change(Kind::Archive, &id, json!({ "status": "started" }));
        }
        let Some(session) = self.state.sessions.get_mut(session_id) else { return };
        if session.option("archiveMode") != Some("always") || session.auto_archived {
            return;
        }
        session.auto_archived = true;
        let mut input = json!({});
        for (option, member) in [("archiveName", "name"), ("archiveResolution", "resolution")] {
            if let Some(value) = session.option(option) {
                set(&mut input, member, value);
            }
        }
        let project = session.project.clone();
        let record = self.fresh_archive(&project, session_id, &input);
        self.begin(Kind::Archive, record);
    }

    /// Takes a new record in and tells who wants to hear.
    pub(super) fn begin(&mut self, kind: Kind, record: Record) {
        self.record_event(kind, &record);
        let records = self.state.records_mut(kind);
        records.push(record);
        // Archives can be deleted; the others stay when they are over.
        if kind != Kind::Archive {
            latest(records, PAST);
        }
    }
}

pub(super) fn start_archive(call: &mut Call<'_, '_>) -> Outcome {
    let session = check_free(call, Kind::Archive, "multiArchiveTag")?;
    if call.world.state.session(&call.project, &session)?.connections.is_empty() {
        return Err(bad("no client is connected to the session"));
    }
    let record = call.world.fresh_archive(&call.project, &session, &call.body);
    let mut told = record.told();
    // Only told here: neither get nor list knows it.
    if let Some(tag) = &record.tag {
        set(&mut told, "multiArchiveTag", tag.as_str());
    }
    call.world.begin(Kind::Archive, record);
    ok(told)
}

pub(super) fn stop_archive(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::Archive)?;
    if !record.is_active() {
        return Err(conflict(format!("the archive is not being recorded: it is {}", record.text("status"))));
    }
    let id = record.id().to_owned();
    call.world.stop_archive(&id, "user initiated");
    // The answer is what it was for a moment.
    let mut told = call.record(Kind::Archive)?.told();
    set(&mut told, "status", "stopped");
    set(&mut told, "url", Value::Null);
    ok(told)
}

pub(super) fn delete_archive(call: &mut Call<'_, '_>) -> Outcome {
    let record = call.record(Kind::Archive)?;
    let id = record.id().to_owned();
    match record.text("status") {
        "available" | "uploaded" => call.world.change(Kind::Archive, &id, json!({ "status": "deleted" })),
        "deleted" => {}
        status => return Err(conflict(format!("an archive that is {status} cannot be deleted"))),
    }
    done()
}

pub(super) fn set_archive_storage(call: &mut Call<'_, '_>) -> Outcome {
    let storage = call.body.clone();
    if let Some(project) = call.world.state.projects.get_mut(&call.project) {
        project.storage = Some(storage.clone());
    }
    Ok(Reply::Json(StatusCode::OK, storage))
}

pub(super) fn delete_archive_storage(call: &mut Call<'_, '_>) -> Outcome {
    if let Some(project) = call.world.state.projects.get_mut(&call.project) {
        project.storage = None;
    }
    done()
}
