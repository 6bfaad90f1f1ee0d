//! Takes webhooks with axum: checks their credentials, answers at once, and downloads the files afterwards.
//!
//! ```sh
//! ENABLEX_WEBHOOK_USER=... ENABLEX_WEBHOOK_PASSWORD=... cargo run -p rtc-tests --example enablex_webhook_axum
//! ```

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use enablex::{ErrorKind, Webhook, WebhookKind, WebhookReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What every request needs.
#[derive(Clone)]
struct Shared {
    reader: WebhookReader,
    webhooks: Sender<Webhook>,
}

/// The server's routes. Good webhooks go into `webhooks`.
pub(crate) fn app(reader: WebhookReader, webhooks: Sender<Webhook>) -> Router {
    Router::new().route("/enablex", post(receive)).with_state(Shared { reader, webhooks })
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match shared.reader.read(authorization, &body) {
        Ok(webhook) => match shared.webhooks.try_send(webhook) {
            Ok(()) => StatusCode::OK,
            // Whether the service posts it again is not documented: look at the archive reports, too.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        },
        Err(error) => {
            eprintln!("{error}");
            match error.kind() {
                ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
                _ => StatusCode::BAD_REQUEST,
            }
        }
    }
}

/// What is done about the webhooks; it may take its time. One may come twice, and late.
async fn work(mut webhooks: Receiver<Webhook>) {
    while let Some(webhook) = webhooks.recv().await {
        let session = webhook.conf_num.as_deref().unwrap_or("?");
        match &webhook.kind {
            WebhookKind::RoomDrop => println!("session {session} is over"),
            // Here `Client::open_recording` would fetch them, within 72 hours.
            WebhookKind::Recording | WebhookKind::Transcoded | WebhookKind::ChatData => {
                println!("files of session {session}: {:?}", webhook.urls);
            }
            WebhookKind::FileTransfer => {
                println!("files of session {session} are at {:?}", webhook.destination)
            }
            other => println!("not known here: {}", other.as_str()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // As they are set in the portal, beside the address of this server.
    let (user, password) =
        (std::env::var("ENABLEX_WEBHOOK_USER")?, std::env::var("ENABLEX_WEBHOOK_PASSWORD")?);
    let reader = WebhookReader::new().credentials(user, password);
    let (webhooks, received) = channel(1_000);
    tokio::spawn(work(received));
    axum::serve(TcpListener::bind("127.0.0.1:8080").await?, app(reader, webhooks)).await?;
    Ok(())
}
