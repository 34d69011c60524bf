//! The order of idleness: a list through the heads, idlest last.
//!
//! Separate from the heads, because it also finds the accounts whose windows can be freed. To spare the cache, an account is
//! put first again only if at least 1/32 of `accounts_max` records have passed since it last was, or it had been idle for an
//! hour; so the account evicted is the longest idle within that many records (exactly, below 32 accounts). Invariant:
//! every account is in the list once; accounts behind the settle mark have been looked at since they were put first.

use crate::store::head::{Heads, MOVED, NOBODY};

/// How far ahead the head of an account is asked for while the order is restored.
const AHEAD: usize = 16;

/// Ends of the list.
#[derive(Debug)]
pub(crate) struct Order {
    first: u32,
    last: u32,
    /// The idlest account not yet looked at.
    unsettled: u32,
    record: u64,
    slack: u64,
}

impl Order {
    /// An empty order.
    pub fn new(accounts_max: usize) -> Self {
        Self { first: NOBODY, last: NOBODY, unsettled: NOBODY, record: 0, slack: (accounts_max / 32) as u64 }
    }

    /// One record of an account.
    #[inline]
    pub fn touch(&mut self, heads: &mut Heads, slot: u32, fresh: bool, idle: bool) {
        self.record += 1;
        if fresh {
            self.link(heads, slot);
        } else if self.first != slot && (idle || self.age(heads.get(slot).moved()) > self.slack) {
            self.unlink(heads, slot);
            self.link(heads, slot);
        }
    }

    /// How many records ago an account was put first.
    #[inline]
    pub fn age(&self, moved: u64) -> u64 {
        self.record.wrapping_sub(moved) % MOVED
    }

    /// Records so far.
    pub fn record(&self) -> u64 {
        self.record
    }

    /// Puts accounts, idlest first, into an order that is empty, as they were when `record` records had passed.
    /// `unsettled`: the idlest not yet looked at.
    pub fn restore(&mut self, heads: &mut Heads, idlest_first: &[u32], record: u64, unsettled: u32) {
        let ends = |at: Option<&u32>| at.copied().unwrap_or(NOBODY);
        (self.last, self.first) = (ends(idlest_first.first()), ends(idlest_first.last()));
        (self.record, self.unsettled) = (record, unsettled);
        let mut older = NOBODY;
        for (at, slot) in idlest_first.iter().enumerate() {
            if let Some(later) = idlest_first.get(at + AHEAD) {
                heads.prefetch(*later);
            }
            let head = heads.get_mut(*slot);
            head.older = older;
            head.newer = ends(idlest_first.get(at + 1));
            older = *slot;
        }
    }

    /// The idlest account.
    pub fn idlest(&self) -> u32 {
        self.last
    }

    /// The idlest account not yet looked at.
    #[inline]
    pub fn unsettled(&self) -> Option<u32> {
        Some(self.unsettled).filter(|slot| *slot != NOBODY)
    }

    /// The account last told by [`Order::unsettled`] was looked at.
    pub fn settled(&mut self, heads: &Heads) {
        self.unsettled = heads.get(self.unsettled).newer;
    }

    fn link(&mut self, heads: &mut Heads, slot: u32) {
        let head = heads.get_mut(slot);
        head.newer = NOBODY;
        head.older = self.first;
        head.set_moved(self.record);
        if self.first == NOBODY {
            self.last = slot;
        } else {
            heads.get_mut(self.first).newer = slot;
        }
        self.first = slot;
        if self.unsettled == NOBODY {
            self.unsettled = slot;
        }
    }

    /// Takes an account out.
    pub fn unlink(&mut self, heads: &mut Heads, slot: u32) {
        let (newer, older) = (heads.get(slot).newer, heads.get(slot).older);
        if newer == NOBODY {
            self.first = older;
        } else {
            heads.get_mut(newer).older = older;
        }
        if older == NOBODY {
            self.last = newer;
        } else {
            heads.get_mut(older).newer = newer;
        }
        if self.unsettled == slot {
            self.unsettled = newer;
        }
    }
}
