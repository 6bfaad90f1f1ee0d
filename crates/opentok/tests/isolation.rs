//! Several clients in one process: no key, no endpoint, no header of one shows in the requests of another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use opentok::{
    Client, ClientBuilder, CreateProject, CreateSession, Credentials, Error, ErrorKind, GenerateToken,
    ListArchives, ListProjects, MediaMode, OpenTokError, ProjectStatus, SetProjectStatus, StartArchive,
    StartBroadcast, TokenFault, VerifyToken,
};
use rtc_emulator::Emulator;

fn client(emulator: &Emulator, name: &str, key: &str, secret: &str) -> Client {
    let access = emulator.opentok();
    let account = Credentials::new(access.account_key(), access.account_secret());
    let builder = Client::builder(Credentials::new(key, secret)).account(account);
    builder.endpoint(access.url()).header("X-Client", name).build().unwrap()
}

/// A client of a project that is made for it, and the key of that project.
async fn of_new_project(emulator: &Emulator, name: &str) -> (Client, String) {
    let access = emulator.opentok();
    let maker = client(emulator, "maker", access.api_key(), access.api_secret());
    let project = maker.create_project(CreateProject::new().name(name)).await.unwrap();
    let (key, secret) = (project.id.unwrap(), project.secret.unwrap());
    (client(emulator, name, &key, secret.expose()), key)
}

/// What one client does, over and over: it finds its own archives, and no others.
async fn work(client: Client, emulator: &Emulator, name: &str, rounds: usize) {
    let mut own = BTreeSet::new();
    for round in 0..rounds {
        let routed = CreateSession::new().media_mode(MediaMode::Routed);
        let session = client.create_session(routed).await.unwrap().session_id;
        emulator.opentok().join(&session);
        let title = format!("{name} {round}");
        let archive = client.start_archive(StartArchive::new(&session).name(&title)).await.unwrap();
        own.insert(archive.id);
        let listed: Vec<_> =
            client.list_archives(ListArchives::new().count(3)).items().try_collect().await.unwrap();
        assert!(listed.iter().all(|a| a.name.as_ref().is_some_and(|n| n.starts_with(name))), "{name}");
        assert_eq!(listed.into_iter().map(|archive| archive.id).collect::<BTreeSet<_>>(), own, "{name}");
        let token = client.generate_token(GenerateToken::new(&session)).unwrap();
        client.verify_token(VerifyToken::new(token.expose())).unwrap();
    }
}

/// Every request of a client names its own project, and went to its own server.
fn look_at_the_log(emulator: &Emulator, clients: &[(&str, &str)]) {
    let mut seen = BTreeSet::new();
    for entry in emulator.log() {
        let name = entry.headers.iter().find(|(name, _)| name == "x-client").map(|(_, value)| value.as_str());
        let name = name.unwrap();
        assert_eq!(entry.status.map(|status| status / 100), Some(2), "{entry:?}");
        if name == "maker" {
            continue;
        }
        let (_, key) = clients.iter().find(|(known, _)| *known == name).unwrap();
        let parts: Vec<_> = entry.path.split('/').collect();
        match parts.as_slice() {
            ["", "session", "create"] => {}
            ["", "v2", "project", project, ..] => assert_eq!(project, key, "{name}: {entry:?}"),
            _ => unreachable!("{entry:?}"),
        }
        if let Some(body) =
            entry.body.as_deref().filter(|_| entry.operation.as_deref() == Some("start_archive"))
        {
            assert!(body.contains(&format!("\"{name} ")), "{name}: {body}");
        }
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.len(), clients.len(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_never_mix() {
    let one = Emulator::start().await.unwrap();
    let two = Emulator::builder().seed(7).start().await.unwrap();
    let access = one.opentok();
    let (key, secret) = (access.api_key(), access.api_secret());
    // The same key at two endpoints, and two keys at one.
    let (a, b) = (client(&one, "a", key, secret), client(&two, "b", key, secret));
    let (c, c_key) = of_new_project(&one, "c").await;
    let (d, d_key) = of_new_project(&two, "d").await;
    assert_ne!(c_key, key);
    tokio::join!(
        work(a.clone(), &one, "a", 8),
        work(b, &two, "b", 8),
        work(c.clone(), &one, "c", 8),
        work(d, &two, "d", 8),
    );
    look_at_the_log(&one, &[("a", key), ("c", &c_key)]);
    look_at_the_log(&two, &[("b", key), ("d", &d_key)]);

    // The endpoint of one call is that call's alone.
    let elsewhere = two.opentok().url();
    two.clear_log();
    let there = a.list_archives(ListArchives::new()).endpoint(elsewhere);
    let (there, here) = tokio::join!(there, a.list_archives(ListArchives::new()));
    assert!(there.unwrap().items.iter().all(|archive| archive.name.as_ref().unwrap().starts_with('b')));
    assert!(here.unwrap().items.iter().all(|archive| archive.name.as_ref().unwrap().starts_with('a')));
    assert_eq!(two.log().len(), 1);

    // A session and a token belong to one project.
    let session = a.create_session(CreateSession::new()).await.unwrap().session_id;
    let token = a.generate_token(GenerateToken::new(&session)).unwrap();
    let foreign = c.verify_token(VerifyToken::new(token.expose())).unwrap_err();
    assert!(matches!(foreign.service(), Some(OpenTokError::Token(TokenFault::Signature))));
    assert_eq!(c.generate_token(GenerateToken::new(&session)).unwrap_err().kind(), ErrorKind::InvalidInput);
    let archive = c.start_archive(StartArchive::new(&session)).await.unwrap_err();
    assert_eq!(archive.kind(), ErrorKind::NotFound, "{archive}");
}

#[tokio::test]
async fn one_project_does_not_stop_another() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.opentok();
    let own = client(&emulator, "own", access.api_key(), access.api_secret());
    let (other, key) = of_new_project(&emulator, "other").await;
    let suspended = SetProjectStatus::new(&key, ProjectStatus::Suspended);
    own.set_project_status(suspended).await.unwrap();
    let error = other.create_session(CreateSession::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    own.create_session(CreateSession::new()).await.unwrap();
    own.set_project_status(SetProjectStatus::new(&key, ProjectStatus::Active)).await.unwrap();
    other.create_session(CreateSession::new()).await.unwrap();
    assert!(
        other.list_projects(ListProjects::new()).await.unwrap().len() >= 2,
        "the account's, not the project's"
    );
}

#[test]
fn what_may_cross_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn travels<T: IntoFuture<IntoFuture: Send + 'static> + Send + 'static>(_: &T) {}
    shared::<Client>();
    shared::<ClientBuilder>();
    shared::<Credentials>();
    error::<Error>();
    let client = Client::new(Credentials::new("123456", "secret")).unwrap();
    travels(&client.create_session(CreateSession::new()));
    travels(&client.list_archives(ListArchives::new()));
    travels(&client.start_broadcast(StartBroadcast::new("s", opentok::Outputs::new())));
    travels(&client.list_projects(ListProjects::new()));
}
