//! The signaling client of npm in a process of its own, which tells what happens as it happens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

/// What it tells.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) from: Option<String>,
}

/// A running client; it ends with this value.
#[derive(Debug)]
pub(crate) struct Npm {
    child: Child,
    input: ChildStdin,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Npm {
    /// Starts one with these settings; it trusts the certificates of a file.
    pub(crate) fn start(
        drivers: &Path,
        packages: &Path,
        ca: &Path,
        settings: &Value,
    ) -> Result<Self, String> {
        let mut command = Command::new("node");
        command
            .arg(drivers.join("signal.mjs"))
            .current_dir(packages)
            .env("NODE_EXTRA_CA_CERTS", ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("node cannot be started: {e}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("node has no pipes".into());
        };
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more when the test is over.
                let _ = serde_json::from_str(&line).map(|told| tell.send(told));
            }
        });
        let mut npm = Self { child, input, told };
        npm.tell(settings)?;
        Ok(npm)
    }

    /// A line for it.
    pub(crate) fn tell(&mut self, line: &Value) -> Result<(), String> {
        writeln!(self.input, "{line}")
            .and_then(|()| self.input.flush())
            .map_err(|e| format!("node has gone: {e}"))
    }

    /// What it tells next; none when it has ended.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }
}

impl Drop for Npm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
