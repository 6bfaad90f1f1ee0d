//! The packets of Engine.IO 3 and 4 and of Socket.IO protocols 4 and 5, as text frames carry them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// One text frame.
#[derive(Debug, PartialEq)]
pub(super) enum Packet<'a> {
    Open(Heartbeat),
    Close,
    Ping(&'a str),
    Pong,
    /// Nothing to react to: a no-op, or the leftovers of a transport upgrade.
    Noop,
    Message(Message<'a>),
}

/// When the connection counts as dead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heartbeat {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

#[derive(Debug, PartialEq)]
pub(super) struct Message<'a> {
    /// Without the query that Engine.IO 3 clients append.
    pub(super) namespace: &'a str,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// Whether it names a session, as protocol 5 does.
    Connect {
        session: bool,
    },
    Disconnect,
    Event {
        name: String,
        args: Vec<Value>,
        ack: Option<u64>,
    },
    Ack {
        id: u64,
        args: Vec<Value>,
    },
    Error(Value),
    /// An event with attachments.
    BinaryEvent,
    /// An acknowledgement with attachments.
    BinaryAck {
        id: u64,
    },
}

/// Reads a frame; `None` where it is malformed.
pub(super) fn parse(text: &str) -> Option<Packet<'_>> {
    let (kind, rest) = split_first(text)?;
    Some(match kind {
        '0' => Packet::Open(open(rest)?),
        '1' => Packet::Close,
        '2' => Packet::Ping(rest),
        '3' => Packet::Pong,
        '4' => Packet::Message(message(rest)?),
        '5' | '6' => Packet::Noop,
        _ => return None,
    })
}

fn open(text: &str) -> Option<Heartbeat> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Open {
        ping_interval: u64,
        ping_timeout: u64,
    }
    let open: Open = serde_json::from_str(text).ok()?;
    // A server's zero must not make the client spin, nor its maximum keep a dead connection for days: both
    // together last at most 5 minutes.
    let interval = open.ping_interval.clamp(100, 240_000);
    let timeout = open.ping_timeout.clamp(100, 300_000 - interval);
    Some(Heartbeat { interval: Duration::from_millis(interval), timeout: Duration::from_millis(timeout) })
}

fn message(text: &str) -> Option<Message<'_>> {
    let (kind, mut rest) = split_first(text)?;
    if matches!(kind, '5' | '6') {
        let (attachments, after) = rest.split_once('-')?;
        attachments.parse::<u32>().ok()?;
        rest = after;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        // A packet without data may end with its namespace.
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        namespace = namespace.split('?').next().unwrap_or(namespace);
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, data) = rest.split_at_checked(digits)?;
    let id = if id.is_empty() { None } else { Some(id.parse().ok()?) };
    let kind = match kind {
        // The id itself is of no use to a client.
        '0' => Kind::Connect { session: data.starts_with('{') && data.contains("\"sid\"") },
        '1' => Kind::Disconnect,
        '2' => {
            let mut args = array(data)?;
            if args.is_empty() {
                return None;
            }
            let Value::String(name) = args.remove(0) else { return None };
            Kind::Event { name, args, ack: id }
        }
        '3' => Kind::Ack { id: id?, args: array(data)? },
        // Without an identifier here, a leading digit belongs to the data.
        '4' if rest.is_empty() => Kind::Error(Value::Null),
        '4' => Kind::Error(serde_json::from_str(rest).ok()?),
        '5' => Kind::BinaryEvent,
        '6' => Kind::BinaryAck { id: id? },
        _ => return None,
    };
    Some(Message { namespace, kind })
}

fn array(data: &str) -> Option<Vec<Value>> {
    serde_json::from_str(data).ok()
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let first = text.chars().next()?;
    Some((first, text.get(first.len_utf8()..)?))
}

/// `40`: joins a namespace. The query (Engine.IO 3) belongs to a name, so the default namespace has none;
/// protocol 5 sends `auth` instead.
pub(super) fn connect(namespace: &str, query: &str, auth: Option<&Value>) -> String {
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let auth = auth.map(Value::to_string).unwrap_or_default();
    if namespace == "/" { format!("40{auth}") } else { format!("40{namespace}{query},{auth}") }
}

/// `41`: leaves a namespace.
pub(super) fn disconnect(namespace: &str) -> String {
    format!("41{}", prefix(namespace))
}

/// `42`: an event, with the identifier that its acknowledgement will carry.
pub(super) fn event(namespace: &str, id: Option<u64>, name: &str, args: &[Value]) -> String {
    let mut text = format!("42{}", prefix(namespace));
    if let Some(id) = id {
        text.push_str(&id.to_string());
    }
    text.push('[');
    text.push_str(&Value::from(name).to_string());
    for arg in args {
        text.push(',');
        text.push_str(&arg.to_string());
    }
    text.push(']');
    text
}

