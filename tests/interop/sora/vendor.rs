//! The vendor's SDKs against the emulator.

use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::http::{DisconnectConnection, PushChannel};
use sora_rpc::signaling::EndClass;
use sora_rpc::{Connection, ConnectionEvent, DataChannel, Direction, HttpClient};

use crate::fixture::{end, event, full};
use crate::node::LIMIT;
use crate::relay::Relay;
use crate::sdk::{Kind, Lack, Outcome, Sdk, Settings};
use crate::{Found, same};

const SIMULCAST: &str = "2025.2.0/RequestSimulcastRid";
const METADATA: &str = "2025.2.0/PutSignalingNotifyMetadata";
const SPOTLIGHT: &str = "2025.2.0/ResetSpotlightRid";
const CHANNEL: &str = "interop";

pub(crate) async fn python(found: &mut Found) {
    run(Kind::Python, "sora_sdk", found).await;
}

pub(crate) async fn browser(found: &mut Found) {
    run(Kind::Browser, "sora-js-sdk", found).await;
}

async fn run(kind: Kind, name: &str, found: &mut Found) {
    let mut sdk = match Sdk::start(kind).await {
        Ok(sdk) => sdk,
        Err(Lack::Absent(lack)) => return found.skip(&format!("{name} needs {lack}")),
        Err(Lack::Broken(error)) => return found.check(name, Err(error)),
    };
    println!("\n{name} {} with the emulator", sdk.version);
    for (how, compress) in [("compressed", true), ("not compressed", false)] {
        found.check(
            &format!("{how}: connect, calls, notify, push, disconnect"),
            whole(&mut sdk, compress).await,
        );
        found
            .check(&format!("{how}: in one channel with our connection"), together(&mut sdk, compress).await);
    }
    found.check("a WebSocket that stays, and statistics over it", kept(&mut sdk).await);
    found.check("a refusal of the auth webhook", refused(&mut sdk).await);
    found.check("a redirect", redirected(&mut sdk).await);
    found.check("offers anew, and statistics", asked(&mut sdk).await);
    // The SDK in Python ignores the policy.
    if kind == Kind::Browser {
        match Relay::start() {
            Some(relay) => found.check("through coturn and nothing else", relayed(&mut sdk, &relay).await),
            None => found.skip("the relay needs turnserver (coturn)"),
        }
    }
    found.check("the server ends it", ended(&mut sdk).await);
    found.check("the driver ends", sdk.quit().await);
}

/// An emulator that is set up, and what the SDK is to connect with.
struct Scene {
    emulator: Emulator,
    settings: Settings,
}

impl Scene {
    async fn start(compress: bool, mut config: Value) -> Result<Self, String> {
        let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
        config["compress"] = compress.into();
        emulator.sora().configure(&config)?;
        let url = emulator.sora().signaling_url();
        let (labels, channel) = (vec!["#chat"], CHANNEL.to_owned());
        let settings = Settings { url, channel, labels, compress, ignore_websocket: true };
        Ok(Self { emulator, settings })
    }

    /// Connects the SDK: the id of its connection.
    async fn enter(&self, sdk: &mut Sdk) -> Result<String, String> {
        sdk.connect(&self.settings)?;
        sdk.stands(&self.settings).await
    }

    /// Asks the SDK for statistics. Once for each connection: those of a moment later are the same.
    async fn reports(&self, sdk: &mut Sdk, id: &str, question: &str, body: Value) -> Result<(), String> {
        self.emulator.sora().command(id, question, &body)?;
        // Nothing tells when the report is there: calls give it time.
        let asking = async {
            while !self.emulator.state()["sora-rpc"]["channels"][CHANNEL][id]["reported"].is_array() {
                calls_once(sdk, id).await?;
            }
            Ok(())
        };
        let came = tokio::time::timeout(LIMIT, asking).await;
        came.map_err(|_| format!("no statistics after {question}"))?
    }

    fn api(&self) -> Result<HttpClient, String> {
        HttpClient::new(self.emulator.sora().api_url()).map_err(full)
    }
}

