//! Connections: for one call, or to print what happens.

use std::io::Write;
use std::pin::pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_core::{Clock as _, Reason, Rule, Violation, Violations};
use serde_json::{Value, json};
use sora_rpc::signaling::End;
use sora_rpc::{
    Client, ClientOptions, Connect, Connection, ConnectionBuilder, ConnectionEvent, ConnectionEvents, Error,
    Offer, Result, Role,
};

use super::generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// What a call goes over.
pub(super) struct Line {
    pub(super) client: Client,
    connection: Option<Connection>,
}

impl Line {
    /// Takes leave. The call is done: what becomes of the connection does not change what came of it.
    pub(super) async fn close(self) {
        match self.connection {
            Some(connection) => drop(connection.disconnect().await),
            None => self.client.disconnect(),
        }
    }
}

/// RPC over a WebSocket, without signaling.
pub(super) async fn websocket(run: &Run) -> std::result::Result<Line, Outcome> {
    let needed = || Outcome::usage("endpoint", "give the WebSocket URL of the RPC, or set SORA_RPC_URL");
    let url = run.base("SORA_RPC_URL").ok_or_else(needed)?;
    let mut options = options(run);
    if let Some(limit) = run.timeout {
        options = options.connect_timeout(limit);
    }
    if let Some(clock) = &run.clock {
        options = options.clock(clock.clone());
    }
    if let Some(pem) = &run.root_certificate_pem {
        options = options.root_certificate_pem(pem.clone());
    }
    if let Some(connector) = &run.connector {
        options = options.connector(connector.clone());
    }
    let client = Client::connect_websocket(&url, options).await.map_err(|error| run.failed(&error))?;
    Ok(Line { client, connection: None })
}

fn options(run: &Run) -> ClientOptions {
    let options = ClientOptions::new();
    match run.timeout {
        Some(limit) => options.timeout(limit),
        None => options,
    }
}

/// RPC over the data channel of a connection.
pub(super) async fn connection(run: &Run, channel_id: Option<String>) -> std::result::Result<Line, Outcome> {
    let mut input = Input::new(json!({}));
    input.fill("channel_id", channel_id.map(Value::String));
    let mut builder = builder(input, run).map_err(|error| run.failed(&error))?;
    if let Some(limit) = run.timeout {
        builder = builder.timeout(limit);
    }
    // Nobody reads the events of a single call.
    let (connection, _) = builder.connect().await.map_err(|error| run.failed(&error))?;
    Ok(Line { client: connection.rpc(), connection: Some(connection) })
}

/// The connection that an input asks for. What it leaves out comes from the credentials or the environment.
fn builder(mut input: Input, run: &Run) -> Result<ConnectionBuilder> {
    let mut faults = Vec::new();
    input.fill("role", Some(Role::RecvOnly.as_str().into()));
    input.fill("channel_id", run.optional_credential("channel_id", "SORA_CHANNEL_ID").map(Value::String));
    if let Some(text) = run.optional_credential("metadata", "SORA_METADATA") {
        match serde_json::from_str(&text) {
            Ok(metadata) => input.fill("metadata", Some(metadata)),
            // What stands there is not told: it may be a secret.
            Err(_) => faults.push(Violation::new("metadata", "SORA_METADATA", Rule::Pattern, "must be JSON")),
        }
    }
    let request: Connect = generated::connect(&mut input);
    let urls = run.base("SORA_SIGNALING_URLS").unwrap_or_default();
    let urls: Vec<&str> = urls.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
    if urls.is_empty() {
        let message = "give the URL of the signaling (wss://../signaling), or set SORA_SIGNALING_URLS";
        faults.push(Violation::new("endpoint", "SORA_SIGNALING_URLS", Rule::Required, message));
    }
    let checked: std::result::Result<(), Violations> = input.check(request.validate());
    rtc_core::validate::merge(faults, checked)?;
    let channel_id = request.channel_id.clone();
    let mut builder = Connection::builder(urls, channel_id).request(request).client(options(run));
    if let Some(clock) = &run.clock {
        builder = builder.clock(clock.clone());
    }
    if let Some(pem) = &run.root_certificate_pem {
        builder = builder.root_certificate_pem(pem.clone());
    }
    if let Some(connector) = &run.connector {
        builder = builder.connector(connector.clone());
    }
    Ok(builder)
}

/// Connects, tells what the server offered, and leaves.
pub(super) async fn once(input: Input, run: &Run) -> Outcome {
    match visit(input, run).await {
        Ok(offer) => run.done(&shown(&offer), None, None, 1),
        Err(error) => run.failed(&error),
    }
}

