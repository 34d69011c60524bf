//! The offset ledger: records finish in any order, the committed offset never passes one that has not finished.
//!
//! Separate and pure, because this is where a record could be lost: one property test over any schedule stands for it.
//! Invariants: only records that wait for something take room; `committable` never falls, and is the lowest offset whose
//! record is unfinished, else the offset after the newest record.

use std::collections::BTreeMap;

/// What one partition has taken and not yet finished.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The offset after the newest record.
    next: u64,
    open: BTreeMap<u64, Open>,
}

/// A record that waits for its outputs.
#[derive(Debug, Clone, Copy)]
struct Open {
    outputs: u32,
    bytes: usize,
}

impl Ledger {
    /// A ledger for a partition that is read from offset `next` on.
    #[must_use]
    pub fn new(next: u64) -> Self {
        Self { next, open: BTreeMap::new() }
    }

    /// Takes the record at `offset`, of `bytes`, which caused `outputs`. Offsets rise, with gaps where the log has them.
    ///
    /// # Panics
    /// If the offset is not above that of every record before.
    pub fn take(&mut self, offset: u64, outputs: u32, bytes: usize) {
        assert!(offset >= self.next, "offset {offset} after {}: a partition is read in order", self.next);
        self.next = offset + 1;
        if outputs > 0 {
            self.open.insert(offset, Open { outputs, bytes });
        }
    }

    /// One output of the record at `offset` is safe. Gives the record's bytes if it was the last.
    ///
    /// # Panics
    /// If no output of it was waited for.
    pub fn finish(&mut self, offset: u64) -> Option<usize> {
        let open = self.open.get_mut(&offset).expect("only outputs that were sent are acknowledged");
        open.outputs -= 1;
        if open.outputs > 0 {
            return None;
        }
        self.open.remove(&offset).map(|open| open.bytes)
    }

    /// The offset that may be committed: everything before it is finished.
    #[must_use]
    pub fn committable(&self) -> u64 {
        self.open.first_key_value().map_or(self.next, |(offset, _)| *offset)
    }

    /// The offset after the newest record.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Records that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_committable_offset_never_passes_an_unfinished_record(
            start in 0_u64..1_000,
            // Gap before the record, its outputs; then which waiting record hears an acknowledgement after it.
            schedule in prop::collection::vec((1_u64..4, 0_u32..4, prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..200),
        ) {
            let mut ledger = Ledger::new(start);
            // The naive model: every record ever taken, with what it waits for.
            let mut records: Vec<(u64, u32)> = Vec::new();
            let (mut offset, mut before) = (start, start);
            for (gap, outputs, acks) in schedule {
                offset += gap;
                ledger.take(offset, outputs, 7);
                records.push((offset, outputs));
                for ack in acks {
                    let waiting: Vec<usize> = (0..records.len()).filter(|i| records[*i].1 > 0).collect();
                    if waiting.is_empty() {
                        break;
                    }
                    let record = &mut records[waiting[ack.index(waiting.len())]];
                    record.1 -= 1;
                    let done = ledger.finish(record.0);
                    prop_assert_eq!(done, (record.1 == 0).then_some(7));
                }
                let unfinished = records.iter().find(|record| record.1 > 0).map(|record| record.0);
                let committable = ledger.committable();
                prop_assert_eq!(committable, unfinished.unwrap_or(offset + 1));
                prop_assert!(committable >= before, "it fell");
                prop_assert_eq!(ledger.waiting(), records.iter().filter(|record| record.1 > 0).count());
                before = committable;
            }
        }
    }

    #[test]
    #[should_panic(expected = "read in order")]
    fn a_record_that_comes_twice_is_our_bug() {
        let mut ledger = Ledger::new(5);
        ledger.take(5, 0, 1);
        ledger.take(5, 0, 1);
    }
}
