//! Socket.IO and the captured requests of the vendor's SDKs. Own harness: a summary for people.
//! `cargo xtask interop mediasfu` installs the packages and runs it; what is not installed is skipped.
//!
//! - `server`: npm `socket.io`, both generations of the protocol, as the server of our Socket.IO client.
//! - `meeting`: the newer one as the server of our meetings.
//! - `clients`: npm `socket.io-client`, both generations, as clients of the emulator.
//! - `replay`: requests as the vendor's SDKs make them, byte for byte, to the emulator.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::process::ExitCode;

use rtc_tests::case::workspace;

mod clients;
#[path = "../found.rs"]
mod found;
mod meeting;
mod node;
mod replay;
mod server;

use found::Found;
use node::Drivers;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("FAILED {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, String> {
    let scripts = workspace().join("tests/interop/mediasfu");
    let drivers = Drivers { scripts, packages: workspace().join("target/interop/mediasfu-node") };
    let mut found = Found::default();
    replay::run(&drivers.scripts, &mut found).await?;
    if drivers.is_installed() {
        server::run(&drivers, &mut found).await;
        meeting::run(&drivers, &mut found).await;
        clients::run(&drivers, &mut found).await;
    } else {
        found.skip("needs the packages of mediasfu-node (cargo xtask interop mediasfu installs them)");
    }
    println!("{} passed, {} failed, {} skipped", found.passed, found.failed, found.skipped);
    Ok(found.failed == 0)
}
