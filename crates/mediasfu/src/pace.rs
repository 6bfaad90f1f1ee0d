//! The documented rate of a call, kept instead of hit.

use std::time::Duration;

use rtc_core::{Pace, Quota, Quotas, SharedClock, SharedStore, Url, stable_hash};

/// How often telephone calls may be listed: once in this time. Source: the vendor's telephony sample.
const LIST: Quota = Quota::new(1, Duration::from_secs(5));

/// Lets one list of telephone calls of an account through at a time.
pub(crate) fn of_lists(store: SharedStore, clock: SharedClock, account: &str, base: &Url) -> Pace {
    // An account's name is nobody else's business, so the key holds a hash.
    let hash = stable_hash(format!("{}:{account}{base}", account.len()).as_bytes());
    Quotas::new(store, clock).pace([(format!("mediasfu_sip_list_{hash:032x}"), LIST)])
}
