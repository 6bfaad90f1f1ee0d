//! How connections become visible, stay and go.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::{
    hub::{Data, Event, Hub},
    members::{Channel, Member, Recording},
    notify::{self, micros},
    webhook::{self, Parting},
};

impl Hub {
    /// A connection is up: everybody hears of it, and time begins to count.
    pub(crate) fn connected(self: &Arc<Self>, id: &str) {
        let now = self.now();
        let mut guard = self.lock();
        let data = &mut *guard;
        let (lifetime, interval) = (data.settings.lifetime, data.settings.updated_interval);
        let Some((channel_id, channel)) = data.channel_of(id) else { return };
        let channel_id = channel_id.clone();
        let Some(member) = channel.members.get_mut(id).filter(|member| member.since.is_none()) else {
            return;
        };
        member.since = Some(now);
        let gone = [member.gone(), member.gone()];
        let begins = !std::mem::replace(&mut channel.session.begun, true);
        let session = &mut channel.session;
        session.total_connections += 1;
        let count = channel.up().count() as u64;
        channel.session.max_connections = channel.session.max_connections.max(count);
        announce(channel, id, now);
        if begins {
            self.post_session(data, "session.created", &channel_id);
        }
        self.post_connection(data, "connection.created", &channel_id, id);
        drop(guard);
        let [updates, end] = gone;
        self.repeat_updates(id, interval, updates);
        self.end_in(id, lifetime, end);
    }

    fn post_session(&self, data: &Data, kind: &str, channel_id: &str) {
        let Some(channel) = data.channels.get(channel_id) else { return };
        self.post(webhook::session(self, data, kind, (channel_id, channel)));
    }

    fn post_connection(&self, data: &Data, kind: &str, channel_id: &str, id: &str) {
        let Some(channel) = data.channels.get(channel_id) else { return };
        let Some(member) = channel.members.get(id) else { return };
        self.post(webhook::connection(self, data, kind, (channel_id, channel), (id, member), None));
    }

    /// Tells `connection.updated` again and again.
    fn repeat_updates(
        self: &Arc<Self>,
        id: &str,
        interval: Duration,
        gone: impl Future<Output = ()> + Send + 'static,
    ) {
        if interval.is_zero() {
            return;
        }
        let (hub, id) = (Arc::downgrade(self), id.to_owned());
        let clock = self.shared.clock.clone();
        // From now on, not from when the task first runs: the clock may have been moved by then.
        let mut at = clock.now();
        let work = async move {
            loop {
                let Some(next) = at.checked_add(interval) else { return };
                clock.sleep_until(next).await;
                // One for a leap of many: nobody could read the rest.
                at = next.max(clock.now());
                let Some(hub) = hub.upgrade() else { return };
                hub.updated(&id);
            }
        };
        self.shared.spawn(until(gone, work));
    }

    fn updated(&self, id: &str) {
        let now = self.now();
        let mut guard = self.lock();
        let data = &mut *guard;
        let Some((channel_id, channel)) = data.channel_of(id) else { return };
        let channel_id = channel_id.clone();
        let told =
            channel.members.get(id).map(|m| notify::connection("connection.updated", channel, id, m, now));
        let Some(told) = told else { return };
        channel.tell(&Event::Notify(told));
        self.post_connection(data, "connection.updated", &channel_id, id);
    }

    /// Ends a connection when its time is up.
    fn end_in(
        self: &Arc<Self>,
        id: &str,
        lifetime: Duration,
        gone: impl Future<Output = ()> + Send + 'static,
    ) {
        if lifetime.is_zero() {
            return;
        }
        let (hub, id) = (Arc::downgrade(self), id.to_owned());
        let clock = self.shared.clock.clone();
        let Some(at) = clock.now().checked_add(lifetime) else { return };
        self.shared.spawn(until(gone, async move {
            clock.sleep_until(at).await;
            if let Some(hub) = hub.upgrade() {
                hub.close(&id, 1000, "LIFETIME-EXPIRED", None);
            }
        }));
    }

    /// Ends a connection from this side; false when there is none. `told` is for the event webhook.
    pub(super) fn close(&self, id: &str, code: u16, reason: &str, told: Option<&Value>) -> bool {
        let close = Event::Close { code, reason: reason.to_owned() };
        let found = self.lock().member(id).map(|member| member.tell(close)).is_some();
        self.part(id, Parting { reason, api_reason: told });
        found
    }

    /// A connection has ended, for this reason. One from before the last reset is gone already, and its id may be
    /// another one's now.
    pub(crate) fn leave(&self, id: &str, generation: u64, reason: &str) {
        if self.lock().generation == generation {
            self.part(id, Parting { reason, api_reason: None });
        }
    }

    fn part(&self, id: &str, parting: Parting<'_>) {
        let now = self.now();
        let mut guard = self.lock();
        let data = &mut *guard;
        let Some((channel_id, channel)) = data.channel_of(id) else { return };
        let channel_id = channel_id.clone();
        let Some(member) = channel.members.remove(id) else { return };
        let is_empty = channel.members.is_empty();
        if member.since.is_some() {
            let told = notify::connection("connection.destroyed", channel, id, &member, now);
            channel.tell(&Event::Notify(told));
            channel.remember(webhook::session_connection(id, &member, Some(now)));
            self.post_destroyed(data, &channel_id, (id, &member), parting);
        }
        if is_empty {
            self.end_session(data, &channel_id);
        }
    }

