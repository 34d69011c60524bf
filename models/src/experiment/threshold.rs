//! The threshold that costs least.
//!
//! Separate, as it is the only place where mistakes have a price. Invariants: only scores that occurred are thresholds; of
//! equally cheap ones the highest, which harms fewest.

use crate::measure::Scored;

/// What mistakes cost, in one unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// A benign row at or above the threshold.
    pub false_alarm: f64,
    /// An abusive row under it.
    pub miss: f64,
}

/// A threshold and what follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Rows of at least this score are acted upon.
    pub score: f64,
    /// Cost of a row, in the unit of [`Costs`].
    pub cost: f64,
}

impl Costs {
    /// The cheapest threshold for these rows; above all scores if it is cheapest to do nothing.
    #[must_use]
    pub fn cheapest(&self, rows: &[Scored]) -> Threshold {
        let mut sorted = rows.to_vec();
        sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
        let weight: f64 = sorted.iter().map(|row| row.weight).sum();
        let missed: f64 = sorted.iter().filter(|row| row.abusive).map(|row| row.weight).sum();
        let mut cost = self.miss * missed;
        let mut best = Threshold { score: f64::INFINITY, cost };
        for tie in sorted.chunk_by(|a, b| a.score == b.score) {
            for row in tie {
                cost += row.weight * if row.abusive { -self.miss } else { self.false_alarm };
            }
            if cost < best.cost {
                best = Threshold { score: tie[0].score, cost };
            }
        }
        Threshold { cost: best.cost / weight, ..best }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearer_a_false_alarm_the_higher_the_threshold() {
        let row = |score, abusive| Scored { score, abusive, weight: 1.0 };
        let rows = [row(0.9, true), row(0.8, true), row(0.7, false), row(0.6, true), row(0.2, false)];
        let of = |false_alarm| Costs { false_alarm, miss: 1.0 }.cheapest(&rows);
        assert_eq!(of(0.5), Threshold { score: 0.6, cost: 0.1 });
        assert_eq!(of(10.0), Threshold { score: 0.8, cost: 0.2 });
        let bad = [row(0.9, false), row(0.1, true)];
        assert_eq!(Costs { false_alarm: 5.0, miss: 1.0 }.cheapest(&bad).score, f64::INFINITY);
    }
}
