//! A conversation with a room: its events come out, commands go in, until somebody ends it.

mod people;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::pin::{Pin, pin};
use std::task::Poll;

use enablex::room::Command;
use enablex::{Error, ErrorKind, Result, Room, RoomEvent, RoomEvents};
use rtc_core::encode::json_value;
use rtc_core::{Reason, RetryPolicy, Revealed, Sent};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};
use tokio::task::JoinSet;

use super::each_command;
use crate::catalogue::{self, OperationDoc};
use crate::generated::enablex as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// Enters the room of the input's token, prints its events and does what the lines say: JSON objects, and plain words
/// where people talk. Ends with the lines, with `quit`, with `interrupt`, or when the room is over.
pub(crate) async fn converse(
    input: Value,
    run: &Run,
    people: bool,
    lines: impl AsyncBufRead + Unpin,
    out: impl Write,
    interrupt: impl Future,
) -> Outcome {
    let mut secrets = Vec::new();
    match enter(Input::new(input), run, &mut secrets).await {
        Ok((room, events)) => {
            let talk = Talk { room, run, people, out, secrets, doing: JoinSet::new(), has_left: false };
            talk.hold(events, lines, interrupt).await
        }
        Err(error) => run.failed(&error),
    }
}

async fn enter(mut input: Input, run: &Run, secrets: &mut Vec<Sent>) -> Result<(Room, RoomEvents)> {
    let request = generated::connect_room(&mut input);
    input.check(request.validate())?;
    secrets.push(Sent::during(|| json_value(&request.token)).1);
    let mut options = super::options(run);
    if run.no_retry {
        options = options.reconnect(RetryPolicy::none());
    }
    Room::connect(request.token, options).await
}

/// What came of a command.
struct Answer {
    line: Value,
    /// Whether the room has let us go.
    has_left: bool,
}

type Doing = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a line asks for.
enum Heard {
    Nothing,
    Quit,
    Told(Value),
    Command(Doing),
}

struct Talk<'a, W> {
    room: Room,
    run: &'a Run,
    people: bool,
    out: W,
    /// What was sent in secret: the room may repeat it in any of its events.
    secrets: Vec<Sent>,
    doing: JoinSet<Answer>,
    has_left: bool,
}

impl<W: Write> Talk<'_, W> {
    async fn hold(
        mut self,
        mut events: RoomEvents,
        lines: impl AsyncBufRead + Unpin,
        interrupt: impl Future,
    ) -> Outcome {
        let by_itself = self.until_over(&mut events, lines, interrupt).await;
        // Nothing waits any more after that.
        self.room.close().await;
        while let Some(event) = events.next().await {
            self.print_event(&event);
        }
        while let Some(answer) = self.doing.join_next().await {
            self.take(answer.ok());
        }
        if by_itself && !self.has_left {
            return self.run.failed(&Error::new(Reason::Closed).with_exchange(1, true));
        }
        self.run.done(&Value::Null, None, None, 1)
    }

    /// Talks until one side ends it; whether that was the room.
    async fn until_over(
        &mut self,
        events: &mut RoomEvents,
        lines: impl AsyncBufRead + Unpin,
        interrupt: impl Future,
    ) -> bool {
        let (mut lines, mut interrupt) = (lines.lines(), pin!(interrupt));
        let (mut is_listening, mut missed) = (true, 0);
        while is_listening || !self.doing.is_empty() {
            let is_read = tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return true };
                    let lost = events.missed() - std::mem::replace(&mut missed, events.missed());
                    (lost == 0 || self.print(json!({ "missed": lost }))) && self.print_event(&event)
                }
                Some(answer) = self.doing.join_next() => self.take(answer.ok()),
                line = lines.next_line(), if is_listening => match line {
                    Ok(Some(line)) => match self.hear(&line) {
                        Heard::Nothing => true,
                        Heard::Told(line) => self.print(line),
                        Heard::Command(doing) => self.begin(doing).await,
                        Heard::Quit => {
                            is_listening = false;
                            true
                        }
                    },
                    _ => {
                        is_listening = false;
                        true
                    }
                },
                _ = &mut interrupt => return false,
            };
            if !is_read {
                return false;
            }
        }
        false
    }

    /// Sends a command. It goes out before the next line is read: tasks alone would keep no order.
    async fn begin(&mut self, mut doing: Doing) -> bool {
        match std::future::poll_fn(|context| Poll::Ready(doing.as_mut().poll(context))).await {
            Poll::Ready(answer) => self.take(Some(answer)),
            Poll::Pending => {
                self.doing.spawn(doing);
                true
            }
        }
    }

    fn take(&mut self, answer: Option<Answer>) -> bool {
        let Some(answer) = answer else { return true };
        self.has_left |= answer.has_left;
        self.print(answer.line)
    }

    fn print_event(&mut self, event: &RoomEvent) -> bool {
        // Nobody knows what is in the others: it may be a credential.
        let line = match event {
            RoomEvent::Unknown(unknown) => {
                json!({ "type": "unknown", "name": unknown.name, "id": unknown.id, "args": unknown.args.len() })
            }
            event => serde_json::to_value(event).unwrap_or_default(),
        };
        self.print(line)
    }

    /// Prints a line; `false` when nobody reads it.
    fn print(&mut self, mut line: Value) -> bool {
        hide(&mut line, &self.secrets);
        let text = if self.people { people::text(&line) } else { line.to_string() };
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).is_ok()
    }

    fn hear(&mut self, line: &str) -> Heard {
        if line.trim().is_empty() {
            return Heard::Nothing;
        }
        let (id, asked) = asked(line, self.people);
        let (name, input) = match asked {
            Ok(asked) => asked,
            Err(refused) => return Heard::Told(told("error", error(refused), None, &id)),
        };
        match name.as_str() {
            "quit" => Heard::Quit,
            "help" => Heard::Told(told("help", help(), Some("help"), &id)),
            "state" => Heard::Told(told("state", self.shown(&self.room.state()), Some("state"), &id)),
            _ => self.command(&name, Input::new(Value::Object(input)), id),
        }
    }

    fn shown(&self, value: &impl Serialize) -> Value {
        shown(value, self.run.redact)
    }

    fn command(&mut self, operation: &str, mut input: Input, id: Value) -> Heard {
        /// The command of this name, on its way.
        macro_rules! prepared {
            ($operation:expr, $input:ident, $talk:ident, $id:ident; $($name:ident)*) => {
                match $operation {
                    $(stringify!($name) => {
                        let request = generated::$name(&mut $input);
                        $talk.prepare(request, $input, $id)
                    })*
                    _ => {
                        let message = "is not a command of a room; the command help lists them";
                        Heard::Told(told("error", error(Outcome::unknown("command", message)), None, &$id))
                    }
                }
            };
        }
        each_command!(prepared, operation, input, self, id)
    }

    fn prepare<C: Command + 'static>(&mut self, command: C, input: Input, id: Value) -> Heard
    where
        C::Output: Serialize,
    {
        if let Err(violations) = input.check(command.validate()) {
            let refused = self.run.failed(&Error::from(violations));
            return Heard::Told(told("error", error(refused), Some(C::NAME), &id));
        }
        self.secrets.push(Sent::during(|| command.args()).1);
        let (room, run) = (self.room.clone(), self.run.clone());
        Heard::Command(Box::pin(async move {
            let result = room.command(command).await;
            // A room may hang up before it says that we may go.
            let is_gone = match &result {
                Ok(_) => true,
                Err(error) => error.was_sent() && error.kind() == ErrorKind::Closed,
            };
            let has_left = is_gone && matches!(C::NAME, "leave_room" | "destroy_room");
            let line = match result {
                Ok(ack) => told("ack", shown(&ack, run.redact), Some(C::NAME), &id),
                Err(failed) => told("error", error(run.failed(&failed)), Some(C::NAME), &id),
            };
            Answer { line, has_left }
        }))
    }
}

