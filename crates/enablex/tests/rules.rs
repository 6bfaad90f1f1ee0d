//! The rules of every input beside new rooms and tokens (those are in validation.rs): nothing is sent, all is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use enablex::rtc_core::Violations;
use enablex::*;
use rtc_core::testing::ScriptedTransport;
use serde_json::json;

fn found(result: std::result::Result<(), Violations>) -> Vec<String> {
    let violations = result.err().into_iter().flatten();
    violations.map(|v| format!("{} {} {}", v.field, v.rule, v.code.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn ids_in_paths() {
    type Check = fn(&str) -> std::result::Result<(), Violations>;
    let checks: [(&str, &str, Check); 11] = [
        ("room_id", "10001", |id| GetRoom::new(id).validate()),
        ("room_id", "10001", |id| UpdateRoom::new(id).name("n").validate()),
        ("room_id", "10001", |id| DeleteRoom::new(id).validate()),
        ("room_id", "10001", |id| CreateToken::new(id, "n", Role::Viewer, "u").validate()),
        ("room_id", "10001", |id| ListUsers::new(id).validate()),
        ("room_id", "10001", |id| ListArchivesByRoom::new(id).validate()),
        ("room_id", "10001", |id| {
            ListArchivesByRoomAndPeriod::new(id, "2024-01-01", "2024-01-02").validate()
        }),
        ("conf_num", "-", |id| GetArchiveByConference::new(id).validate()),
        ("room_id", "10001", |id| ListCdrsByRoom::new(id).validate()),
        ("room_id", "10001", |id| ListCdrsByRoomAndPeriod::new(id, "2024-01-01", "2024-01-02").validate()),
        ("conf_num", "-", |id| GetCdrByConference::new(id).validate()),
    ];
    for (field, code, check) in checks {
        assert_eq!(found(check("5f01")), [""; 0]);
        assert_eq!(found(check("")), [format!("{field} required {code}")]);
        for id in [".", ".."] {
            assert_eq!(found(check(id)), [format!("{field} pattern {code}")]);
        }
    }
}

#[test]
fn periods() {
    type Check = fn(&str, &str) -> std::result::Result<(), Violations>;
    let checks: [Check; 4] = [
        |from, to| ListArchivesByPeriod::new(from, to).validate(),
        |from, to| ListArchivesByRoomAndPeriod::new("r", from, to).validate(),
        |from, to| ListCdrsByPeriod::new(from, to).validate(),
        |from, to| ListCdrsByRoomAndPeriod::new("r", from, to).validate(),
    ];
    for check in checks {
        for (from, to, expected) in [
            ("2024-01-01", "2024-01-01", &[][..]),
            ("2024-02-28", "2024-02-29", &[]),
            ("2023-12-31", "2024-01-01", &[]),
            ("2024-01-02", "2024-01-01", &["to range -"]),
            ("2023-02-29", "2024-01-01", &["from pattern -"]),
            ("2024-1-1", "2024-01-01", &["from pattern -"]),
            ("2024-01-01T00:00:00Z", "20240101", &["from pattern -", "to pattern -"]),
            ("../../x", "..", &["from pattern -", "to pattern -"]),
        ] {
            assert_eq!(found(check(from, to)), expected, "{from} {to}");
        }
    }
    for result in [ListCdrsByPeriod::new("", "").validate(), ListArchivesByPeriod::new("", "").validate()] {
        assert_eq!(found(result).len(), 2);
    }
}

#[test]
fn changes() {
    let room = || UpdateRoom::new("r");
    let settings = |change: SettingsChange| room().settings(change);
    for (request, expected) in [
        (room(), &["settings required -"][..]),
        (room().name("n"), &[]),
        (room().data(json!(null)), &[]),
        (room().sip(Sip::new(true)), &[]),
        (room().name("").owner_ref(""), &["name required 10002", "owner_ref required 10010"]),
        (room().name("a\nb"), &["name pattern 10002"]),
        (settings(SettingsChange::new().moderators(0)), &["settings.moderators range 10022"]),
        (settings(SettingsChange::new().moderators(6)), &["settings.moderators range 10022"]),
        (settings(SettingsChange::new().participants(0)), &["settings.participants range 10007"]),
        (settings(SettingsChange::new().duration(0)), &["settings.duration range 10011"]),
        (settings(SettingsChange::new().quality("8K")), &["settings.quality one_of 10014"]),
        (settings(SettingsChange::new().max_active_talkers(17)), &["settings.max_active_talkers range -"]),
        (settings(SettingsChange::new().scheduled_time("soon")), &["settings.scheduled_time pattern 10005"]),
    ] {
        assert_eq!(found(request.validate()), expected, "{request:?}");
    }
}

#[test]
fn what_sends_nothing() {
    assert_eq!(found(LookupError::new(CodeSpace::Rest, "").validate()), ["code required -"]);
    assert_eq!(found(LookupError::new("moon", "1").validate()), ["space one_of -"]);
}

/// Faulty input of every kind of call reaches nobody.
#[tokio::test]
async fn nothing_is_sent() {
    let transport = ScriptedTransport::new();
    let client =
        Client::builder(Credentials::new("APP", "KEY")).transport(transport.clone()).build().unwrap();
    let results = [
        client.get_room(GetRoom::new("")).await.map(drop),
        client.update_room(UpdateRoom::new("r")).await,
        client.delete_room(DeleteRoom::new("..")).await,
        client.list_users(ListUsers::new("")).await.map(drop),
        client.list_archives_by_period(ListArchivesByPeriod::new("x", "y")).await.map(drop),
        client.get_cdr_by_conference(GetCdrByConference::new("")).await.map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false), "{error}");
        assert!(error.violations().is_some(), "{error}");
    }
    assert!(transport.requests().is_empty());
}
