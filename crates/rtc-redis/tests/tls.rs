//! `rediss://`, and a certificate that nobody trusts.

mod server;

use std::time::Duration;

use rtc_core::{Claim, Store};
use rtc_redis::{RedisOptions, RedisStore};
use server::{eventually, free_port};

#[tokio::test]
async fn over_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let port = free_port().to_string();
    let _server = server_or_skip!(
        "--tls-port",
        &port,
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-ca-cert-file",
        certificate,
        "--tls-auth-clients",
        "no",
    );
    let url = format!("rediss://localhost:{port}");
    let options = RedisOptions::new().root_certificate_pem(made.cert.pem());
    eventually("TLS is up", async || RedisStore::connect(&url, options.clone()).await.is_ok()).await;
    let store = RedisStore::connect(&url, options.clone()).await.unwrap();
    let ttl = Duration::from_secs(60);
    assert!(matches!(store.claim("k", ttl).await.unwrap(), Claim::Claimed(_)));

    let cause = |error: rtc_core::StoreError| format!("{error:?}");
    let unknown = cause(RedisStore::connect(&url, RedisOptions::new()).await.unwrap_err());
    assert!(unknown.contains("certificate"), "{unknown}");
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let wrong_name = cause(RedisStore::connect(&elsewhere, options.clone()).await.unwrap_err());
    assert!(wrong_name.contains("certificate"), "{wrong_name}");
    // Verification cannot be switched off by the URL.
    let insecure = RedisStore::connect(&format!("{url}/#insecure"), RedisOptions::new()).await;
    assert!(insecure.is_err(), "an unverified server");
    let garbage = RedisStore::lazy(&url, RedisOptions::new().root_certificate_pem("no certificate"));
    assert!(garbage.is_err() || garbage.unwrap().get("k").await.is_err());
}
