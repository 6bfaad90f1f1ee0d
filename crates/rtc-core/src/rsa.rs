//! RSA signatures (RS256) by the TLS back end's own RSA: no second implementation of RSA in the program.

use std::fmt;
#[cfg(feature = "_reqwest")]
use std::sync::Arc;

use crate::error::AuthError;
use crate::secret::{Secret, constant_time_eq};

/// A private RSA key that signs with PKCS#1 v1.5 and SHA-256, which JWTs call RS256. Cheap to clone; its
/// `Debug` shows nothing of it.
#[derive(Clone)]
pub struct RsaKey {
    #[cfg(feature = "_reqwest")]
    signer: Arc<dyn rustls::sign::Signer>,
}

impl RsaKey {
    /// Reads a key from PEM text (PKCS#8 `BEGIN PRIVATE KEY` or PKCS#1 `BEGIN RSA PRIVATE KEY`), 2048 bits or
    /// longer.
    ///
    /// # Errors
    /// When the text holds no such key, or when this build has no TLS back end.
    #[cfg(feature = "_reqwest")]
    pub fn from_pem(pem: &Secret) -> Result<Self, AuthError> {
        use rustls::pki_types::PrivateKeyDer;
        use rustls::pki_types::pem::PemObject as _;

        const NO_PEM: &str = "the private key is not PEM text: give the whole text of the key file, from \
                              -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----, with its line breaks";
        const NOT_RSA: &str = "the private key is not an RSA key that signs RS256: give the RSA key (2048 bits \
                               or longer, not encrypted) that was made for the application";
        // The causes are left out: they could quote the key.
        let der =
            PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| AuthError::new(NO_PEM))?;
        let provider = crate::transport::tls::provider();
        let key = provider.key_provider.load_private_key(der).map_err(|_| AuthError::new(NOT_RSA))?;
        let signer = key
            .choose_scheme(&[rustls::SignatureScheme::RSA_PKCS1_SHA256])
            .ok_or_else(|| AuthError::new(NOT_RSA))?;
        Ok(Self { signer: signer.into() })
    }

    /// Without a TLS back end there is no RSA.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "_reqwest"))]
    pub fn from_pem(_pem: &Secret) -> Result<Self, AuthError> {
        Err(AuthError::new("RSA keys need a TLS back end: turn on the feature `rustls` or `rustls-ring`"))
    }

    /// The signature of a message, as long as the key's modulus.
    ///
    /// # Errors
    /// When the back end fails, for want of memory or random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        #[cfg(feature = "_reqwest")]
        return self
            .signer
            .sign(message)
            .map_err(|error| AuthError::new("the private key could not sign").with_source(error));
        #[cfg(not(feature = "_reqwest"))]
        Err(AuthError::new(format!("{} bytes cannot be signed without a TLS back end", message.len())))
    }

    /// Whether this key made the signature. PKCS#1 v1.5 is deterministic, so signing again tells; that is
    /// slower than with the public half (about a millisecond) but needs nothing that the back end hides.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.sign(message).is_ok_and(|expected| constant_time_eq(&expected, signature))
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "_reqwest"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rsa_key_is_refused_without_being_shown() {
        let curve = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for (text, part) in [
            ("", "not PEM"),
            ("canary", "not PEM"),
            ("-----BEGIN PRIVATE KEY-----\ncanary!\n-----END PRIVATE KEY-----\n", "not PEM"),
            ("-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n", "not an RSA key"),
            (&curve, "not an RSA key"),
        ] {
            let error = RsaKey::from_pem(&text.into()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(part), "{shown}");
            assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
        }
    }
}
