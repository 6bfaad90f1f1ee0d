//! The control plane: channels, their tags, their storage, their endpoints.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use super::state::{Channel, CreationTime, MESSAGE_TTL, Quirks, Status, not_found, resource_name};
use super::{Answer, Call, hex};
use crate::time::rfc3339;

/// How many channels are listed unless told.
const PAGE: u64 = 500;
/// The tags of one resource.
pub(super) const TAGS: usize = 50;

/// Does an operation of the control plane; none for one of another service.
pub(super) fn act(call: &mut Call<'_, '_>) -> Option<Answer> {
    Some(match call.exchange.operation {
        "create_signaling_channel" => create(call),
        "describe_signaling_channel" => describe(call),
        "list_signaling_channels" => list(call),
        "update_signaling_channel" => update(call),
        "delete_signaling_channel" => delete(call),
        "tag_resource" => tag(call),
        "untag_resource" => untag(call),
        "list_tags_for_resource" => list_tags(call),
        "describe_media_storage_configuration" => describe_storage(call),
        "update_media_storage_configuration" => update_storage(call),
        "describe_mapped_resource_configuration" => mapped(call),
        "get_signaling_channel_endpoint" => endpoints(call),
        _ => return None,
    })
}

fn create(call: &mut Call<'_, '_>) -> Answer {
    let name = call.text("ChannelName").to_owned();
    if call.text("ChannelType") == "FULL_MESH" {
        return Err(Refusal::invalid("Only channels of the type SINGLE_MASTER can be created."));
    }
    let world = &mut call.world;
    if world.state.channels.values().any(|channel| channel.channel_name == name) {
        return Err(Refusal::in_use(format!("The channel {name} exists already.")));
    }
    if world.shared.quotas() && world.state.channels.len() >= world.state.quirks.channel_limit {
        let message = format!("The account has {} channels already.", world.state.channels.len());
        return Err(Refusal::new("AccountChannelLimitExceededException", message));
    }
    let arn = world.arn(&name);
    let mut channel = Channel {
        created_at: world.now,
        version: world.version(),
        message_ttl_seconds: message_ttl(&call.body).unwrap_or(MESSAGE_TTL),
        ..Channel::named(&arn)
    };
    channel.tags.extend(tags(&call.body));
    call.world.state.channels.insert(arn.clone(), channel);
    call.world.pass(&arn, Status::Creating);
    Ok(json!({ "ChannelARN": arn }))
}

fn message_ttl(body: &Value) -> Option<u64> {
    body.get("SingleMasterConfiguration")?.get("MessageTtlSeconds")?.as_u64()
}

fn tags(body: &Value) -> impl Iterator<Item = (String, String)> {
    let list = body.get("Tags").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|tag| {
        let text = |name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("Key")?, text("Value")?))
    })
}

/// The channel that the request names by its ARN or its name.
fn named(call: &mut Call<'_, '_>) -> Result<Channel, Refusal> {
    let (arn, name) = (call.text("ChannelARN"), call.text("ChannelName"));
    let is_it = |channel: &&Channel| {
        (arn.is_empty() || channel.channel_arn == arn) && (name.is_empty() || channel.channel_name == name)
    };
    let channel = call.world.state.channels.values().find(is_it).cloned().ok_or_else(not_found)?;
    call.within_rate(&channel.channel_arn)?;
    Ok(channel)
}

fn info(channel: &Channel, quirks: &Quirks) -> Value {
    let seconds = channel.created_at as f64 / 1000.0;
    let created = match quirks.creation_time {
        CreationTime::Seconds => json!(seconds),
        CreationTime::Text => json!(seconds.to_string()),
        CreationTime::Iso8601 => {
            let since = std::time::Duration::from_millis(channel.created_at);
            let at = std::time::SystemTime::UNIX_EPOCH.checked_add(since);
            json!(at.map(rfc3339))
        }
    };
    json!({
        "ChannelName": channel.channel_name,
        "ChannelARN": channel.channel_arn,
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": channel.status,
        "CreationTime": created,
        "SingleMasterConfiguration": { "MessageTtlSeconds": quirks.seconds(channel.message_ttl_seconds) },
        "Version": channel.version,
    })
}

fn describe(call: &mut Call<'_, '_>) -> Answer {
    let channel = named(call)?;
    Ok(json!({ "ChannelInfo": info(&channel, &call.world.state.quirks) }))
}

