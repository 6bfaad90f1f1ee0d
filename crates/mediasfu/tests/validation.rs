//! What is refused before anything is sent, and what is not.

use mediasfu::{
    Client, CreateRoom, Credentials, EventType, JoinRoom, MeetingRoomParams, Orientation, RecordingParams,
    SafeRoomAction,
};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{ErrorKind, Rule, Violations};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn create() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}

type Broken = (&'static str, &'static str, Rule);

fn broken(result: Result<(), Violations>) -> Vec<(String, String, Rule)> {
    let violations = result.err().into_iter().flatten();
    violations.map(|v| (v.field.to_string(), v.wire.to_string(), v.rule)).collect()
}

fn assert_broken(result: Result<(), Violations>, expected: &[Broken], what: &str) {
    let expected: Vec<_> = expected.iter().map(|(f, w, r)| ((*f).to_owned(), (*w).to_owned(), *r)).collect();
    assert_eq!(broken(result), expected, "{what}");
}

#[test]
fn the_bounds_of_a_room() {
    let name = |name: &str| CreateRoom::new(name, 60, 10);
    let key = |text: &str| create().idempotency_key(text);
    const NAME: &str = "userName";
    let long = "k".repeat(128);
    let cases: Vec<(CreateRoom, Vec<Broken>)> = vec![
        (create(), vec![]),
        (name("ab"), vec![]),
        (name("HostUser10"), vec![]),
        (name(""), vec![("user_name", NAME, Rule::Length)]),
        (name("a"), vec![("user_name", NAME, Rule::Length)]),
        (name("abcdefghijk"), vec![("user_name", NAME, Rule::Length)]),
        (name("  "), vec![("user_name", NAME, Rule::Pattern)]),
        (name("bad name"), vec![("user_name", NAME, Rule::Pattern)]),
        (name("h\u{f6}st"), vec![("user_name", NAME, Rule::Pattern)]),
        (CreateRoom::new("ab", 0, 1), vec![("duration", "duration", Rule::Range)]),
        (CreateRoom::new("ab", 1, 1), vec![]),
        (CreateRoom::new("ab", 1440, 1), vec![]),
        (CreateRoom::new("ab", 1441, 1), vec![("duration", "duration", Rule::Range)]),
        (CreateRoom::new("ab", 1, 0), vec![("capacity", "capacity", Rule::Range)]),
        (create().scheduled_date(100_000_000_000), vec![]),
        // Seconds instead of milliseconds.
        (create().scheduled_date(1_893_456_000), vec![("scheduled_date", "scheduledDate", Rule::Range)]),
        (create().secure_code("abcde"), vec![]),
        (create().secure_code("abcd"), vec![("secure_code", "secureCode", Rule::Length)]),
        (create().secure_code("x".repeat(129)), vec![("secure_code", "secureCode", Rule::Length)]),
        (create().event_type("none"), vec![("event_type", "eventType", Rule::OneOf)]),
        (create().event_type(EventType::Chat), vec![]),
        (create().safe_room_action(""), vec![("safe_room_action", "safeRoomAction", Rule::OneOf)]),
        (create().safe_room_action(SafeRoomAction::Kick), vec![]),
        (create().buffer_type(""), vec![("buffer_type", "bufferType", Rule::OneOf)]),
        (create().direction_sip("sideways"), vec![("direction_sip", "directionSIP", Rule::OneOf)]),
        (create().region("mars"), vec![("region", "region", Rule::OneOf)]),
        (create().translation_config_nick_name("n".repeat(50)), vec![]),
        (
            create().translation_config_nick_name("n".repeat(51)),
            vec![("translation_config_nick_name", "translationConfigNickName", Rule::Length)],
        ),
        (key("12345678"), vec![]),
        (key(&long), vec![]),
        (key("short"), vec![("idempotency_key", "Idempotency-Key", Rule::Length)]),
        (key(&format!("{long}k")), vec![("idempotency_key", "Idempotency-Key", Rule::Length)]),
        (key("has a space"), vec![("idempotency_key", "Idempotency-Key", Rule::Pattern)]),
        (key("line\r\nbreak"), vec![("idempotency_key", "Idempotency-Key", Rule::Pattern)]),
    ];
    for (request, expected) in cases {
        assert_broken(request.validate(), &expected, &format!("{request:?}"));
    }
}

