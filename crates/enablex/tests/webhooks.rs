//! Webhooks: every type in both documented forms, credentials, times, and what is not expected.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::{ErrorKind, ParseWebhook, Webhook, WebhookKind, WebhookReader, parse_webhook};
use serde_json::{Value, json};

const AT: u64 = 1_621_902_030;
const HOUR: u64 = 3600;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn read(body: &Value) -> Webhook {
    parse_webhook(ParseWebhook::new(body.to_string())).unwrap()
}

fn shown(body: &Value) -> Value {
    serde_json::to_value(read(body)).unwrap()
}

fn hook(kind: &str, name: &str, value: &Value) -> Value {
    json!({ "type": kind, "trans_date": "1621902030", "app_id": "a", "room_id": "r", "conf_num": 7, name: value })
}

#[test]
fn every_type_in_every_form() {
    let (one, two) = ("http://h/p/1", "http://h/p/2");
    for (kind, name, member) in [
        ("recording", "recording", "recording"),
        ("transcoded", "transcoded", "transcoded"),
        ("transcoded", "transcoded", "recording"),
        ("chatdata", "chatdata", "chatdata"),
        ("file-transfer", "file_transfer", "files"),
    ] {
        for (value, urls) in [
            (json!([one, two]), vec![one, two]),
            (json!([{ "url": one }, { "url": two }]), vec![one, two]),
            (json!([{ "url": one }, two]), vec![one, two]),
            (json!(one), vec![one]),
            (json!({ "url": one }), vec![one]),
            (json!([one, one]), vec![one]),
            (json!([]), vec![]),
            (json!(null), vec![]),
            (json!([7, { "uri": one }, ""]), vec![]),
        ] {
            let webhook = read(&hook(kind, member, &value));
            assert_eq!(
                (webhook.kind.as_str(), &webhook.urls),
                (name, &urls.iter().map(ToString::to_string).collect())
            );
            assert_eq!(
                (webhook.app_id.as_deref(), webhook.room_id.as_deref(), webhook.conf_num.as_deref()),
                (Some("a"), Some("r"), Some("7"))
            );
        }
    }
    let over = read(&hook("roomdrop", "x", &json!(1)));
    assert_eq!((over.kind, over.urls.len()), (WebhookKind::RoomDrop, 0));
}

#[test]
fn files_of_two_members_are_told_once_each() {
    let body = json!({ "type": "transcoded", "transcoded": [{ "url": "http://h/1" }], "recording": ["http://h/1", "http://h/2"] });
    assert_eq!(read(&body).urls, ["http://h/1", "http://h/2"]);
}

#[test]
fn times_in_every_form() {
    let millis = at(AT) + Duration::from_millis(851);
    for (value, expected) in [
        (json!(AT), Some(at(AT))),
        (json!("1621902030"), Some(at(AT))),
        (json!(" 1621902030 "), Some(at(AT))),
        (json!(1_621_902_030_851_u64), Some(millis)),
        (json!("2021-05-25T00:20:30.851Z"), Some(millis)),
        (json!("2021-05-25T02:20:30+02:00"), Some(at(AT))),
        (json!("2021-05-25 00:20:30"), Some(at(AT))),
        (json!("2021-05-25T00:20:30"), Some(at(AT))),
        (json!(0), Some(UNIX_EPOCH)),
        (json!(-1), None),
        (json!(1.5), None),
        (json!(u64::MAX), None),
        (json!("yesterday"), None),
        (json!("2021-02-30T00:00:00Z"), None),
        (json!({}), None),
        (Value::Null, None),
    ] {
        let webhook = read(&json!({ "type": "recording", "trans_date": value, "recording": "http://h/1" }));
        assert_eq!(webhook.trans_date, expected, "{value}");
        assert_eq!(webhook.expires_at(), expected.map(|at| at + Duration::from_secs(72 * HOUR)), "{value}");
    }
}

#[test]
fn files_expire_after_72_hours() {
    let webhook = read(&hook("recording", "recording", &json!("http://h/1")));
    let end = at(AT + 72 * HOUR);
    assert!(!webhook.expired(end - Duration::from_secs(1)));
    assert!(webhook.expired(end) && webhook.expired(end + Duration::from_secs(1)));
    // Nothing is there to be deleted.
    let over = read(&hook("roomdrop", "x", &json!(1)));
    assert_eq!((over.expires_at(), over.expired(end)), (None, false));
}

#[test]
fn what_is_written() {
    let destination = json!({ "name": "awss3", "host": "", "account": "acc" });
    let mut body = hook("file-transfer", "files", &json!([{ "url": "http://h/p/f" }]));
    body["destination"] = destination.clone();
    let expected = json!({
        "type": "file_transfer", "trans_date": "2021-05-25T00:20:30Z", "app_id": "a", "room_id": "r",
        "conf_num": "7", "urls": ["http://h/p/f"], "expires_at": "2021-05-28T00:20:30Z",
        "destination": destination, "stage": null, "file_size": null,
    });
    assert_eq!(shown(&body), expected);
    let mut body = hook("transcoded", "recording", &json!("http://h/p/f"));
    (body["stage"], body["file_size"]) = (json!("done"), json!(12));
    let shown = shown(&body);
    assert_eq!((&shown["stage"], &shown["file_size"]), (&json!("done"), &json!("12")));
}

