use super::*;

#[test]
fn json_errors_do_not_quote_values() {
    #[derive(Debug, serde::Deserialize)]
    struct Answer {
        #[allow(dead_code)]
        ttl: u32,
    }
    let error = serde_json::from_str::<Answer>(r#"{"ttl":"canary \" x"}"#).unwrap_err();
    let text = DecodeError::json(&error).to_string();
    assert!(!text.contains("canary") && text.contains("expected u32"), "{text}");
}

#[test]
fn statuses_have_a_meaning() {
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (302, ErrorKind::Protocol),
        (401, ErrorKind::Unauthenticated),
        (429, ErrorKind::RateLimited),
        (503, ErrorKind::Unavailable),
        (418, ErrorKind::Other),
    ] {
        assert_eq!(ErrorKind::from_status(StatusCode::from_u16(status).unwrap()), kind);
    }
}
