//! TURN credentials for a thousand viewers with one request, a wrong clock repaired, a live channel, a stranger refused.

use std::time::Duration;

use kvs_signaling::signaling::{Event, SignalingEvents};
use kvs_signaling::{
    Client, CreateSignalingChannel, Credentials, IceServers, PresignConnectAsViewer, SendAnswer, SendOffer,
};
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

    live(stage, &client).await?;

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

/// A channel of our own: master and viewer meet on it, and the service moves the viewer to another connection.
async fn live(stage: &mut Stage<'_>, client: &Client) -> Result<(), Failed> {
    let created = client.create_signaling_channel(CreateSignalingChannel::new("front-door")).await?;
    let channel = client.channel(created.channel_arn);
    let info = channel.wait_until_active(Duration::from_secs(5)).await?;
    stage.tell("create a channel, wait until it is active", info.channel_name.unwrap_or_default())?;

    let (master, mut at_master) = channel.connect_as_master().await?;
    let (viewer, mut at_viewer) = channel.connect_as_viewer("viewer-1").await?;
    viewer.send_offer(SendOffer::new("v=0 the offer")).await?;
    let Event::SdpOffer(offer) = heard(&mut at_master, |e| matches!(e, Event::SdpOffer(_))).await? else {
        return Err("the master was told something else".into());
    };
    let viewer_id = offer.sender_client_id.ok_or("the offer is from nobody")?;
    master.send_answer(SendAnswer::new("v=0 the answer").recipient_client_id(viewer_id)).await?;
    heard(&mut at_viewer, |e| matches!(e, Event::SdpAnswer(_))).await?;
    stage.tell("offer and answer over the WebSocket", "master and viewer")?;

    stage
        .require(stage.emulator.kvs().go_away(channel.arn(), Some("viewer-1")), "the service says GO_AWAY")?;
    heard(&mut at_viewer, |e| matches!(e, Event::GoAway { .. })).await?;
    heard(&mut at_viewer, |e| matches!(e, Event::Connected)).await?;
    viewer.send_offer(SendOffer::new("v=0 once more")).await?;
    heard(&mut at_master, |e| matches!(e, Event::SdpOffer(_))).await?;
    stage.tell("be told to go away, and go on elsewhere", "nothing lost")?;
    viewer.close().await;
    master.close().await;
    Ok(())
}

/// The first event that is wanted.
async fn heard(events: &mut SignalingEvents, wanted: impl Fn(&Event) -> bool) -> Result<Event, Failed> {
    let hearing = async {
        loop {
            match events.next().await {
                Some(event) if wanted(&event) => return Ok(event),
                Some(_) => {}
                None => return Err("the connection ended".into()),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), hearing).await?
}
