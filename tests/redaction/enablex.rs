//! EnableX.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::{Joined, RoomSnapshot};
use enablex::{
    Client, ClientBuilder, ConnectRoom, CreateRoom, CreateToken, Credentials, DecodeToken, DownloadRecording,
    GetCdrByConference, GetDialIn, ParseWebhook, RecordingAccess, Role, Room, RoomEvent, RoomOptions,
    RoomSettings, Sip, WebhookReader, decode_token, parse_webhook,
};
use rtc_core::testing::{LoopChannel, ScriptedTransport, pair};
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::{Bytes, Limits, http};
use serde_json::{Value, json};

use super::{CANARY, guarded, silent, silent_error, silent_text, told};

fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(Credentials::new("APP", CANARY))
        .header("x-gateway-key", CANARY)
        .transport(transport.clone())
}

fn room() -> CreateRoom {
    CreateRoom::new("n", "o", RoomSettings::new(2)).sip(Sip::new(true)).data(json!({ "k": CANARY }))
}

fn member() -> CreateToken {
    CreateToken::new("room-1", "n", Role::Moderator, "u").data(json!({ "k": CANARY }))
}

/// A token and its base64, which is as secret.
fn token() -> String {
    let content =
        json!({ "tokenId": CANARY, "signature": CANARY, "host": "media.example:7443", "secure": true });
    STANDARD.encode(content.to_string())
}

/// Neither the canary nor the token that hides it in base64.
fn silent_room_error(error: &enablex::Error) {
    let text = format!("{} {:?}", told(error), error.detail());
    silent_text(&text);
    assert!(!text.contains(&token()), "a token was printed: {text}");
}

#[tokio::test]
async fn nothing_is_printed() {
    let made = json!({ "result": 0, "room": { "room_id": "r", "sip": { "enabled": true, "pin": CANARY } } });
    let transport = ScriptedTransport::new()
        .json(200, made.to_string())
        .json(200, json!({ "result": 0, "token": CANARY }).to_string());
    silent(&Credentials::new("APP", CANARY));
    silent(&builder(&transport));
    let client = builder(&transport).build().unwrap();
    silent(&(&client, client.room_options()));
    silent(&(room(), member()));
    silent(&(client.create_room(room()), client.create_token(member())));
    let reply = client.create_room(room()).reply().await.unwrap();
    silent(&reply);
    guarded(&reply.output);
    guarded(&client.create_token(member()).await.unwrap());
    let basic = STANDARD.encode(format!("APP:{CANARY}"));
    for request in transport.requests() {
        let text = format!("{:?}", request.headers());
        silent_text(&text);
        assert!(!text.contains(&basic), "{text}");
    }
}

#[tokio::test]
async fn errors_that_echo_secrets_hide_them() {
    let basic = STANDARD.encode(format!("APP:{CANARY}"));
    for body in [
        json!({ "result": 40002, "desc": format!("{CANARY} and Basic {basic} are wrong") }).to_string(),
        json!({ "status": "error", "error_code": "UNAUTHORIZED", "message": CANARY, "request_id": "1" })
            .to_string(),
        json!({ "result": 1, "headers": { "authorization": format!("Basic {basic}") } }).to_string(),
        format!("<p>{CANARY} {basic}</p>"),
    ] {
        for status in [200, 401, 500] {
            let transport = ScriptedTransport::new().json(status, body.clone());
            let error = builder(&transport).build().unwrap().create_room(room()).await.unwrap_err();
            silent_error(&error);
            let text = format!("{} {:?}", told(&error), error.detail());
            assert!(!text.contains(&basic), "{text}");
        }
    }
}

