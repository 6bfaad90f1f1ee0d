//! Listening, dispatching, and the applying of faults.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};

use crate::{
    body::{Body, Huge, Slow, full},
    faults::{Action, DropWhen, Fault},
    log::{LogEntry, millis},
    provider::{Claim, Exchange, Provider, json as answer_json},
    redact::redact_body,
    routing::{Params, nearest, pairs},
    shared::Shared,
    socket::{Cut, Socket},
    spec::Route,
};

const BODY_LIMIT: usize = 1 << 20;
const HEAD_LIMIT: usize = 64 << 10;
const OPERATION: &str = "x-emulator-operation";

/// Tells hyper to close the connection without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by a fault")
    }
}

impl std::error::Error for Closed {}

pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) providers: Vec<Arc<dyn Provider>>,
    /// Whether the quotas were enforced at the start, and are again after a reset.
    pub(crate) quotas: bool,
    /// How long a peer may take for a handshake, a head, a body, or to take in what it is sent.
    pub(crate) patience: Duration,
}

/// What a listener puts between the socket and HTTP.
#[derive(Clone)]
pub(crate) enum Layer {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

/// Accepts until it is dropped; its connections go with it.
pub(crate) async fn accept(server: Arc<Server>, listener: TcpListener, layer: Layer) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Small answers must not wait for an acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let (server, layer) = (Arc::clone(&server), layer.clone());
                    connections.spawn(async move {
                        match layer {
                            Layer::Plain => server.connection(stream).await,
                            #[cfg(feature = "tls")]
                            Layer::Tls(acceptor) => {
                                let handshake = tokio::time::timeout(server.patience, acceptor.accept(stream));
                                if let Ok(Ok(stream)) = handshake.await {
                                    server.connection(stream).await;
                                }
                            }
                        }
                    });
                }
                // Out of file descriptors, most likely: going on at once would spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Where a request belongs.
enum Target {
    Handle(Arc<dyn Provider>, Option<&'static Route>, &'static str, Params),
    Raw(Arc<dyn Provider>, &'static str),
    Unknown,
}

impl Target {
    /// The same, with the operation that the body names.
    fn refined(self, body: &[u8]) -> Self {
        match self {
            Self::Handle(provider, Some(route), _, params) => {
                let route = provider.refine(route, body);
                Self::Handle(provider, Some(route), route.operation, params)
            }
            other => other,
        }
    }

    fn names(&self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Handle(provider, _, operation, _) | Self::Raw(provider, operation) => {
                (Some(provider.name()), Some(operation))
            }
            Self::Unknown => (None, None),
        }
    }
}

impl Server {
    pub(crate) async fn connection(
        self: Arc<Self>,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        let cut = Arc::new(Cut::default());
        let socket = Socket::new(io, Arc::clone(&cut), self.patience, || self.shared.stopped());
        let patience = self.patience;
        let service = service_fn(move |request| Arc::clone(&self).serve(Arc::clone(&cut), request));
        // An error is the client's leaving or a fault's doing: nobody is left to be told.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_buf_size(HEAD_LIMIT)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades()
            .await;
    }

