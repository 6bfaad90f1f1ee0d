//! Who is let in.

use std::time::Duration;

use rtc_emulator::{Action, DropWhen, Emulator, Fault};
use serde_json::json;

use super::peer::{Signing, call, call_as, join, open, still, try_join};

const OTHER: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/other/1700000000001";

#[tokio::test]
async fn handshakes_are_refused_as_the_service_does() {
    let emulator = still().await;
    let (host, arn) = (emulator.url().strip_prefix("http://").unwrap(), emulator.kvs().channel_arn());
    let signing = Signing::of(&emulator);
    let viewer = [("X-Amz-ChannelARN", arn), ("X-Amz-ClientId", "viewer-1")];
    let long = "v".repeat(257);
    for (change, status, name) in [
        (("X-Amz-ChannelARN", OTHER), 404, "ResourceNotFoundException"),
        (("X-Amz-ChannelARN", "demo"), 400, "InvalidArgumentException"),
        (("X-Amz-ChannelARN", ""), 400, "InvalidArgumentException"),
        (("X-Amz-ClientId", "bad id"), 400, "InvalidArgumentException"),
        (("X-Amz-ClientId", &*long), 400, "InvalidArgumentException"),
        (("X-Amz-ClientId", "aws_viewer"), 400, "InvalidArgumentException"),
        (("X-Amz-ClientId", ""), 400, "InvalidArgumentException"),
        (("X-Amz-Algorithm", "AWS4-HMAC-SHA512"), 403, "IncompleteSignatureException"),
        (("X-Amz-Algorithm", ""), 403, "IncompleteSignatureException"),
        (("X-Amz-Expires", "0"), 403, "IncompleteSignatureException"),
        (("X-Amz-Expires", "+299"), 403, "IncompleteSignatureException"),
        (("X-Amz-Expires", "604801"), 403, "IncompleteSignatureException"),
        (("X-Amz-SignedHeaders", "date"), 403, "InvalidSignatureException"),
        (("X-Amz-Date", "20200101T000000Z"), 403, "InvalidSignatureException"),
        (("X-Amz-Credential", "AKID/1/2/3/4"), 403, "UnrecognizedClientException"),
    ] {
        let query = signing.query(host, "/kvs-signaling/viewer", &viewer, &[change]);
        let refused = open(host, &format!("/kvs-signaling/viewer?{query}")).await.err().unwrap();
        assert_eq!((refused.0, &*refused.1), (status, name), "{change:?}");
        assert!(refused.2.contains("\"Message\""), "{}", refused.2);
    }
    let good = signing.query(host, "/kvs-signaling/viewer", &viewer, &[]);
    for (target, name) in [
        ("/kvs-signaling/viewer".to_owned(), "MissingAuthenticationTokenException"),
        (
            format!("/kvs-signaling/viewer?{}", good.replace("viewer-1", "viewer-2")),
            "InvalidSignatureException",
        ),
        (format!("/kvs-signaling/viewer?{good}&X-Amz-Date=x"), "IncompleteSignatureException"),
        (format!("/kvs-signaling/master?{good}"), "InvalidSignatureException"),
    ] {
        let refused = open(host, &target).await.err().unwrap();
        assert_eq!((refused.0, &*refused.1), (403, name), "{target}");
    }
    for given in [
        &[("X-Amz-ChannelARN", arn), ("X-Amz-ChannelARN", arn)][..],
        &[("X-Amz-ChannelARN", arn), ("X-Amz-ClientId", "a"), ("X-Amz-ClientId", "b")],
    ] {
        let query = signing.query(host, "/", given, &[]);
        let refused = open(host, &format!("/?{query}")).await.err().unwrap();
        assert_eq!((refused.0, &*refused.1), (400, "InvalidArgumentException"), "{given:?}");
    }
    assert!(emulator.kvs().connections().is_empty());
}

#[tokio::test]
async fn a_presigned_url_is_good_for_its_299_seconds() {
    let emulator = still().await;
    let host = emulator.url().strip_prefix("http://").unwrap();
    let given = [("X-Amz-ChannelARN", emulator.kvs().channel_arn()), ("X-Amz-Security-Token", "to+ken/==")];
    // Clients that know only the host of an endpoint come to the root.
    let target = format!("/?{}", Signing::of(&emulator).query(host, "/", &given, &[]));
    emulator.clock().advance(Duration::from_secs(299));
    open(host, &target).await.unwrap().leave().await;
    emulator.clock().advance(Duration::from_secs(1));
    let refused = open(host, &target).await.err().unwrap();
    assert_eq!((refused.0, &*refused.1), (403, "InvalidSignatureException"));
    assert!(refused.2.contains("Signature expired"), "{}", refused.2);
    let log = format!("{:?}", emulator.requests("connect_as_master"));
    assert!(!log.contains("to+ken") && log.contains("[redacted]"), "{log}");
}

#[tokio::test]
async fn rest_calls_are_signed_too() {
    let emulator = still().await;
    let body = || json!({ "ChannelName": "emulator" });
    for spoil in [
        |signing: &mut Signing| signing.secret = "wrong".into(),
        |signing: &mut Signing| signing.at -= Duration::from_secs(301),
        |signing: &mut Signing| signing.at += Duration::from_secs(301),
    ] {
        let mut signing = Signing::of(&emulator);
        spoil(&mut signing);
        let answer = call_as(&signing, emulator.url(), "/describeSignalingChannel", body()).await;
        answer.refused(403, "InvalidSignatureException");
    }
    call(&emulator, "/describeSignalingChannel", body()).await.ok();
}

#[tokio::test]
async fn faults_meet_handshakes() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    emulator
        .add_fault(Fault::new(Action::Html { status: 503 }).operation("connect_as_viewer").times(1))
        .unwrap();
    assert_eq!(try_join(&emulator, arn, Some("v")).await.err().unwrap().0, 503);
    let drop = Action::Drop { when: DropWhen::After };
    emulator.add_fault(Fault::new(drop).operation("connect_as_viewer").times(1)).unwrap();
    assert_eq!(try_join(&emulator, arn, Some("v")).await.err().unwrap().0, 0);
    join(&emulator, arn, Some("v")).await.leave().await;
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn endpoints_are_those_of_the_listener() {
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let (host, arn) =
        (emulator.tls_url().unwrap().strip_prefix("https://").unwrap(), emulator.kvs().channel_arn());
    let told = call(&emulator, "/getSignalingChannelEndpoint", json!({ "ChannelARN": arn })).await.ok();
    let plain = format!("{}/kvs-signaling/master", emulator.url().replace("http", "ws"));
    assert_eq!(
        told["ResourceEndpointList"],
        json!([
            { "Protocol": "HTTPS", "ResourceEndpoint": emulator.url() },
            { "Protocol": "WSS", "ResourceEndpoint": plain },
        ])
    );
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(emulator.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let given = [("X-Amz-ChannelARN", arn)];
    let query = Signing::of(&emulator).query(host, "/kvs-signaling/master", &given, &[]);
    let url = format!("wss://{host}/kvs-signaling/master?{query}");
    tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(emulator.requests("connect_as_master")[0].status, Some(101));
}
