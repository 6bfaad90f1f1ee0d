//! Which server an address belongs to, and where its rooms are.

use rtc_core::{EndpointPolicy, Target, Trust, Url, is_host_within};

use crate::credentials::MediaSfu;
use crate::error::Result;
use crate::operation::{ChooseEndpoint, RoomAction};

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

/// The path of an operation about rooms, below the base URL of its call.
pub(crate) fn room_path(target: &Target<'_, MediaSfu>, operation: &str) -> String {
    let kind = target.service.kind.unwrap_or_else(|| ServerKind::of(target.base));
    below(target.base, kind, operation == "join_room").to_owned()
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
