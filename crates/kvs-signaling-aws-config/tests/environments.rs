//! The sources of the chain, each in a process with an environment of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;

use kvs_signaling::CredentialsProvider as _;
use kvs_signaling_aws_config::Chain;
use kvs_signaling_aws_config::aws_credential_types::Credentials;

mod common;
use common::{ASKS, Found, Server, in_environment};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const FAR: &str = "2190-01-01T00:00:00Z";
const PAST: &str = "2020-01-01T00:00:00Z";

/// What the process of its own does; the other tests start it.
#[test]
#[ignore = "started by the other tests in an environment of its own"]
fn child() {
    let asks: usize = std::env::var(ASKS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let chain = Chain::load().await;
        println!("\n> {}", chain.region().unwrap_or("none"));
        for _ in 0..asks {
            match chain.provide().await {
                Ok(given) => println!(
                    "> {} {} {}",
                    given.access_key_id(),
                    given.secret_access_key().expose(),
                    given.session_token().map_or("none", |token| token.expose())
                ),
                Err(error) => println!("> {error} / {error:?}"),
            }
        }
    });
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file of its own with this text.
fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

/// The only answer.
fn one(found: &Found) -> &str {
    assert_eq!(found.answers().len(), 1);
    &found.answers()[0]
}

#[test]
fn variables() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", "TOKEN"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let found = in_environment(2, &variables);
    assert_eq!(found.region(), "eu-west-1");
    let expected = format!("AKIDENV {SECRET} TOKEN");
    assert_eq!(found.answers(), [expected.clone(), expected]);
}

#[test]
fn a_profile_with_static_keys() {
    let config = file("[profile cameras]\nregion = ap-northeast-1\n");
    let keys = format!("[cameras]\naws_access_key_id = AKIDFILE\naws_secret_access_key = {SECRET}\n");
    let credentials = file(&keys);
    let variables = [
        ("AWS_CONFIG_FILE", text(config.path())),
        ("AWS_SHARED_CREDENTIALS_FILE", text(credentials.path())),
        ("AWS_PROFILE", "cameras"),
    ];
    let found = in_environment(1, &variables);
    assert_eq!(found.region(), "ap-northeast-1");
    assert_eq!(one(&found), format!("AKIDFILE {SECRET} none"));
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let config = file("[profile cameras]\nregion = ap-northeast-1\n");
    let variables =
        [("AWS_CONFIG_FILE", text(config.path())), ("AWS_PROFILE", "doorbells"), ("AWS_REGION", "us-west-2")];
    let found = in_environment(2, &variables);
    for answer in found.answers() {
        // The same the second time: the chain begins anew.
        assert!(answer.contains("doorbells"), "{answer}");
    }
}

#[test]
fn nothing_at_all_says_what_to_set() {
    let found = in_environment(1, &[("AWS_REGION", "us-west-2")]);
    assert!(one(&found).contains("AWS_ACCESS_KEY_ID"), "{}", one(&found));
}

#[test]
fn a_process() {
    let line = r#"{"Version":1,"AccessKeyId":"AKIDPROC","SecretAccessKey":"s3cr3t","SessionToken":"T"}"#;
    let config = file(&format!("[default]\ncredential_process = echo '{line}'\n"));
    let found = in_environment(1, &[("AWS_CONFIG_FILE", text(config.path())), ("AWS_REGION", "us-west-2")]);
    assert_eq!(one(&found), "AKIDPROC s3cr3t T");
}

#[test]
fn a_process_that_fails_is_told_without_what_it_wrote() {
    let config = file("[default]\ncredential_process = echo the password is s3cr3t >&2; exit 3\n");
    let found = in_environment(1, &[("AWS_CONFIG_FILE", text(config.path())), ("AWS_REGION", "us-west-2")]);
    let answer = one(&found);
    assert!(answer.contains("external process") && answer.contains('3'), "{answer}");
    assert!(!answer.contains("s3cr3t") && !answer.contains("password"), "{answer}");
}

/// The answer of a container's or a machine's endpoint.
fn metadata(end: &str) -> String {
    format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"AKIDROLE","SecretAccessKey":"{SECRET}","Token":"ROLETOKEN","Expiration":"{end}"}}"#
    )
}

fn container(server: &Server, asks: usize) -> Found {
    let url = format!("{}/credentials?id=7", server.url);
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic Y29udGFpbmVy"),
        ("AWS_REGION", "us-west-2"),
    ];
    in_environment(asks, &variables)
}

