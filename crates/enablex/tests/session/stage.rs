//! The people of a session, and what each has heard of a step.

use std::time::Duration;

use enablex::room::{Protocol, Room, RoomEvents};
use enablex::{Client, CreateRoom, CreateToken, Credentials, Role, RoomSettings, SendMessage};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

use crate::promises::{To, promised};

pub(crate) const MO: usize = 0;
pub(crate) const ADA: usize = 1;
pub(crate) const BOB: usize = 2;
pub(crate) const EVE: usize = 3;

const NAMES: [&str; 4] = ["Mo", "Ada (older)", "Bob", "Eve"];
/// More than enough for anything that is waited for.
const LIMIT: Duration = Duration::from_secs(10);

/// Where somebody is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// In front of the room.
    Door,
    Inside,
}

struct Person {
    id: String,
    place: Place,
    role: Role,
    protocol: Protocol,
    room: Room,
    events: RoomEvents,
    /// Whether something was read of this person already.
    heard: bool,
}

/// What was heard of a step, by person.
struct Row {
    step: String,
    by: usize,
    heard: Vec<Vec<String>>,
}

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    client: Client,
    room_id: String,
    people: Vec<Person>,
    marks: usize,
    rows: Vec<Row>,
}

impl Stage {
    /// All but Eve are there.
    pub(crate) async fn new() -> Self {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
        let settings = RoomSettings::new(3).duration(60);
        let room = client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap();
        let mut stage =
            Self { emulator, client, room_id: room.room_id, people: Vec::new(), marks: 0, rows: Vec::new() };
        for (role, protocol) in [
            (Role::Moderator, Protocol::Eio4),
            (Role::Participant, Protocol::Eio3),
            (Role::Participant, Protocol::Eio4),
        ] {
            let person = stage.arrive(role, protocol, Place::Inside).await;
            stage.people.push(person);
        }
        stage
    }

    async fn arrive(&self, role: Role, protocol: Protocol, place: Place) -> Person {
        let request = CreateToken::new(&self.room_id, "Somebody", role.clone(), "somebody");
        let token = self.client.create_token(request).await.unwrap().token;
        let options = self.client.room_options().protocol(protocol);
        let (room, events) = Room::connect(token, options).await.unwrap();
        let id = room.joined().client_id.clone().unwrap();
        Person { id, place, role, protocol, room, events, heard: false }
    }

    pub(crate) fn room(&self, n: usize) -> Room {
        self.people[n].room.clone()
    }

    pub(crate) fn id(&self, n: usize) -> String {
        self.people[n].id.clone()
    }

    pub(crate) fn missed(&self, n: usize) -> u64 {
        self.people[n].events.missed()
    }

    pub(crate) fn has_run(&self, command: &str) -> bool {
        self.rows.iter().any(|row| row.step == command)
    }

    /// Forgets what was told so far.
    pub(crate) async fn clear(&mut self) {
        self.heard().await;
    }

    /// Somebody knocks, for the first time or again.
    pub(crate) async fn knock(&mut self, n: usize) {
        let person = self.arrive(Role::Participant, Protocol::Eio4, Place::Door).await;
        if n == self.people.len() {
            self.people.push(person);
        } else {
            self.people[n] = person;
        }
        self.step("knock", n, Some(n), std::future::ready(Ok(()))).await;
    }

    /// A command by one, about another, and what everybody hears of it.
    pub(crate) async fn step<T>(
        &mut self,
        step: &str,
        by: usize,
        whom: Option<usize>,
        command: impl Future<Output = enablex::Result<T>>,
    ) {
        let was = self.people.iter().map(|person| person.place).collect::<Vec<_>>();
        command.await.unwrap_or_else(|error| panic!("{step}: {error}"));
        match (step, whom) {
            ("approve_awaited_user", Some(whom)) => self.people[whom].place = Place::Inside,
            ("deny_awaited_user" | "drop_users", Some(whom)) => self.people[whom].place = Place::Outside,
            ("destroy_room", _) => self.people.iter_mut().for_each(|person| person.place = Place::Outside),
            _ => {}
        }
        let heard = self.heard_since(&was).await;
        let about = whom.map(|whom| self.id(whom)).unwrap_or_default();
        let promises = promised(step, &self.people[by].id, &about);
        for (n, heard) in heard.iter().enumerate() {
            let promised = promises.iter().filter(|(to, _)| self.is_told(n, *to, whom, &was));
            let promised: Vec<&Value> = promised.map(|(_, event)| event).collect();
            let right =
                promised.len() == heard.len() && promised.iter().zip(heard).all(|(p, h)| is_part(p, h));
            assert!(right, "{step}: {} heard {heard:#?}, and was promised {promised:#?}", NAMES[n]);
        }
        if step == "switch_user_role" {
            self.people[by].role = Role::Participant;
            self.people[whom.unwrap()].role = Role::Moderator;
        }
        let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
        let heard = heard.iter().map(|heard| heard.iter().map(kind).collect()).collect();
        self.rows.push(Row { step: step.to_owned(), by, heard });
    }

