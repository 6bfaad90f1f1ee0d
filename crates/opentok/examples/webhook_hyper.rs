//! Takes webhooks with plain hyper: checks them, answers at once, and works on them afterwards.
//!
//! ```sh
//! OPENTOK_SIGNATURE_SECRET=... cargo run -p rtc-tests --example webhook_hyper
//! ```

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use opentok::{ErrorKind, WebhookEvent, WebhookVerifier};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// No webhook is larger, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Serves one connection after the other, each in a task of its own. Good events go into `events`.
pub(crate) async fn serve(listener: TcpListener, verifier: WebhookVerifier, events: Sender<WebhookEvent>) {
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            // Most often there are no file handles left for a moment; whoever is connected gives theirs back.
            Err(error) => {
                eprintln!("no connection could be taken: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (verifier, events) = (verifier.clone(), events.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&verifier, &events, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                eprintln!("the connection broke: {error}");
            }
        });
    }
}

async fn answer(
    verifier: &WebhookVerifier,
    events: &Sender<WebhookEvent>,
    request: Request<Incoming>,
) -> Result<Response<String>, Infallible> {
    let mut response = Response::default();
    *response.status_mut() = receive(verifier, events, request).await;
    Ok(response)
}

/// The body is taken as bytes: parsed and written again, it would not have the hash that was signed.
async fn receive(
    verifier: &WebhookVerifier,
    events: &Sender<WebhookEvent>,
    request: Request<Incoming>,
) -> StatusCode {
    if request.method() != Method::POST || request.uri().path() != "/opentok" {
        return StatusCode::NOT_FOUND;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else { return StatusCode::PAYLOAD_TOO_LARGE };
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match verifier.verify(authorization.unwrap_or_default(), &body.to_bytes()) {
        Ok(event) => match events.try_send(event) {
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
    serve(TcpListener::bind("127.0.0.1:8080").await?, verifier, events).await;
    Ok(())
}
