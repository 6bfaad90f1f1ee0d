//! `cargo xtask bench [NAME]`: ratios against a peer or a physical limit, in one run.

use std::path::Path;

use xshell::cmd;

use crate::ci::{has, shell};
use crate::interop;

const BENCHES: &[&str] = &["create_room", "tokens"];

pub fn run(root: &Path, name: Option<&str>) -> Result<(), String> {
    let sh = shell(root)?;
    if let Some(name) = name.filter(|name| !BENCHES.contains(name)) {
        return Err(format!("there is no benchmark {name:?}; there are: {}", BENCHES.join(", ")));
    }
    for bench in BENCHES.iter().filter(|b| name.is_none_or(|name| name == **b)) {
        cmd!(sh, "cargo bench --locked -p rtc-bench --bench {bench} --no-run")
            .run()
            .map_err(|e| e.to_string())?;
        if *bench == "tokens" {
            interop::install_packages(&sh, root);
        }
        // On one core client and server take turns, and the figures do not depend on where they happened to run.
        if has(&sh, "taskset") {
            cmd!(sh, "taskset -c 0 cargo bench --locked -p rtc-bench --bench {bench}").run()
        } else {
            println!("skipped: needs taskset to pin the benchmark to one core; the ratios will scatter");
            cmd!(sh, "cargo bench --locked -p rtc-bench --bench {bench}").run()
        }
        .map_err(|e| e.to_string())?;
    }
    Ok(())
}
