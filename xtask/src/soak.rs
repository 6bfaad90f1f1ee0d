//! `soak`: clients against the emulator for a long time, over connections that break all the time.

use std::path::Path;

use xshell::cmd;

use crate::ci::shell;
use crate::page;

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
        page::keep(&sh, "cargo xtask soak", &page::fenced(&told))?;
    }
    if !told.trim().ends_with(" 0 failed") {
        return Err("the soak of mixed traffic failed".into());
    }
    cmd!(sh, "cargo test --locked -p rtc-tests --test soak_kvs -- --reconnects 1000 {longer...}")
        .run()
        .map_err(|e| e.to_string())
}
