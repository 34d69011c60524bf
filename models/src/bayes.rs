//! A frozen naive Bayes: a bias and a parabola a column on its transformed value.
//!
//! Separate from `logistic`, whose terms are straight. Invariants: columns are transformed as for the logistic regression, unknown
//! becomes 0 (the mean); the sum runs in column order in f64. Columns that tell the same are counted twice, so its
//! probabilities are far too sure: rank on its log-odds, and calibrate.

use crate::logistic::Term;

/// One column's part: `weight` z + `square` z², where z is the standardised value of `term`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parabola {
    /// Transform and linear weight.
    pub term: Term,
    /// Log-odds for the square of one deviation.
    pub square: f32,
}

impl Parabola {
    /// What the value adds to the score, in log-odds.
    #[must_use]
    pub fn contribution(&self, value: f32) -> f64 {
        let z = self.term.standard(value);
        z * (f64::from(self.term.weight) + z * f64::from(self.square))
    }
}

/// Bias and parabolas.
#[derive(Debug, Clone, PartialEq)]
pub struct Bayes {
    /// Log-odds of the mean row.
    pub bias: f32,
    /// One a column.
    pub parabolas: Vec<Parabola>,
}

impl Bayes {
    /// Log-odds of a row.
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f64 {
        let sum = |sum, (one, &value): (&Parabola, &f32)| sum + one.contribution(value);
        self.parabolas.iter().zip(row).fold(f64::from(self.bias), sum)
    }
}
