// The scene of the README: the emulated service, and a server of yours that it posts to.

use opentok::{Client, Credentials};
use rtc_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub struct Scene {
    pub emulator: Emulator,
    server: TcpListener,
}

impl Scene {
    pub async fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { emulator: Emulator::start().await.unwrap(), server }
    }

    pub fn client(&self) -> Client {
        let service = self.emulator.opentok();
        let credentials = Credentials::new(service.api_key(), service.api_secret());
        Client::builder(credentials).endpoint(service.url()).build().unwrap()
    }

    pub fn webhook_url(&self) -> String {
        format!("http://{}/opentok", self.server.local_addr().unwrap())
    }

    /// The `Authorization` and the body of the next webhook.
    pub async fn next_webhook(&self) -> (String, Vec<u8>) {
        let (mut socket, _) = self.server.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            socket.read_buf(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let value = |name: &str| {
                let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
                line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).unwrap()
            };
            if body.len() == value("content-length").parse::<usize>().unwrap() {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                return (value("authorization"), body.as_bytes().to_vec());
            }
        }
    }
}
