//! Blocks of words for everything about an account that not every account has.
//!
//! Separate from the records that live in it: it knows sizes, they know layouts. Chunks never move, so growth never
//! copies; a freed block is reused for the next of its size. Invariants: a block lies in one chunk; a new block is
//! zero; handle 0 is no block.

use crate::prefetch::prefetch;

/// Words of a cache line.
pub(crate) const LINE_WORDS: usize = 16;

/// Sizes of blocks, words of 4 bytes, ascending.
pub(crate) const SIZES: [usize; 15] = [4, 6, 8, 12, 16, 24, 28, 32, 36, 40, 64, 72, 128, 256, 300];

const CHUNK_WORDS: usize = 1 << 18;
/// Handles count units of 2 words, so 2^32 of them reach 32 GiB.
const UNIT_WORDS: usize = 2;
const CHUNK_UNITS: u32 = (CHUNK_WORDS / UNIT_WORDS) as u32;

/// A block of an arena; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Block(pub u32);

impl Block {
    /// No block.
    pub const NONE: Block = Block(0);

    /// Whether it is no block.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Blocks of words in chunks that never move.
#[derive(Debug)]
pub(crate) struct Arena {
    chunks: Vec<Box<[u32]>>,
    free: [Vec<u32>; SIZES.len()],
    /// First unit never handed out.
    fresh: u32,
}

const fn class_of(words: usize) -> usize {
    let mut class = 0;
    while SIZES[class] != words {
        class += 1;
    }
    class
}

impl Arena {
    /// An empty arena.
    pub fn new() -> Self {
        Self { chunks: Vec::new(), free: std::array::from_fn(|_| Vec::new()), fresh: 1 }
    }

    /// A zeroed block of one of the [`SIZES`].
    pub fn take(&mut self, words: usize) -> Block {
        let class = class_of(words);
        if let Some(unit) = self.free[class].pop() {
            let block = Block(unit);
            self.words_mut(block, words).fill(0);
            return block;
        }
        let units = (words / UNIT_WORDS) as u32;
        let left =
            self.chunks.len() as u32 * CHUNK_UNITS - self.fresh.min(self.chunks.len() as u32 * CHUNK_UNITS);
        if left < units {
            self.fresh = (self.chunks.len() as u32 * CHUNK_UNITS).max(1);
            self.chunks.push(vec![0; CHUNK_WORDS].into_boxed_slice());
        }
        let block = Block(self.fresh);
        self.fresh += units;
        block
    }

    /// Gives a block back.
    pub fn give(&mut self, block: Block, words: usize) {
        if !block.is_none() {
            self.free[class_of(words)].push(block.0);
        }
    }

    /// Moves a block into a larger or smaller one, keeping its first words.
    pub fn resize(&mut self, block: Block, from: usize, to: usize) -> Block {
        let moved = self.take(to);
        for at in 0..from.min(to) {
            self.words_mut(moved, to)[at] = self.words(block, from)[at];
        }
        self.give(block, from);
        moved
    }

    /// The words of a block.
    #[inline]
    pub fn words(&self, block: Block, words: usize) -> &[u32] {
        let at = (block.0 % CHUNK_UNITS) as usize * UNIT_WORDS;
        &self.chunks[(block.0 / CHUNK_UNITS) as usize][at..at + words]
    }

    /// Asks for the memory of a block's first words.
    #[inline]
    pub fn prefetch(&self, block: Block, words: usize) {
        if block.is_none() {
            return;
        }
        let at = (block.0 % CHUNK_UNITS) as usize * UNIT_WORDS;
        let chunk = &self.chunks[(block.0 / CHUNK_UNITS) as usize];
        for word in (at..at + words).step_by(LINE_WORDS) {
            if let Some(word) = chunk.get(word) {
                prefetch(word);
            }
        }
    }

    /// The words of a block, to change.
    #[inline]
    pub fn words_mut(&mut self, block: Block, words: usize) -> &mut [u32] {
        let at = (block.0 % CHUNK_UNITS) as usize * UNIT_WORDS;
        &mut self.chunks[(block.0 / CHUNK_UNITS) as usize][at..at + words]
    }

    /// Bytes held, freed blocks included.
    pub fn bytes(&self) -> usize {
        let free: usize = self.free.iter().map(|list| list.capacity() * 4).sum();
        self.chunks.len() * CHUNK_WORDS * 4 + free
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, SIZES};

    #[test]
    fn blocks_do_not_overlap_and_come_back_zeroed() {
        let mut arena = Arena::new();
        let mut held = Vec::new();
        for round in 0..3_000_u32 {
            let words = SIZES[round as usize % SIZES.len()];
            let block = arena.take(words);
            assert!(arena.words(block, words).iter().all(|word| *word == 0));
            arena.words_mut(block, words).fill(round + 1);
            held.push((block, words, round + 1));
            if round % 3 == 0 {
                let (block, words, _) = held.swap_remove(round as usize / 3 % held.len());
                arena.give(block, words);
            }
        }
        for (block, words, value) in held {
            assert!(arena.words(block, words).iter().all(|word| *word == value));
        }
    }

    #[test]
    fn a_resized_block_keeps_its_words() {
        let mut arena = Arena::new();
        let block = arena.take(4);
        arena.words_mut(block, 4).copy_from_slice(&[1, 2, 3, 4]);
        let larger = arena.resize(block, 4, 12);
        assert_eq!(arena.words(larger, 12), [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
