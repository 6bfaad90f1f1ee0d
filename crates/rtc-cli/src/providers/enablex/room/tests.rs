use std::future::pending;
use std::io;

use enablex::{Client, CreateRoom, CreateToken, Credentials, Role, RoomSettings};
use rtc_emulator::Emulator;
use tokio::io::{AsyncWriteExt as _, BufReader, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};

use super::*;

/// The output of a conversation, line by line.
struct Lines(mpsc::UnboundedSender<String>, Vec<u8>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        while let Some(end) = self.1.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.1.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap().trim_end().to_owned();
            self.0.send(line).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Scene {
    emulator: Emulator,
    client: Client,
    room: String,
}

impl Scene {
    async fn new() -> Self {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
        let settings = RoomSettings::new(5).moderators(2);
        let room = client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap().room_id;
        Self { emulator, client, room }
    }

    async fn token(&self) -> String {
        let request = CreateToken::new(&self.room, "Mo", Role::Moderator, "backend");
        self.client.create_token(request).await.unwrap().token.expose().to_owned()
    }

    async fn open(&self, people: bool) -> Dialog {
        let token = self.token().await;
        let run = Run { endpoint: Some(self.emulator.enablex().url()), ..Run::default() };
        let (input, lines) = duplex(65_536);
        let (sender, output) = mpsc::unbounded_channel();
        let (interrupt, interrupted) = oneshot::channel::<()>();
        let asked = json!({ "token": token });
        let end = tokio::spawn(async move {
            let interrupted = async {
                if interrupted.await.is_err() {
                    pending::<()>().await;
                }
            };
            let out = Lines(sender, Vec::new());
            converse(asked, &run, people, BufReader::new(lines), out, interrupted).await
        });
        Dialog { token, input: Some(input), output, interrupt: Some(interrupt), end, seen: String::new() }
    }
}

struct Dialog {
    token: String,
    input: Option<DuplexStream>,
    output: mpsc::UnboundedReceiver<String>,
    interrupt: Option<oneshot::Sender<()>>,
    end: tokio::task::JoinHandle<Outcome>,
    seen: String,
}

impl Dialog {
    async fn say(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// The next line that holds this.
    async fn line(&mut self, part: &str) -> String {
        while let Some(line) = self.output.recv().await {
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(part) {
                return line;
            }
        }
        panic!("no line with {part} in {}", self.seen);
    }

    async fn json(&mut self, part: &str) -> Value {
        serde_json::from_str(&self.line(part).await).unwrap()
    }

    /// The line that answers a command, wherever in it the id stands.
    async fn answer(&mut self, id: i64) -> Value {
        loop {
            let line = self.json("\"id\":").await;
            if line["id"] == id {
                return line;
            }
        }
    }

    /// The outcome, and all that was printed.
    async fn end(mut self) -> (Outcome, String) {
        drop(self.input.take());
        while let Some(line) = self.output.recv().await {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        (self.end.await.unwrap(), self.seen)
    }
}

#[tokio::test]
async fn commands_are_answered_and_events_told() {
    let scene = Scene::new().await;
    let mut dialog = scene.open(false).await;
    let entered = dialog.json("room_connected").await;
    assert_eq!(entered["type"], "room_connected");

    dialog.say(r#"{"command":"lock-room","id":"a"}"#).await;
    let locked = dialog.json("\"id\":\"a\"").await;
    assert_eq!(locked["command"], "lock_room");
    assert_eq!(locked["ack"]["result"], 0);

    dialog.say(r#"{"command":"lock_room"}"#).await;
    let refused = dialog.json("\"error\"").await;
    assert_eq!((&refused["error"]["code"], &refused["error"]["kind"]), (&json!(4121), &json!("conflict")));
    assert_eq!((&refused["command"], &refused["id"]), (&json!("lock_room"), &Value::Null));

    dialog.say(r#"{"command":"state","id":{"n":1}}"#).await;
    let state = dialog.json("\"state\"").await;
    assert_eq!((&state["state"]["locked"], &state["state"]["room_id"]), (&json!(true), &json!(scene.room)));
    assert_eq!(state["id"], json!({ "n": 1 }));

    dialog.say(r#"{"command":"help"}"#).await;
    let help = dialog.json("\"help\"").await;
    assert_eq!(help["help"].as_array().unwrap().len(), 38 + 3);
    let (end, _) = dialog.end().await;
    assert_eq!(end.exit_code(), 0, "{}", end.body);
    assert_eq!(scene.client.list_users(enablex::ListUsers::new(&scene.room)).await.unwrap().users.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_without_showing_it() {
    let scene = Scene::new().await;
    let mut dialog = scene.open(false).await;
    for (line, field) in [
        ("canary", "line"),
        ("[\"canary\"]", "line"),
        (r#"{"id":7,"send":"canary"}"#, "command"),
        (r#"{"id":7,"command":"canary"}"#, "command"),
        (r#"{"id":7,"command":"connect_room"}"#, "command"),
        (r#"{"id":7,"command":"pin_users"}"#, "client_ids"),
        (r#"{"id":7,"command":"lock_room","typo":"canary"}"#, "typo"),
    ] {
        dialog.say(line).await;
        let refused = dialog.json("\"error\"").await;
        assert_eq!(refused["error"]["kind"], "invalid_input", "{refused}");
        assert_eq!(refused["error"]["violations"][0]["field"], field, "{line}");
        assert_eq!(refused["error"]["was_sent"], false);
        assert_eq!(refused["id"], if line.contains("id") { json!(7) } else { Value::Null });
    }
    let (end, seen) = dialog.end().await;
    assert!(end.is_ok() && !seen.contains("canary"), "{seen}");
}

#[tokio::test]
async fn commands_go_out_in_order_and_side_by_side() {
    let scene = Scene::new().await;
    let ada = scene.emulator.enablex().join(&scene.room, "Ada", "participant").unwrap();
    let mut dialog = scene.open(false).await;
    dialog.line("room_connected").await;
    // All are here before the first is answered, and the end of the input, too.
    let pin = json!({ "command": "pin_users", "clientIds": [ada], "id": 2 });
    let lock = |id| json!({ "command": "lock_room", "id": id });
    dialog.say(&format!("{}\n{pin}\n{}", lock(1), lock(3))).await;
    drop(dialog.input.take());
    assert_eq!(dialog.answer(1).await["ack"]["result"], 0);
    assert_eq!(dialog.answer(2).await["ack"]["clients"], json!([ada]));
    let refused = dialog.answer(3).await;
    assert_eq!(refused["error"]["code"], 4121);
    assert_eq!(refused["error"]["was_sent"], true, "the room said so, for it was not known yet to be locked");
    let (end, _) = dialog.end().await;
    assert!(end.is_ok(), "{}", end.body);
}

#[tokio::test]
async fn secrets_are_not_repeated() {
    let scene = Scene::new().await;
    let mut dialog = scene.open(false).await;
    let live = r#""url_details":{"url":"https://example.com/page?k=canary-page"}"#;
    let stream = r#""rtmp_details":{"rtmp_url":"rtmp://live.example/app/canary-key"}"#;
    dialog.say(&format!("{{\"command\":\"start_live_recording\",{live},\"id\":1}}")).await;
    dialog.answer(1).await;
    dialog.say(&format!("{{\"command\":\"start_streaming\",{stream},{live},\"id\":2}}")).await;
    dialog.answer(2).await;
    // The room hands on what it is told.
    let repeated =
        r#"{"command":"send_message","msg":"rtmp://live.example/app/canary-key","broadcast":true,"id":3}"#;
    dialog.say(repeated).await;
    dialog.answer(3).await;
    let token = dialog.token.clone();
    let (end, seen) = dialog.end().await;
    assert!(end.is_ok(), "{}", end.body);
    assert!(!seen.contains("canary") && !seen.contains(&token), "{seen}");
}

#[tokio::test]
async fn a_room_is_left_in_order_or_lost() {
    let scene = Scene::new().await;
    let mut stays = scene.open(false).await;
    stays.line("room_connected").await;
    let mut ends = scene.open(false).await;
    ends.line("room_connected").await;
    ends.say(r#"{"command":"destroy_room","id":1}"#).await;
    assert_eq!(ends.answer(1).await["ack"]["result"], 0);
    // The input is still open: it is the room that ends it.
    assert_eq!((&mut ends.end).await.unwrap().exit_code(), 0);
    stays.line("room_disconnected").await;
    let end = (&mut stays.end).await.unwrap();
    assert_eq!((end.exit_code(), end.kind), (4, Some(ErrorKind::Closed)), "{}", end.body);
}

#[tokio::test]
async fn an_interrupt_ends_it() {
    let scene = Scene::new().await;
    let mut dialog = scene.open(false).await;
    dialog.line("room_connected").await;
    dialog.interrupt.take().unwrap().send(()).unwrap();
    assert_eq!((&mut dialog.end).await.unwrap().exit_code(), 0);
}

#[tokio::test]
async fn a_room_that_cannot_be_entered() {
    let refused = converse(json!({}), &Run::default(), false, &b""[..], Vec::new(), pending::<()>()).await;
    assert_eq!(refused.body["error"]["violations"][0]["field"], "token");
    assert_eq!(refused.exit_code(), 2);
}

#[tokio::test]
async fn people_talk_in_words() {
    let scene = Scene::new().await;
    let ada = scene.emulator.enablex().join(&scene.room, "Ada\u{1b}[2J", "participant").unwrap();
    let mut dialog = scene.open(true).await;
    let entered = dialog.line("* room-connected").await;
    assert!(entered.chars().count() <= 241, "{entered}");
    dialog.say("lock-room").await;
    dialog.line("= lock-room: done ").await;
    dialog.say("lock-room").await;
    assert!(dialog.line("! lock-room: conflict").await.contains("4121"));
    dialog.say(&format!("pin-users client_ids={ada},{ada}")).await;
    dialog.line("pin-users").await;
    dialog.say(r#"{"command":"pin_users","client_ids":["nobody"]}"#).await;
    dialog.line("pin-users").await;
    dialog.say("state").await;
    dialog.line("  locked: true").await;
    assert!(!dialog.line("  participants: ").await.contains('\u{1b}'));
    dialog.say("lock-room now").await;
    dialog.line("! line: invalid_input").await;
    dialog.say("help").await;
    dialog.line("  pin-users client_ids=..  Pins users").await;
    dialog.say("quit").await;
    assert!((&mut dialog.end).await.unwrap().is_ok());
}

#[test]
fn words_become_an_input() {
    let read = |line| people::read(line).map(|(name, input)| (name, Value::Object(input)));
    for (line, name, input) in [
        ("pin-users client_ids=a,b", "pin_users", json!({ "client_ids": ["a", "b"] })),
        ("  enable-knock   enable=true ", "enable_knock", json!({ "enable": "true" })),
        (
            "send-message msg='good day' clients=a",
            "send_message",
            json!({ "msg": "good day", "clients": ["a"] }),
        ),
        (r#"send-message msg={"a":1}"#, "send_message", json!({ "msg": { "a": 1 } })),
        (
            "start-live-recording url-details.url=https://example.com/?a=b",
            "start_live_recording",
            json!({ "url_details": { "url": "https://example.com/?a=b" } }),
        ),
        ("something x=1", "something", json!({ "x": "1" })),
    ] {
        assert_eq!(read(line).unwrap(), (name.to_owned(), input), "{line}");
    }
    for bad in ["lock-room now", "send-message msg='good day", " "] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn no_command_has_a_field_that_the_lines_need() {
    assert_eq!(commands().count(), 38);
    assert!(commands().flat_map(|o| o.fields).all(|f| !["command", "id"].contains(&f.name)));
}
