//! `cargo xtask fuzz [TARGET] [--seconds N]`: every decoder of what comes from outside, under libFuzzer, on the stable
//! compiler. Where cargo-fuzz or a C++ compiler is missing, seeds that are changed at random do instead.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use xshell::{Shell, cmd};

use crate::ci::{has, has_subcommand, shell};
use crate::page;

/// A folder of its own: all of it is built with other flags.
const TARGET_DIR: &str = "target/fuzz";
/// Inputs that found new paths before, and findings.
const CORPUS: &str = "target/fuzz/corpus";
const FINDINGS: &str = "target/fuzz/findings";
const MANIFEST: &str = "fuzz/Cargo.toml";
/// The seconds of all targets together, unless told.
pub const SECONDS: u32 = 300;
/// From how many seconds on the figures are worth keeping.
const KEPT: u32 = 600;

/// The program with all targets.
struct Program {
    path: PathBuf,
    /// Whether libFuzzer drives it.
    guided: bool,
}

/// What came of a target.
struct Row {
    name: String,
    executions: u64,
    seconds: f64,
    corpus: usize,
    finding: bool,
}

/// Runs one target, or all for `seconds` together. Of a long run over all of them the figures are kept.
pub fn run(root: &Path, target: Option<&str>, seconds: u32) -> Result<(), String> {
    let sh = shell(root)?;
    let program = build(&sh, root)?;
    let names = list(&sh, &program)?;
    let names: Vec<_> = names.iter().filter(|name| target.is_none_or(|target| target == *name)).collect();
    if names.is_empty() {
        return Err("there is no such target; `cargo xtask fuzz` runs all and names them".into());
    }
    sh.create_dir(FINDINGS).map_err(|e| e.to_string())?;
    let rows = all(root, &program, &names, seconds)?;
    if target.is_none() && program.guided && seconds >= KEPT {
        page::keep(&sh, "cargo xtask fuzz", &table(&rows, seconds))?;
    }
    let failed: Vec<_> = rows.iter().filter(|row| row.finding).map(|row| row.name.as_str()).collect();
    let executions: u64 = rows.iter().map(|row| row.executions).sum();
    println!("{executions} executions\n{} passed, {} failed", rows.len() - failed.len(), failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "findings in {}: the inputs are in {FINDINGS}; repeat one with \
         `cargo run --release --manifest-path {MANIFEST} --target-dir {TARGET_DIR} --bin rtc-fuzz -- \
         replay TARGET FILE`",
        failed.join(", ")
    ))
}

/// Runs the targets side by side, one per processor, so that they take `seconds` together.
fn all(root: &Path, program: &Program, names: &[&String], seconds: u32) -> Result<Vec<Row>, String> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(names.len());
    let rounds = u32::try_from(names.len().div_ceil(workers)).unwrap_or(u32::MAX);
    let each = (seconds / rounds).max(1);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Row)>, String> {
        let sh = shell(root)?;
        let mut rows = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(at) else { return Ok(rows) };
            let row = one(&sh, root, program, name, each).map_err(|e| e.to_string())?;
            println!(
                "{name:<18} {:>9} executions, {:.1} s{}",
                row.executions,
                row.seconds,
                found(row.finding)
            );
            rows.push((at, row));
        }
    };
    let rows: Result<Vec<_>, String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker panicked")?).collect()
    });
    let mut rows: Vec<_> = rows?.into_iter().flatten().collect();
    rows.sort_by_key(|(at, _)| *at);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn found(finding: bool) -> &'static str {
    if finding { ", A FINDING" } else { "" }
}

