//! How good scores are, and where: what a data scientist asks before a model may decide about anybody.
//!
//! Separate from `measure`, whose figures it uses, and from `judge`, which counts decisions. Invariants: it only looks at
//! scores of rows that did not teach what scored them (the caller's promise, which the report repeats); same rows, same
//! report, byte for byte; every figure that rests on a count has its 95 % interval.

mod calibration;
mod curves;
mod drift;
mod html;
mod importance;
mod json;
mod plot;
mod slices;
mod text;
mod threshold;

pub use calibration::{ACTED_FROM, CalibrationError};
pub use curves::{Curves, curves};
pub use drift::{Drift, DriftReport, Profile, SCORE, Shape, drift};
pub use importance::{Importance, Seen, importance};
pub use slices::{ACCOUNTS_MIN, SliceRow, slice};
pub use threshold::{AtThreshold, Part};

use crate::interval::Z;
use crate::measure::{Quality, Scored, quality};

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
    /// Whether these rows are those that taught it, so that every figure flatters it.
    pub is_of_training: bool,
    /// Ranking and calibration.
    pub quality: Quality,
    /// 95 % interval of the AUC (Hanley and McNeil).
    pub auc_interval: [f64; 2],
    /// How far probabilities are from what happened.
    pub calibration: CalibrationError,
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
    /// The report over rows, of which each has its account, at these thresholds; slices, importance, drift and trials are the caller's to
    /// add.
    #[must_use]
    pub fn new(
        (title, how): (&str, &str),
        (rows, accounts): (&[Scored], &[u64]),
        thresholds: &[f64],
    ) -> Self {
        let quality = quality(rows.to_vec());
        Self {
            title: title.to_owned(),
            how: how.to_owned(),
            is_of_training: false,
            auc_interval: auc_interval(&quality),
            calibration: CalibrationError::of(&quality.reliability, (rows, accounts)),
            at: thresholds.iter().map(|&threshold| AtThreshold::of((rows, accounts), threshold)).collect(),
            curves: curves(rows),
            quality,
            slices: Vec::new(),
            importance: Vec::new(),
            drift: Vec::new(),
            trials: Vec::new(),
        }
    }
}

impl Evaluation {
    /// The slices at the first threshold: what a person reads. Gates and machines look at all.
    fn shown_slices(&self) -> impl Iterator<Item = &SliceRow> {
        let first = self.at.first().map(|at| at.threshold);
        self.slices.iter().filter(move |slice| Some(slice.threshold) == first)
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
    fn the_interval_of_an_auc_is_the_known_one() {
        // Hanley and McNeil, Radiology 143 (1982): AUC .893, 51 abnormal, 58 normal: standard error .032.
        let mut found = quality(rows(109));
        (found.auc, found.abusive) = (0.893, 51);
        let [low, high] = auc_interval(&found);
        assert!(((high - low) / 2.0 / Z - 0.032).abs() < 0.0015, "{low} {high}");
    }
}
