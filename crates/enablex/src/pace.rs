//! How often the Server API may be called: the vendor documents that it refuses what is too much (429), but no number.

use std::time::Duration;

use rtc_core::{Pace, Quota, Quotas, Url, account_key};

/// What the calls of one application wait for: the rate that the user knows, if any, and the end of the pause that a
/// refusal asked for.
pub(crate) fn of_application(
    quotas: &Quotas,
    rate: Option<(u32, Duration)>,
    app_id: &str,
    base: &Url,
) -> Pace {
    let key = account_key("enablex:", app_id, base);
    let limit = rate.map(|(calls, per)| (key.clone(), Quota::new(calls, per)));
    quotas.pace(limit).holding_off(key)
}
