//! The one hasher of the crate's tables: xxh3 with a fixed seed.
//!
//! Separate, so that no table falls back to a random hasher. Invariant: same bytes, same hash, on every machine and run.

use std::hash::{BuildHasher, Hasher};

use xxhash_rust::xxh3::xxh3_64;

/// Builds [`FixedHasher`]s.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedState;

/// Hashes what it is fed with xxh3, each piece mixed into the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedHasher(u64);

impl BuildHasher for FixedState {
    type Hasher = FixedHasher;

    fn build_hasher(&self) -> FixedHasher {
        FixedHasher(0)
    }
}

impl Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(23) ^ xxh3_64(bytes);
    }

    fn write_u8(&mut self, byte: u8) {
        // `str` ends its hash with one 0xff byte; xxh3 of it for every look-up would be wasted.
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Hash of a text.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// A number in 0..1 from a salt and a text, the same for ever: for roll-out shares and samples.
#[must_use]
pub fn share_of(salt: &str, text: &str) -> f64 {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), text_hash(salt));
    // 53 bits fit a double exactly.
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