#[test]
fn unknown_types_are_kept() {
    let body = json!({ "type": "room-warmed-up", "heat": { "degrees": 40 }, "files": ["http://h/1"] });
    let webhook = read(&body);
    assert_eq!(webhook.kind, WebhookKind::Unknown("room-warmed-up".into()));
    assert_eq!(webhook.raw["heat"]["degrees"], 40);
    assert_eq!(webhook.urls, ["http://h/1"]);
    for body in [json!({}), json!({ "type": null }), json!({ "type": [] })] {
        assert_eq!(read(&body).kind, WebhookKind::Unknown(String::new()), "{body}");
    }
    let known = json!({ "type": "file-transfer", "destination": "s3", "room_id": {}, "app_id": [1] });
    let webhook = read(&known);
    assert_eq!((webhook.destination, webhook.room_id, webhook.app_id), (None, None, None));
}

#[test]
fn what_is_no_webhook() {
    for body in ["", "[]", "null", "7", "{", "<html>", "type=recording"] {
        let error = parse_webhook(ParseWebhook::new(body)).unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, false), "{body}");
    }
    let error = parse_webhook(ParseWebhook::new(r#"{"type":"x","password":"canary" "#)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
    // A mark of the byte order is no fault.
    let marked = [b"\xef\xbb\xbf".as_slice(), br#"{"type":"roomdrop"}"#].concat();
    assert_eq!(WebhookReader::new().read(None, &marked).unwrap().kind, WebhookKind::RoomDrop);
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[test]
fn credentials() {
    let reader = WebhookReader::new().credentials("hooks", "p:ss w\u{f6}rd");
    let body = br#"{"type":"roomdrop"}"#;
    let good = basic("hooks:p:ss w\u{f6}rd");
    for header in
        [good.clone(), good.replace("Basic", "basic"), good.replace("Basic", "BASIC "), format!(" {good} ")]
    {
        assert_eq!(reader.read(Some(&header), body).unwrap().kind, WebhookKind::RoomDrop, "{header}");
    }
    let parsed = reader.parse(ParseWebhook::new(r#"{"type":"roomdrop"}"#).authorization(good.as_str()));
    assert_eq!(parsed.unwrap().kind, WebhookKind::RoomDrop);
    let bad = [
        None,
        Some(String::new()),
        Some("Basic".into()),
        Some("Basic ".into()),
        Some("Basic ====".into()),
        Some(good.replace("Basic", "Bearer")),
        Some(good.trim_start_matches("Basic ").to_owned()),
        Some(basic("hooks:")),
        Some(basic("hooks")),
        Some(basic(":p:ss w\u{f6}rd")),
        Some(basic("hooks:p:ss w\u{f6}rd ")),
        Some(basic("Hooks:p:ss w\u{f6}rd")),
        Some(format!("{good}, {good}")),
    ];
    for header in bad {
        // Before the body is looked at.
        for body in [body.as_slice(), b"<html>"] {
            let error = reader.read(header.as_deref(), body).unwrap_err();
            assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false), "{header:?}");
            let text = format!("{error} {error:?} {reader:?}");
            assert!(!text.contains("w\u{f6}rd") && !text.contains(&good[8..]), "{text}");
        }
    }
}

#[test]
fn credentials_that_everybody_has() {
    for (user, password) in [("", ""), ("", "p"), ("u", "")] {
        let reader = WebhookReader::new().credentials(user, password);
        let error = reader.read(Some(&basic(&format!("{user}:{password}"))), b"{}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("empty"), "{error}");
    }
    // None to check: the header does not matter.
    assert!(WebhookReader::new().read(Some("nonsense"), b"{}").is_ok());
}

#[test]
fn a_password_may_end_with_a_colon() {
    let reader = WebhookReader::new().credentials("u", "p:");
    assert!(reader.read(Some(&basic("u:p:")), b"{}").is_ok());
    assert!(reader.read(Some(&basic("u:p")), b"{}").is_err());
}

/// Anybody can post many: finding those that are named twice must not take the square of their number.
#[test]
fn a_hundred_thousand_files_are_read_at_once() {
    let urls: Vec<_> = (0..100_000).map(|i| format!("https://f/{i:06}")).collect();
    let webhook = read(&json!({ "type": "recording", "recording": urls, "transcoded": urls }));
    assert_eq!(webhook.urls, urls);
}

#[test]
fn what_is_shown_lacks_the_unknown() {
    let webhook = read(&json!({ "type": "recording", "room_id": "r-1", "token": "canary" }));
    let text = format!("{webhook:?} {}", serde_json::to_string(&webhook).unwrap());
    assert!(text.contains("r-1") && !text.contains("canary"), "{text}");
}
