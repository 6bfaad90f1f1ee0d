//! What each provider needs by hand: its client, its local and its live operations.

use crate::input::Input;
use crate::outcome::{Outcome, Run};

pub(crate) mod enablex;
pub(crate) mod kvs_signaling;
mod mediasfu;
mod opentok;
pub(crate) mod sora_rpc;

/// Applies the settings of a run to a provider's client builder.
macro_rules! configure {
    ($builder:expr, $run:expr, $endpoint:literal) => {{
        let run: &$crate::outcome::Run = $run;
        let mut builder = $builder.application(concat!("rtc/", env!("CARGO_PKG_VERSION")));
        if let Some(endpoint) = run.base($endpoint) {
            builder = builder.endpoint(endpoint);
        }
        if let Some(limit) = run.timeout {
            builder = builder.timeout(limit);
        }
        if run.no_retry {
            builder = builder.retry(rtc_core::RetryPolicy::none());
        }
        if let Some(pem) = &run.root_certificate_pem {
            builder = builder.root_certificate_pem(pem.clone());
        }
        if let Some(clock) = &run.clock {
            builder = builder.clock(clock.clone());
        }
        if let Some(transport) = &run.transport {
            builder = builder.transport(transport.clone());
        }
        builder
    }};
}
pub(crate) use configure;

/// Runs an operation by the provider's and the operation's name.
pub(crate) async fn run(provider: &str, operation: &str, input: Input, run: &Run) -> Outcome {
    // On the heap: one future would else have room for the largest of all providers.
    let outcome = match provider {
        "enablex" => Box::pin(enablex::run(operation, input, run)).await,
        "kvs-signaling" => Box::pin(kvs_signaling::run(operation, input, run)).await,
        "mediasfu" => Box::pin(mediasfu::run(operation, input, run)).await,
        "opentok" => Box::pin(opentok::run(operation, input, run)).await,
        "sora-rpc" => Box::pin(sora_rpc::run(operation, input, run)).await,
        _ => return Outcome::unknown("provider", format!("there is no provider {provider:?}")),
    };
    outcome.unwrap_or_else(|| {
        Outcome::unknown("operation", format!("{provider} has no operation {operation:?}"))
    })
}
