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
    let sh = shell(root)?;
    let mut results = vec![
        ("faults", faults::run(root, false)),
        ("fuzz", fuzz::run(root, None, FUZZ_SECONDS)),
        ("soak", soak::run(root, None)),
    ];
    results.extend(TESTS.iter().map(|command| (*command, test(&sh, command))));
    results.extend(BENCHES.iter().map(|name| (*name, bench::run(root, Some(name)))));
    let failures: Vec<String> = results
        .iter()
        .filter_map(|(what, result)| Some(format!("{what}: {}", result.as_ref().err()?)))
        .collect();
    println!("{} passed, {} failed", results.len() - failures.len(), failures.len());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Runs a test and keeps what it prints.
fn test(sh: &Shell, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let told = cmd!(sh, "cargo {words...}").ignore_status().output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&told.stdout);
    print!("{text}");
    // What the compiler says, above all.
    eprint!("{}", String::from_utf8_lossy(&told.stderr));
    if text.trim_start().starts_with("skipped: ") {
        return Err("was skipped, so its figures are the old ones".into());
    }
    keep(sh, command, &fenced(&text))?;
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

/// Puts the figures of a command into the page, failures included: they are what was found. One that told nothing did
/// not run, and the figures stay.
pub fn keep(sh: &Shell, command: &str, text: &str) -> Result<(), String> {
    if text.lines().all(|line| line.trim().is_empty() || line.starts_with("```")) {
        return Err(format!("{command} told nothing; {PAGE} is as it was"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_takes_no_figures_away() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let _inside = sh.push_dir(folder.path());
        let page = |text: &str| format!("before\n<!-- c: begin -->\n{text}\n<!-- c: end -->\nafter\n");
        sh.write_file(PAGE, page("old")).unwrap();
        keep(&sh, "c", &fenced(" \n")).unwrap_err();
        keep(&sh, "another", "figures").unwrap_err();
        assert_eq!(sh.read_file(PAGE).unwrap(), page("old"));
        keep(&sh, "c", &fenced("2 passed, 1 failed\n")).unwrap();
        assert_eq!(sh.read_file(PAGE).unwrap(), page("```text\n2 passed, 1 failed\n```"));
    }
}