fn list(call: &mut Call<'_, '_>) -> Answer {
    let condition = call.body.get("ChannelNameCondition").and_then(|c| c.get("ComparisonValue"));
    let prefix = condition.and_then(Value::as_str).unwrap_or_default();
    let after = match call.text("NextToken") {
        "" => String::new(),
        token => named_by(token, prefix).ok_or_else(bad_token)?,
    };
    let most = call.body.get("MaxResults").and_then(Value::as_u64).unwrap_or(PAGE);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found: Vec<&Channel> = call.world.state.channels.values().collect();
    found.retain(|channel| channel.channel_name.starts_with(prefix) && channel.channel_name > after);
    found.sort_by(|a, b| a.channel_name.cmp(&b.channel_name));
    let more = found.len() > most;
    found.truncate(most);
    let quirks = &call.world.state.quirks;
    let mut answer = json!({
        "ChannelInfoList": found.iter().map(|channel| info(channel, quirks)).collect::<Vec<_>>(),
    });
    if let (true, Some(last)) = (more, found.last()) {
        let token = token(&last.channel_name, prefix);
        answer.as_object_mut().map(|answer| answer.insert("NextToken".into(), token.into()));
    }
    Ok(answer)
}

/// A token that goes on after a name. It holds for the same condition only.
fn token(name: &str, prefix: &str) -> String {
    let sum = hex(&Sha256::digest(format!("{prefix}\n{name}")));
    format!("{}{}", sum.get(..8).unwrap_or_default(), hex(name.as_bytes()))
}

fn named_by(text: &str, prefix: &str) -> Option<String> {
    let digits = text.get(8..)?.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    String::from_utf8(bytes?).ok().filter(|name| token(name, prefix) == text)
}

fn bad_token() -> Refusal {
    Refusal::invalid("NextToken is no token of this list.")
}

fn update(call: &mut Call<'_, '_>) -> Answer {
    let arn = changeable(call)?;
    let (version, ttl) = (call.world.version(), message_ttl(&call.body));
    let channel = call.world.channel(&arn)?;
    channel.version = version;
    channel.message_ttl_seconds = ttl.unwrap_or(channel.message_ttl_seconds);
    call.world.pass(&arn, Status::Updating);
    Ok(json!({}))
}

fn delete(call: &mut Call<'_, '_>) -> Answer {
    let arn = changeable(call)?;
    call.world.pass(&arn, Status::Deleting);
    call.world.close_channel(&arn);
    Ok(json!({}))
}

/// The channel that the request names, in the version that it names.
fn changeable(call: &mut Call<'_, '_>) -> Result<String, Refusal> {
    let (arn, current) = (call.text("ChannelARN").to_owned(), call.text("CurrentVersion").to_owned());
    call.within_rate(&arn)?;
    let channel = call.world.channel(&arn)?;
    if !channel.is_active() {
        return Err(Refusal::in_use("The channel is being created, updated or deleted."));
    }
    if !current.is_empty() && current != channel.version {
        let message = format!("The version {current} is not the current version of the channel.");
        return Err(Refusal::new("VersionMismatchException", message));
    }
    Ok(arn)
}

fn tag(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ResourceARN")?;
    let added: Vec<_> = tags(&call.body).collect();
    let channel = call.world.channel(&arn)?;
    let mut all = channel.tags.clone();
    all.extend(added);
    if all.len() > TAGS {
        return Err(too_many_tags());
    }
    channel.tags = all;
    Ok(json!({}))
}

pub(super) fn too_many_tags() -> Refusal {
    let message = format!("A resource has at most {TAGS} tags.");
    Refusal::new("TagsPerResourceExceededLimitException", message)
}

fn untag(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ResourceARN")?;
    let keys = call.body.get("TagKeyList").and_then(Value::as_array).cloned().unwrap_or_default();
    let fits = |key: &Value| key.as_str().is_some_and(|key| (1..=128).contains(&key.chars().count()));
    if !keys.iter().all(fits) {
        return Err(Refusal::invalid("The key of a tag has 1 to 128 characters."));
    }
    let channel = call.world.channel(&arn)?;
    channel.tags.retain(|known, _| !keys.iter().any(|key| key.as_str() == Some(known)));
    Ok(json!({}))
}

fn list_tags(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ResourceARN")?;
    // So few tags are one page: nobody was ever given a token.
    if !call.text("NextToken").is_empty() {
        return Err(bad_token());
    }
    Ok(json!({ "Tags": call.world.channel(&arn)?.tags }))
}

fn describe_storage(call: &mut Call<'_, '_>) -> Answer {
    let channel = named(call)?;
    let status = if channel.ingestion { "ENABLED" } else { "DISABLED" };
    Ok(json!({ "MediaStorageConfiguration": { "Status": status, "StreamARN": channel.stream_arn } }))
}