/// Builds the program: instrumented where that can be.
fn build(sh: &Shell, root: &Path) -> Result<Program, String> {
    let compiler = sh.var("CXX").unwrap_or_else(|_| "c++".into());
    let guided = has_subcommand(sh, "fuzz") && has(sh, &compiler);
    let folder = root.join(TARGET_DIR);
    let build = || -> xshell::Result<PathBuf> {
        if !guided {
            println!(
                "skipped: libFuzzer needs cargo-fuzz (cargo install --locked cargo-fuzz) and a C++ compiler \
                 ({compiler}); seeds are changed at random instead"
            );
            let common = ["--release", "--locked", "--manifest-path", MANIFEST, "--target-dir", TARGET_DIR];
            cmd!(sh, "cargo build {common...} --bin rtc-fuzz").run()?;
            return Ok(folder.join("release/rtc-fuzz"));
        }
        // cargo-fuzz takes no --locked.
        cmd!(sh, "cargo metadata --locked --format-version 1 --manifest-path {MANIFEST}")
            .quiet()
            .ignore_stdout()
            .run()?;
        let version = cmd!(sh, "rustc -vV").quiet().read()?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        // What is tried is what is shipped: no dependency is to take an easier way because it is fuzzed.
        let flags = ["--sanitizer", "none", "--no-cfg-fuzzing", "--codegen-units", "16"];
        let place = ["--fuzz-dir", "fuzz", "--target", host, "--target-dir", TARGET_DIR];
        cmd!(sh, "cargo fuzz build {flags...} {place...} --features libfuzzer libfuzzer").run()?;
        Ok(folder.join(host).join("release/libfuzzer"))
    };
    Ok(Program { path: build().map_err(|e| e.to_string())?, guided })
}

fn list(sh: &Shell, program: &Program) -> Result<Vec<String>, String> {
    let path = &program.path;
    let names =
        cmd!(sh, "{path} list").env("RTC_FUZZ_TARGET", "list").quiet().read().map_err(|e| e.to_string())?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn one(sh: &Shell, root: &Path, program: &Program, name: &str, seconds: u32) -> xshell::Result<Row> {
    let (path, seconds) = (&program.path, seconds.to_string());
    let (corpus, findings) = (root.join(CORPUS).join(name), root.join(FINDINGS));
    let begun = Instant::now();
    let told = if program.guided {
        let seeds = corpus.join("seeds");
        sh.create_dir(&seeds)?;
        let artifacts = format!("{}/{name}-", findings.display());
        cmd!(
            sh,
            "{path} {corpus} {seeds} -max_total_time={seconds} -timeout=10 -rss_limit_mb=2048 -max_len=4096
             -verbosity=0 -print_funcs=0 -print_final_stats=1 -artifact_prefix={artifacts}"
        )
        .env("RTC_FUZZ_TARGET", name)
        .env("RTC_FUZZ_SEEDS", &seeds)
    } else {
        cmd!(sh, "{path} run {name} {seconds}").env("RTC_FUZZ_FINDINGS", &findings)
    };
    let told = told.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&told.stderr);
    if !told.status.success() {
        println!("{text}");
    }
    let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    Ok(Row {
        name: name.to_owned(),
        executions: executions.and_then(|number| number.trim().parse().ok()).unwrap_or_default(),
        seconds: begun.elapsed().as_secs_f64(),
        corpus: sh.read_dir(&corpus).unwrap_or_default().len().saturating_sub(1),
        finding: !told.status.success(),
    })
}

/// The section of the page.
fn table(rows: &[Row], seconds: u32) -> String {
    let mut out = format!("`cargo xtask fuzz --seconds {seconds}`\n\n");
    out.push_str("| Target | Executions | Seconds | Corpus | Findings |\n|---|--:|--:|--:|--:|\n");
    for Row { name, executions, seconds, corpus, finding } in rows {
        let _ = writeln!(out, "| {name} | {executions} | {seconds:.0} | {corpus} | {} |", u8::from(*finding));
    }
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let (executions, findings) = (sum(|row| row.executions), sum(|row| row.finding.into()));
    let corpus = sum(|row| row.corpus as u64);
    let _ = writeln!(out, "| **all {}** | {executions} | {seconds:.0} | {corpus} | {findings} |", rows.len());
    out
}
