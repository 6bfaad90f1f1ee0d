//! The management calls of this provider, and its seed.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::relay::{Connected, End};
use super::state::{Channel, Quirks, Stream, World};
use crate::pattern::pattern;

/// What a call answers, or why it does not.
pub(super) type Managed = Result<Value, (StatusCode, String)>;

/// Which connections a call is about: those that fit all that is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    connection_id: Option<String>,
    channel_arn: Option<String>,
    client_id: Option<String>,
    /// MASTER or VIEWER.
    role: Option<String>,
    /// For `close`.
    code: Option<u16>,
    reason: Option<String>,
    /// For `send`: a frame, or the text of one.
    frame: Option<Value>,
    text: Option<String>,
}

impl Selection {
    fn fits(&self, connected: &Connected) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let role = if connected.client_id.is_some() { "VIEWER" } else { "MASTER" };
        same(&self.connection_id, &connected.id)
            && same(&self.channel_arn, &connected.channel_arn)
            && self.client_id.as_ref().is_none_or(|id| connected.client_id.as_ref() == Some(id))
            && self.role.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(role))
    }
}

/// What a seed may hold. What is connected or on its way is shown, but nothing to be taken in.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seed {
    channels: Vec<Channel>,
    streams: BTreeMap<String, Stream>,
    quirks: Option<Quirks>,
    #[serde(rename = "connections")]
    _connections: Value,
    #[serde(rename = "waiting")]
    _waiting: Value,
    #[serde(rename = "messages")]
    _messages: Value,
}

fn bad(error: impl ToString) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

impl World<'_> {
    pub(super) fn manage(&mut self, method: &Method, path: &str, body: &Value) -> Option<Managed> {
        if method == Method::GET {
            let member = match path {
                "channels" | "connections" | "messages" | "quirks" => path,
                _ => return None,
            };
            let mut told = self.told();
            return told.get_mut(member).map(|member| Ok(json!({ path: member.take() })));
        }
        if method != Method::POST {
            return None;
        }
        Some(match path {
            "channels" => read(body)
                .and_then(|channel| self.add(channel).map_err(bad))
                .map(|arn| json!({ "channel_arn": arn })),
            "streams" => read(body).map(|streams: BTreeMap<String, Stream>| {
                self.state.streams.extend(streams);
                json!({ "streams": self.state.streams })
            }),
            "quirks" => read(body).map(|quirks| {
                self.set_quirks(quirks);
                json!({ "quirks": self.state.quirks })
            }),
            "go_away" => self.each(body, |world, id, _| {
                world.announce(id, json!({ "messageType": "GO_AWAY" }).to_string(), true);
            }),
            "reconnect_ice_server" => self.each(body, |world, id, _| {
                world.tell(id, json!({ "messageType": "RECONNECT_ICE_SERVER" }).to_string());
            }),
            "send" => self.each(body, |world, id, selection| {
                let frame = selection.frame.as_ref().map(Value::to_string);
                world.tell(id, selection.text.clone().or(frame).unwrap_or_default());
            }),
            "close" => self.each(body, |world, id, selection| {
                let (code, reason) = (selection.code.unwrap_or(1001), selection.reason.clone());
                world.end(id, End::Close(code, reason.unwrap_or_else(|| "Going away".into())));
            }),
            "drop" => self.each(body, |world, id, _| world.end(id, End::Drop)),
            _ => return None,
        })
    }

    /// Does something with every connection that the body selects, and tells which they were.
    fn each(&mut self, body: &Value, act: impl Fn(&mut Self, &str, &Selection)) -> Managed {
        let body = if body.is_null() { json!({}) } else { body.clone() };
        let selection: Selection = read(&body)?;
        let all = self.state.connections.values();
        let ids: Vec<String> =
            all.filter(|connected| selection.fits(connected)).map(|connected| connected.id.clone()).collect();
        if ids.is_empty() {
            return Err((StatusCode::NOT_FOUND, "there is no such connection".into()));
        }
        ids.iter().for_each(|id| act(self, id, &selection));
        Ok(json!({ "connections": ids }))
    }

    /// Sets the quirks; what the old ones held back goes out.
    fn set_quirks(&mut self, quirks: Quirks) {
        self.state.quirks = quirks;
        self.state.connections.values_mut().for_each(Connected::release);
    }

    /// Adds a channel, or replaces it. It gives its ARN or its name.
    fn add(&mut self, mut channel: Channel) -> Result<String, String> {
        if channel.channel_arn.is_empty() {
            if channel.channel_name.is_empty() {
                return Err("give channel_arn or channel_name".into());
            }
            channel.channel_arn = self.arn(&channel.channel_name);
        }
        let arn = channel.channel_arn.clone();
        if !pattern("channel_arn", &arn) {
            return Err(format!("{arn:?} is no ARN of a channel"));
        }
        if channel.channel_name.is_empty() {
            channel.channel_name = Channel::named(&arn).channel_name;
        }
        if channel.version.is_empty() {
            channel.version = self.version();
        }
        if channel.created_at == 0 {
            // The ARN ends with it.
            channel.created_at = arn.rsplit('/').next().and_then(|at| at.parse().ok()).unwrap_or(self.now);
        }
        if let Some(stream) = &channel.stream_arn {
            self.state.streams.entry(stream.clone()).or_default();
        }
        self.state.channels.insert(arn.clone(), channel);
        Ok(arn)
    }

    /// Takes state in: what is there under the same ARN is replaced, all else stays.
    pub(super) fn seed(&mut self, seed: Value) -> Result<(), String> {
        let seed: Seed = serde_json::from_value(seed).map_err(|error| error.to_string())?;
        self.state.streams.extend(seed.streams);
        seed.channels.into_iter().try_for_each(|channel| self.add(channel).map(drop))?;
        if let Some(quirks) = seed.quirks {
            self.set_quirks(quirks);
        }
        Ok(())
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, (StatusCode, String)> {
    T::deserialize(body).map_err(bad)
}
