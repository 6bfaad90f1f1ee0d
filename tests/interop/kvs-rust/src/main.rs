//! The official Rust SDK against the emulator: every operation of its three crates, its proven quirks beside what we
//! do, and the credentials of its configuration in our client through `kvs-signaling-aws-config`.
//!
//! `cargo xtask interop kvs-rust`. It ends with `N passed, M failed`.

use std::fmt::{Debug, Display};
use std::process::ExitCode;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kinesisvideo::types::{
    ChannelNameCondition, ChannelProtocol, ChannelRole, ComparisonOperator, MediaStorageConfiguration,
    MediaStorageConfigurationStatus, SingleMasterChannelEndpointConfiguration, SingleMasterConfiguration,
    Tag,
};
use aws_sdk_kinesisvideosignaling::types::Service;
use kvs_signaling::signaling::Event;
use kvs_signaling::{Client, GetIceServerConfig, IceServers, SendAnswer};
use kvs_signaling_aws_config::Chain;
use rtc_emulator::Emulator;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const DOOR: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/front-door/1700000000001";
const STORED: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/stored/1700000000002";
const RECORDINGS: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/recordings/1700000000003";
const ATTIC: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:stream/attic/1700000000004";

#[tokio::main]
async fn main() -> ExitCode {
    let mut suite = match Suite::start().await {
        Ok(suite) => suite,
        Err(error) => {
            println!("FAILED {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = async {
        suite.control().await?;
        suite.channels_own().await?;
        suite.quirks().await?;
        suite.chain().await
    };
    if let Err(error) = result.await {
        suite.check("the suite itself", Err::<(), _>(error));
    }
    println!("{} passed, {} failed", suite.passed, suite.failed);
    if suite.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Suite {
    emulator: Emulator,
    config: SdkConfig,
    passed: usize,
    failed: usize,
}

impl Suite {
    async fn start() -> Outcome<Self> {
        let emulator = Emulator::builder().quotas(false).start().await?;
        let kvs = emulator.kvs();
        let credentials =
            Credentials::new(kvs.access_key_id(), kvs.secret_access_key(), None, None, "emulator");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(kvs.region()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(kvs.url())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Ok(Self { emulator, config, passed: 0, failed: 0 })
    }

    /// The state that every call begins with.
    fn reset(&self) -> Outcome<()> {
        self.emulator.reset();
        self.emulator.clear_faults();
        Ok(self.emulator.seed(json!({ "kvs-signaling": { "channels": [
            { "channel_arn": DOOR, "version": "Version1", "tags": { "site": "home" } },
            { "channel_arn": STORED, "version": "Version2", "ingestion": true, "stream_arn": RECORDINGS },
        ] } }))?)
    }

    fn check<T, E: Display>(&mut self, what: &str, result: Result<T, E>) {
        match result {
            Ok(_) => {
                self.passed += 1;
                println!("  {what:<48} passed");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED {what}: {error}");
            }
        }
    }

    fn hold(&mut self, what: &str, holds: bool, found: impl Debug) {
        self.check(what, if holds { Ok(()) } else { Err(format!("it is {found:?}")) });
    }

    /// The control plane. What the SDK read is looked at where there is something to read.
    async fn control(&mut self) -> Outcome<()> {
        let sdk = aws_sdk_kinesisvideo::Client::new(&self.config);
        println!("aws-sdk-kinesisvideo");
        self.reset()?;
        let ttl = SingleMasterConfiguration::builder().message_ttl_seconds(30).build();
        let tag = || Tag::builder().key("owner").value("Zoë").build();
        let made =
            sdk.create_signaling_channel().channel_name("back-door").single_master_configuration(ttl.clone());
        let made = made.tags(tag()?).send().await?;
        self.hold(
            "create_signaling_channel",
            made.channel_arn().is_some_and(|arn| arn.contains("back-door")),
            made,
        );

        let seen = sdk.describe_signaling_channel().channel_arn(DOOR).send().await?;
        let info = seen.channel_info();
        let is_read =
            info.is_some_and(|info| info.version() == Some("Version1") && info.creation_time().is_some());
        self.hold("describe_signaling_channel", is_read, seen);

        let begins = ChannelNameCondition::builder()
            .comparison_operator(ComparisonOperator::BeginsWith)
            .comparison_value("front")
            .build();
        let listed = sdk.list_signaling_channels().channel_name_condition(begins).send().await?;
        self.hold("list_signaling_channels", listed.channel_info_list().len() == 1, listed);

        let update = sdk.update_signaling_channel().channel_arn(DOOR).current_version("Version1");
        self.check("update_signaling_channel", update.single_master_configuration(ttl).send().await);

        self.reset()?;
        let wanted = SingleMasterChannelEndpointConfiguration::builder()
            .protocols(ChannelProtocol::Wss)
            .protocols(ChannelProtocol::Https)
            .role(ChannelRole::Viewer)
            .build();
        let endpoints = sdk.get_signaling_channel_endpoint().channel_arn(DOOR);
        let endpoints = endpoints.single_master_channel_endpoint_configuration(wanted).send().await?;
        self.hold("get_signaling_channel_endpoint", endpoints.resource_endpoint_list().len() == 2, endpoints);

        self.check("tag_resource", sdk.tag_resource().resource_arn(DOOR).tags(tag()?).send().await);
        let tags = sdk.list_tags_for_resource().resource_arn(DOOR).send().await?;
        let owner = tags.tags().and_then(|tags| tags.get("owner"));
        self.hold("list_tags_for_resource", owner.is_some_and(|owner| owner == "Zoë"), tags);
        self.check(
            "untag_resource",
            sdk.untag_resource().resource_arn(DOOR).tag_key_list("site").send().await,
        );

        let storage = sdk.describe_media_storage_configuration().channel_arn(STORED).send().await?;
        let stream = storage.media_storage_configuration().and_then(|storage| storage.stream_arn());
        self.hold("describe_media_storage_configuration", stream == Some(RECORDINGS), storage);
        let on = MediaStorageConfiguration::builder()
            .status(MediaStorageConfigurationStatus::Enabled)
            .stream_arn(ATTIC)
            .build()?;
        let update =
            sdk.update_media_storage_configuration().channel_arn(DOOR).media_storage_configuration(on);
        self.check("update_media_storage_configuration", update.send().await);
        let mapped = sdk.describe_mapped_resource_configuration().stream_name("recordings").send().await?;
        let first = mapped.mapped_resource_configuration_list().first().and_then(|first| first.arn());
        self.hold("describe_mapped_resource_configuration", first == Some(STORED), mapped);
        self.check("delete_signaling_channel", sdk.delete_signaling_channel().channel_arn(DOOR).send().await);
        Ok(())
    }

    /// What goes to the endpoints of a channel itself.
    async fn channels_own(&mut self) -> Outcome<()> {
        println!("aws-sdk-kinesisvideosignaling, aws-sdk-kinesisvideowebrtcstorage");
        self.reset()?;
        let sdk = aws_sdk_kinesisvideosignaling::Client::new(&self.config);
        let config =
            sdk.get_ice_server_config().channel_arn(DOOR).client_id("viewer-1").service(Service::Turn);
        let config = config.send().await?;
        let is_read = config.ice_server_list().iter().all(|server| server.ttl() == Some(300));
        self.hold("get_ice_server_config", is_read && !config.ice_server_list().is_empty(), &config);
        let password = config.ice_server_list().first().and_then(|server| server.password());
        let is_printed = password.is_some_and(|password| format!("{config:?}").contains(password));
        self.hold("quirk: its Debug prints the TURN password", is_printed, ());

        let (master, mut events) = self.ours()?.channel(DOOR).connect_as_master().await?;
        let answering = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::SdpOffer(offer) = event {
                    let to = offer.sender_client_id.unwrap_or_default();
                    let _ = master.send_answer(SendAnswer::new("v=0\r\n").recipient_client_id(to)).await;
                    return;
                }
            }
        });
        let offer = sdk.send_alexa_offer_to_master().channel_arn(DOOR).sender_client_id("alexa");
        let answer = offer.message_payload("b2ZmZXI=").send().await;
        answering.abort();
        self.check("send_alexa_offer_to_master", answer);

        let sdk = aws_sdk_kinesisvideowebrtcstorage::Client::new(&self.config);
        self.check("join_storage_session", sdk.join_storage_session().channel_arn(STORED).send().await);
        let viewer = sdk.join_storage_session_as_viewer().channel_arn(STORED).client_id("viewer-1");
        self.check("join_storage_session_as_viewer", viewer.send().await);
        Ok(())
    }

    /// What it makes of what is not as it should be; we do otherwise. One that is mended fails here.
    async fn quirks(&mut self) -> Outcome<()> {
        println!("quirks");
        let one = |server: Value| json!({ "IceServerList": [server] });
        let server = || json!({ "Uris": ["turn:192.0.2.1:443"], "Ttl": 300 });
        let mut text = server();
        text["Ttl"] = "300".into();
        for (quirk, body) in [
            ("quirk: a life as a text fails the whole answer", one(text)),
            ("quirk: null in the list fails the whole answer", json!({ "IceServerList": [null, server()] })),
        ] {
            let answer = json!({ "kind": "status", "status": 200, "body": body });
            let (theirs, _, ours, _) = self.both(&answer).await?;
            self.hold(quirk, !theirs && ours, (theirs, ours));
        }
        let refusal = json!({
            "kind": "status", "status": 400, "body": { "Message": "slow down" },
            "headers": { "x-amzn-errortype": "ClientLimitExceededException" },
        });
        let (_, theirs, _, ours) = self.both(&refusal).await?;
        self.hold("quirk: a throttle is not tried again", theirs == 1 && ours > 1, (theirs, ours));

        self.reset()?;
        let sdk = aws_sdk_kinesisvideosignaling::Client::new(&self.config);
        let _ = sdk.get_ice_server_config().send().await;
        let sent = self.emulator.requests("get_ice_server_config").len();
        self.hold("quirk: a request without a channel is sent", sent == 1, sent);
        Ok(())
    }

    /// Whether the SDK and our client make something of this answer, and with how many requests.
    async fn both(&self, answer: &Value) -> Outcome<(bool, usize, bool, usize)> {
        let fault = json!({ "provider": "kvs-signaling", "action": answer });
        let sdk = aws_sdk_kinesisvideosignaling::Client::new(&self.config);
        let count = || self.emulator.requests("get_ice_server_config").len();
        self.reset()?;
        self.emulator.add_faults(fault.clone())?;
        let theirs = sdk.get_ice_server_config().channel_arn(DOOR).send().await.is_ok();
        let their_requests = count();
        self.reset()?;
        self.emulator.add_faults(fault)?;
        let ours = self.ours()?.get_ice_server_config(GetIceServerConfig::new(DOOR)).await.is_ok();
        Ok((theirs, their_requests, ours, count()))
    }

    /// The configuration of the SDK in our client.
    async fn chain(&mut self) -> Outcome<()> {
        println!("kvs-signaling-aws-config");
        self.reset()?;
        let servers = self.ours()?.ice_servers(IceServers::new(DOOR)).await;
        self.check("credentials and region of the SDK in our client", servers);
        Ok(())
    }

    fn ours(&self) -> Outcome<Client> {
        let chain = Chain::from_sdk_config(&self.config).ok_or("the configuration has no credentials")?;
        let region = chain.region().ok_or("the configuration has no region")?.to_owned();
        Ok(Client::builder(chain).region(region).endpoint(self.emulator.url()).build()?)
    }
}
