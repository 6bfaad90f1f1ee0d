//! Who is let in.

use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{Peer, START, hs256, rs256, start, state};

/// What of the usual token is changed.
fn token(header: Value, changes: Value, secret: &str) -> String {
    let mut claims = json!({ "iss": "123456", "ist": "project", "iat": START, "exp": START + 300 });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    hs256(header, claims, secret)
}

#[tokio::test]
async fn every_refusal_of_a_project() {
    let emulator = start().await;
    let secret = emulator.opentok().api_secret();
    let usual = || json!({ "alg": "HS256", "typ": "JWT" });
    let good = token(usual(), json!({}), secret);
    let (head, rest) = good.split_once('.').unwrap();
    for (token, told) in [
        (String::new(), "three parts"),
        ("a.b".into(), "three parts"),
        (format!("{good}.x"), "three parts"),
        (format!("!.{rest}"), "header"),
        (format!("{head}.!.x"), "claims"),
        (format!("{good}A"), "signature"),
        (token(json!({ "alg": "none" }), json!({}), secret), "HS256"),
        (token(json!({ "alg": "hs256" }), json!({}), secret), "HS256"),
        (token(usual(), json!({}), "another secret"), "Invalid signature"),
        (token(usual(), json!({ "iss": "654321" }), secret), "Issuer"),
        (token(usual(), json!({ "iss": null }), secret), "Issuer"),
        (token(usual(), json!({ "ist": "account" }), secret), "ist"),
        (token(usual(), json!({ "ist": null }), secret), "ist"),
        (token(usual(), json!({ "exp": START + 301 }), secret), "five minutes"),
        (token(usual(), json!({ "exp": START - 1 }), secret), "five minutes"),
        (token(usual(), json!({ "exp": null }), secret), "missing"),
        (token(usual(), json!({ "iat": "now" }), secret), "missing"),
        (token(usual(), json!({ "iat": START + 31, "exp": START + 60 }), secret), "not valid now"),
        (token(usual(), json!({ "iat": START - 200, "exp": START - 31 }), secret), "not valid now"),
        (token(usual(), json!({ "iat": 0, "exp": u64::MAX }), secret), "five minutes"),
        (token(usual(), json!({ "scope": "session.connect" }), secret), "client token"),
    ] {
        let mut peer = Peer::new(&emulator);
        peer.auth = format!("x-opentok-auth: {token}\r\n");
        let answer = peer.get("/archive").await;
        assert_eq!(answer.status, 403, "{told}");
        assert!(answer.message().contains(told), "{told}: {answer:?}");
    }
    let mut peer = Peer::new(&emulator);
    peer.auth = String::new();
    assert!(peer.get("/archive").await.message().contains("authentication is missing"));
    // Both times on their last second; the issuer as a number; ist in the header, as the Ruby SDK has it.
    for token in [
        token(usual(), json!({ "iat": START + 30, "exp": START + 330 }), secret),
        token(usual(), json!({ "iat": START - 330, "exp": START - 30 }), secret),
        token(usual(), json!({ "iss": 123456 }), secret),
        hs256(
            json!({ "alg": "HS256", "ist": "project" }),
            json!({ "iss": "123456", "iat": START, "exp": START + 9 }),
            secret,
        ),
    ] {
        peer.auth = format!("x-opentok-auth: {token}\r\n");
        peer.get("/archive").await.expect(200);
    }
}

