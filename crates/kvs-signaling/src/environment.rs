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
    use rtc_core::{Auth, Meta, Service as _};

    use super::*;

    /// The base URLs of the control plane, the data plane and the storage sessions with these variables.
    fn bases(set: &[(&str, &str)]) -> [String; 3] {
        let value = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        let var = |name| value(name).or_else(|| (name == "AWS_REGION").then(|| "us-west-2".to_owned()));
        let client = builder(var).unwrap().build().unwrap();
        ["control", "", "storage"].map(|scope| {
            let meta = Meta::new("any").with_auth(Auth::Service(scope));
            client.caller().service().base(&meta).unwrap().to_string()
        })
    }

    #[test]
    fn where_the_variables_lead() {
        const ALL: &str = "AWS_ENDPOINT_URL";
        const CONTROL: &str = "AWS_ENDPOINT_URL_KINESIS_VIDEO";
        const DATA: &str = "AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING";
        const STORAGE: &str = "AWS_ENDPOINT_URL_KINESIS_VIDEO_WEBRTC_STORAGE";
        let regional = "https://kinesisvideo.us-west-2.amazonaws.com/";
        let (all, own) = ("https://all.example/", "https://own.example/");
        for (set, expected) in [
            (&[][..], [regional; 3]),
            (&[(ALL, all)], [all; 3]),
            (&[(ALL, all), (CONTROL, own)], [own, all, all]),
            (&[(ALL, all), (DATA, own)], [all, own, all]),
            (&[(ALL, all), (STORAGE, own)], [all, all, own]),
            (&[(STORAGE, own)], [regional, regional, own]),
            (&[("AWS_USE_FIPS_ENDPOINT", "TRUE")], ["https://kinesisvideo-fips.us-west-2.amazonaws.com/"; 3]),
            (&[("AWS_USE_DUALSTACK_ENDPOINT", "true")], ["https://kinesisvideo.us-west-2.api.aws/"; 3]),
            (&[("AWS_USE_FIPS_ENDPOINT", "false")], [regional; 3]),
            (
                &[("AWS_REGION", "cn-north-1"), ("AWS_DEFAULT_REGION", "us-east-1")],
                ["https://kinesisvideo.cn-north-1.amazonaws.com.cn/"; 3],
            ),
        ] {
            assert_eq!(bases(set), expected, "{set:?}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        for (name, field) in
            [("AWS_USE_FIPS_ENDPOINT", "use_fips"), ("AWS_USE_DUALSTACK_ENDPOINT", "use_dual_stack")]
        {
            let var = |known| match known {
                "AWS_REGION" => Some("us-west-2".to_owned()),
                "AWS_ENDPOINT_URL" => Some("https://all.example".to_owned()),
                _ => (known == name).then(|| "true".to_owned()),
            };
            let error = builder(var).unwrap().build().unwrap_err();
            let violation = error.violations().unwrap().first().unwrap();
            assert_eq!(violation.field, field);
            assert!(violation.message.ends_with("and custom endpoint are not supported"), "{error}");
        }
        let error = builder(|_| None).unwrap().build().unwrap_err();
        assert_eq!(error.violations().unwrap().first().unwrap().field, "region");
    }

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
