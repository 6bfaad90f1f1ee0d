//! `rediss://`, and a certificate that nobody trusts.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test, too")]

mod server;

use std::time::Duration;

use rtc_core::{Claim, Store};
use rtc_redis::{RedisOptions, RedisStore};
use server::sentinel::{connected, sentinel};
use server::{Server, eventually, free_port};

const TTL: Duration = Duration::from_secs(60);

/// A new certificate for this name that nobody has signed, and the settings of a server that shows it.
fn certificate(dir: &tempfile::TempDir, name: &str) -> (String, [(&'static str, String); 3]) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (shown, key) = (file("cert.pem", made.cert.pem()), file("key.pem", made.signing_key.serialize_pem()));
    let settings = [("tls-cert-file", shown.clone()), ("tls-key-file", key), ("tls-ca-cert-file", shown)];
    (made.cert.pem(), settings)
}

/// A server that shows it on this port.
fn serve(port: u16, settings: &[(&str, String)]) -> Option<Server> {
    let mut arguments =
        vec!["--tls-port".to_owned(), port.to_string(), "--tls-auth-clients".into(), "no".into()];
    settings.iter().for_each(|(name, value)| arguments.extend([format!("--{name}"), value.clone()]));
    Server::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let (pem, settings) = certificate(&dir, "localhost");
    let port = free_port();
    let Some(_server) = serve(port, &settings) else { return };
    let url = format!("rediss://localhost:{port}");
    let options = RedisOptions::new().root_certificate_pem(pem.as_str());
    eventually("TLS is up", async || RedisStore::connect(&url, options.clone()).await.is_ok()).await;
    let store = RedisStore::connect(&url, options.clone()).await.unwrap();
    assert!(matches!(store.claim("k", TTL).await.unwrap(), Claim::Claimed(_)));

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

#[tokio::test]
async fn a_master_whose_certificate_only_the_options_trust() {
    let dir = tempfile::tempdir().unwrap();
    let (pem, settings) = certificate(&dir, "127.0.0.1");
    let (watched, port) = (free_port(), free_port());
    let Some(master) = serve(watched, &settings) else { return };
    let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let _sentinel = sentinel(&master, watched, port, &format!("tls-replication yes\n{}", lines.join("\n")));
    let options = RedisOptions::new().root_certificate_pem(pem);
    let store = connected(&format!("redis://127.0.0.1:{port}"), "rediss://mymaster", options).await;
    assert!(matches!(store.claim("k", TTL).await.unwrap(), Claim::Claimed(_)));
}
