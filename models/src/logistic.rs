//! A frozen logistic regression: a bias and one weight a column on its transformed value.
//!
//! Separate from training, as it is what serves. Invariants: a column's value x becomes (ln(1 + x) - mean) / deviation,
//! below 0 with -ln(1 - x) instead, and unknown becomes 0 (the mean); the sum runs in column order in f64; contributions are the exact summands.

/// One column's part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Mean of ln(1 + x) in training.
    pub mean: f32,
    /// Standard deviation of ln(1 + x) in training; positive.
    pub deviation: f32,
    /// Log-odds for one deviation.
    pub weight: f32,
}

impl Term {
    /// The standardised value; 0 if unknown.
    #[must_use]
    pub fn standard(&self, value: f32) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        (logarithm(value) - f64::from(self.mean)) / f64::from(self.deviation)
    }

    /// What the value adds to the score, in log-odds.
    #[must_use]
    pub fn contribution(&self, value: f32) -> f64 {
        f64::from(self.weight) * self.standard(value)
    }
}

/// ln(1 + x), and for values below 0 its mirror image.
pub(crate) fn logarithm(value: f32) -> f64 {
    let value = f64::from(value);
    if value < 0.0 { -libm::log1p(-value) } else { libm::log1p(value) }
}

/// Bias and terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// Log-odds of the mean row.
    pub bias: f32,
    /// One a column.
    pub terms: Vec<Term>,
}

impl Logistic {
    /// Log-odds of a row.
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f64 {
        let sum = |sum, (term, &value): (&Term, &f32)| sum + term.contribution(value);
        self.terms.iter().zip(row).fold(f64::from(self.bias), sum)
    }
}
