//! linfa's follow-the-regularised-leader, in passes over shuffled rows, frozen as a logistic regression.
//!
//! Separate from `logistic`, which fits all rows at once: this one learns row by row, as labels come. Invariants: columns are
//! transformed as for the logistic regression; linfa knows no intercept, so a column of ones stands in; weights enter by
//! drawing rows in proportion to them.

use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::traits::FitWith;
use linfa_ftrl::Ftrl;
use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::logistic::{copies, scale};
use crate::Error;
use crate::dataset::Dataset;
use crate::logistic::{Logistic, Term};

/// How to follow.
#[derive(Debug, Clone, PartialEq)]
pub struct FtrlSettings {
    /// Passes over the rows.
    pub passes: usize,
    /// Rows of one step.
    pub batch_rows: usize,
    /// Size of the steps.
    pub alpha: f64,
    /// Slows the first steps.
    pub beta: f64,
    /// Pull that makes weights 0.
    pub l1: f64,
    /// Pull that makes weights small.
    pub l2: f64,
}

impl Default for FtrlSettings {
    fn default() -> Self {
        Self { passes: 5, batch_rows: 32, alpha: 0.05, beta: 1.0, l1: 0.1, l2: 1.0 }
    }
}

/// Fits rows `fit` of the data.
pub(super) fn fit(
    data: &Dataset,
    fit: &[usize],
    settings: &FtrlSettings,
    seed: u64,
) -> Result<Logistic, Error> {
    if settings.passes == 0 || settings.batch_rows == 0 {
        return Err(Error::Data("passes and batch_rows are at least 1".to_owned()));
    }
    let mut rows = copies(data, fit);
    let mut terms: Vec<Term> = (0..data.names.len()).map(|column| scale(data, &rows, column)).collect();
    let columns = terms.len();
    let failed = |error: linfa_ftrl::FtrlError| Error::Training(error.to_string());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let params = Ftrl::params_with_rng(rng.clone())
        .alpha(settings.alpha)
        .beta(settings.beta)
        .l1_ratio(settings.l1)
        .l2_ratio(settings.l2)
        .check()
        .map_err(failed)?;
    let mut fitted = None;
    for _ in 0..settings.passes {
        rows.shuffle(&mut rng);
        for batch in rows.chunks(settings.batch_rows) {
            let records =
                Array2::from_shape_fn((batch.len(), columns + 1), |(row, column)| match terms.get(column) {
                    Some(term) => term.standard(data.rows[(batch[row], column)]),
                    None => 1.0,
                });
            let targets: Array1<bool> = batch.iter().map(|&row| data.labels[row]).collect();
            fitted = Some(params.fit_with(fitted, &DatasetBase::new(records, targets)).map_err(failed)?);
        }
    }
    let weights = fitted.ok_or_else(|| Error::Data("there are no rows".to_owned()))?.get_weights();
    for (term, weight) in terms.iter_mut().zip(&weights) {
        term.weight = *weight as f32;
    }
    let logistic = Logistic { bias: weights[columns] as f32, terms };
    if logistic.bias.is_finite() && logistic.terms.iter().all(|term| term.weight.is_finite()) {
        Ok(logistic)
    } else {
        Err(Error::Training("a weight is not finite".to_owned()))
    }
}
