//! The fault matrix: every operation under every fault, many at once. Own harness, so that its table is seen.
//!
//! Without arguments one operation per provider, replay class and kind of answer; `--full` takes all of them,
//! `--only TEXT` those cells whose name contains the text, `--table FILE` writes the table as Markdown.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod cell;
mod expect;
mod faults;
mod live;
mod operations;
mod proxy;
mod report;
mod server;
mod state;
mod stream;
mod tls;

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use cell::World;
use report::Report;
use server::{End, Script, Server};

/// How many cells are tried at once.
const AT_ONCE: usize = 24;
/// How long the tasks of the last cells may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Options {
    full: bool,
    only: Option<String>,
    table: Option<String>,
}

impl Options {
    /// What the test runner itself passes on is not looked at.
    fn from_args() -> Self {
        let (mut options, mut args) = (Self::default(), std::env::args().skip(1));
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--full" => options.full = true,
                "--only" => options.only = args.next(),
                "--table" => options.table = args.next(),
                _ => {}
            }
        }
        options
    }
}

/// The threads of the servers: what runs on the others is of the clients, and must end with them.
static SERVERS: LazyLock<Runtime> = LazyLock::new(|| threads(1));

fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

fn servers() -> &'static Handle {
    SERVERS.handle()
}

/// Does it on the threads of the servers.
async fn aside<T: Send + 'static>(what: impl Future<Output = T> + Send + 'static) -> T {
    servers().spawn(what).await.unwrap()
}

fn main() -> ExitCode {
    let options = Options::from_args();
    let runtime = threads(2);
    let begun = Instant::now();
    let (mut report, left) = runtime.block_on(async {
        let report = run(&options).await;
        (report, left_over().await)
    });
    report.note(
        "tasks left behind by all cells",
        if left == 0 { Ok(()) } else { Err(format!("{left} tasks are alive")) },
    );
    print!("{}", report.text());
    if let Some(path) = &options.table {
        std::fs::write(path, report.markdown()).unwrap();
    }
    println!("in {:.1} s", begun.elapsed().as_secs_f64());
    println!("{} passed, {} failed", report.passed(), report.failed());
    if report.failed() == 0 && report.passed() > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(options: &Options) -> Report {
    let ops = if options.full { operations::all() } else { operations::short() };
    let redirected = Script::Answer(Vec::new(), End::Close);
    let world = Arc::new(World {
        authority: tls::Authority::new().unwrap(),
        elsewhere: Server::start(redirected, None).await.unwrap(),
    });
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut cells = JoinSet::new();
    for op in ops.into_iter().map(Arc::new) {
        for fault in faults::ALL {
            let name = format!("{}, {}", op.label(), fault.name());
            if options.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                continue;
            }
            let (world, gate, op) = (Arc::clone(&world), Arc::clone(&gate), Arc::clone(&op));
            cells.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                let verdict = cell::cell(&world, &op, *fault).await;
                (op, *fault, verdict)
            });
        }
    }
    let mut report = Report::new(options.full);
    while let Some(done) = cells.join_next().await {
        match done {
            Ok((op, fault, verdict)) => report.cell(&op, fault, verdict),
            Err(panic) => report.note("a cell panicked", Err(panic.to_string())),
        }
    }
    state::run(options.only.as_deref(), &mut report).await;
    live::run(options.full, options.only.as_deref(), &mut report).await;
    report
}

/// How many tasks do not end.
async fn left_over() -> usize {
    let metrics = Handle::current().metrics();
    let deadline = Instant::now() + PATIENCE;
    while metrics.num_alive_tasks() > 0 && Instant::now() < deadline {
        // No event tells of it.
        tokio::task::yield_now().await;
    }
    metrics.num_alive_tasks()
}
