//! What an account was told of the entities it shares: the newest fact of each kind.
//!
//! Separate, because few accounts are ever told. Invariant: a fact speaks for a day, then it is unknown again. Whether a
//! fact was told before is asked where facts come in from the log, not here.

use schema::{EntityFact, EntityKind};

use crate::store::arena::{Arena, Block};

/// Words of the block.
const WORDS: usize = 12;
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
/// The highest count that fits half a word.
const MOST: u32 = 0xffff;

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

/// Words of the block.
pub(crate) fn words_of(_: &Arena, _: Block) -> usize {
    WORDS
}

/// Whether words read from a checkpoint are such a block.
pub(crate) fn is_sound(words: &[u32]) -> bool {
    words.len() == WORDS
}

/// Keeps a fact, in a block that is made if there is none.
pub(crate) fn note(arena: &mut Arena, block: &mut Block, fact: &EntityFact<'_>, second: u32) {
    let Some(at) = at(fact.kind) else { return };
    if block.is_none() {
        *block = arena.take(WORDS);
    }
    let words = &mut arena.words_mut(*block, WORDS)[at..at + 3];
    let half = |count: u32| count.min(MOST);
    // Of what is too large for its half the parts shrink with the whole, so that shares stay right.
    let part = |count: u32| match fact.kind {
        EntityKind::Device => half(count),
        _ if fact.size <= MOST => half(count),
        _ => half((u64::from(count.min(fact.size)) * u64::from(MOST) / u64::from(fact.size)) as u32),
    };
    words[0] = second;
    words[1] = half(fact.accounts_24h) | part(fact.registered_24h) << 16;
    words[2] = part(fact.restricted_24h) | half(fact.size) << 16;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_million_accounts_is_as_right_as_one_of_a_hundred() {
        for size in [100, 65_535, 65_536, 1_000_000] {
            let mut arena = Arena::new();
            let mut block = Block::NONE;
            let fact = EntityFact {
                kind: EntityKind::Asn,
                entity: "asn:1",
                accounts_24h: size,
                registered_24h: size / 10,
                restricted_24h: size / 5,
                size,
                co_accounts: Vec::new(),
                origin: None,
            };
            note(&mut arena, &mut block, &fact, 1);
            let told = told(&arena, block, EntityKind::Asn, 2).expect("it was told");
            assert!((told.registered_share - 0.1).abs() < 1e-4, "{size}: {told:?}");
            assert!((told.restricted_share - 0.2).abs() < 1e-4, "{size}: {told:?}");
        }
    }
}