#[test]
fn a_container_is_asked_once_while_its_credentials_last() {
    let server = Server::start(|_| (200, metadata(FAR)));
    let found = container(&server, 3);
    let expected = format!("AKIDROLE {SECRET} ROLETOKEN");
    assert_eq!(found.answers(), [expected.clone(), expected.clone(), expected]);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line, "GET /credentials?id=7 HTTP/1.1");
    assert!(requests[0].all.contains("Basic Y29udGFpbmVy"));
}

#[test]
fn a_container_is_asked_again_when_its_credentials_have_ended() {
    let server = Server::start(|_| (200, metadata(PAST)));
    let found = container(&server, 3);
    assert_eq!(found.answers()[2], format!("AKIDROLE {SECRET} ROLETOKEN"));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn what_is_no_answer_of_a_container_is_not_repeated_in_the_error() {
    for body in [
        format!(r#"{{"AccessKeyId":"AKIDROLE","SecretAccessKey":"{SECRET}""#),
        format!(r#"{{"AccessKeyId":"AKIDROLE","SecretAccessKey":"{SECRET}"}}"#),
        format!("{SECRET} is no JSON"),
    ] {
        let server = Server::start(move |_| (200, body.clone()));
        let found = container(&server, 1);
        let answer = one(&found);
        assert!(answer.contains("AWS credentials cannot be had"), "{answer}");
        assert!(!answer.contains(&SECRET[..6]), "{answer}");
    }
}

#[test]
fn a_refusal_of_a_container_is_told() {
    let server = Server::start(|_| (403, "no".into()));
    let found = container(&server, 1);
    assert!(one(&found).contains("403"), "{}", one(&found));
}

#[test]
fn the_metadata_of_a_machine() {
    let server = Server::start(|request| match request.line.split(' ').nth(1).unwrap_or_default() {
        "/latest/api/token" => (200, "METADATATOKEN".into()),
        path if path.ends_with("/cameras-role") => (200, metadata(FAR)),
        path if path.contains("security-credentials") => (200, "cameras-role".into()),
        path if path.contains("placement/region") => (200, "sa-east-1".into()),
        _ => (404, String::new()),
    });
    let variables =
        [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url)];
    let found = in_environment(2, &variables);
    assert_eq!(found.region(), "sa-east-1");
    let expected = format!("AKIDROLE {SECRET} ROLETOKEN");
    assert_eq!(found.answers(), [expected.clone(), expected]);
}

#[test]
fn a_web_identity() {
    let server = Server::start(|_| {
        let body = format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>WEBTOKEN</SessionToken>\
             <Expiration>{FAR}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        );
        (200, body)
    });
    let token = file("header.payload.signature");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(token.path())),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/cameras"),
        ("AWS_ENDPOINT_URL_STS", &server.url),
        ("AWS_REGION", "us-west-2"),
    ];
    let found = in_environment(2, &variables);
    let expected = format!("ASIAWEB {SECRET} WEBTOKEN");
    assert_eq!(found.answers(), [expected.clone(), expected]);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].all.contains("header.payload.signature"));
}

#[test]
fn single_sign_on() {
    let server = Server::start(|_| {
        let keys =
            format!(r#""accessKeyId":"ASIASSO","secretAccessKey":"{SECRET}","sessionToken":"SSOTOKEN""#);
        (200, format!(r#"{{"roleCredentials":{{{keys},"expiration":6942499200000}}}}"#))
    });
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    // Named by the SHA-1 of the start URL, as `aws sso login` does.
    std::fs::write(
        cache.join("e8be5486177c5b5392bd9aa76563515b29358e6e.json"),
        format!(r#"{{"accessToken":"LOGIN","expiresAt":"{FAR}","region":"us-west-2"}}"#),
    )
    .unwrap();
    let config = file(
        "[default]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-west-2\n\
         sso_account_id = 123456789012\nsso_role_name = Cameras\n",
    );
    let variables = [
        ("HOME", text(home.path())),
        ("AWS_CONFIG_FILE", text(config.path())),
        ("AWS_ENDPOINT_URL_SSO", &server.url),
        ("AWS_REGION", "us-west-2"),
    ];
    let found = in_environment(2, &variables);
    let expected = format!("ASIASSO {SECRET} SSOTOKEN");
    assert_eq!(found.answers(), [expected.clone(), expected]);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].line.contains("role_name=Cameras") && requests[0].all.contains("LOGIN"));
}

#[test]
fn given_credentials_need_no_environment() {
    let given = Credentials::new("AKIDGIVEN", SECRET, Some("T".into()), None, "test");
    let chain = Chain::new(given);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let credentials = runtime.block_on(chain.provide()).unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDGIVEN");
    assert!(chain.region().is_none() && !format!("{chain:?}").contains("AKID"));
}
