//! Who wants to hear of what, and what is told.

use serde_json::{Value, json};

use super::Call;
use super::delivery::Post;
use super::recordings::{map, set};
use super::reply::{Outcome, done, missing, ok};
use super::state::{Callback, Kind, Record, World};

fn told(callback: &Callback) -> Value {
    json!({
        "id": callback.id, "group": callback.group, "event": callback.event, "url": callback.url,
        "createdAt": callback.created_at,
    })
}

pub(super) fn register_callback(call: &mut Call<'_, '_>) -> Outcome {
    let text = |name: &str| call.text(name).to_owned();
    let callback = Callback {
        project: call.project.clone(),
        id: call.world.shared.ids.uuid(),
        group: text("group"),
        event: text("event"),
        url: text("url"),
        created_at: call.world.now,
        signature_secret: None,
    };
    let answer = told(&callback);
    call.world.state.callbacks.push(callback);
    ok(answer)
}

pub(super) fn list_callbacks(call: &mut Call<'_, '_>) -> Outcome {
    let callbacks = call.world.state.callbacks.iter().filter(|callback| callback.project == call.project);
    ok(callbacks.map(told).collect())
}

pub(super) fn unregister_callback(call: &mut Call<'_, '_>) -> Outcome {
    let (id, project) = (call.param("callback_id"), call.project.clone());
    let callbacks = &mut call.world.state.callbacks;
    let before = callbacks.len();
    callbacks.retain(|callback| callback.id != id || callback.project != project);
    if callbacks.len() == before { Err(missing("callback", &id)) } else { done() }
}

/// An event that somebody may want to hear of.
struct Event<'a> {
    project: &'a str,
    group: &'a str,
    name: &'a str,
    body: Value,
}

impl Event<'_> {
    /// How the groups and events are written at registration is not documented: the name of a group may be
    /// the service's or its product's, that of an event whole (`connectionCreated`) or short (`created`).
    fn concerns(&self, callback: &Callback) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        };
        let groups: &[&str] = match self.group {
            "sip" => &["sip", "sipcall", "call"],
            "render" => &["render", "experiencecomposer"],
            ref group => std::slice::from_ref(group),
        };
        let (event, wanted) = (plain(self.name), plain(&callback.event));
        callback.project == self.project
            && groups.contains(&plain(&callback.group).as_str())
            && !wanted.is_empty()
            && (event == wanted
                || groups.iter().any(|group| event.strip_prefix(group).is_some_and(|short| short == wanted))
                || self.body.get("status").and_then(Value::as_str) == Some(&wanted))
    }
}

impl World<'_> {
    /// Something happened in a session. `body` is what is special about it.
    pub(super) fn session_event(&mut self, session_id: &str, name: &str, body: Value) {
        let Some(session) = self.state.sessions.get(session_id) else { return };
        let project = session.project.clone();
        let group = match name.find(char::is_uppercase).and_then(|end| name.get(..end)) {
            Some("call") => "sip",
            Some(group) => group,
            None => name,
        };
        let mut whole = json!({ "sessionId": session_id, "event": name, "timestamp": self.now });
        // Here the project is a text, also for numbers.
        let member = if project.parse::<u64>().is_ok() { "projectId" } else { "applicationId" };
        set(&mut whole, member, project.as_str());
        if let Value::Object(whole) = &mut whole {
            whole.extend(map(body));
        }
        self.tell(&Event { project: &project, group, name, body: whole }, None);
    }

    /// An archive, broadcast, render or captions have a new status.
    pub(super) fn record_event(&mut self, kind: Kind, record: &Record) {
        let group = match kind {
            Kind::Archive => "archive",
            Kind::Broadcast => "broadcast",
            Kind::Render => "render",
            Kind::Captions => "captions",
            Kind::SipCall | Kind::AudioConnector => return,
        };
        let mut body = record.told();
        if kind == Kind::Captions {
            // Here their id is written without the s.
            body = json!({
                "captionId": record.id(), "sessionId": record.text("sessionId"), "status": record.text("status"),
                "createdAt": record.number("createdAt"), "updatedAt": record.number("updatedAt"),
                "languageCode": record.text("languageCode"), "group": "captions",
                "duration": record.number("updatedAt").saturating_sub(record.number("createdAt")) / 1000,
            });
            set(&mut body, "projectId", record.project.as_str());
        } else {
            set(&mut body, "event", group);
        }
        let event = Event { project: &record.project, group, name: "status", body };
        self.tell(&event, record.status_callback_url.as_deref());
    }

    fn tell(&mut self, event: &Event<'_>, also: Option<&str>) {
        let registered = self.state.callbacks.iter().filter(|callback| event.concerns(callback));
        let mut targets: Vec<_> = registered.map(|c| (c.url.clone(), c.signature_secret.clone())).collect();
        targets.extend(also.map(|url| (url.to_owned(), None)));
        for (url, secret) in targets {
            let id = self.shared.ids.uuid();
            let post = Post::new(id, url, &event.body, event.project, secret.as_deref(), self.now);
            let delivery = post.delivery(event.group, event.name, event.body.clone());
            self.note_delivery(delivery);
            self.outgoing.push(post);
        }
    }
}