#[tokio::test]
async fn applications_sign_with_their_key() {
    let emulator = start().await;
    let access = emulator.opentok();
    let claims = |id: &str, exp: u64| json!({ "application_id": id, "iat": START, "exp": exp, "jti": "1" });
    let id = access.application_id();
    let good = Peer::application(&emulator, claims(id, START + 900));
    let session = good.session("").await;
    let created = good.call("POST", "/session/create", "").await.expect(200);
    assert_eq!(created[0]["application_id"], id);
    access.join(&session);
    let archive = good.post("/archive", json!({ "sessionId": session })).await.expect(200);
    assert_eq!((&archive["applicationId"], &archive["projectId"]), (&json!(id), &Value::Null));
    let list = good.get(&format!("/session/{session}/connection")).await.expect(200);
    assert_eq!(list["applicationId"], id);

    let signed = rs256(claims(id, START + 900), access.private_key());
    let (rest, _) = signed.rsplit_once('.').unwrap();
    for (token, told) in [
        (rs256(claims("another", START + 900), access.private_key()), "another application"),
        (rs256(claims(id, START + 86_401), access.private_key()), "a day"),
        (rs256(json!({ "iat": START, "exp": START + 9 }), access.private_key()), "application_id"),
        (
            rs256(
                json!({ "application_id": id, "iat": START, "exp": START + 9, "scope": "session.connect" }),
                access.private_key(),
            ),
            "client token",
        ),
        (format!("{rest}.AAAA"), "Invalid signature"),
        (hs256(json!({ "alg": "HS256" }), claims(id, START + 900), access.private_key()), "RS256"),
    ] {
        let peer = Peer { auth: format!("authorization: Bearer {token}\r\n"), ..Peer::new(&emulator) };
        let peer = Peer { project: id.to_owned(), ..peer };
        let answer = peer.get("/archive").await;
        assert!(answer.status == 403 && answer.message().contains(told), "{told}: {answer:?}");
    }
    // An application is no project with a secret, and the other way round.
    let peer = Peer::of(&emulator, id, "");
    assert!(peer.get("/archive").await.message().contains("Issuer"));
    let peer = Peer { project: "123456".into(), ..Peer::application(&emulator, claims(id, START + 9)) };
    assert_eq!(peer.get("/archive").await.status, 403);
    // Nor does the key that everybody has open a project by naming it.
    let peer = Peer { project: "123456".into(), ..Peer::application(&emulator, claims("123456", START + 9)) };
    for answer in [peer.get("/archive").await, peer.call("POST", "/session/create", "").await] {
        assert!(answer.status == 403 && answer.message().contains("no application"), "{answer:?}");
    }
    emulator.clock().advance(Duration::from_secs(931));
    assert!(good.get("/archive").await.message().contains("not valid now"));
}

#[tokio::test]
async fn projects_and_their_walls() {
    let emulator = start().await;
    let access = emulator.opentok();
    let claims = json!({ "iss": access.account_key(), "ist": "account", "iat": START, "exp": START + 300 });
    let auth = hs256(json!({ "alg": "HS256" }), claims, access.account_secret());
    let account = Peer { auth: format!("x-opentok-auth: {auth}\r\n"), ..Peer::new(&emulator) };
    let one = Peer::new(&emulator);
    assert_eq!(one.get("/v2/project").await.status, 403, "a project does not manage projects");

    let made = account.post("/v2/project", json!({ "name": "second" })).await.expect(200);
    let (key, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!((made["name"].as_str(), secret.len()), (Some("second"), 40));
    let listed = account.get("/v2/project").await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let path = format!("/v2/project/{key}");
    assert_eq!(account.get(&path).await.expect(200), made);
    assert!(!state(&emulator).to_string().contains(secret), "secrets are not shown");

    // It is real, and sees nothing of the first.
    let two = Peer::of(&emulator, key, secret);
    let (mine, theirs) = (two.session("").await, one.session("").await);
    access.join(&theirs);
    assert_eq!(two.get(&format!("/session/{mine}/stream")).await.status, 200);
    assert_eq!(two.get(&format!("/session/{theirs}/stream")).await.status, 404);
    assert_eq!(two.post("/archive", json!({ "sessionId": theirs })).await.status, 404);
    let archive = one.post("/archive", json!({ "sessionId": theirs })).await.expect(200);
    let archive = format!("/archive/{}", archive["id"].as_str().unwrap());
    assert_eq!((one.get(&archive).await.status, two.get(&archive).await.status), (200, 404));
    assert_eq!(two.get("/archive").await.expect(200)["count"], 0);
    let peer = Peer { project: "123456".into(), ..Peer::of(&emulator, key, secret) };
    assert_eq!(peer.get("/archive").await.status, 403, "the path is another's");

    let status = |status: &str| json!({ "status": status }).to_string();
    account.call("PUT", &path, &status("SUSPENDED")).await.expect(200);
    assert!(two.get("/archive").await.message().contains("suspended"));
    assert_eq!(account.call("PUT", &path, &status("ODD")).await.status, 400);
    account.call("PUT", &path, &status("ACTIVE")).await.expect(200);
    two.get("/archive").await.expect(200);
    let fresh = account.call("POST", &format!("{path}/refreshSecret"), "").await.expect(200);
    assert_ne!(fresh["secret"], secret);
    assert!(two.get("/archive").await.message().contains("signature"));
    account.call("DELETE", &path, "").await.expect(204);
    for answer in [account.get(&path).await, account.call("DELETE", &path, "").await] {
        assert_eq!(answer.status, 404);
    }
    assert_eq!(two.get("/archive").await.status, 403);
}
