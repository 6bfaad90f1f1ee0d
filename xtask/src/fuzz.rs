//! `cargo xtask fuzz [TARGET] [--seconds N]`: every decoder of what comes from outside, under libFuzzer, on the stable
//! compiler: its counters are a pass of LLVM that stable has too. Where no C++ compiler can build libFuzzer, seeds that
//! are changed at random do instead.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::ci::{has, shell};

/// A folder of its own: all of it is built with other flags.
const TARGET_DIR: &str = "target/fuzz";
/// Inputs that found new paths before, and findings.
const CORPUS: &str = "target/fuzz/corpus";
const FINDINGS: &str = "target/fuzz/findings";
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs one target or all, each for this many seconds.
pub fn run(root: &Path, target: Option<&str>, seconds: u32) -> Result<(), String> {
    let sh = shell(root)?;
    let plain = build(&sh, root, "rtc-fuzz", false)?;
    let names = cmd!(sh, "{plain} list").read().map_err(|e| e.to_string())?;
    let names: Vec<&str> = names.lines().filter(|name| target.is_none_or(|target| target == *name)).collect();
    if names.is_empty() {
        return Err("there is no such target; `cargo xtask fuzz` runs all and names them".into());
    }
    let compiler = sh.var("CXX").unwrap_or_else(|_| "c++".into());
    let fuzzer = if has(&sh, &compiler) {
        Some(build(&sh, root, "libfuzzer", true)?)
    } else {
        println!("skipped: libFuzzer needs a C++ compiler ({compiler}); seeds are changed at random instead");
        None
    };
    let findings = root.join(FINDINGS);
    sh.create_dir(&findings).map_err(|e| e.to_string())?;
    let seconds = seconds.to_string();
    let mut failed = Vec::new();
    for name in names {
        println!("--- {name}, {seconds} s");
        let done = match &fuzzer {
            Some(fuzzer) => under_libfuzzer(&sh, root, fuzzer, name, &seconds),
            None => {
                let _folder = sh.push_dir(&findings);
                cmd!(sh, "{plain} run {name} {seconds}").run()
            }
        };
        if done.is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "findings in {}: the inputs are in {FINDINGS}; repeat one with \
         `cargo run --release --manifest-path fuzz/Cargo.toml --target-dir {TARGET_DIR} --bin rtc-fuzz -- \
         replay TARGET FILE`",
        failed.join(", ")
    ))
}

/// Builds a program and tells where it is.
fn build(sh: &Shell, root: &Path, program: &str, instrumented: bool) -> Result<PathBuf, String> {
    let common = ["--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", TARGET_DIR];
    let mut folder = root.join(TARGET_DIR);
    let built = if instrumented {
        let version = cmd!(sh, "rustc -vV").read().map_err(|e| e.to_string())?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        folder.push(host);
        // With a target named, build scripts and macros are left without the counters, which they could not link.
        let _flags = sh.push_env("RUSTFLAGS", FLAGS);
        cmd!(sh, "cargo build {common...} --features libfuzzer --bin {program} --target {host}").run()
    } else {
        cmd!(sh, "cargo build {common...} --bin {program}").run()
    };
    built.map_err(|e| e.to_string())?;
    Ok(folder.join("release").join(program))
}

fn under_libfuzzer(sh: &Shell, root: &Path, fuzzer: &Path, name: &str, seconds: &str) -> xshell::Result<()> {
    let corpus = root.join(CORPUS).join(name);
    let seeds = corpus.join("seeds");
    sh.create_dir(&seeds)?;
    let findings = root.join(FINDINGS);
    let artifacts = format!("{}/{name}-", findings.display());
    cmd!(
        sh,
        "{fuzzer} {corpus} {seeds} -max_total_time={seconds} -timeout=10 -rss_limit_mb=1024 -max_len=4096
         -verbosity=0 -print_funcs=0 -print_final_stats=1 -artifact_prefix={artifacts}"
    )
    .env("RTC_FUZZ_TARGET", name)
    .env("RTC_FUZZ_SEEDS", &seeds)
    .quiet()
    .run()
}
