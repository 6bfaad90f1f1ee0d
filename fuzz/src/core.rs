//! What all providers share: addresses, times, waits, and the files of a store.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use rtc_core::http::{HeaderMap, HeaderValue, header};
use rtc_core::time::{parse_rfc3339, rfc3339};
use rtc_core::{
    Bytes, Clock as _, EndpointPolicy, FileStore, IpNet, Rate, SharedClock, Store as _, Trust, Url,
    is_private_or_loopback, retry_after,
};

use crate::answers::{CANARY, at_once, clock};
use crate::{bytes, show};

/// An endpoint as a user or an answer names it. It may be a network of a policy, too, or an address.
pub(crate) fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, net) = text.split_once('\n').unwrap_or((text, ""));
    let policy = EndpointPolicy::default();
    let policy = match net.parse::<IpNet>() {
        Ok(net) => policy.allow_net(net),
        Err(_) => policy.deny_host(net),
    };
    for trust in [Trust::Configured, Trust::Discovered] {
        for parsed in [policy.parse(text, trust), policy.parse_websocket(text, trust)] {
            match parsed {
                Ok(url) => accepted(&policy, &url, trust),
                Err(error) => told(text, &error.to_string()),
            }
        }
    }
    if let Ok(address) = text.parse::<IpAddr>()
        && EndpointPolicy::default().check_address(text, address, Trust::Discovered).is_ok()
    {
        assert!(!is_private_or_loopback(address), "an answer may not name {address}");
        assert!(!address.is_multicast() && !address.is_unspecified(), "nobody may talk to {address}");
    }
}

/// What a policy accepts it accepts again, and it means the same.
fn accepted(policy: &EndpointPolicy, url: &Url, trust: Trust) {
    let again = match url.scheme() {
        "ws" | "wss" => policy.parse_websocket(url.as_str(), trust),
        _ => policy.parse(url.as_str(), trust),
    };
    assert_eq!(again.as_ref(), Ok(url));
    assert!(url.host().is_some() && url.username().is_empty() && url.query().is_none());
}

/// An error names the host, not what may be secret.
fn told(text: &str, error: &str) {
    let Ok(url) = Url::parse(text.trim()) else { return };
    let secret = url.password() == Some(CANARY) || url.query() == Some(CANARY);
    let shown = url.host_str().is_some_and(|host| host.contains(CANARY));
    assert!(!secret || shown || !error.contains(CANARY), "an error tells a secret: {error}");
}

pub(crate) fn endpoint_seeds() -> Vec<Vec<u8>> {
    let secret = format!("https://user:{CANARY}@rtc.example.com/?{CANARY}");
    let mut seeds = bytes(&[
        "https://rtc.example.com/v1/",
        "wss://[2001:db8::1]:443/a\n2001:db8::/32",
        "http://127.0.0.1:9/\n10.0.0.0/8",
        "http://localhost.\nexample.com",
        "https://169.254.169.254/latest",
        "https://0x7f.1/",
        "::ffff:10.0.0.1",
        "203.0.114.7",
    ]);
    seeds.push(secret.into_bytes());
    seeds
}

/// The value of `Retry-After`, and a time as text.
pub(crate) fn time(data: &[u8]) {
    let now = clock().now();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let digits = !data.trim_ascii().is_empty() && data.trim_ascii().iter().all(u8::is_ascii_digit);
        let wait = retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]), now);
        assert!(!digits || wait.is_some(), "digits are seconds");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(at) = parse_rfc3339(text) {
        // Written are milliseconds, so the second time nothing is lost.
        let written = rfc3339(at);
        let again = parse_rfc3339(&written).expect("what was written can be read");
        assert_eq!(rfc3339(again), written);
        assert!(at.duration_since(again).is_ok_and(|lost| lost < Duration::from_millis(1)), "{text}");
    }
}

pub(crate) fn time_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "120",
        "99999999999999999999999999",
        "Sat, 01 Aug 2026 12:00:00 GMT",
        "Saturday, 01-Aug-26 12:00:00 GMT",
        "2026-08-01T12:00:00.123456789+05:30",
        "9999-12-31t23:59:59z",
        "1970-01-01 00:00:00-23:59",
    ])
}

/// A store whose files somebody else wrote, in memory where the machine has a file system for that.
struct Files {
    store: FileStore,
    paths: [PathBuf; 3],
    _folder: tempfile::TempDir,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder");
    let store = FileStore::new(folder.path(), SharedClock::new(clock())).expect("a store");
    let day = Duration::from_secs(86_400);
    at_once(async {
        store.put("k", Bytes::from_static(b"v"), day).await.expect("a value");
        store.claim("k", day).await.expect("a claim");
        store.take("k", Rate::per_second(1), 1, 1).await.expect("a permit");
    });
    let files = || std::fs::read_dir(folder.path()).expect("files").flatten().map(|entry| entry.path());
    let path = |suffix: &str| {
        let mut found = files().filter(|path| path.extension().is_some_and(|known| known == suffix));
        found.next().expect("a file")
    };
    let paths = [path("value"), path("claim"), path("rate")];
    Files { store, paths, _folder: folder }
});

pub(crate) fn store_file(data: &[u8]) {
    let Files { store, paths, .. } = &*FILES;
    for path in paths {
        std::fs::write(path, data).expect("a file");
    }
    at_once(async {
        let value = store.get("k").await.expect("a file is no failure");
        if let Some(value) = &value {
            assert!(data.ends_with(value), "a value that nobody put there");
        }
        let busy = store.peek("k").await.expect("a file is no failure");
        assert_eq!(busy.is_some(), value.is_some(), "claims and values are read alike");
        show(&store.take("k", Rate::per_second(1), 5, 1).await.expect("a file is no failure"));
    });
}

pub(crate) fn store_file_seeds() -> Vec<Vec<u8>> {
    // As the store wrote them, and with what the hash does not cover.
    let mut seeds: Vec<_> = FILES.paths.iter().map(|path| std::fs::read(path).expect("a file")).collect();
    seeds.extend(bytes(&[
        "1 2 0\nv",
        "18446744073709551615 18446744073709551615 ffffffffffffffffffffffffffffffff\n",
    ]));
    seeds
}
