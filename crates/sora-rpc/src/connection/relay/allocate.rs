//! Getting an allocation from one of several servers.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rtc_core::transport::stream;
use rtc_core::{ClientConfig, Clock, Limits, TransportError, TransportErrorKind, Trust, timeout as within};
use tokio::net::UdpSocket;
use turn_client_proto::api::TurnConfig;
use turn_client_proto::client::TurnClient;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::url::{Carrier, Server};
use super::verdict::Verdict;
use super::wire::Wire;
use super::{Relay, quietly};
use crate::model::IceServer;

/// The bounds of requests: 500 ms until the first repetition, doubled each time up to 8 s, 7 times in all, and 8 s
/// after the last one (RFC 8489, 6.2.1, which has no upper bound of a pause).
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
const TIMES: u32 = 7;

/// RFC 8489, 14.3. turn-client-proto 0.7.3 panics with a longer one.
const USERNAME: usize = 513;

/// How many addresses of a name, servers of an offer and peers are used: offers come from the network.
const ADDRESSES: usize = 4;
const SERVERS: usize = 16;
const PEERS: usize = 32;

/// No peer, no host: what a stream has in place of addresses.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What one attempt needs.
struct Attempt<'a> {
    config: &'a ClientConfig,
    server: &'a Server,
    turn: TurnConfig,
    peers: &'a [IpAddr],
}

impl Relay {
    /// An allocation at the first of `servers` that gives one: those over UDP are asked first, then TCP, then TLS. The
    /// peers may send to it when this returns. It is of IPv4 unless all peers are of IPv6.
    ///
    /// Addresses are judged as [`Trust::Discovered`], for it is an offer that names the servers; `limit` is divided
    /// among them. The client's certificate is not shown to them.
    ///
    /// # Errors
    /// No server is named that can be used, or none gives an allocation in time, or those that do forbid all peers.
    /// The source says what each one failed with.
    pub(crate) async fn allocate(
        servers: &[IceServer],
        peers: &[IpAddr],
        config: &ClientConfig,
        limit: Duration,
    ) -> Result<Self, TransportError> {
        let mut config = config.clone();
        config.client_identity = None;
        let family = match peers.iter().all(IpAddr::is_ipv6) && !peers.is_empty() {
            true => AddressFamily::IPV6,
            false => AddressFamily::IPV4,
        };
        let end = config.clock.monotonic() + limit;
        let mut targets = targets(servers, family)?;
        let mut failures = Failures::default();
        while let Some((index, server, turn)) = targets.pop_front() {
            let left = end.saturating_duration_since(config.clock.monotonic());
            let share = left / u32::try_from(targets.len() + 1).unwrap_or(1);
            let attempt = Attempt { config: &config, server: &server, turn, peers };
            let failure = match within(&config.clock, share, attempt.run(share)).await {
                Some(Ok(relay)) => return Ok(relay),
                Some(Err(failure)) => failure,
                None => Failure::Late(share),
            };
            if let Failure::Credentials(_) = failure {
                // They are the same for all URLs of this entry.
                targets.retain(|(other, ..)| *other != index);
            }
            failures.0.push((server, failure));
        }
        Err(failures.into())
    }
}

/// The servers in the order in which they are to be tried, with the number of their entry and their credentials.
fn targets(
    servers: &[IceServer],
    family: AddressFamily,
) -> Result<VecDeque<(usize, Server, TurnConfig)>, TransportError> {
    let setup = |message: &str| TransportError::new(TransportErrorKind::Setup(message.to_owned()));
    let mut targets = Vec::new();
    for (index, entry) in servers.iter().enumerate() {
        let (Some(username), Some(credential)) = (&entry.username, &entry.credential) else { continue };
        if username.len() > USERNAME {
            return Err(setup("a username of iceServers is longer than 513 bytes"));
        }
        for server in entry.urls.iter().filter_map(|url| Server::parse(url)) {
            let mut turn = TurnConfig::new(TurnCredentials::new(username, credential.expose()));
            turn.set_address_family(family);
            turn.set_request_retransmits(FIRST, LONGEST, TIMES, LONGEST);
            targets.push((index, server, turn));
        }
    }
    if targets.is_empty() {
        return Err(setup(
            "iceServers of the offer name no TURN server that can be used: turn: or turns: with username and credential",
        ));
    }
    targets.sort_by_key(|(_, server, _)| server.carrier);
    targets.truncate(SERVERS);
    Ok(targets.into())
}

