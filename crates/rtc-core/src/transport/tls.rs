//! TLS of this crate's own connections: roots, client identity, protocols.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
#[cfg(not(feature = "reqwest-rustls-ring"))]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(feature = "reqwest-rustls-ring")]
use rustls::crypto::ring as backend;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::Secret;

/// A value that is made once, when it is first needed. A failure is not kept: the next use tries again.
pub(crate) struct Lazy<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Lazy<T> {
    pub(crate) const fn new() -> Self {
        Self { value: OnceLock::new(), making: Mutex::new(()) }
    }

    /// The value; made by `make` if it is not there yet.
    pub(crate) fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        // The lock guards no data, so that a panic of another maker leaves nothing broken.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.value.get_or_init(|| value))
    }
}

/// The cryptography of the chosen back end.
pub(crate) fn provider() -> CryptoProvider {
    backend::default_provider()
}

/// Parsed TLS options. Cheap to clone; clones share what is built from them, TLS sessions included.
#[derive(Clone)]
pub(crate) struct TlsOptions(Arc<Parsed>);

struct Parsed {
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<SingleCertAndKey>>,
    verifier: Lazy<Arc<dyn ServerCertVerifier>>,
    http1: Lazy<Arc<ClientConfig>>,
    http2: Lazy<Arc<ClientConfig>>,
}

impl TlsOptions {
    /// Parses `extra_roots_pem` (added to the platform's roots) and `client_identity_pem` (certificate
    /// chain and private key in one PEM). The platform's roots are not read yet.
    pub(crate) fn new(
        extra_roots_pem: &[Vec<u8>],
        client_identity_pem: Option<&Secret>,
    ) -> Result<Self, String> {
        let provider = Arc::new(provider());
        let mut roots = Vec::new();
        for pem in extra_roots_pem {
            roots.extend(certificates("root_certificate_pem", pem)?);
        }
        only(&roots)?;
        let identity = client_identity_pem.map(|pem| identity(pem, &provider)).transpose()?;
        Ok(Self(Arc::new(Parsed {
            provider,
            roots,
            identity,
            verifier: Lazy::new(),
            http1: Lazy::new(),
            http2: Lazy::new(),
        })))
    }

    /// A configuration that trusts nobody: for clients that never open a TLS connection.
    pub(crate) fn trusting_nobody(&self) -> Result<ClientConfig, String> {
        Ok(builder(&self.0.provider)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let Parsed { provider, roots, .. } = &*self.0;
        let platform = rustls_platform_verifier::Verifier::new_with_extra_roots(
            roots.iter().cloned(),
            Arc::clone(provider),
        );
        match platform {
            Ok(verifier) => Ok(Arc::new(verifier)),
            // A container without a root store: the given roots are enough.
            Err(_) if !roots.is_empty() => {
                WebPkiServerVerifier::builder_with_provider(Arc::new(only(roots)?), Arc::clone(provider))
                    .build()
                    .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
                    .map_err(|error| format!("the root certificates cannot be used: {error}"))
            }
            Err(error) => Err(format!(
                "no root certificates: {error}; install the platform's (package ca-certificates) or give some"
            )),
        }
    }

    fn build(&self, protocols: &[&str]) -> Result<Arc<ClientConfig>, String> {
        let verifier = Arc::clone(self.0.verifier.get(|| self.verifier())?);
        // "Dangerous" because the verifier is ours to choose: it is the platform's, or WebPki.
        let builder = builder(&self.0.provider)?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.0.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::<SingleCertAndKey>::clone(identity)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("extra_roots", &self.0.roots.len())
            .field("client_identity", &self.0.identity.is_some())
            .finish()
    }
}

/// The configuration for these options, built with the first call: reading the platform's roots is slow.
/// HTTP/2 is offered if the feature `http2` is on and `http2` says so; a WebSocket needs HTTP/1.1.
pub(crate) fn client_config(options: &TlsOptions, http2: bool) -> Result<Arc<ClientConfig>, String> {
    let config = if cfg!(feature = "http2") && http2 {
        options.0.http2.get(|| options.build(&["h2", "http/1.1"]))
    } else {
        options.0.http1.get(|| options.build(&["http/1.1"]))
    };
    config.cloned()
}

/// Named explicitly, so that no process-wide crypto provider is needed or installed.
fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))
}

fn only(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| format!("root_certificate_pem: not a root certificate: {error}"))?;
    }
    Ok(store)
}

fn certificates(option: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{option}: not valid PEM: {error}"))?;
    if found.is_empty() {
        return Err(format!("{option}: holds no certificate; give PEM text with BEGIN CERTIFICATE"));
    }
    Ok(found)
}

fn identity(pem: &Secret, provider: &CryptoProvider) -> Result<Arc<SingleCertAndKey>, String> {
    const OPTION: &str = "client_identity_pem";
    let pem = pem.expose().as_bytes();
    let chain = certificates(OPTION, pem)?;
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| format!("{OPTION}: holds no usable private key; append it to the certificate chain"))?;
    CertifiedKey::from_der(chain, key, provider)
        .map(|key| Arc::new(SingleCertAndKey::from(key)))
        .map_err(|error| format!("{OPTION}: {error}"))
}
