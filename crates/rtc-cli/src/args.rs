//! The command line's shape, made from the catalogue.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::catalogue::{self, FieldDoc, OperationDoc, PROVIDERS, operations_of};
use crate::outcome::Outcome;

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("rtc")
        .version(env!("CARGO_PKG_VERSION"))
        .about("OpenTok, MediaSFU, Kinesis Video Streams signaling, EnableX and Sora from one command line")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("tour").about("Play one story per provider against the embedded emulator"))
        .subcommand(
            Command::new("emulate")
                .about("Serve the emulator until interrupted, to this machine alone unless told otherwise")
                .arg(option(
                    "bind",
                    "ADDRESS",
                    "The IP address to listen on; 127.0.0.1 when not given. Whoever reaches it can change it",
                ))
                .arg(option("port", "PORT", "The port; a free one when not given"))
                .arg(option("seed", "FILE", "State to start with, as JSON"))
                .arg(option("faults", "FILE", "Faults to start with, as JSON")),
        )
        .subcommand(
            Command::new("batch")
                .about("Run operations from JSON lines on stdin, one result line each")
                .arg(redact()),
        )
        .subcommand(
            Command::new("operations").about("List every operation with its fields and bounds").arg(output()),
        )
        .subcommand(
            Command::new("completions").about("Print completions for a shell").arg(
                Arg::new("shell").required(true).value_parser(clap::value_parser!(clap_complete::Shell)),
            ),
        );
    for (provider, _) in PROVIDERS {
        let mut sub = Command::new(*provider)
            .about(format!("Operations of {provider}"))
            .subcommand_required(true)
            .arg_required_else_help(true);
        for operation in operations_of(provider) {
            let positional = (operation.name == "request").then_some("target");
            sub = sub.subcommand(operation_command(kebab(operation.name), operation, positional));
        }
        command = command.subcommand(conveniences(provider, sub));
    }
    command
}

/// What a connection to a channel does on the command line.
const CONNECT: &str = "Connects to a channel, prints its events as JSON lines, and sends what it reads from stdin: \
    {\"send\":\"offer\",\"sdp\":\"..\"}, answer, ice_candidate, with recipient_client_id and correlation_id. Ends with \
    the input or with an interrupt.";

/// What a conversation with a room does on the command line.
const ROOM: &str = "Enters a room, prints its events as JSON lines, and does what it reads from stdin: \
    {\"command\":\"lock_room\"}, {\"command\":\"pin_users\",\"client_ids\":[\"c1\"],\"id\":1}, any command of a room, state, \
    help and quit; each is answered by a line with ack, state, help or error, the command and the id. Commands do not \
    wait for each other: where one builds on another, wait for the answer. On a terminal and with --output text also in \
    plain words (pin-users client_ids=c1,c2), and answered so. Ends with the input, with an interrupt or with the room.";

/// What a connection to Sora does on the command line.
const SORA_CONNECT: &str = "Connects to a channel and prints what happens there as JSON lines, until the connection \
    ends, --timeout is over or an interrupt comes; then takes leave. The role is recvonly unless told; the channel and \
    the metadata may come from SORA_CHANNEL_ID and SORA_METADATA.";

/// The commands of a provider that are other words for its operations.
fn conveniences(provider: &str, command: Command) -> Command {
    match provider {
        "sora-rpc" => {
            let (Some(call), Some(methods)) =
                (catalogue::find(provider, "call"), catalogue::find(provider, "rpc_methods"))
            else {
                return command;
            };
            command
                .subcommand(operation_command("rpc".into(), call, Some("method")))
                .subcommand(operation_command("methods".into(), methods, None))
                .mut_subcommand("connect", |connect| connect.about(SORA_CONNECT))
        }
        "enablex" => match catalogue::find(provider, "connect_room") {
            Some(connect) => command.subcommand(operation_command("room".into(), connect, None).about(ROOM)),
            None => command,
        },
        "kvs-signaling" => {
            let (Some(presign), Some(connect)) = (
                catalogue::find(provider, "presign_connect_as_viewer"),
                catalogue::find(provider, "connect_as_viewer"),
            ) else {
                return command;
            };
            let role = option("role", "ROLE", "The side that connects").value_parser(["master", "viewer"]);
            let role = role.required(true);
            command
                .subcommand(
                    operation_command("presign".into(), presign, None)
                        .about(
                            "A signed WebSocket URL for the master or a viewer of a channel. Sends nothing.",
                        )
                        .arg(role.clone()),
                )
                .subcommand(operation_command("connect".into(), connect, None).about(CONNECT).arg(role))
        }
        _ => command,
    }
}

