//! A service of three operations, and a transport, a clock and a trace around it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use rtc_core::encode::RequestBuilder;
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::transport::{TransportError, TransportErrorKind};
use rtc_core::validate::{Checks, Field, Violations};
use rtc_core::{
    Answer, Auth, AuthError, BoxFuture, Caller, ClientConfig, DecodeError, EncodeError, ErrorKind, Gate,
    Keys, Meta, Operation, Permit, Replay, RetryHint, Service, ServiceError, Target, Url,
};

/// 1994-11-06 08:49:37, the date of the HTTP specification.
pub const NOW: u64 = 784_111_777;
pub const BASE: &str = "https://api.example.com/v1";

pub type Error = rtc_core::Error<Refused>;

/// What happened, in its order. Clones are one trace.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<&'static str>>>);

impl Trace {
    pub fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    pub fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused with {0}")]
pub struct Refused(pub StatusCode, pub RetryHint);

impl ServiceError for Refused {
    fn kind(&self) -> ErrorKind {
        ErrorKind::from_status(self.0)
    }

    fn retry(&self) -> RetryHint {
        self.1
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.as_u16().to_string().into())
    }
}

/// Writes the time into `x-now`; 418 means that the clock is wrong.
#[derive(Debug, Default)]
pub struct Fake {
    pub trace: Trace,
    pub locked: bool,
    /// What becomes of keys at hosts whose name begins with `keys`.
    pub keys: Option<Keys>,
}

impl Service for Fake {
    type Error = Refused;
    type Credentials = ();

    async fn credentials(&self) -> Result<Arc<()>, AuthError> {
        self.trace.note("credentials");
        if self.locked { Err(AuthError::new("the key is empty")) } else { Ok(Arc::new(())) }
    }

    fn authorize(
        &self,
        _credentials: &(),
        _meta: &Meta,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        self.trace.note("authorize");
        let seen = request.headers().contains_key("x-extra");
        request.headers_mut().insert("x-now", rtc_core::unix_seconds(now).into());
        request.headers_mut().insert("x-signed-extra", u64::from(seen).into());
        Ok(())
    }

    fn keys(&self, base: &Url) -> Keys {
        let named = base.host_str().is_some_and(|host| host.starts_with("keys"));
        self.keys.filter(|_| named).unwrap_or(Keys::Given)
    }

    fn reject(&self, _meta: &Meta, response: &Response<Bytes>) -> Option<Refused> {
        self.trace.note("reject");
        let hint = match response.status().as_u16() {
            200..=299 => return None,
            418 => RetryHint::ClockSkew,
            429 => RetryHint::RefusedWithoutEffect,
            500..=599 => RetryHint::Transient,
            _ => RetryHint::No,
        };
        Some(Refused(response.status(), hint))
    }
}

/// The input of every operation here.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub name: String,
    pub key: Option<String>,
    pub trace: Trace,
}

fn input(name: &str) -> Input {
    Input { name: name.into(), ..Input::default() }
}

macro_rules! operation {
    ($type:ident, $meta:expr) => {
        #[derive(Debug, Clone)]
        pub struct $type(pub Input);

        #[allow(dead_code, reason = "not every operation needs both setters")]
        impl $type {
            pub fn new(name: &str) -> Self {
                Self(input(name))
            }

            pub fn key(mut self, key: &str) -> Self {
                self.0.key = Some(key.into());
                self
            }

            pub fn trace(mut self, trace: &Trace) -> Self {
                self.0.trace = trace.clone();
                self
            }
        }

        impl Operation<Fake> for $type {
            type Output = String;
            const META: Meta = $meta;

            fn validate(&self) -> Result<(), Violations> {
                self.0.trace.note("validate");
                let mut checks = Checks::new();
                checks.text(Field::new("name", "Name"), &self.0.name).not_empty().done();
                checks.finish()
            }

            fn idempotency_key(&self) -> Option<&str> {
                self.0.key.as_deref()
            }

            fn encode(&self, target: &Target<'_, Fake>) -> Result<Request<Bytes>, EncodeError> {
                self.0.trace.note("encode");
                RequestBuilder::new(Method::POST, target.base).path("/").segment(&self.0.name).build()
            }

            fn decode(&self, sent: &Uri, response: &Response<Bytes>) -> Result<String, DecodeError> {
                self.0.trace.note("decode");
                assert!(sent.path().ends_with(&self.0.name));
                let text = String::from_utf8(response.body().to_vec());
                text.ok().filter(|t| t != "nonsense").ok_or_else(|| DecodeError::new("it is nonsense"))
            }
        }
    };
}

operation!(Read, Meta::new("read").with_replay(Replay::Safe));
operation!(Make, Meta::new("make"));
operation!(Keyed, Meta::new("keyed").with_replay(Replay::WithKey("idempotency-key")));
operation!(Open, Meta::new("open").with_replay(Replay::Safe).with_auth(Auth::None));
operation!(Stream, Meta::new("stream").with_replay(Replay::Safe).with_answer(Answer::Streamed));
operation!(Twice, Meta::new("twice").with_replay(Replay::Safe).with_max_attempts(2));
operation!(Brief, Meta::new("brief").with_replay(Replay::Safe).with_timeout(Duration::from_secs(3)));

/// A clock that jumps and a configuration with this transport.
pub fn config(transport: &ScriptedTransport) -> (ClientConfig, ManualClock) {
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    let mut config = ClientConfig::new(Duration::from_secs(20));
    config.set_clock(clock.clone());
    config.set_transport(transport.clone());
    (config, clock)
}

pub fn caller_of(config: ClientConfig) -> Caller<Fake> {
    config.caller(Fake::default(), BASE, "rtc-fake/1.0").unwrap()
}

pub fn caller(transport: &ScriptedTransport) -> (Caller<Fake>, ManualClock) {
    let (config, clock) = config(transport);
    (caller_of(config), clock)
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<&'static str> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

pub fn failure(kind: TransportErrorKind) -> TransportError {
    TransportError::new(kind).with_source("by the script")
}

/// A gate that is open or shut, and notes who comes and goes.
#[derive(Debug, Clone, Default)]
pub struct Door {
    pub trace: Trace,
    pub shut: bool,
}

impl Gate<Refused> for Door {
    fn look(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.trace.note("look");
        let refusal = self.shut.then(|| Error::refused(Refused(StatusCode::CONFLICT, RetryHint::No)));
        Box::pin(std::future::ready(refusal.map_or(Ok(()), Err)))
    }

    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error>> {
        self.trace.note("enter");
        let permit = Inside { trace: self.trace.clone(), released: false };
        Box::pin(std::future::ready(Ok(Box::new(permit) as Box<dyn Permit>)))
    }
}

struct Inside {
    trace: Trace,
    released: bool,
}

impl Permit for Inside {
    fn release(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        self.released = true;
        self.trace.note("release");
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if !self.released {
            self.trace.note("abandon");
        }
    }
}
