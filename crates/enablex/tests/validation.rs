//! What is refused before anything is sent.

use enablex::{CreateRoom, CreateToken, Quality, Role, RoomMode, RoomSettings, rtc_core::Violations};
use serde_json::json;

fn found(result: Result<(), Violations>) -> Vec<String> {
    let violations = result.err().into_iter().flatten();
    violations.map(|v| format!("{} {} {}", v.field, v.rule, v.code.as_deref().unwrap_or("-"))).collect()
}

fn room(settings: RoomSettings) -> Vec<String> {
    found(CreateRoom::new("n", "o", settings).validate())
}

#[test]
fn settings() {
    let good = || RoomSettings::new(2);
    let scheduled = || good().scheduled(true).scheduled_time("2021-05-31 05:30:00").duration(30);
    for (settings, expected) in [
        (good(), &[][..]),
        (good().moderators(1).max_active_talkers(16).duration(1), &[]),
        (scheduled(), &[]),
        (good().mode("webinar"), &["settings.mode one_of 10019"]),
        (good().quality("UHD"), &["settings.quality one_of 10014"]),
        (good().quality("hd"), &["settings.quality one_of 10014"]),
        (good().moderators(0), &["settings.moderators range 10022"]),
        (good().moderators(6), &["settings.moderators range 10022"]),
        (RoomSettings::new(0), &["settings.participants range 10007"]),
        (good().duration(0), &["settings.duration range 10011"]),
        (good().max_active_talkers(17), &["settings.max_active_talkers range -"]),
        (good().media_zone("EU"), &["settings.media_zone one_of -"]),
        (
            good().scheduled(true),
            &["settings.scheduled_time required 10004", "settings.duration required 10011"],
        ),
        (scheduled().scheduled_time("2021-05-31T05:30:00Z"), &["settings.scheduled_time pattern 10005"]),
        (scheduled().adhoc(true), &["settings.adhoc conflict 10017"]),
        (good().scheduled_time("2021-05-31 05:30:00"), &["settings.scheduled_time forbidden 10018"]),
        (scheduled().scheduled(false), &["settings.scheduled_time forbidden 10018"]),
    ] {
        assert_eq!(room(settings.clone()), expected, "{settings:?}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let settings = RoomSettings::new(0).mode("x").quality(Quality::Sd).moderators(9);
    assert_eq!(
        found(CreateRoom::new("", "a\nb", settings).validate()),
        [
            "name required 10002",
            "owner_ref pattern 10010",
            "settings.mode one_of 10019",
            "settings.moderators range 10022",
            "settings.participants range 10007",
        ]
    );
}

#[test]
fn known_values_in_any_spelling_of_ours() {
    assert_eq!(RoomMode::from("lecture"), RoomMode::Lecture);
    assert!(!Role::from("Moderator").is_known());
}

#[test]
fn tokens() {
    let good = || CreateToken::new("r", "n", Role::Viewer, "u");
    let members =
        |n: usize| json!((0..n).map(|i| (i.to_string(), json!(i))).collect::<serde_json::Map<_, _>>());
    for (request, expected) in [
        (good(), &[][..]),
        (good().data(members(5)), &[]),
        (good().data(members(6)), &["data length -"]),
        (good().data(json!([1])), &["data pattern -"]),
        (CreateToken::new("", "n", Role::Viewer, "u"), &["room_id required 10001"]),
        (CreateToken::new("..", "n", Role::Viewer, "u"), &["room_id pattern 10001"]),
        (CreateToken::new("r", "", Role::Viewer, "u"), &["name required 10101"]),
        (CreateToken::new("r", "n", Role::Viewer, ""), &["user_ref required 10102"]),
        (CreateToken::new("r", "n", "Moderator", "u"), &["role one_of 10104"]),
        (CreateToken::new("r", "n", "audience", "u"), &["role one_of 10104"]),
    ] {
        assert_eq!(found(request.validate()), expected, "{request:?}");
    }
}
