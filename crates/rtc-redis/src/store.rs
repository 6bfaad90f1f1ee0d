//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, FromRedisValue, Value};
use rtc_core::{Busy, Claim, ClaimToken, Rate, Store, StoreError, Taken};

use crate::address::Address;
use crate::failure::Failure;
use crate::link::Link;
use crate::options::RedisOptions;
use crate::script::{LOOK, RELEASE, TAKE};

/// The longest time limit: a hundred years, beyond which the server's and Lua's numbers would not reach.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A [`Store`] on a Redis or Valkey server, a cluster, or a master found through Sentinel. Cheap to clone; clones
/// share one connection, which carries all calls at once and is made anew when it broke.
///
/// Time is the server's alone, so clocks of the machines that call do not matter. A time limit is counted in
/// milliseconds, rounded up, from 1 ms to a hundred years; rates in microseconds.
///
/// # Cancelled calls
/// A future that is dropped after its first poll may or may not have had its effect, as with any server: a claim
/// then frees itself with its time limit, a permit is spent.
///
/// # Errors
/// Every method gives [`StoreError::Unavailable`] when there is no connection, no answer within
/// [`RedisOptions::timeout`], or the server refuses (its memory is full, the user may not do it). The text names
/// the step and the server's host and port, and never a key, a value or a part of the URL.
#[derive(Clone)]
pub struct RedisStore {
    link: Arc<Link>,
}

impl RedisStore {
    /// Connects to one server: `redis://user:password@host:port/database`, `rediss://` for TLS (feature `rustls`
    /// or `rustls-ring`), or `unix:///path`. Everything but the host may be left out.
    ///
    /// # Errors
    /// The URL cannot be used, the server cannot be reached within [`RedisOptions::connect_timeout`], or it
    /// refuses the password.
    pub async fn connect(url: &str, options: RedisOptions) -> Result<Self, StoreError> {
        Self::lazy(url, options)?.opened().await
    }

    /// The same without a connection: the first call makes it. For programs that shall start while the server is
    /// away.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn lazy(url: &str, options: RedisOptions) -> Result<Self, StoreError> {
        Ok(Self { link: Link::new(Address::single(url, &options)?, options) })
    }

    /// Connects to a cluster, of which these nodes tell the others. Their URLs must agree in user, password and
    /// TLS. Each call touches one key, so a call fails only if the master of its key's slot is away.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "cluster")]
    pub async fn connect_cluster(urls: &[&str], options: RedisOptions) -> Result<Self, StoreError> {
        Self { link: Link::new(Address::cluster(urls, &options)?, options) }.opened().await
    }

    /// Connects to the master that these sentinels name, and asks them anew for each new connection.
    ///
    /// `master` is a URL in which the name of the master stands in place of the host:
    /// `redis://user:password@mymaster/0`, or `rediss://` for TLS. User, password and database are the master's;
    /// those of the sentinels stand in their own URLs. Over TLS the certificate must be for the address that the
    /// sentinels tell, which is an IP address unless they announce names.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and when no sentinel knows the master.
    #[cfg(feature = "sentinel")]
    pub async fn connect_sentinel(
        sentinels: &[&str],
        master: &str,
        options: RedisOptions,
    ) -> Result<Self, StoreError> {
        Self { link: Link::new(Address::sentinel(sentinels, master, &options)?, options) }.opened().await
    }

    async fn opened(self) -> Result<Self, StoreError> {
        self.link.open().await?;
        Ok(self)
    }

    fn key(&self, kind: &str, key: &str) -> String {
        format!("{}{kind}:{key}", self.link.options.prefix)
    }

    /// A claim as it stands; `None`: it is nobody's, or became the wanted one's.
    async fn look(&self, what: &str, key: &str, wanted: &[&str]) -> Result<Option<Busy>, StoreError> {
        let key = self.key("claim", key);
        let answer = self.link.invoke(what, LOOK.call(&key, wanted)).await?;
        let found: Vec<i64> = understood(what, answer)?;
        Ok(match found.as_slice() {
            [age, left] => Some(Busy::new(
                u64::try_from(*age).ok().map(Duration::from_micros),
                u64::try_from(*left).map_or(LONGEST, Duration::from_millis),
            )),
            _ => None,
        })
    }
}

/// Reads an answer.
fn understood<T: FromRedisValue>(what: &str, answer: Value) -> Result<T, StoreError> {
    // The error would quote the answer.
    T::from_redis_value(answer).map_err(|_| {
        StoreError::unavailable(what, Failure::new("the server's answer has another shape than Redis gives"))
    })
}

/// Whole milliseconds: a claim must not end early, and 0 would be refused.
fn millis(ttl: Duration) -> u128 {
    ttl.min(LONGEST).as_nanos().div_ceil(1_000_000).max(1)
}

/// What so many permits cost, in whole microseconds: each by itself, so that a burst of single ones fits into its span.
fn micros(rate: Rate, permits: u32) -> u128 {
    let one = rate.interval().as_nanos().div_ceil(1_000);
    one.saturating_mul(permits.into()).min(LONGEST.as_micros())
}

impl Store for RedisStore {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        let token = ClaimToken::new(key);
        let ttl = millis(ttl).to_string();
        let busy = self.look("claim", key, &[token.owner(), &ttl]).await?;
        Ok(busy.map_or(Claim::Claimed(token), Claim::from))
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        self.look("peek", key, &[]).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        let key = self.key("claim", token.key());
        let answer = self.link.invoke("release", RELEASE.call(&key, &[token.owner()])).await?;
        understood("release", answer)
    }

    /// Sends the release in a task of the tokio runtime. Where there is none, the claim ends with its time limit.
    fn abandon(&self, token: ClaimToken) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let store = self.clone();
            runtime.spawn(async move {
                // Best effort: the time limit frees what this does not.
                let _ = store.release(&token).await;
            });
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let mut command = Cmd::new();
        command.arg("GET").arg(self.key("value", key));
        let value: Option<Vec<u8>> = understood("get", self.link.run("get", &command).await?)?;
        Ok(value.map(Bytes::from))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        let mut command = Cmd::new();
        command.arg("SET").arg(self.key("value", key)).arg(&value[..]).arg("PX").arg(millis(ttl).to_string());
        self.link.run("put", &command).await.map(|_| ())
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        let burst = burst.max(1);
        if n > burst {
            return Err(StoreError::Burst { n, burst });
        }
        let key = self.key("rate", key);
        let (cost, span) = (micros(rate, n).to_string(), micros(rate, burst).to_string());
        let answer = self.link.invoke("take", TAKE.call(&key, &[&cost, &span])).await?;
        let wait: u64 = understood("take", answer)?;
        Ok(if wait == 0 { Taken::Granted } else { Taken::Wait(Duration::from_micros(wait)) })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("link", &self.link).field("options", &self.link.options).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_room_for_its_permits_one_by_one() {
        for count in [1, 3, 7, 3_000, u32::MAX] {
            let rate = Rate::per_second(count);
            assert!(micros(rate, 1) * 3 <= micros(rate, 3), "{count} per second");
            assert!(micros(rate, 3) >= 3_000_000 / u128::from(count), "{count} per second: not too fast");
        }
        assert_eq!(micros(Rate::new(1, Duration::MAX), u32::MAX), LONGEST.as_micros());
    }
}
