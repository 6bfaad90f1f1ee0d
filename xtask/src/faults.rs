//! `cargo xtask faults [--short]`: every operation under every fault, and the table of what came of it.

use std::path::Path;

use xshell::cmd;

use crate::ci::shell;
use crate::page;

/// Runs the matrix. Of the whole one the table is kept; the short one is for a look, and an ordinary test as well.
pub fn run(root: &Path, short: bool) -> Result<(), String> {
    let sh = shell(root)?;
    if short {
        return cmd!(sh, "cargo test --locked -p rtc-tests --test fault_matrix")
            .run()
            .map_err(|e| e.to_string());
    }
    let folder = sh.create_temp_dir().map_err(|e| e.to_string())?;
    let table = folder.path().join("table.md");
    let run =
        cmd!(sh, "cargo test --locked -p rtc-tests --test fault_matrix -- --full --table {table}").run();
    // A table with failures in it is kept as well: it is what was found.
    let table = sh.read_file(&table).map_err(|e| e.to_string())?;
    page::keep(&sh, "cargo xtask faults", &table)?;
    run.map_err(|e| e.to_string())
}
