//! How often the Server API may be called: the vendor documents that it refuses what is too much (429), but no number.

use std::time::Duration;

use rtc_core::{Pace, Quota, Quotas, Url, stable_hash};

/// What the calls of one application wait for: the rate that the user knows, if any, and the end of the pause that a
/// refusal asked for.
pub(crate) fn of_application(
    quotas: &Quotas,
    rate: Option<(u32, Duration)>,
    app_id: &str,
    base: &Url,
) -> Pace {
    // An application's id is nobody else's business, so the key holds a hash.
    let hash = stable_hash(format!("{}:{app_id}{base}", app_id.len()).as_bytes());
    let key = format!("enablex:{hash:032x}");
    let limit = rate.map(|(calls, per)| (key.clone(), Quota::new(calls, per)));
    quotas.pace(limit).holding_off(key)
}
