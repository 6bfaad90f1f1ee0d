//! Kinesis Video Streams signaling.

use std::sync::Arc;

use kvs_signaling::signaling::{Event, Inbox, MAX_PAYLOAD, Outgoing};
use kvs_signaling::{
    Client, ClientBuilder, CreateSignalingChannel, Credentials, CredentialsProvider, GetIceServerConfig,
    IceServers, JoinStorageSession, ListSignalingChannels, NameValue, Peer, PresignConnectAsMaster,
    PresignConnectAsViewer, SendAlexaOfferToMaster, SendAnswer, SendIceCandidate, SendOffer,
    SharedCredentialsProvider, SignRequest, SigningMode,
};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{AuthError, Body, Revealed, http};
use serde_json::json;

use super::{CANARY, guarded, silent, silent_error, silent_text, told};

const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";

fn credentials() -> Credentials {
    // The id, too: whoever reads a log need not know whose key it is.
    Credentials::new(CANARY, CANARY).with_session_token(CANARY)
}

fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(credentials())
        .region("us-west-2")
        .header("x-gateway-key", CANARY)
        .transport(transport.clone())
}

fn endpoints() -> String {
    json!({ "ResourceEndpointList": [
        { "Protocol": "HTTPS", "ResourceEndpoint": "https://r-1.kinesisvideo.us-west-2.amazonaws.com" },
        { "Protocol": "WSS", "ResourceEndpoint": "wss://m-1.kinesisvideo.us-west-2.amazonaws.com" },
    ]})
    .to_string()
}

fn ice() -> String {
    json!({ "IceServerList": [{ "Username": "u", "Password": CANARY, "Ttl": 300, "Uris": ["turn:a"] }] })
        .to_string()
}

#[tokio::test]
async fn nothing_is_printed() {
    let transport = ScriptedTransport::new().json(200, ice()).json(200, endpoints()).json(200, ice());
    silent(&credentials());
    silent(&SharedCredentialsProvider::from(credentials()));
    silent(&builder(&transport));
    let client = builder(&transport).build().unwrap();
    let get = GetIceServerConfig::new(ARN);
    silent(&client.get_ice_server_config(get.clone()));
    let reply = client.get_ice_server_config(get).reply().await.unwrap();
    silent(&reply);
    guarded(&reply.output);
    let servers = client.ice_servers(IceServers::new(ARN)).await.unwrap();
    guarded(&*servers);
    // With a password in the cache and endpoints known.
    silent(&client);
    silent(client.ice_cache());
    for request in transport.requests() {
        let signature = signature(&request);
        let text = format!("{:?} {:?}", request.headers(), request.uri());
        silent_text(&text);
        assert!(!text.contains(&signature), "{text}");
    }
}

#[tokio::test]
async fn signed_things_are_not_printed() {
    let client = builder(&ScriptedTransport::new()).build().unwrap();
    let endpoint = "wss://m-1.kinesisvideo.us-west-2.amazonaws.com";
    let own = || [NameValue::new("X-Own", CANARY)];
    let master = PresignConnectAsMaster::new(ARN).endpoint(endpoint).query(own());
    let viewer = PresignConnectAsViewer::new(ARN, "viewer-1").endpoint(endpoint).query(own());
    let plain = |mode| {
        let request =
            SignRequest::new().mode(mode).method("POST").url("https://x.example/").body_text(CANARY);
        request.query(own()).headers(own()).string_to_sign("x")
    };
    silent(&(&master, &viewer));
    let mut all = vec![
        serde_json::to_value(Revealed(&client.presign_connect_as_master(master).await.unwrap())).unwrap(),
    ];
    let signed = client.presign_connect_as_viewer(viewer).await.unwrap();
    guarded(&signed);
    all.push(serde_json::to_value(Revealed(&signed)).unwrap());
    for mode in [SigningMode::Header, SigningMode::Query, SigningMode::Both, SigningMode::Text] {
        let request = plain(mode);
        silent(&request);
        let signed = client.sign_request(request).await.unwrap();
        let text = format!("{signed:?} {signed:#?} {}", serde_json::to_string(&signed).unwrap());
        silent_text(&text);
        // Nor what is derived from the secret.
        let revealed = serde_json::to_value(Revealed(&signed)).unwrap();
        for part in [&revealed, &revealed["header"], &revealed["query"]] {
            for name in ["signature", "signing_key_hex", "authorization", "url"] {
                if let Some(value) = part[name].as_str() {
                    assert!(!text.contains(value), "{name}: {text}");
                }
            }
        }
        all.push(revealed);
    }
    assert!(all.iter().all(|value| !value.to_string().contains("[redacted]")));
}

/// Offers and candidates hold the passwords and addresses of an ICE session.
#[test]
fn payloads_are_not_printed() {
    let viewer = Peer::from("viewer-1");
    silent(&(SendOffer::new(CANARY), SendAnswer::new(CANARY), SendIceCandidate::new(CANARY)));
    let candidate = Outgoing::checked(SendIceCandidate::new(CANARY), &viewer, MAX_PAYLOAD).unwrap();
    guarded(&candidate);
    guarded(&Event::Undelivered(candidate));
    let sent = Outgoing::checked(SendOffer::new(CANARY), &viewer, MAX_PAYLOAD).unwrap().encode();
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let frame = json!({ "messageType": "SDP_OFFER", "messagePayload": sent["messagePayload"] });
    let mut inbox = Inbox::default();
    let events = inbox.receive(&frame.to_string(), 1, std::time::Instant::now());
    guarded(&events);
    let Event::SdpOffer(offer) = &events[0] else { unreachable!() };
    guarded(&offer.payload.session_description().unwrap());
    guarded(&inbox.receive(&json!({ "news": CANARY }).to_string(), 1, std::time::Instant::now()));
    silent(&inbox);
}

