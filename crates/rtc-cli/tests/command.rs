//! The `rtc` command as a user runs it: exit status, stdout, stderr.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use rtc_emulator::{Action, DropWhen, Emulator, Fault};
use serde_json::{Value, json};

fn rtc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtc"));
    // Nothing of this machine's environment may decide a test.
    for name in [
        "OPENTOK_API_KEY",
        "OPENTOK_API_SECRET",
        "OPENTOK_ENDPOINT",
        "OPENTOK_APPLICATION_ID",
        "OPENTOK_PRIVATE_KEY_FILE",
        "OPENTOK_ACCOUNT_KEY",
        "OPENTOK_ACCOUNT_SECRET",
        "MEDIASFU_API_KEY",
        "MEDIASFU_ENDPOINT",
        "AWS_CA_BUNDLE",
        "SORA_RPC_URL",
        "SORA_SIGNALING_URLS",
        "SORA_CHANNEL_ID",
        "SORA_METADATA",
        "SORA_API_URL",
    ] {
        command.env_remove(name);
    }
    command
}

fn at(emulator: &Emulator) -> Command {
    let mut command = rtc();
    let access = emulator.opentok();
    command.env("OPENTOK_API_KEY", access.api_key());
    command.env("OPENTOK_API_SECRET", access.api_secret());
    command.env("OPENTOK_ENDPOINT", access.url());
    command
}

