//! Clients coming and going, publishing and falling silent.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::recordings::set;
use super::reply::{Outcome, Refusal, Reply, bad, done, missing, ok, refuse};
use super::state::{Connection, Session, Stream, World};

impl World<'_> {
    /// Lets a client into a session, which must exist.
    pub(super) fn join(&mut self, session_id: &str, connection: Connection) {
        let Some(session) = self.state.sessions.get_mut(session_id) else { return };
        let first = session.connections.is_empty();
        session.empty_since = None;
        session.connections.retain(|known| known.id != connection.id);
        session.connections.push(connection.clone());
        if first {
            self.session_event(session_id, "sessionCreated", json!({}));
        }
        self.session_event(session_id, "connectionCreated", json!({ "connection": told(&connection) }));
    }

    /// A client with a new id.
    pub(super) fn join_anew(&mut self, session_id: &str, data: &str) -> String {
        let id = self.shared.ids.uuid();
        self.join(session_id, Connection { id: id.clone(), created_at: self.now, data: data.to_owned() });
        id
    }

    /// Lets a client that is there publish a stream.
    pub(super) fn publish(&mut self, session_id: &str, stream: Stream) {
        let Some(session) = self.state.sessions.get_mut(session_id) else { return };
        session.silent_since = None;
        session.streams.retain(|known| known.id != stream.id);
        session.streams.push(Stream { muted: session.force_mute || stream.muted, ..stream.clone() });
        let body = self.stream_body(session_id, &stream);
        self.session_event(session_id, "streamCreated", body);
        self.archives_hear_of_a_stream(session_id);
    }

    pub(super) fn publish_anew(
        &mut self,
        session_id: &str,
        connection_id: &str,
        name: &str,
        kind: &str,
    ) -> String {
        let id = self.shared.ids.uuid();
        let stream = Stream {
            id: id.clone(),
            connection_id: connection_id.to_owned(),
            created_at: self.now,
            name: name.to_owned(),
            video_type: kind.to_owned(),
            ..Stream::default()
        };
        self.publish(session_id, stream);
        id
    }

    /// Takes a stream away; false if there is none.
    pub(super) fn unpublish(&mut self, session_id: &str, stream_id: &str, reason: &str) -> bool {
        let now = self.now;
        let Some(session) = self.state.sessions.get_mut(session_id) else { return false };
        let Some(at) = session.streams.iter().position(|stream| stream.id == stream_id) else { return false };
        let stream = session.streams.remove(at);
        if session.streams.is_empty() {
            session.silent_since = Some(now);
        }
        let mut body = self.stream_body(session_id, &stream);
        set(&mut body, "reason", reason);
        self.session_event(session_id, "streamDestroyed", body);
        true
    }

    /// Takes a client and its streams away; false if there is none.
    pub(super) fn leave(&mut self, session_id: &str, connection_id: &str, reason: &str) -> bool {
        let Some(session) = self.state.sessions.get(session_id) else { return false };
        if !session.connections.iter().any(|known| known.id == connection_id) {
            return false;
        }
        let of_it = session.streams.iter().filter(|stream| stream.connection_id == connection_id);
        for stream in of_it.map(|stream| stream.id.clone()).collect::<Vec<_>>() {
            self.unpublish(session_id, &stream, reason);
        }
        let now = self.now;
        let Some(session) = self.state.sessions.get_mut(session_id) else { return false };
        let Some(at) = session.connections.iter().position(|known| known.id == connection_id) else {
            return false;
        };
        let gone = session.connections.remove(at);
        let empty = session.connections.is_empty();
        if empty {
            session.empty_since = Some(now);
        }
        let body = json!({ "connection": told(&gone), "reason": reason });
        self.session_event(session_id, "connectionDestroyed", body);
        self.guest_left(session_id, connection_id, reason);
        if empty {
            self.session_event(session_id, "sessionDestroyed", json!({}));
        }
        true
    }

    fn stream_body(&self, session_id: &str, stream: &Stream) -> Value {
        let session = self.state.sessions.get(session_id);
        let owner = session.and_then(|s| s.connections.iter().find(|c| c.id == stream.connection_id));
        json!({ "stream": {
            "id": stream.id, "createdAt": stream.created_at, "name": stream.name,
            "videoType": stream.video_type, "connection": owner.map(told),
        } })
    }
}

fn told(connection: &Connection) -> Value {
    json!({ "id": connection.id, "createdAt": connection.created_at, "data": connection.data })
}

fn told_stream(stream: &Stream) -> Value {
    json!({
        "id": stream.id, "videoType": stream.video_type, "name": stream.name,
        "layoutClassList": stream.layout_class_list,
    })
}