/// What calls, lists and channels hold is the client, credentials included.
#[tokio::test]
async fn calls_and_channels_are_not_printed() {
    let refused = json!({ "__type": "AccessDeniedException", "Message": "no" }).to_string();
    let page = json!({ "ChannelInfoList": [{ "ChannelName": "a" }], "NextToken": "AA==" }).to_string();
    let answer = json!({ "Answer": CANARY }).to_string();
    let transport = ScriptedTransport::new().json(200, page).json(200, answer);
    let transport = (0..3).fold(transport, |script, _| script.json(401, refused.clone()));
    let client = builder(&transport).build().unwrap();
    let list = client.list_signaling_channels(ListSignalingChannels::new());
    silent(&list);
    silent(&list.clone().pages());
    let mut items = list.items();
    silent(&items.next().await.unwrap().unwrap());
    silent(&items);
    let offer = SendAlexaOfferToMaster::new(ARN, "alexa", CANARY);
    silent(&client.send_alexa_offer_to_master(offer.clone()));
    guarded(&client.send_alexa_offer_to_master(offer).await.unwrap());
    silent(&client.create_signaling_channel(CreateSignalingChannel::new("a")));
    silent(&client.join_storage_session(JoinStorageSession::new(ARN)));
    let channel = client.channel(ARN);
    silent(&channel);
    let second = std::time::Duration::from_secs(1);
    silent_error(&channel.wait_until_active(second).await.unwrap_err());
    silent_error(&channel.join_storage_session().await.unwrap_err());
    silent_error(&channel.ice_servers("viewer-1").await.unwrap_err());
    assert_eq!(transport.requests().len(), 5);
    silent(&channel);
}

fn signature(request: &http::Request<rtc_core::Bytes>) -> String {
    let header = request.headers()["authorization"].to_str().unwrap();
    header.rsplit_once("Signature=").unwrap().1.to_owned()
}

/// A refusal that explains itself with what it was sent.
fn echo(request: &http::Request<rtc_core::Bytes>, form: usize) -> String {
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let token = request.headers()["x-amz-security-token"].to_str().unwrap();
    let signature = signature(request);
    match form {
        0 => json!({ "message": format!("The Canonical String for this request should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:{token}\n\nhost;x-amz-security-token\n'") }),
        1 => json!({ "message": format!("Authorization={authorization}") }),
        2 => json!({ "Message": format!("wss://x/?X-Amz-Security-Token={token}&X-Amz-Signature={signature}") }),
        3 => json!({ "message": "no", "headers": { "Authorization": authorization, "X-Amz-Security-Token": token } }),
        _ => json!(format!("<b>{authorization}</b> X-Amz-Security-Token: {token}")),
    }
    .to_string()
}

#[tokio::test]
async fn errors_that_echo_secrets_hide_them() {
    for form in 0..5 {
        let seen = Arc::new(std::sync::Mutex::new(String::new()));
        let keep = Arc::clone(&seen);
        let transport = ScriptedTransport::new().step(move |request| {
            *keep.lock().unwrap() = signature(request);
            let body = echo(request, form);
            Ok(http::Response::builder().status(403).body(Body::full(body)).unwrap())
        });
        // The id of the key is no secret, and the refusal may be about it.
        let credentials = Credentials::new("AKIDEXAMPLE", CANARY).with_session_token(CANARY);
        let builder = Client::builder(credentials).region("us-west-2").transport(transport);
        let request = GetIceServerConfig::new(ARN);
        let error = builder.build().unwrap().get_ice_server_config(request).await.unwrap_err();
        let signature = seen.lock().unwrap().clone();
        let text = format!("{} {:?}", told(&error), error.detail());
        silent_text(&text);
        assert!(signature.len() == 64 && !text.contains(&signature), "{form}: {text}");
    }
}

#[derive(Debug)]
struct Broken;

impl CredentialsProvider for Broken {
    async fn provide(&self) -> Result<Arc<Credentials>, AuthError> {
        Ok(Arc::new(Credentials::new(format!("{CANARY}\n"), CANARY)))
    }
}

#[tokio::test]
async fn unusable_secrets_are_not_quoted() {
    let transport = ScriptedTransport::new().json(200, format!(r#"{{"IceServerList":"{CANARY}"}}"#));
    let client = builder(&transport).build().unwrap();
    silent_error(&client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap_err());
    for credentials in [
        SharedCredentialsProvider::new(Broken),
        Credentials::new(CANARY, "").into(),
        Credentials::new("", CANARY).into(),
        Credentials::new("ID", "secret").with_session_token(format!("{CANARY}\n")).into(),
    ] {
        let client =
            Client::builder(credentials).region("us-west-2").transport(transport.clone()).build().unwrap();
        silent_error(&client.get_ice_server_config(GetIceServerConfig::new(ARN)).await.unwrap_err());
    }
    assert_eq!(transport.requests().len(), 1);
}