/// All that a connection does when all is well.
async fn whole(sdk: &mut Sdk, compress: bool) -> Result<(), String> {
    let scene = Scene::start(compress, json!({ "silent_methods": [SPOTLIGHT] })).await?;
    let id = scene.enter(sdk).await?;
    calls(sdk, &id).await?;

    let data = json!({ "number": [1, "あ"] });
    scene.api()?.push_channel(PushChannel::new(CHANNEL, data.clone())).await.map_err(full)?;
    same("the push", &sdk.push().await?, &data)?;
    left(sdk).await
}

/// Calls that are answered, refused, not answered and not to be answered.
async fn calls(sdk: &mut Sdk, id: &str) -> Result<(), String> {
    let Outcome::Result(result) = sdk.call(SIMULCAST, json!({ "rid": "r1" })).await? else {
        return Err("the call was refused".into());
    };
    same(
        "the result",
        &result,
        &json!({ "channel_id": CHANNEL, "receiver_connection_id": id, "rid": "r1" }),
    )?;
    let switched = sdk.notice("simulcast.switched").await?;
    same("the encoding", &switched["request_rid"], &"r1".into())?;

    // The SDK for browsers loses what an error says.
    let code = |code| Outcome::Error(if sdk.kind() == Kind::Browser { 0 } else { code });
    let (unknown, wrong) = (code(-32601), code(-32602));
    same("a method that there is not", &sdk.call("2025.2.0/NoSuchMethod", json!({})).await?, &unknown)?;
    same("a member too many", &sdk.call(SIMULCAST, json!({ "rid": "r0", "more": 1 })).await?, &wrong)?;

    let metadata = json!({ "metadata": { "name": "name" }, "push": true });
    same("a notification", &sdk.notify(METADATA, metadata).await?, &Outcome::Nothing)?;
    same("what it did", &sdk.push().await?["metadata"], &json!({ "name": "name" }))?;
    same("no answer", &sdk.hopeless(SPOTLIGHT, json!({})).await?, &Outcome::Nothing)?;

    let large = json!({ "metadata": { "text": "long ".repeat(10_000) } });
    match sdk.call(METADATA, large).await? {
        Outcome::Result(_) if !sdk.has_more_answers() => Ok(()),
        Outcome::Result(_) => Err("there were answers to what must not be answered".into()),
        other => Err(format!("{other:?} for a large call")),
    }
}

/// Takes leave, as it should be.
async fn left(sdk: &mut Sdk) -> Result<(), String> {
    sdk.disconnect()?;
    let end = sdk.end().await?;
    match sdk.kind() {
        Kind::Python => same("the end", &end["kind"], &"CLOSE_SUCCEEDED".into())?,
        Kind::Browser => {
            let told = (&end["kind"], &end["code"], &end["reason"]);
            same("the end", &told, &(&"normal".into(), &1000.into(), &"TYPE-DISCONNECT".into()))?;
        }
    }
    sdk.hear(json!({ "event": "disconnected" })).await.map(drop)
}

/// The SDK and our connection see each other come, talk and go.
async fn together(sdk: &mut Sdk, compress: bool) -> Result<(), String> {
    let scene = Scene::start(compress, json!({})).await?;
    let id = scene.enter(sdk).await?;
    let chat = DataChannel::new("#chat", Direction::SendRecv).compress(compress);
    let builder =
        Connection::builder([scene.settings.url.as_str()], CHANNEL).data_channel(chat).timeout(LIMIT);
    let (ours, mut events) = builder.connect().await.map_err(full)?;
    let our_id = ours.offer().connection_id.clone().ok_or("the offer names no connection")?;
    same("who came", &sdk.notice("connection.created").await?["connection_id"], &our_id.into())?;

    ours.send("#chat", "from ours").await.map_err(full)?;
    same("from ours", &sdk.data("#chat").await?, &"from ours".to_owned())?;
    sdk.send("#chat", "from theirs").await?;
    let data = event(&mut events, "the message", |event| match event {
        ConnectionEvent::Message { data, .. } => Some(data),
        _ => None,
    });
    same("from theirs", &data.await?, &"from theirs".into())?;

    left(sdk).await?;
    let gone = |event| match event {
        ConnectionEvent::Notify(notify) if notify.event_type() == "connection.destroyed" => {
            Some(notify.raw()["connection_id"].clone())
        }
        _ => None,
    };
    same("who left", &event(&mut events, "connection.destroyed", gone).await?, &id.into())?;
    ours.disconnect().await.map_err(full)?;
    same("our end", &end(&mut events).await?, &EndClass::ClientDisconnectDone)
}

