//! Our connection through a coturn and nothing else.

use rtc_core::ClientConfig;
use serde_json::json;
use sora_rpc::Connection;

use crate::fixture::{Server, calls, full};
use crate::node::LIMIT;
use crate::{Found, drivers, same};

#[path = "../../../crates/sora-rpc/src/connection/relay/tests/coturn.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "shared with a test, which may"
)]
mod coturn;

use coturn::Coturn;

pub(crate) async fn run(found: &mut Found) {
    if let Err(lack) = drivers::python("server.py") {
        return found.skip(&format!("the relay needs {lack}"));
    }
    let Some(coturn) = Coturn::start(&[]) else {
        return found.skip("the relay needs turnserver (coturn)");
    };
    println!("\nour connection through coturn");
    for (how, url) in [("udp", coturn.udp()), ("tcp", coturn.tcp()), ("tls", coturn.tls())] {
        found.check(
            &format!("{how}: nothing but the relay, small and large calls"),
            relayed(&coturn, &url).await,
        );
    }
    let all = [coturn.tls(), coturn.tcp(), coturn.udp()];
    found.check("a wrong password is told", refused(&coturn, &all).await);
}

/// The password that this coturn takes.
const PASSWORD: &str = "canary-password";

/// The settings that coturn's own are made from.
fn config() -> ClientConfig {
    ClientConfig::new(LIMIT)
}

/// A relay for others.
pub(crate) struct Relay(Coturn);

impl Relay {
    /// None where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        Coturn::start(&[]).map(Self)
    }

    /// How an offer tells of it.
    pub(crate) fn ice_server(&self) -> serde_json::Value {
        ice_server(&[self.0.udp()], PASSWORD)
    }
}

/// An entry of `iceServers`.
fn ice_server(urls: &[String], password: &str) -> serde_json::Value {
    json!({ "urls": urls, "username": "user", "credential": password })
}

fn settings(urls: &[String], password: &str) -> serde_json::Value {
    let server = ice_server(urls, password);
    json!({ "compress": ["rpc"], "config": { "iceServers": [server], "iceTransportPolicy": "relay" } })
}

async fn connect(coturn: &Coturn, server: &Server) -> Result<Connection, sora_rpc::Error> {
    let mut builder = Connection::builder([server.url.as_str()], "sora").timeout(LIMIT);
    for pem in coturn.config().root_certificates {
        builder = builder.root_certificate_pem(pem);
    }
    builder.connect().await.map(|(connection, _events)| connection)
}

async fn relayed(coturn: &Coturn, url: &str) -> Result<(), String> {
    let mut server = Server::start(settings(&[url.to_owned()], PASSWORD)).await?;
    let connection = connect(coturn, &server).await.map_err(full)?;
    let pair = server.node.hear(json!({ "event": "pair" })).await?;
    same("the path", &pair["kind"], &"relay".into())?;
    let answer = server.node.hear_if("the answer", |told| told["message"]["type"] == "answer").await?;
    let sdp = answer["message"]["sdp"].as_str().unwrap_or_default().to_owned();
    let candidates: Vec<_> = sdp.lines().filter(|line| line.contains("candidate:")).collect();
    if candidates.is_empty() || !candidates.iter().all(|line| line.contains(" typ relay")) {
        return Err(format!("other addresses than the relay's are told: {candidates:?}"));
    }
    calls(&connection).await?;
    connection.disconnect().await.map_err(full)
}

async fn refused(coturn: &Coturn, urls: &[String]) -> Result<(), String> {
    let server = Server::start(settings(urls, "another-password")).await?;
    match connect(coturn, &server).await {
        Ok(_) => Err("the connection stands".into()),
        Err(error) if error.to_string().contains("credentials") => Ok(()),
        Err(error) => Err(format!("the error does not tell: {}", full(error))),
    }
}
