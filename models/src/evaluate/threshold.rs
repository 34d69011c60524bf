//! What happens at one threshold: precision, recall and false positives, with intervals that know of accounts.
//!
//! Separate from the report, of which slices use it, too. Invariant: many rows of one account are worth no more than what they tell
//! apart, and weights no more than the rows that carry them.

use std::collections::BTreeMap;

use crate::interval::wilson;
use crate::measure::Scored;

/// A share of weighted rows with its 95 % interval. NaN of none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The share.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rows that it is a share of, unweighted.
    pub rows: u64,
}

/// Sums of weighted rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    square: f64,
    /// Weight, and weight that hit, by account.
    accounts: BTreeMap<u64, [f64; 2]>,
}

impl Tally {
    /// Adds a row.
    pub(super) fn add(&mut self, weight: f64, account: u64, hit: bool) {
        self.rows += 1;
        self.square += weight * weight;
        let sums = self.accounts.entry(account).or_default();
        sums[0] += weight;
        sums[1] += if hit { weight } else { 0.0 };
    }

    /// Wilson's interval, with as many rows as they are worth.
    pub(super) fn part(&self) -> Part {
        if self.rows == 0 {
            return Part { value: f64::NAN, low: f64::NAN, high: f64::NAN, rows: 0 };
        }
        let (mut weight, mut hit, mut square) = (0.0, 0.0, 0.0);
        for [all, hits] in self.accounts.values() {
            (weight, hit, square) = (weight + all, hit + hits, square + all * all);
        }
        let p: f64 = (hit / weight).clamp(0.0, 1.0);
        // The variance of a ratio whose accounts are drawn, not its rows.
        let spread: f64 = self.accounts.values().map(|[all, hits]| (hits - p * all) * (hits - p * all)).sum();
        let of_accounts = if p > 0.0 && p < 1.0 { p * (1.0 - p) / spread } else { 1.0 / square };
        let worth = weight * weight * of_accounts.min(1.0 / self.square);
        let (low, high) = wilson(p, worth);
        Part { value: p, low, high, rows: self.rows }
    }

    /// Accounts that its rows are of.
    pub(super) fn accounts(&self) -> u64 {
        self.accounts.len() as u64
    }
}

/// What happens at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// Rows of at least this score are acted upon.
    pub threshold: f64,
    /// Of those, abusive.
    pub precision: Part,
    /// Abusive rows that are acted upon.
    pub recall: Part,
    /// Benign rows that are acted upon.
    pub false_positives: Part,
}

impl AtThreshold {
    /// Counts rows, of which each has its account.
    #[must_use]
    pub fn of((rows, accounts): (&[Scored], &[u64]), threshold: f64) -> Self {
        let (mut precision, mut recall, mut false_positives) =
            (Tally::default(), Tally::default(), Tally::default());
        for (row, account) in rows.iter().zip(accounts) {
            let flagged = row.score >= threshold;
            if flagged {
                precision.add(row.weight, *account, row.abusive);
            }
            let side = if row.abusive { &mut recall } else { &mut false_positives };
            side.add(row.weight, *account, flagged);
        }
        Self {
            threshold,
            precision: precision.part(),
            recall: recall.part(),
            false_positives: false_positives.part(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(score: f64, abusive: bool, weight: f64) -> Scored {
        Scored { score, abusive, weight }
    }

    #[test]
    fn at_a_threshold_the_parts_are_shares_of_the_weights() {
        let rows = [row(0.9, true, 2.0), row(0.8, false, 1.0), row(0.3, true, 1.0), row(0.1, false, 4.0)];
        let at = AtThreshold::of((&rows, &[1, 2, 3, 4]), 0.8);
        assert!((at.precision.value - 2.0 / 3.0).abs() < 1e-12 && at.precision.rows == 2);
        assert!((at.recall.value - 2.0 / 3.0).abs() < 1e-12);
        assert!((at.false_positives.value - 0.2).abs() < 1e-12);
        assert!(at.precision.low < 0.3 && at.precision.high > 0.9, "{at:?}");
        assert!(AtThreshold::of((&rows, &[1, 2, 3, 4]), 2.0).precision.value.is_nan());
    }

    #[test]
    fn many_rows_of_one_account_are_worth_one() {
        // 100 accounts, of which 30 are caught, with one row each and with 50.
        let of = |copies: u64| {
            let rows: Vec<Scored> =
                (0..100 * copies).map(|n| row(if n % 100 < 30 { 0.9 } else { 0.1 }, true, 2.0)).collect();
            let accounts: Vec<u64> = (0..100 * copies).map(|n| n % 100).collect();
            AtThreshold::of((&rows, &accounts), 0.5).recall
        };
        let (one, many) = (of(1), of(50));
        assert!((one.low - many.low).abs() < 1e-9 && (one.high - many.high).abs() < 1e-9, "{one:?} {many:?}");
        assert_eq!((one.rows, many.rows), (100, 5_000));
        let (low, high) = wilson(0.3, 100.0);
        assert!((one.low - low).abs() < 1e-9 && (one.high - high).abs() < 1e-9);
    }
}
