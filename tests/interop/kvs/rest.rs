//! Every operation, and what is not as it should be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kvs_signaling::signaling::Event;
use kvs_signaling::{Client, Credentials, SendAnswer};
use rtc_cli::{Run, batch};
use rtc_emulator::Emulator;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Found;
use crate::facts::{self, Facts};
use crate::peer::{Peer, Sdk};
use crate::recorder::{Exchange, Recorder};
use crate::world::World;

/// The SDKs that have a driver.
pub(crate) const SDKS: &[Sdk] = &[
    Sdk { name: "kvs-node", program: "node", driver: "drive.mjs" },
    Sdk { name: "kvs-python", program: "python3", driver: "drive.py" },
];

/// What people call an SDK.
fn label(sdk: &Sdk) -> &'static str {
    if sdk.program == "node" { "@aws-sdk" } else { "boto3" }
}

/// One line of `calls.json`; the input has the names of the wire, which all three take.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// Its name in the tables.
    call: String,
    operation: String,
    input: Value,
}

/// One line of `probes.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// Its name in the table.
    probe: String,
    operation: String,
    input: Value,
    /// What the emulator does instead of its work.
    #[serde(default)]
    fault: Value,
}

pub(crate) struct Suite<'a> {
    emulator: &'a Emulator,
    recorder: &'a Recorder,
    drivers: &'a Path,
    packages: &'a Path,
    calls: Vec<Call>,
    probes: Vec<Probe>,
    seed: Value,
    world: World,
}

impl<'a> Suite<'a> {
    pub(crate) fn new(
        emulator: &'a Emulator,
        recorder: &'a Recorder,
        drivers: &'a Path,
        packages: &'a Path,
    ) -> Result<Self, String> {
        let kvs = emulator.kvs();
        Ok(Self {
            emulator,
            recorder,
            drivers,
            packages,
            calls: read(drivers.join("calls.json"))?,
            probes: read(drivers.join("probes.json"))?,
            seed: read(drivers.join("world.json"))?,
            world: World { project: kvs.access_key_id().into(), secret: kvs.secret_access_key().into() },
        })
    }

    pub(crate) async fn run(&self, found: &mut Found) -> Result<(), String> {
        let mut ours = BTreeMap::new();
        for call in &self.calls {
            self.reset()?;
            let result = self.with_master(call, self.ours(call, true)).await?;
            let exchange = result.and_then(|_| one(self.recorder.take()));
            let facts = exchange.map(|exchange| compared(&exchange));
            ours.insert(&call.call, facts.clone().unwrap_or_default());
            found.check(&format!("ours: {}", call.call), facts.map(drop));
        }
        for probe in &self.probes {
            self.begin(probe)?;
            let call =
                Call { call: String::new(), operation: probe.operation.clone(), input: probe.input.clone() };
            let result = self.ours(&call, false).await;
            found.quirks.push(self.came_to("ours", probe, result));
        }
        for sdk in SDKS {
            let mut peer = Peer::start(*sdk, self.drivers, self.packages, &self.recorder.url, &self.world)?;
            println!("\n{} {}", label(sdk), peer.version);
            for call in &self.calls {
                self.reset()?;
                let result =
                    self.with_master(call, async { peer.call(&call.operation, &call.input) }).await?;
                let exchange = one(self.recorder.take());
                let result =
                    result.and_then(|value| understood(&value, exchange.as_ref().map_err(String::clone)?));
                let theirs = exchange.map(|exchange| compared(&exchange)).unwrap_or_default();
                let differences = facts::differences(&theirs, &ours[&call.call]);
                let word = if result.is_ok() { "passed" } else { "did not pass" };
                println!("  {:<46} {word:<13} {} differences", call.call, differences.len());
                found.check(&format!("{}: {}", label(sdk), call.call), result);
                let rows = differences.into_iter();
                found.differences.extend(
                    rows.map(|row| [vec![label(sdk).to_owned(), call.call.clone()], row.to_vec()].concat()),
                );
            }
            for probe in &self.probes {
                self.begin(probe)?;
                let result = peer.call(&probe.operation, &probe.input);
                found.quirks.push(self.came_to(label(sdk), probe, result));
            }
        }
        self.emulator.clear_faults();
        found.differences = folded(std::mem::take(&mut found.differences), self.calls.len());
        Ok(())
    }

    /// The state that every call begins with.
    fn reset(&self) -> Result<(), String> {
        self.emulator.reset();
        self.emulator.clear_faults();
        self.emulator.seed(json!({ "kvs-signaling": self.seed }))?;
        self.recorder.take();
        Ok(())
    }

    fn begin(&self, probe: &Probe) -> Result<(), String> {
        self.reset()?;
        if !probe.fault.is_null() {
            self.emulator.add_faults(probe.fault.clone())?;
        }
        Ok(())
    }

