//! Reads what the service answers: sessions, refusals, and what has more than one form.

use quick_xml::Reader;
use quick_xml::encoding::Decoder;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use rtc_core::encode::{decode_json, excerpt, media_type, without_bom};
use rtc_core::http::{Response, StatusCode, Uri};
use rtc_core::wire::{As, Lenient};
use rtc_core::{Bytes, DecodeError, Operation};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::OpenTokError;
use crate::model::Session;
use crate::operation::{CreateSession, Project, Refusal, RtmpTarget};

/// Whether the body is XML, by its content type or its first character: the service labels it as it likes, and
/// JSON never begins so.
fn is_xml(response: &Response<Bytes>) -> bool {
    media_type(response).contains("xml") || without_bom(response.body()).trim_ascii_start().starts_with(b"<")
}

/// Reads the answer of a call that tells nothing. The service has been seen to send XML beside a signal that was sent, even
/// one that looks like a refusal: the status counts.
pub(crate) fn decode_nothing<O>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<(), DecodeError> {
    match media_type(response).as_str() {
        "application/xml" | "text/xml" => Ok(()),
        _ => rtc_core::encode::decode_nothing(response),
    }
}

/// Reads the sessions of an answer: JSON, or XML where the service chose it. Exactly one is expected.
pub(crate) fn decode_session(
    _operation: &CreateSession,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<Session, DecodeError> {
    let mut sessions: Vec<Session> =
        if is_xml(response) { xml_sessions(response.body())? } else { decode_json(response.body())? };
    match (sessions.pop(), sessions.is_empty()) {
        (Some(session), true) if !session.session_id.is_empty() => Ok(session),
        (None, _) => Err(DecodeError::new("it holds no session")),
        (Some(_), true) => Err(DecodeError::new("the session has no id")),
        (Some(_), false) => Err(DecodeError::new("it holds more than one session")),
    }
}

fn xml_sessions(body: &[u8]) -> Result<Vec<Session>, DecodeError> {
    let broken = || DecodeError::new("it is not well-formed XML");
    let mut reader = Reader::from_reader(without_bom(body));
    let mut sessions = Vec::new();
    let mut current: Option<Session> = None;
    let (mut member, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().map_err(|_| broken())? {
            Event::Start(tag) if tag.name().as_ref() == b"Session" => current = Some(empty_session()),
            Event::Start(tag) => {
                member = tag.name().as_ref().to_vec();
                text.clear();
            }
            // One text comes in pieces: comments cut it.
            Event::Text(piece) => text.push_str(&piece.decode().map_err(|_| broken())?),
            Event::End(tag) if tag.name().as_ref() == b"Session" => sessions.extend(current.take()),
            Event::End(_) => {
                let value = Some(text.trim()).filter(|value| !value.is_empty()).map(str::to_owned);
                match (&mut current, member.as_slice(), value) {
                    (Some(session), b"session_id", Some(value)) => session.session_id = value,
                    (Some(session), b"partner_id", Some(value)) => session.partner_id = Some(value),
                    (Some(session), b"create_dt", Some(value)) => session.create_dt = Some(value),
                    _ => {}
                }
                member.clear();
                text.clear();
            }
            // Entities and document types have no place here; nothing is ever expanded.
            Event::DocType(_) | Event::GeneralRef(_) => return Err(broken()),
            Event::Eof => return if current.is_none() { Ok(sessions) } else { Err(broken()) },
            _ => {}
        }
    }
}

fn empty_session() -> Session {
    Session {
        session_id: String::new(),
        project_id: None,
        partner_id: None,
        application_id: None,
        create_dt: None,
        media_server_url: None,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDocument {
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    code: Option<i64>,
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    message: Option<String>,
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    description: Option<String>,
}

/// The refusal that an answer is: by its status, or an XML `<error>` inside a success.
pub(crate) fn refusal(operation: &'static str, response: &Response<Bytes>) -> Option<OpenTokError> {
    let mut status = response.status();
    // Under a success only the one error document counts that this one call is known to give: others were seen
    // beside answers that had done their work.
    if status.is_success() && operation != CreateSession::META.name {
        return None;
    }
    let document = if is_xml(response) { xml_error(response.body()) } else { None };
    if status.is_success() {
        let document = document.as_ref()?;
        let code = document.code.and_then(|c| u16::try_from(c).ok());
        let named = code.and_then(|c| StatusCode::from_u16(c).ok());
        // A code that is no status of a refusal tells nothing about its kind.
        let refuses = named.filter(|s| s.is_client_error() || s.is_server_error());
        status = refuses.unwrap_or(StatusCode::BAD_REQUEST);
    }
    let document =
        document.or_else(|| serde_json::from_slice(without_bom(response.body())).ok()).unwrap_or_default();
    Some(OpenTokError::Api {
        operation,
        refusal: Refusal::of(operation, status.as_u16()),
        status,
        code: document.code,
        message: excerpt(document.message.or(document.description).unwrap_or_default().as_bytes()),
        body: excerpt(response.body()),
    })
}

/// Reads `<error code=".."><x message=".."/></error>` and `<errorPayload><code/><message/></errorPayload>`.
fn xml_error(body: &[u8]) -> Option<ErrorDocument> {
    let mut reader = Reader::from_reader(without_bom(body));
    let mut found: Option<ErrorDocument> = None;
    let (mut member, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                read_attributes(&mut found, &tag, reader.decoder());
                member = tag.name().as_ref().to_vec();
                text.clear();
            }
            Event::Empty(tag) => read_attributes(&mut found, &tag, reader.decoder()),
            // One text comes in pieces: entities, comments and CDATA cut it.
            Event::Text(piece) => text.push_str(&piece.decode().ok()?),
            Event::CData(piece) => text.push_str(&piece.decode().ok()?),
            Event::GeneralRef(name) => text.push_str(&entity(&name)?),
            Event::End(_) => {
                let value = Some(text.trim()).filter(|value| !value.is_empty());
                match (&mut found, member.as_slice(), value) {
                    (Some(document), b"code", Some(value)) => document.code = value.parse().ok(),
                    (Some(document), b"message", Some(value)) => document.message = Some(value.to_owned()),
                    _ => {}
                }
                // What follows belongs to the element around.
                member.clear();
                text.clear();
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// Takes in what the attributes of an error's elements tell; the first of each name counts.
fn read_attributes(found: &mut Option<ErrorDocument>, tag: &BytesStart<'_>, decoder: Decoder) {
    if matches!(tag.name().as_ref(), b"error" | b"errorPayload") {
        found.get_or_insert_default();
    }
    if let Some(document) = found {
        document.code = document.code.or_else(|| attribute(tag, "code", decoder)?.trim().parse().ok());
        document.message = document.message.take().or_else(|| attribute(tag, "message", decoder));
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str, decoder: Decoder) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    match attribute.decode_and_unescape_value(decoder) {
        Ok(value) => Some(value.into_owned()),
        // With an entity that XML does not know: as it stands.
        Err(_) => Some(String::from_utf8_lossy(&attribute.value).into_owned()),
    }
}

/// The character of a reference; one that XML does not know stays as it stands, nothing is looked up.
fn entity(name: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = name.resolve_char_ref().ok()? {
        return Some(character.into());
    }
    let name = name.decode().ok()?;
    Some(resolve_predefined_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned))
}

/// Reads what is told about a project; some calls answer with nothing where others tell about it.
pub(crate) fn decode_project<O>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<Project, DecodeError> {
    let body = without_bom(response.body()).trim_ascii();
    decode_json(if matches!(body, b"" | b"null") { b"{}" } else { body })
}

/// Reads RTMP outputs: a list, or an object whose names are their ids. The order is that of the answer.
pub(crate) fn rtmp_targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RtmpTarget>, D::Error> {
    struct Targets;

    impl<'de> Visitor<'de> for Targets {
        type Value = Vec<RtmpTarget>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list or an object of RTMP outputs")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut targets = Vec::new();
            while let Some(target) = list.next_element::<Option<RtmpTarget>>()? {
                targets.extend(target);
            }
            Ok(targets)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut targets = Vec::new();
            while let Some((id, target)) = map.next_entry::<String, Option<RtmpTarget>>()? {
                targets.extend(target.map(|target| RtmpTarget { id: target.id.or(Some(id)), ..target }));
            }
            Ok(targets)
        }
    }

    deserializer.deserialize_any(Targets)
}
