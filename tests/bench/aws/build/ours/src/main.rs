//! Prints the TURN servers of a channel: `build-ours ENDPOINT REGION ARN`.

use kvs_signaling::{Client, Environment, GetIceServerConfig, SharedCredentialsProvider};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: ENDPOINT REGION ARN");
    let (endpoint, region, arn) = (next()?, next()?, next()?);
    let client = Client::builder(SharedCredentialsProvider::new(Environment))
        .region(region)
        .signaling_endpoint(endpoint)
        .build()?;
    let config = client.get_ice_server_config(GetIceServerConfig::new(arn)).await?;
    for server in &config.ice_server_list {
        println!("{:?}", server.uris);
    }
    Ok(())
}
