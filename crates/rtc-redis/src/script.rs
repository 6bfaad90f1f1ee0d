//! Steps that only the server can make in one piece.

use std::sync::LazyLock;

use redis::{Cmd, Script, cmd};

/// A Lua script that touches one key, as a cluster demands.
pub(crate) struct OneKey {
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: OneKey = OneKey {
            text: include_str!($file),
            hash: LazyLock::new(|| Script::new(include_str!($file)).get_hash().to_owned()),
        };
    };
}

script!(LOOK, "look.lua");
script!(RELEASE, "release.lua");
script!(TAKE, "take.lua");

impl OneKey {
    pub(crate) fn call<'a>(&'static self, key: &'a str, arguments: &'a [&'a str]) -> Invocation<'a> {
        Invocation { script: self, key, arguments }
    }
}

/// A script with what it is called with.
#[derive(Clone, Copy)]
pub(crate) struct Invocation<'a> {
    script: &'static OneKey,
    key: &'a str,
    arguments: &'a [&'a str],
}

impl Invocation<'_> {
    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(1).arg(self.key).arg(self.arguments);
        command
    }

    /// The call of a script that the server knows.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The call with its text, after which the server knows it.
    pub(crate) fn whole(&self) -> Cmd {
        self.command("EVAL", self.script.text)
    }
}
