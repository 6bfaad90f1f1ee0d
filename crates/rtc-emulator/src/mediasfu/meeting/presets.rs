//! What a meeting and its recording are like unless the room says otherwise: the values of MediaSFU Open.

use serde_json::{Value, json};

/// What the cloud says of a room made from this input.
pub(super) fn meeting_of(input: &Value) -> Value {
    given(input, "meetingRoomParams").unwrap_or_else(meeting)
}

/// What the cloud says of recording the room of this name, made from this input.
pub(super) fn recording_of(input: &Value, name: &str) -> Value {
    given(input, "recordingParams").unwrap_or_else(|| recording(name.starts_with('p')))
}

fn given(input: &Value, name: &str) -> Option<Value> {
    input.get(name).filter(|value| value.is_object()).cloned()
}

pub(super) fn meeting() -> Value {
    json!({
        "itemPageLimit": 8, "mediaType": "video", "addCoHost": true, "targetOrientation": "neutral",
        "targetOrientationHost": "neutral", "targetResolution": "sd", "targetResolutionHost": "sd",
        "type": "conference", "audioSetting": "allow", "videoSetting": "allow", "screenshareSetting": "allow",
        "chatSetting": "allow",
    })
}

/// The same with what only a Community Edition says.
pub(super) fn community_meeting() -> Value {
    let mut meeting = meeting();
    if let Some(members) = meeting.as_object_mut() {
        members.insert("allowScreenSharing".into(), true.into());
        members.insert("refRoomCapacity_broadcast".into(), 5000.into());
        members.insert("refRoomCapacity_meeting".into(), 30.into());
    }
    meeting
}

pub(super) fn recording(production: bool) -> Value {
    let choose = |sandbox: i64, production_value: i64| if production { production_value } else { sandbox };
    json!({
        "recordingAudioPausesLimit": choose(2, 10), "recordingAudioSupport": true,
        "recordingAudioPeopleLimit": choose(12, 500),
        "recordingAudioParticipantsTimeLimit": choose(2_400, 432_000_000),
        "recordingVideoPausesLimit": choose(1, 5), "recordingVideoSupport": true,
        "recordingVideoPeopleLimit": choose(6, 100),
        "recordingVideoParticipantsTimeLimit": choose(1_200, 4_320_000),
        "recordingAllParticipantsSupport": true, "recordingVideoParticipantsSupport": true,
        "recordingAllParticipantsFullRoomSupport": production,
        "recordingVideoParticipantsFullRoomSupport": production, "recordingPreferredOrientation": "landscape",
        "recordingSupportForOtherOrientation": production, "recordingMultiFormatsSupport": true,
        "recordingHLSSupport": true,
    })
}

/// What a Community Edition says of recording an event that was created without a word on it.
pub(super) fn no_recording() -> Value {
    let mut recording = recording(false);
    for support in ["recordingAudioSupport", "recordingVideoSupport"] {
        if let Some(support) = recording.get_mut(support) {
            *support = false.into();
        }
    }
    recording
}

/// What a client is told of the media server's codecs.
pub(super) fn capabilities() -> Value {
    json!({
        "codecs": [
            {
                "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2, "parameters": {},
                "preferredPayloadType": 100, "rtcpFeedback": [{ "type": "nack", "parameter": "" }],
            },
            {
                "kind": "video", "mimeType": "video/VP8", "clockRate": 90000, "parameters": {},
                "preferredPayloadType": 101, "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }],
            },
        ],
        "headerExtensions": [],
    })
}
