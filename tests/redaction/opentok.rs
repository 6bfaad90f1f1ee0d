//! OpenTok.

use std::fmt::Debug;

use opentok::{
    Archive, AudioConnectorWebsocket, AudioTransport, AudioTransportSettings, Broadcast, Client,
    CreateProject, CreateSession, Credentials, DialSip, GenerateToken, GetArchive, GetBroadcast, GetProject,
    ListProjects, OpenTokError, Outputs, Project, RtmpOutput, SetArchiveStorage, Sip, SipAuth,
    StartAudioConnector, StartBroadcast, StartCaptions, StartRender, StorageConfig, StorageType, VerifyToken,
    VerifyWebhook, WebhookEvent, WebhookVerifier,
};
use rtc_core::REDACTED;
use rtc_core::testing::ScriptedTransport;
use serde_json::json;

use super::{CANARY, guarded, silent, silent_error, silent_text, told};

const SESSION: &str = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";

#[tokio::test]
async fn nothing_is_printed() {
    let credentials = Credentials::new("123456", CANARY);
    silent(&credentials);
    let transport = ScriptedTransport::new().json(403, r#"{"message":"no"}"#);
    let builder = Client::builder(credentials).transport(transport.clone());
    silent(&builder);
    let client = builder.build().unwrap();
    silent(&client);
    silent(&client.create_session(CreateSession::new()));
    silent_error(&client.create_session(CreateSession::new()).await.unwrap_err());
    let token = client.generate_token(GenerateToken::new(SESSION)).unwrap();
    assert!(!format!("{token:?}").contains(token.expose()));
    let request = VerifyToken::new(format!("T1=={CANARY}"));
    silent(&request);
    silent_error(&client.verify_token(request).unwrap_err());
    let sent = transport.requests();
    assert!(
        !format!("{:?}", sent[0].headers()).contains("eyJ"),
        "the token of a request is marked sensitive"
    );
}

#[tokio::test]
async fn an_error_that_echoes_a_token_hides_it() {
    let probe = Client::builder(Credentials::new("123456", CANARY))
        .transport(ScriptedTransport::new())
        .build()
        .unwrap();
    let token = probe.generate_token(GenerateToken::new(SESSION)).unwrap();
    let body = format!(r#"{{"message":"bad token {}"}}"#, token.expose());
    let transport = ScriptedTransport::new().json(403, body);
    let client = Client::builder(Credentials::new("123456", CANARY)).transport(transport).build().unwrap();
    let error = client.create_session(CreateSession::new()).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(token.expose()), "{text}");
}

#[test]
fn webhooks() {
    silent(&WebhookVerifier::new(CANARY).unwrap());
    let request = VerifyWebhook::new(format!("Bearer {CANARY}"), "{}", CANARY);
    silent(&request);
    silent_error(&Client::verify_webhook(request).unwrap_err());
    for body in [
        json!({ "event": "archive", "id": "a", "url": CANARY, "password": "" }),
        json!({ "event": "archive", "id": "a", "transcription": { "url": CANARY } }),
        json!({ "event": "broadcast", "id": "b", "broadcastUrls": { "rtmp": [{ "streamName": CANARY }] } }),
        json!({ "event": "not known", "more": [{ "token": CANARY }] }),
    ] {
        guarded(&WebhookEvent::parse(body.to_string().as_bytes()).unwrap());
    }
    for body in [
        json!({ "event": "archive", "id": "a", "size": CANARY }).to_string(),
        json!({ "event": "streamCreated", "sessionId": "s", "stream": CANARY }).to_string(),
        format!("{{\"{CANARY}\": {CANARY}"),
    ] {
        silent_error(&WebhookEvent::parse(body.as_bytes()).unwrap_err());
    }
}

fn client(transport: ScriptedTransport) -> Client {
    let account = Credentials::new("777", CANARY);
    let builder = Client::builder(Credentials::new("123456", CANARY)).account(account);
    silent(&builder);
    builder.transport(transport).build().unwrap()
}

#[tokio::test]
async fn account_and_application() {
    let client = client(ScriptedTransport::new().json(403, "{}").json(200, "nonsense"));
    silent(&client);
    for _ in 0..2 {
        silent_error(&client.list_projects(ListProjects::new()).await.unwrap_err());
    }
    // No key: what it is instead is not told either.
    let application = Credentials::application("0a1b2c3d-0000-4000-8000-000000000000", CANARY);
    silent(&application);
    silent(&Client::builder(application.clone()));
    silent_error(&Client::new(application).unwrap_err());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    silent_error(
        &Client::new(Credentials::application("0a1b2c3d-0000-4000-8000-000000000000", pem)).unwrap_err(),
    );
}

/// Every call whose input holds a secret: silent itself, and in a refusal that repeats what was sent.
#[tokio::test]
async fn requests_and_refusals_that_echo_them() {
    let sip = Sip::new("sip:a@b").auth(SipAuth::new("u", CANARY)).headers([("X-Key", CANARY)]);
    let transport = AudioTransportSettings::new(AudioTransport::Json).static_fields([("key", CANARY)]);
    let websocket = AudioConnectorWebsocket::new("wss://example.com/a")
        .headers([("X", CANARY)])
        .audio_transport(transport);
    let plain = || AudioConnectorWebsocket::new("wss://example.com/a");
    let outputs = Outputs::new().rtmp([RtmpOutput::new("rtmp://h/a", CANARY)]);
    let s3 = StorageConfig::s3("access", CANARY, "b");
    let s3_key = StorageConfig::s3(CANARY, "secret", "b");
    let azure = StorageConfig::azure("n", CANARY, "c");
    for value in [&sip as &dyn Debug, &websocket, &outputs, &s3, &s3_key, &azure, &SipAuth::new("u", CANARY)]
    {
        silent(value);
    }
    let page = "https://example.com/page";
    echoed(|c| c.dial_sip(DialSip::new(SESSION, "token", sip))).await;
    echoed(|c| c.dial_sip(DialSip::new(SESSION, CANARY, Sip::new("sip:a@b")))).await;
    echoed(|c| c.start_audio_connector(StartAudioConnector::new(SESSION, "token", websocket))).await;
    echoed(|c| c.start_audio_connector(StartAudioConnector::new(SESSION, CANARY, plain()))).await;
    echoed(|c| c.start_captions(StartCaptions::new(SESSION, CANARY))).await;
    echoed(|c| c.start_render(StartRender::new(SESSION, CANARY, page))).await;
    echoed(|c| c.start_broadcast(StartBroadcast::new(SESSION, outputs))).await;
    echoed(|c| c.set_archive_storage(SetArchiveStorage::new(StorageType::S3, s3))).await;
    echoed(|c| c.set_archive_storage(SetArchiveStorage::new(StorageType::S3, s3_key))).await;
    echoed(|c| c.set_archive_storage(SetArchiveStorage::new(StorageType::Azure, azure))).await;
}

/// A call that is answered with its own body, in the message of a refusal and around it.
async fn echoed<C>(call: impl FnOnce(&Client) -> C)
where
    C: Debug + IntoFuture<Output: EchoedError>,
{
    let transport = ScriptedTransport::new().step(|request| {
        let sent = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(sent.contains(CANARY), "it is sent in clear: {sent}");
        let body = json!({ "code": 400, "message": format!("cannot do {sent}"), "seen": sent }).to_string();
        assert!(body.contains(CANARY));
        let answer = http::Response::builder().status(400);
        Ok(answer.body(rtc_core::Body::full(body)).unwrap())
    });
    let call = call(&client(transport.clone()));
    silent(&call);
    let error = call.await.error();
    silent_error(&error);
    let Some(OpenTokError::Api { message, body, .. }) = error.service() else { panic!("{error:?}") };
    for text in [message, body, &error.to_string()] {
        silent_text(text);
        assert!(text.contains(REDACTED) && text.contains("cannot do"), "the rest is told: {text}");
    }
}

/// The error of any call's result.
trait EchoedError {
    fn error(self) -> opentok::Error;
}

impl<T: Debug> EchoedError for opentok::Result<T> {
    fn error(self) -> opentok::Error {
        self.unwrap_err()
    }
}

#[tokio::test]
async fn answers() {
    let archive = json!({
        "id": "a", "status": "available", "url": format!("https://h/{CANARY}"), "password": CANARY,
        "transcription": { "url": format!("https://h/{CANARY}") },
    });
    let broadcast = json!({
        "id": "b", "broadcastUrls": { "rtmp": { "one": { "serverUrl": "rtmp://h", "streamName": CANARY } } },
    });
    let project = json!({ "id": 7, "secret": CANARY });
    let transport = [&archive, &broadcast, &project, &project]
        .iter()
        .fold(ScriptedTransport::new(), |script, body| script.json(200, body.to_string()));
    let client = client(transport);
    let archive: Archive = client.get_archive(GetArchive::new("a")).await.unwrap();
    guarded(&archive);
    guarded(&archive.transcription);
    let broadcast: Broadcast = client.get_broadcast(GetBroadcast::new("b")).await.unwrap();
    guarded(&broadcast);
    guarded(&broadcast.broadcast_urls.unwrap().rtmp[0]);
    let project: Project = client.create_project(CreateProject::new()).await.unwrap();
    guarded(&project);
    let reply = client.get_project(GetProject::new("7")).reply().await.unwrap();
    silent(&reply);
}

#[tokio::test]
async fn answers_that_cannot_be_read() {
    for body in [
        format!(r#"{{"id":"a","url":["{CANARY}"]}}"#),
        format!(r#"{{"id":"a","size":"{CANARY}"}}"#),
        format!(r#"{{"id":"a","maxBitRate":"{CANARY}"}}"#),
        CANARY.to_owned(),
    ] {
        let client = client(ScriptedTransport::new().json(200, body));
        let error = client.get_archive(GetArchive::new("a")).await.unwrap_err();
        silent_error(&error);
        assert!(told(&error).contains("get_archive") || told(&error).contains("answer"), "{error}");
    }
}

#[tokio::test]
async fn input_that_is_refused_is_not_shown() {
    let client = client(ScriptedTransport::new());
    let sip = Sip::new(format!("tel:{CANARY}")).streams([""]).auth(SipAuth::new("", CANARY));
    silent_error(&client.dial_sip(DialSip::new("", CANARY, sip)).await.unwrap_err());
    let storage = SetArchiveStorage::new("gcs", StorageConfig::s3(CANARY, CANARY, "").endpoint(CANARY));
    silent_error(&client.set_archive_storage(storage).await.unwrap_err());
    let output = RtmpOutput::new(CANARY, CANARY);
    let broadcast = StartBroadcast::new("", Outputs::new().rtmp(vec![output; 6]));
    silent_error(&client.start_broadcast(broadcast).await.unwrap_err());
}
