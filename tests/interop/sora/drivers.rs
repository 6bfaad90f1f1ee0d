//! What runs the drivers, and whether it is there.

use std::path::PathBuf;
use std::process::Command;

use rtc_tests::case::workspace;
use serde_json::json;

use crate::folder;
use crate::node::Node;

/// The names under which systems have a Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A driver in Python, or what is missing for it.
pub(crate) fn python(script: &str) -> Result<Node, String> {
    let packages = installed("sora-python", "sora")?;
    let mut command = Command::new("python3");
    command.arg(folder().join(script)).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Node::run(command)
}

/// The driver in the browser, or what is missing for it.
pub(crate) fn browser() -> Result<Node, String> {
    let packages = installed("sora-node", "sora-browser")?;
    let Some(browser) = BROWSERS.iter().find_map(|name| on_path(name)) else {
        return Err(format!("a browser: one of {}", BROWSERS.join(", ")));
    };
    let mut command = Command::new("node");
    command.arg(folder().join("browser.mjs")).current_dir(packages);
    let mut node = Node::run(command)?;
    node.tell(&json!({ "browser": browser }))?;
    Ok(node)
}

/// Where a program is.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn installed(packages: &str, suite: &str) -> Result<PathBuf, String> {
    let folder = workspace().join("target/interop").join(packages);
    if folder.join("installed").exists() {
        return Ok(folder);
    }
    Err(format!("the packages of {packages} (cargo xtask interop {suite} installs them)"))
}
