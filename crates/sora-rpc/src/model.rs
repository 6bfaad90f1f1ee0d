//! What the server tells about a connection.

use rtc_core::DecodeError;
use serde_json::Value;

/// What an offer says about RPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// The id of the connection.
    pub connection_id: Option<String>,
    /// Whether the offer lists the data channel `rpc`.
    pub rpc: bool,
    /// The methods that the server permits on this connection.
    pub rpc_methods: Vec<String>,
    /// Whether frames of the data channel `rpc` are compressed; none where the offer does not say, which changes
    /// nothing on a connection and means no on a new one.
    pub compress: Option<bool>,
}

impl Offer {
    /// Reads a message of type `offer`. Methods that are not texts are skipped.
    ///
    /// # Errors
    /// When it is not JSON, or of another type.
    pub fn parse(message: &[u8]) -> Result<Self, DecodeError> {
        let offer: Value = serde_json::from_slice(message).map_err(|e| DecodeError::json(&e))?;
        if offer.get("type").and_then(Value::as_str) != Some("offer") {
            return Err(DecodeError::new("the first message of the server is not an offer"));
        }
        let list = |name| offer.get(name).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let label = |channel: &&Value| channel.get("label").and_then(Value::as_str) == Some("rpc");
        let channel = list("data_channels").find(label);
        Ok(Self {
            connection_id: offer.get("connection_id").and_then(text),
            rpc: channel.is_some(),
            rpc_methods: list("rpc_methods").filter_map(text).collect(),
            compress: channel.and_then(|c| c.get("compress")).and_then(Value::as_bool),
        })
    }
}
