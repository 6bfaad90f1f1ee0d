//! TURN credentials for a thousand viewers with one request, a wrong clock repaired, a stranger refused.

use kvs_signaling::{Client, Credentials, IceServers, PresignConnectAsViewer};
use rtc_core::ErrorKind;
use rtc_emulator::{Action, Fault};

use super::{Failed, Stage};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let access = stage.emulator.kvs();
    let (arn, region, url) = (access.channel_arn(), access.region(), access.url());
    let credentials = Credentials::new(access.access_key_id(), access.secret_access_key());
    let client = Client::builder(credentials).region(region).endpoint(&url).build()?;

    let servers = client.ice_servers(IceServers::new(arn)).await?;
    stage.require(
        servers.iter().any(|s| s.urls.iter().any(|u| u.starts_with("stun:"))),
        "a STUN server leads",
    )?;
    stage.tell("find the channel's endpoint, ask it for TURN", format!("{} ICE servers", servers.len()))?;

    let asked = |stage: &Stage<'_>| stage.emulator.requests("get_ice_server_config").len();
    let before = asked(stage);
    let viewers = (0..1000).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.ice_servers(IceServers::new(arn).client_id("lobby")).await })
    });
    for viewer in viewers.collect::<Vec<_>>() {
        viewer.await??;
    }
    stage.require(asked(stage) == before + 1, "a thousand viewers cost one request")?;
    stage.tell("serve a thousand viewers at once", "1 request")?;

    // The service refuses the signature and tells its own time; the client takes it and tries once more.
    stage.emulator.add_fault(
        Fault::new(Action::ClockSkew { seconds: 3600 }).operation("get_ice_server_config").times(2),
    )?;
    client.ice_cache().clear();
    let before = asked(stage);
    client.ice_servers(IceServers::new(arn)).await?;
    stage.require(asked(stage) == before + 2, "a wrong clock costs one more attempt")?;
    stage.tell("repair a clock that is an hour off", "2 attempts")?;

    let signed = client.presign_connect_as_viewer(PresignConnectAsViewer::new(arn, "viewer-1")).await?;
    stage.require(signed.url.is_some(), "there is a URL")?;
    stage.tell("sign a WebSocket URL for a browser", "valid for 299 s")?;

    let faulty = IceServers::new("not an ARN").client_id("no spaces please");
    let error = client.ice_servers(faulty).await.err().ok_or("faulty input was accepted")?;
    let found = error.violations().map_or(0, |v| v.iter().count());
    stage.require(found == 2 && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", format!("{found} violations at once"))?;

    let wrong = Credentials::new(access.access_key_id(), "not the secret");
    let stranger = Client::builder(wrong).region(region).endpoint(&url).build()?;
    let error =
        stranger.ice_servers(IceServers::new(arn)).await.err().ok_or("a wrong secret was accepted")?;
    let refused = matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::PermissionDenied);
    stage.require(refused, "a wrong secret is refused")?;
    stage.tell("be refused with a wrong secret", error.code().unwrap_or_default())
}
