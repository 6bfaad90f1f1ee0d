//! Certificates that are wrong in one way each.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};

/// What a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    WrongName,
    Expired,
    UnknownAuthority,
}

/// An acceptor for each, and the authority that the clients trust.
pub(crate) struct Authority {
    pub(crate) pem: String,
    acceptors: [(Certificate, TlsAcceptor); 4],
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let (trusted, pem) = authority()?;
        let (unknown, _) = authority()?;
        let acceptors = [
            (Certificate::Good, acceptor(&trusted, "localhost", false)?),
            (Certificate::WrongName, acceptor(&trusted, "elsewhere.example", false)?),
            (Certificate::Expired, acceptor(&trusted, "localhost", true)?),
            (Certificate::UnknownAuthority, acceptor(&unknown, "localhost", false)?),
        ];
        Ok(Self { pem, acceptors })
    }

    pub(crate) fn acceptor(&self, certificate: Certificate) -> Option<TlsAcceptor> {
        self.acceptors.iter().find(|(own, _)| *own == certificate).map(|(_, acceptor)| acceptor.clone())
    }
}

fn authority() -> io::Result<(Issuer<'static, KeyPair>, String)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
    Ok((Issuer::new(params, key), pem))
}

fn acceptor(issuer: &Issuer<'static, KeyPair>, name: &str, expired: bool) -> io::Result<TlsAcceptor> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut leaf = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
    if expired {
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let leaf = leaf.signed_by(&key, issuer).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
