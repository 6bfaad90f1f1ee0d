//! An official SDK in a process of its own: a JSON line in, a JSON line out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::world::World;

/// What can be driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sdk {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    pub(crate) driver: &'static str,
}

/// The official SDKs that have a driver.
pub(crate) const SDKS: &[Sdk] = &[
    Sdk { name: "node", program: "node", driver: "drive.mjs" },
    Sdk { name: "python", program: "python3", driver: "drive.py" },
];

impl Sdk {
    /// Whether `cargo xtask interop` has installed the package, and what runs it is there.
    pub(crate) fn is_installed(&self, packages: &Path) -> bool {
        let runs = || Command::new(self.program).arg("--version").stdout(Stdio::null()).status();
        packages.join(self.name).join("installed").exists() && runs().is_ok_and(|status| status.success())
    }
}

/// A running driver; it ends with this value.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The version of the package.
    pub(crate) version: String,
    operations: Vec<String>,
}

impl Peer {
    /// Starts the driver of an SDK against the service at `url`.
    pub(crate) fn start(
        sdk: Sdk,
        drivers: &Path,
        packages: &Path,
        url: &str,
        world: &World,
    ) -> Result<Self, String> {
        let packages = packages.join(sdk.name);
        let mut command = Command::new(sdk.program);
        command
            .arg(drivers.join(sdk.driver))
            .current_dir(&packages)
            .env("PYTHONPATH", &packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Neither may go around the recorder.
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{} cannot be started: {e}", sdk.program))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{} has no pipes", sdk.program));
        };
        let mut peer = Self {
            child,
            input,
            output: BufReader::new(output),
            version: String::new(),
            operations: Vec::new(),
        };
        let hello = peer.ask(&json!({ "url": url, "key": world.project, "secret": world.secret }))?;
        peer.version = hello["version"].as_str().unwrap_or_default().to_owned();
        peer.operations = serde_json::from_value(hello["operations"].clone()).map_err(|e| e.to_string())?;
        Ok(peer)
    }

    /// Whether the SDK has an operation.
    pub(crate) fn has(&self, operation: &str) -> bool {
        self.operations.iter().any(|known| known == operation)
    }

    /// Makes one call: what the SDK gave back.
    pub(crate) fn call(&mut self, operation: &str, input: &Value) -> Result<Value, String> {
        let outcome = self.ask(&json!({ "operation": operation, "input": input }))?;
        match outcome.get("error").and_then(Value::as_str) {
            // For a cell of a table.
            Some(error) => Err(error.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => Ok(outcome["value"].clone()),
        }
    }

    /// The public methods that no call has reached.
    pub(crate) fn untouched(&mut self) -> Result<Vec<String>, String> {
        let methods = self.ask(&json!({ "operation": "untouched" }))?;
        serde_json::from_value(methods).map_err(|e| e.to_string())
    }

    fn ask(&mut self, line: &Value) -> Result<Value, String> {
        // The runtime's other threads serve the call meanwhile.
        let answer = tokio::task::block_in_place(|| {
            writeln!(self.input, "{line}")?;
            self.input.flush()?;
            let mut answer = String::new();
            self.output.read_line(&mut answer).map(|_| answer)
        });
        let answer = answer.map_err(|e| format!("the driver has gone: {e}"))?;
        serde_json::from_str(&answer).map_err(|e| format!("the driver said {answer:?}: {e}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
