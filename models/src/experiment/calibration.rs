//! From scores of held-out rows to probabilities: Platt's line or an isotonic curve.
//!
//! Separate from learners, since every score needs it. Invariants: it looks at held-out scores alone; it never changes a
//! ranking; what is measured after it was mapped by a calibration that had not seen it ([`cross_map`]).

use super::folds::Fold;
use crate::Error;
use crate::curve::{Curve, POINTS_MAX};
use crate::dataset::Dataset;
use crate::model::{Body, logit};
use crate::train::platt;

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calibration {
    /// A line on the log-odds: two numbers, enough for few labels.
    Platt,
    /// A rising curve of any form: for thousands of labels.
    Isotonic,
    /// As the learner says.
    Untouched,
}

/// A fitted calibration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Map {
    Line(f32, f32),
    Curve(Curve),
}

impl Map {
    /// Fits the scores of the rows.
    pub fn fit(how: Calibration, scores: &[f64], data: &Dataset, rows: &[usize]) -> Result<Self, Error> {
        match how {
            Calibration::Platt => {
                let (slope, offset) = platt::fit(scores, data, rows)?;
                Ok(Map::Line(slope, offset))
            }
            Calibration::Isotonic => Ok(Map::Curve(isotonic(scores, data, rows)?)),
            Calibration::Untouched => Ok(Map::Line(1.0, 0.0)),
        }
    }

    pub fn map(&self, score: f64) -> f64 {
        match self {
            Map::Line(slope, offset) => f64::from(*slope) * score + f64::from(*offset),
            Map::Curve(curve) => curve.map(score),
        }
    }

    /// The body with the line worked in, and the curve that is to follow it.
    pub fn apply(&self, body: Body) -> Result<(Body, Option<Curve>), Error> {
        match self {
            Map::Line(slope, offset) => Ok((body.calibrated(*slope, *offset)?, None)),
            Map::Curve(curve) => Ok((body, Some(curve.clone()))),
        }
    }
}

/// Held-out log-odds, the rows of each fold mapped by what the other folds' rows say. NaN stays NaN.
pub(super) fn cross_map(
    how: Calibration,
    scores: &[f64],
    data: &Dataset,
    folds: &[Fold],
) -> Result<Vec<f64>, Error> {
    let mut mapped = vec![f64::NAN; scores.len()];
    for (number, fold) in folds.iter().enumerate() {
        let others = folds.iter().enumerate().filter(|(other, _)| *other != number || folds.len() == 1);
        let rows: Vec<usize> = others.flat_map(|(_, fold)| fold.held.iter().copied()).collect();
        let map = Map::fit(how, &rows.iter().map(|&row| scores[row]).collect::<Vec<_>>(), data, &rows)?;
        fold.held.iter().for_each(|&row| mapped[row] = map.map(scores[row]));
    }
    Ok(mapped)
}

/// Rows that pool into one step.
#[derive(Clone, Copy)]
struct Pool {
    score: f64,
    abusive: f64,
    weight: f64,
}

impl Pool {
    fn share(self) -> f64 {
        self.abusive / self.weight
    }

    fn with(self, other: Pool) -> Pool {
        let weight = self.weight + other.weight;
        Pool {
            score: (self.score * self.weight + other.score * other.weight) / weight,
            abusive: self.abusive + other.abusive,
            weight,
        }
    }
}

/// The rising curve nearest to the labels: neighbours that fall are pooled until none does.
fn isotonic(scores: &[f64], data: &Dataset, rows: &[usize]) -> Result<Curve, Error> {
    let mut single: Vec<Pool> = (scores.iter().zip(rows))
        .map(|(&score, &row)| {
            let weight = f64::from(data.weights[row]);
            Pool { score, abusive: if data.labels[row] { weight } else { 0.0 }, weight }
        })
        .collect();
    single.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut pools: Vec<Pool> = Vec::new();
    for tie in single.chunk_by(|a, b| a.score == b.score) {
        let mut pool = tie[1..].iter().fold(tie[0], |pool, other| pool.with(*other));
        while let Some(last) = pools.last().filter(|last| last.share() >= pool.share()) {
            pool = last.with(pool);
            pools.pop();
        }
        pools.push(pool);
    }
    // Half a row of each label, so that a pool of one label alone is not sure of itself.
    let mean = single.iter().map(|pool| pool.weight).sum::<f64>() / single.len().max(1) as f64;
    let mut points: Vec<[f32; 2]> = Vec::new();
    for pool in &pools {
        let y = logit((pool.abusive + mean / 2.0) / (pool.weight + mean));
        let point = [pool.score as f32, y as f32];
        if points.last().is_none_or(|last| point[0] > last[0] && point[1] > last[1]) {
            points.push(point);
        }
    }
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    Curve::new(points.into_iter().step_by(step).collect()).map_err(|_| {
        Error::Training("an isotonic calibration needs scores that rise with the labels".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::sample;
    use crate::model::sigmoid;

    #[test]
    fn both_bring_scores_near_the_shares_they_stand_for() {
        let mut data = sample(6_000, 1);
        let scores: Vec<f64> = (0..6_000).map(|row| f64::from(row % 100) / 10.0 - 5.0).collect();
        // The truth is much flatter than the scores say.
        let odds = |row: usize| sigmoid(0.3 * scores[row] - 1.0);
        data.labels = (0..6_000).map(|row| ((row / 100) as f64 + 0.5) / 60.0 < odds(row)).collect();
        let rows: Vec<usize> = (0..6_000).collect();
        for how in [Calibration::Platt, Calibration::Isotonic] {
            let map = Map::fit(how, &scores, &data, &rows).unwrap();
            for row in (0..100).step_by(7) {
                let found = sigmoid(map.map(scores[row]));
                assert!((found - odds(row)).abs() < 0.03, "{how:?} {found} {}", odds(row));
            }
        }
        let untouched = Map::fit(Calibration::Untouched, &scores, &data, &rows).unwrap();
        assert_eq!(untouched.map(1.25), 1.25);
    }
}
