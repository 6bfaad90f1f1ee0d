//! `soak`: clients against the emulator for a long time, over connections that break all the time.

use std::path::Path;

use xshell::cmd;

use crate::ci::shell;

/// The signaling client of Kinesis Video Streams: 1,000 reconnects, and as many more as `minutes` allow.
pub fn run(root: &Path, minutes: Option<&str>) -> Result<(), String> {
    if minutes.is_some_and(|text| text.parse::<u64>().is_err()) {
        return Err("--minutes needs a whole number".into());
    }
    let sh = shell(root)?;
    let longer: Vec<&str> = minutes.into_iter().flat_map(|minutes| ["--minutes", minutes]).collect();
    cmd!(sh, "cargo test --locked -p rtc-tests --test soak_kvs -- --reconnects 1000 {longer...}")
        .run()
        .map_err(|e| e.to_string())
}
