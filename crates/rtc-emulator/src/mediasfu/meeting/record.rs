//! Recording, which only the cloud does.

use serde_json::{Value, json};

use super::command::{may, meeting};
use super::event::broken;
use super::room::{HOST, Meeting};
use super::send::{Notice, Turn};
use super::{Call, Data};

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Idle,
    Running,
    Paused,
    Stopped,
}

impl Progress {
    /// As `recordState` and `RecordingNotice` name it.
    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "started",
            Self::Paused => "pause",
            Self::Stopped => "stop",
        }
    }
}

#[derive(Default)]
pub(super) struct Recording {
    progress: Progress,
    pauses: u64,
    /// What the host asked for.
    params: Value,
    /// Milliseconds until it was paused or stopped last.
    done: u64,
    /// Since when it runs, in milliseconds since 1970.
    since: u64,
}

impl Recording {
    fn done(&self, now: u64) -> u64 {
        let running = self.progress == Progress::Running;
        self.done + if running { now.saturating_sub(self.since) } else { 0 }
    }

    /// Whether only sound is recorded.
    fn is_audio(&self) -> bool {
        is_audio(&self.params)
    }

    fn run(&mut self, now: u64, params: Value) {
        (self.progress, self.since, self.params) = (Progress::Running, now, params);
    }

    fn halt(&mut self, now: u64, progress: Progress) {
        self.done = self.done(now);
        self.progress = progress;
    }

    pub(super) fn state(&self) -> Value {
        json!({ "state": self.progress.name(), "pauses": self.pauses, "params": self.params })
    }
}

fn is_audio(params: &Value) -> bool {
    params.pointer("/mainSpecs/mediaOptions").is_some_and(|media| media == "audio")
}

/// A limit or a support, by the medium that is recorded.
fn param<'m>(meeting: &'m Meeting, audio: bool, name: &str) -> &'m Value {
    let medium = if audio { "Audio" } else { "Video" };
    meeting.recording_params.get(format!("recording{medium}{name}")).unwrap_or(&Value::Null)
}

/// None at a Community Edition, which does not know these events and never answers them.
pub(super) fn act(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    call.pass?;
    let refused = |reason: &str| Some(Turn::ack(json!({ "success": false, "reason": reason })));
    if let Some(broken) = broken(call.event, call.given).first() {
        return refused(&broken.message);
    }
    let Some(meeting) = meeting(call, data) else { return refused("roomName is another room's") };
    if !may(call, meeting, None) {
        return refused("Only the host may record.");
    }
    let outcome = change(call, meeting);
    let mut ack = json!({
        "success": outcome.is_ok(), "recordState": meeting.recording.progress.name(),
        "pauseCount": meeting.recording.pauses,
    });
    if let Some(members) = ack.as_object_mut() {
        members.insert("reason".into(), outcome.err().unwrap_or("").into());
    }
    let mut turn = Turn::ack(ack);
    if let Ok(state) = outcome {
        turn.tell(notices(meeting, state, call.now));
    }
    Some(turn)
}

/// Goes from one state to the next, and gives the name of what happened; or says why not.
fn change(call: &Call<'_>, meeting: &mut Meeting) -> Result<&'static str, &'static str> {
    let params = call.given["userRecordingParams"].clone();
    let refuse = |refused: bool, reason: &'static str| if refused { Err(reason) } else { Ok(()) };
    let progress = meeting.recording.progress;
    let (running, paused) = (progress == Progress::Running, progress == Progress::Paused);
    refuse(progress == Progress::Stopped, "The recording was stopped.")?;
    refuse(call.event != "startRecord" && progress == Progress::Idle, "The recording was not started.")?;
    match call.event {
        "startRecord" => {
            refuse(running || paused, "The recording was started before.")?;
            let supported = param(meeting, is_audio(&params), "Support") != false;
            refuse(!supported, "The room does not support this recording.")?;
            meeting.recording.run(call.now, params);
            Ok("start")
        }
        "pauseRecord" => {
            refuse(paused, "The recording is paused.")?;
            let limit = param(meeting, meeting.recording.is_audio(), "PausesLimit").as_u64();
            let used_up = limit.is_some_and(|limit| meeting.recording.pauses >= limit);
            refuse(used_up, "The limit of pauses is reached.")?;
            meeting.recording.pauses += 1;
            meeting.recording.halt(call.now, Progress::Paused);
            Ok("pause")
        }
        "resumeRecord" => {
            refuse(running, "The recording is not paused.")?;
            meeting.recording.run(call.now, params);
            Ok("resume")
        }
        _ => {
            meeting.recording.halt(call.now, Progress::Stopped);
            Ok("stop")
        }
    }
}

/// The host is told all, the others only the state.
fn notices(meeting: &Meeting, state: &str, now: u64) -> Vec<Notice> {
    let recording = &meeting.recording;
    let told = |host: bool| {
        json!({
            "state": state, "userRecordingParam": if host { recording.params.clone() } else { Value::Null },
            "pauseCount": recording.pauses, "timeDone": recording.done(now),
        })
    };
    let members = meeting.members.iter();
    members.map(|m| (m.socket.clone(), "RecordingNotice", told(m.level == HOST))).collect()
}
