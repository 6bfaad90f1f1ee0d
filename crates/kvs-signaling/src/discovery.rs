//! Where channels are: found once and remembered for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc_core::{Clock as _, EndpointPolicy, ErrorKind, Reason, Trust, Url, is_host_within, timeout};

use crate::client::Client;
use crate::error::{Error, KvsError, Result};
use crate::model::ChannelEndpoints;
use crate::operation::{ChannelEndpointConfiguration, ChannelRole, GetSignalingChannelEndpoint, Protocol};

/// For how many channels and roles endpoints are remembered.
const CAPACITY: usize = 1024;
/// How long endpoints are remembered: they move seldom, and finding them costs one call.
const LIFE: Duration = Duration::from_secs(600);

/// What endpoints are kept by: the channel, the role, and whether it is about the storage session, whose endpoint
/// is refused together with the others by a channel that stores nothing.
type Key = (String, ChannelRole, bool);
/// The endpoints of one key, with their end. Its lock is held while they are asked for, so that
/// concurrent calls ask once.
type Cell = Arc<tokio::sync::Mutex<Option<(ChannelEndpoints, Instant)>>>;

/// The endpoints that were found and are trusted.
#[derive(Default)]
pub(crate) struct Endpoints(Mutex<HashMap<Key, Cell>>);

/// Without the channels: their ARNs name an account.
impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("len", &self.cells().len()).finish_non_exhaustive()
    }
}

impl Endpoints {
    fn cells(&self) -> MutexGuard<'_, HashMap<Key, Cell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, channel_arn: &str, role: &ChannelRole, storage: bool) -> Cell {
        let key = (channel_arn.to_owned(), role.clone(), storage);
        let mut cells = self.cells();
        if cells.len() >= CAPACITY && !cells.contains_key(&key) {
            // They cost one call to find again, so forgetting all of them now and then is cheap enough.
            cells.clear();
        }
        Arc::clone(cells.entry(key).or_default())
    }

    /// Forgets the endpoints of a channel. What is being asked for is used by its call, but not kept.
    pub(crate) fn forget(&self, channel_arn: &str) {
        self.cells().retain(|(arn, ..), _| arn != channel_arn);
    }
}

/// Whether a failure of an endpoint may mean that the channel has moved. A throttle, say, does not, and asking
/// for the endpoint again would only add to it; nor does a call that waited for its turn in vain.
pub(crate) fn may_have_moved(error: &Error) -> bool {
    error.attempts() > 0
        && matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::NotFound)
}

/// Where credentials may be sent among the endpoints that the service names.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// The domains that they must lie in; none when any will do.
    pub(crate) domains: Option<Vec<String>>,
}

impl Trusted {
    fn check(&self, found: &ChannelEndpoints, protocol: &Protocol, policy: &EndpointPolicy) -> Result<Url> {
        let (url, name) = match protocol {
            Protocol::Wss => (found.wss(), "WSS"),
            Protocol::Webrtc => (found.webrtc(), "WEBRTC"),
            _ => (found.https(), "HTTPS"),
        };
        let url = url.ok_or_else(|| Error::refused(KvsError::NoEndpoint { protocol: name }))?;
        self.check_host(url)?;
        let parsed = match protocol {
            Protocol::Wss => policy.parse_websocket(url, Trust::Discovered),
            _ => policy.parse(url, Trust::Discovered),
        };
        // The service's mistake, not one of the caller's input.
        parsed.map_err(|error| Error::refused(KvsError::RefusedEndpoint { reason: error.to_string() }))
    }

    fn check_host(&self, url: &str) -> Result<()> {
        let Some(domains) = &self.domains else { return Ok(()) };
        let host = Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
        if domains.iter().any(|domain| is_host_within(&host, domain)) {
            return Ok(());
        }
        let expected = domains.first().cloned().unwrap_or_default();
        Err(Error::refused(KvsError::UntrustedEndpoint { host, expected }))
    }
}

impl Client {
    /// The endpoint of a channel for a role, from memory if it was found less than ten minutes ago. Only what
    /// may be trusted is remembered.
    pub(crate) async fn endpoint_of(
        &self,
        channel_arn: &str,
        role: &ChannelRole,
        protocol: Protocol,
    ) -> Result<String> {
        let (caller, shared) = (self.caller(), self.shared());
        let check =
            |found: &ChannelEndpoints| shared.trusted.check(found, &protocol, caller.policy()).map(Url::into);
        let storage = protocol == Protocol::Webrtc;
        let cell = shared.endpoints.cell(channel_arn, role, storage);
        let waiting = timeout(caller.clock(), shared.limit, cell.lock());
        let mut known = waiting.await.ok_or_else(|| Error::new(Reason::Timeout(shared.limit)))?;
        let now = caller.clock().monotonic();
        if let Some((found, until)) = &*known
            && now < *until
            && let Ok(url) = check(found)
        {
            return Ok(url);
        }
        let protocols = if storage { vec![Protocol::Webrtc] } else { vec![Protocol::Https, Protocol::Wss] };
        let wanted = ChannelEndpointConfiguration::new().protocols(protocols).role(role.clone());
        let request = GetSignalingChannelEndpoint::new(channel_arn)
            .single_master_channel_endpoint_configuration(wanted);
        let reply = self.get_signaling_channel_endpoint(request).reply().await?;
        let url = check(&reply.output).map_err(|error| error.with_exchange(reply.attempts, true))?;
        *known = Some((reply.output, now + LIFE));
        Ok(url)
    }
}
