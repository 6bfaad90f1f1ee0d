//! The log of the crates below would hold the key of the credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Counts what is said about STUN and TURN, at all levels.
#[derive(Clone, Default)]
struct Ear(Arc<AtomicUsize>);

impl Ear {
    fn hear(&self, metadata: &Metadata<'_>) {
        if metadata.target().starts_with("stun") || metadata.target().starts_with("turn") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.hear(span.metadata());
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        self.hear(event.metadata());
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn nothing_is_logged_by_those_who_know_the_credentials() {
    let Some(coturn) = Coturn::start(&[]) else { return };
    let ear = Ear::default();
    let heard = Arc::clone(&ear.0);
    let _listening = tracing::subscriber::set_default(ear);
    let peer = echo("127.0.0.1:0").await;
    for url in [coturn.udp(), coturn.tcp()] {
        let mut relay = allocate(url, &[peer.ip()], &coturn.config()).await.unwrap();
        exchange(&mut relay, peer, 1).await;
        relay.close().await;
    }
    assert_eq!(heard.load(Ordering::Relaxed), 0);
    // They would say something.
    let _ = turn_client_proto::types::stun::message::Message::from_bytes(&[0; 20]);
    assert!(heard.load(Ordering::Relaxed) > 0);
}
