//! linfa's Gaussian naive Bayes, frozen by asking it: its log-odds are a sum of parabolas, so three answers a column tell all.
//!
//! Separate from the logistic regression, with which it shares the transform. Invariants: linfa keeps means and variances to
//! itself, so nothing of it is read but its own joint log-likelihoods; weights enter by drawing rows in proportion to them.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_bayes::{GaussianNb, NaiveBayes as _, NaiveBayesError};
use ndarray::{Array1, Array2};

use super::logistic::{copies, scale};
use crate::Error;
use crate::bayes::{Bayes, Parabola};
use crate::dataset::Dataset;
use crate::logistic::Term;

/// Fits rows `fit` of the data; `smoothing` is the share of the largest variance that is added to all.
pub(super) fn fit(data: &Dataset, fit: &[usize], smoothing: f64) -> Result<Bayes, Error> {
    let rows = copies(data, fit);
    let terms: Vec<Term> = (0..data.names.len()).map(|column| scale(data, &rows, column)).collect();
    let records = Array2::from_shape_fn((rows.len(), terms.len()), |(row, column)| {
        terms[column].standard(data.rows[(rows[row], column)])
    });
    let targets: Array1<bool> = rows.iter().map(|&row| data.labels[row]).collect();
    let failed = |error: NaiveBayesError| Error::Training(error.to_string());
    let fitted = GaussianNb::params()
        .var_smoothing(smoothing)
        .fit(&DatasetBase::new(records, targets))
        .map_err(failed)?;
    // The mean row, then for each column one with 1 and one with -1 in it.
    let columns = terms.len();
    let probes =
        Array2::from_shape_fn((2 * columns + 1, columns), |(probe, column)| match probe.checked_sub(1) {
            Some(at) if at / 2 == column => [1.0, -1.0][at % 2],
            _ => 0.0,
        });
    let likelihood = fitted.joint_log_likelihood(probes.view());
    let odds = |probe: usize| likelihood[&true][probe] - likelihood[&false][probe];
    let parabola = |(column, term): (usize, Term)| {
        let (up, down) = (odds(2 * column + 1) - odds(0), odds(2 * column + 2) - odds(0));
        let term = Term { weight: ((up - down) / 2.0) as f32, ..term };
        Parabola { term, square: ((up + down) / 2.0) as f32 }
    };
    let parabolas: Vec<Parabola> = terms.into_iter().enumerate().map(parabola).collect();
    let found = Bayes { bias: odds(0) as f32, parabolas };
    let is_finite = |one: &Parabola| one.term.weight.is_finite() && one.square.is_finite();
    if found.bias.is_finite() && found.parabolas.iter().all(is_finite) {
        Ok(found)
    } else {
        Err(Error::Training(
            "a column is constant within a label: leave it out, or raise smoothing".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::sample;

    #[test]
    fn the_frozen_parabolas_give_linfas_own_log_odds() {
        let data = sample(1_500, 1);
        let rows: Vec<usize> = (0..1_500).collect();
        let frozen = fit(&data, &rows, 1e-9).unwrap();
        let records = Array2::from_shape_fn((1_500, 6), |(row, column)| {
            frozen.parabolas[column].term.standard(data.rows[(row, column)])
        });
        let targets: Array1<bool> = data.labels.iter().copied().collect();
        let fitted = GaussianNb::params()
            .var_smoothing(1e-9)
            .fit(&DatasetBase::new(records.clone(), targets))
            .unwrap();
        let likelihood = fitted.joint_log_likelihood(records.view());
        let theirs = &likelihood[&true] - &likelihood[&false];
        for (row, theirs) in data.rows.rows().into_iter().zip(theirs) {
            let ours = frozen.score(&row.to_vec());
            assert!((theirs - ours).abs() < 1e-4 * (1.0 + theirs.abs()), "{theirs} {ours}");
        }
    }
}