/// `43`: the acknowledgement of an event.
pub(super) fn ack(namespace: &str, id: u64, args: &[Value]) -> String {
    let args: Vec<_> = args.iter().map(Value::to_string).collect();
    format!("43{}{id}[{}]", prefix(namespace), args.join(","))
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(namespace: &str, kind: Kind) -> Option<Packet<'_>> {
        Some(Packet::Message(Message { namespace, kind }))
    }

    #[test]
    fn parsing() {
        let event = |args, ack| Kind::Event { name: "ev".into(), args, ack };
        let heart = |interval, timeout| {
            Some(Packet::Open(Heartbeat {
                interval: Duration::from_millis(interval),
                timeout: Duration::from_millis(timeout),
            }))
        };
        for (text, expected) in [
            // Engine.IO 3 and 4
            (r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}"#, heart(25_000, 5000)),
            (
                r#"0{"sid":"a","pingInterval":0,"pingTimeout":18446744073709551615,"maxPayload":1}"#,
                heart(100, 299_900),
            ),
            ("1", Some(Packet::Close)),
            ("2", Some(Packet::Ping(""))),
            ("2probe", Some(Packet::Ping("probe"))),
            ("3", Some(Packet::Pong)),
            ("6", Some(Packet::Noop)),
            // Protocol 4
            ("40", said("/", Kind::Connect { session: false })),
            ("40/media,", said("/media", Kind::Connect { session: false })),
            ("40/media?a=b", said("/media", Kind::Connect { session: false })),
            (r#"44"no""#, said("/", Kind::Error(json!("no")))),
            (r#"44/media?a=b,"Invalid namespace""#, said("/media", Kind::Error(json!("Invalid namespace")))),
            // Protocol 5
            (r#"40{"sid":"x"}"#, said("/", Kind::Connect { session: true })),
            (r#"40/media,{"sid":"x"}"#, said("/media", Kind::Connect { session: true })),
            (r#"44{"message":"no"}"#, said("/", Kind::Error(json!({"message": "no"})))),
            ("44", said("/", Kind::Error(Value::Null))),
            // Both
            ("41", said("/", Kind::Disconnect)),
            ("41/media,", said("/media", Kind::Disconnect)),
            (r#"42["ev"]"#, said("/", event(vec![], None))),
            (r#"42["ev",{"a":1},null]"#, said("/", event(vec![json!({"a": 1}), Value::Null], None))),
            (r#"4212["ev"]"#, said("/", event(vec![], Some(12)))),
            (r#"42/media,0["ev",[]]"#, said("/media", event(vec![json!([])], Some(0)))),
            (r#"437["success"]"#, said("/", Kind::Ack { id: 7, args: vec![json!("success")] })),
            ("43/media,7[]", said("/media", Kind::Ack { id: 7, args: vec![] })),
            (r#"451-["ev",{"_placeholder":true,"num":0}]"#, said("/", Kind::BinaryEvent)),
            (r#"461-/media,3[{"_placeholder":true,"num":0}]"#, said("/media", Kind::BinaryAck { id: 3 })),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn malformed() {
        for text in [
            "",
            "7",
            "x",
            "é",
            "0",
            "0{}",
            "4",
            "47",
            "4é",
            "42",
            "42[]",
            "42[1]",
            "42{}",
            "42[\"ev\"",
            "43[]",
            "43x[]",
            "431",
            "44{",
            "45",
            "45[\"ev\"]",
            "46-",
            "46x-1[]",
            "42/media",
            "42/media[\"ev\"]",
            "4299999999999999999999[\"ev\"]",
            "42-1[\"ev\"]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn encoding() {
        assert_eq!(connect("/", "a=b", None), "40");
        assert_eq!(connect("/media", "a=b", None), "40/media?a=b,");
        assert_eq!(connect("/media", "", Some(&json!({"t": 1}))), r#"40/media,{"t":1}"#);
        assert_eq!(connect("/", "", Some(&json!({}))), "40{}");
        assert_eq!(disconnect("/"), "41");
        assert_eq!(disconnect("/media"), "41/media,");
        assert_eq!(event("/", None, "e\"v", &[]), r#"42["e\"v"]"#);
        assert_eq!(event("/media", Some(3), "ev", &[json!(1), json!("a")]), r#"42/media,3["ev",1,"a"]"#);
        assert_eq!(ack("/", 4, &[]), "434[]");
        assert_eq!(ack("/media", 4, &[json!(1), json!(2)]), "43/media,4[1,2]");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*", tail in r#"[0-6][0-6]?[-/,?0-9a-z\[\]{}":é]*"#) {
            let _ = parse(&text);
            let _ = parse(&tail);
        }

        #[test]
        fn events_come_back(name in ".*", id: Option<u64>, number: i64, text in ".*") {
            let args = vec![json!(number), json!(text)];
            let frame = event("/n", id, &name, &args);
            prop_assert_eq!(parse(&frame), said("/n", Kind::Event { name, args, ack: id }));
        }
    }
}
