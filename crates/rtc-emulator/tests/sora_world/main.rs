//! The emulated Sora's world: who is told what, the HTTP API, webhooks, management.
#![cfg(feature = "sora-webrtc")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::large_futures,
    unreachable_pub,
    dead_code,
    reason = "tests; the peer is shared with others"
)]

mod api;
mod entrance;
mod hooks;
mod members;
#[path = "../sora_signaling/peer.rs"]
mod peer;

use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// One HTTP request; status, head and body.
pub async fn http(emulator: &Emulator, request: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = serde_json::from_str(body).unwrap_or_default();
    (head[9..12].parse().unwrap(), head.to_owned(), body)
}

/// A call of the HTTP API.
pub async fn call(emulator: &Emulator, target: &str, body: Value) -> (u16, Value) {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-sora-target: {target}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let (status, _, answer) = http(emulator, &request).await;
    (status, answer)
}

/// The same, which is to be answered.
pub async fn done(emulator: &Emulator, target: &str, body: Value) -> Value {
    let (status, answer) = call(emulator, target, body).await;
    assert_eq!(status, 200, "{target}: {answer}");
    answer
}

/// A request of the RPC.
pub fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": format!("2025.2.0/{method}"), "params": params })
}

/// A server that gives this answer every time, and hands on what it got: head and body.
pub async fn receiver(status: u16, answer: Value) -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (got, inbox) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut text = String::new();
            let (head, body) = loop {
                let mut buffer = [0; 4096];
                let n = socket.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    break (head.to_owned(), serde_json::from_str(body).unwrap());
                }
            };
            let answer = answer.to_string();
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            socket.write_all(answer.as_bytes()).await.unwrap();
            if got.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, inbox)
}
