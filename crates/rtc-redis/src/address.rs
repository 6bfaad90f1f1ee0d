//! Where the server is, and a connection to it.

use std::fmt;

#[cfg(any(feature = "sentinel", feature = "_tls"))]
use redis::ConnectionAddr;
#[cfg(feature = "cluster")]
use redis::cluster::ClusterClient;
#[cfg(all(feature = "sentinel", feature = "_tls"))]
use redis::sentinel::SentinelClientBuilder;
#[cfg(feature = "sentinel")]
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo, RedisResult, Value};
#[cfg(feature = "sentinel")]
use redis::{RedisConnectionInfo, TlsMode};
use rtc_core::StoreError;

use crate::failure::Failure;
use crate::options::RedisOptions;

/// What a connection is made from.
pub(crate) enum Address {
    /// One server.
    Single(Client),
    /// Some nodes of a cluster.
    #[cfg(feature = "cluster")]
    Cluster(Box<ClusterClient>, String),
    /// Who knows where the master is.
    #[cfg(feature = "sentinel")]
    Sentinel(Sentinels),
}

#[cfg(feature = "sentinel")]
pub(crate) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    master: String,
    settings: RedisConnectionInfo,
    tls: Option<TlsMode>,
    #[cfg(feature = "_tls")]
    root: Option<Vec<u8>>,
}

/// A connection that many calls share. Cloning is cheap.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(redis::aio::MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    pub(crate) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Whether it repairs itself: then it is kept after a failure, for the nodes that still answer.
    pub(crate) fn heals(&self) -> bool {
        !matches!(self, Self::Single(_))
    }
}

fn refused(url: usize, error: redis::RedisError) -> StoreError {
    let cause = Failure::from(error);
    StoreError::unavailable(
        format!("URL {} is not one of Redis (redis://user:password@host:port/database)", url + 1),
        cause,
    )
}

/// Reads a URL. Nothing of it goes into an error: it may hold a password.
fn read(place: usize, url: &str, options: &RedisOptions) -> Result<ConnectionInfo, StoreError> {
    let info = url.into_connection_info().map_err(|error| refused(place, error))?;
    secured(info, options).map_err(|error| refused(place, error))
}

/// Puts the certificate authorities of the options into a TLS address.
fn secured(info: ConnectionInfo, options: &RedisOptions) -> RedisResult<ConnectionInfo> {
    #[cfg(feature = "_tls")]
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        choose_provider();
        if options.root.is_some() {
            return Ok(Client::build_with_tls(info, certificates(&options.root))?
                .get_connection_info()
                .clone());
        }
    }
    #[cfg(not(feature = "_tls"))]
    let _ = options;
    Ok(info)
}

#[cfg(feature = "_tls")]
fn certificates(root: &Option<Vec<u8>>) -> redis::TlsCertificates {
    redis::TlsCertificates { client_tls: None, root_cert: root.clone() }
}

/// The Redis client asks rustls for the provider of the process, and rustls panics when two are compiled in and
/// none was chosen. One that the program chose stays.
#[cfg(feature = "_tls")]
fn choose_provider() {
    use rustls::crypto;
    if crypto::CryptoProvider::get_default().is_none() {
        #[cfg(feature = "rustls-ring")]
        let provider = crypto::ring::default_provider();
        #[cfg(all(feature = "rustls", not(feature = "rustls-ring")))]
        let provider = crypto::aws_lc_rs::default_provider();
        // Another thread may have been faster, with one that is as good.
        #[cfg(any(feature = "rustls", feature = "rustls-ring"))]
        let _ = provider.install_default();
    }
}

