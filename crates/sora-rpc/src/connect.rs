//! What the tables cannot say of a `connect` message.

use rtc_core::validate::{Checks, Field, Rule};
use serde::Serialize;
use serde_json::Value;

use crate::operation::{Connect, Rid};

/// The bit rates of sound, in kbit/s.
const AUDIO_BIT_RATE: std::ops::RangeInclusive<u64> = 6..=510;
/// The bit rates of pictures, in kbit/s.
const VIDEO_BIT_RATE: std::ops::RangeInclusive<u64> = 1..=50_000;

/// How sound is sent and received, for [`Connect::audio`](crate::Connect::audio).
///
/// ```
/// use sora_rpc::{AudioSettings, Connect, Role};
///
/// let connect = Connect::new(Role::SendOnly, "sora").audio(AudioSettings::new().bit_rate(64)).video(false);
/// assert!(connect.validate().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AudioSettings {
    /// The codec, `OPUS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_type: Option<String>,
    /// In kbit/s, 6 to 510.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u32>,
    /// The codec's own parameters, as the documentation lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opus_params: Option<Value>,
}

/// How pictures are sent and received, for [`Connect::video`](crate::Connect::video).
///
/// ```
/// use sora_rpc::{Connect, Role, VideoSettings};
///
/// let connect = Connect::new(Role::SendRecv, "sora").video(VideoSettings::new().codec_type("VP9").bit_rate(60_000));
/// let refused = connect.validate().unwrap_err();
/// assert!(refused.to_string().contains("bit_rate"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VideoSettings {
    /// The codec: `VP8`, `VP9`, `AV1`, `H264` or `H265`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_type: Option<String>,
    /// In kbit/s, 1 to 50,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u32>,
}

impl AudioSettings {
    /// The server's choice in everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The codec, `OPUS`.
    #[must_use]
    pub fn codec_type(mut self, codec: impl Into<String>) -> Self {
        self.codec_type = Some(codec.into());
        self
    }

    /// In kbit/s, 6 to 510.
    #[must_use]
    pub fn bit_rate(mut self, rate: u32) -> Self {
        self.bit_rate = Some(rate);
        self
    }

    /// The codec's own parameters, an object.
    #[must_use]
    pub fn opus_params(mut self, parameters: impl Into<Value>) -> Self {
        self.opus_params = Some(parameters.into());
        self
    }
}

impl VideoSettings {
    /// The server's choice in everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The codec: `VP8`, `VP9`, `AV1`, `H264` or `H265`.
    #[must_use]
    pub fn codec_type(mut self, codec: impl Into<String>) -> Self {
        self.codec_type = Some(codec.into());
        self
    }

    /// In kbit/s, 1 to 50,000.
    #[must_use]
    pub fn bit_rate(mut self, rate: u32) -> Self {
        self.bit_rate = Some(rate);
        self
    }
}

impl From<AudioSettings> for Value {
    fn from(settings: AudioSettings) -> Self {
        // Texts and numbers: it cannot fail.
        serde_json::to_value(settings).unwrap_or_default()
    }
}

impl From<VideoSettings> for Value {
    fn from(settings: VideoSettings) -> Self {
        serde_json::to_value(settings).unwrap_or_default()
    }
}

pub(crate) fn check(request: &Connect, checks: &mut Checks) {
    media("audio", request.audio.as_ref(), AUDIO_BIT_RATE, checks);
    media("video", request.video.as_ref(), VIDEO_BIT_RATE, checks);
    if matches!(request.simulcast_rid, Some(Rid::None)) {
        let field = Field::new("simulcast_rid", "simulcast_rid");
        checks.report(field, Rule::OneOf, None, "must be one of r0, r1, r2");
    }
}

/// Other members are the server's business: it may know more of them than this version.
fn media(
    name: &'static str,
    value: Option<&Value>,
    rates: std::ops::RangeInclusive<u64>,
    checks: &mut Checks,
) {
    let field = Field::new(name, name);
    match value {
        None | Some(Value::Bool(_)) => {}
        Some(Value::Object(settings)) => {
            let rate = settings.get("bit_rate");
            if rate.is_some_and(|rate| !rate.as_u64().is_some_and(|rate| rates.contains(&rate))) {
                let message = format!("bit_rate must be {} to {} (kbit/s)", rates.start(), rates.end());
                checks.report(field, Rule::Range, None, message);
            }
        }
        Some(_) => checks.report(field, Rule::Pattern, None, "must be true, false or an object of settings"),
    }
}
