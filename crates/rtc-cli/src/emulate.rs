//! `rtc emulate`: the emulator as a server.

use std::io::Write as _;

use clap::ArgMatches;
use rtc_emulator::Emulator;
use serde_json::Value;

/// Serves the emulator until interrupted.
///
/// # Errors
/// When the port, the seed or the faults cannot be used.
pub async fn run(matches: &ArgMatches) -> Result<(), String> {
    let mut builder = Emulator::builder().tls(true);
    if let Some(port) = matches.get_one::<String>("port") {
        builder = builder.port(port.parse().map_err(|_| format!("rtc emulate: {port:?} is not a port"))?);
    }
    let emulator = builder.start().await.map_err(|e| format!("rtc emulate: {e}"))?;
    if let Some(state) = file(matches, "seed")? {
        emulator.seed(state).map_err(|e| format!("rtc emulate: --seed: {e}"))?;
    }
    if let Some(faults) = file(matches, "faults")? {
        emulator.add_faults(faults).map_err(|e| format!("rtc emulate: --faults: {e}"))?;
    }
    let mut stdout = std::io::stdout();
    let printed = write!(stdout, "{}", environment(&emulator)).and_then(|()| stdout.flush());
    printed.map_err(|e| e.to_string())?;
    eprintln!("serving on {} (loopback only); management under /_emulator/; Ctrl-C ends it", emulator.url());
    tokio::signal::ctrl_c().await.map_err(|e| e.to_string())
}

fn file(matches: &ArgMatches, name: &'static str) -> Result<Option<Value>, String> {
    let Some(path) = matches.get_one::<String>(name) else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|e| format!("rtc emulate: {path}: {e}"))?;
    serde_json::from_str(&text).map(Some).map_err(|e| format!("rtc emulate: {path} is not JSON: {e}"))
}

/// The environment that points the crates, the vendors' SDKs and `rtc` at the emulator.
fn environment(emulator: &Emulator) -> String {
    let mut out = String::new();
    let mut export = |name: &str, value: &str| out.push_str(&format!("export {name}='{value}'\n"));
    let mediasfu = emulator.mediasfu();
    export("MEDIASFU_API_USER_NAME", mediasfu.api_user_name());
    export("MEDIASFU_API_KEY", mediasfu.api_key());
    export("MEDIASFU_ENDPOINT", &mediasfu.url());
    // By its host alone the emulator would be a Community Edition.
    export("MEDIASFU_SERVER", "cloud");
    let kvs = emulator.kvs();
    export("AWS_ACCESS_KEY_ID", kvs.access_key_id());
    export("AWS_SECRET_ACCESS_KEY", kvs.secret_access_key());
    export("AWS_REGION", kvs.region());
    for variable in ["AWS_ENDPOINT_URL_KINESIS_VIDEO", "AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING"] {
        export(variable, &kvs.url());
    }
    let opentok = emulator.opentok();
    export("OPENTOK_API_KEY", opentok.api_key());
    export("OPENTOK_API_SECRET", opentok.api_secret());
    export("OPENTOK_ENDPOINT", &opentok.url());
    let enablex = emulator.enablex();
    export("ENABLEX_APP_ID", enablex.app_id());
    export("ENABLEX_APP_KEY", enablex.app_key());
    export("ENABLEX_ENDPOINT", &enablex.url());
    export("SORA_RPC_URL", &emulator.sora().rpc_url());
    out
}
