//! Which server an address belongs to, and where its rooms are.

use rtc_core::encode::percent_encode;
use rtc_core::http::Uri;
use rtc_core::{EndpointPolicy, Operation, Target, Trust, Url, is_host_within};

use crate::credentials::MediaSfu;
use crate::error::Result;
use crate::operation::{ChooseEndpoint, GetDisposableKeyUsage, RoomAction};

/// The cloud's own address.
pub(crate) const CLOUD: &str = "https://mediasfu.com";
/// The host that, with all hosts below it, is the cloud.
const CLOUD_HOST: &str = "mediasfu.com";
/// Where the cloud serves rooms.
const ROOMS: &str = "/v1/rooms";

/// The two kinds of server, which serve the same calls under different paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerKind {
    /// The cloud: one path for all calls about rooms.
    Cloud,
    /// A server of one's own (Community Edition, "MediaSFU Open"): a path per call.
    Community,
}

impl ServerKind {
    /// Told from its name: `cloud` or `community`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "cloud" => Some(Self::Cloud),
            "community" => Some(Self::Community),
            _ => None,
        }
    }

    /// Told from the parsed host, never from a part of the text: the cloud is `mediasfu.com` and all names
    /// below it, everything else is a Community Edition.
    #[must_use]
    pub fn of(base: &Url) -> Self {
        match base.host_str() {
            Some(host) if is_host_within(host, CLOUD_HOST) => Self::Cloud,
            _ => Self::Community,
        }
    }
}

/// Whether an address looks like the cloud's without being it: more behind `mediasfu.com`, or that as a piece of the
/// path. The official SDKs take such addresses for the cloud and send the key there.
pub(crate) fn is_look_alike(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let labels = || format!(".{host}.").to_ascii_lowercase().contains(&format!(".{CLOUD_HOST}."));
    let piece = || uri.path().split('/').any(|piece| piece.eq_ignore_ascii_case(CLOUD_HOST));
    !is_host_within(host, CLOUD_HOST) && (labels() || piece())
}

/// The path of an operation about rooms, below the base URL of its call.
pub(crate) fn room_path<O: Operation<MediaSfu>>(_request: &O, target: &Target<'_, MediaSfu>) -> String {
    // A Community Edition only creates and joins.
    let kind = match O::META.name {
        "create_room" | "join_room" => target.service.kind_of(target.base),
        _ => ServerKind::Cloud,
    };
    let path = below(target.base, kind, O::META.name == "join_room");
    if target.service.slash { path.to_owned() } else { path.trim_end_matches('/').to_owned() }
}

/// The path of the usage of a disposable key: by its name, which is in the query, or by its id.
pub(crate) fn usage_path(request: &GetDisposableKeyUsage, _target: &Target<'_, MediaSfu>) -> String {
    let mut path = "/v1/disposable-keys/".to_owned();
    if let Some(id) = &request.key_id {
        percent_encode(&mut path, id);
        path.push('/');
    }
    path + "usage"
}

fn below(base: &Url, kind: ServerKind, join: bool) -> &'static str {
    match (kind, join) {
        // A base that names the rooms already is kept, with the slash that all official SDKs understand.
        (ServerKind::Cloud, _) if base.path().trim_end_matches('/').ends_with(ROOMS) => "/",
        (ServerKind::Cloud, _) => "/v1/rooms/",
        (ServerKind::Community, false) => "/createRoom",
        (ServerKind::Community, true) => "/joinRoom",
    }
}

/// The URL that a link stands for.
pub(crate) fn choose_endpoint(request: &ChooseEndpoint) -> Result<Url> {
    request.validate()?;
    let link = if is_cloud(&request.local_link) { CLOUD } else { &request.local_link };
    let mut url = EndpointPolicy::default().parse(link, Trust::Configured)?;
    let path = below(&url, ServerKind::of(&url), request.action == RoomAction::Join);
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// The base of an account's calls: a link may name the cloud's rooms, but not all calls are about those.
pub(crate) fn account_base(link: String, kind: Option<ServerKind>) -> String {
    let of = |link: &str| Url::parse(link).map_or(ServerKind::Community, |url| ServerKind::of(&url));
    let text = link.trim();
    let rest = text.trim_end_matches('/').strip_suffix(ROOMS);
    match rest.filter(|_| kind.unwrap_or_else(|| of(text)) == ServerKind::Cloud) {
        Some(rest) => rest.to_owned(),
        None => link,
    }
}

/// Whether a link stands for the cloud by being empty or blank, as in the official SDKs.
pub(crate) fn is_cloud(link: &str) -> bool {
    link.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_decides() {
        for (text, kind) in [
            ("https://mediasfu.com", ServerKind::Cloud),
            ("https://MediaSFU.com.", ServerKind::Cloud),
            ("https://staging.mediasfu.com:8443/x", ServerKind::Cloud),
            ("https://notmediasfu.com", ServerKind::Community),
            ("https://mediasfu.com.evil.example", ServerKind::Community),
            ("https://evil.example/mediasfu.com", ServerKind::Community),
            ("https://mediasfu.com@evil.example", ServerKind::Community),
            ("https://127.0.0.1", ServerKind::Community),
        ] {
            assert_eq!(ServerKind::of(&Url::parse(text).unwrap()), kind, "{text}");
        }
        assert_eq!(ServerKind::from_name("cloud"), Some(ServerKind::Cloud));
        assert_eq!(ServerKind::from_name("community"), Some(ServerKind::Community));
        assert_eq!(ServerKind::from_name("Cloud"), None);
    }

    #[test]
    fn a_base_that_names_the_rooms_is_kept() {
        for (text, url) in [
            ("https://mediasfu.com/v1/rooms", "https://mediasfu.com/v1/rooms/"),
            ("https://eu.mediasfu.com/v1/rooms///", "https://eu.mediasfu.com/v1/rooms/"),
            ("https://staging.mediasfu.com/", "https://staging.mediasfu.com/v1/rooms/"),
            ("  https://ce.example.com//  ", "https://ce.example.com/createRoom"),
            ("https://ce.example.com/prefix", "https://ce.example.com/prefix/createRoom"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/createRoom"),
        ] {
            assert_eq!(
                choose_endpoint(&ChooseEndpoint::new().local_link(text)).unwrap().as_str(),
                url,
                "{text}"
            );
        }
    }

    #[test]
    fn what_would_leak_the_key_is_refused() {
        for text in [
            "http://ce.example.com",
            "https://mediasfu.com@evil.example",
            "https://user:pass@ce.example.com",
            "https://ce.example.com/?a=b",
            "https://ce.example.com/#mediasfu.com",
            "ftp://mediasfu.com",
            "mediasfu.com",
        ] {
            assert!(choose_endpoint(&ChooseEndpoint::new().local_link(text)).is_err(), "{text}");
        }
    }
}
