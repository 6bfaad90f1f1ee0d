//! Identifiers that look random and repeat with the seed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A seeded generator (SplitMix64). Not for secrets: everything it makes can be foretold, on purpose.
#[derive(Debug)]
pub struct Ids(Mutex<u64>);

const HEX: &[u8] = b"0123456789abcdef";
const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Ids {
    /// A generator that repeats itself for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// Starts over with `seed`.
    pub fn reseed(&self, seed: u64) {
        *self.state() = seed;
    }

    fn state(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next 64 bits.
    pub fn bits(&self) -> u64 {
        step(&mut self.state())
    }

    /// A number below `n` (0 when `n` is 0).
    pub fn below(&self, n: u64) -> u64 {
        scaled(self.bits(), n)
    }

    /// True with probability `p`.
    pub fn chance(&self, p: f64) -> bool {
        const STEPS: u64 = 1 << 53;
        (self.below(STEPS) as f64) < p * STEPS as f64
    }

    /// `n` bytes.
    pub fn bytes(&self, n: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.bits().to_be_bytes()).flatten().take(n).collect()
    }

    /// `n` lower-case hexadecimal digits.
    pub fn hex(&self, n: usize) -> String {
        self.pick(HEX, n)
    }

    /// `n` digits and lower-case letters.
    pub fn base36(&self, n: usize) -> String {
        self.pick(BASE36, n)
    }

    /// `n` letters of both cases and digits.
    pub fn alnum(&self, n: usize) -> String {
        self.pick(ALNUM, n)
    }

    /// `n` decimal digits, the first never 0, so that it is also a number.
    pub fn digits(&self, n: usize) -> String {
        let first = self.pick(b"123456789", n.min(1));
        first + &self.pick(b"0123456789", n.saturating_sub(1))
    }

    /// A UUID of version 4.
    pub fn uuid(&self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    fn pick(&self, from: &[u8], n: usize) -> String {
        let mut state = self.state();
        (0..n)
            .filter_map(|_| {
                let index = usize::try_from(scaled(step(&mut state), from.len() as u64)).ok()?;
                from.get(index).map(|byte| char::from(*byte))
            })
            .collect()
    }
}

fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Random bits as a number below `n`.
fn scaled(bits: u64, n: u64) -> u64 {
    // The upper half of the product is even enough without a division.
    u64::try_from((u128::from(bits) * u128::from(n)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_ids() {
        let (a, b) = (Ids::new(7), Ids::new(7));
        assert_eq!(a.uuid(), b.uuid());
        assert_eq!(a.alnum(40), b.alnum(40));
        assert_ne!(Ids::new(8).hex(16), Ids::new(7).hex(16));
        a.reseed(7);
        assert_eq!(a.uuid(), Ids::new(7).uuid());
    }

    #[test]
    fn shapes() {
        let ids = Ids::new(1);
        assert!(ids.hex(64).bytes().all(|b| HEX.contains(&b)));
        assert_eq!((ids.digits(9).len(), ids.base36(16).len(), ids.bytes(11).len()), (9, 16, 11));
        assert_eq!(ids.digits(0), "");
        let uuid = ids.uuid();
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'));
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
        assert!((0..100).all(|_| ids.below(3) < 3 && ids.chance(1.0) && !ids.chance(0.0)));
    }
}
