//! One turn: something is done to the state, and then what follows from it, in order. Two turns never mix: whoever
//! acts first is heard of first.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef};

use super::{
    delivery,
    hub::{Data, Hub},
    lifetime,
};
use crate::{
    bounds::{Place, Places},
    shared::Shared,
};

/// What follows from a turn.
pub(super) enum Step {
    /// An acknowledgement: the arguments.
    Ack(AckSender, Ack),
    /// An event for somebody.
    Tell(SocketRef, &'static str, Value),
    /// The end of a connection.
    Close(SocketRef),
    /// A webhook, at once or later.
    Post(Value, Option<SystemTime>),
    /// Something will happen to this session by itself.
    Watch { room_id: String, conf_num: String },
    /// A room for one use ends then.
    Expire { room_id: String, at: SystemTime },
}

/// The forms of an acknowledgement.
pub(super) enum Ack {
    Plain(Value),
    Worded(&'static str, Value),
}

pub(super) struct World<'a> {
    pub(super) data: &'a mut Data,
    pub(super) shared: &'a Shared,
    pub(super) now: SystemTime,
    pub(super) steps: Vec<Step>,
}

impl Hub {
    /// Does something to the state, and what follows from it.
    pub(super) fn turn<T>(self: &Arc<Self>, act: impl FnOnce(&mut World<'_>) -> T) -> T {
        let mut data = self.lock();
        let now = self.shared.clock.now();
        let mut world = World { data: &mut data, shared: &self.shared, now, steps: Vec::new() };
        let result = act(&mut world);
        let steps = world.steps;
        // Told under the lock, so that nobody hears of two turns in another order than they were.
        let mut later = Vec::new();
        for step in steps {
            match step {
                // Whoever has gone gets nothing.
                Step::Ack(ack, Ack::Plain(content)) => drop(ack.send(&content)),
                Step::Ack(ack, Ack::Worded(word, content)) => drop(ack.send(&(word, content))),
                Step::Tell(socket, event, content) => drop(socket.emit(event, &content)),
                other => later.push(other),
            }
        }
        drop(data);
        // Without the lock: the end of a connection asks for it.
        let mut posts = Vec::new();
        for step in later {
            match step {
                Step::Post(body, None) => posts.push(body),
                step => self.follow(step),
            }
        }
        self.post(posts);
        result
    }

    /// Does what the clock has brought.
    pub(super) fn settle(self: &Arc<Self>) {
        self.turn(|world| world.settle());
    }

    /// Posts webhooks, one after the other: those of them that find a place to wait.
    fn post(self: &Arc<Self>, bodies: Vec<Value>) {
        if bodies.is_empty() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let placed: Vec<_> = bodies.into_iter().filter_map(|body| self.place(&self.places, body)).collect();
        let hub = Arc::clone(self);
        self.shared.spawn(async move {
            for (body, _place) in placed {
                delivery::deliver(&hub, body).await;
            }
        });
    }

    /// A webhook and its place, or nothing: then it is dropped.
    fn place(&self, places: &Places, body: Value) -> Option<(Value, Place)> {
        match places.take() {
            Some(place) => Some((body, place)),
            None => {
                delivery::drop_one(self, body);
                None
            }
        }
    }

    fn follow(self: &Arc<Self>, step: Step) {
        // Without a runtime nothing can be waited for.
        let can_wait = tokio::runtime::Handle::try_current().is_ok();
        let hub = Arc::clone(self);
        match step {
            Step::Close(socket) => drop(socket.disconnect()),
            Step::Post(body, Some(at)) if can_wait => {
                let Some((body, place)) = self.place(&self.later, body) else { return };
                self.shared.spawn(async move {
                    hub.shared.clock.sleep_until(at).await;
                    drop(place);
                    hub.post(vec![body]);
                });
            }
            Step::Watch { room_id, conf_num } if can_wait => {
                self.shared.spawn(lifetime::watch(hub, room_id, conf_num));
            }
            Step::Expire { room_id, at } if can_wait => self.shared.spawn(async move {
                hub.shared.clock.sleep_until(at).await;
                hub.turn(|world| world.expire(&room_id, at));
            }),
            _ => {}
        }
    }
}

impl World<'_> {
    pub(super) fn push(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }

    /// Posts a webhook of a session, now or later.
    pub(super) fn post(&mut self, kind: &str, of: (&str, &str), more: Value, after: Option<Duration>) {
        let at = after.and_then(|after| self.now.checked_add(after));
        let mut body = json!({
            "type": kind, "trans_date": crate::time::rfc3339(at.unwrap_or(self.now)),
            "app_id": crate::credentials::ENABLEX_APP_ID, "room_id": of.0, "conf_num": of.1,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        self.steps.push(Step::Post(body, at));
    }
}