/// Runs a command beside the emulator, which lives on the same runtime.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn json_of(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("stdout is not JSON ({e}): {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_is_json_on_stdout() {
    let emulator = Emulator::start().await.unwrap();
    let mut command = at(&emulator);
    command.args(["opentok", "create-session", "--media-mode", "routed", "--output", "json"]);
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(0));
    let body = json_of(&output);
    assert_eq!((&body["ok"], &body["status"], &body["attempts"]), (&json!(true), &json!(200), &json!(1)));
    assert!(body["output"]["session_id"].as_str().unwrap().starts_with("2_"));
    assert!(output.stderr.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faulty_input_ends_with_2_and_names_every_field() {
    let emulator = Emulator::start().await.unwrap();
    let mut command = at(&emulator);
    let input = r#"{"archiveMode":"always","location":"here","e2ee":"maybe","typo":1}"#;
    command.args(["opentok", "create-session", "--input", input, "--output", "json"]);
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(2));
    let body = json_of(&output);
    let found: Vec<_> = body["error"]["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["e2ee", "typo", "archive_mode", "location"]);
    assert_eq!(body["error"]["was_sent"], false);
    assert!(emulator.requests("create_session").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_status_tells_the_kind() {
    let emulator = Emulator::start().await.unwrap();
    let mut refused = at(&emulator);
    refused.env("OPENTOK_API_SECRET", "wrong").args(["opentok", "create-session", "--output", "json"]);
    let refused = output(refused).await;
    assert_eq!(
        (refused.status.code(), json_of(&refused)["error"]["kind"].as_str()),
        (Some(3), Some("unauthenticated"))
    );

    let mut nowhere = at(&emulator);
    nowhere.args([
        "opentok",
        "create-session",
        "--endpoint",
        "http://127.0.0.1:1",
        "--no-retry",
        "--output",
        "json",
    ]);
    let nowhere = output(nowhere).await;
    assert_eq!(
        (nowhere.status.code(), json_of(&nowhere)["error"]["was_sent"].as_bool()),
        (Some(4), Some(false))
    );

    emulator.add_fault(Fault::new(Action::Garbage).operation("create_session").times(1)).unwrap();
    let mut garbage = at(&emulator);
    garbage.args(["opentok", "create-session", "--output", "json"]);
    assert_eq!(output(garbage).await.status.code(), Some(5));

    emulator
        .add_fault(Fault::new(Action::Drop { when: DropWhen::After }).operation("create_session").times(1))
        .unwrap();
    let mut lost = at(&emulator);
    lost.args(["opentok", "create-session", "--output", "json"]);
    let lost = output(lost).await;
    assert_eq!((lost.status.code(), json_of(&lost)["error"]["was_sent"].as_bool()), (Some(4), Some(true)));

    let mut insecure = at(&emulator);
    insecure.args(["opentok", "create-session", "--endpoint", "http://example.com", "--output", "json"]);
    let insecure = output(insecure).await;
    assert_eq!(insecure.status.code(), Some(2));
    assert_eq!(json_of(&insecure)["error"]["violations"][0]["rule"], "scheme");
}

#[tokio::test]
async fn wrong_usage_is_told_in_the_same_shape() {
    for (arguments, field) in [
        (&["opentok", "create-session", "--options", r#"{"retry":"no"}"#][..], "options.retry"),
        (&["opentok", "create-session", "--options", r#"{"timeout_ms":0}"#], "options.timeout_ms"),
        (&["opentok", "create-session", "--options", r#"{"via":"rpc"}"#], "options.via"),
        (&["sora-rpc", "request-simulcast-rid", "--rid", "r0", "--via", "http"], "channel_id"),
        (&["sora-rpc", "rpc", "m", "--options", r#"{"via":"http"}"#], "options.via"),
        (&["sora-rpc", "rpc", "m", "--via", "websocket"], "endpoint"),
        (&["opentok", "create-session", "--credentials", r#"{"api_key":[]}"#], "credentials.api_key"),
        (&["sora-rpc", "rpc", "2025.2.0/RequestSimulcastRid"], "endpoint"),
    ] {
        let mut command = rtc();
        // An empty variable is an unset one.
        command.env("SORA_RPC_URL", "").args(arguments).args(["--output", "json"]);
        let output = output(command).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let body = json_of(&output);
        assert_eq!(body["error"]["violations"][0]["field"], field, "{body}");
        for member in ["status", "code", "retry_after_ms", "was_sent", "attempts"] {
            assert!(body["error"].get(member).is_some(), "{member} of {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sora_by_the_environment_that_the_emulator_prints() {
    let emulator = Emulator::start().await.unwrap();
    let sora = emulator.sora();
    let run = |arguments: &[&str]| {
        let mut command = rtc();
        command.env("SORA_SIGNALING_URLS", sora.signaling_url()).env("SORA_CHANNEL_ID", sora.channel_id());
        command.env("SORA_API_URL", sora.api_url()).env("SORA_METADATA", r#"{"token":"canary"}"#);
        command.arg("sora-rpc").args(arguments).args(["--output", "json"]);
        output(command)
    };
    let method = "2025.2.0/RequestSimulcastRid";
    let asked = json_of(&run(&["rpc", method, "--params", r#"{"rid":"r0"}"#]).await);
    assert_eq!(asked["output"]["rid"], "r0", "{asked}");
    assert!(json_of(&run(&["methods"]).await)["output"]["rpc_methods"].to_string().contains(method));
    let watched = run(&["connect", "--timeout", "100ms"]).await;
    let lines = String::from_utf8(watched.stdout).unwrap();
    assert_eq!(watched.status.code(), Some(0), "{lines}");
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "ended", "{lines}");
    let listed = json_of(&run(&["request", "Sora_20201013.ListConnections", "--body", "{}"]).await);
    assert_eq!(listed["output"], json!([]), "everybody has left: {listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_presigned_url_for_either_side() {
    let arn = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";
    for role in ["master", "viewer"] {
        let mut command = rtc();
        command.args(["kvs-signaling", "presign", "--role", role, "--channel-arn", arn]);
        // A master has none.
        command.args(if role == "viewer" { &["--client-id", "me"][..] } else { &[] });
        command.args(["--endpoint", "wss://v-1.kinesisvideo.us-west-2.amazonaws.com", "--output", "json"]);
        command
            .args(["--credentials", r#"{"access_key_id":"A","secret_access_key":"B","region":"us-west-2"}"#]);
        let output = output(command).await;
        assert!(json_of(&output).to_string().contains("X-Amz-Signature"), "{role}: {}", json_of(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_ca_bundle_is_trusted() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let file = std::env::temp_dir().join(format!("rtc-command-{}.pem", std::process::id()));
    std::fs::write(&file, emulator.ca_pem().unwrap()).unwrap();
    let access = emulator.kvs();
    let run = |bundle: &str| {
        let mut command = rtc();
        command.env("AWS_CA_BUNDLE", bundle).env("AWS_REGION", access.region());
        command.env("AWS_ACCESS_KEY_ID", access.access_key_id());
        command.env("AWS_SECRET_ACCESS_KEY", access.secret_access_key());
        command.args(["kvs-signaling", "get-signaling-channel-endpoint", "--no-retry", "--output", "json"]);
        command.args([
            "--channel-arn",
            "arn:aws:kinesisvideo:us-west-2:123456789012:channel/none/1234567890123",
        ]);
        command.args(["--endpoint", emulator.tls_url().unwrap()]);
        output(command)
    };
    let trusted = run(file.to_str().unwrap()).await;
    assert!(json_of(&trusted)["error"]["status"].is_number(), "it answered: {}", json_of(&trusted));
    let stranger = json_of(&run("").await);
    assert!(stranger["error"]["status"].is_null(), "{stranger}");
    let missing = json_of(&run("/nowhere/ca.pem").await);
    assert_eq!(missing["error"]["violations"][0]["field"], "AWS_CA_BUNDLE");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_batch_answers_line_by_line_with_a_fixed_clock() {
    let mut child = rtc().arg("batch").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let token = json!({
        "id": "a", "provider": "opentok", "operation": "generate_token", "now": "2026-01-01T00:00:00Z",
        "credentials": {"api_key": "123456", "api_secret": "secret"},
        "input": {"session_id": "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4", "nonce": "1"},
    });
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{token}\n{token}\nnot json\n{{\"id\":7,\"provider\":\"nobody\",\"operation\":\"x\"}}")
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        (&lines[0]["id"], &lines[0]["ok"], &lines[0]["attempts"]),
        (&json!("a"), &json!(true), &json!(0))
    );
    assert_eq!(lines[0]["output"], lines[1]["output"], "the clock and the nonce are fixed");
    assert_eq!(lines[2]["error"]["violations"][0]["field"], "line");
    assert_eq!(
        (&lines[3]["id"], &lines[3]["error"]["violations"][0]["field"]),
        (&json!(7), &json!("provider"))
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_made_says_all_that_is_wrong() {
    let mut command = rtc();
    command.args(["opentok", "generate-token", "--output", "json"]);
    command.args(["--credentials", r#"{"api_key":"123456","api_secret":"secret"}"#]);
    command.args([
        "--input",
        r#"{"session_id":"x","role":"king","expire_time":1,"connection_data":[],"typo":1}"#,
    ]);
    let refused = json_of(&output(command).await);
    let found: Vec<_> = refused["error"]["violations"].as_array().unwrap().iter().collect();
    let fields: Vec<_> = found.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["connection_data", "typo", "role", "session_id", "expire_time"], "{refused}");
}

#[tokio::test]
async fn secrets_of_the_answer_are_shown_unless_redacted() {
    let session = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";
    let run = |redact: bool| {
        let mut command = rtc();
        command.args(["opentok", "generate-token", "--session-id", session, "--output", "json"]);
        command.args(["--credentials", r#"{"api_key":"123456","api_secret":"canary-secret"}"#]);
        if redact {
            command.arg("--redact");
        }
        output(command)
    };
    let (shown, hidden) = (run(false).await, run(true).await);
    assert!(json_of(&shown)["output"]["token"].as_str().unwrap().starts_with("eyJ"));
    assert_eq!(json_of(&hidden)["output"]["token"], "[redacted]");
    for output in [shown, hidden] {
        let all = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("canary-secret"));
    }
}

#[tokio::test]
async fn the_catalogue_and_the_usage_are_there() {
    let mut list = rtc();
    list.args(["operations", "--output", "json"]);
    let list = json_of(&output(list).await);
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["provider"].as_str().unwrap(), o["name"].as_str().unwrap()))
        .collect();
    assert!(names.contains(&("opentok", "create_session")));
    let mut wrong = rtc();
    wrong.args(["opentok", "no-such-operation"]);
    assert_eq!(output(wrong).await.status.code(), Some(2));
    let mut version = rtc();
    version.arg("--version");
    assert!(String::from_utf8(output(version).await.stdout).unwrap().starts_with("rtc "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_gives_one_page_or_all_of_them() {
    let emulator = Emulator::start().await.unwrap();
    let mut started = Vec::new();
    for session in ["1_one", "1_two", "1_three"] {
        emulator.opentok().join(session);
        let mut command = at(&emulator);
        command.args(["opentok", "start-archive", "--session-id", session, "--output", "json"]);
        started.push(json_of(&output(command).await)["output"]["id"].clone());
    }
    let list = |all: &'static [&'static str]| {
        let mut command = at(&emulator);
        command.args(["opentok", "list-archives", "--count", "2", "--output", "json"]).args(all);
        output(command)
    };
    let page = json_of(&list(&[]).await);
    assert_eq!((&page["output"]["count"], page["output"]["items"].as_array().unwrap().len()), (&json!(3), 2));
    let all = json_of(&list(&["--all"]).await);
    let mut ids: Vec<_> =
        all["output"]["items"].as_array().unwrap().iter().map(|a| a["id"].clone()).collect();
    ids.reverse();
    assert_eq!((ids, &all["output"]["count"], &all["attempts"]), (started, &json!(3), &json!(2)));
    let faulty = list(&["--all", "--offset", "-1"]).await;
    assert_eq!(faulty.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_signs_with_the_key_of_a_file() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.opentok();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("private.key");
    std::fs::write(&file, access.private_key()).unwrap();
    let mut command = rtc();
    command.env("OPENTOK_APPLICATION_ID", access.application_id());
    command.env("OPENTOK_PRIVATE_KEY_FILE", &file);
    command.env("OPENTOK_ENDPOINT", access.url());
    command.args(["opentok", "create-session", "--output", "json"]);
    let output = output(command).await;
    let body = json_of(&output);
    assert_eq!(body["output"]["application_id"], access.application_id(), "{body}");
    let log = emulator.requests("create_session");
    assert!(log[0].headers.iter().any(|(name, _)| name == "authorization"));
}

/// What `rtc emulate` says to the person who started it, up to `last`.
fn serving(arguments: &[&str], last: &str) -> String {
    use std::io::{BufRead as _, BufReader};
    let mut command = rtc();
    // Killed, it cannot clear away the file of its authority.
    command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    command.arg("emulate").args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        told.push_str(&line.unwrap());
        told.push('\n');
        if told.contains(last) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    told
}

#[test]
fn the_emulator_says_who_can_reach_it() {
    let told = serving(&[], "Ctrl-C");
    assert!(told.starts_with("serving on http://127.0.0.1:") && told.contains("(loopback only)"), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let told = serving(&["--bind", "0.0.0.0"], "leave --bind out");
    assert!(
        told.contains("NOT ONLY THIS MACHINE") && told.contains("warning: its credentials are public"),
        "{told}"
    );
    assert!(serving(&["--bind", "localhost"], "such as").contains("is not an IP address"));
}
