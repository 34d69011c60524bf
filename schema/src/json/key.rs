//! From a key to its field, without a chain of comparisons.
//!
//! Separate, because the table is made at compile time: a perfect hash of a key's length and first eight bytes.
//! Invariant: a found field's whole name was compared.

use crate::raw::{FIELDS, Field};

const SLOTS: usize = 256;
/// No field's index.
const EMPTY: u8 = u8::MAX;
const SEED: u64 = seed();
static TABLE: [Entry; SLOTS] = match table(SEED) {
    Some(table) => table,
    None => panic!("the seed was found by this very function"),
};

/// A name of at most 16 bytes in two words that overlap, so that comparing needs no loop.
#[derive(Clone, Copy)]
struct Entry {
    head: u64,
    tail: u64,
    length: u8,
    index: u8,
}

/// The field called `bytes[start..end]`.
#[inline]
pub(super) fn find(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let length = end - start;
    let (head, tail) = match bytes.get(start..start + 8) {
        Some(chunk) if length < 8 => (word(chunk) & ((1 << (8 * length)) - 1), 0),
        Some(chunk) => (word(chunk), word(&bytes[end - 8..end])),
        None => (head(&bytes[start..end]), 0),
    };
    let entry = &TABLE[slot(SEED, head, length)];
    let same = entry.head == head && entry.tail == tail && usize::from(entry.length) == length;
    if same { Field::ALL.get(usize::from(entry.index)).copied() } else { None }
}

#[inline]
fn word(chunk: &[u8]) -> u64 {
    u64::from_le_bytes(chunk.try_into().expect("the slice is 8 bytes"))
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

const fn table(seed: u64) -> Option<[Entry; SLOTS]> {
    let mut table = [Entry { head: 0, tail: 0, length: 0, index: EMPTY }; SLOTS];
    let mut i = 0;
    while i < FIELDS.len() {
        let name = FIELDS[i].as_bytes();
        assert!(!name.is_empty() && name.len() <= 16, "two words hold a name");
        let slot = slot(seed, head(name), name.len());
        if table[slot].index != EMPTY {
            return None;
        }
        let tail = if name.len() < 8 { 0 } else { head(name.split_at(name.len() - 8).1) };
        table[slot] = Entry { head: head(name), tail, length: name.len() as u8, index: i as u8 };
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
