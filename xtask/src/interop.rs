//! `cargo xtask interop [opentok] [--bless]`: the vendors' SDKs against the emulator, and their requests beside
//! ours. It installs the packages that are missing; where that fails, the suite says that it is skipped.

use std::fs;
use std::path::Path;

use xshell::{Cmd, Shell, cmd};

use crate::ci::shell;

/// The files that fix the versions of all packages.
const FILES: &str = "tests/interop/opentok";
/// In an installed folder: from what it was installed.
const STAMP: &str = "installed";

pub fn run(root: &Path, bless: bool) -> Result<(), String> {
    let sh = shell(root)?;
    install_packages(&sh, root);
    let bless: &[&str] = if bless { &["--bless"] } else { &[] };
    cmd!(sh, "cargo test --locked -p rtc-tests --test interop -- {bless...}").run().map_err(|e| e.to_string())
}

/// Installs the vendors' SDKs where they are missing; says what it lacks for one that it leaves out.
pub fn install_packages(sh: &Shell, root: &Path) {
    for result in [node(sh, root), python(sh, root)] {
        if let Err(reason) = result {
            println!("skipped: needs {reason}");
        }
    }
}

fn node(sh: &Shell, root: &Path) -> Result<(), String> {
    let version = cmd!(sh, "node --version").quiet().ignore_stderr().read().unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 18) {
        return Err("Node.js 18 or newer".into());
    }
    install(root, "node", &["package.json", "package-lock.json"], "", |folder| {
        cmd!(sh, "npm ci --no-audit --no-fund --ignore-scripts --prefix {folder}")
    })
}

fn python(sh: &Shell, root: &Path) -> Result<(), String> {
    // Some of the packages are built for one version of Python.
    let version = cmd!(sh, "python3 --version").quiet().ignore_stderr().read().unwrap_or_default();
    if version.is_empty() {
        return Err("Python 3".into());
    }
    install(root, "python", &["requirements.txt"], &version, |folder| {
        let list = folder.join("requirements.txt");
        cmd!(sh, "python3 -m pip install --quiet --disable-pip-version-check --target {folder} -r {list}")
    })
}

/// Installs the packages of `files` into a folder of their own, unless they are there.
fn install<'a>(
    root: &Path,
    name: &str,
    files: &[&str],
    version: &str,
    command: impl FnOnce(&Path) -> Cmd<'a>,
) -> Result<(), String> {
    let folder = root.join("target/interop").join(name);
    let mut wanted = version.to_owned();
    for file in files {
        wanted += &fs::read_to_string(root.join(FILES).join(file)).map_err(|e| format!("{file}: {e}"))?;
    }
    if fs::read_to_string(folder.join(STAMP)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // What is left of other versions would be mixed with these.
    let _ = fs::remove_dir_all(&folder);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    for file in files {
        fs::copy(root.join(FILES).join(file), folder.join(file)).map_err(failed)?;
    }
    println!("installing the {name} package");
    let output = command(&folder).quiet().ignore_status().output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the {name} package, which could not be installed:\n{}", said.trim_end()));
    }
    fs::write(folder.join(STAMP), wanted).map_err(failed)
}
