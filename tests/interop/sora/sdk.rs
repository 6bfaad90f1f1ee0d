//! The vendor's SDKs behind one face: what they are told to do, and what they tell.

use std::time::Duration;

use serde_json::{Value, json};

use crate::drivers;
use crate::node::Node;

/// How long a call that has no answer is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `sora_sdk`, which hands bytes through and knows nothing of calls.
    Python,
    /// `sora-js-sdk` in a browser.
    Browser,
}

/// How a connection is made.
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) channel: String,
    /// Labels of the user's own.
    pub(crate) labels: Vec<&'static str>,
    pub(crate) compress: bool,
    /// Whether the WebSocket may go.
    pub(crate) ignore_websocket: bool,
}

/// What became of a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Result(Value),
    /// The code. The SDK for browsers loses it: 0.
    Error(i64),
    /// No answer; none was awaited, or the SDK says that it has waited long enough.
    Nothing,
}

/// Why there is no SDK.
pub(crate) enum Lack {
    /// What is not installed.
    Absent(String),
    /// What went wrong with what is.
    Broken(String),
}

/// A driver with one SDK, and a connection of it at a time.
pub(crate) struct Sdk {
    kind: Kind,
    node: Node,
    pub(crate) version: String,
    calls: u64,
}

impl Sdk {
    /// Starts it.
    pub(crate) async fn start(kind: Kind) -> Result<Self, Lack> {
        let node = match kind {
            Kind::Python => drivers::python("sdk.py"),
            Kind::Browser => drivers::browser(),
        };
        let mut node = node.map_err(Lack::Absent)?;
        let fits = |told: &Value| told["event"] == "ready" || told["event"] == "absent";
        let told = match node.hear_if("ready", fits).await {
            // A browser may take its time when nobody has started it before.
            Err(_) => node.hear_if("ready", fits).await.map_err(Lack::Broken)?,
            Ok(told) => told,
        };
        if told["event"] == "absent" {
            return Err(Lack::Absent(format!("a machine that it can be loaded on: {}", told["text"])));
        }
        let version = told["version"].as_str().unwrap_or("?").to_owned();
        Ok(Self { kind, node, version, calls: 0 })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Begins to connect. What an earlier connection told is forgotten.
    pub(crate) fn connect(&mut self, settings: &Settings) -> Result<(), String> {
        self.node.forget();
        let channel =
            |label| json!({ "label": label, "direction": "sendrecv", "compress": settings.compress });
        let labels: Vec<_> = settings.labels.iter().map(channel).collect();
        self.node.tell(&match self.kind {
            Kind::Python => json!({ "do": "connect", "options": {
                "signaling_urls": [settings.url], "role": "recvonly", "channel_id": settings.channel,
                "metadata": { "access_token": "token" }, "audio": false, "video": false,
                "data_channel_signaling": true, "ignore_disconnect_websocket": settings.ignore_websocket,
                "data_channels": labels,
            } }),
            Kind::Browser => json!({ "do": "connect",
                "urls": [settings.url], "channel": settings.channel, "metadata": { "access_token": "token" },
                "options": {
                    "audio": false, "video": false, "dataChannelSignaling": true,
                    "ignoreDisconnectWebSocket": settings.ignore_websocket, "dataChannels": labels,
                },
            }),
        })
    }

    /// Waits until the connection stands with all of its data channels; gives its id.
    pub(crate) async fn stands(&mut self, settings: &Settings) -> Result<String, String> {
        for label in ["signaling", "notify", "push", "stats", "rpc"].iter().chain(&settings.labels) {
            self.hear(json!({ "event": "open", "label": label })).await?;
        }
        self.hear(json!({ "event": "switched" })).await?;
        let created = self.notice("connection.created").await?;
        let id = created["connection_id"].as_str().ok_or("connection.created names no connection")?;
        Ok(id.to_owned())
    }

    /// A message of the label `notify` of this kind.
    pub(crate) async fn notice(&mut self, kind: &str) -> Result<Value, String> {
        let told = self.node.hear_if(kind, |told| told["message"]["event_type"] == kind).await?;
        Ok(told["message"].clone())
    }

    pub(crate) async fn push(&mut self) -> Result<Value, String> {
        Ok(self.hear(json!({ "event": "push" })).await?["message"]["data"].clone())
    }

    /// A message of a label of the user's own.
    pub(crate) async fn data(&mut self, label: &str) -> Result<String, String> {
        let told = self.hear(json!({ "event": "data", "label": label })).await?;
        Ok(told["text"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) async fn send(&mut self, label: &str, text: &str) -> Result<(), String> {
        self.node.tell(&json!({ "do": "send", "label": label, "text": text }))?;
        if self.kind == Kind::Python {
            self.hear(json!({ "event": "sent", "label": label, "taken": true })).await?;
        }
        Ok(())
    }

    /// Makes a call.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Outcome, String> {
        self.calls += 1;
        let id = self.calls;
        if self.kind == Kind::Browser {
            return self.settled(method, params, json!({})).await;
        }
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send("rpc", &call.to_string()).await?;
        let answer = self
            .node
            .hear_if("an answer", |told| told["event"] == "rpc" && told["message"]["id"] == id)
            .await?;
        Ok(match answer["message"].get("error") {
            Some(error) => Outcome::Error(error["code"].as_i64().unwrap_or_default()),
            None => Outcome::Result(answer["message"]["result"].clone()),
        })
    }

    /// Makes a call that is not answered. The SDK in Python cannot know.
    pub(crate) async fn hopeless(&mut self, method: &str, params: Value) -> Result<Outcome, String> {
        if self.kind == Kind::Browser {
            let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or_default();
            return self.settled(method, params, json!({ "timeout": patience })).await;
        }
        let call = json!({ "jsonrpc": "2.0", "id": "hopeless", "method": method, "params": params });
        self.send("rpc", &call.to_string()).await?;
        Ok(Outcome::Nothing)
    }

    /// Notifies the server.
    pub(crate) async fn notify(&mut self, method: &str, params: Value) -> Result<Outcome, String> {
        if self.kind == Kind::Browser {
            return self.settled(method, params, json!({ "notification": true })).await;
        }
        let call = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.send("rpc", &call.to_string()).await?;
        Ok(Outcome::Nothing)
    }

    /// Whether answers came that nobody has asked for.
    pub(crate) fn has_more_answers(&self) -> bool {
        self.node.has_kept(&json!({ "event": "rpc" }))
    }

    /// The SDK for browsers does the calls by itself.
    async fn settled(&mut self, method: &str, params: Value, options: Value) -> Result<Outcome, String> {
        let id = format!("call {}", self.calls);
        self.calls += 1;
        let call = json!({ "do": "rpc", "as": id, "method": method, "params": params, "options": options });
        self.node.tell(&call)?;
        let told = self.hear(json!({ "event": "settled", "as": id })).await?;
        let Some(error) = told.get("error") else {
            let notified = options["notification"] == true;
            return Ok(if notified { Outcome::Nothing } else { Outcome::Result(told["result"].clone()) });
        };
        let waited = error.as_str().is_some_and(|error| error.contains("timeout"));
        Ok(if waited { Outcome::Nothing } else { Outcome::Error(error["code"].as_i64().unwrap_or_default()) })
    }

    pub(crate) fn disconnect(&mut self) -> Result<(), String> {
        self.node.tell(&json!({ "do": "disconnect" }))
    }

    /// What the SDK says of the end.
    pub(crate) async fn end(&mut self) -> Result<Value, String> {
        self.hear(json!({ "event": "end" })).await
    }

    /// That the SDK says of a connection that it was refused, with this code and reason.
    pub(crate) async fn refused(&mut self, code: u16, reason: &str) -> Result<(), String> {
        if self.kind == Kind::Browser {
            return self.hear(json!({ "event": "failed", "code": code, "reason": reason })).await.map(drop);
        }
        self.hear(json!({ "event": "socket_closed", "code": code, "reason": reason })).await?;
        self.hear(json!({ "event": "end", "kind": "WEBSOCKET_ONCLOSE" })).await.map(drop)
    }

    /// That the SDK has answered an offer that came later.
    pub(crate) async fn answered_again(&mut self) -> Result<(), String> {
        let told = match self.kind {
            Kind::Python => json!({ "event": "signaling", "kind": "re-answer", "direction": "SENT" }),
            Kind::Browser => json!({ "event": "signaling", "kind": "send-re-answer" }),
        };
        self.hear(told).await.map(drop)
    }

    /// Ends the driver, so that the browser takes its files away.
    pub(crate) async fn quit(mut self) -> Result<(), String> {
        self.node.tell(&json!({ "do": "quit" }))?;
        self.hear(json!({ "event": "gone" })).await.map(drop)
    }

    pub(crate) async fn hear(&mut self, wanted: Value) -> Result<Value, String> {
        self.node.hear(wanted).await
    }
}