impl Attempt<'_> {
    /// One server: its addresses one after the other.
    async fn run(self, limit: Duration) -> Result<Relay, Failure> {
        let Server { host, port, carrier } = self.server;
        if *carrier != Carrier::Udp {
            let limits = Limits::default().with_connect(limit).with_trust(Trust::Discovered);
            let tls = *carrier == Carrier::Tls;
            let io =
                stream::open(self.config, host, *port, tls, limits).await.map_err(|e| Failure::of(&e))?;
            let client =
                quietly(|| TurnClient::Tcp(TurnClientTcp::allocate(NOWHERE, NOWHERE, self.turn.clone())));
            return self.enter(client, Wire::stream(io), (NOWHERE, NOWHERE)).await;
        }
        let found = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(|e| Failure::of(&e))?;
        let addresses: Vec<_> = found.take(ADDRESSES).collect();
        let share = limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut failure = Failure::Other("its name has no address".to_owned());
        for address in addresses {
            failure = match within(&self.config.clock, share, self.datagrams(address)).await {
                Some(Ok(relay)) => return Ok(relay),
                Some(Err(failure @ Failure::Credentials(_))) => return Err(failure),
                Some(Err(failure)) => failure,
                None => Failure::Late(share),
            };
        }
        Err(failure)
    }

    async fn datagrams(&self, server: SocketAddr) -> Result<Relay, Failure> {
        let verdict = self.config.policy.check_address(&self.server.host, server.ip(), Trust::Discovered);
        verdict.map_err(|error| Failure::of(&error))?;
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await.map_err(|e| Failure::of(&e))?;
        socket.connect(server).await.map_err(|e| Failure::of(&e))?;
        let ours = socket.local_addr().map_err(|e| Failure::of(&e))?;
        let client = quietly(|| TurnClient::Udp(TurnClientUdp::allocate(ours, server, self.turn.clone())));
        self.enter(client, Wire::Udp(socket), (ours, server)).await
    }

    /// Everything that is said to the server until packets can pass.
    async fn enter(
        &self,
        client: TurnClient,
        wire: Wire,
        ends: (SocketAddr, SocketAddr),
    ) -> Result<Relay, Failure> {
        let clock = self.config.clock.clone();
        let mut relay = Relay {
            client,
            wire,
            ends,
            address: NOWHERE,
            start: clock.monotonic(),
            clock,
            timer: None,
            outgoing: VecDeque::new(),
            waiting: 0,
            inbox: VecDeque::new(),
            asked: Vec::new(),
            permitted: false,
            verdict: Verdict::default(),
        };
        let entered = relay.until(|relay| relay.address != NOWHERE || relay.verdict.is_refused()).await;
        relay.judge(entered)?;
        for peer in self.peers.iter().take(PEERS) {
            relay.permit(*peer);
        }
        let wanted = !relay.asked.is_empty();
        let answered = relay.until(|relay| relay.asked.is_empty()).await;
        relay.judge(answered)?;
        if wanted && !relay.permitted {
            return Err(Failure::Other(relay.verdict.reason()));
        }
        Ok(relay)
    }
}

impl Relay {
    /// A refusal says more than the end that follows it.
    fn judge(&self, step: Result<(), TransportError>) -> Result<(), Failure> {
        if self.verdict.is_refused() {
            let reason = self.verdict.reason();
            return Err(match self.verdict.is_unauthenticated() {
                true => Failure::Credentials(reason),
                false => Failure::Other(reason),
            });
        }
        step.map_err(|error| Failure::of(&error))
    }
}

/// Why one server gave no allocation.
#[derive(Debug)]
enum Failure {
    /// The credentials are at fault.
    Credentials(String),
    /// No allocation in this time.
    Late(Duration),
    Other(String),
}

impl Failure {
    /// An error with all its sources.
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            reason = format!("{reason}: {error}");
            source = error.source();
        }
        Self::Other(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(reason) | Self::Other(reason) => f.write_str(reason),
            Self::Late(limit) => write!(f, "no allocation in {limit:.1?}"),
        }
    }
}

/// Why no server gave one.
#[derive(Debug, Default)]
struct Failures(Vec<(Server, Failure)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no TURN server gave an address")?;
        self.0.iter().try_for_each(|(server, failure)| write!(f, "; {server}: {failure}"))
    }
}

impl std::error::Error for Failures {}

impl From<Failures> for TransportError {
    fn from(failures: Failures) -> Self {
        let kind = match failures.0.iter().all(|(_, failure)| matches!(failure, Failure::Late(_))) {
            true => TransportErrorKind::ConnectTimeout,
            false => TransportErrorKind::Connect,
        };
        Self::new(kind).with_source(failures)
    }
}
