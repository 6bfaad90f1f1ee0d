//! What went wrong, without what was sent.

use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The cause behind a `StoreError`. Of the server's words only the code is kept: the rest may quote a command
/// with its keys and values.
#[derive(Debug, Clone)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let kind = error.kind();
        let text = match kind {
            // The words of the operating system, or of TLS.
            ErrorKind::Io => error.to_string(),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let code = error.code().unwrap_or("an error without a code");
                format!("the server answered {code}{}", hint(code))
            }
            ErrorKind::AuthenticationFailed => {
                "the server refused the user name or the password of the URL".to_owned()
            }
            _ => error.category().to_owned(),
        };
        Self(text)
    }
}

fn hint(code: &str) -> &'static str {
    match code {
        "OOM" => ": its memory is full, so raise maxmemory; a policy that evicts keys would lose claims",
        "NOAUTH" => ": it wants a password, and the URL has none",
        "WRONGPASS" => ": the user name or the password of the URL is wrong",
        "NOPERM" => ": the user may not do this; see the commands in the documentation of rtc-redis",
        "LOADING" => ": it is starting and reads its data",
        "READONLY" => ": it is a replica; name the master, or use Sentinel",
        "CLUSTERDOWN" => ": slots of the cluster have no master",
        "MOVED" | "ASK" | "CROSSSLOT" => ": it belongs to a cluster, so connect with connect_cluster",
        "WRONGTYPE" => ": someone else uses the key for something else; choose another prefix",
        "MISCONF" => ": it cannot write its data to the disk",
        _ => "",
    }
}

/// Whether the connection is of no more use: broken, or to a server that is no longer the master.
pub(crate) fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

/// Whether even a connection that repairs itself is of no more use: what drove it ended with its runtime. The
/// Redis client tells that by its words alone; a test sees whether they change.
pub(crate) fn is_over(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Io && error.to_string().starts_with("redis_cluster: Unable to ")
}
