//! What the chain's failures say.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use kvs_signaling::rtc_core::AuthError;

/// More than this is a page, not a sentence.
const LONGEST: usize = 400;

/// The failure with its causes in words. It does not become the source of the error: its `Debug` can hold whole
/// answers, and what a credential process wrote to its standard error is nobody's to print.
pub(crate) fn told(error: &CredentialsError) -> AuthError {
    let advice = match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role"
        }
        CredentialsError::ProviderTimedOut(_) => "the AWS credentials were not to be had in time",
        CredentialsError::InvalidConfiguration(_) => "the configuration of the AWS credentials is wrong",
        _ => "the AWS credentials cannot be had",
    };
    let mut causes = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push_str(": ");
        causes.push_str(&error.to_string());
        cause = error.source();
    }
    let spoken = causes.split("Stderr:").next().unwrap_or_default();
    let words: Vec<&str> = spoken.split_whitespace().collect();
    let message: String = format!("{advice}{}", words.join(" ")).chars().take(LONGEST).collect();
    AuthError::new(message)
}
