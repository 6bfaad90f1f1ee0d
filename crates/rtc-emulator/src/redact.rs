//! Hides what is secret, by its name or by its looks, and cuts what is long.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt::{self, Write as _},
    sync::LazyLock,
};

use http::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::{
    routing::pairs,
    spec::{Field, Route},
};

/// Stands for a secret.
pub const REDACTED: &str = "[redacted]";
/// How much of a path, a value or a body is kept, in bytes.
pub(crate) const LIMIT: usize = 4096;

/// A text as long as it may be kept.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > LIMIT {
        text.truncate(text.floor_char_boundary(LIMIT));
    }
    text
}

/// A name without case and punctuation, which differ between headers, members and parameters. Most fit in `space`.
fn plain<'a>(name: &str, space: &'a mut [u8; 64]) -> Cow<'a, [u8]> {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    if name.len() > space.len() {
        return Cow::Owned(letters.collect());
    }
    let mut length = 0;
    for (place, letter) in space.iter_mut().zip(letters) {
        *place = letter;
        length += 1;
    }
    Cow::Borrowed(space.get(..length).unwrap_or_default())
}

/// The tables of the built-in providers.
fn tables() -> Vec<&'static [Route]> {
    vec![
        #[cfg(feature = "enablex")]
        crate::generated::enablex::ROUTES,
        #[cfg(feature = "enablex")]
        crate::generated::enablex::METHODS,
        #[cfg(feature = "opentok")]
        crate::generated::opentok::ROUTES,
        #[cfg(feature = "sora-rpc")]
        crate::generated::sora_rpc::METHODS,
        #[cfg(feature = "mediasfu")]
        crate::generated::mediasfu::ROUTES,
        #[cfg(feature = "mediasfu")]
        crate::generated::mediasfu::METHODS,
        #[cfg(feature = "kvs-signaling")]
        crate::generated::kvs_signaling::ROUTES,
    ]
}

/// The names of all secret fields, at any depth.
fn secret_names() -> BTreeSet<&'static str> {
    fn walk(fields: &'static [Field], out: &mut BTreeSet<&'static str>) {
        for field in fields {
            if field.secret {
                out.insert(field.wire);
            }
            walk(field.fields, out);
        }
    }
    let mut names = BTreeSet::new();
    tables().into_iter().flatten().for_each(|route| walk(route.fields, &mut names));
    names
}

/// The names that the specification says are secret, as [`plain`] writes them.
static SPECIFIED: LazyLock<BTreeSet<Vec<u8>>> =
    LazyLock::new(|| secret_names().into_iter().map(|name| plain(name, &mut [0; 64]).into_owned()).collect());

/// Whether a member, parameter or header of this name holds a secret: by the specification, and by what
/// such names look like elsewhere. Rather one too many.
fn is_secret(name: &str) -> bool {
    const PARTS: [&[u8]; 10] = [
        b"secret",
        b"password",
        b"passcode",
        b"token",
        b"credential",
        b"securecode",
        b"signature",
        b"authorization",
        b"opentokauth",
        // The page of a MediaSFU room ends with its secret.
        b"publicurl",
    ];
    let mut space = [0; 64];
    let name = plain(name, &mut space);
    // This is asked of every header and member of every call: no searcher is built for so short a text.
    let alike = || {
        (0..name.len())
            .any(|at| name.get(at..).is_some_and(|rest| PARTS.iter().any(|part| rest.starts_with(part))))
    };
    // Of a room that people dial in to, and of a call that is to be returned.
    let pin = matches!(&*name, b"pin" | b"callbackpin");
    pin || name.ends_with(b"key") || name.ends_with(b"cookie") || alike() || SPECIFIED.contains(&*name)
}

/// Whether a value is a token whatever its member is called: a JWT, an OpenTok token.
fn looks_secret(value: &str) -> bool {
    value.starts_with("T1==") || (value.starts_with("eyJ") && value.matches('.').count() == 2)
}

pub(crate) fn redact_pairs(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let hide = |(name, value): (String, String)| {
        let value = if is_secret(&name) || looks_secret(&value) { REDACTED.to_owned() } else { value };
        (name, value)
    };
    pairs.into_iter().map(hide).collect()
}

pub(crate) fn redact_header(name: &str, value: &[u8]) -> (String, String) {
    let value = String::from_utf8_lossy(value).into_owned();
    let value = match value.split_once(' ') {
        // Which scheme was used is no secret and often the mistake looked for.
        Some((scheme, _)) if name == "authorization" => format!("{scheme} {REDACTED}"),
        _ if is_secret(name) || looks_secret(&value) => REDACTED.to_owned(),
        _ => cut(value),
    };
    (name.to_owned(), value)
}

/// Hides what is secret by its name or by its looks, at any depth.
pub(crate) fn redact_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) && !member.is_null() {
                    *member = REDACTED.into();
                } else {
                    redact_json(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::String(text) if looks_secret(text) => *text = REDACTED.into(),
        _ => {}
    }
}

/// A body as it may be shown. What cannot be understood cannot be redacted: only its size is told.
pub(crate) fn redact_body(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let shown = if let Some(shown) = rewritten(body) {
        shown
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs = redact_pairs(pairs(&String::from_utf8_lossy(body)));
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    } else {
        format!("[{} bytes, {}]", body.len(), if kind.is_empty() { "no content type" } else { kind })
    };
    Some(cut(shown))
}

