//! How long a soak goes on, and what its program does with the outcome.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// How long it goes on: until both are reached.
pub(crate) struct Goal {
    /// How many, of what the soak counts.
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Goal {
    /// `--minutes N`, and the number behind `flag`; what the test runner itself passes on is not looked at.
    fn from_args(flag: &str, unless_told: u64) -> Result<Self, String> {
        let mut goal = Self { count: unless_told, time: Duration::ZERO };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let needed = || format!("{arg} needs a number");
            let mut number = || args.next().and_then(|text| text.parse::<u64>().ok()).ok_or_else(needed);
            if arg == flag {
                goal.count = number()?;
            } else if arg == "--minutes" {
                goal.time = Duration::from_secs(number()?.saturating_mul(60));
            }
        }
        Ok(goal)
    }
}

/// Runs a soak, which gives how many of its promises were not kept.
pub(crate) fn run(
    flag: &str,
    unless_told: u64,
    soak: impl AsyncFnOnce(&Goal) -> Result<usize, Failed>,
) -> ExitCode {
    let goal = match Goal::from_args(flag, unless_told) {
        Ok(goal) => goal,
        Err(message) => {
            // Apart from the table, which is kept.
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(soak(&goal)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("FAILED {error}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}