    /// Whether a person is one of those who are told, by where everybody was before.
    fn is_told(&self, n: usize, to: To, whom: Option<usize>, was: &[Place]) -> bool {
        let person = &self.people[n];
        let inside = was[n] == Place::Inside;
        match to {
            To::All => inside,
            To::Participants => inside && person.role != Role::Moderator,
            To::Moderators => inside && person.role == Role::Moderator,
            To::Others => inside && whom != Some(n),
            To::Whom => whom == Some(n),
            To::Older => inside && person.protocol == Protocol::Eio3,
            To::Newer => inside && person.protocol == Protocol::Eio4,
        }
    }

    async fn heard(&mut self) -> Vec<Vec<Value>> {
        let places = self.people.iter().map(|person| person.place).collect::<Vec<_>>();
        self.heard_since(&places).await
    }

    /// What each has heard: those inside up to a message, those who have gone up to the end. The one at the door is only
    /// heard of when it opens or closes, but for what was told on the way there.
    async fn heard_since(&mut self, was: &[Place]) -> Vec<Vec<Value>> {
        self.marks += 1;
        let mark = format!("mark {}", self.marks);
        let ids: Vec<String> = self.people.iter().map(|person| person.id.clone()).collect();
        // Nobody hears the own message: Mo's is for the others, and Ada's is for Mo.
        if self.people[MO].place == Place::Inside {
            self.people[MO].room.send_message(SendMessage::new(mark.as_str())).await.unwrap();
            let back = SendMessage::new(mark.as_str()).broadcast(false).clients([&ids[MO]]);
            self.people[ADA].room.send_message(back).await.unwrap();
        }
        let mut all = Vec::new();
        for (person, was) in self.people.iter_mut().zip(was) {
            all.push(match (was, person.place) {
                (Place::Outside, Place::Outside) => Vec::new(),
                (_, place) => person.read(place, &mark).await,
            });
        }
        all
    }

    pub(crate) fn print(&self) {
        let cell = |kinds: &Vec<String>| if kinds.is_empty() { "-".to_owned() } else { kinds.join(" ") };
        println!("| command | by | {} |\n|---|---|---|---|---|---|", NAMES.join(" | "));
        for Row { step, by, heard } in &self.rows {
            let mut cells: Vec<String> = heard.iter().map(cell).collect();
            cells.resize(NAMES.len(), "-".to_owned());
            println!("| {step} | {} | {} |", NAMES[*by], cells.join(" | "));
        }
    }
}

impl Person {
    async fn next(&mut self) -> Option<Value> {
        let event = tokio::time::timeout(LIMIT, self.events.next()).await;
        event.unwrap_or_else(|_| panic!("{} hears nothing more", self.id)).map(|event| json!(event))
    }

    async fn read(&mut self, place: Place, mark: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        if place == Place::Door {
            // Being told that one waits was waited for when connecting; all else is read when the door opens or closes.
            return if !std::mem::replace(&mut self.heard, true) {
                self.next().await.into_iter().collect()
            } else {
                heard
            };
        }
        while let Some(event) = self.next().await {
            if event["type"] == "on_data_stream_to_room" && event["message"] == mark {
                return heard;
            }
            heard.push(event);
        }
        assert!(place == Place::Outside, "{}: the events have ended, and {mark} has not come", self.id);
        heard
    }
}

/// Whether everything of one value is in another.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|found| is_part(value, found)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
        }
        (part, whole) => part == whole,
    }
}
