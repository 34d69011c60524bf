//! linfa's logistic regression on transformed columns.
//!
//! Separate from serving (`crate::logistic`), which repeats only the transform. Invariants: linfa's positive class is
//! whichever is the majority, so the sign follows its `labels()`; weights, which linfa does not know here, enter by
//! drawing rows in proportion to them.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};

use crate::Error;
use crate::dataset::Dataset;
use crate::logistic::{Logistic, Term, logarithm};

const STEPS_MAX: u64 = 200;

/// Fits rows `fit` of the data with L2 weight `alpha`.
pub(super) fn fit(data: &Dataset, fit: &[usize], alpha: f64) -> Result<Logistic, Error> {
    let rows = copies(data, fit);
    let mut terms: Vec<Term> = (0..data.names.len()).map(|column| scale(data, &rows, column)).collect();
    let records = Array2::from_shape_fn((rows.len(), terms.len()), |(row, column)| {
        terms[column].standard(data.rows[(rows[row], column)])
    });
    let targets: Array1<bool> = rows.iter().map(|&row| data.labels[row]).collect();
    let failed = |error: linfa_logistic::error::Error| Error::Training(error.to_string());
    let fitted = LogisticRegression::default()
        .alpha(alpha)
        .max_iterations(STEPS_MAX)
        .fit(&DatasetBase::new(records, targets))
        .map_err(failed)?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    for (term, weight) in terms.iter_mut().zip(fitted.params()) {
        term.weight = (sign * weight) as f32;
    }
    let logistic = Logistic { bias: (sign * fitted.intercept()) as f32, terms };
    if logistic.bias.is_finite() && logistic.terms.iter().all(|term| term.weight.is_finite()) {
        Ok(logistic)
    } else {
        Err(Error::Training("a weight is not finite".to_owned()))
    }
}

/// Row numbers, each as often as its weight in units of the mean weight says, by carrying the fraction on to the next.
pub(super) fn copies(data: &Dataset, fit: &[usize]) -> Vec<usize> {
    let mean = fit.iter().map(|&row| f64::from(data.weights[row])).sum::<f64>() / fit.len() as f64;
    let mut carried = 0.5;
    let mut rows = Vec::with_capacity(fit.len());
    for &row in fit {
        carried += f64::from(data.weights[row]) / mean;
        while carried >= 1.0 {
            rows.push(row);
            carried -= 1.0;
        }
    }
    rows
}

/// Mean and deviation of ln(1 + x) over the rows where it is known.
pub(super) fn scale(data: &Dataset, rows: &[usize], column: usize) -> Term {
    let known = || rows.iter().map(|&row| data.rows[(row, column)]).filter(|value| !value.is_nan());
    let logs = || known().map(logarithm);
    let count = known().count().max(1) as f64;
    let mean = logs().sum::<f64>() / count;
    let variance = logs().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    let deviation = libm::sqrt(variance) as f32;
    // A constant column: any positive deviation keeps its standardised value 0.
    Term { mean: mean as f32, deviation: if deviation > 1e-6 { deviation } else { 1.0 }, weight: 0.0 }
}