#[test]
fn the_bounds_of_joining() {
    let join = |id: &str| JoinRoom::new(id, "guest1");
    for (request, expected) in [
        (join("s12345678"), vec![]),
        (join(&"s".repeat(256)), vec![]),
        (join(&"s".repeat(257)), vec![("meeting_id", "meetingID", Rule::Length)]),
        (join(" "), vec![("meeting_id", "meetingID", Rule::Pattern)]),
        (join(""), vec![("meeting_id", "meetingID", Rule::Pattern)]),
        (JoinRoom::new("s1", "g"), vec![("user_name", "userName", Rule::Length)]),
        (join("s1").secure_code("x".repeat(129)), vec![("secure_code", "secureCode", Rule::Length)]),
        (join("s1").idempotency_key("short"), vec![("idempotency_key", "Idempotency-Key", Rule::Length)]),
    ] {
        assert_broken(request.validate(), &expected, &format!("{request:?}"));
    }
}

#[test]
fn all_faults_at_once_in_a_fixed_order() {
    let request = CreateRoom::new("", 0, 0).secure_code("x").idempotency_key("x");
    let fields: Vec<_> = broken(request.validate()).into_iter().map(|(field, ..)| field).collect();
    assert_eq!(fields, ["user_name", "duration", "capacity", "secure_code", "idempotency_key"]);
}

#[test]
fn nested_objects_must_be_whole() {
    let found = broken(create().meeting_room_params(MeetingRoomParams::new()).validate());
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|(.., rule)| *rule == Rule::Required));
    assert_eq!(found[0].1, "meetingRoomParams.itemPageLimit");

    let params = RecordingParams::new()
        .recording_audio_pauses_limit(-1)
        .recording_preferred_orientation(Orientation::Portrait);
    let found = broken(create().recording_params(params).validate());
    assert_eq!(found.len(), 15);
    assert_eq!(
        found[0],
        (
            "recording_params.recording_audio_pauses_limit".into(),
            "recordingParams.recordingAudioPausesLimit".into(),
            Rule::Range,
        )
    );
    assert!(found.iter().any(|(_, wire, _)| wire == "recordingParams.recordingHLSSupport"));
    assert!(!found.iter().any(|(_, wire, _)| wire.ends_with("PausesCount")));
}

#[tokio::test]
async fn nothing_is_sent_for_bad_input_or_bad_credentials() {
    let key65 = format!("{KEY}a");
    for (user, key) in [
        ("", ""),
        ("yourAPIUSERNAME", KEY),
        ("apiUser123", "yourAPIKEY"),
        ("abcde", KEY),
        ("api:User", KEY),
        ("apiUser123", &KEY[1..]),
        ("apiUser123", &key65),
    ] {
        for guarded in [true, false] {
            let transport = ScriptedTransport::new();
            let builder = Client::builder(Credentials::new(user, key)).transport(transport.clone());
            let client = builder.duplicate_guard(guarded).build().unwrap();
            let (created, joined) =
                (client.create_room(create()).await, client.join_room(JoinRoom::new("s1", "guest1")).await);
            for error in [created.unwrap_err(), joined.unwrap_err()] {
                assert_eq!(
                    (error.kind(), error.to_string().as_str()),
                    (ErrorKind::Unauthenticated, "Invalid credentials")
                );
                assert!(!error.was_sent() && (key.len() < 20 || !format!("{error:?}").contains(key)));
            }
            assert!(transport.requests().is_empty());
        }
    }
    let transport = ScriptedTransport::new();
    let client =
        Client::builder(Credentials::new("abcdef", KEY)).transport(transport.clone()).build().unwrap();
    let error = client.create_room(CreateRoom::new("a", 60, 10)).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false));
    assert!(transport.requests().is_empty());
    assert!(!format!("{client:?}").contains(KEY));
}

#[test]
fn secrets_of_requests_are_not_shown() {
    let request = create().secure_code("c4n4ry").admin_passcode("c4n4ry2");
    assert!(!format!("{request:?}").contains("c4n4ry"));
}
