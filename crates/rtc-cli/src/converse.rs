//! Commands that print what happens until they are ended.

use serde_json::Value;

use crate::outcome::{Outcome, Run};

/// Connects to a channel of Kinesis Video Streams: prints its events on stdout and sends what it reads from stdin.
pub async fn run(operation: &str, input: Value, run: &Run) -> Outcome {
    let lines = tokio::io::BufReader::new(tokio::io::stdin());
    let interrupt = tokio::signal::ctrl_c();
    crate::providers::kvs_signaling::converse(operation, input, run, lines, std::io::stdout(), interrupt)
        .await
}
