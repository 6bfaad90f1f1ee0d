//! A server of bytes: it reads requests and answers what it is told to, however wrong.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{aside, servers};

/// The part of a request by which a cell judges.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The whole request.
    pub(crate) text: String,
}

impl Seen {
    /// The value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// What is done with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Broken off before anything is read.
    ResetAtOnce,
    /// The request is read, then this is written and this is the end.
    Answer(Vec<u8>, End),
    /// The request is read and told back inside a refusal.
    Echo,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Close,
    /// With a reset.
    Reset,
    /// Not at all, until the client leaves.
    Hold,
    /// With one byte after another, until the client leaves.
    Drip,
    /// With more and more, until the client leaves.
    Flood,
}

pub(crate) struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

/// How long a client that is gone may take to leave its connections.
const PATIENCE: Duration = Duration::from_secs(5);

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(script: Script, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = aside(TcpListener::bind("127.0.0.1:0")).await?;
        let address = listener.local_addr()?;
        let script = Arc::new(Mutex::new(script));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (count, open) = watch::channel(0);
        let task = servers().spawn(accept(listener, tls, Arc::clone(&script), Arc::clone(&seen), count));
        Ok(Self { address, script, seen, open, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn play(&self, script: Script) {
        *lock(&self.script) = script;
    }

    /// All requests that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Whether all clients have left, or do so soon.
    pub(crate) async fn is_left(&self) -> bool {
        let mut open = self.open.clone();
        let left = tokio::time::timeout(PATIENCE, open.wait_for(|open| *open == 0)).await;
        matches!(left, Ok(Ok(_)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: watch::Sender<usize>,
) {
    // Dropped with the server, so that nothing of it outlives its cell.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let (script, seen, tls) = (lock(&script).clone(), Arc::clone(&seen), tls.clone());
                open.send_modify(|open| *open += 1);
                connections.spawn(connection(stream, tls, script, seen));
            }
            Some(_) = connections.join_next() => open.send_modify(|open| *open -= 1),
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let _ = stream.set_nodelay(true);
    if matches!(script, Script::ResetAtOnce | Script::Answer(_, End::Reset)) {
        // Dropping it is a reset from now on.
        let _ = stream.set_zero_linger();
    }
    // What becomes of a connection that the client leaves is of no interest here.
    match tls {
        _ if matches!(script, Script::ResetAtOnce) => {}
        None => drop(serve(stream, script, seen).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(serve(stream, script, seen).await);
            }
        }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    lock(&seen).push(Seen { text: request.clone() });
    let (bytes, end) = match script {
        Script::Answer(bytes, end) => (bytes, end),
        Script::Echo => (echo(&request), Close),
        Script::ResetAtOnce => return Ok(()),
    };
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    match end {
        Close => {
            stream.shutdown().await?;
            // The client has read all when it closes its side.
            until_gone(&mut stream).await;
        }
        Reset => {}
        Hold => until_gone(&mut stream).await,
        Drip => loop {
            // This is the fault itself: bytes that come in real time, often enough that no limit on idle time could
            // end it.
            stream.write_all(b"x").await?;
            stream.flush().await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        },
        Flood => loop {
            stream.write_all(&FLOOD).await?;
        },
    }
    return Ok(());
    use End::{Close, Drip, Flood, Hold, Reset};
}

/// A chunk of 32 KiB.
static FLOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let mut chunk = b"8000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x8000, b' ');
    chunk.extend_from_slice(b"\r\n");
    chunk
});

async fn until_gone(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = [0; 256];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

fn echo(request: &str) -> Vec<u8> {
    let body = serde_json::json!({ "error": request, "message": request, "code": request }).to_string();
    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length =
                length.filter_map(|(_, value)| value.trim().parse::<usize>().ok()).next().unwrap_or(0);
            if body.len() >= length {
                return Ok(Some(text.into_owned()));
            }
        }
        match stream.read(&mut some).await? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(some.get(..read).unwrap_or_default()),
        }
    }
}
