//! Building requests and reading JSON answers; what generated operations call.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use url::Url;

use crate::error::{DecodeError, EncodeError};
use crate::secret::{Revealed, Secret};
use crate::wire::Objects;

/// Builds one HTTP request. The first fault is kept and told by [`RequestBuilder::build`].
///
/// Its `Debug` shows no content: paths, headers and bodies hold credentials.
pub struct RequestBuilder {
    method: Method,
    url: String,
    has_query: bool,
    headers: HeaderMap,
    body: Bytes,
    fault: Option<EncodeError>,
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("method", &self.method)
            .field("url_bytes", &self.url.len())
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .field("failed", &self.fault.is_some())
            .finish()
    }
}

impl RequestBuilder {
    /// Starts at the base URL, whose path prefix is kept.
    #[must_use]
    pub fn new(method: Method, base: &Url) -> Self {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut url = String::with_capacity(base.as_str().len() + 64);
        url.push_str(base.as_str().trim_end_matches('/'));
        Self { method, url, has_query: false, headers, body: Bytes::new(), fault: None }
    }

    /// Starts at a whole URL, as it is. Whoever has it must have checked it.
    #[must_use]
    pub fn to(method: Method, url: &str) -> Self {
        let (url, _) = url.split_once('#').unwrap_or((url, ""));
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let has_query = url.contains('?');
        Self { method, url: url.trim().to_owned(), has_query, headers, body: Bytes::new(), fault: None }
    }

    /// Appends a literal piece of the path, as it is.
    #[must_use]
    pub fn path(mut self, literal: &str) -> Self {
        self.url.push_str(literal);
        self
    }

    /// Appends a value as one percent-encoded path segment.
    #[must_use]
    pub fn segment(mut self, value: &str) -> Self {
        percent_encode(&mut self.url, value);
        self
    }

    /// Appends a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        percent_encode(&mut self.url, name);
        self.url.push('=');
        percent_encode(&mut self.url, value);
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(HeaderName::from_static(name), value);
            }
            Err(_) => self.fail(format!("header {name} holds a character that no header may hold")),
        }
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: JsonObject) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match body.finish() {
            Ok(bytes) => self.body = bytes,
            Err(error) => self.fail(error.to_string()),
        }
        self
    }

    /// Sets a form body.
    #[must_use]
    pub fn form(mut self, body: FormBody) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body = Bytes::from(body.0.into_bytes());
        self
    }

    /// Sets a session description as the body.
    #[must_use]
    pub fn sdp(mut self, description: &str) -> Self {
        let sdp = HeaderValue::from_static("application/sdp");
        self.headers.insert(ACCEPT, sdp.clone());
        self.headers.insert(CONTENT_TYPE, sdp);
        self.body = Bytes::copy_from_slice(description.as_bytes());
        self
    }

    fn fail(&mut self, message: String) {
        self.fault.get_or_insert_with(|| EncodeError::new(message));
    }

    /// The request.
    ///
    /// # Errors
    /// The first fault.
    pub fn build(self) -> Result<Request<Bytes>, EncodeError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() =
            self.url.parse().map_err(|_| EncodeError::new("the URL is too long or not valid"))?;
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

/// Appends `text`, everything but the unreserved characters of RFC 3986 percent-encoded.
pub fn percent_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A JSON object written member by member, without an intermediate value. Its `Debug` shows no content.
pub struct JsonObject {
    out: Vec<u8>,
    fault: Option<serde_json::Error>,
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonObject")
            .field("bytes", &self.out.len())
            .field("failed", &self.fault.is_some())
            .finish()
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self::new()
    }
}

impl JsonObject {
    /// An empty object.
    #[must_use]
    pub fn new() -> Self {
        let mut out = Vec::with_capacity(128);
        out.push(b'{');
        Self { out, fault: None }
    }

    /// An object written at the end of `out`, where it is a part of a larger message.
    #[must_use]
    pub fn append_to(mut out: Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, fault: None }
    }

    /// What was there before, with the object behind it.
    ///
    /// # Errors
    /// When a member could not be written.
    pub fn into_vec(self) -> Result<Vec<u8>, EncodeError> {
        self.closed().map_err(|error| EncodeError::new(error.to_string()))
    }

    /// Adds a member; secrets inside are written in clear, as this is the wire.
    #[must_use]
    pub fn member<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        // No value ends with the brace that opens the object.
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        let written = serde_json::to_writer(&mut self.out, name).and_then(|()| {
            self.out.push(b':');
            serde_json::to_writer(&mut self.out, &Revealed(value))
        });
        if let Err(error) = written {
            self.fault.get_or_insert(error);
        }
        self
    }

    /// Adds a member if there is a value.
    #[must_use]
    pub fn optional<T: Serialize>(self, name: &str, value: Option<&T>) -> Self {
        match value {
            Some(value) => self.member(name, value),
            None => self,
        }
    }

    /// Adds the members of another object, if there is one; anything but an object has none.
    #[must_use]
    pub fn members(self, object: Option<&serde_json::Value>) -> Self {
        let members = object.and_then(serde_json::Value::as_object).into_iter().flatten();
        members.fold(self, |object, (name, value)| object.member(name, value))
    }

    /// The object as a value, secrets in clear: for the messages of a live connection.
    ///
    /// # Errors
    /// When a member could not be written.
    pub fn into_value(self) -> Result<serde_json::Value, EncodeError> {
        let read = self.closed().and_then(|bytes| serde_json::from_slice(&bytes));
        read.map_err(|error| EncodeError::new(error.to_string()))
    }

    fn finish(self) -> Result<Bytes, serde_json::Error> {
        self.closed().map(Bytes::from)
    }

    fn closed(mut self) -> Result<Vec<u8>, serde_json::Error> {
        self.out.push(b'}');
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.out),
        }
    }
}

