//! MediaSFU.

use std::fmt::Debug;

use mediasfu::{
    Client, ClientBuilder, CreateEventSettings, CreateExternalSession, CreatePlayback, CreateRoom,
    Credentials, DeleteMediaResource, GetEventSettings, GetSipCallState, Ingest, JoinRoom, KeyAction,
    ListDisposableKeys, ListSipCalls, ListSipConfigs, ManageDisposableKey, MediaSfuError, PlayWhep,
    PublishWhip, UpdateEventSettings, UpdateSipTemplate, Webhook,
};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{FileStore, REDACTED, SharedClock};
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

const OFFER: &str = "v=0\r\n";
const WHIP: &str = "https://edge.mediasfu.com/whip/s1/e";

/// Every call whose input holds a secret: silent itself, and in a refusal that repeats what was sent.
#[tokio::test]
async fn requests_and_refusals_that_echo_them() {
    echoed(|c| c.create_room(CreateRoom::new("hostUser", 60, 10).secure_code(CANARY))).await;
    echoed(|c| c.create_room(CreateRoom::new("hostUser", 60, 10).admin_passcode(CANARY))).await;
    echoed(|c| c.join_room(JoinRoom::new("s1", "guest1").secure_code(CANARY))).await;
    echoed(|c| c.join_room(JoinRoom::new("s1", "guest1").admin_passcode(CANARY))).await;
    echoed(|c| c.create_event_settings(CreateEventSettings::new().webhook_secret(CANARY))).await;
    echoed(|c| c.update_event_settings(UpdateEventSettings::new().webhook_secret(CANARY))).await;
    echoed(|c| c.publish_whip(PublishWhip::new(WHIP, CANARY, OFFER))).await;
    echoed(|c| c.play_whep(PlayWhep::new(WHIP, CANARY, OFFER))).await;
    echoed(|c| c.delete_media_resource(DeleteMediaResource::new(WHIP, CANARY))).await;
}

/// A call that is answered with what it sent, in the message of a refusal and around it, as JSON and as text; in JSON
/// also with the escapes that some servers write.
async fn echoed<C>(call: impl Fn(&Client) -> C)
where
    C: Debug + IntoFuture<Output: EchoedError>,
{
    for form in 0..3 {
        let transport = ScriptedTransport::new().step(move |request| {
            let token = request.headers().get("authorization").map(|v| String::from_utf8_lossy(v.as_bytes()));
            let token = token.unwrap_or_default().trim_start_matches("Bearer ").to_owned();
            let sent = format!("{token} {}", String::from_utf8_lossy(request.body()));
            assert!(sent.contains(CANARY), "it is sent in clear: {sent}");
            let json =
                json!({ "code": sent, "message": format!("cannot do {sent}"), "seen": sent }).to_string();
            let body = match form {
                0 => json,
                1 => json.replace("canary", "\\u0063anary"),
                _ => format!("<p>cannot do {sent}</p>"),
            };
            Ok(http::Response::builder().status(400).body(rtc_core::Body::full(body)).unwrap())
        });
        let client = builder(&transport).build().unwrap();
        let call = call(&client);
        silent(&call);
        let error = call.await.error();
        silent_error(&error);
        let Some(MediaSfuError::Api { message, code, body, .. }) = error.service() else {
            panic!("{error:?}")
        };
        silent_text(&format!("{message:?} {code:?} {body}"));
        assert!(body.contains(REDACTED) && body.contains("cannot do"), "the rest is told: {body}");
    }
}

/// The error of any call's result.
trait EchoedError {
    fn error(self) -> mediasfu::Error;
}

impl<T: Debug> EchoedError for mediasfu::Result<T> {
    fn error(self) -> mediasfu::Error {
        self.unwrap_err()
    }
}

/// A client whose next answer this is.
fn answering(body: &serde_json::Value) -> Client {
    builder(&ScriptedTransport::new().json(200, body.to_string())).build().unwrap()
}

