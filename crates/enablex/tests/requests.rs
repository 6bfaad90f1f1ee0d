//! The request of every operation of the Server API: method, path, credentials and body.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeSet;

use enablex::*;
use rtc_core::http::{Request, Response};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{Bytes, RetryPolicy};
use serde_json::{Value, json};

const BASE: &str = "https://api.enablex.io/video/v2";

/// What one call sends.
async fn sent<C: IntoFuture>(call: impl FnOnce(&Client) -> C) -> Request<Bytes> {
    let transport = ScriptedTransport::new().answer(Response::new("{}"));
    let client = Client::builder(Credentials::new("APP", "KEY"))
        .transport(transport.clone())
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    // What is made of the answer is the matter of other tests.
    let _ = call(&client).into_future().await;
    let mut requests = transport.requests();
    assert_eq!(requests.len(), 1, "exactly one request");
    requests.remove(0)
}

/// Compares a request with its row, and gives the operation's name.
fn compare(operation: &'static str, line: &str, body: &Value, request: &Request<Bytes>) -> &'static str {
    let uri = request.uri().to_string();
    assert_eq!(format!("{} {}", request.method(), uri.strip_prefix(BASE).unwrap()), line, "{operation}");
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    let kind = if body.is_null() {
        assert!(request.body().is_empty(), "{operation}: a call without a body sends none");
        None
    } else {
        assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), *body, "{operation}");
        Some("application/json")
    };
    assert_eq!(header("content-type"), kind, "{operation}");
    assert_eq!(header("accept"), Some("application/json"), "{operation}");
    assert_eq!(header("authorization"), Some("Basic QVBQOktFWQ=="), "{operation}");
    assert!(header("user-agent").unwrap().starts_with("rtc-enablex/"), "{operation}");
    operation
}

/// Runs each call and compares its request: `operation(input) => "METHOD path", body`.
macro_rules! table {
    ($($operation:ident($request:expr) => $line:literal, $body:tt;)*) => {{
        let mut operations = BTreeSet::new();
        $(
            let request = Box::pin(sent(|client| client.$operation($request))).await;
            operations.insert(compare(stringify!($operation), $line, &json!($body), &request));
        )*
        operations
    }};
}

#[tokio::test]
async fn every_operation() {
    let (room, change) = (RoomSettings::new(2), SettingsChange::new().moderators(3).duration(40));
    let named = UpdateRoom::new("r").name("n").owner_ref("o").sip(Sip::new(false)).data(json!({ "k": [1] }));
    let operations = table! {
        create_room(CreateRoom::new("n", "o", room))
            => "POST /rooms", {"name": "n", "owner_ref": "o", "settings": {"participants": "2"}};
        list_rooms(ListRooms::new()) => "GET /rooms", null;
        get_room(GetRoom::new("r 1/2")) => "GET /rooms/r%201%2F2", null;
        update_room(UpdateRoom::new("r").settings(change))
            => "PATCH /rooms/r", {"settings": {"moderators": "3", "duration": 40}};
        update_room(named)
            => "PATCH /rooms/r", {"name": "n", "owner_ref": "o", "sip": {"enabled": false}, "data": {"k": [1]}};
        delete_room(DeleteRoom::new("r")) => "DELETE /rooms/r", null;
        create_token(CreateToken::new("r", "Ada", Role::Viewer, "u"))
            => "POST /rooms/r/tokens", {"name": "Ada", "role": "viewer", "user_ref": "u"};
        list_users(ListUsers::new("r")) => "GET /rooms/r/users", null;
        get_dial_in(GetDialIn::new()) => "GET /dialin/", null;
        list_archives_by_period(ListArchivesByPeriod::new("2024-01-02", "2024-02-29"))
            => "GET /archive/period/2024-01-02/2024-02-29", null;
        list_archives_by_room(ListArchivesByRoom::new("r")) => "GET /archive/room/r", null;
        list_archives_by_room_and_period(ListArchivesByRoomAndPeriod::new("r", "2024-01-02", "2024-01-02"))
            => "GET /archive/room-period/r/2024-01-02/2024-01-02", null;
        get_archive_by_conference(GetArchiveByConference::new("c?")) => "GET /archive/conf/c%3F", null;
        list_cdrs_by_period(ListCdrsByPeriod::new("2024-01-02", "2024-02-29"))
            => "GET /cdr/period/2024-01-02/2024-02-29", null;
        list_cdrs_by_room(ListCdrsByRoom::new("r")) => "GET /cdr/room/r", null;
        list_cdrs_by_room_and_period(ListCdrsByRoomAndPeriod::new("r", "2024-01-02", "2024-01-02"))
            => "GET /cdr/room-period/r/2024-01-02/2024-01-02", null;
        get_cdr_by_conference(GetCdrByConference::new("7")) => "GET /cdr/conf/7", null;
    };
    // That of downloads is in recordings.rs.
    assert_eq!(operations.len(), 16);
}