/// A value as JSON, secrets in clear: for the messages of a live connection.
///
/// # Errors
/// When it cannot be written.
pub fn json_value<T: Serialize + ?Sized>(value: &T) -> Result<serde_json::Value, EncodeError> {
    serde_json::to_value(Revealed(value)).map_err(|error| EncodeError::new(error.to_string()))
}

/// A form body (`application/x-www-form-urlencoded`). Its `Debug` shows no content.
#[derive(Default)]
pub struct FormBody(String);

impl fmt::Debug for FormBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormBody").field("bytes", &self.0.len()).finish()
    }
}

impl FormBody {
    /// An empty form.
    #[must_use]
    pub fn new() -> Self {
        Self(String::new())
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
        self.0.push('=');
        self.0.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        self
    }
}

/// A value as the text of a form field, a query parameter or a path segment.
pub trait WireText {
    /// The text.
    fn wire_text(&self) -> String;
}

macro_rules! wire_text {
    ($($t:ty),*) => {$(impl WireText for $t { fn wire_text(&self) -> String { self.to_string() } })*};
}
wire_text!(str, String, bool, u32, u64, i64, f64);

impl WireText for Secret {
    fn wire_text(&self) -> String {
        crate::echo::note(self);
        self.expose().to_owned()
    }
}

/// Serialises a number as text, for wire fields that hold numbers in strings.
///
/// # Errors
/// Never of its own.
pub fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Reads a JSON answer; a byte order mark in front of it is skipped. A structure is read from an object only.
///
/// # Errors
/// When it is not JSON of this shape. Values are not quoted in the message.
pub fn decode_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(without_bom(body));
    let value =
        T::deserialize(Objects(&mut deserializer)).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|e| DecodeError::json(&e))
}

/// The longest word that may stand for nothing: `Accepted`, `deleted`.
const LONGEST_WORD: usize = 16;

/// Reads the answer of a call that tells nothing: no body, any JSON value, or one word of plain text, of 16 characters at
/// most (servers on Express answer a bare status with its name). Anything else, such as the page of a proxy, is not from the service, and so does
/// not show that the call was done.
///
/// # Errors
/// When it is something else.
pub fn decode_nothing(response: &Response<Bytes>) -> Result<(), DecodeError> {
    let body = without_bom(response.body()).trim_ascii();
    let is_word = || body.len() <= LONGEST_WORD && body.iter().all(u8::is_ascii_alphanumeric);
    if body.is_empty() || (media_type(response) == "text/plain" && is_word()) {
        return Ok(());
    }
    decode_json::<IgnoredAny>(body).map(drop)
}

/// The type of an answer in lower case, without parameters; empty where there is none.
#[must_use]
pub fn media_type(response: &Response<Bytes>) -> String {
    let value =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body without a UTF-8 byte order mark.
#[must_use]
pub fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// An excerpt of a body for an error: at most 2 KiB of text, control characters replaced, whatever looks like
/// a credential hidden.
#[must_use]
pub fn excerpt(body: &[u8]) -> String {
    const LIMIT: usize = 2048;
    // Scrubbed before it is cut: half a credential is harder to know for one. The window is larger, as
    // hiding shortens the text.
    const WINDOW: usize = 4 * LIMIT;
    let window = body.get(..WINDOW).unwrap_or(body);
    let text = String::from_utf8_lossy(window);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut text = crate::echo::hidden(hide(text.trim(), window.len() < body.len()));
    let mut end = LIMIT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// What credentials begin with; what follows, up to a character that no token has, is hidden.
const MARKS: &[&str] = &["Bearer ", "Basic ", "T1==", "eyJ"];

/// Hides what looks like a credential: JSON Web Tokens, T1 tokens, `Bearer` and `Basic` values.
#[must_use]
pub fn scrub(text: &str) -> String {
    hide(text, false)
}

/// As [`scrub`]; where the text was `cut` off, what reaches its end is hidden however short it is.
fn hide(text: &str, cut: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let (before, after) = rest.split_at(at + mark.len());
        out.push_str(before);
        let end = credential_length(after);
        // A word that only happens to follow is short; a credential is not.
        if end >= 16 || (cut && end == after.len()) {
            out.push_str(crate::secret::REDACTED);
            rest = after.get(end..).unwrap_or_default();
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// How many bytes at the start may belong to a credential, also where JSON escapes or a URL encodes them.
fn credential_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        let plain = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_.~+/=:%".contains(c));
        // `\/` and `\u002b`: the rest of the latter is plain again.
        match plain.strip_prefix("\\/").or_else(|| plain.strip_prefix("\\u00")) {
            Some(after) => rest = after,
            None => return text.len() - plain.len(),
        }
    }
}

#[cfg(test)]
mod tests;
