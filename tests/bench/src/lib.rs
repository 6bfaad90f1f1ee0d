//! Benchmarks live in `benches/`, those that need the AWS crates in `aws/`; run them with `cargo xtask bench`.
//! Here is what they share: a server of fixed answers in a process of its own, so that the CPU time counted is
//! the client's, and the accounts. Linux only (they are the scheduler's).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What a benchmark comes to.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The argument that makes a benchmark the server.
const SERVE: &str = "serve";

/// This program once more, as a server that answers every request with the same bytes. It ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
}

impl Server {
    /// Starts it. Where this already is the server it serves, and there is nothing left to do afterwards: `None`.
    ///
    /// # Errors
    /// The process cannot be started or does not say where it listens.
    pub fn start(answer: &'static str) -> Outcome<Option<Self>> {
        if std::env::args().any(|arg| arg == SERVE) {
            return serve(answer).map(|()| None);
        }
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(std::env::args().skip(1)).arg(SERVE);
        child = child.stdout(Stdio::piped()).stdin(Stdio::piped());
        let mut child = child.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("the server has no output")?).read_line(&mut line)?;
        Ok(Some(Self { child, address: line.trim().to_owned() }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input closes; nobody is left to be told if it does not.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Answers until stdin closes.
fn serve(answer: &'static str) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || reply(stream, answer));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn reply(mut stream: TcpStream, answer: &str) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let response = format!("{head}{}\r\n\r\n{answer}", answer.len());
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        stream.write_all(response.as_bytes()).ok()?;
    }
}

/// What one call cost, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// CPU time of this process, all threads.
    pub cpu_us: f64,
    /// Time on the wall.
    pub wall_us: f64,
}

impl Cost {
    /// The cost per call of this many calls, one after another.
    ///
    /// # Errors
    /// A call fails, or the system keeps no accounts.
    pub async fn of(calls: u32, mut call: impl AsyncFnMut() -> Outcome<()>) -> Outcome<Self> {
        let (cpu, wall) = (cpu_nanos()?, Instant::now());
        for _ in 0..calls {
            call().await?;
        }
        let per = |nanos: u128| nanos as f64 / f64::from(calls) / 1000.0;
        Ok(Self { cpu_us: per(u128::from(cpu_nanos()? - cpu)), wall_us: per(wall.elapsed().as_nanos()) })
    }
}

/// Nanoseconds of wall time per turn of this many turns.
pub fn nanos(turns: u32, mut turn: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..turns {
        turn();
    }
    begun.elapsed().as_nanos() as f64 / f64::from(turns)
}

/// The time that all threads of this process have run, by the scheduler's account.
fn cpu_nanos() -> Outcome<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// The middle of what a function makes of each round.
pub fn median<R>(rounds: &[R], of: impl Fn(&R) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
