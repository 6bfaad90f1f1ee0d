//! What a call gives.

use std::fmt;

use http::{HeaderMap, StatusCode};

use crate::transport::Body;

/// The output of a call with what is known of the exchange.
#[non_exhaustive]
pub struct Reply<T> {
    /// The decoded answer.
    pub output: T,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// How many attempts it took.
    pub attempts: u32,
    /// The body: of a streamed answer as it arrives, of all others as it came, for members that the output
    /// does not know. It can hold secrets in clear.
    pub body: Body,
}

impl<T: fmt::Debug> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers can hold cookies and tokens: only how many there are.
        f.debug_struct("Reply")
            .field("output", &self.output)
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("request_id", &self.request_id)
            .field("attempts", &self.attempts)
            .field("body", &self.body)
            .finish()
    }
}
