//! Why a score is what it is, and what would have changed it.
//!
//! Separate from serving: it runs only when a decision is issued, so it may be slow. Invariants: contributions are in
//! log-odds and sum to the score minus the base (1e-4 for 100 trees, as the score's own sum is in f32); ties are
//! ordered by feature index.

use crate::Model;
use crate::model::{Body, logit};
use crate::tree::COLUMNS_MAX;

/// What one feature added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Index in the catalogue.
    pub feature: usize,
    /// The feature's value; NaN is unknown.
    pub value: f32,
    /// In log-odds; positive speaks for abuse.
    pub contribution: f32,
}

impl Model {
    /// The score that the contributions start from, in log-odds.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.curved(self.base_of_body())
    }

    fn base_of_body(&self) -> f64 {
        match &self.body() {
            Body::Logistic(logistic) => f64::from(logistic.bias),
            Body::Trees(forest) => forest.base(),
            Body::Bayes(bayes) => f64::from(bayes.bias),
        }
    }

    /// The at most `max` largest contributions, falling; features that added nothing are left out.
    ///
    /// # Panics
    /// If the vector is not as long as the catalogue.
    #[must_use]
    pub fn explain(&self, vector: &[f32], max: usize) -> Vec<Contribution> {
        let mut parts = [0.0; COLUMNS_MAX];
        match self.body() {
            Body::Logistic(logistic) => {
                let row = self.row(vector);
                for ((part, term), &value) in parts.iter_mut().zip(&logistic.terms).zip(&row) {
                    *part = term.contribution(value);
                }
            }
            Body::Bayes(bayes) => {
                let row = self.row(vector);
                for ((part, parabola), &value) in parts.iter_mut().zip(&bayes.parabolas).zip(&row) {
                    *part = parabola.contribution(value);
                }
            }
            Body::Trees(forest) => forest.explain(&self.known_row(vector), &mut parts),
        }
        if self.curve().is_some() {
            // A curve moves the sum of all, so each takes its share of the way.
            let way: f64 = parts.iter().sum();
            let base = self.base_of_body();
            let share = (self.curved(base + way) - self.curved(base)) / way;
            parts.iter_mut().for_each(|part| *part *= if share.is_finite() { share } else { 1.0 });
        }
        let mut found: Vec<Contribution> = (self.places().iter().zip(parts))
            .filter(|(_, part)| *part != 0.0)
            .map(|(&feature, part)| Contribution {
                feature,
                value: vector[feature],
                contribution: part as f32,
            })
            .collect();
        found.sort_by(|a, b| b.contribution.total_cmp(&a.contribution).then(a.feature.cmp(&b.feature)));
        found.truncate(max);
        found
    }

    /// The value of `feature` from which the probability is at least `threshold`, all else equal: anything from 0 up to
    /// it, but not it, stays under the threshold. `None` if the feature is unknown or not the model's, or if no such
    /// value lies between 0 and the present one, or the model is a naive Bayes.
    ///
    /// # Panics
    /// If the vector is not as long as the catalogue.
    #[must_use]
    pub fn below(&self, vector: &[f32], feature: usize, threshold: f32) -> Option<f32> {
        let column = self.places().iter().position(|&place| place == feature)?;
        let present = vector[feature];
        let goal = logit(f64::from(threshold));
        let goal = self.curve().map_or(goal, |curve| curve.unmap(goal));
        if present.is_nan() || goal.is_nan() {
            return None;
        }
        match self.body() {
            Body::Logistic(logistic) => {
                let term = &logistic.terms[column];
                let row = self.row(vector);
                let rest = self.body().log_odds(&row[..self.places().len()]) - term.contribution(present);
                let standard = (goal - rest) / f64::from(term.weight);
                let value = libm::expm1(f64::from(term.mean) + f64::from(term.deviation) * standard) as f32;
                (term.weight > 0.0 && value > 0.0 && value <= present).then_some(value)
            }
            // A parabola may cross the threshold twice: there is no "below".
            Body::Bayes(_) => None,
            Body::Trees(forest) => {
                let row = self.row(vector);
                let row = &row[..self.places().len()];
                let steps = forest.thresholds(column);
                let steps: Vec<f32> = std::iter::once(0.0)
                    .chain(steps.into_iter().filter(|step| *step > 0.0 && *step <= present))
                    .collect();
                let mut rows = row.repeat(steps.len());
                rows.chunks_exact_mut(row.len()).zip(&steps).for_each(|(row, &step)| row[column] = step);
                let mut sums = vec![0.0; steps.len()];
                forest.flat().score_batch(&rows, &mut sums);
                let first = sums.iter().position(|&sum| forest.calibrate(sum) >= goal)?;
                (first > 0).then(|| steps[first])
            }
        }
    }
}
