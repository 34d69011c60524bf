//! Who waits for the end of a restriction, by time: so that the end is told and compacted away.
//!
//! Separate from the table, which knows what ends. Invariants: at most one place an account; ordered by time and then by
//! name, so that ends are told in the same order by whoever reads the same log; a look at the first is one comparison.

use std::collections::BTreeSet;

use compact_str::CompactString;

/// Accounts by the end that they wait for, ms since the Unix epoch.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    waiting: BTreeSet<(u64, CompactString)>,
    next_ms: u64,
}

impl Default for Ends {
    fn default() -> Self {
        Self { waiting: BTreeSet::new(), next_ms: u64::MAX }
    }
}

impl Ends {
    /// The first end; `u64::MAX`: none.
    #[inline]
    pub fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// Moves an account from one end to another; 0: none.
    pub fn replace(&mut self, account: &str, old_ms: u64, new_ms: u64) {
        if old_ms == new_ms {
            return;
        }
        if old_ms > 0 {
            self.waiting.remove(&(old_ms, CompactString::new(account)));
        }
        if new_ms > 0 {
            self.waiting.insert((new_ms, CompactString::new(account)));
        }
        self.look();
    }

    /// Takes the first account whose end has come by `at_ms`.
    pub fn take(&mut self, at_ms: u64) -> Option<CompactString> {
        if self.next_ms > at_ms {
            return None;
        }
        let first = self.waiting.pop_first();
        self.look();
        first.map(|(_, account)| account)
    }

    fn look(&mut self) {
        self.next_ms = self.waiting.first().map_or(u64::MAX, |(end, _)| *end);
    }
}
