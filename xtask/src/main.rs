//! The maintainers' commands: `cargo xtask <command>`.

use std::path::PathBuf;
use std::process::ExitCode;

mod bench;
mod ci;
mod codegen;
mod faults;
mod fuzz;
mod interop;
mod page;
mod release;
mod soak;

const USAGE: &str = "usage: cargo xtask <command>

  codegen [--check]           make generated files from xtask/spec, or check that they are up to date
  ci [--full] [--skip-tests]  every check that a change must pass; --full adds pairs of features
  bench [NAME]                run the benchmarks (ratios against a peer in the same run)
  faults [--short]            every operation under every fault; the whole renews the table of RELIABILITY.md
  fuzz [TARGET] [--seconds N] every decoder under libFuzzer, 300 s for all together unless told; from 600 s on the
                              table of RELIABILITY.md is renewed
  interop [NAME] [--bless]    the vendors' SDKs against the emulator (opentok, kvs, mediasfu, enablex, sora,
                              sora-browser; kvs-rust only by name); --bless rewrites the tables of differences
  reliability                 all of the above whose figures are in RELIABILITY.md, and the soak: renews the page
  soak [--minutes N]          a million calls of all providers with 5 % faults, and the signaling client of Kinesis
                              Video Streams over 1,000 connections that break; or N minutes of each
  release --dry-run           package every publishable crate in dependency order
";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = root();
    let result = match args.as_slice() {
        ["codegen"] => codegen::run(&root, false),
        ["codegen", "--check"] => codegen::run(&root, true),
        ["ci", flags @ ..] => match ci_options(flags) {
            Some(options) => ci::run(&root, options),
            None => Err(USAGE.into()),
        },
        ["bench"] => bench::run(&root, None),
        ["bench", name] => bench::run(&root, Some(name)),
        ["faults"] => faults::run(&root, false),
        ["faults", "--short"] => faults::run(&root, true),
        ["fuzz", args @ ..] => match fuzz_options(args) {
            Some((target, seconds)) => fuzz::run(&root, target, seconds),
            None => Err(USAGE.into()),
        },
        ["interop", "--bless"] => interop::run(&root, None, true),
        ["interop"] => interop::run(&root, None, false),
        ["interop", name, "--bless"] => interop::run(&root, Some(name), true),
        ["interop", name] => interop::run(&root, Some(name), false),
        ["reliability"] => page::renew(&root),
        ["soak"] => soak::run(&root, None),
        ["soak", "--minutes", minutes] => soak::run(&root, Some(minutes)),
        ["release", "--dry-run"] => release::dry_run(&root),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz_options<'a>(args: &[&'a str]) -> Option<(Option<&'a str>, u32)> {
    match args {
        [] => Some((None, fuzz::SECONDS)),
        ["--seconds", seconds] => Some((None, seconds.parse().ok()?)),
        [target] => Some((Some(target), fuzz::SECONDS)),
        [target, "--seconds", seconds] => Some((Some(target), seconds.parse().ok()?)),
        _ => None,
    }
}

fn ci_options(flags: &[&str]) -> Option<ci::Options> {
    let mut options = ci::Options::default();
    for flag in flags {
        match *flag {
            "--full" => options.full = true,
            "--skip-tests" => options.skip_tests = true,
            _ => return None,
        }
    }
    Some(options)
}
