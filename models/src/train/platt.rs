//! Platt scaling: the line from a score to log-odds that fits held-out rows best.
//!
//! Separate, since every score needs it. Invariants: fixed order, fixed number of steps; the slope stays positive, so
//! that calibration never changes a ranking.

use crate::Error;
use crate::dataset::Dataset;
use crate::model::{logit, sigmoid};

const STEPS: usize = 50;

/// Slope and offset for the scores of the `held` rows, by Newton's method on the weighted log-loss with Platt's
/// smoothed targets.
pub(crate) fn fit(scores: &[f64], data: &Dataset, held: &[usize]) -> Result<(f32, f32), Error> {
    let weight_of = |row: usize| f64::from(data.weights[row]);
    let of = |label: bool| -> f64 {
        held.iter().filter(|&&row| data.labels[row] == label).map(|&row| weight_of(row)).sum()
    };
    let (abusive, benign) = (of(true), of(false));
    let targets = ((abusive + 1.0) / (abusive + 2.0), 1.0 / (benign + 2.0));
    let (mut slope, mut offset) = (1.0, logit(abusive / (abusive + benign)));
    for _ in 0..STEPS {
        let (mut ga, mut gb) = (0.0, 0.0);
        let (mut haa, mut hab, mut hbb) = (1e-9, 0.0, 1e-9);
        for (&score, &row) in scores.iter().zip(held) {
            let p = sigmoid(slope * score + offset);
            let target = if data.labels[row] { targets.0 } else { targets.1 };
            let weight = weight_of(row);
            let (error, bend) = (weight * (target - p), weight * p * (1.0 - p));
            ga += error * score;
            gb += error;
            haa += bend * score * score;
            hab += bend * score;
            hbb += bend;
        }
        let det = haa * hbb - hab * hab;
        if det <= 0.0 {
            break;
        }
        // Small steps: far from the optimum Newton's overshoot.
        slope += ((hbb * ga - hab * gb) / det).clamp(-0.5, 0.5);
        offset += ((haa * gb - hab * ga) / det).clamp(-1.0, 1.0);
        slope = slope.max(1e-3);
    }
    let line = (slope as f32, offset as f32);
    if line.0.is_finite() && line.0 > 0.0 && line.1.is_finite() {
        Ok(line)
    } else {
        Err(Error::Training("calibration did not converge".to_owned()))
    }
}
