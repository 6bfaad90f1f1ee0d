//! The documented rate of a call, kept instead of hit.

use std::time::Duration;

use rtc_core::{Pace, Quota, Quotas, Url, account_key};

/// How often telephone calls may be listed: once in this time. Source: the vendor's telephony sample.
const LIST: Quota = Quota::new(1, Duration::from_secs(5));

/// Lets one list of telephone calls of an account through at a time.
pub(crate) fn of_lists(quotas: &Quotas, account: &str, base: &Url) -> Pace {
    quotas.pace([(account_key("mediasfu_sip_list_", account, base), LIST)])
}
