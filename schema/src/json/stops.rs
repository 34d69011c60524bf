//! Where the plain text of strings ends, for a whole record at once.
//!
//! Separate, because this is the one place that looks at every byte: one bit a byte, set for quotes, backslashes and
//! control characters, so that a string's end is found by counting zeros. Invariant: the fast and the portable way set
//! the same bits.

/// Bytes that one index covers; what lies behind is searched byte by byte.
const COVERED: usize = 1024;
#[cfg(any(test, not(target_arch = "x86_64")))]
const ONES: u64 = 0x0101_0101_0101_0101;
#[cfg(any(test, not(target_arch = "x86_64")))]
const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// One bit a byte of the first part of a record.
#[derive(Debug)]
pub(super) struct Stops {
    words: [u64; COVERED / 64],
    covered: usize,
}

impl Stops {
    #[inline]
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut words = [0; COVERED / 64];
        let whole = bytes.len().min(COVERED) / 64;
        for (word, block) in words.iter_mut().zip(bytes.chunks_exact(64)) {
            *word = block.chunks_exact(16).rev().fold(0, |bits, chunk| {
                let chunk = chunk.try_into().expect("a chunk is 16 bytes");
                bits << 16 | u64::from(stops_of_16(chunk))
            });
        }
        let mut covered = whole * 64;
        if covered < COVERED {
            let rest = &bytes[covered..];
            let mut last = [0x20; 64];
            last[..rest.len()].copy_from_slice(rest);
            for (i, chunk) in last.chunks_exact(16).enumerate() {
                let chunk = chunk.try_into().expect("a chunk is 16 bytes");
                words[whole] |= u64::from(stops_of_16(chunk)) << (16 * i);
            }
            covered = bytes.len();
        }
        Self { words, covered }
    }

    /// Bytes that the bits speak of.
    #[inline]
    pub(super) const fn covered(&self) -> usize {
        self.covered
    }

    /// Bits of the bytes from 64 × `index`.
    #[inline]
    pub(super) fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or_default()
    }

    /// The first stop at `at` or behind it; the length of `bytes` if there is none.
    #[inline]
    pub(super) fn next(&self, bytes: &[u8], at: usize) -> usize {
        if at < self.covered {
            let mut index = at / 64;
            let mut word = self.words[index] >> (at % 64) << (at % 64);
            loop {
                if word != 0 {
                    return index * 64 + word.trailing_zeros() as usize;
                }
                index += 1;
                if index * 64 >= self.covered {
                    break;
                }
                word = self.words[index];
            }
        }
        let from = at.max(self.covered);
        let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..32);
        from + bytes[from..].iter().position(stops).unwrap_or(bytes.len() - from)
    }
}

/// One bit a byte, by SSE2, which every x86-64 has.
#[cfg(target_arch = "x86_64")]
#[inline]
fn stops_of_16(chunk: &[u8; 16]) -> u16 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let (low, high) = halves(chunk);
    // SAFETY: SSE2 is a part of x86-64, and nothing here takes an address.
    let stops = unsafe {
        let text = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
        let quote = _mm_cmpeq_epi8(text, _mm_set1_epi8(0x22));
        let backslash = _mm_cmpeq_epi8(text, _mm_set1_epi8(0x5c));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control))
    };
    u16::try_from(stops).expect("sixteen bits")
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn stops_of_16(chunk: &[u8; 16]) -> u16 {
    portable_stops_of_16(chunk)
}

fn halves(chunk: &[u8; 16]) -> (u64, u64) {
    let (low, high) = chunk.split_at(8);
    let word = |half: &[u8]| u64::from_le_bytes(half.try_into().expect("half of 16 bytes"));
    (word(low), word(high))
}

/// One bit a byte, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable_stops_of_16(chunk: &[u8; 16]) -> u16 {
    let (low, high) = halves(chunk);
    stops_of_8(low) | stops_of_8(high) << 8
}

/// Each step sets the high bit of exactly the bytes it looks for; a multiplication gathers them.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn stops_of_8(word: u64) -> u16 {
    let zero = |word: u64| !(((word & LOWS) + LOWS) | word | LOWS);
    let control = zero(word & (ONES * 0xe0));
    let stops = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | control;
    ((stops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(bytes: &[u8], at: usize) -> usize {
        (at..bytes.len()).find(|i| matches!(bytes[*i], b'"' | b'\\' | 0..32)).unwrap_or(bytes.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn both_ways_set_the_same_bits(chunk in any::<[u8; 16]>(), stop in any::<u8>(), place in 0..16_usize) {
            let mut chunk = chunk;
            chunk[place] = stop;
            prop_assert_eq!(stops_of_16(&chunk), portable_stops_of_16(&chunk));
        }

        #[test]
        fn the_next_stop_is_the_naive_one(
            bytes in prop::collection::vec(prop_oneof![20 => 32..255_u8, 1 => 0..35_u8], 0..1200),
        ) {
            let stops = Stops::new(&bytes);
            for at in 0..=bytes.len() {
                prop_assert_eq!(stops.next(&bytes, at), naive(&bytes, at));
            }
        }
    }
}
