//! What an account was told of the entities it shares: the newest fact of each kind.
//!
//! Separate, because few accounts are ever told. Invariants: a fact speaks for a day, then it is unknown again; a fact
//! whose origin is not above the highest seen from the same partition is passed over.

use schema::{EntityFact, EntityKind, Origin};

use crate::store::arena::{Arena, Block};

/// Words of the block.
const WORDS: usize = 16;
const DAY_S: u32 = 86_400;

/// Where a kind's three words lie: second, two halves, one more half.
const fn at(kind: EntityKind) -> Option<usize> {
    match kind {
        EntityKind::Device => Some(0),
        EntityKind::Prefix => Some(3),
        EntityKind::Asn => Some(6),
        EntityKind::NumberRange => Some(9),
        EntityKind::Peer => None,
    }
}
const ORIGIN: usize = 12;

/// One kind's newest fact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Accounts in 24 h.
    pub accounts: f32,
    /// Registered in 24 h.
    pub registered: f32,
    /// Restricted in 24 h.
    pub restricted: f32,
    /// Registered, of the entity's size.
    pub registered_share: f32,
    /// Restricted, of the entity's size.
    pub restricted_share: f32,
}

/// Whether an origin is above the highest seen from its partition; then it is the highest.
pub(crate) fn is_news(arena: &mut Arena, block: &mut Block, origin: Option<Origin>) -> bool {
    if block.is_none() {
        *block = arena.take(WORDS);
    }
    let Some(origin) = origin else { return true };
    let words = &mut arena.words_mut(*block, WORDS)[ORIGIN..];
    let told = [origin.partition + 1, origin.offset as u32, (origin.offset >> 32) as u32, origin.n];
    let seen = Origin {
        partition: words[0].wrapping_sub(1),
        offset: u64::from(words[1]) | u64::from(words[2]) << 32,
        n: words[3],
    };
    if words[0] == told[0] && origin <= seen {
        return false;
    }
    words.copy_from_slice(&told);
    true
}

/// Keeps a fact.
pub(crate) fn note(arena: &mut Arena, block: Block, fact: &EntityFact<'_>, second: u32) {
    let Some(at) = at(fact.kind) else { return };
    let words = &mut arena.words_mut(block, WORDS)[at..at + 3];
    let half = |count: u32| count.min(0xffff);
    words[0] = second;
    words[1] = half(fact.accounts_24h) | half(fact.registered_24h) << 16;
    words[2] = half(fact.restricted_24h) | half(fact.size) << 16;
}

/// The newest fact of a kind, if it is under a day old.
pub(crate) fn told(arena: &Arena, block: Block, kind: EntityKind, now_s: u32) -> Option<Told> {
    let at = at(kind).filter(|_| !block.is_none())?;
    let words = &arena.words(block, WORDS)[at..at + 3];
    if words[0] == 0 || words[0].saturating_add(DAY_S) <= now_s {
        return None;
    }
    let accounts = (words[1] & 0xffff) as f32;
    let registered = (words[1] >> 16) as f32;
    let restricted = (words[2] & 0xffff) as f32;
    let size = (words[2] >> 16) as f32;
    let share = |part: f32| if size > 0.0 { (part / size).min(1.0) } else { 0.0 };
    Some(Told {
        accounts,
        registered,
        restricted,
        registered_share: share(registered),
        restricted_share: share(restricted),
    })
}

/// Gives the block back.
pub(crate) fn free(arena: &mut Arena, block: Block) {
    arena.give(block, WORDS);
}

const _: () = assert!(ORIGIN + 4 <= WORDS);
