//! Handles to the blocks that few accounts have: response, facts, companions, peers.
//!
//! Separate, so that a head pays one handle for all of them. Invariant: the side block is there if any of them is.

use crate::store::arena::{Arena, Block};
use crate::store::peers::Peers;
use crate::store::{companions, facts, response};

const WORDS: usize = 6;

/// The handles of one account.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side {
    /// Slow counts and authors.
    pub response: Block,
    /// Newest facts.
    pub facts: Block,
    /// Companions.
    pub companions: Block,
    /// Recent peers.
    pub peers: Peers,
    /// Whether `first_contact` was ever left unknown, so that every peer is remembered.
    pub estimates: bool,
}

impl Side {
    /// The handles in a block; all none without one.
    #[inline]
    pub fn read(arena: &Arena, block: Block) -> Side {
        if block.is_none() {
            return Side::default();
        }
        let words = arena.words(block, WORDS);
        Side {
            response: Block(words[0]),
            facts: Block(words[1]),
            companions: Block(words[2]),
            peers: Peers { block: Block(words[3]), size: words[4] as u8 },
            estimates: words[5] != 0,
        }
    }

    /// Writes the handles, making the block if there is none.
    pub fn write(self, arena: &mut Arena, block: &mut Block) {
        if block.is_none() {
            *block = arena.take(WORDS);
        }
        let words = arena.words_mut(*block, WORDS);
        words[0] = self.response.0;
        words[1] = self.facts.0;
        words[2] = self.companions.0;
        words[3] = self.peers.block.0;
        words[4] = u32::from(self.peers.size);
        words[5] = u32::from(self.estimates);
    }

    /// Gives every block back, the side block too.
    pub fn free(arena: &mut Arena, block: Block) {
        let side = Side::read(arena, block);
        response::free(arena, side.response);
        facts::free(arena, side.facts);
        companions::free(arena, side.companions);
        side.peers.free(arena);
        arena.give(block, WORDS);
    }
}