/// The records of use hold the tokens of users, the answer on dialling in the credentials of a SIP server.
#[tokio::test]
async fn reports_are_not_printed() {
    let record = json!({ "conf_num": "7", "user": { "name": "Ada", "token": CANARY } });
    let dialling = json!({ "app_key": CANARY, "sip": { "username": "u", "password": CANARY }, "dialin": [] });
    let transport = ScriptedTransport::new()
        .json(200, json!({ "result": "0", "cdr": [record] }).to_string())
        .json(200, dialling.to_string());
    let client = builder(&transport).build().unwrap();
    let reply = client.get_cdr_by_conference(GetCdrByConference::new("7")).reply().await.unwrap();
    silent(&reply);
    guarded(&reply.output);
    let reply = client.get_dial_in(GetDialIn::new()).reply().await.unwrap();
    silent(&reply);
    guarded(&reply.output);
}

#[tokio::test]
async fn downloads_are_not_printed() {
    let url = "https://files.example/f";
    let basic = STANDARD.encode(format!("u:{CANARY}"));
    let access = RecordingAccess::new("u", CANARY).allow_host("files.example");
    silent(&access);
    let transport = ScriptedTransport::new()
        .json(200, CANARY)
        .json(403, format!("{CANARY} {basic}"))
        .json(403, json!({ "result": 40002, "desc": format!("{CANARY} Basic {basic}") }).to_string());
    let client = Client::builder(Credentials::new("APP", "KEY"))
        .recordings(access)
        .transport(transport)
        .build()
        .unwrap();
    silent(&(&client, client.download_recording(DownloadRecording::new(url))));
    let mut download = client.open_recording(DownloadRecording::new(url)).await.unwrap();
    silent(&(&download, download.head()));
    while download.next().await.unwrap().is_some() {}
    silent(&download);
    for _ in 0..2 {
        let error = client.download_recording(DownloadRecording::new(url)).await.unwrap_err();
        silent_error(&error);
        let text = format!("{} {:?}", told(&error), error.detail());
        silent_text(&text);
        assert!(!text.contains(&basic), "{text}");
    }
    // Also where the application has no key: files do not need one.
    let transport = ScriptedTransport::new().json(403, format!("{CANARY} {basic}"));
    let access = RecordingAccess::new("u", CANARY).allow_host("files.example");
    let bare =
        Client::builder(Credentials::new("", "")).recordings(access).transport(transport).build().unwrap();
    let error = bare.download_recording(DownloadRecording::new(url)).await.unwrap_err();
    let text = told(&error);
    silent_text(&text);
    assert!(!text.contains(&basic), "{text}");
    // An address that holds a password is refused, and not shown.
    let error =
        client.download_recording(DownloadRecording::new(format!("https://u:{CANARY}@files.example/f")));
    silent_error(&error.await.unwrap_err());
}

