//! A sentinel on loopback.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rtc_redis::{RedisOptions, RedisStore};

use super::Server;

/// Kills the sentinel when it is dropped.
pub(crate) struct Sentinel(Child);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sentinel of the master that listens on `watched`; `more` are further lines of its settings.
pub(crate) fn sentinel(master: &Server, watched: u16, port: u16, more: &str) -> Sentinel {
    let path = master.dir().join("sentinel.conf");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "port {port}\nbind 127.0.0.1\n{more}\nsentinel monitor mymaster 127.0.0.1 {watched} 1")
        .unwrap();
    writeln!(file, "sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 2000")
        .unwrap();
    let mut command = Command::new(super::program());
    command.arg(path).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Sentinel(command.spawn().unwrap())
}

/// Connects again and again, until it works or the time is up: then the last failure is the test's.
pub(crate) async fn connected(sentinel: &str, master: &str, options: RedisOptions) -> RedisStore {
    let start = Instant::now();
    loop {
        match RedisStore::connect_sentinel(&[sentinel], master, options.clone()).await {
            Ok(store) => return store,
            Err(error) if start.elapsed() > Duration::from_secs(5) => panic!("{error:?}"),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
