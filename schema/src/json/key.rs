//! From a key to its field, without a chain of comparisons.
//!
//! Separate, because the table is made at compile time: a perfect hash of a key's length and first eight bytes.
//! Invariant: a found field's whole name was compared.

use crate::raw::{FIELDS, Field};

const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
const SEED: u64 = seed();
const TABLE: [u8; SLOTS] = match table(SEED) {
    Some(table) => table,
    None => panic!("the seed was found by this very function"),
};

/// The field called `bytes[start..end]`.
#[inline]
pub(super) fn find(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let length = end - start;
    let head = match bytes.get(start..start + 8) {
        Some(chunk) => {
            let word = u64::from_le_bytes(chunk.try_into().expect("the slice is 8 bytes"));
            if length < 8 { word & ((1 << (8 * length)) - 1) } else { word }
        }
        None => head(&bytes[start..end]),
    };
    let index = usize::from(TABLE[slot(SEED, head, length)]);
    let name = FIELDS.get(index)?;
    (bytes[start..end] == *name.as_bytes()).then(|| Field::ALL[index])
}

/// The first eight bytes, little-endian, padded with zeros.
const fn head(name: &[u8]) -> u64 {
    let mut word = 0;
    let mut i = 0;
    while i < name.len() && i < 8 {
        word |= (name[i] as u64) << (8 * i);
        i += 1;
    }
    word
}

#[inline]
const fn slot(seed: u64, head: u64, length: usize) -> usize {
    ((head ^ (length as u64).rotate_right(8)).wrapping_mul(seed) >> 56) as usize
}

const fn table(seed: u64) -> Option<[u8; SLOTS]> {
    let mut table = [EMPTY; SLOTS];
    let mut i = 0;
    while i < FIELDS.len() {
        let slot = slot(seed, head(FIELDS[i].as_bytes()), FIELDS[i].len());
        if table[slot] != EMPTY {
            return None;
        }
        table[slot] = i as u8;
        i += 1;
    }
    Some(table)
}

/// The first odd multiplier of a fixed sequence that separates all names.
const fn seed() -> u64 {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    while table(seed).is_none() {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) | 1;
    }
    seed
}