#[tokio::test]
async fn answers() {
    let config = |member: serde_json::Value| json!({ "sipConfigs": [member] });
    for secret in [
        json!({ "webhookUrl": format!("https://h/{CANARY}") }),
        json!({ "secureCode": CANARY }),
        json!({ "peer": { "auth": { "username": "u", "password": CANARY } } }),
        json!({ "backupPeer": { "auth": { "password": CANARY } } }),
        json!({ "autoAgent": { "humanInterventionWebhookUrl": CANARY } }),
        json!({ "autoAgent": { "source": { "apiKey": CANARY } } }),
        json!({ "extra": [{ "key": "k", "value": CANARY }] }),
    ] {
        guarded(&answering(&config(secret)).list_sip_configs(ListSipConfigs::new()).await.unwrap());
    }
    let settings = json!({ "eventsSettings": { "webhookSecret": CANARY } });
    guarded(&answering(&settings).get_event_settings(GetEventSettings::new()).await.unwrap());
    let call = json!({ "sipCallId": "c", "callbackPin": CANARY });
    guarded(&answering(&call).get_sip_call_state(GetSipCallState::new("c")).await.unwrap());
    guarded(&answering(&json!({ "data": [call] })).list_sip_calls(ListSipCalls::new()).await.unwrap());
    let session = json!({ "sessionID": "e", "ingest": { "url": WHIP, "token": CANARY } });
    let new = CreateExternalSession::new("s1", "cam", "host", Ingest::new(["audio"]));
    let session = answering(&session).create_external_session(new).reply().await.unwrap();
    silent(&session);
    guarded(&session.output);
    let playback = json!({ "playbackID": "p", "endpointUrl": WHIP, "playbackToken": CANARY });
    let new = CreatePlayback::new("s1", "e", ["audio"]);
    guarded(&answering(&playback).create_playback(new).await.unwrap());
}

/// What nobody documents: secrets under names that tell, and keys under any.
#[tokio::test]
async fn answers_as_they_come() {
    for name in ["apiKey", "api_key", "key_secret", "webhookSecret", "playbackToken", "password", "publicURL"]
    {
        let answer =
            json!({ "keys": [{ name: CANARY, "name": "mine" }], "more": { "nested": { name: [CANARY] } } });
        guarded(&answering(&answer).list_disposable_keys(ListDisposableKeys::new()).await.unwrap());
    }
    for text in
        [key(), format!("tempsand{CANARY}"), format!("it is tempprod{CANARY}!"), format!("Bearer u:{CANARY}")]
    {
        let answer = json!({ "data": [text], "name": "mine" });
        let request = ManageDisposableKey::new(KeyAction::Create);
        guarded(&answering(&answer).manage_disposable_key(request).await.unwrap());
    }
    for body in [json!({ "token": CANARY }).to_string(), format!("Bearer {CANARY}")] {
        let webhook = Webhook::new(body);
        silent(&webhook);
        assert!(format!("{webhook:?}").contains(REDACTED));
    }
}

/// Free-form input may hold anything: none of it is printed.
#[test]
fn free_input() {
    silent(&ManageDisposableKey::new(KeyAction::Update).members(json!({ "whatever": CANARY })));
    silent(&UpdateSipTemplate::new("c", json!({ "whatever": CANARY })));
    let source = CreateExternalSession::new("s1", "cam", "host", Ingest::new(["audio"]));
    silent(&source.metadata(json!({ "whatever": CANARY })));
}

#[tokio::test]
async fn answers_that_cannot_be_read() {
    for body in [
        format!(r#"{{"eventsSettings":{{"itemPageLimit":"{CANARY}"}}}}"#),
        format!(r#"{{"sipConfigs":"{CANARY}","data":"{CANARY}","durationSeconds":"{CANARY}"}}"#),
        format!(r#"{{"roomName":"s1","secret":"{CANARY}"}}"#),
        CANARY.to_owned(),
    ] {
        let transport = (0..4).fold(ScriptedTransport::new(), |script, _| script.json(200, body.clone()));
        let client = builder(&transport).build().unwrap();
        let errors = [
            client.create_room(request()).await.map(drop),
            client.get_event_settings(GetEventSettings::new()).await.map(drop),
            client.list_sip_configs(ListSipConfigs::new()).await.map(drop),
            client.get_sip_call_state(GetSipCallState::new("c")).await.map(drop),
        ];
        let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
        assert!(errors.len() >= 2, "{body}");
        errors.iter().for_each(|error| silent_error(error));
    }
}

#[tokio::test]
async fn input_that_is_refused_is_not_shown() {
    let client = builder(&ScriptedTransport::new()).build().unwrap();
    let long = CANARY.repeat(8);
    silent_error(&client.create_room(CreateRoom::new("", 0, 0).secure_code(&*long)).await.unwrap_err());
    silent_error(&client.join_room(JoinRoom::new("", "").secure_code(&*long)).await.unwrap_err());
    let settings = CreateEventSettings::new().webhook_secret(&*long).webhook_url(CANARY);
    silent_error(&client.create_event_settings(settings).await.unwrap_err());
    let line = format!("{CANARY}\r\nx: y");
    for url in [WHIP, "whip", "https://169.254.169.254", "http://edge.example"] {
        silent_error(&client.publish_whip(PublishWhip::new(url, &*line, OFFER)).await.unwrap_err());
    }
    let hidden = format!("https://u:{CANARY}@edge.example/?{CANARY}");
    silent_error(&client.publish_whip(PublishWhip::new(hidden, "t", CANARY)).await.unwrap_err());
    let key = request().idempotency_key(format!("{CANARY} {CANARY}"));
    silent_error(&client.create_room(key).await.unwrap_err());
}
