//! npm `socket.io-client`, both generations, as clients of the emulator: the vendor's SDKs connect by the newer one.

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use crate::Found;
use crate::node::{Drivers, Node};
use crate::server::same;

mod cloud;
mod community;
mod enablex;

/// The package of the newer generation, which the vendor's SDKs are built on, and that of the older one.
const NEWER: &str = "socket.io-client";
const OLDER: &str = "socket.io-client-2";

pub(crate) async fn run(drivers: &Drivers, found: &mut Found) {
    for package in [NEWER, OLDER] {
        println!("\nsocket.io-client {} as a client of the emulator", drivers.version(package));
        community::run(drivers, package, found).await;
        found.check("EnableX on the same port", enablex::room(drivers, package).await);
        cloud::run(drivers, package, found).await;
    }
}

/// Clients of one generation in a process, each under a name.
struct Clients {
    node: Node,
    url: String,
}

impl Clients {
    fn start(drivers: &Drivers, package: &str, emulator: &Emulator) -> Result<Self, String> {
        let node = Node::start(drivers, "connect.mjs", &json!({ "package": package }))?;
        Ok(Self { node, url: emulator.url().to_owned() })
    }

    /// Begins to connect somebody to a namespace.
    fn dial(&mut self, who: &str, place: &str, options: &Value) -> Result<(), String> {
        self.node.tell(
            &json!({ "do": "connect", "who": who, "url": self.url, "place": place, "options": options }),
        )
    }

    /// Connects somebody to the meetings: what `connection-success` said.
    async fn enter(&mut self, who: &str, options: &Value) -> Result<Value, String> {
        self.dial(who, "/media", options)?;
        self.node.hear(json!({ "event": "connect", "who": who })).await?;
        self.event(who, "connection-success").await
    }

    /// Connects somebody who is refused: the words of the refusal.
    async fn refused(&mut self, who: &str, options: &Value) -> Result<String, String> {
        self.dial(who, "/media", options)?;
        let refusal = self.node.hear(json!({ "event": "refused", "who": who })).await?;
        Ok(refusal["text"].as_str().unwrap_or_default().to_owned())
    }

    fn emit(&mut self, who: &str, name: &str, content: Value) -> Result<(), String> {
        self.node.tell(&json!({ "do": "emit", "who": who, "name": name, "args": [content] }))
    }

    /// Asks, without waiting for the answer.
    fn ask_only(&mut self, who: &str, name: &str, content: Value) -> Result<(), String> {
        self.node.tell(&json!({ "do": "ask", "who": who, "name": name, "args": [content] }))
    }

    /// Asks: what it is acknowledged with.
    async fn ask(&mut self, who: &str, name: &str, content: Value) -> Result<Value, String> {
        self.ask_only(who, name, content)?;
        let told = self.node.hear(json!({ "event": "ack", "who": who, "name": name })).await?;
        Ok(told["args"][0].clone())
    }

    /// The content of the first event of this name that somebody gets, or got and was not asked for yet.
    async fn event(&mut self, who: &str, name: &str) -> Result<Value, String> {
        let told = self.node.hear(json!({ "event": "event", "who": who, "name": name })).await?;
        Ok(told["args"][0].clone())
    }

    /// That somebody gets an event without any content.
    async fn bare(&mut self, who: &str, name: &str) -> Result<(), String> {
        let told = self.node.hear(json!({ "event": "event", "who": who, "name": name })).await?;
        same(name, &told["args"], &json!([]))
    }

    /// The end of somebody's connection that the server wanted.
    async fn dismissed(&mut self, who: &str) -> Result<(), String> {
        let told = self.node.hear(json!({ "event": "disconnect", "who": who })).await?;
        same("the reason of the end", &told["reason"], &"io server disconnect".into())
    }
}

/// That these members are there, and have these values.
fn holds(what: &str, content: &Value, members: Value) -> Result<(), String> {
    if crate::node::has(content, &members) {
        Ok(())
    } else {
        Err(format!("{what}: {content} lacks {members}"))
    }
}

/// That these are there, whatever they are.
fn has(what: &str, content: &Value, members: &[&str]) -> Result<(), String> {
    let absent: Vec<_> = members.iter().filter(|member| content[**member].is_null()).collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("{what}: {absent:?} are not in {content}")) }
}

/// The milliseconds of a time that is far away.
const FAR: u64 = 4_102_444_800_000;

/// Posts to the emulator: the status.
async fn post(emulator: &Emulator, path: &str, bearer: &str, body: &Value) -> Result<u16, String> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer {bearer}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let host = emulator.url().trim_start_matches("http://");
    let answer = crate::replay::exchange(host, request.as_bytes()).await.map_err(|e| e.to_string())?;
    Ok(answer.status)
}