/// The operation that a command of a provider stands for.
#[must_use]
pub fn resolve(provider: &str, command: &str, matches: &ArgMatches) -> Option<&'static OperationDoc> {
    let name = match (provider, command) {
        ("sora-rpc", "rpc") => "call".to_owned(),
        ("sora-rpc", "methods") => "rpc_methods".to_owned(),
        ("enablex", "room") => "connect_room".to_owned(),
        ("kvs-signaling", "presign") => {
            format!("presign_connect_as_{}", matches.get_one::<String>("role")?)
        }
        ("kvs-signaling", "connect") => format!("connect_as_{}", matches.get_one::<String>("role")?),
        _ => command.replace('-', "_"),
    };
    catalogue::find(provider, &name)
}

/// The command of an operation; one of its fields may be given without a flag.
fn operation_command(
    name: String,
    operation: &'static OperationDoc,
    positional: Option<&'static str>,
) -> Command {
    let mut command = Command::new(name)
        .about(operation.doc)
        .arg(option("input", "JSON|@FILE|-", "The input as a JSON object, from a file, or from stdin"))
        .arg(option("endpoint", "URL", "The base URL, where it is not the provider's own"))
        .arg(option("credentials", "JSON|@FILE", "Credentials by name; otherwise from the environment"))
        .arg(option("options", "JSON", "Further options of the provider, by name"))
        .arg(option("timeout", "DURATION", "The total time limit, such as 15s or 250ms"))
        .arg(option("ca-file", "FILE", "A certificate to trust besides the platform's, PEM"))
        .arg(
            Arg::new("no-retry").long("no-retry").action(ArgAction::SetTrue).help("Make exactly one attempt"),
        )
        .arg(redact())
        .arg(output());
    // Members of nested objects are given through --input.
    let reserved = ["input", "endpoint", "credentials", "options", "timeout", "output", "redact"];
    let fields = fields(operation).filter(|f| !f.name.contains('.') && !reserved.contains(&f.name));
    for field in fields {
        let arg = field_arg(field);
        let arg = if positional == Some(field.name) { arg } else { arg.long(kebab(field.name)) };
        command = command.arg(arg);
    }
    if operation.paged {
        let all = Arg::new("all").long("all").action(ArgAction::SetTrue);
        command = command.arg(all.help("All pages of the list from this one on"));
    }
    if over_rpc(operation) {
        let help = "How: over a connection (rpc, unless told), the HTTP API (the five methods only) or a WebSocket \
            that carries RPC, as the emulator has one";
        command = command.arg(option("via", "WAY", help).value_parser(["rpc", "http", "websocket"]));
    }
    command
}

/// Whether an operation needs Sora's RPC.
fn over_rpc(operation: &OperationDoc) -> bool {
    operation.provider == "sora-rpc"
        && (operation.kind == "rpc" || matches!(operation.name, "call" | "notify" | "rpc_methods"))
}

/// The channel of the connection that RPC goes over.
const CHANNEL: FieldDoc = FieldDoc {
    name: "channel_id",
    wire: "channel_id",
    ty: "text",
    required: false,
    bounds: "1 to 255 bytes",
    values: &[],
    doc: "The channel; otherwise that of SORA_CHANNEL_ID.",
};

/// The fields of an operation; over Sora's RPC also what else it takes, whichever way it goes.
fn fields(operation: &OperationDoc) -> impl Iterator<Item = &'static FieldDoc> {
    let own = operation.fields;
    let channel = over_rpc(operation).then_some(&CHANNEL);
    let of_twin = catalogue::twin(operation).into_iter().flat_map(|twin| twin.fields);
    let of_twin = of_twin.filter(move |f| f.name != CHANNEL.name && !own.iter().any(|o| o.name == f.name));
    own.iter().chain(channel).chain(of_twin)
}

