//! How the values of a column moved: the population stability index.
//!
//! Separate, since it needs no label. Invariants: bins are tenths of the reference (of a score: fixed), the unknown a bin of its own; a bin that
//! is empty on one side counts as [`SHARE_MIN`], so that the index is finite.

mod report;

pub use report::DriftReport;

use crate::Error;
use crate::dataset::Dataset;

/// Bins of the reference.
const BINS: usize = 10;
/// The least share that a bin is taken to hold.
const SHARE_MIN: f64 = 1e-4;
/// How far the shares of a shape may be from 1 together: each is a rounded number.
const ROUNDING: f64 = 1e-3;

/// Where the bins of a score begin. Tenths would split the many small ones hair by hair, and tell a difference where nobody decides anything.
const SCORE_EDGES: [f32; 9] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99];

/// Stands for the model's score among columns.
pub const SCORE: &str = "(score)";

/// How one column moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The column.
    pub column: String,
    /// Under .1 little, over .25 much.
    pub psi: f64,
    /// Share of unknown values in the reference.
    pub unknown_before: f64,
    /// Share of unknown values now.
    pub unknown_now: f64,
}

/// How the values of a column are distributed: what a table is held against, when it is no longer there itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Where the tenths begin, rising.
    edges: Vec<f32>,
    /// Shares of the unknown, of what is below the first edge, and from each edge on.
    shares: Vec<f32>,
}

/// The shapes of what a model learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// One a column, in the model's order.
    pub columns: Vec<Shape>,
    /// Of its probabilities for rows that it had not seen.
    pub score: Shape,
}

impl Profile {
    /// The shapes of a table's columns, and of probabilities of rows of it that had not taught what gave them, each with how many rows it stands
    /// for. NaN: the row was not held out, and has no score; that is not an unknown one.
    #[must_use]
    pub fn of(data: &Dataset, scores: &[(f32, f32)]) -> Self {
        let column = |column: usize| {
            let values = data.rows.column(column).into_iter().copied();
            Shape::of(&values.zip(data.weights.iter().copied()).collect::<Vec<_>>())
        };
        let known: Vec<(f32, f32)> = scores.iter().copied().filter(|(score, _)| !score.is_nan()).collect();
        Self { columns: (0..data.rows.ncols()).map(column).collect(), score: Shape::of_scores(&known) }
    }
}

impl Shape {
    /// The shape of rows, each a value and how many it stands for; NaN is unknown.
    #[must_use]
    pub fn of(rows: &[(f32, f32)]) -> Self {
        Self::by(edges(rows), rows)
    }

    /// The shape of probabilities, likewise.
    #[must_use]
    pub fn of_scores(rows: &[(f32, f32)]) -> Self {
        Self::by(SCORE_EDGES.to_vec(), rows)
    }

    fn by(edges: Vec<f32>, rows: &[(f32, f32)]) -> Self {
        let shares = shares(&edges, rows).into_iter().map(|share| share as f32).collect();
        Self { edges, shares }
    }

    /// One out of a file.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is none.
    pub(crate) fn new(edges: Vec<f32>, shares: Vec<f32>) -> Result<Self, Error> {
        let rises = edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted_by(|a, b| a < b);
        let sum: f64 = shares.iter().map(|share| f64::from(*share)).sum();
        let are_shares =
            shares.iter().all(|share| (0.0..=1.0).contains(share)) && (sum - 1.0).abs() < ROUNDING;
        if edges.len() >= BINS || shares.len() != edges.len() + 2 || !rises || !are_shares {
            return Err(Error::Damaged("the shape of a column".to_owned()));
        }
        Ok(Self { edges, shares })
    }

    /// Its edges and shares.
    pub(crate) fn parts(&self) -> (&[f32], &[f32]) {
        (&self.edges, &self.shares)
    }

