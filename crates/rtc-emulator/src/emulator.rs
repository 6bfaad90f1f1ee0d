//! Starting, asking and stopping an emulator.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};

#[cfg(feature = "enablex")]
use crate::credentials::EnablexAccess;
#[cfg(feature = "mediasfu")]
use crate::credentials::MediasfuAccess;
#[cfg(feature = "sora-rpc")]
use crate::credentials::SoraAccess;
#[cfg(feature = "kvs-signaling")]
use crate::kvs_signaling::KvsAccess;
#[cfg(feature = "opentok")]
use crate::opentok::OpentokAccess;
use crate::{
    clock::EmulatorClock,
    faults::{Fault, Faults},
    ids::Ids,
    log::{Log, LogEntry},
    provider::Provider,
    server::{Layer, Server, accept},
    shared::Shared,
};

type MakeProvider = Box<dyn FnOnce(&Arc<Shared>) -> Arc<dyn Provider> + Send>;

/// How an emulator is to be started.
pub struct EmulatorBuilder {
    bind: IpAddr,
    port: u16,
    seed: u64,
    tls: bool,
    tls_port: u16,
    log_capacity: usize,
    quotas: bool,
    patience: Duration,
    clock: EmulatorClock,
    providers: Vec<MakeProvider>,
}

impl EmulatorBuilder {
    /// The address to listen on, 127.0.0.1 unless told. The emulator's credentials are public, and whoever reaches it
    /// can change it: on another address than loopback that is anybody. [`Emulator::is_loopback`], `GET health` and
    /// the page of `/_emulator/` say which it is.
    #[must_use]
    pub fn bind(self, bind: IpAddr) -> Self {
        Self { bind, ..self }
    }

    /// The port of the plain listener; 0, the default, takes a free one.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// What identifiers are made from: same seed and calls, same ids.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether to listen with TLS as well.
    #[must_use]
    pub fn tls(self, tls: bool) -> Self {
        Self { tls, ..self }
    }

    /// The port of the TLS listener; 0, the default, takes a free one.
    #[must_use]
    pub fn tls_port(self, tls_port: u16) -> Self {
        Self { tls_port, ..self }
    }

    /// How long a peer may take for a TLS handshake, for a head and for a body, keep an idle connection, and take
    /// in nothing of what it is sent: 30 s unless told, always on the system's clock.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many log entries are kept, 10,000 unless told; fewer if they weigh more than 64 MiB together.
    #[must_use]
    pub fn log_capacity(self, log_capacity: usize) -> Self {
        Self { log_capacity, ..self }
    }

    /// Whether the documented quotas are enforced, as they are unless told.
    #[must_use]
    pub fn quotas(self, quotas: bool) -> Self {
        Self { quotas, ..self }
    }

    /// The time to live in.
    #[must_use]
    pub fn clock(self, clock: EmulatorClock) -> Self {
        Self { clock, ..self }
    }

    /// One more provider, asked before the built-in ones.
    #[doc(hidden)]
    #[must_use]
    pub fn provider(mut self, make: impl FnOnce(&Arc<Shared>) -> Arc<dyn Provider> + Send + 'static) -> Self {
        self.providers.push(Box::new(make));
        self
    }

    /// Binds the listeners and serves until the emulator is dropped.
    ///
    /// # Errors
    /// A port that is taken; TLS without the feature `tls`.
    pub async fn start(self) -> io::Result<Emulator> {
        let plain = TcpListener::bind((self.bind, self.port)).await?;
        let loopback = self.bind.is_loopback();
        let http = format!("http://{}", reachable(plain.local_addr()?));
        let mut listeners = vec![(plain, Layer::Plain)];
        let (mut https, mut ca_pem) = (None, None);
        if self.tls {
            let (listener, layer, pem) = secure(self.bind, self.tls_port).await?;
            https = Some(format!("https://{}", reachable(listener.local_addr()?)));
            ca_pem = Some(pem);
            listeners.push((listener, layer));
        }
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            clock: self.clock,
            ids: Ids::new(self.seed),
            log: Log::new(self.log_capacity),
            faults: Faults::default(),
            dice: Ids::new(!self.seed),
            seed: self.seed,
            quotas: AtomicBool::new(self.quotas),
            loopback,
            http,
            https,
            stop: stopped,
        });
        let mut providers: Vec<_> = self.providers.into_iter().map(|make| make(&shared)).collect();
        providers.extend(crate::providers(&shared));
        let server = Arc::new(Server { shared, providers, quotas: self.quotas, patience: self.patience });
        let tasks = listeners
            .into_iter()
            .map(|(listener, layer)| tokio::spawn(accept(Arc::clone(&server), listener, layer)))
            .collect();
        Ok(Emulator { server, ca_pem, stop, tasks })
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EmulatorBuilder");
        shown
            .field("bind", &self.bind)
            .field("port", &self.port)
            .field("seed", &self.seed)
            .field("tls", &self.tls);
        shown.finish_non_exhaustive()
    }
}

