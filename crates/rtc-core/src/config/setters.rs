//! The setters of [`ClientConfig`](super::ClientConfig), for the builders and options of providers.

/// The longest queue of events of a live connection: its memory is taken at once.
#[doc(hidden)]
pub const LONGEST_QUEUE: usize = 65_536;

/// The setters of the options of a live connection, whose server an answer or a token names: for a struct with the fields
/// `config`, `event_queue` and `trusted_hosts`. Used inside its `impl` block, with what the docs call the server, where
/// its address comes from, and the default limits.
#[macro_export]
macro_rules! live_setters {
    ($server:literal, $source:literal, $answer:literal, $connect:literal) => {
        #[doc = concat!("The address of the client's calls. Where it is private or loopback, the ", $server, " may be so, too.")]
        pub fn endpoint(mut self, url: impl Into<String>) -> Self {
            self.config.endpoint = Some(url.into());
            self
        }

        #[doc = concat!("Whether the ", $server, " may be on a private or loopback address whatever the endpoint is. The address comes from ", $source, ": allow it only where you trust who made that.")]
        pub fn allow_private(mut self, allow: bool) -> Self {
            self.config.policy = self.config.policy.with_private_discovery(allow);
            self
        }

        #[doc = concat!("Shows the client's extra headers and its certificate to a ", $server, " within this domain, too. Where it is says ", $source, ", so without this they are shown on the host of the endpoint only (over TLS, if the endpoint is).")]
        pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
            self.trusted_hosts.push(domain.into());
            self
        }

        /// Sets which addresses may be talked to.
        pub fn endpoint_policy(mut self, policy: $crate::EndpointPolicy) -> Self {
            self.config.policy = policy;
            self
        }

        #[doc = concat!("Limits the time of entering, and that of each command until it is acknowledged (default ", $answer, ").")]
        pub fn timeout(mut self, limit: std::time::Duration) -> Self {
            self.config.timeout = limit;
            self
        }

        #[doc = concat!("Limits the time until the connection stands (default ", $connect, ").")]
        pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
            self.config.limits = self.config.limits.with_connect(limit);
            self
        }

        /// Keeps this many events that were not read yet; then the oldest ones are dropped (default 256, at least 1, at
        /// most 65,536; a number outside counts as the nearest one inside).
        pub fn event_queue(mut self, events: usize) -> Self {
            self.event_queue = events.clamp(1, $crate::LONGEST_QUEUE);
            self
        }

        /// Uses this clock for all limits.
        pub fn clock(mut self, clock: impl $crate::Clock) -> Self {
            self.config.set_clock(clock);
            self
        }

        $crate::socket_setters!();
    };
}

/// The setters of how WebSockets are opened, for a struct with a field `config`. Used inside its `impl` block.
#[macro_export]
macro_rules! socket_setters {
    () => {
        /// Trusts a certificate besides those of the platform, as PEM.
        pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.config.root_certificates.push(pem.into());
            self
        }

        /// Uses this proxy for WebSockets; an empty text means none, whatever the environment says. Loopback addresses are never
        /// reached through a proxy.
        pub fn proxy(mut self, url: impl Into<$crate::Secret>) -> Self {
            self.config.proxy = Some(url.into());
            self
        }

        /// Opens connections with this connector, which then answers for their addresses.
        pub fn connector(mut self, connector: impl $crate::transport::channel::Connect) -> Self {
            self.config.set_connector(connector);
            self
        }
    };
}

/// The setters of what identifies the user besides credentials, for a struct with a field `config`. Used inside its `impl`
/// block.
#[macro_export]
macro_rules! identity_setters {
    () => {
        /// Shows this certificate to servers that ask for one: chain and key as one PEM.
        #[must_use]
        pub fn client_identity_pem(mut self, pem: impl Into<$crate::Secret>) -> Self {
            self.config.client_identity = Some(pem.into());
            self
        }

        /// Adds a header to every request and to the handshake of every WebSocket (one that the operation sets itself
        /// wins).
        #[must_use]
        pub fn header(mut self, name: impl Into<String>, value: impl Into<$crate::Secret>) -> Self {
            self.config.headers.push((name.into(), value.into()));
            self
        }
    };
}

/// The setters of [`ClientConfig`](crate::ClientConfig) for a builder with a field `config`. Used inside its `impl` block.
#[macro_export]
macro_rules! config_setters {
    () => {
        /// Sends all calls to this base URL. Plain http is refused but for loopback.
        #[must_use]
        pub fn endpoint(mut self, url: impl Into<String>) -> Self {
            self.config.endpoint = Some(url.into());
            self
        }

        /// Limits the total time of a call, all attempts and pauses included. An operation that is known to take
        /// longer has its own limit, which this does not shorten (its documentation says so); the call's own
        /// [`timeout`](rtc_core::Call::timeout) wins over both.
        #[must_use]
        pub fn timeout(mut self, total: std::time::Duration) -> Self {
            self.config.timeout = total;
            self
        }

        /// Limits the time of each attempt. Unset: only the total time counts.
        #[must_use]
        pub fn attempt_timeout(mut self, each: std::time::Duration) -> Self {
            self.config.attempt_timeout = Some(each);
            self
        }

        /// Limits the time to connect (default 5 s).
        #[must_use]
        pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
            self.config.limits = self.config.limits.with_connect(limit);
            self
        }

        /// Limits the size of an answer in bytes (default 1 MiB, unless the client's builder says otherwise). A
        /// larger one is an error.
        #[must_use]
        pub fn body_limit(mut self, bytes: u64) -> Self {
            self.config.limits = self.config.limits.with_body(bytes);
            self
        }

        /// Sets when and how often failed attempts are repeated.
        #[must_use]
        pub fn retry(mut self, policy: $crate::RetryPolicy) -> Self {
            self.config.retry = policy;
            self
        }

        /// Sets which addresses may be talked to.
        #[must_use]
        pub fn endpoint_policy(mut self, policy: $crate::EndpointPolicy) -> Self {
            self.config.policy = policy;
            self
        }

        /// Trusts a certificate besides those of the platform, as PEM.
        #[must_use]
        pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.config.root_certificates.push(pem.into());
            self
        }

        $crate::identity_setters!();

        /// Uses this proxy; an empty text means none at all. Unset: as the environment says.
        /// Loopback addresses are never reached through a proxy.
        #[must_use]
        pub fn proxy(mut self, url: impl Into<$crate::Secret>) -> Self {
            self.config.proxy = Some(url.into());
            self
        }

        /// Puts the application's name (`name/version`) in front of the User-Agent.
        #[must_use]
        pub fn application(mut self, name: impl Into<String>) -> Self {
            self.config.application = Some(name.into());
            self
        }

        /// Takes the time from this clock.
        #[must_use]
        pub fn clock(mut self, clock: impl $crate::Clock) -> Self {
            self.config.set_clock(clock);
            self
        }

        /// Sends requests through this transport.
        #[must_use]
        pub fn transport(mut self, transport: impl $crate::Transport) -> Self {
            self.config.set_transport(transport);
            self
        }
    };
}
