//! `cargo xtask faults [--short]`: every operation under every fault, and the table of what came of it.

use std::path::Path;

use xshell::{Shell, cmd};

use crate::ci::shell;

/// Where the table is, and between which lines.
const PAGE: &str = "RELIABILITY.md";
const BEGIN: &str = "<!-- cargo xtask faults: begin -->";
const END: &str = "<!-- cargo xtask faults: end -->";

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
    keep(&sh, &table)?;
    run.map_err(|e| e.to_string())
}

fn keep(sh: &Shell, table: &Path) -> Result<(), String> {
    let table = sh.read_file(table).map_err(|e| e.to_string())?;
    let page = sh.read_file(PAGE).map_err(|e| e.to_string())?;
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("{PAGE} has no line {END}"))?;
    sh.write_file(PAGE, format!("{before}{BEGIN}\n{table}\n{END}{after}")).map_err(|e| e.to_string())
}
