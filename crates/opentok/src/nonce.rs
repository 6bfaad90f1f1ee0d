//! What makes tokens unique.

use std::cell::RefCell;

use rtc_core::AuthError;

/// Bytes that are drawn at once.
const BLOCK: usize = 512;

/// Random bytes of one thread, drawn from the system in blocks: a system call per nonce would take longer than
/// the token's signature. A nonce is no secret, the signature protects a token. So it does no harm that a
/// child which was forked without `exec` goes on with its parent's block: two tokens are alike only if all
/// else in them, the time included, is alike.
struct Pool {
    bytes: [u8; BLOCK],
    left: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; BLOCK], left: 0 }) };
}

fn random(bytes: &mut [u8]) -> Result<(), AuthError> {
    getrandom::fill(bytes).map_err(|_| AuthError::new("the system has no random numbers"))
}

impl Pool {
    fn draw(&mut self) -> Result<[u8; 8], AuthError> {
        if self.left == 0 {
            random(&mut self.bytes)?;
            self.left = BLOCK;
        }
        self.left = self.left.saturating_sub(8);
        let unused = self.bytes.get(self.left..).and_then(|rest| rest.first_chunk());
        unused.copied().ok_or_else(|| AuthError::new("no random number is left"))
    }
}

/// A random number that no other call got.
pub(crate) fn number() -> Result<u64, AuthError> {
    POOL.with_borrow_mut(Pool::draw).map(u64::from_ne_bytes)
}

/// A random UUID (version 4).
pub(crate) fn uuid() -> Result<String, AuthError> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    let value = u128::from_be_bytes(bytes);
    let value = value & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{value:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice_across_blocks_and_threads() {
        let draw = || (0..1000).map(|_| number().unwrap()).collect::<Vec<_>>();
        let threads = [std::thread::spawn(draw), std::thread::spawn(draw)];
        let mut all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        all.extend(draw());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3000);
    }

    #[test]
    fn uuids_are_of_version_4() {
        let id = uuid().unwrap();
        let marks: Vec<_> = [8, 13, 18, 23, 14].into_iter().map(|at| id.as_bytes()[at]).collect();
        assert_eq!((id.len(), marks.as_slice()), (36, b"----4".as_slice()), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_ne!(id, uuid().unwrap());
    }
}
