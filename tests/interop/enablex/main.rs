//! Rooms of EnableX with foreign peers, and what the vendor's libraries and samples send. Own harness: a summary for
//! people. `cargo xtask interop enablex` installs the packages and runs it; what is not installed is skipped.
//!
//! - `server`: npm `socket.io`, both generations of the protocol, as the server of our rooms.
//! - `clients`: npm `socket.io-client`, both generations, as clients of the emulator, in one room at once.
//! - `frames`: the frames of the vendor's Web SDK: ours are the same, and the emulator understands them byte for byte.
//! - `guards`: what the SDK refuses by itself, ours does, too, with the same codes.
//! - `catalog`: whom the crate's scripted session expects to hear what is as the reference says.
//! - `replay`: requests of the vendor's sample servers, byte for byte, to the emulator.
//!
//! The drivers are those of MediaSFU's suite.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::path::PathBuf;
use std::process::ExitCode;

use rtc_tests::case::workspace;
use serde_json::Value;

mod catalog;
mod clients;
mod commands;
#[path = "../found.rs"]
mod found;
mod frames;
mod guards;
#[path = "../mediasfu/node.rs"]
mod node;
#[path = "../../../crates/enablex/tests/session/promises.rs"]
#[allow(clippy::panic, reason = "shared with a test, which may")]
mod promises;
mod replay;
mod scene;
mod server;

use found::Found;
use node::Drivers;

/// Nothing, or what is the matter.
fn same(what: &str, is: &Value, wanted: &Value) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}: {is}, not {wanted}")) }
}

/// What was captured of the vendor's libraries and samples, where it is: it is not part of this repository.
fn captures() -> Option<PathBuf> {
    Some(workspace().join("../shared/providers/enablex/captures")).filter(|folder| folder.is_dir())
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let found = runtime.block_on(run());
    println!("{} passed, {} failed, {} skipped", found.passed, found.failed, found.skipped);
    if found.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run() -> Found {
    let scripts = workspace().join("tests/interop/mediasfu");
    let drivers = Drivers { scripts, packages: workspace().join("target/interop/mediasfu-node") };
    let mut found = Found::default();
    frames::run(&mut found).await;
    guards::run(&mut found).await;
    catalog::run(&mut found);
    replay::run(&mut found).await;
    if drivers.is_installed() {
        server::run(&drivers, &mut found).await;
        clients::run(&drivers, &mut found).await;
    } else {
        found.skip("needs the packages of mediasfu-node (cargo xtask interop enablex installs them)");
    }
    found
}
