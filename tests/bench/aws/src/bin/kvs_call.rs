//! What a call costs: our `get_ice_server_config` against the official crate and a bare hyper connection that
//! sends and parses the same bytes, over loopback keep-alive, one after another. The server is a process of its
//! own, so that the CPU time counted is the client's. Rounds are interleaved; the figures are medians.
//!
//! `cargo xtask bench kvs_call`. Linux only.

use aws_sdk_kinesisvideosignaling as official;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use kvs_signaling::{Client, Credentials, GetIceServerConfig};
use rtc_bench::{Cost, Outcome, Server, median};

const ROUNDS: usize = 60;
const CALLS: u32 = 100;
const REGION: &str = "us-west-2";
const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo-channel/1234567890123";
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Two servers of three URLs, as the service answers.
const ANSWER: &str = r#"{"IceServerList":[{"Password":"bXlwYXNzd29yZG9mZm9ydHl0aHJlZWNoYXJhY3RlcnM=","Ttl":300,"Uris":["turn:52-33-1-2.t-0a1b2c3d.kinesisvideo.us-west-2.amazonaws.com:443?transport=udp","turns:52-33-1-2.t-0a1b2c3d.kinesisvideo.us-west-2.amazonaws.com:443?transport=udp","turns:52-33-1-2.t-0a1b2c3d.kinesisvideo.us-west-2.amazonaws.com:443?transport=tcp"],"Username":"1700000300:djE6YXJuOmF3czpraW5lc2lzdmlkZW86dXMtd2VzdC0yOjEyMzQ1"},{"Password":"bXlwYXNzd29yZG9mZm9ydHl0aHJlZWNoYXJhY3RlcnM=","Ttl":300,"Uris":["turn:35-86-3-4.t-4e5f6071.kinesisvideo.us-west-2.amazonaws.com:443?transport=udp","turns:35-86-3-4.t-4e5f6071.kinesisvideo.us-west-2.amazonaws.com:443?transport=udp","turns:35-86-3-4.t-4e5f6071.kinesisvideo.us-west-2.amazonaws.com:443?transport=tcp"],"Username":"1700000300:djE6YXJuOmF3czpraW5lc2lzdmlkZW86dXMtd2VzdC0yOjEyMzQ1"}]}"#;
/// What ours sends, without the signature's making.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-west-2/kinesisvideo/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn main() -> Outcome<()> {
    let Some(server) = Server::start(ANSWER)? else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&server.address))
}

async fn measure(address: &str) -> Outcome<()> {
    let base = format!("http://{address}");
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut bare, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let ours = Client::builder(Credentials::new(ID, SECRET)).region(REGION).endpoint(&base);
    let ours = ours.paced(false).build()?;
    let config = official::Config::builder()
        .behavior_version(official::config::BehaviorVersion::latest())
        .region(official::config::Region::new(REGION))
        .credentials_provider(official::config::Credentials::new(ID, SECRET, None, None, "bench"))
        .endpoint_url(&base)
        .build();
    let theirs = official::Client::from_conf(config);

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [Cost::default(); 3];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..3 {
            let who = (round + turn) % 3;
            row[who] = match who {
                0 => Cost::of(CALLS, async || with_hyper(&mut bare, address).await).await?,
                1 => Cost::of(CALLS, async || with_ours(&ours).await).await?,
                _ => Cost::of(CALLS, async || with_theirs(&theirs).await).await?,
            };
        }
        // The first round warms up connections and caches.
        if round > 0 {
            rounds.push(row);
        }
    }
    report(&rounds);
    Ok(())
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    ice_server_list: Vec<IceServer>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code, reason = "parsed for the cost of parsing")]
struct IceServer {
    uris: Vec<String>,
    username: String,
    password: String,
    ttl: u64,
}

async fn with_hyper(bare: &mut SendRequest<Full<Bytes>>, host: &str) -> Outcome<()> {
    let body = format!(r#"{{"ChannelARN":"{ARN}","ClientId":"viewer-1"}}"#);
    let request = http::Request::post("/v1/get-ice-server-config")
        .header("host", host)
        .header("content-type", "application/json")
        .header("user-agent", "bench")
        .header("x-amz-date", "20261122T120000Z")
        .header("authorization", AUTHORIZATION)
        .body(Full::new(Bytes::from(body)))?;
    bare.ready().await?;
    let body = bare.send_request(request).await?.into_body().collect().await?.to_bytes();
    both(serde_json::from_slice::<Answer>(&body)?.ice_server_list.len())
}

async fn with_ours(ours: &Client) -> Outcome<()> {
    let config = ours.get_ice_server_config(GetIceServerConfig::new(ARN).client_id("viewer-1")).await?;
    both(config.ice_server_list.len())
}

async fn with_theirs(theirs: &official::Client) -> Outcome<()> {
    let config = theirs.get_ice_server_config().channel_arn(ARN).client_id("viewer-1").send().await?;
    both(config.ice_server_list().len())
}

/// Whoever is quick must not be so by reading less.
fn both(servers: usize) -> Outcome<()> {
    if servers == 2 { Ok(()) } else { Err(format!("{servers} servers instead of two").into()) }
}

fn report(rounds: &[[Cost; 3]]) {
    println!("GetIceServerConfig, {ROUNDS} interleaved rounds of {CALLS} calls, client process only");
    println!(
        "{:<30} {:>12} {:>10} {:>12} {:>10}",
        "client", "CPU us/call", "calls/s", "CPU / hyper", "CPU / SDK"
    );
    let names = ["bare hyper, signature given", "kvs-signaling", "aws-sdk-kinesisvideosignaling"];
    for (i, name) in names.iter().enumerate() {
        println!(
            "{name:<30} {:>12.1} {:>10.0} {:>12.2} {:>10.2}",
            median(rounds, |r| r[i].cpu_us),
            1e6 / median(rounds, |r| r[i].wall_us),
            median(rounds, |r| r[i].cpu_us / r[0].cpu_us),
            median(rounds, |r| r[i].cpu_us / r[2].cpu_us),
        );
    }
    println!("goal: kvs-signaling at most 0.45 x the SDK's CPU per call");
}