    fn post_destroyed(&self, data: &Data, channel_id: &str, who: (&str, &Member), parting: Parting<'_>) {
        let Some(channel) = data.channels.get(channel_id) else { return };
        let kind = "connection.destroyed";
        self.post(webhook::connection(self, data, kind, (channel_id, channel), who, Some(parting)));
    }

    /// The channel is empty.
    fn end_session(&self, data: &mut Data, channel_id: &str) {
        if data.channels.get(channel_id).is_some_and(|channel| channel.session.begun) {
            self.post_recording(data, "recording.report", channel_id);
            self.post_session(data, "session.destroyed", channel_id);
        }
        data.channels.remove(channel_id);
    }

    fn post_recording(&self, data: &Data, kind: &str, channel_id: &str) {
        let Some(channel) = data.channels.get(channel_id) else { return };
        let Some(recording) = &channel.session.recording else { return };
        let over = (kind == "recording.report").then(|| self.now());
        let mut more = Map::new();
        more.insert("data".into(), recorded(recording, over).into());
        self.post(webhook::of_channel(self, data, kind, (channel_id, channel), &more));
    }

    /// Starts the recording of a channel; none when there is nothing to record or it is on already.
    pub(super) fn start_recording(
        self: &Arc<Self>,
        channel_id: &str,
        request: Map<String, Value>,
    ) -> Result<Value, &'static str> {
        let (id, now) = (self.new_id(), self.now());
        let expires = request.get("expire_time").and_then(Value::as_u64);
        let mut guard = self.lock();
        let data = &mut *guard;
        let channel = data.channels.get_mut(channel_id).ok_or("CHANNEL-NOT-FOUND")?;
        if channel.session.recording.is_some() {
            return Err("RECORDING-ALREADY-STARTED");
        }
        channel.session.recording = Some(Recording { id: id.clone(), started: now, request });
        let session_id = channel.session.id.clone();
        self.post_recording(data, "recording.started", channel_id);
        drop(guard);
        if let Some(seconds) = expires {
            self.expire_recording(channel_id, &id, seconds);
        }
        Ok(json!({ "channel_id": channel_id, "session_id": session_id, "recording_id": id }))
    }

    fn expire_recording(self: &Arc<Self>, channel_id: &str, id: &str, seconds: u64) {
        let (hub, channel_id, id) = (Arc::downgrade(self), channel_id.to_owned(), id.to_owned());
        let clock = self.shared.clock.clone();
        // One that cannot be told never comes.
        let Some(at) = clock.now().checked_add(Duration::from_secs(seconds)) else { return };
        self.shared.spawn(async move {
            clock.sleep_until(at).await;
            let Some(hub) = hub.upgrade() else { return };
            let is_it = |channel: &Channel| channel.session.recording.as_ref().is_some_and(|r| r.id == id);
            if hub.lock().channels.get(&channel_id).is_some_and(is_it) {
                // It may just have been stopped: then it is over as well.
                let _ = hub.stop_recording(&channel_id);
            }
        });
    }

    pub(super) fn stop_recording(&self, channel_id: &str) -> Result<Value, &'static str> {
        let mut data = self.lock();
        let channel = data.channels.get(channel_id).ok_or("CHANNEL-NOT-FOUND")?;
        let id = channel.session.recording.as_ref().map(|recording| recording.id.clone());
        let id = id.ok_or("RECORDING-NOT-FOUND")?;
        let session_id = channel.session.id.clone();
        self.post_recording(&data, "recording.report", channel_id);
        if let Some(channel) = data.channels.get_mut(channel_id) {
            channel.session.recording = None;
        }
        Ok(json!({ "channel_id": channel_id, "session_id": session_id, "recording_id": id }))
    }

    /// Ends everything without a word to the webhooks.
    pub(super) fn reset(&self) {
        let data = {
            let mut data = self.lock();
            let generation = data.generation + 1;
            std::mem::replace(&mut *data, Data { generation, ..Data::default() })
        };
        self.deliveries.clear();
        for mut member in data.channels.into_values().flat_map(|channel| channel.members.into_values()) {
            member.tell(Event::Close { code: 1000, reason: "DISCONNECTED-API".into() });
        }
    }
}

/// Tells everybody of a new connection, and that one of the others.
fn announce(channel: &mut Channel, id: &str, now: SystemTime) {
    let Some(member) = channel.members.get(id) else { return };
    let created = notify::connection("connection.created", channel, id, member, now);
    let mut own = created.clone();
    if let Value::Object(own) = &mut own {
        own.insert("data".into(), notify::others(channel, id));
    }
    for (other, member) in channel.members.iter_mut().filter(|(_, member)| member.since.is_some()) {
        let told = if other == id { &own } else { &created };
        member.tell(Event::Notify(told.clone()));
    }
}

/// What is told of a recording. There are no files: nothing is recorded.
fn recorded(recording: &Recording, over: Option<SystemTime>) -> Map<String, Value> {
    let mut told = recording.request.clone();
    told.remove("channel_id");
    told.insert("recording_id".into(), recording.id.clone().into());
    told.insert("start_timestamp".into(), micros(recording.started).into());
    if let Some(over) = over {
        told.insert("stop_timestamp".into(), micros(over).into());
        told.insert("archives".into(), json!([]));
        told.insert("failed_archives".into(), json!([]));
    }
    told
}

async fn until(gone: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = gone => {}
        () = work => {}
    }
}
