//! The settings of a client in environment variables, named as the AWS SDKs name them.

use rtc_core::{TransportError, TransportErrorKind};

use crate::client::{Client, ClientBuilder};
use crate::credentials::{Environment, SharedCredentialsProvider};
use crate::error::Result;

/// The builder of a client with the settings that `var` gives for the names of the variables.
pub(crate) fn builder(var: impl Fn(&'static str) -> Option<String>) -> Result<ClientBuilder> {
    let var = |name| var(name).filter(|value| !value.is_empty());
    let is_true = |name| var(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut builder = Client::builder(SharedCredentialsProvider::new(Environment))
        .use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    if let Some(region) = var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION")) {
        builder = builder.region(region);
    }
    if let Some(url) = var("AWS_ENDPOINT_URL") {
        builder = builder.endpoint(url);
    }
    if let Some(url) = var("AWS_ENDPOINT_URL_KINESIS_VIDEO") {
        builder = builder.control_endpoint(url);
    }
    if let Some(url) = var("AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING") {
        builder = builder.signaling_endpoint(url);
    }
    if let Some(url) = var("AWS_ENDPOINT_URL_KINESIS_VIDEO_WEBRTC_STORAGE") {
        builder = builder.storage_endpoint(url);
    }
    if let Some(file) = var("AWS_CA_BUNDLE") {
        builder = builder.root_certificate_pem(certificates(&file)?);
    }
    Ok(builder)
}

fn certificates(file: &str) -> std::result::Result<Vec<u8>, TransportError> {
    std::fs::read(file).map_err(|error| {
        let message = format!("the file {file} that AWS_CA_BUNDLE names cannot be read: {error}");
        TransportError::new(TransportErrorKind::Setup(message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_read_is_told() {
        let var = |name| (name == "AWS_CA_BUNDLE").then(|| "/no/such/bundle.pem".to_owned());
        let text = builder(var).unwrap_err().to_string();
        assert!(text.contains("AWS_CA_BUNDLE") && text.contains("/no/such/bundle.pem"), "{text}");
    }

    #[test]
    fn empty_variables_are_not_set() {
        let client =
            builder(|name| Some(if name == "AWS_DEFAULT_REGION" { "us-west-2" } else { "" }.to_owned()));
        assert!(client.unwrap().build().is_ok());
    }
}