    /// Makes a call with our crate.
    async fn ours(&self, call: &Call, no_retry: bool) -> Result<Value, String> {
        let kvs = self.emulator.kvs();
        let credentials = [
            ("access_key_id", kvs.access_key_id()),
            ("secret_access_key", kvs.secret_access_key()),
            ("region", kvs.region()),
        ];
        let mut run = Run::default();
        run.credentials = credentials.map(|(name, value)| (name.into(), value.into())).into();
        run.endpoint = Some(self.recorder.url.clone());
        run.no_retry = no_retry;
        let outcome = Box::pin(batch::run("kvs-signaling", &call.operation, call.input.clone(), &run)).await;
        if outcome.is_ok() {
            return Ok(outcome.body["output"].clone());
        }
        Err(outcome.body["error"]["kind"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a call; an offer of an Alexa device needs a master that answers it.
    async fn with_master<T>(&self, call: &Call, made: impl Future<Output = T>) -> Result<T, String> {
        if call.operation != "send_alexa_offer_to_master" {
            return Ok(made.await);
        }
        let kvs = self.emulator.kvs();
        let client = Client::builder(Credentials::new(kvs.access_key_id(), kvs.secret_access_key()))
            .region(kvs.region())
            .endpoint(self.emulator.url())
            .build()
            .map_err(|e| e.to_string())?;
        let channel = client.channel(call.input["ChannelARN"].as_str().unwrap_or_default());
        let (master, mut events) = channel.connect_as_master().await.map_err(|e| e.to_string())?;
        let answering = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::SdpOffer(offer) = event {
                    let sender = offer.sender_client_id.unwrap_or_default();
                    return master
                        .send_answer(SendAnswer::new("v=0\r\n").recipient_client_id(sender))
                        .await
                        .is_ok();
                }
            }
            false
        });
        let result = made.await;
        // Whoever was never asked must not wait for ever.
        answering.abort();
        Ok(result)
    }

    /// The row of a probe: what it came to, and how many requests that took.
    fn came_to(&self, who: &str, probe: &Probe, result: Result<Value, String>) -> Vec<String> {
        let requests = self.recorder.take().len();
        let outcome = match result {
            Ok(value) => value.to_string(),
            // What follows the name is prose, and names the address.
            Err(error) => format!("error {}", error.split(':').next().unwrap_or_default()),
        };
        vec![probe.probe.clone(), who.to_owned(), outcome, requests.to_string()]
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: PathBuf) -> Result<T, String> {
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The only request.
fn one(exchanges: Vec<Exchange>) -> Result<Exchange, String> {
    <[Exchange; 1]>::try_from(exchanges)
        .map(|[exchange]| exchange)
        .map_err(|all| format!("{} requests were made, not one", all.len()))
}

/// What is compared of a request: for the sign-in the headers that are signed, as the signatures differ by the time.
fn compared(exchange: &Exchange) -> Facts {
    let mut facts = facts::of_request(exchange);
    facts.retain(|place, _| !place.starts_with("auth"));
    let header = exchange.request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let signed = header.and_then(|value| value.split("SignedHeaders=").nth(1)?.split(',').next());
    facts.insert("signed".into(), signed.unwrap_or("nothing").to_owned());
    facts
}

/// Whether the service accepted a request, and the caller read from the answer what it says.
fn understood(value: &Value, exchange: &Exchange) -> Result<(), String> {
    if !(200..300).contains(&exchange.status) {
        return Err(format!("no error for status {}", exchange.status));
    }
    let answer = serde_json::from_slice(&exchange.answer).unwrap_or_else(|_| json!({}));
    if alike(value, &answer) { Ok(()) } else { Err(format!("read {value} from {answer}")) }
}

/// Equal by value: an instant is a whole number to one and has a fraction to the other, and null is what is not there.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(members), Value::Object(others)) => {
            members.keys().chain(others.keys()).all(|name| alike(&a[name], &b[name]))
        }
        _ => a == b,
    }
}

/// A difference that more than a few calls of an SDK show is told once, with their number.
fn folded(rows: Vec<Vec<String>>, calls: usize) -> Vec<Vec<String>> {
    let mut alike: BTreeMap<Vec<String>, Vec<Vec<String>>> = BTreeMap::new();
    for row in rows {
        let without_call =
            row.iter().enumerate().filter(|(cell, _)| *cell != 1).map(|(_, cell)| cell.clone());
        alike.entry(without_call.collect()).or_default().push(row);
    }
    let fold = |(mut row, rows): (Vec<String>, Vec<Vec<String>>)| {
        if rows.len() <= 2 {
            return rows;
        }
        row.insert(1, format!("{} of {calls} calls", rows.len()));
        vec![row]
    };
    alike.into_iter().flat_map(fold).collect()
}
