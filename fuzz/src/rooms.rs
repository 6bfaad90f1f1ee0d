//! Events and acknowledgements of live rooms: an input is a name, a line break and the arguments as JSON.

use enablex::room::Answer as _;
use mediasfu::meeting::Answer as _;
use serde_json::Value;

use crate::{bytes, show};

fn event(line: &str) -> Option<(&str, Vec<Value>)> {
    let (name, args) = line.split_once('\n')?;
    Some((name, serde_json::from_str(args).ok()?))
}

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

pub(crate) fn mediasfu_event(data: &[u8]) {
    let Some((name, args)) = event(text(data)) else { return };
    show(&mediasfu::MeetingEvent::read(name, &args));
    show(&mediasfu::meeting::Joined::read("join_room", &args));
    show(&mediasfu::RecordAck::read("start_recording", &args));
    show(&mediasfu::EventRoom::read("join_event_room", &args).map(mediasfu::EventRoom::entered));
}

pub(crate) fn mediasfu_event_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "connection-success\n[{\"socketId\":\"s\",\"mode\":\"prod\"}]",
        "allMembers\n[{\"members\":[{\"name\":\"a\",\"islevel\":\"2\",\"audioID\":\"x\"}],\"settings\":[\"allow\"],\"requests\":[]}]",
        "userWaiting\n[{\"name\":\"a\"}]",
        "meetingTimeRemaining\n[{\"timeRemaining\":1000}]",
        "joinRoom\n[{\"rtpCapabilities\":{\"codecs\":[]},\"isHost\":true,\"secureCode\":\"c\",\"meetingRoomParams\":{}}]",
        "joinRoom\n[{\"success\":false,\"reason\":\"no\",\"banned\":true,\"recordState\":\"running\",\"url\":\"https://a.example/\"}]",
    ])
}

/// Several events, one after the other, for the state of one room; each is read as an acknowledgement, too.
pub(crate) fn enablex_event(data: &[u8]) {
    let mut state = enablex::RoomState::default();
    for entry in text(data).split("\n\n").take(32) {
        let Some((name, args)) = event(entry) else { continue };
        let read = enablex::RoomEvent::read(name, &args);
        show(&read);
        state.apply(&read);
        state.acknowledge(name, &args);
        show(&enablex::room::Joined::read(&args));
        show(&enablex::RawAck::read("raw", &args));
        show(&enablex::Ack::read("lock_room", &args));
        acknowledged::<enablex::LiveAck>("start_live_recording", &args, &mut state);
        acknowledged::<enablex::ClientsAck>("pin_users", &args, &mut state);
        acknowledged::<enablex::ExtendAck>("extend_conference_duration", &args, &mut state);
        acknowledged::<enablex::TalkerAck>("set_talker_count", &args, &mut state);
    }
    show(&state);
    serde_json::to_value(&state).expect("a state can be written");
}

fn acknowledged<A: enablex::room::Answer + std::fmt::Debug>(
    operation: &'static str,
    args: &[Value],
    state: &mut enablex::RoomState,
) {
    let answer = A::read(operation, args);
    show(&answer);
    if let Ok(answer) = answer {
        answer.note(operation, state);
    }
}

pub(crate) fn enablex_event_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "room-connected\n[{\"room\":{\"roomID\":\"r\",\"settings\":{\"mode\":\"lecture\"}},\"clientId\":\"c\",\"user\":{\"role\":\"moderator\"},\"userList\":[{\"clientId\":\"c\",\"name\":\"Ada\"}]}]\n\nuser-connected\n[{\"clientId\":\"c\",\"user\":{\"name\":\"Ada\",\"role\":\"moderator\"}}]\n\nuser-disconnected\n[{\"clientId\":\"c\"}]",
        "message-received\n[{\"message\":\"hi\",\"from\":{\"clientId\":\"c\"},\"timestamp\":1}]",
        "room-disconnected\n[]",
        "newEvent\n[{\"id\":\"floorRequested\",\"clientId\":\"c\",\"name\":\"Ada\"}]\n\nlock_room\n[true]",
        "conference-extended\n[{\"msg\":{\"timeLeft\":5}},{\"result\":7104,\"msg\":\"queued\",\"extendedTime\":\"5\",\"clients\":[\"c\"],\"maxTalkers\":4,\"numTalkers\":2}]",
    ])
}