#[test]
fn webhooks_are_not_printed() {
    let reader = WebhookReader::new().credentials("hooks", CANARY);
    silent(&reader);
    let basic = STANDARD.encode(format!("hooks:{CANARY}"));
    let request = |body: &str| ParseWebhook::new(body).authorization(format!("Basic {basic}"));
    let shown = format!("{:?}", request("{}"));
    assert!(!shown.contains(&basic), "{shown}");
    let body = json!({ "type": "new", "token": CANARY, "nested": { "password": CANARY } }).to_string();
    let webhook = reader.parse(request(&body)).unwrap();
    silent(&webhook);
    silent_text(&serde_json::to_string(&webhook).unwrap());
    silent_error(
        &parse_webhook(ParseWebhook::new(format!(r#"{{"type":"{CANARY}" "{CANARY}"}}"#))).unwrap_err(),
    );
    silent_error(&WebhookReader::new().credentials("x", "y").parse(request(CANARY)).unwrap_err());
}

#[test]
fn tokens_are_not_printed() {
    let request = DecodeToken::new(token());
    let shown = format!("{request:?} {:?}", ConnectRoom::new(token()));
    assert!(!shown.contains(&token()), "{shown}");
    let content = decode_token(request).unwrap();
    silent(&content);
    silent_text(&serde_json::to_string(&content).unwrap());
    for bad in [CANARY.to_owned(), STANDARD.encode(json!({ "host": 7, "tokenId": CANARY }).to_string())] {
        silent_error(&decode_token(DecodeToken::new(bad)).unwrap_err());
    }
}

/// A server that answers the token and everything else in one way.
#[derive(Debug, Clone)]
struct Server {
    greeting: Value,
    answer: Value,
    refuses: bool,
}

impl Connect for Server {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: http::Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        silent_text(&handshake.uri().to_string());
        if self.refuses {
            let body = Bytes::from(self.answer.to_string());
            return Err(ConnectError::Refused(Box::new(
                http::Response::builder().status(401).body(body).unwrap(),
            )));
        }
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(server));
        Ok(client)
    }
}

impl Server {
    async fn serve(self, mut channel: LoopChannel) {
        let open =
            r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let _ = channel.send(Frame::Text(open.into())).await;
        while let Some(Ok(frame)) = channel.recv().await {
            silent(&frame);
            let Frame::Text(text) = frame else { continue };
            if text == "40" {
                let refused = self.greeting.is_null();
                let reason = json!({ "message": format!("bad {}", token()) });
                let answer = if refused { format!("44{reason}") } else { r#"40{"sid":"n"}"#.into() };
                let _ = channel.send(Frame::Text(answer)).await;
            }
            let Some(packet) = text.strip_prefix("42") else { continue };
            let digits = packet.find('[').unwrap();
            let greets = packet[digits..].starts_with(r#"["token""#);
            let answer = if greets { &self.greeting } else { &self.answer };
            let _ = channel.send(Frame::Text(format!("43{}{answer}", &packet[..digits]))).await;
            if greets {
                let _ = channel.send(Frame::Text(format!("42{}", connected()))).await;
                let _ = channel
                    .send(Frame::Text(format!("42{}", json!(["new-thing", { "token": CANARY }]))))
                    .await;
            }
        }
    }

    async fn enter(self) -> enablex::Result<(Room, enablex::RoomEvents)> {
        Room::connect(token(), RoomOptions::new().connector(self)).await
    }
}

fn connected() -> Value {
    let me = json!({ "clientId": "c-me", "role": "moderator", "token": CANARY });
    json!(["room-connected", {
        "id": "room-1", "userList": [me], "user": me, "room": { "locked": false, "secret": CANARY },
        "iceServers": [{ "credential": CANARY }], "tokenId": CANARY,
    }])
}

fn entered() -> Value {
    json!(["success", { "result": 0, "clientId": "c-me", "token": CANARY }])
}

#[tokio::test]
async fn rooms_are_not_printed() {
    let answer = json!([{ "result": 0, "msg": "success", "token": CANARY }]);
    let server = Server { greeting: entered(), answer, refuses: false };
    let (room, mut events) = server.enter().await.unwrap();
    silent(&(&room, room.state(), room.joined()));
    silent(&events);
    silent(&room.lock_room().await.unwrap());
    for _ in 0..2 {
        let event = events.next().await.unwrap();
        silent(&event);
        silent(&events);
    }
    silent_text(&serde_json::to_string(&(room.state(), room.joined())).unwrap());
    let unknown = RoomEvent::read("room-connected", &[json!([CANARY])]);
    silent(&(unknown, RoomSnapshot::default(), Joined::default()));
}

#[tokio::test]
async fn rooms_that_echo_secrets_in_errors_hide_them() {
    let said = format!("token {} is used", token());
    let refusal = json!(["error", { "result": 4101, "msg": said, "token": CANARY }]);
    let refused = |greeting, refuses| Server { greeting, answer: json!({ "message": said }), refuses };
    for server in [refused(refusal.clone(), false), refused(Value::Null, false), refused(entered(), true)] {
        silent_room_error(&server.enter().await.unwrap_err());
    }
    let server = Server { greeting: entered(), answer: refusal, refuses: false };
    let (room, _events) = server.enter().await.unwrap();
    silent_room_error(&room.lock_room().await.unwrap_err());
}