/// A connection that keeps its WebSocket.
async fn kept(sdk: &mut Sdk) -> Result<(), String> {
    let mut scene = Scene::start(true, json!({})).await?;
    scene.settings.ignore_websocket = false;
    let id = scene.enter(sdk).await?;
    scene.reports(sdk, &id, "ping", json!({ "stats": true })).await?;
    left(sdk).await
}

async fn calls_once(sdk: &mut Sdk, id: &str) -> Result<(), String> {
    match sdk.call(SIMULCAST, json!({ "rid": "none" })).await? {
        Outcome::Result(result) => same("whose", &result["receiver_connection_id"], &id.into()),
        other => Err(format!("{other:?} instead of a result")),
    }
}

async fn refused(sdk: &mut Sdk) -> Result<(), String> {
    let reply = json!({ "allowed": false, "reason": "TOKEN-TOO-OLD" });
    let scene = Scene::start(true, json!({ "auth_reply": reply })).await?;
    sdk.connect(&scene.settings)?;
    sdk.refused(4490, "TOKEN-TOO-OLD").await
}

async fn redirected(sdk: &mut Sdk) -> Result<(), String> {
    let other = Scene::start(true, json!({})).await?;
    let scene = Scene::start(true, json!({ "redirect": other.settings.url })).await?;
    let id = scene.enter(sdk).await?;
    let state = other.emulator.state();
    if !state["sora-rpc"].to_string().contains(&id) {
        return Err(format!("the connection is not where it was sent: {state}"));
    }
    calls_once(sdk, &id).await?;
    left(sdk).await
}

/// What the server asks for while the connection stands: two answers to offers, and statistics.
async fn asked(sdk: &mut Sdk) -> Result<(), String> {
    let scene = Scene::start(true, json!({})).await?;
    let id = scene.enter(sdk).await?;
    for _ in 0..2 {
        scene.emulator.sora().command(&id, "re-offer", &json!({}))?;
        sdk.answered_again().await?;
        calls_once(sdk, &id).await?;
    }
    scene.reports(sdk, &id, "req-stats", json!({})).await?;
    left(sdk).await
}

/// The emulator as a server that is reached through a relay only.
async fn relayed(sdk: &mut Sdk, relay: &Relay) -> Result<(), String> {
    let mut config = json!({ "ice_servers": [relay.ice_server()], "ice_transport_policy": "relay" });
    config["silent_methods"] = json!([SPOTLIGHT]);
    let scene = Scene::start(true, config).await?;
    let id = scene.enter(sdk).await?;
    calls(sdk, &id).await?;
    left(sdk).await
}

/// Over the HTTP API.
async fn ended(sdk: &mut Sdk) -> Result<(), String> {
    let scene = Scene::start(true, json!({})).await?;
    let id = scene.enter(sdk).await?;
    scene.api()?.disconnect_connection(DisconnectConnection::new(CHANNEL, id)).await.map_err(full)?;
    let end = sdk.end().await?;
    match sdk.kind() {
        Kind::Python => same("the end", &end["kind"], &"CLOSE_SUCCEEDED".into()),
        Kind::Browser => {
            let told = (&end["kind"], &end["code"], &end["reason"]);
            same("the end", &told, &(&"normal".into(), &1000.into(), &"DISCONNECTED-API".into()))
        }
    }
}
