//! The one answer that is not read by the client but by its caller: the file of a recording.

use std::time::Duration;

use enablex::{Client, Credentials, DownloadRecording, RecordingAccess, Result};
use rtc_cli::Run;
use serde_json::{Value, json};

/// How often a download may go on after a lost connection.
const RESUMES: u32 = 1;

/// Reads a file until its end or an error, or until `enough` bytes have come, and gives the error as `rtc` shows it.
pub(crate) async fn read(url: &str, run: &Run, limit: Duration, enough: u64) -> Value {
    told(resumed(url, run, limit, enough).await)
}

async fn resumed(url: &str, run: &Run, limit: Duration, enough: u64) -> Result<()> {
    let download = client(run, limit)?.open_recording(DownloadRecording::new(url)).await?;
    let mut download = download.resumes(RESUMES).quiet_time(limit);
    while download.received() < enough && download.next().await?.is_some() {}
    Ok(())
}

/// Reads a file without the help of [`enablex::RecordingDownload`].
pub(crate) async fn read_raw(url: &str, run: &Run, limit: Duration) -> Value {
    let read = async {
        let mut body =
            client(run, limit)?.download_recording(DownloadRecording::new(url)).reply().await?.body;
        while body.next().await.transpose()?.is_some() {}
        Ok(())
    };
    told(read.await)
}

fn client(run: &Run, limit: Duration) -> Result<Client> {
    let of = |name: &str| run.credentials[name].as_str();
    let access = RecordingAccess::new(of("recording_user"), of("recording_password"));
    let host = run.options["recording_host"].as_str().unwrap_or_default();
    Client::builder(Credentials::new(of("app_id"), of("app_key")))
        .endpoint(run.endpoint.clone().unwrap_or_default())
        .recordings(access.allow_host(host))
        .root_certificate_pem(run.root_certificate_pem.clone().unwrap_or_default())
        .timeout(limit)
        .build()
}

fn told(outcome: Result<()>) -> Value {
    let Err(error) = outcome else { return Value::Null };
    let text = format!("{error} {error:?}");
    json!({ "kind": error.kind().as_str(), "was_sent": error.was_sent(), "message": text })
}
