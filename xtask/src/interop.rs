//! `cargo xtask interop [opentok|kvs|mediasfu|enablex|sora|sora-browser|kvs-rust] [--bless]`: the vendors' SDKs against
//! the emulator, and their requests beside ours; of MediaSFU and EnableX, whose SDKs are for browsers, the Socket.IO
//! packages that they are built on; Sora's SDK for browsers runs in the Chromium of the machine. It installs the packages
//! that are missing; where that fails, the suite says that it is skipped.

use std::fs;
use std::path::Path;

use xshell::{Cmd, Shell, cmd};

use crate::bench::AWS_TARGET;
use crate::ci::shell;

/// A suite that drives packages for Node.js, Python or both.
struct Suite {
    name: &'static str,
    /// The files that fix the versions of all packages.
    files: &'static str,
    /// The folders of the installed packages, under `target/interop`. None where there is nothing for Node.js.
    node: Option<&'static str>,
    /// None where there is nothing for Python.
    python: Option<&'static str>,
    /// The oldest Node.js that its packages run on.
    node_major: u32,
    /// The test target that runs it.
    test: &'static str,
    /// The part of the test target that it is; empty: all of it that runs by itself.
    part: &'static str,
}

const OPENTOK: Suite = Suite {
    name: "opentok",
    files: "tests/interop/opentok",
    node: Some("node"),
    python: Some("python"),
    node_major: 18,
    test: "interop",
    part: "",
};
const SUITES: &[Suite] = &[
    OPENTOK,
    Suite {
        name: "kvs",
        files: "tests/interop/kvs",
        node: Some("kvs-node"),
        python: Some("kvs-python"),
        node_major: 20,
        test: "interop_kvs",
        part: "",
    },
    Suite {
        name: "mediasfu",
        files: "tests/interop/mediasfu",
        node: Some("mediasfu-node"),
        python: None,
        node_major: 18,
        test: "interop_mediasfu",
        part: "",
    },
    Suite {
        name: "enablex",
        // The same packages.
        files: "tests/interop/mediasfu",
        node: Some("mediasfu-node"),
        python: None,
        node_major: 18,
        test: "interop_enablex",
        part: "",
    },
    Suite {
        name: "sora",
        files: "tests/interop/sora",
        node: None,
        python: Some("sora-python"),
        node_major: 0,
        test: "interop_sora",
        part: "",
    },
    Suite {
        name: "sora-browser",
        files: "tests/interop/sora",
        node: Some("sora-node"),
        python: None,
        node_major: 18,
        test: "interop_sora",
        part: "browser",
    },
];
/// Builds the AWS crates for minutes, and so runs only by its name.
const RUST: &str = "kvs-rust";

/// In an installed folder: from what it was installed.
const STAMP: &str = "installed";
/// Where the packages go.
const FOLDER: &str = "target/interop";

pub fn run(root: &Path, name: Option<&str>, bless: bool) -> Result<(), String> {
    let sh = shell(root)?;
    if name == Some(RUST) {
        let manifest = "tests/interop/kvs-rust/Cargo.toml";
        let run = cmd!(sh, "cargo run --quiet --locked --manifest-path {manifest} --target-dir {AWS_TARGET}");
        return run.run().map_err(|e| e.to_string());
    }
    if let Some(name) = name.filter(|name| !SUITES.iter().any(|suite| suite.name == *name)) {
        let all: Vec<&str> = SUITES.iter().map(|suite| suite.name).chain([RUST]).collect();
        return Err(format!("there is no suite {name:?}; there are: {}", all.join(", ")));
    }
    let bless: &[&str] = if bless { &["--bless"] } else { &[] };
    let mut failed = Vec::new();
    for suite in SUITES.iter().filter(|suite| name.is_none_or(|name| name == suite.name)) {
        println!("\n=== {}", suite.name);
        suite.install(&sh, root);
        let test = suite.test;
        let part = Some(suite.part).filter(|part| !part.is_empty());
        if cmd!(sh, "cargo test --locked -p rtc-tests --test {test} -- {part...} {bless...}").run().is_err() {
            failed.push(suite.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Installs OpenTok's SDKs where they are missing; says what it lacks for one that it leaves out.
pub fn install_packages(sh: &Shell, root: &Path) {
    OPENTOK.install(sh, root);
}

impl Suite {
    fn install(&self, sh: &Shell, root: &Path) {
        for result in [self.install_node(sh, root), self.install_python(sh, root)] {
            if let Err(reason) = result {
                println!("skipped: needs {reason}");
            }
        }
    }

    fn install_node(&self, sh: &Shell, root: &Path) -> Result<(), String> {
        let Some(node) = self.node else { return Ok(()) };
        let version = cmd!(sh, "node --version").quiet().ignore_stderr().read().unwrap_or_default();
        let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
        if major.is_none_or(|major| major < self.node_major) {
            return Err(format!("Node.js {} or newer", self.node_major));
        }
        let files = ["package.json", "package-lock.json"];
        install(&root.join(self.files), &root.join(FOLDER).join(node), &files, "", |folder| {
            cmd!(sh, "npm ci --no-audit --no-fund --ignore-scripts --prefix {folder}")
        })
    }

    fn install_python(&self, sh: &Shell, root: &Path) -> Result<(), String> {
        let Some(python) = self.python else { return Ok(()) };
        // Some of the packages are built for one version of Python.
        let version = cmd!(sh, "python3 --version").quiet().ignore_stderr().read().unwrap_or_default();
        if version.is_empty() {
            return Err("Python 3".into());
        }
        let files = ["requirements.txt"];
        install(&root.join(self.files), &root.join(FOLDER).join(python), &files, &version, |folder| {
            let list = folder.join("requirements.txt");
            cmd!(sh, "python3 -m pip install --quiet --disable-pip-version-check --target {folder} -r {list}")
        })
    }
}

/// Installs the packages of `files` into a folder of their own, unless they are there.
fn install<'a>(
    source: &Path,
    folder: &Path,
    files: &[&str],
    version: &str,
    command: impl FnOnce(&Path) -> Cmd<'a>,
) -> Result<(), String> {
    let mut wanted = version.to_owned();
    for file in files {
        wanted += &fs::read_to_string(source.join(file)).map_err(|e| format!("{file}: {e}"))?;
    }
    if fs::read_to_string(folder.join(STAMP)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // What is left of other versions would be mixed with these.
    let _ = fs::remove_dir_all(folder);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    for file in files {
        fs::copy(source.join(file), folder.join(file)).map_err(failed)?;
    }
    println!("installing {}", folder.display());
    let output = command(folder).quiet().ignore_status().output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}, which could not be installed:\n{}", folder.display(), said.trim_end()));
    }
    fs::write(folder.join(STAMP), wanted).map_err(failed)
}
