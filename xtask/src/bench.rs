//! `cargo xtask bench [NAME]`: ratios against a peer or a physical limit, in one run.

use std::path::Path;
use std::time::Instant;

use xshell::{Shell, cmd};

use crate::ci::{has, shell};
use crate::{interop, page};

/// Those of the workspace.
const OWN: &[&str] = &[
    "claims",
    "create_room",
    "emulator_load",
    "kvs_cache",
    "pacer",
    "room_fanout",
    "socketio_frames",
    "sora_call",
    "sora_connect",
    "sora_pending",
    "sora_rpc",
    "tokens",
];
/// Those beside the AWS crates, which take minutes to build for the first time.
const AWS: &[&str] = &["kvs_call", "kvs_signing"];
/// Builds two programs from nothing, and so runs only by its name.
const BUILD: &str = "kvs_build";
/// The folder of all that is built with the AWS crates.
pub const AWS_TARGET: &str = "target/aws";

pub fn run(root: &Path, name: Option<&str>) -> Result<(), String> {
    let sh = shell(root)?;
    let known = || OWN.iter().chain(AWS).chain([&BUILD]);
    if let Some(name) = name.filter(|name| !known().any(|known| known == name)) {
        let all: Vec<&str> = known().copied().collect();
        return Err(format!("there is no benchmark {name:?}; there are: {}", all.join(", ")));
    }
    if name == Some(BUILD) {
        return builds(&sh, root);
    }
    let wanted = |bench: &&&str| name.is_none_or(|name| name == **bench);
    for bench in OWN.iter().filter(wanted) {
        cmd!(sh, "cargo bench --locked -p rtc-bench --bench {bench} --no-run")
            .run()
            .map_err(|e| e.to_string())?;
        if *bench == "tokens" {
            interop::install_packages(&sh, root);
        }
        let arguments = ["bench", "--locked", "-p", "rtc-bench", "--bench", bench];
        let told = on_one_core(&sh, Path::new("cargo"), &arguments)?;
        let command = format!("cargo xtask bench {bench}");
        if page::has_section(&sh, &command) {
            page::keep(&sh, &command, &page::fenced(&told))?;
        }
    }
    for bench in AWS.iter().filter(wanted) {
        let manifest = "tests/bench/aws/Cargo.toml";
        cmd!(sh, "cargo build --release --locked --manifest-path {manifest} --target-dir {AWS_TARGET} --bin {bench}")
            .run()
            .map_err(|e| e.to_string())?;
        on_one_core(&sh, &root.join(AWS_TARGET).join("release").join(bench), &[])?;
    }
    Ok(())
}

/// On one core client and server take turns, and the figures do not depend on where they happened to run. Gives what was
/// told.
fn on_one_core(sh: &Shell, program: &Path, arguments: &[&str]) -> Result<String, String> {
    let told = if has(sh, "taskset") {
        cmd!(sh, "taskset -c 0 {program} {arguments...}").read()
    } else {
        println!("skipped: needs taskset to pin the benchmark to one core; the ratios will scatter");
        cmd!(sh, "{program} {arguments...}").read()
    };
    let told = told.map_err(|e| e.to_string())?;
    println!("{told}");
    Ok(told)
}

/// The CPU time of a clean debug build of one and the same program on our crate and on the official one.
fn builds(sh: &Shell, root: &Path) -> Result<(), String> {
    let mut rows = Vec::new();
    for (name, crates) in [("ours", "kvs-signaling"), ("official", "aws-sdk-kinesisvideosignaling")] {
        let manifest = format!("tests/bench/aws/build/{name}/Cargo.toml");
        let target = root.join("target/bench-build").join(name);
        // What has to be downloaded is nobody's build time.
        cmd!(sh, "cargo fetch --locked --manifest-path {manifest}").run().map_err(|e| e.to_string())?;
        sh.remove_path(&target).map_err(|e| e.to_string())?;
        let begun = Instant::now();
        // The shell's account of its children is in the second line.
        let script = "cargo build --quiet --locked --manifest-path \"$0\" --target-dir \"$1\" && times";
        let times = cmd!(sh, "sh -c {script} {manifest} {target}").read().map_err(|e| e.to_string())?;
        let wall = begun.elapsed().as_secs_f64();
        let cpu = times.lines().nth(1).and_then(seconds).ok_or_else(|| format!("no times in {times:?}"))?;
        sh.remove_path(&target).map_err(|e| e.to_string())?;
        rows.push((crates, cpu, wall));
    }
    println!("{:<30} {:>8} {:>8} {:>8}", "clean debug build with", "CPU s", "wall s", "x SDK");
    let official = rows.last().map_or(1.0, |(_, cpu, _)| *cpu);
    for (crates, cpu, wall) in rows {
        println!("{crates:<30} {cpu:>8.1} {wall:>8.1} {:>8.2}", cpu / official);
    }
    println!("goal: kvs-signaling at most 0.55 x the SDK's CPU seconds");
    Ok(())
}

/// The sum of times such as `1m2.5s 0m3.25s`, in seconds.
fn seconds(line: &str) -> Option<f64> {
    line.split_whitespace()
        .map(|time| {
            let (minutes, seconds) = time.strip_suffix('s')?.split_once('m')?;
            Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
        })
        .sum()
}
