//! OpenTok.

use opentok::{Client, Credentials};
use rtc_core::{Reason, Violation};

use super::configure;
use crate::generated::opentok as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

fn client(run: &Run) -> opentok::Result<Client> {
    let pair = |key, key_variable, secret, secret_variable| {
        Credentials::new(run.credential(key, key_variable), run.credential(secret, secret_variable))
    };
    let credentials = match application(run)? {
        Some(application) => application,
        None => pair("api_key", "OPENTOK_API_KEY", "api_secret", "OPENTOK_API_SECRET"),
    };
    let mut builder = Client::builder(credentials);
    if run.optional_credential("account_key", "OPENTOK_ACCOUNT_KEY").is_some() {
        let account = ["account_key", "OPENTOK_ACCOUNT_KEY", "account_secret", "OPENTOK_ACCOUNT_SECRET"];
        let [key, key_variable, secret, secret_variable] = account;
        builder = builder.account(pair(key, key_variable, secret, secret_variable));
    }
    configure!(builder, run, "OPENTOK_ENDPOINT").build()
}

/// The application of the unified environment. A key given with the call comes before the environment's.
fn application(run: &Run) -> opentok::Result<Option<Credentials>> {
    let with_key = run.credentials.contains_key("api_key");
    let id = run.optional_credential("application_id", "OPENTOK_APPLICATION_ID");
    let Some(id) = id.filter(|_| !with_key) else { return Ok(None) };
    let key = match run.credentials.get("private_key") {
        Some(key) => key.clone(),
        None => {
            let path = run.variable("OPENTOK_PRIVATE_KEY_FILE").ok_or_else(|| {
                rtc_core::AuthError::new(
                    "an application needs its private key: name its file in OPENTOK_PRIVATE_KEY_FILE, or give \
                     private_key beside application_id",
                )
            })?;
            std::fs::read_to_string(path).map_err(|error| {
                let message = format!("the file that OPENTOK_PRIVATE_KEY_FILE names cannot be read: {error}");
                rtc_core::AuthError::new(message)
            })?
        }
    };
    Ok(Some(Credentials::application(id, key)))
}

/// Makes a token. What the key and the clock do not allow is told together with the `faults` of the input.
fn generate(
    client: &Client,
    request: opentok::GenerateToken,
    faults: Vec<Violation>,
) -> opentok::Result<opentok::Token> {
    let own = request.validate();
    let made = client.generate_token(request);
    let checked = match made.as_ref().map_err(opentok::Error::reason) {
        // The call checks what the request's own rules are, too.
        Err(Reason::Validation(all)) => Err(all.clone()),
        _ => own,
    };
    rtc_core::validate::merge(faults, checked)?;
    made
}

/// `Client::verify_webhook` by the clock of the run.
fn verify(request: opentok::VerifyWebhook, run: &Run) -> opentok::Result<opentok::WebhookEvent> {
    let mut verifier = opentok::WebhookVerifier::new(request.secret)?;
    if let Some(clock) = &run.clock {
        verifier = verifier.clock(clock.clone());
    }
    verifier.verify(request.authorization.expose(), request.body.as_bytes())
}

/// What needs no client.
fn pure(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    Some(match operation {
        "decode_session_id" => {
            let request = generated::decode_session_id(&mut input);
            let checked = input.check(request.validate()).map_err(opentok::Error::from);
            run.local(checked.and_then(|()| Client::decode_session_id(request)))
        }
        "parse_webhook" => {
            input.json_as_text("body");
            let request = generated::parse_webhook(&mut input);
            let checked = input.check(request.validate()).map_err(opentok::Error::from);
            run.local(checked.and_then(|()| Client::parse_webhook(request)))
        }
        "verify_webhook" => {
            let request = generated::verify_webhook(&mut input);
            let checked = input.check(request.validate()).map_err(opentok::Error::from);
            run.local(checked.and_then(|()| verify(request, run)))
        }
        _ => return None,
    })
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    if matches!(operation, "decode_session_id" | "parse_webhook" | "verify_webhook") {
        return pure(operation, input, run);
    }
    let client = match client(run) {
        Ok(client) => client,
        Err(error) => return Some(run.failed(&error)),
    };
    let local = match operation {
        "generate_token" => {
            let request = generated::generate_token(&mut input);
            run.local(generate(&client, request, input.finish()).map(|token| Generated { token }))
        }
        "verify_token" => {
            let request = generated::verify_token(&mut input);
            let checked = input.check(request.validate()).map_err(opentok::Error::from);
            run.local(checked.and_then(|()| client.verify_token(request)))
        }
        _ => return generated::call(&client, operation, input, run).await,
    };
    Some(local)
}

#[derive(serde::Serialize)]
struct Generated {
    token: opentok::Token,
}
