//! The official SDKs against the emulator, and their requests beside ours for the same inputs. Own harness:
//! tables for people. `cargo xtask interop` installs the SDKs and runs it; what is not installed is skipped.
//!
//! `--bless` writes what was found into the tables of `interop/opentok`; the reasons in them are written by hand.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rtc_cli::batch;
use rtc_emulator::Emulator;
use rtc_tests::case::workspace;
use serde::Deserialize;
use serde_json::{Value, json};

#[path = "interop/facts.rs"]
mod facts;
#[path = "interop/peer.rs"]
mod peer;
#[path = "interop/recorder.rs"]
mod recorder;
#[path = "interop/table.rs"]
mod table;
#[path = "interop/world.rs"]
mod world;

use facts::Facts;
use peer::{Peer, SDKS, Sdk};
use recorder::{Exchange, Recorder};
use table::Table;
use world::World;

fn main() -> ExitCode {
    let bless = std::env::args().any(|argument| argument == "--bless");
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(bless)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("FAILED {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line of `calls.json`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// Its name in the tables.
    call: String,
    operation: String,
    /// With the names of the world (`$session`) for what is in it.
    input: Value,
    /// The one SDK that can say this.
    only: Option<String>,
    /// Whether only the environment of API keys has it.
    #[serde(default)]
    classic: bool,
    /// What the service is made to answer (`status`, `headers`, `body`). A status of 400 or more must be told.
    answer: Option<Value>,
}

/// What a call came to: what the caller got, and the facts of what it sent.
struct Made {
    result: Result<(), String>,
    facts: Facts,
}

struct Suite {
    emulator: Emulator,
    recorder: Recorder,
    calls: Vec<Call>,
    drivers: PathBuf,
    packages: PathBuf,
}

/// Everything found, as rows of the tables.
#[derive(Default)]
struct Found {
    differences: Vec<Vec<String>>,
    failures: Vec<Vec<String>>,
    untouched: Vec<Vec<String>>,
    passed: usize,
    /// What no table can excuse.
    broken: Vec<String>,
}

async fn run(bless: bool) -> Result<bool, String> {
    let drivers = workspace().join("tests/interop/opentok");
    let packages = workspace().join("target/interop");
    for sdk in SDKS.iter().filter(|sdk| !sdk.is_installed(&packages)) {
        println!("skipped: needs the {} package `opentok` (cargo xtask interop installs it)", sdk.name);
    }
    // The tables are about all of them.
    if !SDKS.iter().all(|sdk| sdk.is_installed(&packages)) {
        println!("0 passed, 0 failed, 1 skipped");
        return Ok(true);
    }
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let recorder = Recorder::start(emulator.url()).await.map_err(|e| e.to_string())?;
    let calls = world::json(&drivers.join("calls.json"))?;
    let calls = with_failures(serde_json::from_value(calls).map_err(|e| e.to_string())?);
    let suite = Suite { emulator, recorder, calls, drivers: drivers.clone(), packages };
    let mut found = Found::default();
    for mut world in World::all(&suite.emulator, &drivers)? {
        suite.reset(&world, None)?;
        let asked = world.named(&json!({ "session_id": "$session", "role": "moderator" }));
        let token = ours(&world, &suite.recorder.url, "generate_token", asked).await?;
        world.add("$token", token["token"].clone());
        let ours = suite.ours(&world).await?;
        let failed = ours.iter().filter_map(|(call, made)| Some((call, made.result.as_ref().err()?)));
        found.broken.extend(failed.map(|(call, error)| format!("our own{}: {call}: {error}", world.suffix)));
        for sdk in SDKS {
            suite.drive(*sdk, &world, &ours, &mut found).await?;
        }
    }
    close(&drivers, found, bless)
}

/// Each operation once more, with a service that is out of order.
fn with_failures(mut calls: Vec<Call>) -> Vec<Call> {
    let mut requests: Vec<&Call> = calls.iter().filter(|call| call.operation != "generate_token").collect();
    requests.dedup_by_key(|call| &call.operation);
    let answer = json!({ "status": 500, "body": { "code": 500, "message": "out of order" } });
    let broken = requests.into_iter().map(|call| Call {
        call: format!("{}, status 500", call.operation),
        classic: true,
        answer: Some(answer.clone()),
        ..call.clone()
    });
    let broken: Vec<Call> = broken.collect();
    calls.extend(broken);
    calls
}

/// Compares what was found with the tables.
fn close(tables: &Path, found: Found, bless: bool) -> Result<bool, String> {
    let mut complaints = found.broken;
    println!(
        "\n{} failures, {} differences; the tables say why",
        found.failures.len(),
        found.differences.len()
    );
    for (file, rows) in [
        ("failures.md", found.failures),
        ("differences.md", found.differences),
        ("untouched.md", found.untouched),
    ] {
        let mut table = Table::read(&tables.join(file))?;
        if bless {
            table.bless(&rows)?;
        }
        complaints.extend(table.check(&rows));
    }
    complaints.iter().for_each(|complaint| println!("FAILED {complaint}"));
    println!("{} passed, {} failed", found.passed, complaints.len());
    Ok(complaints.is_empty())
}

impl Suite {
    /// Puts the emulator into the state that every call begins with.
    fn reset(&self, world: &World, answer: Option<&Value>) -> Result<(), String> {
        self.emulator.reset();
        let seeded = self.emulator.seed(world.seed.clone());
        seeded.map_err(|e| format!("the emulator does not take world.json: {e}"))?;
        if let Some(answer) = answer {
            let mut action = world.named(answer);
            action["kind"] = "status".into();
            self.emulator.add_faults(json!({ "provider": "opentok", "action": action }))?;
        }
        self.recorder.take();
        Ok(())
    }

    /// Makes every call with our crate.
    async fn ours(&self, world: &World) -> Result<BTreeMap<&str, Made>, String> {
        let mut all = BTreeMap::new();
        for call in self.calls.iter().filter(|call| !(call.classic && world.unified)) {
            self.reset(world, call.answer.as_ref())?;
            let result = ours(world, &self.recorder.url, &call.operation, world.named(&call.input)).await;
            all.insert(call.call.as_str(), self.made(call, world, result).await);
        }
        Ok(all)
    }

    /// Makes every call that an SDK has, and puts it beside ours.
    async fn drive(
        &self,
        sdk: Sdk,
        world: &World,
        ours: &BTreeMap<&str, Made>,
        found: &mut Found,
    ) -> Result<(), String> {
        let mut peer = Peer::start(sdk, &self.drivers, &self.packages, &self.recorder.url, world)?;
        let name = format!("{}{}", sdk.name, world.suffix);
        println!("\n{name}: opentok {}", peer.version);
        let mut compared = Vec::new();
        let mut rows = Vec::new();
        let offered = |call: &&Call| {
            peer.has(&call.operation) && call.only.as_deref().is_none_or(|only| only == sdk.name)
        };
        for call in self.calls.iter().filter(offered).collect::<Vec<_>>() {
            let Some(mine) = ours.get(call.call.as_str()) else { continue };
            self.reset(world, call.answer.as_ref())?;
            let result = peer.call(&call.operation, &world.named(&call.input));
            let theirs = self.made(call, world, result).await;
            let mut differences = Vec::new();
            // What is sent does not depend on the answer.
            if !theirs.facts.is_empty() && call.answer.is_none() {
                compared.push(call);
                differences = facts::differences(&theirs.facts, &mine.facts);
                differences.retain(|[place, ..]| world.compares(place));
            }
            let count = differences.len();
            match theirs.result {
                Ok(()) => {
                    println!("  {:<40} passed, {count} differences", call.call);
                    found.passed += 1;
                }
                Err(error) => {
                    println!("  {:<40} did not pass: {error}", call.call);
                    // The kind of the error: the words are Node's or Python's, of one version.
                    let kind = error.split(':').next().unwrap_or_default().to_owned();
                    found.failures.push(vec![name.clone(), call.call.clone(), kind]);
                }
            }
            rows.extend(differences.into_iter().map(|row| (row, call)));
        }
        found
            .differences
            .extend(fold(rows, &compared).into_iter().map(|row| [vec![name.clone()], row].concat()));
        if !world.unified {
            found.untouched.extend(peer.untouched()?.into_iter().map(|method| vec![name.clone(), method]));
        }
        Ok(())
    }

    /// What the call came to that has just been made.
    async fn made(&self, call: &Call, world: &World, result: Result<Value, String>) -> Made {
        let requests = self.recorder.take();
        if call.operation == "generate_token" {
            return verified(world, &self.recorder.url, result).await;
        }
        let [request] = requests.as_slice() else {
            let count = format!("{} requests were made, not one", requests.len());
            return Made { result: Err(result.err().unwrap_or(count)), facts: Facts::new() };
        };
        let result = match result {
            Ok(value) => understood(&value, request),
            // To be refused and to say so is right, too.
            Err(_) if request.status >= 400 && call.answer.is_some() => Ok(()),
            Err(error) => Err(error),
        };
        Made { result, facts: facts::of_request(request) }
    }
}

/// Makes a call with our crate.
async fn ours(world: &World, url: &str, operation: &str, input: Value) -> Result<Value, String> {
    let outcome = Box::pin(batch::run("opentok", operation, input, &world.run(url))).await;
    if outcome.is_ok() { Ok(outcome.body["output"].clone()) } else { Err(outcome.body["error"].to_string()) }
}

/// A token is good when our crate verifies it.
async fn verified(world: &World, url: &str, result: Result<Value, String>) -> Made {
    // The SDKs give the text, our command line an object.
    let token = result.map(|token| token.get("token").cloned().unwrap_or(token));
    let checked = match &token {
        Ok(token) => ours(world, url, "verify_token", json!({ "token": token })).await,
        Err(error) => Err(error.clone()),
    };
    let text = token.as_ref().ok().and_then(Value::as_str).unwrap_or_default();
    let facts = checked.as_ref().map(|verified| facts::of_token(text, verified)).unwrap_or_default();
    Made { result: checked.map(|_| ()), facts }
}

/// Whether the service accepted a request, and the caller read from the answer what it says.
fn understood(value: &Value, exchange: &Exchange) -> Result<(), String> {
    if !(200..300).contains(&exchange.status) {
        return Err(format!("no error is told for status {}", exchange.status));
    }
    let answer: Value = serde_json::from_slice(&exchange.answer).unwrap_or_default();
    let length = |list: &Value| list.as_array().map_or(Value::Null, |items| items.len().into());
    let said = [
        answer["id"].clone(),
        answer["captionsId"].clone(),
        answer[0]["session_id"].clone(),
        answer["count"].clone(),
        length(&answer["items"]),
        length(&answer),
    ];
    let told = value.is_string() || value.is_number();
    if told && said.iter().any(|said| !said.is_null()) && !said.contains(value) {
        return Err(format!("read {value} from {answer}"));
    }
    Ok(())
}

/// The differences as rows: one that every call shows is told once (`*`), one that several calls of an operation
/// show once for the operation (`start_archive *` if all of them do).
fn fold(rows: Vec<([String; 3], &Call)>, compared: &[&Call]) -> Vec<Vec<String>> {
    let requests = compared.iter().filter(|call| call.operation != "generate_token").count();
    let mut shown: BTreeMap<[String; 3], BTreeMap<&str, Vec<&Call>>> = BTreeMap::new();
    for (row, call) in rows {
        shown.entry(row).or_default().entry(&call.operation).or_default().push(call);
    }
    let mut folded = Vec::new();
    for (row, operations) in shown {
        if operations.values().map(Vec::len).sum::<usize>() == requests {
            folded.push([vec!["*".into()], row.to_vec()].concat());
            continue;
        }
        for (operation, calls) in operations {
            let all = compared.iter().filter(|call| call.operation == operation).count();
            folded.push([vec![called(operation, &calls, all)], row.to_vec()].concat());
        }
    }
    folded
}

/// Names some of all the calls of an operation in one cell.
fn called(operation: &str, calls: &[&Call], all: usize) -> String {
    match calls {
        [call] => call.call.clone(),
        calls if calls.len() == all => format!("{operation} *"),
        calls => {
            let variant = |call: &&Call| {
                let variant = call.call.strip_prefix(operation).and_then(|rest| rest.strip_prefix(", "));
                variant.unwrap_or("plain").to_owned()
            };
            format!("{operation}: {}", calls.iter().map(variant).collect::<Vec<_>>().join(" / "))
        }
    }
}
