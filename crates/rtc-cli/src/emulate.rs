//! `rtc emulate`: the emulator as a server.

use std::io::Write as _;
use std::path::{Path, PathBuf};

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
    if let Some(address) = matches.get_one::<String>("bind") {
        let not_one = |_| format!("rtc emulate: --bind: {address:?} is not an IP address, such as 127.0.0.1");
        builder = builder.bind(address.parse().map_err(not_one)?);
    }
    let emulator = builder.start().await.map_err(|e| format!("rtc emulate: {e}"))?;
    if let Some(state) = file(matches, "seed")? {
        emulator.seed(state).map_err(|e| format!("rtc emulate: --seed: {e}"))?;
    }
    if let Some(faults) = file(matches, "faults")? {
        emulator.add_faults(faults).map_err(|e| format!("rtc emulate: --faults: {e}"))?;
    }
    let authority = Authority::of(&emulator)?;
    let mut stdout = std::io::stdout();
    let printed = write!(stdout, "{}", environment(&emulator, &authority.0)).and_then(|()| stdout.flush());
    printed.map_err(|e| e.to_string())?;
    eprintln!("{}", serving(&emulator));
    interrupted().await.map_err(|e| e.to_string())
}

/// Where it is, and who can reach it.
fn serving(emulator: &Emulator) -> String {
    let who = if emulator.is_loopback() { "loopback only" } else { "NOT ONLY THIS MACHINE" };
    let mut told =
        format!("serving on {} ({who}); management under /_emulator/; Ctrl-C ends it", emulator.url());
    if !emulator.is_loopback() {
        told.push_str(
            "\nwarning: its credentials are public: whoever reaches this machine can read what it is sent and change it; \
             leave --bind out to serve this machine alone",
        );
    }
    told
}

/// Ready when the process is told to end, so that it can clear its file away.
async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn file(matches: &ArgMatches, name: &'static str) -> Result<Option<Value>, String> {
    let Some(path) = matches.get_one::<String>(name) else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|e| format!("rtc emulate: {path}: {e}"))?;
    serde_json::from_str(&text).map(Some).map_err(|e| format!("rtc emulate: {path} is not JSON: {e}"))
}

/// The certificate of the emulator's authority, in a file that goes with it.
struct Authority(PathBuf);

impl Authority {
    fn of(emulator: &Emulator) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("rtc-emulator-{}-ca.pem", std::process::id()));
        // What an earlier process of this number left behind; never written through, for it may be a link.
        let _ = std::fs::remove_file(&path);
        let written = std::fs::File::create_new(&path)
            .and_then(|mut file| file.write_all(emulator.ca_pem().unwrap_or_default().as_bytes()));
        written.map_err(|e| format!("rtc emulate: {}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The environment that points the crates, the vendors' SDKs and `rtc` at the emulator.
fn environment(emulator: &Emulator, authority: &Path) -> String {
    let mut out = String::new();
    let mut export = |name: &str, value: &str| {
        out.push_str(&format!("export {name}='{}'\n", value.replace('\'', r"'\''")));
    };
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
    // boto3 reads only this name.
    export("AWS_DEFAULT_REGION", kvs.region());
    for service in ["", "_SIGNALING", "_WEBRTC_STORAGE"] {
        export(&format!("AWS_ENDPOINT_URL_KINESIS_VIDEO{service}"), &kvs.url());
    }
    let opentok = emulator.opentok();
    export("OPENTOK_API_KEY", opentok.api_key());
    export("OPENTOK_API_SECRET", opentok.api_secret());
    export("OPENTOK_ACCOUNT_KEY", opentok.account_key());
    export("OPENTOK_ACCOUNT_SECRET", opentok.account_secret());
    export("OPENTOK_ENDPOINT", &opentok.url());
    let enablex = emulator.enablex();
    export("ENABLEX_APP_ID", enablex.app_id());
    export("ENABLEX_APP_KEY", enablex.app_key());
    export("ENABLEX_ENDPOINT", &enablex.url());
    let sora = emulator.sora();
    export("SORA_SIGNALING_URLS", &sora.signaling_url());
    export("SORA_CHANNEL_ID", sora.channel_id());
    export("SORA_API_URL", &sora.api_url());
    export("SORA_RPC_URL", &sora.rpc_url());
    let file = authority.display().to_string();
    for variable in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        export(variable, &file);
    }
    let https = emulator.tls_url().unwrap_or_default();
    out.push_str(&format!("# with TLS: {https} (rtc ... --endpoint {https} --ca-file '{file}')\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_way_to_tls_is_told_and_cleared_away() {
        let emulator = Emulator::builder().tls(true).start().await.unwrap();
        let authority = Authority::of(&emulator).unwrap();
        let path = authority.0.clone();
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), emulator.ca_pem());
        let told = environment(&emulator, &path);
        for line in [
            format!("export AWS_CA_BUNDLE='{}'\n", path.display()),
            format!("export NODE_EXTRA_CA_CERTS='{}'\n", path.display()),
            // Without it these calls would go to AWS.
            format!("export AWS_ENDPOINT_URL_KINESIS_VIDEO_WEBRTC_STORAGE='{}'\n", emulator.kvs().url()),
            format!("export SORA_SIGNALING_URLS='{}'\n", emulator.sora().signaling_url()),
            format!("# with TLS: {}", emulator.tls_url().unwrap()),
            format!("--ca-file '{}'", path.display()),
        ] {
            assert!(told.contains(&line), "{told}");
        }
        drop(authority);
        assert!(!path.exists());
    }
}
