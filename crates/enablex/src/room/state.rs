//! What is known of a room, from what the room has told. Nothing is guessed and nothing is toggled.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::ack::LiveOutcome;
use super::event::{
    AwaitedUser, ClientRole, FloorChange, Hand, LiveNotification, ModeChange, Participant, RoleChange,
    RoomEvent, RoomSnapshot, UserMute,
};
use crate::model::whole_number;
use crate::operation::{Role, RoomMode};

/// How far you are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Not in the room yet.
    #[default]
    Connecting,
    /// Waiting until a moderator lets you in.
    Awaited,
    /// In the room.
    Connected,
    /// Out of it; this client tries to come back.
    Reconnecting,
    /// Out of it, for good.
    Closed,
}

/// How a live recording or a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveState {
    /// It does not run.
    Off,
    /// It waits in the service's queue.
    Queued,
    /// It runs.
    On,
    /// The service records in the older way instead.
    Fallback,
    /// It could not be started, or broke off.
    Failed,
}

/// How many talkers one receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct TalkerCounts {
    /// The most that one can receive.
    pub max: Option<u32>,
    /// How many one receives.
    pub all: Option<u32>,
    /// How many one hears.
    pub audio: Option<u32>,
    /// How many one sees.
    pub video: Option<u32>,
}

/// What is known of a room. What the room has not told is `None`, or an empty list.
///
/// Every event is an absolute statement, so losses and duplicates do no lasting harm: the next full state, that of
/// [`RoomEvent::RoomConnected`], replaces everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct RoomState {
    /// How far you are.
    pub phase: Phase,
    /// The room's id.
    pub room_id: Option<String>,
    /// The number of the session.
    pub conf_num: Option<String>,
    /// Your own id in the room.
    pub client_id: Option<String>,
    /// Your own role.
    pub role: Option<Role>,
    /// Whether nobody can enter any more.
    pub locked: Option<bool>,
    /// Whether all participants are muted.
    pub muted: Option<bool>,
    /// How people talk. When somebody else switches it, the service does not tell to what: it is unknown then, until
    /// you switch it yourself or enter anew.
    pub mode: Option<RoomMode>,
    /// Whether newcomers must be let in.
    pub knock: Option<bool>,
    /// Whether everybody waits until a moderator comes.
    pub wait_room: Option<bool>,
    /// Whether participants may speak without asking for the floor.
    pub floor_open: Option<bool>,
    /// Who asks for the floor, by client id. Moderators only.
    pub raised_hands: BTreeMap<String, Hand>,
    /// Who has the floor, by client id. Moderators only.
    pub approved_hands: BTreeMap<String, Hand>,
    /// Who is invited to the floor, by client id. Moderators only.
    pub floor_invites: BTreeMap<String, Hand>,
    /// The client ids of who is pinned.
    pub pins: Option<Vec<String>>,
    /// The client ids of who is in the spotlight.
    pub spotlights: Option<Vec<String>>,
    /// Who waits in front of the room, by client id. Moderators only.
    pub awaited: BTreeMap<String, AwaitedUser>,
    /// Whether the session is being recorded.
    pub recording: Option<bool>,
    /// Whether the room's subscription covers recordings.
    pub recording_subscribed: Option<bool>,
    /// How the live recording stands.
    pub live_recording: Option<LiveState>,
    /// How streaming stands.
    pub streaming: Option<LiveState>,
    /// How many talkers you receive.
    pub talkers: TalkerCounts,
    /// How many talkers the room shows at most.
    pub max_active_talkers: Option<u32>,
    /// How many minutes were left when the room told last.
    pub time_left: Option<f64>,
    /// Everybody in the room by client id, you included.
    pub participants: BTreeMap<String, Participant>,
}

