//! What is called: every HTTP operation with the smallest good input, made from the catalogue, a good answer, and
//! what is known about sending it twice. The last two are written down here, not asked of the clients.

use std::collections::BTreeSet;

use rtc_cli::catalogue::{self, FieldDoc, OperationDoc};
use serde_json::{Map, Value, json};

/// In the place of an endpoint inside an input.
pub(crate) const HERE: &str = "http://here.invalid";
/// A secret of an input.
pub(crate) const SECRET: &str = "canaryinput7Vq2Lm9";

/// Whether a request may be sent again when it is not known what became of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It reads, or says what shall be: twice is as once.
    Safe,
    /// With its idempotency key the provider knows the second for the first.
    Key,
    /// Twice would be two.
    Never,
}

/// What an answer is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nothing, or JSON that is not looked into.
    Nothing,
    /// Nothing, or an object of which some members are read.
    NothingOrObject,
    /// Whatever JSON it is, or nothing.
    AnyJson,
    /// JSON with members that are needed.
    Json,
    /// A text that is not JSON.
    Text,
    /// Its header fields count.
    Head,
    /// Its header fields count; the body is the caller's to read.
    Stream,
}

/// A good answer.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) head: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// An operation as it is called.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) provider: &'static str,
    pub(crate) name: &'static str,
    /// `cloud` or `community` at MediaSFU.
    pub(crate) server: Option<&'static str>,
    pub(crate) input: Value,
    pub(crate) class: Class,
    pub(crate) kind: Kind,
    pub(crate) good: Good,
}

impl Op {
    pub(crate) fn label(&self) -> String {
        let server = self.server.filter(|server| *server == "community").map(|_| " (Community Edition)");
        format!("{} {}{}", self.provider, self.name, server.unwrap_or_default())
    }
}

/// Every HTTP operation of every provider.
pub(crate) fn all() -> Vec<Op> {
    let http = catalogue::operations().filter_map(|doc| match doc.kind {
        "http" => Some(doc),
        _ => catalogue::twin(doc),
    });
    let mut ops: Vec<Op> = http.map(|doc| op(doc, (doc.provider == "mediasfu").then_some("cloud"))).collect();
    // The Community Edition knows no keys.
    let keyed =
        catalogue::operations_of("mediasfu").filter(|doc| matches!(doc.name, "create_room" | "join_room"));
    ops.extend(keyed.map(|doc| op(doc, Some("community"))));
    ops
}

/// One operation per provider, class and kind of answer.
pub(crate) fn short() -> Vec<Op> {
    let mut met = BTreeSet::new();
    all().into_iter().filter(|op| met.insert((op.provider, op.class, op.kind))).collect()
}

fn op(doc: &'static OperationDoc, server: Option<&'static str>) -> Op {
    let (kind, good) = answer(doc);
    let class = match class(doc) {
        Class::Key if server == Some("community") => Class::Never,
        class => class,
    };
    Op { provider: doc.provider, name: doc.name, server, input: input(doc), class, kind, good }
}

/// By the providers' documentation: what reads, what sets a state by name, and what takes an idempotency key.
fn class(doc: &OperationDoc) -> Class {
    let reads = ["get_", "list_", "describe_", "check_"].iter().any(|verb| doc.name.starts_with(verb));
    match (doc.provider, doc.name) {
        ("mediasfu", "create_room" | "join_room" | "create_external_session" | "create_playback") => {
            Class::Key
        }
        ("enablex", "update_room" | "download_recording") => Class::Safe,
        // They say what the state shall be and answer with it.
        ("sora-rpc", "request_simulcast_rid" | "request_spotlight_rid" | "reset_spotlight_rid") => {
            Class::Safe
        }
        (_, name) if reads || doc.method == "DELETE" && name != "delete_room" => Class::Safe,
        // EnableX deletes by DELETE, MediaSFU by an action that is posted.
        ("enablex", "delete_room") => Class::Safe,
        _ => Class::Never,
    }
}

