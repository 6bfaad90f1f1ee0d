//! A real `redis-server` on a free loopback port, with a folder of its own; `RTC_REDIS_SERVER` names another program, such
//! as `valkey-server`. Where it is not installed, the tests say so on standard error and end.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test, too; each test program uses a part of it"
)]

pub(crate) mod sentinel;

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, FromRedisValue};

/// For everything that must happen sooner or later.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Kills the server when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    dir: tempfile::TempDir,
    arguments: Vec<String>,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs the rest of a test only where there is a server.
#[macro_export]
macro_rules! server_or_skip {
    ($($argument:expr),* $(,)?) => {
        match server::Server::start(&[$($argument),*]) {
            Some(server) => server,
            None => return,
        }
    };
}

pub(crate) fn program() -> String {
    std::env::var("RTC_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into())
}

fn is_installed() -> bool {
    let program = program();
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        // Not with a macro: the test harness would keep it to itself.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {name} needs {program} on the PATH (Debian: apt-get install redis-server)"
        );
    }
    found
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
        let dir = tempfile::tempdir().unwrap();
        // Between finding a free port and using it someone else may take it.
        for _ in 0..5 {
            let port = free_port();
            let mut child = spawn(port, &dir, &arguments);
            if is_up(port, &mut child) {
                return Some(Self { child, port, dir, arguments });
            }
        }
        panic!("{} did not start", program());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.dir, &self.arguments);
        assert!(is_up(self.port, &mut self.child));
    }

    /// A command of the test itself.
    pub(crate) fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).unwrap()
    }

    pub(crate) fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = Client::open(self.url())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection)
    }

    /// All keys and values, for a look at what is stored.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.command(&["KEYS", "*"])
    }
}

/// Tells the test `process` of this program where the server is.
pub(crate) const URL: &str = "RTC_REDIS_TEST_URL";

/// Runs the test `process` of this program in processes of its own, and gives what each printed.
pub(crate) fn processes(server: &Server, number: u32) -> Vec<String> {
    let children: Vec<_> = (0..number)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "process", "--ignored", "--nocapture"])
                .env(URL, server.url())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ended = children.into_iter().map(|child| child.wait_with_output().unwrap());
    ended
        .map(|output| {
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{told}");
            told
        })
        .collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, dir: &tempfile::TempDir, arguments: &[String]) -> Child {
    Command::new(program())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(dir.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn is_up(port: u16, child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < SOON && child.try_wait().unwrap().is_none() {
        let client = Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let pong = client.get_connection().and_then(|mut c| redis::cmd("PING").query::<String>(&mut c));
        match pong {
            Ok(_) => return true,
            // It wants a password: it is up.
            Err(error) if matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) => return true,
            Err(_) => std::thread::yield_now(),
        }
    }
    false
}

/// Asks until the answer is yes.
pub(crate) async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut question: F) {
    let start = Instant::now();
    while !question().await {
        assert!(start.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::task::yield_now().await;
    }
}
