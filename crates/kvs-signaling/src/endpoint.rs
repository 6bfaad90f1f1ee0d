//! The addresses of the service in every partition of AWS.
//!
//! Source: the service's endpoint rule set and the partitions file, as botocore ships them.

use rtc_core::validate::{Checks, Field};
use rtc_core::{Rule, Url};
use serde::Serialize;

use crate::error::Result;
use crate::operation::{ResolveEndpoint, StunUrl};

/// A URL that was worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResolvedUrl {
    /// The URL.
    pub url: String,
}

/// The beginning of a region's name, and the domains of its partition: IPv4 only, and dual-stack.
const PARTITIONS: &[(&str, &str, &str)] = &[
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("us-gov-", "amazonaws.com", "api.aws"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

/// The domain of a region's partition. A region that is in none is taken for one of the main partition.
fn domain(region: &str, dual_stack: bool) -> &'static str {
    let known = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    let (plain, dual) = known.map_or(("amazonaws.com", "api.aws"), |(_, plain, dual)| (plain, dual));
    if dual_stack { dual } else { plain }
}

fn host(region: &str, fips: bool, dual_stack: bool) -> String {
    let fips = if fips { "-fips" } else { "" };
    format!("kinesisvideo{fips}.{region}.{}", domain(region, dual_stack))
}

/// The domains that the endpoints of a region's channels lie in.
pub(crate) fn channel_domains(region: &str) -> impl Iterator<Item = String> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(move |(f, d)| host(region, f, d))
}

pub(crate) fn check_resolve(request: &ResolveEndpoint, checks: &mut Checks) {
    if request.endpoint.as_deref().is_some_and(|url| Url::parse(url).is_err()) {
        checks.report(
            Field::new("endpoint", "endpoint"),
            Rule::Pattern,
            None,
            "must be a URL such as https://example.com",
        );
    }
}

/// The address of the service.
pub(crate) fn resolve(request: &ResolveEndpoint) -> Result<ResolvedUrl> {
    request.validate()?;
    let region = request.region.as_deref().unwrap_or_default();
    let url = match &request.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://{}", host(region, request.use_fips, request.use_dual_stack)),
    };
    Ok(ResolvedUrl { url })
}

/// The STUN server of a region.
pub(crate) fn stun(request: &StunUrl) -> Result<ResolvedUrl> {
    request.validate()?;
    let scheme = if request.use_fips { "stuns" } else { "stun" };
    let host = host(&request.region, request.use_fips, request.use_dual_stack);
    Ok(ResolvedUrl { url: format!("{scheme}:stun.{host}:443") })
}