impl Address {
    pub(crate) fn single(url: &str, options: &RedisOptions) -> Result<Self, StoreError> {
        let info = read(0, url, options)?;
        Ok(Self::Single(Client::open(info).map_err(|error| refused(0, error))?))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(urls: &[&str], options: &RedisOptions) -> Result<Self, StoreError> {
        let nodes = read_all(urls, options)?;
        let names = names(&nodes);
        // A node that died shall not use up the time of the call: another attempt still fits.
        let builder = redis::cluster::ClusterClientBuilder::new(nodes)
            // All are waited for, first those that were named and then those that they tell of.
            .connection_timeout(options.connect_timeout / 4)
            .response_timeout(options.timeout)
            .retries(2)
            .min_retry_wait(20)
            .max_retry_wait(100);
        #[cfg(feature = "_tls")]
        let builder = match &options.root {
            Some(_) => builder.certs(certificates(&options.root)),
            None => builder,
        };
        let disagree =
            "the URLs of the cluster must agree in user, password, database and TLS, and be no socket's path";
        let client =
            builder.build().map_err(|error| StoreError::unavailable(disagree, Failure::from(error)))?;
        Ok(Self::Cluster(Box::new(client), names))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(urls: &[&str], master: &str, options: &RedisOptions) -> Result<Self, StoreError> {
        let sentinels = read_all(urls, options)?;
        let info = read(urls.len(), master, options)?;
        let (master, tls) = match info.addr() {
            ConnectionAddr::Tcp(name, _) => (name.clone(), None),
            ConnectionAddr::TcpTls { host, .. } => (host.clone(), Some(TlsMode::Secure)),
            _ => {
                let why = Failure::new("a socket's path stands where the name of the master belongs");
                return Err(StoreError::unavailable("the URL of the master cannot be used", why));
            }
        };
        #[cfg(feature = "_tls")]
        let root = options.root.clone();
        Ok(Self::Sentinel(Sentinels {
            sentinels,
            master,
            settings: info.redis_settings().clone(),
            tls,
            #[cfg(feature = "_tls")]
            root,
        }))
    }

    /// A new connection, with the password told and the database chosen.
    pub(crate) async fn connect(&self) -> RedisResult<Connection> {
        // The time limits are the link's.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = match self {
            Self::Single(client) => client,
            #[cfg(feature = "cluster")]
            Self::Cluster(client, _) => return Ok(Connection::Cluster(client.get_async_connection().await?)),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(sentinels) => &sentinels.find().await?,
        };
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
    }
}

#[cfg(feature = "sentinel")]
impl Sentinels {
    /// Asks anew each time: the master may have changed.
    async fn find(&self) -> RedisResult<Client> {
        #[cfg(feature = "_tls")]
        if self.root.is_some() {
            return self.find_trusted().await;
        }
        let node = SentinelNodeConnectionInfo::default().set_redis_connection_info(self.settings.clone());
        let node = match self.tls {
            Some(mode) => node.set_tls_mode(mode),
            None => node,
        };
        let (sentinels, role) = (self.sentinels.clone(), SentinelServerType::Master);
        SentinelClient::build(sentinels, self.master.clone(), Some(node), role)?.async_get_client().await
    }

    /// The same with the certificate authorities of the options. They must be there when the Redis client looks
    /// whether it is a master, and only the builder takes them, which knows one password for all sentinels: so one
    /// is asked after the other.
    #[cfg(feature = "_tls")]
    async fn find_trusted(&self) -> RedisResult<Client> {
        let mut outcome = Err((redis::ErrorKind::EmptySentinelList, "no sentinel was given").into());
        for sentinel in &self.sentinels {
            outcome = self.trusted(sentinel)?.async_get_client().await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    #[cfg(feature = "_tls")]
    fn trusted(&self, sentinel: &ConnectionInfo) -> RedisResult<SentinelClient> {
        let role = SentinelServerType::Master;
        let mut builder = SentinelClientBuilder::new([sentinel.addr().clone()], &self.master, role)?
            .set_client_to_redis_certificates(certificates(&self.root))
            .set_client_to_redis_protocol(self.settings.protocol())
            .set_client_to_redis_db(self.settings.db())
            .set_client_to_sentinel_protocol(sentinel.redis_settings().protocol());
        if let Some(mode) = self.tls {
            builder = builder.set_client_to_redis_tls_mode(mode);
        }
        if let Some(name) = self.settings.username() {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = self.settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(name) = sentinel.redis_settings().username() {
            builder = builder.set_client_to_sentinel_username(name);
        }
        if let Some(password) = sentinel.redis_settings().password() {
            builder = builder.set_client_to_sentinel_password(password);
        }
        builder.build()
    }
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn read_all(urls: &[&str], options: &RedisOptions) -> Result<Vec<ConnectionInfo>, StoreError> {
    if urls.is_empty() {
        return Err(StoreError::unavailable(
            "no address was given",
            Failure::new("the list of URLs is empty"),
        ));
    }
    urls.iter().enumerate().map(|(place, url)| read(place, url, options)).collect()
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn names(nodes: &[ConnectionInfo]) -> String {
    nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(", ")
}

/// Host and port; never a user name or a password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(client) => client.get_connection_info().addr().fmt(f),
            #[cfg(feature = "cluster")]
            Self::Cluster(_, names) => write!(f, "the cluster of {names}"),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(to) => {
                write!(f, "the master {} of the sentinels {}", to.master, names(&to.sentinels))
            }
        }
    }
}
