//! How ICE servers are sealed before they go into a store: they are credentials.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, KeyInit, Mac};
use rtc_core::{Bytes, REDACTED, Rule, Secret, Violation, Violations};
use serde::{Deserialize, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{IceKey, IceServer};

/// What a value begins with; one of another version does not open.
const VERSION: u8 = 1;
/// What the names of values begin with.
const PREFIX: &str = "kvs-ice:1:";
/// The nonce of XChaCha20: long enough to be drawn at random for every value of a key.
const NONCE: usize = 24;
/// Room for what is sealed. A text that grew would leave copies of itself behind in memory.
const ROOM: usize = 16 * 1024;

type Key = Zeroizing<[u8; 32]>;

/// The key that seals what an [`IceCache`](super::IceCache) keeps in a store. It is a secret of the fleet: draw
/// it once at random, keep it where the AWS keys are kept, and give it to every process.
///
/// Values are sealed with XChaCha20-Poly1305 under a random nonce, bound to their name and version. Names are
/// HMAC-SHA256 over the channel, role, client id, service and user name. Processes with another key find neither,
/// so the key can be changed process by process; meanwhile there are two caches.
///
/// Wiped from memory on drop; `Debug` prints `[redacted]`.
#[derive(Clone)]
pub struct IceSealKey {
    name: Key,
    seal: Key,
}

impl IceSealKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = Key::new(key);
        Self {
            name: Key::new(hmac(&key, &[b"kvs-signaling ice name"])),
            seal: Key::new(hmac(&key, &[b"kvs-signaling ice seal"])),
        }
    }

    /// A key as it stands in an environment variable: 32 bytes in standard base64, as `openssl rand -base64 32`
    /// makes them.
    ///
    /// # Errors
    /// It is not base64, or not of 32 bytes.
    pub fn from_base64(text: &Secret) -> Result<Self, Violations> {
        let bytes = BASE64_STANDARD.decode(text.expose().trim()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        key.map(Self::new).ok_or_else(|| {
            let expected =
                "must be 32 bytes in standard base64 (44 characters): make one with openssl rand -base64 32";
            Violation::new("key", "key", Rule::Pattern, expected).into()
        })
    }

    /// What the value of a key is called in the store.
    pub(super) fn name(&self, key: &IceKey) -> String {
        let IceKey { channel_arn, role, client_id, service, username } = key;
        let parts = [
            Some(channel_arn.as_str()),
            Some(role.as_str()),
            client_id.as_deref(),
            service.as_ref().map(|service| service.as_str()),
            username.as_deref(),
        ];
        let mut text = Vec::new();
        for part in parts {
            // With its length, so that no two keys read alike.
            match part {
                None => text.push(0),
                Some(part) => {
                    text.push(1);
                    text.extend_from_slice(&(part.len() as u64).to_be_bytes());
                    text.extend_from_slice(part.as_bytes());
                }
            }
        }
        let digest = hmac(&self.name, &[text.as_slice()]);
        digest.iter().fold(PREFIX.to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }

    /// Seals servers for the value of this name; none if the system has no random numbers.
    pub(super) fn seal(&self, name: &str, content: &Content) -> Option<Bytes> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut text, content).ok()?;
        self.cipher().encrypt_in_place(&XNonce::from(nonce), name.as_bytes(), &mut text).ok()?;
        Some([&[VERSION], nonce.as_slice(), text.as_slice()].concat().into())
    }

    /// Opens the value of this name; none if it is not what was sealed for it with this key.
    pub(super) fn open(&self, name: &str, value: &[u8]) -> Option<Content> {
        let (version, rest) = value.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if *version != VERSION {
            return None;
        }
        let mut text = Zeroizing::new(sealed.to_vec());
        self.cipher().decrypt_in_place(&XNonce::from(*nonce), name.as_bytes(), &mut *text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.seal).into())
    }
}

impl fmt::Debug for IceSealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceSealKey({REDACTED})")
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A shorter key is one that ends in zeros, by the definition of HMAC.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Content {
    /// When the first credentials end, by the clock of the machine that asked, in nanoseconds since 1970.
    ends: u64,
    servers: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    urls: Vec<String>,
    username: Option<String>,
    #[serde(serialize_with = "revealed")]
    credential: Option<Secret>,
    expires_at: Option<u64>,
}