/// JSON without its secrets, as far as it is kept; none if it is no JSON so far.
fn rewritten(body: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(body.len().min(LIMIT));
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Rewrite(&mut out).deserialize(&mut reader).and_then(|()| reader.end());
    (read.is_ok() || out.len() > LIMIT).then_some(out)
}

/// Writes JSON down while it is read, without what is secret, until there is more than is kept. Nothing is built in
/// between: that would take longer than most answers.
struct Rewrite<'a>(&'a mut String);

impl Rewrite<'_> {
    fn text(self, text: &str) {
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            let _ = write!(self.0, "{}", Value::from(text));
        }
    }

    fn value<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        write!(self.0, "{value}").map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Rewrite<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.0.len() > LIMIT {
            return Err(D::Error::custom("the rest is not kept"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rewrite<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.value("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.value(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.value(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.value(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.value(Value::from(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(if looks_secret(text) { REDACTED } else { text });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let mut gap = "";
        loop {
            let before = self.0.len();
            self.0.push_str(gap);
            if items.next_element_seed(Rewrite(self.0))?.is_none() {
                self.0.truncate(before);
                break;
            }
            gap = ",";
        }
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.push('{');
        let mut gap = "";
        loop {
            let before = self.0.len();
            self.0.push_str(gap);
            let Some(secret) = members.next_key_seed(Name(self.0))? else {
                self.0.truncate(before);
                break;
            };
            gap = ",";
            self.0.push(':');
            if secret {
                let is_set = members.next_value::<Option<IgnoredAny>>()?.is_some();
                self.0.push_str(if is_set { "\"[redacted]\"" } else { "null" });
            } else {
                members.next_value_seed(Rewrite(self.0))?;
            }
        }
        self.0.push('}');
        Ok(())
    }
}

/// The name of a member: writes it down, and tells whether its value is secret.
struct Name<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Rewrite(self.0).text(name);
        Ok(is_secret(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_field_of_every_table_is_hidden() {
        let names = secret_names();
        #[cfg(feature = "mediasfu")]
        assert!(names.contains("adminPasscode") && names.contains("secureCode"), "{names:?}");
        for name in names {
            let body = serde_json::json!({ "outer": [{ name: "canary" }] }).to_string();
            let shown = redact_body(&HeaderMap::new(), body.as_bytes()).unwrap();
            assert!(!shown.contains("canary"), "{shown}");
            let shown = redact_pairs(vec![(name.to_owned(), "canary".to_owned())]);
            assert_eq!(shown, [(name.to_owned(), REDACTED.to_owned())]);
        }
        assert!(is_secret("adminPasscode") && is_secret("admin_passcode"), "by its looks, too");
    }

    #[test]
    fn bodies_are_cut_and_forms_understood() {
        let mut headers = HeaderMap::new();
        assert_eq!(redact_body(&headers, b"{canary").as_deref(), Some("[7 bytes, no content type]"));
        assert_eq!(
            redact_body(&headers, format!("\"{}\"", "é".repeat(4000)).as_bytes()).map(|b| b.len()),
            Some(4095)
        );
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        assert_eq!(redact_body(&headers, b"a=1&secret=canary").as_deref(), Some("a=1&secret=[redacted]"));
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was() {
        let shown = |body: &str| redact_body(&HeaderMap::new(), body.as_bytes()).unwrap();
        for body in [
            r#"{"b":[1,-2,3.5,1e+300,true,null,{},[]],"a":{"c":"d","e":[{"f":"g"},"h"]}}"#,
            r#"["quoted \" and \\ and \n and \u0001 and é"]"#,
            r#"{"\"":18446744073709551615}"#,
            "null",
        ] {
            assert_eq!(shown(body), body);
        }
        assert_eq!(shown(" { \"a\" : [ 1 , 2 ] } "), r#"{"a":[1,2]}"#);
        assert_eq!(
            shown(r#"{"token":[{"a":1}],"secret":null,"key":7}"#),
            r#"{"token":"[redacted]","secret":null,"key":"[redacted]"}"#
        );
        // No JSON to its end is no JSON; one too deep to be read is none either.
        assert_eq!(shown("{\"a\":1}x"), "[8 bytes, no content type]");
        assert_eq!(shown(&"[".repeat(500)), "[500 bytes, no content type]");
    }

    #[test]
    fn the_rest_of_a_long_one_is_not_looked_at() {
        let long = format!("{}{}", r#"{"token":"canary","name":"n"},"#.repeat(1000), "no JSON");
        let shown = redact_body(&HeaderMap::new(), format!("[{long}").as_bytes()).unwrap();
        assert_eq!(shown.len(), LIMIT);
        assert!(shown.starts_with(r#"[{"token":"[redacted]","name":"n"},{"#) && !shown.contains("canary"));
    }

    #[test]
    fn names_are_secret_whatever_their_case_and_length() {
        let long = format!("{}-Access-Token", "x".repeat(100));
        for name in
            ["X-Amz-Security-Token", "apiKey", "Set-Cookie", "pin", "callback_pin", "client_secret", &long]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["name", "host", "content-type", "pins", "keys", "", "tok-", &"x".repeat(100)] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
