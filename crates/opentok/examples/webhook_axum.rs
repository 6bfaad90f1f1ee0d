//! Takes webhooks with axum: checks them, answers at once, and works on them afterwards.
//!
//! ```sh
//! OPENTOK_SIGNATURE_SECRET=... cargo run -p rtc-tests --example webhook_axum
//! ```

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use opentok::{ErrorKind, WebhookEvent, WebhookVerifier};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What every request needs.
#[derive(Clone)]
struct Shared {
    verifier: WebhookVerifier,
    events: Sender<WebhookEvent>,
}

/// The server's routes. Good events go into `events`.
pub(crate) fn app(verifier: WebhookVerifier, events: Sender<WebhookEvent>) -> Router {
    Router::new().route("/opentok", post(receive)).with_state(Shared { verifier, events })
}

/// The body is taken as bytes: parsed and written again, it would not have the hash that was signed.
async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match shared.verifier.verify(authorization.unwrap_or_default(), &body) {
        Ok(event) => match shared.events.try_send(event) {
            Ok(()) => StatusCode::OK,
            // The service posts it again later.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        },
        Err(error) => {
            eprintln!("{error}");
            match error.kind() {
                ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
                // It is from the service, but nothing this version can read: a refusal would only bring it again.
                _ => StatusCode::OK,
            }
        }
    }
}

/// What is done about the events; it may take its time. One may come twice, and late.
async fn work(mut events: Receiver<WebhookEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            WebhookEvent::SessionCreated(event) => println!("{} is in use", event.session_id),
            WebhookEvent::SessionDestroyed(event) => println!("{} is empty", event.session_id),
            WebhookEvent::ConnectionCreated(event) => println!("{} came", event.connection.id),
            WebhookEvent::ConnectionDestroyed(event) => {
                println!("{} went: {:?}", event.connection.id, event.reason);
            }
            WebhookEvent::StreamCreated(event) => println!("{} began", event.stream.id),
            WebhookEvent::StreamDestroyed(event) => println!("{} ended: {:?}", event.stream.id, event.reason),
            WebhookEvent::Archive(archive) => println!("archive {} is {:?}", archive.id, archive.status),
            WebhookEvent::Broadcast(cast) => println!("broadcast {} is {:?}", cast.id, cast.status),
            WebhookEvent::SipCall(event) => println!("call {}: {}", event.call.id, event.change),
            WebhookEvent::Render(render) => println!("render {} is {:?}", render.id, render.status),
            WebhookEvent::Captions(captions) => {
                println!("captions {} are {:?}", captions.captions_id, captions.status);
            }
            other => println!("not known here: {}", other.event()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The signature secret of the webhook, not the API secret.
    let verifier = WebhookVerifier::new(std::env::var("OPENTOK_SIGNATURE_SECRET")?)?;
    let (events, received) = channel(1_000);
    tokio::spawn(work(received));
    axum::serve(TcpListener::bind("127.0.0.1:8080").await?, app(verifier, events)).await?;
    Ok(())
}
