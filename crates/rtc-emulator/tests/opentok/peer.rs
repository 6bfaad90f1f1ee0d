//! A caller of the emulated API: HTTP by hand, tokens by hand.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// 2026-01-01T00:00:00Z.
pub const START: u64 = 1_767_225_600;

/// An emulator whose time stands still at [`START`].
pub async fn start() -> Emulator {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(START));
    Emulator::builder().clock(clock).start().await.unwrap()
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The value, if the status is this one.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    pub fn message(&self) -> String {
        let body = self.json();
        assert_eq!((&body["code"], &body["message"]), (&json!(-1), &body["description"]));
        body["message"].as_str().unwrap().to_owned()
    }
}

/// Who asks, and under which path.
pub struct Peer<'a> {
    pub emulator: &'a Emulator,
    /// Key or application id.
    pub project: String,
    /// A header line.
    pub auth: String,
    /// Further header lines.
    pub headers: &'static str,
}

impl<'a> Peer<'a> {
    pub fn new(emulator: &'a Emulator) -> Self {
        let access = emulator.opentok();
        Self::of(emulator, access.api_key(), access.api_secret())
    }

    pub fn of(emulator: &'a Emulator, key: &str, secret: &str) -> Self {
        let claims = json!({ "iss": key, "ist": "project", "iat": START, "exp": START + 300 });
        let auth = format!("x-opentok-auth: {}\r\n", hs256(json!({ "alg": "HS256" }), claims, secret));
        Self { emulator, project: key.to_owned(), auth, headers: "accept: application/json\r\n" }
    }

    pub fn application(emulator: &'a Emulator, claims: Value) -> Self {
        let access = emulator.opentok();
        let auth = format!("authorization: Bearer {}\r\n", rs256(claims, access.private_key()));
        let headers = "accept: application/json\r\n";
        Self { emulator, project: access.application_id().to_owned(), auth, headers }
    }

    /// A call below `/v2/project/<project>`, unless the path says otherwise.
    pub async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let path = if path.starts_with("/v2") || path.starts_with("/session/create") {
            path.to_owned()
        } else {
            format!("/v2/project/{}{path}", self.project)
        };
        let headers = format!("{}{}", self.auth, self.headers);
        http(self.emulator.url(), method, &path, &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &body.to_string()).await
    }

    /// A routed session, with more of the form.
    pub async fn session(&self, more: &str) -> String {
        let form = format!("p2p.preference=disabled{more}");
        let session = self.call("POST", "/session/create", &form).await.expect(200);
        session[0]["session_id"].as_str().unwrap().to_owned()
    }
}

pub async fn http(base: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), text: text.to_owned() }
}

/// A management call of OpenTok's.
pub async fn manage(emulator: &Emulator, method: &str, path: &str, body: Value) -> Answer {
    let path = format!("/_emulator/opentok/{path}");
    http(emulator.url(), method, &path, "", &if body.is_null() { String::new() } else { body.to_string() })
        .await
}

pub fn state(emulator: &Emulator) -> Value {
    emulator.state()["opentok"].clone()
}

pub fn hs256(header: Value, claims: Value, secret: &str) -> String {
    let signed = encoded(&header, &claims);
    format!("{signed}.{}", mac(&signed, secret))
}

pub fn mac(signed: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

pub fn rs256(claims: Value, pem: &str) -> String {
    let der: String = pem.lines().filter(|line| !line.contains("PRIVATE KEY")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let signed = encoded(&json!({ "alg": "RS256", "typ": "JWT" }), &claims);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn encoded(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