/// Five providers on loopback. Dropped = stopped.
pub struct Emulator {
    server: Arc<Server>,
    ca_pem: Option<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Emulator {
    /// Starts one on a free port of 127.0.0.1 with everything at its default.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// To start one otherwise.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            seed: 0,
            tls: false,
            tls_port: 0,
            log_capacity: 10_000,
            quotas: true,
            patience: Duration::from_secs(30),
            clock: EmulatorClock::system(),
            providers: Vec::new(),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.server.shared
    }

    /// Where a built-in provider is: both base URLs, and the provider itself.
    #[allow(dead_code, reason = "each provider is a feature")]
    fn access(&self, name: &str) -> (String, Option<String>, Option<Arc<dyn Provider>>) {
        let provider = self.server.providers.iter().find(|provider| provider.name() == name).cloned();
        (self.shared().http.clone(), self.shared().https.clone(), provider)
    }

    /// URL and credentials of OpenTok, and the clients of its sessions.
    #[cfg(feature = "opentok")]
    pub fn opentok(&self) -> OpentokAccess {
        let (http, https, provider) = self.access("opentok");
        OpentokAccess { http, https, provider }
    }

    /// URL and credentials of Kinesis Video Streams signaling, and its open WebSockets.
    #[cfg(feature = "kvs-signaling")]
    pub fn kvs(&self) -> KvsAccess {
        let (http, https, provider) = self.access("kvs-signaling");
        KvsAccess { http, https, provider }
    }

    /// URL and credentials of EnableX, and what can be done to its rooms.
    #[cfg(feature = "enablex")]
    pub fn enablex(&self) -> EnablexAccess {
        let (http, https, provider) = self.access("enablex");
        EnablexAccess { http, https, provider }
    }

    /// URLs and credentials of MediaSFU, and the waiting rooms of its meetings.
    #[cfg(feature = "mediasfu")]
    pub fn mediasfu(&self) -> MediasfuAccess {
        let (http, https, provider) = self.access("mediasfu");
        MediasfuAccess { http, https, provider }
    }

    /// URLs of Sora, and what can be done to its connections.
    #[cfg(feature = "sora-rpc")]
    pub fn sora(&self) -> SoraAccess {
        let (http, https, provider) = self.access("sora-rpc");
        SoraAccess { http, https, provider }
    }

    /// Base URL of the plain listener; the management API is under `/_emulator/`.
    pub fn url(&self) -> &str {
        self.shared().url()
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.shared().loopback
    }

    /// Base URL of the TLS listener, if asked for.
    pub fn tls_url(&self) -> Option<&str> {
        self.shared().tls_url()
    }

    /// The certificate authority to trust, PEM, if TLS was asked for.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Serves one connection that is no socket, until it ends.
    #[doc(hidden)]
    pub fn serve(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.server).connection(io)
    }

    /// The time it lives in.
    pub fn clock(&self) -> &EmulatorClock {
        &self.shared().clock
    }

    /// The request log.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared().log.entries(0, None)
    }

    /// The requests of one operation.
    pub fn requests(&self, operation: &str) -> Vec<LogEntry> {
        self.shared().log.entries(0, Some(operation))
    }

    /// Empties the log.
    pub fn clear_log(&self) {
        self.shared().log.clear();
    }

    /// Adds a fault and gives its id.
    ///
    /// # Errors
    /// Says what is wrong with the rule.
    pub fn add_fault(&self, fault: Fault) -> Result<String, String> {
        self.shared().faults.add(fault)
    }

    /// Adds faults as the management API takes them: one rule or a list, in JSON; all, or none when one
    /// is wrong.
    ///
    /// # Errors
    /// Says what is wrong with a rule.
    pub fn add_faults(&self, rules: Value) -> Result<Vec<String>, String> {
        self.server.add_faults(rules)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared().faults.clear();
    }

    /// Switches the documented quotas on or off.
    pub fn set_quotas(&self, on: bool) {
        self.shared().quotas.store(on, std::sync::atomic::Ordering::Relaxed);
    }

    /// What all providers keep, by provider.
    pub fn state(&self) -> Value {
        self.server.state()
    }

    /// Gives state to providers: an object by provider.
    ///
    /// # Errors
    /// Says what a provider cannot take.
    pub fn seed(&self, seed: Value) -> Result<(), String> {
        self.server.seed(seed)
    }

    /// Forgets everything: state, log, faults, moved time; identifiers start over, and the quotas are
    /// enforced as they were at the start.
    pub fn reset(&self) {
        self.server.reset();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Upgraded connections are nobody's tasks but the provider's: the signal ends their sockets.
        self.stop.send_replace(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url())
            .field("tls_url", &self.tls_url())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "tls")]
async fn secure(bind: IpAddr, port: u16) -> io::Result<(TcpListener, Layer, String)> {
    let (acceptor, pem) = crate::tls::acceptor()?;
    Ok((TcpListener::bind((bind, port)).await?, Layer::Tls(acceptor), pem))
}

#[cfg(not(feature = "tls"))]
async fn secure(_: IpAddr, _: u16) -> io::Result<(TcpListener, Layer, String)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "rtc-emulator is built without its feature `tls`"))
}

/// Where a client on this machine finds a listener; "everywhere" is no address to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv6() {
            std::net::Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        });
    }
    address
}
