//! Commands that print what happens until they are ended.

use serde_json::Value;

use crate::catalogue::OperationDoc;
use crate::outcome::{Outcome, Run};
use crate::providers::{enablex, kvs_signaling, sora_rpc};

/// Connects to a channel of Kinesis Video Streams or Sora, or enters a room of EnableX: prints the events on stdout and
/// does what it reads from stdin (not with Sora); a room also in plain words, where it is for people.
pub async fn run(operation: &OperationDoc, input: Value, run: &Run, people: bool) -> Outcome {
    let lines = tokio::io::BufReader::new(tokio::io::stdin());
    let (out, interrupt) = (std::io::stdout(), tokio::signal::ctrl_c());
    match operation.provider {
        "enablex" => enablex::converse(input, run, people, lines, out, interrupt).await,
        "sora-rpc" => sora_rpc::converse(input, run, out, interrupt).await,
        _ => kvs_signaling::converse(operation.name, input, run, lines, out, interrupt).await,
    }
}
