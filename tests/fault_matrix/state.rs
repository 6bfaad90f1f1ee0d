//! What one client keeps for its calls: the endpoint of a channel, its ICE servers, and the request that all callers wait
//! for. Under each fault eight callers at once ask for ICE servers, once with nothing known and once with all of it known
//! and the servers forgotten; afterwards nothing of the failure is kept, and eight more get them from two requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kvs_signaling::{Client, Credentials, ErrorKind, IceServers};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cell::Verdict;
use crate::expect::{Expected, expect};
use crate::faults::{self, Fault};
use crate::operations::{self, Good, Op};
use crate::report::Report;
use crate::server::Server;

const AT_ONCE: usize = 8;
const CALLERS: usize = 8;
/// The deadline of what only a deadline ends: long enough for the call after it on a busy machine, too.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(20);
const MARGIN: Duration = Duration::from_secs(3);
/// Two calls, of three attempts each.
const REQUESTS: usize = 6;
const ARN: &str = "arn:aws:kinesisvideo:us-west-2:111122223333:channel/ch/1234567890123";
const OPERATION: &str = "get_ice_server_config";

/// All of it, into the report.
pub(crate) async fn run(only: Option<&str>, report: &mut Report) {
    let op = operations::all().into_iter().find(|op| op.name == OPERATION).unwrap();
    let (op, gate) = (Arc::new(op), Arc::new(Semaphore::new(AT_ONCE)));
    let mut cells = JoinSet::new();
    // A port where nobody listens cannot be mended, and certificates are no state.
    for fault in faults::ALL.iter().filter(|fault| !matches!(fault, Fault::Refused | Fault::Tls(_))) {
        for known in [false, true] {
            let name = format!("ice_servers under {}", fault.name());
            let whole = format!("kvs-signaling {name}, {}", title(known));
            if only.is_some_and(|only| !whole.contains(only)) {
                continue;
            }
            let (op, gate) = (Arc::clone(&op), Arc::clone(&gate));
            cells.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                (known, name, cell(&op, *fault, known).await)
            });
        }
    }
    while let Some(done) = cells.join_next().await {
        match done {
            Ok((known, name, verdict)) => {
                report.other(
                    "kvs-signaling",
                    &name,
                    title(known),
                    "as of one call; no failure is kept",
                    verdict,
                );
            }
            Err(panic) => report.note("a cell of a client's state panicked", Err(panic.to_string())),
        }
    }
}

fn title(known: bool) -> &'static str {
    if known { "one client, 8 callers, its endpoint known" } else { "one client, 8 callers, nothing known" }
}

async fn cell(op: &Op, fault: Fault, known: bool) -> Verdict {
    let expected = match expect(fault, op) {
        Expected::Not(reason) => return Verdict::NotApplicable(reason),
        Expected::Fails(kind, _) => Some(kind),
        _ => None,
    };
    let bad = tried(op, fault, known, expected).await.unwrap();
    if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }
}

async fn tried(op: &Op, fault: Fault, known: bool, expected: Option<&str>) -> std::io::Result<Vec<String>> {
    let server = Server::start(faults::good(&op.good), None).await?;
    let good = good(server.port());
    server.play(faults::good(&good));
    let limit = if fault.hangs() { SHORT } else { LONG };
    let client = Client::builder(Credentials::new("AKIAMATRIXMATRIX0001", "canarykey4Tz8Wp3Xs6"))
        .region("us-west-2")
        .endpoint(format!("http://127.0.0.1:{}", server.port()))
        .timeout(limit)
        .paced(false)
        .build()
        .unwrap();
    let mut bad = Vec::new();
    if known {
        round(&client, &server, None, 2, &mut bad).await;
        client.ice_cache().clear();
    }
    server.play(fault.script(op.provider, &good, "http://127.0.0.1:1"));
    let begun = Instant::now();
    round(&client, &server, expected, REQUESTS, &mut bad).await;
    if begun.elapsed() > limit + MARGIN {
        bad.push(format!("it took {:?}", begun.elapsed()));
    }
    // An answer that was good is kept, a failure is not.
    let kept = usize::from(expected.is_none());
    if client.ice_cache().len() != kept {
        bad.push(format!("{} entries are kept instead of {kept}", client.ice_cache().len()));
    }
    server.play(faults::good(&good));
    client.ice_cache().clear();
    round(&client, &server, None, 2, &mut bad).await;
    drop(client);
    if !server.is_left().await {
        bad.push("a connection is left behind".into());
    }
    Ok(bad)
}

/// An answer to both calls of which ICE servers are made.
fn good(port: u16) -> Good {
    let endpoint = format!(r#"{{"Protocol":"HTTPS","ResourceEndpoint":"http://127.0.0.1:{port}"}}"#);
    let servers = r#"[{"Uris":["turn:192.0.2.1:443"],"Username":"u","Password":"p","Ttl":300}]"#;
    let body = format!(r#"{{"ResourceEndpointList":[{endpoint}],"IceServerList":{servers}}}"#);
    Good { head: String::new(), content_type: "application/json", body }
}

/// All callers at once: each ends as expected, and together they send at most so many requests.
async fn round(client: &Client, server: &Server, kind: Option<&str>, most: usize, bad: &mut Vec<String>) {
    let before = server.seen().len();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move { client.ice_servers(IceServers::new(ARN)).await.map(drop) });
    }
    while let Some(ended) = callers.join_next().await {
        match ended {
            Ok(outcome) => {
                let ended = outcome.as_ref().err().map(|error| ErrorKind::as_str(error.kind()));
                if ended != kind {
                    bad.push(format!("{ended:?} instead of {kind:?}: {outcome:?}"));
                }
            }
            Err(panic) => bad.push(panic.to_string()),
        }
    }
    let sent = server.seen().len() - before;
    if sent > most {
        bad.push(format!("{sent} requests for {CALLERS} callers instead of {most}"));
    }
}