fn told_streams(session: &Session) -> Value {
    let items: Vec<Value> = session.streams.iter().map(told_stream).collect();
    json!({ "count": items.len(), "items": items })
}

pub(super) fn get_stream(call: &mut Call<'_, '_>) -> Outcome {
    let session = call.session()?;
    let id = call.param("stream_id");
    let stream = session.streams.iter().find(|stream| stream.id == id);
    // The documented status of an invalid stream id; it has nothing to do with time.
    let stream =
        stream.ok_or_else(|| refuse(StatusCode::REQUEST_TIMEOUT, format!("invalid stream id {id:?}")))?;
    ok(told_stream(stream))
}

pub(super) fn list_streams(call: &mut Call<'_, '_>) -> Outcome {
    ok(told_streams(call.session()?))
}

pub(super) fn set_stream_layout_classes(call: &mut Call<'_, '_>) -> Outcome {
    let items = call.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let session = call.session_mut()?;
    let id = |item: &Value| item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    // All or nothing.
    if let Some(unknown) = items.iter().map(id).find(|id| !session.streams.iter().any(|s| s.id == *id)) {
        return Err(missing("stream", &unknown));
    }
    for item in &items {
        let classes = item.get("layoutClassList").and_then(Value::as_array).cloned().unwrap_or_default();
        let classes = classes.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let id = id(item);
        if let Some(stream) = session.streams.iter_mut().find(|stream| stream.id == id) {
            stream.layout_class_list = classes;
        }
    }
    ok(told_streams(session))
}

pub(super) fn list_connections(call: &mut Call<'_, '_>) -> Outcome {
    let session = call.session()?;
    let items: Vec<Value> = session
        .connections
        .iter()
        .map(|c| json!({ "connectionId": c.id, "connectionState": "Connected", "createdAt": c.created_at }))
        .collect();
    let id = call.param("session_id");
    let mut list = json!({ "count": items.len(), "sessionId": id, "items": items });
    set(&mut list, call.project_member(), call.project.as_str());
    ok(list)
}

pub(super) fn force_disconnect(call: &mut Call<'_, '_>) -> Outcome {
    call.session()?;
    let (session, connection) = (call.param("session_id"), call.param("connection_id"));
    if call.world.leave(&session, &connection, "forceDisconnected") {
        done()
    } else {
        Err(missing("connection", &connection))
    }
}

pub(super) fn force_mute_stream(call: &mut Call<'_, '_>) -> Outcome {
    let id = call.param("stream_id");
    let stream = call.session_mut()?.streams.iter_mut().find(|stream| stream.id == id);
    stream.ok_or_else(|| missing("stream", &id))?.muted = true;
    told_project(call)
}

/// Both `force_mute_all` and `disable_force_mute`; the body tells which.
pub(super) fn mute_session(call: &mut Call<'_, '_>) -> Outcome {
    let active = call.body.get("active").and_then(super::truth);
    let active = active.ok_or_else(|| bad("active is required"))?;
    let excluded = call.body.get("excludedStreamIds").and_then(Value::as_array).cloned().unwrap_or_default();
    let session = call.session_mut()?;
    session.force_mute = active;
    // Those that are muted stay so: only their clients can unmute them.
    for stream in
        session.streams.iter_mut().filter(|stream| !excluded.contains(&Value::from(stream.id.as_str())))
    {
        stream.muted |= active;
    }
    told_project(call)
}

/// What both mute calls answer.
fn told_project(call: &Call<'_, '_>) -> Outcome {
    let project =
        call.world.state.projects.get(&call.project).ok_or_else(|| missing("project", &call.project))?;
    ok(json!({
        "applicationId": call.project, "status": project.status, "name": project.name,
        "environment": "standard", "createdAt": project.created_at,
    }))
}

/// The clients that a signal or digits go to; there must be one.
fn check_receivers(call: &Call<'_, '_>) -> Result<(), Refusal> {
    let session = call.session()?;
    let wanted = call.param("connection_id");
    if session.connections.iter().any(|known| wanted.is_empty() || known.id == wanted) {
        return Ok(());
    }
    Err(refuse(StatusCode::NOT_FOUND, "no such client is connected to the session"))
}

pub(super) fn signal(call: &mut Call<'_, '_>) -> Outcome {
    check_receivers(call)?;
    done()
}

pub(super) fn play_dtmf(call: &mut Call<'_, '_>) -> Outcome {
    check_receivers(call)?;
    Ok(Reply::Empty(StatusCode::OK))
}
