//! MediaSFU.

use mediasfu::{Client, ClientBuilder, CreateRoom, Credentials, JoinRoom};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{FileStore, SharedClock};
use serde_json::json;

use super::{CANARY, guarded, silent, silent_error, silent_text, told};

/// Keys have 64 characters.
fn key() -> String {
    format!("{CANARY}{}", "0".repeat(24))
}

fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(Credentials::new("apiUser123", key()))
        .header("x-gateway-key", CANARY)
        .proxy(format!("http://u:{CANARY}@127.0.0.1:1"))
        .client_identity_pem(CANARY)
        .transport(transport.clone())
}

fn request() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10).secure_code(CANARY).admin_passcode(CANARY)
}

#[tokio::test]
async fn nothing_is_printed() {
    let room = json!({
        "roomName": "s1", "link": "https://x.mediasfu.com", "secret": CANARY, "secureCode": CANARY,
        "publicURL": format!("https://x.mediasfu.com/meet/s1/{CANARY}"), "more": CANARY,
    });
    let transport = ScriptedTransport::new().json(200, room.to_string()).json(200, room.to_string());
    silent(&Credentials::new("apiUser123", key()));
    silent(&builder(&transport));
    let client = builder(&transport).build().unwrap();
    silent(&client);
    let join = JoinRoom::new("s12345678", "guest1").secure_code(CANARY).admin_passcode(CANARY);
    silent(&(request(), &join));
    silent(&client.create_room(request()));
    silent(&client.join_room(join.clone()));
    let reply = client.create_room(request()).reply().await.unwrap();
    silent(&reply);
    guarded(&reply.output);
    guarded(&client.join_room(join).await.unwrap());
    silent_text(&format!("{:?}", transport.requests()[0].headers()));
}

#[tokio::test]
async fn errors_that_echo_secrets_hide_them() {
    for body in [
        json!({ "success": false, "error": format!("key {} is unknown", key()) }),
        json!({ "message": format!("Authorization: Bearer apiUser123:{}", key()) }),
        json!({ "error": { "secret": CANARY, "details": [{ "secureCode": CANARY, "adminPasscode": CANARY }] } }),
        json!({ "apiKey": CANARY, "publicURL": format!("https://x/meet/s1/{CANARY}"), "accessToken": CANARY }),
        json!(format!("<p>Bearer apiUser123:{}</p>", key())),
    ] {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        for status in [200, 401, 500] {
            let transport = ScriptedTransport::new().json(status, body.clone());
            let error = builder(&transport).build().unwrap().create_room(request()).await.unwrap_err();
            silent_error(&error);
            silent_text(&format!("{:?} {:?}", error.detail(), error.code()));
        }
    }
}

#[tokio::test]
async fn unusable_secrets_are_not_quoted() {
    let transport = ScriptedTransport::new();
    for bad in [format!("{}!", key()), CANARY.to_owned(), format!("{}\n", key())] {
        let client = Client::builder(Credentials::new("apiUser123", bad))
            .transport(transport.clone())
            .build()
            .unwrap();
        silent_error(&client.create_room(request()).await.unwrap_err());
    }
    for build in [
        builder(&transport).endpoint(format!("https://u:{CANARY}@127.0.0.1")),
        builder(&transport).header("x", format!("{CANARY}\n")),
        builder(&transport).header(" ", CANARY),
    ] {
        silent_error(&build.build().unwrap_err());
    }
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn a_store_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().to_owned();
    let transport = ScriptedTransport::new().step(move |_| {
        // The claim is held right now.
        let mut files = 0;
        let mut folders = vec![seen];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                files += 1;
                let content = std::fs::read(entry.path()).unwrap();
                let text = format!("{} {}", entry.path().display(), String::from_utf8_lossy(&content));
                silent_text(&text);
                assert!(!text.contains("hostUser") && !text.contains("apiUser123"), "{text}");
            }
        }
        assert!(files > 0, "the claim is somewhere");
        Err(rtc_core::TransportError::new(rtc_core::TransportErrorKind::Connect))
    });
    let store = FileStore::new(folder.path(), SharedClock::default()).unwrap();
    let retry = rtc_core::RetryPolicy::none();
    let client = builder(&transport).store(store).retry(retry).build().unwrap();
    let key = client.pending_key(&request()).unwrap();
    assert!(!key.contains("hostUser") && !key.contains("apiUser123") && !key.contains(CANARY), "{key}");
    let error = client.create_room(request()).await.unwrap_err();
    assert_eq!(transport.requests().len(), 1, "{}", told(&error));
    silent_error(&error);
}
