//! Repeated event ids: a window of the last `2^20` of a partition.
//!
//! Separate from account state, because ids belong to the partition. Two arrays: a ring of 64-bit hashes in order of
//! arrival, and an open-addressed table of them at most half full, so that a look-up is one or two cache misses.
//! Invariants: exactly the newest ids are known; two different ids are taken for one with odds of 1 in 2^44 an event; an id that weir
//! gave is no repeat of one that a gateway gave, which could guess it and come first.

pub(crate) mod checkpoint;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::checkpoint::Tracker;
use crate::prefetch::prefetch;

const SEED: u64 = 0x6964_735f_7765_6972;
/// The same for ids that weir gave.
const OWN_SEED: u64 = 0x6f77_6e5f_6964_7300;
/// How many records ahead the place of the id that will be forgotten is asked for.
const AHEAD: usize = 8;
/// Ids of the ring that a checkpoint writes together.
const PAGE_IDS: usize = 64;

/// The ids of the newest events.
#[derive(Debug)]
pub struct DuplicateWindow {
    ring: Vec<u64>,
    next: usize,
    /// Open addressing, linear probing; 0 is empty.
    table: Vec<u64>,
    mask: usize,
    tracker: Tracker,
    /// Where the ring stood as a checkpoint began, until that is written.
    values: Option<Vec<u8>>,
}

impl DuplicateWindow {
    /// A window over this many ids (at least 1).
    #[must_use]
    pub fn new(ids: usize) -> Self {
        let ids = ids.max(1);
        // One more id is in before the oldest goes, and a look-up must find a gap.
        let places = (ids * 2).next_power_of_two().max(4);
        let (tracker, values) = (Tracker::default(), None);
        Self { ring: vec![0; ids], next: 0, table: vec![0; places], mask: places - 1, tracker, values }
    }

    /// Asks for the memory that [`Self::is_repeat`] will read for this id.
    #[inline]
    pub fn prefetch(&self, id: &[u8]) {
        prefetch(&self.table[xxh3_64_with_seed(id, SEED).max(1) as usize & self.mask]);
    }

    /// Whether the id is among the newest; if not, it now is.
    #[inline]
    pub fn is_repeat(&mut self, id: &str) -> bool {
        self.is_known(xxh3_64_with_seed(id.as_bytes(), SEED).max(1))
    }

    /// The same for an id that weir gave an event of an internal kind.
    pub fn is_repeat_of_own(&mut self, id: &str) -> bool {
        self.is_known(xxh3_64_with_seed(id.as_bytes(), OWN_SEED).max(1))
    }

    #[inline]
    fn is_known(&mut self, hash: u64) -> bool {
        if let Some(later) = self.ring.get(self.next + AHEAD) {
            prefetch(&self.table[*later as usize & self.mask]);
        }
        if !self.insert(hash) {
            return true;
        }
        let page = (self.next / PAGE_IDS) as u32;
        if self.tracker.touch(page) {
            self.spill(page);
        }
        let oldest = std::mem::replace(&mut self.ring[self.next], hash);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        if oldest != 0 {
            self.forget(oldest);
        }
        false
    }

    /// Puts a hash into the table; false if it is there.
    #[inline]
    fn insert(&mut self, hash: u64) -> bool {
        let mut at = hash as usize & self.mask;
        while self.table[at] != 0 {
            if self.table[at] == hash {
                return false;
            }
            at = (at + 1) & self.mask;
        }
        self.table[at] = hash;
        true
    }

    /// Takes a hash out, moving later ones of its run back so that no gap hides them.
    fn forget(&mut self, hash: u64) {
        let mut gap = hash as usize & self.mask;
        while self.table[gap] != hash {
            gap = (gap + 1) & self.mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & self.mask;
            let other = self.table[at];
            if other == 0 {
                break;
            }
            let home = other as usize & self.mask;
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(gap) & self.mask {
                self.table[gap] = other;
                gap = at;
            }
        }
        self.table[gap] = 0;
    }

    /// Bytes held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        (self.ring.capacity() + self.table.capacity()) * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::DuplicateWindow;

    #[test]
    fn a_repeat_within_the_window_is_known_and_one_outside_is_not() {
        let mut window = DuplicateWindow::new(3);
        assert!(!window.is_repeat("a") && window.is_repeat("a"));
        for id in ["b", "c", "d"] {
            assert!(!window.is_repeat(id));
        }
        assert!(!window.is_repeat("a"), "three newer ids have pushed it out");
        assert!(window.is_repeat("d"));
        assert!(!window.is_repeat_of_own("d") && window.is_repeat_of_own("d"), "it is another's id");
    }

    #[test]
    fn the_smallest_windows_have_room_for_one_more() {
        for size in 1..9 {
            let mut window = DuplicateWindow::new(size);
            for id in 0..100 {
                assert!(!window.is_repeat(&id.to_string()) && window.is_repeat(&id.to_string()), "{size}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_knows_exactly_the_newest_ids(ids in prop::collection::vec(0_u32..200, 1..2_000), size in 1_usize..100) {
            let mut window = DuplicateWindow::new(size);
            let mut naive = VecDeque::new();
            for id in ids {
                let id = id.to_string();
                let known = naive.contains(&id);
                prop_assert_eq!(window.is_repeat(&id), known);
                if !known {
                    naive.push_back(id);
                    if naive.len() > size {
                        naive.pop_front();
                    }
                }
            }
        }
    }
}