fn field_arg(field: &'static FieldDoc) -> Arg {
    let mut help = field.doc.to_owned();
    for extra in [field.bounds.to_owned(), field.values.join(", ")] {
        if !extra.is_empty() {
            help = format!("{help} [{extra}]");
        }
    }
    let action = if field.ty.starts_with('[') { ArgAction::Append } else { ArgAction::Set };
    Arg::new(field.name).value_name(field.ty.to_uppercase()).help(help).action(action)
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn redact() -> Arg {
    Arg::new("redact").long("redact").action(ArgAction::SetTrue).help("Hide the secrets of the answer, too")
}

fn output() -> Arg {
    option("output", "FORMAT", "json or text").value_parser(["json", "text"]).default_value("text")
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

/// The input of an operation: the JSON of `--input` with the flags of the fields on top.
///
/// # Errors
/// When the JSON cannot be read.
pub fn input(operation: &OperationDoc, matches: &ArgMatches) -> Result<Value, Outcome> {
    let given = matches.get_one::<String>("input");
    let mut members = match given.map(|text| json_or_file("input", text)).transpose()? {
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Outcome::usage("input", "must be a JSON object")),
        None => Map::new(),
    };
    for field in fields(operation) {
        if !matches.try_contains_id(field.name).unwrap_or(false) {
            continue;
        }
        let Ok(Some(values)) = matches.try_get_many::<String>(field.name) else { continue };
        let mut values: Vec<Value> = values.map(|text| flag_value(field, text)).collect();
        let value =
            if field.ty.starts_with('[') { Value::Array(values) } else { values.pop().unwrap_or_default() };
        members.insert(field.name.to_owned(), value);
    }
    Ok(Value::Object(members))
}

/// A flag's text as the field wants it: JSON where the field holds JSON, text otherwise (numbers and
/// booleans are read from text).
pub(crate) fn flag_value(field: &FieldDoc, text: &str) -> Value {
    let json = matches!(field.ty.trim_matches(['[', ']']), "json" | "object");
    let parsed = if json { serde_json::from_str(text).ok() } else { None };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// JSON given as itself, as `@FILE` or as `-` for stdin.
///
/// # Errors
/// When it cannot be read or is not JSON.
pub fn json_or_file(field: &'static str, text: &str) -> Result<Value, Outcome> {
    let text = if text == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(|e| Outcome::usage(field, format!("stdin: {e}")))?
    } else if let Some(path) = text.strip_prefix('@') {
        std::fs::read_to_string(path).map_err(|e| Outcome::usage(field, format!("{path}: {e}")))?
    } else {
        text.to_owned()
    };
    serde_json::from_str(&text).map_err(|e| Outcome::usage(field, format!("is not JSON: {e}")))
}

/// A duration such as `15s`, `250ms` or `2m`.
#[must_use]
pub fn duration(text: &str) -> Option<std::time::Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => number,
        "" | "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    Some(std::time::Duration::from_millis(millis)).filter(|d| !d.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn other_words_for_operations() {
        for (line, operation) in [
            ("rtc sora-rpc rpc 2025.2.0/RequestSimulcastRid", "call"),
            ("rtc sora-rpc methods", "rpc_methods"),
            ("rtc sora-rpc rpc-methods", "rpc_methods"),
            ("rtc sora-rpc rpc 2025.2.0/RequestSimulcastRid --channel-id sora --via websocket", "call"),
            ("rtc sora-rpc connect --channel-id sora --timeout 1s", "connect"),
            (
                "rtc sora-rpc reset-spotlight-rid --via http --channel-id c --recv-connection-id r",
                "reset_spotlight_rid",
            ),
            ("rtc sora-rpc request Sora_20201013.ListConnections --body {}", "request"),
            ("rtc sora-rpc list-connections", "list_connections"),
            ("rtc kvs-signaling presign --role master", "presign_connect_as_master"),
            ("rtc kvs-signaling presign --role viewer --client-id v", "presign_connect_as_viewer"),
            ("rtc enablex room --token t", "connect_room"),
            ("rtc kvs-signaling connect --role master", "connect_as_master"),
            ("rtc kvs-signaling connect --role viewer --client-id v", "connect_as_viewer"),
        ] {
            let matches = command().try_get_matches_from(line.split(' ')).unwrap();
            let (provider, sub) = matches.subcommand().unwrap();
            let (name, sub) = sub.subcommand().unwrap();
            let found = resolve(provider, name, sub).unwrap();
            assert_eq!((found.provider, found.name), (provider, operation), "{line}");
            let input = input(found, sub).unwrap();
            if operation == "call" {
                assert_eq!(input["method"], "2025.2.0/RequestSimulcastRid");
            }
        }
        let refused = [
            "rtc kvs-signaling presign",
            "rtc kvs-signaling presign --role viewers",
            "rtc kvs-signaling connect",
        ];
        for line in refused {
            assert!(command().try_get_matches_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn durations() {
        use std::time::Duration;
        assert_eq!(duration("15s"), Some(Duration::from_secs(15)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        for bad in ["", "s", "0s", "-1s", "1h", "1.5s", "99999999999999999999s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
