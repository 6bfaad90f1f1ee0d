//! What the management API can do to the emulated OpenTok: clients, life cycles, seeds.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::recordings::{map, owner_text, settle_urls};
use super::sessions::owner;
use super::state::{Connection, Kind, Record, Session, State, Stream, World};
use crate::credentials::OPENTOK_API_KEY;
use crate::routing::decode;

type Answer = Result<Value, (StatusCode, String)>;

fn unknown(what: &str, id: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("there is no {what} {id:?}"))
}

fn kind(collection: &str) -> Option<Kind> {
    Some(match collection {
        "archives" => Kind::Archive,
        "broadcasts" => Kind::Broadcast,
        "renders" => Kind::Render,
        "captions" => Kind::Captions,
        _ => return None,
    })
}

impl World<'_> {
    /// One management call, `<collection>/<id>/..`; none for an unknown one.
    pub(super) fn manage(&mut self, method: &Method, path: &str, body: &Value) -> Option<Answer> {
        let segments: Vec<String> = path.split('/').map(|segment| decode(segment, false)).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let post = method == Method::POST;
        Some(match *segments {
            ["sessions", id] if post => self.set_session(id, body),
            ["sessions", id, "connections"] if post => Ok(self.connect(id, body)),
            ["sessions", id, "streams"] if post => self.stream(id, body),
            ["sessions", id, "connections", connection] if method == Method::DELETE => {
                let gone = self.leave(id, connection, "clientDisconnected");
                if gone { Ok(json!({})) } else { Err(unknown("connection", connection)) }
            }
            ["sessions", id, "streams", stream] if method == Method::DELETE => {
                let gone = self.unpublish(id, stream, "clientDisconnected");
                if gone { Ok(json!({})) } else { Err(unknown("stream", stream)) }
            }
            ["callbacks", id] if post => self.set_signature_secret(id, body),
            ["quirks"] if post => serde_json::from_value(body.clone())
                .map(|quirks| {
                    self.state.quirks = quirks;
                    json!(self.state.quirks)
                })
                .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string())),
            [collection, id] if post => self.force(kind(collection)?, id, body),
            _ => return None,
        })
    }

    /// Moves a record on by force.
    fn force(&mut self, kind: Kind, id: &str, body: &Value) -> Answer {
        if !self.state.records(kind).iter().any(|record| record.id() == id) {
            return Err(unknown(kind.name(), id));
        }
        // Records are found by their ids: two of one id could never both come to their end.
        let renamed = ["id", "captionsId"].iter().filter_map(|name| body.get(name)).any(|given| given != id);
        if renamed {
            let message = format!("the id of the {} cannot be changed", kind.name());
            return Err((StatusCode::BAD_REQUEST, message));
        }
        self.change(kind, id, body.clone());
        let record = self.state.records(kind).iter().rev().find(|record| record.id() == id);
        let record = record.cloned().unwrap_or_default();
        if !record.is_active() {
            self.hang_up(kind, id);
        }
        Ok(record.told())
    }

    fn set_session(&mut self, id: &str, body: &Value) -> Answer {
        let mut session = body.clone();
        if session.is_null() {
            session = json!({});
        }
        let session =
            serde_json::from_value(session).map_err(|e| (StatusCode::BAD_REQUEST, e.to_string()))?;
        self.seed_session(id, session);
        Ok(json!(self.state.sessions.get(id)))
    }

    fn connect(&mut self, session_id: &str, body: &Value) -> Value {
        self.ensure_session(session_id);
        let id = text(body, "id").unwrap_or_else(|| self.shared.ids.uuid());
        let data = text(body, "data").unwrap_or_default();
        self.join(session_id, Connection { id: id.clone(), created_at: self.now, data });
        json!({ "session_id": session_id, "connection_id": id })
    }

    fn stream(&mut self, session_id: &str, body: &Value) -> Answer {
        let connection = match text(body, "connection_id") {
            Some(id) if self.knows(session_id, &id) => id,
            Some(id) => return Err(unknown("connection", &id)),
            None => {
                self.ensure_session(session_id);
                self.join_anew(session_id, "")
            }
        };
        let id = text(body, "id").unwrap_or_else(|| self.shared.ids.uuid());
        let stream = Stream {
            id: id.clone(),
            connection_id: connection.clone(),
            created_at: self.now,
            name: text(body, "name").unwrap_or_default(),
            video_type: text(body, "video_type").unwrap_or_else(|| "camera".into()),
            ..Stream::default()
        };
        self.publish(session_id, stream);
        Ok(json!({ "session_id": session_id, "connection_id": connection, "stream_id": id }))
    }

    fn knows(&self, session_id: &str, connection_id: &str) -> bool {
        let session = self.state.sessions.get(session_id);
        session.is_some_and(|session| session.connections.iter().any(|known| known.id == connection_id))
    }

    fn set_signature_secret(&mut self, id: &str, body: &Value) -> Answer {
        let callback = self.state.callbacks.iter_mut().find(|callback| callback.id == id);
        callback.ok_or_else(|| unknown("callback", id))?.signature_secret = text(body, "signature_secret");
        Ok(json!({}))
    }

    /// Takes state in: what is there under the same id is replaced, all else stays.
    pub(super) fn seed(&mut self, mut seed: Value) -> Result<(), String> {
        // Shown, but nothing to be taken in.
        if let Value::Object(seed) = &mut seed {
            seed.remove("deliveries");
        }
        let has_quirks = seed.get("quirks").is_some();
        let mut seed: State = serde_json::from_value(seed).map_err(|error| format!("opentok: {error}"))?;
        for (key, mut project) in std::mem::take(&mut seed.projects) {
            if project.secret.is_empty() && !project.application {
                let known = self.state.projects.get(&key);
                project.secret = known
                    .map(|known| known.secret.clone())
                    .ok_or_else(|| format!("opentok: the project {key} needs a secret"))?;
            }
            if project.status.is_empty() {
                project.status = "ACTIVE".into();
            }
            self.state.projects.insert(key, project);
        }
        for (id, session) in std::mem::take(&mut seed.sessions) {
            self.seed_session(&id, session);
        }
        for kind in Kind::ALL {
            for record in std::mem::take(seed.records_mut(kind)) {
                let record = self.complete(kind, record);
                let records = self.state.records_mut(kind);
                records.retain(|known| known.id() != record.id());
                records.push(record);
            }
        }
        for mut callback in seed.callbacks {
            if callback.project.is_empty() {
                callback.project = OPENTOK_API_KEY.into();
            }
            self.state.callbacks.retain(|known| known.id != callback.id);
            self.state.callbacks.push(callback);
        }
        if has_quirks {
            self.state.quirks = seed.quirks;
        }
        Ok(())
    }

    fn seed_session(&mut self, id: &str, mut session: Session) {
        let now = self.now;
        if session.project.is_empty() {
            let named = owner(id).filter(|key| self.state.projects.contains_key(key));
            session.project = named.unwrap_or_else(|| OPENTOK_API_KEY.into());
        }
        for stream in &mut session.streams {
            if stream.connection_id.is_empty() {
                stream.connection_id = self.shared.ids.uuid();
            }
            if stream.video_type.is_empty() {
                stream.video_type = "camera".into();
            }
            stream.created_at = if stream.created_at == 0 { now } else { stream.created_at };
            if !session.connections.iter().any(|known| known.id == stream.connection_id) {
                let id = stream.connection_id.clone();
                session.connections.push(Connection { id, ..Connection::default() });
            }
        }
        for connection in &mut session.connections {
            connection.created_at = if connection.created_at == 0 { now } else { connection.created_at };
        }
        let since = |empty: bool, at: Option<u64>| empty.then(|| at.filter(|at| *at > 0).unwrap_or(now));
        session.empty_since = since(session.connections.is_empty(), session.empty_since);
        session.silent_since = since(session.streams.is_empty(), session.silent_since);
        self.state.sessions.insert(id.to_owned(), session);
    }

    /// A seeded record with all that was not given.
    fn complete(&mut self, kind: Kind, mut record: Record) -> Record {
        let session = record.text("sessionId").to_owned();
        if record.project.is_empty() {
            let known = self.state.sessions.get(&session).map(|session| session.project.clone());
            record.project = known.unwrap_or_else(|| OPENTOK_API_KEY.into());
        }
        if kind == Kind::Captions
            && let Some(id) = record.facts.remove("id")
        {
            record.facts.insert("captionsId".into(), id);
        }
        let given = Value::Object(record.facts.clone());
        let mut facts: Map<String, Value> = match kind {
            Kind::Archive => self.fresh_archive(&record.project, &session, &given).facts,
            Kind::Broadcast => self.fresh_broadcast(&record.project, &session, &given).facts,
            _ => {
                let id = if kind == Kind::Captions { "captionsId" } else { "id" };
                let mut facts = owner_text(&record.project);
                facts.extend(map(json!({
                    (id): self.shared.ids.uuid(), "status": "started", "createdAt": self.now,
                    "updatedAt": self.now,
                })));
                facts
            }
        };
        facts.append(&mut record.facts);
        record.facts = facts;
        settle_urls(kind, &mut record);
        record
    }
}

fn text(body: &Value, name: &str) -> Option<String> {
    body.get(name)?.as_str().map(str::to_owned)
}
