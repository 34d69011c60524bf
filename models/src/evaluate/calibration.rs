//! How far probabilities are from what happened: over all rows, and where something is done about them.
//!
//! Separate from the reliability curve, which is drawn. At a base rate of 1 % nearly all rows lie in the lowest tenth, and a mean over all of
//! them says nothing about those that a policy acts upon. Invariants: what chance explains (a 95 % interval that knows of accounts) is no
//! error; errors of two tenths in opposite directions do not cancel.

use super::threshold::Tally;
use crate::measure::{Bin, Scored};

/// From this score on rows count as acted upon.
pub const ACTED_FROM: f64 = 0.1;
/// Tenths of the score.
const BINS: usize = 10;

/// Distances between predicted and observed, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationError {
    /// Mean over the bins of the reliability curve, by their weight.
    pub of_all: f64,
    /// Over the rows scored [`ACTED_FROM`] and more: beyond what chance explains, the mean of the tenths or that of all of them together,
    /// whichever is greater. NaN without such rows.
    pub of_acted: f64,
    /// Accounts that those rows are of.
    pub acted_accounts: u64,
}

/// Predicted and observed of some rows.
#[derive(Default)]
struct Tenth {
    weight: f64,
    predicted: f64,
    observed: Tally,
}

impl Tenth {
    fn add(&mut self, row: &Scored, account: u64) {
        self.weight += row.weight;
        self.predicted += row.weight * row.score;
        self.observed.add(row.weight, account, row.abusive);
    }

    /// How far the mean prediction is from the interval of what was observed.
    fn excess(&self) -> f64 {
        let (predicted, observed) = (self.predicted / self.weight, self.observed.part());
        (observed.low - predicted).max(predicted - observed.high).max(0.0)
    }
}

impl CalibrationError {
    /// Of rows, of which each has its account.
    #[must_use]
    pub(super) fn of(bins: &[Bin], (rows, accounts): (&[Scored], &[u64])) -> Self {
        let weight: f64 = bins.iter().map(|bin| bin.weight).sum();
        let distance = |bin: &Bin| bin.weight * (bin.predicted - bin.observed).abs();
        let (mut together, mut tenths) = (Tenth::default(), [(); BINS].map(|()| Tenth::default()));
        for (row, account) in rows.iter().zip(accounts).filter(|(row, _)| row.score >= ACTED_FROM) {
            together.add(row, *account);
            tenths[((row.score * BINS as f64) as usize).min(BINS - 1)].add(row, *account);
        }
        let filled = tenths.iter().filter(|tenth| tenth.weight > 0.0);
        let mean = filled.map(|tenth| tenth.weight * tenth.excess()).sum::<f64>() / together.weight;
        Self {
            of_all: bins.iter().map(distance).sum::<f64>() / weight,
            // Of nothing, NaN; `max` alone would pass over it.
            of_acted: if mean.is_nan() { mean } else { mean.max(together.excess()) },
            acted_accounts: together.observed.accounts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::quality;

    /// Rows of accounts of their own at a base rate of 1 %: of 20,000, 300 score `high`, and of those `abusive` are so.
    fn found(high: f64, abusive: u64, of: u64) -> CalibrationError {
        let row = |n: u64| match n {
            n if n < of => Scored { score: high, abusive: n < abusive, weight: 1.0 },
            n => Scored { score: 0.002, abusive: n.is_multiple_of(500), weight: 1.0 },
        };
        let rows: Vec<Scored> = (0..20_000).map(row).collect();
        let accounts: Vec<u64> = (0..20_000).collect();
        CalibrationError::of(&quality(rows.clone()).reliability, (&rows, &accounts))
    }

    #[test]
    fn at_a_base_rate_of_one_percent_the_error_of_what_is_acted_upon_is_not_swamped() {
        // Says .95 where a half is abuse: the mean over all rows hardly notices.
        let wrong = found(0.95, 150, 300);
        assert!(wrong.of_all < 0.01 && wrong.of_acted > 0.35, "{wrong:?}");
        assert_eq!(wrong.acted_accounts, 300);
        let right = found(0.5, 150, 300);
        assert!(right.of_acted == 0.0 && right.of_all < 0.01, "{right:?}");
    }

    #[test]
    fn what_chance_explains_is_no_error_and_nothing_is_no_figure() {
        // 12 of 20 where .75 was said: nobody can tell. 600 of 1,000: everybody can.
        assert_eq!(found(0.75, 12, 20).of_acted, 0.0);
        assert!(found(0.75, 600, 1_000).of_acted > 0.1);
        let none = found(0.05, 3, 300);
        assert!(none.of_acted.is_nan() && none.acted_accounts == 0 && none.of_all < 0.01, "{none:?}");
    }
}
