//! The `rtc` command.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;
use clap::parser::ValueSource;
use rtc_cli::catalogue::{self, OperationDoc};
use rtc_cli::{Outcome, Run, args, batch, converse, emulate, options, tour};
use serde_json::{Map, Value};

fn main() -> ExitCode {
    let matches = args::command().get_matches();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rtc: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(dispatch(&matches));
    // A blocking read of stdin must not keep the process alive.
    runtime.shutdown_background();
    code
}

async fn dispatch(matches: &ArgMatches) -> ExitCode {
    match matches.subcommand() {
        Some(("tour", _)) => exit(tour::run(&mut std::io::stdout(), std::io::stdout().is_terminal()).await),
        Some(("emulate", sub)) => exit(emulate::run(sub).await),
        Some(("batch", sub)) => {
            let result =
                batch::stream(std::io::stdin().lock(), std::io::stdout(), sub.get_flag("redact")).await;
            exit(result.map_err(|e| format!("rtc batch: {e}")))
        }
        Some(("operations", sub)) => exit(operations(is_json(sub)).map_err(|e| e.to_string())),
        Some(("completions", sub)) => {
            if let Some(shell) = sub.get_one::<clap_complete::Shell>("shell") {
                clap_complete::generate(*shell, &mut args::command(), "rtc", &mut std::io::stdout());
            }
            ExitCode::SUCCESS
        }
        Some((provider, sub)) => match sub.subcommand() {
            Some((operation, sub)) => one(provider, operation, sub).await,
            None => ExitCode::from(2),
        },
        None => ExitCode::from(2),
    }
}

fn exit(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn is_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_some_and(|o| o == "json")
}

async fn one(provider: &str, command: &str, matches: &ArgMatches) -> ExitCode {
    let outcome = match args::resolve(provider, command, matches) {
        Some(operation) => match prepare(operation, matches) {
            Ok((input, run)) if is_conversation(command, operation) => {
                let outcome = converse::run(operation, input, &run, is_for_people(matches)).await;
                if outcome.is_ok() {
                    // Its result are the events.
                    return ExitCode::SUCCESS;
                }
                outcome
            }
            Ok((input, run)) => batch::run(provider, operation.name, input, &run).await,
            Err(outcome) => outcome,
        },
        None => Outcome::usage("operation", format!("{provider} has no operation {command:?}")),
    };
    let code = ExitCode::from(outcome.exit_code());
    let written =
        if is_json(matches) { writeln!(std::io::stdout(), "{}", outcome.body) } else { print_text(&outcome) };
    if written.is_err() { ExitCode::FAILURE } else { code }
}

/// Whether a command prints what happens until it is ended.
fn is_conversation(command: &str, operation: &OperationDoc) -> bool {
    match operation.provider {
        "kvs-signaling" => operation.name.starts_with("connect_as_"),
        "enablex" => command == "room",
        "sora-rpc" => command == "connect",
        _ => false,
    }
}

/// Whether a conversation is in plain words: as told, otherwise where somebody types.
fn is_for_people(matches: &ArgMatches) -> bool {
    match matches.value_source("output") {
        Some(ValueSource::CommandLine) => !is_json(matches),
        _ => std::io::stdin().is_terminal(),
    }
}

fn prepare(operation: &'static OperationDoc, matches: &ArgMatches) -> Result<(Value, Run), Outcome> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let object = |field: &'static str| -> Result<Map<String, Value>, Outcome> {
        match text(field).map(|t| args::json_or_file(field, &t)).transpose()? {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Outcome::usage(field, "must be a JSON object")),
        }
    };
    let mut run = Run::from_environment();
    run.endpoint = text("endpoint");
    run.redact = matches.get_flag("redact");
    let mut given = object("options")?;
    if let Ok(Some(via)) = matches.try_get_one::<String>("via") {
        given.insert("via".into(), via.as_str().into());
    }
    options::apply(operation.provider, &given, &mut run)?;
    run.all = matches!(matches.try_get_one("all"), Ok(Some(true)));
    run.no_retry |= matches.get_flag("no-retry");
    run.credentials =
        options::credentials(object("credentials")?).map_err(|found| Outcome::refused(&found))?;
    if let Some(limit) = text("timeout") {
        let limit = args::duration(&limit)
            .ok_or_else(|| Outcome::usage("timeout", "must be a duration such as 15s"))?;
        run.timeout = Some(limit);
    }
    if let Some(path) = text("ca-file") {
        let pem = std::fs::read(&path).map_err(|e| Outcome::usage("ca-file", format!("{path}: {e}")))?;
        run.root_certificate_pem = Some(pem);
    }
    run.trust_environment(operation.provider)?;
    Ok((args::input(operation, matches)?, run))
}

/// The result for people: the output on stdout, what went wrong on stderr.
fn print_text(outcome: &Outcome) -> std::io::Result<()> {
    if outcome.is_ok() {
        let output = outcome.body.get("output").unwrap_or(&Value::Null);
        let mut text = String::new();
        flatten(&mut text, "", output);
        return write!(std::io::stdout(), "{text}");
    }
    let error = outcome.body.get("error").unwrap_or(&Value::Null);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("failed");
    let kind = error.get("kind").and_then(Value::as_str).unwrap_or("other");
    let mut stderr = std::io::stderr();
    writeln!(stderr, "rtc: {kind}: {message}")?;
    for cause in error.get("causes").and_then(Value::as_array).into_iter().flatten() {
        writeln!(stderr, "  because {}", cause.as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// One line per value: the path and the value.
fn flatten(out: &mut String, path: &str, value: &Value) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(members) => members.iter().for_each(|(name, value)| flatten(out, &below(name), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| flatten(out, &below(&i.to_string()), value));
        }
        Value::String(text) if path.is_empty() => out.push_str(&format!("{text}\n")),
        Value::String(text) => out.push_str(&format!("{path}: {text}\n")),
        other => out.push_str(&format!("{path}: {other}\n")),
    }
}

fn operations(json: bool) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if json {
        let all: Vec<_> = catalogue::operations().collect();
        return writeln!(stdout, "{}", serde_json::to_string_pretty(&all).unwrap_or_default());
    }
    for operation in catalogue::operations() {
        writeln!(stdout, "{} {}  {}", operation.provider, operation.name.replace('_', "-"), operation.doc)?;
        for field in operation.fields {
            let required = if field.required { ", required" } else { "" };
            let bounds = if field.bounds.is_empty() { String::new() } else { format!(" [{}]", field.bounds) };
            let values = if field.values.is_empty() {
                String::new()
            } else {
                format!(" [{}]", field.values.join(", "))
            };
            writeln!(stdout, "    {} ({}{required}): {}{bounds}{values}", field.name, field.ty, field.doc)?;
        }
    }
    Ok(())
}
