//! The media legs of external sources and viewers: WHIP and WHEP. Addresses and tokens come from answers; the media
//! itself is your WebRTC stack's.

use std::collections::BTreeMap;
use std::fmt;

use rtc_core::encode::without_bom;
use rtc_core::http::header::{CONTENT_TYPE, LOCATION};
use rtc_core::http::{Response, Uri};
use rtc_core::validate::{Checks, Field, pattern};
use rtc_core::{Bytes, DecodeError, Operation, Rule, Url, origin};
use serde::Serialize;

use crate::credentials::MediaSfu;
use crate::operation::{DeleteMediaResource, GetWhepProfile, PlayWhep, PublishWhip};

/// The header that tells the payload types.
const PAYLOAD_TYPES: &str = "x-mediasfu-rtp-payload-types";

/// What an offer came to. The description holds the password of the media's way, the address may hold a token.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MediaResource {
    /// Where it is ended: what `delete_media_resource` takes.
    pub resource_url: String,
    /// The answer to the offer, for your WebRTC stack.
    pub sdp: String,
}

impl fmt::Debug for MediaResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = origin(&self.resource_url);
        f.debug_struct("MediaResource").field("at", &origin).finish_non_exhaustive()
    }
}

/// The payload types of a WHEP address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WhepProfile {
    /// By MIME name in lower case, such as `audio/opus`.
    pub profile: BTreeMap<String, u8>,
}

/// Operations that go to an address of their own.
pub(crate) trait Addressed {
    fn url(&self) -> &str;
}

macro_rules! addressed {
    ($($request:ty),*) => {$(impl Addressed for $request { fn url(&self) -> &str { &self.url } })*};
}
addressed!(PublishWhip, PlayWhep, GetWhepProfile, DeleteMediaResource);

/// What the tables cannot say of an address.
pub(crate) fn check_url<A: Addressed>(request: &A, checks: &mut Checks) {
    // What is no URL at all has been told.
    if !pattern::http_url(request.url()) {
        return;
    }
    let faulty = |url: Url| url.fragment().is_some() || url.host_str().is_none_or(str::is_empty);
    if Url::parse(request.url()).map_or(true, faulty) {
        checks.report(Field::new("url", "url"), Rule::Pattern, None, "must be a full URL without a fragment");
    }
}

/// Reads the answer to an offer. Its address may be relative to that of the offer.
pub(crate) fn decode_resource<A: Addressed + Operation<MediaSfu>>(
    request: &A,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<MediaResource, DecodeError> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location =
        location.ok_or_else(|| DecodeError::new("it has no Location: the media could not be ended"))?;
    let resource = Url::parse(request.url()).ok().and_then(|base| base.join(location).ok());
    let mut resource = resource.ok_or_else(|| DecodeError::new("its Location is no URL"))?;
    // It is never sent, and what takes the address refuses one.
    resource.set_fragment(None);
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sdp = std::str::from_utf8(without_bom(response.body())).ok().filter(|sdp| sdp.starts_with("v=0"));
    match sdp {
        Some(sdp) => Ok(MediaResource { resource_url: resource.into(), sdp: sdp.to_owned() }),
        None if kind.is_empty() => Err(DecodeError::new("it is no session description")),
        None => Err(DecodeError::new("it is no session description, whatever its content type says")),
    }
}

/// Reads `audio/opus=111,video/h264=125`, whole or not at all.
pub(crate) fn decode_profile(
    _request: &GetWhepProfile,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<WhepProfile, DecodeError> {
    let header = response.headers().get(PAYLOAD_TYPES).and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| DecodeError::new("it has no header x-mediasfu-rtp-payload-types"))?;
    let entry = |entry: &str| {
        let (name, number) = entry.trim().split_once('=')?;
        let number = number.trim().parse::<u8>().ok().filter(|number| *number < 128)?;
        let name = name.trim().to_ascii_lowercase();
        (name.contains('/') && !name.contains(char::is_whitespace)).then_some((name, number))
    };
    let profile: Option<BTreeMap<_, _>> = header.split(',').map(entry).collect();
    let unreadable = || DecodeError::new("its header x-mediasfu-rtp-payload-types is no list of NAME=NUMBER");
    Ok(WhepProfile { profile: profile.ok_or_else(unreadable)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types() {
        let read = |text: &str| {
            let response = Response::builder().header(PAYLOAD_TYPES, text).body(Bytes::new()).unwrap();
            decode_profile(&GetWhepProfile::new("https://x"), &Uri::default(), &response).map(|p| p.profile)
        };
        let whole = read("audio/OPUS=111, video/h264=125").unwrap();
        assert_eq!(
            whole.into_iter().collect::<Vec<_>>(),
            [("audio/opus".into(), 111), ("video/h264".into(), 125)]
        );
        for bad in ["", "audio/opus", "audio/opus=x", "opus=1", "audio/opus=128", "audio/opus=111,"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_began_can_be_ended() {
        let request = PublishWhip::new("https://a.example/whip/x?y=1", "t", "v=0");
        for (location, url) in [
            ("/whip/x/1#top", "https://a.example/whip/x/1"),
            ("2?z=1", "https://a.example/whip/2?z=1"),
            ("https://b.example/3", "https://b.example/3"),
        ] {
            let response =
                Response::builder().header(LOCATION, location).body(Bytes::from("v=0\r\n")).unwrap();
            let resource = decode_resource(&request, &Uri::default(), &response).unwrap();
            assert_eq!(resource.resource_url, url);
            DeleteMediaResource::new(resource.resource_url, "t").validate().unwrap();
        }
    }
}