    async fn serve(
        self: Arc<Self>,
        cut: Arc<Cut>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Closed> {
        cut.clear();
        let (parts, body) = request.into_parts();
        let mut target = self.target(&parts);
        let management = parts.uri.path().strip_prefix("/_emulator");
        let management = management.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        // A provider may claim a path there for what stands in for something real.
        if let (Some(rest), Target::Unknown | Target::Handle(_, Some(_), ..)) = (management, &target) {
            let rest = rest.trim_matches('/').to_owned();
            let response = match read(body, self.patience).await {
                Ok(body) => self.manage(&parts, &rest, &body),
                Err(error) => error.ok_or(Closed)?,
            };
            return Ok(self.finish(response.map(full_body), "_emulator", 0));
        }
        let (mut entry, request) = if let Target::Raw(..) = target {
            (self.entry(&parts, None, &target), Input::Raw(Request::from_parts(parts, body)))
        } else {
            match read(body, self.patience).await {
                Ok(body) => {
                    target = target.refined(&body);
                    (self.entry(&parts, Some(&body), &target), Input::Read(parts, body))
                }
                Err(error) => {
                    let response = error.ok_or(Closed)?;
                    let mut entry = self.entry(&parts, None, &target);
                    entry.status = Some(response.status().as_u16());
                    entry.duration_ms = Some(0);
                    let seq = self.shared.log.begin(entry);
                    let name = target.names().1.unwrap_or("unknown");
                    return Ok(self.finish(self.note(seq, response), name, 0));
                }
            }
        };
        let (provider, operation) = target.names();
        let name = operation.unwrap_or("unknown");
        let fault = self.shared.faults.pick(provider, operation, &self.shared.dice);
        entry.fault = fault.as_ref().map(|fault| fault.id.clone());
        let seq = self.shared.log.begin(entry);
        let started = self.shared.clock.monotonic();
        let mut underway = Underway { shared: &self.shared, seq, started, status: None };
        let result = self.act(target, request, fault.as_ref(), &cut, seq).await;
        underway.status = result.as_ref().ok().map(|response| response.status().as_u16());
        drop(underway);
        let skew = fault
            .map_or(0, |fault| if let Action::ClockSkew { seconds } = fault.action { seconds } else { 0 });
        result.map(|response| self.finish(response, name, skew))
    }

    /// The log's entry of a request that was read.
    fn entry(&self, parts: &Parts, body: Option<&[u8]>, target: &Target) -> LogEntry {
        let (provider, operation) = target.names();
        let mut entry = LogEntry::received(parts, body);
        entry.at = crate::time::rfc3339(self.shared.clock.now());
        entry.provider = provider.map(str::to_owned);
        entry.operation = operation.map(str::to_owned);
        entry
    }

    fn target(&self, parts: &Parts) -> Target {
        let claimed = self.providers.iter().find_map(|p| Some((p, p.claims(parts)?)));
        match claimed {
            Some((p, Claim::Raw(operation))) => return Target::Raw(Arc::clone(p), operation),
            Some((p, Claim::Handle(operation))) => {
                return Target::Handle(Arc::clone(p), None, operation, Params::default());
            }
            None => {}
        }
        let routed = self.providers.iter().find_map(|p| Some((p, p.route(parts)?)));
        routed.map_or(Target::Unknown, |(p, (route, params))| {
            Target::Handle(Arc::clone(p), Some(route), route.operation, params)
        })
    }

    /// Lets the provider act, around it the fault.
    async fn act(
        &self,
        target: Target,
        input: Input,
        fault: Option<&Fault>,
        cut: &Cut,
        seq: u64,
    ) -> Result<Response<Body>, Closed> {
        let action = fault.map(|fault| &fault.action);
        let skew = match action {
            Some(Action::Drop { when: DropWhen::Before }) => return Err(Closed),
            Some(Action::ClockSkew { seconds }) => *seconds,
            Some(action) => match instead(action) {
                Some(response) => return Ok(self.note(seq, response)),
                None => 0,
            },
            None => 0,
        };
        let mut response = match (target, input) {
            (Target::Raw(provider, _), Input::Raw(request)) => provider.handle_raw(request).await,
            (Target::Handle(provider, route, operation, params), Input::Read(parts, body)) => {
                let query = pairs(parts.uri.query().unwrap_or(""));
                let (now, context) = (skewed(self.shared.clock.now(), skew), Arc::clone(&self.shared));
                let exchange = Exchange { route, operation, params, parts, query, body, now, context };
                self.note(seq, provider.handle(exchange).await)
            }
            (_, Input::Read(parts, _)) => self.note(seq, self.unknown(&parts)),
            (_, Input::Raw(request)) => self.note(seq, self.unknown(&request.into_parts().0)),
        };
        let length = response.body().size_hint().exact().unwrap_or(0);
        match action {
            Some(Action::Delay { ms }) => self.shared.clock.sleep(Duration::from_millis(*ms)).await,
            Some(Action::Drop { when: DropWhen::After }) => return Err(Closed),
            Some(Action::Drop { when: DropWhen::DuringBody }) if length > 0 => cut.body(length / 2),
            // Inside the status line: enough to be read as HTTP, not enough to be understood.
            Some(Action::Drop { .. }) => cut.head(12),
            Some(Action::Truncate { bytes }) => cut.body(*bytes),
            Some(Action::Slow { bytes_per_second }) => {
                let clock = self.shared.clock.clone();
                response = response.map(|body| Slow::new(body, *bytes_per_second, clock).boxed_unsync());
            }
            Some(Action::Garbage) => {
                // Never JSON, XML or UTF-8, whatever the dice say.
                let garbage = [&[0xff, 0x00, b'{'][..], &self.shared.dice.bytes(61)].concat();
                response = replace(response, full(garbage));
            }
            Some(Action::Huge { bytes }) => {
                response = replace(response, Huge { left: *bytes }.boxed_unsync())
            }
            _ => {}
        }
        Ok(response)
    }

    /// Writes an answer into the log.
    fn note(&self, seq: u64, response: Response<Full<Bytes>>) -> Response<Body> {
        let (parts, body) = response.into_parts();
        // A body that is all there needs no waiting to be read.
        let bytes = peek(&body);
        self.shared.log.amend(seq, |entry| entry.answer = redact_body(&parts.headers, &bytes));
        Response::from_parts(parts, full(bytes))
    }

    fn unknown(&self, parts: &Parts) -> Response<Full<Bytes>> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let near = nearest(self.providers.iter().flat_map(|p| p.routes()), method, path);
        let near = near.map(|r| {
            json!({ "provider": r.provider, "operation": r.operation, "method": r.method, "path": r.path })
        });
        let message = format!("no emulated provider has {method} {path}");
        answer_json(StatusCode::NOT_FOUND, &json!({ "error": { "message": message, "nearest": near } }))
    }

