//! One learner, some rows, a seed: a body that gives log-odds, not yet calibrated.
//!
//! Separate from `train` and `experiment`, which decide what is learned from and what is held back. Invariant: nothing but
//! the rows `fit` is looked at.

use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::{Array1, Axis};

use super::{Boosting, Kind, bagging, bayes, ftrl, leaves, logistic, residual, trees};
use crate::Error;
use crate::boost::{BoostSettings, Boosted, GradientBoosting};
use crate::dataset::Dataset;
use crate::forest::Forest;
use crate::model::Body;
use crate::workers::Workers;

/// Learns from rows `fit` of the data, with its weights.
///
/// # Errors
/// [`Error::Data`] or [`Error::Training`] if they cannot be learned from.
pub fn learn(
    kind: &Kind,
    data: &Dataset,
    fit: &[usize],
    seed: u64,
    workers: &dyn Workers,
) -> Result<Body, Error> {
    let columns = data.names.len();
    let trees = match kind {
        Kind::Logistic(alpha) => return Ok(Body::Logistic(logistic::fit(data, fit, *alpha)?)),
        Kind::Ftrl(settings) => return Ok(Body::Logistic(ftrl::fit(data, fit, settings, seed)?)),
        Kind::Bayes(smoothing) => return Ok(Body::Bayes(bayes::fit(data, fit, *smoothing)?)),
        Kind::Boosted(settings) => {
            return Ok(Body::Trees(boosted(data, fit, settings, (seed, workers))?.freeze()?));
        }
        Kind::Forest(settings) => bagging::fit(data, fit, settings, (seed, workers))?,
        Kind::Trees(settings) => match settings.boosting {
            Boosting::Votes => leaves::refit(data, fit, &trees::boost(data, fit, settings, seed)?, settings)?,
            Boosting::Residuals => residual::boost(data, fit, settings, seed)?,
        },
    };
    Ok(Body::Trees(Forest::new(trees, columns, (1.0, 0.0))?))
}

/// Our own boosting.
fn boosted(
    data: &Dataset,
    fit: &[usize],
    settings: &BoostSettings,
    (seed, workers): (u64, &dyn Workers),
) -> Result<Boosted, Error> {
    let labels = fit.iter().map(|&row| data.labels[row]).collect::<Array1<bool>>();
    let weights = fit.iter().map(|&row| data.weights[row]).collect();
    let rows = DatasetBase::new(data.rows.select(Axis(0), fit), labels).with_weights(weights);
    GradientBoosting { settings: settings.clone(), seed, workers, progress: &|_| () }.fit(&rows)
}
