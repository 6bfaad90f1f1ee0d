//! A driver in a process of its own: commands as JSON lines in, what it tells as JSON lines out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// More than enough for anything that is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Where the drivers and their packages are.
#[derive(Debug)]
pub(crate) struct Drivers {
    pub(crate) scripts: PathBuf,
    pub(crate) packages: PathBuf,
}

impl Drivers {
    /// Whether `cargo xtask interop` has installed the packages, and what runs them is there.
    pub(crate) fn is_installed(&self) -> bool {
        let runs = || Command::new("node").arg("--version").stdout(Stdio::null()).status();
        self.packages.join("installed").exists() && runs().is_ok_and(|status| status.success())
    }

    /// The version of an installed package.
    pub(crate) fn version(&self, package: &str) -> String {
        let file = self.packages.join("node_modules").join(package).join("package.json");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let about: Value = serde_json::from_str(&text).unwrap_or_default();
        about["version"].as_str().unwrap_or("?").to_owned()
    }
}

/// A running driver; it ends with this value.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    input: ChildStdin,
    told: mpsc::UnboundedReceiver<Value>,
    /// Told, and not asked for yet.
    kept: Vec<Value>,
}

impl Node {
    /// Starts a script with these settings.
    pub(crate) fn start(drivers: &Drivers, script: &str, settings: &Value) -> Result<Self, String> {
        let script: &Path = &drivers.scripts.join(script);
        let mut command = Command::new("node");
        command.arg(script).current_dir(&drivers.packages);
        let mut node = Self::run(command)?;
        node.tell(settings)?;
        Ok(node)
    }

    /// Starts any program that is driven like this.
    pub(crate) fn run(mut command: Command) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{program} cannot be started: {e}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{program} has no pipes"));
        };
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more when the test is over.
                let _ = serde_json::from_str(&line).map(|told| tell.send(told));
            }
        });
        Ok(Self { child, input, told, kept: Vec::new() })
    }

    /// A command for it.
    pub(crate) fn tell(&mut self, line: &Value) -> Result<(), String> {
        writeln!(self.input, "{line}")
            .and_then(|()| self.input.flush())
            .map_err(|e| format!("the driver has gone: {e}"))
    }

    /// The first thing it has told, or tells, that has all these members; what else it tells is kept.
    pub(crate) async fn hear(&mut self, wanted: Value) -> Result<Value, String> {
        self.hear_if(&wanted.to_string(), |told| has(told, &wanted)).await
    }

    /// The same for whatever else can be said of it.
    pub(crate) async fn hear_if(
        &mut self,
        wanted: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        if let Some(place) = self.kept.iter().position(&fits) {
            return Ok(self.kept.remove(place));
        }
        let waiting = async {
            while let Some(told) = self.told.recv().await {
                if told["event"] == "thrown" {
                    return Err(format!("the driver could not obey: {}", told["text"]));
                }
                if fits(&told) {
                    return Ok(told);
                }
                self.kept.push(told);
            }
            Err(format!("the driver has ended before it told {wanted}"))
        };
        let ended = tokio::time::timeout(LIMIT, waiting).await;
        ended.unwrap_or_else(|_| Err(format!("{wanted} was never told, but {}", json!(self.kept))))
    }

    /// Forgets what it has told so far.
    #[allow(dead_code, reason = "not every suite lets a driver live on")]
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
        while self.told.try_recv().is_ok() {}
    }

    /// Whether it has told something with these members that nobody has asked for.
    pub(crate) fn has_kept(&self, wanted: &Value) -> bool {
        self.kept.iter().any(|told| has(told, wanted))
    }
}

/// Whether an object has all members of another, with the same values.
pub(crate) fn has(object: &Value, wanted: &Value) -> bool {
    wanted
        .as_object()
        .is_some_and(|wanted| wanted.iter().all(|(name, value)| object.get(name) == Some(value)))
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