/// Connects and leaves.
pub(super) async fn leave(mut input: Input, run: &Run) -> Outcome {
    let request = generated::disconnect(&mut input);
    if let Err(violations) = input.check(request.validate()) {
        return run.failed(&Error::from(violations));
    }
    match visit(Input::new(json!({})), run).await {
        Ok(_) => run.done(&Value::Null, None, None, 1),
        Err(error) => run.failed(&error),
    }
}

async fn visit(input: Input, run: &Run) -> Result<std::sync::Arc<Offer>> {
    let mut builder = builder(input, run)?;
    if let Some(limit) = run.timeout {
        builder = builder.timeout(limit);
    }
    let (connection, _) = builder.connect().await?;
    let offer = connection.offer();
    connection.disconnect().await?;
    Ok(offer)
}

/// What of an offer concerns people: not how media and packets go.
fn shown(offer: &Offer) -> Value {
    json!({
        "version": offer.version,
        "channel_id": offer.channel_id,
        "session_id": offer.session_id,
        "client_id": offer.client_id,
        "bundle_id": offer.bundle_id,
        "connection_id": offer.connection_id,
        "rpc_methods": offer.rpc_methods,
        "data_channels": offer.data_channels,
        "metadata": offer.metadata,
    })
}

/// Connects and prints what happens, until the connection ends, the time limit of the run is over, or `interrupt`; then
/// takes leave.
pub(crate) async fn converse(input: Value, run: &Run, out: impl Write, interrupt: impl Future) -> Outcome {
    let connected = match builder(Input::new(input), run) {
        Ok(builder) => builder.connect().await,
        Err(error) => Err(error),
    };
    match connected {
        Ok((connection, events)) => Told { connection, events, out, missed: 0 }.until(run, interrupt).await,
        Err(error) => run.failed(&error),
    }
}

struct Told<W> {
    connection: Connection,
    events: ConnectionEvents,
    out: W,
    missed: u64,
}

impl<W: Write> Told<W> {
    async fn until(mut self, run: &Run, interrupt: impl Future) -> Outcome {
        let clock = run.clock.clone().unwrap_or_default();
        let stay = async {
            match run.timeout {
                Some(limit) => clock.sleep(limit).await,
                None => std::future::pending::<()>().await,
            }
        };
        let (mut stay, mut interrupt) = (pin!(stay), pin!(interrupt));
        loop {
            let is_read = tokio::select! {
                event = self.events.next() => match event {
                    Some(event) => self.print(&event),
                    // The server or the network has ended it.
                    None => return run.failed(&Error::new(Reason::Closed).with_exchange(1, true)),
                },
                () = &mut stay => false,
                _ = &mut interrupt => false,
            };
            if !is_read {
                break;
            }
        }
        let left = self.connection.disconnect().await;
        while let Some(event) = self.events.next().await {
            self.print(&event);
        }
        match left {
            Ok(()) => run.done(&Value::Null, None, None, 1),
            Err(error) => run.failed(&error),
        }
    }

    /// Prints an event; `false` when nobody reads it.
    fn print(&mut self, event: &ConnectionEvent) -> bool {
        let lost = self.events.missed() - std::mem::replace(&mut self.missed, self.events.missed());
        let lost = (lost > 0).then(|| json!({ "event": "missed", "count": lost }));
        let line = self.line(event);
        lost.into_iter()
            .chain([line])
            .all(|line| writeln!(self.out, "{line}").and_then(|()| self.out.flush()).is_ok())
    }

    fn line(&self, event: &ConnectionEvent) -> Value {
        match event {
            ConnectionEvent::Ready => told("ready", shown(&self.connection.offer())),
            ConnectionEvent::Notify(notify) => json!({ "event": "notify", "message": notify }),
            ConnectionEvent::Push(push) => json!({ "event": "push", "message": push }),
            ConnectionEvent::Message { label, data, .. } => match std::str::from_utf8(data) {
                Ok(text) => json!({ "event": "message", "label": label, "text": text }),
                Err(_) => json!({ "event": "message", "label": label, "base64": STANDARD.encode(data) }),
            },
            ConnectionEvent::Changed(offer) => told("changed", shown(offer)),
            ConnectionEvent::Redirected => json!({ "event": "redirected" }),
            ConnectionEvent::Unknown(unknown) => json!({ "event": "unknown", "message": unknown }),
            ConnectionEvent::Ended(End { class, code, reason, .. }) => {
                json!({ "event": "ended", "class": class.as_str(), "code": code, "reason": reason })
            }
            _ => json!({ "event": "other" }),
        }
    }
}

/// An event with the members of a value.
fn told(event: &str, value: Value) -> Value {
    let mut line = json!({ "event": event });
    if let (Value::Object(line), Value::Object(members)) = (&mut line, value) {
        line.extend(members);
    }
    line
}

#[cfg(test)]
mod tests;
