//! A provider of one counter and a client of one socket.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use rtc_emulator::{
    Emulator, EmulatorBuilder,
    provider::{Body, BoxFuture, Claim, Exchange, Provider, full, json as answer},
    shared::Shared,
    spec::{BodyKind, Field, Kind, Place, Route, Unit},
    time::rfc3339,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const NAME: Field = Field {
    wire: "name",
    place: Place::Body,
    kind: Kind::Text,
    required: true,
    min_length: None,
    max_length: Some(8),
    unit: Unit::Chars,
    min: None,
    max: None,
    pattern: None,
    one_of: &[],
    code: None,
    required_code: None,
    secret: false,
    fields: &[],
};

static ROUTES: &[Route] = &[
    Route {
        provider: "fake",
        operation: "make",
        method: "POST",
        path: "/fake/{id}/things",
        body: BodyKind::Json,
        fields: &[NAME],
        rules: &[],
    },
    Route {
        provider: "fake",
        operation: "upgrade",
        method: "GET",
        path: "/fake/echo",
        body: BodyKind::None,
        fields: &[],
        rules: &[],
    },
];

pub struct Fake {
    shared: Arc<Shared>,
    made: AtomicU64,
}

impl Provider for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        match parts.uri.path() {
            "/fake-raw/" => Some(Claim::Raw("raw")),
            "/fake-extra" => Some(Claim::Handle("extra")),
            _ => None,
        }
    }

    fn handle(&self, mut exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            if exchange.operation == "upgrade" {
                let on = exchange.upgrade().unwrap();
                exchange.context.spawn(async move {
                    let mut io = hyper_util::rt::TokioIo::new(on.await.unwrap());
                    let mut buffer = [0; 64];
                    while let Ok(n @ 1..) = io.read(&mut buffer).await {
                        io.write_all(&buffer[..n]).await.unwrap();
                    }
                });
                let response =
                    Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
                return response.body(Full::default()).unwrap();
            }
            let Ok(body) = exchange.value() else {
                return answer(StatusCode::BAD_REQUEST, &json!({"message": "no JSON"}));
            };
            let broken = exchange.check(&body);
            if !broken.is_empty() {
                return answer(StatusCode::UNPROCESSABLE_ENTITY, &json!(broken));
            }
            let made = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            let id = exchange.params.get("id").unwrap_or("none");
            let (now, token) = (rfc3339(exchange.now), self.shared.ids.hex(8));
            answer(StatusCode::OK, &json!({"id": id, "made": made, "now": now, "token": token}))
        })
    }

    fn handle_raw(&self, request: Request<Incoming>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move { Response::new(full(request.uri().path().to_owned())) })
    }

    fn state(&self) -> Value {
        json!({"made": self.made.load(Ordering::SeqCst)})
    }

    fn reset(&self) {
        self.made.store(0, Ordering::SeqCst);
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        self.made.store(state["made"].as_u64().ok_or("made is missing")?, Ordering::SeqCst);
        Ok(())
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        (method == Method::POST && path == "poke/1").then(|| (StatusCode::ACCEPTED, body.clone()))
    }
}

pub fn builder() -> EmulatorBuilder {
    Emulator::builder()
        .seed(1)
        .provider(|shared| Arc::new(Fake { shared: Arc::clone(shared), made: AtomicU64::new(0) }))
}

pub async fn connect(emulator: &Emulator) -> TcpStream {
    TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).await.unwrap()
}

/// Sends bytes and reads until the server closes.
pub async fn raw(emulator: &Emulator, request: &str) -> String {
    let mut stream = connect(emulator).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The usual call of the fake provider.
pub async fn make(emulator: &Emulator) -> String {
    raw(emulator, &request("POST", "/fake/a/things", r#"{"name":"n"}"#)).await
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

pub async fn manage(emulator: &Emulator, method: &str, path: &str, input: &str) -> (u16, Value) {
    let answer = raw(emulator, &request(method, &format!("/_emulator/{path}"), input)).await;
    (answer[9..12].parse().unwrap(), serde_json::from_str(body(&answer)).unwrap())
}
