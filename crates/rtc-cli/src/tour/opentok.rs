//! Create a session, mint and verify a token, get refused, survive a fault.

use opentok::{ArchiveMode, Client, CreateSession, Credentials, GenerateToken, MediaMode, Role, VerifyToken};
use rtc_core::ErrorKind;
use rtc_emulator::{Action, Fault, RetryAfter};

use super::{Failed, Stage, hidden};

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