/// An answer. What was asked for is named only where it is known: it may be anything else, a secret pasted by mistake.
fn told(what: &str, value: Value, command: Option<&str>, id: &Value) -> Value {
    json!({ what: value, "command": command, "id": id })
}

fn shown(value: &impl Serialize, redact: bool) -> Value {
    let shown = if redact { serde_json::to_value(value) } else { serde_json::to_value(Revealed(value)) };
    shown.unwrap_or_default()
}

fn error(mut outcome: Outcome) -> Value {
    outcome.body.get_mut("error").map(Value::take).unwrap_or_default()
}

fn hide(value: &mut Value, secrets: &[Sent]) {
    match value {
        Value::String(text) => secrets.iter().for_each(|sent| *text = sent.hide(text)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(members) => members.values_mut().for_each(|member| hide(member, secrets)),
        _ => {}
    }
}

type Asked = std::result::Result<(String, Map<String, Value>), Outcome>;

/// The id of a line, and the command with its input.
fn asked(line: &str, people: bool) -> (Value, Asked) {
    if people && !line.trim_start().starts_with('{') {
        return (Value::Null, people::read(line));
    }
    // What stands there is not told: it may be a secret.
    let Ok(Value::Object(mut input)) = serde_json::from_str(line) else {
        return (Value::Null, Err(Outcome::usage("line", "must be a JSON object")));
    };
    let id = input.remove("id").unwrap_or_default();
    let asked = match input.remove("command") {
        Some(Value::String(name)) => Ok((name.replace('-', "_"), input)),
        _ => Err(Outcome::usage("command", "must be the name of a command, such as lock_room")),
    };
    (id, asked)
}

/// Every command with its fields.
fn help() -> Value {
    let one = |operation: &OperationDoc| {
        let fields: Vec<_> = operation.fields.iter().map(|f| (f.name, f.required)).collect();
        json!({ "command": operation.name, "fields": fields, "doc": operation.doc })
    };
    let own = [
        ("state", "Prints what is known of the room."),
        ("help", "Prints this."),
        ("quit", "Waits for the answers that are due, and leaves the room."),
    ];
    let own = own.map(|(name, doc)| json!({ "command": name, "fields": [], "doc": doc }));
    commands().map(one).chain(own).collect()
}

fn commands() -> impl Iterator<Item = &'static OperationDoc> {
    catalogue::operations().filter(|o| o.provider == "enablex" && o.kind == "command")
}
