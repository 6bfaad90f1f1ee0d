//! OpenTok: sessions so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::credentials::{OPENTOK_API_KEY, OPENTOK_API_SECRET};
use crate::generated::opentok::ROUTES;
use crate::provider::{BoxFuture, Exchange, Provider, json};
use crate::shared::Shared;
use crate::spec::Route;
use crate::time::{unix_millis, unix_seconds};

/// The longest time between `iat` and `exp` of a request token, and how far clocks may differ, in seconds.
const MAX_LIFETIME: u64 = 300;
const SKEW: u64 = 30;

/// The emulated service.
pub(crate) struct Opentok {
    shared: Arc<Shared>,
    sessions: Mutex<BTreeMap<String, Value>>,
}

/// What a request token says, once it was found good.
#[derive(Debug, Clone, PartialEq)]
pub struct RestToken {
    /// The JOSE header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Checks the token of a request as the service does: HS256 with the secret, `iss` = key, `ist` in claims or
/// header (the Ruby SDK puts it there), a life of at most five minutes, 30 s of clock skew.
///
/// # Errors
/// Says what is wrong with the token.
pub fn verify_rest_token(
    token: &str,
    key: &str,
    secret: &str,
    scope: &str,
    now: SystemTime,
) -> Result<RestToken, String> {
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the token has not three parts".into());
    };
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let header = object(head).ok_or("the header of the token is not JSON")?;
    let claims = object(body).ok_or("the claims of the token are not JSON")?;
    if header.get("alg").and_then(Value::as_str) != Some("HS256") {
        return Err("the algorithm of the token is not HS256".into());
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is not base64")?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| "the secret cannot be a key")?;
    mac.update(head.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    // Constant time.
    mac.verify_slice(&signature).map_err(|_| "Invalid signature")?;
    let issuer = claims.get("iss").map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned));
    if issuer.as_deref() != Some(key) {
        return Err("Issuer not found".into());
    }
    let ist = claims.get("ist").or_else(|| header.get("ist")).and_then(Value::as_str);
    if ist != Some(scope) {
        return Err(format!("ist must be {scope}"));
    }
    let number = |name: &str| claims.get(name).and_then(Value::as_u64);
    let (Some(iat), Some(exp)) = (number("iat"), number("exp")) else {
        return Err("iat or exp is missing".into());
    };
    let now = unix_seconds(now);
    if exp < iat || exp - iat > MAX_LIFETIME {
        return Err("the token lives longer than five minutes".into());
    }
    if now > exp + SKEW || now + SKEW < iat {
        return Err("the token is not valid now".into());
    }
    Ok(RestToken { header, claims })
}

impl Opentok {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), sessions: Mutex::new(BTreeMap::new()) }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, exchange: &Exchange) -> Response<Full<Bytes>> {
        let token = exchange.header("x-opentok-auth").unwrap_or_default();
        if let Err(message) =
            verify_rest_token(token, OPENTOK_API_KEY, OPENTOK_API_SECRET, "project", exchange.now)
        {
            return refuse(StatusCode::FORBIDDEN, &message);
        }
        let body = match exchange.value() {
            Ok(body) => body,
            Err(message) => return refuse(StatusCode::BAD_REQUEST, &message),
        };
        if let Some(broken) = exchange.check(&body).first() {
            return refuse(StatusCode::BAD_REQUEST, &format!("{}: {}", broken.wire, broken.message));
        }
        match exchange.operation {
            "create_session" => self.create_session(exchange, &body),
            other => refuse(StatusCode::NOT_FOUND, &format!("the emulator does not know {other}")),
        }
    }

    fn create_session(&self, exchange: &Exchange, options: &Value) -> Response<Full<Bytes>> {
        let location = options.get("location").and_then(Value::as_str).unwrap_or_default();
        let created = unix_millis(exchange.now);
        let nonce = self.shared.ids.alnum(24);
        let fields = format!("1~{OPENTOK_API_KEY}~{location}~{created}~{nonce}~");
        let id = format!("2_{}", URL_SAFE_NO_PAD.encode(fields));
        self.sessions().insert(id.clone(), options.clone());
        let date = httpdate::fmt_http_date(exchange.now);
        let accept = exchange.header("accept").unwrap_or_default();
        if accept.contains("json") {
            let session = json!({
                "session_id": id, "project_id": OPENTOK_API_KEY, "partner_id": OPENTOK_API_KEY,
                "create_dt": date, "media_server_url": "", "session_status": null,
            });
            return json(StatusCode::OK, &json!([session]));
        }
        // Without an Accept for JSON the service answers XML, as the Ruby, PHP and .NET SDKs expect.
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><sessions><Session><session_id>{id}</session_id>\
             <partner_id>{OPENTOK_API_KEY}</partner_id><create_dt>{date}</create_dt></Session></sessions>"
        );
        let mut response = Response::new(Full::new(Bytes::from(xml)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        response
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    json(status, &json!({ "code": -1, "message": message, "description": message }))
}

impl Provider for Opentok {
    fn name(&self) -> &'static str {
        "opentok"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move { self.answer(&exchange) })
    }

    fn state(&self) -> Value {
        json!({ "sessions": *self.sessions() })
    }

    fn reset(&self) {
        self.sessions().clear();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        let Some(sessions) = state.get("sessions").and_then(Value::as_object) else {
            return Err("opentok: the state must hold an object `sessions`".into());
        };
        self.sessions().extend(sessions.iter().map(|(id, options)| (id.clone(), options.clone())));
        Ok(())
    }
}
