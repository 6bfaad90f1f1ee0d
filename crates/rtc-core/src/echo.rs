//! Secrets of a request that come back in its answer: a refusal that repeats a password, a token or a stream
//! name must not carry it into an error.

use std::borrow::Cow;
use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};

use crate::encode::percent_encode;
use crate::secret::{REDACTED, Secret};

/// What is shorter is not looked for: hiding every `a` of a text would tell that the password is one.
const SHORTEST: usize = 4;

thread_local! {
    /// The secrets that were written out since a request began to be encoded on this thread.
    static WRITTEN: RefCell<Option<Vec<Secret>>> = const { RefCell::new(None) };
    /// The secrets that excerpts of an answer must not show, while a refusal is read on this thread.
    static HIDING: RefCell<Option<Vec<Secret>>> = const { RefCell::new(None) };
}

/// Takes note of a secret that is written out in clear.
pub(crate) fn note(secret: &Secret) {
    WRITTEN.with_borrow_mut(|written| {
        if let Some(written) = written.as_mut().filter(|_| secret.expose().len() >= SHORTEST) {
            written.push(secret.clone());
        }
    });
}

/// The secrets that went out with one request, to be taken out of what comes back. Calls over HTTP do so by themselves;
/// for the messages of a live connection this is the way.
#[derive(Debug, Default)]
pub struct Sent {
    secrets: Vec<Secret>,
    /// Marked as sensitive, so their `Debug` shows nothing. Read only when they are looked for.
    headers: Vec<HeaderValue>,
}

impl Sent {
    /// Runs `encode` and takes note of the secrets that it writes out.
    pub fn during<T>(encode: impl FnOnce() -> T) -> (T, Self) {
        /// Ends the taking of notes even if an encoder panics.
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                WRITTEN.take();
            }
        }
        WRITTEN.set(Some(Vec::new()));
        let _end = End;
        let encoded = encode();
        (encoded, Self { secrets: WRITTEN.take().unwrap_or_default(), headers: Vec::new() })
    }

    /// Takes note of the headers that are marked as sensitive: what a request was authorised with.
    pub(crate) fn note_headers(&mut self, headers: &HeaderMap) {
        self.headers.extend(headers.values().filter(|value| value.is_sensitive()).cloned());
    }

    fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.headers.is_empty()
    }

    /// All of them; of a header what comes after its scheme.
    fn all(&self) -> Vec<Secret> {
        let headers = self.headers.iter().filter_map(|value| value.to_str().ok());
        let credentials = headers.map(|text| text.split_once(' ').map_or(text, |(_, after)| after));
        let credentials = credentials.filter(|text| text.len() >= SHORTEST).map(Secret::new);
        self.secrets.iter().cloned().chain(credentials).collect()
    }

    /// A text of the answer without them.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        hide(&self.all(), text).unwrap_or_else(|| text.to_owned())
    }

    /// What `reject` makes of the answer without them; none when nothing was sent in secret.
    ///
    /// They are looked for twice: in the answer as it came, and in every excerpt that is taken of what was read
    /// from it, since JSON and XML can write a text in more ways than one.
    pub(crate) fn hidden_from<T>(
        &self,
        answer: &Response<Bytes>,
        reject: impl Fn(&Response<Bytes>) -> Option<T>,
    ) -> Option<T> {
        /// Ends the hiding even if `reject` panics.
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                HIDING.take();
            }
        }
        if self.is_empty() {
            return None;
        }
        let secrets = self.all();
        let hidden = hidden_in(&secrets, answer);
        HIDING.set(Some(secrets));
        let _end = End;
        reject(hidden.as_ref().unwrap_or(answer))
    }
}

/// The answer without these; none when it holds none of them.
fn hidden_in(secrets: &[Secret], answer: &Response<Bytes>) -> Option<Response<Bytes>> {
    if answer.body().is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(answer.body());
    let text = if text.contains("\\u") { Cow::Owned(unescaped(&text)) } else { text };
    let text = hide(secrets, &text)?;
    let mut hidden = Response::new(Bytes::from(text.into_bytes()));
    *hidden.status_mut() = answer.status();
    hidden.headers_mut().clone_from(answer.headers());
    Some(hidden)
}

/// The text without what is being hidden now; the same where nothing is.
pub(crate) fn hidden(text: String) -> String {
    HIDING.with_borrow(|hiding| hiding.as_ref().and_then(|secrets| hide(secrets, &text))).unwrap_or(text)
}

