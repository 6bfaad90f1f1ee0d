//! A process of its own for each environment, and servers on loopback that play what the chain asks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// The environment variable that says how often the process of its own asks.
pub(crate) const ASKS: &str = "ASKS";

/// What the process of its own found: a line for the region, one for each time it asked.
pub(crate) struct Found(Vec<String>);

impl Found {
    pub(crate) fn region(&self) -> &str {
        &self.0[0]
    }

    pub(crate) fn answers(&self) -> &[String] {
        &self.0[1..]
    }
}

/// Runs the test `child` of this program with these variables and no others that the chain reads.
pub(crate) fn in_environment(asks: usize, variables: &[(&str, &str)]) -> Found {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "127.0.0.1")
        .env(ASKS, asks.to_string())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("> ")).map(|(_, said)| said.to_owned());
    let found = Found(lines.collect());
    assert_eq!(found.0.len(), asks + 1, "{text}{}", String::from_utf8_lossy(&output.stderr));
    found
}

/// A request: its first line, and everything with the body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) all: String,
}

/// A server that keeps what it was asked; it ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                keep.lock().unwrap().push(request.clone());
                let (status, body) = answer(&request);
                // The chain may have given up.
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\nconnection: close\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, seen }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut all, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        all.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    all.push_str(&String::from_utf8(body).ok()?);
    Some(Request { line: all.lines().next()?.to_owned(), all })
}
