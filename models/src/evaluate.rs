//! How good scores are, and where: what a data scientist asks before a model may decide about anybody.
//!
//! Separate from `measure`, whose figures it uses, and from `judge`, which counts decisions. Invariants: it only looks at
//! scores of rows that did not teach what scored them (the caller's promise, which the report repeats); same rows, same
//! report, byte for byte; every figure that rests on a count has its 95 % interval.

mod curves;
mod drift;
mod html;
mod importance;
mod json;
mod plot;
mod slices;
mod text;

pub use curves::{Curves, curves};
pub use drift::{Drift, drift};
pub use importance::{Importance, Seen, importance};
pub use slices::{SliceRow, slice};

use crate::measure::{Quality, Scored, quality};

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

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
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: u64,
    weight: f64,
    square: f64,
    hit: f64,
}

impl Tally {
    fn add(&mut self, weight: f64, hit: bool) {
        self.rows += 1;
        self.weight += weight;
        self.square += weight * weight;
        self.hit += if hit { weight } else { 0.0 };
    }

    /// Wilson's interval, with as many rows as the weights are worth.
    fn part(&self) -> Part {
        if self.rows == 0 {
            return Part { value: f64::NAN, low: f64::NAN, high: f64::NAN, rows: 0 };
        }
        let (n, p) = (self.weight * self.weight / self.square, (self.hit / self.weight).clamp(0.0, 1.0));
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * libm::sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n));
        let end = |end: f64| (end / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
        Part { value: p, low: end(middle - half), high: end(middle + half), rows: self.rows }
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
    /// Counts.
    #[must_use]
    pub fn of(rows: &[Scored], threshold: f64) -> Self {
        let (mut precision, mut recall, mut false_positives) =
            (Tally::default(), Tally::default(), Tally::default());
        for row in rows {
            let flagged = row.score >= threshold;
            if flagged {
                precision.add(row.weight, row.abusive);
            }
            let side = if row.abusive { &mut recall } else { &mut false_positives };
            side.add(row.weight, flagged);
        }
        Self {
            threshold,
            precision: precision.part(),
            recall: recall.part(),
            false_positives: false_positives.part(),
        }
    }
}

/// A candidate of a search, as the report shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    /// What tells it from the others.
    pub text: String,
    /// AUC over all folds together.
    pub auc: f64,
    /// Average precision over all folds together.
    pub average_precision: f64,
    /// AUC of each fold.
    pub fold_auc: Vec<f64>,
    /// Whether it was taken.
    pub chosen: bool,
}

/// The report.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// What was evaluated.
    pub title: String,
    /// How the scores came about, in a sentence.
    pub how: String,
    /// Ranking and calibration.
    pub quality: Quality,
    /// 95 % interval of the AUC (Hanley and McNeil).
    pub auc_interval: [f64; 2],
    /// At the thresholds that were asked for.
    pub at: Vec<AtThreshold>,
    /// ROC, precision and recall.
    pub curves: Curves,
    /// By values of slice columns.
    pub slices: Vec<SliceRow>,
    /// What the columns are worth.
    pub importance: Vec<Importance>,
    /// How columns moved from training to now.
    pub drift: Vec<Drift>,
    /// What was tried.
    pub trials: Vec<TrialRow>,
}

impl Evaluation {
    /// The report over rows, at these thresholds; slices, importance, drift and trials are the caller's to add.
    #[must_use]
    pub fn new(title: &str, how: &str, rows: &[Scored], thresholds: &[f64]) -> Self {
        let quality = quality(rows.to_vec());
        Self {
            title: title.to_owned(),
            how: how.to_owned(),
            auc_interval: auc_interval(&quality),
            at: thresholds.iter().map(|&threshold| AtThreshold::of(rows, threshold)).collect(),
            curves: curves(rows),
            quality,
            slices: Vec::new(),
            importance: Vec::new(),
            drift: Vec::new(),
            trials: Vec::new(),
        }
    }
}

/// Hanley and McNeil's interval of an AUC.
fn auc_interval(found: &Quality) -> [f64; 2] {
    let (a, n) = (found.auc, found.abusive as f64);
    let m = found.rows as f64 - n;
    let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
    let variance = (a * (1.0 - a) + (n - 1.0) * (q1 - a * a) + (m - 1.0) * (q2 - a * a)) / (n * m);
    let half = Z * libm::sqrt(variance.max(0.0));
    [(a - half).max(0.0), (a + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores that rank well but not perfectly; every third row abusive.
    pub(super) fn rows(count: u32) -> Vec<Scored> {
        let row = |n: u32| {
            let abusive = n.is_multiple_of(3);
            let score = f64::from(n * 7919 % 1000) / 2000.0 + if abusive { 0.4 } else { 0.1 };
            Scored { score, abusive, weight: 1.0 + f64::from(n % 2) }
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn at_a_threshold_the_parts_are_shares_of_the_weights() {
        let row = |score, abusive, weight| Scored { score, abusive, weight };
        let rows = [row(0.9, true, 2.0), row(0.8, false, 1.0), row(0.3, true, 1.0), row(0.1, false, 4.0)];
        let at = AtThreshold::of(&rows, 0.8);
        assert!((at.precision.value - 2.0 / 3.0).abs() < 1e-12 && at.precision.rows == 2);
        assert!((at.recall.value - 2.0 / 3.0).abs() < 1e-12);
        assert!((at.false_positives.value - 0.2).abs() < 1e-12);
        assert!(at.precision.low < 0.3 && at.precision.high > 0.9, "{at:?}");
        assert!(AtThreshold::of(&rows, 2.0).precision.value.is_nan());
    }

    #[test]
    fn the_interval_of_an_auc_is_the_known_one() {
        // Hanley and McNeil, Radiology 143 (1982): AUC .893, 51 abnormal, 58 normal: standard error .032.
        let mut found = quality(rows(109));
        (found.auc, found.abusive) = (0.893, 51);
        let [low, high] = auc_interval(&found);
        assert!(((high - low) / 2.0 / Z - 0.032).abs() < 0.0015, "{low} {high}");
    }
}