/// What must be given, and no more.
pub(crate) fn input(doc: &OperationDoc) -> Value {
    let needed = doc.fields.iter().filter(|field| field.required && !field.name.contains('.'));
    let mut input: Map<String, Value> =
        needed.map(|field| (field.name.to_owned(), value(doc, field))).collect();
    // One of several must be given, or a secret can be.
    let more = match (doc.provider, doc.name) {
        ("kvs-signaling", "describe_signaling_channel" | "describe_media_storage_configuration") => {
            json!({ "channel_name": "ch" })
        }
        ("kvs-signaling", "describe_mapped_resource_configuration") => json!({ "stream_name": "st" }),
        ("mediasfu", "get_disposable_key_usage") => json!({ "name": "key" }),
        ("mediasfu", "create_event_settings" | "update_event_settings") => {
            json!({ "webhook_secret": SECRET })
        }
        ("mediasfu", "publish_whip") => json!({ "url": format!("{HERE}/whip/m/s") }),
        ("mediasfu", "play_whep" | "get_whep_profile") => json!({ "url": format!("{HERE}/whep/m/p") }),
        ("mediasfu", "delete_media_resource") => json!({ "url": format!("{HERE}/whip/m/s/r") }),
        ("enablex", "update_room") => json!({ "settings": { "participants": 2 } }),
        ("enablex", "download_recording") => json!({ "url": format!("{HERE}/recordings/f.mkv") }),
        ("opentok", "dial_sip") => {
            json!({ "sip": { "uri": "sip:a@example.com", "auth": { "username": "u", "password": SECRET } } })
        }
        _ => json!({}),
    };
    input.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(input)
}

fn value(doc: &OperationDoc, field: &FieldDoc) -> Value {
    if let Some(value) = known(doc, field.name) {
        return value;
    }
    let text = json!(field.values.first().copied().unwrap_or("x1"));
    match field.ty {
        "text" => text,
        "[text]" => json!([text]),
        "bool" => json!(true),
        "object" => members(doc, field.name),
        "[object]" => json!([members(doc, field.name)]),
        "json" => json!({}),
        _ => json!(1),
    }
}

fn members(doc: &OperationDoc, parent: &str) -> Value {
    let own = doc.fields.iter().filter(|field| field.required);
    let own = own.filter_map(|field| Some((field.name.strip_prefix(parent)?.strip_prefix('.')?, field)));
    own.filter(|(name, _)| !name.contains('.'))
        .map(|(name, field)| (name.to_owned(), value(doc, field)))
        .collect()
}

/// Values with a form of their own.
fn known(doc: &OperationDoc, name: &str) -> Option<Value> {
    const ARN: &str = "arn:aws:kinesisvideo:us-west-2:111122223333:channel/ch/1234567890123";
    Some(match (doc.provider, name) {
        (_, "channel_arn" | "resource_arn") => json!(ARN),
        (_, "current_version") => json!("V1"),
        (_, "message_payload") => json!("e30="),
        (_, "media_storage_configuration") => json!({ "status": "DISABLED" }),
        (_, "from") => json!("2026-01-01"),
        (_, "to") => json!("2026-01-02"),
        (_, "called_did") => json!("+15551234567"),
        (_, "caller_id_number") => json!("+15557654321"),
        (_, "sdp") => json!("v=0\r\n"),
        (_, "token") => json!(SECRET),
        (_, "template_values") => json!({ "name": "x" }),
        ("enablex", "rtmp_details") => json!({ "rtmp_url": "rtmp://x.example/live" }),
        ("enablex", "url_details") => json!({ "url": "https://x.example/" }),
        ("mediasfu", "settings") => json!(["allow", "allow", "allow", "allow"]),
        ("enablex", "settings") => json!({ "participants": 2 }),
        ("opentok", "config") => json!({ "accessKey": "a", "secretKey": SECRET, "bucket": "b" }),
        ("opentok", "outputs") => json!({ "hls": {} }),
        ("opentok", "url") => json!("https://app.example.com/page"),
        ("opentok", "websocket") => json!({ "uri": "wss://app.example.com/audio" }),
        ("opentok", "digits") => json!("1p2"),
        ("sora-rpc", "target") => json!("Sora_20201013.ListConnections"),
        _ => return None,
    })
}

