//! Which stored labels were learned from, by day: so that one that was taken back, or changed, is noticed.
//!
//! Separate from the state, which keeps it. Invariants: the order in which an archive tells its rows changes nothing; a day that the window
//! has left, whole or in part, is not compared; there is one number a day, however many labels.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use super::Labelled;

const DAY_MS: u64 = 86_400_000;

/// A digest of the labels of each day's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<u64, u64>);

impl Known {
    /// Of the rows whose labels acted up to `learned_to` (ms since the Unix epoch), no label sooner than `delay_ms` after its row.
    pub fn of(rows: &[Labelled], (learned_to, delay_ms): (u64, u64)) -> Self {
        let mut days = BTreeMap::new();
        for row in rows.iter().filter(|row| row.acts_at(delay_ms) <= learned_to) {
            let day: &mut u64 = days.entry(row.at / DAY_MS).or_default();
            *day = day.wrapping_add(digest(row));
        }
        Self(days)
    }

    /// As it is kept.
    pub fn days(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|(day, digest)| (*day, *digest)).collect()
    }

    /// What was kept.
    pub fn from_days(days: Vec<(u64, u64)>) -> Self {
        Self(days.into_iter().collect())
    }

    /// Whether any whole day from `from` on (ms since the Unix epoch) has other labels than here.
    pub fn differs(&self, now: &Known, from: u64) -> bool {
        let first = from.div_ceil(DAY_MS);
        !self.0.range(first..).eq(now.0.range(first..))
    }
}

/// Of what a row teaches, but for its values, which never change.
fn digest(row: &Labelled) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(row.account.as_bytes());
    for number in [row.at, row.delay_ms, row.weight.to_bits(), row.label_weight.to_bits()] {
        hash.update(&number.to_le_bytes());
    }
    hash.update(&[u8::from(row.is_abusive), u8::from(row.by_reports)]);
    hash.digest()
}
