//! `cargo xtask release --dry-run`: packages every publishable crate in dependency order and builds each
//! package as a user would get it.

use std::path::Path;

use serde_json::Value;
use xshell::cmd;

use crate::ci::{CLIENTS, PUBLISHED, packages, shell};

pub fn dry_run(root: &Path) -> Result<(), String> {
    let sh = shell(root)?;
    let metadata = cmd!(sh, "cargo metadata --locked --no-deps --format-version 1")
        .quiet()
        .read()
        .map_err(|e| e.to_string())?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| e.to_string())?;
    let (mut passed, mut failed) = (0, 0);
    for name in PUBLISHED {
        let faults = faults(&metadata, name, root);
        println!("{name:<16} {}", if faults.is_empty() { "metadata ok".into() } else { faults.join("; ") });
        if faults.is_empty() { passed += 1 } else { failed += 1 }
    }
    if failed == 0 {
        let all = packages(PUBLISHED);
        // The packages are verified together: each is built from its archive, against the others' archives.
        // In a folder of its own each time: cargo keeps the sources of the archives by the folder's name, and would
        // build those of the last dry run of the same version.
        let folder = root.join("target").join(format!("dry-run-{}", std::process::id()));
        let packaged = cmd!(sh, "cargo package --locked --allow-dirty --target-dir {folder} {all...}").run();
        sh.remove_path(&folder).map_err(|e| e.to_string())?;
        match packaged {
            Ok(()) => passed += 1,
            Err(error) => {
                println!("FAILED {error}");
                failed += 1;
            }
        }
    }
    println!(
        "There is no earlier release to compare the API with; a semver check joins with the second one."
    );
    println!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err("the release is not ready".into()) }
}

/// What a crate lacks for the registry.
fn faults(metadata: &Value, name: &str, root: &Path) -> Vec<String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let Some(package) =
        packages.and_then(|all| all.iter().find(|p| p.get("name").and_then(Value::as_str) == Some(name)))
    else {
        return vec!["is not in the workspace".into()];
    };
    let mut faults = Vec::new();
    for field in ["description", "license", "repository", "readme", "rust_version"] {
        if package.get(field).is_none_or(Value::is_null) {
            faults.push(format!("{field} is missing"));
        }
    }
    if CLIENTS.contains(&name) {
        let docs = package.pointer("/metadata/docs/rs/all-features").and_then(Value::as_bool);
        if docs != Some(true) {
            faults.push("docs.rs metadata is missing".into());
        }
    }
    for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
        let of = |field: &str| dependency.get(field).and_then(Value::as_str);
        let own = dependency.get("path").is_some_and(|p| !p.is_null());
        if own && of("kind").is_none() && of("req") == Some("*") {
            faults.push(format!("the dependency on {} has no version", of("name").unwrap_or_default()));
        }
    }
    for file in ["README.md", "CHANGELOG.md"] {
        if !root.join("crates").join(name).join(file).is_file() {
            faults.push(format!("{file} is missing"));
        }
    }
    faults
}
