//! The targets without libFuzzer: `list` names them, `replay TARGET FILE` feeds one input, and `run TARGET SECONDS`
//! feeds changed seeds for that long, always the same ones in the same order. The variable `RTC_FUZZ_FINDINGS` names the
//! folder for what is found.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rtc_fuzz::{Mutator, TARGETS, Target};

const USAGE: &str = "usage: rtc-fuzz list | replay TARGET FILE | run TARGET SECONDS";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["list"] => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            Ok(())
        }
        ["replay", name, file] => known(name).and_then(|target| {
            let input = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            (target.run)(&input);
            println!("{name} takes {file}: no finding");
            Ok(())
        }),
        ["run", name, seconds] => known(name).and_then(|target| {
            let seconds = seconds.parse().map_err(|_| USAGE.to_owned())?;
            run(target, Duration::from_secs(seconds))
        }),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn known(name: &str) -> Result<Target, String> {
    rtc_fuzz::target(name).ok_or_else(|| format!("there is no target {name}; see `rtc-fuzz list`"))
}

fn run(target: Target, time: Duration) -> Result<(), String> {
    let seeds = (target.seeds)();
    seeds.iter().try_for_each(|seed| feed(target, seed))?;
    let mut mutator = Mutator::new(1, seeds);
    let (begun, mut inputs) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        feed(target, &mutator.input())?;
        inputs += 1;
    }
    // As libFuzzer says it.
    eprintln!("stat::number_of_executed_units: {inputs}");
    Ok(())
}

/// A finding is kept as a file.
fn feed(target: Target, input: &[u8]) -> Result<(), String> {
    std::panic::catch_unwind(|| (target.run)(input)).map_err(|_| {
        let folder = std::env::var_os("RTC_FUZZ_FINDINGS").map_or_else(PathBuf::new, PathBuf::from);
        let path = folder.join(format!("{}-crash", target.name));
        match std::fs::write(&path, input) {
            Ok(()) => format!("{}: a finding; the input is in {}", target.name, path.display()),
            Err(error) => format!("{}: a finding; its input could not be kept: {error}", target.name),
        }
    })
}
