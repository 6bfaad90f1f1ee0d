//! Kinesis Video Streams signaling.

mod live;
mod offline;

use std::time::Duration;

use kvs_signaling::{Client, Credentials, Error, NameValue};
use rtc_core::{Rule, Violation, Violations};
use serde_json::Value;

use super::configure;
use crate::generated::kvs_signaling as generated;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

pub(crate) use live::converse;

fn client(run: &Run) -> kvs_signaling::Result<Client> {
    let own = |name, variable| run.optional_credential(name, variable).filter(|value| !value.is_empty());
    let credentials = Credentials::new(
        run.credential("access_key_id", "AWS_ACCESS_KEY_ID"),
        run.credential("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    )
    .with_session_token(run.credential("session_token", "AWS_SESSION_TOKEN"));
    let mut builder = configure!(Client::builder(credentials), run, "AWS_ENDPOINT_URL");
    // A time limit holds for opening a WebSocket, too; that takes 5 s at the most anyway.
    if let Some(limit) = run.timeout.filter(|limit| *limit < Duration::from_secs(5)) {
        builder = builder.connect_timeout(limit);
    }
    if let Some(region) = own("region", "AWS_REGION").or_else(|| own("default_region", "AWS_DEFAULT_REGION"))
    {
        builder = builder.region(region);
    }
    // An endpoint that is given wins over those of the environment.
    if run.endpoint.is_none() {
        if let Some(url) = own("endpoint_url_kinesis_video", "AWS_ENDPOINT_URL_KINESIS_VIDEO") {
            builder = builder.control_endpoint(url);
        }
        if let Some(url) =
            own("endpoint_url_kinesis_video_signaling", "AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING")
        {
            builder = builder.signaling_endpoint(url);
        }
        if let Some(url) =
            own("endpoint_url_kinesis_video_webrtc_storage", "AWS_ENDPOINT_URL_KINESIS_VIDEO_WEBRTC_STORAGE")
        {
            builder = builder.storage_endpoint(url);
        }
        let is_on =
            |name, variable| own(name, variable).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        builder = builder
            .use_fips(is_on("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_on("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT"));
    }
    if let Some(connector) = &run.connector {
        builder = builder.connector(connector.clone());
    }
    builder.build()
}

pub(super) async fn run(operation: &str, mut input: Input, run: &Run) -> Option<Outcome> {
    // What is a pure function of its input needs no client.
    match operation {
        "resolve_endpoint" => {
            let request = generated::resolve_endpoint(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            return Some(run.local(checked.and_then(|()| Client::resolve_endpoint(request))));
        }
        "stun_url" => {
            let request = generated::stun_url(&mut input);
            let checked = input.check(request.validate()).map_err(Error::from);
            return Some(run.local(checked.and_then(|()| Client::stun_url(request))));
        }
        "parse_event" => return Some(offline::receive(input, run)),
        "ice_buffering" => return Some(offline::receive(input, run)),
        "decode_frame" => return Some(offline::decode_frame(input, run)),
        live if live::is_live(live) => return Some(live::run(live, input, run).await),
        known if generated::OPERATIONS.iter().any(|o| o.name == known) => {}
        _ => return None,
    }
    let (socket, run) = without_socket(operation, run);
    let client = match client(&run) {
        Ok(client) => client,
        Err(error) => return Some(run.failed(&error)),
    };
    let local = match operation {
        "ice_servers" => {
            let request = generated::ice_servers(&mut input);
            match input.check(request.validate()) {
                Ok(()) => run.local(client.ice_servers(request).await.map(|servers| servers.to_vec())),
                Err(violations) => run.failed(&Error::from(violations)),
            }
        }
        "sign_request" => {
            let mut faults = Vec::new();
            let (query, headers) =
                (pairs(&mut input, "query", &mut faults), pairs(&mut input, "headers", &mut faults));
            let mut request = generated::sign_request(&mut input);
            (request.query, request.headers) = (query, headers);
            match check(faults, input, request.validate()) {
                Ok(()) => run.local(client.sign_request(request).await),
                Err(violations) => run.failed(&Error::from(violations)),
            }
        }
        "presign_connect_as_master" => {
            let mut faults = Vec::new();
            let query = pairs(&mut input, "query", &mut faults);
            let mut request = generated::presign_connect_as_master(&mut input);
            request.query = query;
            request.endpoint = request.endpoint.or(socket);
            match check(faults, input, request.validate()) {
                Ok(()) => run.local(client.presign_connect_as_master(request).await),
                Err(violations) => run.failed(&Error::from(violations)),
            }
        }
        "presign_connect_as_viewer" => {
            let mut faults = Vec::new();
            let query = pairs(&mut input, "query", &mut faults);
            let mut request = generated::presign_connect_as_viewer(&mut input);
            request.query = query;
            request.endpoint = request.endpoint.or(socket);
            match check(faults, input, request.validate()) {
                Ok(()) => run.local(client.presign_connect_as_viewer(request).await),
                Err(violations) => run.failed(&Error::from(violations)),
            }
        }
        _ => return generated::call(&client, operation, input, &run).await,
    };
    Some(local)
}

/// The endpoint of a presigned URL or of a connection is the channel's WebSocket, not the base of the client's calls.
fn without_socket(operation: &str, run: &Run) -> (Option<String>, Run) {
    let has_socket = operation.starts_with("presign_") || live::is_live(operation);
    let is_socket = |url: &&String| has_socket && live::is_socket(operation, url);
    let socket = run.endpoint.as_ref().filter(is_socket).cloned();
    let mut run = run.clone();
    if socket.is_some() {
        run.endpoint = None;
    }
    (socket, run)
}

fn check(faults: Vec<Violation>, input: Input, checked: Result<(), Violations>) -> Result<(), Violations> {
    rtc_core::validate::merge(faults, input.check(checked))
}

/// Names with values: an object, a list of pairs, or a list of objects with `name` and `value`.
fn pairs(input: &mut Input, field: &'static str, faults: &mut Vec<Violation>) -> Vec<NameValue> {
    let pair = |name: &Value, value: &Value| Some(NameValue::new(name.as_str()?, value.as_str()?));
    let read: Option<Vec<_>> = match input.json(field, field) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(members)) => {
            members.iter().map(|(name, value)| Some(NameValue::new(name.as_str(), value.as_str()?))).collect()
        }
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::Array(two) => match two.as_slice() {
                    [name, value] => pair(name, value),
                    _ => None,
                },
                Value::Object(members) => pair(members.get("name")?, members.get("value")?),
                _ => None,
            })
            .collect(),
        Some(_) => None,
    };
    read.unwrap_or_else(|| {
        faults.push(Violation::new(field, field, Rule::Pattern, "must be names with texts as values"));
        Vec::new()
    })
}