#[allow(clippy::ref_option)]
fn revealed<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

impl Content {
    pub(super) fn new(servers: &[IceServer], ends: SystemTime) -> Self {
        let entry = |server: &IceServer| Entry {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
            expires_at: server.expires_at.map(nanos),
        };
        Self { ends: nanos(ends), servers: servers.iter().map(entry).collect() }
    }

    /// When the first credentials end, by the clock of the machine that asked.
    pub(super) fn ends(&self) -> SystemTime {
        time(self.ends)
    }

    pub(super) fn into_servers(self) -> impl Iterator<Item = IceServer> {
        self.servers.into_iter().map(|entry| IceServer {
            urls: entry.urls,
            username: entry.username,
            credential: entry.credential,
            expires_at: entry.expires_at.map(time),
        })
    }
}

fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sealed(key: &IceSealKey, name: &str) -> Vec<u8> {
        let server = IceServer {
            urls: vec!["turn:a.example".into()],
            username: Some("1700000300:user".into()),
            credential: Some(Secret::new("turn-password")),
            expires_at: Some(time(1_700_000_300_123_456_789)),
        };
        key.seal(name, &Content::new(&[server], time(1_700_000_300_123_456_789))).unwrap().to_vec()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_name_only() {
        let key = IceSealKey::new([7; 32]);
        let name = key.name(&IceKey::new("a"));
        let value = sealed(&key, &name);
        let content = key.open(&name, &value).unwrap();
        assert_eq!(content.ends(), time(1_700_000_300_123_456_789));
        let server = content.into_servers().next().unwrap();
        assert_eq!(server.credential.unwrap().expose(), "turn-password");
        assert_eq!(server.expires_at, Some(time(1_700_000_300_123_456_789)));

        assert!(IceSealKey::new([8; 32]).open(&name, &value).is_none(), "another key");
        assert!(key.open(&key.name(&IceKey::new("b")), &value).is_none(), "moved to another name");
        assert!(
            (0..value.len()).all(|end| key.open(&name, value.get(..end).unwrap()).is_none()),
            "truncated"
        );
        for at in 0..value.len() {
            let mut changed = value.clone();
            *changed.get_mut(at).unwrap() ^= 1;
            assert!(key.open(&name, &changed).is_none(), "byte {at} changed");
        }
    }

    #[test]
    fn nothing_shows_and_no_two_values_are_alike() {
        let key = IceSealKey::new([7; 32]);
        let name = key.name(&IceKey::new("a"));
        let (one, two) = (sealed(&key, &name), sealed(&key, &name));
        assert!(one.iter().zip(&two).skip(1 + NONCE).filter(|(a, b)| a == b).count() < one.len() / 4);
        let text = String::from_utf8_lossy(&one);
        assert!(!text.contains("turn-password") && !text.contains("user") && !text.contains("example"));
        assert_eq!(format!("{key:?}"), "IceSealKey([redacted])");
    }

    #[test]
    fn names_tell_keys_apart_and_show_nothing() {
        let (key, other) = (IceSealKey::new([7; 32]), IceSealKey::new([8; 32]));
        let plain = IceKey::new("arn:demo");
        let (mut client, mut user) = (plain.clone(), plain.clone());
        (client.client_id, user.username) = (Some("v".into()), Some("v".into()));
        let mut empty = plain.clone();
        empty.client_id = Some(String::new());
        let names =
            [key.name(&plain), key.name(&client), key.name(&user), key.name(&empty), other.name(&plain)];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert!(names.iter().all(|name| name.len() == PREFIX.len() + 64 && !name.contains("demo")));
    }

    #[test]
    fn a_key_is_read_from_base64() {
        let text = Secret::new(format!("{}\n", BASE64_STANDARD.encode([7; 32])));
        let name = |key: IceSealKey| key.name(&IceKey::new("a"));
        assert_eq!(name(IceSealKey::from_base64(&text).unwrap()), name(IceSealKey::new([7; 32])));
        for wrong in ["", "not base64!", "c2hvcnQ="] {
            let error = IceSealKey::from_base64(&Secret::new(wrong)).unwrap_err().to_string();
            assert!(error.contains("32 bytes") && (wrong.is_empty() || !error.contains(wrong)), "{error}");
        }
    }
}
