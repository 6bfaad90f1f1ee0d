//! A conversation as people have it: plain words in, short lines out.

use serde_json::{Map, Value};

use super::{Asked, commands};
use crate::args::flag_value;
use crate::catalogue::FieldDoc;
use crate::outcome::Outcome;

/// The longest line of an event, in characters.
const LINE: usize = 240;

/// Reads a command of words: its name, then `NAME=VALUE`. Lists have commas between their values; a value with spaces
/// stands between quotation marks.
pub(super) fn read(line: &str) -> Asked {
    let Some(words) = split(line) else {
        return Err(Outcome::usage("line", "has a quotation mark without its partner"));
    };
    let Some((name, words)) = words.split_first() else {
        return Err(Outcome::usage("line", "must begin with a command"));
    };
    let name = name.replace('-', "_");
    let fields = commands().find(|o| o.name == name).map_or(&[][..], |operation| operation.fields);
    let mut input = Map::new();
    for word in words {
        let Some((path, text)) = word.split_once('=') else {
            let message = "is a command and then NAME=VALUE, as in pin-users client_ids=c1,c2";
            return Err(Outcome::usage("line", message));
        };
        let path = path.replace('-', "_");
        let field = fields.iter().find(|f| f.name == path || f.wire == path);
        put(&mut input, &path, field.map_or_else(|| text.into(), |field| value(field, text)));
    }
    Ok((name, input))
}

fn value(field: &FieldDoc, text: &str) -> Value {
    match field.ty.starts_with('[') {
        true => text.split(',').map(|item| flag_value(field, item.trim())).collect(),
        false => flag_value(field, text),
    }
}

/// Puts a value where its path leads: `url_details.url` is a member of a member.
fn put(members: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(members.insert(path.to_owned(), value)),
        Some((name, rest)) => {
            let inner = members.entry(name).or_insert_with(|| Map::new().into());
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// The words of a line. A quotation mark counts at the beginning of a word or of a value only: JSON keeps its own.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(mark) if c == mark => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c.is_whitespace() => words.extend(word.take()),
            None if matches!(c, '"' | '\'') && word.as_ref().is_none_or(|word| word.ends_with('=')) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// A line of a conversation as a person reads it.
pub(super) fn text(line: &Value) -> String {
    let command = line.get("command").and_then(Value::as_str).unwrap_or("line").replace('_', "-");
    if let Some(error) = line.get("error") {
        return format!("! {command}: {}", refused(error));
    }
    if let Some(ack) = line.get("ack") {
        return cut(&format!("= {command}: done {}", members(ack)));
    }
    if let Some(state) = line.get("state").and_then(Value::as_object) {
        let known = state.iter().filter_map(|(name, value)| Some(format!("  {name}: {}", brief(value)?)));
        return std::iter::once("= state:".to_owned()).chain(known).collect::<Vec<_>>().join("\n");
    }
    if let Some(help) = line.get("help").and_then(Value::as_array) {
        return help.iter().map(usage).collect::<Vec<_>>().join("\n");
    }
    if let Some(missed) = line.get("missed") {
        return format!("! {missed} events were missed: they came faster than they could be printed");
    }
    let name = line.get("type").and_then(Value::as_str).unwrap_or("event").replace('_', "-");
    cut(&format!("* {name} {}", members(line)))
}

fn refused(error: &Value) -> String {
    let member = |name: &str| error.get(name).and_then(brief).unwrap_or_default();
    let message = member("message");
    let code = error.get("code").and_then(brief).filter(|code| !message.contains(code.as_str()));
    let code = code.map(|code| format!(" (code {code})")).unwrap_or_default();
    format!("{}: {message}{code}", member("kind"))
}

/// `pin-users client_ids=..  Pins users`; what may be left out is in brackets.
fn usage(operation: &Value) -> String {
    let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut usage = format!("  {}", text("command").replace('_', "-"));
    for field in operation.get("fields").and_then(Value::as_array).into_iter().flatten() {
        let name = field.get(0).and_then(Value::as_str).unwrap_or_default();
        let is_required = field.get(1) == Some(&Value::Bool(true));
        usage.push_str(&if is_required { format!(" {name}=..") } else { format!(" [{name}=..]") });
    }
    format!("{usage}  {}", text("doc"))
}

/// What an event or an acknowledgement says besides its type.
fn members(value: &Value) -> String {
    let all = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "type");
    let told = all.filter_map(|(name, value)| Some(format!("{name}={}", brief(value)?)));
    told.collect::<Vec<_>>().join(" ")
}

/// A value in few words; none where it says nothing.
fn brief(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        // A name that somebody chose must not move the cursor of somebody else's terminal.
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        Value::Array(items) => items.iter().filter_map(brief).collect::<Vec<_>>().join(", "),
        Value::Object(object) => match object.get("client_id").and_then(brief) {
            Some(id) => match object.get("name").and_then(brief) {
                Some(name) => format!("{id} ({name})"),
                None => id,
            },
            // People are listed by their ids already.
            None if !object.is_empty() && object.values().all(|v| v.get("client_id").is_some()) => {
                object.values().filter_map(brief).collect::<Vec<_>>().join(", ")
            }
            None => format!("{{{}}}", members(value)),
        },
        other => other.to_string(),
    };
    Some(text).filter(|text| !text.is_empty() && text != "{}")
}

fn cut(line: &str) -> String {
    let line = line.trim_end();
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}