impl RoomState {
    /// Takes an event in. A room that is over stays as it was, whatever comes after.
    pub fn apply(&mut self, event: &RoomEvent) {
        if self.phase == Phase::Closed {
            return;
        }
        match event {
            RoomEvent::RoomConnected(snapshot) => self.enter(snapshot),
            RoomEvent::RoomAwaited(_) => self.phase = Phase::Awaited,
            RoomEvent::RoomDisconnected(_) => self.phase = Phase::Closed,
            RoomEvent::RoomReconnecting(_) => self.phase = Phase::Reconnecting,
            RoomEvent::UserConnected(participant) => self.add(participant),
            RoomEvent::UserDisconnected(participant) => self.remove(participant.client_id.as_deref()),
            RoomEvent::UserAwaited(user) => self.wait(user),
            RoomEvent::UserRoleChanged(change) => self.change_roles(change),
            RoomEvent::RoomLocked(_) => self.locked = Some(true),
            RoomEvent::RoomUnlocked(_) => self.locked = Some(false),
            RoomEvent::RoomMuted(_) => self.muted = Some(true),
            RoomEvent::RoomUnmuted(_) => self.muted = Some(false),
            RoomEvent::RoomRecordOn(_) => self.recording = Some(true),
            RoomEvent::RoomRecordOff(_) => self.recording = Some(false),
            RoomEvent::RoomSwitched(change) => self.switch(change),
            RoomEvent::KnockEnabled(_) => self.set_knock(true),
            RoomEvent::KnockDisabled(_) => self.set_knock(false),
            RoomEvent::FloorOpened(_) => self.floor_open = Some(true),
            RoomEvent::FloorClosed(_) => self.floor_open = Some(false),
            RoomEvent::UpdatePinUsers(change) => replace(&mut self.pins, change.clients.as_ref()),
            RoomEvent::SpotlightUsers(change) => replace(&mut self.spotlights, change.clients.as_ref()),
            RoomEvent::ConferenceRemainingDuration(left) => {
                self.time_left = left.time_left.or(self.time_left)
            }
            RoomEvent::ConferenceExtended(extended) => {
                self.time_left = extended.time_left.or(self.time_left);
            }
            RoomEvent::WaitRoomDisabled(told) => {
                self.wait_room = Some(false);
                let users = told.room_data.as_ref().and_then(|data| data.user_list.as_ref());
                self.replace_people(users);
            }
            _ => self.apply_rest(event),
        }
    }

