//! Secrets of a request that come back in its answer: a refusal that repeats a password, a token or a stream
//! name must not carry it into an error.

use std::borrow::Cow;
use std::cell::RefCell;

use bytes::Bytes;
use http::Response;

use crate::encode::percent_encode;
use crate::secret::{REDACTED, Secret};

/// What is shorter is not looked for: hiding every `a` of a text would tell that the password is one.
const SHORTEST: usize = 4;

thread_local! {
    /// The secrets that were written out since a request began to be encoded on this thread.
    static WRITTEN: RefCell<Option<Vec<Secret>>> = const { RefCell::new(None) };
}

/// Takes note of a secret that is written out in clear.
pub(crate) fn note(secret: &Secret) {
    WRITTEN.with_borrow_mut(|written| {
        if let Some(written) = written.as_mut().filter(|_| secret.expose().len() >= SHORTEST) {
            written.push(secret.clone());
        }
    });
}

/// The secrets that went out with one request.
#[derive(Debug, Default)]
pub(crate) struct Sent(Vec<Secret>);

impl Sent {
    /// Runs `encode` and takes note of the secrets that it writes out.
    pub(crate) fn during<T>(encode: impl FnOnce() -> T) -> (T, Self) {
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
        (encoded, Self(WRITTEN.take().unwrap_or_default()))
    }

    /// The answer without them; none when it holds none of them.
    pub(crate) fn hidden_in(&self, answer: &Response<Bytes>) -> Option<Response<Bytes>> {
        if self.0.is_empty() || answer.body().is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(answer.body());
        let text = self.hide(&text)?;
        let mut hidden = Response::new(Bytes::from(text.into_bytes()));
        *hidden.status_mut() = answer.status();
        hidden.headers_mut().clone_from(answer.headers());
        Some(hidden)
    }

    fn hide(&self, text: &str) -> Option<String> {
        let mut forms: Vec<_> = self.0.iter().flat_map(forms).collect();
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
        let hidden = sent(secrets).hidden_in(&answer);
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
    fn only_what_a_request_writes_out_is_noted() {
        let secret = Secret::new("canary");
        let _ = serde_json::to_string(&Revealed(&secret)).unwrap();
        assert!(Sent::during(|| serde_json::to_string(&secret).unwrap()).1.0.is_empty(), "not in clear");
        assert_eq!(Sent::during(|| serde_json::to_string(&Revealed(&secret)).unwrap()).1.0.len(), 1);
        assert!(Sent::during(|| ()).1.0.is_empty(), "each request has its own");
        let _ = std::panic::catch_unwind(|| Sent::during(|| panic!("an encoder")));
        assert!(WRITTEN.with_borrow(Option::is_none));
        let not_text = Response::new(Bytes::from_static(b"\xff canary"));
        let hidden = sent(&["canary"]).hidden_in(&not_text).unwrap();
        assert_eq!(*hidden.body(), "\u{fffd} [redacted]".as_bytes());
    }
}