fn hide(secrets: &[Secret], text: &str) -> Option<String> {
    let mut forms: Vec<_> = secrets.iter().flat_map(forms).collect();
    // One secret may be a part of another one.
    forms.sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
    let mut text = Cow::Borrowed(text);
    for form in forms {
        if text.contains(form.expose()) {
            text = Cow::Owned(text.replace(form.expose(), REDACTED));
        }
    }
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

/// The text with JSON's `\u003d` written out, as some servers escape more than they must. What JSON itself wants
/// escaped stays so, and it is the same JSON.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        out.push_str(before);
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        match character(after).filter(|_| backslashes.is_multiple_of(2)) {
            Some((plain, tail)) => {
                out.push(plain);
                rest = tail;
            }
            None => {
                out.push_str("\\u");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character whose four digits these are, or twice four with `\u` between them, and what follows.
fn character(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| {
        let digits = text.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (first, mut tail) = (unit(text)?, text.get(4..)?);
    let mut units = vec![first];
    if let Some(second) = tail.strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&first)) {
        units.push(unit(second)?);
        tail = second.get(4..)?;
    }
    let plain = char::decode_utf16(units).next()?.ok()?;
    (!plain.is_control() && !matches!(plain, '"' | '\\')).then_some((plain, tail))
}

/// How a secret may be written in an answer: as it is, in JSON, in XML, in a URL.
fn forms(secret: &Secret) -> impl Iterator<Item = Secret> {
    let plain = secret.expose();
    let json = serde_json::Value::from(plain).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    let slashes = json.replace('/', "\\/");
    let xml = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut url = String::new();
    percent_encode(&mut url, plain);
    [plain.to_owned(), json, slashes, xml, url].into_iter().filter(|form| !form.is_empty()).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Revealed;

    fn sent(secrets: &[&str]) -> Sent {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
        Sent::during(|| serde_json::to_string(&Revealed(&secrets)).unwrap()).1
    }

    fn shown(secrets: &[&str], body: &str) -> String {
        let answer =
            Response::builder().status(400).header("x", "y").body(Bytes::from(body.to_owned())).unwrap();
        let hidden = hidden_in(&sent(secrets).all(), &answer);
        if let Some(hidden) = &hidden {
            assert_eq!((hidden.status().as_u16(), &hidden.headers()["x"]), (400, &"y".parse().unwrap()));
        }
        String::from_utf8(hidden.unwrap_or(answer).into_body().to_vec()).unwrap()
    }

    #[test]
    fn an_echo_is_hidden_however_it_is_written() {
        let secret = "p/ss \"w&rd\"<é>";
        for (body, expected) in [
            ("no p/ss \"w&rd\"<é>, no", "no [redacted], no"),
            (r#"{"m":"p/ss \"w&rd\"<é> p/ss \"w&rd\"<é>"}"#, r#"{"m":"[redacted] [redacted]"}"#),
            (r#"{"m":"p\/ss \"w&rd\"<é>"}"#, r#"{"m":"[redacted]"}"#),
            ("<m>p/ss &quot;w&amp;rd&quot;&lt;é&gt;</m>", "<m>[redacted]</m>"),
            ("?p=p%2Fss%20%22w%26rd%22%3C%C3%A9%3E&", "?p=[redacted]&"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(shown(&[secret], body), expected);
        }
        assert_eq!(shown(&["live", "live_key"], "a live_key b"), "a [redacted] b", "the longer one first");
        assert_eq!(shown(&["", "a", "abc"], "abc a"), "abc a", "too short to be hidden");
        assert!(shown(&["abcdef"], "x").len() == 1 && shown(&[], "x") == "x");
    }

    #[test]
    fn an_echo_is_hidden_however_it_is_escaped() {
        let secret = "QUJDREVGRw+x/y==";
        let echoed = [
            r#"{"m":"bad key QUJDREVGRw+x/y\u003d\u003D"}"#,
            r#"{"m":"bad key \u0051UJDREVGRw\u002Bx\/y=="}"#,
            "<m>bad key QUJDREVGRw&#43;x/y&#61;&#x3d;</m>",
        ];
        for body in echoed {
            let answer = Response::new(Bytes::from(body.to_owned()));
            let read = |answer: &Response<Bytes>| {
                let text = String::from_utf8_lossy(answer.body()).replace("&#43;", "+");
                let text = text.replace("&#61;", "=").replace("&#x3d;", "=").replace("\\/", "/");
                Some(crate::encode::excerpt(text.as_bytes()))
            };
            let told = sent(&[secret]).hidden_from(&answer, read).unwrap();
            assert!(told.contains("bad key [redacted]"), "{told}");
        }
        assert!(HIDING.with_borrow(Option::is_none));
        assert_eq!(hidden(secret.to_owned()), secret, "nothing is being hidden now");
        for (text, plain) in [
            (r"a\u003d\u003D", "a=="),
            (r"\\u003d", r"\\u003d"),
            (r"\\\u003d", r"\\="),
            (r"\u0022\u005c\u000a", r"\u0022\u005c\u000a"),
            (r"\ud83d\ude00x", "\u{1f600}x"),
            (r"\ud83dx", r"\ud83dx"),
            (r"\u00", r"\u00"),
            (r"\u+03d", r"\u+03d"),
            (r"\u00\u{e9}", r"\u00\u{e9}"),
        ] {
            assert_eq!(unescaped(text), plain, "{text}");
        }
    }

    #[test]
    fn only_what_a_request_writes_out_is_noted() {
        let secret = Secret::new("canary");
        let _ = serde_json::to_string(&Revealed(&secret)).unwrap();
        assert!(Sent::during(|| serde_json::to_string(&secret).unwrap()).1.is_empty(), "not in clear");
        assert_eq!(Sent::during(|| serde_json::to_string(&Revealed(&secret)).unwrap()).1.all().len(), 1);
        assert!(Sent::during(|| ()).1.is_empty(), "each request has its own");
        let _ = std::panic::catch_unwind(|| Sent::during(|| panic!("an encoder")));
        assert!(WRITTEN.with_borrow(Option::is_none));
        let not_text = Response::new(Bytes::from_static(b"\xff canary"));
        let hidden = hidden_in(&sent(&["canary"]).all(), &not_text).unwrap();
        assert_eq!(*hidden.body(), "\u{fffd} [redacted]".as_bytes());
    }

    #[test]
    fn what_a_request_was_authorised_with_is_hidden() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("authorization", "Basic dXNlcjprZXk="), ("x-amz-security-token", "FwoGZXIvYXdz")]
        {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let mut sent = Sent::default();
        sent.note_headers(&headers);
        assert_eq!(
            sent.hide("no Basic dXNlcjprZXk=, nor dXNlcjprZXk=, nor FwoGZXIvYXdz for application/json"),
            "no Basic [redacted], nor [redacted], nor [redacted] for application/json"
        );
        assert!(!format!("{sent:?}").contains("FwoG"));
    }
}