    /// What is about single users, the floor, live recordings and streams.
    fn apply_rest(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::HardmuteUserAudio(user) => self.hard_mute(user, |p| p.hard_muted_audio = Some(true)),
            RoomEvent::HardunmuteUserAudio(user) => {
                self.hard_mute(user, |p| p.hard_muted_audio = Some(false))
            }
            RoomEvent::HardmuteUserVideo(user) => self.hard_mute(user, |p| p.hard_muted_video = Some(true)),
            RoomEvent::HardunmuteUserVideo(user) => {
                self.hard_mute(user, |p| p.hard_muted_video = Some(false))
            }
            RoomEvent::RoomLiveRecordingOn(_) | RoomEvent::RoomLiveRecordingUpdated(_) => {
                self.live_recording = Some(LiveState::On);
            }
            RoomEvent::RoomLiveRecordingOff(_) => self.live_recording = Some(LiveState::Off),
            RoomEvent::RoomLiveRecordingFailed(_) => self.live_recording = Some(LiveState::Failed),
            RoomEvent::LiveRecordingNotification(told) => {
                self.live_recording = live_state(told).or(self.live_recording);
            }
            RoomEvent::StreamingNotification(told) => self.streaming = live_state(told).or(self.streaming),
            RoomEvent::FloorRequested(change) => insert(&mut self.raised_hands, &change.hand()),
            RoomEvent::FloorCancelled(change)
            | RoomEvent::FloorFinished(change)
            | RoomEvent::FloorReleased(change) => {
                self.lower(change);
                self.approved_hands.remove(id(change));
            }
            RoomEvent::FloorDenied(change) => self.lower(change),
            RoomEvent::FloorGranted(change) => {
                self.lower(change);
                insert(&mut self.approved_hands, &change.hand());
            }
            RoomEvent::InviteToFloor(change) => insert(&mut self.floor_invites, &change.hand()),
            RoomEvent::FloorRejected(change)
            | RoomEvent::FloorAccepted(change)
            | RoomEvent::CancelFloorInvite(change) => {
                self.floor_invites.remove(id(change));
            }
            _ => {}
        }
    }

    /// Takes in that the room has acknowledged `operation`, which went out with these arguments. Of some the room does
    /// not tell who gave the command in any other way; of the rest it does, but perhaps later than the next command is
    /// given.
    pub fn acknowledge(&mut self, operation: &str, args: &[Value]) {
        let first = args.first().unwrap_or(&Value::Null);
        match operation {
            "lock_room" => self.locked = Some(true),
            "unlock_room" => self.locked = Some(false),
            "start_record" => self.recording = Some(true),
            "stop_record" => self.recording = Some(false),
            "hard_mute_room" => self.muted = Some(true),
            "hard_unmute_room" => self.muted = Some(false),
            "hard_mute_audio" => self.set_user(first, |p| p.hard_muted_audio = Some(true)),
            "hard_unmute_audio" => self.set_user(first, |p| p.hard_muted_audio = Some(false)),
            "hard_mute_video" => self.set_user(first, |p| p.hard_muted_video = Some(true)),
            "hard_unmute_video" => self.set_user(first, |p| p.hard_muted_video = Some(false)),
            "approve_awaited_user" | "deny_awaited_user" => {
                self.awaited.remove(first.as_str().unwrap_or_default());
            }
            "switch_room_mode" => self.mode = first.as_str().map(RoomMode::from),
            "enable_knock" => {
                if let Some(enable) = first.as_bool() {
                    self.set_knock(enable);
                }
            }
            "open_floor" => self.floor_open = first.as_bool(),
            "set_talker_count" => self.set_talkers(first),
            "process_floor_request" => {
                let action = args.get(1).and_then(Value::as_str).unwrap_or_default();
                self.process_floor(first.as_str().unwrap_or_default(), action);
            }
            _ => {}
        }
    }

    /// Takes in what became of a live recording or a stream.
    pub(super) fn note_live(&mut self, operation: &str, outcome: LiveOutcome) {
        let state = match (operation, outcome) {
            ("stop_live_recording" | "stop_streaming", _) => LiveState::Off,
            (_, LiveOutcome::Done) => LiveState::On,
            (_, LiveOutcome::Queued) => LiveState::Queued,
            (_, LiveOutcome::Fallback) => LiveState::Fallback,
        };
        match operation {
            "start_live_recording" | "stop_live_recording" => self.live_recording = Some(state),
            "start_streaming" | "stop_streaming" => self.streaming = Some(state),
            _ => {}
        }
    }

    /// Takes in who is pinned or in the spotlight, where the room says so.
    pub(super) fn note_clients(&mut self, operation: &str, clients: Option<&Vec<String>>) {
        match operation {
            "pin_users" | "unpin_users" => replace(&mut self.pins, clients),
            _ => replace(&mut self.spotlights, clients),
        }
    }

    fn enter(&mut self, snapshot: &RoomSnapshot) {
        let user = snapshot.user.clone().unwrap_or_default();
        let known = self.client_id.take();
        let room = snapshot.room.clone().unwrap_or_default();
        let settings = room.settings.unwrap_or_default();
        let meta = snapshot.room_meta.clone().unwrap_or_default();
        let subscription = snapshot.subscription.as_ref();
        *self = Self {
            phase: Phase::Connected,
            room_id: snapshot.id.clone(),
            conf_num: room.conf_num,
            client_id: user.client_id.or_else(|| snapshot.client_id.clone()).or(known),
            locked: room.locked,
            muted: room.mute,
            mode: settings.mode,
            knock: room.knock_enabled,
            wait_room: room.wait_room,
            floor_open: room.open_floor,
            raised_hands: hands(snapshot.raised_hands.as_ref()),
            approved_hands: hands(snapshot.approved_hands.as_ref()),
            floor_invites: hands(snapshot.floor_invites.as_ref()),
            pins: meta.pinned_users,
            spotlights: meta.spotlight_users,
            recording: snapshot.media_record,
            recording_subscribed: subscription
                .map(|s| s.get("recording").and_then(Value::as_bool) == Some(true)),
            talkers: TalkerCounts {
                audio: snapshot.num_audio_talkers,
                video: snapshot.num_video_talkers,
                ..TalkerCounts::default()
            },
            max_active_talkers: settings.max_active_talkers,
            time_left: room.remaining_duration.map(|seconds| seconds / 60.0),
            ..Self::default()
        };
        self.replace_people(Some(&snapshot.user_list));
        snapshot.awaited_participants.iter().flatten().for_each(|user| self.wait(user));
        let listed = self.client_id.as_ref().and_then(|id| self.participants.get(id));
        self.role = user.role.or_else(|| listed.and_then(|p| p.role.clone()));
    }

    fn replace_people(&mut self, users: Option<&Vec<Participant>>) {
        let Some(users) = users else { return };
        let before = std::mem::take(&mut self.participants);
        for user in users {
            self.add(user);
        }
        // Lists of people do not tell who is muted.
        for (id, user) in &mut self.participants {
            if let Some(known) = before.get(id) {
                user.hard_muted_audio = known.hard_muted_audio;
                user.hard_muted_video = known.hard_muted_video;
            }
        }
    }

    fn add(&mut self, participant: &Participant) {
        if let Some(id) = &participant.client_id {
            self.awaited.remove(id);
            self.participants.insert(id.clone(), participant.clone());
        }
    }

    fn remove(&mut self, client_id: Option<&str>) {
        let Some(id) = client_id else { return };
        self.participants.remove(id);
        self.awaited.remove(id);
        self.raised_hands.remove(id);
        self.approved_hands.remove(id);
        self.floor_invites.remove(id);
    }

    fn wait(&mut self, user: &AwaitedUser) {
        if let Some(id) = &user.client_id {
            self.awaited.insert(id.clone(), user.clone());
        }
    }

    fn set_knock(&mut self, on: bool) {
        self.knock = Some(on);
        // Nobody waits where nobody has to.
        if !on {
            self.awaited.clear();
        }
    }

    /// The event does not tell the mode. Of one's own switch the acknowledgement has told it; anybody else's leaves it
    /// unknown.
    fn switch(&mut self, change: &ModeChange) {
        let own = change.moderator.is_some() && change.moderator == self.client_id;
        match &change.mode {
            Some(mode) => self.mode = Some(mode.clone()),
            None if own => {}
            None => self.mode = None,
        }
    }

    fn lower(&mut self, change: &FloorChange) {
        self.raised_hands.remove(id(change));
    }

    fn process_floor(&mut self, client_id: &str, action: &str) {
        let raised = self.raised_hands.remove(client_id);
        match action {
            "grantFloor" => {
                let hand = Hand { client_id: Some(client_id.to_owned()), ..raised.unwrap_or_default() };
                insert(&mut self.approved_hands, &hand);
            }
            "releaseFloor" => {
                self.approved_hands.remove(client_id);
            }
            _ => {}
        }
    }

    fn set_talkers(&mut self, asked: &Value) {
        let count = |name: &str| asked.get(name).and_then(whole_number).and_then(|n| u32::try_from(n).ok());
        self.talkers.all = count("numTalkers").or(self.talkers.all);
        self.talkers.audio = count("numAudioTalkers").or(self.talkers.audio);
        self.talkers.video = count("numVideoTalkers").or(self.talkers.video);
    }

    fn hard_mute(&mut self, user: &UserMute, set: impl FnOnce(&mut Participant)) {
        let id = user.client_id.as_ref().or(self.client_id.as_ref());
        if let Some(participant) = id.and_then(|id| self.participants.get_mut(id)) {
            set(participant);
        }
    }

    /// Changes the user whom the arguments of a command name.
    fn set_user(&mut self, named: &Value, set: impl FnOnce(&mut Participant)) {
        let id = named.get("clientId").and_then(Value::as_str);
        if let Some(participant) = id.and_then(|id| self.participants.get_mut(id)) {
            set(participant);
        }
    }

    fn change_roles(&mut self, change: &RoleChange) {
        self.replace_people(change.user_list.as_ref());
        if let Some(moderator) = &change.moderator {
            for (id, role) in [(&moderator.old, Role::Participant), (&moderator.new, Role::Moderator)] {
                self.set_role(id.as_deref(), role);
            }
        }
        for ClientRole { client_id, role } in change.clients_info.iter().flatten() {
            if let Some(new) = &role.new {
                self.set_role(client_id.as_deref(), Role::from(new.as_str()));
            }
        }
        if let Some(raised) = &change.raised_hands {
            self.raised_hands = hands(Some(raised));
        }
        if let Some(approved) = &change.approved_hands {
            self.approved_hands = hands(Some(approved));
        }
        if let Some(awaited) = &change.awaited_participants {
            self.awaited.clear();
            awaited.iter().for_each(|user| self.wait(user));
        }
    }

    fn set_role(&mut self, client_id: Option<&str>, role: Role) {
        let Some(id) = client_id else { return };
        if let Some(participant) = self.participants.get_mut(id) {
            participant.role = Some(role.clone());
        }
        if self.client_id.as_deref() == Some(id) {
            self.role = Some(role);
        }
    }
}

