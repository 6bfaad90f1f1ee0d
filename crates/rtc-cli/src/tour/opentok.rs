//! Create a session, mint and verify a token, record and moderate, get refused, survive a fault.

use std::time::Duration;

use opentok::{
    ArchiveMode, Client, CreateSession, Credentials, ForceDisconnect, GenerateToken, ListArchives,
    ListConnections, MediaMode, RegisterCallback, Role, SignalSession, StartArchive, StopArchive,
    VerifyToken, WebhookEvent, WebhookVerifier,
};
use rtc_core::ErrorKind;
use rtc_emulator::{Action, Fault, RetryAfter};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::{Failed, Stage, hidden};

/// What the service signs the calls of our webhook with.
const SIGNATURE_SECRET: &str = "the signature secret of this webhook";

/// A server that takes one webhook. A real one stands in the crate's examples.
pub(super) struct Mailbox(TcpListener);

impl Mailbox {
    pub(super) async fn open() -> std::io::Result<Self> {
        Ok(Self(TcpListener::bind("127.0.0.1:0").await?))
    }

    pub(super) fn url(&self) -> std::io::Result<String> {
        Ok(format!("http://{}/hooks", self.0.local_addr()?))
    }

    /// Waits for a request and answers it; gives its Authorization and its body.
    pub(super) async fn receive(&self) -> Result<(String, Vec<u8>), Failed> {
        let (stream, _) = tokio::time::timeout(Duration::from_secs(5), self.0.accept()).await??;
        let mut stream = BufReader::new(stream);
        let (mut authorization, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() { break } else { continue }
            };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => authorization = value.to_owned(),
                "content-length" => length = value.parse()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
        Ok((authorization, body))
    }
}

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let access = stage.emulator.opentok();
    let credentials = Credentials::new(access.api_key(), access.api_secret());
    let client = Client::builder(credentials).endpoint(access.url()).build()?;

    let session = client.create_session(CreateSession::new().media_mode(MediaMode::Routed)).await?;
    let parts = session.id().decode()?;
    stage.require(parts.api_key == access.api_key(), "the session id names our API key")?;
    stage.tell("create a routed session", &session.session_id)?;

    let request = GenerateToken::new(&session.session_id).role(Role::Moderator).connection_data("name=Ada");
    let token = client.generate_token(request)?;
    let verified = client.verify_token(VerifyToken::new(token.expose()))?;
    stage.require(verified.role() == Some(Role::Moderator), "the token makes its holder a moderator")?;
    stage.tell("mint and verify a moderator's token", hidden(token.expose()))?;

    let mailbox = Mailbox::open().await?;
    let callback = RegisterCallback::new("archive", "status", mailbox.url()?);
    let callback = client.register_callback(callback).await?;
    access.sign_callback(&callback.id, SIGNATURE_SECRET);

    let seen = access.join(&session.session_id);
    let archive = client.start_archive(StartArchive::new(&session.session_id).name("lesson 1")).await?;
    let people = client.list_connections(ListConnections::new(&session.session_id)).await?;
    stage.require(people.items.len() == 1, "the one who joined is listed")?;
    client.signal_session(SignalSession::new(&session.session_id, "chat", "The lesson starts.")).await?;
    client.force_disconnect(ForceDisconnect::new(&session.session_id, seen.connection_id)).await?;
    let archive = client.stop_archive(StopArchive::new(archive.id)).await?;
    let mut archives = client.list_archives(ListArchives::new()).items();
    let listed = archives.next().await.ok_or("no archive is listed")??;
    stage.require(listed.id == archive.id, "the archive is listed")?;
    stage.tell("record, signal, send somebody out, stop", format!("archive {}", archive.id))?;

    let (authorization, body) = mailbox.receive().await?;
    let event = WebhookVerifier::new(SIGNATURE_SECRET)?.verify(&authorization, &body)?;
    let WebhookEvent::Archive(told) = event else { return Err("the webhook tells of something else".into()) };
    stage.require(told.id == archive.id, "the webhook is about the archive")?;
    let status = told.status.as_ref().map_or("", |status| status.as_str());
    stage.tell("receive a signed webhook about it", format!("archive {status}"))?;

    let sent = stage.emulator.requests("create_session").len();
    let wrong = CreateSession::new().archive_mode(ArchiveMode::Always).location("localhost");
    let error = client.create_session(wrong).await.err().ok_or("faulty input was accepted")?;
    let found = error.violations().map_or(0, |v| v.iter().count());
    stage
        .require(found == 2 && stage.emulator.requests("create_session").len() == sent, "nothing was sent")?;
    stage.tell("refuse faulty input before sending", format!("{found} violations at once"))?;

    stage.emulator.add_fault(
        Fault::new(Action::RetryAfter { status: 429, value: RetryAfter::Seconds(0) })
            .operation("create_session")
            .times(1),
    )?;
    let reply = client.create_session(CreateSession::new()).reply().await?;
    stage.require(reply.attempts == 2, "one throttle costs one more attempt")?;
    stage.tell("survive a throttle", format!("{} attempts", reply.attempts))?;

    let stranger = Client::builder(Credentials::new(access.api_key(), "not the secret"))
        .endpoint(access.url())
        .build()?;
    let error =
        stranger.create_session(CreateSession::new()).await.err().ok_or("a wrong secret was accepted")?;
    stage.require(error.kind() == ErrorKind::Unauthenticated, "a wrong secret is refused")?;
    stage.tell("be refused with a wrong secret", error.kind())
}
