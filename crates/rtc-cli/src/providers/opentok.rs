//! OpenTok.

use opentok::{Client, Credentials};

use super::configure;
use crate::generated::opentok as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

fn client(run: &Run) -> opentok::Result<Client> {
    let credentials = Credentials::new(
        run.credential("api_key", "OPENTOK_API_KEY"),
        run.credential("api_secret", "OPENTOK_API_SECRET"),
    );
    configure!(Client::builder(credentials), run, "OPENTOK_ENDPOINT").build()
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    if operation == "decode_session_id" {
        let request = generated::decode_session_id(&mut input);
        let checked = input.check(request.validate()).map_err(opentok::Error::from);
        return Some(run.local(checked.and_then(|()| Client::decode_session_id(request))));
    }
    let client = match client(run) {
        Ok(client) => client,
        Err(error) => return Some(run.failed(&error)),
    };
    let local = match operation {
        "generate_token" => {
            let request = generated::generate_token(&mut input);
            let result = match input.check(request.validate()) {
                // The input is good as it stands; what needs the key and the clock is checked by the call.
                Ok(()) => client.generate_token(request).map(|token| Generated { token }),
                Err(violations) => Err(violations.into()),
            };
            run.local(result)
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
