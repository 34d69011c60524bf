//! Accounts that keep opening chats with the same peers as this one: a small table of heavy hitters.
//!
//! Separate, because only accounts that were told of others at a peer have it. Each fact about a peer names the accounts that
//! opened a chat with it in the last 2 h; each of them earns one peer here, and weight: 1 for an ordinary peer, less for a
//! popular one (halved at each doubling above 64 accounts a day, down to 1/8). A companion is steady at 3 distinct peers and
//! a weight of 2. Invariants: counts are never over the truth (a new entry starts at 1, whoever it displaces); the entry
//! of least weight goes first, of equals the first in the table; at most 62 entries.

use crate::store::arena::{Arena, Block};

/// Sizes that the block grows through, words: 10 and 62 entries.
const GROWS: [usize; 2] = [24, 128];
const ENTRIES: usize = 4;
/// Word of the block's own size (high half).
const META: usize = 0;
/// Word of how many steady companions there were when they were told.
const TOLD: usize = 1;
const CONTACT: u32 = 1 << 8;
const WEIGHT_ONE: u32 = 64;
const STEADY_PEERS: u32 = 3;
const STEADY_WEIGHT: u32 = 2 * WEIGHT_ONE;
/// Fewest steady companions of a campaign.
const CAMPAIGN_MIN: u32 = 4;
/// A circle answers more than this share of the account's new chats.
const CIRCLE_ANSWERS: f32 = 0.15;
/// A circle has more than this share of companions in contact with the account.
const CIRCLE_CONTACTS: f32 = 0.25;

/// What the features read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Read {
    /// Steady companions.
    pub steady: f32,
    /// Most distinct peers shared with one companion, weighed.
    pub targets: f32,
    /// Of the steady companions, those in contact with the account; `NaN` without any.
    pub reply_share: f32,
    /// 1 if they look like a campaign.
    pub campaign: f32,
}

/// An account as this table knows it.
#[inline]
pub(crate) fn key(hash: u64) -> u32 {
    (hash as u32).max(1)
}

/// Words of the block.
pub(crate) fn words_of(arena: &Arena, block: Block) -> usize {
    (arena.words(block, GROWS[0])[META] >> 16) as usize
}

/// Whether words read from a checkpoint are such a block.
pub(crate) fn is_sound(words: &[u32]) -> bool {
    GROWS.contains(&words.len()) && (words[META] >> 16) as usize == words.len()
}

/// Weight of one shared peer by how many accounts opened a chat with it in a day.
fn weight(accounts_24h: u32) -> u32 {
    let doublings = (accounts_24h.max(1) / 64).checked_ilog2().map_or(0, |log| log + 1);
    (WEIGHT_ONE >> doublings).max(WEIGHT_ONE / 8)
}

/// Makes the table if there is none.
pub(crate) fn ensure(arena: &mut Arena, block: &mut Block) {
    if block.is_none() {
        *block = arena.take(GROWS[0]);
        arena.words_mut(*block, GROWS[0])[META] = (GROWS[0] as u32) << 16;
    }
}

/// Counts one more shared peer with a companion. `in_contact`: the account's own record knows the companion.
pub(crate) fn share(arena: &mut Arena, block: &mut Block, key: u32, accounts_24h: u32, in_contact: bool) {
    ensure(arena, block);
    let size = words_of(arena, *block);
    let entries = &arena.words(*block, size)[ENTRIES..];
    let found = entries.chunks_exact(2).position(|entry| entry[0] == key || entry[0] == 0);
    let at = match found {
        Some(at) => at,
        None if size == GROWS[0]
            && entries.chunks_exact(2).filter(|entry| entry[1] & 0xff >= 2).count() >= 2 =>
        {
            *block = arena.resize(*block, size, GROWS[1]);
            arena.words_mut(*block, GROWS[1])[META] = (GROWS[1] as u32) << 16;
            (size - ENTRIES) / 2
        }
        None => {
            let places = entries.chunks_exact(2).enumerate();
            places.min_by_key(|(at, entry)| (entry[1] >> 16, *at)).map_or(0, |(at, _)| at)
        }
    };
    let size = words_of(arena, *block);
    let entry = &mut arena.words_mut(*block, size)[ENTRIES + at * 2..][..2];
    if entry[0] != key {
        entry[0] = key;
        entry[1] = 0;
    }
    let peers = ((entry[1] & 0xff) + 1).min(0xff);
    let weighed = ((entry[1] >> 16) + weight(accounts_24h)).min(0xffff);
    entry[1] = peers | (entry[1] & CONTACT) | if in_contact { CONTACT } else { 0 } | weighed << 16;
}

/// Notes that the account wrote to a peer or was answered by it, in case it is a companion.
pub(crate) fn contact(arena: &mut Arena, block: Block, key: u32) {
    let size = words_of(arena, block);
    let words = &mut arena.words_mut(block, size)[ENTRIES..];
    if let Some(entry) = words.chunks_exact_mut(2).find(|entry| entry[0] == key) {
        entry[1] |= CONTACT;
    }
}

fn is_steady(entry: &[u32]) -> bool {
    entry[1] & 0xff >= STEADY_PEERS && entry[1] >> 16 >= STEADY_WEIGHT
}

/// How many steady companions there are, if that is enough for a campaign and half as many again as were told.
pub(crate) fn untold(arena: &Arena, block: Block) -> Option<u32> {
    if block.is_none() {
        return None;
    }
    let words = arena.words(block, words_of(arena, block));
    let steady = words[ENTRIES..].chunks_exact(2).filter(|entry| is_steady(entry)).count() as u32;
    (steady >= CAMPAIGN_MIN && steady * 2 >= words[TOLD] * 3).then_some(steady)
}

/// Whether an account is a steady companion.
pub(crate) fn has(arena: &Arena, block: Block, key: u32) -> bool {
    let words = arena.words(block, words_of(arena, block));
    words[ENTRIES..].chunks_exact(2).any(|entry| entry[0] == key && is_steady(entry))
}

/// Notes that so many were told.
pub(crate) fn tell(arena: &mut Arena, block: Block, steady: u32) {
    let size = words_of(arena, block);
    arena.words_mut(block, size)[TOLD] = steady;
}

/// What the features read, given the answered share of the account's new chats over 7 d.
pub(crate) fn read(arena: &Arena, block: Block, answered_share: f32) -> Option<Read> {
    if block.is_none() {
        return None;
    }
    let words = arena.words(block, words_of(arena, block));
    let (mut steady, mut contacts, mut targets) = (0, 0, 0);
    for entry in words[ENTRIES..].chunks_exact(2) {
        targets = targets.max((entry[1] >> 16).min((entry[1] & 0xff) * WEIGHT_ONE));
        if is_steady(entry) {
            steady += 1;
            contacts += u32::from(entry[1] & CONTACT != 0);
        }
    }
    let reply_share = if steady == 0 { f32::NAN } else { contacts as f32 / steady as f32 };
    // An answered share that is unknown (no new chats counted) is no sign of a circle.
    let circle = answered_share > CIRCLE_ANSWERS || reply_share > CIRCLE_CONTACTS;
    let campaign = if steady >= CAMPAIGN_MIN && !circle { 1.0 } else { 0.0 };
    Some(Read { steady: steady as f32, targets: targets as f32 / WEIGHT_ONE as f32, reply_share, campaign })
}

/// Gives the block back.
pub(crate) fn free(arena: &mut Arena, block: Block) {
    if !block.is_none() {
        arena.give(block, words_of(arena, block));
    }
}
