//! The store: every account's features, updated event by event, in bounded memory.
//!
//! Separate from scoring: it knows no rule and no model. An account is a head, and blocks that only some accounts need. Its
//! windows are a log of up to 24 events, and once that overflows within a day, buckets; both read the same. Invariants: at
//! most `accounts_max` accounts, of which the longest idle goes first in record order; the same events give the same
//! state; time is what the events say; nothing allocates while an account's blocks have room.

pub(crate) mod apply;
pub(crate) mod arena;
pub(crate) mod buckets;
pub(crate) mod checkpoint;
pub(crate) mod companions;
pub(crate) mod decay;
pub(crate) mod facts;
pub(crate) mod head;
pub(crate) mod identity;
pub(crate) mod log;
pub(crate) mod order;
pub(crate) mod peers;
pub(crate) mod read;
pub(crate) mod response;
pub(crate) mod side;
pub(crate) mod windows;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use schema::{Event, limits};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::checkpoint::Tracker;
use crate::prefetch::prefetch;
use crate::store::arena::{Arena, Block, LINE_WORDS};
use crate::store::head::{Head, Heads, NOBODY};
use crate::store::identity::Entities;
use crate::store::order::Order;
use crate::store::side::Side;
use crate::vector::{FeatureSet, FeatureVector};

/// Seed of account hashes; fixed, so that a checkpoint or a replay means the same.
const ACCOUNT_SEED: u64 = 0x7765_6972;
const DAY_S: u32 = 86_400;

/// Bounds of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Accounts kept before the longest idle is evicted; at least 1.
    pub accounts_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { accounts_max: limits::ACCOUNTS_MAX }
    }
}

/// Where an account is, until the next `apply` or `forget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(crate) u32);

/// Entities of an event that are new to its account: what the relation engine should hear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touches {
    /// The session's device.
    pub device: bool,
    /// The session's network prefix.
    pub prefix: bool,
    /// The session's autonomous system.
    pub asn: bool,
    /// The session's number range.
    pub range: bool,
    /// The message's peer, written to for the first time.
    pub peer: bool,
    /// The account is being registered, or is younger than 24 h.
    pub registered: bool,
}

impl Touches {
    /// Whether there is anything to hear.
    #[must_use]
    pub const fn any(self) -> bool {
        self.device || self.prefix || self.asn || self.range || self.peer
    }
}

/// What an event did to the store.
#[derive(Debug, Clone, Copy)]
pub struct Applied {
    /// The account.
    pub slot: Slot,
    /// Features that the event may have changed.
    pub touched: FeatureSet,
    /// Acts of the account so far, this one included.
    pub acts: u32,
    /// Whether the event is older than one already applied to the account.
    pub late: bool,
    /// Whether the account was not in the store.
    pub fresh: bool,
    /// Entities that are new to the account.
    pub relations: Touches,
}

/// Features of every account.
#[derive(Debug)]
pub struct Store {
    limits: StoreLimits,
    index: HashTable<u32>,
    heads: Heads,
    arena: Arena,
    order: Order,
    /// Log time, seconds: the highest `at` so far.
    clock_s: u32,
    evicted: u64,
    estimates: read::Estimates,
    tracker: Tracker,
    /// The store's own values as a checkpoint began, until they are written.
    values: Option<Vec<u8>>,
}

