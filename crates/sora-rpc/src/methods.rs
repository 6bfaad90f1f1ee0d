//! Typed methods, and how a call becomes a message.

use std::borrow::Cow;
use std::fmt;

use rtc_core::encode::JsonObject;
use rtc_core::validate::{Checks, Field, Rule, Violations};
use rtc_core::{EncodeError, Reason};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::operation::{RawCall, RawNotification};

/// A method whose parameters and result are known. Implemented by the requests of this crate; implement it
/// for others that a server has.
pub trait Method: fmt::Debug + Send + Sync {
    /// The result.
    type Output: DeserializeOwned + Send;
    /// The method as `rpc_methods` spells it.
    const NAME: &'static str;

    /// Checks the parameters.
    ///
    /// # Errors
    /// All broken rules.
    fn validate(&self) -> std::result::Result<(), Violations>;

    /// Writes the members of the parameters into `object`. Never `channel_id` or the caller's own
    /// `connection_id`: the server takes these from the connection and refuses them here.
    fn params(&self, object: JsonObject) -> JsonObject;
}

/// A request that has been checked and written, all but its id.
#[derive(Clone)]
pub struct Message {
    method: Cow<'static, str>,
    /// The JSON text without its last member and its closing brace.
    text: Vec<u8>,
}

impl Message {
    /// Of a typed method.
    ///
    /// # Errors
    /// Validation: the parameters break rules.
    pub fn typed<M: Method>(method: &M) -> Result<Self> {
        method.validate()?;
        let mut text = head(M::NAME);
        text.extend_from_slice(b",\"params\":");
        let text = method.params(JsonObject::append_to(text)).into_vec().map_err(unwritten)?;
        Ok(Self { method: M::NAME.into(), text })
    }

    /// Of any method. `params` must be an object or a list; none leaves them out.
    ///
    /// # Errors
    /// Validation: the method is empty, longer than 255 bytes or holds control characters; the parameters are
    /// neither an object nor a list.
    pub fn raw(method: impl Into<String>, params: Option<Value>) -> Result<Self> {
        let mut request = RawCall::new(method);
        request.params = params;
        request.validate()?;
        let mut text = head(&request.method);
        if let Some(params) = &request.params {
            text.extend_from_slice(b",\"params\":");
            serde_json::to_writer(&mut text, params)
                .map_err(|e| unwritten(EncodeError::new(e.to_string())))?;
        }
        Ok(Self { method: request.method.into(), text })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The whole text: with an id it is a call, without one a notification.
    pub(crate) fn finish(mut self, id: Option<u64>) -> Vec<u8> {
        if let Some(id) = id {
            self.text.extend_from_slice(b",\"id\":");
            // Writing to memory cannot fail.
            let _ = std::io::Write::write_fmt(&mut self.text, format_args!("{id}"));
        }
        self.text.push(b'}');
        // While it waits to be sent it takes no more room than it needs, nor do `Bytes` of it.
        self.text.shrink_to_fit();
        self.text
    }
}

impl fmt::Debug for Message {
    // Parameters are the user's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("method", &self.method).finish_non_exhaustive()
    }
}

fn head(method: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(192);
    text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":");
    // A text is always JSON, and writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut text, method);
    text
}

fn unwritten(error: EncodeError) -> Error {
    Error::new(Reason::Encode(error))
}

pub(crate) fn check_call(request: &RawCall, checks: &mut Checks) {
    structured(request.params.as_ref(), checks);
}

pub(crate) fn check_notification(request: &RawNotification, checks: &mut Checks) {
    structured(request.params.as_ref(), checks);
}

fn structured(params: Option<&Value>, checks: &mut Checks) {
    if params.is_some_and(|params| !params.is_object() && !params.is_array()) {
        let message = "must be an object or a list; leave them out instead of null";
        checks.report(Field::new("params", "params"), Rule::Pattern, None, message);
    }
}
