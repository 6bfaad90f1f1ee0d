//! A listener before the emulator that keeps what goes through, byte for byte. The emulator's own log hides
//! secrets, and here they are what is compared.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Parts,
    pub(crate) body: Bytes,
    pub(crate) status: u16,
    pub(crate) answer: Bytes,
}

/// Listens until the runtime ends.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Exchange>>>,
}

impl Recorder {
    /// Starts one before the server at `to`, a base URL of the form `http://127.0.0.1:1234`.
    pub(crate) async fn start(to: &str) -> Result<Self, Failure> {
        let to: SocketAddr = to.trim_start_matches("http://").parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keep = Arc::clone(&keep);
                let service = service_fn(move |request| pass(request, to, Arc::clone(&keep)));
                let serve = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serve.serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { url, seen })
    }

    /// What went through since the last time.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass(
    request: Request<Incoming>,
    to: SocketAddr,
    keep: Arc<Mutex<Vec<Exchange>>>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(to).await?)).await?;
    tokio::spawn(connection);
    let forward = Request::from_parts(parts.clone(), Full::new(body.clone()));
    let (head, answer) = sender.send_request(forward).await?.into_parts();
    let answer = answer.collect().await?.to_bytes();
    let exchange = Exchange { request: parts, body, status: head.status.as_u16(), answer: answer.clone() };
    keep.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    Ok(Response::from_parts(head, Full::new(answer)))
}
