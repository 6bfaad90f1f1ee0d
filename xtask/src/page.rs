//! RELIABILITY.md: the figures between `<!-- COMMAND: begin -->` and `<!-- COMMAND: end -->` are those of that command.

use std::path::Path;

use xshell::{Shell, cmd};

use crate::ci::shell;
use crate::{bench, faults, fuzz, soak};

const PAGE: &str = "RELIABILITY.md";
/// The seconds of the long fuzz.
const FUZZ_SECONDS: u32 = 900;
/// Tests and benchmarks whose output is a section of its own.
const BENCHES: &[&str] = &["emulator_load", "pacer"];
const TESTS: &[&str] = &["cargo test --release --locked -p rtc-tests --test shared_ice"];

/// Every figure again: about half an hour on two cores. All are made, and then the failures told.
pub fn renew(root: &Path) -> Result<(), String> {
    let mut failures = Vec::new();
    let mut note = |what: &str, result: Result<(), String>| {
        failures.extend(result.err().map(|message| format!("{what}: {message}")));
    };
    note("faults", faults::run(root, false));
    note("fuzz", fuzz::run(root, None, FUZZ_SECONDS));
    note("soak", soak::run(root, None));
    let sh = shell(root)?;
    for command in TESTS {
        note(command, test(&sh, command));
    }
    for name in BENCHES {
        note(name, bench::run(root, Some(name)));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Runs a test and keeps what it prints.
fn test(sh: &Shell, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let told = cmd!(sh, "cargo {words...}").ignore_status().output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&told.stdout);
    keep(sh, command, &fenced(&text))?;
    print!("{text}");
    if told.status.success() { Ok(()) } else { Err("failed".into()) }
}

/// Text as it stands.
pub fn fenced(text: &str) -> String {
    format!("```text\n{}\n```", text.trim())
}

/// Whether the page has a section for this command.
pub fn has_section(sh: &Shell, command: &str) -> bool {
    sh.read_file(PAGE).is_ok_and(|page| page.contains(&mark(command, "begin")))
}

/// Puts the figures of a command into the page, failures included: they are what was found.
pub fn keep(sh: &Shell, command: &str, text: &str) -> Result<(), String> {
    let page = sh.read_file(PAGE).map_err(|e| e.to_string())?;
    let (begin, end) = (mark(command, "begin"), mark(command, "end"));
    let (before, rest) = page.split_once(&begin).ok_or_else(|| format!("{PAGE} has no line {begin}"))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("{PAGE} has no line {end}"))?;
    let text = text.trim();
    sh.write_file(PAGE, format!("{before}{begin}\n{text}\n{end}{after}")).map_err(|e| e.to_string())
}

fn mark(command: &str, which: &str) -> String {
    format!("<!-- {command}: {which} -->")
}
