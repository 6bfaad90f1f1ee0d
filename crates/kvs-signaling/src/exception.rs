//! The names of the service's refusals.
//!
//! Source: the API models of the three services, and general AWS practice for those about signatures.

use rtc_core::ErrorKind;

/// The name that the service gives a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exception {
    /// Too many calls; of a storage session also: too many viewers.
    ClientLimitExceeded,
    /// A value of the request is wrong.
    InvalidArgument,
    /// The caller may not do this (data plane).
    NotAuthorized,
    /// The caller may not do this (control plane, storage).
    AccessDenied,
    /// There is no such channel, or it is not active.
    ResourceNotFound,
    /// The client is not known to the channel.
    InvalidClient,
    /// The session of the client has ended.
    SessionExpired,
    /// The channel exists already, or is not in a state that allows this.
    ResourceInUse,
    /// The account has as many channels as it may have.
    AccountChannelLimitExceeded,
    /// The resource has as many tags as it may have.
    TagsPerResourceExceededLimit,
    /// The version of the channel is not the latest.
    VersionMismatch,
    /// The stream keeps no data, which the call needs.
    NoDataRetention,
    /// The signature does not match, or is too old.
    InvalidSignature,
    /// The signature lacks a part.
    IncompleteSignature,
    /// There is no signature.
    MissingAuthenticationToken,
    /// The access key or the session token is not known.
    UnrecognizedClient,
    /// The session token has expired.
    ExpiredToken,
    /// The clock of the caller is wrong.
    RequestTimeTooSkewed,
    /// Too many calls, told by the front of the service.
    Throttling,
    /// A name that this version does not know, kept as it came.
    Other(String),
}

rtc_core::string_enum!(Exception {
    ClientLimitExceeded = "ClientLimitExceededException",
    InvalidArgument = "InvalidArgumentException",
    NotAuthorized = "NotAuthorizedException",
    AccessDenied = "AccessDeniedException",
    ResourceNotFound = "ResourceNotFoundException",
    InvalidClient = "InvalidClientException",
    SessionExpired = "SessionExpiredException",
    ResourceInUse = "ResourceInUseException",
    AccountChannelLimitExceeded = "AccountChannelLimitExceededException",
    TagsPerResourceExceededLimit = "TagsPerResourceExceededLimitException",
    VersionMismatch = "VersionMismatchException",
    NoDataRetention = "NoDataRetentionException",
    InvalidSignature = "InvalidSignatureException",
    IncompleteSignature = "IncompleteSignatureException",
    MissingAuthenticationToken = "MissingAuthenticationTokenException",
    UnrecognizedClient = "UnrecognizedClientException",
    ExpiredToken = "ExpiredTokenException",
    RequestTimeTooSkewed = "RequestTimeTooSkewed",
    Throttling = "ThrottlingException",
});

impl Exception {
    /// The neutral meaning, where the name alone has one.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        Some(match self {
            Self::ClientLimitExceeded | Self::Throttling => ErrorKind::RateLimited,
            Self::InvalidArgument | Self::InvalidClient => ErrorKind::InvalidInput,
            Self::NotAuthorized | Self::AccessDenied => ErrorKind::PermissionDenied,
            Self::ResourceNotFound => ErrorKind::NotFound,
            Self::SessionExpired => ErrorKind::Closed,
            // Waiting does not help against the limits of an account: something must be deleted first.
            Self::ResourceInUse
            | Self::VersionMismatch
            | Self::NoDataRetention
            | Self::AccountChannelLimitExceeded
            | Self::TagsPerResourceExceededLimit => ErrorKind::Conflict,
            Self::InvalidSignature
            | Self::IncompleteSignature
            | Self::MissingAuthenticationToken
            | Self::UnrecognizedClient
            | Self::ExpiredToken
            | Self::RequestTimeTooSkewed => ErrorKind::Unauthenticated,
            Self::Other(_) => return None,
        })
    }
}
