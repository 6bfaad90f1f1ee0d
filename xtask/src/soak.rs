//! `soak`: clients against the emulator for a long time, over connections that break all the time.

use std::path::Path;

use xshell::{Shell, cmd};

use crate::ci::shell;

/// Where the figures of a million calls are, and between which lines.
const PAGE: &str = "RELIABILITY.md";
const BEGIN: &str = "<!-- cargo xtask soak: begin -->";
const END: &str = "<!-- cargo xtask soak: end -->";

/// Mixed traffic over all five providers: a million calls, or as many as go into `minutes`; then the signaling client of
/// Kinesis Video Streams: 1,000 reconnects, and as many more as `minutes` allow.
pub fn run(root: &Path, minutes: Option<&str>) -> Result<(), String> {
    if minutes.is_some_and(|text| text.parse::<u64>().is_err()) {
        return Err("--minutes needs a whole number".into());
    }
    let sh = shell(root)?;
    let longer: Vec<&str> = minutes.into_iter().flat_map(|minutes| ["--minutes", minutes]).collect();
    let million = ["--calls", "1000000"];
    let mixed: &[&str] = if minutes.is_some() { &longer } else { &million };
    // Built for speed: it is the clients and the emulator that are to be worn, not the processor.
    let run = cmd!(sh, "cargo test --quiet --release --locked -p rtc-tests --test soak_mixed -- {mixed...}");
    let told = run.ignore_status().read().map_err(|e| e.to_string())?;
    println!("{told}");
    if minutes.is_none() {
        keep(&sh, told.trim())?;
    }
    if !told.trim().ends_with(" 0 failed") {
        return Err("the soak of mixed traffic failed".into());
    }
    cmd!(sh, "cargo test --locked -p rtc-tests --test soak_kvs -- --reconnects 1000 {longer...}")
        .run()
        .map_err(|e| e.to_string())
}

/// Puts the figures into the page, failures included: it is what was found.
fn keep(sh: &Shell, told: &str) -> Result<(), String> {
    let page = sh.read_file(PAGE).map_err(|e| e.to_string())?;
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("{PAGE} has no line {END}"))?;
    let page = format!("{before}{BEGIN}\n```text\n{told}\n```\n{END}{after}");
    sh.write_file(PAGE, page).map_err(|e| e.to_string())
}