/// The hash by which an account is known.
#[inline]
pub(crate) fn account_hash(account: &str) -> u64 {
    xxh3_64_with_seed(account.as_bytes(), ACCOUNT_SEED)
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        let limits = StoreLimits { accounts_max: limits.accounts_max.clamp(1, NOBODY as usize - 1) };
        Self {
            limits,
            index: HashTable::new(),
            heads: Heads::default(),
            arena: Arena::new(),
            order: Order::new(limits.accounts_max),
            clock_s: 0,
            evicted: 0,
            estimates: read::Estimates::new(),
            tracker: Tracker::default(),
            values: None,
        }
    }

    /// Applies an event to its account. `at_ms` is log time, which never falls. A `deletion` is not applied but
    /// carried out with [`Store::forget`]; a `verdict` or `activate` changes no feature.
    pub fn apply(&mut self, event: &Event<'_>, at_ms: u64) -> Applied {
        self.clock_s = self.clock_s.max((at_ms / 1_000) as u32);
        let second = (event.ts / 1_000) as u32;
        let (slot, fresh) = self.find_or_add(account_hash(event.account), second);
        self.touch(slot);
        let idle = !fresh && second > self.heads.get(slot).newest_s.saturating_add(3_600);
        self.order.touch(&mut self.heads, slot, fresh, idle);
        self.settle();
        let applied = apply::apply(self.heads.get_mut(slot), &mut self.arena, event);
        Applied {
            slot: Slot(slot),
            touched: applied.touched,
            acts: self.heads.get(slot).acts,
            late: applied.late,
            fresh,
            relations: applied.relations,
        }
    }

    /// Asks for an account's head, two records ahead: nothing that is not yet there is waited for.
    #[inline]
    pub fn prefetch_head(&self, account: &[u8]) {
        // The first of equal tag is nearly always the right one, and only a guess is wanted.
        if let Some(slot) = self.index.find(xxh3_64_with_seed(account, ACCOUNT_SEED), |_| true) {
            let head = self.heads.get(*slot);
            prefetch(&head.hash);
            prefetch(&head.flags);
            self.tracker.prefetch(*slot);
        }
    }

    /// Asks for what hangs on an account's head, one record ahead.
    #[inline]
    pub fn prefetch(&self, account: &[u8]) {
        let hash = xxh3_64_with_seed(account, ACCOUNT_SEED);
        if let Some(slot) = self.index.find(hash, |slot| self.heads.get(*slot).hash == hash) {
            let head = self.heads.get(*slot);
            let words = if head.flags.full() { buckets::WORDS } else { LINE_WORDS };
            for (block, words) in
                [(head.windows, words), (head.identity, LINE_WORDS), (head.side, LINE_WORDS)]
            {
                self.arena.prefetch(block, words);
            }
        }
    }

    /// The account's features at `now_ms` or its newest event, whichever is later. Allocates nothing.
    pub fn vector(&self, slot: Slot, now_ms: u64, into: &mut FeatureVector) {
        self.vector_near(slot, now_ms, into);
        self.vector_far(slot, now_ms, into);
    }

    /// Those of [`Store::near_features`] alone: cheaper, and enough to see that most rules cannot fire. The others are
    /// whatever `into` had.
    #[inline]
    pub fn vector_near(&self, slot: Slot, now_ms: u64, into: &mut FeatureVector) {
        read::near(self.heads.get(slot.0), &self.arena, now_ms, into);
    }

    /// The others, in a vector that [`Store::vector_near`] filled for the same account and time.
    pub fn vector_far(&self, slot: Slot, now_ms: u64, into: &mut FeatureVector) {
        read::far(self.heads.get(slot.0), &self.arena, &self.estimates, now_ms, into);
    }

    /// The features that [`Store::vector_near`] gives.
    #[must_use]
    pub fn near_features() -> FeatureSet {
        read::near_features()
    }

    /// Notes that a restriction of the account was enforced.
    pub fn record_strike(&mut self, slot: Slot, now_ms: u64) -> FeatureSet {
        self.touch(slot.0);
        apply::strike(self.heads.get_mut(slot.0), &mut self.arena, (now_ms / 1_000) as u32)
    }

    /// How many steady companions the account has, if they are enough for a campaign and half as many again as were told last.
    #[must_use]
    pub fn untold_companions(&self, slot: Slot) -> Option<u32> {
        let side = Side::read(&self.arena, self.heads.get(slot.0).side);
        companions::untold(&self.arena, side.companions)
    }

    /// Those of `others` that are steady companions of an account that has any, in their order.
    #[must_use]
    pub fn steady_among<'a>(&self, slot: Slot, others: &[&'a str]) -> Vec<&'a str> {
        let block = Side::read(&self.arena, self.heads.get(slot.0).side).companions;
        let is_steady =
            |other: &&str| companions::has(&self.arena, block, companions::key(account_hash(other)));
        others.iter().copied().filter(is_steady).collect()
    }

    /// Notes that so many companions of an account that has any were told.
    pub fn companions_told(&mut self, slot: Slot, steady: u32) {
        self.touch(slot.0);
        let block = Side::read(&self.arena, self.heads.get(slot.0).side).companions;
        companions::tell(&mut self.arena, block, steady);
    }

    /// The account's present entities, for a relation that says it was restricted.
    #[must_use]
    pub fn entities(&self, slot: Slot) -> Entities {
        identity::entities(&self.arena, self.heads.get(slot.0).identity)
    }

    /// Where an account is; `None` if it is not in the store.
    #[must_use]
    pub fn slot_of(&self, account: &str) -> Option<Slot> {
        let hash = account_hash(account);
        self.index.find(hash, |slot| self.heads.get(*slot).hash == hash).map(|slot| Slot(*slot))
    }

    /// Drops everything about an account; whether there was anything.
    pub fn forget(&mut self, account: &str) -> bool {
        let Some(Slot(slot)) = self.slot_of(account) else { return false };
        self.drop_account(slot);
        true
    }

    /// Accounts in the store.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.index.len()
    }

    /// Accounts evicted so far to make room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes held, by the store's own count.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let index = self.index.capacity() * 8 / 7 * 5;
        index + self.heads.bytes() + self.arena.bytes() + self.tracker.bytes() + size_of::<Self>()
    }

    /// A slot is about to change: if it waits to be written, it is written first.
    #[inline]
    fn touch(&mut self, slot: u32) {
        if self.tracker.touch(slot) {
            self.spill(slot);
        }
    }

    fn find_or_add(&mut self, hash: u64, second: u32) -> (u32, bool) {
        if let Some(slot) = self.index.find(hash, |slot| self.heads.get(*slot).hash == hash) {
            return (*slot, false);
        }
        if self.index.len() >= self.limits.accounts_max {
            let idlest = self.order.idlest();
            self.drop_account(idlest);
            self.evicted += 1;
        }
        let slot = self.heads.take(Head::new(hash, second));
        let heads = &self.heads;
        match self.index.entry(hash, |_| false, |slot| heads.get(*slot).hash) {
            Entry::Vacant(place) => place.insert(slot),
            Entry::Occupied(_) => unreachable!("no account was said to be equal"),
        };
        (slot, true)
    }

    fn drop_account(&mut self, slot: u32) {
        self.touch(slot);
        let head = *self.heads.get(slot);
        self.tracker.leave(slot, head.hash.into());
        self.order.unlink(&mut self.heads, slot);
        if let Ok(place) = self.index.find_entry(head.hash, |other| *other == slot) {
            place.remove();
        }
        windows::free(self.heads.get_mut(slot), &mut self.arena);
        identity::free(&mut self.arena, head.identity);
        if !head.side.is_none() {
            Side::free(&mut self.arena, head.side);
        }
        *self.heads.get_mut(slot) = Head::new(0, 0);
        self.heads.give(slot);
    }

    /// Frees the windows of at most two accounts that have been quiet for a day: nothing in them counts any more.
    fn settle(&mut self) {
        for _ in 0..2 {
            let Some(slot) = self.order.unsettled() else { return };
            let head = self.heads.get(slot);
            if head.newest_s.saturating_add(DAY_S) > self.clock_s {
                return;
            }
            if !head.windows.is_none() {
                self.touch(slot);
                windows::free(self.heads.get_mut(slot), &mut self.arena);
            }
            self.order.settled(&self.heads);
        }
    }
}

const _: () = {
    assert!(size_of::<Block>() == 4);
    assert!(limits::ACCOUNTS_MAX < NOBODY as usize);
};