/// The kind of its answer, and the least that is a good one.
fn answer(doc: &OperationDoc) -> (Kind, Good) {
    let json = |body: &str| (Kind::Json, good(body));
    let room = r#"{"room_id":"r","name":"n"}"#;
    match (doc.provider, doc.name) {
        ("opentok", name) => opentok(name),
        ("mediasfu", name) => mediasfu(name),
        ("enablex", "create_room" | "get_room") => json(&format!(r#"{{"result":0,"room":{room}}}"#)),
        ("enablex", "create_token") => json(r#"{"result":0,"token":"t"}"#),
        ("enablex", "update_room" | "delete_room") => (Kind::Nothing, good(r#"{"result":0}"#)),
        ("enablex", "download_recording") => (
            Kind::Stream,
            Good { head: String::new(), content_type: "video/x-matroska", body: "film".into() },
        ),
        ("enablex", _) => json(r#"{"result":0}"#),
        ("kvs-signaling", name) => kvs(name),
        (_, name) => sora(name),
    }
}

fn good(body: &str) -> Good {
    Good { head: String::new(), content_type: "application/json", body: body.into() }
}

fn opentok(name: &str) -> (Kind, Good) {
    let nothing = name.starts_with("set_") && name != "set_project_status"
        || name.starts_with("delete_")
        || name.contains("signal_")
        || name.contains("dtmf")
        || matches!(
            name,
            "add_archive_stream"
                | "remove_archive_stream"
                | "add_broadcast_stream"
                | "remove_broadcast_stream"
                | "force_disconnect"
                | "stop_audio_connector"
                | "stop_captions"
                | "stop_render"
                | "unregister_callback"
        );
    if nothing {
        return (Kind::Nothing, good(""));
    }
    let body = match name {
        "create_session" => r#"[{"session_id":"s"}]"#,
        // Some of these tell about the project, where others tell nothing.
        mute if mute.contains("force_mute") => return (Kind::NothingOrObject, good(r#"{"id":"i"}"#)),
        "list_callbacks" | "list_projects" => "[]",
        list if list.starts_with("list_") => r#"{"count":0,"items":[]}"#,
        _ => {
            r#"{"id":"i","connectionId":"c","streamId":"s","captionsId":"c","status":"started","createdAt":1}"#
        }
    };
    (Kind::Json, good(body))
}

fn mediasfu(name: &str) -> (Kind, Good) {
    let sdp = |location: &str| Good {
        head: format!("location: {location}\r\n"),
        content_type: "application/sdp",
        body: "v=0\r\n".into(),
    };
    match name {
        "create_room" | "join_room" => {
            (Kind::Json, good(r#"{"success":true,"roomName":"s1","link":"https://x.example","secret":"t"}"#))
        }
        "delete_room" | "delete_external_session" | "delete_playback" | "delete_media_resource" => {
            (Kind::Nothing, good(r#"{"success":true}"#))
        }
        "publish_whip" | "play_whep" => (Kind::Text, sdp("/r/1")),
        "get_whep_profile" => {
            let head = "x-mediasfu-rtp-payload-types: audio/opus=111\r\n".into();
            (Kind::Head, Good { head, ..good("") })
        }
        "get_event_settings" => (Kind::Json, good(r#"{"success":true,"eventsSettings":{}}"#)),
        "get_sip_call_state"
        | "get_external_session"
        | "create_external_session"
        | "create_playback"
        | "check_session"
        | "list_sip_configs"
        | "list_sip_calls" => (
            Kind::Json,
            good(
                r#"{"success":true,"sessionID":"s","playbackID":"p","ingest":{"url":"https://x.example","token":"t"},"endpointUrl":"https://x.example","playbackToken":"t","state":"active","sipConfigs":[],"calls":[]}"#,
            ),
        ),
        _ => (Kind::AnyJson, good(r#"{"success":true}"#)),
    }
}

fn kvs(name: &str) -> (Kind, Good) {
    let nothing = ["update_", "delete_", "tag_", "untag_", "join_"].iter().any(|verb| name.starts_with(verb));
    match name {
        _ if nothing => (Kind::Nothing, good("{}")),
        "get_signaling_channel_endpoint" => (
            Kind::Json,
            good(r#"{"ResourceEndpointList":[{"Protocol":"HTTPS","ResourceEndpoint":"https://x.example"}]}"#),
        ),
        "create_signaling_channel" => (Kind::Json, good(r#"{"ChannelARN":"arn"}"#)),
        "describe_signaling_channel" => (Kind::Json, good(r#"{"ChannelInfo":{"ChannelName":"ch"}}"#)),
        _ => (Kind::Json, good("{}")),
    }
}

fn sora(name: &str) -> (Kind, Good) {
    match name {
        list if list.starts_with("list_") => (Kind::Json, good("[]")),
        push if push.starts_with("push_") || push.starts_with("disconnect_") => (Kind::Nothing, good("{}")),
        "request_key_frame" => (Kind::Nothing, good("{}")),
        _ => (
            Kind::Json,
            good(
                r#"{"channel_id":"c","session_id":"s","connection_id":"c","rid":"r0","sender_connection_id":"c","receiver_connection_id":"r","recv_connection_id":"r","spotlight_focus_rid":"r0","spotlight_unfocus_rid":"r0"}"#,
            ),
        ),
    }
}