fn update_storage(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ChannelARN")?;
    let wanted = call.body.get("MediaStorageConfiguration");
    let text = |name: &str| wanted.and_then(|w| w.get(name)).and_then(Value::as_str).map(str::to_owned);
    let (enabled, stream) = (text("Status").as_deref() == Some("ENABLED"), text("StreamARN"));
    if !call.world.channel(&arn)?.is_active() {
        return Err(Refusal::in_use("The channel is not active."));
    }
    if !enabled {
        let channel = call.world.channel(&arn)?;
        (channel.ingestion, channel.stream_arn) = (false, None);
        return Ok(json!({}));
    }
    let stream = stream.ok_or_else(|| Refusal::invalid("StreamARN is needed to enable the storage."))?;
    if !stream.contains(":stream/") {
        return Err(Refusal::invalid(format!("{stream} is no ARN of a stream.")));
    }
    let state = &mut call.world.state;
    let is_taken = |other: &Channel| other.channel_arn != arn && other.stream_arn.as_ref() == Some(&stream);
    if state.channels.values().any(is_taken) {
        return Err(Refusal::in_use(format!("Another channel stores its media in {stream}.")));
    }
    if state.streams.entry(stream.clone()).or_default().data_retention_hours == 0 {
        let message = format!("The stream {stream} keeps no data.");
        return Err(Refusal::new("NoDataRetentionException", message));
    }
    let channel = call.world.channel(&arn)?;
    (channel.ingestion, channel.stream_arn) = (true, Some(stream));
    Ok(json!({}))
}

fn mapped(call: &mut Call<'_, '_>) -> Answer {
    let (arn, name) = (call.text("StreamARN"), call.text("StreamName"));
    if !call.text("NextToken").is_empty() {
        return Err(bad_token());
    }
    let is_it = |stream: &str| {
        (arn.is_empty() || stream == arn) && (name.is_empty() || resource_name(stream) == Some(name))
    };
    let state = &call.world.state;
    if !state.streams.keys().any(|stream| is_it(stream)) {
        return Err(Refusal::missing("The requested stream is not found or not active."));
    }
    let stores = |channel: &&Channel| channel.stream_arn.as_deref().is_some_and(is_it);
    let found = state.channels.values().filter(stores);
    // What the type is called is not documented.
    let told = found.map(|channel| json!({ "Type": "SIGNALING_CHANNEL", "ARN": channel.channel_arn }));
    Ok(json!({ "MappedResourceConfigurationList": told.take(1).collect::<Vec<_>>() }))
}

fn endpoints(call: &mut Call<'_, '_>) -> Answer {
    let arn = call.rated("ChannelARN")?;
    let wanted = call.body.get("SingleMasterChannelEndpointConfiguration");
    let named = wanted.and_then(|w| w.get("Protocols")).and_then(Value::as_array).cloned();
    let named = named.unwrap_or_else(|| vec!["HTTPS".into(), "WSS".into()]);
    let role = wanted.and_then(|w| w.get("Role")).and_then(Value::as_str).unwrap_or("MASTER");
    let role = role.to_ascii_lowercase();
    let channel = call.world.channel(&arn)?;
    if !channel.is_active() {
        return Err(Refusal::in_use("The channel is not active."));
    }
    if named.iter().any(|protocol| protocol == "WEBRTC") && !channel.ingestion {
        return Err(Refusal::invalid("The channel is not configured for media storage."));
    }
    let base = base(call);
    let socket = format!("{}/kvs-signaling/{role}", base.replacen("http", "ws", 1));
    let endpoint = |protocol: &Value| {
        let url = if protocol == "WSS" { &socket } else { &base };
        json!({ "Protocol": protocol, "ResourceEndpoint": url })
    };
    Ok(json!({ "ResourceEndpointList": named.iter().map(endpoint).collect::<Vec<_>>() }))
}

/// The listener that the request came to, by the name that it came by.
fn base(call: &Call<'_, '_>) -> String {
    let port = |authority: &str| authority.rsplit_once(':').map(|(_, port)| port.to_owned());
    let is_at = |url: &str, host: &str| port(url).is_some() && port(url) == port(host);
    let shared = call.world.shared;
    match call.exchange.header("host") {
        Some(host) if shared.tls_url().is_some_and(|url| is_at(url, host)) => format!("https://{host}"),
        Some(host) if is_at(shared.url(), host) => format!("http://{host}"),
        // Through something in between that has a port of its own.
        _ => shared.url().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hold_for_their_list() {
        let made = token("front-door", "front");
        assert_eq!(named_by(&made, "front").as_deref(), Some("front-door"));
        assert_eq!(named_by(&made, ""), None);
        for bad in ["", "a", "0123456", "01234567", "01234567zz", "é1234567", "AAAA====", &made[..9]] {
            assert_eq!(named_by(bad, "front"), None, "{bad}");
        }
    }
}
