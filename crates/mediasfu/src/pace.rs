//! The documented rate of a call, kept instead of hit.

use std::sync::Arc;
use std::time::Duration;

use rtc_core::{BoxFuture, Gate, Pacer, Permit, Rate, SharedClock, SharedStore, Url, stable_hash};

use crate::error::{Error, MediaSfuError};

/// How often telephone calls may be listed: once in this time. Source: the vendor's telephony sample.
const LIST_PAUSE: Duration = Duration::from_secs(5);

/// Lets one call of an account through at a time of the rate. The rate is in the store, so that all clients of one
/// store share it.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Pacer);

impl Pace {
    pub(crate) fn new(store: SharedStore, clock: SharedClock, account: &str, base: &Url) -> Self {
        // An account's name is nobody else's business, so the key holds a hash.
        let hash = stable_hash(format!("{}:{account}{base}", account.len()).as_bytes());
        let key = format!("mediasfu_sip_list_{hash:032x}");
        Self(Pacer::new(store, clock, key, Rate::new(1, LIST_PAUSE), 1))
    }

    async fn turn(&self) {
        // Without the store nothing is waited for: the service refuses by itself.
        let _ = self.0.ready().await;
    }
}

impl Gate<MediaSfuError> for Pace {
    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error>> {
        Box::pin(async {
            self.turn().await;
            // Nothing is given back: time has passed.
            Ok(Box::new(()) as Box<dyn Permit>)
        })
    }

    fn again(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.turn().await;
            Ok(())
        })
    }
}

/// The gate as a call takes it.
pub(crate) fn gate(pace: &Pace) -> Arc<dyn Gate<MediaSfuError>> {
    Arc::new(pace.clone())
}
