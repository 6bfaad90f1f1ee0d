use super::*;

#[test]
fn segments_cannot_leave_their_place() {
    let base = Url::parse("https://example.com/prefix/").unwrap();
    let request = RequestBuilder::new(Method::GET, &base)
        .path("/rooms/")
        .segment("../a?b#c d/é\r\n")
        .query("from", "a&b=c")
        .build()
        .unwrap();
    assert_eq!(
        request.uri().to_string(),
        "https://example.com/prefix/rooms/..%2Fa%3Fb%23c%20d%2F%C3%A9%0D%0A?from=a%26b%3Dc"
    );
}

#[test]
fn bodies() {
    let json = JsonObject::new().member("a", "x").optional("b", None::<&u32>).member("k", &Secret::new("s"));
    assert_eq!(&json.finish().unwrap()[..], br#"{"a":"x","k":"s"}"#);
    assert_eq!(FormBody::new().field("p2p.preference", "a b").field("c", "&").0, "p2p.preference=a+b&c=%26");
}

#[test]
fn a_structure_is_an_object() {
    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Page {
        count: u32,
    }
    assert_eq!(decode_json::<Page>(b"\xEF\xBB\xBF {\"count\":7} ").unwrap(), Page { count: 7 });
    assert_eq!(decode_json::<Vec<Page>>(b"[{}]").unwrap(), [Page::default()]);
    assert_eq!(decode_json::<Option<Page>>(b"null").unwrap(), None);
    assert_eq!(decode_json::<serde_json::Value>(b"[1]").unwrap(), serde_json::json!([1]));
    for body in ["[]", "[7]", "null", "{} {}", "{}]", ""] {
        assert!(decode_json::<Page>(body.as_bytes()).is_err(), "{body}");
        assert!(
            decode_json::<serde_json::Map<String, serde_json::Value>>(body.as_bytes()).is_err(),
            "{body}"
        );
    }
}

#[test]
fn credentials_are_hidden() {
    for (text, shown) in [
        ("Bearer user123:0123456789abcdef, bad", "Bearer [redacted], bad"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiIx.c2ln expired", "token eyJ[redacted] expired"),
        ("T1==cGFydG5lcl9pZD0xMjM0NTY=", "T1==[redacted]"),
        ("a Bearer token is missing", "a Bearer token is missing"),
        (r#"{"a":"Basic c2VjcmV0OnNl\/canary\u002bcanary\u003d"}"#, r#"{"a":"Basic [redacted]"}"#),
        (r#"{"a":"Bearer c2Vj\/cmV0\/canary","b":"c\/d"}"#, r#"{"a":"Bearer [redacted]","b":"c\/d"}"#),
        ("T1==cGFydG5lcl9pZD0%2Bcanary%3D", "T1==[redacted]"),
        (r"Bearer token\nis missing", r"Bearer token\nis missing"),
    ] {
        assert_eq!(excerpt(text.as_bytes()), shown);
    }
}

#[test]
fn excerpts_are_cut_after_hiding() {
    // Wherever the limit or the end of the window cuts a credential, none of it is left.
    for limit in [2048, 8192] {
        for before in (limit - 60)..(limit + 4) {
            let body = format!("{} Bearer CANARYCANARYCANARYCANARY {}", "x".repeat(before), "y".repeat(9000));
            let shown = excerpt(body.as_bytes());
            assert!(!shown.contains('C') && shown.len() <= 2048, "{before}: {shown}");
        }
    }
    // Hiding a long one brings the end of the window into view.
    let body = format!("Bearer {} Basic {}", "a".repeat(8170), "CANARY".repeat(9));
    assert_eq!(excerpt(body.as_bytes()), "Bearer [redacted] Basic [redacted]");
    let wide = excerpt("é€".repeat(4000).as_bytes());
    assert!((2046..=2048).contains(&wide.len()) && !wide.contains(char::REPLACEMENT_CHARACTER));
}

#[test]
fn debug_shows_no_content() {
    let base = Url::parse("https://example.com/canary").unwrap();
    let json = || JsonObject::new().member("canary", &Secret::new("canary"));
    let form = || FormBody::new().field("canary", "canary");
    let request = RequestBuilder::new(Method::POST, &base)
        .segment("canary")
        .query("canary", "canary")
        .header("x-canary", "canary")
        .json(json());
    for text in [
        format!("{request:?} {request:#?}"),
        format!("{:?}", RequestBuilder::new(Method::POST, &base).form(form())),
        format!("{:?} {:?}", json(), form()),
    ] {
        assert!(!text.to_lowercase().contains("canary") && text.contains("bytes"), "{text}");
        // Neither as a list of bytes.
        assert!(!text.contains("99, 97, 110"), "{text}");
    }
    assert!(format!("{request:?}").contains("method: POST"));
}

#[test]
fn a_header_cannot_be_split() {
    let base = Url::parse("https://example.com").unwrap();
    assert!(RequestBuilder::new(Method::GET, &base).header("x-a", "a\r\nb: c").build().is_err());
}

#[test]
fn an_answer_of_nothing() {
    let decode = |content_type: &'static str, body: &'static str| {
        let response =
            Response::builder().header(CONTENT_TYPE, content_type).body(Bytes::from(body)).unwrap();
        decode_nothing(&response).is_ok()
    };
    let json = "application/json";
    for body in ["", " \r\n", "\u{feff}", "{}", "\u{feff}{\"success\":true}", "[]", "true", "\"OK\"", "null"]
    {
        assert!(decode(json, body), "{body}");
    }
    assert!(decode("Text/Plain; charset=utf-8", "OK"));
    assert!(!decode("text/plain", "<html>Log in</html>"));
    assert!(!decode("text/plain", "O\u{1}K"));
    assert!(!decode("text/plain", "Access denied"));
    assert!(!decode("text/plain", "seventeen_letters"));
    assert!(!decode("application/xml", "<errorPayload/>"));
    let deep: &'static str = "[".repeat(100_000).leak();
    for body in ["<html>Log in to the network</html>", "OK", "{\"success\":tr", "{} {}", "\u{fffd}", deep] {
        assert!(!decode(json, body), "{body}");
        assert!(!decode("text/html", body), "{body}");
    }
}
