//! How many crates a user takes on, and what they ask of the compiler. Own harness: a table for people.

#![allow(clippy::indexing_slicing, reason = "a test: a missing member of JSON is null")]

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use rtc_tests::case::workspace;
use serde_json::Value;

/// What may be in a published crate's tree: crate, features, budget on Linux. A rise is a decision.
const BUDGETS: &[(&str, &str, usize)] = &[
    ("rtc-core", "", 62),
    ("rtc-core", "websocket", 85),
    ("rtc-core", "reqwest-rustls", 108),
    // Live rooms cost ten crates more than HTTP.
    // A WebSocket costs 17 crates more than HTTP alone: most come with its random masks and its SHA-1.
    ("rtc-core", "reqwest-rustls,socketio", 123),
    ("opentok", "rustls", 124),
    ("opentok", "rustls-ring", 124),
    ("mediasfu", "rustls", 112),
    ("mediasfu", "rustls-ring", 112),
    ("mediasfu", "rustls,socketio", 134),
    ("kvs-signaling", "rustls", 124),
    ("kvs-signaling", "rustls-ring", 124),
    // What seals: the cipher, its authenticator and the traits of both.
    ("kvs-signaling", "rustls-ring,shared-ice", 135),
    ("enablex", "rustls,socketio", 134),
    ("sora-rpc", "", 68),
    ("sora-rpc", "websocket", 91),
    ("sora-rpc", "http,rustls", 114),
    // ICE, DTLS, SCTP and TURN; TLS for the signaling costs what it costs everywhere.
    ("sora-rpc", "webrtc", 180),
    ("sora-rpc", "webrtc,rustls", 200),
    // About twenty for the Redis client, eight more for clusters and sentinels, and twenty for TLS.
    ("rtc-redis", "", 80),
    ("rtc-redis", "cluster,sentinel", 88),
    ("rtc-redis", "cluster,sentinel,rustls", 107),
];

/// The newest compiler that a published client crate may need.
const RUST_VERSION: (u64, u64) = (1, 89);

fn main() -> ExitCode {
    let mut failed = 0;
    let mut passed = 0;
    println!("{:<16} {:<24} {:>6} {:>6}", "crate", "features", "crates", "budget");
    for (krate, features, budget) in BUDGETS {
        let tree = tree(krate, features);
        let count = tree.len();
        let openssl =
            tree.iter().any(|name| name.starts_with("openssl-sys ") || name.starts_with("native-tls "));
        let ok = count > 0 && count <= *budget && !openssl;
        println!("{krate:<16} {features:<24} {count:>6} {budget:>6}{}", if ok { "" } else { "  FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    let demanding = demanding();
    for line in &demanding {
        println!("FAILED {line}");
    }
    if demanding.is_empty() {
        passed += 1
    } else {
        failed += 1
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo).args(args).current_dir(workspace()).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
}

/// The names and versions of a crate's normal and build dependencies on Linux, itself included.
fn tree(krate: &str, features: &str) -> BTreeSet<String> {
    let args = [
        "tree",
        "--locked",
        "--offline",
        "-p",
        krate,
        "--no-default-features",
        "--features",
        features,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--target",
        "x86_64-unknown-linux-gnu",
    ];
    cargo(&args)
        .lines()
        .map(|line| line.split(" (").next().unwrap_or(line).trim().to_owned())
        .filter(|l| !l.is_empty())
        .collect()
}

/// Dependencies of published client crates that ask for a newer compiler than we promise.
fn demanding() -> Vec<String> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--locked", "--offline", "--format-version", "1"]))
            .unwrap_or_default();
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    if packages.is_empty() {
        return vec!["cargo metadata gave nothing".into()];
    }
    let clients: BTreeSet<&str> = BUDGETS.iter().map(|(krate, _, _)| *krate).collect();
    let used: BTreeSet<String> =
        clients.iter().flat_map(|krate| tree(krate, &all_features(&packages, krate))).collect();
    packages
        .iter()
        .filter(|package| {
            let name = format!(
                "{} v{}",
                package["name"].as_str().unwrap_or_default(),
                package["version"].as_str().unwrap_or_default()
            );
            used.contains(&name)
        })
        .filter_map(|package| {
            let wanted = package["rust_version"].as_str()?;
            let mut parts = wanted.split('.').filter_map(|p| p.parse::<u64>().ok());
            let version = (parts.next()?, parts.next().unwrap_or(0));
            (version > RUST_VERSION)
                .then(|| format!("{} {} asks for Rust {wanted}", package["name"], package["version"]))
        })
        .collect()
}

fn all_features(packages: &[Value], krate: &str) -> String {
    let package = packages.iter().find(|p| p["name"] == krate);
    let features = package.and_then(|p| p["features"].as_object()).cloned().unwrap_or_default();
    features.keys().cloned().collect::<Vec<_>>().join(",")
}