    /// How rows differ from it.
    #[must_use]
    pub fn drift(&self, column: &str, now: &[(f32, f32)]) -> Drift {
        let old: Vec<f64> = self.shares.iter().map(|share| f64::from(*share)).collect();
        let new = shares(&self.edges, now);
        let bin = |(old, new): (&f64, &f64)| {
            if *old == 0.0 && *new == 0.0 {
                return 0.0;
            }
            let (old, new) = (old.max(SHARE_MIN), new.max(SHARE_MIN));
            (new - old) * libm::log(new / old)
        };
        let has_rows = old.iter().any(|share| *share > 0.0) && !now.is_empty();
        let psi = if has_rows { old.iter().zip(&new).map(bin).sum() } else { 0.0 };
        Drift { column: column.to_owned(), psi, unknown_before: old[0], unknown_now: new[0] }
    }
}

/// The index of a column over rows, each a value and how many it stands for; NaN is unknown. 0 if a side has no rows.
#[must_use]
pub fn drift(column: &str, before: &[(f32, f32)], now: &[(f32, f32)]) -> Drift {
    Shape::of(before).drift(column, now)
}

/// Shares of the weight by bin; all 0 of nothing.
fn shares(edges: &[f32], rows: &[(f32, f32)]) -> Vec<f64> {
    let mut counts = vec![0.0; edges.len() + 2];
    for (value, weight) in rows {
        let bin = if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| edge <= value) };
        counts[bin] += f64::from(*weight);
    }
    let all: f64 = counts.iter().sum();
    counts.into_iter().map(|count| if all > 0.0 { count / all } else { 0.0 }).collect()
}

/// Where the tenths of the known rows begin.
fn edges(rows: &[(f32, f32)]) -> Vec<f32> {
    let mut known: Vec<(f32, f32)> = rows.iter().copied().filter(|(value, _)| !value.is_nan()).collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = known.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let (mut edges, mut passed) = (Vec::with_capacity(BINS), 0.0);
    for (value, weight) in known {
        passed += f64::from(weight);
        while edges.len() + 1 < BINS && passed > (edges.len() + 1) as f64 * all / BINS as f64 {
            edges.push(value);
        }
    }
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(column: &str, before: &[f32], now: &[f32]) -> Drift {
        let of = |values: &[f32]| values.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>();
        super::drift(column, &of(before), &of(now))
    }

    #[test]
    fn rows_that_stand_for_more_count_for_more() {
        // The same traffic, of which one side keeps a tenth of what is below 500.
        let all: Vec<(f32, f32)> = (0..1_000).map(|n| (n as f32, 1.0)).collect();
        let is_kept = |n: &i32| *n >= 500 || n % 10 == 0;
        let sampled: Vec<i32> = (0..1_000).filter(is_kept).collect();
        let weighed = |n: &i32| (*n as f32, if *n < 500 { 10.0 } else { 1.0 });
        let found = super::drift("c", &all, &sampled.iter().map(weighed).collect::<Vec<_>>());
        assert!(found.psi < 1e-3, "{found:?}");
        let bare: Vec<(f32, f32)> = sampled.iter().map(|n| (*n as f32, 1.0)).collect();
        assert!(super::drift("c", &all, &bare).psi > 0.5);
    }

    #[test]
    fn what_stays_has_no_drift_and_what_moves_or_is_lost_has() {
        let same: Vec<f32> = (0..1_000).map(|n| (n * 37 % 1_000) as f32).collect();
        let other: Vec<f32> = (0..1_000).map(|n| (n * 41 % 1_000) as f32).collect();
        assert!(drift("c", &same, &other).psi < 1e-9);
        let moved: Vec<f32> = same.iter().map(|value| value + 300.0).collect();
        assert!(drift("c", &same, &moved).psi > 1.0);
        let lost: Vec<f32> =
            same.iter().map(|value| if *value < 500.0 { f32::NAN } else { *value }).collect();
        let found = drift("c", &same, &lost);
        assert!(found.psi > 1.0 && found.unknown_now == 0.5 && found.unknown_before == 0.0, "{found:?}");
        let constant = vec![3.0; 50];
        assert_eq!(drift("c", &constant, &constant).psi, 0.0);
        assert_eq!(drift("c", &[], &same).psi, 0.0);
    }
}
