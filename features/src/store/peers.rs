//! The accounts that an account lately wrote to, to estimate what the gateway left unknown.
//!
//! Separate, because most gateways tell `first_contact` and `contact`, and then small accounts need no such table.
//! Fingerprints of 15 bits in sets of 8, newest first; a table of `n` peers takes a stranger for known with odds of at
//! most n/32,768 (0.2 % at 64, 1.6 % at 512), and forgets a peer after 8 newer ones in its set (about `n` newer peers).
//! Invariants: a mark "the account wrote first" is only ever set by a gateway that said so; at most 512 peers.

use crate::store::arena::{Arena, Block};

const WAYS: usize = 8;
const SET_WORDS: usize = WAYS / 2;
/// Words for 16, 64, 256 and 512 peers.
const GROWS: [usize; 4] = [8, 32, 128, 256];
const OPENED: u16 = 1 << 15;

/// A table and its size, as the side block keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Peers {
    /// The block; none until the first peer.
    pub block: Block,
    /// Index into the sizes.
    pub size: u8,
}

/// Fingerprint of a peer, never 0.
#[inline]
pub(crate) fn fingerprint(hash: u64) -> u16 {
    ((hash >> 20) as u16 & 0x7fff).max(1)
}

fn read_set(words: &[u32]) -> [u16; WAYS] {
    std::array::from_fn(|way| (words[way / 2] >> (way % 2 * 16)) as u16)
}

fn write_set(words: &mut [u32], set: &[u16; WAYS]) {
    for (word, pair) in words.iter_mut().zip(set.chunks_exact(2)) {
        *word = u32::from(pair[0]) | u32::from(pair[1]) << 16;
    }
}

/// Whether words read from a checkpoint are a table of this size.
pub(crate) fn is_sound(words: &[u32], size: u8) -> bool {
    GROWS.get(usize::from(size)) == Some(&words.len())
}

impl Peers {
    /// Words of the block.
    pub fn words(self) -> usize {
        GROWS[self.size as usize]
    }

    fn set_at(self, fingerprint: u16) -> usize {
        let sets = GROWS[self.size as usize] / SET_WORDS;
        fingerprint as usize % sets * SET_WORDS
    }

    /// Whether the peer is remembered, and if so, whether the account is known to have written first.
    pub fn find(self, arena: &Arena, fingerprint: u16) -> Option<bool> {
        if self.block.is_none() {
            return None;
        }
        let words =
            &arena.words(self.block, GROWS[self.size as usize])[self.set_at(fingerprint)..][..SET_WORDS];
        let set = read_set(words);
        set.iter().find(|way| **way & !OPENED == fingerprint).map(|way| way & OPENED != 0)
    }

    /// Puts a peer first in its set. `grows`: rather than forget a peer, the table may grow.
    pub fn note(&mut self, arena: &mut Arena, fingerprint: u16, opened: bool, grows: bool) {
        if self.block.is_none() {
            self.block = arena.take(GROWS[self.size as usize]);
        }
        loop {
            let at = self.set_at(fingerprint);
            let words = &mut arena.words_mut(self.block, GROWS[self.size as usize])[at..at + SET_WORDS];
            let mut set = read_set(words);
            let found = set.iter().position(|way| *way & !OPENED == fingerprint);
            let mark = found.map_or(0, |way| set[way] & OPENED) | if opened { OPENED } else { 0 };
            if found.is_none() && set[WAYS - 1] != 0 && grows && (self.size as usize) < GROWS.len() - 1 {
                self.grow(arena);
                continue;
            }
            set[..=found.unwrap_or(WAYS - 1)].rotate_right(1);
            set[0] = fingerprint | mark;
            write_set(words, &set);
            return;
        }
    }

    fn grow(&mut self, arena: &mut Arena) {
        let words = GROWS[self.size as usize];
        let mut old = [0; GROWS[GROWS.len() - 1]];
        old[..words].copy_from_slice(arena.words(self.block, words));
        arena.give(self.block, words);
        self.size += 1;
        self.block = arena.take(GROWS[self.size as usize]);
        for set in old[..words].chunks_exact(SET_WORDS) {
            // Oldest first, so that the newest ends first again.
            for way in read_set(set).into_iter().rev().filter(|way| *way != 0) {
                self.note(arena, way & !OPENED, way & OPENED != 0, false);
            }
        }
    }

    /// Makes the table at least large enough for 64 peers.
    pub fn widen(&mut self, arena: &mut Arena) {
        if self.block.is_none() {
            self.size = self.size.max(1);
        } else if self.size == 0 {
            self.grow(arena);
        }
    }

    /// Gives the block back.
    pub fn free(self, arena: &mut Arena) {
        arena.give(self.block, GROWS[self.size as usize]);
    }
}
