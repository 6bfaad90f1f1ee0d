//! The data channels of a connection: which are open, and which carry zlib streams.

use std::collections::{HashMap, HashSet};

use crate::model::OfferedChannel;

#[derive(Debug, Default)]
pub(super) struct Labels {
    open: HashSet<String>,
    /// Of all that were ever offered.
    compress: HashMap<String, bool>,
}

impl Labels {
    /// Takes in the list of an offer. One that does not say whether a label is compressed leaves it as it was.
    pub(super) fn offer(&mut self, channels: &[OfferedChannel]) {
        for channel in channels {
            let flag = self.compress.entry(channel.label.clone()).or_default();
            *flag = channel.compress.unwrap_or(*flag);
        }
    }

    pub(super) fn open(&mut self, label: &str) {
        self.open.insert(label.to_owned());
    }

    /// Whether it was open.
    pub(super) fn close(&mut self, label: &str) -> bool {
        self.open.remove(label)
    }

    pub(super) fn is_open(&self, label: &str) -> bool {
        self.open.contains(label)
    }

    /// None where the label was never offered.
    pub(super) fn compress(&self, label: &str) -> Option<bool> {
        self.compress.get(label).copied()
    }

    pub(super) fn is_compressed(&self, label: &str) -> bool {
        self.compress(label).unwrap_or_default()
    }
}

/// Whether the server has a meaning of its own for a label.
pub(super) fn is_built_in(label: &str) -> bool {
    matches!(label, super::SIGNALING | "notify" | "push" | super::STATS | super::RPC)
}
