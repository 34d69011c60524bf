//! The budget: how many events and bytes may be under way before reading pauses.
//!
//! Separate and pure: backpressure is arithmetic, charged when a record is read, refunded when it is done. Invariants: what is
//! charged is refunded exactly once; reading pauses at the limit and resumes at half of it, so that it does not flutter.

/// What may be under way in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Events.
    pub events_max: usize,
    /// Bytes of their records.
    pub bytes_max: usize,
}

/// What is under way.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: BudgetLimits,
    events: usize,
    bytes: usize,
    paused: bool,
}

impl Budget {
    /// Nothing is under way.
    #[must_use]
    pub fn new(limits: BudgetLimits) -> Self {
        Self { limits, events: 0, bytes: 0, paused: false }
    }

    /// A record was read and is not done.
    pub fn charge(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes;
        self.paused |= self.events >= self.limits.events_max || self.bytes >= self.limits.bytes_max;
    }

    /// A record is done.
    ///
    /// # Panics
    /// If more is refunded than was charged.
    pub fn refund(&mut self, bytes: usize) {
        self.events = self.events.checked_sub(1).expect("only what was charged is refunded");
        self.bytes = self.bytes.checked_sub(bytes).expect("only what was charged is refunded");
        if self.events <= self.limits.events_max / 2 && self.bytes <= self.limits.bytes_max / 2 {
            self.paused = false;
        }
    }

    /// Whether reading must wait.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Share of the limits that is under way, in events or bytes, whichever is more; above 1 by at most one record.
    #[must_use]
    pub fn share(&self) -> f64 {
        let share = |under_way: usize, most: usize| under_way as f64 / most.max(1) as f64;
        share(self.events, self.limits.events_max).max(share(self.bytes, self.limits.bytes_max))
    }

    /// Events and bytes under way.
    #[must_use]
    pub fn under_way(&self) -> (usize, usize) {
        (self.events, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: BudgetLimits = BudgetLimits { events_max: 8, bytes_max: 100 };

    proptest! {
        #[test]
        fn under_any_schedule_it_is_bounded_and_ends_empty(
            schedule in prop::collection::vec((1_usize..60, any::<prop::sample::Index>(), 0_usize..3), 1..200),
        ) {
            let mut budget = Budget::new(LIMITS);
            let mut under_way: Vec<usize> = Vec::new();
            let mut was_full = false;
            for (bytes, which, done) in schedule {
                if !budget.is_paused() {
                    budget.charge(bytes);
                    under_way.push(bytes);
                }
                let total = |list: &[usize]| (list.len(), list.iter().sum::<usize>());
                was_full |= under_way.len() >= 8 || total(&under_way).1 >= 100;
                for _ in 0..done.min(under_way.len()) {
                    budget.refund(under_way.swap_remove(which.index(under_way.len())));
                    was_full &= under_way.len() > 4 || total(&under_way).1 > 50;
                }
                prop_assert_eq!(budget.under_way(), total(&under_way));
                prop_assert_eq!(budget.is_paused(), was_full);
                prop_assert!(budget.is_paused() || budget.share() < 1.0);
                prop_assert!(under_way.len() <= 8 && total(&under_way).1 < 100 + 60);
            }
            for bytes in under_way {
                budget.refund(bytes);
            }
            prop_assert!(!budget.is_paused());
            prop_assert_eq!(budget.under_way(), (0, 0));
        }
    }
}