fn id(change: &FloorChange) -> &str {
    change.client_id.as_deref().unwrap_or_default()
}

fn insert(hands: &mut BTreeMap<String, Hand>, hand: &Hand) {
    if let Some(id) = &hand.client_id {
        hands.insert(id.clone(), hand.clone());
    }
}

fn hands(told: Option<&Vec<Hand>>) -> BTreeMap<String, Hand> {
    let mut hands = BTreeMap::new();
    told.into_iter().flatten().for_each(|hand| insert(&mut hands, hand));
    hands
}

fn replace(list: &mut Option<Vec<String>>, told: Option<&Vec<String>>) {
    if let Some(told) = told {
        *list = Some(told.clone());
    }
}

/// How it stands after a notification: its code says more than its name.
fn live_state(told: &LiveNotification) -> Option<LiveState> {
    let status = told.data.as_ref().and_then(|data| data.status.as_ref());
    let code = status.and_then(|status| status.0.get("resultCode")).and_then(whole_number);
    let by_code = match code {
        Some(7104 | 7105 | 7207 | 7208) => Some(LiveState::Queued),
        Some(7039 | 7046 | 7034) => Some(LiveState::Off),
        Some(7080 | 7081) => Some(LiveState::Failed),
        Some(7014) => Some(LiveState::Fallback),
        _ => None,
    };
    by_code.or_else(|| {
        Some(match told.event.as_deref()?.rsplit('-').next()? {
            "on" | "started" | "updated" => LiveState::On,
            "off" | "stopped" => LiveState::Off,
            "failed" => LiveState::Failed,
            _ => return None,
        })
    })
}
