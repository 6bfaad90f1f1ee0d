//! Compressed frames: a label whose `compress` flag is set carries zlib streams (RFC 1950) in binary frames.
//!
//! [`Client`](crate::Client) does this by itself where the offer or its options say so; [`Peer`](crate::Peer) takes
//! messages that are decoded already.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use rtc_core::DecodeError;

/// The largest inflated message unless told: 16 MiB, as the official Rust SDK has it.
pub const MAX_INFLATED: usize = 16 * 1024 * 1024;

/// Deflates a message to one zlib stream.
///
/// ```
/// use sora_rpc::compress::{deflate, inflate};
///
/// assert_eq!(inflate(&deflate(b"{}"), 2)?, b"{}");
/// # Ok::<(), sora_rpc::rtc_core::DecodeError>(())
/// ```
#[must_use]
pub fn deflate(message: &[u8]) -> Vec<u8> {
    Deflater::new().deflate(message)
}

/// Deflates one message after another, each to a stream of its own, in tables that are made once: they take 300 KB.
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new() -> Self {
        Self(Compress::new(Compression::default(), true))
    }

    pub(crate) fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let Self(zlib) = self;
        zlib.reset();
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        loop {
            let read = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
            let rest = message.get(read..).unwrap_or_default();
            match zlib.compress_vec(rest, &mut out, FlushCompress::Finish) {
                // A stream that ends without a preset dictionary does not fail.
                Ok(Status::StreamEnd) | Err(_) => return out,
                Ok(_) => out.reserve(out.len().max(256)),
            }
        }
    }
}

impl fmt::Debug for Deflater {
    // The tables hold what was sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

/// Inflates a frame to at most `limit` bytes.
///
/// # Errors
/// When it is not exactly one whole zlib stream, or inflates to more than the limit. Only this frame is lost:
/// the connection goes on.
///
/// ```
/// use sora_rpc::compress::inflate;
///
/// let frame = [0x78, 0x9c, 0xab, 0xae, 0x05, 0x00, 0x01, 0x75, 0x00, 0xf9];
/// assert_eq!(inflate(&frame, 1024)?, b"{}");
/// assert!(inflate(&frame[..6], 1024).is_err());
/// assert!(inflate(&frame, 1).is_err());
/// # Ok::<(), sora_rpc::rtc_core::DecodeError>(())
/// ```
pub fn inflate(frame: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let broken = || DecodeError::new("the frame is not one whole zlib stream");
    let mut zlib = Decompress::new(true);
    let mut out = Vec::with_capacity(frame.len().saturating_mul(4).clamp(256, 64 * 1024));
    loop {
        let read = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
        let (rest, before) = (frame.get(read..).unwrap_or_default(), out.len());
        let status = zlib.decompress_vec(rest, &mut out, FlushDecompress::None).map_err(|_| broken())?;
        if out.len() > limit {
            return Err(DecodeError::new(format!("the frame inflates to more than {limit} bytes")));
        }
        let all_read = usize::try_from(zlib.total_in()).is_ok_and(|read| read == frame.len());
        match status {
            Status::StreamEnd if all_read => return Ok(out),
            Status::StreamEnd => return Err(broken()),
            // Room left and nothing written: the stream was cut short.
            _ if out.len() == before && out.len() < out.capacity() => return Err(broken()),
            // Never room for more than one byte beyond the limit.
            _ => out.reserve_exact(out.len().max(256).min((limit - out.len()).saturating_add(1))),
        }
    }
}
