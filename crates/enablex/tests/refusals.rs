//! Every code of the Server API, for every operation that it belongs to: kind, code, words, and whether it is repeated.
//! The two forms of refusal are in errors.rs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::{Duration, SystemTime};

use enablex::*;
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::{RetryHint, RetryPolicy, ServiceError as _};
use serde_json::json;

/// A client all of whose calls are answered so.
fn refused(status: u16, body: &str) -> (Client, ScriptedTransport) {
    let transport = (0..4).fold(ScriptedTransport::new(), |script, _| script.json(status, body.to_owned()));
    let client = Client::builder(Credentials::new("APP", "KEY"))
        .transport(transport.clone())
        .retry(RetryPolicy::default())
        .clock(ManualClock::jumping(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)))
        .build()
        .unwrap();
    (client, transport)
}

/// The refusal of each operation, and how often it was tried.
async fn of_all(status: u16, body: &str) -> Vec<(&'static str, Error, usize)> {
    let mut all = Vec::new();
    macro_rules! call {
        ($($operation:ident($request:expr);)*) => {$(
            let (client, transport) = refused(status, body);
            let error = Box::pin(client.$operation($request).into_future()).await.map(drop).unwrap_err();
            all.push((stringify!($operation), error, transport.requests().len()));
        )*};
    }
    call! {
        create_room(CreateRoom::new("n", "o", RoomSettings::new(2)));
        list_rooms(ListRooms::new());
        get_room(GetRoom::new("r"));
        update_room(UpdateRoom::new("r").name("n"));
        delete_room(DeleteRoom::new("r"));
        create_token(CreateToken::new("r", "n", Role::Viewer, "u"));
        list_users(ListUsers::new("r"));
        get_dial_in(GetDialIn::new());
        list_archives_by_period(ListArchivesByPeriod::new("2024-01-01", "2024-01-02"));
        list_archives_by_room(ListArchivesByRoom::new("r"));
        list_archives_by_room_and_period(ListArchivesByRoomAndPeriod::new("r", "2024-01-01", "2024-01-02"));
        get_archive_by_conference(GetArchiveByConference::new("7"));
        list_cdrs_by_period(ListCdrsByPeriod::new("2024-01-01", "2024-01-02"));
        list_cdrs_by_room(ListCdrsByRoom::new("r"));
        list_cdrs_by_room_and_period(ListCdrsByRoomAndPeriod::new("r", "2024-01-01", "2024-01-02"));
        get_cdr_by_conference(GetCdrByConference::new("7"));
    }
    all
}

/// What may be sent twice without harm.
fn is_safe(operation: &str) -> bool {
    !matches!(operation, "create_room" | "create_token")
}

fn kind_of(code: u32) -> ErrorKind {
    match code {
        10000 | 40001 => ErrorKind::NotFound,
        40002 | 10021 => ErrorKind::PermissionDenied,
        10030 | 10106 | 10111..=10114 => ErrorKind::Conflict,
        10105 => ErrorKind::Unavailable,
        10001..=10026 | 10101..=10104 | 10201..=10205 => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    }
}

/// The codes of the vendor's three tables, and one that is in none.
fn codes() -> impl Iterator<Item = u32> {
    let rooms = (10000..=10026).chain([10030, 40001, 40002]);
    rooms.chain(10101..=10106).chain(10111..=10114).chain(10201..=10205).chain(50000..=50005).chain([77777])
}

#[tokio::test]
async fn every_code_of_every_operation() {
    for code in codes() {
        let body = json!({ "result": code, "error": "e", "desc": "no such thing" }).to_string();
        for (operation, error, tried) in Box::pin(of_all(200, &body)).await {
            let case = format!("{operation} {code}");
            let Some(EnableXError::Api { operation: told, body, .. }) = error.service() else {
                unreachable!("{case}: {error:?}")
            };
            assert_eq!((*told, error.kind()), (operation, kind_of(code)), "{case}");
            let code = code.to_string();
            assert_eq!(
                (error.code().as_deref(), error.detail()),
                (Some(&*code), Some("no such thing")),
                "{case}"
            );
            assert_eq!(error.status().unwrap().as_u16(), 200, "{case}");
            assert!(body.contains("no such thing") && error.was_sent(), "{case}");
            let text = error.to_string();
            assert!(
                [operation, &code, "no such thing"].iter().all(|part| text.contains(part)),
                "{case}: {text}"
            );
            let passes =
                matches!(&*code, "10105" | "50000" | "50001" | "50002" | "50003" | "50004" | "50005");
            assert_eq!(tried > 1, passes && is_safe(operation), "{case}: {tried} tries");
            let hint = if passes { RetryHint::Transient } else { RetryHint::No };
            assert_eq!(error.service().unwrap().retry(), hint, "{case}");
        }
    }
}

#[tokio::test]
async fn names_and_statuses() {
    for (status, name, kind) in [
        (401, "UNAUTHORIZED", ErrorKind::Unauthenticated),
        (401, "CREDENTIAL_EXPIRED", ErrorKind::Unauthenticated),
        (403, "PROJECT_SUSPENDED", ErrorKind::PermissionDenied),
        (404, "SOMETHING_NEW", ErrorKind::NotFound),
        (409, "SOMETHING_NEW", ErrorKind::Conflict),
        (422, "INVALID_PARAM", ErrorKind::InvalidInput),
        (429, "RATE_LIMITED", ErrorKind::RateLimited),
        (500, "SOMETHING_NEW", ErrorKind::Unavailable),
        (503, "SOMETHING_NEW", ErrorKind::Unavailable),
    ] {
        let body =
            json!({ "status": "error", "error_code": name, "message": "m", "request_id": "q-1" }).to_string();
        for (operation, error, tried) in Box::pin(of_all(status, &body)).await {
            let case = format!("{operation} {status} {name}");
            assert_eq!(
                (error.kind(), error.code().as_deref(), error.detail()),
                (kind, Some(name), Some("m")),
                "{case}"
            );
            let Some(EnableXError::Api { request_id, .. }) = error.service() else { unreachable!("{case}") };
            assert_eq!(request_id.as_deref(), Some("q-1"), "{case}");
            // A throttle did nothing: even what must not come twice is repeated.
            let again = status == 429 || (status >= 500 && is_safe(operation));
            assert_eq!(tried > 1, again, "{case}: {tried} tries");
        }
    }
}

#[tokio::test]
async fn what_codes_mean_is_looked_up_by_operation() {
    let all = |code: &str| lookup_error(LookupError::new(CodeSpace::Rest, code)).unwrap();
    let tables: Vec<_> = all("10000").iter().map(|row| row.table).collect();
    assert_eq!(tables, ["Rooms", "Token"]);
    let one = lookup_error(LookupError::new(CodeSpace::Rest, "10000").operation("create_token")).unwrap();
    assert_eq!((one.len(), one[0].table, one[0].class), (1, "Token", CodeClass::NotFound));
    assert_eq!(all("RATE_LIMITED")[0].http_status, Some(429));
    assert!(all("77777").is_empty());
    let none = lookup_error(LookupError::new(CodeSpace::Session, "7000").operation("lock_room")).unwrap();
    assert!(none.is_empty(), "no first match of another operation");
}
