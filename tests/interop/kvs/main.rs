//! boto3, the `@aws-sdk` packages and `amazon-kinesis-video-streams-webrtc` against the emulator. Own harness: tables
//! for people. `cargo xtask interop kvs` installs them and runs it; what is not installed is skipped.
//!
//! - Every operation, by each SDK: the emulator verifies the signature and takes it, the SDK reads from the answer
//!   what it says, and the request is ours but for the differences in `differences.md`.
//! - Answers and inputs that are not as they should be: what each SDK makes of them, and what we do, is in
//!   `quirks.md`.
//! - An offer, an answer and candidates between the npm client and ours, over wss, reordered, with a GO_AWAY.
//!
//! `--bless` writes what was found into the tables; the reasons in them are written by hand.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::process::ExitCode;

use rtc_emulator::Emulator;
use rtc_tests::case::workspace;

#[path = "../facts.rs"]
#[allow(dead_code, reason = "shared with the suite of another provider")]
mod facts;
mod npm;
#[path = "../peer.rs"]
#[allow(dead_code, reason = "shared with the suite of another provider")]
mod peer;
#[path = "../recorder.rs"]
mod recorder;
mod rest;
mod signaling;
#[path = "../table.rs"]
mod table;
mod world;

use recorder::Recorder;
use rest::Suite;
use table::Table;

/// Everything found, as rows of the tables.
#[derive(Default)]
struct Found {
    differences: Vec<Vec<String>>,
    quirks: Vec<Vec<String>>,
    passed: usize,
    /// What no table can excuse.
    broken: Vec<String>,
}

impl Found {
    fn check(&mut self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.broken.push(format!("{what}: {error}")),
        }
    }
}

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

async fn run(bless: bool) -> Result<bool, String> {
    let drivers = workspace().join("tests/interop/kvs");
    let packages = workspace().join("target/interop");
    for sdk in rest::SDKS.iter().filter(|sdk| !sdk.is_installed(&packages)) {
        println!("skipped: needs the packages of {} (cargo xtask interop kvs installs them)", sdk.name);
    }
    // The tables are about all of them.
    if !rest::SDKS.iter().all(|sdk| sdk.is_installed(&packages)) {
        println!("0 passed, 0 failed, 1 skipped");
        return Ok(true);
    }
    let mut found = Found::default();
    // What is measured is not how many calls a second are allowed.
    let emulator = Emulator::builder().quotas(false).tls(true).start().await.map_err(|e| e.to_string())?;
    let recorder = Recorder::start(emulator.url()).await.map_err(|e| e.to_string())?;
    Suite::new(&emulator, &recorder, &drivers, &packages)?.run(&mut found).await?;
    signaling::run(&emulator, &drivers, &packages.join("kvs-node"), &mut found).await;

    let mut complaints = found.broken;
    for (file, rows) in [("differences.md", found.differences), ("quirks.md", found.quirks)] {
        let mut table = Table::read(&drivers.join(file))?;
        if bless {
            table.bless(&rows)?;
        }
        complaints.extend(table.check(&rows));
    }
    complaints.iter().for_each(|complaint| println!("FAILED {complaint}"));
    println!("{} passed, {} failed", found.passed, complaints.len());
    Ok(complaints.is_empty())
}
