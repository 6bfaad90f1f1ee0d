//! How requests are authorised: a Sora server knows no API keys.
//!
//! A connection is judged by the auth webhook, which reads [`Connect::metadata`](crate::Connect::metadata): that is where
//! tokens go. The HTTP API has no authentication at all: its port must not be reachable for others.

use std::sync::Arc;
use std::time::SystemTime;

use rtc_core::http::{Request, Response};
use rtc_core::{AuthError, Bytes, Meta, Service};

use crate::error::{self, SoraError};

/// The HTTP API of a server, which asks for no credentials.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SoraApi;

impl Service for SoraApi {
    type Error = SoraError;
    type Credentials = ();

    async fn credentials(&self) -> Result<Arc<()>, AuthError> {
        Ok(Arc::new(()))
    }

    fn authorize(
        &self,
        _credentials: &(),
        _meta: &Meta,
        _request: &mut Request<Bytes>,
        _now: SystemTime,
    ) -> Result<(), AuthError> {
        Ok(())
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<SoraError> {
        error::refusal(meta.name, response)
    }
}