    fn finish(&self, mut response: Response<Body>, operation: &'static str, skew: i64) -> Response<Body> {
        let date = httpdate::fmt_http_date(dateable(skewed(self.shared.clock.now(), skew)));
        if let Ok(date) = HeaderValue::try_from(date) {
            response.headers_mut().insert(DATE, date);
        }
        response.headers_mut().insert(OPERATION, HeaderValue::from_static(operation));
        response
    }
}

/// A request in the log until it ends: with its answer, or when nobody waits for one any more.
struct Underway<'a> {
    shared: &'a Shared,
    seq: u64,
    started: Instant,
    status: Option<u16>,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let took = millis(self.shared.clock.monotonic().saturating_duration_since(self.started));
        self.shared.log.amend(self.seq, |entry| {
            entry.status = self.status;
            entry.duration_ms = Some(took);
        });
    }
}

enum Input {
    Read(Parts, Bytes),
    Raw(Request<Incoming>),
}

fn full_body(body: Full<Bytes>) -> Body {
    full(peek(&body))
}

fn peek(body: &Full<Bytes>) -> Bytes {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut body = body.clone();
    match std::pin::Pin::new(&mut body).poll_frame(&mut context) {
        std::task::Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

/// The body under the limit; else the answer to give, or none if the client left.
async fn read(body: Incoming, patience: Duration) -> Result<Bytes, Option<Response<Full<Bytes>>>> {
    let refuse =
        |status, message: &str| Some(answer_json(status, &json!({ "error": { "message": message } })));
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(patience, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"))
        }
        Ok(Err(_)) => Err(None),
        Err(_) => {
            Err(refuse(StatusCode::REQUEST_TIMEOUT, &format!("the body took longer than {patience:?}")))
        }
    }
}

/// The answer of a fault that stands in for the provider's.
fn instead(action: &Action) -> Option<Response<Full<Bytes>>> {
    let (status, headers, body): (u16, Vec<(&str, String)>, Value) = match action {
        Action::Status { status, headers, body } => {
            (*status, headers.iter().map(|(k, v)| (k.as_str(), v.clone())).collect(), body.clone())
        }
        Action::Redirect { location, status } => (*status, vec![("location", location.clone())], Value::Null),
        Action::RetryAfter { status, value } => {
            (*status, vec![("retry-after", value.to_string())], json!({ "message": "too many requests" }))
        }
        Action::Html { status } => {
            let page =
                format!("<!doctype html><title>{status}</title><h1>{status}</h1><p>rtc-emulator</p>\n");
            (*status, vec![("content-type", "text/html; charset=utf-8".into())], page.into())
        }
        _ => return None,
    };
    let (kind, body) = match body {
        Value::Null => (None, Bytes::new()),
        Value::String(text) => (Some("text/plain; charset=utf-8"), text.into()),
        value => (Some("application/json"), value.to_string().into()),
    };
    let mut response = Response::new(Full::new(body));
    // Rules are checked when they are added: nothing here can fail any more.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Some(response)
}

fn replace(mut response: Response<Body>, body: Body) -> Response<Body> {
    response.headers_mut().remove(CONTENT_LENGTH);
    response.map(|_| body)
}

fn skewed(at: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { at.checked_sub(by) } else { at.checked_add(by) }.unwrap_or(at)
}

/// An instant that an HTTP date can tell (1970 to 9999); the formatter panics on others.
fn dateable(at: SystemTime) -> SystemTime {
    const LAST: u64 = 253_402_300_799;
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since.min(Duration::from_secs(LAST))
}
