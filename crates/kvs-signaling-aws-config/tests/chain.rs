//! What the chain keeps, and what it does when there is nothing to be had.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use kvs_signaling::{Client, CredentialsProvider as _, ErrorKind, IceServers};
use kvs_signaling_aws_config::Chain;
use kvs_signaling_aws_config::aws_config::{Region, SdkConfig};
use kvs_signaling_aws_config::aws_credential_types::Credentials;
use kvs_signaling_aws_config::aws_credential_types::provider::error::CredentialsError;
use kvs_signaling_aws_config::aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, future,
};

/// Gives credentials of this life, the first `good` times.
#[derive(Debug, Clone)]
struct Script {
    life: Option<Duration>,
    good: usize,
    asked: Arc<AtomicUsize>,
}

impl Script {
    fn new(life: Option<u64>, good: usize) -> Self {
        Self { life: life.map(Duration::from_secs), good, asked: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Script {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            // Others get their turn, as they would while the network is asked.
            tokio::task::yield_now().await;
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            if number >= self.good {
                return Err(CredentialsError::provider_error("the role is gone"));
            }
            let end = self.life.map(|life| SystemTime::now() + life);
            Ok(Credentials::new(format!("AKID{number}"), "secret", None, end, "script"))
        })
    }
}

async fn key(chain: &Chain) -> String {
    chain.provide().await.unwrap().access_key_id().to_owned()
}

#[tokio::test]
async fn what_lasts_is_asked_for_once() {
    let script = Script::new(Some(3600), 9);
    let chain = Chain::new(script.clone());
    assert_eq!((key(&chain).await, key(&chain.clone()).await), ("AKID0".into(), "AKID0".into()));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn what_is_about_to_end_is_renewed_with_every_call() {
    let script = Script::new(Some(30), 9);
    let chain = Chain::new(script.clone());
    assert_eq!((key(&chain).await, key(&chain).await), ("AKID0".into(), "AKID1".into()));
}

#[tokio::test]
async fn until_their_end_the_last_ones_serve() {
    let script = Script::new(Some(30), 1);
    let chain = Chain::new(script.clone());
    assert_eq!((key(&chain).await, key(&chain).await), ("AKID0".into(), "AKID0".into()));
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn what_has_ended_does_not_serve() {
    let script = Script::new(Some(0), 1);
    let chain = Chain::new(script.clone());
    chain.provide().await.unwrap();
    let error = chain.provide().await.unwrap_err();
    assert!(error.to_string().contains("the role is gone"), "{error}");
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let script = Script::new(Some(3600), 9);
    let chain = Chain::new(script.clone());
    let tasks: Vec<_> =
        (0..100).map(|_| chain.clone()).map(|c| tokio::spawn(async move { key(&c).await })).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "AKID0");
    }
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_the_next_one_free() {
    let script = Script::new(Some(3600), 9);
    let chain = Chain::new(script.clone());
    {
        let first = chain.provide();
        tokio::pin!(first);
        let waker = std::task::Waker::noop();
        assert!(first.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    assert_eq!(key(&chain).await, "AKID0");
}

#[tokio::test]
async fn a_configuration_of_the_sdk() {
    let provider = SharedCredentialsProvider::new(Script::new(None, 1));
    let config = SdkConfig::builder().region(Region::new("eu-west-1")).credentials_provider(provider).build();
    let chain = Chain::from_sdk_config(&config).unwrap();
    assert_eq!((chain.region(), key(&chain).await), (Some("eu-west-1"), "AKID0".into()));
    assert!(Chain::from_sdk_config(&SdkConfig::builder().build()).is_none());
}

#[tokio::test]
async fn a_call_without_credentials_sends_nothing() {
    // Nobody listens there, so anything sent would fail otherwise.
    let client = Client::builder(Chain::new(Script::new(None, 0)))
        .region("us-west-2")
        .endpoint("http://127.0.0.1:9")
        .build()
        .unwrap();
    let arn = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";
    let error = client.ice_servers(IceServers::new(arn)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!error.was_sent() && error.to_string().contains("the role is gone"), "{error}");
}
