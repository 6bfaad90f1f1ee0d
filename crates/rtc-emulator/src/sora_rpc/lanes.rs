//! Which way a message goes: the compression and the kind of frame of each data channel.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::zlib::{deflate, inflate};

#[derive(Clone, Copy)]
struct Lane {
    /// Whether what is sent is a zlib stream.
    deflate: bool,
    /// Whether what is received is one.
    inflate: bool,
    /// Whether the client's last frame was binary.
    binary: bool,
}

/// The lanes of one connection, by label.
pub(super) struct Lanes(BTreeMap<String, Lane>);

impl Lanes {
    /// As `data_channels` of an offer say.
    pub(super) fn new(data_channels: &[Value]) -> Self {
        let lane = |compress| Lane { deflate: compress, inflate: compress, binary: false };
        Self(flags(data_channels).map(|(label, compress)| (label, lane(compress.unwrap_or(false)))).collect())
    }

    /// As a later offer says. What is not in it stays as it was; what is received changes with the answer.
    pub(super) fn offered_again(&mut self, data_channels: &[Value]) {
        for (label, compress) in flags(data_channels) {
            if let (Some(lane), Some(compress)) = (self.0.get_mut(&label), compress) {
                lane.deflate = compress;
            }
        }
    }

    /// The answer to a later offer is there.
    pub(super) fn answered_again(&mut self) {
        self.0.values_mut().for_each(|lane| lane.inflate = lane.deflate);
    }

    /// A message for a data channel, and whether its frame is binary: always when compressed, otherwise as the client
    /// sends, since SDKs differ and real servers' frames are not documented.
    pub(super) fn pack(&self, label: &str, message: Bytes) -> (bool, Bytes) {
        match self.0.get(label) {
            Some(lane) if lane.deflate => (true, deflate(&message)),
            lane => (lane.is_some_and(|lane| lane.binary), message),
        }
    }

    /// A message of a data channel; none when it is no zlib stream though it must be one, or is too large.
    pub(super) fn unpack(&mut self, label: &str, binary: bool, frame: Bytes) -> Option<Bytes> {
        let lane = self.0.get_mut(label)?;
        lane.binary = binary;
        if lane.inflate { inflate(&frame) } else { Some(frame) }
    }
}

fn flags(data_channels: &[Value]) -> impl Iterator<Item = (String, Option<bool>)> {
    data_channels.iter().filter_map(|entry| {
        let compress = entry.get("compress").and_then(Value::as_bool);
        Some((entry.get("label")?.as_str()?.to_owned(), compress))
    })
}
