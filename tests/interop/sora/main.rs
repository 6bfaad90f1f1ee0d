//! Sora with foreign peers. Own harness: a summary for people. `cargo xtask interop sora` and `sora-browser` install the
//! packages and run it; what is not installed is skipped.
//!
//! - `fixture`: our connection against an independent server over `aiortc`.
//! - `relay`: the same through a `coturn` and nothing else, over UDP, TCP and TLS.
//! - `vendor`: the vendor's SDKs against the emulator: `sora_sdk`, and `sora-js-sdk` in a Chromium, which also comes
//!   through `coturn`.
//! - `messages`: what these SDKs were seen to send is taken by the emulator; how our `connect` differs from theirs is in
//!   `connect.md`. `--bless` rewrites it; the reasons in it are written by hand.
//!
//! The browser has a command of its own because not every machine has one: the argument `browser` runs it and nothing
//! else.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::process::ExitCode;

use rtc_tests::case::workspace;

mod drivers;
mod fixture;
#[path = "../found.rs"]
mod found;
mod messages;
#[path = "../mediasfu/node.rs"]
#[allow(dead_code, reason = "shared with the suite of another provider")]
mod node;
mod relay;
mod sdk;
#[path = "../table.rs"]
mod table;
mod vendor;

use found::Found;

fn main() -> ExitCode {
    let told = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut found = Found::default();
    runtime.block_on(async {
        if told("browser") {
            return vendor::browser(&mut found).await;
        }
        messages::run(told("--bless"), &mut found).await;
        fixture::run(&mut found).await;
        relay::run(&mut found).await;
        vendor::python(&mut found).await;
    });
    println!("{} passed, {} failed, {} skipped", found.passed, found.failed, found.skipped);
    if found.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// That what was found is what is expected.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?} instead of {wanted:?}")) }
}

/// The folder of the drivers.
fn folder() -> std::path::PathBuf {
    workspace().join("tests/interop/sora")
}
