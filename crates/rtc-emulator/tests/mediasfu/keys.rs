//! Disposable keys, and those of a Community Edition.

use serde_json::{Value, json};

use super::peer::{Peer, START, advance, http, start};

const KEYS: &str = "/v1/disposable-keys";

async fn make(peer: &Peer<'_>, name: &str, more: Value) -> Value {
    let mut body = json!({ "action": "create", "name": name, "allowedOperations": ["createRoom"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    peer.post(KEYS, body).await.expect(201)
}

#[tokio::test]
async fn a_key_opens_what_it_is_for() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let made = make(&peer, "shop", json!({ "expiresAt": (START + 60) * 1000 })).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.len() == 64 && key.starts_with("tempsand") && key.bytes().all(|b| b.is_ascii_alphanumeric()));
    let shop = Peer::of(&emulator, key);
    let room = shop.room().await;
    shop.join(&room).await.expect(200);
    assert_eq!(shop.delete(&room).await.refused(403), "Operation not allowed");
    assert_eq!(shop.get("/v1/rooms").await.refused(403), "Operation not allowed");
    assert_eq!(shop.get(KEYS).await.refused(403), "Operation not allowed");
    let session = shop.call("POST", "/v1/mcp/session", "").await.expect(200);
    assert_eq!(
        (&session["username"], &session["allowedOperations"]),
        (&json!("emulator"), &json!(["createRoom"]))
    );
    assert_eq!(peer.call("POST", "/v1/mcp/session", "").await.status, 403);

    let id = made["keyId"].as_str().unwrap();
    let update = json!({ "action": "update", "keyId": id, "allowedOperations": ["deleteRoom"] });
    peer.post(KEYS, update).await.expect(200);
    assert_eq!(shop.join(&room).await.status, 403);
    shop.delete(&room).await.expect(200);
    let usage = peer.get(&format!("{KEYS}/{id}/usage")).await.expect(200);
    assert_eq!(usage["operations"], json!({ "createRoom": 2, "deleteRoom": 1, "session": 1 }));
    assert_eq!(peer.get(&format!("{KEYS}/usage?name=shop")).await.expect(200), usage);
    assert_eq!(peer.get(&format!("{KEYS}/usage?name=other")).await.status, 404);
    assert_eq!(peer.get(&format!("{KEYS}/usage")).await.status, 400);
    advance(&emulator, 60);
    assert_eq!(shop.delete(&room).await.refused(401), "The key has expired");
    assert_eq!(peer.get("/v1/disposable-keys-quota").await.expect(200)["used"], 0);
    assert!(!serde_json::to_string(&emulator.log()).unwrap().contains(key));
}

#[tokio::test]
async fn production_keys_work_from_home() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    let made = make(&peer, "live", json!({ "environment": "production", "domains": ["shop.example"] })).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("tempprod"), "{key}");
    let live = Peer::of(&emulator, key);
    for odd in
        [live.with("x: y"), live.with("origin: https://evil.example"), live.with("origin: shop.example")]
    {
        assert_eq!(
            odd.join("s0").await.refused(403),
            "Forbidden domain",
            "{}",
            odd.headers.lines().last().unwrap()
        );
    }
    let home = live.with("origin: https://shop.example:8443");
    assert!(home.room().await.starts_with('p'));
    peer.post(KEYS, json!({ "action": "revoke", "name": "live" })).await.expect(200);
    assert_eq!(home.join("s0").await.refused(401), "The key was revoked");
    let list = peer.get(KEYS).await.expect(200);
    assert_eq!((&list["keys"][0]["status"], list.to_string().contains(key)), (&json!("revoked"), false));
}

#[tokio::test]
async fn keys_are_checked() {
    let emulator = start().await;
    let peer = Peer::new(&emulator);
    make(&peer, "shop", json!({})).await;
    for (status, body) in [
        (400, json!({ "action": "create", "allowedOperations": ["createRoom"] })),
        (400, json!({ "action": "create", "name": "a" })),
        (400, json!({ "action": "create", "name": "a", "allowedOperations": ["fly"] })),
        (
            400,
            json!({ "action": "create", "name": "a", "allowedOperations": ["createRoom"], "environment": "production" }),
        ),
        (
            400,
            json!({ "action": "create", "name": "a", "allowedOperations": ["createRoom"], "expiresAt": "soon" }),
        ),
        (409, json!({ "action": "create", "name": "shop", "allowedOperations": ["createRoom"] })),
        (400, json!({ "action": "update", "name": "shop", "domains": "x" })),
        (400, json!({ "action": "revoke" })),
        (404, json!({ "action": "revoke", "name": "a" })),
        (400, json!({ "action": "lend", "name": "shop" })),
    ] {
        assert_eq!(peer.post(KEYS, body.clone()).await.status, status, "{body}");
    }
    for wrong in [Peer::of(&emulator, &"0".repeat(64)), Peer { emulator: &emulator, headers: String::new() }]
    {
        assert_eq!(wrong.get("/v1/rooms").await.refused(401), "Invalid credentials");
    }
}

#[tokio::test]
async fn keys_of_a_community_edition_last_a_quarter_of_an_hour() {
    let emulator = start().await;
    let keys = json!({ "0123abcd": { "key": "f".repeat(64), "expires_at": (START + 900) * 1000 } });
    emulator.seed(json!({ "mediasfu": { "temporary_keys": keys } })).unwrap();
    let body =
        json!({ "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10 }).to_string();
    let headers = format!("authorization: Bearer 0123abcd:{}\r\n", "f".repeat(64));
    let create = async |path: &str| http(emulator.url(), "POST", path, &headers, &body).await;
    create("/createRoom").await.expect(201);
    // The cloud knows only its own.
    assert_eq!(create("/v1/rooms").await.status, 401);
    advance(&emulator, 900);
    assert_eq!(create("/createRoom").await.expect(401), json!({ "error": "Invalid or expired credentials" }));
}
