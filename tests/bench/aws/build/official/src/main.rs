//! Prints the TURN servers of a channel: `build-official ENDPOINT REGION ARN`.

use aws_sdk_kinesisvideosignaling::config::{BehaviorVersion, Config, Credentials, Region};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: ENDPOINT REGION ARN");
    let (endpoint, region, arn) = (next()?, next()?, next()?);
    let key = (std::env::var("AWS_ACCESS_KEY_ID")?, std::env::var("AWS_SECRET_ACCESS_KEY")?);
    let token = std::env::var("AWS_SESSION_TOKEN").ok();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(key.0, key.1, token, None, "environment"))
        .build();
    let client = aws_sdk_kinesisvideosignaling::Client::from_conf(config);
    let config = client.get_ice_server_config().channel_arn(arn).send().await?;
    for server in config.ice_server_list() {
        println!("{:?}", server.uris());
    }
    Ok(())
}
