//! The compression of data channels: zlib streams (RFC 1950), written a second time here on purpose.

use std::io::Read as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};

/// The largest message that a compressed frame may hold, in bytes.
const MAX_INFLATED: u64 = 16 * 1024 * 1024;

/// Compresses a message.
pub(super) fn deflate(message: &[u8]) -> Bytes {
    let mut bytes = Vec::new();
    // Reading from memory cannot fail.
    let _ = ZlibEncoder::new(message, Compression::default()).read_to_end(&mut bytes);
    bytes.into()
}

/// What a frame holds; none when it is no zlib stream, or too large.
pub(super) fn inflate(frame: &[u8]) -> Option<Bytes> {
    let mut message = Vec::new();
    let mut stream = ZlibDecoder::new(frame).take(MAX_INFLATED.saturating_add(1));
    stream.read_to_end(&mut message).ok()?;
    (u64::try_from(message.len()).ok()? <= MAX_INFLATED).then(|| message.into())
}
